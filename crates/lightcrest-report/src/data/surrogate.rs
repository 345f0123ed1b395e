//! What the pictures of a surrogate show.

use serde::Serialize;

use super::{Metric, Parameter};

/// The pictures, or why there are none.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum SurrogateSection {
    /// What to draw.
    Drawn(Box<Surrogate>),
    /// One sentence.
    Missing(String),
}

/// The posterior of one objective along one or two parameters, as it grew.
#[derive(Clone, Debug, Serialize)]
pub struct Surrogate {
    /// What is predicted.
    pub objective: Metric,
    /// The parameters that vary in the picture.
    pub axes: Vec<SurrogateAxis>,
    /// What the acquisition is called.
    pub acquisition: &'static str,
    /// The trials that any of the frames shows.
    pub trials: Vec<SurrogateTrial>,
    /// One picture each, by the number of finished trials.
    pub frames: Vec<SurrogateFrame>,
    /// What a reader must know.
    pub notes: Vec<String>,
}

/// A parameter that varies in the picture.
#[derive(Clone, Debug, Serialize)]
pub struct SurrogateAxis {
    /// Its name and scale.
    pub parameter: Parameter,
    /// The values at which the posterior is given.
    pub values: Vec<serde_json::Value>,
}

/// A trial in the picture.
#[derive(Clone, Debug, Serialize)]
pub struct SurrogateTrial {
    /// Its number.
    pub number: u64,
    /// Its state.
    pub state: &'static str,
    /// Its values on the axes; null where inactive.
    pub at: Vec<serde_json::Value>,
}

/// The picture after so many finished trials. The lists have one entry for each combination of the axes'
/// values, the first axis varying fastest; null where a parameter of the picture is inactive.
#[derive(Clone, Debug, Serialize)]
pub struct SurrogateFrame {
    /// How many trials had finished.
    pub finished: usize,
    /// Posterior mean.
    pub mean: Vec<Option<f64>>,
    /// Ends of the band; for one axis.
    pub lower: Vec<Option<f64>>,
    /// Ends of the band; for one axis.
    pub upper: Vec<Option<f64>>,
    /// A quarter of the band's width; for two axes.
    pub sigma: Vec<Option<f64>>,
    /// What is maximised; null where nothing can be proposed.
    pub acquisition: Vec<Option<f64>>,
    /// The trials: index among [`Surrogate::trials`], and the value that they count as.
    pub dots: Vec<(usize, f64)>,
    /// What the sampler proposes next.
    pub next: Option<SurrogateNext>,
    /// The picture in words.
    pub text: Vec<String>,
}

/// What the sampler proposes next.
#[derive(Clone, Debug, Serialize)]
pub struct SurrogateNext {
    /// Its values on the axes; null where inactive.
    pub at: Vec<serde_json::Value>,
    /// Posterior mean there.
    pub mean: f64,
    /// The acquisition there.
    pub acquisition: Option<f64>,
}
