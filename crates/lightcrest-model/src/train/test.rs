//! Trainings on the bundled digits.

use std::ops::ControlFlow;

use lightcrest_graph::network::{Linear, Network, Op, Shape, Tensor, Weights};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::block::{ConvConfig, GlobalAvgPoolConfig, LinearConfig, Module, stage};
use crate::data::{DataConfig, SourceKind, Splits};

fn digits() -> Splits {
    DataConfig::new(SourceKind::Digits).load().unwrap().0
}

/// Two convolutions, 5,178 parameters.
fn small() -> Network {
    with_first(16)
}

/// Two convolutions, the first of so many channels.
fn with_first(channels: usize) -> Network {
    let mut network = Network::new(Shape::new(1, 8, 8));
    let modules = [
        Module::Conv(ConvConfig::new(channels, 3, 1)),
        Module::Conv(ConvConfig::new(32, 3, 2)),
        Module::GlobalAvgPool(GlobalAvgPoolConfig {}),
        Module::Linear(LinearConfig { out_features: 10, activation: None, bias: true }),
    ];
    let mut last = 0;
    for (index, module) in modules.iter().enumerate() {
        last = stage(&mut network, &format!("stage{index}"), module, 1, last).unwrap();
    }
    network
}

/// One linear layer on the pixels.
fn linear() -> Network {
    let mut network = Network::new(Shape::new(1, 8, 8));
    let flat = network.push("flatten", Op::Flatten, &[0]).unwrap();
    let op = Op::Linear(Linear { in_features: 64, out_features: 10, bias: true });
    network.push("classifier", op, &[flat]).unwrap();
    network
}

fn config() -> TrainConfig {
    TrainConfig { epochs: 6, batch_size: 32, ..TrainConfig::default() }
}

fn init(network: &Network) -> Weights {
    Weights::init(network, &mut ChaCha8Rng::seed_from_u64(7))
}

fn watch(_: &EpochReport) -> ControlFlow<StopReason> {
    ControlFlow::Continue(())
}

#[test]
fn a_small_network_learns_the_digits_and_repeats_bit_for_bit() {
    let (network, splits) = (small(), digits());
    let config = TrainConfig {
        epochs: 15,
        learning_rate: 0.2,
        augmentation: AugmentationConfig { shift: 1, mixup: 0.2, ..AugmentationConfig::default() },
        ..config()
    };
    let run = |seed| train(&network, init(&network), &splits, &config, seed, &mut watch).unwrap();
    let first = run(1);
    assert!(first.validation.accuracy >= 0.9, "{}", first.validation.accuracy);
    assert_eq!(first.epochs.len(), 15);
    let again = run(1);
    assert_eq!(first.weights, again.weights);
    assert_eq!(first.validation, again.validation);
    assert_ne!(first.weights, run(2).weights);

    let evaluated = evaluate(&network, &first.weights, &splits.validation, &splits.normalization).unwrap();
    assert_eq!(evaluated, first.validation);
}

#[test]
fn every_part_of_a_configuration_learns() {
    let (network, splits) = (small(), digits());
    let adam = OptimizerConfig::Adam { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 };
    let adam_w = OptimizerConfig::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    let one_cycle = ScheduleConfig::OneCycle { rise: 0.3 };
    let step = ScheduleConfig::Step { warmup_epochs: 0.5, every_epochs: 2.0, factor: 0.5 };
    let focal = LossConfig::Focal { gamma: 1.0 };
    let smooth = LossConfig::CrossEntropy { label_smoothing: 0.1 };
    let cases = [
        TrainConfig { optimizer: adam, learning_rate: 0.01, weight_decay: 1e-4, loss: focal, ..config() },
        TrainConfig { optimizer: adam_w, learning_rate: 0.01, schedule: one_cycle, loss: smooth, ..config() },
        TrainConfig { schedule: step, clip_norm: Some(1.0), ..config() },
        TrainConfig { ema_decay: Some(0.95), ..config() },
    ];
    for config in cases {
        let trained = train(&network, init(&network), &splits, &config, 1, &mut watch).unwrap();
        assert!(trained.validation.accuracy >= 0.8, "{config:?}: {}", trained.validation.accuracy);
    }
}

