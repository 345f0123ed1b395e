//! Passes over the layer graph, on every module of the vocabulary.

use lightcrest_graph::network::{BatchNorm, Network, Op, Shape, Weights, reference};
use lightcrest_model::block::{Module, stage};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[test]
fn folding_changes_no_output_of_any_module() {
    for name in Module::NAMES {
        let mut network = Network::new(Shape::new(16, 6, 6));
        let head = if *name == "Linear" {
            network.push("flatten", Op::Flatten, &[0]).unwrap()
        } else {
            network.push("norm", Op::BatchNorm(BatchNorm::new(16)), &[0]).unwrap()
        };
        stage(&mut network, "s", &Module::example(name).unwrap(), 2, head).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let weights = Weights::random(&network, &mut rng);
        let image: Vec<f32> = (0..network.input_shape().len()).map(|_| rng.random_range(-1.0..1.0)).collect();
        let (folded, folded_weights) = network.fold_batch_norm(&weights).unwrap();
        let left = folded.nodes().iter().filter(|node| matches!(node.op, Op::BatchNorm(_))).count();
        assert_eq!(left, usize::from(*name != "Linear"), "only `norm` stays in {name}");
        let before = reference::evaluate(&network, &weights, &image).unwrap();
        let after = reference::evaluate(&folded, &folded_weights, &image).unwrap();
        for (a, b) in before.iter().zip(&after) {
            assert!((a - b).abs() <= 1e-5 * (1.0 + a.abs()), "{name}: {a} {b}");
        }
    }
}
