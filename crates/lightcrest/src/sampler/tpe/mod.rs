//! Tree-structured Parzen estimators: one density of the good trials and one of the others; where their ratio
//! is largest is tried next.
//!
//! # One proposal
//! 1. While fewer than [`TpeConfig::n_startup_trials`] are complete or pruned, a random configuration.
//! 2. The trials are split into good ones and others (`split`); running ones are among the others (constant
//!    liar).
//! 3. Parameters are modelled jointly where [`multivariate`](TpeConfig::multivariate): those that were active
//!    in every trial so far, or with [`group`](TpeConfig::group) all that were only ever active together. The
//!    rest are modelled one by one, from the trials that have them.
//! 4. [`TpeConfig::n_ei_candidates`] points are drawn from the density of the good trials (`parzen`) and
//!    ranked by the ratio of the densities; the first that is new and that no constraint forbids is proposed.
//!
//! Defaults, and what they do, are those of Optuna 5's sampler of this name, but for what is proposed twice:
//! nothing here, as long as new candidates can be found. With several objectives it is MOTPE; a good trial
//! weighs the same as another.
//!
//! # References
//! Bergstra et al. 2011 (NeurIPS); Falkner et al. 2018 (arXiv 1807.01774, the joint kernel); Ozaki et al.
//! 2022 (JAIR 73, several objectives); Watanabe 2023 (arXiv 2304.11127).

mod normal;
mod observations;
mod parzen;
mod split;

use super::admission::{Mender, first_admissible};
use super::{Capabilities, Context, Sampler, SamplerError, draw};
use crate::space::Configuration;
use crate::space::encode::{Column, Encoder};
use observations::Observations;
use parzen::Parzen;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use split::Split;

/// How many candidates are looked at before one is drawn at random, in units of
/// [`TpeConfig::n_ei_candidates`].
const ROUNDS: usize = 4;

/// Settings of the [`TpeSampler`], by their names in Optuna.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TpeConfig {
    /// How many trials are random at first.
    #[serde(alias = "startup_trials")]
    pub n_startup_trials: usize,
    /// How many candidates a proposal is chosen from; at least 1.
    #[serde(alias = "candidates")]
    pub n_ei_candidates: usize,
    /// Whether parameters are modelled jointly. Unless given: with one objective, or if `group`.
    pub multivariate: Option<bool>,
    /// Whether parameters that only some trials have are modelled jointly too, in groups.
    pub group: bool,
    /// Whether running trials count as bad ones, so that workers keep apart.
    pub constant_liar: bool,
    /// The weight of the prior; that of a trial is at most 1.
    pub prior_weight: f64,
    /// Whether kernels have a smallest deviation.
    pub consider_magic_clip: bool,
    /// Whether the outermost kernels reach to the ends of the range.
    pub consider_endpoints: bool,
}

impl Default for TpeConfig {
    fn default() -> Self {
        Self {
            n_startup_trials: 10,
            n_ei_candidates: 24,
            multivariate: None,
            group: false,
            constant_liar: true,
            prior_weight: 1.0,
            consider_magic_clip: true,
            consider_endpoints: false,
        }
    }
}

/// Tree-structured Parzen estimators.
#[derive(Debug, Default)]
pub struct TpeSampler {
    config: TpeConfig,
    observations: Observations,
}

impl TpeSampler {
    /// A sampler with these settings. A weight of the prior that is not a positive number counts as 1.
    pub fn new(mut config: TpeConfig) -> Self {
        config.n_ei_candidates = config.n_ei_candidates.max(1);
        if !(config.prior_weight.is_finite() && config.prior_weight > 0.0) {
            config.prior_weight = 1.0;
        }
        Self { config, observations: Observations::default() }
    }

    /// The settings.
    pub fn config(&self) -> &TpeConfig {
        &self.config
    }

