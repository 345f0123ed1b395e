//! Dominance among points of which larger is better in every coordinate.
//!
//! | symbol | meaning |
//! |---|---|
//! | `points` | `n` points of `m` objectives, oriented: larger is better // (n, m) |
//! | `reference` | the point that hypervolume is measured from, worse than what counts // (m,) |
//!
//! A point dominates another if it is nowhere worse and somewhere better. Equal points do not dominate each other.

mod archive;

pub use archive::Archive;

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Whether `a` is nowhere worse than `b` and somewhere better.
pub fn dominates(a: &[f64], b: &[f64]) -> bool {
    let mut better = false;
    for (x, y) in a.iter().zip(b) {
        if x < y {
            return false;
        }
        better |= x > y;
    }
    better
}

/// The indices of the points that no other dominates, ascending.
pub fn front(points: &[Vec<f64>]) -> Vec<usize> {
    let mut front = Vec::new();
    for i in descending(points) {
        // Whoever dominates a point comes before it, and if it is dominated itself, so is it by one in the front.
        if !front.iter().any(|&j: &usize| dominates(&points[j], &points[i])) {
            front.push(i);
        }
    }
    front.sort_unstable();
    front
}

/// Sorts points into fronts: the first holds those that nothing dominates, the next those that only the first
/// dominates, and so on. Indices in a front ascend.
///
/// Efficient non-dominated sort with binary search (ENS-BS, Zhang et al. 2015, IEEE TEVC 19(2), algorithm 2):
/// O(m n²) at worst, O(m n log n) for many fronts.
pub fn non_dominated_sort(points: &[Vec<f64>]) -> Vec<Vec<usize>> {
    let mut fronts: Vec<Vec<usize>> = Vec::new();
    for i in descending(points) {
        let beaten = |front: &Vec<usize>| front.iter().rev().any(|&j| dominates(&points[j], &points[i]));
        let k = fronts.partition_point(beaten);
        if k == fronts.len() {
            fronts.push(Vec::new());
        }
        fronts[k].push(i);
    }
    fronts.iter_mut().for_each(|front| front.sort_unstable());
    fronts
}

/// Indices from the lexicographically largest point down: whoever dominates a point comes before it.
fn descending(points: &[Vec<f64>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&i, &j| lexicographic(&points[j], &points[i]).then(i.cmp(&j)));
    order
}

fn lexicographic(a: &[f64], b: &[f64]) -> Ordering {
    a.iter().zip(b).map(|(x, y)| compare(*x, *y)).find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Numeric order, with -0 equal to 0 as [`dominates`] has it.
fn compare(x: f64, y: f64) -> Ordering {
    x.partial_cmp(&y).unwrap_or_else(|| x.total_cmp(&y))
}

/// How lonely each point of one front is: the sum over the objectives of the distance between its neighbours,
/// divided by the front's extent; infinite at the ends (Deb et al. 2002, NSGA-II, section III-B).
pub fn crowding_distance(points: &[Vec<f64>]) -> Vec<f64> {
    let n = points.len();
    let mut distance = vec![0.0; n];
    for k in 0..points.first().map_or(0, Vec::len) {
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&i, &j| compare(points[i][k], points[j][k]).then(i.cmp(&j)));
        let extent = points[order[n - 1]][k] - points[order[0]][k];
        if extent <= 0.0 {
            continue; // all equal here: no ends, no distances
        }
        distance[order[0]] = f64::INFINITY;
        distance[order[n - 1]] = f64::INFINITY;
        for w in order.windows(3) {
            distance[w[1]] += (points[w[2]][k] - points[w[0]][k]) / extent;
        }
    }
    distance
}

/// The first `size` indices, front by front. Of the front that does not fit as a whole `choose` picks: it is given the indices that are
/// in already, that front and the room that is left, and answers with positions in the front.
pub(crate) fn fill(
    fronts: Vec<Vec<usize>>,
    size: usize,
    choose: impl FnOnce(&[usize], &[usize], usize) -> Vec<usize>,
) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::with_capacity(size);
    for front in fronts {
        let room = size - chosen.len();
        if front.len() > room {
            let picked = choose(&chosen, &front, room);
            chosen.extend(picked.into_iter().map(|i| front[i]));
            break;
        }
        chosen.extend(front);
    }
    chosen
}

