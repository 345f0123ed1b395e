//! What each rule does to the graph and where it must not; `cargo xtask test` compares outputs in
//! onnxruntime.

use super::*;
use crate::onnx::proto::{NodeProto, ValueInfoProto};
use crate::onnx::testing::{ModelBuilder, float, graph, int, ints, tensor};
use crate::onnx::{Array, Data};

fn operators(model: &Model) -> Vec<&str> {
    model.graph().node.iter().map(|node| node.op_type.as_str()).collect()
}

/// The operators that are left, of a model that is sound and whose inputs and outputs are as they were.
fn left(before: &ModelBuilder) -> (Model, Vec<Note>) {
    let before = Model::new(before.proto.clone()).unwrap();
    before.check().unwrap();
    let (after, notes) = normalize(&before);
    after.check().unwrap();
    assert_eq!(after.graph().output, before.graph().output);
    let constants: Vec<&String> = before.graph().initializer.iter().map(|tensor| &tensor.name).collect();
    let given = |value: &&ValueInfoProto| !constants.contains(&&value.name);
    let inputs: Vec<&ValueInfoProto> = before.graph().input.iter().filter(given).collect();
    assert_eq!(after.graph().input.iter().collect::<Vec<_>>(), inputs);
    let (again, _) = normalize(&after);
    assert_eq!(again, after, "what is normal stays");
    (after, notes)
}

fn constant(model: &Model, name: &str) -> Array {
    let tensor = model.graph().initializer.iter().find(|tensor| tensor.name == name);
    Array::from_proto(tensor.unwrap_or_else(|| panic!("no constant {name}"))).unwrap()
}

fn node<'a>(model: &'a Model, output: &str) -> &'a NodeProto {
    model.graph().node.iter().find(|node| node.output[0] == output).unwrap()
}

/// Five weights of a batch normalisation of `channels`.
fn norm(builder: ModelBuilder, name: &str, channels: usize) -> ModelBuilder {
    let positive = |at: usize| 0.5 + at as f32;
    builder
        .weights(&format!("{name}.g"), &[channels], 11)
        .weights(&format!("{name}.b"), &[channels], 12)
        .weights(&format!("{name}.m"), &[channels], 13)
        .constant(&format!("{name}.v"), &Array::f32([channels], (0..channels).map(positive).collect()))
}

fn norm_inputs(x: &str, name: &str) -> [String; 5] {
    [x.into(), format!("{name}.g"), format!("{name}.b"), format!("{name}.m"), format!("{name}.v")]
}

fn image() -> ModelBuilder {
    ModelBuilder::new(17).input("x", &["N", "4", "8", "8"]).output("y", &["N", "4", "8", "8"])
}

/// A convolution of four channels from `x` to `output`.
fn conv(builder: ModelBuilder, x: &str, output: &str) -> ModelBuilder {
    let weight = format!("{output}.weight");
    builder.weights(&weight, &[4, 4, 1, 1], 1).node("Conv", &[x, &weight], output, vec![])
}

fn batch_norm(builder: ModelBuilder, x: &str, output: &str) -> ModelBuilder {
    let inputs = norm_inputs(x, output);
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    norm(builder, output, 4).node("BatchNormalization", &inputs, output, vec![float("epsilon", 1e-3)])
}

#[test]
fn a_batch_normalisation_becomes_part_of_the_convolution_before_it() {
    let before = batch_norm(conv(image(), "x", "c"), "c", "y");
    let (after, notes) = left(&before);
    assert_eq!(operators(&after), ["Conv"]);
    assert!(
        notes.iter().any(|note| note.to_string() == "BatchNormalization `y`: it is part of Conv `c` now")
    );
    let before = before.build();
    let scale = |c: usize| {
        let at = |name: &str| f64::from(constant(&before, name).as_f32().unwrap()[c]);
        let scale = at("y.g") / (at("y.v") + f64::from(1e-3f32)).sqrt();
        (scale, at("y.b") - scale * at("y.m"))
    };
    let (old, new) = (constant(&before, "c.weight"), constant(&after, "c.weight"));
    let bias = constant(&after, &node(&after, "y").input[2]);
    for c in 0..4 {
        let (scale, shift) = scale(c);
        assert_eq!(bias.as_f32().unwrap()[c], shift as f32);
        for i in 4 * c..4 * c + 4 {
            let expected = (f64::from(old.as_f32().unwrap()[i]) * scale) as f32;
            assert_eq!(new.as_f32().unwrap()[i], expected);
        }
    }
    assert_eq!(after.graph().initializer.len(), 2);
}

