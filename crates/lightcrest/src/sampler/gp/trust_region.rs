//! Where there are more trials than one exact model can use: a trust region, the part of the space that is
//! searched then.
//!
//! It is a box around the best trial, whose sides are proportional to the length-scales, with geometric mean
//! L. L follows from the history alone: it doubles after three improvements in a row and halves after as many
//! trials without one as a trial has parameters. Choices without an order are not limited, but changed the
//! less often the smaller L is. Once L is too small to matter, the search restarts elsewhere: with random
//! trials, around the best of which the next region lies.
//!
//! Every trial counts, also those that were proposed for the whole space: an improvement anywhere moves the
//! centre, and a local search that global proposals outdo has failed as well. So L halves about twice as soon
//! as if only local proposals were counted.
//!
//! # References
//! Eriksson et al. 2019 (TuRBO, arXiv 1910.01465), sec. 2 and supplement.

use crate::space::encode::{Column, Encoded};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// L at a restart.
const FIRST: f64 = 0.8;
/// Below, the search restarts.
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

/// What the region makes of a trial that has ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) number: u64,
    /// Its value, larger is better, if it is complete and feasible and the value finite.
    pub(super) value: Option<f64>,
    /// How many parameters are active in it.
    pub(super) parameters: usize,
}

/// Where the local search stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct RegionState {
    /// The number of its first trial; 0 before the first restart.
    pub(super) begin: u64,
    /// The number of its best trial, if one is complete and feasible.
    best: Option<u64>,
    length: f64,
}

impl RegionState {
    /// The state after the trials of a study of one objective that have ended, by number, which are searched
    /// locally from the number `from` on. The first `startup` proposals of each restart are random.
    pub(super) fn of(steps: impl Iterator<Item = Step>, from: u64, startup: u64) -> Self {
        let mut state = Self { begin: 0, best: None, length: FIRST };
        let (mut best, mut successes, mut failures) = (f64::NEG_INFINITY, 0, 0);
        for Step { number, value, parameters } in steps {
            let better = value.is_some_and(|v| state.best.is_none() || v > best + GAIN * best.abs());
            if let Some(value) = value.filter(|v| state.best.is_none() || *v > best) {
                (best, state.best) = (value, Some(number));
            }
            if number < from || state.is_starting(number, startup) {
                continue;
            }
            (successes, failures) = if better { (successes + 1, 0) } else { (0, failures + 1) };
            if successes == SUCCESSES {
                (state.length, successes) = ((2.0 * state.length).min(LARGEST), 0);
            } else if failures == parameters.max(4) {
                (state.length, failures) = (0.5 * state.length, 0);
            }
            if state.length < SMALLEST {
                state = Self { begin: number + 1, best: None, length: FIRST };
                (best, successes, failures) = (f64::NEG_INFINITY, 0, 0);
            }
        }
        state
    }

    /// Whether the local proposal of this number is a random one.
    pub(super) fn is_starting(&self, number: u64, startup: u64) -> bool {
        self.begin > 0 && (self.best.is_none() || number < self.begin + startup)
    }
}

impl Region {
    /// The region around a row.
    ///
    /// # Shapes
    /// `columns` and `scales`, the length-scales, have one entry for each number of the row.
    pub(super) fn new(columns: &[Column], centre: &Encoded, scales: &[f64], state: &RegionState) -> Self {
        let length = state.length;
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
    use crate::space::{Encoder, Space};
    use rand::SeedableRng;

    /// The state after trials of six parameters with these losses, all searched locally.
    fn after(losses: &[f64]) -> RegionState {
        let step = |(number, loss): (u64, &f64)| Step { number, value: Some(-loss), parameters: 6 };
        RegionState::of((0..).zip(losses).map(step), 0, 10)
    }

    #[test]
    fn the_region_grows_with_success_and_shrinks_with_failure() {
        let length = |losses: &[f64]| after(losses).length;
        assert_eq!(length(&[5.0, 4.0]), FIRST);
        assert_eq!(length(&[5.0, 4.0, 3.0]), 2.0 * FIRST);
        assert_eq!(length(&[5.0, 4.0, 3.0, 2.0, 1.0, 0.0, -1.0]), LARGEST);
        let stuck = |n: usize| length(&[vec![1.0], vec![0.9999; n]].concat());
        assert_eq!([stuck(5), stuck(6), stuck(12)], [FIRST, FIRST / 2.0, FIRST / 4.0], "too small a gain");
    }

    #[test]
    fn an_exhausted_region_gives_way_to_another() {
        let stuck = [vec![1.0], vec![1.0; 41]].concat();
        let before = after(&stuck);
        assert_eq!((before.begin, before.best, before.length), (0, Some(0), FIRST / 64.0));
        assert!(!before.is_starting(42, 10));
        let new = after(&[&stuck[..], &[1.0]].concat());
        assert_eq!((new.begin, new.best, new.length), (43, None, FIRST));
        assert!(new.is_starting(43, 10));
        // Ten at random, of which the third is the best so far; then the search goes on around it.
        let losses = [&stuck[..], &[1.0], &[9.0, 8.0, 3.0], &[7.0; 7]].concat();
        let begun = after(&losses);
        assert_eq!((begun.begin, begun.best, begun.length), (43, Some(45), FIRST));
        assert!(begun.is_starting(52, 10) && !begun.is_starting(53, 10));
        assert_eq!(after(&[&losses[..], &[7.0; 6]].concat()).length, FIRST / 2.0);
    }

    #[test]
    fn only_trials_from_a_number_on_count() {
        let steps = || (0..20).map(|number| Step { number, value: Some(0.0), parameters: 0 });
        assert_eq!(RegionState::of(steps(), 20, 10).length, FIRST);
        assert_eq!(RegionState::of(steps(), 16, 10).length, FIRST / 2.0);
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
        let state = RegionState { begin: 0, best: None, length: 0.1 };
        let region = Region::new(encoder.columns(), &centre, &[0.2, 0.4, 0.2, 0.1, 1.0], &state);
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
