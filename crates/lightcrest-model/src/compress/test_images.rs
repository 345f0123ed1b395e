//! The test images, looked at once, when everything is chosen.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use lightcrest_graph::onnx::Model;

use super::error::CompressError;
use super::judge::{Executor, fitted, predictions, scores, share_equal};
use super::objective::CompressObjective;
use crate::data::{Dataset, TestSplit};

/// Test images with what the original says of them.
pub struct TestImages {
    data: Dataset,
    /// Logits of the original.
    original: Vec<f32>,
    classes: usize,
}

impl TestImages {
    /// Opens the test images and runs the original on them.
    ///
    /// # Errors
    /// [`CompressError`].
    pub fn open(
        objective: &CompressObjective,
        test: TestSplit,
        stop: &AtomicBool,
    ) -> Result<Self, CompressError> {
        let spec = objective.spec();
        let data = fitted(spec, &test.open())?;
        let original =
            Executor::new(&spec.original.model, spec)?.outputs(&data, &|| stop.load(Ordering::Relaxed))?;
        Ok(Self { data, original, classes: objective.judge.classes })
    }

    /// What the original makes of them, by name.
    pub fn original(&self, objective: &CompressObjective) -> BTreeMap<String, f64> {
        self.of(objective, &self.original)
    }

    /// What a model makes of them, by name: `test_agreement`, and `test_accuracy`, `test_macro_f1` and
    /// `test_loss` where there are labels.
    ///
    /// # Errors
    /// [`CompressError`].
    pub fn metrics(
        &self,
        objective: &CompressObjective,
        model: &Model,
        stop: &AtomicBool,
    ) -> Result<BTreeMap<String, f64>, CompressError> {
        let outputs =
            Executor::new(model, objective.spec())?.outputs(&self.data, &|| stop.load(Ordering::Relaxed))?;
        Ok(self.of(objective, &outputs))
    }

    fn of(&self, objective: &CompressObjective, outputs: &[f32]) -> BTreeMap<String, f64> {
        let (mine, theirs) = (predictions(outputs, self.classes), predictions(&self.original, self.classes));
        let mut metrics = BTreeMap::from([("test_agreement".to_owned(), share_equal(&mine, &theirs))]);
        let labels = objective.spec().has_labels().then(|| self.data.labels());
        if let Some(found) = labels.and_then(|labels| scores(outputs, self.classes, labels)) {
            metrics.insert("test_accuracy".into(), found.accuracy);
            metrics.insert("test_macro_f1".into(), found.macro_f1);
            metrics.insert("test_loss".into(), found.loss);
        }
        metrics
    }
}
