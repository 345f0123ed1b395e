//! Steps of real numbers, `low + k step`, in decimal arithmetic.
//!
//! A number means what it is written as: 0.1 is a tenth, though no `f64` is. So `low`, `high` and `step` are
//! taken by their shortest decimals, `k` and `low + k step` are computed exactly, and only the result is
//! rounded to an `f64`. This is what Optuna does with Python's `decimal` to lower a `high` that no step
//! meets.
//!
//! | symbol | meaning |
//! |---|---|
//! | `e` | `exponent`: numbers are whole multiples of 10^e |
//! | `n` | `last`: the largest k such that `low + k step` does not exceed `high` |
//!
//! A `high` that is the `f64` nearest to `low + k step` is met, even if its own decimals end a little below.

/// Decimal digits that are kept, counted from the first digit of the largest number: those of Python's
/// default context.
const DIGITS: i32 = 28;

/// The values of a stepped domain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    low: i128,
    step: i128,
    exponent: i32,
    last: u64,
    exact: bool,
}

impl Steps {
    /// `None` unless `low <= high`, all are finite and the step is positive and not lost beside the bounds.
    pub(super) fn new(low: f64, high: f64, step: f64) -> Option<Self> {
        if !(low <= high && low.is_finite() && high.is_finite() && step.is_finite() && step > 0.0) {
            return None;
        }
        let numbers = [low, high, step].map(decimal);
        let largest = numbers.iter().filter(|n| n.0 != 0).map(|n| magnitude(*n)).max()?;
        let finest = numbers.iter().filter(|n| n.0 != 0).map(|n| n.1).min()?;
        let exponent = finest.max(largest - DIGITS);
        let [low, last, step] = numbers.map(|number| scaled(number, exponent));
        if step == 0 {
            return None;
        }
        let count = u64::try_from((last - low) / step).ok()?;
        let mut steps = Self { low, step, exponent, last: count, exact: (last - low) % step == 0 };
        if !steps.exact && count < u64::MAX && steps.value(count + 1) == high {
            steps.last += 1;
        }
        Some(steps)
    }

    /// The largest `k`.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Whether `high` is one of the values by its decimals.
    pub(super) fn is_exact(&self) -> bool {
        self.exact
    }

    /// `low + k step`.
    pub(super) fn value(&self, k: u64) -> f64 {
        let number = self.low + i128::from(k) * self.step;
        // Numbers of this form always parse.
        format!("{number}e{}", self.exponent).parse().unwrap_or(f64::NAN)
    }
}

/// The shortest decimal that reads as a number: digits and the power of ten that they are multiplied with.
fn decimal(number: f64) -> (i128, i32) {
    let text = format!("{number:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}").parse().unwrap_or(0);
    (digits, exponent.parse::<i32>().unwrap_or(0) - fraction.len() as i32)
}

/// The power of ten above a decimal.
fn magnitude((digits, exponent): (i128, i32)) -> i32 {
    digits.unsigned_abs().checked_ilog10().map_or(0, |log| log as i32 + 1) + exponent
}

/// A decimal in multiples of 10^exponent, rounded.
fn scaled((digits, own): (i128, i32), exponent: i32) -> i128 {
    if digits == 0 {
        return 0;
    }
    if own >= exponent {
        // At most DIGITS digits, since the exponent is that near to the largest number.
        return digits * 10i128.pow((own - exponent) as u32);
    }
    match 10i128.checked_pow((exponent - own) as u32) {
        Some(unit) => (digits + digits.signum() * unit / 2) / unit,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn high_is_lowered_as_by_pythons_decimals() {
        // (low, high, step) and what Optuna 5 makes of high.
        let pi = std::f64::consts::PI;
        for (low, high, step, lowered) in [
            (-pi / 4.0, 3.75 * pi, pi / 2.0, 10.210_176_124_166_828),
            (0.0, 1.0, 1.0 / 3.0, 0.999_999_999_999_999_9),
            (0.0, 1.0, 0.3, 0.9),
            (1.0, 6.0, 0.1, 6.0),
            (0.0, 5.0, 0.1, 5.0),
            (1e-300, 1.0, 0.1, 1.0),
            (-1e17, 1e17, 1e3, 1e17),
            (0.1, 0.1, 7.0, 0.1),
        ] {
            let steps = Steps::new(low, high, step).unwrap();
            assert_eq!(steps.value(steps.last()), lowered, "{low} {high} {step}");
        }
    }

    proptest! {
        #[test]
        fn lowered_once_is_lowered_for_good(
            low in -1e3..1e3f64, step in prop_oneof![1e-3..10.0f64, (1..1000i32).prop_map(|k| f64::from(k) / 1000.0)],
            cells in 0..5000u32, part in prop_oneof![Just(0.0), 0.0..1.0f64],
        ) {
            let high = low + (f64::from(cells) + part) * step;
            prop_assume!(low <= high);
            let steps = Steps::new(low, high, step).unwrap();
            let end = steps.value(steps.last());
            prop_assert!(end <= high && end > high - 1.000_001 * step);
            let again = Steps::new(low, end, step).unwrap();
            prop_assert_eq!((again.last(), again.value(again.last())), (steps.last(), end));
        }
    }
}
