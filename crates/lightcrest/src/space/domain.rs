//! The values that a parameter may have.

use super::steps::Steps;
use super::{Choices, SpaceError, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kind of a parameter and its bounds.
///
/// As JSON: `{"type": "float", "low": 1e-5, "high": 0.1, "log": true}`, and likewise `"int"` (`low`, `high`,
/// `log`, `step`) and `"categorical"` (`choices`, `ordered`). What may be left out has a default: linear,
/// step 1 or none, unordered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Domain {
    /// A real number.
    Float {
        /// The smallest value.
        low: f64,
        /// The largest value. With a step, the last `low + k step` that does not exceed it, in decimal
        /// arithmetic; spaces and trials hold it lowered to that.
        high: f64,
        /// Whether the scale is logarithmic.
        #[serde(default)]
        log: bool,
        /// Only `low + k step` are values.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<f64>,
    },
    /// A whole number.
    Int {
        /// The smallest value.
        low: i64,
        /// The largest value, or the last `low + k step` that does not exceed it; spaces and trials hold it
        /// lowered to that.
        high: i64,
        /// Whether the scale is logarithmic.
        #[serde(default)]
        log: bool,
        /// Only `low + k step` are values.
        #[serde(default = "one")]
        step: i64,
    },
    /// One of a list of scalars.
    Categorical {
        /// The values, all different.
        choices: Choices,
        /// Whether the list is in an order that means something, such as 16 < 32 < 64.
        #[serde(default)]
        ordered: bool,
    },
}

fn one() -> i64 {
    1
}

impl Domain {
    /// How many values there are; `None` for a continuous domain. The 2^64 values of all whole numbers count
    /// as one fewer.
    pub fn cells(&self) -> Option<u64> {
        match self {
            Self::Categorical { choices, .. } => Some(choices.len() as u64),
            _ => self.last_cell().map(|last| last.saturating_add(1)),
        }
    }

    /// The index of the last value of a domain that has [cells](Self::cells) and at least one of them.
    pub(crate) fn last_cell(&self) -> Option<u64> {
        match self {
            Self::Float { low, high, step: Some(step), .. } => {
                Some(Steps::new(*low, *high, *step).map_or(0, |steps| steps.last()))
            }
            Self::Float { low, high, step: None, .. } => (low == high).then_some(0),
            Self::Int { low, high, step, .. } => Some(high.abs_diff(*low) / step.unsigned_abs().max(1)),
            Self::Categorical { choices, .. } => (choices.len() as u64).checked_sub(1),
        }
    }

    /// The value of cell `index` of a domain that has [cells](Self::cells); the last one for a larger index.
    pub fn cell(&self, index: u64) -> Option<Value> {
        match self {
            Self::Float { low, step: None, .. } => self.last_cell().map(|_| Value::Float(*low)),
            Self::Float { low, high, step: Some(step), .. } => {
                let steps = Steps::new(*low, *high, *step);
                let value = steps.map_or(*low, |steps| steps.value(index.min(steps.last())));
                Some(Value::Float(value.clamp(*low, *high)))
            }
            Self::Int { low, step, .. } => {
                let index = index.min(self.last_cell()?);
                // Modulo 2^64 the sum is exact, and it is within the range.
                Some(Value::Int(low.wrapping_add(index.wrapping_mul(*step as u64) as i64)))
            }
            Self::Categorical { choices, .. } => {
                choices.get((index as usize).min(choices.len().checked_sub(1)?)).cloned()
            }
        }
    }

    /// Which cell a value is; `None` when it is none of the domain's or the domain is continuous.
    pub fn cell_of(&self, value: &Value) -> Option<u64> {
        match self {
            Self::Float { low, high, step, .. } => {
                let value = value.as_f64()?;
                let Some(step) = step else { return (low == high && *low == value).then_some(0) };
                let noise = noise(low.abs().max(high.abs()));
                if !(low - noise..=high + noise).contains(&value) {
                    return None;
                }
                let cell = ((value - low) / step).round();
                let near = (value - low - cell * step).abs() <= 1e-6 * step + noise;
                (near && cell as u64 <= self.last_cell()?).then_some(cell as u64)
            }
            Self::Int { low, high, step, .. } => {
                let value = value.as_i64().filter(|value| (*low..=*high).contains(value))?;
                let (above, step) = (value.abs_diff(*low), step.unsigned_abs().max(1));
                (above % step == 0).then_some(above / step)
            }
            Self::Categorical { choices, .. } => choices.position(value).map(|i| i as u64),
        }
    }