    /// The columns that are modelled jointly, in blocks.
    fn blocks(&self, context: &Context<'_>, encoder: &Encoder<'_>) -> Vec<Vec<usize>> {
        let several = context.objectives.len() > 1;
        if !self.config.multivariate.unwrap_or(self.config.group || !several) {
            return Vec::new();
        }
        let varies = |i: &usize| encoder.column(*i).cells() != Some(1);
        let mut blocks: Vec<Vec<usize>> = vec![(0..context.space.len()).filter(varies).collect()];
        let mut seen = vec![false; context.space.len()];
        for trial in context.history.trials() {
            let active = self.observations.active(trial.number as usize);
            if active.is_empty() || !trial.state.has_result() {
                continue;
            }
            if self.config.group {
                let halves = |block: Vec<usize>| {
                    let (here, elsewhere): (Vec<_>, Vec<_>) = block.into_iter().partition(|&i| active[i]);
                    [here, elsewhere]
                };
                if blocks.iter().any(|block| block.iter().any(|&i| active[i] != active[block[0]])) {
                    blocks = blocks.into_iter().flat_map(halves).filter(|block| !block.is_empty()).collect();
                }
            } else {
                blocks[0].retain(|&i| active[i]);
            }
            seen.iter_mut().zip(active).for_each(|(seen, active)| *seen |= active);
        }
        blocks.iter_mut().for_each(|block| block.retain(|&i| seen[i]));
        blocks.retain(|block| !block.is_empty());
        blocks
    }
}

impl Sampler for TpeSampler {
    fn name(&self) -> &'static str {
        "tpe"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn propose(
        &mut self,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Configuration, SamplerError> {
        let trials = context.history.trials();
        let told = trials.iter().filter(|t| t.state.has_result());
        if told.count() < self.config.n_startup_trials.max(1) || context.space.is_empty() {
            return draw(context, rng);
        }
        let encoder = Encoder::new(context.space);
        self.observations.update(&encoder, trials);
        let split = split::split(context.history, self.config.constant_liar);
        let density = |columns: &[usize]| {
            let columns: Vec<_> = columns.iter().map(|&i| (i, encoder.column(i))).collect();
            Ratio::new(&self.config, &self.observations, &columns, &split, context.objectives.len() > 1)
        };
        let joint = self.blocks(context, &encoder);
        let joint: Vec<_> = joint.into_iter().map(|block| (density(&block), block)).collect();
        // Those that are modelled one by one: only if they turn out to be active.
        let mut single: Vec<Option<Ratio>> = (0..context.space.len()).map(|_| None).collect();
        let mut ranked: Vec<Vec<Vec<f64>>> = Vec::new();
        let (mut mender, mut attempt, count) =
            (Mender::new(context, &encoder), 0, self.config.n_ei_candidates);
        first_admissible(context, rng, ROUNDS * count, &mut |rng| {
            let next = attempt % count;
            attempt += 1;
            if next == 0 {
                ranked = joint.iter().map(|(ratio, _)| ratio.candidates(rng)).collect();
            }
            let mut row = vec![0.0; context.space.len()];
            let mut chosen = vec![false; context.space.len()];
            for ((_, block), points) in joint.iter().zip(&ranked) {
                for (&i, x) in block.iter().zip(&points[next]) {
                    (row[i], chosen[i]) = (*x, true);
                }
            }
            for i in (0..row.len()).filter(|&i| !chosen[i]) {
                match encoder.column(i) {
                    column if column.cells() == Some(1) => row[i] = column.snap(0.0),
                    // Parents come first, so what is active is known by now.
                    _ if context.space.conditions(i).len() > 0 && !encoder.active(&row)[i] => {}
                    _ => {
                        let ratio = single[i].get_or_insert_with(|| density(&[i]));
                        row[i] = ratio.candidates(rng)[0][0];
                    }
                }
            }
            Some(mender.decode(&row, rng))
        })
    }
}

/// The densities of the good trials and of the others, over some columns.
struct Ratio {
    below: Parzen,
    above: Parzen,
    candidates: usize,
}

impl Ratio {
    fn new(
        config: &TpeConfig,
        observations: &Observations,
        columns: &[(usize, &Column)],
        split: &Split,
        several_objectives: bool,
    ) -> Self {
        Self {
            below: Parzen::new(config, observations, columns, &split.below, several_objectives),
            above: Parzen::new(config, observations, columns, &split.above, false),
            candidates: config.n_ei_candidates,
        }
    }

