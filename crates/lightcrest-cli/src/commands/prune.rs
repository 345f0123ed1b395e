//! `lightcrest prune`: an ONNX model without some of its channels.

use std::path::Path;

use lightcrest_graph::compress::prune::{Importance, PruneConfig, PruneReport, prune as prune_model};
use lightcrest_report::metric::Kind;

use crate::arguments::{ImportanceName, PruneArguments};
use crate::error::CliError;
use crate::onnx;
use crate::terminal::tell;

/// Prunes a file.
pub(crate) fn prune(arguments: &PruneArguments) -> Result<(), CliError> {
    let PruneArguments { model: path, out, .. } = arguments;
    let model = onnx::load_to_change(path, out)?;
    let config = PruneConfig {
        ratio: arguments.ratio,
        importance: match arguments.importance {
            ImportanceName::L1 => Importance::L1,
            ImportanceName::L2 => Importance::L2,
            ImportanceName::Fpgm => Importance::Fpgm,
            ImportanceName::Bn => Importance::BatchNorm,
        },
        global: arguments.global,
        round_to: arguments.round_to,
        keep: arguments.keep.clone(),
        macs: arguments.macs,
        steps: arguments.steps,
        ..PruneConfig::default()
    };
    let (pruned, report) = prune_model(&model, &config).map_err(onnx::failed(path, "cannot be pruned"))?;
    if report.is_empty() {
        return Err(CliError::Usage(nothing(path, &report)));
    }
    onnx::save(&pruned, out)?;
    report.warnings.iter().for_each(|warning| tell(&format!("warning: {warning}")));
    onnx::print_report(&report, arguments.json, table, out)
}

/// Why there is nothing to do.
fn nothing(path: &Path, report: &PruneReport) -> String {
    let mut lines = vec![format!("nothing to prune in {}; nothing was written", path.display())];
    if report.layers.is_empty() {
        lines.push("  it has no layer whose weights are constants of float".into());
    }
    for layer in &report.layers {
        let reason = layer.left_alone.as_deref().unwrap_or("the share rounds to no channel");
        lines.push(format!("  `{}` ({}): {reason}", layer.name, layer.operator));
    }
    lines.extend(report.warnings.iter().map(|warning| format!("  {warning}")));
    lines.join("\n")
}

/// Layers, one a line, and totals.
fn table(report: &PruneReport) -> String {
    let wide = report.layers.iter().map(|layer| layer.name.chars().count()).max().unwrap_or(0).min(48);
    let mut lines =
        vec![format!("{:<wide$}  {:<13} {:>13} {:>13}", "layer", "operator", "outputs", "inputs")];
    for layer in &report.layers {
        let change = |before: usize, after: usize| match before == after {
            true => before.to_string(),
            false => format!("{before} > {after}"),
        };
        let outputs = change(layer.outputs_before, layer.outputs_after);
        let inputs = change(layer.inputs_before, layer.inputs_after);
        let reason = layer.left_alone.as_ref().map_or_else(String::new, |reason| format!("  {reason}"));
        lines.push(format!(
            "{:<wide$}  {:<13} {outputs:>13} {inputs:>13}{reason}",
            layer.name, layer.operator
        ));
    }
    let total = |name: &str, kind: &str, before: u64, after: u64| {
        let format = |value: u64| Kind::of(kind).format(value as f64);
        let factor = before as f64 / after.max(1) as f64;
        format!("{name:<20} {} > {} ({factor:.2} times fewer)", format(before), format(after))
    };
    lines.push(String::new());
    match report.macs_before.zip(report.macs_after) {
        Some((before, after)) => lines.push(total("multiply-accumulates", "macs", before, after)),
        None => lines.push("multiply-accumulates  not known: sizes of the input are free".into()),
    }
    lines.push(total("parameters", "parameters", report.parameters_before, report.parameters_after));
    lines.join("\n")
}
