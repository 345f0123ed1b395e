//! Rank by empirical variational Bayes: how many singular values of a matrix stand out of noise.
//!
//! Source: Nakajima, Sugiyama, Babacan and Tomioka 2013, "Global analytic solution of fully-observed
//! variational Bayesian matrix factorization", JMLR 14, theorems 2 to 4. The variance of the noise minimises
//! the free energy; a singular value counts when it is above the threshold that belongs to that variance.
//!
//! | symbol | meaning |
//! |---|---|
//! | L, M | short and long side, a = L / M |
//! | s_h | singular values, x_h = s_h^2 / (M sigma^2) |
//! | tau | 2.5129 sqrt(a), which solves the fixed point of the theorem up to 1e-3 |
//! | xbar | (1 + tau)(1 + a / tau), the threshold of x |

/// Points of the grid on which the minimum over sigma^2 is looked for before it is refined.
const GRID: usize = 200;
/// Steps of golden section; each leaves 0.618 of the interval.
const REFINEMENTS: usize = 40;
/// Singular values below this share of the largest are rounding of f32 weights.
const ROUNDING: f64 = 1e-7;

/// The rank of a matrix (rows, columns) with the singular values `s`, all min(rows, columns) of them in
/// descending order: at least 1, or as many as there are values when there is no noise at all.
pub fn evbmf_rank(s: &[f64], rows: usize, columns: usize) -> usize {
    let (l, m) = (rows.min(columns) as f64, rows.max(columns) as f64);
    let largest = s.first().copied().unwrap_or(0.0);
    if largest <= 0.0 {
        return 1;
    }
    let floor = ROUNDING * largest;
    let squares: Vec<f64> = s.iter().map(|&s| s.max(floor).powi(2)).collect();
    let a = l / m;
    let tau = 2.5129 * a.sqrt();
    let xbar = (1.0 + tau) * (1.0 + a / tau);
    let sigma2 = noise(&squares, l, m, a, xbar);
    let threshold = m * sigma2 * xbar;
    squares.iter().filter(|&&s| s > threshold).count().max(1)
}

/// The variance of the noise, sigma^2.
fn noise(squares: &[f64], l: f64, m: f64, a: f64, xbar: f64) -> f64 {
    // Bounds of the paper's corollary 1: the noise cannot explain more than all, nor less than the tail that
    // no component can take.
    let upper = squares.iter().sum::<f64>() / (l * m);
    let most = ((l / (1.0 + a)).ceil() as usize).saturating_sub(1).min(squares.len() - 1);
    let tail = &squares[most..];
    let mean = tail.iter().sum::<f64>() / (tail.len() as f64 * m);
    let lower = (squares[most] / (m * xbar)).max(mean).min(upper);
    let (low, high) = (lower.ln(), upper.ln());
    let energy = |log: f64| free_energy(squares, m * log.exp(), a, xbar);
    let step = (high - low) / GRID as f64;
    let points = (0..=GRID).map(|i| low + step * i as f64);
    let best = points.map(|log| (energy(log), log)).min_by(|p, q| p.0.total_cmp(&q.0));
    let (_, best) = best.expect("a grid has points");
    golden(energy, (best - step).max(low), (best + step).min(high)).exp()
}

/// F up to a constant, over the whole spectrum: nothing is left over, so that the residual of the paper is 0.
fn free_energy(squares: &[f64], scale: f64, a: f64, xbar: f64) -> f64 {
    let terms = squares.iter().map(|square| {
        let x = square / scale;
        if x <= xbar {
            return x - x.ln();
        }
        let t = tau_of(x, a);
        x - t + ((t + 1.0) / x).ln() + a * (t / a + 1.0).ln()
    });
    terms.sum()
}

/// The larger root of t^2 - (x - 1 - a) t + a = 0.
fn tau_of(x: f64, a: f64) -> f64 {
    let b = x - 1.0 - a;
    0.5 * (b + (b * b - 4.0 * a).max(0.0).sqrt())
}

/// Where `f` is least between `low` and `high`.
fn golden(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> f64 {
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    for _ in 0..REFINEMENTS {
        let width = ratio * (high - low);
        if f(high - width) < f(low + width) { high = low + width } else { low = high - width }
    }
    0.5 * (low + high)
}
