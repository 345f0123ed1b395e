//! Wilcoxon's signed-rank test, one-sided.
//!
//! | symbol | meaning |
//! |---|---|
//! | `d` | `n` paired differences |
//! | `r_i` | rank of `abs(d_i)`; equal ones share the mean of their ranks |
//! | `W` | Σ r_i over `d_i > 0`, + Σ r_i / 2 over `d_i = 0` (zeros are split) |
//!
//! Up to [`EXACT`] pairs the p-value is exact, ties and zeros included: given the ranks, each sign of a
//! difference that is not zero is a fair coin, and the distribution of W follows by adding one rank after the
//! other. Above, W is normal with mean n(n + 1) / 4 and variance (n(n + 1)(2n + 1) - Σ (t³ - t) / 2) / 24, t
//! the size of each group of ties, zeros being one (Hollander et al. 2014, *Nonparametric Statistical
//! Methods*, sec. 3.1; as SciPy's `wilcoxon` with `zero_method="zsplit"`).

use lightcrest_gp::special::normal_cdf;

/// The largest number of pairs that is counted exactly.
const EXACT: usize = 50;

/// The probability of a W as large as that of `d` if positive and negative differences were equally likely; 1
/// without differences.
pub(super) fn p_greater(d: &[f64]) -> f64 {
    let n = d.len();
    let mut order: Vec<f64> = d.to_vec();
    order.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    // Doubled ranks are whole numbers.
    let (mut ranks, mut ties) = (Vec::with_capacity(n), 0.0);
    let mut begin = 0;
    for group in order.chunk_by(|a, b| a.abs() == b.abs()) {
        let end = begin + group.len();
        ranks.extend(std::iter::repeat_n(begin + end + 1, group.len()));
        ties += (group.len() as f64).powi(3) - group.len() as f64;
        begin = end;
    }
    let pairs = || order.iter().zip(&ranks);
    let positive: usize = pairs().filter(|(d, _)| **d > 0.0).map(|(_, r)| r).sum();
    if n <= EXACT {
        let signed = pairs().filter(|(d, _)| **d != 0.0).map(|(_, r)| *r);
        return survival(signed, positive);
    }
    let zero: usize = pairs().filter(|(d, _)| **d == 0.0).map(|(_, r)| r).sum();
    let w = (positive as f64 + 0.5 * zero as f64) / 2.0;
    let n = n as f64;
    let (mean, variance) = (n * (n + 1.0) / 4.0, (n * (n + 1.0) * (2.0 * n + 1.0) - ties / 2.0) / 24.0);
    if variance > 0.0 { normal_cdf((mean - w) / variance.sqrt()) } else { 1.0 }
}

/// P(Σ b_i r_i >= at), the b_i being fair coins.
fn survival(ranks: impl Iterator<Item = usize>, at: usize) -> f64 {
    let mut probability = vec![1.0];
    for rank in ranks {
        let mut next = vec![0.0; probability.len() + rank];
        for (sum, p) in probability.iter().enumerate() {
            next[sum] += 0.5 * p;
            next[sum + rank] += 0.5 * p;
        }
        probability = next;
    }
    probability.iter().skip(at).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SciPy 1.17.1: `wilcoxon(d, alternative="greater", zero_method="zsplit").pvalue`; with ties it counts
    /// up to 13 pairs.
    #[test]
    fn p_values_are_those_of_scipy() {
        let close = |d: &[f64], p: f64| assert!((p_greater(d) / p - 1.0).abs() < 1e-9, "{}", p_greater(d));
        close(&[1.2, -0.3, 0.8, 2.1, -0.5, 0.9, 1.7, 0.05], 0.0390625);
        let ties = [1.0, 0.0, 2.0, 2.0, -1.0, 3.0, 0.0, 2.0, -2.0, 4.0];
        close(&ties, 0.0703125);
        let many: Vec<f64> = (0..60).map(|i| (f64::from((i * 37) % 101 - 40) / 4.0).floor()).collect();
        close(&many, 0.02568524296031523);
    }

    #[test]
    fn without_differences_nothing_is_significant() {
        assert_eq!(p_greater(&[]), 1.0);
        assert_eq!(p_greater(&[0.0; 5]), 1.0);
        assert!(p_greater(&[0.0; 60]) >= 0.5);
        assert_eq!(p_greater(&[1.0; 4]), 1.0 / 16.0);
    }
}
