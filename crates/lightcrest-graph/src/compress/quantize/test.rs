use super::*;
use crate::onnx::proto::NodeProto;
use crate::onnx::testing::{ModelBuilder, float, int, ints};
use crate::onnx::{Array, Model, Runner};

/// Runs with distinct values between -1 and 1.
fn feeds(count: usize, shape: &[usize]) -> Vec<Feed> {
    let values = |run: usize| {
        (0..shape.iter().product::<usize>())
            .map(move |at| ((at * 613 + run * 7727) % 1021) as f32 / 510.0 - 1.0)
    };
    (0..count).map(|run| vec![("x".to_owned(), Array::f32(shape, values(run).collect()))]).collect()
}

fn plain() -> QuantizeConfig {
    QuantizeConfig {
        method: Some(Method::MinMax),
        equalize: false,
        correct_bias: false,
        min_snr: None,
        ..QuantizeConfig::default()
    }
}

fn node<'a>(model: &'a Model, output: &str) -> &'a NodeProto {
    model.graph().node.iter().find(|node| node.output[0] == output).unwrap()
}

fn count(model: &Model, op_type: &str) -> usize {
    model.graph().node.iter().filter(|node| node.op_type == op_type).count()
}

/// The array that a `DequantizeLinear` reads at a slot.
fn constant(model: &Model, dequantized: &str, slot: usize) -> Array {
    let name = &node(model, dequantized).input[slot];
    let tensor = model.graph().initializer.iter().find(|tensor| tensor.name == *name).unwrap();
    Array::from_proto(tensor).unwrap()
}

/// Two convolutions with a residual connection and a `Gemm`, batch free.
fn residual() -> ModelBuilder {
    ModelBuilder::new(13)
        .input("x", &["N", "3", "8", "8"])
        .output("y", &["N", "5"])
        .weights("w1", &[6, 3, 3, 3], 1)
        .weights("b1", &[6], 2)
        .weights("w2", &[6, 6, 3, 3], 3)
        .weights("b2", &[6], 4)
        .weights("w3", &[5, 6], 5)
        .node("Conv", &["x", "w1", "b1"], "c1", vec![ints("pads", &[1, 1, 1, 1])])
        .node("Relu", &["c1"], "r1", vec![])
        .node("Conv", &["r1", "w2", "b2"], "c2", vec![ints("pads", &[1, 1, 1, 1])])
        .node("Add", &["r1", "c2"], "a", vec![])
        .node("Relu", &["a"], "r2", vec![])
        .node("GlobalAveragePool", &["r2"], "g", vec![])
        .node("Flatten", &["g"], "f", vec![])
        .node("Gemm", &["f", "w3"], "y", vec![int("transB", 1)])
}

#[test]
fn operators_stand_between_what_runtimes_fuse() {
    let model = residual().build();
    let (quantized, report) = quantize(&model, &feeds(4, &[1, 3, 8, 8]), &plain()).unwrap();
    quantized.check().unwrap();
    assert_eq!(count(&quantized, "Relu"), 0, "activations vanish into the range before them");
    let add = node(&quantized, "r2");
    assert_eq!(add.op_type, "Add");
    for input in &add.input {
        assert_eq!(node(&quantized, input).op_type, "DequantizeLinear", "both sides of a residual Add");
    }
    assert_eq!(node(&quantized, "y").op_type, "Gemm", "sums of the last layer stay in fp32");
    assert_eq!(quantized.graph().input, model.graph().input);
    assert_eq!(quantized.graph().output, model.graph().output);
    assert!(report.layers.iter().all(|layer| layer.precision == Precision::Int8));
    assert!(report.snr[0].1 > 25.0, "{:?}", report.snr);
    // The batch is still free.
    let runner = Runner::new(&quantized).unwrap();
    let y = runner.run(&feeds(1, &[3, 3, 8, 8])[0], &["y"]).unwrap();
    assert_eq!(y["y"].shape, [3, 5]);
}

#[test]
fn correction_brings_means_back() {
    let model = residual().build();
    let feeds = feeds(6, &[1, 3, 8, 8]);
    let (_, before) = quantize(&model, &feeds, &plain()).unwrap();
    let (_, after) = quantize(&model, &feeds, &QuantizeConfig { correct_bias: true, ..plain() }).unwrap();
    assert!(after.corrected > 0);
    assert!(after.snr[0].1 > before.snr[0].1 + 1.0, "{:?} then {:?}", before.snr, after.snr);
}

