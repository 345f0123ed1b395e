//! The objectives and constraints of a spec.

use lightcrest::objective::{Direction, ObjectiveInfo};
use lightcrest_spec::constraint::{ConstraintSpec, bounds};
use lightcrest_spec::diagnostic::{Errors, Problem};
use lightcrest_spec::document::{group, items, text};
use lightcrest_spec::formula::Formula;
use lightcrest_spec::score::{constants, formula};
use lightcrest_spec::setting::Setting;
use toml::de::DeTable;

use super::vocabulary::{METRICS, Measured, is_gain, is_static, metric_index};

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

impl ObjectiveSpec {
    /// The objective that a metric becomes large, or small where less is better.
    pub(crate) fn metric(index: usize) -> Self {
        let direction = if is_gain(index) { Direction::Maximize } else { Direction::Minimize };
        let info = ObjectiveInfo { name: METRICS[index].0.into(), direction };
        Self { info, measure: Measure::Metric(index) }
    }
}

/// Reads `[[objectives]]`; without any, validation accuracy is maximised.
pub(crate) fn objectives(
    errors: &mut Errors,
    document: &DeTable<'_>,
    measured: &Measured,
) -> Vec<ObjectiveSpec> {
    let mut list: Vec<ObjectiveSpec> = Vec::new();
    let names: Vec<(&str, usize)> =
        measured.metrics.iter().filter_map(|&name| Some((name, metric_index(name)?))).collect();
    let items = items(errors, document, "objectives");
    if items.is_empty() {
        return vec![ObjectiveSpec::metric(0)];
    }
    for (table, place) in items {
        let before = errors.list.len();
        let title = "[[objectives]]";
        let group = group(errors, measured.objective, (table, place.clone()), title, "", &["constants"]);
        let constants = constants(errors, table, measured.metrics);
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
                let Some(formula) = formula(errors, score, &constants, &names) else { continue };
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
            None if matches!(measure, Measure::Metric(index) if is_gain(index)) => Direction::Maximize,
            None => Direction::Minimize,
        };
        list.push(ObjectiveSpec { info: ObjectiveInfo { name, direction }, measure });
    }
    list
}

/// Reads `[[constraints]]`.
pub(crate) fn constraints(
    errors: &mut Errors,
    document: &DeTable<'_>,
    measured: &Measured,
) -> Vec<ConstraintSpec> {
    let mut list = Vec::new();
    for (table, place) in items(errors, document, "constraints") {
        let group = group(errors, measured.constraint, (table, place.clone()), "[[constraints]]", "", &[]);
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
