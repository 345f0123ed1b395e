//! What the report shows.

use serde::Serialize;

use super::SurrogateSection;
use crate::metric::{self, Kind};
use crate::run::Layer;

/// Everything on the page.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ReportData {
    /// Name of the study.
    pub(crate) title: String,
    /// One sentence under the title.
    pub(crate) summary: String,
    /// Settings and totals worth a line each.
    pub(crate) facts: Vec<Fact>,
    /// What was measured; trials list their values in this order.
    pub(crate) metrics: Vec<Metric>,
    /// What was varied; trials list their values in this order.
    pub(crate) parameters: Vec<Parameter>,
    /// All trials by number.
    pub(crate) trials: Vec<Trial>,
    /// Index of the metric that the learning curves show.
    pub(crate) curve_metric: Option<usize>,
    /// Hypervolume after each trial, as long as `trials`; empty for one objective.
    pub(crate) hypervolume: Vec<Option<f64>>,
    /// Importance of the parameters for each objective.
    pub(crate) importance: Vec<Importance>,
    /// What the sampler believed along the most important parameter.
    pub(crate) surrogate: SurrogateSection,
    /// Whether the trials train networks, of which the page shows the models of the front.
    pub(crate) networks: bool,
    /// The models of the front.
    pub(crate) models: Vec<Model>,
}

/// A label and its value.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fact {
    /// What it is.
    pub(crate) label: String,
    /// Its value, ready to read.
    pub(crate) value: String,
}

/// A metric.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Metric {
    /// Name in files.
    pub(crate) name: String,
    /// Name to read.
    pub(crate) label: String,
    /// Decides digits and unit.
    pub(crate) kind: Kind,
    /// `minimize` or `maximize`, when the study has an opinion.
    pub(crate) direction: Option<&'static str>,
    /// Whether the study optimises it.
    pub(crate) objective: bool,
}

impl Metric {
    /// The metric of that name; `direction` when it is an objective.
    pub(crate) fn new(name: &str, direction: Option<&'static str>) -> Self {
        let objective = direction.is_some();
        Self { name: name.into(), label: metric::label(name), kind: Kind::of(name), direction, objective }
    }
}

/// How an axis of a parameter runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scale {
    /// Evenly.
    Linear,
    /// By factors.
    Log,
    /// In steps, one a choice.
    Categorical,
}

/// A parameter of the space.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Parameter {
    /// Its name.
    pub(crate) name: String,
    /// How its axis runs.
    pub(crate) scale: Scale,
    /// Lower bound of a number.
    pub(crate) low: Option<f64>,
    /// Upper bound of a number.
    pub(crate) high: Option<f64>,
    /// Choices of a categorical.
    pub(crate) choices: Vec<serde_json::Value>,
}

/// A trial.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Trial {
    /// Its number.
    pub(crate) number: u64,
    /// `waiting`, `running`, `complete`, `pruned` or `failed`.
    pub(crate) state: &'static str,
    /// Whether it is on the front of the study.
    pub(crate) front: bool,
    /// How long it ran.
    pub(crate) seconds: Option<f64>,
    /// Values of [`ReportData::metrics`].
    pub(crate) metrics: Vec<Option<f64>>,
    /// Values of [`ReportData::parameters`]; null where inactive.
    pub(crate) parameters: Vec<serde_json::Value>,
    /// Reports: (step, value).
    pub(crate) curve: Vec<(u64, f64)>,
    /// Why it was stopped or failed.
    pub(crate) reason: Option<String>,
}

/// Importance of the parameters for one objective.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Importance {
    /// Label of the objective.
    pub(crate) label: String,
    /// Share of each of [`ReportData::parameters`]; null where it cannot be told.
    pub(crate) shares: Vec<Option<f64>>,
}

/// A model of the front.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Model {
    /// Number of its trial.
    pub(crate) trial: u64,
    /// Paths of its files, relative to the page.
    pub(crate) files: Vec<String>,
    /// Its layers in order.
    pub(crate) layers: Vec<Layer>,
}
