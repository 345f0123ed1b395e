//! Distillation: a network learns what a teacher says of an image beside what the image is (Hinton et al.
//! 2015), and what the teacher sees in it on the way (Romero et al. 2015, *FitNets*).
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | z, t | (n, classes) | outputs of the network and of the teacher |
//! | T, w, f | | temperature, weight, weight of the maps |
//! | p, q | (classes) | softmax(z / T) and softmax(t / T) of one row |
//! | a, b | (n, channels, height, width) | a map of the network, and the same channels of the teacher's |
//!
//! L = (1 - w) L0 + w T^2 KL(q || p) + f D, L0 being the loss on the targets; the factor keeps the slopes of
//! both as large whatever the temperature is. dL/dz = (1 - w) dL0/dz + w T (p - q). Means over the batch.
//!
//! D is the mean over maps of |a - b|^2 / |b|^2. A network that was made of its teacher by removing channels
//! has some of its channels in each map, so that nothing has to translate between them.

use std::ops::Range;
use std::sync::OnceLock;

use lightcrest_graph::network::{Network, NodeId, Weights};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::augmentation::{AugmentationConfig, Batch, Batcher};
use super::config::Check;
use super::error::TrainError;
use super::plan::{Plan, PlanMode};
use crate::data::Splits;

/// How much of the teacher is learnt.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DistillationConfig {
    /// What outputs are divided by before the softmax; larger ones show more of the unlikely classes.
    pub temperature: f64,
    /// Share of the teacher in the loss, in [0, 1]; at 1 no labels are used.
    pub weight: f64,
    /// What the distance between maps counts; at 0 only outputs are learnt.
    pub features: f64,
}

impl Default for DistillationConfig {
    fn default() -> Self {
        Self { temperature: 4.0, weight: 0.7, features: 0.0 }
    }
}

impl DistillationConfig {
    pub(super) fn validate(&self, check: &mut Check) {
        check.positive("distillation.temperature", self.temperature);
        let inside = (0.0..=1.0).contains(&self.weight);
        check.that(inside, "distillation.weight", "in [0, 1]", self.weight);
        check.not_negative("distillation.features", self.features);
    }

    /// Mixes the teacher into the loss of a batch: `loss` and `gradient` are those on the targets and become
    /// those of both.
    ///
    /// # Shapes
    /// `outputs`, `teacher`, `gradient`: (n, classes).
    pub fn mix(
        &self,
        loss: f64,
        outputs: &[f32],
        teacher: &[f32],
        classes: usize,
        gradient: &mut [f32],
    ) -> f64 {
        debug_assert!(outputs.len() == teacher.len() && outputs.len() == gradient.len());
        let (t, w) = (self.temperature, self.weight);
        let n = (outputs.len() / classes) as f64;
        let mut divergence = 0.0;
        let rows = outputs.chunks_exact(classes).zip(teacher.chunks_exact(classes));
        for ((z, q), d) in rows.zip(gradient.chunks_exact_mut(classes)) {
            let (z_sum, q_sum) = (log_sum_exp(z, t), log_sum_exp(q, t));
            for ((&z, &q), d) in z.iter().zip(q).zip(d) {
                let (log_p, log_q) = (f64::from(z) / t - z_sum, f64::from(q) / t - q_sum);
                let (p, q) = (log_p.exp(), log_q.exp());
                // a class that the teacher excludes adds nothing
                if q > 0.0 {
                    divergence += q * (log_q - log_p);
                }
                *d = ((1.0 - w) * f64::from(*d) + w * t * (p - q) / n) as f32;
            }
        }
        (1.0 - w) * loss + w * t * t * divergence / n
    }
}

/// log sum exp(z / t), shifted by the largest value so that nothing overflows.
fn log_sum_exp(z: &[f32], t: f64) -> f64 {
    let largest = z.iter().fold(f64::NEG_INFINITY, |m, &v| m.max(f64::from(v) / t));
    largest + z.iter().map(|&v| (f64::from(v) / t - largest).exp()).sum::<f64>().ln()
}

/// A map that a network and its teacher both have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Border {
    /// The layer of the network that gives it.
    pub layer: String,
    /// That of the teacher.
    pub of_teacher: String,
    /// The teacher's channels that the network has, in the order of its own.
    pub channels: Vec<usize>,
}

