//! Ensembles: weighted means of models of earlier trials (Caruana et al. 2004, *Ensemble selection from
//! libraries of models*).
//!
//! An ensemble is a trial as any other: its space says how many picks are made and what bytes cost. The picks
//! are greedy and with replacement, by predictions of rows that were not learnt from: each time the model is
//! added that makes the mean best, less `price` of the score for every 100 kB that it brings along. What was
//! picked k times of n has the weight k / n. Everything depends on the trials before it and their seeds
//! alone, so that a run that was interrupted finds the same ensembles.

use std::sync::Arc;

use lightcrest::Configuration;
use lightcrest::objective::TrialError;
use serde::{Deserialize, Serialize};

use super::deliver::Due;
use super::judge::{Folds, Judged, mean};
use super::latency;
use super::made;
use super::objective::TableObjective;
use super::trainer::{failed, lock};
use crate::algorithm::{Algorithm, Setting};
use crate::pipeline::{After, Pipeline};

/// Trials that picks are made from: the best ones.
pub(super) const CANDIDATES: usize = 12;

/// Bytes that `price` is of.
const BYTES: f64 = 100_000.0;

/// A model of an ensemble, with everything that it takes to make it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EnsembleMember {
    /// How often it was picked.
    pub picks: u32,
    /// The seed of its training.
    pub seed: u64,
    /// What it is.
    pub configuration: Configuration,
    /// Rounds of a model of all rows; found by folds where a spec does not say.
    #[serde(default)]
    pub rounds: usize,
    /// What is done to its predictions, likewise.
    #[serde(default)]
    pub after: After,
}

impl EnsembleMember {
    /// What its training is known by: [`Due::model`].
    pub(super) fn model(&self) -> String {
        Due::new(&self.configuration, self.seed, 0.0).model
    }
}

/// A trial whose model may be picked.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) member: EnsembleMember,
    /// Larger is better.
    pub(super) score: f64,
    pub(super) bytes: f64,
    pub(super) latency_us: Option<f64>,
    /// How long its models take to make.
    pub(super) seconds: f64,
    /// What its folds gave; made when it is needed.
    pub(super) folds: Option<Arc<Folds>>,
}

/// A model that was picked.
pub(super) struct Picked {
    pub(super) member: EnsembleMember,
    pub(super) seconds: f64,
}

impl Picked {
    pub(super) fn due(&self) -> Due {
        Due::new(&self.member.configuration, self.member.seed, self.seconds)
    }
}

/// The best candidates, the best first.
#[derive(Debug, Default)]
pub(super) struct Pool {
    candidates: Vec<Candidate>,
}

impl Pool {
    /// Takes a candidate in, and lets the worst go.
    pub(super) fn add(&mut self, candidate: Candidate) {
        let known = |other: &Candidate| {
            other.member.configuration == candidate.member.configuration
                && other.member.seed == candidate.member.seed
        };
        if self.candidates.iter().any(known) {
            return;
        }
        let place = self.candidates.partition_point(|other| other.score >= candidate.score);
        self.candidates.insert(place, candidate);
        self.candidates.truncate(CANDIDATES);
    }

    /// All of them.
    pub(super) fn candidates(&self) -> Vec<Candidate> {
        self.candidates.clone()
    }
}

/// How often each candidate is picked; `score` judges the sum of so many predictions, larger is better.
///
/// # Shapes
/// One count a candidate; those of the best prefix of the picks.
pub(super) fn pick(
    candidates: &[Candidate],
    steps: usize,
    price: f64,
    score: &dyn Fn(&[f64], f64) -> f64,
) -> Vec<u32> {
    let predictions: Vec<&[f64]> =
        candidates.iter().map(|it| it.folds.as_ref().map_or(&[][..], |folds| &folds.predictions)).collect();
    let unit = candidates.first().map_or(0.0, |best| best.score.abs());
    let mut sum = vec![0.0; predictions.first().map_or(0, |it| it.len())];
    let mut picks = vec![0; candidates.len()];
    let mut best = (f64::NEG_INFINITY, picks.clone());
    for step in 0..steps {
        let judge = |at: usize| {
            let with: Vec<f64> = sum.iter().zip(predictions[at]).map(|(sum, more)| sum + more).collect();
            let bytes: f64 = candidates
                .iter()
                .enumerate()
                .filter(|(other, _)| picks[*other] > 0 || *other == at)
                .map(|(_, candidate)| candidate.bytes)
                .sum();
            score(&with, (step + 1) as f64) - price * unit * bytes / BYTES
        };
        let judged: Vec<f64> = (0..candidates.len()).map(judge).collect();
        let Some(at) = (0..judged.len()).reduce(|a, b| if judged[b] > judged[a] { b } else { a }) else {
            break;
        };
        picks[at] += 1;
        sum.iter_mut().zip(predictions[at]).for_each(|(sum, more)| *sum += more);
        if judged[at] > best.0 {
            best = (judged[at], picks.clone());
        }
    }
    best.1
}

