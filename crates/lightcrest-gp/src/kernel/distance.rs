//! Squared distances of one column, and how an inactive value is placed among the active ones.
//!
//! Whatever can be computed once a row (1/2 in inactive cells, points on the arc) is, so that no loop has an
//! `if`.

use super::{Column, Conditional, Warp};
use std::f64::consts::PI;

/// One column of the training rows, ready for the loops.
#[derive(Debug, Clone)]
pub(crate) struct Feature {
    pub(crate) kind: Column,
    /// Whether the kernel bends it: a conditional continuous column under `Arc`.
    pub(crate) bent: bool,
    /// Values before they are warped; empty where they are not. (n)
    pub(crate) raw: Vec<f64>,
    /// Values, 1/2 where inactive. (n)
    pub(crate) x: Vec<f64>,
    /// 1 where active, 0 elsewhere. (n)
    pub(crate) m: Vec<f64>,
    /// sin(av)/a and cos(av)/a of a bent column, a = πρ; 0 where inactive. (n)
    pub(crate) arc: Vec<(f64, f64)>,
    /// Whether every training row is active here.
    pub(crate) always: bool,
    /// Whether two training rows differ at all; a column that does not vary says nothing.
    pub(crate) varies: bool,
}

impl Feature {
    /// Computes the arcs for ρ = `eta`.
    pub(crate) fn bend(&mut self, eta: f64) {
        if self.bent {
            self.arc = self.x.iter().zip(&self.m).map(|(&x, &m)| on_arc(x, m, eta)).collect();
        }
    }

    /// Warps the values, where there is a warp.
    pub(crate) fn warp(&mut self, warp: Option<Warp>) {
        if let Some(warp) = warp {
            self.x = self.raw.iter().map(|x| warp.value(*x)).collect();
        }
    }

    /// Adds one row.
    pub(crate) fn push(&mut self, value: f64, active: bool, eta: f64, warp: Option<Warp>) {
        let (x, m) = prepared(value, active, warp);
        if warp.is_some() {
            self.raw.push(value);
        }
        self.varies |= self.x.first().is_some_and(|v| *v != x) || self.m.first().is_some_and(|v| *v != m);
        self.always &= active;
        self.x.push(x);
        self.m.push(m);
        if self.bent {
            self.arc.push(on_arc(x, m, eta));
        }
    }
}

pub(crate) fn prepared(value: f64, active: bool, warp: Option<Warp>) -> (f64, f64) {
    if active { (warp.map_or(value, |warp| warp.value(value)), 1.0) } else { (0.5, 0.0) }
}

fn on_arc(x: f64, m: f64, eta: f64) -> (f64, f64) {
    let a = PI * eta;
    let (sin, cos) = (a * x).sin_cos();
    (m * sin / a, m * cos / a)
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
        if feature.kind == Column::Categorical {
            for ((o, xj), mj) in out.iter_mut().zip(xs).zip(ms) {
                *o += w * self.label(x, m, *xj, *mj).0;
            }
        } else if feature.bent {
            let (sin, cos) = on_arc(x, m, self.eta);
            for (o, (s, c)) in out.iter_mut().zip(&feature.arc) {
                let (a, b) = (sin - s, cos - c);
                *o += w * (a * a + b * b);
            }
        } else if self.is_flat(feature, m) {
            for (o, xj) in out.iter_mut().zip(xs) {
                let a = x - xj;
                *o += w * a * a;
            }
        } else {
            let h2 = self.eta * self.eta;
            for ((o, xj), mj) in out.iter_mut().zip(xs).zip(ms) {
                let (a, b) = (x - xj, m - mj);
                *o += w * (a * a + h2 * b * b);
            }
        }
    }

    /// (Σ_j t_j D_j, Σ_j t_j dD_j/dlog eta) over the first `t.len()` rows.
    pub(crate) fn weighted(self, feature: &Feature, x: f64, m: f64, t: &[f64]) -> (f64, f64) {
        let n = t.len();
        let (xs, ms) = (&feature.x[..n], &feature.m[..n]);
        let (mut near, mut turn) = (0.0, 0.0);
        if feature.kind == Column::Categorical {
            for ((t, xj), mj) in t.iter().zip(xs).zip(ms) {
                let (d, slope) = self.label(x, m, *xj, *mj);
                near += t * d;
                turn += t * slope;
            }
            (near, turn)
        } else if feature.bent {
            let a = PI * self.eta;
            let (sin, cos) = on_arc(x, m, self.eta);
            for ((t, xj), (s, c)) in t.iter().zip(xs).zip(&feature.arc) {
                let (u, v) = (sin - s, cos - c);
                near += t * (u * u + v * v);
                // sin(a(x - x_j)) / a = a (sin c - cos s), and 0 where either is inactive.
                turn += t * (x - xj) * a * (sin * c - cos * s);
            }
            (near, 2.0 * (turn - near))
        } else if self.is_flat(feature, m) {
            // Four sums side by side, so that the additions need not wait for each other.
            let mut sum = [0.0; 4];
            let (t4, x4) = (t.chunks_exact(4), xs.chunks_exact(4));
            let rest = t4.remainder().iter().zip(x4.remainder());
            near = rest.map(|(t, xj)| t * (x - xj) * (x - xj)).sum();
            for (t, xj) in t4.zip(x4) {
                for k in 0..4 {
                    let a = x - xj[k];
                    sum[k] += t[k] * a * a;
                }
            }
            (near + sum.iter().sum::<f64>(), 0.0)
        } else {
            let h2 = self.eta * self.eta;
            for ((t, xj), mj) in t.iter().zip(xs).zip(ms) {
                let (a, b) = (x - xj, m - mj);
                near += t * a * a;
                turn += t * b * b;
            }
            (near + h2 * turn, 2.0 * h2 * turn)
        }
    }

    /// Σ_j t_j dD_j/dτ of a warped column, where `own` and `others` are the derivatives of warped values in
    /// τ.
    pub(crate) fn weighted_turn(feature: &Feature, x: f64, own: f64, others: &[f64], t: &[f64]) -> f64 {
        let pairs = t.iter().zip(&feature.x).zip(others);
        pairs.map(|((t, xj), turn)| t * 2.0 * (x - xj) * (own - turn)).sum()
    }

    /// Σ_j t_j dD_j/dx for a continuous column.
    pub(crate) fn slope_x(self, feature: &Feature, x: f64, m: f64, t: &[f64]) -> f64 {
        if feature.kind == Column::Categorical || m == 0.0 {
            return 0.0;
        }
        if feature.bent {
            let a = PI * self.eta;
            let (sin, cos) = on_arc(x, m, self.eta);
            return t.iter().zip(&feature.arc).map(|(t, (s, c))| t * 2.0 * a * (sin * c - cos * s)).sum();
        }
        t.iter().zip(&feature.x).map(|(t, xj)| t * 2.0 * (x - xj)).sum()
    }

    /// Whether no height is added where activity differs.
    fn is_flat(self, feature: &Feature, m: f64) -> bool {
        self.conditional != Conditional::Wedge || feature.always && m == 1.0
    }

    /// D and dD/dlog eta of two cells of a categorical column.
    fn label(self, x: f64, m: f64, xj: f64, mj: f64) -> (f64, f64) {
        if m != mj && self.conditional == Conditional::Wedge {
            let h2 = self.eta * self.eta;
            return (0.5 + h2, 2.0 * h2);
        }
        // An inactive choice is one more choice.
        (if m != mj || x != xj { 1.0 } else { 0.0 }, 0.0)
    }
}
