//! The front on the terminal.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use lightcrest::history::TrialState;

use crate::metric::{self, Kind};
use crate::run::RunFolder;
use crate::view::View;

const COLUMNS: [&str; 5] = ["validation_accuracy", "test_accuracy", "macs", "parameters", "latency_ms"];

/// One sentence about the trials.
pub(crate) fn summary(view: &View) -> String {
    let count = |state| view.history.in_state(state).count();
    let mut parts =
        vec![format!("{} trials", view.history.len()), format!("{} complete", count(TrialState::Complete))];
    for (state, text) in [
        (TrialState::Pruned, "stopped early"),
        (TrialState::Failed, "failed"),
        (TrialState::Running, "running"),
        (TrialState::Waiting, "waiting"),
    ] {
        if count(state) > 0 {
            parts.push(format!("{} {text}", count(state)));
        }
    }
    parts.push(format!("{} on the front", view.front().len()));
    parts.join(", ")
}

/// The front, one model a line, as wide as the terminal allows.
pub(crate) fn front_table(view: &View) -> String {
    let front = view.front();
    if front.is_empty() {
        return "no trial is complete yet, so there is no front".into();
    }
    let objectives = view.definition.objectives.iter().map(|objective| objective.name.as_str());
    let others: Vec<&str> = objectives.filter(|name| !COLUMNS.contains(name)).collect();
    let metrics: Vec<_> = front.iter().map(|trial| view.metrics(trial)).collect();
    let names: Vec<&str> = others
        .into_iter()
        .chain(COLUMNS)
        .filter(|name| metrics.iter().any(|known| known.contains_key(*name)))
        .collect();
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(std::iter::once("Trial".into()).chain(names.iter().map(|name| metric::label(name))));
    for (trial, known) in front.iter().zip(&metrics) {
        let cells = names
            .iter()
            .map(|name| known.get(*name).map_or_else(|| "–".into(), |v| Kind::of(name).format(*v)));
        table.add_row(std::iter::once(trial.number.to_string()).chain(cells));
    }
    table.column_iter_mut().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table.to_string()
}

/// λ of every model of the front.
pub(crate) fn configurations(view: &View) -> String {
    let lines = view.front().into_iter().map(|trial| {
        let pairs = trial.configuration.iter().map(|(name, value)| {
            let value = value.to_string();
            format!("{name}={}", value.trim_matches('"'))
        });
        format!("trial {}: {}", trial.number, pairs.collect::<Vec<_>>().join(" "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The whole run as text.
pub(crate) fn text(view: &View) -> String {
    let mut parts = vec![format!("{}: {}", view.definition.name, summary(view)), front_table(view)];
    if !view.front().is_empty() {
        parts.push(configurations(view));
    }
    parts.join("\n")
}

/// What a search prints at its end.
pub(crate) fn closing(view: &View, folder: &RunFolder) -> String {
    let root = folder.root().display();
    format!(
        "{}: {}\n{}\n{root}/report.html shows the run; the models are in {root}/front",
        view.definition.name,
        summary(view),
        front_table(view)
    )
}
