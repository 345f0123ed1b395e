//! The expected improvement of the dominated hypervolume, in closed form and as its logarithm.
//!
//! What no point of the front dominates, above the reference, is cut into disjoint cells [l, u). A result y
//! gains the volume Π_j (min(y_j, u_j) - l_j)⁺ in a cell. Objectives are estimated independently, so the
//! expectation of each product is the product of expectations, and each is a difference of two expected
//! improvements:
//!
//! E\[improvement\] = Σ_cells Π_j (EI_j(l_j) - EI_j(u_j)),  EI_j(t) = E[(y_j - t)⁺]
//!
//! (Emmerich et al. 2006, IEEE TEVC 10(4); in the form of Daulton et al. 2020, arXiv 2006.05078, eq. 2;
//! logarithms as in Ament et al. 2023, arXiv 2310.20708, sec. 3.) What is known exactly enters with (min(y,
//! u) - l)⁺ itself.

use super::goal::{Marginal, Slopes};
use lightcrest_gp::acquisition::{log_ei, log_ei_slopes};
use lightcrest_gp::special::log_1m_exp;

/// An interval for each objective.
type Cell = Vec<(f64, f64)>;

/// The region in which the dominated volume can grow.
#[derive(Debug, Clone)]
pub(super) struct HypervolumeImprovement {
    /// For each objective the distinct ends of intervals. (m, levels)
    levels: Vec<Vec<f64>>,
    /// For each objective the ends of its interval, as indices of levels. (cells, m)
    cells: Vec<Vec<(usize, usize)>>,
}

impl HypervolumeImprovement {
    /// Above `reference`, beyond `points`.
    ///
    /// # Shapes
    /// `points` (n, m), `reference` (m,), oriented.
    pub(super) fn new(points: &[Vec<f64>], reference: &[f64]) -> Self {
        let cells = decompose(points, reference);
        let levels: Vec<Vec<f64>> = (0..reference.len())
            .map(|j| {
                let mut ends: Vec<f64> = cells.iter().flat_map(|cell| [cell[j].0, cell[j].1]).collect();
                ends.sort_by(f64::total_cmp);
                ends.dedup();
                ends
            })
            .collect();
        let index = |j: usize, end: f64| levels[j].partition_point(|level| *level < end);
        let indexed = |cell: &Cell| {
            cell.iter().enumerate().map(|(j, ends)| (index(j, ends.0), index(j, ends.1))).collect()
        };
        let cells = cells.iter().map(indexed).collect();
        Self { levels, cells }
    }

    /// Log of the expected improvement, and its slopes for each objective.
    pub(super) fn log_improvement(&self, marginals: &[Marginal]) -> (f64, Vec<Slopes>) {
        let sides: Vec<Side<'_>> = marginals
            .iter()
            .zip(&self.levels)
            .map(|(marginal, levels)| Side::new(*marginal, levels))
            .collect();
        let term = |cell: &Vec<(usize, usize)>| -> Option<f64> {
            sides.iter().zip(cell).map(|(side, ends)| side.log_width(*ends)).sum()
        };
        let terms: Vec<(f64, usize)> =
            self.cells.iter().enumerate().filter_map(|(i, cell)| Some((term(cell)?, i))).collect();
        let top = terms.iter().map(|t| t.0).fold(f64::NEG_INFINITY, f64::max);
        let mut slopes = vec![(0.0, 0.0); marginals.len()];
        if top == f64::NEG_INFINITY {
            // An exact objective is worse than the reference: nothing to gain, the less so the farther away.
            let short: f64 = sides.iter().map(Side::shortfall).sum();
            return (-1e12 * (1.0 + short), slopes);
        }
        let sum: f64 = terms.iter().map(|t| (t.0 - top).exp()).sum();
        for (log, i) in terms {
            let share = (log - top).exp() / sum;
            for ((side, ends), slope) in sides.iter().zip(&self.cells[i]).zip(&mut slopes) {
                let (m, s) = side.slopes(*ends);
                *slope = (slope.0 + share * m, slope.1 + share * s);
            }
        }
        (top + sum.ln(), slopes)
    }
}

/// One objective's expected improvement over each level.
enum Side<'a> {
    Exact { value: f64, levels: &'a [f64] },
    Normal { log_ei: Vec<f64>, slopes: Vec<Slopes> },
}

