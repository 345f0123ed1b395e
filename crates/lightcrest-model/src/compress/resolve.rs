//! Writes the spec of one configuration: every domain replaced by the value that was chosen.

use lightcrest::space::{Configuration, Value};
use lightcrest_spec::tree::ConfigurationError;

use super::parse::reads;
use super::preprocessing::Layout;
use super::spec::{CompressSpec, SectionSpec};
use crate::spec::Phase;
use crate::spec::resolve::Writer;

impl CompressSpec {
    /// The text of a spec that makes exactly the model of a phase again: every value fixed, the seed of the
    /// fine-tuning written down. `model` is the path of the original as the reader of the text must write it.
    ///
    /// # Errors
    /// [`ConfigurationError`] when the configuration is not of this spec.
    pub fn resolve(
        &self,
        configuration: &Configuration,
        phase: Phase,
        seed: u64,
        model: &str,
    ) -> Result<String, ConfigurationError> {
        let mut writer = Writer { text: String::new(), configuration };
        writer.section("study");
        writer.line("name", &Value::from(self.study.name.as_str()));
        writer.line("seed", &Value::Int((seed & i64::MAX as u64) as i64));

        writer.section("model");
        writer.line("path", &Value::from(model));
        self.preprocessing(&mut writer);

        writer.section("data");
        let mut data = self.data_group.values(configuration)?;
        data.retain(|(key, _)| phase == Phase::Search || *key != "train_images");
        writer.values(&data);

        writer.section("compress");
        writer.toml("methods", &strings(self.methods.iter().copied()));
        if !self.keep.is_empty() {
            writer.toml("keep", &strings(self.keep.iter().map(String::as_str)));
        }
        let own = self.own.values(configuration)?;
        if !own.iter().any(|(key, _)| *key == "groups") {
            // The sections are those of now, whatever the default becomes.
            writer.line("groups", &Value::Int(super::parse::SECTION_COUNT as i64));
        }
        writer.values(&own);
        for SectionSpec { section, group } in &self.sections {
            let method = group.value("method", configuration)?;
            let Some(method) = method.as_ref().and_then(Value::as_str) else { continue };
            writer.section(&format!("compress.sections.{}", section.name));
            for key in group.entries.iter().map(|entry| entry.key.name).filter(|key| reads(method, key)) {
                if let Some(value) = group.value(key, configuration)? {
                    writer.line(key, &value);
                }
            }
        }

        if let Some(finetune) = &self.finetune {
            let training = &finetune.training;
            writer.section("finetune");
            let mut values = training.group.values(configuration)?;
            values.retain(|(key, _)| *key != "seed");
            if let (Phase::Refit(epochs), Some(entry)) =
                (phase, values.iter_mut().find(|(key, _)| *key == "epochs"))
            {
                entry.1 = Value::Int(epochs as i64);
            }
            if !values.iter().any(|(key, _)| *key == "batch_norm") {
                // What is made again does not depend on the default either.
                values.push(("batch_norm", true.into()));
            }
            writer.values(&values);
            writer.line("seed", &Value::Int((seed & i64::MAX as u64) as i64));
            writer.choices("finetune", training)?;
            let augmentation = training.augmentation(configuration)?;
            if !augmentation.is_empty() {
                writer.section("finetune.augmentation");
                writer.values(&augmentation);
            }
            if let Some(group) = &finetune.distillation {
                writer.section("finetune.distillation");
                writer.values(&group.values(configuration)?);
            }
        }
        Ok(writer.text)
    }

    /// What the network expects, in full.
    fn preprocessing(&self, writer: &mut Writer<'_>) {
        let preprocessing = &self.preprocessing;
        let numbers = |values: &[f32]| {
            toml::Value::Array(values.iter().map(|&v| toml::Value::Float(f64::from(v))).collect())
        };
        writer.section("model.preprocessing");
        // In units of pixel / 255, as they are kept; 1 / 255 is what `scale` is by default.
        writer.toml("mean", &numbers(&preprocessing.normalization.mean));
        writer.toml("std", &numbers(&preprocessing.normalization.std));
        let layout = if preprocessing.layout == Layout::Nhwc { "nhwc" } else { "nchw" };
        writer.line("layout", &Value::from(layout));
        writer.line("order", &Value::from(if preprocessing.bgr { "bgr" } else { "rgb" }));
        let sides = [preprocessing.height, preprocessing.width];
        writer.toml("size", &toml::Value::Array(sides.map(|n| toml::Value::Integer(n as i64)).to_vec()));
    }
}

fn strings<'a>(words: impl Iterator<Item = &'a str>) -> toml::Value {
    toml::Value::Array(words.map(|word| toml::Value::String(word.into())).collect())
}
