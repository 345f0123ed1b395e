//! `lightcrest quantize`: an ONNX model of 8 bits.

use lightcrest_graph::compress::quantize::{
    Method, Precision, QuantizeConfig, QuantizeReport, QuantizedLayer, WeightBits, quantize as quantize_model,
};

use crate::arguments::{BitsName, QuantizeArguments, RangeName};
use crate::calibration;
use crate::error::CliError;
use crate::onnx;

/// Quantizes a file.
pub(crate) fn quantize(arguments: &QuantizeArguments) -> Result<(), CliError> {
    let QuantizeArguments { model: path, out, calibration, .. } = arguments;
    let model = onnx::load_to_change(path, out)?;
    let feeds = calibration::feeds(&model, path, calibration, &arguments.pictures)?;
    let (quantized, report) = quantize_model(&model, &feeds, &config(arguments))
        .map_err(onnx::failed(path, "cannot be quantized"))?;
    onnx::save(&quantized, out)?;
    onnx::print_report(&report, arguments.json, table, out)
}

fn config(arguments: &QuantizeArguments) -> QuantizeConfig {
    QuantizeConfig {
        method: arguments.method.map(|name| match name {
            RangeName::MinMax => Method::MinMax,
            RangeName::MovingAverage => Method::MovingAverage,
            RangeName::Percentile => Method::Percentile,
            RangeName::Mse => Method::Mse,
            RangeName::Kl => Method::Kl,
        }),
        per_channel: !arguments.per_tensor,
        bits: match arguments.weight_bits {
            BitsName::Guarded => WeightBits::Guarded,
            BitsName::Eight => WeightBits::Eight,
            BitsName::Seven => WeightBits::Seven,
        },
        exclude: arguments.exclude.clone(),
        min_snr: (arguments.min_snr > 0.0).then_some(arguments.min_snr),
        ..QuantizeConfig::default()
    }
}

/// Layers, one a line, and totals.
fn table(report: &QuantizeReport) -> String {
    let wide = report.layers.iter().map(|layer| layer.name.chars().count()).max().unwrap_or(0).clamp(5, 60);
    let mut lines = vec![format!(
        "{:<wide$}  {:<13} {:<13} {:>12}  {}",
        "layer", "operator", "precision", "bytes", "why"
    )];
    lines.extend(report.layers.iter().map(|layer| line(layer, wide)));
    lines.push(String::new());
    let int8 = report.layers.iter().filter(|layer| layer.precision != Precision::Fp32).count();
    lines.push(format!("layers               {int8} of {} of 8 bits, the others fp32", report.layers.len()));
    for (output, snr) in &report.snr {
        lines.push(format!("signal to noise      {snr:.1} dB at `{output}`, on calibration inputs"));
    }
    let factor = |before: usize, after: usize| before as f64 / after.max(1) as f64;
    lines.push(format!(
        "weights and biases   {} > {} bytes ({:.2} times fewer)",
        report.payload_before,
        report.payload,
        factor(report.payload_before, report.payload)
    ));
    let overhead = report.bytes.saturating_sub(report.payload);
    lines.push(format!(
        "file                 {} > {} bytes ({:.2} times fewer), {overhead} of them nodes and names",
        report.bytes_before,
        report.bytes,
        factor(report.bytes_before, report.bytes)
    ));
    if report.opset != report.opset_before {
        lines.push(format!("opset                {} > {}", report.opset_before, report.opset));
    }
    lines.push(format!(
        "ranges by {:?}, {} tensors equalised, {} biases corrected; how fast it is, a measurement must say",
        report.method, report.equalized, report.corrected
    ));
    lines.join("\n")
}

fn line(layer: &QuantizedLayer, wide: usize) -> String {
    let precision = match layer.precision {
        Precision::Int8 => "int8",
        Precision::Int8Weights => "int8 weights",
        Precision::Fp32 => "fp32",
    };
    let why = layer.reason.map_or_else(String::new, |reason| reason.to_string());
    let QuantizedLayer { name, operator, bytes, .. } = layer;
    format!("{name:<wide$}  {operator:<13} {precision:<13} {bytes:>12}  {why}").trim_end().to_owned()
}
