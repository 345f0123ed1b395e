//! What the pictures of the surrogate show.

use serde::Serialize;

use super::{Metric, Parameter};

/// The pictures, or why there are none.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum SurrogateSection {
    /// What to draw.
    Drawn(Box<Surrogate>),
    /// One sentence.
    Missing(String),
}

/// The belief about one objective along one or two parameters, as it grew.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Surrogate {
    /// What is predicted.
    pub(crate) objective: Metric,
    /// The parameters that vary in the picture.
    pub(crate) axes: Vec<SurrogateAxis>,
    /// What the acquisition is called.
    pub(crate) acquisition: &'static str,
    /// The trials that any of the frames shows.
    pub(crate) trials: Vec<SurrogateTrial>,
    /// One picture each, by the number of finished trials.
    pub(crate) frames: Vec<SurrogateFrame>,
    /// What a reader must know.
    pub(crate) notes: Vec<String>,
}

/// A parameter that varies in the picture.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SurrogateAxis {
    /// Its name and scale.
    pub(crate) parameter: Parameter,
    /// The values at which beliefs are given.
    pub(crate) values: Vec<serde_json::Value>,
}

/// A trial in the picture.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SurrogateTrial {
    /// Its number.
    pub(crate) number: u64,
    /// Its state.
    pub(crate) state: &'static str,
    /// Its values on the axes; null where inactive.
    pub(crate) at: Vec<serde_json::Value>,
}

/// The picture after so many finished trials. The lists have one entry for each combination of the axes' values, the first axis
/// varying fastest; null where a parameter of the picture is inactive.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SurrogateFrame {
    /// How many trials had finished.
    pub(crate) finished: usize,
    /// Middle of the belief.
    pub(crate) mean: Vec<Option<f64>>,
    /// Ends of the band; for one axis.
    pub(crate) lower: Vec<Option<f64>>,
    /// Ends of the band; for one axis.
    pub(crate) upper: Vec<Option<f64>>,
    /// A quarter of the band's width; for two axes.
    pub(crate) sigma: Vec<Option<f64>>,
    /// What is maximised; null where nothing can be proposed.
    pub(crate) acquisition: Vec<Option<f64>>,
    /// The trials: index among [`Surrogate::trials`], and the value that they count as.
    pub(crate) dots: Vec<(usize, f64)>,
    /// What the sampler proposes next.
    pub(crate) next: Option<SurrogateNext>,
    /// The picture in words.
    pub(crate) text: Vec<String>,
}

/// What the sampler proposes next.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SurrogateNext {
    /// Its values on the axes; null where inactive.
    pub(crate) at: Vec<serde_json::Value>,
    /// Middle of the belief there.
    pub(crate) mean: f64,
    /// The acquisition there.
    pub(crate) acquisition: Option<f64>,
}
