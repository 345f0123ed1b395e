//! Files and the networks they become: the same numbers, and the way back.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::network::{
    Activation, Affine, Alignment, BatchNorm, Conv2d, ConvTranspose2d, Gather, GroupNorm, Interpolate,
    LayerNorm, Linear, LocalNorm, NodeId, PRelu, Pad, Padding, PixelShuffle, Pool2d, PoolKind, Upsample,
    reference,
};
use crate::onnx::testing::{ModelBuilder, float, int, ints, string};
use crate::onnx::{Array, ExportConfig, export};
use crate::testing;

/// An image of distinct values.
fn image(shape: Shape) -> Vec<f32> {
    (0..shape.len()).map(|i| ((i * 7919) % 1999) as f32 / 999.5 - 1.0).collect()
}

fn assert_same(found: &[f32], expected: &[f32], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let size = expected.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= 1e-5 * size, "{what}: {a} {b}");
    }
}

/// Writes a network, reads it again and compares.
fn round_trip(network: &Network, what: &str) -> Imported {
    let weights = Weights::random(network, &mut ChaCha8Rng::seed_from_u64(5));
    let config = ExportConfig { fold_batch_norm: false, ..ExportConfig::default() };
    let model = Model::new(export(network, &weights, &config).unwrap()).unwrap();
    let imported = Network::from_onnx(&model).unwrap();
    let image = image(network.input_shape());
    let expected = reference::evaluate(network, &weights, &image).unwrap();
    let found = reference::evaluate(&imported.network, &imported.weights, &image).unwrap();
    assert_same(&found, &expected, what);
    imported
}

#[test]
fn what_was_written_is_read_again() {
    let imported = round_trip(&testing::classifier(), "classifier");
    // what was spelled out is one layer again
    let count = |op: &str| imported.network.nodes().iter().filter(|node| node.op.name() == op).count();
    assert_eq!((count("Swish"), count("Hardswish"), count("ChannelShuffle"), count("Gate")), (1, 1, 1, 2));
    assert_eq!(count("Sigmoid"), 1, "that of the attention; those of the swish are part of it");
    assert!(imported.origins.contains_key("stem.bn.running_var"));
}

#[test]
fn what_only_read_networks_have_is_written_and_read_again() {
    let mut n = Network::new(Shape::new(3, 8, 9));
    let mut push = |name: &str, op: Op, inputs: &[NodeId]| n.push(name, op, inputs).unwrap();
    let padding = Padding { top: 0, left: 1, bottom: 1, right: 0 };
    let x =
        push("pixels", Op::Affine(Affine { channels: 3, weight: true, bias: true, trained: false }), &[0]);
    let x = push("conv", Op::Conv2d(Conv2d { padding, bias: true, ..Conv2d::new(3, 8, 3, 1) }), &[x]);
    let x =
        push("norm", Op::BatchNorm(BatchNorm { epsilon: 1e-3, momentum: 0.01, ..BatchNorm::new(8) }), &[x]);
    let activations = [
        Activation::LeakyReLU { slope: 0.1 },
        Activation::Elu { alpha: 0.5 },
        Activation::Ramp { slope: 0.3, offset: 0.4 },
        Activation::Clip { low: -0.5, high: 0.9 },
        Activation::Gelu,
        Activation::Tanh,
        Activation::Softplus,
    ];
    let mut x = x;
    for (i, activation) in activations.into_iter().enumerate() {
        x = push(&format!("act{i}"), Op::Activation(activation), &[x]);
    }
    let x = push("local", Op::LocalNorm(LocalNorm { size: 3, alpha: 0.1, beta: 0.75, offset: 1.0 }), &[x]);
    let x = push("prelu", Op::PRelu(PRelu { slopes: 8 }), &[x]);
    let pool =
        Pool2d { padding, ceil: true, count_padding: false, ..Pool2d::new(PoolKind::Average, 2, 2, 0) };
    let x = push("pool", Op::Pool2d(pool), &[x]);
    let up = ConvTranspose2d {
        in_channels: 8,
        out_channels: 4,
        kernel: (3, 3),
        stride: (2, 2),
        padding,
        output_padding: (1, 0),
        dilation: (1, 1),
        groups: 2,
        bias: true,
    };
    let x = push("up", Op::ConvTranspose2d(up), &[x]);
    let x = push("pad", Op::Pad(Pad { padding, channels: (0, 0), value: 0.5 }), &[x]);
    let a = push("shuffle", Op::PixelShuffle(PixelShuffle { block: 2, block_first: true }), &[x]);
    let b = push("first", Op::Gather(Gather { channels: vec![2] }), &[x]);
    let b = push("larger", Op::Upsample(Upsample { factor: (2, 2) }), &[b]);
    let x = push("product", Op::Mul, &[a, b]);
    let x = push("last", Op::Conv2d(Conv2d::new(1, 6, 3, 2)), &[x]);
    let x = push("layer", Op::LayerNorm(LayerNorm { channels: 6, epsilon: 1e-6, bias: true }), &[x]);
    let x = push("groups", Op::GroupNorm(GroupNorm { groups: 2, epsilon: 1e-3 }), &[x]);
    let x = push("alone", Op::GroupNorm(GroupNorm { groups: 6, epsilon: 1e-3 }), &[x]);
    let bilinear = |size, alignment| Op::Interpolate(Interpolate { size, alignment });
    let x = push("bilinear", bilinear((9, 7), Alignment::HalfPixel), &[x]);
    let x = push("corners", bilinear((5, 8), Alignment::Corners), &[x]);
    let x = push("aligned", bilinear((7, 6), Alignment::First), &[x]);
    let x = push("scale", Op::Affine(Affine { channels: 6, weight: true, bias: false, trained: true }), &[x]);
    let x = push("flat", Op::Flatten, &[x]);
    let in_features = n.shape(x).channels;
    n.push("linear", Op::Linear(Linear { in_features, out_features: 3, bias: true }), &[x]).unwrap();
    let imported = round_trip(&n, "operators");
    let norm = &imported.network.nodes()[imported.network.find("norm").unwrap()];
    assert_eq!(norm.op.describe(), "BatchNorm eps 1.0000000474974513e-3");
}

