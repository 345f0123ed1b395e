//! Features as places in embeddings: a row, or a share of the way to the next one.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::feature::{Feature, Matrix};
use crate::table::MISSING;

/// Pieces of a number's range at the most, of about as many rows each.
const PIECES: usize = 16;

/// Rows that a level must have for an embedding of its own, and missing ones for a flag.
const LEAST: usize = 5;

/// Coordinates of a level at the most.
const WIDEST: usize = 16;

/// What is made of a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The feature.
    pub feature: usize,
    /// Numbers that it is given as.
    pub width: usize,
    /// How it is found in its embedding.
    pub of: InputKind,
}

/// How a feature is found in its embedding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InputKind {
    /// A row for each knot, in their order, and one for missing numbers.
    Number {
        /// Quantiles, increasing; at least two.
        knots: Vec<f32>,
    },
    /// A row for each code, one for missing levels, and one for all others.
    Levels {
        /// The codes, increasing.
        codes: Vec<u32>,
    },
}

impl Input {
    /// Rows of its embedding.
    pub fn rows(&self) -> usize {
        match &self.of {
            InputKind::Number { knots } => knots.len() + 1,
            InputKind::Levels { codes } => codes.len() + 2,
        }
    }

    /// The row of a value, and the share of the way to the next one.
    pub(super) fn place(&self, cell: f32) -> (usize, f32) {
        match &self.of {
            InputKind::Number { knots } => {
                if cell.is_nan() {
                    return (knots.len(), 0.0);
                }
                let last = knots.len() - 1;
                let cell = cell.clamp(knots[0], knots[last]);
                let row = knots[1..last].partition_point(|knot| *knot <= cell);
                (row, ((cell - knots[row]) * slope(knots[row], knots[row + 1])).min(1.0))
            }
            InputKind::Levels { codes } => {
                let row = match codes.binary_search(&(cell as u32)) {
                    _ if cell.is_nan() => codes.len(),
                    Ok(row) => row,
                    Err(_) => codes.len() + 1,
                };
                (row, 0.0)
            }
        }
    }

    /// Appends what a place is given as.
    pub(super) fn append(&self, embedding: &[f32], row: usize, share: f32, values: &mut Vec<f32>) {
        let own = &embedding[row * self.width..][..self.width];
        if share == 0.0 {
            return values.extend_from_slice(own);
        }
        let next = &embedding[(row + 1) * self.width..][..self.width];
        values.extend(own.iter().zip(next).map(|(own, next)| own + share * (next - own)));
    }

    pub(super) fn is_sound(&self, columns: usize) -> bool {
        self.feature < columns
            && self.width > 0
            && match &self.of {
                InputKind::Number { knots } => {
                    knots.len() > 1
                        && knots.iter().all(|knot| knot.is_finite())
                        && knots.windows(2).all(|pair| pair[0] < pair[1])
                }
                InputKind::Levels { codes } => codes.windows(2).all(|pair| pair[0] < pair[1]),
            }
    }
}

/// What the way from a knot is multiplied by to be a share of that to the next one.
pub(crate) fn slope(from: f32, to: f32) -> f32 {
    // Ends of the range of f32 are further apart than it reaches.
    (1.0 / (f64::from(to) - f64::from(from))) as f32
}

/// The inputs of some rows, and what their embeddings begin as.
pub(super) struct Beginning {
    pub(super) inputs: Vec<Input>,
    /// Of each input, row by row.
    pub(super) embeddings: Vec<f32>,
    /// Of each input: the coordinates that are learnt.
    pub(super) learnt: Vec<std::ops::Range<usize>>,
}

impl Beginning {
    /// `learnt` is how many coordinates of a number are; `random` draws from -1 to 1.
    pub(super) fn new(matrix: &Matrix, rows: &[u32], learnt: usize, random: &mut dyn FnMut() -> f32) -> Self {
        let mut made = Self { inputs: Vec::new(), embeddings: Vec::new(), learnt: Vec::new() };
        for (feature, values) in matrix.features.iter().enumerate() {
            match values {
                Feature::Number(numbers) => made.add_number(feature, numbers, rows, learnt),
                Feature::Codes(codes) => made.add_levels(feature, codes, rows, random),
            }
        }
        made
    }

