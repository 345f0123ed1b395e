//! What is read is written again as it was; what is not a sound model says what it is, and where it breaks.

use std::error::Error;
use std::fs;

use prost::Message;

use super::proto::{
    AttributeKind, AttributeProto, ModelProto, OperatorSetIdProto, SparseTensorProto, StringStringEntryProto,
    TensorProto, element,
};
use super::testing::{ModelBuilder, graph, int, ints, string, tensor};
use super::{Array, Model, ModelError, ReadError};

/// A convolution, and a node whose graphs read its output.
fn sample() -> ModelBuilder {
    let mut inner = ModelBuilder::new(17).node("Relu", &["y"], "inner", vec![]).output("inner", &["N", "4"]);
    let branch = inner.graph().clone();
    let branches = vec![graph("then_branch", branch.clone()), graph("else_branch", branch)];
    ModelBuilder::new(17)
        .input("x", &["N", "3", "8", "8"])
        .weights("w", &[4, 3, 3, 3], 1)
        .constant("yes", &Array { shape: vec![], data: super::Data::Bool(vec![true]) })
        .node("Conv", &["x", "w"], "y", vec![ints("pads", &[1, 1, 1, 1]), string("auto_pad", "NOTSET")])
        .node("If", &["yes"], "z", branches)
        .output("z", &["N", "4", "8", "8"])
}

fn refused(proto: &ModelProto) -> String {
    said(&Model::from_bytes(proto.encode_to_vec()).unwrap_err())
}

/// The message and its causes.
fn said(error: &dyn Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", said(cause)));
    format!("{error}{}", cause.unwrap_or_default())
}

#[test]
fn a_model_comes_back_as_it_was() {
    let mut model = sample();
    model.proto.metadata_props.push(StringStringEntryProto { key: "a".into(), value: "b".into() });
    model.proto.functions.push(Default::default());
    model.graph().doc_string = "of a test".into();
    let model = model.build();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    model.save(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), model.to_bytes());
    assert_eq!(Model::load(&path).unwrap(), model);
    assert!(model.notes().is_empty());
    let error = model.save(folder.path().join("no/such/folder.onnx")).unwrap_err();
    assert!(error.to_string().ends_with("folder.onnx: cannot be written"), "{error}");
}

