//! What becomes of whole models.

use std::collections::BTreeMap;

use super::*;
use crate::onnx::proto::{AttributeKind, AttributeProto, GraphProto, NodeProto};
use crate::onnx::testing::{ModelBuilder, float, graph, int, ints, string};
use crate::onnx::{Array, Model};

fn full(method: Method) -> DecomposeConfig {
    DecomposeConfig { allow_growth: true, ..DecomposeConfig::uniform(method, Ranks::Fraction(1.0)) }
}

fn half(method: Method) -> DecomposeConfig {
    DecomposeConfig::uniform(method, Ranks::Fraction(0.5))
}

fn reason(report: &Report, name: &str) -> String {
    let layer = report.layers.iter().find(|layer| layer.name == name).unwrap();
    match &layer.outcome {
        Outcome::Kept { reason } => reason.clone(),
        Outcome::Decomposed { .. } => panic!("{name} was decomposed"),
    }
}

fn node<'a>(model: &'a Model, name: &str) -> &'a NodeProto {
    model.graph().node.iter().find(|node| node.name == name).unwrap()
}

/// A convolution 8 -> 12 of a 3 x 5 window with everything that a window can have.
fn strided() -> Model {
    let attributes = vec![
        ints("strides", &[2, 1]),
        ints("dilations", &[1, 2]),
        ints("pads", &[1, 0, 2, 3]),
        int("group", 1),
    ];
    ModelBuilder::new(17)
        .input("x", &["N", "8", "16", "20"])
        .output("y", &["N", "12", "9", "15"])
        .weights("w", &[12, 8, 3, 5], 1)
        .weights("b", &[12], 2)
        .node("Conv", &["x", "w", "b"], "y", attributes)
        .build()
}

#[test]
fn stride_padding_and_dilation_stay_with_the_axis_that_they_are_of() {
    let (split, _) = decompose(&strided(), &half(Method::Spatial)).unwrap();
    let [rows, columns] = split.graph().node.as_slice() else { panic!("{:?}", split.graph().node) };
    assert_eq!(rows.ints("kernel_shape"), Some([3, 1].as_slice()));
    assert_eq!(rows.ints("strides"), Some([2, 1].as_slice()));
    assert_eq!(rows.ints("pads"), Some([1, 0, 2, 0].as_slice()));
    assert_eq!(rows.ints("dilations"), None);
    assert_eq!(columns.ints("kernel_shape"), Some([1, 5].as_slice()));
    assert_eq!(columns.ints("strides"), None);
    assert_eq!(columns.ints("pads"), Some([0, 0, 0, 3].as_slice()));
    assert_eq!(columns.ints("dilations"), Some([1, 2].as_slice()));
    assert_eq!((rows.input.len(), columns.input[2].as_str()), (2, "b"));
    let (tucker, _) = decompose(&strided(), &half(Method::Tucker)).unwrap();
    let windows: Vec<_> = tucker.graph().node.iter().map(|node| node.ints("pads")).collect();
    assert_eq!(windows, [None, Some([1, 0, 2, 3].as_slice()), None]);
    let (cp, _) = decompose(&strided(), &half(Method::Cp)).unwrap();
    let groups: Vec<_> = cp.graph().node.iter().map(|node| node.int_or("group", 1)).collect();
    assert_eq!(groups, [1, 6, 6, 1]);
    for model in [split, tucker, cp] {
        model.check().unwrap();
        assert_eq!(model.graph().node.last().unwrap().output, ["y"]);
        assert_eq!(model.graph().output, strided().graph().output);
        assert_eq!(model.graph().input, strided().graph().input);
        assert!(model.graph().initializer.iter().all(|tensor| tensor.name != "w"));
    }
}

