//! Where there are more trials than one exact model can use: a trust region, the part of the space that is searched then.
//!
//! It is a box around the best trial, whose sides are proportional to the length-scales, with geometric mean L. L follows from the history
//! alone: it doubles after three improvements in a row, halves after as many trials without one as a trial has parameters, and begins anew once it is
//! too small to matter. Choices without an order are not limited, but changed the less often the smaller L is.
//!
//! # References
//! Eriksson et al. 2019 (TuRBO, arXiv 1910.01465), sec. 2 and supplement, with the best trial in place of restarts.

use crate::history::{FrozenTrial, History, TrialState};
use crate::space::encode::{Column, Encoded};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// L at first.
const FIRST: f64 = 0.8;
/// Below, L is [`FIRST`] again.
const SMALLEST: f64 = 1.0 / 128.0;
const LARGEST: f64 = 1.6;
/// Improvements in a row that double L.
const SUCCESSES: usize = 3;
/// An improvement is larger than this part of the best value.
const GAIN: f64 = 1e-3;
/// How many columns of the centre are changed in a random row, on average, if there are more.
const CHANGES: f64 = 20.0;

/// A box around a row.
#[derive(Debug, Clone)]
pub(super) struct Region {
    pub(super) centre: Encoded,
    length: f64,
    lower: Vec<f64>, // (d,)
    upper: Vec<f64>, // (d,)
}

/// L of the region after all trials, which are searched locally from the number `from` on.
pub(super) fn length(history: &History, from: u64) -> f64 {
    let value = |trial: &FrozenTrial| {
        let counts = trial.state == TrialState::Complete && trial.is_feasible();
        let value = history.oriented(trial).filter(|_| counts)?[0];
        value.is_finite().then_some(value)
    };
    let mut best: Option<f64> = None;
    let (mut length, mut successes, mut failures) = (FIRST, 0, 0);
    for trial in history.trials().iter().filter(|trial| trial.state.is_finished()) {
        let value = value(trial);
        let better = value.is_some_and(|v| best.is_none_or(|best| v > best + GAIN * best.abs()));
        best = best.into_iter().chain(value).reduce(f64::max);
        if trial.number < from {
            continue;
        }
        (successes, failures) = if better { (successes + 1, 0) } else { (0, failures + 1) };
        if successes == SUCCESSES {
            (length, successes) = ((2.0 * length).min(LARGEST), 0);
        } else if failures == trial.configuration.len().max(4) {
            (length, failures) = (0.5 * length, 0);
        }
        if length < SMALLEST {
            (length, successes, failures) = (FIRST, 0, 0);
        }
    }
    length
}

impl Region {
    /// The region around a row.
    ///
    /// # Shapes
    /// `columns` and `scales`, the length-scales, have one entry for each number of the row.
    pub(super) fn new(columns: &[Column], centre: &Encoded, scales: &[f64], length: f64) -> Self {
        let ordered = |i: &usize| centre.active[*i] && !matches!(columns[*i], Column::Categorical { .. });
        let ordered: Vec<usize> = (0..columns.len()).filter(ordered).collect();
        let mean = ordered.iter().map(|&i| scales[i].ln()).sum::<f64>() / ordered.len().max(1) as f64;
        let mut lower = vec![f64::NEG_INFINITY; columns.len()];
        let mut upper = vec![f64::INFINITY; columns.len()];
        for &i in &ordered {
            let mut half = 0.5 * length * (scales[i].ln() - mean).exp();
            if let Some(cells) = columns[i].cells() {
                half = half.max(1.0 / cells as f64); // the neighbours on the grid
            }
            (lower[i], upper[i]) = (centre.row[i] - half, centre.row[i] + half);
        }
        Self { centre: centre.clone(), length, lower, upper }
    }

    /// Where a column may lie; infinite where it is not limited.
    pub(super) fn limits(&self, column: usize) -> (f64, f64) {
        (self.lower[column], self.upper[column])
    }