#[test]
fn nothing_is_folded_where_somebody_else_would_notice() {
    // A second reader of the value in between.
    let second = batch_norm(conv(image(), "x", "c"), "c", "n").node("Add", &["n", "c"], "y", vec![]);
    assert_eq!(operators(&left(&second).0), ["Conv", "BatchNormalization", "Add"]);
    // It is an output.
    let output = batch_norm(conv(image(), "x", "c"), "c", "y").output("c", &["N", "4", "8", "8"]);
    assert_eq!(operators(&left(&output).0), ["Conv", "BatchNormalization"]);
    // Padding in between, whose zeros would become the shift.
    let pads = Array::i64(vec![0, 0, 1, 1, 0, 0, 1, 1]);
    let padded = ModelBuilder::new(17).input("x", &["N", "4", "8", "8"]).output("y", &["N", "4", "10", "10"]);
    let padded = conv(padded.constant("pads", &pads), "x", "c").node("Pad", &["c", "pads"], "p", vec![]);
    assert_eq!(operators(&left(&batch_norm(padded, "p", "y")).0), ["Conv", "Pad", "BatchNormalization"]);
    // Another layer with the same weights.
    let shared = batch_norm(conv(image(), "x", "c"), "c", "n").node("Conv", &["n", "c.weight"], "y", vec![]);
    assert_eq!(operators(&left(&shared).0), ["Conv", "BatchNormalization", "Conv"]);
    // Training.
    let mut training = batch_norm(conv(image(), "x", "c"), "c", "y");
    training.graph().node[1].attribute.push(int("training_mode", 1));
    training.graph().node[1].output.extend(["mean".into(), "variance".into()]);
    assert_eq!(operators(&left(&training).0), ["Conv", "BatchNormalization"]);
    // Before the convolution.
    let before = conv(batch_norm(image(), "x", "n"), "n", "y");
    assert_eq!(operators(&left(&before).0), ["BatchNormalization", "Conv"]);
    // A graph inside of a node reads the value in between.
    let inner =
        ModelBuilder::new(17).node("Relu", &["c"], "inner", vec![]).output("inner", &["N", "4", "8", "8"]);
    let branch = inner.proto.graph.unwrap();
    let captured = batch_norm(conv(image(), "x", "c"), "c", "y")
        .constant("yes", &Array { shape: vec![], data: Data::Bool(vec![true]) })
        .node("If", &["yes"], "z", vec![graph("then_branch", branch.clone()), graph("else_branch", branch)])
        .output("z", &["N", "4", "8", "8"]);
    let (after, notes) = left(&captured);
    assert_eq!(operators(&after), ["Conv", "BatchNormalization", "If"]);
    assert!(notes.iter().any(|note| note.to_string() == "If `z`: it holds graphs; it is kept as it is"));
}

#[test]
fn factors_and_offsets_a_channel_are_folded_others_are_not() {
    let with = |op: &str, shape: &[usize], swap: bool| {
        let inputs = if swap { ["k", "c"] } else { ["c", "k"] };
        conv(image(), "x", "c").weights("k", shape, 5).node(op, &inputs, "y", vec![])
    };
    for (op, shape, swap) in [
        ("Mul", &[4, 1, 1][..], false),
        ("Mul", &[1, 4, 1, 1], true),
        ("Add", &[4, 1, 1], true),
        ("Sub", &[1], true),
        ("Div", &[], false),
    ] {
        assert_eq!(operators(&left(&with(op, shape, swap)).0), ["Conv"], "{op} {shape:?}");
    }
    for (op, shape, swap) in
        [("Mul", &[8][..], false), ("Add", &[4, 1, 8], false), ("Div", &[4, 1, 1], true), ("Pow", &[], false)]
    {
        assert_eq!(operators(&left(&with(op, shape, swap)).0), ["Conv", op], "{op} {shape:?}");
    }
    // A bias that others read is copied.
    let shared = conv(image().weights("b", &[4], 7), "x", "c");
    let mut shared = shared.weights("k", &[4, 1, 1], 5).node("Mul", &["c", "k"], "m", vec![]);
    shared.graph().node[0].input.push("b".into());
    let shared = conv(shared, "m", "y");
    let mut shared = shared;
    shared.graph().node[2].input.push("b".into());
    let (after, _) = left(&shared);
    assert_eq!(operators(&after), ["Conv", "Conv"]);
    assert_eq!(node(&after, "m").input[2], "b_1");
    assert_eq!(constant(&after, "b"), constant(&shared.build(), "b"));
}

