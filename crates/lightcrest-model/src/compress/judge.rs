//! How good a network is: run on images, and compared with labels and with the original.

use std::ops::Range;

use lightcrest_graph::onnx::{Array, Model, Runner};

use super::error::CompressError;
use super::objective::Listener;
use super::preprocessing::Preprocessing;
use super::spec::CompressSpec;
use crate::data::{Dataset, Splits};
use crate::gate::GATE;
use crate::spec::Metrics;
use crate::train::metrics::MetricsSum;

/// Images that are run at once where the network does not say how many.
const BATCH: usize = 32;

/// Runs a network on images.
pub(super) struct Executor {
    runner: Runner,
    input: String,
    output: String,
    batch: Option<usize>,
    preprocessing: Preprocessing,
    /// Whether the output is probabilities, of which the logarithm is taken.
    probabilities: bool,
}

impl Executor {
    /// Of a model with the inputs and outputs of the original.
    pub(super) fn new(model: &Model, spec: &CompressSpec) -> Result<Self, CompressError> {
        let original = &spec.original;
        let runner = Runner::new(model).map_err(|error| CompressError::run(&error))?;
        let writer = model.graph().node.iter().find(|node| node.output.contains(&original.output));
        Ok(Self {
            runner,
            input: original.input.clone(),
            output: original.output.clone(),
            batch: original.batch(),
            preprocessing: spec.preprocessing.clone(),
            probabilities: writer.is_some_and(|node| node.op_type == "Softmax"),
        })
    }

    /// Outputs of images as logits.
    ///
    /// # Shapes
    /// (images, classes).
    pub(super) fn outputs(&self, data: &Dataset, stop: &dyn Fn() -> bool) -> Result<Vec<f32>, CompressError> {
        let mut outputs = Vec::new();
        let batch = self.batch.unwrap_or(BATCH);
        for start in (0..data.len()).step_by(batch) {
            if stop() {
                return Err(CompressError::Interrupted);
            }
            let _permit = GATE.train();
            outputs.extend(self.batch(data, start..(start + batch).min(data.len()))?);
        }
        Ok(outputs)
    }

    /// Outputs of a few images; the batch is filled up where its size is fixed.
    fn batch(&self, data: &Dataset, range: Range<usize>) -> Result<Vec<f32>, CompressError> {
        let (images, batch) = (range.len(), self.batch.unwrap_or(range.len()));
        let mut input = Vec::with_capacity(batch * data.shape().len());
        for index in range.clone().chain(std::iter::repeat_n(range.start, batch - images)) {
            self.preprocessing.append(data.image(index), &mut input);
        }
        let mut outputs = self.run(Array::f32(self.preprocessing.shape(batch), input))?;
        outputs.truncate(outputs.len() / batch * images);
        Ok(outputs)
    }

    /// Outputs of one input.
    pub(super) fn run(&self, input: Array) -> Result<Vec<f32>, CompressError> {
        let mut found = self
            .runner
            .run(&[(self.input.as_str(), input)], &[self.output.as_str()])
            .map_err(|error| CompressError::run(&error))?;
        let output = found.remove(&self.output).and_then(|array| array.as_f32().map(<[f32]>::to_vec));
        let mut output =
            output.ok_or_else(|| CompressError::Output(format!("`{}` is not f32", self.output)))?;
        if self.probabilities {
            // Far below every probability that f32 tells from zero.
            output.iter_mut().for_each(|p| *p = p.max(1e-38).ln());
        }
        match output.iter().all(|value| value.is_finite()) {
            true => Ok(output),
            false => Err(CompressError::Output(format!("`{}` is not finite", self.output))),
        }
    }
}

/// What networks are compared with.
pub(super) struct Judge {
    /// The images in the size that the network reads; their labels are its classes.
    pub(super) splits: Splits,
    /// Classes of the network.
    pub(super) classes: usize,
    /// The original's logits of the validation images.
    original: Vec<f32>,
    labels: bool,
    /// Accuracy of the original on the validation images, where there are labels.
    accuracy: Option<f64>,
}

impl Judge {
    /// Runs the original on the validation images.
    pub(super) fn new(spec: &CompressSpec, splits: &Splits) -> Result<Self, CompressError> {
        let executor = Executor::new(&spec.original.model, spec)?;
        let splits = Splits {
            train: fitted(spec, &splits.train)?,
            validation: fitted(spec, &splits.validation)?,
            normalization: spec.preprocessing.normalization.clone(),
        };
        let running = || false;
        let original = executor.outputs(&splits.validation, &running)?;
        let classes = original.len() / splits.validation.len();
        let mut judge = Self { splits, classes, original, labels: spec.has_labels(), accuracy: None };
        if judge.labels {
            let found = judge.splits.validation.classes().len();
            if found != classes {
                return Err(CompressError::Classes { network: classes, images: found });
            }
            judge.accuracy = judge.metrics(&judge.original).get("validation_accuracy");
        } else {
            let names = class_names(spec, classes);
            let teach = |data: Dataset, outputs: &[f32]| {
                data.with_labels(names.clone(), predictions(outputs, classes))
            };
            let train = executor.outputs(&judge.splits.train, &running)?;
            judge.splits.train = teach(judge.splits.train, &train)?;
            judge.splits.validation = teach(judge.splits.validation, &judge.original)?;
        }
        Ok(judge)
    }

