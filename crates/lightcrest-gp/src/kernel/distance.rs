//! Squared distances of one column, and how an inactive value is placed among the active ones.
//!
//! Inactive cells are set to 1/2 before anything is computed, so that the continuous branch needs no `if` in its loop.

use super::{Column, Conditional};

/// One column of the training rows, ready for the loops.
#[derive(Debug, Clone)]
pub(crate) struct Feature {
    pub(crate) kind: Column,
    /// Values, 1/2 where inactive. (n)
    pub(crate) x: Vec<f64>,
    /// 1 where active, 0 elsewhere. (n)
    pub(crate) m: Vec<f64>,
    /// Whether every training row is active here.
    pub(crate) always: bool,
    /// Whether two training rows differ at all; a column that does not vary says nothing.
    pub(crate) varies: bool,
}

pub(crate) fn prepared(value: f64, active: bool) -> (f64, f64) {
    if active { (value, 1.0) } else { (0.5, 0.0) }
}

/// Distances of one column to row (x, m), under one embedding with parameter `eta`.
#[derive(Clone, Copy)]
pub(crate) struct Metric {
    pub(crate) conditional: Conditional,
    pub(crate) eta: f64,
}

impl Metric {
    /// out[j] += w D_j for the first `out.len()` rows.
    pub(crate) fn accumulate(self, feature: &Feature, x: f64, m: f64, w: f64, out: &mut [f64]) {
        let n = out.len();
        let (xs, ms) = (&feature.x[..n], &feature.m[..n]);
        let plain = feature.always && m == 1.0;
        match (feature.kind, self.conditional) {
            (Column::Continuous, Conditional::Wedge) if !plain => {
                let h2 = self.eta * self.eta;
                for ((o, xj), mj) in out.iter_mut().zip(xs).zip(ms) {
                    let (a, b) = (x - xj, m - mj);
                    *o += w * (a * a + h2 * b * b);
                }
            }
            (Column::Continuous, Conditional::Wedge | Conditional::Impute | Conditional::CommonBlock) => {
                for (o, xj) in out.iter_mut().zip(xs) {
                    let a = x - xj;
                    *o += w * a * a;
                }
            }
            (Column::Continuous, Conditional::Arc) if plain => {
                for (o, xj) in out.iter_mut().zip(xs) {
                    let a = x - xj;
                    *o += w * a * a;
                }
            }
            _ => {
                for ((o, xj), mj) in out.iter_mut().zip(xs).zip(ms) {
                    *o += w * self.pair(feature, x, m, *xj, *mj).0;
                }
            }
        }
    }

    /// (Σ_j t_j D_j, Σ_j t_j dD_j/dlog eta) over the first `t.len()` rows.
    pub(crate) fn weighted(self, feature: &Feature, x: f64, m: f64, t: &[f64]) -> (f64, f64) {
        let n = t.len();
        let (xs, ms) = (&feature.x[..n], &feature.m[..n]);
        let plain = feature.always && m == 1.0;
        if feature.kind == Column::Continuous
            && (plain || matches!(self.conditional, Conditional::Impute | Conditional::CommonBlock))
        {
            let mut sum = [0.0; 4];
            let (tc, xc) = (t.chunks_exact(4), xs.chunks_exact(4));
            let rest: f64 =
                tc.remainder().iter().zip(xc.remainder()).map(|(t, xj)| t * (x - xj) * (x - xj)).sum();
            for (t, xj) in tc.zip(xc) {
                for k in 0..4 {
                    let a = x - xj[k];
                    sum[k] += t[k] * a * a;
                }
            }
            return (sum.iter().sum::<f64>() + rest, 0.0);
        }
        if feature.kind == Column::Continuous && self.conditional == Conditional::Wedge {
            let h2 = self.eta * self.eta;
            let (mut near, mut apart) = (0.0, 0.0);
            for ((t, xj), mj) in t.iter().zip(xs).zip(ms) {
                let (a, b) = (x - xj, m - mj);
                near += t * a * a;
                apart += t * b * b;
            }
            return (near + h2 * apart, 2.0 * h2 * apart);
        }
        let (mut value, mut slope) = (0.0, 0.0);
        for ((t, xj), mj) in t.iter().zip(xs).zip(ms) {
            let (d, s) = self.pair(feature, x, m, *xj, *mj);
            value += t * d;
            slope += t * s;
        }
        (value, slope)
    }

    /// Σ_j t_j dD_j/dx for a continuous column.
    pub(crate) fn slope_x(self, feature: &Feature, x: f64, m: f64, t: &[f64]) -> f64 {
        if feature.kind == Column::Categorical || m == 0.0 {
            return 0.0;
        }
        let plain = feature.always || self.conditional != Conditional::Arc;
        let mut sum = 0.0;
        for ((t, xj), mj) in t.iter().zip(&feature.x).zip(&feature.m) {
            if plain {
                sum += t * 2.0 * (x - xj);
            } else if *mj == 1.0 {
                let a = std::f64::consts::PI * self.eta;
                sum += t * 2.0 * (a * (x - xj)).sin() / a;
            }
        }
        sum
    }

    /// D and dD/dlog eta of two cells.
    fn pair(self, feature: &Feature, x: f64, m: f64, xj: f64, mj: f64) -> (f64, f64) {
        let mixed = m != mj;
        match (feature.kind, self.conditional) {
            (Column::Categorical, Conditional::Wedge) if mixed => {
                let h2 = self.eta * self.eta;
                (0.5 + h2, 2.0 * h2)
            }
            // An inactive choice is one more choice.
            (Column::Categorical, _) => (if mixed || x != xj { 1.0 } else { 0.0 }, 0.0),
            (Column::Continuous, Conditional::Arc) if !feature.always => {
                let a = std::f64::consts::PI * self.eta;
                let d = if mixed { 1.0 / (a * a) } else { 2.0 * (1.0 - (a * (x - xj)).cos()) / (a * a) };
                let turn = if mixed { 0.0 } else { 2.0 * (x - xj) * (a * (x - xj)).sin() / a };
                (d, turn - 2.0 * d)
            }
            (Column::Continuous, Conditional::Wedge) if mixed => {
                let h2 = self.eta * self.eta;
                ((x - xj) * (x - xj) + h2, 2.0 * h2)
            }
            (Column::Continuous, _) => ((x - xj) * (x - xj), 0.0),
        }
    }
}