#[test]
fn transposed_convolutions_and_matrices_scale_their_own_axis() {
    let transposed = ModelBuilder::new(17)
        .input("x", &["N", "4", "3", "3"])
        .output("y", &["N", "6", "4", "4"])
        .weights("w", &[4, 3, 2, 2], 1)
        .constant("k", &Array::f32([6, 1, 1], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))
        .node("ConvTranspose", &["x", "w"], "c", vec![int("group", 2)])
        .node("Mul", &["c", "k"], "y", vec![]);
    let (after, _) = left(&transposed);
    let (old, new) = (constant(&transposed.build(), "w"), constant(&after, "w"));
    // Inputs 0 and 1 are of the first group, whose outputs are channels 0 to 2.
    let factors = [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 4.0, 5.0, 6.0];
    let ratio = |at: usize| new.as_f32().unwrap()[4 * at] / old.as_f32().unwrap()[4 * at];
    assert!((0..12).all(|at| (ratio(at) - factors[at]).abs() < 1e-5));
    for by_rows in [0, 1] {
        let shape = if by_rows == 1 { [2, 3] } else { [3, 2] };
        let gemm = ModelBuilder::new(17)
            .input("x", &["N", "3"])
            .output("y", &["N", "2"])
            .constant("w", &Array::f32(shape, vec![1.0; 6]))
            .constant("c", &Array::f32([1, 2], vec![1.0, 1.0]))
            .constant("k", &Array::f32([2], vec![2.0, 3.0]))
            .node("Gemm", &["x", "w", "c"], "g", vec![int("transB", by_rows), float("beta", 0.5)])
            .node("Mul", &["g", "k"], "y", vec![]);
        let (after, _) = left(&gemm);
        assert_eq!(operators(&after), ["Gemm"]);
        let rows = [2.0, 2.0, 2.0, 3.0, 3.0, 3.0];
        let columns = [2.0, 3.0, 2.0, 3.0, 2.0, 3.0];
        let expected = if by_rows == 1 { rows } else { columns };
        assert_eq!(constant(&after, "w").as_f32().unwrap(), expected);
        assert_eq!(constant(&after, "c").as_f32().unwrap(), [1.0, 1.5]);
        assert!(node(&after, "y").attribute("beta").is_none());
    }
}

#[test]
fn constants_are_found_wherever_they_stand() {
    let weight = Array::f32([1, 1, 4, 4], vec![0.5; 16]).to_proto("");
    let before = image()
        .node("Constant", &[], "raw", vec![tensor("value", weight)])
        .node("Identity", &["raw"], "same", vec![])
        .node("Transpose", &["same"], "w", vec![ints("perm", &[2, 3, 0, 1])])
        .node("Conv", &["x", "w"], "y", vec![]);
    let (after, _) = left(&before);
    assert_eq!(operators(&after), ["Conv"]);
    assert_eq!(constant(&after, "w").shape, [4, 4, 1, 1]);
    // Inputs of old files.
    let mut old = conv(image(), "x", "y").input("y.weight", &["4", "4", "1", "1"]);
    old.proto.ir_version = 3;
    let (after, notes) = left(&old);
    assert_eq!((after.proto().ir_version, after.graph().input.len()), (4, 1));
    assert!(notes[0].text.starts_with("1 constants that were also inputs"));
    // An input that may have been meant is named.
    let default = conv(image(), "x", "c").weights("k", &[8], 3).input("k", &["8"]).node(
        "Mul",
        &["c", "k"],
        "y",
        vec![],
    );
    let (_, notes) = left(&default);
    assert_eq!((notes[0].level, notes[0].place.as_str()), (crate::onnx::Level::Warning, "input `k`"));
}

