//! What the sampler keeps of the trials that have ended, so that an ask costs what is new and not what is
//! there.
//!
//! With 100,000 trials, writing all of them as rows takes longer than the Gaussian process itself, which
//! sees a few hundred. So each trial is written down once, when it has ended, and what is asked of all of
//! them (where the trust region stands, which inform the surrogate, how far the nearest is) is read off
//! plain numbers. A ledger is a function of the history: one that is begun anew holds the same.
//!
//! | symbol | meaning |
//! |---|---|
//! | n | trials that have ended, by number |
//! | d | columns of the space |
//! | m | objectives |

use super::trust_region::Step;
use crate::history::{FrozenTrial, TrialState};
use crate::sampler::Context;
use crate::sampler::admission::distance;
use crate::space::Space;
use crate::space::encode::{Column, Encoded, Encoder};
use std::sync::Arc;

/// The trials of one history that have ended.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Of which history and which space.
    of: Option<(Arc<()>, Space)>,
    /// How many trials were looked at.
    seen: u64,
    /// Those of them that had not ended, ascending.
    open: Vec<u64>,
    numbers: Vec<u64>,      // (n,), ascending
    rows: Vec<f64>,         // (n, d)
    active: Vec<bool>,      // (n, d)
    values: Vec<f64>,       // (n, m), oriented; NaN throughout where one is missing or not finite
    counts: Vec<bool>,      // (n,), complete and feasible
    parameters: Vec<usize>, // (n,), active ones
    selection: Option<Selection>,
}

/// Which of the first trials inform the surrogate.
#[derive(Debug)]
struct Selection {
    /// How many are first.
    first: usize,
    /// The first number that the local search counts.
    begin: u64,
    places: Arc<Vec<usize>>,
}

impl Ledger {
    /// Writes down what has ended since the last time.
    pub(super) fn follow(&mut self, context: &Context<'_>) {
        let history = context.history;
        let same = |(lineage, space): &(Arc<()>, Space)| {
            Arc::ptr_eq(lineage, history.lineage()) && space == context.space
        };
        if !self.of.as_ref().is_some_and(same) {
            let of = Some((Arc::clone(history.lineage()), context.space.clone()));
            *self = Self { of, ..Self::default() };
        }
        let ended = |number: &u64| history.get(*number).is_none_or(|trial| trial.state.is_finished());
        // What comes after the first one that has ended since moves.
        let from = self.open.iter().copied().find(ended).unwrap_or(self.seen);
        self.forget(from, context);
        let encoder = Encoder::new(context.space);
        for trial in &history.trials()[from as usize..] {
            if trial.state.is_finished() {
                self.write(trial, context, &encoder);
            } else {
                self.open.push(trial.number);
            }
        }
        self.seen = history.len() as u64;
    }

    /// Forgets the trials from a number on.
    fn forget(&mut self, from: u64, context: &Context<'_>) {
        let (n, d, m) = (
            self.numbers.partition_point(|number| *number < from),
            context.space.len(),
            context.objectives.len(),
        );
        self.open.retain(|number| *number < from);
        self.numbers.truncate(n);
        self.rows.truncate(n * d);
        self.active.truncate(n * d);
        self.values.truncate(n * m);
        self.counts.truncate(n);
        self.parameters.truncate(n);
        self.selection.take_if(|selection| selection.first > n);
    }

    fn write(&mut self, trial: &FrozenTrial, context: &Context<'_>, encoder: &Encoder<'_>) {
        let Encoded { row, active } = encoder.encode(&trial.configuration);
        let oriented = context.history.oriented(trial).filter(|values| values.iter().all(|v| v.is_finite()));
        self.numbers.push(trial.number);
        self.rows.extend(row);
        self.active.extend(active);
        match oriented {
            Some(values) => self.values.extend(values),
            None => self.values.extend(context.objectives.iter().map(|_| f64::NAN)),
        }
        self.counts.push(trial.state == TrialState::Complete && trial.is_feasible());
        self.parameters.push(trial.configuration.len());
    }

    /// n.
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The number of the trial at a place.
    pub(super) fn number(&self, place: usize) -> u64 {
        self.numbers[place]
    }

    /// The row of the trial at a place.
    pub(super) fn encoded(&self, place: usize) -> Encoded {
        let (row, active) = self.row(place);
        Encoded { row: row.to_vec(), active: active.to_vec() }
    }

    fn row(&self, place: usize) -> (&[f64], &[bool]) {
        let d = self.of.as_ref().map_or(0, |(_, space)| space.len());
        (&self.rows[place * d..(place + 1) * d], &self.active[place * d..(place + 1) * d])
    }

