//! Configurations that satisfy bounds and constraints, found quickly however few there are.
//!
//! All of it happens among uniform numbers, one for each parameter: [`Encoder::spread`] reads them as a
//! configuration whose bounds hold (each parameter is spread over what is left to it), so that only
//! constraints, and bounds that leave nothing, can make a point of the unit cube infeasible. Conditions need
//! no care there: what is inactive is not read.
//!
//! 1. When a space is built, points are drawn until [`POOL`] feasible ones are found. If fewer come, those
//!    that break least are led to where nothing is broken (`descend`), and walks from what was found complete
//!    the pool.
//! 2. [`Feasible::sample`] draws a bounded number of points, which is exact, and where that fails ends a walk
//!    from the pool (`walk`).
//! 3. What a sampler makes beyond the constraints is led back to a feasible neighbour (`mend`).

mod descend;
mod mend;
mod walk;

pub(crate) use mend::{mend, toward};
pub(crate) use walk::Walk;

use super::constraint::Breach;
use super::{Configuration, Encoder, Space, SpaceError};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How many feasible points are kept.
const POOL: usize = 64;
/// How many points are drawn when a space is built, before anything cleverer is tried.
const PROBES: usize = 20_000;
/// How many are drawn before the space is declared infeasible.
const DRAWS: usize = 200_000;
/// How many of those that break least are led to where nothing is broken.
const DESCENTS: usize = 8;
/// How many points are drawn for one sample before it is the end of a walk.
const TRIES: usize = 400;
/// Where fewer are feasible, none is drawn: the walk costs less.
const RARE: f64 = 1e-3;

/// Feasible points of a space.
pub(crate) struct Feasible {
    /// Uniform numbers. (n, d), never empty
    pool: Vec<Vec<f64>>,
    /// Which part of the points that were drawn was feasible.
    share: f64,
}

impl Feasible {
    /// Looks for feasible points; the same ones each time.
    ///
    /// # Errors
    /// If none is found, with the rule that was broken most often.
    pub(super) fn search(space: &Space) -> Result<Self, SpaceError> {
        let encoder = Encoder::new(space);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut pool: Vec<Vec<f64>> = Vec::new();
        let mut counts = vec![0; space.len() + space.constraints.len()];
        // Those that break least, least first.
        let mut least: Vec<(f64, Vec<f64>)> = Vec::new();
        let mut draws = 0;
        while draws < DRAWS && pool.len() < POOL {
            if draws == PROBES {
                if pool.len() < DESCENTS {
                    pool.extend(least.iter().filter_map(|(_, u)| descend::descend(&encoder, u, &mut rng)));
                }
                if !pool.is_empty() {
                    break;
                }
            }
            draws += 1;
            let u = uniform(space.len(), &mut rng);
            let excess = excess(&encoder, &u, &mut counts);
            if excess == 0.0 {
                pool.push(u);
            } else if least.len() < DESCENTS || excess < least[least.len() - 1].0 {
                let at = least.partition_point(|(other, _)| *other <= excess);
                least.insert(at, (excess, u));
                least.truncate(DESCENTS);
            }
        }
        let found = pool.len();
        if found == 0 {
            return Err(space.infeasible(draws, &counts));
        }
        for k in found..POOL / 2 {
            let mut walk = Walk::from(&encoder, &pool, k % found);
            (0..4 + 2 * space.len()).for_each(|_| walk.step(&mut rng));
            let u = walk.point().to_vec();
            pool.push(u);
        }
        Ok(Self { pool, share: found as f64 / draws as f64 })
    }

    /// Which part of the points that were drawn was feasible.
    pub(super) fn share(&self) -> f64 {
        self.share
    }

    /// A feasible configuration.
    pub(super) fn sample<R: Rng + ?Sized>(&self, encoder: &Encoder<'_>, rng: &mut R) -> Configuration {
        let space = encoder.space();
        if self.share >= RARE {
            for _ in 0..TRIES {
                let configuration = encoder.spread(&uniform(space.len(), rng));
                if space.is_feasible(&configuration) {
                    return configuration;
                }
            }
        }
        let mut walk = Walk::from(encoder, &self.pool, rng.random_range(0..self.pool.len()));
        (0..10 + 2 * space.len()).for_each(|_| walk.step(rng));
        walk.configuration().clone()
    }
}

impl std::fmt::Debug for Feasible {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Feasible({} points, share {})", self.pool.len(), self.share)
    }
}

impl Space {
    /// What most of the points that were drawn break.
    fn infeasible(&self, draws: usize, counts: &[usize]) -> SpaceError {
        let most = (0..counts.len()).rev().max_by_key(|&i| counts[i]).unwrap_or(0);
        let rule = match most.checked_sub(self.len()) {
            Some(k) => format!("constraint `{}`", self.constraints[k].name()),
            None => format!("the bounds of parameter `{}`", self.parameters[most].name),
        };
        SpaceError::Infeasible { draws, broken: counts[most], rule }
    }
}

/// Uniform numbers.
fn uniform<R: Rng + ?Sized>(d: usize, rng: &mut R) -> Vec<f64> {
    (0..d).map(|_| rng.random()).collect()
}

/// By how much a point breaks what it breaks, 0 where it is feasible; each rule that is broken counts.
fn excess(encoder: &Encoder<'_>, u: &[f64], counts: &mut [usize]) -> f64 {
    let space = encoder.space();
    let Some(rules) = &space.rules else { return 0.0 };
    let configuration = encoder.spread(u);
    let mut sum = 0.0;
    rules.judge(&space.constraints, &configuration, &space.values(&configuration), &mut |breach, excess| {
        let at = match breach {
            Breach::Bound(i) => i,
            Breach::Constraint(k) => space.len() + k,
        };
        if let Some(count) = counts.get_mut(at) {
            *count += 1;
        }
        sum += excess;
        true
    });
    sum
}