#[test]
fn what_passes_its_input_on_goes_unless_the_graph_returns_both() {
    let plain = conv(image(), "x", "c")
        .node("Identity", &["c"], "i", vec![])
        .nodes("Dropout", &["i"], &["d", "mask"], vec![])
        .node("Identity", &["d"], "y", vec![]);
    assert_eq!(operators(&left(&plain).0), ["Conv"]);
    // The input itself is returned.
    let through = image().node("Identity", &["x"], "y", vec![]);
    assert_eq!(operators(&left(&through).0), ["Identity"]);
    // One value is two outputs.
    let twice = conv(image(), "x", "c")
        .node("Identity", &["c"], "y", vec![])
        .node("Identity", &["c"], "z", vec![])
        .output("z", &["N", "4", "8", "8"]);
    assert_eq!(operators(&left(&twice).0), ["Conv", "Identity"]);
    // A mask that is read, and a dropout that drops.
    let yes = Array { shape: vec![], data: Data::Bool(vec![true]) };
    let drops = conv(image(), "x", "c")
        .constant("ratio", &Array::f32([], vec![0.5]))
        .constant("yes", &yes)
        .node("Dropout", &["c", "ratio", "yes"], "y", vec![]);
    assert_eq!(operators(&left(&drops).0), ["Conv", "Dropout"]);
}

#[test]
fn a_computed_flatten_gets_a_constant_shape_and_a_free_batch() {
    let before = ModelBuilder::new(17)
        .input("x", &["N", "4", "2", "3"])
        .output("y", &["N", "24"])
        .constant("zero", &Array::i64(vec![0]))
        .constant("one", &Array::i64(vec![1]))
        .constant("rest", &Array::i64(vec![-1]))
        .node("Shape", &["x"], "s", vec![])
        .node("Slice", &["s", "zero", "one"], "n", vec![])
        .node("Concat", &["n", "rest"], "to", vec![int("axis", 0)])
        .node("Reshape", &["x", "to"], "y", vec![]);
    let (after, _) = left(&before);
    assert_eq!(operators(&after), ["Reshape"]);
    assert_eq!(constant(&after, &node(&after, "y").input[1]).to_i64().unwrap(), [0, 24]);
}

#[test]
fn spelled_out_functions_get_their_names_where_the_version_has_them() {
    let scalar = |value: f32| Array::f32([], vec![value]);
    let hard_swish = |opset: i64, divided: bool| {
        let mut builder = image()
            .constant("three", &scalar(3.0))
            .constant("zero", &scalar(0.0))
            .constant("six", &scalar(6.0))
            .node("Add", &["x", "three"], "a", vec![])
            .node("Clip", &["a", "zero", "six"], "b", vec![]);
        builder.proto.opset_import[0].version = opset;
        if divided {
            builder.node("Div", &["b", "six"], "c", vec![]).node("Mul", &["x", "c"], "y", vec![])
        } else {
            builder.node("Mul", &["x", "b"], "c", vec![]).node("Div", &["c", "six"], "y", vec![])
        }
    };
    assert_eq!(operators(&left(&hard_swish(14, true)).0), ["HardSwish"]);
    assert_eq!(operators(&left(&hard_swish(14, false)).0), ["HardSwish"]);
    assert_eq!(operators(&left(&hard_swish(13, true)).0), ["HardSigmoid", "Mul"]);
    assert_eq!(operators(&left(&hard_swish(13, false)).0), ["Add", "Clip", "Mul", "Div"]);
    let gelu = |opset: i64| {
        let mut builder = image()
            .constant("root", &scalar(std::f32::consts::SQRT_2))
            .constant("one", &scalar(1.0))
            .constant("half", &scalar(0.5))
            .node("Div", &["x", "root"], "a", vec![])
            .node("Erf", &["a"], "b", vec![])
            .node("Add", &["b", "one"], "c", vec![])
            .node("Mul", &["x", "c"], "d", vec![])
            .node("Mul", &["d", "half"], "y", vec![]);
        builder.proto.opset_import[0].version = opset;
        builder
    };
    assert_eq!(operators(&left(&gelu(20)).0), ["Gelu"]);
    assert_eq!(operators(&left(&gelu(17)).0).len(), 5);
    let layer_norm = |axis: i64| {
        image()
            .weights("gamma", &[8], 1)
            .weights("beta", &[8], 2)
            .constant("two", &scalar(2.0))
            .constant("eps", &scalar(1e-5))
            .node("ReduceMean", &["x"], "m", vec![ints("axes", &[axis])])
            .node("Sub", &["x", "m"], "d", vec![])
            .node("Pow", &["d", "two"], "s", vec![])
            .node("ReduceMean", &["s"], "v", vec![ints("axes", &[axis])])
            .node("Add", &["v", "eps"], "e", vec![])
            .node("Sqrt", &["e"], "r", vec![])
            .node("Div", &["d", "r"], "q", vec![])
            .node("Mul", &["q", "gamma"], "g", vec![])
            .node("Add", &["g", "beta"], "y", vec![])
    };
    let (after, _) = left(&layer_norm(-1));
    assert_eq!(operators(&after), ["LayerNormalization"]);
    assert_eq!(node(&after, "y").float_or("epsilon", 0.0), 1e-5);
    assert_eq!(operators(&left(&layer_norm(1)).0).len(), 9);
    let mean = ModelBuilder::new(17)
        .input("x", &["N", "4", "8", "8"])
        .output("y", &["N", "4", "1", "1"])
        .node("ReduceMean", &["x"], "y", vec![ints("axes", &[-1, 2])]);
    assert_eq!(operators(&left(&mean).0), ["GlobalAveragePool"]);
}