#[test]
fn the_report_counts_what_is_in_the_file() {
    for method in Method::ALL {
        let (model, report) = decompose(&strided(), &half(method)).unwrap();
        let weights: u64 = model
            .graph()
            .node
            .iter()
            .map(|node| {
                let tensor = model.graph().initializer.iter().find(|t| t.name == node.input[1]).unwrap();
                Array::from_proto(tensor).unwrap().len() as u64
            })
            .sum();
        assert_eq!(report.parameters, Change { before: 12 * 8 * 15, after: weights }, "{method:?}");
        assert_eq!(report.macs.before, 12 * 8 * 15 * 9 * 15);
        assert!(report.macs.after < report.macs.before);
        let Outcome::Decomposed { error, ranks, .. } = &report.layers[0].outcome else {
            panic!("{report:?}")
        };
        assert!(*error > 0.0 && *error < 1.0, "{method:?} at {ranks:?}: {error}");
    }
}

#[test]
fn what_gains_nothing_or_cannot_be_decomposed_stays_and_says_why() {
    let model = ModelBuilder::new(17)
        .input("x", &["N", "8", "6", "6"])
        .input("z", &["8", "8"])
        .output("y", &["N", "8"])
        .weights("square", &[8, 8, 1, 1], 1)
        .weights("depthwise", &[8, 1, 3, 3], 2)
        .weights("grouped", &[8, 4, 3, 3], 3)
        .weights("up", &[8, 8, 2, 2], 4)
        .node("Conv", &["x", "square"], "a", vec![])
        .node("Conv", &["a", "depthwise"], "b", vec![int("group", 8)])
        .node("Conv", &["b", "grouped"], "c", vec![int("group", 2)])
        .node("ConvTranspose", &["c", "up"], "d", vec![])
        .node("GlobalAveragePool", &["d"], "e", vec![])
        .node("Flatten", &["e"], "f", vec![])
        .node("MatMul", &["f", "z"], "y", vec![])
        .build();
    let (same, report) = decompose(&model, &half(Method::Svd)).unwrap();
    assert_eq!(same, model);
    assert_eq!(report.layers.len(), 4, "the product of two activations is no layer");
    assert!(reason(&report, "a").contains("at rank 4 it would take 2304 multiply-accumulates"), "{report:?}");
    assert!(reason(&report, "b").contains("depthwise"));
    assert!(reason(&report, "c").contains("grouped"));
    assert!(reason(&report, "d").contains("transposed"));
    assert_eq!(report.macs.before, report.macs.after);
    let (_, report) = decompose(&model, &full(Method::Svd)).unwrap();
    assert_eq!(report.decomposed().count(), 1, "growth is allowed where it is asked for");
}

#[test]
fn where_the_measured_time_does_not_fall_the_layer_stays() {
    let mut config = half(Method::Spatial);
    config.measured.insert("y".into(), Times { before_ms: 1.0, after_ms: 1.5 });
    let (same, report) = decompose(&strided(), &config).unwrap();
    assert_eq!(same, strided());
    assert!(reason(&report, "y").contains("measured at 1.5 ms, and it takes 1 ms"), "{report:?}");
}

#[test]
fn a_gemm_keeps_its_attributes_where_they_belong() {
    for opset in [9, 13] {
        let attributes = vec![int("transA", 1), int("transB", 1), float("alpha", 0.5), float("beta", 2.0)];
        let model = ModelBuilder::new(opset)
            .input("x", &["20", "3"])
            .output("y", &["3", "30"])
            .weights("w", &[30, 20], 1)
            .weights("c", &[30], 2)
            .node("Gemm", &["x", "w", "c"], "y", attributes)
            .build();
        let (model, _) = decompose(&model, &half(Method::Tucker)).unwrap();
        let [first, last] = model.graph().node.as_slice() else { panic!("{:?}", model.graph().node) };
        assert_eq!((first.int_or("transA", 0), first.int_or("transB", 0)), (1, 0));
        assert_eq!((first.float_or("alpha", 1.0), first.input.len()), (1.0, if opset < 11 { 3 } else { 2 }));
        assert_eq!((last.int_or("transA", 0), last.float_or("alpha", 1.0)), (0, 0.5));
        assert_eq!((last.float_or("beta", 1.0), last.input[2].as_str()), (2.0, "c"));
        let sizes = |name: &str| {
            let graph = model.graph();
            graph.initializer.iter().find(|tensor| tensor.name == name).unwrap().dims.clone()
        };
        assert_eq!((sizes(&first.input[1]), sizes(&last.input[1])), (vec![20, 10], vec![10, 30]));
        model.check().unwrap();
    }
}

