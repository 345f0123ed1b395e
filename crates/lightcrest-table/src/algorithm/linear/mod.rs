//! Linear models: least squares, logistic and multinomial regression with an elastic net.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | x | d | features of a row: numbers, or codes of levels |
//! | f | K | scores: one a class of several, one otherwise |
//! | β | p x K | coefficients of standardised numbers, of "missing" and of levels |
//! | λ, α | 1 | strength of the penalty, share of it that is absolute |
//!
//! A model minimises `mean loss + λ (α |β|₁ + (1 - α) / 2 |β|²)` ([`solve`]); intercepts are free. What is
//! kept of it are terms on the features as they are, standardisation and all folded in: a row costs one
//! product a number and one look-up a level. Numbers are kept within the range that was learnt from, so that
//! nothing is extrapolated without end, and infinite ones count as its ends.

mod design;
mod solve;

use lightcrest_tree::Link;
use serde::{Deserialize, Serialize};

use super::{FitError, Training, moments};
use crate::Task;
use crate::feature::Matrix;
use design::{Design, Source};
use solve::{Loss, Penalty};

/// What was learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Linear {
    /// Features of a row.
    columns: usize,
    link: Link,
    /// Intercepts, one an output.
    base: Vec<f64>,
    terms: Vec<Term>,
}

/// What one feature adds to the scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// The feature.
    pub feature: usize,
    /// What is done with it.
    pub of: TermKind,
    /// Added where the feature is missing, one an output.
    pub missing: Vec<f32>,
}

/// What is done with a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermKind {
    /// A number within its range, times a slope an output.
    Number {
        /// The least number that was learnt from.
        low: f32,
        /// The largest one.
        high: f32,
        /// One an output.
        slopes: Vec<f32>,
    },
    /// A weight a level.
    Levels {
        /// By code, then by output.
        weights: Vec<Vec<f32>>,
        /// Of all other levels, one an output.
        other: Vec<f32>,
    },
}

impl Linear {
    /// Features of a row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Numbers that are predicted for a row: one, or one a class of several.
    pub fn outputs(&self) -> usize {
        self.base.len()
    }

    /// How scores become predictions.
    pub fn link(&self) -> Link {
        self.link
    }

    /// Intercepts, one an output.
    pub fn base(&self) -> &[f64] {
        &self.base
    }

    /// What features add, each at most once.
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    /// Whether all parts have the shapes that they should.
    pub fn is_sound(&self) -> bool {
        let k = self.outputs();
        k > 0
            && self.terms.iter().all(|term| {
                let fits = match &term.of {
                    TermKind::Number { low, high, slopes } => slopes.len() == k && low <= high,
                    TermKind::Levels { weights, other } => {
                        other.len() == k && weights.iter().all(|weights| weights.len() == k)
                    }
                };
                fits && term.missing.len() == k && term.feature < self.columns
            })
    }

    /// Predictions of a row of features; codes are numbers, NaN is missing.
    pub fn predict_row(&self, cells: &[f32]) -> Vec<f64> {
        let mut scores = self.base.clone();
        for term in &self.terms {
            term.add(cells[term.feature], &mut scores);
        }
        self.link.apply(&mut scores);
        scores
    }
}

impl Term {
    fn add(&self, cell: f32, scores: &mut [f64]) {
        let weights = match &self.of {
            _ if cell.is_nan() => &self.missing,
            TermKind::Number { low, high, slopes } => {
                let value = f64::from(cell.clamp(*low, *high));
                scores.iter_mut().zip(slopes).for_each(|(score, slope)| *score += value * f64::from(*slope));
                return;
            }
            TermKind::Levels { weights, other } => weights.get(cell as usize).unwrap_or(other),
        };
        scores.iter_mut().zip(weights).for_each(|(score, weight)| *score += f64::from(*weight));
    }
}