#[test]
fn a_model_without_anything_to_do_stays_byte_for_byte() {
    let mut plain = conv(image(), "x", "y");
    let said = plain.graph().output[0].clone();
    plain.graph().value_info.push(ValueInfoProto { name: "c".into(), ..said });
    let model = plain.node("Relu", &["y"], "r", vec![]).output("r", &["N", "4", "8", "8"]).build();
    let (after, notes) = normalize(&model);
    assert_eq!(after.to_bytes(), model.to_bytes());
    assert!(notes.is_empty());
}

/// torch's `as_strided` of `x` (N, 4, 1, 1), flat, by computed places with these steps along N and channels.
fn strided(steps: [i64; 2], range_of: &str) -> ModelBuilder {
    let channels = (0..4).map(|at| steps[1] * at).collect();
    ModelBuilder::new(17)
        .input("x", &["N", "4", "1", "1"])
        .input("other", &["M", "4"])
        .output("y", &["N", "4", "1", "1"])
        .constant("flat", &Array::i64(vec![-1]))
        .constant("zero", &Array { shape: vec![], data: Data::I64(vec![0]) })
        .constant("one", &Array { shape: vec![], data: Data::I64(vec![1]) })
        .constant("step", &Array { shape: vec![], data: Data::I64(vec![steps[0]]) })
        .constant("axes", &Array::i64(vec![1, 2, 3]))
        .constant("channels", &Array { shape: vec![1, 4, 1, 1], data: Data::I64(channels) })
        .node("Relu", &["x"], "r", vec![])
        .node("Reshape", &["r", "flat"], "f", vec![])
        .node("Shape", &[range_of], "size", vec![int("start", 0), int("end", 1)])
        .node("Squeeze", &["size"], "n", vec![])
        .node("Range", &["zero", "n", "one"], "rows", vec![])
        .node("Mul", &["rows", "step"], "starts", vec![])
        .node("Unsqueeze", &["starts", "axes"], "column", vec![])
        .node("Add", &["column", "channels"], "places", vec![])
        .node("Gather", &["f", "places"], "g", vec![int("axis", 0)])
        .node("Relu", &["g"], "y", vec![])
}

#[test]
fn a_gather_that_reads_all_in_order_is_what_it_reads() {
    assert_eq!(operators(&left(&strided([4, 1], "x")).0), ["Relu", "Relu"]);
    // Channels backwards, rows twice, rows of something else.
    for (steps, range_of) in [([4, -1], "x"), ([1, 1], "x"), ([4, 1], "other")] {
        let (model, _) = left(&strided(steps, range_of));
        assert!(operators(&model).contains(&"Gather"), "{steps:?} of {range_of}");
    }
}