    /// The domain with `high` lowered to its last value, where it has a step: what it says of itself is then
    /// what its values are.
    pub fn lowered(&self) -> Self {
        let mut domain = self.clone();
        match &mut domain {
            Self::Float { low, high, step: Some(step), .. } => {
                if let Some(steps) = Steps::new(*low, *high, *step) {
                    *high = steps.value(steps.last()).clamp(*low, *high);
                }
            }
            Self::Int { low, high, step, .. } if *step > 1 && *low <= *high => {
                *high -= (high.abs_diff(*low) % step.unsigned_abs()) as i64;
            }
            _ => {}
        }
        domain
    }

    /// Whether `high` is one of the values: always, where there is no step.
    pub fn meets_high(&self) -> bool {
        match self {
            Self::Float { low, high, step: Some(step), .. } => {
                Steps::new(*low, *high, *step).is_none_or(|steps| steps.is_exact())
            }
            Self::Int { low, high, step, .. } if *step > 1 && *low <= *high => {
                high.abs_diff(*low) % step.unsigned_abs() == 0
            }
            _ => true,
        }
    }

    /// Whether a value is of this domain. A float parameter takes whole numbers too; an int one takes no
    /// floats.
    pub fn contains(&self, value: &Value) -> bool {
        match self {
            Self::Float { low, high, step: None, .. } => {
                value.as_f64().is_some_and(|value| (*low..=*high).contains(&value))
            }
            _ => self.cell_of(value).is_some(),
        }
    }

    /// The smallest and the largest value of a domain of ascending numbers; `None` for others.
    pub(crate) fn ends(&self) -> Option<(f64, f64)> {
        match self {
            Self::Float { low, high, .. } => Some((*low, *high)),
            Self::Int { low, high, .. } => Some((*low as f64, *high as f64)),
            Self::Categorical { choices, ordered } => {
                let numbers: Vec<f64> = choices.iter().map(Value::as_f64).collect::<Option<_>>()?;
                // A single choice is in order.
                let ascending = numbers.windows(2).all(|pair| pair[0] < pair[1]);
                let ends = numbers.first().copied().zip(numbers.last().copied());
                ends.filter(|_| ascending && (*ordered || numbers.len() == 1))
            }
        }
    }

    /// The first and the last cell with a value in `[low, high]`, of a domain that has cells and
    /// [ends](Self::ends); `None` if there is no such cell.
    pub(crate) fn cells_within(&self, low: f64, high: f64) -> Option<(u64, u64)> {
        let cells = self.cells()?;
        // The number of cells for which something holds that holds for the first ones only.
        let count = |holds: &dyn Fn(f64) -> bool| {
            let (mut from, mut to) = (0, cells);
            while from < to {
                let middle = from + (to - from) / 2;
                let value = self.cell(middle).and_then(|value| value.as_f64());
                if value.is_some_and(holds) { from = middle + 1 } else { to = middle }
            }
            from
        };
        let (below, within) = (count(&|value| value < low), count(&|value| value <= high));
        (below < within).then(|| (below, within - 1))
    }

    /// A value that was given from outside as one of this domain's kind, in its range or not; `None` if it is
    /// of another kind, or not positive on a logarithmic scale. What is true counts as 1, what is false as 0.
    pub(crate) fn convert(&self, value: &Value) -> Option<Value> {
        let number = value.number()?;
        match self {
            Self::Float { log, .. } => (!log || number > 0.0).then_some(Value::Float(number)),
            Self::Int { log, .. } => {
                // Both ends are exact, and 2^63 is no `i64` any more.
                let fits = (i64::MIN as f64..-(i64::MIN as f64)).contains(&number);
                let whole = value.as_i64().or_else(|| fits.then_some(number as i64))?;
                (!log || whole > 0).then_some(Value::Int(whole))
            }
            Self::Categorical { choices, .. } => {
                choices.iter().find(|choice| choice.number() == Some(number)).cloned()
            }
        }
    }

