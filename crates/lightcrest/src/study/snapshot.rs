//! A study at one moment: what takes long (a proposal, a verdict) is computed from it, while the study goes
//! on.

use super::StudyError;
use crate::history::{FrozenTrial, History};
use crate::objective::{ObjectiveInfo, Preview};
use crate::sampler::{Context, GpSampler, Sampler, SamplerError};
use crate::space::encode::{Column, Encoder};
use crate::space::{Configuration, Space};
use crate::terminator::{RegretBound, Terminator};
use crate::trial::proposal_rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How far two proposals are apart at least, in some parameter, that were computed at the same time by
/// processes which did not know of each other's: on the scale of the sampler, from 0 to 1 over the range of
/// the parameter. Nearer ones would try the same twice.
const APART: f64 = 0.01;

/// What a proposal or a verdict depends on, beside the random numbers of the sampler.
pub(super) struct View<'a> {
    pub(super) space: &'a Space,
    pub(super) discovered: bool,
    pub(super) objectives: &'a [ObjectiveInfo],
    pub(super) seed: u64,
    pub(super) history: &'a History,
}

impl<'a> View<'a> {
    fn context(&self, number: u64, preview: &'a dyn Fn(&Configuration) -> Preview) -> Context<'a> {
        let Self { space, objectives, history, .. } = self;
        Context { number, space, objectives, history, preview }
    }

    /// What a sampler proposes for the trial of this number.
    pub(super) fn propose(
        &self,
        number: u64,
        sampler: &mut dyn Sampler,
        preview: &dyn Fn(&Configuration) -> Preview,
    ) -> Result<Configuration, StudyError> {
        if self.discovered && self.space.is_empty() {
            // Nothing is known of the space; what fits of an earlier configuration is taken.
            let best = self.history.memory().sources().iter().find_map(|source| source.lessons.first());
            let best = best.filter(|_| sampler.learns());
            return Ok(best.map_or_else(Configuration::new, |lesson| lesson.configuration.clone()));
        }
        // A study that is declared does not come this far; one that is discovered cannot know before.
        let flat = self.space.is_conditional() && !sampler.capabilities().conditions;
        let flat = flat.then(|| self.space.flat());
        let space = flat.as_ref().unwrap_or(self.space);
        let mut rng = proposal_rng(self.seed, number);
        let (objectives, history) = (self.objectives, self.history);
        let context = Context { number, space, objectives, history, preview };
        let configuration = sampler.propose(&context, &mut rng)?;
        let refuse = |reason| SamplerError::Internal { sampler: sampler.name(), reason };
        space.validate(&configuration).map_err(|error| refuse(error.to_string()))?;
        if let Some(violation) = preview(&configuration).violation {
            return Err(refuse(violation).into());
        }
        Ok(configuration)
    }
}

/// A study as it was at one moment. Cheap to make: the trials are shared until the study changes them.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(super) space: Space,
    pub(super) discovered: bool,
    pub(super) objectives: Vec<ObjectiveInfo>,
    pub(super) seed: u64,
    pub(super) history: Arc<History>,
    /// The revision of the storage up to which the trials are known.
    pub(super) revision: u64,
}

impl Snapshot {
    /// What may vary; if it is discovered, as the finished trials showed it.
    pub fn space(&self) -> &Space {
        &self.space
    }

    /// The trials as data.
    pub fn history(&self) -> &History {
        &self.history
    }

