//! Dominance among points of which larger is better in every coordinate.
//!
//! | symbol | meaning |
//! |---|---|
//! | `points` | `n` points of `m` objectives, oriented: larger is better // (n, m) |
//! | `reference` | the point that hypervolume is measured from, worse than what counts // (m,) |
//!
//! A point dominates another if it is nowhere worse and somewhere better. Equal points do not dominate each
//! other.

mod archive;

pub use archive::Archive;

use lightcrest_gp::transform::tamed;
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
        // Whoever dominates a point comes before it, and if it is dominated itself, so is it by one in the
        // front.
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
///
/// The extent is that of the finite values, as in Optuna: beside a neighbour at infinity a point is
/// infinitely lonely, and between two at the same infinity not at all.
pub fn crowding_distance(points: &[Vec<f64>]) -> Vec<f64> {
    let n = points.len();
    let mut distance = vec![0.0; n];
    for k in 0..points.first().map_or(0, Vec::len) {
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&i, &j| compare(points[i][k], points[j][k]).then(i.cmp(&j)));
        // Halves, so that no difference overflows.
        let half = |i: usize| 0.5 * points[order[i]][k];
        if half(0) == half(n - 1) {
            continue; // all equal here: no ends, no distances
        }
        let finite = || (0..n).map(half).filter(|value| value.is_finite());
        let extent = finite().next_back().zip(finite().next()).map_or(0.0, |(high, low)| high - low);
        distance[order[0]] = f64::INFINITY;
        distance[order[n - 1]] = f64::INFINITY;
        for i in 1..n.saturating_sub(1) {
            let (below, above) = (half(i - 1), half(i + 1));
            distance[order[i]] += match above - below {
                _ if above == below => 0.0,
                gap if gap.is_finite() && extent > 0.0 => gap / extent,
                _ => f64::INFINITY,
            };
        }
    }
    distance
}

/// The points with every coordinate in [0, 1], 1 the best: infinite ones at the ends of the finite ones and
/// absurd ones [drawn nearer](tamed), so that no volume or distance overflows. The order in each coordinate
/// stays, but for what was infinite.
///
/// # Shapes
/// `points` (n, m), and so is the result.
pub(crate) fn bounded(points: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let m = points.first().map_or(0, Vec::len);
    let mut bounded = vec![vec![1.0; m]; points.len()];
    for k in 0..m {
        let finite = || points.iter().map(|point| point[k]).filter(|value| value.is_finite());
        let (low, high) = finite().fold((f64::MAX, f64::MIN), |(low, high), v| (low.min(v), high.max(v)));
        // Without any finite value there are but the two ends.
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let clipped = |point: &Vec<f64>| if point[k].is_nan() { low } else { point[k].clamp(low, high) };
        let column = tamed(&points.iter().map(clipped).collect::<Vec<f64>>());
        let depth = -column.iter().copied().fold(0.0, f64::min);
        for (point, value) in bounded.iter_mut().zip(column) {
            point[k] = if depth > 0.0 { 1.0 + value / depth } else { 1.0 };
        }
    }
    bounded
}

/// Whether volumes of these points can be computed as they are.
pub(crate) fn is_moderate(points: &[Vec<f64>]) -> bool {
    points.iter().flatten().all(|value| value.abs() < 1e50)
}

/// The first `size` indices, front by front. Of the front that does not fit as a whole `choose` picks: it is
/// given the indices that are in already, that front and the room that is left, and answers with positions in
/// the front.
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