#[test]
fn other_files_are_called_what_they_are() {
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    let safetensors = [&40u64.to_le_bytes()[..], b"{\"a\":{}}"].concat();
    let cases: [(&[u8], &str); 12] = [
        (b"", "the file is empty"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "this is a PNG image, not an ONNX model"),
        (b"PK\x03\x04\x14\0", "this is a zip archive, such as PyTorch (.pt, .pth), Keras"),
        (b"\x80\x02}q\0", "this is a Python pickle, such as PyTorch writes"),
        (b"\x1c\0\0\0TFL3\x14\0", "this is a TensorFlow Lite model"),
        (b"\x24\0\0\0ORTM", "this is a model in the .ort format"),
        (b"version https://git-lfs.github.com/spec/v1\n", "this is a pointer of Git LFS"),
        (b"<!doctype html><html>", "this is an HTML page"),
        (b"{\"format\": \"layers-model\"}", "this is a JSON text"),
        ("Das ist ein Text über Netze.\n".as_bytes(), "this is a text"),
        (&safetensors, "this is a safetensors file"),
        (&tar, "this is a tar archive"),
    ];
    for (bytes, wanted) in cases {
        let error = Model::from_bytes(bytes.to_vec()).unwrap_err().to_string();
        assert!(error.starts_with(wanted), "{error:?} instead of {wanted:?}");
    }
    // A protocol buffer of something else: its first field is a message, where a model has a number.
    let error = Model::from_bytes(b"\x0a\x04\x08\x01\x10\x02\x12\x00".to_vec()).unwrap_err();
    assert!(matches!(error, ModelError::Unknown), "{error}");
    // Noise.
    let noise: Vec<u8> = (1..2000u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert!(Model::from_bytes(noise).is_err());
}

#[test]
fn a_file_that_is_cut_off_says_so_wherever_it_is() {
    let bytes = sample().build().to_bytes();
    for end in 1..bytes.len() {
        let error = Model::from_bytes(bytes[..end].to_vec()).unwrap_err();
        // Between two fields of the model nothing shows that more should follow but what is missing.
        let expected = matches!(
            error,
            ModelError::Truncated { .. } | ModelError::NoGraph | ModelError::NoOpset | ModelError::Unknown
        );
        assert!(expected, "cut at {end}: {error}");
    }
    let error = Model::from_bytes(bytes[..100].to_vec()).unwrap_err().to_string();
    let wanted = "the file is cut off: 763 more bytes should follow in the model, and 95 do";
    assert!(error.starts_with(wanted), "{error}");
}

#[test]
fn versions_are_checked() {
    let with = |change: &dyn Fn(&mut ModelProto)| {
        let mut proto = sample().proto;
        change(&mut proto);
        proto
    };
    let wanted = "it has version 15 of the format (ir_version), and 1 to 14 can be read";
    assert_eq!(refused(&with(&|proto| proto.ir_version = 15)), wanted);
    assert!(refused(&with(&|proto| proto.opset_import.clear())).contains("opset_import"));
    assert!(refused(&with(&|proto| proto.graph = None)).contains("no graph"));
    let twice = with(&|proto| {
        proto.opset_import.push(OperatorSetIdProto { domain: "ai.onnx".into(), version: 11 });
    });
    assert!(refused(&twice).contains("in two versions, 17 and 11"));
    let newer = with(&|proto| proto.opset_import[0].version = 26);
    let model = Model::from_bytes(newer.encode_to_vec()).unwrap();
    assert!(model.notes()[0].to_string().contains("version 26, and 9 to 23 are known"));
    assert_eq!(model.proto(), &newer);
}

#[test]
fn values_have_one_source() {
    let mut proto = sample();
    proto.graph().node[0].input[1] = "missing".into();
    let wanted = "Conv `y` reads the value `missing`, which no node, input or constant makes";
    assert_eq!(refused(&proto.proto), wanted);
    let mut proto = sample();
    proto.graph().output[0].name = "missing".into();
    assert!(refused(&proto.proto).starts_with("the list of outputs reads the value `missing`"));
    let proto = sample().node("Relu", &["x"], "y", vec![]);
    assert_eq!(refused(&proto.proto), "the value `y` is made twice, by Conv `y` and by Relu `y`");
    let proto = sample().weights("w", &[1], 2);
    assert_eq!(refused(&proto.proto), "the value `w` is made twice, by the constants and by the constants");
    // Constants that are inputs, as up to IR 3.
    assert!(Model::from_bytes(sample().input("w", &["4", "3", "3", "3"]).proto.encode_to_vec()).is_ok());
    // A graph inside of a node.
    let mut proto = sample();
    proto.graph().node[1].attribute[1].g.as_mut().unwrap().node[0].input[0] = "missing".into();
    assert!(refused(&proto.proto).starts_with("a graph inside of If `z` reads the value `missing`"));
}

#[test]
fn nodes_are_put_in_order_and_circles_are_named() {
    let mut proto = sample();
    proto.graph().node.reverse();
    let model = Model::from_bytes(proto.proto.encode_to_vec()).unwrap();
    assert_eq!(model, sample().build());
    assert_eq!(model.notes().len(), 1);
    let circle = ModelBuilder::new(17)
        .input("x", &["N"])
        .node("Add", &["x", "c"], "a", vec![])
        .node("Relu", &["a"], "b", vec![])
        .node("Neg", &["b"], "c", vec![])
        .output("c", &["N"]);
    let wanted = "nodes read each other's outputs in a circle: ";
    let found = refused(&circle.proto);
    assert!(found.starts_with(wanted) && found.contains("Add `a` -> Relu `b`"), "{found}");
}

#[test]
fn constants_have_the_elements_that_their_sizes_ask_for() {
    let mut proto = sample();
    proto.graph().initializer[0].dims[0] = 5;
    let found = refused(&proto.proto);
    assert_eq!(
        found,
        "constant `w` is damaged: tensor `w` has 108 whole elements, where its sizes ask for 135"
    );
    for dims in [vec![-1], vec![i64::MAX, i64::MAX]] {
        let mut proto = sample();
        proto.graph().initializer[0].dims = dims;
        assert!(refused(&proto.proto).contains("which are not those of an array"));
    }
    let mut huge = sample();
    huge.graph().initializer[0].dims = vec![1 << 40];
    assert!(refused(&huge.proto).contains("where its sizes ask for 1099511627776"));
    // Constants of nodes, too.
    let wrong = TensorProto { dims: vec![2], data_type: element::INT64, ..Default::default() };
    let proto = sample().node("Constant", &[], "k", vec![tensor("value", wrong)]);
    assert!(refused(&proto.proto).starts_with("attribute `value` of Constant `k` is damaged"));
    // Half precision in the fields of whole numbers, four bits in bytes.
    let half = TensorProto {
        dims: vec![2],
        data_type: element::FLOAT16,
        name: "half".into(),
        int32_data: vec![1, 2],
        ..Default::default()
    };
    let four =
        TensorProto { data_type: 22, name: "four".into(), raw_data: Some(vec![0; 2].into()), ..half.clone() };
    let four = TensorProto { dims: vec![3], int32_data: vec![], ..four };
    let mut proto = sample();
    proto.graph().initializer.extend([half, four]);
    assert!(Model::from_bytes(proto.proto.encode_to_vec()).is_ok());
    let mut proto = sample();
    proto.graph().sparse_initializer.push(SparseTensorProto {
        values: Some(TensorProto { name: "sparse".into(), ..Default::default() }),
        ..Default::default()
    });
    assert!(refused(&proto.proto).starts_with("constant `sparse` is sparse, which is not read"));
}

#[test]
fn unknown_fields_are_named_and_deep_or_swollen_files_are_refused() {
    let mut bytes = sample().proto.encode_to_vec();
    bytes.extend([0xfa, 0x07, 0x02, b'h', b'i']);
    let model = Model::from_bytes(bytes).unwrap();
    assert_eq!(
        model.notes()[0].to_string(),
        "field 127 of the model: is not of the ONNX format, and is dropped"
    );
    // A million empty nodes, two bytes each.
    let mut graph: Vec<u8> = [0x0a, 0x00].repeat(1_000_000);
    let mut bomb = vec![0x08, 0x08, 0x3a];
    prost::encode_length_delimiter(graph.len(), &mut bomb).unwrap();
    bomb.append(&mut graph);
    assert!(matches!(Model::from_bytes(bomb), Err(ModelError::Bomb { .. })));
    let mut nested = ModelBuilder::new(17).node("Relu", &["x"], "y", vec![]);
    for _ in 0..60 {
        let inner = nested.graph().clone();
        nested = ModelBuilder::new(17).node("If", &["x"], "y", vec![super::testing::graph("g", inner)]);
    }
    assert!(matches!(Model::from_bytes(nested.proto.encode_to_vec()), Err(ModelError::Deep)));
}

/// The sample with its weights in a file.
fn outside(entries: &[(&str, &str)]) -> ModelBuilder {
    let mut proto = sample();
    let tensor = &mut proto.graph().initializer[0];
    tensor.raw_data = None;
    tensor.data_location = 1;
    let entry =
        |(key, value): &(&str, &str)| StringStringEntryProto { key: (*key).into(), value: (*value).into() };
    tensor.external_data = entries.iter().map(entry).collect();
    proto
}

#[test]
fn external_data_is_read_from_the_folder_of_the_model_alone() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    fs::create_dir(&home).unwrap();
    let path = home.join("model.onnx");
    let expected = sample().build();
    let raw = expected.graph().initializer[0].raw_data.clone().unwrap();
    fs::write(home.join("weights.bin"), [&[9; 5][..], &raw].concat()).unwrap();
    fs::write(folder.path().join("secret.bin"), &raw).unwrap();
    let load = |entries: &[(&str, &str)]| {
        fs::write(&path, outside(entries).proto.encode_to_vec()).unwrap();
        Model::load(&path).map_err(|error| said(&error))
    };
    let whole = [("location", "weights.bin"), ("offset", "5"), ("length", "432")];
    assert_eq!(load(&whole).as_ref(), Ok(&expected));
    // Without a length it is that of the elements.
    assert_eq!(load(&whole[..2]).as_ref(), Ok(&expected));
    let cases: [(&[(&str, &str)], &str); 8] = [
        (&[("location", "../secret.bin")], "it lies outside of the model's folder, and is not opened"),
        (&[("location", "/etc/passwd")], "it lies outside of the model's folder, and is not opened"),
        (&[("location", "")], "it names no file"),
        (&[("location", "none.bin")], "it cannot be read: "),
        (&[("location", ".")], "it is not a file"),
        (&[("location", "weights.bin"), ("offset", "6")], "it has 437 bytes, and those up to 438 are asked"),
        (&[("location", "weights.bin"), ("offset", "-1")], "its offset is `-1`, which is not a number"),
        (&[("location", "weights.bin"), ("length", "8")], "where its sizes ask for 108"),
    ];
    for (entries, wanted) in cases {
        let found = load(entries).unwrap_err();
        assert!(found.contains(wanted) && found.contains("`w`"), "{found:?} instead of {wanted:?}");
    }
    let far = load(&[("location", "weights.bin"), ("offset", "18446744073709551615")]).unwrap_err();
    assert!(far.contains("their number cannot be told"), "{far}");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path().join("secret.bin"), home.join("link.bin")).unwrap();
        let found = load(&[("location", "link.bin")]).unwrap_err();
        assert!(found.contains("it is a link to outside of the model's folder"), "{found}");
    }
    let in_memory = refused(&outside(&whole).proto);
    assert!(in_memory.contains("a model in memory has no folder"), "{in_memory}");
}

