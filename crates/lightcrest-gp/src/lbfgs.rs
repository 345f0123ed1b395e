//! L-BFGS inside a box: limited-memory quasi-Newton steps on the free variables, projected back-tracking.
//!
//! Small on purpose: at most a few hundred variables, a few dozen steps. The two-loop recursion is Nocedal &
//! Wright 2006, algorithm 7.4; the free set and the search along the projection arc follow Bertsekas 1982
//! (projected Newton methods).

use std::collections::VecDeque;

/// When to stop.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LbfgsConfig {
    /// Largest number of steps.
    pub iterations: usize,
    /// Stop when no component of the projected gradient is larger.
    pub gradient_tolerance: f64,
    /// Stop when a step improves the value by less, relative to max(|f|, 1).
    pub value_tolerance: f64,
    /// Remembered pairs.
    pub memory: usize,
}

impl Default for LbfgsConfig {
    fn default() -> Self {
        Self { iterations: 100, gradient_tolerance: 1e-5, value_tolerance: 1e-9, memory: 8 }
    }
}

/// Where a minimisation ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum {
    /// The point.
    pub x: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// How often the function was evaluated.
    pub evaluations: usize,
}

/// Minimises `f`, which returns its value and fills its gradient, over `lower <= x <= upper`, from `x` (moved
/// into the box first).
///
/// A value or gradient that is not finite counts as +∞: the search steps back from it. The value at the end
/// is never above that at the start.
pub fn minimise(
    mut f: impl FnMut(&[f64], &mut [f64]) -> f64,
    x: &[f64],
    lower: &[f64],
    upper: &[f64],
    config: &LbfgsConfig,
) -> Minimum {
    let n = x.len();
    let clip = |x: &[f64]| -> Vec<f64> { (0..n).map(|i| x[i].max(lower[i]).min(upper[i])).collect() };
    let mut evaluations = 0;
    let mut evaluate = |x: &[f64], g: &mut [f64]| {
        evaluations += 1;
        let value = f(x, g);
        if value.is_finite() && g.iter().all(|g| g.is_finite()) { value } else { f64::INFINITY }
    };
    let mut x = clip(x);
    let mut g = vec![0.0; n];
    let mut value = evaluate(&x, &mut g);
    let mut pairs: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
    for _ in 0..config.iterations {
        if !value.is_finite() {
            break;
        }
        let largest =
            (0..n).map(|i| ((x[i] - g[i]).max(lower[i]).min(upper[i]) - x[i]).abs()).fold(0.0, f64::max);
        if largest <= config.gradient_tolerance {
            break;
        }
        let free: Vec<bool> =
            (0..n).map(|i| !(x[i] <= lower[i] && g[i] > 0.0 || x[i] >= upper[i] && g[i] < 0.0)).collect();
        let mut d = direction(&g, &free, &pairs);
        if dot(&d, &g) >= -1e-12 * norm(&d) * norm(&g) {
            pairs.clear();
            d = direction(&g, &free, &pairs);
        }
        let mut step = if pairs.is_empty() { (1.0 / norm(&d)).min(1.0) } else { 1.0 };
        let mut trial_gradient = vec![0.0; n];
        let mut accepted = None;
        for _ in 0..30 {
            let trial = clip(&(0..n).map(|i| x[i] + step * d[i]).collect::<Vec<_>>());
            let moved: Vec<f64> = (0..n).map(|i| trial[i] - x[i]).collect();
            let slope = dot(&g, &moved);
            let trial_value = evaluate(&trial, &mut trial_gradient);
            if trial_value <= value + 1e-4 * slope && slope < 0.0 {
                accepted = Some((trial, moved, trial_value));
                break;
            }
            // The minimum of the parabola through both values and the slope, kept within [0.1, 0.5] of the
            // step.
            let curvature = 2.0 * (trial_value - value - slope);
            let shrink = if curvature.is_finite() && curvature > 0.0 { -slope / curvature } else { 0.1 };
            step *= shrink.clamp(0.1, 0.5);
        }
        let Some((trial, s, trial_value)) = accepted else {
            if pairs.is_empty() {
                break;
            }
            pairs.clear();
            continue;
        };
        let y: Vec<f64> = (0..n).map(|i| trial_gradient[i] - g[i]).collect();
        let sy = dot(&s, &y);
        if sy > 1e-10 * norm(&s) * norm(&y) {
            if pairs.len() == config.memory {
                pairs.pop_front();
            }
            pairs.push_back((s, y, sy));
        }
        let gain = value - trial_value;
        (x, value) = (trial, trial_value);
        g.copy_from_slice(&trial_gradient);
        if gain <= config.value_tolerance * value.abs().max(1.0) {
            break;
        }
    }
    Minimum { x, value, evaluations }
}