impl TableObjective {
    /// An ensemble of what earlier trials left.
    pub(super) fn join(&self, setting: &Setting) -> Result<Judged, TrialError> {
        let (steps, price) = setting.picks();
        let (candidates, picks) = match self.members.is_empty() {
            true => {
                let candidates = self.judged(lock(&self.pool).candidates())?;
                let score = |sum: &[f64], count: f64| self.joined_score(sum, count);
                let picks = pick(&candidates, steps, price, &score);
                (candidates, picks)
            }
            false => {
                let candidate = |member: &EnsembleMember| Candidate {
                    member: member.clone(),
                    score: 0.0,
                    bytes: 0.0,
                    latency_us: None,
                    seconds: 0.0,
                    folds: None,
                };
                let candidates = self.judged(self.members.iter().map(candidate).collect())?;
                (candidates, self.members.iter().map(|member| member.picks).collect())
            }
        };
        let picked: Vec<(Candidate, u32)> =
            candidates.into_iter().zip(picks).filter(|(_, count)| *count > 0).collect();
        if picked.len() < 2 {
            let reason = "no two models are better together than the best one alone".into();
            return Err(TrialError::Pruned { reason });
        }
        let all = f64::from(picked.iter().map(|(_, count)| count).sum::<u32>());
        let (mut predictions, mut first, mut bytes) = (Vec::new(), Vec::new(), 0.0);
        for (candidate, count) in &picked {
            let folds = candidate.folds.as_ref().ok_or_else(|| failed("a member without predictions"))?;
            predictions.resize(folds.predictions.len(), 0.0);
            let weight = f64::from(*count) / all;
            predictions.iter_mut().zip(&folds.predictions).for_each(|(sum, value)| *sum += weight * value);
            // What the models of all rows have more than those of the folds.
            bytes += candidate.bytes - folds.first.len() as f64;
            first.push(made::read(&folds.first)?);
        }
        let after = self.after(&predictions, Algorithm::Ensemble);
        let (task, k) = (self.problem().task(), self.problem().classes);
        predictions.chunks_exact_mut(k).for_each(|row| after.apply(task, row));
        let (score, standard_error) = self.score(&predictions, after.threshold)?;
        let counts: Vec<u32> = picked.iter().map(|(_, count)| *count).collect();
        let first = Pipeline { after, ..self.joined(&first, &counts) };
        let rows = &self.problem().splits.folds[0].validation;
        let row = latency::seconds_a_row(&first, self.problem().table(), rows);
        let latencies: Option<Vec<f64>> = picked.iter().map(|(candidate, _)| candidate.latency_us).collect();
        let member = |(candidate, picks): (Candidate, u32)| Picked {
            member: EnsembleMember { picks, ..candidate.member },
            seconds: candidate.seconds,
        };
        let file = first.to_bytes();
        Ok(Judged {
            score,
            standard_error,
            bytes: bytes + file.len() as f64,
            columns: first.columns_needed() as f64,
            rounds: 1,
            after,
            latency_us: latencies.map(|all| all.iter().sum()),
            seconds: picked.iter().map(|(candidate, _)| candidate.seconds).sum(),
            look: self.seconds_to_look(row),
            first_fold: self.score_of_first_fold(&predictions, after.threshold),
            folds: Arc::new(Folds { predictions, first: file }),
            members: picked.into_iter().map(member).collect(),
        })
    }

    /// Candidates with the predictions of their folds; those that are not there are made again.
    fn judged(&self, mut candidates: Vec<Candidate>) -> Result<Vec<Candidate>, TrialError> {
        for candidate in candidates.iter_mut().filter(|candidate| candidate.folds.is_none()) {
            let member = &mut candidate.member;
            let setting = Setting::of(&member.configuration);
            let judged = self.judge(&setting, member.seed, &mut |_, _, _| Ok(()))?;
            (member.rounds, member.after) = (judged.rounds, judged.after);
            if candidate.bytes == 0.0 {
                (candidate.bytes, candidate.latency_us) = (judged.bytes, judged.latency_us);
            }
            candidate.seconds = judged.seconds;
            candidate.folds = Some(judged.folds);
        }
        Ok(candidates)
    }

    /// How good the mean of so many predictions is, of which the sum is given; larger is better.
    fn joined_score(&self, sum: &[f64], count: f64) -> f64 {
        let mean_of: Vec<f64> = sum.iter().map(|value| value / count).collect();
        let score = mean(&self.scores(&mean_of, &After::default()));
        let sign = if self.problem().metric.is_maximized() { 1.0 } else { -1.0 };
        score.map_or(f64::NEG_INFINITY, |score| sign * score)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(score: f64, bytes: f64, predictions: &[f64]) -> Candidate {
        let member = EnsembleMember {
            picks: 0,
            seed: predictions.iter().map(|it| it.to_bits()).fold(0, u64::wrapping_add),
            configuration: Configuration::new(),
            rounds: 1,
            after: After::default(),
        };
        Candidate {
            member,
            score,
            bytes,
            latency_us: None,
            seconds: 0.0,
            folds: Some(Arc::new(Folds { predictions: predictions.to_vec(), first: Vec::new() })),
        }
    }

    fn score(sum: &[f64], count: f64) -> f64 {
        -[1.0, 2.0, 3.0].iter().zip(sum).map(|(y, sum)| (y - sum / count).powi(2)).sum::<f64>()
    }

    #[test]
    fn errors_that_cancel_are_joined_unless_they_cost_too_much() {
        // Off by +1 and by -2 in every row: two of the first and one of the second are right.
        let candidates = [candidate(-3.0, 1e5, &[2.0, 3.0, 4.0]), candidate(-12.0, 1e5, &[-1.0, 0.0, 1.0])];
        assert_eq!(pick(&candidates, 6, 0.0, &score), [2, 1]);
        assert_eq!(pick(&candidates, 6, 10.0, &score), [1, 0]);
    }

    #[test]
    fn the_best_are_kept_each_once() {
        let mut pool = Pool::default();
        for i in 0..40 {
            pool.add(candidate(f64::from(i * 7 % 40), 1.0, &[f64::from(i)]));
            pool.add(candidate(f64::from(i * 7 % 40), 1.0, &[f64::from(i)]));
        }
        let scores: Vec<f64> = pool.candidates().iter().map(|it| it.score).collect();
        assert_eq!(scores, (0..CANDIDATES).map(|i| 39.0 - i as f64).collect::<Vec<_>>());
    }
}
