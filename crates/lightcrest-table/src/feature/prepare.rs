//! All steps of a preparation, and how they are learnt.

use serde::{Deserialize, Serialize};

use super::{Feature, Matrix, Step, text};
use crate::column::{Column, Reading};
use crate::table::{Coded, MISSING, Schema, Table, UNSEEN, Values};

/// How categories become features.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// As levels.
    Levels,
    /// Levels of few, cross-fitted means of the target and frequencies of many.
    Means,
}

/// Up to so many levels, a category is given as levels even among means.
const FEW_LEVELS: usize = 16;

/// Classes up to which each has its own mean.
const MEAN_CLASSES: usize = 8;

/// Rows that the mean of all counts for when a level's mean is shrunk to it.
const SHRINKAGE: f64 = 10.0;

/// What a preparation is learnt from.
#[derive(Clone, Copy)]
pub struct Fit<'a> {
    /// The columns.
    pub schema: &'a Schema,
    /// Their values.
    pub table: &'a Table,
    /// The rows to learn from.
    pub rows: &'a [u32],
    /// One for each row of the table: class or number.
    pub targets: &'a [f64],
    /// How many classes; 1 for a regression.
    pub classes: usize,
    /// The block of each row of the table in cross-fitting.
    pub inner: &'a [u8],
    /// Whether only earlier blocks tell of later ones.
    pub ordered: bool,
    /// How categories are given.
    pub encoding: Encoding,
}

/// From a table to a [`Matrix`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Preparer {
    /// Column and step, in the order of the features.
    pub steps: Vec<(usize, Step)>,
}

impl Preparer {
    /// Learns from the rows of `fit`, and from no others.
    pub fn fit(fit: &Fit<'_>) -> Self {
        let mut steps = Vec::new();
        for (i, column) in fit.schema.columns.iter().enumerate().filter(|(_, column)| column.is_feature()) {
            match (&fit.table.values[i], column.reading) {
                (Values::Number { numbers, .. }, Reading::Date { .. }) => {
                    steps.push((i, date(numbers, fit.rows)))
                }
                (Values::Number { words, .. }, _) => {
                    steps.push((i, Step::Number));
                    steps.extend(words.is_some().then_some((i, Step::Codes)));
                }
                (Values::Category(coded), _) => {
                    let many = coded.levels().len() > FEW_LEVELS && fit.encoding == Encoding::Means;
                    match many {
                        true if fit.classes <= MEAN_CLASSES => {
                            steps.push((i, fit.means(coded, |_| true)));
                            steps.push((i, frequency(coded, fit.rows)));
                        }
                        true => steps.extend([(i, Step::Codes), (i, frequency(coded, fit.rows))]),
                        false => steps.push((i, Step::Codes)),
                    }
                }
                (Values::Text(texts), _) => {
                    let text_of = |row: u32| texts.get(row as usize);
                    steps.push((i, Step::Text { places: fit.words(&text_of) }));
                }
                (Values::None, _) => {}
            }
        }
        Self { steps }
    }

    /// How many features it makes.
    pub fn width(&self) -> usize {
        self.steps.iter().map(|(_, step)| step.width()).sum()
    }

    /// What a feature is made of: the column, its step, and the place among what the step makes.
    ///
    /// # Panics
    /// When there are fewer features.
    pub fn feature(&self, at: usize) -> (usize, &Step, usize) {
        let mut first = 0;
        for (column, step) in &self.steps {
            if at < first + step.width() {
                return (*column, step, at - first);
            }
            first += step.width();
        }
        panic!("feature {at} of {first}")
    }

    /// Whether targets have a say in the features of that encoding.
    pub fn learns_from_targets(schema: &Schema, table: &Table, encoding: Encoding) -> bool {
        let of_column = |(column, values): (&Column, &Values)| match values {
            Values::Text(_) => column.is_feature(),
            Values::Category(coded) => {
                column.is_feature() && encoding == Encoding::Means && coded.levels().len() > FEW_LEVELS
            }
            _ => false,
        };
        schema.columns.iter().zip(&table.values).any(of_column)
    }