/// All indices from best to worst: front by front, within a front the lonelier first, then the earlier.
pub fn ranking(points: &[Vec<f64>]) -> Vec<usize> {
    if points.iter().all(|point| point.len() == 1) {
        // The same in O(n log n): with one objective, a front is the points of one value.
        let mut order: Vec<usize> = (0..points.len()).collect();
        order.sort_by(|&i, &j| points[j][0].total_cmp(&points[i][0]));
        return order;
    }
    let mut order = Vec::with_capacity(points.len());
    for mut front in non_dominated_sort(points) {
        let members: Vec<_> = front.iter().map(|&i| points[i].clone()).collect();
        let crowding = crowding_distance(&members);
        let of: std::collections::HashMap<usize, f64> = front.iter().copied().zip(crowding).collect();
        front.sort_by(|i, j| of[j].total_cmp(&of[i]).then(i.cmp(j)));
        order.extend(front);
    }
    order
}

/// At most `count` points that stand for all: `first`, if given, then again and again the one that adds the most
/// hypervolume, the earlier of equals. Points that add nothing are left out.
///
/// Greedy subset selection: at least 1 - 1/e of the volume of the best subset (Guerreiro et al. 2016,
/// Evolutionary Computation 24(3)). What a point adds can only shrink as others are chosen, so it is computed again only while
/// what it added last is the most of all (Minoux 1978).
///
/// # Shapes
/// `points` (n, m), `reference` (m,), m >= 1.
pub fn representatives(
    points: &[Vec<f64>],
    reference: &[f64],
    first: Option<usize>,
    count: usize,
) -> Vec<usize> {
    let mut chosen: Vec<usize> = first.into_iter().take(count).collect();
    let mut kept: Vec<Vec<f64>> = chosen.iter().map(|&i| points[i].clone()).collect();
    let mut volume = hypervolume(&kept, reference);
    let rest = (0..points.len()).filter(|i| !chosen.contains(i));
    let mut queue: BinaryHeap<Gain> =
        rest.map(|i| Gain { gain: f64::INFINITY, point: i, at: usize::MAX }).collect();
    while chosen.len() < count {
        let Some(Gain { point, at, .. }) = queue.pop() else { break };
        if at == chosen.len() {
            chosen.push(point);
            kept.push(points[point].clone());
            volume = hypervolume(&kept, reference);
            continue;
        }
        kept.push(points[point].clone());
        let gain = hypervolume(&kept, reference) - volume;
        kept.pop();
        if gain > 0.0 {
            queue.push(Gain { gain, point, at: chosen.len() });
        }
    }
    chosen
}

/// What a point added to the volume when `at` points were chosen.
struct Gain {
    gain: f64,
    point: usize,
    at: usize,
}

impl Ord for Gain {
    fn cmp(&self, other: &Self) -> Ordering {
        self.gain.total_cmp(&other.gain).then(other.point.cmp(&self.point))
    }
}