#[test]
fn what_is_put_together_has_one_scale_unless_a_bound_would_vanish() {
    let model = |second: &str| {
        ModelBuilder::new(13)
            .input("x", &["N", "3", "6", "6"])
            .output("y", &["N", "2", "6", "6"])
            .weights("w1", &[4, 3, 1, 1], 1)
            .weights("w2", &[4, 3, 1, 1], 2)
            .weights("w3", &[2, 8, 1, 1], 3)
            .node("Conv", &["x", "w1"], "c1", vec![])
            .node("Relu", &["c1"], "r1", vec![])
            .node("Conv", &["x", "w2"], "c2", vec![])
            .node("Relu", &["c2"], "r2", vec![])
            .node("Concat", &["r1", second], "k", vec![int("axis", 1)])
            .node("Conv", &["k", "w3"], "y", vec![])
            .build()
    };
    let scale_of = |model: &Model, value: &str| {
        let quantize = model.graph().node.iter().find(|node| node.input.first().is_some_and(|i| i == value));
        quantize.unwrap().input[1].clone()
    };
    let feeds = feeds(4, &[1, 3, 6, 6]);
    let (tied, report) = quantize(&model("r2"), &feeds, &plain()).unwrap();
    assert_eq!(scale_of(&tied, "r1"), scale_of(&tied, "k"));
    assert_eq!(scale_of(&tied, "r1"), scale_of(&tied, "r2"));
    assert!(report.snr[0].1 > 25.0);
    // With a signed neighbour a common zero point would let negative values through where the Relu was.
    let signed = model("r2");
    let mut signed = signed.clone();
    let concat = signed.graph_mut().node.iter_mut().find(|node| node.op_type == "Concat").unwrap();
    concat.input[1] = "c2".into();
    let (apart, report) = quantize(&signed, &feeds, &plain()).unwrap();
    assert_ne!(scale_of(&apart, "r1"), scale_of(&apart, "k"));
    assert!(report.snr[0].1 > 25.0, "{:?}", report.snr);
}

#[test]
fn constants_that_are_shared_serve_every_layer() {
    let model = ModelBuilder::new(13)
        .input("x", &["N", "4", "5", "5"])
        .output("y", &["N", "4", "5", "5"])
        .weights("w", &[4, 4, 1, 1], 1)
        .weights("b", &[4], 2)
        .node("Conv", &["x", "w", "b"], "c1", vec![])
        .node("Relu", &["c1"], "r1", vec![])
        .node("Conv", &["r1", "w", "b"], "y", vec![])
        .build();
    let (quantized, report) = quantize(&model, &feeds(4, &[1, 4, 5, 5]), &plain()).unwrap();
    quantized.check().unwrap();
    let layers: Vec<&NodeProto> =
        quantized.graph().node.iter().filter(|node| node.op_type == "Conv").collect();
    // Inputs of other scales make biases of other steps.
    assert_eq!(layers.len(), 2);
    assert_ne!(layers[0].input[2], layers[1].input[2]);
    assert!(report.snr[0].1 > 25.0, "{:?}", report.snr);
}

#[test]
fn dead_channels_and_biases_beyond_32_bits_lose_nothing() {
    let mut depthwise = vec![0.5f32; 3 * 9];
    depthwise[..9].fill(0.0);
    depthwise[9..18].fill(1e-9);
    let model = ModelBuilder::new(13)
        .input("x", &["N", "3", "6", "6"])
        .output("y", &["N", "3", "6", "6"])
        .constant("w", &Array::f32([3, 1, 3, 3], depthwise))
        .constant("b", &Array::f32([3], vec![1.0, 2.0, 3.0]))
        .node("Conv", &["x", "w", "b"], "y", vec![int("group", 3), ints("pads", &[1, 1, 1, 1])])
        .build();
    let (quantized, report) = quantize(&model, &feeds(4, &[1, 3, 6, 6]), &plain()).unwrap();
    assert!(report.snr[0].1 > 35.0, "{:?}", report.snr);
    let conv = quantized.graph().node.iter().find(|node| node.op_type == "Conv").unwrap();
    let scales = constant(&quantized, &conv.input[1], 1);
    assert!(scales.as_f32().unwrap().iter().all(|scale| *scale > 0.0));
    let bias = constant(&quantized, &conv.input[2], 0).to_i64().unwrap();
    assert!(bias.iter().all(|bias| bias.abs() <= 1 << 30));
}

