//! One trial as data.

use crate::space::{Configuration, Sighting, Suggestions};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fmt;

/// Where a trial is in its life: waiting → running → complete, pruned or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TrialState {
    /// Enqueued, or interrupted and to be run again.
    Waiting,
    /// Being evaluated.
    Running,
    /// Evaluated; has values.
    Complete,
    /// Stopped early by a pruner; has reports.
    Pruned,
    /// Could not be evaluated; has a reason.
    Failed,
}

impl TrialState {
    /// Whether nothing will change any more.
    pub fn is_finished(self) -> bool {
        matches!(self, Self::Complete | Self::Pruned | Self::Failed)
    }

    /// Whether the evaluation said something of the configuration: it came to its end, or the pruner stopped
    /// it.
    pub fn has_result(self) -> bool {
        matches!(self, Self::Complete | Self::Pruned)
    }

    /// The word for it, as databases and JSON have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Complete => "complete",
            Self::Pruned => "pruned",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for TrialState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Names one run of a trial. Whoever writes to a running trial says it, so that a worker which was given up
/// cannot write to what another one runs by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Drawn at random by whoever claims the trial; never 0.
    pub token: u64,
    /// Whether the trial goes back to waiting when whoever runs it dies. Others run until they are told.
    pub leased: bool,
}

impl Claim {
    /// A new one.
    ///
    /// # Panics
    /// If the operating system has no random numbers.
    pub fn draw(leased: bool) -> Self {
        let token = getrandom::u64().expect("the operating system gives random numbers");
        Self { token: token.max(1), leased }
    }
}

/// A trial as it is at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrozenTrial {
    /// 0, 1, 2, ... in the order of creation, without gaps.
    pub number: u64,
    /// Where it is in its life.
    pub state: TrialState,
    /// What is evaluated. While a trial of a discovered space runs, these are its
    /// [suggestions](Self::suggestions) so far and what was proposed for those that may follow.
    pub configuration: Configuration,
    /// What the objective asked for, in studies that discover their space; empty in others.
    #[serde(default, skip_serializing_if = "Suggestions::is_empty")]
    pub suggestions: Suggestions,
    /// For each objective its exact value if it was known before the evaluation; empty if none was.
    #[serde(default)]
    pub known: Vec<Option<f64>>,
    /// One value for each objective, in its own direction, once complete. May be infinite, but not NaN.
    pub values: Option<Vec<f64>>,
    /// Intermediate values by step, steps ascending: for each of the first few objectives that are not
    /// [known](Self::known) beforehand, one value in its own direction. May be infinite or NaN.
    pub reports: Vec<(u64, Vec<f64>)>,
    /// Constraints by name, as value minus bound: at most 0 is satisfied.
    pub constraints: Vec<(String, f64)>,
    /// Anything else: metrics, seconds, epochs.
    pub attributes: BTreeMap<String, Json>,
    /// Why it was pruned or failed.
    pub reason: Option<String>,
    /// When it began to run, in milliseconds since 1970 (UTC).
    pub started: Option<u64>,
    /// When it finished, in milliseconds since 1970 (UTC).
    pub finished: Option<u64>,
    /// How often it began to run. A run that was given back in order does not count, one whose process died
    /// does.
    #[serde(skip)]
    pub attempt: u64,
    /// Which run it is in, or ended in; `None` where it waits, or nobody claimed it.
    #[serde(skip)]
    pub claim: Option<Claim>,
}

impl FrozenTrial {
    /// A trial that waits to be run.
    pub fn waiting(number: u64, configuration: Configuration) -> Self {
        Self {
            number,
            state: TrialState::Waiting,
            configuration,
            suggestions: Suggestions::new(),
            known: Vec::new(),
            values: None,
            reports: Vec::new(),
            constraints: Vec::new(),
            attributes: BTreeMap::new(),
            reason: None,
            started: None,
            finished: None,
            attempt: 0,
            claim: None,
        }
    }

    /// A complete trial with these values: what tests and warm starts need.
    pub fn complete(number: u64, configuration: Configuration, values: Vec<f64>) -> Self {
        Self { state: TrialState::Complete, values: Some(values), ..Self::waiting(number, configuration) }
    }

    /// Whether only its number is taken yet: it runs in so far as nobody else may run it, but its
    /// configuration is still being proposed, so it has not begun.
    pub fn is_reserved(&self) -> bool {
        self.state == TrialState::Running
            && self.started.is_none()
            && self.configuration.is_empty()
            && self.suggestions.is_empty()
            && self.reports.is_empty()
    }

    /// Whether every constraint is satisfied.
    pub fn is_feasible(&self) -> bool {
        self.constraints.iter().all(|(_, excess)| *excess <= 0.0)
    }

    /// By how much the constraints are broken, added up; 0 where they are satisfied.
    pub fn violation(&self) -> f64 {
        self.constraints.iter().map(|(_, excess)| excess.max(0.0)).sum()
    }

    /// The last step that was reported.
    pub fn last_step(&self) -> Option<u64> {
        self.reports.last().map(|(step, _)| *step)
    }

    /// How long it ran, once finished.
    pub fn duration_ms(&self) -> Option<u64> {
        Some(self.finished?.saturating_sub(self.started?))
    }

    /// The part of the configuration that the objective asked for, in that order.
    pub fn suggested(&self) -> Configuration {
        let entries = self.suggestions.iter();
        entries.filter_map(|(name, _)| Some((name.clone(), self.configuration.get(name)?.clone()))).collect()
    }

    /// What a finished trial shows about a space that is being discovered.
    pub(crate) fn sighting(&self) -> Option<Sighting<'_>> {
        self.state.is_finished().then_some(Sighting {
            number: self.number,
            suggestions: &self.suggestions,
            configuration: &self.configuration,
            whole: self.state == TrialState::Complete,
        })
    }

    /// Forgets what was proposed and not asked for.
    pub(crate) fn keep_suggested(&mut self) {
        let suggestions = &self.suggestions;
        self.configuration.select(suggestions.iter().map(|(name, _)| name));
    }

    /// Begins a run: the state is set by whoever knows what is known of the trial.
    pub(crate) fn begin_run(&mut self, claim: Claim) {
        self.attempt += 1;
        self.claim = Some(claim);
    }

    /// Puts the trial back to waiting: what it did so far is forgotten, but not what it was going to try. Its
    /// run does not count; which one it was says the claim until the storage has put it back.
    pub(crate) fn reset(&mut self) {
        *self = Self {
            known: std::mem::take(&mut self.known),
            attempt: self.attempt.saturating_sub(1),
            claim: self.claim,
            ..Self::waiting(self.number, std::mem::take(&mut self.configuration))
        };
    }

    /// Keeps a report at its place among the steps; `false` if the step is there already, and stays.
    pub(crate) fn add_report(&mut self, step: u64, values: Vec<f64>) -> bool {
        let place = self.reports.binary_search_by_key(&step, |(step, _)| *step);
        place.map_err(|place| self.reports.insert(place, (step, values))).is_err()
    }
}
