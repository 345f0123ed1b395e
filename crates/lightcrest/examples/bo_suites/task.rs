//! A problem, and the scale that regret is measured on.

use lightcrest::space::encode::{Column, Encoder};
use lightcrest::{Configuration, Space};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

pub type Loss = Box<dyn Fn(&Configuration) -> f64 + Send + Sync>;

/// A loss on a space; smaller is better.
pub struct Task {
    pub suite: &'static str,
    pub name: String,
    pub space: Space,
    pub loss: Loss,
    /// Standard deviation of what is added to each observation, in units of median - best.
    pub noise: f64,
    /// The smallest loss.
    pub best: f64,
    /// The median over the space.
    pub median: f64,
}

impl Task {
    /// A task whose median is that of 20,000 random points, and whose best is known or, if not, searched for.
    pub fn new(
        suite: &'static str,
        name: impl Into<String>,
        space: Space,
        best: Option<f64>,
        loss: Loss,
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(20_240_101);
        let mut points: Vec<(f64, Configuration)> = (0..20_000)
            .map(|_| space.sample(&mut rng))
            .map(|configuration| (loss(&configuration), configuration))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        let median = 0.5 * (points[9_999].0 + points[10_000].0);
        points.truncate(50);
        let best = best.unwrap_or_else(|| refine(&space, &loss, points, &mut rng));
        Self { suite, name: name.into(), space, loss, noise: 0.0, best, median }
    }

    pub fn with_noise(mut self, noise: f64) -> Self {
        self.noise = noise;
        self
    }

    pub fn regret(&self, loss: f64) -> f64 {
        ((loss - self.best) / (self.median - self.best)).max(0.0)
    }

    /// What is told of a trial.
    pub fn observe(&self, loss: f64, seed: u64, number: u64) -> f64 {
        if self.noise == 0.0 {
            return loss;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed << 32 | number);
        let normal: f64 = StandardNormal.sample(&mut rng);
        loss + self.noise * (self.median - self.best) * normal
    }
}

/// The smallest loss found by changing the best points again and again by less and less.
fn refine(space: &Space, loss: &Loss, points: Vec<(f64, Configuration)>, rng: &mut ChaCha8Rng) -> f64 {
    const ROUNDS: usize = 80;
    let encoder = Encoder::new(space);
    let mut pool: Vec<(f64, Vec<f64>)> =
        points.into_iter().map(|(value, c)| (value, encoder.encode(&c).row)).collect();
    for round in 0..ROUNDS {
        let width = 0.3 * 1e-4f64.powf(round as f64 / ROUNDS as f64);
        let mut children = Vec::new();
        for _ in 0..400 {
            let (_, parent) = &pool[rng.random_range(0..pool.len())];
            let change = |(x, column): (&f64, &Column)| match column {
                _ if rng.random_bool(0.5) => *x,
                Column::Categorical { .. } if rng.random_bool(0.9) => *x,
                Column::Categorical { .. } => column.spread(rng.random()),
                _ => {
                    let normal: f64 = StandardNormal.sample(rng);
                    column.snap((x + width * normal).clamp(0.0, 1.0))
                }
            };
            let child: Vec<f64> = parent.iter().zip(encoder.columns()).map(change).collect();
            children.push((loss(&encoder.decode(&child)), child));
        }
        pool.extend(children);
        pool.sort_by(|a, b| a.0.total_cmp(&b.0));
        pool.truncate(50);
    }
    pool[0].0
}
