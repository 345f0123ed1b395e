//! Forward and backward through the layers, a batch at a time.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | e | B x D | embeddings of a batch of B rows |
//! | h | B x width | activations |
//! | δ | as its layer's outputs | slopes of the mean loss |
//!
//! All buffers are row by row, and products are those of `gemm` on one thread: the same on any number of
//! threads.

use std::ops::Range;

use gemm::Parallelism;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::input::{Beginning, Input};

/// What is minimised, in the mean over rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Loss {
    /// Half of the square.
    Squared,
    /// Of the second of two classes.
    Logistic,
    /// Of one class of several.
    Softmax,
}

/// Parameters with the shapes that they belong to.
pub(super) struct Network {
    pub(super) inputs: Vec<Input>,
    learnt: Vec<Range<usize>>,
    pub(super) layers: Vec<[usize; 2]>,
    pub(super) parameters: Vec<f32>,
    /// Where the layers' parameters begin.
    pub(super) embeddings: usize,
    loss: Loss,
}

/// What a batch needs room for.
#[derive(Default)]
pub(super) struct Buffers {
    /// Embeddings, then the activations of each layer; the last one has scores.
    values: Vec<Vec<f32>>,
    slopes: Vec<Vec<f32>>,
    draws: Vec<u8>,
}

/// One of 256 draws.
const DRAWS: f64 = 256.0;

impl Network {
    /// A network before the first step: uniform weights that keep the variance (He et al. 2015), and the
    /// scores `base` for every row but for small ones. `random` draws from -1 to 1.
    pub(super) fn new(
        beginning: Beginning,
        hidden: &[usize],
        base: &[f32],
        loss: Loss,
        random: &mut dyn FnMut() -> f32,
    ) -> Self {
        let mut widths = vec![beginning.width()];
        widths.extend(hidden);
        widths.push(base.len());
        let layers: Vec<[usize; 2]> = widths.windows(2).map(|pair| [pair[0], pair[1]]).collect();
        let Beginning { inputs, embeddings: mut parameters, learnt } = beginning;
        let embeddings = parameters.len();
        for (at, [inputs, outputs]) in layers.iter().enumerate() {
            let is_last = at + 1 == layers.len();
            let bound = (if is_last { 0.1 } else { 6.0 } / (*inputs).max(1) as f32).sqrt();
            parameters.extend((0..inputs * outputs).map(|_| bound * random()));
            match is_last {
                true => parameters.extend(base),
                false => parameters.resize(parameters.len() + outputs, 0.0),
            }
        }
        Self { inputs, learnt, layers, parameters, embeddings, loss }
    }

    /// Where weights and biases of each layer are.
    fn shapes(&self) -> Vec<(Range<usize>, Range<usize>)> {
        let mut at = self.embeddings;
        let one = |[inputs, outputs]: &[usize; 2]| {
            let weights = at..at + inputs * outputs;
            at = weights.end + outputs;
            (weights.clone(), weights.end..at)
        };
        self.layers.iter().map(one).collect()
    }

    /// The ranges of the parameters that decay.
    pub(super) fn weights(&self) -> Vec<Range<usize>> {
        self.shapes().into_iter().map(|(weights, _)| weights).collect()
    }

    /// Scores of rows by their places, in the last of `buffers.values`; with dropout where units are drawn.
    pub(super) fn forward(
        &self,
        places: &[f32],
        buffers: &mut Buffers,
        mut dropout: Option<(f64, &mut ChaCha8Rng)>,
    ) {
        let rows = places.len() / self.inputs.len();
        buffers.values.resize_with(self.layers.len() + 1, Vec::new);
        let Buffers { values, draws, .. } = buffers;
        self.embed(places, &mut values[0]);
        for (at, (weights, biases)) in self.shapes().into_iter().enumerate() {
            let (before, after) = values.split_at_mut(at + 1);
            let (own, [inputs, outputs]) = (&mut after[0], self.layers[at]);
            own.clear();
            (0..rows).for_each(|_| own.extend_from_slice(&self.parameters[biases.clone()]));
            let (a, b) = (Dense::rows(&before[at], inputs), Dense::rows(&self.parameters[weights], outputs));
            product(a, b, own, true);
            if at + 1 == self.layers.len() {
                break;
            }
            own.iter_mut().for_each(|value| *value = value.max(0.0));
            if let Some((share, rng)) = &mut dropout {
                draws.resize(own.len(), 0);
                rng.fill_bytes(draws);
                let (dropped, scale) = dropped(*share);
                for (value, draw) in own.iter_mut().zip(draws.iter()) {
                    *value *= if u16::from(*draw) < dropped { 0.0 } else { scale };
                }
            }
        }
    }

    fn embed(&self, places: &[f32], values: &mut Vec<f32>) {
        values.clear();
        for places in places.chunks_exact(self.inputs.len()) {
            let mut at = 0;
            for (input, place) in self.inputs.iter().zip(places) {
                let size = input.rows() * input.width;
                let row = *place as usize;
                input.append(&self.parameters[at..at + size], row, place - row as f32, values);
                at += size;
            }
        }
    }