/// A classifier as TensorFlow's exporter writes it: images with channels last, transposed before the first
/// convolution and after the last, biases added apart, a mean over positions, a matrix product, a softmax.
fn channels_last() -> Model {
    ModelBuilder::new(17)
        .input("image", &["N", "6", "5", "3"])
        .constant("mean", &Array::f32([3], vec![0.5, 0.4, 0.3]))
        .weights("kernel", &[4, 3, 3, 3], 1)
        .weights("bias", &[4], 2)
        .weights("gate", &[4, 4], 3)
        .weights("matrix", &[4, 2], 4)
        .weights("offset", &[2], 5)
        .node("Sub", &["image", "mean"], "centred", vec![])
        .node("Transpose", &["centred"], "first", vec![ints("perm", &[0, 3, 1, 2])])
        .node(
            "Conv",
            &["first", "kernel"],
            "conv",
            vec![string("auto_pad", "SAME_UPPER"), ints("strides", &[2, 2])],
        )
        .node("Transpose", &["conv"], "last", vec![ints("perm", &[0, 2, 3, 1])])
        .node("Add", &["last", "bias"], "shifted", vec![])
        .node("Relu", &["shifted"], "relu", vec![])
        .node("ReduceMean", &["relu"], "squeezed", vec![ints("axes", &[1, 2])])
        .node("MatMul", &["squeezed", "gate"], "excited", vec![])
        .node("Sigmoid", &["excited"], "sigmoid", vec![])
        .node("Mul", &["relu", "sigmoid"], "gated", vec![])
        .node("ReduceMean", &["gated"], "pooled", vec![ints("axes", &[1, 2]), int("keepdims", 0)])
        .node("MatMul", &["pooled", "matrix"], "product", vec![])
        .node("Add", &["product", "offset"], "logits", vec![])
        .node("Softmax", &["logits"], "probabilities", vec![int("axis", -1)])
        .output("probabilities", &["N", "2"])
        .build()
}

#[test]
fn channels_last_become_the_same_layers() {
    let imported = Network::from_onnx(&channels_last()).unwrap();
    assert!(imported.channels_last);
    assert_eq!(imported.network.input_shape(), Shape::new(3, 6, 5));
    assert_eq!(
        (imported.output.as_str(), imported.softmax.as_deref()),
        ("logits", Some("Softmax `probabilities`"))
    );
    let ops: Vec<String> = imported.network.nodes().iter().map(|node| node.op.describe()).collect();
    let expected = [
        "Input",
        "Affine constant",
        "Conv2d 3x3/2",
        "Affine",
        "ReLU",
        "GlobalAvgPool",
        "Linear",
        "Sigmoid",
        "Gate",
        "GlobalAvgPool",
        "Linear",
    ];
    assert_eq!(ops, expected);
    let constants: Vec<&str> = imported.origins.values().map(|origin| origin.value.as_str()).collect();
    assert_eq!(constants.len(), 5, "{constants:?}");
    assert!(!constants.contains(&"mean"), "pixels are normalised as they were");
}

