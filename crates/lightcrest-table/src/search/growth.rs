//! What a model gains by the rows that its folds did not learn from.
//!
//! | symbol | meaning |
//! |---|---|
//! | n | rows that a fold learns from: 64 % of them with five folds |
//! | N | rows that the delivered model learns from: all |
//! | s(n) | the score of models of n rows |
//! | c | how fast learning curves flatten |
//!
//! A fold's score is that of a poorer model than the one that is delivered. Learning curves follow
//! s(n) = a + b n⁻ᶜ closely (Viering & Loog 2023, *The shape of learning curves: a review*, section 4), and
//! where c is known two points tell a third:
//!
//! s(N) - s(n) = (s(n) - s(n/2)) (1 - (n/N)ᶜ) / (2ᶜ - 1)
//!
//! The second point is a training of half of the first fold's rows, judged by the same rows as that fold, so
//! that the difference has little noise. Of the best model there is a point of a quarter too, for people to
//! look at.

use std::collections::HashMap;
use std::sync::Arc;

use lightcrest::history::FrozenTrial;
use lightcrest::objective::TrialError;

use super::ensemble::EnsembleMember;
use super::judge::mean;
use super::objective::{TableObjective, known};
use super::trainer::{Part, lock};
use crate::algorithm::Setting;
use crate::pipeline::After;

/// How fast learning curves flatten, in the middle of what was measured on many learners.
const FLATTENING: f64 = 0.5;

/// The share of a fold's time that a training of half its rows takes.
pub(super) const HALF: f64 = 0.5;

/// Predictions by the model and the rows that it learnt from.
pub(super) type Fractions = HashMap<(String, Part), Arc<Vec<f64>>>;

/// How a score grows with the rows that are learnt from.
#[derive(Debug, Clone, PartialEq)]
pub struct LearningCurve {
    /// Rows that were learnt from and the score, by the same rows each time; from few to many.
    pub measured: Vec<(usize, f64)>,
    /// The same of all rows, as the curve goes on.
    pub continued: (usize, f64),
}

impl LearningCurve {
    /// What all rows add to the score of those that a fold learns from.
    pub fn gain(&self) -> f64 {
        self.continued.1 - self.measured.last().map_or(self.continued.1, |(_, score)| *score)
    }
}

/// The gain from n to N rows by that from n / 2 to n.
fn extrapolated(gain: f64, share: f64) -> f64 {
    gain * (1.0 - share.powf(FLATTENING)) / (2f64.powf(FLATTENING) - 1.0)
}

impl TableObjective {
    /// How the score of a trial of the front grows with the rows that it learns from; `seed` is that of the
    /// trial. Nothing where this process did not see the trial, time is up or no model can be made of so few
    /// rows.
    pub fn learning_curve(&self, trial: &FrozenTrial, seed: u64) -> Option<LearningCurve> {
        let (first, is_best) = {
            let front = lock(&self.front);
            let of_front = || front.points().zip(front.items());
            let (own, standing) = of_front().find(|(_, it)| it.trial == trial.number)?;
            (standing.first_fold?, of_front().all(|(point, _)| point[0] <= own[0]))
        };
        let ((rounds, after), members) = (known(trial), Self::members(trial));
        let all = f64::from(members.iter().map(|member| member.picks).sum::<u32>());
        let mut weighted: Vec<(EnsembleMember, f64)> =
            members.into_iter().map(|it| (it.clone(), f64::from(it.picks) / all)).collect();
        // What is done to the mean of members; a model alone is its own and only member.
        let mut outer = after;
        if weighted.is_empty() {
            let (configuration, seed) = (trial.configuration.clone(), self.seed(seed));
            weighted.push((EnsembleMember { picks: 1, seed, configuration, rounds, after }, 1.0));
            outer = After { threshold: after.threshold, ..After::default() };
        }
        let splits = &self.problem().splits;
        let rows = splits.folds.first()?.train.len();
        let mut measured = Vec::new();
        for halvings in (1..=if is_best { 2 } else { 1 }).rev() {
            let part = Part::Fraction { halvings };
            measured.push((self.trainer.learnt(part), self.score_of_fraction(&weighted, outer, part).ok()??));
        }
        let half = measured.last()?.1;
        measured.push((rows, first));
        let gain = extrapolated(first - half, rows as f64 / splits.all.len() as f64);
        if let [(model, _)] = &weighted[..] {
            lock(&self.gains).insert(model.model(), gain);
        }
        Some(LearningCurve { measured, continued: (splits.all.len(), first + gain) })
    }

    /// What all rows add to the score of an ensemble, by those of its members of which it is known: they are
    /// on the front, too.
    pub(super) fn gain_of_members(&self, trial: &FrozenTrial) -> Option<f64> {
        let gains = lock(&self.gains);
        let (mut sum, mut picks) = (0.0, 0.0);
        for member in Self::members(trial) {
            if let Some(gain) = gains.get(&member.model()) {
                sum += f64::from(member.picks) * gain;
                picks += f64::from(member.picks);
            }
        }
        (picks > 0.0).then(|| sum / picks)
    }

    /// The score by the rows that judge the first fold, of models of a part of the rows it learns from.
    fn score_of_fraction(
        &self,
        members: &[(EnsembleMember, f64)],
        after: After,
        part: Part,
    ) -> Result<Option<f64>, TrialError> {
        let (task, k) = (self.problem().task(), self.problem().classes);
        let mut mixed = vec![0.0; self.problem().splits.folds[0].validation.len() * k];
        for (member, weight) in members {
            let of_member = self.predictions_of_fraction(member, part)?;
            mixed.iter_mut().zip(of_member.iter()).for_each(|(sum, value)| *sum += weight * value);
        }
        mixed.chunks_exact_mut(k).for_each(|row| after.apply(task, row));
        let only = After { threshold: after.threshold, ..After::default() };
        Ok(mean(&self.scores(&mixed, &only)))
    }

    fn predictions_of_fraction(
        &self,
        member: &EnsembleMember,
        part: Part,
    ) -> Result<Arc<Vec<f64>>, TrialError> {
        let EnsembleMember { configuration, seed, after, .. } = member;
        let key = (member.model(), part);
        if let Some(found) = lock(&self.fractions).get(&key) {
            return Ok(Arc::clone(found));
        }
        let mut predictions = self.trainer.train(&Setting::of(configuration), part, *seed)?.validation;
        let (task, k) = (self.problem().task(), self.problem().classes);
        predictions.chunks_exact_mut(k).for_each(|row| after.apply(task, row));
        let predictions = Arc::new(predictions);
        lock(&self.fractions).insert(key, Arc::clone(&predictions));
        Ok(predictions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_on() {
        let curve = |n: f64| 0.3 + 2.0 * n.powf(-FLATTENING);
        let found = extrapolated(curve(6400.0) - curve(3200.0), 0.64);
        assert!((found - (curve(10_000.0) - curve(6400.0))).abs() < 1e-12);
    }
}