    /// How many features columns become at the most, texts left out.
    pub fn most_features(schema: &Schema, table: &Table) -> usize {
        let of_column = |(column, values): (&Column, &Values)| match values {
            _ if !column.is_feature() => 0,
            Values::Number { .. } if matches!(column.reading, Reading::Date { .. }) => {
                Step::Date { origin: 0.0, clock: true }.width()
            }
            Values::Number { words, .. } => 1 + usize::from(words.is_some()),
            Values::Category(_) => 2,
            Values::Text(_) | Values::None => 0,
        };
        schema.columns.iter().zip(&table.values).map(of_column).sum()
    }

    /// Features of any rows.
    pub fn transform(&self, table: &Table, rows: &[u32]) -> Matrix {
        let mut matrix = Matrix { rows: rows.len(), ..Matrix::default() };
        matrix.features.reserve(self.width());
        let mut cells = Vec::new();
        for (column, step) in &self.steps {
            let values = &table.values[*column];
            let width = step.width();
            matrix.sources.extend(std::iter::repeat_n(*column, width));
            if step.is_codes() {
                matrix.features.push(Feature::Codes(codes(values, rows)));
                continue;
            }
            let mut features = vec![Vec::with_capacity(rows.len()); width];
            for row in rows {
                cells.clear();
                step.cells(values, *row as usize, &mut cells);
                features.iter_mut().zip(&cells).for_each(|(feature, cell)| feature.push(*cell));
            }
            matrix.features.extend(features.into_iter().map(Feature::Number));
        }
        matrix
    }

    /// Features of the rows that it was learnt from: means of the target are those of other blocks.
    pub fn transform_training(&self, fit: &Fit<'_>) -> Matrix {
        let mut matrix = self.transform(fit.table, fit.rows);
        let mut at = 0;
        for (column, step) in &self.steps {
            let values = &fit.table.values[*column];
            if let (Step::Means { means, .. }, Values::Category(coded)) = (step, values) {
                fit.cross_fit(values, coded, &mut matrix.features[at..at + means.len()]);
            }
            at += step.width();
        }
        matrix
    }

    /// Features of one row, codes as numbers.
    pub fn row(&self, table: &Table, row: usize, cells: &mut Vec<f32>) {
        cells.clear();
        for (column, step) in &self.steps {
            step.cells(&table.values[*column], row, cells);
        }
    }

    /// The same without what makes features that nobody asks for.
    pub fn only(&self, used: &[bool]) -> Self {
        let mut at = 0;
        let keep = |(column, step): &(usize, Step)| {
            let width = step.width();
            let needed = used[at..at + width].iter().any(|used| *used);
            at += width;
            (*column, if needed { step.clone() } else { Step::Unused { width } })
        };
        Self { steps: self.steps.iter().map(keep).collect() }
    }

    /// Without the steps of which no feature is used, before anything is learnt from the others.
    pub fn retain(&mut self, used: &[bool]) {
        let mut at = 0;
        self.steps.retain(|(_, step)| {
            let width = step.width();
            at += width;
            used[at - width..at].iter().any(|used| *used)
        });
    }

    /// Which columns of the table it reads.
    pub fn reads(&self, column: usize) -> bool {
        self.steps.iter().any(|(it, step)| *it == column && !matches!(step, Step::Unused { .. }))
    }
}

fn codes(values: &Values, rows: &[u32]) -> Vec<u32> {
    let known = |code: u32| if code == UNSEEN { MISSING } else { code };
    match values {
        Values::Category(coded) | Values::Number { words: Some(coded), .. } => {
            rows.iter().map(|row| known(coded.codes[*row as usize])).collect()
        }
        _ => vec![MISSING; rows.len()],
    }
}

fn date(numbers: &[f64], rows: &[u32]) -> Step {
    let moments = || rows.iter().map(|row| numbers[*row as usize]).filter(|seconds| seconds.is_finite());
    let origin = moments().fold(f64::INFINITY, f64::min);
    let clock = moments().any(|seconds| seconds.rem_euclid(86400.0) != 0.0);
    Step::Date { origin: if origin.is_finite() { origin } else { 0.0 }, clock }
}

fn frequency(coded: &Coded, rows: &[u32]) -> Step {
    let mut shares = vec![0.0f32; coded.levels().len()];
    for row in rows {
        if let Some(share) = shares.get_mut(coded.codes[*row as usize] as usize) {
            *share += 1.0;
        }
    }
    shares.iter_mut().for_each(|share| *share /= rows.len() as f32);
    Step::Frequency { shares }
}

