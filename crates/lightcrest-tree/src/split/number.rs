//! Splits of numbers: a threshold, and a side for missing values.
//!
//! Both sides are tried for missing values (Chen & Guestrin 2016, algorithm 3). Where a node has none, they
//! go with the larger child. A threshold between two values that lie far apart is put in the middle of the
//! bins between them.

use super::{Node, Penalty, Rule, Search, Split};
use crate::Monotone;
use crate::histogram::{Cell, add, count, subtract};

/// The best threshold seen.
struct Best {
    gain: f64,
    last: usize,
    left: Cell,
}

pub(super) fn best(
    search: &Search<'_>,
    cells: &[Cell],
    node: &Node,
    penalty: &Penalty,
    monotone: Monotone,
    random: Option<u64>,
) -> Option<Split> {
    let (missing, values) = cells.split_last().expect("a feature has a bin for missing values");
    let missing_rows = count(*missing);
    let scan = |start: Cell, ends: usize| match random {
        None => scan(search, values, start, ends, node, penalty, monotone),
        Some(random) => one(search, values, start, ends, node, penalty, monotone, random),
    };
    let right = scan([0; 2], if missing_rows > 0 { values.len() } else { values.len() - 1 });
    let left = if missing_rows > 0 { scan(*missing, values.len() - 1) } else { None };
    let (best, missing_left) = match (right, left) {
        (Some(right), Some(left)) if left.gain > right.gain => (left, true),
        (None, Some(left)) => (left, true),
        (Some(right), _) => {
            let is_larger = 2 * count(right.left) > count(node.total);
            (right, missing_rows == 0 && is_larger)
        }
        (None, None) => return None,
    };
    let scale = search.scale;
    let right = subtract(node.total, best.left);
    Some(Split {
        gain: best.gain,
        slot: 0,
        rule: Rule::Number { last: u8::try_from(best.last).expect("a bin is a byte"), missing_left },
        left: best.left,
        left_value: penalty.value(scale.gradient(best.left), scale.hessian(best.left), node.bounds),
        right_value: penalty.value(scale.gradient(right), scale.hessian(right), node.bounds),
    })
}

/// Tries every threshold after a bin that is not empty, below `ends`.
fn scan(
    search: &Search<'_>,
    values: &[Cell],
    start: Cell,
    ends: usize,
    node: &Node,
    penalty: &Penalty,
    monotone: Monotone,
) -> Option<Best> {
    let (config, scale) = (search.config, search.scale);
    let min_hessian = config.min_hessian.max(f64::MIN_POSITIVE);
    let rows = count(node.total);
    let (gradient, hessian) = (scale.gradient(node.total), scale.hessian(node.total));
    let mut gain = penalty.gain(gradient, hessian, node.bounds) + config.min_gain;
    let before = gain;
    let mut best = None;
    let mut left = start;
    for (last, cell) in values[..ends].iter().enumerate() {
        if cell[1] == 0 {
            continue;
        }
        left = add(left, *cell);
        let left_rows = count(left);
        if left_rows < config.min_rows {
            continue;
        }
        if rows - left_rows < config.min_rows.max(1) {
            break;
        }
        let left_hessian = scale.hessian(left);
        let right_hessian = hessian - left_hessian;
        if left_hessian < min_hessian {
            continue;
        }
        if right_hessian < min_hessian {
            break;
        }
        let left_gradient = scale.gradient(left);
        let sides = [[left_gradient, left_hessian], [gradient - left_gradient, right_hessian]];
        let candidate = penalty.gain_of_two(sides[0], sides[1], node.bounds, monotone);
        if candidate > gain {
            gain = candidate;
            best = Some((last, left));
        }
    }
    let (last, left) = best?;
    Some(Best { gain: gain - before, last: middle(values, last), left })
}

/// The middle of the empty bins behind one.
fn middle(values: &[Cell], last: usize) -> usize {
    let empty = values[last + 1..].iter().take_while(|cell| cell[1] == 0).count();
    // Behind the last value there is nothing to be in the middle of.
    if last + 1 + empty == values.len() { last } else { last + empty / 2 }
}

/// One random threshold between the smallest and the largest value.
fn one(
    search: &Search<'_>,
    values: &[Cell],
    start: Cell,
    ends: usize,
    node: &Node,
    penalty: &Penalty,
    monotone: Monotone,
    random: u64,
) -> Option<Best> {
    let first = values.iter().position(|cell| cell[1] != 0)?;
    let end = values[..ends].iter().rposition(|cell| cell[1] != 0)? + 1;
    // Without missing values, the largest value alone makes no split.
    let thresholds = (end - first).saturating_sub(usize::from(end == values.len() || ends < values.len()));
    if thresholds == 0 {
        return None;
    }
    let last = first + usize::try_from(random % thresholds as u64).expect("at most 256");
    let left = values[first..=last].iter().fold(start, |sum, cell| add(sum, *cell));
    let (config, scale) = (search.config, search.scale);
    let right = subtract(node.total, left);
    let sides = [left, right].map(|cell| [scale.gradient(cell), scale.hessian(cell)]);
    let min_hessian = config.min_hessian.max(f64::MIN_POSITIVE);
    let is_small = |cell, side: [f64; 2]| count(cell) < config.min_rows.max(1) || side[1] < min_hessian;
    if is_small(left, sides[0]) || is_small(right, sides[1]) {
        return None;
    }
    let before = penalty.gain(scale.gradient(node.total), scale.hessian(node.total), node.bounds);
    let gain = penalty.gain_of_two(sides[0], sides[1], node.bounds, monotone) - before - config.min_gain;
    (gain > 0.0).then_some(Best { gain, last, left })
}
