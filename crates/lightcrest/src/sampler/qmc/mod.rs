//! Quasi-random search: points that cover the space more evenly than random ones.
//!
//! Each parameter has a dimension of its own, categorical ones too, but those with conditions are random: the
//! points of the trials that have one are a part of the sequence that need not be even. The trial's number is
//! the index of its point, so that a run that is resumed goes on where it was. A point that was tried
//! already, or that a constraint forbids, gives way to the next one; where only a part of the space is
//! feasible, trials begin that much farther apart in the sequence. Bounds that depend on other parameters
//! take nothing away: points are spread over what they leave. Parameters beyond the 256th of a Sobol sequence
//! are random.
//!
//! Sobol sequences are best at trial counts that are powers of two. Defaults are those of Optuna 5's
//! `QMCSampler`, which differs in that it draws categorical parameters at random.

mod halton;
mod sobol;

use super::admission::first_admissible;
use super::{Capabilities, Context, Sampler, SamplerError, draw};
use crate::space::Configuration;
use crate::space::encode::Encoder;
use halton::Halton;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use sobol::Sobol;

/// How many points are looked at for one proposal, before it is a random one.
const POINTS: usize = 10_000;

/// A sequence of points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QmcType {
    /// Sobol's, with the direction numbers of Joe and Kuo 2008.
    #[default]
    Sobol,
    /// Halton's.
    Halton,
}

/// Settings of the [`QmcSampler`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QmcConfig {
    /// Which sequence.
    pub qmc_type: QmcType,
    /// Whether it is scrambled: the same evenness, but another sequence for each seed, and no first point in
    /// the corner.
    pub scramble: bool,
    /// What the scrambling derives from.
    pub seed: u64,
}

/// Quasi-random search.
#[derive(Debug, Default)]
pub struct QmcSampler {
    config: QmcConfig,
    sequence: Option<Sequence>,
}

#[derive(Debug)]
struct Sequence {
    dimensions: usize,
    points: Points,
}

#[derive(Debug)]
enum Points {
    Sobol(Sobol),
    Halton(Halton),
}

impl QmcSampler {
    /// A sampler with these settings.
    pub fn new(config: QmcConfig) -> Self {
        Self { config, sequence: None }
    }

    fn sequence(&mut self, dimensions: usize) -> &Points {
        let qmc_type = self.config.qmc_type;
        let kept = self.sequence.take().filter(|sequence| sequence.dimensions == dimensions);
        let make = || Sequence {
            dimensions,
            points: match qmc_type {
                QmcType::Sobol => Points::Sobol(Sobol::new(dimensions)),
                QmcType::Halton => Points::Halton(Halton::new(dimensions)),
            },
        };
        &self.sequence.insert(kept.unwrap_or_else(make)).points
    }
}

impl Points {
    fn coordinate(&self, index: u64, dimension: usize, seed: Option<u32>) -> Option<f64> {
        match self {
            Self::Sobol(sobol) => sobol.coordinate(index, dimension, seed),
            Self::Halton(halton) => halton.coordinate(index, dimension, seed),
        }
    }
}

impl Sampler for QmcSampler {
    fn name(&self) -> &'static str {
        "qmc"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn is_cheap(&self) -> bool {
        true
    }

    fn propose(
        &mut self,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Configuration, SamplerError> {
        let encoder = Encoder::new(context.space);
        let parameters = context.space.parameters();
        let varying = |i: &usize| parameters[*i].when.is_empty() && encoder.column(*i).cells() != Some(1);
        let varying: Vec<usize> = (0..parameters.len()).filter(varying).collect();
        if varying.is_empty() {
            return draw(context, rng);
        }
        let QmcConfig { scramble, seed, .. } = self.config;
        let points = self.sequence(varying.len());
        let stride = (1.0 / context.space.feasible_share()).round() as u64;
        let mut next = context.number.saturating_mul(stride);
        first_admissible(context, rng, POINTS, &mut |rng| {
            let index = next;
            next = next.saturating_add(1);
            let mut row: Vec<f64> = (0..parameters.len()).map(|_| rng.random()).collect();
            for (dimension, &i) in varying.iter().enumerate() {
                let seed = scramble.then(|| mix(seed, dimension));
                let uniform = points.coordinate(index, dimension, seed);
                row[i] = uniform.unwrap_or_else(|| rng.random());
            }
            Some(encoder.spread(&row))
        })
    }
}

/// The seed of one dimension: Murmur3's finaliser decorrelates neighbours.
fn mix(seed: u64, dimension: usize) -> u32 {
    let mut x = (seed ^ (seed >> 32)) as u32 ^ (dimension as u32).wrapping_mul(0x9e37_79b9);
    x = (x ^ (x >> 16)).wrapping_mul(0x85eb_ca6b);
    x = (x ^ (x >> 13)).wrapping_mul(0xc2b2_ae35);
    x ^ (x >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::ObjectiveInfo;
    use crate::space::Space;
    use crate::study::Study;

    #[test]
    fn conforms() {
        for qmc_type in [QmcType::Sobol, QmcType::Halton] {
            for scramble in [false, true] {
                let config = QmcConfig { qmc_type, scramble, seed: 5 };
                crate::testing::sampler(&|| Box::new(QmcSampler::new(config.clone())));
            }
        }
    }

    #[test]
    fn every_pair_of_values_comes_equally_often() {
        let space = Space::builder().float("x", 0.0, 1.0).categorical("c", ["p", "q", "r", "s"]).build();
        let builder = Study::builder(space.unwrap(), vec![ObjectiveInfo::minimize("loss")]);
        let mut study = builder.sampler(QmcSampler::default()).build().unwrap();
        let mut counts = [[0; 4]; 4];
        for _ in 0..64 {
            let c = study.ask().unwrap().configuration;
            let choice = ["p", "q", "r", "s"].iter().position(|s| c.get_str("c") == Some(s)).unwrap();
            counts[(c.get_f64("x").unwrap() * 4.0) as usize][choice] += 1;
        }
        assert_eq!(counts, [[4; 4]; 4]);
    }
}
