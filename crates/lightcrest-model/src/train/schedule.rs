//! Learning-rate schedules, evaluated at every optimizer step.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

use super::config::Check;

/// The learning rate over the steps, relative to its peak. A warm-up rises linearly from the first step to
/// the peak; the schedule runs over the steps that are left.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ScheduleConfig {
    /// The peak, always.
    Constant {
        /// Length of the warm-up.
        #[serde(default)]
        warmup_epochs: f64,
    },
    /// Multiplied by `factor` every `every_epochs` epochs.
    Step {
        /// Length of the warm-up.
        #[serde(default)]
        warmup_epochs: f64,
        /// Epochs between two changes.
        every_epochs: f64,
        /// What the rate is multiplied by, in (0, 1].
        #[serde(default = "factor")]
        factor: f64,
    },
    /// Half a cosine from the peak to `final_factor` times the peak (Loshchilov and Hutter 2017, without
    /// restarts).
    Cosine {
        /// Length of the warm-up.
        #[serde(default)]
        warmup_epochs: f64,
        /// End of the curve, in [0, 1].
        #[serde(default)]
        final_factor: f64,
    },
    /// Up from a 25th of the peak and down to a 10,000th of that, both as half a cosine (Smith and Topin
    /// 2019; PyTorch's `OneCycleLR`, without its cycle of the momentum).
    OneCycle {
        /// Share of the steps that rise, in (0, 1).
        #[serde(default = "rise")]
        rise: f64,
    },
    /// Multiplied by `factor` when the validation loss has not fallen for more than `patience` epochs
    /// (PyTorch's `ReduceLROnPlateau`, relative threshold 1e-4).
    Plateau {
        /// Length of the warm-up.
        #[serde(default)]
        warmup_epochs: f64,
        /// Epochs without a fall that are borne.
        #[serde(default = "patience")]
        patience: usize,
        /// What the rate is multiplied by, in (0, 1].
        #[serde(default = "factor")]
        factor: f64,
    },
}

fn factor() -> f64 {
    0.1
}

fn rise() -> f64 {
    0.3
}

fn patience() -> usize {
    10
}

impl Default for ScheduleConfig {
    /// Cosine to zero, without warm-up.
    fn default() -> Self {
        Self::Cosine { warmup_epochs: 0.0, final_factor: 0.0 }
    }
}

impl ScheduleConfig {
    fn warmup_epochs(&self) -> f64 {
        match *self {
            Self::Constant { warmup_epochs }
            | Self::Step { warmup_epochs, .. }
            | Self::Cosine { warmup_epochs, .. }
            | Self::Plateau { warmup_epochs, .. } => warmup_epochs,
            Self::OneCycle { .. } => 0.0,
        }
    }

    pub(super) fn validate(&self, check: &mut Check) {
        check.not_negative("schedule.warmup_epochs", self.warmup_epochs());
        match *self {
            Self::Constant { .. } => {}
            Self::Step { every_epochs, factor, .. } => {
                check.positive("schedule.every_epochs", every_epochs);
                check.that(factor > 0.0 && factor <= 1.0, "schedule.factor", "in (0, 1]", factor);
            }
            Self::Cosine { final_factor, .. } => {
                let inside = (0.0..=1.0).contains(&final_factor);
                check.that(inside, "schedule.final_factor", "in [0, 1]", final_factor);
            }
            Self::OneCycle { rise } => {
                check.that(rise > 0.0 && rise < 1.0, "schedule.rise", "in (0, 1)", rise);
            }
            Self::Plateau { factor, .. } => {
                check.that(factor > 0.0 && factor <= 1.0, "schedule.factor", "in (0, 1]", factor);
            }
        }
    }
}

/// A [`ScheduleConfig`] over a known number of steps.
#[derive(Clone, Debug)]
pub struct Schedule {
    config: ScheduleConfig,
    peak: f64,
    steps: usize,
    warmup: usize,
    steps_per_epoch: usize,
    plateau: Plateau,
}

#[derive(Clone, Debug)]
struct Plateau {
    factor: f64,
    best: f64,
    bad_epochs: usize,
}

impl Schedule {
    /// The schedule of `epochs * steps_per_epoch` steps with learning rate `peak`.
    pub fn new(config: ScheduleConfig, peak: f64, epochs: usize, steps_per_epoch: usize) -> Self {
        let steps = epochs * steps_per_epoch;
        let warmup = ((config.warmup_epochs() * steps_per_epoch as f64).round() as usize).min(steps);
        let plateau = Plateau { factor: 1.0, best: f64::INFINITY, bad_epochs: 0 };
        Self { config, peak, steps, warmup, steps_per_epoch, plateau }
    }