    fn add_number(&mut self, feature: usize, numbers: &[f32], rows: &[u32], learnt: usize) {
        let values = || rows.iter().map(|row| numbers[*row as usize]);
        let mut sorted: Vec<f32> = values().filter(|value| value.is_finite()).collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else { return };
        // Equal quantiles are one knot, with the mean of their scores.
        let mut found: Vec<(f32, f32, f32)> = Vec::new();
        for piece in 0..=PIECES {
            let knot = sorted[(piece * last + PIECES / 2) / PIECES];
            match found.last_mut() {
                Some((same, sum, count)) if *same == knot => {
                    (*sum, *count) = (*sum + score(piece), *count + 1.0)
                }
                _ => found.push((knot, score(piece), 1.0)),
            }
        }
        if found.len() < 2 {
            return;
        }
        let absent = values().filter(|value| value.is_nan()).count() >= LEAST;
        let width = 1 + learnt + usize::from(absent);
        for (_, sum, count) in &found {
            self.embeddings.push(sum / count);
            self.embeddings.resize(self.embeddings.len() + width - 1, 0.0);
        }
        self.embeddings.resize(self.embeddings.len() + width, 0.0);
        if absent {
            *self.embeddings.last_mut().expect("a row was added") = 1.0;
        }
        let knots = found.into_iter().map(|(knot, ..)| knot).collect();
        self.inputs.push(Input { feature, width, of: InputKind::Number { knots } });
        self.learnt.push(1..1 + learnt);
    }

    fn add_levels(&mut self, feature: usize, codes: &[u32], rows: &[u32], random: &mut dyn FnMut() -> f32) {
        let mut counts: HashMap<u32, usize> = HashMap::new();
        rows.iter().for_each(|row| *counts.entry(codes[*row as usize]).or_default() += 1);
        let is_own = |(code, count): &(u32, usize)| *code != MISSING && *count >= LEAST;
        let mut codes: Vec<u32> = counts.into_iter().filter(is_own).map(|(code, _)| code).collect();
        codes.sort_unstable();
        if codes.is_empty() {
            return;
        }
        // What fastai takes; as many as tell all levels apart are enough.
        let wide = (1.6 * (codes.len() as f64).powf(0.56)).ceil() as usize;
        let input = Input {
            feature,
            width: wide.min(WIDEST).min(codes.len() - 1).max(1),
            of: InputKind::Levels { codes },
        };
        self.embeddings.extend((0..input.rows() * input.width).map(|_| random()));
        self.learnt.push(0..input.width);
        self.inputs.push(input);
    }

    /// Coordinates of all inputs together.
    pub(super) fn width(&self) -> usize {
        self.inputs.iter().map(|input| input.width).sum()
    }

    /// The places of rows, one an input: the row of the embedding, and the share of the way as its fraction.
    pub(super) fn places(&self, matrix: &Matrix, rows: &[u32]) -> Vec<f32> {
        let mut places = Vec::with_capacity(rows.len() * self.inputs.len());
        for row in rows {
            for input in &self.inputs {
                let cell = match &matrix.features[input.feature] {
                    Feature::Number(numbers) => numbers[*row as usize],
                    Feature::Codes(codes) if codes[*row as usize] == MISSING => f32::NAN,
                    Feature::Codes(codes) => codes[*row as usize] as f32,
                };
                let (row, share) = input.place(cell);
                places.push(row as f32 + share);
            }
        }
        places
    }
}

/// The score of a quantile: that of a logistic distribution with a variance of 1, at the middle of its share.
fn score(piece: usize) -> f32 {
    let p = (piece as f64 + 0.5) / (PIECES as f64 + 1.0);
    ((p / (1.0 - p)).ln() * 3f64.sqrt() / std::f64::consts::PI) as f32
}
