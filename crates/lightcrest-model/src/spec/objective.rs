//! The objectives and constraints of a spec.

use std::ops::Range;

use lightcrest::objective::{Direction, ObjectiveInfo};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Errors, Problem};
use super::formula::{FOLDS, Formula, Name, UNARY};
use super::parse::{as_table, group};
use super::setting::{Setting, describe, in_order, number};
use super::tree::Group;
use super::vocabulary::{CONSTRAINT, METRICS, OBJECTIVE, is_static, metric_index};

/// Number of metrics.
pub(crate) const METRIC_COUNT: usize = METRICS.len();

/// Values of the metrics as far as they are known, in the order of [`Metrics::names`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Metrics {
    values: [Option<f64>; METRIC_COUNT],
}

impl Metrics {
    /// Names of all metrics.
    pub fn names() -> impl Iterator<Item = &'static str> {
        METRICS.iter().map(|(name, _)| *name)
    }

    /// The value of a metric, when it is known.
    pub fn get(&self, name: &str) -> Option<f64> {
        metric_index(name).and_then(|index| self.values[index])
    }

    /// Sets a metric. A name that is none of [`Metrics::names`] is ignored.
    pub fn set(&mut self, name: &str, value: f64) {
        if let Some(index) = metric_index(name) {
            self.values[index] = Some(value);
        }
    }

    /// Names and values of those that are known.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        METRICS.iter().zip(self.values).filter_map(|((name, _), value)| Some((*name, value?)))
    }
}

/// What a study minimises or maximises.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectiveSpec {
    /// Name and direction, as the engine knows it.
    pub info: ObjectiveInfo,
    measure: Measure,
}

#[derive(Debug, Clone, PartialEq)]
enum Measure {
    Metric(usize),
    Score(Formula),
}

impl ObjectiveSpec {
    /// The value, when every metric that it needs is known.
    pub fn value(&self, metrics: &Metrics) -> Option<f64> {
        match &self.measure {
            Measure::Metric(index) => metrics.values[*index],
            Measure::Score(formula) => formula.evaluate(&|index| metrics.values[index]),
        }
    }

    /// Names of the metrics that the value needs.
    pub fn metrics(&self) -> Vec<&'static str> {
        let indices = match &self.measure {
            Measure::Metric(index) => vec![*index],
            Measure::Score(formula) => formula.metrics(),
        };
        indices.into_iter().map(|index| METRICS[index].0).collect()
    }

    /// Whether the architecture alone decides the value.
    pub fn is_static(&self) -> bool {
        self.metrics().iter().filter_map(|name| metric_index(name)).all(is_static)
    }
}

/// A bound on a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct ConstraintSpec {
    /// Name of the metric.
    pub metric: String,
    /// Largest value allowed.
    pub max: Option<f64>,
    /// Smallest value allowed.
    pub min: Option<f64>,
    /// Whether it is checked before any training.
    pub before: bool,
}

impl ConstraintSpec {
    /// How far a value breaks the bounds: zero or less when it keeps them.
    pub fn excess(&self, value: f64) -> f64 {
        let above = self.max.map_or(f64::NEG_INFINITY, |max| value - max);
        let below = self.min.map_or(f64::NEG_INFINITY, |min| min - value);
        above.max(below)
    }

    /// What is wrong with a value that breaks the bounds.
    pub fn violation(&self, value: f64) -> Option<String> {
        let Self { metric, .. } = self;
        match (self.max.filter(|max| value > *max), self.min.filter(|min| value < *min)) {
            (Some(max), _) => Some(format!("{metric} = {value} exceeds {max}")),
            (None, Some(min)) => Some(format!("{metric} = {value} is below {min}")),
            _ => None,
        }
    }

    /// Whether the architecture alone decides the metric.
    pub fn is_static(&self) -> bool {
        metric_index(&self.metric).is_some_and(is_static)
    }
}