impl<'a> Side<'a> {
    fn new(marginal: Marginal, levels: &'a [f64]) -> Self {
        match marginal {
            Marginal::Exact(value) => Self::Exact { value, levels },
            Marginal::Normal { mean, sigma } => Self::Normal {
                log_ei: levels
                    .iter()
                    .map(|t| if t.is_finite() { log_ei(mean, sigma, *t) } else { f64::NEG_INFINITY })
                    .collect(),
                slopes: levels
                    .iter()
                    .map(|t| if t.is_finite() { log_ei_slopes(mean, sigma, *t) } else { (0.0, 0.0) })
                    .collect(),
            },
        }
    }

    /// log E[(min(y, u) - l)⁺], if that is more than nothing.
    fn log_width(&self, (l, u): (usize, usize)) -> Option<f64> {
        let log = match self {
            Self::Exact { value, levels } => (value.min(levels[u]) - levels[l]).max(0.0).ln(),
            Self::Normal { log_ei, .. } if log_ei[u] == f64::NEG_INFINITY => log_ei[l],
            Self::Normal { log_ei, .. } => log_ei[l] + log_1m_exp((log_ei[u] - log_ei[l]).min(0.0)),
        };
        (log > f64::NEG_INFINITY).then_some(log)
    }

    fn slopes(&self, (l, u): (usize, usize)) -> Slopes {
        let Self::Normal { log_ei, slopes } = self else { return (0.0, 0.0) };
        // d log(e^a - e^b) = (da - q db) / (1 - q), q = e^(b - a)
        let q = (log_ei[u] - log_ei[l]).exp();
        let rest = -(log_ei[u] - log_ei[l]).exp_m1();
        let (below, above) = (slopes[l], slopes[u]);
        ((below.0 - q * above.0) / rest, (below.1 - q * above.1) / rest)
    }

    fn shortfall(&self) -> f64 {
        match self {
            Self::Exact { value, levels } => levels.first().map_or(0.0, |lowest| (lowest - value).max(0.0)),
            Self::Normal { .. } => 0.0,
        }
    }
}