/// At most `count` points that stand for all: `first`, if given, then again and again the one that adds the
/// most hypervolume, the earlier of equals. Points that add nothing are left out.
///
/// Greedy subset selection: at least 1 - 1/e of the volume of the best subset (Guerreiro et al. 2016,
/// Evolutionary Computation 24(3)). What a point adds can only shrink as others are chosen, so it is computed
/// again only while what it added last is the most of all (Minoux 1978).
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
/// (Beume et al. 2009, IEEE TEVC 13(5)). More: the exclusive volumes are summed slice by slice in one
/// objective less (While et al. 2012, WFG, IEEE TEVC 16(1)); four objectives cost O(n² log n).
///
/// Points that are not above the reference in every objective add nothing. Infinite where a point that
/// counts, or the reference, is infinite, and where the volume exceeds the largest number; never NaN.
///
/// # Shapes
/// `points` (n, m), `reference` (m,), m >= 1.
pub fn hypervolume(points: &[Vec<f64>], reference: &[f64]) -> f64 {
    let above = |p: &&Vec<f64>| p.iter().zip(reference).all(|(x, r)| x > r);
    let shifted = points.iter().filter(above).map(|p| p.iter().zip(reference).map(|(x, r)| x - r).collect());
    let shifted: Vec<Vec<f64>> = shifted.collect();
    if shifted.iter().flatten().any(|x| x.is_infinite()) {
        return f64::INFINITY;
    }
    if is_moderate(&shifted) {
        return volume(shifted);
    }
    // In units of the largest, so that nothing overflows before the end.
    let sizes: Vec<f64> =
        (0..reference.len()).map(|k| shifted.iter().map(|p| p[k]).fold(0.0, f64::max)).collect();
    let scaled = shifted.iter().map(|p| p.iter().zip(&sizes).map(|(x, size)| x / size).collect());
    sizes.iter().fold(volume(scaled.collect()), |volume, size| volume * size)
}

/// The hypervolume of the first point, of the first two, and so on. Each point adds its box minus what is
/// dominated in there already, so the whole costs a hypervolume of the front a point. Once infinite it stays
/// so.
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
    fn a_thousand_points_have_the_volume_of_the_ball() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut sphere = |m: usize| {
            let p: Vec<f64> = (0..m).map(|_| rng.random::<f64>() + 1e-3).collect();
            let norm = p.iter().map(|x| x * x).sum::<f64>().sqrt();
            p.iter().map(|x| x / norm).collect::<Vec<f64>>()
        };
        let three: Vec<_> = (0..1000).map(|_| sphere(3)).collect();
        let volume = hypervolume(&three, &[0.0; 3]);
        // An eighth of the unit ball, a little less.
        assert!((0.49..std::f64::consts::FRAC_PI_6).contains(&volume), "{volume}");
        assert_eq!(non_dominated_sort(&three).len(), 1);
        let four: Vec<_> = (0..300).map(|_| sphere(4)).collect();
        assert!(hypervolume(&four, &[0.0; 4]) > 0.15);
    }

    #[test]
    fn infinite_and_huge_coordinates_make_no_nan_and_no_chance() {
        let (inf, huge) = (f64::INFINITY, 1.7e308);
        let points: Vec<Vec<f64>> = [
            [-inf, inf],
            [-inf, inf],
            [-huge, 9.0],
            [0.0, 5.0],
            [1.0, 3.0],
            [2.0, 2.0],
            [huge, -huge],
            [inf, -inf],
        ]
        .map(Vec::from)
        .to_vec();
        let distance = crowding_distance(&points);
        assert!(distance.iter().all(|d| *d >= 0.0), "{distance:?}");
        assert!(distance[4].is_finite() && distance[0].is_infinite() && distance[7].is_infinite());
        let all: Vec<Vec<f64>> = (0..4).map(|_| vec![inf, 1.0]).collect();
        assert_eq!(crowding_distance(&all), [0.0; 4]);
        // The finite part of a column is judged as if the infinite one were an end.
        let finite = crowding_distance(&points[3..6]);
        assert!(finite[1] > 0.0);
        assert_eq!(hypervolume(&points, &[-1.0, -1.0]), 6.0 + 3.0 + 4.0);
        assert_eq!(hypervolume(&[vec![inf, 1.0], vec![0.0, 2.0]], &[0.0, 0.0]), inf);
        assert_eq!(hypervolume(&[vec![0.0, 0.0]], &[-inf, -1.0]), inf);
        let large = hypervolume(&[vec![1e200, 1e100], vec![2e200, 0.5e100]], &[0.0, 0.0]);
        assert!((large / 1.5e300 - 1.0).abs() < 1e-12, "{large}");
        assert_eq!(hypervolume(&[vec![1e200, 1e200], vec![2e200, 1e199]], &[0.0, 0.0]), inf);
        for point in bounded(&points) {
            assert!(point.iter().all(|v| (0.0..=1.0).contains(v)), "{point:?}");
        }
        // What is absurdly bad or infinite leaves the others apart.
        let found: Vec<f64> = bounded(&points[..6]).iter().map(|point| point[0]).collect();
        assert!(
            found[0] <= found[2] && found[2..].windows(2).all(|pair| pair[1] > pair[0] + 0.1),
            "{found:?}"
        );
    }
}