#[test]
fn weights_go_back_where_they_came_from_and_nothing_else_changes() {
    let before = channels_last();
    let imported = Network::from_onnx(&before).unwrap();
    let mut weights = imported.weights.clone();
    let mut same = before.clone();
    write_back(&mut same, &imported.origins, &weights).unwrap();
    assert_eq!(same, before, "the same weights make the same file");

    let matrix = weights.get_mut("product.weight").unwrap();
    assert_eq!(matrix.shape, [2, 4]);
    matrix.data[1] = 7.0; // of output 0 and input 1
    let mut after = before.clone();
    write_back(&mut after, &imported.origins, &weights).unwrap();
    let changed: Vec<&str> = (after.graph().initializer.iter().zip(&before.graph().initializer))
        .filter(|(after, before)| after != before)
        .map(|(after, _)| after.name.as_str())
        .collect();
    assert_eq!(changed, ["matrix"]);
    let stored =
        Array::from_proto(after.graph().initializer.iter().find(|t| t.name == "matrix").unwrap()).unwrap();
    assert_eq!(stored.as_f32().unwrap()[2], 7.0, "(in, out) in the file");

    weights.get_mut("product.weight").unwrap().data[0] = f32::NAN;
    let error = write_back(&mut after, &imported.origins, &weights).unwrap_err().to_string();
    assert_eq!(error, "weight `product.weight` is not finite");
}

#[test]
fn a_computed_weight_becomes_a_stored_one() {
    let mut model = ModelBuilder::new(17)
        .input("x", &["N", "3"])
        .weights("w", &[2, 3], 1)
        .node("Transpose", &["w"], "turned", vec![])
        .node("MatMul", &["x", "turned"], "y", vec![])
        .output("y", &["N", "2"])
        .build();
    let imported = Network::from_onnx(&model).unwrap();
    write_back(&mut model, &imported.origins, &imported.weights).unwrap();
    assert_eq!(model.graph().node.len(), 1);
    let again = Network::from_onnx(&model).unwrap();
    assert_eq!(again.weights, imported.weights);
}

#[test]
fn flattened_and_shuffled_values_find_their_places() {
    let model = ModelBuilder::new(17)
        .input("x", &["N", "2", "3", "6"])
        .weights("w", &[36, 5], 1)
        .node("Transpose", &["x"], "last", vec![ints("perm", &[0, 2, 3, 1])])
        .node("Flatten", &["last"], "flat", vec![int("axis", 1)])
        .node("MatMul", &["flat", "w"], "y", vec![])
        .output("y", &["N", "5"])
        .build();
    let imported = Network::from_onnx(&model).unwrap();
    let image = image(Shape::new(2, 3, 6));
    let found = reference::evaluate(&imported.network, &imported.weights, &image).unwrap();
    let w = Array::from_proto(&model.graph().initializer[0]).unwrap();
    let w = w.as_f32().unwrap();
    let mut expected = [0.0f64; 5];
    for (position, channel) in (0..18).flat_map(|p| (0..2).map(move |c| (p, c))) {
        for (out, sum) in expected.iter_mut().enumerate() {
            *sum +=
                f64::from(image[channel * 18 + position]) * f64::from(w[(position * 2 + channel) * 5 + out]);
        }
    }
    let expected: Vec<f32> = expected.iter().map(|&v| v as f32).collect();
    assert_same(&found, &expected, "flattened with channels last");
}

#[test]
fn every_node_that_is_not_understood_is_named() {
    let model = ModelBuilder::new(17)
        .input("x", &["N", "3", "4", "4"])
        .node("Softmax", &["x"], "inside", vec![int("axis", 1)])
        .node("Relu", &["inside"], "after", vec![])
        .node("LpNormalization", &["x"], "other", vec![])
        .node("Add", &["after", "other"], "y", vec![])
        .output("y", &["N", "3", "4", "4"])
        .build();
    let error = Network::from_onnx(&model).unwrap_err().to_string();
    let expected = "the model cannot be trained: Softmax `inside`: the layer graph has no such operator; \
                    LpNormalization `other`: the layer graph has no such operator";
    assert_eq!(error, expected);
}

