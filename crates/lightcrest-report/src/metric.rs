//! How metrics are named and printed: one place for terminals and pages.

/// What a metric counts; decides digits and unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A part of one, printed in per cent.
    Share,
    /// A whole number that may be large, printed with a prefix: `1.23 M`.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Seconds.
    Seconds,
    /// Anything else.
    Number,
}

impl Kind {
    /// The kind of the metric of that name.
    pub fn of(name: &str) -> Self {
        match name {
            "macs" | "parameters" | "epochs" | "epoch" | "halvings" | "columns_needed" | "rounds" => {
                Self::Count
            }
            "seconds" => Self::Seconds,
            _ if name.ends_with("_bytes") => Self::Bytes,
            _ if name.ends_with("_ms") => Self::Milliseconds,
            _ if name.ends_with("_us") => Self::Microseconds,
            "accuracy_drop" => Self::Share,
            _ if ["accuracy", "f1", "agreement"].iter().any(|end| name.ends_with(end)) => Self::Share,
            _ => Self::Number,
        }
    }

    /// Three significant digits and a unit; accuracies to a hundredth of a per cent.
    pub fn format(self, value: f64) -> String {
        if !value.is_finite() {
            return value.to_string();
        }
        match self {
            Self::Share => format!("{:.2}%", value * 100.0),
            Self::Count => prefixed(value, ""),
            Self::Bytes => prefixed(value, "B"),
            Self::Milliseconds => format!("{} ms", significant(value)),
            Self::Microseconds => format!("{} µs", significant(value)),
            Self::Seconds => duration(value),
            Self::Number => significant(value),
        }
    }
}

/// The name of a metric as a reader would write it: `validation_accuracy` is `Validation accuracy`.
pub fn label(name: &str) -> String {
    match name {
        "macs" => "MACs".into(),
        "latency_ms" => "Latency".into(),
        "latency_cpu_ms" => "Latency, CPU time".into(),
        "latency_disturbed" => "Latency disturbed (1 = yes)".into(),
        "latency_p90_ms" => "Latency, 90th percentile".into(),
        "model_bytes" => "Model size".into(),
        "peak_activation_bytes" => "Peak activation memory".into(),
        "latency_alone_us" => "A row alone".into(),
        "latency_batch_us" => "A row in a batch".into(),
        "seconds" => "Training time".into(),
        _ => {
            let text = name.strip_suffix("_bytes").unwrap_or(name).replace('_', " ").replace(" f1", " F1");
            let mut letters = text.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
        }
    }
}

/// Three significant digits.
pub fn significant(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".into()
    } else if !(1e-4..1e6).contains(&size) {
        format!("{value:.2e}")
    } else if size >= 1000.0 {
        format!("{value:.0}")
    } else {
        let places = (2 - size.log10().floor() as i32).max(0) as usize;
        let text = format!("{value:.places$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
    }
}

fn prefixed(value: f64, unit: &str) -> String {
    for (factor, prefix) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if value.abs() >= factor * 0.9995 {
            return format!("{} {prefix}{unit}", significant(value / factor));
        }
    }
    let number = if value.fract() == 0.0 { format!("{value}") } else { significant(value) };
    if unit.is_empty() { number } else { format!("{number} {unit}") }
}

/// Seconds in the two largest units: `1 h 3 min`, `2 min 5 s`, `7.25 s`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    if whole >= 3600 {
        format!("{} h {} min", whole / 3600, whole % 3600 / 60)
    } else if whole >= 120 {
        format!("{} min {} s", whole / 60, whole % 60)
    } else {
        format!("{} s", significant(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_printed_with_sensible_digits_and_units() {
        let cases = [
            ("validation_accuracy", 0.98333, "98.33%"),
            ("macro_f1", 0.5, "50.00%"),
            ("macs", 1_234_567.0, "1.23 M"),
            ("macs", 999_999.0, "1 M"),
            ("parameters", 4_970.0, "4.97 k"),
            ("parameters", 999.0, "999"),
            ("model_bytes", 20_480.0, "20.5 kB"),
            ("latency_ms", 0.06712, "0.0671 ms"),
            ("seconds", 3_800.0, "1 h 3 min"),
            ("seconds", 125.2, "2 min 5 s"),
            ("validation_loss", 0.000_012_3, "1.23e-5"),
            ("score", f64::NAN, "NaN"),
        ];
        for (name, value, expected) in cases {
            assert_eq!(Kind::of(name).format(value), expected, "{name} = {value}");
        }
    }

    #[test]
    fn names_become_labels() {
        assert_eq!(label("validation_accuracy"), "Validation accuracy");
        assert_eq!(label("peak_activation_bytes"), "Peak activation memory");
        assert_eq!(label("macs"), "MACs");
        assert_eq!(label("macro_f1"), "Macro F1");
    }
}