/// Who is learnt from.
#[derive(Clone, Copy)]
pub struct Teacher<'a> {
    /// A network for the same images and classes.
    pub network: &'a Network,
    /// Its weights.
    pub weights: &'a Weights,
    /// What it has said of the same training images already, in other trainings.
    pub answers: &'a Answers,
    /// The maps that are compared if `features` counts.
    pub borders: &'a [Border],
}

/// Images of which a teacher is asked at once.
const BLOCK: usize = 32;

/// Most numbers that are kept of what a teacher says.
const MOST: usize = 1 << 27;

/// What a teacher says of the training images, as they are and mirrored. Trainings that share it ask once for
/// each image. Whoever asks first, the same images are run together, so that no answer depends on that.
pub struct Answers {
    images: usize,
    /// (2, images / BLOCK rounded up) blocks of outputs, each (images of the block, classes).
    blocks: Vec<OnceLock<Box<[f32]>>>,
}

impl Answers {
    /// None yet, of so many images.
    pub fn new(images: usize) -> Self {
        Self { images, blocks: (0..2 * images.div_ceil(BLOCK)).map(|_| OnceLock::new()).collect() }
    }
}

/// The nodes of the layers that `layer` names of borders.
pub(super) fn nodes(
    network: &Network,
    borders: &[Border],
    layer: impl Fn(&Border) -> &String,
) -> Result<Vec<NodeId>, TrainError> {
    let found = |border: &Border| {
        let layer = layer(border);
        network.find(layer).ok_or_else(|| TrainError::NoLayer { layer: layer.clone() })
    };
    borders.iter().map(found).collect()
}

/// A border in rows of outputs.
struct Pair {
    /// Where the map of the network lies.
    own: Range<usize>,
    /// Where each of its channels lies in what the teacher says.
    channels: Vec<Range<usize>>,
}

impl Pair {
    /// The borders of networks that return their outputs first, then the maps of these nodes.
    fn of(
        borders: &[Border],
        (network, own): (&Network, &[NodeId]),
        (teacher, others): (&Network, &[NodeId]),
        classes: usize,
    ) -> Result<Vec<Self>, TrainError> {
        let (mut at, mut place) = (classes, classes);
        let mut pairs = Vec::with_capacity(own.len());
        for ((border, &own), &other) in borders.iter().zip(own).zip(others) {
            let (a, b) = (network.shape(own), teacher.shape(other));
            let fits = (a.channels, a.height, a.width) == (border.channels.len(), b.height, b.width)
                && border.channels.iter().all(|&channel| channel < b.channels);
            if !fits {
                return Err(TrainError::Border { layer: border.layer.clone(), network: a, teacher: b });
            }
            let channel = |&channel: &usize| {
                let start = place + channel * b.area();
                start..start + b.area()
            };
            let channels = border.channels.iter().map(channel).collect();
            pairs.push(Self { own: at..at + a.len(), channels });
            (at, place) = (at + a.len(), place + b.len());
        }
        Ok(pairs)
    }

    /// |a - b|^2 / |b|^2 over rows of both; its slopes times `weight` are added to those of the network.
    fn distance(
        &self,
        weight: f64,
        (own, gradient): (&[f32], &mut [f32]),
        width: usize,
        (teacher, teacher_width): (&[f32], usize),
    ) -> f64 {
        let (mut error, mut size) = (0.0, 0.0);
        let area = self.channels.first().map_or(1, Range::len);
        for (row, said) in own.chunks_exact(width).zip(teacher.chunks_exact(teacher_width)) {
            for (a, channel) in row[self.own.clone()].chunks_exact(area).zip(&self.channels) {
                for (&a, &b) in a.iter().zip(&said[channel.clone()]) {
                    error += f64::from(a - b) * f64::from(a - b);
                    size += f64::from(b) * f64::from(b);
                }
            }
        }
        // a map of zeros says nothing
        if size == 0.0 {
            return 0.0;
        }
        let slope = (2.0 * weight / size) as f32;
        let rows = own.chunks_exact(width).zip(gradient.chunks_exact_mut(width));
        for ((row, d), said) in rows.zip(teacher.chunks_exact(teacher_width)) {
            let maps = row[self.own.clone()].chunks_exact(area);
            let maps = maps.zip(d[self.own.clone()].chunks_exact_mut(area)).zip(&self.channels);
            for ((a, d), channel) in maps {
                for ((&a, d), &b) in a.iter().zip(d).zip(&said[channel.clone()]) {
                    *d += slope * (a - b);
                }
            }
        }
        error / size
    }
}