#[test]
fn sizes_that_are_free_are_asked_for() {
    let build = || {
        ModelBuilder::new(17)
            .input("x", &["N", "3", "H", "W"])
            .node("GlobalAveragePool", &["x"], "y", vec![])
            .output("y", &["N", "3", "1", "1"])
            .build()
    };
    let error = Network::from_onnx(&build()).unwrap_err().to_string();
    assert_eq!(error, "the model cannot be trained: axis 2 of input `x` is free: give the shape of an image");
    let config = ImportConfig { shape: Some(vec![1, 3, 8, 8]), output: None };
    let imported = Network::from_onnx_with(&build(), &config).unwrap();
    assert_eq!(imported.network.output_shape(), Shape::vector(3));
}

#[test]
fn a_constant_of_two_layers_becomes_two() {
    let mut model = ModelBuilder::new(17)
        .input("x", &["N", "2"])
        .weights("w", &[2, 2], 1)
        .node("MatMul", &["x", "w"], "a", vec![])
        .node("MatMul", &["a", "w"], "b", vec![])
        .output("b", &["N", "2"])
        .build();
    let imported = Network::from_onnx(&model).unwrap();
    let mut weights = imported.weights.clone();
    weights.get_mut("b.weight").unwrap().data[0] = 5.0;
    write_back(&mut model, &imported.origins, &weights).unwrap();
    model.check().unwrap();
    let again = Network::from_onnx(&model).unwrap();
    assert_eq!(again.weights, weights);
}

#[test]
fn a_spelled_out_gelu_is_one_layer() {
    let model = ModelBuilder::new(17)
        .input("x", &["N", "4"])
        .constant("root", &Array::f32([], vec![std::f32::consts::SQRT_2]))
        .constant("one", &Array::f32([], vec![1.0]))
        .constant("half", &Array::f32([], vec![0.5]))
        .node("Div", &["x", "root"], "scaled", vec![])
        .node("Erf", &["scaled"], "erf", vec![])
        .node("Add", &["erf", "one"], "sum", vec![])
        .node("Mul", &["x", "sum"], "product", vec![])
        .node("Mul", &["product", "half"], "gelu", vec![])
        .node("LeakyRelu", &["gelu"], "y", vec![float("alpha", 0.2)])
        .output("y", &["N", "4"])
        .build();
    let imported = Network::from_onnx(&model).unwrap();
    let ops: Vec<&str> = imported.network.nodes().iter().map(|node| node.op.name()).collect();
    assert_eq!(ops, ["Input", "GELU", "LeakyReLU"]);
}

#[test]
fn sequences_are_maps_of_one_row() {
    let model = ModelBuilder::new(17)
        .input("x", &["N", "3", "20"])
        .weights("w1", &[8, 3, 5], 1)
        .weights("b1", &[8], 2)
        .weights("w2", &[8, 1, 3], 3)
        .weights("w3", &[6, 8, 3], 4)
        .weights("w4", &[6, 4], 5)
        .node(
            "Conv",
            &["x", "w1", "b1"],
            "c1",
            vec![ints("strides", &[2]), ints("pads", &[2, 1]), ints("kernel_shape", &[5])],
        )
        .node("Relu", &["c1"], "r1", vec![])
        .node("Conv", &["r1", "w2"], "c2", vec![int("group", 8), ints("pads", &[1, 1])])
        .node("MaxPool", &["c2"], "m", vec![ints("kernel_shape", &[3]), ints("strides", &[2])])
        .node("Conv", &["m", "w3"], "c3", vec![ints("dilations", &[1]), string("auto_pad", "SAME_UPPER")])
        .node("GlobalAveragePool", &["c3"], "g", vec![])
        .node("Flatten", &["g"], "f", vec![])
        .node("MatMul", &["f", "w4"], "y", vec![])
        .output("y", &["N", "4"])
        .build();
    let imported = Network::from_onnx(&model).unwrap();
    assert_eq!(imported.network.input_shape(), Shape::new(3, 1, 20));
    let image = image(imported.network.input_shape());
    let found = reference::evaluate(&imported.network, &imported.weights, &image).unwrap();
    let runner = crate::onnx::Runner::new(&model).unwrap();
    let values = runner.run(&[("x", Array::f32([1, 3, 20], image))], &["y"]).unwrap();
    assert_same(&found, values["y"].as_f32().unwrap(), "sequence");
    // The way back keeps the sizes that the file has.
    let mut back = model.clone();
    write_back(&mut back, &imported.origins, &imported.weights).unwrap();
    assert_eq!(back, model);
}
