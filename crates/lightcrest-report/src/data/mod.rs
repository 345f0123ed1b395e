//! What the report shows: plain numbers.

mod surrogate;

pub use surrogate::{
    Surrogate, SurrogateAxis, SurrogateFrame, SurrogateNext, SurrogateSection, SurrogateTrial,
};

use serde::{Deserialize, Serialize, Serializer};

use crate::metric::{self, Kind};

/// Everything on the page.
#[derive(Clone, Debug, Serialize)]
pub struct ReportData {
    /// Name of the study.
    pub title: String,
    /// One sentence under the title.
    pub summary: String,
    /// Settings and totals worth a line each.
    pub facts: Vec<Fact>,
    /// What was measured; trials list their values in this order.
    pub metrics: Vec<Metric>,
    /// What was varied; trials list their values in this order.
    pub parameters: Vec<Parameter>,
    /// All trials by number.
    pub trials: Vec<Trial>,
    /// Index of the metric that the learning curves show.
    pub curve_metric: Option<usize>,
    /// Hypervolume after each trial, as long as `trials`; empty for one objective.
    pub hypervolume: Vec<Option<f64>>,
    /// Importance of the parameters for each objective.
    pub importance: Vec<Importance>,
    /// The posterior along the most important parameter.
    pub surrogate: SurrogateSection,
    /// Whether the trials train networks, of which the page shows the models of the front.
    pub networks: bool,
    /// The models of the front.
    pub models: Vec<Model>,
    /// The table that is learnt from, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<TableSection>,
}

/// A table that is learnt from: its columns and everything that was decided about them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableSection {
    /// What was decided about the table as a whole.
    pub decisions: Vec<String>,
    /// What the user should look at; begins with the name of a column where it is about one.
    pub warnings: Vec<String>,
    /// The columns in the order of the table.
    pub columns: Vec<TableColumn>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableColumn {
    /// Its name.
    pub name: String,
    /// What it is: number, category, ...
    pub kind: String,
    /// What it is there for: feature, target, ...
    pub role: String,
    /// Fields that are missing.
    pub missing: usize,
    /// Different values, or at least so many.
    pub distinct: usize,
    /// How the kind was decided, and everything else that there is to say.
    pub decided: String,
}

/// A label and its value.
#[derive(Clone, Debug, Serialize)]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// Its value, ready to read.
    pub value: String,
}

/// A metric.
#[derive(Clone, Debug, Serialize)]
pub struct Metric {
    /// Name in files.
    pub name: String,
    /// Name to read.
    pub label: String,
    /// Decides digits and unit.
    pub kind: Kind,
    /// `minimize` or `maximize`, when the study has an opinion.
    pub direction: Option<&'static str>,
    /// Whether the study optimises it.
    pub objective: bool,
}

impl Metric {
    /// The metric of that name; `direction` when it is an objective.
    pub fn new(name: &str, direction: Option<&'static str>) -> Self {
        let objective = direction.is_some();
        Self { name: name.into(), label: metric::label(name), kind: Kind::of(name), direction, objective }
    }

    /// Whether it counts multiply-accumulates, which a page explains.
    pub(crate) fn is_macs(&self) -> bool {
        self.name == "macs"
    }
}

/// How an axis of a parameter runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scale {
    /// Evenly.
    Linear,
    /// By factors.
    Log,
    /// In steps, one a choice.
    Categorical,
}

/// A parameter of the space.
#[derive(Clone, Debug, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// How its axis runs.
    pub scale: Scale,
    /// Lower bound of a number.
    pub low: Option<f64>,
    /// Upper bound of a number.
    pub high: Option<f64>,
    /// Choices of a categorical.
    pub choices: Vec<serde_json::Value>,
}

