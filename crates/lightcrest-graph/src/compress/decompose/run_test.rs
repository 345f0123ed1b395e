//! What decomposed models compute and cost.

use std::collections::{BTreeMap, HashMap};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::*;
use crate::compress::activation::{Feed, Own};
use crate::onnx::testing::{ModelBuilder, float, int, ints, string};
use crate::onnx::{Array, Model, Runner, cost};

fn normal(shape: &[usize], seed: u64) -> Array {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values = (0..shape.iter().product()).map(|_| StandardNormal.sample(&mut rng));
    Array::f32(shape, values.collect())
}

/// Convolutions with everything that a window can have, over maps.
fn maps() -> Model {
    let odd = vec![ints("strides", &[2, 1]), ints("pads", &[1, 0, 2, 3])];
    let dilated = vec![ints("dilations", &[2, 1]), ints("pads", &[2, 1, 1, 0])];
    let upper = vec![ints("strides", &[2, 2]), string("auto_pad", "SAME_UPPER")];
    let lower = vec![ints("strides", &[1, 2]), string("auto_pad", "SAME_LOWER")];
    ModelBuilder::new(17)
        .input("x", &["N", "6", "21", "27"])
        .output("y", &["N", "7", "5", "7"])
        .constant("w1", &normal(&[10, 6, 3, 5], 1))
        .constant("b1", &normal(&[10], 2))
        .constant("w2", &normal(&[12, 10, 3, 3], 3))
        .constant("w3", &normal(&[8, 12, 4, 3], 4))
        .constant("w4", &normal(&[9, 8, 4, 4], 5))
        .constant("w5", &normal(&[7, 9, 1, 1], 6))
        .node("Conv", &["x", "w1", "b1"], "a", odd)
        .node("Relu", &["a"], "ra", vec![])
        .node("Conv", &["ra", "w2"], "b", dilated)
        .node("Conv", &["b", "w3", ""], "c", upper)
        .node("Conv", &["c", "w4"], "d", lower)
        .node("Conv", &["d", "w5"], "y", vec![])
        .build()
}

/// One spatial axis, then linear layers in their spellings.
fn rows() -> Model {
    let conv = vec![ints("strides", &[2]), ints("pads", &[3, 1])];
    let gemm = vec![int("transB", 1), float("alpha", 0.5), float("beta", 2.0)];
    ModelBuilder::new(17)
        .input("x", &["N", "6", "19"])
        .output("y", &["N", "5"])
        .constant("w1", &normal(&[12, 6, 5], 1))
        .constant("w2", &normal(&[10, 8], 2))
        .constant("w3", &normal(&[9, 96], 3))
        .constant("b3", &normal(&[9], 4))
        .constant("w4", &normal(&[9, 5], 5))
        .node("Conv", &["x", "w1"], "a", conv)
        .node("MatMul", &["a", "w2"], "b", vec![])
        .node("Flatten", &["b"], "f", vec![])
        .node("Gemm", &["f", "w3", "b3"], "c", gemm)
        .node("Gemm", &["c", "w4"], "y", vec![])
        .constant("unused", &normal(&[1], 6))
        .build()
}

fn run(model: &Model, shape: &[usize], seed: u64) -> Array {
    let runner = Runner::new(model).unwrap();
    runner.run(&[("x", normal(shape, seed))], &["y"]).unwrap().remove("y").unwrap()
}

/// Largest difference, relative to the largest output.
fn difference(a: &Array, b: &Array) -> f32 {
    assert_eq!(a.shape, b.shape);
    let (a, b) = (a.as_f32().unwrap(), b.as_f32().unwrap());
    let largest = a.iter().fold(0f32, |l, v| l.max(v.abs()));
    a.iter().zip(b).fold(0f32, |l, (a, b)| l.max((a - b).abs())) / largest
}

