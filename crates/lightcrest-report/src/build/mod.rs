//! From a study to the data of the report.

mod hypervolume;

use lightcrest::history::FrozenTrial;
use lightcrest::importance::{PedAnovaConfig, ped_anova};
use lightcrest::objective::Direction;
use lightcrest::space::Parameter;
use serde_json::Value as Json;

use crate::data::{Fact, Importance, Metric, Model, ReportData, Surrogate, SurrogateSection, Trial};
use crate::metric;
use crate::surrogate::SurrogateError;
use crate::value::{direction_name, json, parameter, rounded};
use crate::view::{View, WrittenModel};

impl ReportData {
    /// Everything that the report shows but the pictures of the surrogate, which take time: they come with
    /// [`with_surrogate`](Self::with_surrogate).
    pub fn new(view: &View) -> Self {
        let names = view.metric_names();
        let direction = |name: &str| {
            let objective = view.definition.objectives.iter().find(|objective| objective.name == name)?;
            Some(direction_name(objective.direction))
        };
        let front = view.front();
        let parameters = view.definition.space.parameters();
        let trial = |trial: &FrozenTrial| {
            let known = view.metrics(trial);
            Trial {
                number: trial.number,
                state: trial.state.as_str(),
                front: front.iter().any(|other| other.number == trial.number),
                seconds: trial.duration_ms().map(|ms| ms as f64 / 1000.0),
                metrics: names.iter().map(|name| known.get(name).copied().map(rounded)).collect(),
                parameters: parameters.iter().map(|p| value(trial, p)).collect(),
                curve: trial
                    .reports
                    .iter()
                    .filter_map(|(step, v)| Some((*step, rounded(*v.first()?))))
                    .collect(),
                reason: trial.reason.clone(),
            }
        };
        Self {
            title: view.definition.name.clone(),
            summary: format!("{}.", view.summary()),
            facts: facts(view),
            metrics: names.iter().map(|name| Metric::new(name, direction(name))).collect(),
            parameters: parameters.iter().map(parameter).collect(),
            trials: view.history.trials().iter().map(trial).collect(),
            curve_metric: view.history.trials().iter().find_map(reported),
            hypervolume: hypervolume::growth(&view.history),
            importance: importances(view),
            surrogate: SurrogateSection::Missing("It was not drawn.".into()),
            networks: view.networks,
            models: front.iter().filter_map(|trial| model(view, trial.number)).collect(),
            table: view.table.clone(),
        }
    }

    /// With the pictures of the surrogate, or why there are none.
    #[must_use]
    pub fn with_surrogate(self, drawn: Result<Surrogate, SurrogateError>) -> Self {
        let surrogate = match drawn {
            Ok(drawn) => SurrogateSection::Drawn(Box::new(drawn)),
            Err(error) => SurrogateSection::Missing(error.sentence()),
        };
        Self { surrogate, ..self }
    }
}

/// What each objective depends on; nothing while there are too few trials to tell.
fn importances(view: &View) -> Vec<Importance> {
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
        Some(Importance { label: metric::label(&objectives[i].name), shares })
    };
    (0..objectives.len()).filter_map(of).collect()
}

/// Index of the objective that a trial reports: the first that was not known beforehand.
fn reported(trial: &FrozenTrial) -> Option<usize> {
    (!trial.reports.is_empty()).then(|| trial.known.iter().position(Option::is_none).unwrap_or(0))
}

fn value(trial: &FrozenTrial, parameter: &Parameter) -> Json {
    trial.configuration.get(&parameter.name).map_or(Json::Null, json)
}

fn facts(view: &View) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut fact = |label: &str, value: String| facts.push(Fact { label: label.into(), value });
    view.data.iter().for_each(|data| fact("Data", data.clone()));
    let objectives = view.definition.objectives.iter().map(|objective| {
        let verb = if objective.direction == Direction::Minimize { "minimise" } else { "maximise" };
        format!("{verb} {}", objective.name)
    });
    fact("Objectives", objectives.collect::<Vec<_>>().join(", "));
    fact("Parameters varied", view.definition.space.parameters().len().to_string());
    view.settings.iter().for_each(|setting| fact(&setting.label, setting.value.clone()));
    fact("Seed", view.definition.seed.to_string());
    let started = view.history.trials().iter().filter_map(|trial| trial.started).min();
    let busy: u64 = view.history.trials().iter().filter_map(FrozenTrial::duration_ms).sum();
    if started.is_some() {
        fact("Time in trials", metric::duration(busy as f64 / 1000.0));
    }
    facts
}

fn model(view: &View, trial: u64) -> Option<Model> {
    let written = view.models.get(&trial)?;
    let WrittenModel { files, layers, diagnosis, .. } = written.clone();
    Some(Model { trial, files, layers, diagnosis })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::view;
    use serde_json::json;

    #[test]
    fn the_report_shows_what_the_run_holds() {
        let data = ReportData::new(&view());
        let names: Vec<&str> = data.metrics.iter().map(|metric| metric.name.as_str()).collect();
        assert_eq!(names, ["validation_accuracy", "macs", "test_accuracy", "parameters", "latency_ms"]);
        let fronts: Vec<u64> =
            data.trials.iter().filter(|trial| trial.front).map(|trial| trial.number).collect();
        assert_eq!(fronts, [0, 3]);
        // A trial that was stopped early has no accuracy, but its MACs were known before.
        assert_eq!(data.trials[2].metrics[..2], [None, Some(50_000.0)]);
        assert_eq!(data.trials[1].parameters[2], json!(null));
        assert_eq!(data.trials[0].metrics[2], Some(0.965));
        assert_eq!(data.curve_metric, Some(0));
        assert_eq!(data.models.len(), 1);
        assert_eq!(data.hypervolume.len(), 4);
    }

    #[test]
    fn the_data_are_what_pages_and_servers_get() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&ReportData::new(&view())).unwrap());
    }

    #[test]
    fn infinite_values_stay_what_they_are() {
        let mut view = view();
        let mut trial = view.history.trials()[3].clone();
        trial.values = Some(vec![f64::NEG_INFINITY, f64::INFINITY]);
        view.history.put(trial);
        let data = ReportData::new(&view);
        assert!(data.hypervolume.iter().flatten().all(|volume| (0.0..=1.0).contains(volume)));
        let json = serde_json::to_value(&data).unwrap();
        assert_eq!(json["trials"][3]["metrics"].as_array().unwrap()[..2], ["-Infinity", "Infinity"]);
        assert!(json["importance"].as_array().unwrap().iter().all(|i| i["shares"][0] != json!(f64::NAN)));
    }

    #[test]
    fn choices_are_found_among_the_values_of_trials() {
        let mut view = view();
        let names: [lightcrest::space::Value; 3] =
            [lightcrest::space::Value::Null, 0.123_456_789.into(), i64::MAX.into()];
        view.definition.space =
            lightcrest::space::Space::builder().categorical("choice", names.clone()).build().unwrap();
        for (number, value) in names.into_iter().enumerate() {
            let mut trial = view.history.trials()[number].clone();
            trial.configuration = lightcrest::Configuration::new();
            trial.configuration.set("choice", value);
            view.history.put(trial);
        }
        let data = ReportData::new(&view);
        assert_eq!(
            data.parameters[0].choices,
            [json!("null"), json!(0.1234568), json!("9223372036854775807")]
        );
        for number in 0..3 {
            assert_eq!(data.trials[number].parameters[0], data.parameters[0].choices[number]);
        }
    }
}
