//! Why there is no picture.

use std::error::Error;

use lightcrest::sampler::SamplerError;
use lightcrest::space::SpaceError;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SurrogateError {
    /// The study has no such objective.
    #[error("there is no objective `{name}`{}\n  objectives: {}", hint(.nearest.as_deref()), quoted(.known, ", "))]
    UnknownObjective {
        /// What was asked for.
        name: String,
        /// The objective that was perhaps meant.
        nearest: Option<String>,
        /// The objectives that there are.
        known: Vec<String>,
    },
    /// The objective needs no evaluation.
    #[error("`{name}` is known before an evaluation, so it is not predicted; predicted: {}", quoted(.predicted, ", "))]
    KnownBefore {
        /// What was asked for.
        name: String,
        /// The objectives that are predicted.
        predicted: Vec<String>,
    },
    /// No objective needs an evaluation.
    #[error("every objective of this study is known before an evaluation, so nothing is predicted")]
    NothingPredicted,
    /// The study has no such parameter.
    #[error("there is no parameter `{name}`{}\n  parameters: {}", hint(.nearest.as_deref()), .known.join(", "))]
    UnknownParameter {
        /// What was asked for.
        name: String,
        /// The parameter that was perhaps meant.
        nearest: Option<String>,
        /// The parameters that there are.
        known: Vec<String>,
    },
    /// A parameter was asked for twice.
    #[error("the parameter `{0}` is asked for twice")]
    Twice(String),
    /// More parameters were asked for than a picture has sides.
    #[error("a picture has one or two parameters, but {0} are asked for")]
    TooManyParameters(usize),
    /// A moment that has not come was asked for.
    #[error("only {finished} trials have finished, but the picture after {asked} is asked for")]
    NotYet {
        /// How many trials have finished.
        finished: usize,
        /// After how many the picture was to be.
        asked: usize,
    },
    /// The parameters are active together in no complete trial.
    #[error("{} {} active{} in no complete trial; active in some: {}", quoted(.names, " and "), are(.names),
        together(.names), list(.active))]
    NeverActive {
        /// The parameters of the picture.
        names: Vec<String>,
        /// The parameters that some complete trial has.
        active: Vec<String>,
    },
    /// There are too few trials.
    #[error(
        "there is nothing to draw yet{}: it takes two complete trials, and one of them with {} active",
        after(*.finished), quoted(.names, " and ")
    )]
    TooFewTrials {
        /// The moment that was asked for.
        finished: Option<usize>,
        /// The parameters of the picture.
        names: Vec<String>,
    },
    /// No trial is complete.
    #[error("no trial of this study is complete yet, so there is nothing to draw")]
    NothingComplete,
    /// The space cannot be cut there.
    #[error("the space cannot be cut along these parameters")]
    Cut(#[source] SpaceError),
    /// The Gaussian process broke down.
    #[error("the Gaussian process cannot be fitted")]
    Sampler(#[source] SamplerError),
}

impl SurrogateError {
    /// Whether it is the question that is wrong, rather than the numbers.
    pub fn is_bad_question(&self) -> bool {
        !matches!(self, Self::Sampler(_))
    }

    /// The message with its causes.
    pub(crate) fn sentence(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    }
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?"))
}

fn quoted(names: &[String], between: &str) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(between)
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

fn are(names: &[String]) -> &'static str {
    if names.len() > 1 { "are" } else { "is" }
}

fn together(names: &[String]) -> &'static str {
    if names.len() > 1 { " together" } else { "" }
}

fn after(finished: Option<usize>) -> String {
    finished.map_or(String::new(), |n| format!(" after {n} finished trials"))
}
