//! Coefficients by coordinate descent on quadratic approximations (Friedman, Hastie & Tibshirani 2010,
//! *Regularization paths for generalized linear models via coordinate descent*, sections 2 to 4).
//!
//! Around the coefficients so far the loss is a weighted sum of squares, with the second derivatives as
//! weights: Newton's method. Of that, one coefficient after the other takes its best value, which has a
//! closed form with a soft threshold (their equation 10):
//!
//! ```text
//! β_j ← S(Σ w x_j (r + x_j β_j), λ α) / (Σ w x_j² + λ (1 - α)),    S(z, t) = sign(z) max(|z| - t, 0)
//! ```
//!
//! with residuals r and weights w that sum to at most 1. Classes take turns (section 4). A step that makes
//! the penalised loss larger is halved.

use super::design::Design;

/// Rounds of Newton's method.
const ROUNDS: usize = 40;

/// Sweeps over all coefficients in a round.
const SWEEPS: usize = 30;

/// Sweeps for squares, which need one round.
const SQUARED_SWEEPS: usize = 300;

/// A sweep that changes the approximation by less, in units of the loss, is the last.
const TOLERANCE: f64 = 1e-9;

/// Second derivatives of a row stay this far from zero.
const FLAT: f64 = 1e-5;

/// What is minimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// Half of the squared error.
    Squared,
    /// Logarithmic loss of two classes.
    Logistic,
    /// Logarithmic loss of several.
    Softmax {
        /// How many.
        classes: usize,
    },
}

impl Loss {
    /// Scores of a row.
    pub(super) fn outputs(self) -> usize {
        match self {
            Self::Squared | Self::Logistic => 1,
            Self::Softmax { classes } => classes,
        }
    }
}

/// λα and λ(1 - α).
#[derive(Debug, Clone, Copy)]
pub(super) struct Penalty {
    pub(super) absolute: f64,
    pub(super) squared: f64,
}

/// What was found.
#[derive(Debug, Clone)]
pub(super) struct Solved {
    /// One an output.
    pub(super) base: Vec<f64>,
    /// By output, then by column of the design.
    pub(super) coefficients: Vec<Vec<f64>>,
}

struct State<'a> {
    design: &'a Design,
    targets: &'a [f64],
    loss: Loss,
    penalty: Penalty,
    solved: Solved,
    /// By output, then by row.
    scores: Vec<Vec<f64>>,
}

/// Finds the coefficients; nothing if `stop` says so.
pub(super) fn solve(
    design: &Design,
    targets: &[f64],
    loss: Loss,
    penalty: Penalty,
    stop: &(dyn Fn() -> bool + Sync),
) -> Option<Solved> {
    let (n, p, outputs) = (design.rows(), design.values().len(), loss.outputs());
    let base = match loss {
        Loss::Squared => vec![targets.iter().sum::<f64>() / n as f64],
        Loss::Logistic => {
            let share = (targets.iter().sum::<f64>() + 1.0) / (n as f64 + 2.0);
            vec![(share / (1.0 - share)).ln()]
        }
        Loss::Softmax { classes } => {
            let mut counts = vec![1.0f64; classes];
            targets.iter().for_each(|y| counts[*y as usize] += 1.0);
            counts.iter().map(|count| (count / (n + classes) as f64).ln()).collect()
        }
    };
    let scores = base.iter().map(|base| vec![*base; n]).collect();
    let solved = Solved { base, coefficients: vec![vec![0.0; p]; outputs] };
    let mut state = State { design, targets, loss, penalty, solved, scores };
    if loss == Loss::Squared {
        let (weights, residuals) = state.squares(0, &[]);
        state.descend(0, weights, residuals, SQUARED_SWEEPS, stop)?;
        return Some(state.solved);
    }
    let mut value = state.objective();
    for _ in 0..ROUNDS {
        let before = (state.solved.clone(), state.scores.clone());
        let mut sums = state.sums();
        for k in 0..outputs {
            let (weights, residuals) = state.squares(k, &sums);
            state.descend(k, weights, residuals, SWEEPS, stop)?;
            // Of each row's sum only this output's part is another one.
            for (sum, (now, then)) in sums.iter_mut().zip(state.scores[k].iter().zip(&before.1[k])) {
                sum.1 += (now - sum.0).exp() - (then - sum.0).exp();
            }
        }
        let mut found = state.objective();
        for _ in 0..10 {
            if found <= value {
                break;
            }
            state.halve(&before);
            found = state.objective();
        }
        if found > value {
            (state.solved, state.scores) = before;
            break;
        }
        if value - found < TOLERANCE.max(1e-7 * value.abs()) {
            break;
        }
        value = found;
    }
    Some(state.solved)
}

