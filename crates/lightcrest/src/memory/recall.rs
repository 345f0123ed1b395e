//! A configuration of an earlier study, read in the space of a new one.

use crate::space::encode::draw;
use crate::space::{Configuration, Domain, Space, Value};

/// The configuration of `space` that one of an earlier study stands for; `None` if they share no active
/// parameter, or a value lies outside of the new range or is no choice any more.
///
/// A number between two steps becomes the nearest. A parameter that the earlier study did not have gets a
/// value at random, always the same for the same configuration: whatever it was fixed at there, nothing is
/// learnt about it. Where parameters of the earlier study are active for some of its values only, it gets one
/// of those.
pub fn recall(space: &Space, earlier: &Configuration) -> Option<Configuration> {
    let mut values: Vec<Option<Value>> = Vec::with_capacity(space.len());
    let mut shared = 0;
    for (i, parameter) in space.parameters().iter().enumerate() {
        let active = space.conditions(i).all(|(parent, condition)| {
            values[parent].as_ref().is_some_and(|value| condition.values.contains(value))
        });
        let value = match earlier.get(&parameter.name) {
            _ if !active => None,
            Some(value) => {
                shared += 1;
                Some(nearest(&parameter.domain, value)?)
            }
            None => Some(filler(space, i, earlier)),
        };
        values.push(value);
    }
    let named = values.into_iter().enumerate();
    let entry = |(i, value): (usize, Option<Value>)| Some((space.shared_name(i), value?));
    (shared > 0).then(|| named.filter_map(entry).collect())
}

/// The value of the domain that is meant; `None` if there is none in its range.
fn nearest(domain: &Domain, value: &Value) -> Option<Value> {
    if domain.contains(value) {
        return Some(domain.conform(value));
    }
    if matches!(domain, Domain::Categorical { .. }) {
        return None;
    }
    let ((low, high), number) = (domain.ends()?, value.number()?);
    let within = (low..=high).contains(&number);
    let (first, last) =
        (domain.cells_within(f64::NEG_INFINITY, number), domain.cells_within(number, f64::INFINITY));
    let below = first.and_then(|(_, k)| domain.cell(k));
    let above = last.and_then(|(k, _)| domain.cell(k));
    let apart = |value: &Value| value.as_f64().map_or(f64::INFINITY, |v| (v - number).abs());
    match (below, above) {
        _ if !within => None,
        (Some(a), Some(b)) => Some(if apart(&b) < apart(&a) { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// A value for a parameter that the earlier study did not have.
fn filler(space: &Space, position: usize, earlier: &Configuration) -> Value {
    let parameter = &space.parameters()[position];
    let uniform = uniform(&format!("{};{}", parameter.name, earlier.key()));
    let mut allowed: Option<Vec<Value>> = None;
    for (i, child) in space.parameters().iter().enumerate() {
        let here = |(parent, _): &(usize, _)| *parent == position;
        let Some((_, condition)) = space.conditions(i).find(here) else { continue };
        if earlier.get(&child.name).is_none() {
            continue;
        }
        let both = |all: Vec<Value>| all.into_iter().filter(|v| condition.values.contains(v)).collect();
        allowed = Some(allowed.map_or_else(|| condition.values.to_vec(), both));
    }
    match allowed {
        Some(values) if !values.is_empty() => {
            let at = (uniform * values.len() as f64) as usize;
            parameter.domain.conform(&values[at.min(values.len() - 1)])
        }
        _ => draw(&parameter.domain, uniform),
    }
}

/// A number in [0, 1) that looks random: FNV-1a (Fowler, Noll, Vo), mixed (SplitMix64, Steele et al. 2014).
fn uniform(text: &str) -> f64 {
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut z = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Parameter;

    fn configuration<V: Into<Value>>(entries: impl IntoIterator<Item = (&'static str, V)>) -> Configuration {
        entries.into_iter().collect()
    }

    #[test]
    fn ranges_may_differ_and_parameters_may_be_more_or_fewer() {
        let space = Space::builder()
            .float("x", 0.0, 1.0)
            .int("n", 1, 9)
            .categorical("kind", ["a", "b"])
            .build()
            .unwrap();
        let mut earlier = configuration([("x", 0.5), ("n", 4.4), ("gone", 7.0)]);
        let recalled = recall(&space, &earlier).unwrap();
        assert_eq!((recalled.get_f64("x"), recalled.get_i64("n")), (Some(0.5), Some(4)));
        assert!(space.validate(&recalled).is_ok(), "what is missing is drawn: {recalled}");
        assert_eq!(recall(&space, &earlier).unwrap(), recalled, "and always the same");
        earlier.set("x", 1.5);
        assert_eq!(recall(&space, &earlier), None, "outside of the range");
        assert_eq!(recall(&space, &configuration([("kind", "c")])), None, "no choice any more");
        assert_eq!(recall(&space, &configuration([("gone", 7.0)])), None, "nothing in common");
    }

    #[test]
    fn a_parent_that_the_earlier_study_did_not_have_is_what_its_parameters_need() {
        let space = Space::builder()
            .categorical("model", ["tree", "svm", "line"])
            .parameter(Parameter::float("c", 0.0, 1.0).when("model", ["svm"]))
            .parameter(Parameter::int("depth", 1, 9).when("model", ["tree"]))
            .build()
            .unwrap();
        for k in 0..20 {
            let recalled = recall(&space, &configuration([("c", 0.05 * f64::from(k))])).unwrap();
            assert_eq!((recalled.get_str("model"), recalled.len()), (Some("svm"), 2));
        }
    }
}