#[test]
fn a_divergence_is_an_error_with_its_step() {
    let (network, splits) = (linear(), digits());
    let config = TrainConfig { learning_rate: 1e6, ..config() };
    let error = train(&network, init(&network), &splits, &config, 1, &mut watch).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { epoch: 1, step: 2..=5, .. }), "{error}");
    assert!(error.to_string().starts_with("diverged in epoch 1, step "), "{error}");

    let mut weights = init(&network);
    weights.get_mut("classifier.bias").unwrap().data[3] = f32::NAN;
    let error = train(&network, weights.clone(), &splits, &config, 1, &mut watch).unwrap_err();
    assert_eq!(error, TrainError::Diverged { epoch: 1, step: 1, divergence: Divergence::Loss });
    let error = evaluate(&network, &weights, &splits.validation, &splits.normalization).unwrap_err();
    assert_eq!(error, TrainError::NotFinite);
}

#[test]
fn an_observer_ends_a_training() {
    let (network, splits) = (linear(), digits());
    let mut pruner = |report: &EpochReport| match report.epoch {
        2 => ControlFlow::Break(StopReason::Pruned("below the median".into())),
        _ => ControlFlow::Continue(()),
    };
    let error = train(&network, init(&network), &splits, &config(), 1, &mut pruner).unwrap_err();
    assert_eq!(error.to_string(), "stopped in epoch 2: pruned: below the median");

    struct Impatient;
    impl Observer for Impatient {
        fn step(&mut self, step: usize, steps: usize) -> ControlFlow<StopReason> {
            assert_eq!(steps, 6 * (1294 / 32));
            if step == 3 { ControlFlow::Break(StopReason::Interrupted) } else { ControlFlow::Continue(()) }
        }
        fn epoch(&mut self, _: &EpochReport) -> ControlFlow<StopReason> {
            unreachable!("the third step ends the training")
        }
    }
    let error = train(&network, init(&network), &splits, &config(), 1, &mut Impatient).unwrap_err();
    assert_eq!(error, TrainError::Stopped { reason: StopReason::Interrupted, epoch: 1 });
}

#[test]
fn early_stopping_returns_the_best_epoch() {
    let (network, splits) = (linear(), digits());
    let early_stopping = Some(EarlyStoppingConfig { patience: 3, min_delta: 0.0 });
    let config = TrainConfig { epochs: 100, early_stopping, ..config() };
    let trained = train(&network, init(&network), &splits, &config, 1, &mut watch).unwrap();
    let accuracies: Vec<f64> = trained.epochs.iter().map(|report| report.validation.accuracy).collect();
    let best = accuracies.iter().copied().fold(0.0, f64::max);
    assert_eq!(trained.validation.accuracy, best);
    assert_eq!(accuracies[trained.epoch - 1], best);
    assert_eq!(accuracies.len(), trained.epoch + 3);
    let evaluated = evaluate(&network, &trained.weights, &splits.validation, &splits.normalization).unwrap();
    assert_eq!(evaluated, trained.validation);
}

#[test]
fn network_and_data_must_fit() {
    let (network, splits) = (linear(), digits());
    let resized = splits.resized(9, 9);
    let error = train(&network, init(&network), &resized, &config(), 1, &mut watch).unwrap_err();
    assert_eq!(error.to_string(), "the network reads 1x8x8 images, but the data set has 1x9x9");
    let mut headless = Network::new(Shape::new(1, 8, 8));
    headless.push("flatten", Op::Flatten, &[0]).unwrap();
    let error = train(&headless, Weights::new(), &splits, &config(), 1, &mut watch).unwrap_err();
    assert_eq!(error.to_string(), "the network returns 64x1x1, but the data set has 10 classes");
}

