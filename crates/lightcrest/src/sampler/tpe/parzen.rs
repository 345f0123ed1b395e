//! A Parzen estimator: a density made of one kernel for each trial and one for the prior.
//!
//! | symbol | meaning |
//! |---|---|
//! | `n` | kernels: the observations in the order of their trials, and the prior last |
//! | `c` | columns of the space that are modelled jointly |
//! | `mu`, `sigma` | mean and deviation of a kernel in one column // (n,) |
//!
//! A kernel is a product over the columns (Falkner et al. 2018; Watanabe 2023, arXiv 2304.11127, section
//! 3.3): a normal cut off at 0 and 1 where the column is continuous; its integral over cells where it is
//! discrete; where it is categorical, the observed choice with some of the prior's weight spread over all.
//! The prior is a normal about the middle as wide as the range, and even over choices.

use super::normal::{draw_in_unit, log_mass, log_mass_in_unit};
use super::observations::Observations;
use super::{TpeConfig, weights};
use crate::space::encode::{Column, Grid};
use lightcrest_gp::special::HALF_LOG_2PI;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::collections::HashMap;

/// A density over some columns.
#[derive(Debug)]
pub(super) struct Parzen {
    /// Sums of the kernels' weights: where in `[0, 1)` each begins to be drawn is where the one before ends.
    /// // (n,)
    cumulated: Vec<f64>,
    /// What does not depend on where the density is asked for: log weights and log normalisations. // (n,)
    base: Vec<f64>,
    factors: Vec<Factor>, // (c,)
}

/// The kernels of one column.
#[derive(Debug)]
enum Factor {
    Continuous {
        mu: Vec<f64>,    // (n,)
        sigma: Vec<f64>, // (n,)
        /// 1/(√2 σ) // (n,)
        scale: Vec<f64>,
    },
    /// Many kernels are equal: each is one of a few `(mu, sigma)`.
    Discrete { grid: Grid, kinds: Vec<(f64, f64)>, kind: Vec<usize> /* (n,) */ },
    /// The observed choice, beyond all choices for the prior, and the log probabilities of that choice and of
    /// others.
    Categorical { choices: usize, observed: Vec<usize> /* (n,) */, hit: f64, miss: f64 },
}

impl Parzen {
    /// The density of the trials that have all the columns.
    ///
    /// `even`: all trials weigh the same, rather than older ones less.
    pub(super) fn new(
        config: &TpeConfig,
        observations: &Observations,
        columns: &[(usize, &Column)],
        trials: &[usize],
        even: bool,
    ) -> Self {
        let has_all = |number: &usize| columns.iter().all(|(i, _)| observations.value(*number, *i).is_some());
        let trials: Vec<usize> = trials.iter().copied().filter(has_all).collect();
        let n = trials.len() + 1;
        let mut weights = if even { vec![1.0; n - 1] } else { weights(n - 1) };
        weights.push(if n == 1 { 1.0 } else { config.prior_weight });
        let total: f64 = weights.iter().sum();
        let mut base: Vec<f64> = weights.iter().map(|weight| (weight / total).ln()).collect();
        let cumulated = weights.iter().scan(0.0, |sum, weight| {
            *sum += weight / total;
            Some(*sum)
        });
        let cumulated = cumulated.collect();
        let factors = columns.iter().map(|(i, column)| {
            if let Column::Categorical { choices } = column {
                let observed =
                    trials.iter().map(|&number| observations.value(number, *i).unwrap_or(0.0) as usize);
                return categorical(config, *choices, observed.collect(), &mut base);
            }
            let mu = trials.iter().map(|&number| observations.value(number, *i).unwrap_or(0.5)).chain([0.5]);
            let mu: Vec<f64> = mu.collect();
            let order = in_order(observations.ordered(*i), &trials);
            let sigma = deviations(config, &mu, &order);
            match column {
                Column::Discrete(grid) => discrete(grid, &mu, &sigma, &order, &mut base),
                _ => continuous(mu, sigma, &mut base),
            }
        });
        let factors = factors.collect();
        Self { cumulated, base, factors }
    }

