//! Every operator in small networks: outputs against the definitions, gradients against finite differences in
//! f64, and every instruction set of this machine against the f64 plan.

mod networks;
mod reference;

use lightcrest_graph::network::{
    Activation, BatchNorm, Conv2d, Dropout, Network, Op, Pool2d, PoolKind, Shape, Tensor, Weights,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::execute::Executor;
use super::{Plan, PlanMode};
use crate::kernel::{Exact, archs};

/// Two full chunks and a rest, whatever the chunks are.
const IMAGES: usize = 5;

fn uniform(rng: &mut ChaCha8Rng) -> f32 {
    rng.next_u32() as f32 / u32::MAX as f32 * 2.0 - 1.0
}

/// A network with weights, images, and coefficients of a loss that is linear in the output.
struct Case {
    name: &'static str,
    network: Network,
    weights: Weights,
    images: Vec<f32>,
    coefficients: Vec<f32>,
}

fn cases() -> Vec<Case> {
    let build = |(name, network): (&'static str, Network)| {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let mut weights = Weights::init(&network, &mut rng);
        // nothing at its neutral value, so that a mistake shows
        let names: Vec<String> = weights.iter().map(|(name, _)| name.to_owned()).collect();
        for name in names.iter().filter(|n| n.ends_with("bias") || n.contains("norm")) {
            for value in &mut weights.get_mut(name).unwrap().data {
                *value = 1.0 + 0.4 * uniform(&mut rng);
            }
        }
        let images = (0..IMAGES * network.input_shape().len()).map(|_| uniform(&mut rng)).collect();
        let coefficients = (0..IMAGES * network.output_shape().len()).map(|_| uniform(&mut rng)).collect();
        Case { name, network, weights, images, coefficients }
    };
    networks::all().into_iter().map(build).collect()
}

fn exact(case: &Case, weights: &Weights) -> Executor<f64, Exact> {
    Executor::new(&case.network, weights, IMAGES, PlanMode::Train, Exact).unwrap()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&v| f64::from(v)).collect()
}

/// Largest difference, relative to the largest value.
fn difference(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1e-3f64, |m, v| m.max(v.abs()));
    found.iter().zip(expected).fold(0.0f64, |m, (a, b)| {
        let d = (a - b).abs() / scale;
        if d.is_nan() { f64::INFINITY } else { m.max(d) }
    })
}