#[test]
fn layers_that_share_a_weight_share_what_becomes_of_it() {
    let model = ModelBuilder::new(17)
        .input("x", &["N", "8", "16", "16"])
        .output("a", &["N", "8", "14", "14"])
        .output("b", &["N", "8", "12", "12"])
        .weights("w", &[8, 8, 3, 3], 1)
        .node("Conv", &["x", "w"], "a", vec![])
        .node("Conv", &["a", "w"], "b", vec![])
        .build();
    let (model, report) = decompose(&model, &half(Method::Svd)).unwrap();
    assert_eq!(report.decomposed().count(), 2);
    assert_eq!((model.graph().node.len(), model.graph().initializer.len()), (4, 2));
    model.check().unwrap();
}

#[test]
fn weights_in_constant_nodes_and_among_the_inputs_go_when_nobody_reads_them() {
    let w = Array::f32(vec![16, 16], (0..256).map(|v| (v * 37 % 101) as f32).collect());
    let constant = AttributeProto {
        t: Some(w.to_proto("")),
        name: "value".into(),
        r#type: AttributeKind::Tensor.into(),
        ..Default::default()
    };
    let mut model = ModelBuilder::new(9)
        .input("x", &["N", "16"])
        .output("y", &["N", "16"])
        .nodes("Constant", &[], &["made"], vec![constant])
        .node("Identity", &["made"], "w", vec![])
        .node("MatMul", &["x", "w"], "h", vec![])
        .constant("v", &w)
        .input("v", &["16", "16"])
        .node("MatMul", &["h", "v"], "y", vec![])
        .build();
    model.proto_mut().ir_version = 3;
    let config = DecomposeConfig::uniform(Method::Svd, Ranks::Fraction(0.25));
    let (model, report) = decompose(&model, &config).unwrap();
    assert_eq!(report.decomposed().count(), 2);
    let operators: Vec<&str> = model.graph().node.iter().map(|node| node.op_type.as_str()).collect();
    assert_eq!(operators, ["MatMul"; 4]);
    assert_eq!(model.graph().input.len(), 1);
    assert_eq!(model.proto().ir_version, 4, "up to version 3 constants have to be inputs");
    assert!(model.graph().initializer.iter().all(|tensor| tensor.name != "v"));
    model.check().unwrap();
}

#[test]
fn a_weight_that_a_subgraph_reads_stays_and_so_does_what_is_not_understood() {
    let inner = GraphProto {
        name: "inner".into(),
        node: vec![NodeProto {
            op_type: "Identity".into(),
            input: vec!["w".into()],
            output: vec!["copy".into()],
            ..Default::default()
        }],
        output: vec![crate::onnx::proto::ValueInfoProto { name: "copy".into(), ..Default::default() }],
        ..Default::default()
    };
    let branches = vec![graph("then_branch", inner.clone()), graph("else_branch", inner)];
    let mut model = ModelBuilder::new(17)
        .input("x", &["N", "8", "16", "16"])
        .input("c", &[])
        .output("y", &["N", "8", "14", "14"])
        .output("z", &["8", "8", "3", "3"])
        .weights("w", &[8, 8, 3, 3], 1)
        .node("Mystery", &["x"], "h", vec![string("note", "kept")])
        .node("Conv", &["h", "w"], "y", vec![])
        .node("If", &["c"], "z", branches)
        .build();
    model.graph_mut().node[0].domain = "com.example".into();
    let (found, report) = decompose(&model, &half(Method::Svd)).unwrap();
    assert!(report.layers[0].per_position, "nothing is known of what the mystery writes");
    assert_eq!(node(&found, "h"), node(&model, "h"));
    assert_eq!(node(&found, "z"), node(&model, "z"));
    assert!(found.graph().initializer.iter().any(|tensor| tensor.name == "w"));
    found.check().unwrap();
}