/// Learns; predictions of the validation rows come along.
pub(super) fn fit(
    training: &Training<'_>,
    matrix: &Matrix,
    strength: f64,
    absolute: f64,
    stop: &(dyn Fn() -> bool + Sync),
) -> Result<(Linear, Vec<f64>), FitError> {
    let design = Design::new(matrix, training.rows);
    let targets: Vec<f64> = training.rows.iter().map(|row| training.targets[*row as usize]).collect();
    let (loss, link) = match (training.task, training.classes) {
        (Task::Regression, _) => (Loss::Squared, Link::Identity),
        (Task::Classification, 2) => (Loss::Logistic, Link::Logistic),
        (Task::Classification, classes) => (Loss::Softmax { classes }, Link::Softmax),
    };
    // Penalties are to mean the same whatever the unit of the target.
    let (center, scale) = if loss == Loss::Squared { moments(&targets) } else { (0.0, 1.0) };
    let scaled: Vec<f64> = targets.iter().map(|y| (y - center) / scale).collect();
    let penalty = Penalty { absolute: strength * absolute, squared: strength * (1.0 - absolute) };
    let solved = solve::solve(&design, &scaled, loss, penalty, stop).ok_or(FitError::Stopped)?;
    let outputs = loss.outputs();
    let mut base: Vec<f64> = solved.base.iter().map(|base| base * scale + center).collect();
    let terms = terms(&design, &solved.coefficients, outputs, scale, &mut base);
    let model = Linear { columns: matrix.features.len(), link, base, terms };
    let mut cells = vec![0.0; matrix.features.len()];
    let predict = |row: &u32| {
        matrix.row(*row as usize, &mut cells);
        model.predict_row(&cells)
    };
    let validation = training.validation.iter().flat_map(predict).collect();
    Ok((model, validation))
}

/// Coefficients of the design as terms on features; what is constant goes to the base.
fn terms(
    design: &Design,
    coefficients: &[Vec<f64>],
    outputs: usize,
    scale: f64,
    base: &mut [f64],
) -> Vec<Term> {
    let of = |column: usize, k: usize| coefficients[k][column] * scale;
    let mut terms: Vec<Term> = Vec::new();
    for (column, source) in design.sources().iter().enumerate() {
        if (0..outputs).all(|k| of(column, k) == 0.0) {
            continue;
        }
        let feature = source.feature();
        if terms.last().is_none_or(|term| term.feature != feature) {
            let of = match source {
                Source::Number { range, .. } => {
                    TermKind::Number { low: range.0, high: range.1, slopes: vec![0.0; outputs] }
                }
                Source::Missing { range: Some(range), .. } => {
                    TermKind::Number { low: range.0, high: range.1, slopes: vec![0.0; outputs] }
                }
                Source::Missing { range: None, .. } | Source::Level { .. } => {
                    TermKind::Levels { weights: Vec::new(), other: vec![0.0; outputs] }
                }
            };
            terms.push(Term { feature, of, missing: vec![0.0; outputs] });
        }
        let term = terms.last_mut().expect("one was pushed");
        match (source, &mut term.of) {
            (Source::Number { mean, deviation, .. }, TermKind::Number { slopes, .. }) => {
                for k in 0..outputs {
                    let slope = (of(column, k) / deviation) as f32;
                    slopes[k] = slope;
                    // A missing number counts as the mean.
                    base[k] -= f64::from(slope) * mean;
                    term.missing[k] += (f64::from(slope) * mean) as f32;
                }
            }
            (Source::Level { code, .. }, TermKind::Levels { weights, .. }) => {
                let code = *code as usize;
                if weights.len() <= code {
                    weights.resize(code + 1, vec![0.0; outputs]);
                }
                (0..outputs).for_each(|k| weights[code][k] = of(column, k) as f32);
            }
            (Source::Missing { .. }, _) => {
                (0..outputs).for_each(|k| term.missing[k] += of(column, k) as f32);
            }
            _ => unreachable!("columns of a feature are of one kind"),
        }
    }
    terms
}

#[cfg(test)]
mod tests;