    /// The centre with some of its active columns changed at random.
    pub(super) fn draw(&self, columns: &[Column], rng: &mut ChaCha8Rng) -> Vec<f64> {
        let mut row = self.centre.row.clone();
        let active: Vec<usize> = (0..row.len()).filter(|&i| self.centre.active[i]).collect();
        let sure = rng.random_range(0..active.len().max(1));
        for (k, &i) in active.iter().enumerate() {
            if k != sure && !rng.random_bool((CHANGES / active.len() as f64).min(1.0)) {
                continue;
            }
            let u: f64 = rng.random();
            let (low, high) = (self.lower[i].max(0.0), self.upper[i].min(1.0));
            row[i] = match &columns[i] {
                Column::Categorical { .. } if !rng.random_bool(self.length.min(1.0)) => row[i],
                column @ Column::Categorical { .. } => column.spread(u),
                _ => low + u * (high - low),
            };
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::ObjectiveInfo;
    use crate::space::{Configuration, Encoder, Space};
    use rand::SeedableRng;

    /// L after trials of six parameters with these losses, all searched locally.
    fn after(losses: &[f64]) -> f64 {
        let configuration: Configuration = (0..6).map(|i| (format!("x{i}"), 0.0)).collect();
        let mut history = History::new(vec![ObjectiveInfo::minimize("loss")]);
        for (number, loss) in (0..).zip(losses) {
            history.put(FrozenTrial::complete(number, configuration.clone(), vec![*loss]));
        }
        length(&history, 0)
    }

    #[test]
    fn the_region_grows_with_success_and_shrinks_with_failure() {
        assert_eq!(after(&[5.0, 4.0]), FIRST);
        assert_eq!(after(&[5.0, 4.0, 3.0]), 2.0 * FIRST);
        assert_eq!(after(&[5.0, 4.0, 3.0, 2.0, 1.0, 0.0, -1.0]), LARGEST);
        let stuck = |n: usize| after(&[vec![1.0], vec![0.9999; n]].concat());
        assert_eq!([stuck(5), stuck(6), stuck(12)], [FIRST, FIRST / 2.0, FIRST / 4.0], "too small a gain");
        assert_eq!(stuck(41), FIRST / 64.0);
        assert_eq!(stuck(42), FIRST, "anew");
    }

    #[test]
    fn only_trials_from_a_number_on_count() {
        let mut history = History::new(vec![ObjectiveInfo::maximize("accuracy")]);
        for number in 0..20 {
            history.put(FrozenTrial::complete(number, Configuration::new(), vec![0.0]));
        }
        assert_eq!(length(&history, 20), FIRST);
        assert_eq!(length(&history, 16), FIRST / 2.0);
    }

    #[test]
    fn draws_lie_in_the_box_and_long_scales_make_long_sides() {
        let space = Space::builder()
            .float("x", 0.0, 1.0)
            .float("y", 0.0, 1.0)
            .int("i", 0, 99)
            .int("j", 0, 2)
            .categorical("c", ["a", "b", "c"])
            .build()
            .unwrap();
        let encoder = Encoder::new(&space);
        let centre = encoder.encode(&encoder.decode(&[0.5, 0.5, 0.505, 0.5, 1.0]));
        let region = Region::new(encoder.columns(), &centre, &[0.2, 0.4, 0.2, 0.1, 1.0], 0.1);
        let side = |i: usize| region.limits(i).1 - region.limits(i).0;
        assert!((side(1) / side(0) - 2.0).abs() < 1e-9);
        assert!((side(3) - 2.0 / 3.0).abs() < 1e-9, "at least the neighbours");
        assert_eq!(region.limits(4), (f64::NEG_INFINITY, f64::INFINITY));
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let draws: Vec<Vec<f64>> = (0..200).map(|_| region.draw(encoder.columns(), &mut rng)).collect();
        for i in 0..4 {
            let (low, high) = region.limits(i);
            assert!(draws.iter().all(|row| (low..=high).contains(&row[i])));
            assert!(draws.iter().any(|row| row[i] != centre.row[i]));
        }
        let kept = draws.iter().filter(|row| row[4] == 1.0).count();
        assert!((150..200).contains(&kept), "choices change now and then: {kept} of 200 kept");
    }
}
