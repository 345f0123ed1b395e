//! From a configuration to a network and its training.

use lightcrest::space::{Configuration, Value};
use lightcrest_graph::network::{Dropout, Linear, Network, NetworkError, NodeId, Op, Shape};
use lightcrest_spec::tree::{Choice, ConfigurationError, Group, deserialize};

use super::vocabulary::{repeats, strides};
use super::{Phase, Spec, Stage, Training};
use crate::block::{Block, ConvConfig, Module, make_divisible, scaled_repeat, stage};
use crate::train::{
    AugmentationConfig, ConfigError, EarlyStoppingConfig, LossConfig, OptimizerConfig, ScheduleConfig,
    TrainConfig,
};

/// What a configuration stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The network, for images of its own [`Network::input_shape`].
    pub network: Network,
    /// Its training.
    pub train: TrainConfig,
    /// How often the stages halve the image.
    pub halvings: u32,
    /// Whether it trains on the validation images too.
    pub validation_too: bool,
    /// The seed that the spec fixes, if it does.
    pub seed: Option<u64>,
}

/// A configuration that is no model.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BuildError {
    /// The configuration is not of this spec.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The layers do not fit together, for example because the image has become too small.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The training cannot work.
    #[error(transparent)]
    Training(#[from] ConfigError),
}

impl Spec {
    /// Builds the network and the training of a configuration for images of shape `input` in `classes`
    /// classes.
    ///
    /// # Errors
    /// [`BuildError`] when layers do not fit or the configuration is not of this spec.
    pub fn build(
        &self,
        configuration: &Configuration,
        input: Shape,
        classes: usize,
        phase: Phase,
    ) -> Result<Candidate, BuildError> {
        let (network, halvings) = self.network(configuration, input, classes)?;
        let side = network.input_shape().height.min(network.input_shape().width);
        let mut train = self.train_config(configuration, side, phase)?;
        let images = self.training.group.value("images", configuration)?;
        let mut validation_too = images.is_some_and(|value| value.as_str() == Some("train+validation"));
        if let (Phase::Refit(epochs), Some(refit)) = (phase, self.refit) {
            train.epochs = epochs;
            validation_too |= refit.validation_too;
        }
        if validation_too {
            train.early_stopping = None; // the validation images no longer judge
        }
        train.validate()?;
        let seed = self.training.group.value("seed", configuration)?;
        let seed = seed.and_then(|value| value.as_i64()).map(|seed| seed as u64);
        Ok(Candidate { network, train, halvings, validation_too, seed })
    }

    /// The network of a configuration and how often its stages halve the image. Cheap: tens of microseconds.
    ///
    /// # Errors
    /// [`BuildError`] when layers do not fit or the configuration is not of this spec.
    pub fn network(
        &self,
        configuration: &Configuration,
        input: Shape,
        classes: usize,
    ) -> Result<(Network, u32), BuildError> {
        let architecture = &self.architecture;
        let number = |key: &str| -> Result<Option<f64>, ConfigurationError> {
            Ok(architecture.group.value(key, configuration)?.and_then(|value| value.as_f64()))
        };
        let width = number("width_multiple")?.unwrap_or(1.0);
        let depth = number("depth_multiple")?.unwrap_or(1.0);
        let input = match number("image_size")? {
            Some(side) => Shape::new(input.channels, side as usize, side as usize),
            None => input,
        };
        let mut network = Network::new(input);
        let mut last: NodeId = 0;
        let mut halvings = 0;
        for stage in &architecture.stages {
            let before = network.shape(last).height;
            last = append_stage(&mut network, stage, configuration, width, depth, last)?;
            let after = network.shape(last).height;
            halvings += (before as f64 / after as f64).log2().round() as u32;
        }
        append_head(&mut network, &architecture.head, configuration, width, classes, last)?;
        Ok((network, halvings))
    }

    /// The keys of the augmentation: the trial's, in a refit those of `[refit.augmentation]` before them.
    pub(super) fn augmentation(
        &self,
        configuration: &Configuration,
        phase: Phase,
    ) -> Result<Vec<(&'static str, Value)>, ConfigurationError> {
        let mut values = match phase {
            Phase::Search => vec![],
            Phase::Refit(_) => self.refit_augmentation.values(configuration)?,
        };
        for (key, value) in self.training.augmentation(configuration)? {
            if !values.iter().any(|(other, _)| *other == key) {
                values.push((key, value));
            }
        }
        Ok(values)
    }

    fn train_config(
        &self,
        configuration: &Configuration,
        side: usize,
        phase: Phase,
    ) -> Result<TrainConfig, BuildError> {
        let values = self.augmentation(configuration, phase)?;
        Ok(self.training.config(configuration, side, values)?)
    }
}

