//! A multilayer perceptron on interpolated embeddings.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | x | d | features of a row: numbers, or codes of levels |
//! | e | D | what they are given as: the embeddings of all inputs side by side |
//! | h | width | activations of a hidden layer |
//! | f | K | scores: one a class of several, one otherwise |
//!
//! ```text
//! e = [E_1(x_1), E_2(x_2), ...]      h_1 = ReLU(e W_1 + b_1)      h_2 = ReLU(h_1 W_2 + b_2)      f = h W + b
//! ```
//!
//! A level has a row of an embedding ([`Input`]), rare ones share one. A number has a row at each of some
//! quantiles, and what is between them is interpolated. The first coordinate of those rows is fixed: the
//! score of the quantile, so that any distribution becomes one without tails. The others are learnt: any
//! function of one number that is linear between its quantiles, as the piecewise linear encodings of
//! Gorishniy et al. 2022, *On embeddings for numerical features in tabular deep learning* (section 3.2), in
//! fewer parameters. A number that may be missing has a flag for it as well. Numbers are kept within the
//! range that was learnt from, and infinite ones count as its ends; so are the predictions of a regression.
//!
//! ```text
//! input      features as places in embeddings
//! network    forward and backward
//! train      epochs, steps and when to stop
//! bytes      the model as bytes
//! ```

mod bytes;
mod input;
mod network;
mod train;

use lightcrest_tree::Link;
use serde::{Deserialize, Serialize};

pub(crate) use input::slope;
pub use input::{Input, InputKind};
pub(super) use train::fit;

use super::FitError;

/// What a perceptron is and how it learns.
#[derive(Debug, Clone, PartialEq)]
pub struct MlpConfig {
    /// Hidden layers.
    pub layers: usize,
    /// Units of each.
    pub width: usize,
    /// Coordinates of a number that are learnt.
    pub embedding: usize,
    /// The share of the units that a step leaves out (Srivastava et al. 2014).
    pub dropout: f64,
    /// The largest step of the one-cycle schedule.
    pub learning_rate: f64,
    /// Decoupled decay of the layers' weights, by the learning rate (Loshchilov & Hutter 2019, AdamW).
    pub weight_decay: f64,
    /// Passes over the rows that the schedule is made for.
    pub epochs: usize,
}

impl Default for MlpConfig {
    fn default() -> Self {
        Self {
            layers: 2,
            width: 64,
            embedding: 2,
            dropout: 0.1,
            learning_rate: 5e-3,
            weight_decay: 0.03,
            epochs: 30,
        }
    }
}

impl MlpConfig {
    /// # Errors
    /// [`FitError::Setting`] with the first value that nothing can be learnt with.
    pub fn check(&self) -> Result<(), FitError> {
        let wrong = |name: &'static str, value: f64, expected: &'static str| {
            Err(FitError::Setting { name, value, expected })
        };
        let whole = [
            ("layers", self.layers, 8, "1 to 8 are expected"),
            ("width", self.width, 4096, "1 to 4096 are expected"),
            ("epochs", self.epochs, 100_000, "1 to 100000 are expected"),
        ];
        for (name, value, most, expected) in whole {
            if !(1..=most).contains(&value) {
                return wrong(name, value as f64, expected);
            }
        }
        if self.embedding > 64 {
            return wrong("embedding", self.embedding as f64, "0 to 64 are expected");
        }
        if !(0.0..=0.9).contains(&self.dropout) {
            return wrong("dropout", self.dropout, "0 to 0.9 are expected");
        }
        if !(self.learning_rate > 0.0 && self.learning_rate <= 1.0) {
            return wrong("learning_rate", self.learning_rate, "more than 0 and at most 1 is expected");
        }
        if !(0.0..=10.0).contains(&self.weight_decay) {
            return wrong("weight_decay", self.weight_decay, "0 to 10 are expected");
        }
        Ok(())
    }
}

/// What was learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mlp {
    /// Features of a row.
    columns: usize,
    link: Link,
    /// A prediction is the score times `scale`, and `center`; 1 and 0 of classes.
    scale: f64,
    center: f64,
    /// The least and the largest score of a target that was learnt from, of a regression.
    range: Option<[f32; 2]>,
    inputs: Vec<Input>,
    /// Numbers in and out of each layer; the last one has the scores.
    layers: Vec<[usize; 2]>,
    /// The embeddings of the inputs, a row after the other; then of each layer the weights, a row for each
    /// number that goes in, and the biases.
    #[serde(skip)]
    parameters: Vec<f32>,
}

