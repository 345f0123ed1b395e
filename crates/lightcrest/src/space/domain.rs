//! The values that a parameter may have.

use super::{SpaceError, Value};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kind of a parameter and its bounds.
///
/// As JSON: `{"type": "float", "low": 1e-5, "high": 0.1, "log": true}`, and likewise `"int"` (`low`, `high`,
/// `log`, `step`) and `"categorical"` (`choices`, `ordered`). What may be left out has a default: linear, step 1
/// or none, unordered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub enum Domain {
    /// A real number.
    Float {
        /// The smallest value.
        low: f64,
        /// The largest value. With a step, the last multiple that does not exceed it.
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
        /// The largest value, or the last multiple of the step that does not exceed it.
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
        choices: Vec<Value>,
        /// Whether the list is in an order that means something, such as 16 < 32 < 64.
        #[serde(default)]
        ordered: bool,
    },
}

fn one() -> i64 {
    1
}

impl Domain {
    /// How many values there are; `None` for a continuous domain.
    pub fn cells(&self) -> Option<u64> {
        match self {
            Self::Float { low, high, step: Some(step), .. } => {
                // A step of 0.1 does not divide 5.0 exactly: allow for rounding.
                Some(((high - low) / step + 1e-8).floor() as u64 + 1)
            }
            Self::Float { low, high, step: None, .. } => (low == high).then_some(1),
            Self::Int { low, high, step, .. } => Some((high - low) as u64 / *step as u64 + 1),
            Self::Categorical { choices, .. } => Some(choices.len() as u64),
        }
    }

    /// The value of cell `index` of a domain that has [cells](Self::cells); the last one for a larger index.
    pub fn cell(&self, index: u64) -> Option<Value> {
        let index = index.min(self.cells()?.saturating_sub(1));
        match self {
            Self::Float { low, step: None, .. } => Some(Value::Float(*low)),
            Self::Float { low, high, step: Some(step), .. } => {
                let value = decimal(low + index as f64 * step, low.abs().max(high.abs()));
                Some(Value::Float(value.clamp(*low, *high)))
            }
            Self::Int { low, step, .. } => Some(Value::Int(low + index as i64 * step)),
            Self::Categorical { choices, .. } => choices.get(index as usize).cloned(),
        }
    }

    /// Which cell a value is; `None` when it is none of the domain's or the domain is continuous.
    pub fn cell_of(&self, value: &Value) -> Option<u64> {
        match self {
            Self::Float { low, high, step, .. } => {
                let value = value.as_f64()?;
                if !(*low..=*high).contains(&value) {
                    return None;
                }
                let Some(step) = step else { return (low == high).then_some(0) };
                let cell = ((value - low) / step).round();
                let tolerance = 1e-6 * step + noise(low.abs().max(high.abs()));
                ((value - low - cell * step).abs() <= tolerance).then_some(cell as u64)
            }
            Self::Int { low, high, step, .. } => {
                let value = value.as_i64()?;
                ((*low..=*high).contains(&value) && (value - low) % step == 0)
                    .then(|| (value - low) as u64 / *step as u64)
            }
            Self::Categorical { choices, .. } => {
                choices.iter().position(|choice| choice == value).map(|i| i as u64)
            }
        }
    }

    /// Whether a value is of this domain. A float parameter takes whole numbers too; an int one takes no floats.
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

    /// The first and the last cell with a value in `[low, high]`, of a domain that has cells and [ends](Self::ends); `None` if there is
    /// no such cell.
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

    /// A value that was given from outside as one of this domain's kind, in its range or not; `None` if it is of another kind, or not
    /// positive on a logarithmic scale. What is true counts as 1, what is false as 0.
    pub(crate) fn convert(&self, value: &Value) -> Option<Value> {
        let number = value.number()?;
        match self {
            Self::Float { log, .. } => (!log || number > 0.0).then_some(Value::Float(number)),
            Self::Int { log, .. } => {
                let whole = value.as_i64().or_else(|| number.is_finite().then_some(number as i64))?;
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

    /// The smallest domain of the same kind that holds both: ranges may grow, shrink and move from trial to trial. `None` if
    /// the two are different things: another kind, another scale, other choices.
    ///
    /// Where steps do not fit together, whole numbers get the largest step that meets all values, and floats get none.
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
                Some(Self::Float { low: low.min(*low2), high: high.max(*high2), log: *log, step })
            }
            (
                Self::Int { low, high, log, step },
                Self::Int { low: low2, high: high2, log: log2, step: step2 },
            ) if log == log2 => {
                let step = common_divisor(common_divisor(*step, *step2), (low - low2).abs());
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
                let exact = |bound: &i64| (bound.unsigned_abs() as f64) < MAX_CELLS;
                match high.checked_sub(*low) {
                    Some(width) if exact(&width) && exact(low) && exact(high) => Ok(()),
                    _ => Err(SpaceError::TooWide { name: name(), low: low_value, high: high_value }),
                }
            }
            Self::Categorical { choices, .. } => {
                if choices.is_empty() {
                    return Err(SpaceError::EmptyChoices { name: name() });
                }
                for (i, choice) in choices.iter().enumerate() {
                    if matches!(choice, Value::Float(value) if !value.is_finite()) {
                        return Err(SpaceError::NonFiniteChoice { name: name(), choice: choice.clone() });
                    }
                    if choices[..i].contains(choice) {
                        return Err(SpaceError::DuplicateChoice { name: name(), choice: choice.clone() });
                    }
                }
                Ok(())
            }
        }
    }
}

fn common_divisor(a: i64, b: i64) -> i64 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// Above this, an index is no longer exact as `f64`.
const MAX_CELLS: f64 = 9_007_199_254_740_992.0; // 2^53

/// `value` without the last digits that `low + k step` leaves behind: 0.30000000000000004 -> 0.3. `size` is the
/// largest magnitude of the domain. Steps such as 1/3, which no short decimal meets, stay as they are.
fn decimal(value: f64, size: f64) -> f64 {
    let digits = 12 - size.log10().ceil().max(-300.0) as i32;
    // Powers of ten are exact up to 10^22; beyond, the rounding would add errors instead of removing them.
    if !(0..=22).contains(&digits) {
        return value;
    }
    let scale = 10f64.powi(digits);
    let rounded = (value * scale).round() / scale;
    if (rounded - value).abs() <= noise(size) { rounded } else { value }
}

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
                for (i, choice) in choices.iter().enumerate() {
                    write!(f, "{}{choice}", if i == 0 { "" } else { ", " })?;
                }
                Ok(())
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
            choices: choices.map(Value::from).to_vec(),
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
            Domain::Categorical { choices: vec![2.into(), 3.into()], ordered: true },
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
            choices: values.map(Value::from).to_vec(),
            ordered,
        };
        assert_eq!(choices([1, 2], true).ends(), Some((1.0, 2.0)));
        assert_eq!((choices([2, 1], true).ends(), choices([1, 2], false).ends()), (None, None));
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