#[test]
fn a_network_that_was_read_is_trained_on_and_learns_from_its_teacher() {
    let (network, splits) = (small(), digits());
    let config = TrainConfig { epochs: 8, learning_rate: 0.2, ..config() };
    let teacher = train(&network, init(&network), &splits, &config, 1, &mut watch).unwrap();
    // the teacher after a mishap: its last layer forgot its weights
    let mut hurt = teacher.weights.clone();
    let name = network.nodes().last().map(|node| format!("{}.weight", node.name)).unwrap();
    hurt.get_mut(&name).unwrap().data.iter_mut().for_each(|v| *v *= 0.01);
    hurt.get_mut(&name).unwrap().data[..160].fill(0.0);
    let frozen = network.nodes()[1].name.clone();
    let finetuning = FinetuneConfig {
        train: TrainConfig { epochs: 4, learning_rate: 0.1, ..config.clone() },
        // labels do not count
        distillation: Some(DistillationConfig { temperature: 2.0, weight: 1.0, features: 0.0 }),
        frozen: vec![frozen.clone()],
        ..FinetuneConfig::default()
    };
    let answers = Answers::new(splits.train.len());
    let who = Some(Teacher { network: &network, weights: &teacher.weights, answers: &answers, borders: &[] });
    let found = finetune(&network, hurt.clone(), who, &splits, &finetuning, 1, &mut watch).unwrap();
    assert!(found.before.accuracy < teacher.validation.accuracy - 0.2, "{:?}", found.before);
    let after = found.trained.validation.accuracy;
    assert!(after > teacher.validation.accuracy - 0.05, "{after}");
    let kept = format!("{frozen}.weight");
    assert_eq!(found.trained.weights.get(&kept), hurt.get(&kept));

    // what the teacher said in one training is what it would say in the next
    let other = FinetuneConfig {
        train: TrainConfig { batch_size: 50, ..finetuning.train.clone() },
        ..finetuning.clone()
    };
    let again = |answers: &Answers| {
        let who = Some(Teacher { network: &network, weights: &teacher.weights, answers, borders: &[] });
        finetune(&network, hurt.clone(), who, &splits, &other, 2, &mut watch).unwrap().trained.weights
    };
    assert_eq!(again(&answers), again(&Answers::new(splits.train.len())));

    let error = finetune(&network, hurt.clone(), None, &splits, &finetuning, 1, &mut watch).unwrap_err();
    assert_eq!(error, TrainError::NoTeacher);
    let unknown = FinetuneConfig { frozen: vec!["no*".into()], ..finetuning };
    let error = finetune(&network, hurt, who, &splits, &unknown, 1, &mut watch).unwrap_err().to_string();
    assert_eq!(error, "no layer of the network is named `no*`");
}

#[test]
fn a_network_with_some_of_its_teachers_channels_learns_what_the_teacher_sees() {
    let splits = digits();
    let whole = small();
    let trained =
        train(&whole, init(&whole), &splits, &TrainConfig { epochs: 8, ..config() }, 1, &mut watch).unwrap();
    let (whole, teacher) = whole.fold_batch_norm(&trained.weights).unwrap();
    // every other channel of the first convolution is gone
    let half = with_first(8);
    let half = half.fold_batch_norm(&init(&half)).unwrap().0;
    let mut weights = teacher.clone();
    let convs: Vec<&str> = half
        .nodes()
        .iter()
        .filter(|node| matches!(node.op, Op::Conv2d(_)))
        .map(|node| node.name.as_str())
        .collect();
    for (name, shape, each) in [
        (format!("{}.weight", convs[0]), vec![8, 1, 3, 3], 9),
        (format!("{}.bias", convs[0]), vec![8], 1),
        (format!("{}.weight", convs[1]), vec![32, 8, 3, 3], 9),
    ] {
        let data =
            teacher.get(&name).unwrap().data.chunks_exact(each).step_by(2).flatten().copied().collect();
        weights.insert(name, Tensor { shape, data });
    }
    let maps: Vec<String> =
        [8, 4].map(|height| last_map(&half, height)).map(|id| half.nodes()[id].name.clone()).into();
    let border = |(layer, channels): (&String, Vec<usize>)| Border {
        layer: layer.clone(),
        of_teacher: layer.clone(),
        channels,
    };
    let channels = [(0..16).step_by(2).collect(), (0..32).collect()];
    let borders: Vec<Border> = maps.iter().zip(channels).map(border).collect();
    let answers = Answers::new(splits.train.len());
    let who = |borders| Teacher { network: &whole, weights: &teacher, answers: &answers, borders };
    let tuned = |features, borders| {
        let config = FinetuneConfig {
            train: TrainConfig { epochs: 3, learning_rate: 0.05, ..config() },
            distillation: Some(DistillationConfig { features, ..DistillationConfig::default() }),
            ..FinetuneConfig::default()
        };
        finetune(&half, weights.clone(), Some(who(borders)), &splits, &config, 1, &mut watch)
    };
    // how far the last map is from the teacher's on validation images
    let seen = |network: &Network, weights: &Weights| {
        let open = network.returning_also(&[last_map(network, 4)]).unwrap();
        let mut plan = Plan::new(&open, weights, 1, PlanMode::Infer).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut batcher =
            augmentation::Batcher::new(Default::default(), &splits.validation, &splits.normalization, 1);
        let row =
            |i| plan.forward(batcher.plain(&splits.validation, i..i + 1), 1, false, &mut rng)[10..].to_vec();
        (0..splits.validation.len()).flat_map(row).collect::<Vec<f32>>()
    };
    let right = seen(&whole, &teacher);
    let away = |weights: &Weights| {
        let far = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
        seen(&half, weights).iter().zip(&right).map(far).sum::<f64>()
    };
    let (outputs, both) = (tuned(0.0, &borders).unwrap(), tuned(3.0, &borders).unwrap());
    let (alone, with) = (away(&outputs.trained.weights), away(&both.trained.weights));
    assert!(with < 0.7 * alone, "{with} {alone}");
    assert!(both.trained.validation.accuracy > 0.9, "{}", both.trained.validation.accuracy);

    let mut wrong = borders.clone();
    wrong[0].channels.pop();
    let error = tuned(3.0, &wrong).unwrap_err().to_string();
    assert!(error.contains("which are no channels of the teacher's"), "{error}");
}

