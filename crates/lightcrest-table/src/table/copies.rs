//! Columns that say the same: one of them is enough.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Values;
use crate::column::{Column, Kind, Role};

/// Digits of a standardised number that must agree.
const PRECISION: f64 = 1e7;

/// Drops every feature that says what an earlier one says: the same levels row for row under whatever names,
/// or numbers that differ by a factor and an offset (r = 1).
pub(super) fn drop_copies(columns: &mut [Column], values: &mut [Values]) {
    let mut seen: HashMap<u64, usize> = HashMap::new();
    for i in 0..columns.len() {
        if columns[i].role != Role::Feature {
            continue;
        }
        let Some(mark) = fingerprint(&values[i]) else { continue };
        match seen.get(&mark).copied() {
            Some(first) => {
                let name = columns[first].name.clone();
                let column = &mut columns[i];
                (column.kind, column.role) = (Kind::Copy, Role::Dropped);
                column.decided = format!("says the same as `{name}`");
                values[i] = Values::None;
            }
            None => drop(seen.insert(mark, i)),
        }
    }
}

fn fingerprint(values: &Values) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    match values {
        Values::Category(coded) => {
            // Codes by first appearance, so that names do not count.
            let mut order: HashMap<u32, u32> = HashMap::new();
            for code in &coded.codes {
                let next = order.len() as u32;
                order.entry(*code).or_insert(next).hash(&mut hasher);
                (*code == super::MISSING).hash(&mut hasher);
            }
        }
        Values::Number { numbers, words: None } => {
            let finite = || numbers.iter().filter(|value| value.is_finite());
            let count = finite().count() as f64;
            if count < 2.0 {
                return None;
            }
            let mean = finite().sum::<f64>() / count;
            let deviation = (finite().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt();
            let first = finite().map(|value| value - mean).find(|value| value.abs() > 1e-9 * deviation)?;
            if !(deviation > 0.0 && deviation.is_finite()) {
                return None;
            }
            let scale = PRECISION * first.signum() / deviation;
            for value in numbers {
                match value.is_finite() {
                    true => (((value - mean) * scale).round() as i64).hash(&mut hasher),
                    false => (value * first.signum()).to_bits().hash(&mut hasher),
                }
            }
        }
        _ => return None,
    }
    Some(hasher.finish())
}
