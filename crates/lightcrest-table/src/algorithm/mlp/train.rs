//! Epochs, steps and when to stop.
//!
//! AdamW (Loshchilov & Hutter 2019) on shuffled batches, with one cycle of the learning rate (Smith & Topin
//! 2018): up for a fifth of the steps, then down to nothing as a cosine. The parameters of the model are
//! running means over about the last epoch (Polyak & Juditsky 1992), so that a training that ends early has
//! no noise of large steps. Some of the rows are kept apart and judge each epoch; the means of the best one
//! are kept, and where many epochs bring nothing better, the training ends. Where the number of epochs is
//! known already, all rows are learnt from, with the steps that the schedule has up to there.

use lightcrest_tree::Link;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::input::Beginning;
use super::network::{Buffers, Loss, Network};
use super::{Mlp, MlpConfig};
use crate::Task;
use crate::algorithm::{FitError, Training, moments};
use crate::feature::Matrix;
use crate::split::Fold;

/// The share of the steps in which the learning rate rises.
const RISE: f64 = 0.2;

/// Means of slopes and of their squares forget so much less than everything a step.
const BETAS: [f32; 2] = [0.9, 0.99];

/// Keeps steps finite where slopes are 0.
const TINY: f32 = 1e-8;

/// Steps of an epoch are about so many, with batches of these sizes.
const STEPS: usize = 50;
const BATCHES: [usize; 2] = [32, 256];

/// The share of the epochs, and how many of them at least, that may bring nothing better.
const PATIENCE: (f64, usize) = (0.3, 5);

/// Rows that are kept apart judge nothing if they are fewer.
const FEWEST_JUDGES: usize = 30;

/// Epochs that are left in any case where work is limited.
const FEWEST: f64 = 3.0;

