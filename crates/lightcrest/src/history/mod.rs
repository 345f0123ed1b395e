//! The trials of a study as data: what samplers and pruners see.

mod trial;

pub use trial::{Claim, FrozenTrial, TrialState};

use crate::memory::{Lesson, Memory, Source};
use crate::objective::{ObjectiveInfo, orient};
use crate::pareto;
use crate::space::{Configuration, Value};
use lightcrest_gp::transform::{Outliers, transform};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

/// The trials of a study, by number, and the objectives that their values belong to.
///
/// Those at the end whose number is only [reserved](FrozenTrial::is_reserved) are no part of it until they
/// have a configuration, or a later trial has: what is proposed for one does not depend on whether its number
/// was reserved before.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    objectives: Vec<ObjectiveInfo>,
    memory: Arc<Memory>,
    trials: Vec<FrozenTrial>,
    /// The reserved ones after the last of `trials`.
    reserved: BTreeMap<u64, FrozenTrial>,
    /// How many trials have each configuration, by its fingerprint: asking must not cost more as a study
    /// grows.
    configurations: HashMap<u64, usize, foldhash::fast::FixedState>,
    waiting: BTreeSet<u64>,
    /// Those of `trials` that have not ended.
    unfinished: BTreeSet<u64>,
    lineage: Lineage,
}

/// Tells whether what was seen of ended trials still holds: as long as a history keeps its lineage, those
/// that have ended stay as they are, and others are only added. A copy goes its own way, and so has another
/// one.
#[derive(Debug, Default)]
struct Lineage(Arc<()>);

impl Clone for Lineage {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Lineage {
    /// What a history holds does not depend on it.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl History {
    /// No trials yet.
    pub fn new(objectives: Vec<ObjectiveInfo>) -> Self {
        Self {
            objectives,
            memory: Arc::default(),
            trials: Vec::new(),
            reserved: BTreeMap::new(),
            configurations: HashMap::default(),
            waiting: BTreeSet::new(),
            unfinished: BTreeSet::new(),
            lineage: Lineage::default(),
        }
    }

    /// The objectives of the study.
    pub fn objectives(&self) -> &[ObjectiveInfo] {
        &self.objectives
    }

    /// What the study knows from earlier ones.
    pub fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// Takes over what the study knows from earlier ones.
    pub fn remember(&mut self, memory: Arc<Memory>) {
        self.memory = memory;
    }

    /// All that this study can teach one with these objectives, as a source of that name.
    ///
    /// Objectives are matched by name; where both studies have one only, they are matched whatever they are
    /// called. What is better is what this study's own direction says.
    pub fn source(&self, name: impl Into<String>, objectives: &[ObjectiveInfo]) -> Source {
        let single = self.objectives.len() == 1 && objectives.len() == 1;
        let position =
            |other: &ObjectiveInfo| self.objectives.iter().position(|own| single || own.name == other.name);
        let positions: Vec<Option<usize>> = objectives.iter().map(position).collect();
        let finite = |trial: &&FrozenTrial| trial.values.iter().flatten().all(|value| value.is_finite());
        let trials: Vec<&FrozenTrial> = self.complete().filter(finite).collect();
        let scores = |position: &Option<usize>| {
            let own = (*position)?;
            let direction = self.objectives[own].direction;
            let values =
                trials.iter().filter_map(|trial| Some(direction.orient(trial.values.as_ref()?[own])));
            transform(&values.collect::<Vec<f64>>(), Outliers::HalfRank).ok()
        };
        let scores: Vec<Option<Vec<f64>>> = positions.iter().map(scores).collect();
        let lesson = |(i, trial): (usize, &&FrozenTrial)| Lesson {
            configuration: trial.configuration.clone(),
            values: positions.iter().map(|p| Some(trial.values.as_ref()?[(*p)?])).collect(),
            scores: scores.iter().map(|scores| Some(scores.as_ref()?[i])).collect(),
        };
        let lessons = trials.iter().enumerate().map(lesson).collect();
        Source { name: name.into(), trials: self.complete().count(), lessons }
    }

    /// All trials; a trial's number is its position.
    pub fn trials(&self) -> &[FrozenTrial] {
        &self.trials
    }

