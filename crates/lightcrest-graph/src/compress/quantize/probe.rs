//! How far the outputs of another model are from those of the one in fp32.

use std::collections::HashMap;

use super::error::QuantizeError;
use super::run::{Feed, run_each};
use crate::onnx::{Array, Model};

/// How many inputs are compared.
pub(super) const PROBED: usize = 8;

/// Inputs with the outputs of the model in fp32.
pub(super) struct Probe {
    feeds: Vec<Feed>,
    outputs: Vec<String>,
    exact: Vec<HashMap<String, Array>>,
}

impl Probe {
    pub(super) fn new(model: &Model, feeds: &[Feed]) -> Result<Self, QuantizeError> {
        let outputs: Vec<String> = model.graph().output.iter().map(|value| value.name.clone()).collect();
        let mut probe = Self { feeds: feeds.to_vec(), outputs, exact: vec![] };
        let mut exact = vec![];
        run_each(model, &probe.feeds, &probe.wanted(), |_, values| {
            exact.push(values);
            Ok(())
        })?;
        probe.exact = exact;
        Ok(probe)
    }

    fn wanted(&self) -> Vec<&str> {
        self.outputs.iter().map(String::as_str).collect()
    }

    /// Signal-to-noise ratio of every output of f32, in dB, in their order.
    pub(super) fn snr(&self, model: &Model) -> Result<Vec<(String, f64)>, QuantizeError> {
        let mut noise = vec![Noise::default(); self.outputs.len()];
        run_each(model, &self.feeds, &self.wanted(), |number, values| {
            for (noise, output) in noise.iter_mut().zip(&self.outputs) {
                let exact = self.exact[number].get(output).and_then(Array::as_f32);
                if let (Some(y), Some(z)) = (exact, values.get(output).and_then(Array::as_f32)) {
                    noise.add(y, z);
                }
            }
            Ok(())
        })?;
        Ok(self.outputs.iter().cloned().zip(noise.iter().map(Noise::snr)).collect())
    }
}

/// The least ratio; infinite when there is none.
pub(super) fn least(snr: &[(String, f64)]) -> f64 {
    snr.iter().map(|(_, snr)| *snr).fold(f64::INFINITY, f64::min)
}

/// Signal-to-noise ratio in dB: 10 log10(sum y^2 / sum (y - y')^2).
#[derive(Clone, Copy, Debug, Default)]
struct Noise {
    signal: f64,
    noise: f64,
}

impl Noise {
    fn add(&mut self, exact: &[f32], other: &[f32]) {
        for (&y, &z) in exact.iter().zip(other) {
            self.signal += f64::from(y).powi(2);
            self.noise += (f64::from(y) - f64::from(z)).powi(2);
        }
    }

    /// Infinite when nothing differs, and least when something is NaN.
    fn snr(&self) -> f64 {
        match (self.signal, self.noise) {
            (_, 0.0) => f64::INFINITY,
            (signal, noise) if (signal / noise).is_nan() => f64::NEG_INFINITY,
            (signal, noise) => 10.0 * (signal / noise).log10(),
        }
    }
}