/// The items of `[[NAME]]`; none when the key is absent.
pub(super) fn items<'a, 'i>(
    errors: &mut Errors,
    document: &'a DeTable<'i>,
    name: &str,
) -> Vec<(&'a DeTable<'i>, Range<usize>)> {
    let Some(value) = document.get(name) else { return vec![] };
    let DeValue::Array(list) = value.get_ref() else {
        let expected = format!("a list of tables [[{name}]]");
        let found = describe(value.get_ref());
        errors.push(value.span(), Problem::WrongType { key: name.into(), expected, found });
        return vec![];
    };
    let header = name.len() + 4;
    list.iter()
        .filter_map(|item| {
            let (table, span) = as_table(errors, name, item.span(), item)?;
            Some((table, span.start..span.end.min(span.start + header)))
        })
        .collect()
}

pub(super) fn text<'a>(group: &'a Group, key: &str) -> Option<&'a str> {
    match &group.entry(key)?.setting {
        Setting::Fixed(value) => value.as_str(),
        Setting::Vary(_) => None,
    }
}

fn real(group: &Group, key: &str) -> Option<f64> {
    match &group.entry(key)?.setting {
        Setting::Fixed(value) => value.as_f64(),
        Setting::Vary(_) => None,
    }
}

/// Reads `[[objectives]]`; without any, validation accuracy is maximised.
pub(super) fn objectives(errors: &mut Errors, document: &DeTable<'_>) -> Vec<ObjectiveSpec> {
    let mut list: Vec<ObjectiveSpec> = Vec::new();
    let items = items(errors, document, "objectives");
    if items.is_empty() {
        let info = ObjectiveInfo { name: METRICS[0].0.into(), direction: Direction::Maximize };
        return vec![ObjectiveSpec { info, measure: Measure::Metric(0) }];
    }
    for (table, place) in items {
        let before = errors.list.len();
        let group = group(errors, &OBJECTIVE, (table, place.clone()), "[[objectives]]", "", &["constants"]);
        let constants = constants(errors, table);
        let invalid = |reason: &str| Problem::Invalid { reason: reason.into() };
        let (name, measure) = match (text(&group, "metric"), table.get("score")) {
            (Some(metric), None) => {
                if let Some(name) = group.entry("name") {
                    errors.push(
                        name.span.clone(),
                        invalid("`name` belongs to a `score`; a metric has its own name"),
                    );
                }
                let Some(index) = metric_index(metric) else { continue };
                (metric.to_owned(), Measure::Metric(index))
            }
            (None, Some(score)) => {
                let Some(formula) = formula(errors, score, &constants) else { continue };
                match text(&group, "name") {
                    Some(name) => (name.to_owned(), Measure::Score(formula)),
                    None => {
                        errors.push(place, invalid("a `score` needs a `name`"));
                        continue;
                    }
                }
            }
            (Some(_), Some(score)) => {
                errors.push(score.span(), invalid("an objective is a `metric` or a `score`, not both"));
                continue;
            }
            (None, None) => {
                if errors.list.len() == before {
                    errors.push(place, invalid("an objective needs a `metric` or a `score`"));
                }
                continue;
            }
        };
        if list.iter().any(|other| other.info.name == name) {
            errors.push(place.clone(), invalid(&format!("two objectives are named `{name}`")));
        }
        let direction = match text(&group, "direction") {
            Some("maximize") => Direction::Maximize,
            Some(_) => Direction::Minimize,
            None if matches!(measure, Measure::Metric(0 | 1)) => Direction::Maximize,
            None => Direction::Minimize,
        };
        list.push(ObjectiveSpec { info: ObjectiveInfo { name, direction }, measure });
    }
    list
}

fn constants(errors: &mut Errors, table: &DeTable<'_>) -> Vec<(String, f64)> {
    let Some((inner, _)) = super::parse::table(errors, table, "constants") else { return vec![] };
    let mut list = Vec::new();
    for (name, span, value) in in_order(inner) {
        let taken = metric_index(name).is_some() || UNARY.contains(&name) || FOLDS.contains(&name);
        match number(value.get_ref()) {
            _ if taken => {
                let reason = format!("the constant `{name}` has the name of a metric or a function");
                errors.push(span, Problem::Invalid { reason });
            }
            Some(number) => list.push((name.to_owned(), number)),
            None => {
                let found = describe(value.get_ref());
                let problem = Problem::WrongType { key: name.into(), expected: "a number".into(), found };
                errors.push(value.span(), problem);
            }
        }
    }
    list
}

