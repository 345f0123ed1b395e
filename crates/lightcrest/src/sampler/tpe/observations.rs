//! The trials as rows, encoded once, with every column in order.

use crate::history::{FrozenTrial, TrialState};
use crate::space::encode::{Encoded, Encoder};
use crate::space::{Configuration, Space};

/// What a proposal reads of the trials. Kept from one proposal to the next; a trial that is as it was is not
/// encoded again.
#[derive(Debug, Default)]
pub(super) struct Observations {
    space: Option<Space>,
    /// By trial number; `None` where the trial does not count.
    rows: Vec<Option<(Configuration, Encoded)>>,
    /// For each column the numbers of the trials where it is active, by its value. // (d, up to n)
    order: Vec<Vec<usize>>,
}

impl Observations {
    /// Takes in what is new: complete, pruned and running trials.
    pub(super) fn update(&mut self, encoder: &Encoder<'_>, trials: &[FrozenTrial]) {
        if self.space.as_ref() != Some(encoder.space()) || self.rows.len() > trials.len() {
            self.space = Some(encoder.space().clone());
            self.rows.clear();
            self.order = vec![Vec::new(); encoder.columns().len()];
        }
        self.rows.resize(trials.len(), None);
        for (number, trial) in trials.iter().enumerate() {
            let counts =
                matches!(trial.state, TrialState::Complete | TrialState::Pruned | TrialState::Running);
            match &self.rows[number] {
                None if !counts => continue,
                Some((configuration, _)) if counts && *configuration == trial.configuration => continue,
                _ => self.remove(number),
            }
            if counts {
                self.insert(number, trial.configuration.clone(), encoder.encode(&trial.configuration));
            }
        }
    }

    fn remove(&mut self, number: usize) {
        if self.rows[number].take().is_some() {
            self.order.iter_mut().for_each(|order| order.retain(|n| *n != number));
        }
    }

    fn insert(&mut self, number: usize, configuration: Configuration, encoded: Encoded) {
        self.rows[number] = Some((configuration, encoded));
        for column in 0..self.order.len() {
            let Some(x) = self.value(number, column) else { continue };
            let smaller = |n: &usize| self.value(*n, column).is_some_and(|other| (other, *n) < (x, number));
            let at = self.order[column].partition_point(smaller);
            self.order[column].insert(at, number);
        }
    }

    /// The value of a trial in a column, where that is active.
    pub(super) fn value(&self, number: usize, column: usize) -> Option<f64> {
        let (_, encoded) = self.rows.get(number)?.as_ref()?;
        encoded.active[column].then(|| encoded.row[column])
    }

    /// Which columns of a trial are active; empty if it does not count.
    pub(super) fn active(&self, number: usize) -> &[bool] {
        self.rows.get(number).and_then(Option::as_ref).map_or(&[], |(_, encoded)| &encoded.active)
    }

    /// The trials in which a column is active, from its smallest value to its largest.
    pub(super) fn ordered(&self, column: usize) -> &[usize] {
        &self.order[column]
    }
}
