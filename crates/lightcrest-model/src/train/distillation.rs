//! Distillation: a network learns what a teacher says of an image beside what the image is (Hinton et al.
//! 2015).
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | z, t | (n, classes) | outputs of the network and of the teacher |
//! | T, w | | temperature, weight |
//! | p, q | (classes) | softmax(z / T) and softmax(t / T) of one row |
//!
//! L = (1 - w) L0 + w T^2 KL(q || p), L0 being the loss on the targets; the factor keeps the slopes of both
//! as large whatever the temperature is. dL/dz = (1 - w) dL0/dz + w T (p - q). Means over the batch.

use std::sync::OnceLock;

use lightcrest_graph::network::{Network, NetworkError, Weights};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::augmentation::{AugmentationConfig, Batch, Batcher};
use super::config::Check;
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
}

impl Default for DistillationConfig {
    fn default() -> Self {
        Self { temperature: 4.0, weight: 0.7 }
    }
}

impl DistillationConfig {
    pub(super) fn validate(&self, check: &mut Check) {
        check.positive("distillation.temperature", self.temperature);
        let inside = (0.0..=1.0).contains(&self.weight);
        check.that(inside, "distillation.weight", "in [0, 1]", self.weight);
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

/// Who is learnt from.
#[derive(Clone, Copy)]
pub struct Teacher<'a> {
    /// A network for the same images and classes.
    pub network: &'a Network,
    /// Its weights.
    pub weights: &'a Weights,
    /// What it has said of the same training images already, in other trainings.
    pub answers: &'a Answers,
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

/// A teacher at work.
pub(super) struct Distiller<'a> {
    config: DistillationConfig,
    plan: Plan,
    classes: usize,
    data: &'a Splits,
    /// Where images are mirrored at most, and there are not too many.
    answers: Option<&'a Answers>,
    batcher: Batcher,
    outputs: Vec<f32>,
}

impl<'a> Distiller<'a> {
    pub(super) fn new(
        teacher: Teacher<'a>,
        config: DistillationConfig,
        augmentation: AugmentationConfig,
        data: &'a Splits,
        batch: usize,
    ) -> Result<Self, NetworkError> {
        let (images, classes) = (data.train.len(), data.train.classes().len());
        let mirrored = AugmentationConfig { flip: augmentation.flip, ..AugmentationConfig::default() };
        let kept =
            augmentation == mirrored && 2 * images * classes <= MOST && teacher.answers.images == images;
        let plan = Plan::new(teacher.network, teacher.weights, batch.max(BLOCK), PlanMode::Infer)?;
        let batcher = Batcher::new(mirrored, &data.train, &data.normalization, BLOCK);
        let answers = kept.then_some(teacher.answers);
        Ok(Self { config, plan, classes, data, answers, batcher, outputs: vec![] })
    }

    /// Mixes what the teacher says of a batch into its loss and gradient.
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
        let Some(answers) = self.answers else {
            let teacher = self.plan.forward(batch.images, indices.len(), false, rng);
            return self.config.mix(loss, outputs, teacher, classes, gradient);
        };
        self.outputs.clear();
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
            let config = DistillationConfig { temperature, weight };
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
    fn a_certain_teacher_stays_finite() {
        let mut gradient = [0.0f32; 3];
        let config = DistillationConfig::default();
        let value = config.mix(0.0, &[1000.0, -1000.0, 0.0], &[-5000.0, 5000.0, 0.0], 3, &mut gradient);
        assert!(value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{value} {gradient:?}");
    }
}