fn formula(
    errors: &mut Errors,
    score: &Spanned<DeValue<'_>>,
    constants: &[(String, f64)],
) -> Option<Formula> {
    let DeValue::String(text) = score.get_ref() else {
        let found = describe(score.get_ref());
        let expected = "a formula in a string".into();
        errors.push(score.span(), Problem::WrongType { key: "score".into(), expected, found });
        return None;
    };
    let resolve = |word: &str| match metric_index(word) {
        Some(index) => Some(Name::Metric(index)),
        None => constants.iter().find(|(name, _)| name == word).map(|(_, value)| Name::Constant(*value)),
    };
    match Formula::parse(text, &resolve) {
        Ok(formula) => Some(formula),
        Err(error) => {
            let known =
                METRICS.iter().map(|(name, _)| *name).chain(constants.iter().map(|(name, _)| name.as_str()));
            let known = known.chain(UNARY.iter().chain(FOLDS).copied()).map(str::to_owned).collect();
            // A plain string stands in the file as it is, one quote before it; an escaped one is pointed at whole.
            let span = score.span();
            let inside =
                span.start + 1 + error.span.start..span.start + 1 + error.span.end.max(error.span.start + 1);
            let plain = span.len() == text.len() + 2;
            errors.push(
                if plain { inside } else { span },
                Problem::Formula { reason: error.reason, known, word: error.word },
            );
            None
        }
    }
}

/// Reads `[[constraints]]`.
pub(super) fn constraints(errors: &mut Errors, document: &DeTable<'_>) -> Vec<ConstraintSpec> {
    let mut list = Vec::new();
    for (table, place) in items(errors, document, "constraints") {
        let group = group(errors, &CONSTRAINT, (table, place.clone()), "[[constraints]]", "", &[]);
        let Some(index) = text(&group, "metric").and_then(metric_index) else { continue };
        let metric = METRICS[index].0;
        let (max, min) = bounds(errors, &group, table, place, metric);
        let invalid = |reason: String| Problem::Invalid { reason };
        let written = match group.entry("before").map(|entry| (&entry.setting, entry.span.clone())) {
            Some((Setting::Fixed(value), span)) => value.as_bool().map(|before| (before, span)),
            _ => None,
        };
        let before = match written {
            Some((true, span)) if !is_static(index) && metric != "latency_ms" => {
                let reason = format!("{metric} is only known after training: it cannot be checked `before`");
                errors.push(span, invalid(reason));
                false
            }
            Some((false, span)) if is_static(index) => {
                let reason = format!("{metric} is known before training and is always checked then");
                errors.push(span, invalid(reason));
                true
            }
            Some((before, _)) => before,
            None => is_static(index),
        };
        list.push(ConstraintSpec { metric: metric.into(), max, min, before });
    }
    list
}

/// `max` and `min` of a constraint.
pub(super) fn bounds(
    errors: &mut Errors,
    group: &Group,
    table: &DeTable<'_>,
    place: Range<usize>,
    metric: &str,
) -> (Option<f64>, Option<f64>) {
    let (max, min) = (real(group, "max"), real(group, "min"));
    match (max, min) {
        (None, None) if !table.contains_key("max") && !table.contains_key("min") => {
            let reason = format!("the constraint on {metric} needs `max` or `min`");
            errors.push(place, Problem::Invalid { reason });
        }
        (Some(max), Some(min)) if min > max => {
            let (low, high) = (format!("{min} (min)"), format!("{max} (max)"));
            errors.push(place, Problem::ReversedBounds { key: metric.into(), low, high });
        }
        _ => {}
    }
    (max, min)
}
