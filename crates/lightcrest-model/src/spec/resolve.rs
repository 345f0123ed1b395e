//! Writes the spec of one configuration: every domain replaced by the value that was chosen.

use std::collections::BTreeMap;
use std::fmt::Write;

use lightcrest::space::{Configuration, Value};
use lightcrest_spec::tree::{Choice, ConfigurationError, Group};

use super::vocabulary::{repeats, strides};
use super::{Refit, Spec, Training};

/// Which training of a configuration is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The trial of the search.
    Search,
    /// The second training that `[refit]` describes, of so many epochs; the same as the first where the spec
    /// has none.
    Refit(usize),
}

impl Spec {
    /// What `[refit]` says of a training beside its epochs: two trainings of one configuration with the same
    /// settings differ in their epochs alone. Empty without `[refit]`.
    ///
    /// # Errors
    /// [`ConfigurationError`] when the configuration is not of this spec.
    pub fn refit_settings(
        &self,
        configuration: &Configuration,
    ) -> Result<BTreeMap<String, String>, ConfigurationError> {
        let Some(refit) = self.refit else { return Ok(BTreeMap::new()) };
        let images = if refit.validation_too { "train+validation" } else { "train" };
        let own = [("images".to_owned(), images.to_owned())];
        let augmentation = self.refit_augmentation.values(configuration)?;
        let augmentation =
            augmentation.into_iter().map(|(key, value)| (format!("augmentation.{key}"), value.to_string()));
        Ok(own.into_iter().chain(augmentation).collect())
    }

    /// The text of a spec that trains exactly this model again: every value fixed, the seed written down.
    ///
    /// # Errors
    /// [`ConfigurationError`] when the configuration is not of this spec.
    pub fn resolve(
        &self,
        configuration: &Configuration,
        seed: u64,
        phase: Phase,
    ) -> Result<String, ConfigurationError> {
        let refit = match phase {
            Phase::Search => None,
            Phase::Refit(epochs) => self.refit.map(|refit| Refit { epochs, ..refit }),
        };
        let mut writer = Writer { text: String::new(), configuration };
        writer.section("study");
        writer.line("name", &Value::from(self.study.name.as_str()));
        writer.line("seed", &Value::Int((self.study.seed & i64::MAX as u64) as i64));

        writer.section("data");
        let mut data = self.data_group.values(configuration)?;
        data.retain(|(key, _)| refit.is_none() || *key != "train_images");
        writer.values(&data);

        let training = &self.training;
        writer.section("training");
        let mut values = training.group.values(configuration)?;
        let mut set = |key: &'static str, value: Value| match values.iter_mut().find(|(name, _)| *name == key)
        {
            Some(entry) => entry.1 = value,
            None => values.push((key, value)),
        };
        set("seed", Value::Int((seed & i64::MAX as u64) as i64));
        if let Some(refit) = refit {
            set("epochs", Value::Int(refit.epochs as i64));
            if refit.validation_too {
                set("images", Value::from("train+validation"));
            }
        }
        writer.values(&values);
        writer.choices("training", training)?;
        let augmentation = self.augmentation(configuration, phase)?;
        if !augmentation.is_empty() {
            writer.section("training.augmentation");
            writer.values(&augmentation);
        }

        let architecture = &self.architecture;
        writer.section("architecture");
        writer.group(&architecture.group)?;
        for stage in &architecture.stages {
            let Some(chosen) = stage.modules.chosen(configuration)? else { continue };
            writer.header("[[architecture.stages]]");
            writer.line("name", &Value::from(stage.name.as_str()));
            for (key, reads) in
                [("repeat", repeats(chosen.section.name)), ("stride", strides(chosen.section.name))]
            {
                if reads && let Some(value) = stage.own.value(key, configuration)? {
                    writer.line(key, &value);
                }
            }
            writer.section(&format!("architecture.stages.modules.{}", chosen.section.name));
            writer.group(&chosen.group)?;
        }
        if !architecture.head.entries.is_empty() {
            writer.section("architecture.head");
            writer.group(&architecture.head)?;
        }
        Ok(writer.text)
    }
}

/// Writes the text of a spec.
pub(crate) struct Writer<'a> {
    pub(crate) text: String,
    pub(crate) configuration: &'a Configuration,
}

impl Writer<'_> {
    fn header(&mut self, header: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(header);
        self.text.push('\n');
    }

    pub(crate) fn section(&mut self, name: &str) {
        self.header(&format!("[{name}]"));
    }

    /// A key and its value.
    pub(crate) fn line(&mut self, key: &str, value: &Value) {
        let value = match value {
            Value::Null => return, // an absent key is TOML's null
            Value::Bool(flag) => toml::Value::Boolean(*flag),
            Value::Int(number) => toml::Value::Integer(*number),
            Value::Float(number) => toml::Value::Float(*number),
            Value::Str(text) => toml::Value::String(text.clone()),
        };
        self.toml(key, &value);
    }

    /// A key and a value of TOML.
    pub(crate) fn toml(&mut self, key: &str, value: &toml::Value) {
        // Writing into a String cannot fail.
        let _ = writeln!(self.text, "{key} = {value}");
    }

    /// Which optimizer, schedule and loss a training has; its table is called `title`.
    pub(crate) fn choices(&mut self, title: &str, training: &Training) -> Result<(), ConfigurationError> {
        self.choice(&format!("{title}.optimizer"), &training.optimizer)?;
        self.choice(&format!("{title}.schedule"), &training.schedule)?;
        self.choice(&format!("{title}.loss"), &training.loss)
    }

    pub(crate) fn values(&mut self, values: &[(&'static str, Value)]) {
        values.iter().for_each(|(key, value)| self.line(key, value));
    }

    fn group(&mut self, group: &Group) -> Result<(), ConfigurationError> {
        let values = group.values(self.configuration)?;
        self.values(&values);
        Ok(())
    }

    fn choice(&mut self, title: &str, choice: &Choice) -> Result<(), ConfigurationError> {
        if let Some(chosen) = choice.chosen(self.configuration)? {
            self.section(&format!("{title}.{}", chosen.section.name));
            self.group(&chosen.group)?;
        }
        Ok(())
    }
}