    /// A trial by number, also one that is only reserved.
    pub fn get(&self, number: u64) -> Option<&FrozenTrial> {
        self.trials.get(usize::try_from(number).ok()?).or_else(|| self.reserved.get(&number))
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut FrozenTrial> {
        self.trials.get_mut(usize::try_from(number).ok()?)
    }

    /// The number of the next new trial: after all that are there or reserved.
    pub(crate) fn next_number(&self) -> u64 {
        self.reserved.last_key_value().map_or(self.trials.len() as u64, |(last, _)| last + 1)
    }

    /// Forgets reservations from a number on: they were given up.
    pub(crate) fn forget_reserved(&mut self, from: u64) {
        self.reserved.split_off(&from);
    }

    /// How many trials there are, in whatever state.
    pub fn len(&self) -> usize {
        self.trials.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.trials.is_empty()
    }

    /// Adds a trial, or replaces the one of its number.
    ///
    /// # Panics
    /// If the number would leave a gap.
    pub fn put(&mut self, trial: FrozenTrial) {
        if let Err(gap) = self.take(trial) {
            panic!("trial numbers have no gaps, but {gap}");
        }
    }

    /// As [`put`](Self::put).
    ///
    /// # Errors
    /// If the number would leave a gap; the trial is not added then.
    pub(crate) fn take(&mut self, trial: FrozenTrial) -> Result<(), Gap> {
        let (number, end) = (trial.number, self.trials.len() as u64);
        if trial.is_reserved() && number.saturating_add(1) >= end {
            self.set_aside(trial);
            return Ok(());
        }
        for missing in end..number {
            let before = self.reserved.remove(&missing).ok_or(Gap { missing, number })?;
            self.place(before);
        }
        self.reserved.remove(&number);
        self.place(trial);
        Ok(())
    }

    /// Keeps a trial at the end apart: nothing is known of it.
    fn set_aside(&mut self, trial: FrozenTrial) {
        if trial.number + 1 == self.trials.len() as u64
            && let Some(last) = self.trials.pop()
        {
            self.uncount(&last.configuration);
            self.lineage = Lineage::default();
        }
        self.waiting.remove(&trial.number);
        self.unfinished.remove(&trial.number);
        self.reserved.insert(trial.number, trial);
    }

    /// Puts a trial at its place, which is there or the next.
    fn place(&mut self, trial: FrozenTrial) {
        let number = trial.number;
        if trial.state == TrialState::Waiting {
            self.waiting.insert(number);
        } else {
            self.waiting.remove(&number);
        }
        let before = self.trials.get(number as usize).filter(|trial| trial.state.is_finished());
        if before.is_some_and(|before| *before != trial) {
            self.lineage = Lineage::default();
        }
        if trial.state.is_finished() {
            self.unfinished.remove(&number);
        } else {
            self.unfinished.insert(number);
        }
        match self.get_mut(number) {
            Some(slot) if slot.configuration == trial.configuration => *slot = trial,
            Some(slot) => {
                let new = trial.configuration.fingerprint();
                let old = std::mem::replace(slot, trial).configuration;
                self.uncount(&old);
                *self.configurations.entry(new).or_insert(0) += 1;
            }
            None => {
                *self.configurations.entry(trial.configuration.fingerprint()).or_insert(0) += 1;
                self.trials.push(trial);
            }
        }
    }

    fn uncount(&mut self, configuration: &Configuration) {
        if let Some(count) = self.configurations.get_mut(&configuration.fingerprint()) {
            *count = count.saturating_sub(1);
        }
    }

    /// Changes one value of a trial.
    pub(crate) fn amend(&mut self, number: u64, name: std::sync::Arc<str>, value: Value) {
        let Some(trial) = usize::try_from(number).ok().and_then(|i| self.trials.get_mut(i)) else { return };
        if trial.state.is_finished() {
            self.lineage = Lineage::default();
        }
        if let Some(count) = self.configurations.get_mut(&trial.configuration.fingerprint()) {
            *count = count.saturating_sub(1);
        }
        trial.configuration.set(name, value);
        *self.configurations.entry(trial.configuration.fingerprint()).or_insert(0) += 1;
    }

    /// Takes over a report of a running trial, unless it is of another run.
    pub(crate) fn report(&mut self, number: u64, attempt: u64, step: u64, values: Vec<f64>) {
        let trial = match usize::try_from(number).ok().and_then(|i| self.trials.get_mut(i)) {
            Some(trial) => Some(trial),
            None => self.reserved.get_mut(&number),
        };
        if let Some(trial) = trial.filter(|t| t.state == TrialState::Running && t.attempt == attempt) {
            trial.add_report(step, values);
        }
    }

    /// Whether a trial, in whatever state, has this configuration.
    pub fn contains(&self, configuration: &Configuration) -> bool {
        self.configurations.get(&configuration.fingerprint()).is_some_and(|count| *count > 0)
    }

    /// The waiting trial of the lowest number.
    pub fn next_waiting(&self) -> Option<&FrozenTrial> {
        self.waiting.first().and_then(|number| self.get(*number))
    }

    /// The trials in one state.
    pub fn in_state(&self, state: TrialState) -> impl Iterator<Item = &FrozenTrial> {
        self.trials.iter().filter(move |trial| trial.state == state)
    }

    /// The trials that wait or run, those that are only reserved included.
    pub(crate) fn unfinished(&self) -> impl Iterator<Item = &FrozenTrial> {
        let placed = self.unfinished.iter().filter_map(|number| self.get(*number));
        placed.chain(self.reserved.values())
    }

    /// The same as at another moment of the same history, as long as no trial that has ended was changed
    /// since.
    pub(crate) fn lineage(&self) -> &Arc<()> {
        &self.lineage.0
    }

    /// The complete trials.
    pub fn complete(&self) -> impl Iterator<Item = &FrozenTrial> {
        self.in_state(TrialState::Complete)
    }

    /// How many trials are complete, pruned or failed.
    pub fn finished(&self) -> usize {
        self.trials.len() - self.unfinished.len()
    }

    /// The history as it was when the first `finished` trials had just ended: those that had begun and not
    /// ended were running. `None` if fewer have ended.
    ///
    /// Trials end in the order of the times that they carry; one without a time counts as ended when it was
    /// added. Of those that were running the reports are left out, since nothing says when they came; what
    /// waited is told from what was not there yet by its number only.
    pub fn rewound(&self, finished: usize) -> Option<Self> {
        let mut latest = 0;
        let mut ends: Vec<(u64, u64)> = Vec::new();
        for trial in &self.trials {
            let end = trial.finished.unwrap_or(latest);
            latest = latest.max(trial.started.or(trial.finished).unwrap_or(0));
            if trial.state.is_finished() {
                ends.push((end, trial.number));
            }
        }
        ends.sort_unstable();
        ends.get(finished.checked_sub(1)?)?;
        ends.truncate(finished);
        let moment = ends.last().map_or(0, |end| end.0);
        let over: BTreeSet<u64> = ends.into_iter().map(|end| end.1).collect();
        let begun = |trial: &&FrozenTrial| trial.started.is_some_and(|started| started < moment);
        let last = self.trials.iter().rfind(|trial| over.contains(&trial.number) || begun(trial))?;
        let mut history = Self::new(self.objectives.clone());
        history.remember(Arc::clone(&self.memory));
        for trial in self.trials.iter().take_while(|trial| trial.number <= last.number) {
            history.put(match over.contains(&trial.number) {
                true => trial.clone(),
                false => FrozenTrial {
                    state: TrialState::Running,
                    known: trial.known.clone(),
                    suggestions: trial.suggestions.clone(),
                    started: trial.started,
                    ..FrozenTrial::waiting(trial.number, trial.configuration.clone())
                },
            });
        }
        Some(history)
    }

    /// The values of a complete trial such that larger is better.
    pub fn oriented(&self, trial: &FrozenTrial) -> Option<Vec<f64>> {
        trial.values.as_deref().map(|values| orient(&self.objectives, values))
    }

    /// The feasible complete trials that no other dominates, in the order of their numbers. Trials with equal
    /// values are all in it.
    pub fn front(&self) -> Vec<&FrozenTrial> {
        let feasible: Vec<_> = self.complete().filter(|trial| trial.is_feasible()).collect();
        let points: Vec<_> = feasible.iter().filter_map(|trial| self.oriented(trial)).collect();
        pareto::front(&points).into_iter().map(|i| feasible[i]).collect()
    }

    /// The feasible complete trial with the best value of one objective; the earliest of several.
    ///
    /// # Panics
    /// If there is no such objective.
    pub fn best(&self, objective: usize) -> Option<&FrozenTrial> {
        let direction = self.objectives[objective].direction;
        let value =
            |trial: &FrozenTrial| trial.values.as_ref().map(|values| direction.orient(values[objective]));
        let feasible = self.complete().filter(|trial| trial.is_feasible());
        let best = feasible.filter_map(|trial| Some((value(trial)?, trial)));
        best.reduce(|a, b| if b.0 > a.0 { b } else { a }).map(|(_, trial)| trial)
    }

    /// The empirical distribution of one objective over the complete trials: its values, ascending, each with
    /// the share of the trials whose value is that or less.
    ///
    /// # Panics
    /// If there is no such objective.
    pub fn distribution(&self, objective: usize) -> Vec<(f64, f64)> {
        let mut values: Vec<f64> =
            self.complete().filter_map(|trial| Some(trial.values.as_ref()?[objective])).collect();
        values.sort_by(f64::total_cmp);
        let n = values.len() as f64;
        let mut steps: Vec<(f64, f64)> = Vec::new();
        for (i, value) in values.into_iter().enumerate() {
            let share = (i + 1) as f64 / n;
            match steps.last_mut() {
                Some(last) if last.0 == value => last.1 = share,
                _ => steps.push((value, share)),
            }
        }
        steps
    }
}

/// A trial is missing before another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    missing: u64,
    number: u64,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trial {} is missing, though trial {} is there", self.missing, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_counts_what_is_not_above() {
        let mut all = history([]);
        assert_eq!(all.distribution(0), []);
        for (number, value) in (0..).zip([2.0, -1.0, 2.0, 5.0]) {
            all.put(FrozenTrial::complete(number, Configuration::new(), vec![value]));
        }
        all.put(FrozenTrial::waiting(4, Configuration::new()));
        assert_eq!(all.distribution(0), [(-1.0, 0.25), (2.0, 0.75), (5.0, 1.0)]);
    }

