//! Features as the columns that coefficients are of: standardised numbers, and ones where a level, or
//! nothing, is.

use std::collections::HashMap;

use crate::feature::{Feature, Matrix};
use crate::table::MISSING;

/// Levels of a feature that have a coefficient; the others share none.
const LEVELS: usize = 32;

/// Rows that a level, or missing ones, must have for a coefficient.
const LEAST: usize = 3;

/// Where a column comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Source {
    /// A number, less its mean, by its deviation.
    Number { feature: usize, mean: f64, deviation: f64, range: (f32, f32) },
    /// One where the feature is missing; of a number with its range.
    Missing { feature: usize, range: Option<(f32, f32)> },
    /// One where the feature is that level.
    Level { feature: usize, code: u32 },
}

impl Source {
    pub(super) fn feature(&self) -> usize {
        match self {
            Self::Number { feature, .. } | Self::Missing { feature, .. } | Self::Level { feature, .. } => {
                *feature
            }
        }
    }
}

/// The values of a column over the rows that are learnt from.
#[derive(Debug, Clone)]
pub(super) enum Values {
    /// All of them.
    Dense(Vec<f32>),
    /// The places of ones; everything else is zero.
    Ones(Vec<u32>),
}

impl Values {
    /// Calls back with the place and the value of every row that is not zero.
    #[inline]
    pub(super) fn each(&self, mut call: impl FnMut(usize, f64)) {
        match self {
            Self::Dense(x) => x.iter().enumerate().for_each(|(row, x)| call(row, f64::from(*x))),
            Self::Ones(rows) => rows.iter().for_each(|row| call(*row as usize, 1.0)),
        }
    }
}

/// All columns; those of a feature follow each other.
#[derive(Debug, Clone)]
pub(super) struct Design {
    rows: usize,
    sources: Vec<Source>,
    values: Vec<Values>,
}

impl Design {
    pub(super) fn new(matrix: &Matrix, rows: &[u32]) -> Self {
        let mut design = Self { rows: rows.len(), sources: Vec::new(), values: Vec::new() };
        for (at, feature) in matrix.features.iter().enumerate() {
            match feature {
                Feature::Number(numbers) => design.add_number(at, numbers, rows),
                Feature::Codes(codes) => design.add_levels(at, codes, rows),
            }
        }
        design
    }

    /// Rows that are learnt from.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    pub(super) fn sources(&self) -> &[Source] {
        &self.sources
    }

    pub(super) fn values(&self) -> &[Values] {
        &self.values
    }

    fn add_number(&mut self, feature: usize, numbers: &[f32], rows: &[u32]) {
        let value = |row: &u32| numbers[*row as usize];
        let finite = || rows.iter().map(value).filter(|value| value.is_finite());
        let count = finite().count();
        if count < 2 {
            return;
        }
        let range = finite()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let clipped = || {
            rows.iter().map(value).filter(|it| !it.is_nan()).map(|it| f64::from(it.clamp(range.0, range.1)))
        };
        let present = clipped().count();
        let mean = clipped().sum::<f64>() / present as f64;
        let deviation = (clipped().map(|value| (value - mean).powi(2)).sum::<f64>() / present as f64).sqrt();
        if deviation > 1e-12 * mean.abs() && deviation.is_finite() {
            let standard = |row: &u32| match value(row) {
                value if value.is_nan() => 0.0,
                value => ((f64::from(value.clamp(range.0, range.1)) - mean) / deviation) as f32,
            };
            self.sources.push(Source::Number { feature, mean, deviation, range });
            self.values.push(Values::Dense(rows.iter().map(standard).collect()));
        }
        let missing = || (0..rows.len() as u32).filter(|at| value(&rows[*at as usize]).is_nan());
        if missing().count() >= LEAST {
            self.sources.push(Source::Missing { feature, range: Some(range) });
            self.values.push(Values::Ones(missing().collect()));
        }
    }

    fn add_levels(&mut self, feature: usize, codes: &[u32], rows: &[u32]) {
        let mut places: HashMap<u32, Vec<u32>> = HashMap::new();
        for (place, row) in rows.iter().enumerate() {
            places.entry(codes[*row as usize]).or_default().push(place as u32);
        }
        let mut levels: Vec<(u32, Vec<u32>)> =
            places.into_iter().filter(|(_, rows)| rows.len() >= LEAST).collect();
        levels.sort_by_key(|(code, rows)| (std::cmp::Reverse(rows.len()), *code));
        levels.truncate(LEVELS);
        levels.sort_by_key(|(code, _)| *code);
        for (code, rows) in levels {
            self.sources.push(match code {
                MISSING => Source::Missing { feature, range: None },
                code => Source::Level { feature, code },
            });
            self.values.push(Values::Ones(rows));
        }
    }
}
