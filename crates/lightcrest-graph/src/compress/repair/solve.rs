//! Ridge regression of what a layer should have written on what it reads.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | X | (P, d) | what the layer reads at P positions |
//! | R | (P, T) | what is missing in what it writes, Y - X W^T - b |
//! | D | (d, T) | what is added to the weights, argmin of the norm of X D - R, plus lambda that of D |
//!
//! With a bias, X and R are taken about their means. The ridge draws towards the weights as they are. It is
//! chosen, like the change as a whole, by the error at held-out positions.

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};

/// Ridges that are tried, relative to the mean square of the columns of X.
const RIDGES: [f64; 4] = [1e-4, 1e-3, 1e-2, 1e-1];

/// What is read and what is missing.
#[derive(Clone, Debug)]
pub(super) struct Samples {
    pub(super) x: Mat<f64>,
    pub(super) r: Mat<f64>,
}

/// What is to be added to weights and bias.
#[derive(Clone, Debug)]
pub(super) struct Change {
    /// (d, T).
    pub(super) weight: Mat<f64>,
    /// (T), zeros where there is no bias.
    pub(super) bias: Vec<f64>,
    /// Sum of squares of what is missing at the held-out positions with it.
    pub(super) squares: f64,
}

/// Sum of squares.
pub(super) fn squares(m: &Mat<f64>) -> f64 {
    m.squared_norm_l2()
}

/// The best change; `None` where none is better than nothing.
pub(super) fn solve(fit: &Samples, held_out: &Samples, with_bias: bool) -> Option<Change> {
    let (p, d) = (fit.x.nrows(), fit.x.ncols());
    if p == 0 || d == 0 {
        return None;
    }
    let (x_mean, r_mean) = if with_bias { (means(&fit.x), means(&fit.r)) } else { Default::default() };
    let x = centered(&fit.x, &x_mean);
    let r = centered(&fit.r, &r_mean);
    let energy = squares(&x) / d as f64;
    if !(energy.is_finite() && energy > 0.0) {
        return None;
    }
    // The smaller of both normal equations: (X^T X + l) D = X^T R, or D = X^T (X X^T + l)^-1 R.
    let primal = d <= p;
    let gram = if primal { x.transpose() * &x } else { &x * x.transpose() };
    let right = if primal { x.transpose() * &r } else { r };
    let mut best: Option<Change> = None;
    let mut least = squares(&held_out.r);
    for ridge in RIDGES {
        let mut gram = gram.clone();
        (0..gram.nrows()).for_each(|i| gram[(i, i)] += ridge * energy);
        let Ok(factor) = gram.llt(Side::Lower) else { continue };
        let solution = factor.solve(&right);
        let weight = if primal { solution } else { x.transpose() * solution };
        let bias: Vec<f64> = (0..fit.r.ncols())
            .map(|t| {
                let shift = |(i, mean): (usize, &f64)| mean * weight[(i, t)];
                r_mean.get(t).map_or(0.0, |mean| mean - x_mean.iter().enumerate().map(shift).sum::<f64>())
            })
            .collect();
        let left = Mat::from_fn(held_out.r.nrows(), held_out.r.ncols(), |i, t| held_out.r[(i, t)] - bias[t])
            - &held_out.x * &weight;
        let squares = squares(&left);
        if squares < least {
            least = squares;
            best = Some(Change { weight, bias, squares });
        }
    }
    best
}

/// Mean of each column.
fn means(m: &Mat<f64>) -> Vec<f64> {
    (0..m.ncols()).map(|j| m.col(j).iter().sum::<f64>() / m.nrows() as f64).collect()
}

/// The columns about these means; as they are where there are none.
fn centered(m: &Mat<f64>, means: &[f64]) -> Mat<f64> {
    Mat::from_fn(m.nrows(), m.ncols(), |i, j| m[(i, j)] - means.get(j).copied().unwrap_or(0.0))
}