#[test]
fn activations_without_an_operator_of_8_bits_are_islands() {
    let model = ModelBuilder::new(14)
        .input("x", &["N", "3", "6", "6"])
        .output("y", &["N", "4", "6", "6"])
        .weights("w1", &[4, 3, 1, 1], 1)
        .weights("w2", &[4, 4, 1, 1], 2)
        .node("Conv", &["x", "w1"], "c", vec![])
        .node("Softplus", &["c"], "h", vec![])
        .node("Conv", &["h", "w2"], "y", vec![])
        .build();
    let (quantized, _) = quantize(&model, &feeds(4, &[1, 3, 6, 6]), &plain()).unwrap();
    let island = node(&quantized, "h");
    assert_eq!(island.op_type, "Softplus");
    assert_eq!(node(&quantized, &island.input[0]).op_type, "DequantizeLinear");
}

#[test]
fn hard_swish_is_a_sum_and_a_product_of_8_bits_however_it_is_spelled() {
    let start = |opset: i64| {
        ModelBuilder::new(opset)
            .input("x", &["N", "3", "6", "6"])
            .output("y", &["N", "4", "6", "6"])
            .constant("w1", &Array::f32([4, 3, 1, 1], (0..12).map(|at| (at * 5 % 12) as f32 - 5.5).collect()))
            .weights("w2", &[4, 4, 1, 1], 2)
            .node("Conv", &["x", "w1"], "c", vec![])
    };
    let number = |value: f32| Array::f32(Vec::<usize>::new(), vec![value]);
    let spelled = start(11)
        .constant("zero", &number(0.0))
        .constant("three", &number(3.0))
        .constant("six", &number(6.0))
        .node("Add", &["c", "three"], "a", vec![])
        .node("Clip", &["a", "zero", "six"], "k", vec![])
        .node("Mul", &["c", "k"], "m", vec![])
        .node("Div", &["m", "six"], "h", vec![]);
    for model in [start(14).node("HardSwish", &["c"], "h", vec![]), spelled] {
        let model = model.node("Conv", &["h", "w2"], "y", vec![]).build();
        let (quantized, report) = quantize(&model, &feeds(4, &[1, 3, 6, 6]), &plain()).unwrap();
        assert_eq!((count(&quantized, "HardSwish"), count(&quantized, "Div")), (0, 0));
        let product = node(&quantized, "h");
        assert_eq!(product.op_type, "Mul");
        for input in &product.input {
            assert_eq!(node(&quantized, input).op_type, "DequantizeLinear");
        }
        assert!(report.snr[0].1 > 35.0, "{:?}", report.snr);
    }
}

/// Ranges of the channels before a depthwise layer that differ by a factor of 1000.
#[test]
fn equalisation_saves_channels_of_small_range() {
    let factor = |channel: usize| if channel == 0 { 30.0 } else { 0.03 };
    let first: Vec<f32> = (0..12).map(|at| factor(at / 3) * (((at * 7) % 5) as f32 - 1.7)).collect();
    let second: Vec<f32> = (0..36).map(|at| (((at * 5) % 7) as f32 - 3.2) / factor(at / 9)).collect();
    let model = ModelBuilder::new(13)
        .input("x", &["N", "3", "6", "6"])
        .output("y", &["N", "2", "6", "6"])
        .constant("w1", &Array::f32([4, 3, 1, 1], first))
        .constant("w2", &Array::f32([4, 1, 3, 3], second))
        .weights("w3", &[2, 4, 1, 1], 3)
        .node("Conv", &["x", "w1"], "c1", vec![])
        .node("Relu", &["c1"], "r1", vec![])
        .node("Conv", &["r1", "w2"], "c2", vec![int("group", 4), ints("pads", &[1, 1, 1, 1])])
        .node("Conv", &["c2", "w3"], "y", vec![])
        .build();
    let feeds = feeds(4, &[1, 3, 6, 6]);
    let (_, before) = quantize(&model, &feeds, &plain()).unwrap();
    let (_, after) = quantize(&model, &feeds, &QuantizeConfig { equalize: true, ..plain() }).unwrap();
    assert!(after.equalized > 0);
    assert!(before.snr[0].1 < 20.0 && after.snr[0].1 > 30.0, "{:?} then {:?}", before.snr, after.snr);
}