    /// A value of this domain as the engine writes it: whole numbers of floats as floats, steps hit exactly.
    pub(crate) fn conform(&self, value: &Value) -> Value {
        let exact = self.cell_of(value).and_then(|cell| self.cell(cell));
        match (exact, value) {
            (Some(exact), _) => exact,
            (None, Value::Int(value)) => Value::Float(*value as f64),
            (None, value) => value.clone(),
        }
    }

    /// The smallest domain of the same kind that holds both: ranges may grow, shrink and move from trial to
    /// trial. `None` if the two are different things: another kind, another scale, other choices.
    ///
    /// Where steps do not fit together, whole numbers get the largest step that meets all values, and floats
    /// get none.
    pub(crate) fn union(&self, other: &Self) -> Option<Self> {
        let union = match (self, other) {
            (
                Self::Float { low, high, log, step },
                Self::Float { low: low2, high: high2, log: log2, step: step2 },
            ) if log == log2 => {
                let step = step.filter(|step| {
                    let apart = (low - low2) / step;
                    *step2 == Some(*step) && (apart - apart.round()).abs() < 1e-6
                });
                let (low, high) = (low.min(*low2), high.max(*high2));
                // The sum of many steps may end a rounding above the last value that was seen.
                let end = step.map_or(high, |step| high.max(low + ((high - low) / step).round() * step));
                Some(Self::Float { low, high: end, log: *log, step })
            }
            (
                Self::Int { low, high, log, step },
                Self::Int { low: low2, high: high2, log: log2, step: step2 },
            ) if log == log2 => {
                let steps = common_divisor(step.unsigned_abs(), step2.unsigned_abs());
                let step = common_divisor(steps, low.abs_diff(*low2)) as i64;
                Some(Self::Int { low: *low.min(low2), high: *high.max(high2), log: *log, step })
            }
            (Self::Categorical { choices, .. }, Self::Categorical { choices: other, .. }) => {
                (choices == other).then(|| self.clone())
            }
            _ => None,
        };
        union.filter(|domain| domain.check("").is_ok())
    }

    /// Whether every bound, step and choice makes sense.
    pub(crate) fn check(&self, name: &str) -> Result<(), SpaceError> {
        let name = || name.to_owned();
        match self {
            Self::Float { low, high, log, step } => {
                if !(low.is_finite() && high.is_finite() && (high - low).is_finite()) {
                    return Err(SpaceError::NonFiniteBounds { name: name(), low: *low, high: *high });
                }
                let (low_value, high_value) = (Value::Float(*low), Value::Float(*high));
                if low > high {
                    return Err(SpaceError::ReversedBounds {
                        name: name(),
                        low: low_value,
                        high: high_value,
                    });
                }
                if *log && *low <= 0.0 {
                    return Err(SpaceError::LogNotPositive { name: name(), low: low_value });
                }
                let Some(step) = *step else { return Ok(()) };
                if !(step.is_finite() && step > 0.0) {
                    return Err(SpaceError::InvalidStep { name: name(), step: Value::Float(step) });
                }
                if *log {
                    return Err(SpaceError::LogWithStep { name: name(), step: Value::Float(step) });
                }
                if (high - low) / step >= MAX_CELLS || step <= 4.0 * noise(low.abs().max(high.abs())) {
                    return Err(SpaceError::TooWide { name: name(), low: low_value, high: high_value });
                }
                Ok(())
            }
            Self::Int { low, high, log, step } => {
                let (low_value, high_value) = (Value::Int(*low), Value::Int(*high));
                if low > high {
                    return Err(SpaceError::ReversedBounds {
                        name: name(),
                        low: low_value,
                        high: high_value,
                    });
                }
                if *log && *low <= 0 {
                    return Err(SpaceError::LogNotPositive { name: name(), low: low_value });
                }
                if *step <= 0 {
                    return Err(SpaceError::InvalidStep { name: name(), step: Value::Int(*step) });
                }
                if *log && *step != 1 {
                    return Err(SpaceError::LogWithStep { name: name(), step: Value::Int(*step) });
                }
                Ok(())
            }
            Self::Categorical { choices, .. } => {
                if choices.is_empty() {
                    return Err(SpaceError::EmptyChoices { name: name() });
                }
                let no_number = |choice: &&Value| matches!(choice, Value::Float(value) if !value.is_finite());
                if let Some(choice) = choices.iter().find(no_number) {
                    return Err(SpaceError::NonFiniteChoice { name: name(), choice: choice.clone() });
                }
                match choices.duplicate() {
                    Some(choice) => Err(SpaceError::DuplicateChoice { name: name(), choice: choice.clone() }),
                    None => Ok(()),
                }
            }
        }
    }
}