/// A trial.
#[derive(Clone, Debug, Serialize)]
pub struct Trial {
    /// Its number.
    pub number: u64,
    /// `waiting`, `running`, `complete`, `pruned` or `failed`.
    pub state: &'static str,
    /// Whether it is on the front of the study.
    pub front: bool,
    /// How long it ran.
    pub seconds: Option<f64>,
    /// Values of [`ReportData::metrics`]; infinite ones are `"Infinity"` and `"-Infinity"` in JSON.
    #[serde(serialize_with = "numbers")]
    pub metrics: Vec<Option<f64>>,
    /// Values of [`ReportData::parameters`]; null where inactive.
    pub parameters: Vec<serde_json::Value>,
    /// Reports: (step, value).
    pub curve: Vec<(u64, f64)>,
    /// Why it was stopped or failed.
    pub reason: Option<String>,
}

/// Importance of the parameters for one objective.
#[derive(Clone, Debug, Serialize)]
pub struct Importance {
    /// Label of the objective.
    pub label: String,
    /// Share of each of [`ReportData::parameters`]; null where it cannot be told.
    pub shares: Vec<Option<f64>>,
}

/// A model of the front.
#[derive(Clone, Debug, Serialize)]
pub struct Model {
    /// Number of its trial.
    pub trial: u64,
    /// Paths of its files, relative to the page.
    pub files: Vec<String>,
    /// Its layers in order.
    pub layers: Vec<Layer>,
    /// How a model of a table predicts rows that it did not learn from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<Diagnosis>,
}

/// How a model of a table predicts rows that it did not learn from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// How many rows there are.
    pub rows: usize,
    /// Of classes, whether probabilities are kept, in bins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reliability: Vec<Reliability>,
    /// The class whose probability that is; empty where it is that of the predicted one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reliability_of: String,
    /// Of classes, which are taken for which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Confusion>,
    /// Of numbers, (prediction, truth) of some rows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub predicted: Vec<(f64, f64)>,
    /// Label of the metric that importance is measured by.
    pub metric: String,
    /// What the metric loses when the values of a column are dealt out to other rows, the largest first.
    pub importance: Vec<ColumnImportance>,
    /// How the score grows with the rows that are learnt from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning: Option<Learning>,
}

/// A learning curve of rows: (rows learnt from, score).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Learning {
    /// By the same rows each time, from few to many.
    pub measured: Vec<(usize, f64)>,
    /// Of all rows, as the curve goes on.
    pub continued: (usize, f64),
}

/// Rows whose probabilities are alike.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reliability {
    /// Mean of the probabilities.
    pub predicted: f64,
    /// Share of the rows in which it came true.
    pub observed: f64,
    /// How many rows.
    pub rows: usize,
}

/// Which classes are taken for which.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confusion {
    /// The classes that are told apart.
    pub classes: Vec<String>,
    /// Rows by true class, then by predicted class.
    pub counts: Vec<Vec<usize>>,
}

/// What a column is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ColumnImportance {
    /// Its name.
    pub column: String,
    /// What the metric loses.
    pub loss: f64,
    /// Standard deviation over the deals.
    pub deviation: f64,
}

/// A layer of a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Path, such as `stage2.0.expand.conv`.
    pub path: String,
    /// Operator.
    pub operator: String,
    /// Shape of its output, channels x height x width.
    pub shape: String,
    /// Trainable numbers.
    pub parameters: u64,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// What a compression made of it; absent for networks that were built here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<LayerChange>,
}

/// What a compression made of a layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerChange {
    /// `keep`, `prune`, `svd`, `tucker`, `cp` or `spatial`.
    pub method: String,
    /// In words: `64 to 40 channels`, `rank 12 of 64`; empty where nothing was done.
    pub detail: String,
    /// Whether its weights and activations are 8-bit integers.
    pub int8: bool,
    /// Trainable numbers of the original.
    pub parameters: u64,
    /// Multiply-accumulates of the original.
    pub macs: u64,
}

/// Numbers for the page: JSON has no infinity, so it is written as JavaScript reads it, `"Infinity"`.
fn numbers<S: Serializer>(values: &[Option<f64>], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(|value| match value {
        Some(number) if *number == f64::INFINITY => serde_json::Value::from("Infinity"),
        Some(number) if *number == f64::NEG_INFINITY => serde_json::Value::from("-Infinity"),
        other => serde_json::Value::from(*other),
    }))
}
