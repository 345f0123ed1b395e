//! The grid of leaves' values.
//!
//! Sums of f32 depend on their order, and runtimes add the trees of a row in orders of their own. Where all
//! values are multiples of one unit, a power of two, and no sum of them leaves 2²⁴ units, every sum is exact,
//! so that each order gives the same bits. The unit follows from the largest leaf of each tree; it moves a
//! prediction by at most half a unit a tree, about 10⁻⁷ of the range of scores.

/// Units that a sum of f32 may reach and stay exact.
const SUM_LIMIT: f64 = 16_777_216.0; // 2^24

/// The unit for trees whose largest leaves are these, by output.
pub(super) fn unit(largest: &[Vec<f64>]) -> f64 {
    let mut unit = f64::from(f32::MIN_POSITIVE);
    for largest in largest {
        // Rounding may add half a unit a tree.
        let room = SUM_LIMIT - largest.len() as f64 / 2.0;
        let needed = largest.iter().sum::<f64>() / room.max(1.0);
        if needed > unit {
            unit = 2.0_f64.powi(needed.log2().ceil() as i32);
        }
        if needed > unit {
            unit *= 2.0; // The logarithm was rounded down.
        }
    }
    unit
}

/// The nearest multiple of the unit.
pub(super) fn snap(value: f64, unit: f64) -> f32 {
    ((value / unit).round_ties_even() * unit) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_in_any_order() {
        let values: Vec<f64> = (0..1000).map(|i| (i as f64 * 0.37).sin() * 0.05 + 1e-3).collect();
        let unit = unit(&[values.iter().map(|value| value.abs()).collect()]);
        let snapped: Vec<f32> = values.iter().map(|value| snap(*value, unit)).collect();
        let forward: f32 = snapped.iter().sum();
        let backward: f32 = snapped.iter().rev().sum();
        let exact: f64 = snapped.iter().map(|value| f64::from(*value)).sum();
        assert_eq!(forward.to_bits(), backward.to_bits());
        assert_eq!(f64::from(forward), exact);
        assert!((exact - values.iter().sum::<f64>()).abs() < 1e-3 * 0.05);
        let absolute: f32 = snapped.iter().map(|value| value.abs()).sum();
        assert!(f64::from(absolute) <= SUM_LIMIT * unit);
    }
}