    /// One point: a kernel by its weight, and a value of each column from it. // (c,)
    pub(super) fn draw(&self, rng: &mut ChaCha8Rng) -> Vec<f64> {
        let uniform: f64 = rng.random();
        let k = self.cumulated.partition_point(|sum| *sum <= uniform).min(self.cumulated.len() - 1);
        self.factors.iter().map(|factor| factor.draw(k, rng)).collect()
    }

    /// The log density at each of some points.
    ///
    /// # Shapes
    /// `points` (p, c); the result has (p,).
    pub(super) fn log_density(&self, points: &[Vec<f64>]) -> Vec<f64> {
        // What each kind of kernel has in a cell, by column and cell: candidates often share cells.
        let mut masses: HashMap<(usize, u64), Vec<f64>> = HashMap::new();
        let mut log_kernels = vec![0.0; self.base.len()]; // (n,)
        let density = |point: &Vec<f64>| {
            log_kernels.copy_from_slice(&self.base);
            for (c, (factor, &x)) in self.factors.iter().zip(point).enumerate() {
                match factor {
                    Factor::Continuous { mu, scale, .. } => {
                        for ((sum, mu), scale) in log_kernels.iter_mut().zip(mu).zip(scale) {
                            let z = (x - mu) * scale;
                            *sum -= z * z;
                        }
                    }
                    Factor::Discrete { grid, kinds, kind } => {
                        let cell = grid.cell(x);
                        let mass = masses.entry((c, cell)).or_insert_with(|| cell_masses(grid, cell, kinds));
                        log_kernels.iter_mut().zip(kind).for_each(|(sum, kind)| *sum += mass[*kind]);
                    }
                    Factor::Categorical { observed, hit, miss, .. } => {
                        let choice = x as usize;
                        for (sum, observed) in log_kernels.iter_mut().zip(observed) {
                            *sum += if *observed == choice { *hit } else { *miss };
                        }
                    }
                }
            }
            log_sum_exp(&log_kernels)
        };
        points.iter().map(density).collect()
    }
}

impl Factor {
    fn draw(&self, k: usize, rng: &mut ChaCha8Rng) -> f64 {
        match self {
            Self::Continuous { mu, sigma, .. } => draw_in_unit(mu[k], sigma[k], rng),
            Self::Discrete { grid, kinds, kind } => {
                let (mu, sigma) = kinds[kind[k]];
                grid.position(grid.cell(draw_in_unit(mu, sigma, rng)))
            }
            Self::Categorical { choices, observed, hit, miss } => {
                // The observed choice has what is above the others, and an even share of the rest.
                let extra = if observed[k] < *choices { hit.exp() - miss.exp() } else { 0.0 };
                if rng.random::<f64>() < extra {
                    observed[k] as f64
                } else {
                    rng.random_range(0..*choices) as f64
                }
            }
        }
    }
}

fn continuous(mu: Vec<f64>, sigma: Vec<f64>, base: &mut [f64]) -> Factor {
    for ((base, mu), sigma) in base.iter_mut().zip(&mu).zip(&sigma) {
        *base -= sigma.ln() + HALF_LOG_2PI + log_mass_in_unit(*mu, *sigma);
    }
    let scale = sigma.iter().map(|sigma| std::f64::consts::FRAC_1_SQRT_2 / sigma).collect();
    Factor::Continuous { mu, sigma, scale }
}

fn discrete(grid: &Grid, mu: &[f64], sigma: &[f64], order: &[usize], base: &mut [f64]) -> Factor {
    let mut kinds: Vec<(f64, f64)> = Vec::new();
    let mut kind = vec![0; mu.len()];
    // Equal means are neighbours, and all between the first and the last of them have the smallest deviation.
    for &k in order.iter().chain([&(mu.len() - 1)]) {
        let pair = (mu[k], sigma[k]);
        kind[k] = match kinds.iter().rev().take(3).position(|known| *known == pair) {
            Some(back) => kinds.len() - 1 - back,
            None => {
                kinds.push(pair);
                kinds.len() - 1
            }
        };
    }
    let inside: Vec<f64> = kinds.iter().map(|(mu, sigma)| log_mass_in_unit(*mu, *sigma)).collect();
    base.iter_mut().zip(&kind).for_each(|(base, kind)| *base -= inside[*kind]);
    Factor::Discrete { grid: grid.clone(), kinds, kind }
}

