//! The trial as the objective sees it while it evaluates, and the trait of objectives.

use crate::history::{FrozenTrial, TrialState};
use crate::objective::{Evaluation, ObjectiveInfo, Preview, TrialError};
use crate::space::{Configuration, Domain, Value};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value as Json;

/// Evaluates configurations. Several workers call it at once.
pub trait Objective: Sync {
    /// Names and directions, in the order of [`Evaluation::values`].
    fn objectives(&self) -> &[ObjectiveInfo];

    /// What is known of a configuration without evaluating it: exact objectives such as MACs, and whether it
    /// breaks a `before` constraint. Called for every candidate that a sampler considers, so it must be fast
    /// (tens of microseconds), and always give the same answer.
    fn preview(&self, configuration: &Configuration) -> Preview {
        let _ = configuration;
        Preview::default()
    }

    /// Evaluates the trial's configuration. On the way it may [report](Trial::report), and then
    /// [ask whether to go on](Trial::check). A panic fails the trial, not the run.
    ///
    /// # Errors
    /// [`TrialError::Failed`] when the configuration cannot be evaluated; what [`Trial::check`] gives, passed
    /// on.
    fn evaluate(&self, trial: &mut Trial<'_>) -> Result<Evaluation, TrialError>;
}

/// What a running trial is connected to. What cannot be kept or read there interrupts the trial: it is not to
/// blame.
pub(crate) trait Link {
    /// The value of a parameter.
    fn suggested(&self, number: u64, name: &str, domain: &Domain) -> Result<Value, TrialError>;
    fn reported(&self, number: u64, step: u64, values: &[f64]) -> Result<(), TrialError>;
    /// The name of the pruner that wants the trial to stop.
    fn pruned_by(&self, number: u64) -> Result<Option<&'static str>, TrialError>;
    fn interrupted(&self) -> bool;
}

/// A trial that is being evaluated.
pub struct Trial<'a> {
    frozen: FrozenTrial,
    seed: u64,
    link: Option<Box<dyn Link + 'a>>,
}

impl Trial<'static> {
    /// A trial that belongs to no study, is never stopped and never interrupted: to evaluate one
    /// configuration.
    pub fn detached(configuration: Configuration, seed: u64) -> Self {
        let frozen = FrozenTrial { state: TrialState::Running, ..FrozenTrial::waiting(0, configuration) };
        Self { frozen, seed, link: None }
    }
}

impl<'a> Trial<'a> {
    pub(crate) fn new(frozen: FrozenTrial, seed: u64, link: Box<dyn Link + 'a>) -> Self {
        Self { frozen, seed, link: Some(link) }
    }

    /// The number of the trial in its study: 0, 1, 2, ...
    pub fn number(&self) -> u64 {
        self.frozen.number
    }

    /// A seed of its own, derived from the study's seed and the trial's number: the same in every run.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What to evaluate. Where the space is discovered, what was [suggested](Self::suggest) so far and what
    /// was proposed for parameters that may be asked for yet.
    pub fn configuration(&self) -> &Configuration {
        &self.frozen.configuration
    }

    /// Asks for the value of a parameter: how an objective shows its space while it runs. What it asks for
    /// may depend on earlier answers; in a study of a declared space it must be what is declared.
    ///
    /// A [detached](Self::detached) trial answers from its configuration.
    ///
    /// # Errors
    /// [`TrialError::Failed`] if the domain makes no sense or has changed, or the parameter does not exist
    /// here; [`TrialError::Interrupted`] if the study cannot go on: pass it on.
    pub fn suggest(&mut self, name: &str, domain: &Domain) -> Result<Value, TrialError> {
        let failed = |reason| TrialError::Failed { reason };
        let value = match &self.link {
            Some(link) => link.suggested(self.frozen.number, name, domain)?,
            None => {
                let value = self.frozen.configuration.get(name).filter(|value| domain.contains(value));
                let reason = || format!("parameter `{name}` has no value that is {domain}");
                return value.map(|value| domain.conform(value)).ok_or_else(|| failed(reason()));
            }
        };
        self.frozen.configuration.set(name, value.clone());
        Ok(value)
    }

    /// Asks for a real number in `[low, high]`.
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn suggest_float(&mut self, name: &str, low: f64, high: f64) -> Result<f64, TrialError> {
        self.number_of(name, &Domain::Float { low, high, log: false, step: None })
    }

    /// Asks for a real number in `[low, high]` on a logarithmic scale.
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn suggest_log_float(&mut self, name: &str, low: f64, high: f64) -> Result<f64, TrialError> {
        self.number_of(name, &Domain::Float { low, high, log: true, step: None })
    }

    /// Asks for a whole number in `low..=high`.
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn suggest_int(&mut self, name: &str, low: i64, high: i64) -> Result<i64, TrialError> {
        self.whole_of(name, &Domain::Int { low, high, log: false, step: 1 })
    }

    /// Asks for a whole number in `low..=high` on a logarithmic scale.
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn suggest_log_int(&mut self, name: &str, low: i64, high: i64) -> Result<i64, TrialError> {
        self.whole_of(name, &Domain::Int { low, high, log: true, step: 1 })
    }