#[test]
fn what_is_too_large_for_one_file_goes_into_two() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.onnx");
    let model = sample()
        .weights("a", &[300], 1)
        .weights("b", &[999], 2)
        .node("Identity", &["a"], "a2", vec![int("n", 1)])
        .build();
    super::save::save_with(model.proto(), &path, 1500).unwrap();
    assert!(fs::metadata(&path).unwrap().len() <= 1500);
    assert_eq!(fs::metadata(folder.path().join("large.onnx.data")).unwrap().len(), 1216 + 3996);
    assert_eq!(Model::load(&path).unwrap(), model);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    let error = super::save::save_with(model.proto(), &path, 100).unwrap_err();
    assert!(error.to_string().starts_with("the model without its weights has"), "{error}");
    assert_eq!(Model::load(&path).unwrap(), model);
}

#[test]
fn files_that_cannot_be_opened_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = Model::load(folder.path().join("missing.onnx")).unwrap_err();
    assert!(matches!(missing, ReadError::File { .. }));
    assert!(missing.to_string().ends_with("missing.onnx: cannot be read"));
    assert!(matches!(Model::load(folder.path()).unwrap_err(), ReadError::File { .. }));
}

#[test]
fn attributes_keep_every_kind_of_value() {
    let kinds = AttributeProto {
        name: "all".into(),
        f: Some(0.0),
        i: Some(0),
        s: Some(vec![0xff]),
        floats: vec![1.5],
        ints: vec![-1],
        strings: vec![vec![0xfe]],
        r#type: AttributeKind::Strings.into(),
        ..Default::default()
    };
    let mut proto = sample();
    proto.graph().node[0].attribute.push(kinds);
    let model = Model::from_bytes(proto.proto.encode_to_vec()).unwrap();
    assert_eq!(model.proto(), &proto.proto);
}