/// Learns; predictions of the validation rows come along, and epochs that were learnt.
///
/// # Errors
/// [`FitError::Stopped`] if `stop` says so, [`FitError::Setting`] for a setting that is none.
pub(in crate::algorithm) fn fit(
    training: &Training<'_>,
    matrix: &Matrix,
    config: &MlpConfig,
    (work, known): (f64, Option<usize>),
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<(Mlp, Vec<f64>, usize), FitError> {
    config.check()?;
    let mut rng = ChaCha8Rng::seed_from_u64(training.seed);
    let mut random = {
        let mut rng = ChaCha8Rng::seed_from_u64(rng.next_u64());
        move || 2.0 * rng.random::<f32>() - 1.0
    };
    let beginning = Beginning::new(matrix, training.rows, config.embedding, &mut random);
    let target = Target::new(training);
    let mut mlp = Mlp {
        columns: matrix.features.len(),
        link: target.link,
        scale: target.scale,
        center: target.center,
        range: target.range,
        inputs: Vec::new(),
        layers: Vec::new(),
        parameters: Vec::new(),
    };
    let mut epochs = 1;
    if beginning.inputs.is_empty() {
        // There is nothing to tell rows apart by.
        (mlp.layers, mlp.parameters) = (vec![[0, target.base.len()]], target.base.clone());
    } else {
        let hidden = vec![config.width; config.layers];
        let (rows, judges): (&[u32], &[u32]) = match training.within {
            Fold { train, validation } if known.is_none() && validation.len() >= FEWEST_JUDGES => {
                (train, validation)
            }
            _ => (training.rows, &[]),
        };
        let part = |rows: &[u32]| Part {
            places: beginning.places(matrix, rows),
            targets: rows.iter().map(|row| target.of(training.targets[*row as usize])).collect(),
        };
        let (learn, judge) = (part(rows), part(judges));
        let mut network = Network::new(beginning, &hidden, &target.base, target.loss, &mut random);
        let cost = config.epoch_cost(network.parameters.len() - network.embeddings, matrix.features.len());
        let cost = cost / if training.classes > 2 { training.classes as f64 } else { 1.0 };
        let mut config = config.clone();
        config.epochs = (config.epochs as f64).min((work / cost).max(FEWEST)) as usize;
        epochs = learn_epochs(&mut network, &learn, &judge, &config, known, &mut rng, stop)?;
        settle(&mut network, &learn.places);
        (mlp.inputs, mlp.layers, mlp.parameters) = (network.inputs, network.layers, network.parameters);
    }
    mlp.parameters.iter_mut().for_each(|value| *value = short(*value));
    let mut cells = vec![0.0; matrix.features.len()];
    let predict = |row: &u32| {
        matrix.row(*row as usize, &mut cells);
        mlp.predict_row(&cells)
    };
    let validation = training.validation.iter().flat_map(predict).collect();
    Ok((mlp, validation, epochs))
}

impl MlpConfig {
    /// About how many rounds of eight leaves cost as much as an epoch of so many weights, a tree a round;
    /// measured with lightcrest-tree.
    pub(crate) fn epoch_cost(&self, weights: usize, features: usize) -> f64 {
        0.04 * weights as f64 / features.max(1) as f64
    }
}

/// Rows that are learnt from, or judge.
struct Part {
    /// One an input and row.
    places: Vec<f32>,
    targets: Vec<f32>,
}

/// What is minimised, and in which unit.
struct Target {
    loss: Loss,
    link: Link,
    /// Scores before anything is learnt.
    base: Vec<f32>,
    center: f64,
    scale: f64,
    range: Option<[f32; 2]>,
}

impl Target {
    fn new(training: &Training<'_>) -> Self {
        let targets = || training.rows.iter().map(|row| training.targets[*row as usize]);
        if training.task == Task::Regression {
            let (center, scale) = moments(&targets().collect::<Vec<f64>>());
            let mut made = Self {
                loss: Loss::Squared,
                link: Link::Identity,
                base: vec![0.0],
                center,
                scale,
                range: None,
            };
            made.range = targets().map(|y| made.of(y)).fold(None, |range, y| {
                let [low, high] = range.unwrap_or([y; 2]);
                Some([low.min(y), high.max(y)])
            });
            return made;
        }
        let mut counts = vec![1.0_f64; training.classes];
        targets().for_each(|y| counts[y as usize] += 1.0);
        let (loss, link, base) = match &counts[..] {
            [first, second] => (Loss::Logistic, Link::Logistic, vec![(second / first).ln() as f32]),
            _ => {
                let all: f64 = counts.iter().sum();
                let base = counts.iter().map(|count| (count / all).ln() as f32).collect();
                (Loss::Softmax, Link::Softmax, base)
            }
        };
        Self { loss, link, base, center: 0.0, scale: 1.0, range: None }
    }

    fn of(&self, y: f64) -> f32 {
        ((y - self.center) / self.scale) as f32
    }
}

/// The learning rate at a share of the schedule, as a share of the largest.
fn cycle(at: f64) -> f64 {
    if at < RISE {
        return 0.04 + 0.96 * at / RISE;
    }
    0.5 + 0.5 * (std::f64::consts::PI * (at - RISE) / (1.0 - RISE)).cos()
}

/// Epoch after epoch; returns how many the parameters have in the end.
fn learn_epochs(
    network: &mut Network,
    learn: &Part,
    judge: &Part,
    config: &MlpConfig,
    known: Option<usize>,
    rng: &mut ChaCha8Rng,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<usize, FitError> {
    let (n, inputs) = (learn.targets.len(), network.inputs.len());
    let batch = (n / STEPS).next_power_of_two().clamp(BATCHES[0], BATCHES[1]);
    let steps = n.div_ceil(batch);
    let mut order: Vec<u32> = (0..n as u32).collect();
    let mut adam = Adam::new(network);
    let mut mean = network.parameters.clone();
    let (mut buffers, mut places, mut targets) = (Buffers::default(), Vec::new(), Vec::new());
    let mut slopes = vec![0.0; network.parameters.len()];
    let mut best = (f64::INFINITY, 0, network.parameters.clone());
    let patience = ((PATIENCE.0 * config.epochs as f64) as usize).max(PATIENCE.1);
    for epoch in 0..known.unwrap_or(config.epochs).min(config.epochs) {
        for at in (1..n).rev() {
            order.swap(at, rng.random_range(0..=at));
        }
        for (step, rows) in order.chunks(batch).enumerate() {
            if stop() {
                return Err(FitError::Stopped);
            }
            places.clear();
            targets.clear();
            for row in rows {
                let row = *row as usize;
                places.extend_from_slice(&learn.places[row * inputs..(row + 1) * inputs]);
                targets.push(learn.targets[row]);
            }
            let dropout = (config.dropout > 0.0).then_some((config.dropout, &mut *rng));
            network.forward(&places, &mut buffers, dropout);
            network.backward(&places, &targets, &mut buffers, config.dropout, &mut slopes);
            let share = (epoch * steps + step) as f64 / (config.epochs * steps) as f64;
            adam.step(network, &slopes, config.learning_rate * cycle(share), config.weight_decay);
            let part = 1.0 / (epoch * steps + step + 1).min(steps) as f32;
            let values = mean.iter_mut().zip(&network.parameters);
            values.for_each(|(mean, value)| *mean += part * (value - *mean));
        }
        if mean.iter().any(|value| !value.is_finite()) {
            break;
        }
        if judge.targets.is_empty() {
            best = (0.0, epoch + 1, mean.clone());
            continue;
        }
        std::mem::swap(&mut mean, &mut network.parameters);
        let loss = mean_loss(network, judge, inputs, &mut buffers);
        std::mem::swap(&mut mean, &mut network.parameters);
        if loss < best.0 {
            best = (loss, epoch + 1, mean.clone());
        } else if epoch + 1 >= best.1 + patience {
            break;
        }
    }
    network.parameters = best.2;
    Ok(best.1.max(1))
}

fn mean_loss(network: &Network, part: &Part, inputs: usize, buffers: &mut Buffers) -> f64 {
    let mut sum = 0.0;
    for (places, targets) in part.places.chunks(BATCHES[1] * inputs).zip(part.targets.chunks(BATCHES[1])) {
        network.forward(places, buffers, None);
        sum += network.loss_of(buffers, targets) * targets.len() as f64;
    }
    let loss = sum / part.targets.len() as f64;
    if loss.is_nan() { f64::INFINITY } else { loss }
}

/// Moments of slopes (Kingma & Ba 2015, algorithm 1).
struct Adam {
    first: Vec<f32>,
    second: Vec<f32>,
    /// Powers of both betas.
    powers: [f32; 2],
    decays: Vec<bool>,
}

impl Adam {
    fn new(network: &Network) -> Self {
        let zeros = vec![0.0; network.parameters.len()];
        let mut decays = vec![false; network.parameters.len()];
        network.weights().into_iter().for_each(|range| decays[range].fill(true));
        Self { first: zeros.clone(), second: zeros, powers: [1.0; 2], decays }
    }

    fn step(&mut self, network: &mut Network, slopes: &[f32], rate: f64, decay: f64) {
        let [a, b] = BETAS;
        self.powers = [self.powers[0] * a, self.powers[1] * b];
        let (rate, kept) = (rate as f32, (1.0 - rate * decay) as f32);
        let (of_first, of_second) = (rate / (1.0 - self.powers[0]), 1.0 / (1.0 - self.powers[1]));
        let moments = self.first.iter_mut().zip(&mut self.second);
        let all = network.parameters.iter_mut().zip(slopes).zip(moments).zip(&self.decays);
        for (((value, slope), (first, second)), decays) in all {
            *first = a * *first + (1.0 - a) * slope;
            *second = b * *second + (1.0 - b) * slope * slope;
            let kept = if *decays { kept } else { 1.0 };
            *value = kept * *value - of_first * *first / ((of_second * *second).sqrt() + TINY);
        }
    }
}

/// Rows of embeddings that no row was at take the mean of the others.
fn settle(network: &mut Network, places: &[f32]) {
    let inputs = network.inputs.len();
    let mut at = 0;
    for (i, input) in network.inputs.iter().enumerate() {
        let (rows, width) = (input.rows(), input.width);
        let mut counts = vec![0.0f32; rows];
        for place in places.iter().skip(i).step_by(inputs) {
            let (row, share) = (*place as usize, place.fract());
            counts[row] += 1.0 - share;
            if share > 0.0 {
                counts[row + 1] += share;
            }
        }
        let embedding = &mut network.parameters[at..at + rows * width];
        let all: f32 = counts.iter().sum();
        let mean: Vec<f32> = (0..width)
            .map(|k| (0..rows).map(|row| counts[row] * embedding[row * width + k]).sum::<f32>() / all)
            .collect();
        for (row, _) in counts.iter().enumerate().filter(|(_, count)| **count == 0.0) {
            embedding[row * width..][..width].copy_from_slice(&mean);
        }
        at += rows * width;
    }
}

/// A number with 11 significant bits, as those of half precision have: a file packs it into half of the
/// bytes.
fn short(value: f32) -> f32 {
    const LOST: u32 = 13;
    let bits = value.to_bits();
    let half = (1 << (LOST - 1)) - 1 + (bits >> LOST & 1);
    f32::from_bits((bits + half) >> LOST << LOST)
}
