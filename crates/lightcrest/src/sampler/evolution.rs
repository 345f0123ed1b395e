//! Regularised evolution (Real et al. 2019, arXiv 1802.01548, algorithm 1): what neural architecture search
//! compares itself to.
//!
//! The population is the latest [`population_size`](EvolutionConfig::population_size) complete trials: the
//! oldest dies, however good. Of a random sample of it the best has a child that differs in one parameter:
//! another choice, or a step of a number. Parameters that only the child has are random.

use super::admission::{Mender, first_admissible};
use super::{Capabilities, Context, Sampler, SamplerError, draw};
use crate::pareto;
use crate::space::Configuration;
use crate::space::encode::{Column, Encoder};
use rand::RngExt;
use rand::seq::index;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// How many children are made for one proposal, before it is a random one.
const CHILDREN: usize = 100;
/// The standard deviation of a step, as a part of a parameter's range.
const STEP: f64 = 0.15;

/// Settings of the [`EvolutionSampler`]. The paper has 100 and 25 for 20,000 trials; these are for a few
/// hundred.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvolutionConfig {
    /// How many trials live; as many are random at first. At least 1.
    pub population_size: usize,
    /// How many compete for having a child; at least 1.
    pub sample_size: usize,
}

impl Default for EvolutionConfig {
    fn default() -> Self {
        Self { population_size: 25, sample_size: 8 }
    }
}

/// Regularised evolution.
#[derive(Debug, Clone, Default)]
pub struct EvolutionSampler {
    config: EvolutionConfig,
}

impl EvolutionSampler {
    /// A sampler with these settings.
    pub fn new(config: EvolutionConfig) -> Self {
        let (population_size, sample_size) = (config.population_size.max(1), config.sample_size.max(1));
        Self { config: EvolutionConfig { population_size, sample_size } }
    }
}

impl Sampler for EvolutionSampler {
    fn name(&self) -> &'static str {
        "evolution"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn propose(
        &mut self,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Configuration, SamplerError> {
        let size = self.config.population_size;
        let complete: Vec<_> = context.history.complete().collect();
        let Some(population) = complete.len().checked_sub(size).map(|dead| &complete[dead..]) else {
            return draw(context, rng);
        };
        let encoder = Encoder::new(context.space);
        let mut mender = Mender::new(context, &encoder);
        first_admissible(context, rng, CHILDREN, &mut |rng| {
            let sample = index::sample(rng, size, self.config.sample_size.min(size));
            let mut sample: Vec<_> = sample.into_iter().map(|i| population[i]).collect();
            // The feasible ones compete; if there is none, those that break the constraints.
            if sample.iter().any(|trial| trial.is_feasible()) {
                sample.retain(|trial| trial.is_feasible());
            }
            let points: Vec<_> = sample.iter().filter_map(|trial| context.history.oriented(trial)).collect();
            let &best = pareto::ranking(&points).first()?;
            let parent = encoder.encode(&sample[best].configuration);
            let active: Vec<usize> = (0..parent.row.len())
                .filter(|&i| parent.active[i] && encoder.column(i).cells() != Some(1))
                .collect();
            if active.is_empty() {
                return None;
            }
            let mutated = active[rng.random_range(0..active.len())];
            let gene = |(i, column): (usize, &Column)| match parent.active[i] {
                true if i == mutated => mutate(column, parent.row[i], rng),
                true => parent.row[i],
                false => column.spread(rng.random()),
            };
            let row: Vec<f64> = encoder.columns().iter().enumerate().map(gene).collect();
            Some(mender.decode(&row, rng))
        })
    }
}

/// Another value of a column.
fn mutate(column: &Column, x: f64, rng: &mut ChaCha8Rng) -> f64 {
    let normal: f64 = StandardNormal.sample(rng);
    match column {
        Column::Categorical { choices } => {
            let other = rng.random_range(1..*choices) as f64;
            (x + other) % *choices as f64
        }
        Column::Discrete(grid) => {
            // At least to the neighbour, and back from the end of the range.
            let (k, last) = (grid.cell(x) as i64, grid.cells() as i64 - 1);
            let there = grid.cell((x + STEP * normal).clamp(0.0, 1.0)) as i64;
            let there = if there != k { there } else { k + if normal < 0.0 { -1 } else { 1 } };
            let there = if (0..=last).contains(&there) { there } else { 2 * k - there };
            grid.position(there.clamp(0, last) as u64)
        }
        Column::Continuous => (x + STEP * normal).clamp(0.0, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::{Evaluation, ObjectiveInfo};
    use crate::space::Space;
    use crate::study::Study;

    #[test]
    fn conforms() {
        let config = EvolutionConfig { population_size: 5, sample_size: 3 };
        crate::testing::sampler(&|| Box::new(EvolutionSampler::new(config.clone())));
    }

    /// Ten choices of three, a sum: random search gets about half of what is to be gained.
    #[test]
    fn children_differ_in_one_choice_and_get_better() {
        let space = (0..10).fold(Space::builder(), |b, i| b.categorical(format!("op{i}"), [0i64, 1, 2]));
        let builder = Study::builder(space.build().unwrap(), vec![ObjectiveInfo::maximize("sum")]);
        let mut study = builder.sampler(EvolutionSampler::default()).build().unwrap();
        for _ in 0..150 {
            let trial = study.ask().unwrap();
            let c = &trial.configuration;
            if trial.number >= 25 {
                let apart =
                    |other: &Configuration| c.iter().filter(|(n, v)| other.get(n) != Some(*v)).count();
                let trials = &study.trials()[..trial.number as usize];
                let least = trials.iter().map(|trial| apart(&trial.configuration)).min();
                assert_eq!(least, Some(1));
            }
            let sum: f64 = (0..10).map(|i| c.get_f64(&format!("op{i}")).unwrap()).sum();
            study.tell(trial.number, Ok(Evaluation::new([sum]))).unwrap();
        }
        assert!(study.best().unwrap().values.as_ref().unwrap()[0] >= 18.0);
    }

    #[test]
    fn a_step_of_a_number_is_never_none() {
        let space = Space::builder().int("k", 0, 2).ordinal("o", ["s", "m"]).build().unwrap();
        let encoder = Encoder::new(&space);
        let mut rng = rand::SeedableRng::seed_from_u64(0);
        for column in encoder.columns() {
            for k in 0..column.cells().unwrap() {
                let x = column.value(k).unwrap();
                assert!((0..50).all(|_| mutate(column, x, &mut rng) != x));
            }
        }
    }
}
