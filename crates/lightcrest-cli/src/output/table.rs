//! A run as text: its front, what mattered and its models.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use lightcrest::history::FrozenTrial;
use lightcrest_report::metric::{self, Kind};
use lightcrest_report::value::pairs;
use lightcrest_report::{Importance, Model, Parameter, ReportData, View};

use super::trials;
use crate::run::RunFolder;

/// How many parameters a list of importances names.
const IMPORTANT: usize = 12;

const COLUMNS: [&str; 7] = [
    "validation_accuracy",
    "test_accuracy",
    "agreement",
    "test_agreement",
    "macs",
    "parameters",
    "latency_ms",
];

/// The front, one model a line, as wide as the terminal allows.
pub(crate) fn front_table(view: &View) -> String {
    let front = view.front();
    if front.is_empty() {
        return "no trial is complete yet, so there is no front".into();
    }
    let objectives = view.definition.objectives.iter().map(|objective| objective.name.clone());
    let metrics: Vec<_> = front.iter().map(|trial| view.metrics(trial)).collect();
    let names = view.columns_of_table().unwrap_or_else(|| {
        let others = objectives.filter(|name| !COLUMNS.contains(&name.as_str()));
        others.chain(COLUMNS.map(str::to_owned)).collect()
    });
    let is_known = |name: &String| metrics.iter().any(|known| known.contains_key(name));
    let names: Vec<String> = names.into_iter().filter(is_known).collect();
    let mut table = plain_table();
    table.set_header(std::iter::once("Trial".into()).chain(names.iter().map(|name| metric::label(name))));
    for (trial, known) in front.iter().zip(&metrics) {
        let cells = names
            .iter()
            .map(|name| known.get(name).map_or_else(|| "–".into(), |v| Kind::of(name).format(*v)));
        table.add_row(std::iter::once(trial.number.to_string()).chain(cells));
    }
    table.column_iter_mut().for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table.to_string()
}

/// λ of every model of the front.
pub(crate) fn configurations(view: &View) -> String {
    let line = |trial: &FrozenTrial| format!("trial {}: {}", trial.number, pairs(&trial.configuration));
    view.front().into_iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The whole run as text: what the report shows.
pub(crate) fn text(view: &View) -> String {
    let data = ReportData::new(view);
    let facts = data.facts.iter().map(|fact| format!("{}: {}", fact.label, fact.value));
    let mut parts = vec![
        format!("{}: {}", view.definition.name, view.summary()),
        facts.collect::<Vec<_>>().join("\n"),
        front_table(view),
    ];
    if !view.front().is_empty() {
        parts.push(configurations(view));
    }
    parts.push(trials::history(&data));
    parts.extend(data.importance.iter().map(|importance| importance_table(importance, &data.parameters)));
    parts.extend(data.models.iter().map(layer_table));
    parts.push(trials::trials(view, &data));
    parts.extend(trials::failures(&data));
    parts.join("\n\n")
}

/// The parameters that matter for one objective, the most important first.
fn importance_table(importance: &Importance, parameters: &[Parameter]) -> String {
    let mut shares: Vec<(f64, &str)> = importance
        .shares
        .iter()
        .zip(parameters)
        .filter_map(|(share, parameter)| Some(((*share)?, parameter.name.as_str())))
        .collect();
    shares.sort_by(|a, b| b.0.total_cmp(&a.0));
    let lines = shares.iter().take(IMPORTANT).map(|(share, name)| {
        format!("{:>5.1}%  {:<20}  {name}", 100.0 * share, "#".repeat((20.0 * share).round() as usize))
    });
    format!("importance for {} (PED-ANOVA)\n{}", importance.label, lines.collect::<Vec<_>>().join("\n"))
}

/// The layers of a model of the front.
fn layer_table(model: &Model) -> String {
    let mut table = plain_table();
    let compressed = model.layers.iter().any(|layer| layer.change.is_some());
    let more: &[&str] = if compressed { &["Of", "What became of it"] } else { &[] };
    table.set_header(["Layer", "Operator", "Output", "Parameters", "MACs"].iter().chain(more));
    for layer in &model.layers {
        let count = |count: u64| if count == 0 { String::new() } else { count.to_string() };
        let mut row = vec![
            layer.path.clone(),
            layer.operator.clone(),
            layer.shape.clone(),
            count(layer.parameters),
            count(layer.macs),
        ];
        if let Some(change) = &layer.change {
            let int8 = if change.int8 { "int8" } else { "" };
            let words = [change.method.as_str(), change.detail.as_str(), int8];
            row.push(count(change.macs));
            row.push(words.iter().filter(|word| !word.is_empty()).copied().collect::<Vec<_>>().join(", "));
        }
        table.add_row(row);
    }
    table
        .column_iter_mut()
        .skip(2)
        .take(4)
        .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    format!("trial {}\n{table}", model.trial)
}

/// A table with a border and nothing else, as wide as the terminal allows.
pub(crate) fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

/// What a search prints at its end.
pub(crate) fn closing(view: &View, folder: &RunFolder) -> String {
    let root = folder.root().display();
    let rest = match view.networks {
        false if view.table.is_some() => format!(
            "{root}/report.html shows the run; the models are in {root}/front; `lightcrest predict {root} new.csv` predicts"
        ),
        false => format!(
            "{}\n\n{root}/report.html shows the run; what the trials wrote is in {root}/trials",
            configurations(view)
        ),
        true => format!("{root}/report.html shows the run; the models are in {root}/front"),
    };
    format!("{}: {}\n{}\n{rest}", view.definition.name, view.summary(), front_table(view))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightcrest_report::testing::view;

    #[test]
    fn the_table_fits_the_terminal() {
        insta::assert_snapshot!(front_table(&view()), @r"
        ┌──────────────────────────────────────────────────────────────────────────────┐
        │ Trial   Validation accuracy   Test accuracy    MACs   Parameters     Latency │
        ╞══════════════════════════════════════════════════════════════════════════════╡
        │     3                98.00%               –   400 k       1.24 k           – │
        │     0                97.22%          96.50%   123 k       1.23 k   0.0671 ms │
        └──────────────────────────────────────────────────────────────────────────────┘
        ");
        insta::assert_snapshot!(configurations(&view()), @r"
        trial 3: learning_rate=0.02 optimizer=sgd optimizer.sgd.momentum=0.5
        trial 0: learning_rate=0.01 optimizer=sgd optimizer.sgd.momentum=0.9
        ");
    }

    #[test]
    fn a_run_is_shown_as_a_whole() {
        insta::assert_snapshot!(text(&view()));
        let mut nothing = view();
        nothing.history = lightcrest::History::new(nothing.definition.objectives.clone());
        nothing.models.clear();
        insta::assert_snapshot!(text(&nothing));
    }
}