/// What each kind of kernel has in a cell, as if it were not cut off.
fn cell_masses(grid: &Grid, cell: u64, kinds: &[(f64, f64)]) -> Vec<f64> {
    let (from, to) = grid.edges(cell);
    kinds.iter().map(|(mu, sigma)| log_mass((from - mu) / sigma, (to - mu) / sigma)).collect()
}

/// A kernel gives each choice `prior_weight / n`, the observed one 1 more, divided by the sum.
fn categorical(config: &TpeConfig, choices: usize, mut observed: Vec<usize>, base: &mut [f64]) -> Factor {
    let share = config.prior_weight / (observed.len() + 1) as f64;
    let total = 1.0 + choices as f64 * share;
    let (hit, miss) = (((1.0 + share) / total).ln(), (share / total).ln());
    // The prior counts as a miss whatever is asked for: make up for it.
    observed.push(choices);
    if let Some(prior) = base.last_mut() {
        *prior -= (choices as f64).ln() + miss;
    }
    Factor::Categorical { choices, observed, hit, miss }
}

/// The positions in `trials`, which ascend, in the order that `ordered` gives the trials in.
fn in_order(ordered: &[usize], trials: &[usize]) -> Vec<usize> {
    let Some(last) = trials.last() else { return Vec::new() };
    let mut position = vec![usize::MAX; last + 1];
    trials.iter().enumerate().for_each(|(k, &number)| position[number] = k);
    let positions = ordered.iter().filter_map(|&number| position.get(number).copied());
    positions.filter(|k| *k != usize::MAX).collect()
}

/// The deviation of each kernel: the larger of the distances to its neighbours, the ends of the range being
/// neighbours too (Bergstra et al. 2011, section 4). With magic clip at least 1/100, or more while there are
/// fewer trials.
///
/// `order` holds the positions of all but the last of `mu`, the prior, by their means.
fn deviations(config: &TpeConfig, mu: &[f64], order: &[usize]) -> Vec<f64> {
    let n = mu.len();
    let smallest = if config.consider_magic_clip { 1.0 / (1.0 + n as f64).min(100.0) } else { 1e-12 };
    let mut sigma = vec![1.0; n];
    for (rank, &k) in order.iter().enumerate() {
        let before = rank.checked_sub(1).map_or(0.0, |before| mu[order[before]]);
        let after = order.get(rank + 1).map_or(1.0, |&after| mu[after]);
        let (left, right) = (mu[k] - before, after - mu[k]);
        let width = match rank {
            _ if config.consider_endpoints || order.len() < 2 => left.max(right),
            0 => right,
            _ if rank + 1 == order.len() => left,
            _ => left.max(right),
        };
        sigma[k] = width.clamp(smallest, 1.0);
    }
    sigma
}