    /// Asks for one of the choices, between which there is no order.
    ///
    /// # Errors
    /// As [`suggest`](Self::suggest).
    pub fn suggest_categorical<V: Into<Value>>(
        &mut self,
        name: &str,
        choices: impl IntoIterator<Item = V>,
    ) -> Result<Value, TrialError> {
        let choices = choices.into_iter().map(Into::into).collect();
        self.suggest(name, &Domain::Categorical { choices, ordered: false })
    }

    fn number_of(&mut self, name: &str, domain: &Domain) -> Result<f64, TrialError> {
        let value = self.suggest(name, domain)?;
        let reason = || format!("parameter `{name}` is {value}, which is no number");
        value.as_f64().ok_or_else(|| TrialError::Failed { reason: reason() })
    }

    /// Never by way of an `f64`, which not all whole numbers are.
    fn whole_of(&mut self, name: &str, domain: &Domain) -> Result<i64, TrialError> {
        let value = self.suggest(name, domain)?;
        let reason = || format!("parameter `{name}` is {value}, which is no whole number");
        value.as_i64().ok_or_else(|| TrialError::Failed { reason: reason() })
    }

    /// What was reported so far.
    pub fn reports(&self) -> &[(u64, Vec<f64>)] {
        &self.frozen.reports
    }

    /// Reports an intermediate value of the first objective that the preview does not know, in its own
    /// direction.
    ///
    /// `step` is the resource used so far, in whatever unit: after the first epoch it is 1. Steps ascend.
    ///
    /// # Errors
    /// [`TrialError::Failed`] if the value is not finite or the step is not above the last one;
    /// [`TrialError::Interrupted`] if the study cannot go on: pass it on.
    pub fn report(&mut self, step: u64, value: f64) -> Result<(), TrialError> {
        self.report_values(step, &[value])
    }

    /// Reports intermediate values of the first few objectives that the preview does not know, each in its
    /// own direction. Objectives that are only known at the end, such as latency, may be left out if they
    /// come last.
    ///
    /// # Errors
    /// As [`report`](Self::report).
    pub fn report_values(&mut self, step: u64, values: &[f64]) -> Result<(), TrialError> {
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(TrialError::Failed { reason: format!("reported {value} at step {step}") });
        }
        if let Some(last) = self.frozen.last_step().filter(|last| *last >= step) {
            let reason = format!("reported step {step} after step {last}, but steps must ascend");
            return Err(TrialError::Failed { reason });
        }
        if let Some(link) = &self.link {
            link.reported(self.frozen.number, step, values)?;
        }
        self.frozen.reports.push((step, values.to_vec()));
        Ok(())
    }

    /// Whether the pruner would stop the trial at its last report. If so, give up with
    /// [`TrialError::Pruned`]. Also `true` if the study cannot go on: whatever the trial gives up with then,
    /// it is run again.
    pub fn should_prune(&mut self) -> bool {
        let pruned_by = self.link.as_ref().map(|link| link.pruned_by(self.frozen.number));
        !matches!(pruned_by, None | Some(Ok(None)))
    }

    /// Whether the run is to end: Ctrl-C, or its time is up. If so, give up with [`TrialError::Interrupted`].
    pub fn interrupted(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.interrupted())
    }

    /// Whether to go on: what an objective asks after each report.
    ///
    /// # Errors
    /// [`TrialError::Interrupted`] if the run is to end, [`TrialError::Pruned`] if the pruner stops the
    /// trial: pass it on.
    pub fn check(&mut self) -> Result<(), TrialError> {
        if self.interrupted() {
            return Err(TrialError::Interrupted);
        }
        let pruned_by = self.link.as_ref().map(|link| link.pruned_by(self.frozen.number));
        match pruned_by.transpose()?.flatten() {
            Some(pruner) => {
                let step = self.frozen.last_step().unwrap_or(0);
                Err(TrialError::Pruned { reason: format!("by `{pruner}` at step {step}") })
            }
            None => Ok(()),
        }
    }

    /// Keeps something with the trial, however it ends.
    pub fn set_attribute(&mut self, name: impl Into<String>, value: impl Into<Json>) {
        self.frozen.attributes.insert(name.into(), value.into());
    }

    pub(crate) fn into_frozen(self) -> FrozenTrial {
        self.frozen
    }
}

/// The random numbers from which a study proposes a trial: of its seed and the number that the trial will
/// have.
pub fn proposal_rng(seed: u64, number: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(derive_seed(seed, number, Stream::Proposal))
}

/// Independent random streams from one seed.
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    Proposal,
    Evaluation,
    Suggestion,
}

/// The seed of one trial's stream. SplitMix64's finaliser (Steele et al. 2014) decorrelates neighbours.
pub(crate) fn derive_seed(study: u64, number: u64, stream: Stream) -> u64 {
    let mix = |mut z: u64| {
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
    let start = mix(study.wrapping_add(GOLDEN)) ^ mix((stream as u64 + 2).wrapping_mul(GOLDEN));
    mix(start.wrapping_add((number + 1).wrapping_mul(GOLDEN)))
}
