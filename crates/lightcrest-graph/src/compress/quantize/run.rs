//! Runs of a model over the calibration inputs.

use std::collections::HashMap;

use super::error::QuantizeError;
use super::observer::Observer;
use crate::onnx::{Array, Model, RunError, Runner};

/// Inputs of a model for one run.
pub type Feed = Vec<(String, Array)>;

/// Runs the model on every feed and shows the wanted values.
///
/// # Errors
/// [`QuantizeError::Run`].
pub(super) fn run_each(
    model: &Model,
    feeds: &[Feed],
    wanted: &[&str],
    mut visit: impl FnMut(usize, HashMap<String, Array>) -> Result<(), QuantizeError>,
) -> Result<(), QuantizeError> {
    let wrong = |number, error: &RunError| QuantizeError::Run { number, reason: reason(error) };
    let runner = Runner::new(model).map_err(|error| wrong(0, &error))?;
    for (number, feed) in feeds.iter().enumerate() {
        let values = runner.run(feed, wanted).map_err(|error| wrong(number, &error))?;
        visit(number, values)?;
    }
    Ok(())
}

/// An error with what it comes from.
fn reason(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {}", reason(cause)));
    format!("{error}{}", cause.unwrap_or_default())
}

/// What was seen of the values of a model.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// Ranges, by value.
    pub ranges: HashMap<String, Observer>,
    /// Channels of what layers with weights read, by value.
    pub channels: HashMap<String, ChannelRange>,
    /// Channels of what layers with weights write, by node, before any activation.
    pub outputs: HashMap<usize, ChannelRange>,
}

/// What was seen of the channels of a value.
#[derive(Clone, Debug, Default)]
pub(super) struct ChannelRange {
    /// Least, a channel.
    pub low: Vec<f32>,
    /// Greatest, a channel.
    pub high: Vec<f32>,
    /// Sum, a channel.
    pub sum: Vec<f64>,
    /// Elements of a channel.
    pub count: u64,
}

impl ChannelRange {
    /// Takes in a value whose channels lie on the axis.
    pub(super) fn observe(&mut self, array: &Array, axis: usize) {
        let Some(values) = array.as_f32() else { return };
        let channels = array.shape[axis];
        let inner: usize = array.shape[axis + 1..].iter().product();
        if self.low.len() != channels {
            *self = Self {
                low: vec![0.0; channels],
                high: vec![0.0; channels],
                sum: vec![0.0; channels],
                count: 0,
            };
        }
        if inner == 0 || channels == 0 {
            return;
        }
        for (block, elements) in values.chunks(inner).enumerate() {
            let channel = block % channels;
            for &x in elements {
                self.low[channel] = self.low[channel].min(x);
                self.high[channel] = self.high[channel].max(x);
                self.sum[channel] += f64::from(x);
            }
        }
        self.count += (values.len() / channels) as u64;
    }

    /// Mean, a channel.
    pub(super) fn mean(&self) -> Vec<f64> {
        self.sum.iter().map(|sum| sum / self.count.max(1) as f64).collect()
    }
}