impl State<'_> {
    /// Of several classes, the largest score of each row, and the sum of the exponentials of all less it.
    fn sums(&self) -> Vec<(f64, f64)> {
        let row = |i: usize| {
            let largest = self.scores.iter().map(|scores| scores[i]).fold(f64::NEG_INFINITY, f64::max);
            (largest, self.scores.iter().map(|scores| (scores[i] - largest).exp()).sum())
        };
        match self.loss {
            Loss::Softmax { .. } => (0..self.design.rows()).map(row).collect(),
            _ => Vec::new(),
        }
    }

    /// Weights and residuals of the approximation in the scores of one output.
    fn squares(&self, k: usize, sums: &[(f64, f64)]) -> (Vec<f64>, Vec<f64>) {
        let n = self.design.rows();
        let scores = &self.scores[k];
        let one = |i: usize| {
            let (y, p) = match self.loss {
                Loss::Squared => return (1.0 / n as f64, self.targets[i] - scores[i]),
                Loss::Logistic => (self.targets[i], 1.0 / (1.0 + (-scores[i]).exp())),
                Loss::Softmax { .. } => {
                    let is_class = f64::from(u8::from(self.targets[i] as usize == k));
                    let share = (scores[i] - sums[i].0).exp() / sums[i].1.max(f64::MIN_POSITIVE);
                    (is_class, share.clamp(0.0, 1.0))
                }
            };
            let curvature = (p * (1.0 - p)).max(FLAT);
            (curvature / n as f64, (y - p) / curvature)
        };
        (0..n).map(one).unzip()
    }

    /// Sweeps over the coefficients of one output until they hardly move.
    fn descend(
        &mut self,
        k: usize,
        weights: Vec<f64>,
        mut residuals: Vec<f64>,
        sweeps: usize,
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Option<()> {
        let values = self.design.values();
        let total: f64 = weights.iter().sum();
        let mut curvatures = vec![0.0; values.len()];
        for (curvature, column) in curvatures.iter_mut().zip(values) {
            column.each(|row, x| *curvature += weights[row] * x * x);
        }
        let (coefficients, scores) = (&mut self.solved.coefficients[k], &mut self.scores[k]);
        for _ in 0..sweeps {
            if stop() {
                return None;
            }
            let shift = weights.iter().zip(&residuals).map(|(w, r)| w * r).sum::<f64>() / total;
            self.solved.base[k] += shift;
            residuals.iter_mut().for_each(|r| *r -= shift);
            scores.iter_mut().for_each(|score| *score += shift);
            let mut moved = total * shift * shift;
            for (j, column) in values.iter().enumerate() {
                let mut slope = 0.0;
                column.each(|row, x| slope += weights[row] * x * residuals[row]);
                let old = coefficients[j];
                let pull = slope + curvatures[j] * old;
                let shrunk = pull.signum() * (pull.abs() - self.penalty.absolute).max(0.0);
                let stiffness = curvatures[j] + self.penalty.squared;
                let new = if stiffness > 0.0 { shrunk / stiffness } else { 0.0 };
                let step = new - old;
                if step == 0.0 {
                    continue;
                }
                coefficients[j] = new;
                moved = moved.max(curvatures[j] * step * step);
                column.each(|row, x| {
                    residuals[row] -= step * x;
                    scores[row] += step * x;
                });
            }
            if moved < TOLERANCE {
                break;
            }
        }
        Some(())
    }

    /// The penalised mean loss.
    fn objective(&self) -> f64 {
        let n = self.design.rows();
        let sums = self.sums();
        let loss = |i: usize| match self.loss {
            Loss::Squared => 0.5 * (self.targets[i] - self.scores[0][i]).powi(2),
            Loss::Logistic => {
                // log(1 + exp(-z)) without overflow.
                let z = if self.targets[i] > 0.5 { self.scores[0][i] } else { -self.scores[0][i] };
                (-z).max(0.0) + (-z.abs()).exp().ln_1p()
            }
            Loss::Softmax { .. } => sums[i].0 + sums[i].1.ln() - self.scores[self.targets[i] as usize][i],
        };
        let all = || self.solved.coefficients.iter().flatten();
        (0..n).map(loss).sum::<f64>() / n as f64
            + self.penalty.absolute * all().map(|b| b.abs()).sum::<f64>()
            + 0.5 * self.penalty.squared * all().map(|b| b * b).sum::<f64>()
    }

    /// Goes half of the way back.
    fn halve(&mut self, (solved, scores): &(Solved, Vec<Vec<f64>>)) {
        let half = |now: &mut Vec<f64>, before: &Vec<f64>| {
            now.iter_mut().zip(before).for_each(|(now, before)| *now = (*now + before) / 2.0);
        };
        half(&mut self.solved.base, &solved.base);
        let coefficients = self.solved.coefficients.iter_mut().zip(&solved.coefficients);
        coefficients.chain(self.scores.iter_mut().zip(scores)).for_each(|(now, before)| half(now, before));
    }
}
