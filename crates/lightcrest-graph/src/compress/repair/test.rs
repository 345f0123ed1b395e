//! What repair makes of small models.

use std::collections::HashMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::*;
use crate::compress::activation::{Executor, Feed, Own};
use crate::compress::decompose::{DecomposeConfig, Method, Ranks, decompose};
use crate::compress::prune::{PruneConfig, prune};
use crate::onnx::testing::{ModelBuilder, float, int, ints};
use crate::onnx::{Array, Model};

fn normal(shape: &[usize], scale: f32, seed: u64) -> Array {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = || -> f32 { StandardNormal.sample(&mut rng) };
    Array::f32(shape, (0..shape.iter().product()).map(|_| scale * draw()).collect())
}

/// Images whose channels depend on each other.
fn feeds(count: usize, from: u64) -> Vec<Feed> {
    let feed = |n: u64| {
        let mut x = normal(&[2, 4, 8, 8], 1.0, from + n);
        let crate::onnx::Data::F32(values) = &mut x.data else { panic!() };
        for n in 0..2 {
            for at in 0..64 {
                let first = values[n * 256 + at];
                (1..4).for_each(|c| {
                    values[n * 256 + c * 64 + at] = 0.6 * values[n * 256 + c * 64 + at] + first
                });
            }
        }
        vec![("x".to_string(), x)]
    };
    (0..count as u64).map(feed).collect()
}

/// Two convolutions with a normalisation between, and a linear layer; `channels` of the first one are there.
fn network(channels: &[usize]) -> Model {
    let rows = |array: Array, channels: &[usize], axis: usize| {
        let values = array.as_f32().unwrap();
        let outer: usize = array.shape[..axis].iter().product();
        let inner: usize = array.shape[axis + 1..].iter().product();
        let size = array.shape[axis];
        let picked = (0..outer).flat_map(|o| channels.iter().map(move |c| (o * size + c) * inner));
        let picked: Vec<f32> = picked.flat_map(|at| values[at..at + inner].to_vec()).collect();
        let mut shape = array.shape.clone();
        shape[axis] = channels.len();
        Array::f32(shape, picked)
    };
    let positive = |seed| {
        let array = normal(&[16], 0.2, seed);
        Array::f32(vec![16], array.as_f32().unwrap().iter().map(|v| 1.0 + v.abs()).collect())
    };
    ModelBuilder::new(17)
        .input("x", &["N", "4", "8", "8"])
        .output("y", &["N", "5"])
        .constant("w1", &rows(normal(&[16, 4, 3, 3], 0.3, 1), channels, 0))
        .constant("b1", &rows(normal(&[16], 0.3, 2), channels, 0))
        .constant("scale", &rows(positive(3), channels, 0))
        .constant("shift", &rows(normal(&[16], 0.2, 4), channels, 0))
        .constant("mean", &rows(normal(&[16], 0.2, 5), channels, 0))
        .constant("var", &rows(positive(6), channels, 0))
        .constant("w2", &rows(normal(&[12, 16, 3, 3], 0.1, 7), channels, 1))
        .constant("w3", &normal(&[5, 12], 0.3, 8))
        .constant("b3", &normal(&[5], 0.3, 9))
        .node("Conv", &["x", "w1", "b1"], "a", vec![ints("pads", &[1, 1, 1, 1])])
        .node("BatchNormalization", &["a", "scale", "shift", "mean", "var"], "n", vec![])
        .node("Relu", &["n"], "r", vec![])
        .node("Conv", &["r", "w2"], "c", vec![ints("strides", &[2, 2])])
        .node("Relu", &["c"], "s", vec![])
        .node("GlobalAveragePool", &["s"], "g", vec![])
        .node("Flatten", &["g"], "f", vec![])
        .node("Gemm", &["f", "w3", "b3"], "y", vec![int("transB", 1), float("beta", 0.5)])
        .build()
}

fn whole() -> Model {
    network(&(0..16).collect::<Vec<_>>())
}

/// Relative difference of the outputs.
fn error(a: &Model, b: &Model, feeds: &[Feed]) -> f64 {
    let outputs = |model: &Model| {
        let mut all = vec![];
        Own.run_each(model, feeds, &["y".to_string()], &mut |_, values| {
            all.extend_from_slice(values["y"].as_f32().unwrap());
            Ok(())
        })
        .unwrap();
        all
    };
    let (y, z) = (outputs(a), outputs(b));
    let squares = |v: Vec<f32>| v.into_iter().map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    squares(y.iter().zip(&z).map(|(y, z)| y - z).collect()) / squares(y)
}

fn repaired(compressed: &Model, correspondence: &Correspondence) -> (Model, RepairReport) {
    repair(&whole(), compressed, correspondence, &Own, &feeds(12, 100), &RepairConfig::default()).unwrap()
}

#[test]
fn a_decomposed_model_comes_closer_to_the_original() {
    for (method, share) in
        [(Method::Svd, 0.4), (Method::Tucker, 0.5), (Method::Spatial, 0.4), (Method::Cp, 0.5)]
    {
        let config = DecomposeConfig::uniform(method, Ranks::Fraction(share));
        let compressed = decompose(&whole(), &config).unwrap().0;
        let (model, report) = repaired(&compressed, &Correspondence::identity());
        model.check().unwrap();
        assert!(report.after < 0.8 * report.before, "{method:?}: {} to {}", report.before, report.after);
        // What was not seen says the same.
        let (before, after) =
            (error(&whole(), &compressed, &feeds(6, 900)), error(&whole(), &model, &feeds(6, 900)));
        assert!(after < 0.85 * before, "{method:?}: {before} to {after}");
        assert_eq!(model.graph().output, compressed.graph().output);
    }
}