    /// Learning rate of step number `step`, from 0.
    pub fn learning_rate(&self, step: usize) -> f64 {
        if step < self.warmup {
            return self.peak * (step + 1) as f64 / (self.warmup + 1) as f64;
        }
        let (t, total) = ((step - self.warmup) as f64, (self.steps - self.warmup) as f64);
        let relative = match self.config {
            ScheduleConfig::Constant { .. } => 1.0,
            ScheduleConfig::Step { every_epochs, factor, .. } => {
                factor.powf((t / (every_epochs * self.steps_per_epoch as f64)).floor())
            }
            ScheduleConfig::Cosine { final_factor, .. } => {
                final_factor + (1.0 - final_factor) * 0.5 * (1.0 + (PI * t / total).cos())
            }
            ScheduleConfig::OneCycle { rise } => one_cycle(t, total, rise),
            ScheduleConfig::Plateau { .. } => self.plateau.factor,
        };
        self.peak * relative
    }

    /// Tells a plateau schedule how an epoch ended; the others do not listen.
    pub fn epoch_ended(&mut self, validation_loss: f64) {
        let ScheduleConfig::Plateau { patience, factor, .. } = self.config else { return };
        let plateau = &mut self.plateau;
        if validation_loss < plateau.best * (1.0 - 1e-4) {
            plateau.best = validation_loss;
            plateau.bad_epochs = 0;
        } else {
            plateau.bad_epochs += 1;
        }
        if plateau.bad_epochs > patience {
            plateau.factor *= factor;
            plateau.bad_epochs = 0;
        }
    }
}

/// PyTorch's `OneCycleLR` with two phases, cosine annealing, `div_factor = 25`, `final_div_factor = 1e4`.
fn one_cycle(t: f64, total: f64, rise: f64) -> f64 {
    let first = 1.0 / 25.0;
    let last = first / 1e4;
    let top = (rise * total - 1.0).max(0.0); // step of the peak
    let anneal = |from: f64, to: f64, share: f64| to + (from - to) * 0.5 * (1.0 + (PI * share).cos());
    if t <= top && top > 0.0 {
        anneal(first, 1.0, t / top)
    } else {
        anneal(1.0, last, ((t - top) / (total - 1.0 - top).max(1.0)).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(config: ScheduleConfig, epochs: usize, steps_per_epoch: usize) -> Vec<f64> {
        let schedule = Schedule::new(config, 0.5, epochs, steps_per_epoch);
        (0..epochs * steps_per_epoch).map(|step| schedule.learning_rate(step)).collect()
    }

    fn assert_close(found: f64, expected: f64) {
        assert!((found - expected).abs() <= 1e-8 * expected.abs().max(1e-3), "{found} {expected}");
    }

    #[test]
    fn cosine_ends_as_pytorch_does() {
        let config = ScheduleConfig::Cosine { warmup_epochs: 0.0, final_factor: 0.1 };
        let rates = rates(config, 2, 5);
        // torch.optim.lr_scheduler.CosineAnnealingLR(lr 0.5, T_max 10, eta_min 0.05), steps 0, 1 and 9.
        assert_close(rates[0], 0.5);
        assert_close(rates[1], 0.488987716);
        assert_close(rates[9], 0.061012284);
    }

    #[test]
    fn warm_up_rises_to_the_peak() {
        let config = ScheduleConfig::Constant { warmup_epochs: 1.0 };
        let rates = rates(config, 2, 4);
        for (found, expected) in rates.iter().zip([0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.5, 0.5]) {
            assert_close(*found, expected);
        }
    }

    #[test]
    fn a_warm_up_longer_than_training_never_ends() {
        let config = ScheduleConfig::Cosine { warmup_epochs: 9.0, final_factor: 0.0 };
        assert!(rates(config, 1, 4).iter().all(|rate| *rate > 0.0 && *rate < 0.5));
    }

    #[test]
    fn steps_fall_at_whole_epochs() {
        let config = ScheduleConfig::Step { warmup_epochs: 0.0, every_epochs: 2.0, factor: 0.5 };
        let rates = rates(config, 5, 3);
        assert_eq!((rates[0], rates[5], rates[6], rates[11], rates[12]), (0.5, 0.5, 0.25, 0.25, 0.125));
    }

    #[test]
    fn one_cycle_rises_and_falls_as_pytorch_does() {
        let rates = rates(ScheduleConfig::OneCycle { rise: 0.3 }, 4, 5);
        // torch.optim.lr_scheduler.OneCycleLR(max_lr 0.5, total_steps 20), steps 0, 1, 5, 6 and 19.
        for (step, expected) in [(0, 0.02), (1, 0.0658359214), (5, 0.5), (6, 0.4937320031), (19, 2e-06)] {
            assert_close(rates[step], expected);
        }
    }

    #[test]
    fn a_plateau_lowers_the_rate() {
        let config = ScheduleConfig::Plateau { warmup_epochs: 0.0, patience: 1, factor: 0.1 };
        let mut schedule = Schedule::new(config, 0.5, 9, 1);
        for (loss, expected) in [(1.0, 0.5), (0.9, 0.5), (0.95, 0.5), (0.9, 0.05), (0.8, 0.05)] {
            schedule.epoch_ended(loss);
            assert_close(schedule.learning_rate(0), expected);
        }
    }
}
