//! Which rows and columns a tree sees.
//!
//! Draws are made of the seed, the tree and the node alone, so that neither threads nor the order of work
//! change them.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::TrainConfig;

/// Two words as one that looks random (Steele et al. 2014, "Fast splittable pseudorandom number generators").
pub(crate) fn mix(a: u64, b: u64) -> u64 {
    let mut x = a ^ b.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The rows of a tree, in their order; nothing where it sees all of them.
pub(crate) fn rows(config: &TrainConfig, rows: &[u32], tree: u64) -> Option<Vec<u32>> {
    if config.row_fraction >= 1.0 && !config.with_replacement {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(mix(mix(config.seed, 1), tree));
    let wanted = ((rows.len() as f64 * config.row_fraction).round() as usize).clamp(1, rows.len());
    let mut drawn = Vec::with_capacity(wanted);
    if config.with_replacement {
        let mut times = vec![0_u32; rows.len()];
        for _ in 0..wanted {
            times[rng.random_range(0..rows.len())] += 1;
        }
        for (&row, &times) in rows.iter().zip(&times) {
            drawn.extend(std::iter::repeat_n(row, times as usize));
        }
        return Some(drawn);
    }
    // Selection sampling (Knuth, TAOCP 2, algorithm 3.4.2 S).
    for (at, &row) in rows.iter().enumerate() {
        let (left, needed) = (rows.len() - at, wanted - drawn.len());
        if rng.random_range(0..left) < needed {
            drawn.push(row);
        }
    }
    Some(drawn)
}

/// Which of `slots` a tree or a node sees: a share of those that are open, at least one.
pub(crate) fn slots(is_open: &[bool], fraction: f64, seed: u64) -> Vec<bool> {
    if fraction >= 1.0 {
        return is_open.to_vec();
    }
    let mut rng = ChaCha8Rng::seed_from_u64(mix(seed, 2));
    let open = is_open.iter().filter(|open| **open).count();
    let mut needed = ((open as f64 * fraction).round() as usize).max(1);
    let mut left = open;
    let draw = |open: &bool| {
        if !*open {
            return false;
        }
        let is_drawn = rng.random_range(0..left) < needed;
        left -= 1;
        needed -= usize::from(is_drawn);
        is_drawn
    };
    is_open.iter().map(draw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_have_the_size_that_is_asked_for_and_differ_by_tree() {
        let all: Vec<u32> = (0..1000).collect();
        let config = TrainConfig { row_fraction: 0.3, ..TrainConfig::default() };
        let first = rows(&config, &all, 0).unwrap();
        assert_eq!(first.len(), 300);
        assert!(first.windows(2).all(|pair| pair[0] < pair[1]));
        assert_ne!(first, rows(&config, &all, 1).unwrap());
        assert_eq!(first, rows(&config, &all, 0).unwrap());
        let bootstrap = TrainConfig { with_replacement: true, ..TrainConfig::default() };
        let drawn = rows(&bootstrap, &all, 0).unwrap();
        assert_eq!(drawn.len(), 1000);
        let distinct = drawn.windows(2).filter(|pair| pair[0] != pair[1]).count() + 1;
        assert!((590..680).contains(&distinct), "about 1 - 1/e of the rows: {distinct}");
    }

    #[test]
    fn only_open_slots_are_drawn_and_at_least_one() {
        let open = [true, false, true, true, false, true];
        let drawn = slots(&open, 0.5, 3);
        assert_eq!(drawn.iter().filter(|drawn| **drawn).count(), 2);
        assert!(drawn.iter().zip(&open).all(|(drawn, open)| !drawn || *open));
        assert_eq!(slots(&open, 0.01, 3).iter().filter(|drawn| **drawn).count(), 1);
    }
}