    /// The mean loss of rows whose scores were computed, and its slopes in `slopes`. `dropout` is that of the
    /// forward pass.
    pub(super) fn backward(
        &self,
        places: &[f32],
        targets: &[f32],
        buffers: &mut Buffers,
        dropout: f64,
        slopes: &mut [f32],
    ) -> f64 {
        let last = self.layers.len();
        let Buffers { values, slopes: deltas, .. } = buffers;
        deltas.resize_with(last + 1, Vec::new);
        deltas[last].clone_from(&values[last]);
        let loss = self.loss(targets, &mut deltas[last]);
        let (_, scale) = dropped(dropout);
        for (at, (weights, biases)) in self.shapes().into_iter().enumerate().rev() {
            let [inputs, outputs] = self.layers[at];
            let (before, after) = deltas.split_at_mut(at + 1);
            let (own, delta) = (&mut before[at], &after[0]);
            let of_bias = &mut slopes[biases];
            of_bias.fill(0.0);
            for row in delta.chunks_exact(outputs) {
                of_bias.iter_mut().zip(row).for_each(|(sum, delta)| *sum += delta);
            }
            let (e, d) = (Dense::rows(&values[at], inputs), Dense::rows(delta, outputs));
            product(e.transposed(), d, &mut slopes[weights.clone()], false);
            own.resize(values[at].len(), 0.0);
            product(d, Dense::rows(&self.parameters[weights], outputs).transposed(), own, false);
            if at > 0 {
                // A unit that is at rest or left out has no slope.
                for (delta, value) in own.iter_mut().zip(&values[at]) {
                    *delta = if *value > 0.0 { *delta * scale } else { 0.0 };
                }
            }
        }
        self.embedded(places, &deltas[0], &mut slopes[..self.embeddings]);
        loss
    }

    /// Slopes of the embeddings.
    fn embedded(&self, places: &[f32], deltas: &[f32], slopes: &mut [f32]) {
        slopes.fill(0.0);
        let width = self.layers[0][0];
        for (places, deltas) in places.chunks_exact(self.inputs.len()).zip(deltas.chunks_exact(width)) {
            let (mut at, mut column) = (0, 0);
            for ((input, learnt), place) in self.inputs.iter().zip(&self.learnt).zip(places) {
                let row = *place as usize;
                let share = place - row as f32;
                for (row, share) in [(row, 1.0 - share), (row + 1, share)] {
                    if share == 0.0 {
                        continue;
                    }
                    let own = &mut slopes[at + row * input.width..][learnt.clone()];
                    let deltas = &deltas[column..][learnt.clone()];
                    own.iter_mut().zip(deltas).for_each(|(slope, delta)| *slope += share * delta);
                }
                at += input.rows() * input.width;
                column += input.width;
            }
        }
    }

    /// The mean loss of the scores that a forward pass left in its buffers.
    pub(super) fn loss_of(&self, buffers: &Buffers, targets: &[f32]) -> f64 {
        self.loss(targets, &mut buffers.values[self.layers.len()].clone())
    }

    /// The mean loss of scores, which become its slopes.
    fn loss(&self, targets: &[f32], scores: &mut [f32]) -> f64 {
        let n = targets.len() as f32;
        let outputs = scores.len() / targets.len();
        let mut loss = 0.0;
        for (score, y) in scores.chunks_exact_mut(outputs).zip(targets) {
            match self.loss {
                Loss::Squared => {
                    let residual = score[0] - y;
                    loss += 0.5 * f64::from(residual * residual);
                    score[0] = residual / n;
                }
                Loss::Logistic => {
                    // log(1 + exp(-z)) without overflow.
                    let z = if *y > 0.5 { score[0] } else { -score[0] };
                    let small = (-z.abs()).exp();
                    loss += f64::from((-z).max(0.0) + small.ln_1p());
                    let p = if score[0] > 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
                    score[0] = (p - y) / n;
                }
                Loss::Softmax => {
                    let largest = score.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                    let own = score[*y as usize] - largest;
                    score.iter_mut().for_each(|score| *score = (*score - largest).exp());
                    let sum: f32 = score.iter().sum();
                    loss += f64::from(sum.ln() - own);
                    score.iter_mut().for_each(|score| *score /= sum * n);
                    score[*y as usize] -= 1.0 / n;
                }
            }
        }
        loss / f64::from(n)
    }
}

/// Draws of 256 that leave a unit out, and what the others are multiplied by.
fn dropped(share: f64) -> (u16, f32) {
    let dropped = (share * DRAWS).round();
    (dropped as u16, (DRAWS / (DRAWS - dropped)) as f32)
}

/// A matrix in a slice.
#[derive(Clone, Copy)]
struct Dense<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    is_transposed: bool,
}

impl<'a> Dense<'a> {
    /// Row by row; there is at least one column.
    fn rows(values: &'a [f32], columns: usize) -> Self {
        Self { values, rows: values.len() / columns, columns, is_transposed: false }
    }

    fn transposed(self) -> Self {
        Self { rows: self.columns, columns: self.rows, is_transposed: !self.is_transposed, ..self }
    }

    /// Elements from a row to the next, and from a column to the next.
    fn steps(&self) -> (isize, isize) {
        if self.is_transposed { (1, self.rows as isize) } else { (self.columns as isize, 1) }
    }
}

/// `out = a b`, or `out += a b`; `out` is row by row.
fn product(a: Dense<'_>, b: Dense<'_>, out: &mut [f32], add: bool) {
    let (m, k, n) = (a.rows, a.columns, b.columns);
    assert!(k == b.rows && out.len() == m * n, "shapes fit");
    assert!(a.values.len() == m * k && b.values.len() == k * n, "matrices fill their slices");
    let ((a_row, a_column), (b_row, b_column)) = (a.steps(), b.steps());
    // SAFETY: the assertions above: every element of the three matrices lies in its slice.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            add,
            a.values.as_ptr(),
            a_column,
            a_row,
            b.values.as_ptr(),
            b_column,
            b_row,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
impl Network {
    /// The network with other parameters.
    pub(super) fn with(&self, parameters: Vec<f32>) -> Self {
        let (inputs, learnt, layers) = (self.inputs.clone(), self.learnt.clone(), self.layers.clone());
        Self { inputs, learnt, layers, parameters, embeddings: self.embeddings, loss: self.loss }
    }
}