/// A teacher at work.
pub(super) struct Distiller<'a> {
    config: DistillationConfig,
    plan: Plan,
    classes: usize,
    data: &'a Splits,
    /// Where images are mirrored at most, and there are not too many.
    answers: Option<&'a Answers>,
    batcher: Batcher,
    /// What the teacher says of the batch, one row an image: the classes, then the maps.
    said: Vec<f32>,
    pairs: Vec<Pair>,
    /// The classes alone.
    outputs: Vec<f32>,
}

impl<'a> Distiller<'a> {
    /// `network` learns; `looked_at` are its nodes at the teacher's borders.
    pub(super) fn new(
        (network, looked_at): (&Network, &[NodeId]),
        teacher: Teacher<'a>,
        config: DistillationConfig,
        augmentation: AugmentationConfig,
        data: &'a Splits,
        batch: usize,
    ) -> Result<Self, TrainError> {
        let (images, classes) = (data.train.len(), data.train.classes().len());
        let mirrored = AugmentationConfig { flip: augmentation.flip, ..AugmentationConfig::default() };
        // Maps would be too many to keep.
        let kept = augmentation == mirrored
            && 2 * images * classes <= MOST
            && teacher.answers.images == images
            && teacher.borders.is_empty();
        let others = nodes(teacher.network, teacher.borders, |border| &border.of_teacher)?;
        let pairs = Pair::of(teacher.borders, (network, looked_at), (teacher.network, &others), classes)?;
        let open = teacher.network.returning_also(&others)?;
        let plan = Plan::new(&open, teacher.weights, batch.max(BLOCK), PlanMode::Infer)?;
        let batcher = Batcher::new(mirrored, &data.train, &data.normalization, BLOCK);
        let answers = kept.then_some(teacher.answers);
        Ok(Self { config, plan, classes, data, answers, batcher, said: vec![], pairs, outputs: vec![] })
    }

