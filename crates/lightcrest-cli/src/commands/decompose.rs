//! `lightcrest decompose`: an ONNX model whose layers are chains of smaller ones.

use std::path::Path;

use lightcrest_graph::compress::activation::Own;
use lightcrest_graph::compress::decompose::{
    Calibration, Choice, DecomposeConfig, LayerReport, Method, Outcome, Ranks, Report,
    decompose as decompose_model,
};
use lightcrest_report::metric::Kind;

use crate::arguments::{DecomposeArguments, MethodName};
use crate::calibration;
use crate::error::CliError;
use crate::onnx;

/// Decomposes a file.
pub(crate) fn decompose(arguments: &DecomposeArguments) -> Result<(), CliError> {
    let DecomposeArguments { model: path, out, .. } = arguments;
    let mut config = config(arguments)?;
    let model = onnx::load_to_change(path, out)?;
    if let Some(data) = &arguments.calibration {
        let feeds = calibration::feeds(&model, path, data, &arguments.pictures)?;
        let seen = Calibration::collect(&model, &Own, &feeds);
        config.calibration = Some(seen.map_err(|reason| calibration::refused(data, &reason))?);
    }
    let (decomposed, report) =
        decompose_model(&model, &config).map_err(onnx::failed(path, "cannot be decomposed"))?;
    if report.decomposed().next().is_none() {
        return Err(CliError::Usage(nothing(path, &report)));
    }
    onnx::save(&decomposed, out)?;
    onnx::print_report(&report, arguments.json, table, out)
}

fn config(arguments: &DecomposeArguments) -> Result<DecomposeConfig, CliError> {
    let method = match arguments.method {
        MethodName::Svd => Method::Svd,
        MethodName::Tucker => Method::Tucker,
        MethodName::Cp => Method::Cp,
        MethodName::Spatial => Method::Spatial,
    };
    let ranks = match (arguments.macs, arguments.rank.as_str()) {
        (Some(share), _) => Ranks::Macs(share),
        (None, "evbmf") => Ranks::Evbmf,
        (None, rank) => Ranks::Fraction(rank.parse().map_err(|_| {
            CliError::Usage(format!(
                "--rank is `{rank}`; it must be evbmf, or a share of the full rank above 0 and at most 1, such as 0.5"
            ))
        })?),
    };
    Ok(DecomposeConfig {
        choice: Choice::Uniform { method, ranks, layers: arguments.layer.clone() },
        keep: arguments.keep.clone(),
        allow_growth: arguments.allow_growth,
        ..DecomposeConfig::uniform(method, ranks)
    })
}

/// Why there is nothing to do.
fn nothing(path: &Path, report: &Report) -> String {
    let mut lines = vec![format!("nothing to decompose in {}; nothing was written", path.display())];
    if report.layers.is_empty() {
        lines.push("  it has no layer with weights".into());
    }
    for layer in &report.layers {
        if let Outcome::Kept { reason } = &layer.outcome {
            lines.push(format!("  `{}` ({}): {reason}", layer.name, layer.operator));
        }
    }
    lines.join("\n")
}

/// Layers, one a line, and totals.
fn table(report: &Report) -> String {
    let wide = report.layers.iter().map(|layer| layer.name.chars().count()).max().unwrap_or(0).min(48);
    let head = format!(
        "{:<wide$}  {:<13} {:<8} {:>11} {:>8} {:>8}",
        "layer", "operator", "method", "ranks", "MACs", "error"
    );
    let mut lines = vec![head];
    lines.extend(report.layers.iter().map(|layer| line(layer, wide)));
    lines.push(String::new());
    let total = |name: &str, kind: &str, before: u64, after: u64| {
        let format = |value: u64| Kind::of(kind).format(value as f64);
        let factor = before as f64 / after.max(1) as f64;
        format!("{name:<20} {} > {} ({factor:.2} times fewer)", format(before), format(after))
    };
    lines.push(total("multiply-accumulates", "macs", report.macs.before, report.macs.after));
    if report.layers.iter().any(|layer| layer.per_position) {
        lines.push("  of which layers with free sizes count with one output position".into());
    }
    lines.push(total("weights", "parameters", report.parameters.before, report.parameters.after));
    lines.join("\n")
}

fn line(layer: &LayerReport, wide: usize) -> String {
    let LayerReport { name, operator, macs, outcome, .. } = layer;
    match outcome {
        Outcome::Kept { reason } => format!("{name:<wide$}  {operator:<13} {:<8} {reason}", "-"),
        Outcome::Decomposed { method, ranks, error, output_error } => {
            let method = format!("{method:?}").to_lowercase();
            let ranks = ranks.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
            let factor = macs.map_or(1.0, |macs| macs.before as f64 / macs.after.max(1) as f64);
            let output = output_error.map_or_else(String::new, |error| format!("  of outputs {error:.3}"));
            format!(
                "{name:<wide$}  {operator:<13} {method:<8} {ranks:>11} {factor:>7.2}x {error:>8.3}{output}"
            )
        }
    }
}