/// The last map of a height.
fn last_map(network: &Network, height: usize) -> usize {
    (0..network.nodes().len()).rev().find(|&id| network.shape(id).height == height).unwrap()
}

#[test]
fn batch_normalisation_that_was_folded_away_stands_there_for_the_training() {
    let (network, splits) = (small(), digits());
    let trained = train(&network, init(&network), &splits, &config(), 1, &mut watch).unwrap();
    let (folded, weights) = network.fold_batch_norm(&trained.weights).unwrap();
    let first = folded.nodes()[1].name.clone();
    let tuned = |learning_rate, batch_norm, frozen: &[&String]| {
        let train = TrainConfig { epochs: 2, learning_rate, ..config() };
        let frozen = frozen.iter().map(|path| path.to_string()).collect();
        let config = FinetuneConfig { train, batch_norm, frozen, ..FinetuneConfig::default() };
        finetune(&folded, weights.clone(), None, &splits, &config, 1, &mut watch)
    };
    // a training that hardly moves leaves the function as it was, but for statistics of other batches
    let still = tuned(1e-9, true, &[]).unwrap();
    let (before, after) = (still.before.loss, still.trained.validation.loss);
    assert!((before - after).abs() < 0.05, "{before} {after}");
    // a rate of trainings from scratch, which the folded network does not bear
    let learnt = tuned(0.5, true, &[]).unwrap().trained;
    assert!(learnt.validation.loss < before, "{before} {:?}", learnt.validation);
    let error = tuned(0.5, false, &[]).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { .. }), "{error}");
    // what is said of the training holds for the folded network
    let folded_again = evaluate(&folded, &learnt.weights, &splits.validation, &splits.normalization).unwrap();
    assert!((folded_again.loss - learnt.validation.loss).abs() < 1e-4, "{folded_again:?}");
    assert_eq!(tuned(0.5, true, &[]).unwrap().trained.weights, learnt.weights, "one seed, one answer");
    let kept = tuned(0.5, true, &[&first]).unwrap().trained.weights;
    for name in [format!("{first}.weight"), format!("{first}.bias")] {
        assert_eq!(kept.get(&name), weights.get(&name));
    }
}

#[test]
fn statistics_that_were_lost_are_found_again() {
    let (network, splits) = (small(), digits());
    let config = TrainConfig { epochs: 8, learning_rate: 0.2, ..config() };
    let trained = train(&network, init(&network), &splits, &config, 1, &mut watch).unwrap();
    let mut lost = trained.weights.clone();
    let names: Vec<String> = lost.iter().map(|(name, _)| name.to_owned()).collect();
    for name in names.iter().filter(|name| name.ends_with("running_mean")) {
        lost.get_mut(name).unwrap().data.fill(3.0);
    }
    let accuracy = |weights: &Weights| {
        evaluate(&network, weights, &splits.validation, &splits.normalization).unwrap().accuracy
    };
    let found = reestimate(&network, &lost, &splits, 64, 8, 1).unwrap();
    assert!(accuracy(&lost) < 0.5 && accuracy(&found) > trained.validation.accuracy - 0.03);
    let same = |name: &str| name.contains("running_") || found.get(name) == lost.get(name);
    assert!(names.iter().all(|name| same(name)), "nothing but statistics changes");
}
