//! All trials on the terminal: how the best grew, and one line a trial with its learning curve.

use lightcrest_report::metric::{self, Kind};
use lightcrest_report::value::pairs;
use lightcrest_report::{ReportData, Trial, View};

use crate::plain::plain;

/// Characters of a chart of the history, at most.
const WIDTH: usize = 60;

/// Eight heights.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// How the best value of every objective and the hypervolume went, from the first trial to the last.
pub(super) fn history(data: &ReportData) -> String {
    let count = data.metrics.iter().filter(|metric| metric.objective).count();
    let mut lines = Vec::new();
    for (index, metric) in data.metrics.iter().take(count).enumerate() {
        let values = data.trials.iter().map(|trial| {
            let complete = trial.state == "complete";
            trial.metrics[index].filter(|_| complete)
        });
        let better = match metric.direction {
            Some("maximize") => f64::max,
            _ => f64::min,
        };
        let best = best_so_far(values, better);
        lines.extend(growth(&format!("best {}", metric.label), &best, metric.kind));
    }
    lines.extend(growth("hypervolume", &data.hypervolume, Kind::Number));
    if lines.is_empty() {
        return "no trial is complete yet, so there is no history".into();
    }
    format!("history, first to last trial\n{}", lines.join("\n"))
}

/// The best of the values up to each trial; none before the first.
fn best_so_far(values: impl Iterator<Item = Option<f64>>, better: fn(f64, f64) -> f64) -> Vec<Option<f64>> {
    let step = |best: &mut Option<f64>, value: Option<f64>| {
        *best = match (*best, value) {
            (Some(best), Some(value)) => Some(better(best, value)),
            (best, value) => best.or(value),
        };
        Some(*best)
    };
    values.scan(None, step).collect()
}

/// One line: label, chart, first and last value.
fn growth(label: &str, values: &[Option<f64>], kind: Kind) -> Option<String> {
    let (first, last) = (values.iter().flatten().next()?, values.iter().flatten().last()?);
    // The last value of each of at most WIDTH even stretches.
    let columns = values.len().min(WIDTH);
    let picked: Vec<Option<f64>> =
        (1..=columns).map(|column| values[column * values.len() / columns - 1]).collect();
    let chart = bars(&picked, range(values.iter().flatten().copied()));
    Some(format!("{label:<28} {chart} {} → {}", kind.format(*first), kind.format(*last)))
}

/// One line a trial: number, state, objectives, time, learning curve, λ.
pub(super) fn trials(view: &View, data: &ReportData) -> String {
    let objectives: Vec<_> = data.metrics.iter().filter(|metric| metric.objective).collect();
    let heights = range(data.trials.iter().flat_map(|trial| &trial.curve).map(|(_, value)| *value));
    let header = ["Trial", "State"].map(str::to_owned).into_iter();
    let header = header.chain(objectives.iter().map(|metric| metric.label.clone()));
    let header = header.chain(["Time", "Learning curve", "λ"].map(str::to_owned));
    let row = |trial: &Trial| -> Vec<String> {
        let star = if trial.front { "*" } else { "" };
        let values = objectives.iter().zip(&trial.metrics);
        let values = values.map(|(metric, value)| value.map_or("–".into(), |v| metric.kind.format(v)));
        let curve: Vec<Option<f64>> = trial.curve.iter().map(|(_, value)| Some(*value)).collect();
        let configuration = view.history.get(trial.number).map(|trial| pairs(&trial.configuration));
        [format!("{}{star}", trial.number), trial.state.to_owned()]
            .into_iter()
            .chain(values)
            .chain([
                trial.seconds.map_or("–".into(), metric::duration),
                bars(&curve, heights),
                configuration.unwrap_or_default(),
            ])
            .collect()
    };
    let mut rows: Vec<Vec<String>> = vec![header.collect()];
    rows.extend(data.trials.iter().map(row));
    format!("all trials (* on the front)\n{}", aligned(&rows))
}

/// Why trials failed, one line each; none when all went well.
pub(super) fn failures(data: &ReportData) -> Option<String> {
    let failed = data.trials.iter().filter(|trial| trial.state == "failed");
    let line = |trial: &Trial| Some(format!("trial {}: {}", trial.number, plain(trial.reason.as_deref()?)));
    let lines: Vec<String> = failed.filter_map(line).collect();
    (!lines.is_empty()).then(|| format!("failed trials\n{}", lines.join("\n")))
}

/// Columns as wide as their widest cell; the last one is as long as it is.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.saturating_sub(1)).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        let cells: Vec<String> = cells.chain(row.last().cloned()).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Smallest and largest value.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
}

/// One character a value; a blank where there is none.
fn bars(values: &[Option<f64>], (low, high): (f64, f64)) -> String {
    let bar = |value: &Option<f64>| match value {
        None => ' ',
        Some(value) if high > low => {
            let height = (value - low) / (high - low) * BARS.len() as f64;
            BARS[(height as usize).min(BARS.len() - 1)]
        }
        Some(_) => BARS[0],
    };
    values.iter().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightcrest_report::testing::view;

    #[test]
    fn every_trial_has_a_line_and_the_history_its_charts() {
        let view = view();
        let data = ReportData::new(&view);
        insta::assert_snapshot!(trials(&view, &data));
        insta::assert_snapshot!(history(&data));
    }

    #[test]
    fn a_long_history_is_drawn_in_sixty_columns_that_end_with_its_last_value() {
        let values: Vec<Option<f64>> = (0..1000).map(|i| (i >= 100).then(|| f64::from(i))).collect();
        let line = growth("x", &values, Kind::Number).unwrap();
        let chart: String = line.chars().skip(29).take(WIDTH).collect();
        assert_eq!(
            chart.chars().filter(|c| *c == ' ').count(),
            6,
            "the trials before the first value: {line}"
        );
        assert!(chart.ends_with('█') && line.ends_with("100 → 999"), "{line}");
    }
}