impl Training {
    /// The training under a configuration, of images with sides of `side` pixels.
    ///
    /// # Errors
    /// [`ConfigurationError`] when the configuration is not of this spec.
    pub(crate) fn config(
        &self,
        configuration: &Configuration,
        side: usize,
        augmentation: Vec<(&'static str, Value)>,
    ) -> Result<TrainConfig, ConfigurationError> {
        let mut values = self.group.values(configuration)?;
        values.retain(|(key, _)| !matches!(*key, "seed" | "images" | "early_stopping" | "batch_norm"));
        let mut config: TrainConfig = deserialize("[training]", values)?;
        let patience = self.group.value("early_stopping", configuration)?.and_then(|value| value.as_i64());
        config.early_stopping =
            patience.map(|patience| EarlyStoppingConfig { patience: patience as usize, min_delta: 0.0 });
        if let Some(optimizer) = chosen::<OptimizerConfig>(&self.optimizer, configuration)? {
            config.optimizer = optimizer;
        }
        if let Some(schedule) = chosen::<ScheduleConfig>(&self.schedule, configuration)? {
            config.schedule = schedule;
        }
        if let Some(loss) = chosen::<LossConfig>(&self.loss, configuration)? {
            config.loss = loss;
        }
        config.augmentation = self::augmentation(augmentation, side)?;
        Ok(config)
    }

    /// The keys of the augmentation under a configuration.
    ///
    /// # Errors
    /// [`ConfigurationError`] when the configuration is not of this spec.
    pub(crate) fn augmentation(
        &self,
        configuration: &Configuration,
    ) -> Result<Vec<(&'static str, Value)>, ConfigurationError> {
        self.augmentation.values(configuration)
    }
}

fn append_stage(
    network: &mut Network,
    stage_spec: &Stage,
    configuration: &Configuration,
    width: f64,
    depth: f64,
    last: NodeId,
) -> Result<NodeId, BuildError> {
    let Some(chosen) = stage_spec.modules.chosen(configuration)? else { return Ok(last) };
    let name = chosen.section.name;
    let mut values = chosen.group.values(configuration)?;
    if strides(name)
        && let Some(stride) = stage_spec.own.value("stride", configuration)?
    {
        values.push(("stride", stride));
    }
    let repeat = match repeats(name) {
        true => stage_spec.own.value("repeat", configuration)?.and_then(|value| value.as_i64()).unwrap_or(1),
        false => 1,
    };
    values.push(("module", Value::from(name)));
    let module: Module = deserialize(&format!("stage {}", stage_spec.name), values)?;
    let module = if width == 1.0 { module } else { module.scaled(&scale(width)) };
    Ok(stage(network, &stage_spec.name, &module, scaled_repeat(repeat as usize, depth), last)?)
}

fn append_head(
    network: &mut Network,
    head: &Group,
    configuration: &Configuration,
    width: f64,
    classes: usize,
    last: NodeId,
) -> Result<NodeId, BuildError> {
    let value = |key: &str| head.value(key, configuration);
    let mut last = last;
    let channels = value("channels")?.and_then(|value| value.as_i64()).unwrap_or(0) as usize;
    if channels > 0 {
        let mut values = vec![("out_channels", Value::Int(channels as i64)), ("kernel", Value::Int(1))];
        if let Some(activation) = value("activation")? {
            values.push(("activation", activation));
        }
        let conv: ConvConfig = deserialize("[architecture.head]", values)?;
        let conv = if width == 1.0 { conv } else { conv.scaled(&scale(width)) };
        last = conv.build(network, "head.conv", last)?;
    }
    let flatten = value("pool")?.is_some_and(|value| value.as_str() == Some("flatten"));
    if flatten {
        last = network.push("head.flatten", Op::Flatten, &[last])?;
    } else {
        last = network.push("head.pool", Op::GlobalAvgPool, &[last])?;
    }
    let p = value("dropout")?.and_then(|value| value.as_f64()).unwrap_or(0.0);
    if p > 0.0 {
        last = network.push("head.dropout", Op::Dropout(Dropout { p: p as f32 }), &[last])?;
    }
    let in_features = network.shape(last).channels;
    let classifier = Op::Linear(Linear { in_features, out_features: classes, bias: true });
    Ok(network.push("head.classifier", classifier, &[last])?)
}

fn scale(width: f64) -> impl Fn(usize) -> usize {
    move |channels| make_divisible(channels as f64 * width, 8)
}

/// The table that a configuration chooses, as the trainer's type.
fn chosen<T: serde::de::DeserializeOwned>(
    choice: &Choice,
    configuration: &Configuration,
) -> Result<Option<T>, ConfigurationError> {
    let Some(alternative) = choice.chosen(configuration)? else { return Ok(None) };
    let mut values = alternative.group.values(configuration)?;
    let name = match alternative.section.name {
        "adamw" => "adam_w",
        name => name,
    };
    values.push(("type", Value::from(name)));
    deserialize(&choice.parameter, values).map(Some)
}

/// The augmentation of images with sides of `side` pixels: the level's, where a key does not say otherwise.
fn augmentation(
    mut values: Vec<(&'static str, Value)>,
    side: usize,
) -> Result<AugmentationConfig, ConfigurationError> {
    let level = match values.iter().position(|(key, _)| *key == "level") {
        Some(index) => values.swap_remove(index).1.as_i64().unwrap_or(0),
        None => 0,
    };
    let part = |of: i64| Value::Int((side as i64 * level + of / 2) / of);
    let of_level = [
        ("flip", Value::Bool(level >= 1)),
        ("shift", part(48)),
        ("cutout", if level >= 3 { part(24) } else { Value::Int(0) }),
        ("mixup", Value::Float(if level >= 5 { 0.2 } else { 0.0 })),
    ];
    for (key, value) in of_level {
        if !values.iter().any(|(other, _)| *other == key) {
            values.push((key, value));
        }
    }
    deserialize("[training.augmentation]", values)
}
