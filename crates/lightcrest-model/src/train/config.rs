//! The training part of a configuration.

use serde::{Deserialize, Serialize};

use super::{AugmentationConfig, LossConfig, OptimizerConfig, ScheduleConfig};

/// How a network is trained. Every field has a default, so a spec states what it changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Passes over the training images.
    pub epochs: usize,
    /// Images of one optimizer step. The last, smaller batch of an epoch is dropped; it is drawn anew each
    /// epoch.
    pub batch_size: usize,
    /// Update rule.
    pub optimizer: OptimizerConfig,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Weight decay of convolution and linear weights; biases and batch normalisation have none.
    pub weight_decay: f64,
    /// Learning rate over the steps.
    pub schedule: ScheduleConfig,
    /// What is minimised.
    pub loss: LossConfig,
    /// Random changes of the training images.
    pub augmentation: AugmentationConfig,
    /// Largest norm of the whole gradient; longer ones are scaled down to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Decay of an exponential moving average of the weights, which then is what is validated and returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema_decay: Option<f64>,
    /// Stops when validation accuracy no longer rises.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStoppingConfig>,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: 10,
            batch_size: 64,
            optimizer: OptimizerConfig::default(),
            learning_rate: 0.05,
            weight_decay: 5e-4,
            schedule: ScheduleConfig::default(),
            loss: LossConfig::default(),
            augmentation: AugmentationConfig::default(),
            clip_norm: None,
            ema_decay: None,
            early_stopping: None,
        }
    }
}

/// When training ends before its last epoch; the weights of the best epoch are kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarlyStoppingConfig {
    /// Epochs without a rise of validation accuracy after which training ends.
    pub patience: usize,
    /// Smallest difference that counts as a rise.
    #[serde(default)]
    pub min_delta: f64,
}

/// A setting that cannot work.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{field}` must be {expected}, but is {found}")]
pub struct ConfigError {
    /// Path of the setting.
    pub field: &'static str,
    /// What would be right.
    pub expected: &'static str,
    /// What it is.
    pub found: f64,
}

impl TrainConfig {
    /// Checks every number.
    ///
    /// # Errors
    /// [`ConfigError`] names the first that cannot work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let mut check = Check::default();
        check.that(self.epochs > 0, "epochs", "at least 1", self.epochs as f64);
        check.that(self.batch_size > 0, "batch_size", "at least 1", self.batch_size as f64);
        check.positive("learning_rate", self.learning_rate);
        check.not_negative("weight_decay", self.weight_decay);
        if let Some(norm) = self.clip_norm {
            check.positive("clip_norm", norm);
        }
        if let Some(decay) = self.ema_decay {
            check.fraction("ema_decay", decay);
        }
        if let Some(stopping) = self.early_stopping {
            check.that(stopping.patience > 0, "early_stopping.patience", "at least 1", 0.0);
            check.not_negative("early_stopping.min_delta", stopping.min_delta);
        }
        self.optimizer.validate(&mut check);
        self.schedule.validate(&mut check);
        self.loss.validate(&mut check);
        self.augmentation.validate(&mut check);
        check.first()
    }
}

/// Keeps the first failure.
#[derive(Default)]
pub(super) struct Check {
    first: Option<ConfigError>,
}

impl Check {
    /// The first failure, if there is one.
    pub(super) fn first(self) -> Result<(), ConfigError> {
        self.first.map_or(Ok(()), Err)
    }

    pub(super) fn that(&mut self, holds: bool, field: &'static str, expected: &'static str, found: f64) {
        if !holds && self.first.is_none() {
            self.first = Some(ConfigError { field, expected, found });
        }
    }

    pub(super) fn positive(&mut self, field: &'static str, found: f64) {
        self.that(found > 0.0 && found.is_finite(), field, "positive and finite", found);
    }

    pub(super) fn not_negative(&mut self, field: &'static str, found: f64) {
        self.that(found >= 0.0 && found.is_finite(), field, "zero or positive, and finite", found);
    }

    /// In [0, 1).
    pub(super) fn fraction(&mut self, field: &'static str, found: f64) {
        self.that((0.0..1.0).contains(&found), field, "in [0, 1)", found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_states_what_it_changes_and_comes_back() {
        let text = r#"
            epochs = 3
            clip_norm = 1.0
            optimizer = { type = "adam_w", beta2 = 0.99 }
            schedule = { type = "cosine", warmup_epochs = 0.5 }
            loss = { type = "focal", gamma = 1.5 }
            augmentation = { flip = true, shift = 2 }
            early_stopping = { patience = 4 }
        "#;
        let config: TrainConfig = toml::from_str(text).unwrap();
        assert_eq!(config.optimizer, OptimizerConfig::AdamW { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 });
        assert_eq!(config.schedule, ScheduleConfig::Cosine { warmup_epochs: 0.5, final_factor: 0.0 });
        assert_eq!((config.epochs, config.batch_size), (3, 64));
        config.validate().unwrap();
        assert_eq!(toml::from_str::<TrainConfig>(&toml::to_string(&config).unwrap()).unwrap(), config);
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<TrainConfig>(&json).unwrap(), config);
    }

    #[test]
    fn unknown_keys_are_errors() {
        for text in
            ["epoch = 3", "optimizer = { type = \"sgd\", beta1 = 0.9 }", "augmentation = { flips = true }"]
        {
            assert!(toml::from_str::<TrainConfig>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn impossible_numbers_are_named() {
        let config = TrainConfig { learning_rate: -1.0, ..TrainConfig::default() };
        let message = config.validate().unwrap_err().to_string();
        assert_eq!(message, "`learning_rate` must be positive and finite, but is -1");
        let optimizer = OptimizerConfig::Sgd { momentum: 1.0, nesterov: false };
        let message = TrainConfig { optimizer, ..TrainConfig::default() }.validate().unwrap_err().to_string();
        assert_eq!(message, "`optimizer.momentum` must be in [0, 1), but is 1");
        TrainConfig::default().validate().unwrap();
    }
}
