//! A made-up search for a light network, for tests and benchmarks.

use lightcrest::Configuration;
use lightcrest::space::{Parameter, Space};

/// Like a search for a light network: stages with a module each and that module's own parameters, an
/// optimizer with its own; accuracy must be evaluated, the cost (spread over decades) is known. `stages` sets
/// the number of parameters.
pub(crate) fn space(stages: usize) -> Space {
    let mut builder = Space::builder();
    for s in 0..stages {
        builder = builder
            .categorical(format!("module{s}"), ["conv", "ds", "mb", "pass"])
            .parameter(
                Parameter::int(format!("width{s}"), 1, 16).when(format!("module{s}"), ["conv", "ds", "mb"]),
            )
            .parameter(Parameter::int(format!("expand{s}"), 1, 6).when(format!("module{s}"), ["mb"]))
            .parameter(
                Parameter::ordinal(format!("kernel{s}"), [1i64, 3, 5])
                    .when(format!("module{s}"), ["conv", "ds"]),
            )
            .parameter(
                Parameter::categorical(format!("act{s}"), ["relu", "swish"])
                    .when(format!("module{s}"), ["mb", "ds"]),
            );
    }
    builder
        .log_float("rate", 1e-4, 1.0)
        .categorical("optimizer", ["sgd", "adam"])
        .parameter(Parameter::float("momentum", 0.0, 0.99).when("optimizer", ["sgd"]))
        .build()
        .unwrap()
}

/// Accuracy and cost, the decimal logarithm of a count.
pub(crate) fn two(c: &Configuration) -> Vec<f64> {
    let (mut power, mut cost) = (0.0, 10.0);
    for s in 0.. {
        let Some(module) = c.get_str(&format!("module{s}")) else { break };
        let width = c.get_f64(&format!("width{s}")).unwrap_or(0.0);
        let kernel = c.get_f64(&format!("kernel{s}")).unwrap_or(3.0);
        let expand = c.get_f64(&format!("expand{s}")).unwrap_or(1.0);
        let swish = if c.get_str(&format!("act{s}")) == Some("swish") { 1.1 } else { 1.0 };
        let (gain, price) = match module {
            "conv" => (1.0 - (kernel - 3.0).abs() * 0.1, width * width * kernel * kernel),
            "ds" => (0.9 * swish, width * width + width * kernel * kernel),
            "mb" => (1.2 * swish * (1.0 - 0.05 * (expand - 4.0).abs()), 2.0 * width * width * expand),
            _ => (0.0, 0.0),
        };
        power += gain * (1.0 + width).ln() / (1.0 + 0.3 * s as f64);
        cost += price;
    }
    let best = if c.get_str("optimizer") == Some("sgd") { 0.1f64 } else { 0.003 };
    let rate = (c.get_f64("rate").expect("always active") / best).log10();
    let momentum = c.get_f64("momentum").map_or(0.02, |m| 0.1 * (m - 0.9).powi(2));
    let accuracy = 1.0 - (-0.5 * power).exp() - 0.1 * rate * rate - momentum;
    vec![accuracy.max(0.1), cost.log10()]
}

/// The same with a second exact objective, the sum of the widths.
pub(crate) fn three(c: &Configuration) -> Vec<f64> {
    let width = |s: usize| c.get_f64(&format!("width{s}")).unwrap_or(0.0);
    let mut values = two(c);
    values.push((1.0 + (0..4).map(width).sum::<f64>()).log10());
    values
}