/// One layer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Layer<'a> {
    /// Numbers that go in.
    pub inputs: usize,
    /// Numbers that come out.
    pub outputs: usize,
    /// `inputs` x `outputs`, row by row.
    pub weights: &'a [f32],
    /// One an output.
    pub biases: &'a [f32],
}

impl Mlp {
    /// Features of a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Scores of a row: one, or one a class of several.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |[_, outputs]| *outputs)
    }

    /// How scores become predictions.
    pub fn link(&self) -> Link {
        self.link
    }

    /// What a score is multiplied by, and what is added to it.
    pub fn unit(&self) -> (f64, f64) {
        (self.scale, self.center)
    }

    /// What scores are kept within, where they are.
    pub fn range(&self) -> Option<[f32; 2]> {
        self.range
    }

    /// What is made of features, each at most once, with its embedding, row by row.
    pub fn inputs(&self) -> impl Iterator<Item = (&Input, &[f32])> {
        let mut rest = &self.parameters[..];
        self.inputs.iter().map(move |input| {
            let (own, others) = rest.split_at(input.rows() * input.width);
            rest = others;
            (input, own)
        })
    }

    /// The layers, from the first on.
    pub fn layers(&self) -> impl Iterator<Item = Layer<'_>> {
        let embeddings: usize = self.inputs.iter().map(|input| input.rows() * input.width).sum();
        let mut rest = &self.parameters[embeddings..];
        self.layers.iter().map(move |[inputs, outputs]| {
            let (weights, others) = rest.split_at(inputs * outputs);
            let (biases, others) = others.split_at(*outputs);
            rest = others;
            Layer { inputs: *inputs, outputs: *outputs, weights, biases }
        })
    }

    /// Whether all parts have the shapes that they should.
    pub fn is_sound(&self) -> bool {
        let width = self.inputs.iter().try_fold(0usize, |sum, input| sum.checked_add(input.width));
        let mut size = Some(0usize);
        let mut add = |a: usize, b: usize| {
            size = size.zip(a.checked_mul(b)).and_then(|(size, more)| size.checked_add(more));
        };
        self.inputs.iter().for_each(|input| add(input.rows(), input.width));
        self.layers.iter().for_each(|[inputs, outputs]| add(inputs.saturating_add(1), *outputs));
        self.inputs.iter().all(|input| input.is_sound(self.columns))
            && self.layers.first().map(|[inputs, _]| *inputs) == width
            && self.layers.windows(2).all(|pair| pair[0][1] == pair[1][0])
            && self.layers.iter().all(|[_, outputs]| *outputs > 0)
            && self.outputs() > 0
            && size == Some(self.parameters.len())
            && self.parameters.iter().all(|value| value.is_finite())
            && self.range.is_none_or(|[low, high]| low <= high)
            && self.scale.is_finite()
            && self.center.is_finite()
    }

    /// Predictions of a row of features; codes are numbers, NaN is missing.
    pub fn predict_row(&self, cells: &[f32]) -> Vec<f64> {
        let mut values = Vec::with_capacity(self.layers[0][0]);
        for (input, embedding) in self.inputs() {
            let (row, share) = input.place(cells[input.feature]);
            input.append(embedding, row, share, &mut values);
        }
        let last = self.layers.len() - 1;
        let mut next = Vec::new();
        for (at, layer) in self.layers().enumerate() {
            next.clear();
            next.extend_from_slice(layer.biases);
            for (value, weights) in values.iter().zip(layer.weights.chunks_exact(layer.outputs)) {
                // About half of the units are at rest.
                if *value != 0.0 {
                    next.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += value * weight);
                }
            }
            if at < last {
                next.iter_mut().for_each(|value| *value = value.max(0.0));
            }
            std::mem::swap(&mut values, &mut next);
        }
        if let Some([low, high]) = self.range {
            values.iter_mut().for_each(|score| *score = score.clamp(low, high));
        }
        let mut scores: Vec<f64> =
            values.iter().map(|score| f64::from(*score) * self.scale + self.center).collect();
        self.link.apply(&mut scores);
        scores
    }
}

#[cfg(test)]
mod tests;
