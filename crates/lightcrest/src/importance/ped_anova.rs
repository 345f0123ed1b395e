//! PED-ANOVA.
//!
//! Watanabe et al. 2023, *PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary
//! Subspaces*, IJCAI (arXiv:2304.10255). A parameter matters if its values among the best trials are
//! distributed otherwise than among all: the Pearson divergence of the two densities is the variance that the
//! parameter alone explains of "is among the best" (theorem 1 with the subspace of all trials).
//!
//! | symbol | meaning |
//! |---|---|
//! | `gamma'` | `target`: the share of the trials that count as best; 0.1 |
//! | `gamma` | `region`: the share that they are compared with; 1, all of them |
//! | `p` | density of a parameter among the best trials // (cells,) |
//! | `b` | density among all trials of the region, or a uniform one // (cells,) |
//! | `D` | Pearson divergence, sum over cells of `b (p/b - 1)^2` |
//!
//! **Conditional parameters.** A parameter is judged among the trials in which it is active: `D` compares its
//! values in the best of these trials that are among the best of all with its values in all of them. That
//! divergence is weighted by the share of the best trials in which the parameter is active. So a choice that
//! decides which branch is good gets the credit for it, not the parameters that exist in the good branch
//! only; and what matters in a branch that no good trial takes matters little.

use crate::space::{Configuration, Encoder, Space};

/// Settings of [`ped_anova`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PedAnovaConfig {
    /// `gamma'`: the share of the trials that count as best, in (0, 1).
    pub target: f64,
    /// `gamma`: the share of the trials, from the best on, that they are compared with; above `target`, at
    /// most 1.
    pub region: f64,
    /// Whether the best are compared with the trials of the region as they are distributed, rather than with
    /// the uniform distribution.
    pub local: bool,
}

impl Default for PedAnovaConfig {
    fn default() -> Self {
        Self { target: 0.1, region: 1.0, local: true }
    }
}

/// Into how many cells a continuous parameter, or one of many values, is cut.
const CELLS: usize = 50;

/// The importance of each parameter for one number: parameters in the order of the space, shares that add up
/// to 1, or all 0 if nothing stands out.
///
/// `trials` are configurations with the number, oriented: larger is better. `None` for fewer than two trials.
pub fn ped_anova(
    space: &Space,
    trials: &[(&Configuration, f64)],
    config: &PedAnovaConfig,
) -> Option<Vec<(String, f64)>> {
    let mut trials = super::telling(trials)?;
    let mut values: Vec<f64> = trials.iter().map(|(_, value)| *value).collect();
    values.sort_by(|a, b| b.total_cmp(a));
    // All that are as good as the last of a share are in it: equal trials are not told apart.
    let last =
        |share: f64| values[((share * values.len() as f64).ceil() as usize).clamp(1, values.len()) - 1];
    let (target, region) = (last(config.target), last(config.region));
    trials.retain(|(_, value)| *value >= region);
    let best: Vec<bool> = trials.iter().map(|(_, value)| *value >= target).collect();

    let encoder = Encoder::new(space);
    let encoded: Vec<_> = trials.iter().map(|(configuration, _)| encoder.encode(configuration)).collect();
    let total = best.iter().filter(|best| **best).count() as f64;
    let divergence = |d: usize| {
        let active = || encoded.iter().zip(&best).filter(|(e, _)| e.active[d]);
        let all: Vec<f64> = active().map(|(e, _)| e.row[d]).collect();
        let top: Vec<f64> = active().filter(|(_, best)| **best).map(|(e, _)| e.row[d]).collect();
        if top.is_empty() || config.local && top.len() == all.len() {
            return 0.0;
        }
        let (p, mut b) = match encoder.column(d).cells() {
            Some(1) => return 0.0,
            Some(cells) if cells <= CELLS as u64 => {
                let cell = |x: f64| {
                    let below =
                        (0..cells).take_while(|k| encoder.column(d).value(*k).is_some_and(|v| v < x - 1e-9));
                    below.count()
                };
                (shares(&top, cells as usize, &cell), shares(&all, cells as usize, &cell))
            }
            _ => {
                let width = bandwidth(&all);
                (density(&top, width), density(&all, width))
            }
        };
        if !config.local {
            b = vec![1.0 / b.len() as f64; b.len()];
        }
        let pearson: f64 = p.iter().zip(&b).map(|(p, b)| b * (p / b - 1.0).powi(2)).sum();
        pearson * top.len() as f64 / total
    };
    let raw: Vec<f64> = (0..space.len()).map(divergence).collect();
    let sum: f64 = raw.iter().sum();
    let names = space.parameters().iter().map(|parameter| parameter.name.clone());
    Some(names.zip(raw.iter().map(|value| if sum > 0.0 { value / sum } else { 0.0 })).collect())
}

/// The share of each value, with one more observation spread over all of them, so that none is impossible.
fn shares(xs: &[f64], cells: usize, cell: &dyn Fn(f64) -> usize) -> Vec<f64> {
    let mut shares = vec![1.0 / cells as f64; cells];
    for x in xs {
        shares[cell(*x).min(cells - 1)] += 1.0;
    }
    normalized(shares)
}

/// A Gaussian kernel density on the grid of cells, cut off at 0 and 1, with one more uniform observation.
fn density(xs: &[f64], width: f64) -> Vec<f64> {
    let centre = |k: usize| (k as f64 + 0.5) / CELLS as f64;
    let mut density = vec![1.0 / CELLS as f64; CELLS];
    for x in xs {
        let bump = (0..CELLS).map(|k| (-0.5 * ((centre(k) - x) / width).powi(2)).exp()).collect();
        for (cell, mass) in density.iter_mut().zip(normalized(bump)) {
            *cell += mass;
        }
    }
    normalized(density)
}

