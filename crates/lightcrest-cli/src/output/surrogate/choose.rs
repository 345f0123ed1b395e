//! What is drawn, from what was asked for: names that the study does not have are refused with those that it has.

use lightcrest::importance::{PedAnovaConfig, ped_anova};
use lightcrest::space::nearest;

use super::Question;
use crate::error::CliError;
use crate::view::View;

/// Index of what is predicted.
pub(super) fn objective(view: &View, name: Option<&str>) -> Result<usize, CliError> {
    let objectives = &view.definition.objectives;
    let newest = view.history.trials().iter().rev().find(|trial| trial.state.is_finished());
    let exact = |j: usize| newest.is_some_and(|trial| trial.known.get(j).copied().flatten().is_some());
    let predicted: Vec<usize> = (0..objectives.len()).filter(|&j| !exact(j)).collect();
    let names =
        |js: &[usize]| js.iter().map(|&j| format!("`{}`", objectives[j].name)).collect::<Vec<_>>().join(", ");
    match name {
        None => predicted.first().copied().ok_or_else(|| {
            CliError::Usage(
                "every objective of this study is known before an evaluation, so nothing is predicted".into(),
            )
        }),
        Some(name) => match objectives.iter().position(|objective| objective.name == name) {
            Some(j) if exact(j) => Err(CliError::Usage(format!(
                "`{name}` is known before an evaluation, so it is not predicted; predicted: {}",
                names(&predicted)
            ))),
            Some(j) => Ok(j),
            None => Err(CliError::Usage(format!(
                "there is no objective `{name}`{}\n  objectives: {}",
                hint(name, objectives.iter().map(|objective| objective.name.as_str())),
                names(&(0..objectives.len()).collect::<Vec<_>>())
            ))),
        },
    }
}

/// The parameters that vary: those that were asked for, or the most important one.
pub(super) fn parameters<'a>(
    view: &'a View,
    question: &Question<'a>,
    objective: usize,
) -> Result<Vec<&'a str>, CliError> {
    let space = &view.definition.space;
    let all = || space.parameters().iter().map(|parameter| parameter.name.as_str());
    for (k, name) in question.parameters.iter().enumerate() {
        if space.get(name).is_none() {
            return Err(CliError::Usage(format!(
                "there is no parameter `{name}`{}\n  parameters: {}",
                hint(name, all()),
                all().collect::<Vec<_>>().join(", ")
            )));
        }
        if question.parameters[..k].contains(name) {
            return Err(CliError::Usage(format!("--parameter {name} is there twice")));
        }
    }
    if question.parameters.len() > 2 {
        let count = question.parameters.len();
        return Err(CliError::Usage(format!(
            "a picture has one or two parameters, but --parameter is there {count} times"
        )));
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
    name.map(|name| vec![name]).ok_or_else(|| {
        CliError::Usage("no trial of this study is complete yet, so there is nothing to draw".into())
    })
}

fn hint<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    nearest(name, known).map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?"))
}