/// Cuts the region above the reference that no point dominates into disjoint cells.
///
/// A sweep along the last objective: in a slab between two levels, the points above it dominate what their
/// projections dominate in one objective less. A cell goes on through slabs as long as it stays the same, so
/// that n points give n + 1 cells with two objectives and O(n) with three, O(n²) with four.
fn decompose(points: &[Vec<f64>], reference: &[f64]) -> Vec<Cell> {
    let Some((&bottom, rest)) = reference.split_last() else { return Vec::new() };
    let m = rest.len();
    if m == 0 {
        let top = points.iter().map(|p| p[0]).fold(bottom, f64::max);
        return vec![vec![(top, f64::INFINITY)]];
    }
    let mut levels: Vec<f64> = points.iter().map(|p| p[m]).filter(|level| *level > bottom).collect();
    levels.push(bottom);
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    let mut done = Vec::new();
    let mut open: Vec<(Cell, f64)> = Vec::new();
    let close = |(mut cell, since): (Cell, f64), end: f64| {
        cell.push((since, end));
        cell
    };
    for level in levels {
        let above: Vec<Vec<f64>> = points.iter().filter(|p| p[m] > level).map(|p| p[..m].to_vec()).collect();
        let slab = decompose(&above, rest);
        let (stay, end): (Vec<_>, Vec<_>) = open.into_iter().partition(|(cell, _)| slab.contains(cell));
        done.extend(end.into_iter().map(|cell| close(cell, level)));
        let new: Vec<Cell> =
            slab.into_iter().filter(|cell| !stay.iter().any(|(old, _)| old == cell)).collect();
        open = stay;
        open.extend(new.into_iter().map(|cell| (cell, level)));
    }
    done.extend(open.into_iter().map(|cell| close(cell, f64::INFINITY)));
    done
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pareto::hypervolume;
    use proptest::prelude::*;

    fn points(m: usize) -> impl Strategy<Value = Vec<Vec<f64>>> {
        // A coarse grid, so that equal coordinates and dominated points occur.
        prop::collection::vec(prop::collection::vec((0..8i32).prop_map(f64::from), m), 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_known_exactly_grows_the_volume_by_what_it_adds(
            (points, new) in (2..=4usize).prop_flat_map(|m| (points(m), prop::collection::vec(0.25..9.0f64, m))),
        ) {
            let reference = vec![0.0; new.len()];
            let improvement = HypervolumeImprovement::new(&points, &reference);
            let marginals: Vec<Marginal> = new.iter().map(|v| Marginal::Exact(*v)).collect();
            let with: Vec<Vec<f64>> = points.iter().chain([&new]).cloned().collect();
            let added = hypervolume(&with, &reference) - hypervolume(&points, &reference);
            let found = improvement.log_improvement(&marginals).0.exp();
            prop_assert!((found - added).abs() < 1e-9 * added.max(1.0), "{} {}", found, added);
        }

        #[test]
        fn under_uncertainty_it_is_the_mean_over_results(
            points in points(3), exact in 0.5..9.0f64, a in (-1.0..9.0f64, 0.2..2.0f64), b in (-1.0..9.0f64, 0.2..2.0f64),
        ) {
            // Trapezoidal rule over ±6 standard deviations of the two objectives in uncertainty.
            const CUTS: usize = 120;
            let reference = [0.0; 3];
            let normal = |(mean, sigma): (f64, f64)| Marginal::Normal { mean, sigma };
            let step = 12.0 / CUTS as f64;
            let nodes: Vec<(f64, f64)> = (0..=CUTS)
                .map(|k| -6.0 + k as f64 * step)
                .map(|z| (z, step * lightcrest_gp::special::normal_pdf(z)))
                .collect();
            let before = hypervolume(&points, &reference);
            let mut mean = 0.0;
            for (za, wa) in &nodes {
                for (zb, wb) in &nodes {
                    let result = vec![a.0 + a.1 * za, exact, b.0 + b.1 * zb];
                    let with: Vec<Vec<f64>> = points.iter().cloned().chain([result]).collect();
                    mean += wa * wb * (hypervolume(&with, &reference) - before);
                }
            }
            let marginals = [normal(a), Marginal::Exact(exact), normal(b)];
            let found = HypervolumeImprovement::new(&points, &reference).log_improvement(&marginals).0.exp();
            prop_assert!((found - mean).abs() < 0.01 * mean + 0.01, "{} {}", found, mean);
        }

        #[test]
        fn slopes_are_those_of_finite_differences(
            (points, at) in (2..=4usize).prop_flat_map(|m| {
                (points(m), prop::collection::vec((-3.0..9.0f64, 0.1..2.0f64), m))
            }),
        ) {
            let improvement = HypervolumeImprovement::new(&points, &vec![0.0; at.len()]);
            let value = |at: &[(f64, f64)]| {
                let normal = |(mean, sigma): &(f64, f64)| Marginal::Normal { mean: *mean, sigma: *sigma };
                improvement.log_improvement(&at.iter().map(normal).collect::<Vec<_>>())
            };
            let (_, slopes) = value(&at);
            let e = 1e-5;
            for j in 0..at.len() {
                let moved = |dm: f64, ds: f64| {
                    let mut at = at.clone();
                    at[j] = (at[j].0 + dm, at[j].1 + ds);
                    value(&at).0
                };
                let by_mean = (moved(e, 0.0) - moved(-e, 0.0)) / (2.0 * e);
                let by_sigma = (moved(0.0, e) - moved(0.0, -e)) / (2.0 * e);
                prop_assert!((slopes[j].0 - by_mean).abs() < 1e-3 * by_mean.abs().max(1.0));
                prop_assert!((slopes[j].1 - by_sigma).abs() < 1e-3 * by_sigma.abs().max(1.0));
            }
        }
    }

    #[test]
    fn far_from_the_front_there_still_is_a_way() {
        let improvement = HypervolumeImprovement::new(&[vec![1.0, 1.0]], &[0.0, 0.0]);
        let at = |mean: f64| {
            improvement.log_improvement(&[Marginal::Exact(0.5), Marginal::Normal { mean, sigma: 0.1 }]).0
        };
        assert!(at(-50.0).is_finite() && at(-50.0) < at(-40.0) && at(-40.0) < at(0.9));
        let beyond = |x: f64| {
            improvement.log_improvement(&[Marginal::Exact(x), Marginal::Normal { mean: 9.0, sigma: 1.0 }]).0
        };
        assert!(beyond(-2.0) < beyond(-1.0) && beyond(-1.0) < -1e11);
    }

    #[test]
    fn cells_are_few() {
        let front = |m: usize, n: usize| -> Vec<Vec<f64>> {
            let at = |i: usize, j: usize| ((i * [7, 13, 29, 1][j] + j) % n) as f64 + 0.01 * i as f64;
            (0..n).map(|i| (0..m).map(|j| at(i, j)).collect()).collect()
        };
        assert!(decompose(&front(2, 50), &[-1.0; 2]).len() <= 51);
        assert!(decompose(&front(3, 50), &[-1.0; 3]).len() <= 101);
    }
}
