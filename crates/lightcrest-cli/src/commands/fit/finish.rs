//! The end of a fit: the models of the front are looked at once on the test part and written.
//!
//! A model whose folder is complete is left as it is: going on costs nothing, and the test part is looked at
//! once for each model.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;

use lightcrest::Study;
use lightcrest::history::FrozenTrial;
use lightcrest_table::predict::scores;
use lightcrest_table::search::{Made, TableObjective, latency};
use lightcrest_table::spec::model_spec;

use crate::error::CliError;
use crate::keeper::MakesModels;
use crate::run::{ModelCard, RunError, RunFolder, write_file};

type Cause = Box<dyn Error + Send + Sync>;

/// What is needed to write the models.
pub(super) struct Finish<'a> {
    /// The text of the spec.
    pub(super) spec: &'a str,
    pub(super) study: &'a Study,
    pub(super) folder: &'a RunFolder,
    pub(super) objective: &'a TableObjective,
}

impl Finish<'_> {
    /// Writes the models that are not there yet and removes those that have left the front.
    ///
    /// # Errors
    /// The first failure.
    pub(super) fn run(&self) -> Result<(), CliError> {
        let front = self.study.front();
        for number in self.folder.models()? {
            if !front.iter().any(|trial| trial.number == number) {
                self.folder.forget_model(number)?;
            }
        }
        for trial in front {
            self.one(trial).map_err(|source| CliError::Model { trial: trial.number, source })?;
        }
        Ok(())
    }

    fn one(&self, trial: &FrozenTrial) -> Result<(), Cause> {
        let folder = self.folder.model(trial.number);
        if ModelCard::read(&folder)?.is_some() {
            return Ok(());
        }
        let seed = self.study.trial_seed(trial.number);
        let kept = fs::read(self.folder.weights(trial.number, TableObjective::ENDING)).ok();
        let made = match kept.and_then(|bytes| Made::from_bytes(&bytes).ok()) {
            Some(made) => made,
            None => self.objective.remake(trial, seed)?,
        };
        let problem = self.objective.problem();
        let (splits, table) = (&problem.splits, problem.table());
        let mut metrics = BTreeMap::new();
        let targets: Vec<f64> = splits.test.iter().map(|row| problem.targets[*row as usize]).collect();
        let predictions = made.judge.predict_rows(table, &splits.test);
        for (metric, value) in scores(&made.judge, &predictions, &targets) {
            metrics.insert(format!("test_{}", metric.name()), value);
        }
        let times = latency(&made.model, table, &splits.learn);
        metrics.insert("latency_alone_us".into(), times.alone_us);
        metrics.insert("latency_batch_us".into(), times.batch_us);
        let model = made.model.to_bytes();
        metrics.insert("columns_needed".into(), made.model.columns_needed() as f64);
        fs::create_dir_all(&folder).map_err(|source| RunError::Write { path: folder.clone(), source })?;
        write_file(&folder.join("model.lightcrest"), &model)?;
        // Without it where ONNX has no operators for what the model reads.
        let onnx = lightcrest_table::export::onnx(&made.model).ok();
        if let Some(onnx) = &onnx {
            write_file(&folder.join("model.onnx"), onnx)?;
        }
        let name = format!("{}-trial-{:04}", self.study.definition().name, trial.number);
        let config = model_spec(self.spec, &name, &trial.configuration, self.objective.seed(seed));
        write_file(&folder.join("config.toml"), config.as_bytes())?;
        let card = ModelCard {
            files: ModelCard::fitted(onnx.is_some()),
            data: self.study.definition().name.clone(),
            classes: problem.schema().classes().to_vec(),
            input: format!("{} columns", made.model.columns_needed()),
            metrics,
            images: None,
            engine: None,
            refit: None,
            layers: Vec::new(),
        };
        Ok(card.write(&folder)?)
    }
}
