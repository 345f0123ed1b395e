//! What is known of each objective: its values without an evaluation, a posterior, or nothing.

use super::surrogate::Surrogate;
use crate::history::FrozenTrial;
use crate::objective::Direction;
use crate::sampler::{Context, SamplerError};
use lightcrest_gp::Rows;

/// How one objective is predicted.
pub(super) enum Role {
    /// Known from the preview; its logarithm is used where values span more than a factor of ten.
    Exact { direction: Direction, log: bool },
    /// Predicted.
    Modelled(Box<Surrogate>),
    /// Infinite in all trials: 0 everywhere, so that the other objectives decide.
    Unknown,
}

/// The roles of the objectives, as far as they have been given out, and what they say of the trials.
pub(super) struct Objectives {
    pub(super) roles: Vec<Role>,
    /// What each finished trial reached, (n, m), as the goal sees it; NaN where that is not known.
    pub(super) estimated: Vec<Vec<f64>>,
    /// The same of pending trials: what they are expected to reach is no improvement any more.
    pub(super) fantasised: Vec<Vec<f64>>,
}

impl Objectives {
    pub(super) fn new(trials: usize, pending: usize, m: usize) -> Self {
        let unknown = |rows| vec![vec![f64::NAN; m]; rows];
        Self { roles: Vec::with_capacity(m), estimated: unknown(trials), fantasised: unknown(pending) }
    }

    /// The next objective is known without a model: `oriented` has its values in the finished trials.
    pub(super) fn know(&mut self, direction: Direction, oriented: &[Option<f64>], pending: &[&FrozenTrial]) {
        let j = self.roles.len();
        let role = exact_role(direction, oriented);
        for (estimated, value) in self.estimated.iter_mut().zip(oriented) {
            estimated[j] = value.map_or(f64::NAN, |v| scaled(&role, v));
        }
        for (fantasised, trial) in self.fantasised.iter_mut().zip(pending) {
            let known = trial.known.get(j).copied().flatten();
            fantasised[j] = known.map_or(f64::NAN, |v| scaled(&role, direction.orient(v)));
        }
        self.roles.push(role);
    }

    /// Nothing finite was observed of the next objective.
    pub(super) fn leave_open(&mut self) {
        let j = self.roles.len();
        self.estimated.iter_mut().chain(&mut self.fantasised).for_each(|values| values[j] = 0.0);
        self.roles.push(Role::Unknown);
    }

    /// The next objective has a posterior, of the trials in which it was observed; it takes pending ones with
    /// their means (kriging believer).
    pub(super) fn learn(
        &mut self,
        mut posterior: Surrogate,
        observed: &[Option<f64>],
        pending: &Rows,
    ) -> Result<(), SamplerError> {
        let j = self.roles.len();
        let here = self.estimated.iter_mut().zip(observed).filter(|(_, value)| value.is_some());
        let mut count = 0;
        for ((estimated, _), value) in here.zip(posterior.fitted()) {
            estimated[j] = value;
            count += 1;
        }
        if !pending.is_empty() {
            posterior.fantasise(pending)?;
            for (fantasised, value) in self.fantasised.iter_mut().zip(&posterior.fitted()[count..]) {
                fantasised[j] = *value;
            }
        }
        self.roles.push(Role::Modelled(Box::new(posterior)));
        Ok(())
    }
}

/// The objectives whose values a preview knows, as the newest trial has it.
pub(super) fn exact_objectives(trials: &[&FrozenTrial], context: &Context<'_>) -> Vec<bool> {
    let known = match trials.last() {
        Some(trial) if trial.known.is_empty() => (context.preview)(&trial.configuration).objectives,
        Some(trial) => trial.known.clone(),
        None => Vec::new(),
    };
    (0..context.objectives.len()).map(|j| known.get(j).is_some_and(Option::is_some)).collect()
}

fn exact_role(direction: Direction, oriented: &[Option<f64>]) -> Role {
    let raw = || oriented.iter().flatten().map(|v| direction.orient(*v));
    let (low, high) = raw().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    Role::Exact { direction, log: low > 0.0 && high > 10.0 * low }
}

/// An oriented exact value as the goal sees it.
pub(super) fn scaled(role: &Role, oriented: f64) -> f64 {
    match role {
        Role::Exact { direction, log: true } => {
            direction.orient(direction.orient(oriented).max(f64::MIN_POSITIVE).ln())
        }
        _ => oriented,
    }
}
