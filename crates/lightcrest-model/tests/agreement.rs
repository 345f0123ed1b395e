//! The executor gives what the reference evaluation and, through the files that `cargo xtask test` checks,
//! onnxruntime give, on networks that together use every operator and every module.

use lightcrest_graph::network::{Weights, reference};
use lightcrest_model::train::{Plan, PlanMode};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[path = "onnx/cases.rs"]
mod cases;

const BATCH: usize = 3;

#[test]
fn the_plan_gives_the_reference_outputs() {
    for (name, network) in cases::cases() {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let weights = Weights::random(&network, &mut rng);
        let (input, output) = (network.input_shape(), network.output_shape());
        let images: Vec<f32> = (0..BATCH * input.len()).map(|_| rng.random_range(-2.0..2.0)).collect();
        let mut plan = Plan::new(&network, &weights, BATCH, PlanMode::Infer).unwrap();
        let found = plan.forward(&images, BATCH, false, &mut rng).to_vec();
        for (image, found) in images.chunks_exact(input.len()).zip(found.chunks_exact(output.len())) {
            let mut channels_first = Vec::with_capacity(image.len());
            for channel in 0..input.channels {
                channels_first.extend(image.iter().skip(channel).step_by(input.channels));
            }
            let expected = reference::evaluate(&network, &weights, &channels_first).unwrap();
            for (i, expected) in expected.iter().enumerate() {
                let (channel, position) = (i / output.area(), i % output.area());
                let found = found[position * output.channels + channel];
                let error = (found - expected).abs() / expected.abs().max(1.0);
                assert!(error <= 1e-4, "{name}, value {i}: {found} instead of {expected}");
            }
        }
    }
}