    /// Runs a model on the validation images.
    pub(super) fn judge(
        &self,
        spec: &CompressSpec,
        model: &Model,
        listener: &dyn Listener,
    ) -> Result<Metrics, CompressError> {
        let stop = || listener.interrupted();
        let outputs = Executor::new(model, spec)?.outputs(&self.splits.validation, &stop)?;
        Ok(self.metrics(&outputs))
    }

    /// What is known of the original.
    pub(super) fn original_metrics(&self) -> Metrics {
        self.metrics(&self.original)
    }

    /// What the outputs of the validation images say.
    pub(super) fn metrics(&self, outputs: &[f32]) -> Metrics {
        let mut metrics = Metrics::default();
        let mine = predictions(outputs, self.classes);
        let theirs = predictions(&self.original, self.classes);
        metrics.set("agreement", share_equal(&mine, &theirs));
        let found = scores(outputs, self.classes, self.splits.validation.labels());
        if let Some(found) = found.filter(|_| self.labels) {
            for (name, value) in
                [("validation_accuracy", found.accuracy), ("macro_f1", found.macro_f1), ("loss", found.loss)]
            {
                metrics.set(name, value);
            }
            if let Some(original) = self.accuracy {
                metrics.set("accuracy_drop", original - found.accuracy);
            }
        }
        metrics
    }

    /// The same for accuracies that a training reports.
    pub(super) fn reported(&self, validation: &crate::train::Metrics) -> Metrics {
        let mut metrics = Metrics::default();
        if self.labels {
            metrics.set("validation_accuracy", validation.accuracy);
            metrics.set("macro_f1", validation.macro_f1);
            metrics.set("loss", validation.loss);
            metrics.set("accuracy_drop", self.accuracy.unwrap_or(0.0) - validation.accuracy);
        } else {
            // The labels are the original's.
            metrics.set("agreement", validation.accuracy);
        }
        metrics
    }
}

/// Names of the classes, numbers where the file has none.
pub(super) fn class_names(spec: &CompressSpec, classes: usize) -> Vec<String> {
    let named = spec.original.classes.clone().filter(|names| names.len() == classes);
    named.unwrap_or_else(|| (0..classes).map(|class| class.to_string()).collect())
}

/// Images in the size and with the channels that the network reads, their classes in the order of the
/// network.
pub(super) fn fitted(spec: &CompressSpec, data: &Dataset) -> Result<Dataset, CompressError> {
    let preprocessing = &spec.preprocessing;
    let found = data.shape().channels;
    if found != preprocessing.channels {
        return Err(CompressError::Channels { network: preprocessing.channels, images: found });
    }
    let data = data.resized(preprocessing.height, preprocessing.width);
    let Some(classes) = spec.original.classes.as_ref().filter(|_| spec.has_labels()) else { return Ok(data) };
    if classes == data.classes() {
        return Ok(data);
    }
    let place = |name: &String| classes.iter().position(|class| class == name);
    let places: Option<Vec<u16>> =
        data.classes().iter().map(|name| place(name).and_then(|place| u16::try_from(place).ok())).collect();
    match places {
        Some(places) => {
            let labels: Vec<u16> = data.labels().iter().map(|&label| places[usize::from(label)]).collect();
            Ok(data.with_labels(classes.clone(), labels)?)
        }
        None => {
            Err(CompressError::ClassNames { network: classes.join(", "), images: data.classes().join(", ") })
        }
    }
}

/// The class of each image.
pub(super) fn predictions(outputs: &[f32], classes: usize) -> Vec<u16> {
    let best = |logits: &[f32]| {
        let mut best = 0;
        for (class, value) in logits.iter().enumerate() {
            if *value > logits[best] {
                best = class;
            }
        }
        best as u16
    };
    outputs.chunks_exact(classes.max(1)).map(best).collect()
}

pub(super) fn share_equal(a: &[u16], b: &[u16]) -> f64 {
    let equal = a.iter().zip(b).filter(|(a, b)| a == b).count();
    equal as f64 / a.len().max(1) as f64
}

/// What logits say of labelled images; none when their loss is not finite.
pub(super) fn scores(outputs: &[f32], classes: usize, labels: &[u16]) -> Option<crate::train::Metrics> {
    let mut sum = MetricsSum::new(classes);
    sum.add(outputs, labels.iter().copied());
    sum.finish()
}