#[test]
fn full_rank_computes_the_same_for_every_batch() {
    let sequence = ModelBuilder::new(17)
        .input("x", &["N", "6", "40"])
        .output("y", &["N", "12", "16"])
        .constant("w1", &normal(&[12, 6, 5], 1))
        .constant("w2", &normal(&[12, 12, 3], 2))
        .node("Conv", &["x", "w1"], "a", vec![ints("strides", &[2]), ints("pads", &[3, 1])])
        .node("Conv", &["a", "w2"], "y", vec![ints("dilations", &[2])])
        .build();
    for (model, shape) in [(maps(), vec![6, 21, 27]), (sequence, vec![6, 40])] {
        for method in Method::ALL {
            let layers =
                decompose(&model, &DecomposeConfig::uniform(method, Ranks::Fraction(1.0))).unwrap().1;
            // The rank at which CP is exact is beyond its full rank.
            let limits: BTreeMap<String, (Method, Vec<usize>)> = layers
                .layers
                .iter()
                .map(|layer| {
                    let node = model.graph().node.iter().find(|node| node.name == layer.name).unwrap();
                    let weight = model.graph().initializer.iter().find(|t| t.name == node.input[1]).unwrap();
                    let size = |axis: usize| weight.dims.get(axis).map_or(1, |&size| size as usize);
                    let shape =
                        method::KernelShape { out: size(0), input: size(1), height: size(2), width: size(3) };
                    (layer.name.clone(), (method, method.on(shape).limit(shape)))
                })
                .collect();
            let config = DecomposeConfig { allow_growth: true, ..DecomposeConfig::explicit(limits) };
            let (changed, report) = decompose(&model, &config).unwrap();
            assert_eq!(report.decomposed().count(), report.layers.len());
            for batch in [1, 3] {
                let shape = [&[batch], &shape[..]].concat();
                let difference = difference(&run(&model, &shape, 9), &run(&changed, &shape, 9));
                assert!(difference < 1e-5, "{method:?}, batch {batch}: {difference}");
            }
        }
    }
}

#[test]
fn linear_layers_keep_what_they_are_in_every_spelling() {
    let config =
        DecomposeConfig { allow_growth: true, ..DecomposeConfig::uniform(Method::Svd, Ranks::Fraction(1.0)) };
    let (changed, report) = decompose(&rows(), &config).unwrap();
    assert_eq!(report.decomposed().count(), 4);
    let difference = difference(&run(&rows(), &[3, 6, 19], 9), &run(&changed, &[3, 6, 19], 9));
    assert!(difference < 1e-5, "{difference}");
}

#[test]
fn the_report_says_what_the_cost_of_the_graph_is() {
    for (model, share) in [(maps(), 0.3), (rows(), 0.3)] {
        for method in Method::ALL {
            let (changed, report) =
                decompose(&model, &DecomposeConfig::uniform(method, Ranks::Fraction(share))).unwrap();
            let macs = |model: &Model| cost(model, &HashMap::new()).unwrap().macs;
            assert_eq!((macs(&model), macs(&changed)), (report.macs.before, report.macs.after), "{method:?}");
            assert!(report.macs.after < report.macs.before);
        }
    }
}

/// Images whose channels are few sources, mixed, about a mean that is not zero.
fn feeds(count: u64) -> Vec<Feed> {
    let feed = |n: u64| {
        let sources = normal(&[2, 3, 21 * 27], 100 + n);
        let mix = normal(&[6, 3], 50);
        let noise = normal(&[2, 6, 21 * 27], 200 + n);
        let (sources, mix) = (sources.as_f32().unwrap(), mix.as_f32().unwrap());
        let mut values = noise.as_f32().unwrap().to_vec();
        for (at, value) in values.iter_mut().enumerate() {
            let (n, c, p) = (at / (6 * 567), at / 567 % 6, at % 567);
            let sum: f32 = (0..3).map(|s| mix[c * 3 + s] * sources[(n * 3 + s) * 567 + p]).sum();
            *value = 0.1 * *value + sum + c as f32;
        }
        vec![("x".to_string(), Array::f32([2, 6, 21, 27], values))]
    };
    (0..count).map(feed).collect()
}

#[test]
fn knowing_the_inputs_loses_less_of_the_outputs() {
    let calibration = Calibration::collect(&maps(), &Own, &feeds(4)).unwrap();
    for method in Method::ALL {
        let plain = DecomposeConfig::uniform(method, Ranks::Fraction(0.4));
        let aware = DecomposeConfig { calibration: Some(calibration.clone()), ..plain.clone() };
        let unseen = feeds(9).pop().unwrap();
        let outputs = |model: &Model| {
            let mut values = Runner::new(model).unwrap().run(&unseen, &["a"]).unwrap();
            values.remove("a").unwrap().as_f32().unwrap().to_vec()
        };
        let error = |config: &DecomposeConfig| {
            let (changed, report) = decompose(&maps(), config).unwrap();
            changed.check().unwrap();
            let Outcome::Decomposed { output_error, .. } = &report.layers[0].outcome else {
                panic!("{report:?}")
            };
            assert_eq!(output_error.is_some(), config.calibration.is_some());
            let (y, z) = (outputs(&maps()), outputs(&changed));
            let norm = |v: &mut dyn Iterator<Item = f32>| v.map(|v| v * v).sum::<f32>().sqrt();
            norm(&mut y.iter().zip(&z).map(|(y, z)| y - z)) / norm(&mut y.iter().copied())
        };
        let (plain, aware) = (error(&plain), error(&aware));
        assert!(aware < 0.8 * plain, "{method:?}: {aware} against {plain}");
    }
}