#[test]
fn layers_that_lose_most_stay_in_fp32_and_no_more_than_that() {
    let model = residual().build();
    let feeds = feeds(4, &[1, 3, 8, 8]);
    let (_, all) = quantize(&model, &feeds, &plain()).unwrap();
    let target = all.snr[0].1 + 1.5;
    let config = QuantizeConfig { min_snr: Some(target), ..plain() };
    let (_, mixed) = quantize(&model, &feeds, &config).unwrap();
    let fp32 = mixed.layers.iter().filter(|layer| layer.reason == Some(Reason::Sensitive)).count();
    assert!(mixed.snr[0].1 >= target && (1..=2).contains(&fp32), "{:?} of {:?}", mixed, all.snr);
}

/// Two values in a row whose ranges are those of one channel that matters little: one of them alone in fp32
/// gains next to nothing.
#[test]
fn neighbours_that_are_both_bad_stay_in_fp32_together() {
    // Channel 0 is a thousand times the others, and its readers all but ignore it.
    let wide = |outputs: usize, inputs: usize| {
        let value = |at: usize| {
            let (row, column) = (at / inputs, at % inputs);
            let base = ((at * 37 + outputs) % 41) as f32 / 20.0 - 1.0;
            base * if row == 0 { 1000.0 } else { 1.0 } * if column == 0 && inputs > 3 { 1e-4 } else { 1.0 }
        };
        Array::f32([outputs, inputs, 1, 1], (0..outputs * inputs).map(value).collect())
    };
    let narrow = |at: usize| ((at * 29) % 31) as f32 / 15.0 - 1.0;
    let last = (0..16).map(|at| narrow(at) * if at % 8 == 0 { 1e-4 } else { 1.0 }).collect();
    let model = ModelBuilder::new(13)
        .input("x", &["N", "3", "6", "6"])
        .output("y", &["N", "2", "6", "6"])
        .weights("w0", &[3, 3, 1, 1], 9)
        .constant("w1", &wide(8, 3))
        .constant("w2", &wide(8, 8))
        .constant("w3", &Array::f32([2, 8, 1, 1], last))
        .node("Conv", &["x", "w0"], "c0", vec![])
        .node("Conv", &["c0", "w1"], "c1", vec![])
        .node("Relu", &["c1"], "r1", vec![])
        .node("Conv", &["r1", "w2"], "c2", vec![])
        .node("Relu", &["c2"], "r2", vec![])
        .node("Conv", &["r2", "w3"], "y", vec![])
        .build();
    let feeds = feeds(4, &[1, 3, 6, 6]);
    let (_, all) = quantize(&model, &feeds, &plain()).unwrap();
    assert!(all.snr[0].1 < 15.0, "{:?}", all.snr);
    let config = QuantizeConfig { min_snr: Some(25.0), ..plain() };
    let (_, mixed) = quantize(&model, &feeds, &config).unwrap();
    let fp32: Vec<&str> = mixed
        .layers
        .iter()
        .filter(|layer| layer.precision == Precision::Fp32)
        .map(|layer| layer.name.as_str())
        .collect();
    assert!(mixed.snr[0].1 >= 25.0 && fp32 == ["c1", "c2", "y"], "{fp32:?} {:?}", mixed.snr);
}

#[test]
fn a_ratio_that_leaves_no_layer_of_8_bits_is_nothing_to_do() {
    let config = QuantizeConfig { min_snr: Some(300.0), ..plain() };
    let error = quantize(&residual().build(), &feeds(2, &[1, 3, 8, 8]), &config).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, QuantizeError::Nothing { .. }) && text.contains("300 dB"), "{text}");
}

