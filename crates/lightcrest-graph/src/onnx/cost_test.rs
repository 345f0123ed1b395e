use super::super::Array;
use super::super::testing::{ModelBuilder, int, ints};
use super::*;

/// A grouped convolution, a transposed one and a product, over maps whose sizes are free.
fn model() -> ModelBuilder {
    ModelBuilder::new(13)
        .input("x", &["N", "4", "H", "W"])
        .weights("w", &[8, 2, 3, 3], 1)
        .weights("b", &[8], 2)
        .node("Conv", &["x", "w", "b"], "c", vec![int("group", 2), ints("pads", &[1, 1, 1, 1])])
        .weights("t", &[8, 4, 2, 2], 3)
        .node("ConvTranspose", &["c", "t"], "d", vec![ints("strides", &[2, 2])])
        .node("GlobalAveragePool", &["d"], "g", vec![])
        .node("Flatten", &["g"], "f", vec![])
        .weights("l", &[4, 5], 4)
        .node("MatMul", &["f", "l"], "y", vec![])
        .output("y", &["N", "5"])
}

fn sizes(sizes: &[(&str, usize)]) -> HashMap<String, usize> {
    sizes.iter().map(|(name, size)| (name.to_string(), *size)).collect()
}

#[test]
fn products_count_by_the_sizes_that_are_given() {
    let cost = cost(&model().build(), &sizes(&[("H", 6), ("W", 5)])).unwrap();
    let macs: Vec<u64> = cost.nodes.iter().map(|node| node.macs).collect();
    // Conv: 8 30 outputs of 2 9 products; its transpose: 8 30 inputs of 4 4; the product: 4 5.
    assert_eq!(macs, [8 * 30 * 18, 8 * 30 * 16, 0, 0, 20]);
    assert_eq!(cost.macs, macs.iter().sum::<u64>());
    assert_eq!(cost.parameters, 144 + 8 + 128 + 20);
    assert_eq!(cost.weight_bytes, 4 * 300);
    // The second map beside the first: 8 30 and 4 120 floats.
    assert_eq!(cost.peak_activation_bytes, 4 * (240 + 480));
    assert_eq!(cost.nodes[0].outputs, [Some(vec![1, 8, 6, 5])]);
    assert!(cost.unknown.is_empty());
    let batch = super::cost(&model().build(), &sizes(&[("N", 3), ("H", 6), ("W", 5)])).unwrap();
    assert_eq!(batch.macs, 3 * cost.macs);
}

#[test]
fn free_sizes_must_be_given_and_others_must_not() {
    let error = cost(&model().build(), &sizes(&[("W", 5)])).unwrap_err();
    assert_eq!(error.to_string(), "the sizes H are free: give a number for each");
    let error = cost(&model().build(), &sizes(&[("H", 5), ("W", 5), ("width", 5)])).unwrap_err();
    assert_eq!(error.to_string(), "no size is called `width`; free are N, H, W");
}

#[test]
fn shared_constants_count_once_and_unused_ones_never() {
    let model = ModelBuilder::new(13)
        .input("x", &["N", "4"])
        .weights("w", &[4, 4], 1)
        .weights("unused", &[100], 1)
        .node("Transpose", &["w"], "turned", vec![])
        .node("MatMul", &["x", "turned"], "a", vec![])
        .node("MatMul", &["a", "w"], "b", vec![])
        .constant("scale", &Array::f32([], vec![2.0]))
        .node("Mul", &["b", "scale"], "y", vec![])
        .node("MatMul", &["y", "w"], "dead", vec![])
        .output("y", &["N", "4"])
        .build();
    let cost = cost(&model, &HashMap::new()).unwrap();
    assert_eq!((cost.parameters, cost.macs), (16, 32));
    assert_eq!(cost.weight_bytes, 4 * 17);
}

#[test]
fn whole_weights_that_stand_for_floats_count() {
    let bytes = Array { shape: vec![3, 4], data: super::super::Data::I8(vec![1; 12]) };
    let model = ModelBuilder::new(13)
        .input("x", &["N", "3"])
        .constant("q", &bytes)
        .weights("scale", &[4], 1)
        .node("DequantizeLinear", &["q", "scale"], "w", vec![int("axis", 1)])
        .node("MatMul", &["x", "w"], "y", vec![])
        .output("y", &["N", "4"])
        .build();
    let cost = cost(&model, &HashMap::new()).unwrap();
    assert_eq!((cost.parameters, cost.macs, cost.weight_bytes), (12, 12, 12 + 16));
}
