//! From a run to the data of the report.

use lightcrest::history::{FrozenTrial, TrialState};
use lightcrest::importance::{PedAnovaConfig, ped_anova};
use lightcrest::objective::Direction;
use lightcrest::space::{Domain, Parameter, Value};
use serde_json::Value as Json;

use super::{Question, hypervolume, surrogate, table};
use crate::report::{self, Fact, Metric, Model, ReportData, Scale, SurrogateSection};
use crate::run::FILES;
use crate::view::View;

/// How many pictures of the surrogate the report holds.
const FRAMES: usize = 6;

/// Everything that the report shows.
pub(crate) fn report(view: &View) -> ReportData {
    let question = Question { frames: FRAMES, ..Question::default() };
    let surrogate = match surrogate(view, &question) {
        Ok(drawn) => SurrogateSection::Drawn(Box::new(drawn)),
        Err(error) => SurrogateSection::Missing(error.report()),
    };
    ReportData { surrogate, ..report_data(view) }
}

/// As [`report()`], without the pictures of the surrogate, which take time.
pub(crate) fn report_data(view: &View) -> ReportData {
    let names = view.metric_names();
    let direction = |name: &str| {
        let objective = view.definition.objectives.iter().find(|objective| objective.name == name)?;
        Some(direction_name(objective.direction))
    };
    let front = view.front();
    let parameters = view.definition.space.parameters();
    let trial = |trial: &FrozenTrial| {
        let known = view.metrics(trial);
        report::Trial {
            number: trial.number,
            state: state(trial.state),
            front: front.iter().any(|other| other.number == trial.number),
            seconds: trial.duration_ms().map(|ms| ms as f64 / 1000.0),
            metrics: names.iter().map(|name| known.get(name).copied().map(rounded)).collect(),
            parameters: parameters.iter().map(|p| value(trial, p)).collect(),
            curve: trial.reports.iter().filter_map(|(step, v)| Some((*step, rounded(*v.first()?)))).collect(),
            reason: trial.reason.clone(),
        }
    };
    ReportData {
        title: view.definition.name.clone(),
        summary: format!("{}.", table::summary(view)),
        facts: facts(view),
        metrics: names.iter().map(|name| Metric::new(name, direction(name))).collect(),
        parameters: parameters.iter().map(parameter).collect(),
        trials: view.history.trials().iter().map(trial).collect(),
        curve_metric: view.history.trials().iter().find_map(reported),
        hypervolume: hypervolume::growth(&view.history),
        importance: importances(view),
        surrogate: SurrogateSection::Missing("It was not drawn.".into()),
        networks: !view.is_tuned(),
        models: front.iter().filter_map(|trial| model(view, trial.number)).collect(),
    }
}

/// What each objective depends on; nothing while there are too few trials to tell.
fn importances(view: &View) -> Vec<report::Importance> {
    let objectives = &view.definition.objectives;
    let of = |i: usize| {
        let trials: Vec<_> = view
            .history
            .complete()
            .filter_map(|trial| Some((&trial.configuration, view.history.oriented(trial)?[i])))
            .collect();
        let scores = ped_anova(&view.definition.space, &trials, &PedAnovaConfig::default())?;
        let share =
            |parameter: &Parameter| scores.iter().find(|(name, _)| *name == parameter.name).map(|(_, s)| *s);
        let shares = view.definition.space.parameters().iter().map(share).collect();
        Some(report::Importance { label: crate::metric::label(&objectives[i].name), shares })
    };
    (0..objectives.len()).filter_map(of).collect()
}

/// The direction as the page's scripts know it.
pub(super) fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Minimize => "minimize",
        Direction::Maximize => "maximize",
    }
}

pub(super) fn state(state: TrialState) -> &'static str {
    match state {
        TrialState::Waiting => "waiting",
        TrialState::Running => "running",
        TrialState::Complete => "complete",
        TrialState::Pruned => "pruned",
        TrialState::Failed => "failed",
    }
}

/// Index of the objective that a trial reports: the first that was not known beforehand.
fn reported(trial: &FrozenTrial) -> Option<usize> {
    (!trial.reports.is_empty()).then(|| trial.known.iter().position(Option::is_none).unwrap_or(0))
}

/// Seven digits are more than a chart shows, and keep the page small.
pub(super) fn rounded(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}

fn value(trial: &FrozenTrial, parameter: &Parameter) -> Json {
    trial.configuration.get(&parameter.name).map_or(Json::Null, json)
}

/// A value of a parameter for the page.
pub(super) fn json(value: &Value) -> Json {
    let json = serde_json::to_value(value).unwrap_or(Json::Null);
    match json.as_f64() {
        Some(number) if json.is_f64() => serde_json::json!(rounded(number)),
        _ => json,
    }
}

pub(super) fn parameter(parameter: &Parameter) -> report::Parameter {
    let (scale, low, high, choices) = match &parameter.domain {
        Domain::Float { low, high, log, .. } => (numeric(*log), Some(*low), Some(*high), &[][..]),
        Domain::Int { low, high, log, .. } => (numeric(*log), Some(*low as f64), Some(*high as f64), &[][..]),
        Domain::Categorical { choices, .. } => (Scale::Categorical, None, None, choices.as_slice()),
    };
    let choices = choices.iter().map(|choice| serde_json::to_value(choice).unwrap_or(Json::Null)).collect();
    report::Parameter { name: parameter.name.clone(), scale, low, high, choices }
}

fn numeric(log: bool) -> Scale {
    if log { Scale::Log } else { Scale::Linear }
}

fn facts(view: &View) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut fact = |label: &str, value: String| facts.push(Fact { label: label.into(), value });
    if let Some(card) = view.cards.values().next() {
        fact("Data", format!("{}, {} classes, images {}", card.data, card.classes.len(), card.input));
    }
    let objectives = view.definition.objectives.iter().map(|objective| {
        let verb = if objective.direction == Direction::Minimize { "minimise" } else { "maximise" };
        format!("{verb} {}", objective.name)
    });
    fact("Objectives", objectives.collect::<Vec<_>>().join(", "));
    fact("Parameters varied", view.definition.space.parameters().len().to_string());
    view.settings.iter().for_each(|(label, value)| fact(label, value.clone()));
    fact("Seed", view.definition.seed.to_string());
    let started = view.history.trials().iter().filter_map(|trial| trial.started).min();
    let busy: u64 = view.history.trials().iter().filter_map(FrozenTrial::duration_ms).sum();
    if started.is_some() {
        fact("Time in trials", crate::metric::duration(busy as f64 / 1000.0));
    }
    facts
}

fn model(view: &View, trial: u64) -> Option<Model> {
    let card = view.cards.get(&trial)?;
    let files = FILES.iter().map(|name| format!("front/trial-{trial:04}/{name}")).collect();
    Some(Model { trial, files, layers: card.layers.clone() })
}