#[test]
fn compressing_twice_gives_the_same_bytes_and_a_compressed_model_can_be_compressed() {
    let once = decompose(&strided(), &half(Method::Tucker)).unwrap().0;
    assert_eq!(once.to_bytes(), decompose(&strided(), &half(Method::Tucker)).unwrap().0.to_bytes());
    let (twice, report) = decompose(&once, &half(Method::Spatial)).unwrap();
    assert_eq!(report.layers.len(), 3);
    twice.check().unwrap();
}

/// Three layers of one size, of which the second has nearly no noise beside a low rank.
fn three() -> Model {
    let size = 24;
    let low: Vec<f32> = (0..size * size)
        .map(|at| {
            let (i, j) = ((at / size) as f32, (at % size) as f32);
            (0.7 * i).sin() * (0.3 * j).cos() + 1e-4 * ((at * 7919 % 97) as f32 / 97.0 - 0.5)
        })
        .collect();
    ModelBuilder::new(17)
        .input("x", &["N", "24"])
        .output("c", &["N", "24"])
        .weights("v", &[size, size], 1)
        .constant("w", &Array::f32(vec![size, size], low))
        .weights("u", &[size, size], 2)
        .node("MatMul", &["x", "v"], "a", vec![])
        .node("MatMul", &["a", "w"], "b", vec![])
        .node("MatMul", &["b", "u"], "c", vec![])
        .build()
}

#[test]
fn a_wanted_cost_is_kept_where_it_loses_least() {
    let config = DecomposeConfig::uniform(Method::Svd, Ranks::Macs(0.75));
    let (_, report) = decompose(&three(), &config).unwrap();
    assert!(report.macs.after as f64 <= 0.75 * report.macs.before as f64, "{:?}", report.macs);
    let Outcome::Decomposed { ranks, error, .. } = &report.layers[1].outcome else { panic!("{report:?}") };
    assert!(ranks[0] <= 4 && *error < 1e-3, "{ranks:?} {error}");
    assert!(reason(&report, "a").contains("as it is"), "{report:?}");
    let evbmf = DecomposeConfig::uniform(Method::Svd, Ranks::Evbmf);
    let (_, report) = decompose(&three(), &evbmf).unwrap();
    let Outcome::Decomposed { ranks, .. } = &report.layers[1].outcome else { panic!("{report:?}") };
    assert!(ranks[0] <= 4, "{ranks:?}");
}

#[test]
fn names_shares_and_ranks_that_cannot_be_are_errors() {
    let message = |config: &DecomposeConfig| decompose(&three(), config).unwrap_err().to_string();
    let mut config = half(Method::Svd);
    config.keep = vec!["stem".into()];
    assert_eq!(message(&config), "there is no layer `stem`; layers with weights are `a`, `b`, `c`");
    for share in [0.0, 1.5, f64::NAN] {
        let text = message(&DecomposeConfig::uniform(Method::Svd, Ranks::Fraction(share)));
        assert_eq!(text, format!("the share of the full rank must be above 0 and at most 1, but is {share}"));
    }
    let explicit = |ranks: &[usize]| {
        DecomposeConfig::explicit(BTreeMap::from([("b".to_string(), (Method::Tucker, ranks.to_vec()))]))
    };
    for ranks in [&[25][..], &[0], &[3, 3]] {
        let text = message(&explicit(ranks));
        assert_eq!(text, format!("layer `b`: Svd takes ranks from 1 to [24], but got {ranks:?}"));
    }
    let (_, report) = decompose(&three(), &explicit(&[3])).unwrap();
    assert!(matches!(&report.layers[1].outcome, Outcome::Decomposed { ranks, .. } if *ranks == [3]));
    assert!(reason(&report, "a").contains("not among the layers asked for"));
}