    pub(super) fn view(&self) -> View<'_> {
        let Self { space, discovered, objectives, seed, history, .. } = self;
        View { space, discovered: *discovered, objectives, seed: *seed, history }
    }

    pub(super) fn verdict(
        &self,
        terminator: &mut dyn Terminator,
        preview: &dyn Fn(&Configuration) -> Preview,
    ) -> Result<Option<String>, StudyError> {
        Ok(terminator.verdict(&self.view().context(self.history.len() as u64, preview))?)
    }

    /// How much better the optimum may be than the best trial, in the units of the objective, with high
    /// probability: what [`RegretBound`] compares with its tolerance. `None` while too few trials say it.
    ///
    /// # Errors
    /// If there are several objectives, or the model breaks down.
    pub fn regret_bound(&self) -> Result<Option<f64>, StudyError> {
        let mut terminator = RegretBound::new(None);
        if let Some(what) = terminator.objection(&self.objectives) {
            return Err(StudyError::UnsupportedTerminator { terminator: terminator.name(), what });
        }
        let context = self.view().context(self.history.len() as u64, &|_| Preview::default());
        Ok(terminator.bound(&context)?)
    }

    /// How much the best that is found may still get better, in standard deviations of the values, as the
    /// last complete trial shows it: the gap of expected minimum simple regrets (Ishibashi et al. 2023).
    /// `None` while too few trials say it.
    ///
    /// # Errors
    /// If the study has several objectives, or the model breaks down.
    pub fn minimum_regret(&self) -> Result<Option<f64>, StudyError> {
        let terminator = RegretBound::new(None);
        if let Some(what) = terminator.objection(&self.objectives) {
            return Err(StudyError::UnsupportedTerminator { terminator: terminator.name(), what });
        }
        let context = self.view().context(self.history.len() as u64, &|_| Preview::default());
        let mut rng = ChaCha8Rng::seed_from_u64(context.number);
        Ok(GpSampler::for_regret().minimum_regret(&context, &mut rng)?)
    }

    /// How much each earlier study counts that this one [learns from](super::Study::learn_from), in the order
    /// of its memory, as the default Gaussian process has it; see [`GpSampler::weights`].
    ///
    /// # Errors
    /// If the model breaks down.
    pub fn weights(&self) -> Result<Option<Vec<f64>>, StudyError> {
        let context = self.view().context(self.history.len() as u64, &|_| Preview::default());
        Ok(GpSampler::default().weights(&context)?)
    }

    /// What it knew of; the trials are not held any more, so that the study need not copy them to change
    /// them.
    pub(super) fn known(self) -> Known {
        // What has ended stays as it is.
        let bare = self.history.unfinished().filter(|trial| trial.configuration.is_empty());
        let (trials, bare) = (self.history.len() as u64, bare.map(|trial| trial.number).collect());
        Known { space: self.space, trials, bare, revision: self.revision }
    }
}

/// Which configurations a proposal knew of.
pub(super) struct Known {
    space: Space,
    /// How many trials there were.
    trials: u64,
    /// Those that were to get a configuration yet.
    bare: BTreeSet<u64>,
    revision: u64,
}

impl Known {
    /// Whether nothing was written from then on but what led to this revision.
    pub(super) fn is_last_before(&self, revision: u64) -> bool {
        revision == self.revision + 1
    }

    /// Whether a trial that came since, or was given its configuration since, tries nearly the same as this
    /// one.
    pub(super) fn is_repeated(&self, history: &History, number: u64) -> bool {
        let Some(own) = history.get(number).filter(|_| !self.space.is_empty()) else { return false };
        let before = self.bare.range(..self.trials).filter_map(|number| history.get(*number));
        let after = history.trials().iter().skip(usize::try_from(self.trials).unwrap_or(usize::MAX));
        let new = |trial: &&FrozenTrial| trial.number != number && !trial.configuration.is_empty();
        let encoder = Encoder::new(&self.space);
        let here = encoder.encode(&own.configuration);
        before.chain(after).filter(new).any(|other| {
            let there = encoder.encode(&other.configuration);
            let near = |(column, (a, b)): (&Column, (&f64, &f64))| match column {
                Column::Categorical { .. } => a == b,
                _ => (a - b).abs() < APART,
            };
            let mut columns = encoder.columns().iter().zip(here.row.iter().zip(&there.row));
            here.active == there.active && columns.all(near)
        })
    }
}
