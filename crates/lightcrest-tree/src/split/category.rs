//! Splits of categories: a set of levels.
//!
//! For a convex loss the best of all sets is a prefix of the levels in the order of their mean (Fisher 1958,
//! "On grouping for maximum homogeneity"); here of `G / (H + smoothing)`, from either end, as in LightGBM
//! (Ke et al. 2017, and "optimal split for categorical features" of its documentation). Levels with fewer
//! rows than the smoothing never go left, and neither do unseen ones: they stay with the larger side.

use super::{Node, Penalty, Rule, Search, Split};
use crate::Monotone;
use crate::histogram::{Cell, add, count, subtract};

/// The best set seen.
struct Best {
    gain: f64,
    bins: [u64; 4],
    left: Cell,
}

pub(super) fn best(
    search: &Search<'_>,
    cells: &[Cell],
    node: &Node,
    penalty: &Penalty,
    random: Option<u64>,
) -> Option<Split> {
    let scale = search.scale;
    let before = penalty.gain(scale.gradient(node.total), scale.hessian(node.total), node.bounds)
        + search.config.min_gain;
    let (best, penalty) = if cells.len() <= search.config.categories.one_hot_levels {
        (one_level(search, cells, node, penalty, before, random), *penalty)
    } else {
        let penalty = penalty.with_l2(penalty.l2 + search.config.categories.l2);
        (many_levels(search, cells, node, &penalty, before, random), penalty)
    };
    let best = best?;
    let right = subtract(node.total, best.left);
    Some(Split {
        gain: best.gain - before,
        slot: 0,
        rule: Rule::Category { bins: best.bins },
        left: best.left,
        left_value: penalty.value(scale.gradient(best.left), scale.hessian(best.left), node.bounds),
        right_value: penalty.value(scale.gradient(right), scale.hessian(right), node.bounds),
    })
}

fn insert(bins: &mut [u64; 4], bin: u8) {
    bins[usize::from(bin / 64)] |= 1 << (bin % 64);
}

/// Twice what both sides lower the loss by, or nothing if one is too small.
fn judge(search: &Search<'_>, left: Cell, node: &Node, penalty: &Penalty) -> Option<f64> {
    let (config, scale) = (search.config, search.scale);
    let right = subtract(node.total, left);
    let min_hessian = config.min_hessian.max(f64::MIN_POSITIVE);
    let is_small = |cell| count(cell) < config.min_rows.max(1) || scale.hessian(cell) < min_hessian;
    if is_small(left) || is_small(right) {
        return None;
    }
    let sides = [left, right].map(|cell| [scale.gradient(cell), scale.hessian(cell)]);
    Some(penalty.gain_of_two(sides[0], sides[1], node.bounds, Monotone::Free))
}

/// One level against the others.
fn one_level(
    search: &Search<'_>,
    cells: &[Cell],
    node: &Node,
    penalty: &Penalty,
    mut gain: f64,
    random: Option<u64>,
) -> Option<Best> {
    let mut best = None;
    let levels = cells.len() - 1; // The last bin is for unseen levels.
    for bin in 0..levels {
        if random.is_some_and(|random| random % levels as u64 != bin as u64) {
            continue;
        }
        match judge(search, cells[bin], node, penalty) {
            Some(candidate) if candidate > gain => {
                gain = candidate;
                let mut bins = [0; 4];
                insert(&mut bins, u8::try_from(bin).expect("a bin is a byte"));
                best = Some(Best { gain, bins, left: cells[bin] });
            }
            _ => {}
        }
    }
    best
}

/// A prefix of the ordered levels, from either end.
fn many_levels(
    search: &Search<'_>,
    cells: &[Cell],
    node: &Node,
    penalty: &Penalty,
    mut gain: f64,
    random: Option<u64>,
) -> Option<Best> {
    let (scale, settings) = (search.scale, &search.config.categories);
    let levels = &cells[..cells.len() - 1];
    let mut ordered: Vec<(f64, u8)> = levels
        .iter()
        .zip(0..)
        .filter(|(cell, _)| cell[1] != 0 && count(**cell) as f64 >= settings.smoothing)
        .map(|(cell, bin)| (scale.gradient(*cell) / (scale.hessian(*cell) + settings.smoothing), bin))
        .collect();
    ordered.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let most = settings.max_levels.min(ordered.len().div_ceil(2));
    let only = random.map(|random| usize::try_from(random % most.max(1) as u64).expect("at most 256"));
    let rows = count(node.total);
    let mut best: Option<Best> = None;
    for from_end in [false, true] {
        let (mut left, mut bins, mut group) = ([0; 2], [0; 4], 0);
        for at in 0..most {
            let (_, bin) = ordered[if from_end { ordered.len() - 1 - at } else { at }];
            let cell = cells[usize::from(bin)];
            left = add(left, cell);
            insert(&mut bins, bin);
            group += count(cell);
            if rows - count(left) < settings.min_rows_per_group.max(search.config.min_rows) {
                break;
            }
            if group < settings.min_rows_per_group || only.is_some_and(|only| only != at) {
                continue;
            }
            let Some(candidate) = judge(search, left, node, penalty) else { continue };
            group = 0;
            if candidate > gain {
                gain = candidate;
                best = Some(Best { gain, bins, left });
            }
        }
    }
    best
}