    /// Mixes what the teacher says of a batch into its loss and the gradient of the outputs.
    pub(super) fn mix(
        &mut self,
        loss: f64,
        (batch, indices): (&Batch<'_>, &[usize]),
        outputs: &[f32],
        gradient: &mut [f32],
    ) -> f64 {
        let classes = self.classes;
        // nothing is random in inference
        let rng = &mut ChaCha8Rng::seed_from_u64(0);
        self.outputs.clear();
        let Some(answers) = self.answers else {
            self.said.clear();
            self.said.extend_from_slice(self.plan.forward(batch.images, indices.len(), false, rng));
            let width = self.said.len() / indices.len();
            self.said.chunks_exact(width).for_each(|row| self.outputs.extend_from_slice(&row[..classes]));
            return self.config.mix(loss, outputs, &self.outputs, classes, gradient);
        };
        for (&index, &mirrored) in indices.iter().zip(batch.mirrored) {
            let block = index / BLOCK;
            let place = usize::from(mirrored) * (answers.blocks.len() / 2) + block;
            let found = answers.blocks[place].get_or_init(|| {
                let range = block * BLOCK..((block + 1) * BLOCK).min(answers.images);
                let count = range.len();
                let images = self.batcher.mirrored(&self.data.train, range, mirrored);
                self.plan.forward(images, count, false, rng).into()
            });
            self.outputs.extend_from_slice(&found[index % BLOCK * classes..][..classes]);
        }
        self.config.mix(loss, outputs, &self.outputs, classes, gradient)
    }

    /// f D of the batch that was mixed last, and its slopes in `gradient`; `rows` rows of outputs, the
    /// classes first, then the maps.
    pub(super) fn compare(&self, rows: usize, outputs: &[f32], gradient: &mut [f32]) -> f64 {
        let weight = self.config.features / self.pairs.len().max(1) as f64;
        let (width, said) = (outputs.len() / rows, (&self.said[..], self.said.len() / rows));
        let distance = |pair: &Pair| pair.distance(weight, (outputs, &mut *gradient), width, said);
        weight * self.pairs.iter().map(distance).sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula as it reads.
    fn reference(config: DistillationConfig, loss: f64, z: &[f64], teacher: &[f64]) -> f64 {
        let softmax = |z: &[f64]| -> Vec<f64> {
            let e: Vec<f64> = z.iter().map(|v| (v / config.temperature).exp()).collect();
            e.iter().map(|v| v / e.iter().sum::<f64>()).collect()
        };
        let rows = z.chunks(3).zip(teacher.chunks(3));
        let kl: f64 = rows
            .flat_map(|(z, t)| {
                let (p, q) = (softmax(z), softmax(t));
                (0..3).map(move |c| q[c] * (q[c] / p[c]).ln()).collect::<Vec<_>>()
            })
            .sum();
        let factor = config.temperature * config.temperature;
        (1.0 - config.weight) * loss + config.weight * factor * kl / 2.0
    }

    #[test]
    fn value_and_slopes_are_those_of_the_formula() {
        let z = [0.3f32, -1.2, 2.0, 0.0, 0.5, -0.7];
        let teacher = [1.0f32, 0.2, -0.5, 3.0, -2.0, 0.1];
        let wide = |v: &[f32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        for (temperature, weight) in [(1.0, 1.0), (4.0, 0.7), (0.5, 0.2)] {
            let config = DistillationConfig { temperature, weight, ..DistillationConfig::default() };
            // a loss on the targets of 0.25 z_0
            let mut gradient = [0.25f32, 0.0, 0.0, 0.0, 0.0, 0.0];
            let loss = |z: &[f64]| 0.25 * z[0];
            let value = config.mix(loss(&wide(&z)), &z, &teacher, 3, &mut gradient);
            let (z, teacher) = (wide(&z), wide(&teacher));
            assert!((value - reference(config, loss(&z), &z, &teacher)).abs() < 1e-9);
            for i in 0..6 {
                let at = |h: f64| {
                    let mut z = z.clone();
                    z[i] += h;
                    reference(config, loss(&z), &z, &teacher)
                };
                let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                assert!(
                    (slope - f64::from(gradient[i])).abs() < 1e-6,
                    "{config:?} {i}: {slope} {}",
                    gradient[i]
                );
            }
        }
    }

    #[test]
    fn a_map_is_compared_with_the_channels_it_stands_for() {
        // two images; one class, then a map of two channels of two pixels: the teacher's third and first
        let pair = Pair { own: 1..5, channels: vec![5..7, 1..3] };
        let own: Vec<f32> = (0..10).map(|i| (i as f32 * 0.7).sin()).collect();
        let teacher: Vec<f32> = (0..14).map(|i| (i as f32 * 0.3).cos()).collect();
        let distance = |own: &[f32]| pair.distance(0.0, (own, &mut [0.0; 10]), 5, (&teacher, 7));
        let b: Vec<f32> = [5, 6, 1, 2, 12, 13, 8, 9].map(|i| teacher[i]).into();
        let a: Vec<f32> = [1, 2, 3, 4, 6, 7, 8, 9].map(|i| own[i]).into();
        let square = |v: &mut dyn Iterator<Item = f32>| v.map(|x| f64::from(x * x)).sum::<f64>();
        let expected = square(&mut a.iter().zip(&b).map(|(a, b)| a - b)) / square(&mut b.iter().copied());
        assert!((distance(&own) - expected).abs() < 1e-6);
        let mut gradient = [0.25; 10];
        pair.distance(2.0, (&own, &mut gradient), 5, (&teacher, 7));
        for i in 0..10 {
            let at = |h: f32| {
                let mut own = own.clone();
                own[i] += h;
                distance(&own)
            };
            let slope = 0.25 + 2.0 * (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!((slope - f64::from(gradient[i])).abs() < 1e-4, "{i}: {slope} {}", gradient[i]);
        }
    }

    #[test]
    fn a_certain_teacher_stays_finite() {
        let mut gradient = [0.0f32; 3];
        let config = DistillationConfig::default();
        let value = config.mix(0.0, &[1000.0, -1000.0, 0.0], &[-5000.0, 5000.0, 0.0], 3, &mut gradient);
        assert!(value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{value} {gradient:?}");
    }
}