/// -H g on the free variables; 0 on the others.
fn direction(g: &[f64], free: &[bool], pairs: &VecDeque<(Vec<f64>, Vec<f64>, f64)>) -> Vec<f64> {
    let mask =
        |v: &mut Vec<f64>| v.iter_mut().zip(free).filter(|(_, free)| !**free).for_each(|(v, _)| *v = 0.0);
    let mut q = g.to_vec();
    mask(&mut q);
    let mut coefficients = Vec::with_capacity(pairs.len());
    for (s, y, sy) in pairs.iter().rev() {
        let a = dot(s, &q) / sy;
        q.iter_mut().zip(y).for_each(|(q, y)| *q -= a * y);
        coefficients.push(a);
    }
    if let Some((_, y, sy)) = pairs.back() {
        let gamma = sy / dot(y, y);
        q.iter_mut().for_each(|q| *q *= gamma);
    }
    for ((s, y, sy), a) in pairs.iter().zip(coefficients.iter().rev()) {
        let b = dot(y, &q) / sy;
        q.iter_mut().zip(s).for_each(|(q, s)| *q += (a - b) * s);
    }
    mask(&mut q);
    q.iter_mut().for_each(|q| *q = -*q);
    q
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rosenbrock(x: &[f64], g: &mut [f64]) -> f64 {
        g.fill(0.0);
        let mut sum = 0.0;
        for i in 0..x.len() - 1 {
            let (a, b) = (1.0 - x[i], x[i + 1] - x[i] * x[i]);
            sum += a * a + 100.0 * b * b;
            g[i] += -2.0 * a - 400.0 * x[i] * b;
            g[i + 1] += 200.0 * b;
        }
        sum
    }

    #[test]
    fn finds_the_minimum_of_rosenbrock() {
        for n in [2, 5, 10] {
            let config = LbfgsConfig {
                iterations: 500,
                gradient_tolerance: 1e-8,
                value_tolerance: 0.0,
                ..Default::default()
            };
            let found = minimise(rosenbrock, &vec![-0.5; n], &vec![-5.0; n], &vec![5.0; n], &config);
            assert!(found.x.iter().all(|x| (x - 1.0).abs() < 1e-5), "{found:?}");
        }
    }

    #[test]
    fn stops_at_the_wall_of_the_box() {
        // On x0 <= 0.5 the minimum is at (0.5, 0.25).
        let config = LbfgsConfig { iterations: 500, value_tolerance: 0.0, ..Default::default() };
        let found = minimise(rosenbrock, &[-1.2, 1.0], &[-2.0, -2.0], &[0.5, 2.0], &config);
        assert!((found.x[0] - 0.5).abs() < 1e-9 && (found.x[1] - 0.25).abs() < 1e-5, "{found:?}");
    }

    #[test]
    fn steps_back_from_values_that_are_not_finite() {
        let f = |x: &[f64], g: &mut [f64]| {
            g[0] = 1.0 - 1.0 / x[0];
            x[0] - x[0].ln() // NaN below 0
        };
        let found = minimise(f, &[30.0], &[-100.0], &[100.0], &LbfgsConfig::default());
        assert!((found.x[0] - 1.0).abs() < 1e-4, "{found:?}");
    }
}