impl Fit<'_> {
    /// Outputs of means: one a class of several, the second of two, the number itself.
    fn outputs(&self) -> usize {
        if self.classes > 2 { self.classes } else { 1 }
    }

    /// What a row counts for an output.
    fn outcome(&self, row: u32, output: usize) -> f64 {
        let y = self.targets[row as usize];
        if self.classes > 2 { f64::from(u8::from(y as usize == output)) } else { y }
    }

    /// Shrunken means of the target by level, over the rows whose block fits.
    fn means(&self, coded: &Coded, fits: impl Fn(u8) -> bool) -> Step {
        let levels = coded.levels().len();
        let (mut means, mut priors) = (Vec::new(), Vec::new());
        for output in 0..self.outputs() {
            let mut sums = vec![(0.0, 0.0); levels];
            let (mut total, mut count) = (0.0, 0.0);
            for row in self.rows.iter().filter(|row| fits(self.inner[**row as usize])) {
                let value = self.outcome(*row, output);
                (total, count) = (total + value, count + 1.0);
                if let Some(sum) = sums.get_mut(coded.codes[*row as usize] as usize) {
                    *sum = (sum.0 + value, sum.1 + 1.0);
                }
            }
            // Without earlier rows there is nothing to tell.
            let prior = if count > 0.0 { total / count } else { f64::NAN };
            let mean = |(sum, count): (f64, f64)| ((sum + SHRINKAGE * prior) / (count + SHRINKAGE)) as f32;
            means.push(sums.into_iter().map(mean).collect());
            priors.push(prior as f32);
        }
        Step::Means { means, prior: priors }
    }

    /// Replaces the means of the training rows by those of other blocks.
    fn cross_fit(&self, values: &Values, coded: &Coded, features: &mut [Feature]) {
        let mut blocks: Vec<u8> = self.rows.iter().map(|row| self.inner[*row as usize]).collect();
        blocks.sort_unstable();
        blocks.dedup();
        let mut cells = Vec::new();
        for block in blocks {
            let step = self.means(coded, |other| if self.ordered { other < block } else { other != block });
            for (i, row) in
                self.rows.iter().enumerate().filter(|(_, row)| self.inner[**row as usize] == block)
            {
                cells.clear();
                step.cells(values, *row as usize, &mut cells);
                for (feature, cell) in features.iter_mut().zip(&cells) {
                    if let Feature::Number(numbers) = feature {
                        numbers[i] = *cell;
                    }
                }
            }
        }
    }

    /// The words that tell most of the target: those whose rows' mean differs most, for their number.
    fn words<'t>(&self, text: &dyn Fn(u32) -> &'t str) -> Vec<u32> {
        let n = self.rows.len() as f64;
        let mut count = vec![0.0f64; text::PLACES];
        let outputs = self.outputs().min(MEAN_CLASSES);
        let mut sums = vec![vec![0.0f64; text::PLACES]; outputs];
        let mut last = vec![u32::MAX; text::PLACES];
        let mut total = vec![0.0; outputs];
        for row in self.rows {
            (0..outputs).for_each(|k| total[k] += self.outcome(*row, k));
            text::places(text(*row), |place| {
                let place = place as usize;
                if last[place] != *row {
                    last[place] = *row;
                    count[place] += 1.0;
                    (0..outputs).for_each(|k| sums[k][place] += self.outcome(*row, k));
                }
            });
        }
        let least = (n / 1000.0).max(5.0);
        let score = |place: usize| -> f64 {
            let each = |k: usize| (sums[k][place] / count[place] - total[k] / n).powi(2);
            (0..outputs).map(each).sum::<f64>() * count[place] / (1.0 - count[place] / n)
        };
        let mut chosen: Vec<(f64, u32)> = (0..text::PLACES)
            .filter(|place| count[*place] >= least && count[*place] < 0.95 * n)
            .map(|place| (score(place), place as u32))
            .collect();
        chosen.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut places: Vec<u32> = chosen.into_iter().take(text::WIDTH).map(|(_, place)| place).collect();
        places.sort_unstable();
        places
    }
}
