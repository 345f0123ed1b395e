//! Width and depth multipliers (Sandler et al. 2018; Tan and Le 2019).

/// `value` rounded to the nearest multiple of `divisor`, at least `divisor`, and never more than 10% below
/// `value`.
///
/// ```
/// use lightcrest_model::block::make_divisible;
/// assert_eq!(make_divisible(20.0, 8), 24);
/// assert_eq!(make_divisible(11.0, 8), 16); // 8 would drop 27%
/// ```
pub fn make_divisible(value: f64, divisor: usize) -> usize {
    let divisor = divisor.max(1);
    let nearest = ((value + divisor as f64 / 2.0) as usize / divisor * divisor).max(divisor);
    if (nearest as f64) < 0.9 * value { nearest + divisor } else { nearest }
}

/// A repeat under a depth multiplier: `max(round(n * depth), 1)` for `n > 1`, halves to the even; 0 and 1
/// stay.
pub fn scaled_repeat(repeat: usize, depth: f64) -> usize {
    if repeat > 1 { ((repeat as f64 * depth).round_ties_even() as usize).max(1) } else { repeat }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn make_divisible_keeps_nine_tenths() {
        for (value, expected) in [
            (1.0, 8),
            (8.0, 8),
            (11.9, 16),
            (12.0, 16),
            (16.0, 16),
            (17.0, 16),
            (18.0, 24),
            (96.0, 96),
            (100.0, 104),
        ] {
            assert_eq!(make_divisible(value, 8), expected, "{value}");
        }
        for value in 1..2000 {
            assert!(make_divisible(f64::from(value), 8) as f64 >= 0.9 * f64::from(value));
        }
    }

    #[test]
    fn depth_leaves_single_layers_alone() {
        assert_eq!(scaled_repeat(1, 0.25), 1);
        assert_eq!(scaled_repeat(1, 2.0), 1);
        assert_eq!(scaled_repeat(2, 0.25), 1);
        assert_eq!(scaled_repeat(5, 0.5), 2);
        assert_eq!(scaled_repeat(6, 0.75), 4);
        assert_eq!(scaled_repeat(3, 1.0), 3);
    }
}
