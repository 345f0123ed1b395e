//! Weighted quantiles.

use super::Targets;

/// The quantile of a value over rows; between two values it is interpolated where rows have no weights
/// (Hyndman & Fan 1996, definition 7), and the lowest value with enough weight below otherwise.
pub(crate) fn quantile(targets: &Targets<'_>, rows: &[u32], value: impl Fn(usize) -> f64, level: f64) -> f64 {
    let mut values: Vec<(f64, f64)> =
        rows.iter().map(|&row| (value(row as usize), targets.weight(row as usize))).collect();
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    if targets.weights.is_none() {
        let place = (values.len() - 1) as f64 * level;
        let (low, part) = (place.floor() as usize, place.fract());
        let high = (low + 1).min(values.len() - 1);
        return values[low].0 + part * (values[high].0 - values[low].0);
    }
    let wanted = level * values.iter().map(|(_, weight)| weight).sum::<f64>();
    let mut below = 0.0;
    for (value, weight) in &values {
        below += weight;
        if below >= wanted {
            return *value;
        }
    }
    values[values.len() - 1].0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_definition_seven_and_respects_weights() {
        let values = [4.0, 1.0, 3.0, 2.0];
        let rows = [0, 1, 2, 3];
        let plain = Targets { values: &values, weights: None };
        let at = |targets: &Targets<'_>, level| quantile(targets, &rows, |row| values[row], level);
        // numpy.quantile([1, 2, 3, 4], [0.25, 0.5, 0.9])
        assert_eq!([0.25, 0.5].map(|level| at(&plain, level)), [1.75, 2.5]);
        assert!((at(&plain, 0.9) - 3.7).abs() < 1e-12);
        let weighted = Targets { values: &values, weights: Some(&[7.0, 1.0, 1.0, 1.0]) };
        assert_eq!([0.1, 0.3, 0.5].map(|level| at(&weighted, level)), [1.0, 3.0, 4.0]);
    }
}