#[test]
fn a_model_without_channels_makes_up_for_them() {
    let left: Vec<usize> = (0..16).filter(|c| ![2, 5, 6, 11].contains(c)).collect();
    let compressed = network(&left);
    let kept = ["a", "n", "r"].map(|value| (value.to_string(), left.clone()));
    let (model, report) = repaired(&compressed, &Correspondence::new(HashMap::from(kept)));
    assert!(report.after < 0.6 * report.before, "{} to {}", report.before, report.after);
    let (before, after) =
        (error(&whole(), &compressed, &feeds(6, 900)), error(&whole(), &model, &feeds(6, 900)));
    assert!(after < 0.7 * before, "{before} to {after}");
    // The first layer writes what it did, and the second has got a bias.
    assert!(
        matches!(&report.layers[0].outcome, RepairOutcome::Kept { reason } if reason.contains("original does"))
    );
    assert_eq!(model.graph().node[3].input.len(), 3);
    // Without the channels nobody can tell what a layer should write, and it stays.
    let (_, report) = repaired(&compressed, &Correspondence::identity());
    assert!(
        matches!(&report.layers[0].outcome, RepairOutcome::Kept { reason } if reason.contains("12 of the original's 16"))
    );
}

#[test]
fn what_was_pruned_says_which_channels_are_left() {
    for steps in [1, 2] {
        let config = PruneConfig { ratio: 0.4, steps, ..PruneConfig::default() };
        let (compressed, report) = prune(&whole(), &config).unwrap();
        let (_, report) = repaired(&compressed, &Correspondence::of_pruned(&report));
        assert!(report.after < 0.9 * report.before, "{} to {}", report.before, report.after);
        let unknown = |layer: &RepairedLayer| match &layer.outcome {
            RepairOutcome::Kept { reason } => reason.contains("nobody says"),
            RepairOutcome::Repaired { .. } => false,
        };
        assert!(!report.layers.iter().any(unknown), "{report:?}");
    }
}

#[test]
fn a_normalisation_gets_mean_and_variance_of_the_original() {
    let mut compressed = whole();
    crate::onnx::set_constant(&mut compressed, "scale", &normal(&[16], 1.0, 50));
    crate::onnx::set_constant(&mut compressed, "shift", &normal(&[16], 1.0, 51));
    let (model, report) = repaired(&compressed, &Correspondence::identity());
    let RepairOutcome::Repaired { before, after } = &report.layers[1].outcome else { panic!("{report:?}") };
    assert!(after < before, "{before} to {after}");
    assert!(report.after < 0.5 * report.before, "{} to {}", report.before, report.after);
    assert!(error(&whole(), &model, &feeds(6, 900)) < 0.6 * error(&whole(), &compressed, &feeds(6, 900)));
}

#[test]
fn what_needs_no_repair_stays_and_nothing_ever_gets_worse() {
    let (same, report) = repaired(&whole(), &Correspondence::identity());
    assert_eq!(same, whole());
    assert_eq!((report.before, report.after), (0.0, 0.0));
    for seed in 0..3 {
        // Noise on the weights and hardly an input to learn from.
        let mut compressed = whole();
        crate::onnx::set_constant(&mut compressed, "w2", &normal(&[12, 16, 3, 3], 0.1, 60 + seed));
        let config = RepairConfig { positions: 8, ..RepairConfig::default() };
        let (_, report) =
            repair(&whole(), &compressed, &Correspondence::identity(), &Own, &feeds(2, seed), &config)
                .unwrap();
        assert!(report.after <= report.before, "{report:?}");
    }
    let one =
        repair(&whole(), &whole(), &Correspondence::identity(), &Own, &feeds(1, 0), &RepairConfig::default());
    assert_eq!(one.unwrap_err(), RepairError::Inputs { found: 1 });
}

/// Runs what is not understood here as `Relu`.
struct Elsewhere;

impl Executor for Elsewhere {
    fn run_each(
        &self,
        model: &Model,
        feeds: &[Feed],
        wanted: &[String],
        visit: &mut dyn FnMut(usize, HashMap<String, Array>) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut known = model.clone();
        for node in known.graph_mut().node.iter_mut().filter(|node| node.op_type == "Mystery") {
            (node.op_type, node.domain) = ("Relu".into(), String::new());
        }
        Own.run_each(&known, feeds, wanted, visit)
    }
}

#[test]
fn nodes_that_are_not_understood_are_no_obstacle_where_somebody_runs_them() {
    let strange = |mut model: Model| {
        let node = model.graph_mut().node.iter_mut().find(|node| node.op_type == "Relu").unwrap();
        (node.op_type, node.domain) = ("Mystery".into(), "com.example".into());
        model
    };
    let original = strange(whole());
    let config = DecomposeConfig::uniform(Method::Svd, Ranks::Fraction(0.4));
    let compressed = decompose(&original, &config).unwrap().0;
    let run = |executor: &dyn Executor| {
        let feeds = feeds(12, 100);
        repair(
            &original,
            &compressed,
            &Correspondence::identity(),
            executor,
            &feeds,
            &RepairConfig::default(),
        )
    };
    let (model, report) = run(&Elsewhere).unwrap();
    assert!(report.after < 0.8 * report.before, "{} to {}", report.before, report.after);
    assert_eq!(model.graph().node.iter().filter(|node| node.op_type == "Mystery").count(), 1);
    assert!(run(&Own).unwrap_err().to_string().starts_with("the original model cannot be run"));
}