/// log Σ exp(x). Terms that are less than 1e-17 of the largest are nothing beside it.
fn log_sum_exp(x: &[f64]) -> f64 {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = x.iter().map(|x| x - largest).filter(|x| *x > -40.0).map(f64::exp).sum();
    largest + sum.ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::FrozenTrial;
    use crate::space::encode::Encoder;
    use crate::space::{Configuration, Domain, Parameter, Space, Value};
    use rand::SeedableRng;

    fn space() -> Space {
        let builder = Space::builder().float("x", -2.0, 3.0).log_int("k", 1, 9).int("i", 0, 4);
        builder.categorical("c", ["a", "b", "d"]).build().unwrap()
    }

    /// The density of five trials, over `columns`.
    fn density(config: &TpeConfig, columns: &[usize]) -> (Parzen, Vec<Column>) {
        let space = space();
        let encoder = Encoder::new(&space);
        let values =
            [(-1.0, 1i64, 0i64, "a"), (0.0, 3, 4, "b"), (0.1, 3, 4, "b"), (2.5, 9, 1, "a"), (0.1, 4, 4, "b")];
        let trial = |(x, k, i, c): (f64, i64, i64, &str)| -> Configuration {
            [("x", Value::Float(x)), ("k", k.into()), ("i", i.into()), ("c", c.into())].into_iter().collect()
        };
        let trials: Vec<_> =
            (0..).zip(values).map(|(n, v)| FrozenTrial::complete(n, trial(v), vec![0.0])).collect();
        let mut observations = Observations::default();
        observations.update(&encoder, &trials);
        let chosen: Vec<_> = columns.iter().map(|&i| (i, encoder.column(i))).collect();
        let parzen = Parzen::new(config, &observations, &chosen, &[0, 1, 2, 3, 4], false);
        (parzen, columns.iter().map(|&i| encoder.column(i).clone()).collect())
    }

    #[test]
    fn densities_are_densities() {
        for config in [
            TpeConfig::default(),
            TpeConfig { consider_magic_clip: false, consider_endpoints: true, ..TpeConfig::default() },
        ] {
            // All cells of the discrete columns, and the continuous one by the midpoint rule.
            let (parzen, columns) = density(&config, &[0, 1, 2, 3]);
            let m = 400;
            let mut sum = 0.0;
            for k in 0..9 {
                for i in 0..5 {
                    for c in 0..3 {
                        let at = |j: usize, cell: u64| columns[j].value(cell).unwrap();
                        let points: Vec<Vec<f64>> = (0..m)
                            .map(|x| vec![(f64::from(x) + 0.5) / f64::from(m), at(1, k), at(2, i), at(3, c)])
                            .collect();
                        sum +=
                            parzen.log_density(&points).iter().map(|l| l.exp()).sum::<f64>() / f64::from(m);
                    }
                }
            }
            assert!((sum - 1.0).abs() < 1e-3, "{sum}");
        }
    }

    #[test]
    fn draws_come_as_often_as_the_density_says() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for column in 1..4 {
            let (parzen, columns) = density(&TpeConfig::default(), &[column]);
            let n = 4000;
            let draws: Vec<f64> = (0..n).map(|_| parzen.draw(&mut rng)[0]).collect();
            for cell in 0..columns[0].cells().unwrap() {
                let x = columns[0].value(cell).unwrap();
                let share = draws.iter().filter(|draw| **draw == x).count() as f64 / f64::from(n);
                let expected = parzen.log_density(&[vec![x]])[0].exp();
                assert!(
                    (share - expected).abs() < 4.0 * 0.5 / f64::from(n).sqrt(),
                    "{column} {cell}: {share}"
                );
            }
        }
    }

    #[test]
    fn without_observations_the_prior_is_all() {
        let space = Space::builder().parameter(Parameter::new(
            "c",
            Domain::Categorical { choices: (0..4i64).map(Value::from).collect(), ordered: false },
        ));
        let space = space.build().unwrap();
        let encoder = Encoder::new(&space);
        let mut observations = Observations::default();
        observations.update(&encoder, &[]);
        let parzen = Parzen::new(&TpeConfig::default(), &observations, &[(0, encoder.column(0))], &[], false);
        let density = parzen.log_density(&[vec![0.0], vec![3.0]]);
        assert!(density.iter().all(|l| (l.exp() - 0.25).abs() < 1e-12), "{density:?}");
    }

    /// Deviations of four kernels at 0.2, 0.5, 0.6 and 0.6, after Bergstra et al. 2011.
    #[test]
    fn kernels_reach_to_their_farther_neighbour() {
        let mu = [0.6, 0.2, 0.5, 0.6, 0.5];
        let order = [1, 2, 0, 3];
        let close = |config: TpeConfig, expected: [f64; 5]| {
            let found = deviations(&config, &mu, &order);
            assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        };
        let free = TpeConfig { consider_magic_clip: false, ..TpeConfig::default() };
        close(free.clone(), [0.1, 0.3, 0.3, 1e-12, 1.0]);
        close(TpeConfig { consider_endpoints: true, ..free }, [0.1, 0.3, 0.3, 0.4, 1.0]);
        // Six: five kernels and one.
        close(TpeConfig::default(), [1.0 / 6.0, 0.3, 0.3, 1.0 / 6.0, 1.0]);
    }
}
