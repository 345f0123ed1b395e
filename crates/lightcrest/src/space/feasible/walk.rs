//! A random walk among feasible points, whose steps may be long: slice sampling along a line.
//!
//! A step goes along one coordinate, along the way between two points of the pool, or in any direction. A
//! place is drawn on the part of the line that is in the cube; while it is infeasible, the part is cut off
//! there on the side away from the walker (Neal 2003, Annals of Statistics 31(3), section 4.1 and figure 5),
//! which leaves the uniform distribution over the feasible points as it is.

use super::Feasible;
use crate::space::{Configuration, Encoder};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

/// How often a line is shortened in one step.
const CUTS: usize = 16;

/// Where a walk is.
pub(crate) struct Walk<'a> {
    encoder: &'a Encoder<'a>,
    pool: &'a [Vec<f64>],
    u: Vec<f64>,
    configuration: Configuration,
    active: Vec<bool>,
}

impl<'a> Walk<'a> {
    /// A walk from a random point of the space's pool; `None` where nothing is constrained.
    pub(crate) fn new<R: Rng + ?Sized>(encoder: &'a Encoder<'a>, rng: &mut R) -> Option<Self> {
        let Feasible { pool, .. } = encoder.space().feasible.as_deref()?;
        Some(Self::from(encoder, pool, rng.random_range(0..pool.len())))
    }

    pub(super) fn from(encoder: &'a Encoder<'a>, pool: &'a [Vec<f64>], start: usize) -> Self {
        let u = pool[start].clone();
        let (configuration, active) = encoder.spread_active(&u);
        Self { encoder, pool, u, configuration, active }
    }

    /// Goes on from another point of the pool.
    pub(crate) fn restart<R: Rng + ?Sized>(&mut self, rng: &mut R) {
        *self = Self::from(self.encoder, self.pool, rng.random_range(0..self.pool.len()));
    }

    /// One step. It may end where it began.
    pub(crate) fn step<R: Rng + ?Sized>(&mut self, rng: &mut R) {
        let varies = |i: &usize| self.active[*i] && self.encoder.column(*i).cells() != Some(1);
        let varying: Vec<usize> = (0..self.u.len()).filter(varies).collect();
        if varying.is_empty() {
            return;
        }
        let mut direction = vec![0.0; self.u.len()];
        match rng.random_range(0..4) {
            0 | 1 => direction[varying[rng.random_range(0..varying.len())]] = 1.0,
            2 => {
                let (a, b) = (rng.random_range(0..self.pool.len()), rng.random_range(0..self.pool.len()));
                varying.iter().for_each(|&i| direction[i] = self.pool[a][i] - self.pool[b][i]);
            }
            _ => varying.iter().for_each(|&i| direction[i] = StandardNormal.sample(rng)),
        }
        let Some((mut low, mut high)) = inside(&self.u, &direction) else { return };
        for _ in 0..CUTS {
            let t = low + rng.random::<f64>() * (high - low);
            let at = |(u, by): (&f64, &f64)| (u + t * by).clamp(0.0, 1.0);
            let u: Vec<f64> = self.u.iter().zip(&direction).map(at).collect();
            let (configuration, active) = self.encoder.spread_active(&u);
            if self.encoder.space().is_feasible(&configuration) {
                (self.u, self.configuration, self.active) = (u, configuration, active);
                return;
            }
            if t < 0.0 { low = t } else { high = t }
        }
    }

    pub(super) fn point(&self) -> &[f64] {
        &self.u
    }

    /// Where it is.
    pub(crate) fn configuration(&self) -> &Configuration {
        &self.configuration
    }
}

/// For which t the point `u + t direction` is in the unit cube.
fn inside(u: &[f64], direction: &[f64]) -> Option<(f64, f64)> {
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    for (u, by) in u.iter().zip(direction).filter(|(_, by)| **by != 0.0) {
        let (a, b) = (-u / by, (1.0 - u) / by);
        low = low.max(a.min(b));
        high = high.min(a.max(b));
    }
    (low.is_finite() && high.is_finite() && low < high).then_some((low, high))
}