    fn trial(number: u64, started: u64, finished: Option<u64>) -> FrozenTrial {
        let mut configuration = Configuration::new();
        configuration.set("x", number as f64);
        let mut trial = FrozenTrial::complete(number, configuration, vec![number as f64]);
        if finished.is_none() {
            trial = FrozenTrial { state: TrialState::Running, values: None, ..trial };
        }
        FrozenTrial { started: Some(started), finished, reports: vec![(1, vec![0.5])], ..trial }
    }

    fn history(trials: impl IntoIterator<Item = FrozenTrial>) -> History {
        let mut history = History::new(vec![ObjectiveInfo::minimize("loss")]);
        trials.into_iter().for_each(|trial| history.put(trial));
        history
    }

    #[test]
    fn rewound_is_what_two_workers_knew() {
        // Trial 0 is slow: 1, 2 and 3 come and go meanwhile; 4 still runs.
        let times = [(0, Some(50)), (0, Some(10)), (10, Some(20)), (20, Some(60)), (50, None)];
        let all = history(times.iter().zip(0..).map(|(&(started, finished), n)| trial(n, started, finished)));
        let known = |finished| {
            let rewound = all.rewound(finished).unwrap();
            rewound.trials().iter().map(|trial| trial.state.is_finished()).collect::<Vec<_>>()
        };
        assert_eq!(known(1), [false, true], "trial 2 began when trial 1 had ended");
        assert_eq!(known(2), [false, true, true]);
        assert_eq!(known(3), [true, true, true, false]);
        assert_eq!(known(4), [true, true, true, true, false]);
        assert!(all.rewound(5).is_none() && all.rewound(0).is_none());
        let running = all.rewound(3).unwrap().trials()[3].clone();
        assert_eq!((running.values, running.finished, running.reports.len()), (None, None, 0));
        assert_eq!(running.configuration, all.trials()[3].configuration, "what is tried is known");
    }

    #[test]
    fn rewound_follows_the_numbers_where_times_say_nothing() {
        // All within one millisecond, or without times at all.
        let quick = history((0..5).map(|n| trial(n, 7, Some(7))));
        let added =
            history((0..5).map(|n| FrozenTrial { started: None, finished: None, ..trial(n, 0, Some(0)) }));
        for history in [quick, added] {
            for n in 1..=5 {
                let rewound = history.rewound(n).unwrap();
                assert_eq!((rewound.len(), rewound.finished()), (n, n));
                assert_eq!(rewound.trials(), &history.trials()[..n]);
            }
        }
    }
}