#[test]
fn transposed_convolutions_keep_weights_of_8_bits_a_channel_of_axis_one() {
    let model = ModelBuilder::new(13)
        .input("x", &["N", "3", "4", "4"])
        .output("y", &["N", "5", "8", "8"])
        .weights("w", &[3, 4, 1, 1], 1)
        .weights("t", &[4, 5, 2, 2], 2)
        .weights("v", &[4, 3, 1, 1], 3)
        .node("Conv", &["x", "v"], "c", vec![])
        .node("ConvTranspose", &["c", "t"], "y", vec![ints("strides", &[2, 2])])
        .build();
    let (quantized, report) = quantize(&model, &feeds(4, &[1, 3, 4, 4]), &plain()).unwrap();
    let weight = node(&quantized, &node(&quantized, "y").input[1]);
    assert_eq!(weight.int("axis"), Some(1));
    assert_eq!(constant(&quantized, &weight.output[0], 1).shape, [5]);
    assert_eq!(report.layers[1].precision, Precision::Int8Weights);
    assert!(report.snr[0].1 > 25.0, "{:?}", report.snr);
}

#[test]
fn seven_bits_and_one_scale_a_layer_are_choices() {
    let model = residual().build();
    let feeds = feeds(4, &[1, 3, 8, 8]);
    let config = QuantizeConfig { bits: WeightBits::Seven, per_channel: false, ..plain() };
    let (quantized, report) = quantize(&model, &feeds, &config).unwrap();
    let conv = node(&quantized, "r1");
    let weights = constant(&quantized, &conv.input[1], 0).to_i64().unwrap();
    assert_eq!(weights.iter().map(|w| w.abs()).max(), Some(63));
    assert_eq!(constant(&quantized, &conv.input[1], 1).len(), 1);
    assert!(report.snr[0].1 > 15.0, "{:?}", report.snr);
}

#[test]
fn old_files_are_raised_and_their_clip_is_kept() {
    let model = ModelBuilder::new(9)
        .input("x", &["N", "3", "6", "6"])
        .output("y", &["N", "2", "6", "6"])
        .weights("w1", &[4, 3, 1, 1], 1)
        .weights("w2", &[2, 4, 1, 1], 2)
        .node("Conv", &["x", "w1"], "c", vec![])
        .node("Clip", &["c"], "k", vec![float("min", 0.0), float("max", 0.5)])
        .node("Conv", &["k", "w2"], "y", vec![])
        .build();
    let (quantized, report) = quantize(&model, &feeds(4, &[1, 3, 6, 6]), &plain()).unwrap();
    assert_eq!((report.opset_before, quantized.opset() >= 13), (9, true));
    assert_eq!(count(&quantized, "Clip"), 0);
    assert!(report.snr[0].1 > 25.0, "{:?}", report.snr);
}

#[test]
fn what_cannot_be_quantized_is_refused_by_name() {
    let model = residual().build();
    let data = feeds(2, &[1, 3, 8, 8]);
    let (quantized, _) = quantize(&model, &data, &plain()).unwrap();
    assert!(matches!(quantize(&quantized, &data, &plain()), Err(QuantizeError::Quantized { .. })));
    assert_eq!(quantize(&model, &[], &plain()).unwrap_err(), QuantizeError::NoCalibration);
    let config = QuantizeConfig { exclude: vec!["stem".into()], ..plain() };
    let error = quantize(&model, &data, &config).unwrap_err().to_string();
    assert!(error.contains("stem") && error.contains("c1"), "{error}");
    let bad = feeds(2, &[1, 4, 8, 8]);
    assert!(matches!(quantize(&model, &bad, &plain()), Err(QuantizeError::Run { number: 0, .. })));
    let mut bad = feeds(2, &[1, 3, 8, 8]);
    bad[1][0].1 = Array::f32([1, 3, 8, 8], vec![f32::NAN; 192]);
    assert!(matches!(quantize(&model, &bad, &plain()), Err(QuantizeError::Feed { number: 1, .. })));
    let config = QuantizeConfig { exclude: ["c1", "c2", "y"].map(String::from).to_vec(), ..plain() };
    assert!(matches!(quantize(&model, &data, &config), Err(QuantizeError::Nothing { .. })));
}
