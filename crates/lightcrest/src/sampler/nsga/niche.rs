//! Who survives by NSGA-III: on the front that does not fit as a whole, those in the emptiest niches (Deb and
//! Jain 2014, IEEE TEVC 18(4), section IV).
//!
//! Losses are scaled such that the ideal point is 0 and the plane through the extreme points cuts every axis
//! at 1. Niches are the lines from 0 through evenly spaced reference points; an individual belongs to the
//! nearest.

use super::population::{Individual, fronts};
use crate::pareto;
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// The `size` best of a pool; `references` has a point of each niche, (k, m).
pub(super) fn niched(
    pool: &[Individual],
    size: usize,
    references: &[Vec<f64>],
    rng: &mut ChaCha8Rng,
) -> Vec<usize> {
    pareto::fill(fronts(pool), size, |chosen, front, room| {
        let mut points: Vec<Vec<f64>> = chosen.iter().chain(front).map(|&i| pool[i].values.clone()).collect();
        if !pareto::is_moderate(&points) {
            points = pareto::bounded(&points);
        }
        let losses: Vec<Vec<f64>> = points.iter().map(|point| point.iter().map(|v| -v).collect()).collect();
        let nearest = nearest(&scaled(losses), references);
        fill(&nearest, chosen.len(), room, rng)
    })
}

/// Picks `room` of the candidates, which come after `taken` others: again and again from the niche with the
/// fewest individuals, the one closest to its line if there is none yet, a random one otherwise.
///
/// `nearest` holds each individual's niche and distance. The result counts from the first candidate.
fn fill(nearest: &[(usize, f64)], taken: usize, room: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let niches = nearest.iter().map(|(niche, _)| niche + 1).max().unwrap_or(0);
    let mut population = vec![0; niches];
    nearest[..taken].iter().for_each(|(niche, _)| population[*niche] += 1);
    let mut candidates: Vec<Vec<(f64, usize)>> = vec![Vec::new(); niches];
    for (i, (niche, distance)) in nearest[taken..].iter().enumerate() {
        candidates[*niche].push((*distance, i));
    }
    candidates.iter_mut().for_each(|niche| niche.sort_by(|a, b| a.0.total_cmp(&b.0)));
    let mut order: Vec<usize> = (0..niches).collect();
    let mut picked = Vec::with_capacity(room);
    while picked.len() < room {
        order.shuffle(rng);
        let open = order.iter().copied().filter(|&niche| !candidates[niche].is_empty());
        let Some(niche) = open.min_by_key(|&niche| population[niche]) else { break };
        let at = if population[niche] == 0 { 0 } else { rng.random_range(0..candidates[niche].len()) };
        picked.push(candidates[niche].remove(at).1);
        population[niche] += 1;
    }
    picked
}

/// The losses relative to the ideal point and to the intercepts of the plane through the extreme points; to
/// the largest of each objective where there is no such plane.
fn scaled(mut losses: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    let m = losses.first().map_or(0, Vec::len);
    let over = |losses: &[Vec<f64>], k: usize, f: fn(f64, f64) -> f64, start: f64| {
        losses.iter().map(|x| x[k]).fold(start, f)
    };
    let ideal: Vec<f64> = (0..m).map(|k| over(&losses, k, f64::min, f64::INFINITY)).collect();
    losses.iter_mut().for_each(|x| x.iter_mut().zip(&ideal).for_each(|(x, ideal)| *x -= ideal));
    // The extreme point of an axis is the one that is nearest to it (eq. 4).
    let far = |x: &[f64], axis: usize| {
        (0..m).map(|k| if k == axis { x[k] } else { 1e6 * x[k] }).fold(f64::NEG_INFINITY, f64::max)
    };
    let extremes: Vec<Vec<f64>> = (0..m)
        .filter_map(|axis| losses.iter().min_by(|a, b| far(a, axis).total_cmp(&far(b, axis))).cloned())
        .collect();
    let largest = || (0..m).map(|k| 1.0 / over(&losses, k, f64::max, 0.0)).collect();
    let slopes: Vec<f64> = plane(extremes).unwrap_or_else(largest);
    for x in &mut losses {
        x.iter_mut().zip(&slopes).for_each(|(x, slope)| *x *= if slope.is_finite() { *slope } else { 1.0 });
    }
    losses
}

