//! Maximises the goal over the feasible, new configurations.

use super::candidate::{Candidate, Source};
use super::model::Model;
use super::{Acquisition, GpConfig};
use crate::sampler::SamplerError;
use crate::space::Configuration;
use crate::space::encode::Column;
use lightcrest_gp::lbfgs::{LbfgsConfig, minimise};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// From how many of the best candidates local search starts.
const STARTS: usize = 4;
/// Neighbours scored in one round of local search.
const NEIGHBOURS: usize = 40;
/// Rounds of local search, at most.
const ROUNDS: usize = 8;
/// From how many observations on only the best candidate is climbed from.
const LARGE: usize = 300;
/// Rounds of candidates, at most, where most configurations are infeasible or known.
const TRIES: usize = 4;

type Scored = (f64, Candidate);

/// The best configuration found, or none if no candidate was admitted.
pub(super) fn best(
    model: &Model,
    config: &GpConfig,
    candidates: usize,
    source: &mut Source<'_>,
    rng: &mut ChaCha8Rng,
) -> Result<Option<Configuration>, SamplerError> {
    let mut scored = Vec::new();
    for _ in 0..TRIES {
        let mut pool = Vec::with_capacity(candidates);
        for tries in 0..candidates {
            if tries % 2 == 0 || model.parents.is_empty() {
                pool.extend(source.draw(rng));
            } else {
                // The leaders come best first; the smaller of two draws prefers them.
                let n = model.parents.len();
                let parent = &model.parents[rng.random_range(0..n).min(rng.random_range(0..n))];
                let row = source.mutate(&parent.row, &parent.active, rng);
                pool.extend(source.admit(row, Some(&parent.row)));
            }
        }
        if config.acquisition == Acquisition::Thompson {
            // One world is drawn at the pool only, so there is nothing to climb.
            let worlds = model.draw(&pool, rng)?;
            scored.extend(screened(ranked(worlds, pool), source));
            if !scored.is_empty() {
                return Ok(scored.into_iter().next().map(|(_, candidate)| source.configuration(candidate)));
            }
            continue;
        }
        scored.extend(screened(score(model, pool)?, source));
        if scored.len() >= STARTS {
            break;
        }
    }
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored.truncate(STARTS);
    for round in 0..ROUNDS {
        let mut found = Vec::new();
        // Later rounds follow only the best.
        let starts = if round < 2 { scored.len() } else { 1 };
        for (_, start) in scored.iter().take(starts) {
            let limit = if round < 2 { NEIGHBOURS } else { 2 * NEIGHBOURS };
            for row in source.neighbours(&start.row, &start.active, limit, rng) {
                found.extend(source.admit(row, Some(&start.row)));
            }
        }
        if round % 3 == 0 {
            // A gradient costs as much as a hundred predictions in a batch, so large histories get fewer.
            let climbs = if model.observations() > LARGE { 1 } else { starts };
            for (_, start) in scored.iter().take(climbs) {
                let polished = polish(model, source, start);
                found.extend(polished.and_then(|row| source.admit(row, Some(&start.row))));
            }
        }
        let before = scored.first().map(|(value, _)| *value);
        scored.extend(screened(score(model, found)?, source));
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.truncate(STARTS);
        let gained = match (before, scored.first()) {
            (Some(before), Some((after, _))) => after - before > 1e-6 * before.abs().max(1e-3),
            _ => false,
        };
        if round >= 2 && !gained {
            break;
        }
    }
    Ok(scored.into_iter().next().map(|(_, candidate)| source.configuration(candidate)))
}

/// The best few that may be proposed.
fn screened(scored: Vec<Scored>, source: &Source<'_>) -> Vec<Scored> {
    let passes = |(score, mut candidate): Scored| source.screen(&mut candidate).then_some((score, candidate));
    scored.into_iter().filter_map(passes).take(STARTS).collect()
}

fn score(model: &Model, candidates: Vec<Candidate>) -> Result<Vec<Scored>, SamplerError> {
    Ok(ranked(model.score(&candidates)?, candidates))
}

/// Candidates with finite scores, best first.
fn ranked(scores: Vec<Option<f64>>, candidates: Vec<Candidate>) -> Vec<Scored> {
    let finite = |(score, candidate): (Option<f64>, Candidate)| {
        score.filter(|s| s.is_finite()).map(|s| (s, candidate))
    };
    let mut scored: Vec<Scored> = scores.into_iter().zip(candidates).filter_map(finite).collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored
}

/// The row at the end of a climb along the continuous columns.
fn polish(model: &Model, source: &Source<'_>, candidate: &Candidate) -> Option<Vec<f64>> {
    let free: Vec<usize> = (0..candidate.row.len())
        .filter(|&i| candidate.active[i] && matches!(source.encoder.column(i), Column::Continuous))
        .collect();
    if free.is_empty() {
        return None;
    }
    let mut row = candidate.row.clone();
    let mut objective = |x: &[f64], gradient: &mut [f64]| {
        free.iter().zip(x).for_each(|(&i, &v)| row[i] = v);
        let Some((value, slope)) = model.slope(candidate, &row) else { return f64::INFINITY };
        free.iter().zip(gradient).for_each(|(&i, g)| *g = -slope[i]);
        -value
    };
    let start: Vec<f64> = free.iter().map(|&i| candidate.row[i]).collect();
    let (lower, upper): (Vec<f64>, Vec<f64>) = free.iter().map(|&i| source.limits(i)).unzip();
    let iterations = if model.observations() > LARGE { 8 } else { 20 };
    let config = LbfgsConfig { iterations, gradient_tolerance: 1e-4, value_tolerance: 1e-6, memory: 6 };
    let found = minimise(&mut objective, &start, &lower, &upper, &config);
    let mut row = candidate.row.clone();
    free.iter().zip(found.x).for_each(|(&i, v)| row[i] = v);
    Some(row)
}