    /// Draws from the good trials' density, the largest ratio first.
    fn candidates(&self, rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
        let points: Vec<Vec<f64>> = (0..self.candidates).map(|_| self.below.draw(rng)).collect();
        let (below, above) = (self.below.log_density(&points), self.above.log_density(&points));
        let mut scored: Vec<_> = below.iter().zip(&above).map(|(b, a)| b - a).zip(points).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        scored.into_iter().map(|(_, point)| point).collect()
    }
}

/// The weights of `n` trials from the oldest to the latest: 1 for the latest 25, and for those before a ramp
/// that begins at 1/n.
fn weights(n: usize) -> Vec<f64> {
    let old = n.saturating_sub(25);
    let start = 1.0 / n as f64;
    let ramp = (0..old).map(|i| match old {
        1 => start,
        _ => start + (1.0 - start) * i as f64 / (old - 1) as f64,
    });
    ramp.chain(std::iter::repeat_n(1.0, n - old)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::{Evaluation, ObjectiveInfo};
    use crate::space::{Parameter, Space};
    use crate::study::Study;

    fn config(multivariate: bool, group: bool) -> TpeConfig {
        TpeConfig { multivariate: Some(multivariate), group, ..TpeConfig::default() }
    }

    #[test]
    fn conforms() {
        for config in [config(true, false), config(true, true), config(false, false)] {
            crate::testing::sampler(&|| Box::new(TpeSampler::new(config.clone())));
        }
    }

    #[test]
    fn the_latest_weigh_most() {
        assert_eq!(weights(3), [1.0; 3]);
        let w = weights(28);
        assert_eq!((w[0], w[2], w[27]), (1.0 / 28.0, 1.0, 1.0));
        assert!((w[1] - (1.0 + 1.0 / 28.0) / 2.0).abs() < 1e-12);
        assert!((weights(26)[0] - 1.0 / 26.0).abs() < 1e-12);
    }

    fn best(space: &Space, sampler: TpeSampler, loss: &dyn Fn(&Configuration) -> f64) -> f64 {
        let builder = Study::builder(space.clone(), vec![ObjectiveInfo::minimize("loss")]);
        let mut study = builder.sampler(sampler).seed(3).build().unwrap();
        for _ in 0..120 {
            let trial = study.ask().unwrap();
            let loss = loss(&trial.configuration);
            study.tell(trial.number, Ok(Evaluation::new([loss]))).unwrap();
        }
        study.best().unwrap().values.as_ref().unwrap()[0]
    }

    /// Random search is at about 0.03 here.
    #[test]
    fn finds_the_minimum_of_a_bowl() {
        let space = Space::builder().float("x", -1.0, 1.0).log_float("y", 1e-3, 1e3).build().unwrap();
        let loss = |c: &Configuration| {
            (c.get_f64("x").unwrap() - 0.3).powi(2) + 0.1 * (c.get_f64("y").unwrap().log10() + 1.0).powi(2)
        };
        for config in [config(true, false), config(false, false)] {
            let found = best(&space, TpeSampler::new(config), &loss);
            assert!(found < 0.004, "{found}");
        }
    }

    /// The branch that is better needs both of its parameters to be right.
    #[test]
    fn finds_the_better_branch() {
        let space = Space::builder()
            .categorical("kind", ["a", "b"])
            .parameter(Parameter::float("x", 0.0, 1.0).when("kind", ["a"]))
            .parameter(Parameter::float("y", 0.0, 1.0).when("kind", ["b"]))
            .parameter(Parameter::float("z", 0.0, 1.0).when("kind", ["b"]))
            .build()
            .unwrap();
        let loss = |c: &Configuration| match c.get_f64("x") {
            Some(x) => 0.5 + x,
            None => (c.get_f64("y").unwrap() - 0.7).abs() + (c.get_f64("z").unwrap() - 0.2).abs(),
        };
        for config in [config(true, false), config(true, true), config(false, false)] {
            let found = best(&space, TpeSampler::new(config), &loss);
            assert!(found < 0.15, "{found}");
        }
    }
}