    /// The values of the trial at a place, larger is better; `None` where one is missing or not finite.
    pub(super) fn values(&self, place: usize) -> Option<&[f64]> {
        let m = self.values.len() / self.len().max(1);
        let values = &self.values[place * m..(place + 1) * m];
        (!values.iter().any(|value| value.is_nan())).then_some(values)
    }

    /// What the trust region makes of the trials, in their order.
    pub(super) fn steps(&self) -> impl Iterator<Item = Step> {
        (0..self.len()).map(|place| Step {
            number: self.numbers[place],
            value: self.values(place).filter(|_| self.counts[place]).map(|values| values[0]),
            parameters: self.parameters[place],
        })
    }

    /// How far the nearest trial is from a row.
    pub(super) fn nearest(&self, columns: &[Column], row: &Encoded) -> f64 {
        let to = |place| distance(columns, (&row.row, &row.active), self.row(place));
        (0..self.len()).map(to).fold(f64::INFINITY, f64::min)
    }

    /// How far each of the first `first` trials is from the one at a place.
    pub(super) fn distances(&self, columns: &[Column], place: usize, first: usize) -> Vec<f64> {
        let centre = self.row(place);
        (0..first).map(|other| distance(columns, centre, self.row(other))).collect()
    }

    /// The places that `select` finds among the first `first` trials where the local search counts from the
    /// number `begin` on. They stay the same until one of the two changes.
    pub(super) fn selected(
        &mut self,
        first: usize,
        begin: u64,
        select: impl FnOnce(&Self) -> Vec<usize>,
    ) -> Arc<Vec<usize>> {
        let known = self.selection.as_ref().filter(|known| (known.first, known.begin) == (first, begin));
        if let Some(known) = known {
            return Arc::clone(&known.places);
        }
        let places = Arc::new(select(self));
        self.selection = Some(Selection { first, begin, places: Arc::clone(&places) });
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;
    use crate::objective::{ObjectiveInfo, Preview};
    use crate::space::Configuration;

    fn at(x: f64) -> Configuration {
        [("x".to_owned(), x)].into_iter().collect()
    }

    /// What a ledger holds, and whether its rows are those of the trials.
    fn numbers(ledger: &Ledger, history: &History, space: &Space) -> Vec<u64> {
        let encoder = Encoder::new(space);
        for place in 0..ledger.len() {
            let trial = history.get(ledger.number(place)).unwrap();
            assert_eq!(ledger.encoded(place), encoder.encode(&trial.configuration));
            assert_eq!(ledger.values(place), history.oriented(trial).as_deref());
        }
        ledger.numbers.clone()
    }

    #[test]
    fn a_ledger_that_followed_holds_what_a_new_one_does() {
        let space = Space::builder().float("x", 0.0, 1.0).build().unwrap();
        let objectives = vec![ObjectiveInfo::minimize("loss")];
        let mut history = History::new(objectives.clone());
        let mut ledger = Ledger::default();
        let mut look = |history: &History| {
            let preview = |_: &Configuration| Preview::default();
            let (number, objectives) = (history.len() as u64, &objectives[..]);
            let context = Context { number, space: &space, objectives, history, preview: &preview };
            let mut new = Ledger::default();
            new.follow(&context);
            ledger.follow(&context);
            let found = numbers(&ledger, history, &space);
            assert_eq!(found, numbers(&new, history, &space));
            assert_eq!((&ledger.open, &ledger.counts), (&new.open, &new.counts));
            found
        };
        let running = |number, x| FrozenTrial {
            state: TrialState::Running,
            started: Some(1),
            ..FrozenTrial::waiting(number, at(x))
        };
        for number in 0..4 {
            history.put(running(number, 0.1));
        }
        assert!(look(&history).is_empty());
        for number in [2, 0] {
            history.put(FrozenTrial::complete(number, at(0.2), vec![number as f64]));
            look(&history);
        }
        history.put(FrozenTrial::complete(4, at(0.3), vec![1.0]));
        assert_eq!(look(&history), [0, 2, 4]);
        history.put(FrozenTrial::complete(1, at(0.4), vec![1.0]));
        assert_eq!(look(&history), [0, 1, 2, 4], "a late one moves those after it");
        history.put(FrozenTrial::complete(0, at(0.9), vec![3.0]));
        assert_eq!(look(&history), [0, 1, 2, 4], "one that was changed is written anew");
        let mut other = history.clone();
        other.put(FrozenTrial::complete(3, at(0.5), vec![1.0]));
        assert_eq!(look(&other), [0, 1, 2, 3, 4]);
        history.put(FrozenTrial::complete(3, at(0.6), vec![2.0]));
        assert_eq!(look(&history), [0, 1, 2, 3, 4], "a copy went its own way");
    }
}