impl PartialOrd for Gain {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Gain {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Gain {}

/// The volume that the points dominate above the reference, exactly.
///
/// Two objectives: a sweep, O(n log n). Three: a sweep over the third with a staircase of the other two
/// (Beume et al. 2009, IEEE TEVC 13(5)). More: the exclusive volumes are summed slice by slice in one objective
/// less (While et al. 2012, WFG, IEEE TEVC 16(1)); four objectives cost O(n² log n).
///
/// Points that are not above the reference in every objective add nothing.
///
/// # Shapes
/// `points` (n, m), `reference` (m,), m >= 1.
pub fn hypervolume(points: &[Vec<f64>], reference: &[f64]) -> f64 {
    let above = |p: &&Vec<f64>| p.iter().zip(reference).all(|(x, r)| x > r);
    let shifted = points.iter().filter(above).map(|p| p.iter().zip(reference).map(|(x, r)| x - r).collect());
    volume(shifted.collect())
}

/// The hypervolume of the first point, of the first two, and so on. Each point adds its box minus what is dominated in there already,
/// so the whole costs a hypervolume of the front a point. Once infinite it stays so.
///
/// # Shapes
/// `points` (n, m), `reference` (m,), m >= 1; (n,).
pub fn hypervolumes(points: &[Vec<f64>], reference: &[f64]) -> Vec<f64> {
    let mut kept = Archive::default(); // above the reference
    let mut volumes = Vec::with_capacity(points.len());
    let mut volume = 0.0f64;
    for point in points {
        let above = point.iter().zip(reference).all(|(x, r)| x > r);
        if volume.is_finite() && above && !kept.dominates(point) && !kept.contains(point) {
            let within = |other: &[f64]| other.iter().zip(point).map(|(x, y)| x.min(*y)).collect();
            let limited: Vec<Vec<f64>> = kept.points().map(within).collect();
            let limited: Vec<_> = front(&limited).into_iter().map(|i| limited[i].clone()).collect();
            let own: f64 = point.iter().zip(reference).map(|(x, r)| x - r).product();
            volume += (own - hypervolume(&limited, reference)).max(0.0);
            kept.insert(point.clone(), ());
        }
        volumes.push(volume);
    }
    volumes
}

/// Hypervolume above the origin of points that are positive everywhere.
fn volume(mut points: Vec<Vec<f64>>) -> f64 {
    let Some(m) = points.first().map(Vec::len) else { return 0.0 };
    // From the top of the last objective down.
    points.sort_by(|a, b| b[m - 1].total_cmp(&a[m - 1]));
    match m {
        1 => points[0][0],
        2 => {
            let (mut sum, mut x) = (0.0, 0.0f64);
            for (i, p) in points.iter().enumerate() {
                x = x.max(p[0]);
                sum += x * (p[1] - points.get(i + 1).map_or(0.0, |next| next[1]));
            }
            sum
        }
        3 => {
            let (mut sum, mut stairs) = (0.0, Staircase::default());
            for (i, p) in points.iter().enumerate() {
                stairs.add(p[0], p[1]);
                sum += stairs.area * (p[2] - points.get(i + 1).map_or(0.0, |next| next[2]));
            }
            sum
        }
        _ => {
            // What point i adds below all that stand higher in the last objective: its box minus the union of
            // the others limited to it, all of the same height.
            let mut sum = 0.0;
            for (i, p) in points.iter().enumerate() {
                let base = &p[..m - 1];
                let limited: Vec<Vec<f64>> = points[..i]
                    .iter()
                    .map(|q| q.iter().zip(base).map(|(x, y)| x.min(*y)).collect())
                    .collect();
                let kept = front(&limited).into_iter().map(|j| limited[j].clone()).collect();
                sum += p[m - 1] * (base.iter().product::<f64>() - volume(kept));
            }
            sum
        }
    }
}

/// A two-dimensional front above the origin and the area below it.
#[derive(Default)]
struct Staircase {
    steps: Vec<(f64, f64)>, // x ascending, y descending
    area: f64,
}

impl Staircase {
    fn add(&mut self, x: f64, y: f64) {
        let right = self.steps.partition_point(|step| step.0 < x);
        if self.steps.get(right).is_some_and(|step| step.1 >= y) {
            return; // dominated or there already
        }
        // The steps that the new one hides are those to its left that are not higher, and one of equal x.
        let left = self.steps[..right].partition_point(|step| step.1 > y);
        let equal = usize::from(self.steps.get(right).is_some_and(|step| step.0 == x));
        let mut from = if left == 0 { 0.0 } else { self.steps[left - 1].0 };
        let floor = |i: usize| self.steps.get(i).map_or(0.0, |step| step.1);
        for i in left..right {
            self.area += (self.steps[i].0 - from) * (y - self.steps[i].1);
            from = self.steps[i].0;
        }
        self.area += (x - from) * (y - floor(right));
        self.steps.splice(left..right + equal, [(x, y)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use std::time::Instant;

    fn points(max: usize) -> impl Strategy<Value = Vec<Vec<f64>>> {
        // Few different values, so that there are ties and equal points.
        (1..=4usize).prop_flat_map(move |m| {
            prop::collection::vec(prop::collection::vec((0..6i32).prop_map(f64::from), m), 0..max)
        })
    }

    /// The volume by inclusion and exclusion over all subsets.
    fn by_subsets(points: &[Vec<f64>], reference: &[f64]) -> f64 {
        let mut sum = 0.0;
        for subset in 1u32..1 << points.len() {
            let members = points.iter().enumerate().filter(|(i, _)| subset >> i & 1 == 1).map(|(_, p)| p);
            let corner = members.fold(vec![f64::INFINITY; reference.len()], |corner, p| {
                corner.iter().zip(p).map(|(a, b)| a.min(*b)).collect()
            });
            let volume: f64 = corner.iter().zip(reference).map(|(x, r)| (x - r).max(0.0)).product();
            sum += if subset.count_ones() % 2 == 1 { volume } else { -volume };
        }
        sum
    }

    #[test]
    fn representatives_cover_the_front_before_they_crowd_it() {
        let points = [[1.0, 0.0], [0.9, 0.6], [0.8, 0.61], [0.0, 1.0], [0.5, 0.5]].map(Vec::from);
        let origin = [-0.1, -0.1];
        assert_eq!(representatives(&points, &origin, None, 1), [1]);
        assert_eq!(representatives(&points, &origin, Some(3), 2), [3, 1]);
        // The last is dominated by what is chosen before it.
        assert_eq!(representatives(&points, &origin, Some(0), 9), [0, 1, 3, 2]);
    }

    proptest! {
        #[test]
        fn fronts_are_what_dominance_says(points in points(30)) {
            let fronts = non_dominated_sort(&points);
            let mut rank = vec![usize::MAX; points.len()];
            for (k, front) in fronts.iter().enumerate() {
                front.iter().for_each(|&i| rank[i] = k);
            }
            for (i, p) in points.iter().enumerate() {
                let above = (0..points.len()).filter(|&j| dominates(&points[j], p)).map(|j| rank[j] + 1).max();
                prop_assert_eq!(rank[i], above.unwrap_or(0));
            }
            prop_assert_eq!(fronts.first().cloned().unwrap_or_default(), front(&points));
            let mut all = ranking(&points);
            all.sort_unstable();
            prop_assert!(all.into_iter().eq(0..points.len()));
        }

        #[test]
        fn the_hypervolume_is_exact(points in points(9)) {
            let m = points.first().map_or(1, Vec::len);
            let reference = vec![0.5; m];
            let (fast, slow) = (hypervolume(&points, &reference), by_subsets(&points, &reference));
            prop_assert!((fast - slow).abs() <= 1e-9 * (1.0 + slow), "{} {}", fast, slow);
            for (i, one) in hypervolumes(&points, &reference).into_iter().enumerate() {
                let whole = hypervolume(&points[..=i], &reference);
                prop_assert!((one - whole).abs() <= 1e-9 * (1.0 + whole), "{} {}", one, whole);
            }
        }
    }

    #[test]
    fn a_point_at_infinity_dominates_an_infinite_volume_from_then_on() {
        let points = [[1.0, 1.0], [f64::INFINITY, 2.0], [3.0, 3.0], [f64::INFINITY, 4.0]].map(Vec::from);
        assert_eq!(hypervolumes(&points, &[0.0, 0.0]), [1.0, f64::INFINITY, f64::INFINITY, f64::INFINITY]);
    }

    #[test]
    fn crowding_favours_ends_and_gaps() {
        let points = [[0.0, 10.0], [1.0, 9.0], [2.0, 8.0], [8.0, 2.0], [10.0, 0.0]].map(Vec::from);
        let d = crowding_distance(&points);
        assert!(d[0].is_infinite() && d[4].is_infinite());
        assert!(d[3] > d[2] && d[2] > d[1]);
        assert_eq!(crowding_distance(&[vec![1.0, 2.0], vec![1.0, 2.0]]), [0.0, 0.0]);
    }

    /// A front of 1,000 points on a sphere: the slowest case.
    #[test]
    fn a_thousand_points_are_fast() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut sphere = |m: usize| {
            let p: Vec<f64> = (0..m).map(|_| rng.random::<f64>() + 1e-3).collect();
            let norm = p.iter().map(|x| x * x).sum::<f64>().sqrt();
            p.iter().map(|x| x / norm).collect::<Vec<f64>>()
        };
        let three: Vec<_> = (0..1000).map(|_| sphere(3)).collect();
        let begun = Instant::now();
        let volume = hypervolume(&three, &[0.0; 3]);
        let hypervolume_ms = begun.elapsed().as_secs_f64() * 1e3;
        // An eighth of the unit ball, a little less.
        assert!((0.49..std::f64::consts::FRAC_PI_6).contains(&volume), "{volume}");
        let begun = Instant::now();
        assert_eq!(non_dominated_sort(&three).len(), 1);
        let sort_ms = begun.elapsed().as_secs_f64() * 1e3;
        let four: Vec<_> = (0..1000).map(|_| sphere(4)).collect();
        let begun = Instant::now();
        assert!(hypervolume(&four, &[0.0; 4]) > 0.2);
        let four_ms = begun.elapsed().as_secs_f64() * 1e3;
        println!(
            "1,000 points: 3 objectives {hypervolume_ms:.2} ms, sort {sort_ms:.2} ms, 4 objectives {four_ms:.1} ms"
        );
        // Generous, for busy machines and debug builds.
        assert!(hypervolume_ms < 50.0 && sort_ms < 200.0, "{hypervolume_ms} ms, {sort_ms} ms");
    }
}