fn common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// How many choices of a long list a message names.
const SHOWN: usize = 10;
/// Above this, an index is no longer exact as `f64`.
const MAX_CELLS: f64 = 9_007_199_254_740_992.0; // 2^53

/// How far sums of numbers of this size may be off.
fn noise(size: f64) -> f64 {
    4.0 * f64::EPSILON * size
}

/// Reads as the end of "must be ...": `a float from 0.0 to 1.0 (log)`, `one of 16, 32, 64`.
impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float { low, high, log, step } => {
                write!(f, "a float from {low:?} to {high:?}{}", if *log { " (log)" } else { "" })?;
                step.map_or(Ok(()), |step| write!(f, " in steps of {step:?}"))
            }
            Self::Int { low, high, log, step } => {
                write!(f, "an int from {low} to {high}{}", if *log { " (log)" } else { "" })?;
                if *step == 1 { Ok(()) } else { write!(f, " in steps of {step}") }
            }
            Self::Categorical { choices, .. } => {
                f.write_str("one of ")?;
                let shown = if choices.len() > 2 * SHOWN { SHOWN } else { choices.len() };
                for (i, choice) in choices.iter().take(shown).enumerate() {
                    write!(f, "{}{choice}", if i == 0 { "" } else { ", " })?;
                }
                if shown < choices.len() { write!(f, " and {} more", choices.len() - shown) } else { Ok(()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_give_clean_decimals() {
        let domain = Domain::Float { low: 1.0, high: 6.0, log: false, step: Some(0.1) };
        assert_eq!(domain.cells(), Some(51));
        for k in 0..51 {
            let value = domain.cell(k).unwrap();
            assert!(value.to_string().len() <= 3, "{value}");
            assert_eq!(domain.cell_of(&value), Some(k));
        }
        assert!(!domain.contains(&Value::Float(1.05)));
    }

    #[test]
    fn the_union_holds_the_values_of_both() {
        let int = |low, high, step| Domain::Int { low, high, log: false, step };
        assert_eq!(int(0, 8, 4).union(&int(2, 20, 6)), Some(int(0, 20, 2)));
        assert_eq!(int(1, 4, 1).union(&int(1, 9, 1)), Some(int(1, 9, 1)));
        let float = |low, high, step| Domain::Float { low, high, log: false, step };
        assert_eq!(
            float(0.0, 1.0, Some(0.1)).union(&float(0.3, 2.0, Some(0.1))),
            Some(float(0.0, 2.0, Some(0.1)))
        );
        assert_eq!(float(0.0, 1.0, Some(0.1)).union(&float(0.0, 1.0, None)), Some(float(0.0, 1.0, None)));
        let log = Domain::Float { low: 0.1, high: 1.0, log: true, step: None };
        assert_eq!(log.union(&float(0.1, 1.0, None)), None);
        assert_eq!(float(0.0, 1.0, None).union(&int(0, 1, 1)), None);
        let choice = |choices: [&str; 2]| Domain::Categorical {
            choices: choices.map(Value::from).to_vec().into(),
            ordered: false,
        };
        assert_eq!(choice(["a", "b"]).union(&choice(["b", "a"])), None);
    }

    #[test]
    fn cells_within_are_those_whose_values_are() {
        let domains = [
            Domain::Float { low: 0.0, high: 1.0, log: false, step: Some(0.1) },
            Domain::Int { low: -3, high: 30, log: false, step: 3 },
            Domain::Int { low: 1, high: 9, log: true, step: 1 },
            Domain::Categorical { choices: vec![2.into(), 3.into()].into(), ordered: true },
        ];
        for domain in domains {
            let number = |k: u64| domain.cell(k).unwrap().as_f64().unwrap();
            for (low, high) in [(0.3, 0.7), (-10.0, 100.0), (2.0, 2.0), (0.31, 0.32), (5.0, 9.5), (4.0, 3.0)]
            {
                let all: Vec<u64> =
                    (0..domain.cells().unwrap()).filter(|k| (low..=high).contains(&number(*k))).collect();
                let ends = all.first().copied().zip(all.last().copied());
                assert_eq!(domain.cells_within(low, high), ends, "{domain} in {low}..={high}");
            }
        }
        let choices = |values: [i64; 2], ordered| Domain::Categorical {
            choices: values.map(Value::from).to_vec().into(),
            ordered,
        };
        assert_eq!(choices([1, 2], true).ends(), Some((1.0, 2.0)));
        assert_eq!((choices([2, 1], true).ends(), choices([1, 2], false).ends()), (None, None));
    }

    #[test]
    fn whole_numbers_reach_from_end_to_end_of_64_bits() {
        let int = |low, high, step| Domain::Int { low, high, log: false, step };
        for (domain, last) in [
            (int(i64::MIN, i64::MAX, 1), i64::MAX),
            (int(i64::MAX - 5, i64::MAX, 1), i64::MAX),
            (int(i64::MIN, i64::MAX, 7), i64::MAX - 1),
            (int(i64::MIN, i64::MAX, i64::MAX), i64::MAX - 1),
        ] {
            assert!(domain.check("x").is_ok());
            let Domain::Int { low, high, .. } = domain.lowered() else { unreachable!() };
            assert_eq!((low, high), (domain.cell(0).unwrap().as_i64().unwrap(), last), "{domain}");
            let end = domain.last_cell().unwrap();
            for k in [0, 1.min(end), end / 2, end] {
                assert_eq!(domain.cell_of(&domain.cell(k).unwrap()), Some(k), "{domain}");
            }
            assert_eq!(domain.union(&domain), Some(domain));
        }
        assert_eq!(
            int(i64::MIN, 0, 4).union(&int(i64::MAX - 3, i64::MAX, 6)),
            Some(int(i64::MIN, i64::MAX, 2))
        );
        let all = int(i64::MIN, i64::MAX, 1);
        assert_eq!(all.convert(&Value::Float(1e300)), None);
        assert_eq!(all.convert(&Value::Float(-9_223_372_036_854_775_808.0)), Some(Value::Int(i64::MIN)));
    }

    proptest::proptest! {
        #[test]
        fn values_and_domain_agree_whatever_the_step(
            low in -100.0..100.0f64, step in 1e-3..10.0f64, count in 0..200u32, part in 0.0..1.0f64,
        ) {
            let domain = Domain::Float { low, high: low + (f64::from(count) + part) * step, log: false, step: Some(step) };
            let lowered = domain.lowered();
            proptest::prop_assert_eq!(lowered.lowered(), lowered.clone());
            proptest::prop_assert_eq!(lowered.cells(), domain.cells());
            let Domain::Float { high, .. } = lowered else { unreachable!() };
            let last = lowered.last_cell().unwrap();
            proptest::prop_assert_eq!(lowered.cell(last), Some(Value::Float(high)));
            for k in 0..=last {
                let value = lowered.cell(k).unwrap();
                proptest::prop_assert!(value.as_f64().unwrap() <= high);
                proptest::prop_assert_eq!(lowered.cell_of(&value), Some(k));
            }
            proptest::prop_assert!(!lowered.contains(&Value::Float(high + step)));
        }
    }

    #[test]
    fn the_last_multiple_of_a_step_does_not_exceed_high() {
        let domain = Domain::Int { low: 16, high: 70, log: false, step: 16 };
        assert_eq!(domain.cells(), Some(4));
        assert_eq!(domain.cell(3), Some(Value::Int(64)));
        assert!(!domain.contains(&Value::Int(70)));
        assert!(!domain.contains(&Value::Float(32.0)));
    }
}
