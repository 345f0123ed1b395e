//! A study as Optuna has it, wherever it was read from or is to be written.

use super::distribution;
use crate::history::TrialState;
use crate::objective::Direction;
use crate::space::{Domain, Value};
use serde_json::{Map, Value as Json};

/// A study of Optuna's with all that is kept of it.
#[derive(Debug, Clone, PartialEq)]
pub struct OptunaStudy {
    pub(super) name: String,
    pub(super) directions: Vec<Direction>,
    pub(super) user: Map<String, Json>,
    pub(super) system: Map<String, Json>,
    /// A trial's number is its place.
    pub(super) trials: Vec<Trial>,
    /// What could not be taken over as it was, for whoever reads.
    pub(super) remarks: Vec<String>,
}

impl OptunaStudy {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many trials it has.
    pub fn trials(&self) -> usize {
        self.trials.len()
    }

    /// What could not be taken over as it was.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// Says something of some trials, once.
    pub(super) fn remark(&mut self, trials: usize, what: &str) {
        if trials > 0 {
            let s = if trials == 1 { "" } else { "s" };
            self.remarks.push(format!("{trials} trial{s} of `{}`: {what}", self.name));
        }
    }
}

/// A trial of Optuna's.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trial {
    pub(super) state: TrialState,
    pub(super) values: Option<Vec<f64>>,
    /// In microseconds since 1970 (UTC), and so is its end.
    pub(super) started: Option<i64>,
    pub(super) finished: Option<i64>,
    pub(super) parameters: Vec<Parameter>,
    /// Steps ascending.
    pub(super) reports: Vec<(u64, f64)>,
    pub(super) user: Map<String, Json>,
    pub(super) system: Map<String, Json>,
}

impl Trial {
    /// One that knows nothing yet.
    pub(super) fn new(state: TrialState) -> Self {
        Self {
            state,
            values: None,
            started: None,
            finished: None,
            parameters: Vec::new(),
            reports: Vec::new(),
            user: Map::new(),
            system: Map::new(),
        }
    }

    /// Keeps a report at its place among the steps, in place of one that was there.
    pub(super) fn report(&mut self, step: u64, value: f64) {
        match self.reports.binary_search_by_key(&step, |(step, _)| *step) {
            Ok(place) => self.reports[place].1 = value,
            Err(place) => self.reports.insert(place, (step, value)),
        }
    }
}

/// A parameter of a trial.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) value: Value,
    pub(super) domain: Domain,
}

impl Parameter {
    /// From its name, its value as a number and its distribution as JSON.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(name: &str, number: f64, distribution: &str) -> Result<Self, String> {
        let domain =
            distribution::read(name, distribution).map_err(|what| format!("parameter `{name}`: {what}"))?;
        let value = distribution::external(&domain, number)
            .ok_or_else(|| format!("parameter `{name}`: {number} stands for no value of {distribution}"))?;
        Ok(Self { name: name.to_owned(), value, domain })
    }

    /// Its value as a number; `None` if it has none.
    pub(super) fn number(&self) -> Option<f64> {
        distribution::internal(&self.domain, &self.value)
    }
}

/// The words of databases for states; journals have their places.
pub(super) const STATES: [(&str, TrialState); 5] = [
    ("RUNNING", TrialState::Running),
    ("COMPLETE", TrialState::Complete),
    ("PRUNED", TrialState::Pruned),
    ("FAIL", TrialState::Failed),
    ("WAITING", TrialState::Waiting),
];

/// The place of a state among [`STATES`].
pub(super) fn place(state: TrialState) -> usize {
    STATES.iter().position(|(_, other)| *other == state).expect("every state is in the list")
}