/// Scott's rule, 1.06 sigma n^(-1/5), at least one cell. Both densities use that of all trials.
fn bandwidth(xs: &[f64]) -> f64 {
    let n = xs.len() as f64;
    let mean = xs.iter().sum::<f64>() / n;
    let deviation = (xs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
    (1.06 * deviation * n.powf(-0.2)).max(1.0 / CELLS as f64)
}

fn normalized(mut weights: Vec<f64>) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= sum);
    weights
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Parameter;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    fn shares_of(
        space: &Space,
        value: impl Fn(&Configuration) -> f64,
    ) -> std::collections::HashMap<String, f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let configurations: Vec<_> = (0..400).map(|_| space.sample(&mut rng)).collect();
        let trials: Vec<_> = configurations.iter().map(|c| (c, value(c))).collect();
        ped_anova(space, &trials, &PedAnovaConfig::default()).unwrap().into_iter().collect()
    }

    #[test]
    fn what_the_value_depends_on_is_important() {
        let space = Space::builder()
            .log_float("rate", 1e-4, 1.0)
            .float("idle", 0.0, 1.0)
            .int("idle_int", 1, 100)
            .categorical("choice", ["a", "b", "c"])
            .categorical("idle_choice", ["a", "b", "c"])
            .build()
            .unwrap();
        let shares = shares_of(&space, |c| {
            let choice = f64::from(u8::from(c.get_str("choice") == Some("b")));
            choice - (c.get_f64("rate").unwrap().log10() + 2.0).powi(2)
        });
        assert!((shares.values().sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(shares["rate"] > 0.3 && shares["choice"] > 0.3, "{shares:?}");
        assert!(shares["idle"] + shares["idle_int"] + shares["idle_choice"] < 0.1, "{shares:?}");
    }

    #[test]
    fn the_parent_that_decides_gets_the_credit() {
        let space = Space::builder()
            .categorical("module", ["good", "bad"])
            .parameter(Parameter::float("good.tuned", 0.0, 1.0).when("module", ["good"]))
            .parameter(Parameter::float("good.idle", 0.0, 1.0).when("module", ["good"]))
            .parameter(Parameter::float("bad.tuned", 0.0, 1.0).when("module", ["bad"]))
            .build()
            .unwrap();
        let shares = shares_of(&space, |c| match c.get_str("module") {
            Some("good") => 10.0 - (c.get_f64("good.tuned").unwrap() - 0.3).abs(),
            _ => c.get_f64("bad.tuned").unwrap(),
        });
        assert!(shares["good.tuned"] > 0.3 && shares["module"] > 0.05, "{shares:?}");
        assert!(shares["good.idle"] < 0.1 && shares["bad.tuned"] == 0.0, "{shares:?}");
    }

    #[test]
    fn equal_values_say_nothing() {
        let space = Space::builder().float("x", 0.0, 1.0).build().unwrap();
        assert_eq!(shares_of(&space, |_| 1.0)["x"], 0.0);
        let one = space.sample(&mut ChaCha8Rng::seed_from_u64(0));
        assert_eq!(ped_anova(&space, &[(&one, 1.0)], &PedAnovaConfig::default()), None);
    }

    #[test]
    fn two_trials_are_enough() {
        let space = Space::builder().float("x", 0.0, 1.0).float("y", 0.0, 1.0).build().unwrap();
        let [a, b]: [Configuration; 2] = [0.1, 0.9].map(|x| [("x", x), ("y", 0.5)].into_iter().collect());
        let trials = [(&a, 1.0), (&b, 2.0)];
        let shares = ped_anova(&space, &trials, &PedAnovaConfig::default()).unwrap();
        assert!(shares[0].1 > 0.1 && (shares[0].1 + shares[1].1 - 1.0).abs() < 1e-12, "{shares:?}");
    }

    #[test]
    fn the_region_and_what_it_is_compared_with_matter() {
        let space = Space::builder().float("coarse", 0.0, 1.0).float("fine", 0.0, 1.0).build().unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let configurations: Vec<_> = (0..2000).map(|_| space.sample(&mut rng)).collect();
        // `coarse` decides who is among the better half, `fine` who is best there.
        let value = |c: &Configuration| {
            let (coarse, fine) = (c.get_f64("coarse").unwrap(), c.get_f64("fine").unwrap());
            if coarse > 0.5 { 10.0 + fine } else { coarse }
        };
        let trials: Vec<_> = configurations.iter().map(|c| (c, value(c))).collect();
        let fine = |config: PedAnovaConfig| ped_anova(&space, &trials, &config).unwrap()[1].1;
        let usual = PedAnovaConfig::default();
        assert!(fine(PedAnovaConfig { target: 0.5, ..usual }) < 0.05);
        assert!(fine(PedAnovaConfig { target: 0.1, region: 0.4, ..usual }) > 0.95);
        // Trials that crowd in one half tell nothing of it, unless they are compared with the whole range.
        let crowded: Vec<_> =
            trials.iter().filter(|(c, _)| c.get_f64("coarse").unwrap() > 0.5).copied().collect();
        let coarse = |local| {
            let config = PedAnovaConfig { local, ..usual };
            ped_anova(&space, &crowded, &config).unwrap()[0].1
        };
        assert!(coarse(true) < 0.02 && coarse(false) > 0.05, "{} {}", coarse(true), coarse(false));
    }
}