#[test]
fn outputs_are_those_of_the_definitions() {
    for case in cases() {
        // dropout is random in training
        let random = case.network.nodes().iter().any(|n| matches!(n.op, Op::Dropout(_)));
        for training in [false, true] {
            if random && training {
                continue;
            }
            let expected = reference::forward(&case.network, &case.weights, &case.images, IMAGES, training);
            let mut plan = exact(&case, &case.weights);
            plan.forward(&wide(&case.images), IMAGES, training, &mut ChaCha8Rng::seed_from_u64(1));
            let d = difference(&plan.output, &expected);
            // erf is approximated to 1.5e-7 (Abramowitz & Stegun 1964, eq. 7.1.26), the others are exact
            let gauss = |op: &Op| {
                matches!(op, Op::Activation(Activation::Gelu | Activation::GeluTanh | Activation::Erf))
            };
            let approximated = case.network.nodes().iter().any(|node| gauss(&node.op));
            let tolerance = if approximated { 1e-6 } else { 1e-9 };
            assert!(d < tolerance, "{} (training {training}): off by {d:e}", case.name);
        }
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    for case in cases() {
        for training in [true, false] {
            let images = wide(&case.images);
            let mut plan = exact(&case, &case.weights);
            let loss = |plan: &mut Executor<f64, Exact>| -> f64 {
                plan.forward(&images, IMAGES, training, &mut ChaCha8Rng::seed_from_u64(1));
                plan.output.iter().zip(&case.coefficients).map(|(y, &c)| y * f64::from(c)).sum()
            };
            loss(&mut plan);
            plan.backward(&wide(&case.coefficients));
            let gradients: Vec<Vec<f64>> = plan.parameters.iter().map(|p| p.gradient.clone()).collect();
            for parameter in 0..gradients.len() {
                if !plan.parameters[parameter].trained {
                    continue;
                }
                let len = gradients[parameter].len();
                for index in (0..len).step_by(1 + len / 7) {
                    let value = plan.parameters[parameter].value[index];
                    let found = gradients[parameter][index];
                    // a value that passes a kink of its activation between the two points spoils a
                    // difference, but not at every distance; a wrong gradient fails at all of them
                    let mut differences = vec![];
                    let agrees = [1e-5, 1e-6, 1e-7].into_iter().any(|h| {
                        // the running statistics move with every forward pass in training and are not read
                        // there
                        plan.parameters[parameter].value[index] = value + h;
                        let above = loss(&mut plan);
                        plan.parameters[parameter].value[index] = value - h;
                        let below = loss(&mut plan);
                        plan.parameters[parameter].value[index] = value;
                        let difference = (above - below) / (2.0 * h);
                        differences.push(difference);
                        (found - difference).abs() <= 1e-6 * (1.0 + difference.abs())
                    });
                    assert!(
                        agrees,
                        "{} (training {training}): d {}[{index}] = {found}, differences say {differences:?}",
                        case.name, plan.parameters[parameter].name,
                    );
                }
            }
        }
    }
}

#[test]
fn every_instruction_set_agrees_with_f64() {
    for case in cases() {
        let mut expected = exact(&case, &case.weights);
        expected.forward(&wide(&case.images), IMAGES, true, &mut ChaCha8Rng::seed_from_u64(1));
        expected.backward(&wide(&case.coefficients));
        for arch in archs() {
            let mut plan =
                Plan::with_arch(&case.network, &case.weights, IMAGES, PlanMode::Train, arch).unwrap();
            let has_mask = case.network.nodes().iter().any(|n| matches!(n.op, Op::Dropout(_)));
            if has_mask {
                // masks are drawn along the padding, which differs from machine to machine
                continue;
            }
            for _ in 0..2 {
                let output = plan.forward(&case.images, IMAGES, true, &mut ChaCha8Rng::seed_from_u64(1));
                let d = difference(&wide(output), &expected.output);
                assert!(d < 2e-5, "{} on {arch:?}: output off by {d:e}", case.name);
                plan.backward(&case.coefficients);
            }
            let trained = expected.parameters.iter().filter(|p| p.trained);
            for (found, expected) in plan.parameters_mut().zip(trained) {
                let d = difference(&wide(found.gradient), &expected.gradient);
                assert!(d < 2e-4, "{} on {arch:?}: d {} off by {d:e}", case.name, found.name);
            }
        }
    }
}

#[test]
fn inference_agrees_with_evaluation_for_every_batch() {
    for case in cases() {
        let expected = reference::forward(&case.network, &case.weights, &case.images, IMAGES, false);
        let (pixels, values) = (case.network.input_shape().len(), case.network.output_shape().len());
        for arch in archs() {
            let rng = &mut ChaCha8Rng::seed_from_u64(1);
            let mut infer =
                Plan::with_arch(&case.network, &case.weights, IMAGES + 3, PlanMode::Infer, arch).unwrap();
            for n in [1, 2, IMAGES] {
                let output = infer.forward(&case.images[..n * pixels], n, false, rng);
                let d = difference(&wide(output), &expected[..n * values]);
                assert!(d < 2e-5, "{} on {arch:?}, {n} images: off by {d:e}", case.name);
            }
        }
    }
}

#[test]
fn the_same_inputs_give_the_same_bits() {
    for case in cases() {
        let run = || {
            let mut plan = Plan::new(&case.network, &case.weights, IMAGES + 2, PlanMode::Train).unwrap();
            let rng = &mut ChaCha8Rng::seed_from_u64(3);
            let mut bits = vec![];
            for n in [IMAGES, 2] {
                let images = &case.images[..n * case.network.input_shape().len()];
                bits.extend(plan.forward(images, n, true, rng).iter().map(|v| v.to_bits()));
                plan.backward(&case.coefficients[..n * case.network.output_shape().len()]);
                bits.extend(plan.parameters_mut().flat_map(|p| p.gradient.to_vec()).map(f32::to_bits));
            }
            bits
        };
        assert_eq!(run(), run(), "{}", case.name);
    }
}

#[test]
fn weights_come_back_as_they_went_in_and_running_statistics_as_in_pytorch() {
    let mut network = Network::new(Shape::new(1, 1, 2));
    network.push("norm", Op::BatchNorm(BatchNorm::new(1)), &[0]).unwrap();
    let weights = Weights::init(&network, &mut ChaCha8Rng::seed_from_u64(0));
    let mut plan = Plan::new(&network, &weights, 2, PlanMode::Train).unwrap();
    assert_eq!(plan.weights(), weights);
    let output = plan.forward(&[1.0, 2.0, 3.0, 6.0], 2, true, &mut ChaCha8Rng::seed_from_u64(0)).to_vec();
    // torch.nn.BatchNorm2d(1)(torch.tensor([1., 2., 3., 6.]).view(2, 1, 1, 2)) and its buffers after it
    let expected = [-1.069_043_4, -0.534_521_7, 0.0, 1.603_565_1];
    assert!(output.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{output:?}");
    let after = plan.weights();
    let (mean, var) = (after.get("norm.running_mean").unwrap(), after.get("norm.running_var").unwrap());
    assert!((mean.data[0] - 0.3).abs() < 1e-6, "0.9 * 0 + 0.1 * 3");
    assert!((var.data[0] - (0.9 + 0.1 * 14.0 / 3.0)).abs() < 1e-6, "unbiased: divided by 4 - 1");
}

#[test]
fn frozen_layers_stay_as_they_are_and_the_others_do_not() {
    let case = cases().into_iter().find(|c| c.name == "frozen").unwrap();
    let mut plan = Plan::new(&case.network, &case.weights, IMAGES, PlanMode::Train).unwrap();
    plan.forward(&case.images, IMAGES, true, &mut ChaCha8Rng::seed_from_u64(1));
    plan.backward(&case.coefficients);
    for p in plan.parameters_mut() {
        p.value.iter_mut().zip(p.gradient).for_each(|(value, gradient)| *value -= 0.1 * *gradient);
    }
    let after = plan.weights();
    for (name, tensor) in case.weights.iter() {
        let frozen = ["n1.", "norm2.", "norm5.", "n7."].iter().any(|layer| name.starts_with(layer));
        assert_eq!(after.get(name) == Some(tensor), frozen, "{name}");
    }
}

#[test]
fn the_first_of_equal_maxima_gets_the_gradient() {
    let mut network = Network::new(Shape::new(1, 2, 2));
    let mut last = 0;
    let conv = Conv2d::new(1, 1, 1, 1);
    last = network.push("conv", Op::Conv2d(conv), &[last]).unwrap();
    let pool = Pool2d::new(PoolKind::Max, 2, 2, 0);
    network.push("pool", Op::Pool2d(pool), &[last]).unwrap();
    let mut weights = Weights::new();
    weights.insert("conv.weight", Tensor { shape: vec![1, 1, 1, 1], data: vec![1.0] });
    let mut plan = Plan::new(&network, &weights, 1, PlanMode::Train).unwrap();
    // values 2, 5, 5, 1: dw = sum of x dy over pixels = 5, not 10
    plan.forward(&[2.0, 5.0, 5.0, 1.0], 1, true, &mut ChaCha8Rng::seed_from_u64(0));
    plan.backward(&[1.0]);
    assert_eq!(plan.parameters_mut().next().unwrap().gradient, [5.0]);
}

#[test]
fn dropout_scales_what_it_keeps() {
    let mut network = Network::new(Shape::vector(1000));
    network.push("dropout", Op::Dropout(Dropout { p: 0.25 }), &[0]).unwrap();
    let mut plan = Plan::new(&network, &Weights::new(), 1, PlanMode::Train).unwrap();
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    let output = plan.forward(&[3.0; 1000], 1, true, rng).to_vec();
    let kept = output.iter().filter(|&&v| v != 0.0).count();
    assert!((690..810).contains(&kept), "{kept} of 1000 kept");
    assert!(output.iter().all(|&v| v == 0.0 || (v - 4.0).abs() < 1e-6));
    assert_eq!(plan.forward(&[3.0; 1000], 1, false, rng), [3.0; 1000]);
}

#[test]
fn a_diverged_value_is_not_hidden() {
    let case = cases().into_iter().find(|c| c.name == "plain").unwrap();
    for arch in archs() {
        let mut plan = Plan::with_arch(&case.network, &case.weights, IMAGES, PlanMode::Train, arch).unwrap();
        let mut images = case.images.clone();
        images[0] = f32::NAN;
        let output = plan.forward(&images, IMAGES, true, &mut ChaCha8Rng::seed_from_u64(1));
        assert!(output.iter().any(|v| v.is_nan()), "{arch:?}: a loss would look fine");
    }
}
