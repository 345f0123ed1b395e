//! Losses on soft targets: cross entropy with label smoothing, and the focal loss.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | z | (n, classes) | outputs of the network |
//! | t | (n, classes) | targets, each row sums to 1 |
//! | p | (classes) | softmax(z) of one row |
//!
//! - Cross entropy with smoothing e (Szegedy et al. 2016, section 7): t' = (1 - e) t + e / classes;
//!   L = -sum t' log p; dL/dz = p - t'.
//! - Focal (Lin et al. 2017, eq. 4, extended to soft targets): L = -sum t (1 - p)^gamma log p. With
//!   g_c = t_c (gamma p_c (1 - p_c)^(gamma - 1) log p_c - (1 - p_c)^gamma), dL/dz_j = g_j - p_j sum g_c.
//!
//! Both are means over the batch.

use serde::{Deserialize, Serialize};

use super::config::Check;

/// What is minimised.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum LossConfig {
    /// Cross entropy.
    CrossEntropy {
        /// Share of the target that is spread over all classes, in [0, 1).
        #[serde(default)]
        label_smoothing: f64,
    },
    /// Cross entropy that counts confident examples less.
    Focal {
        /// How much less; 0 is cross entropy.
        #[serde(default = "gamma")]
        gamma: f64,
    },
}

fn gamma() -> f64 {
    2.0
}

impl Default for LossConfig {
    /// Plain cross entropy.
    fn default() -> Self {
        Self::CrossEntropy { label_smoothing: 0.0 }
    }
}

impl LossConfig {
    pub(super) fn validate(&self, check: &mut Check) {
        match *self {
            Self::CrossEntropy { label_smoothing } => check.fraction("loss.label_smoothing", label_smoothing),
            Self::Focal { gamma } => check.not_negative("loss.gamma", gamma),
        }
    }

    /// Mean loss of a batch; writes its gradient with respect to `outputs`.
    ///
    /// # Shapes
    /// `outputs`, `targets`, `gradient`: (n, classes).
    pub fn value_and_gradient(
        &self,
        outputs: &[f32],
        targets: &[f32],
        classes: usize,
        gradient: &mut [f32],
    ) -> f64 {
        debug_assert!(outputs.len() == targets.len() && outputs.len() == gradient.len());
        let n = (outputs.len() / classes) as f64;
        let mut total = 0.0;
        let rows = outputs.chunks_exact(classes).zip(targets.chunks_exact(classes));
        for ((z, t), d) in rows.zip(gradient.chunks_exact_mut(classes)) {
            let log_sum = log_sum_exp(z);
            total += match *self {
                Self::CrossEntropy { label_smoothing } => cross_entropy(z, t, d, log_sum, label_smoothing, n),
                Self::Focal { gamma } => focal(z, t, d, log_sum, gamma, n),
            };
        }
        total / n
    }
}

/// log sum exp(z), shifted by the largest value so that nothing overflows.
pub(super) fn log_sum_exp(z: &[f32]) -> f64 {
    let largest = f64::from(z.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = z.iter().map(|&v| (f64::from(v) - largest).exp()).sum();
    largest + sum.ln()
}

fn cross_entropy(z: &[f32], t: &[f32], d: &mut [f32], log_sum: f64, smoothing: f64, n: f64) -> f64 {
    let spread = smoothing / z.len() as f64;
    let mut loss = 0.0;
    for ((&z, &t), d) in z.iter().zip(t).zip(d) {
        let log_p = f64::from(z) - log_sum;
        let target = (1.0 - smoothing) * f64::from(t) + spread;
        loss -= target * log_p;
        *d = ((log_p.exp() - target) / n) as f32;
    }
    loss
}

fn focal(z: &[f32], t: &[f32], d: &mut [f32], log_sum: f64, gamma: f64, n: f64) -> f64 {
    // (1 - p)^(gamma - 1) has a pole at p = 1 when gamma < 1; the product with log p tends to zero there,
    // which the bound keeps finite.
    let rest = |p: f64| (1.0 - p).max(1e-12);
    let (mut loss, mut sum) = (0.0, 0.0);
    for ((&z, &t), d) in z.iter().zip(t).zip(d.iter_mut()) {
        let (log_p, t) = (f64::from(z) - log_sum, f64::from(t));
        let p = log_p.exp();
        let weight = rest(p).powf(gamma);
        loss -= t * weight * log_p;
        let g = if t == 0.0 { 0.0 } else { t * (gamma * p * log_p * weight / rest(p) - weight) };
        *d = g as f32;
        sum += g;
    }
    for (&z, d) in z.iter().zip(d) {
        let p = (f64::from(z) - log_sum).exp();
        *d = ((f64::from(*d) - p * sum) / n) as f32;
    }
    loss
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The losses as their formulas read, in f64.
    fn reference(config: LossConfig, z: &[f64], t: &[f64], classes: usize) -> f64 {
        let rows = z.chunks(classes).zip(t.chunks(classes));
        let losses = rows.map(|(z, t)| {
            let sum: f64 = z.iter().map(|z| z.exp()).sum();
            let p = z.iter().map(|z| z.exp() / sum);
            match config {
                LossConfig::CrossEntropy { label_smoothing: e } => {
                    p.zip(t).map(|(p, t)| -((1.0 - e) * t + e / classes as f64) * p.ln()).sum::<f64>()
                }
                LossConfig::Focal { gamma } => {
                    p.zip(t).map(|(p, t)| -t * (1.0 - p).powf(gamma) * p.ln()).sum()
                }
            }
        });
        losses.sum::<f64>() / (z.len() / classes) as f64
    }

    proptest! {
        #[test]
        fn value_and_gradient_agree_with_finite_differences(
            z in prop::collection::vec(-4.0f32..4.0, 12),
            mix in 0.0f32..1.0,
            smoothing in 0.0f64..0.5,
            gamma in 0.0f64..3.0,
        ) {
            let mut t = [0.0f32; 12];
            for row in 0..3 {
                t[row * 4 + row] += mix;
                t[row * 4 + 3 - row] += 1.0 - mix;
            }
            let t64: Vec<f64> = t.iter().map(|&v| f64::from(v)).collect();
            for config in
                [LossConfig::CrossEntropy { label_smoothing: smoothing }, LossConfig::Focal { gamma }]
            {
                let mut gradient = [0.0; 12];
                let value = config.value_and_gradient(&z, &t, 4, &mut gradient);
                let z64: Vec<f64> = z.iter().map(|&v| f64::from(v)).collect();
                prop_assert!((value - reference(config, &z64, &t64, 4)).abs() < 1e-9);
                for i in 0..12 {
                    let at = |h: f64| {
                        let mut z = z64.clone();
                        z[i] += h;
                        reference(config, &z, &t64, 4)
                    };
                    let slope = (at(1e-5) - at(-1e-5)) / 2e-5;
                    prop_assert!((slope - f64::from(gradient[i])).abs() < 1e-6, "{config:?} {slope} {}", gradient[i]);
                }
            }
        }
    }

    #[test]
    fn confident_outputs_stay_finite() {
        let z = [1000.0, -1000.0, 0.0];
        for gamma in [0.0, 0.5, 2.0] {
            for target in [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]] {
                let mut gradient = [0.0; 3];
                let value = LossConfig::Focal { gamma }.value_and_gradient(&z, &target, 3, &mut gradient);
                assert!(value.is_finite() && gradient.iter().all(|g| g.is_finite()), "{value} {gradient:?}");
            }
        }
    }
}
