//! What is drawn, from what was asked for: names that the study does not have are refused with those that it
//! has.

use lightcrest::importance::{PedAnovaConfig, ped_anova};
use lightcrest::space::nearest;

use super::{Question, SurrogateError};
use crate::view::View;

/// Index of what is predicted.
pub(super) fn objective(view: &View, name: Option<&str>) -> Result<usize, SurrogateError> {
    let objectives = &view.definition.objectives;
    let newest = view.history.trials().iter().rev().find(|trial| trial.state.is_finished());
    let exact = |j: usize| newest.is_some_and(|trial| trial.known.get(j).copied().flatten().is_some());
    let predicted: Vec<usize> = (0..objectives.len()).filter(|&j| !exact(j)).collect();
    let names = || objectives.iter().map(|objective| objective.name.as_str());
    let Some(name) = name else {
        return predicted.first().copied().ok_or(SurrogateError::NothingPredicted);
    };
    match names().position(|other| other == name) {
        Some(j) if exact(j) => Err(SurrogateError::KnownBefore {
            name: name.to_owned(),
            predicted: predicted.iter().map(|&j| objectives[j].name.clone()).collect(),
        }),
        Some(j) => Ok(j),
        None => Err(SurrogateError::UnknownObjective {
            name: name.to_owned(),
            nearest: nearest(name, names()),
            known: owned(names()),
        }),
    }
}

/// The parameters that vary: those that were asked for, or the most important one.
pub(super) fn parameters<'a>(
    view: &'a View,
    question: &Question<'a>,
    objective: usize,
) -> Result<Vec<&'a str>, SurrogateError> {
    let space = &view.definition.space;
    let all = || space.parameters().iter().map(|parameter| parameter.name.as_str());
    for (k, name) in question.parameters.iter().enumerate() {
        if space.get(name).is_none() {
            return Err(SurrogateError::UnknownParameter {
                name: (*name).to_owned(),
                nearest: nearest(name, all()),
                known: owned(all()),
            });
        }
        if question.parameters[..k].contains(name) {
            return Err(SurrogateError::Twice((*name).to_owned()));
        }
    }
    if question.parameters.len() > 2 {
        return Err(SurrogateError::TooManyParameters(question.parameters.len()));
    }
    if !question.parameters.is_empty() {
        return Ok(question.parameters.clone());
    }
    let trials = view.history.complete();
    let trials: Vec<_> =
        trials.filter_map(|t| Some((&t.configuration, view.history.oriented(t)?[objective]))).collect();
    let shares = ped_anova(space, &trials, &PedAnovaConfig::default()).unwrap_or_default();
    let top = shares.iter().reduce(|best, other| if other.1 > best.1 { other } else { best });
    let active = |name: &str| view.history.complete().any(|trial| trial.configuration.get(name).is_some());
    let top = top.and_then(|(name, _)| all().find(|other| other == name));
    let name = top.filter(|name| active(name)).or_else(|| all().find(|name| active(name)));
    name.map(|name| vec![name]).ok_or(SurrogateError::NothingComplete)
}

fn owned<'n>(names: impl Iterator<Item = &'n str>) -> Vec<String> {
    names.map(str::to_owned).collect()
}