/// The plane a·x = 1 through m points: a, the inverses of its intercepts. `None` where there is none with
/// intercepts above 0.
fn plane(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let m = rows.len();
    let size = rows.iter().flatten().fold(0.0f64, |size, x| size.max(x.abs()));
    rows.iter_mut().for_each(|row| row.push(1.0));
    // Gauss and Jordan with pivots from the column.
    for k in 0..m {
        let pivot = (k..m).max_by(|&i, &j| rows[i][k].abs().total_cmp(&rows[j][k].abs()))?;
        rows.swap(k, pivot);
        if rows[k][k].abs() <= 1e-12 * size {
            return None;
        }
        let row: Vec<f64> = rows[k].iter().map(|x| x / rows[k][k]).collect();
        for (i, other) in rows.iter_mut().enumerate() {
            let factor = if i == k { 0.0 } else { other[k] };
            other.iter_mut().zip(&row).for_each(|(x, r)| *x -= factor * r);
        }
        rows[k] = row;
    }
    let a: Vec<f64> = rows.iter().map(|row| row[m]).collect();
    a.iter().all(|a| a.is_finite() && *a > 0.0).then_some(a)
}

/// All points with coordinates of 0, 1, ..., `divisions` that add up to `divisions` (Das and Dennis 1998).
pub(super) fn reference_points(m: usize, divisions: usize) -> Vec<Vec<f64>> {
    if m == 1 {
        return vec![vec![divisions as f64]];
    }
    let with = |first: usize| {
        let rest = reference_points(m - 1, divisions - first).into_iter();
        rest.map(move |rest| std::iter::once(first as f64).chain(rest).collect())
    };
    (0..=divisions).flat_map(with).collect()
}

/// For each point the nearest line through the origin and a reference point, and its distance.
fn nearest(points: &[Vec<f64>], references: &[Vec<f64>]) -> Vec<(usize, f64)> {
    let distance = |x: &[f64], w: &[f64]| {
        let along = x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>() / w.iter().map(|w| w * w).sum::<f64>();
        x.iter().zip(w).map(|(x, w)| (x - along * w).powi(2)).sum::<f64>().sqrt()
    };
    let nearest = |x: &Vec<f64>| {
        let all = references.iter().map(|w| distance(x, w)).enumerate();
        all.min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((0, 0.0))
    };
    points.iter().map(nearest).collect()
}

#[cfg(test)]
mod tests {
    use super::super::population::tests::individual;
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn reference_points_are_all_that_add_up() {
        assert_eq!(reference_points(3, 3).len(), 10);
        assert!(reference_points(4, 5).iter().all(|p| p.iter().sum::<f64>() == 5.0));
    }

    #[test]
    fn the_plane_has_the_intercepts_of_its_points() {
        let a = plane(vec![vec![2.0, 0.0, 0.0], vec![0.0, 4.0, 0.0], vec![1.0, 1.0, 0.5]]).unwrap();
        let expected = [0.5, 0.25, 0.5];
        assert!(a.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{a:?}");
        assert_eq!(plane(vec![vec![1.0, 1.0], vec![2.0, 2.0]]), None);
    }

    /// A crowd at one end of the front, and one each in the middle and at the other end, on scales that
    /// differ by a thousand.
    #[test]
    fn every_niche_survives() {
        let mut pool: Vec<_> =
            (0..20).map(|k| individual(&[-0.001 * f64::from(k), -1000.0 + f64::from(k)], 0.0)).collect();
        pool.push(individual(&[-0.5, -500.0], 0.0));
        pool.push(individual(&[-1.0, 0.0], 0.0));
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let chosen = niched(&pool, 4, &reference_points(2, 2), &mut rng);
        assert_eq!(chosen.len(), 4);
        assert!(chosen.contains(&0) && chosen.contains(&20) && chosen.contains(&21), "{chosen:?}");
    }
}
