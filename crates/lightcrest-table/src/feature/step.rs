//! One step of the preparation: a column of the table becomes one or more features.

use serde::{Deserialize, Serialize};

use super::text;
use crate::table::{MISSING, UNSEEN, Values};
use crate::token::date::civil;

/// A level that was not there at training, as trees take it: beyond every code.
const OTHER: f32 = 16_777_215.0;

/// Seconds of a day.
const DAY: f64 = 86400.0;

/// What becomes of a column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "as")]
pub enum Step {
    /// Its numbers.
    Number,
    /// Its levels, or the words among its numbers.
    Codes,
    /// Days since the first one that was learnt from, year, month, day, weekday; the hour where there is one.
    Date {
        /// Seconds of the first moment.
        origin: f64,
        /// Whether there are times of day.
        clock: bool,
    },
    /// What the target had on the average for each level, shrunk to the mean of all.
    Means {
        /// By output, then by level.
        means: Vec<Vec<f32>>,
        /// By output: for missing and unseen levels.
        prior: Vec<f32>,
    },
    /// How often each level was there.
    Frequency {
        /// By level.
        shares: Vec<f32>,
    },
    /// Length, words, digits, capitals, and how often words are there that were chosen.
    Text {
        /// Places of the words.
        places: Vec<u32>,
    },
    /// Features that no model asks for.
    Unused {
        /// How many.
        width: usize,
    },
}

impl Step {
    /// How many features it makes.
    pub fn width(&self) -> usize {
        match self {
            Self::Number | Self::Codes | Self::Frequency { .. } => 1,
            Self::Date { clock, .. } => 5 + usize::from(*clock),
            Self::Means { means, .. } => means.len(),
            Self::Text { places } => 4 + places.len(),
            Self::Unused { width } => *width,
        }
    }

    /// Whether its feature has levels, not numbers.
    pub fn is_codes(&self) -> bool {
        matches!(self, Self::Codes)
    }

    /// Appends the features of a row: the one place where a value becomes what a model sees, in a batch or
    /// alone. Codes are numbers, NaN is missing.
    pub fn cells(&self, values: &Values, row: usize, cells: &mut Vec<f32>) {
        match (self, values) {
            (Self::Number, Values::Number { numbers, .. }) => cells.push(numbers[row] as f32),
            (Self::Codes, Values::Category(coded) | Values::Number { words: Some(coded), .. }) => {
                cells.push(match coded.codes[row] {
                    MISSING => f32::NAN,
                    UNSEEN => OTHER,
                    code => code as f32,
                });
            }
            (Self::Date { origin, clock }, Values::Number { numbers, .. }) => {
                date(numbers[row], *origin, *clock, cells);
            }
            (Self::Means { means, prior }, Values::Category(coded)) => {
                let level = coded.codes[row] as usize;
                let mean = |(means, prior): (&Vec<f32>, &f32)| means.get(level).copied().unwrap_or(*prior);
                cells.extend(means.iter().zip(prior).map(mean));
            }
            (Self::Frequency { shares }, Values::Category(coded)) => {
                cells.push(shares.get(coded.codes[row] as usize).copied().unwrap_or(0.0));
            }
            (Self::Text { places }, Values::Text(texts)) => {
                let text = texts.get(row);
                cells.extend(text::counts(text));
                let start = cells.len();
                cells.resize(start + places.len(), 0.0);
                text::places(text, |place| {
                    if let Ok(at) = places.binary_search(&place) {
                        cells[start + at] += 1.0;
                    }
                });
            }
            // A column that is not there is missing.
            (step, _) => cells.resize(cells.len() + step.width(), f32::NAN),
        }
    }
}

fn date(seconds: f64, origin: f64, clock: bool, cells: &mut Vec<f32>) {
    if !seconds.is_finite() {
        return cells.resize(cells.len() + 5 + usize::from(clock), f32::NAN);
    }
    let day = (seconds / DAY).floor();
    let (year, month, of_month) = civil(day as i64);
    cells.push(((seconds - origin) / DAY) as f32);
    cells.extend([year as f32, month as f32, of_month as f32]);
    // 1970-01-01 was a Thursday: Monday is 0.
    cells.push((day as i64 + 3).rem_euclid(7) as f32);
    if clock {
        cells.push(((seconds - day * DAY) / 3600.0) as f32);
    }
}
