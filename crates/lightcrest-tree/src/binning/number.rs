//! Bins of numbers: f32 edges between neighbouring values.
//!
//! Edges are LightGBM's (`GreedyFindBin`, Ke et al. 2017): one bin a value where there are few values, bins
//! of about the same number of rows otherwise, where a value that is frequent enough has a bin for itself.

use super::BinningConfig;

/// `bin(x)` is the number of edges below x: x ≤ edge b goes to a bin ≤ b.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct NumberBins {
    edges: Vec<f32>,
}

impl NumberBins {
    pub(crate) fn new(values: &[f32], config: &BinningConfig) -> Self {
        let step = values.len().div_ceil(config.sample_rows.max(1)).max(1);
        let mut sample: Vec<f32> =
            values.iter().step_by(step).filter(|value| !value.is_nan()).map(|value| value + 0.0).collect();
        sample.sort_unstable_by(f32::total_cmp);
        let mut distinct: Vec<(f32, usize)> = Vec::new();
        for value in sample {
            match distinct.last_mut() {
                Some((last, count)) if *last == value => *count += 1,
                _ => distinct.push((value, 1)),
            }
        }
        let edges = if distinct.len() <= config.max_bins {
            edges_of_values(&distinct, config.min_rows_in_bin)
        } else {
            edges_of_quantiles(&distinct, config)
        };
        Self { edges }
    }

    pub(crate) fn values(&self) -> usize {
        self.edges.len() + 1
    }

    pub(crate) fn bin(&self, value: f32) -> u8 {
        let bin =
            if value.is_nan() { self.values() } else { self.edges.partition_point(|edge| *edge < value) };
        u8::try_from(bin).expect("at most 255 bins of values")
    }

    /// The largest value of a bin; +∞ for the last.
    pub(crate) fn upper(&self, bin: usize) -> f32 {
        self.edges.get(bin).copied().unwrap_or(f32::INFINITY)
    }
}

/// The middle of two values, as an edge: `low <= edge < high`.
fn between(low: f32, high: f32) -> f32 {
    let middle = low / 2.0 + high / 2.0;
    if middle >= low && middle < high { middle } else { low }
}

/// An edge between any two values, where enough rows lie below.
fn edges_of_values(distinct: &[(f32, usize)], min_rows: usize) -> Vec<f32> {
    let mut edges = Vec::new();
    let mut rows = 0;
    for pair in distinct.windows(2) {
        rows += pair[0].1;
        if rows >= min_rows {
            edges.push(between(pair[0].0, pair[1].0));
            rows = 0;
        }
    }
    edges
}

/// Bins of about the same number of rows; values with more rows than that are alone.
fn edges_of_quantiles(distinct: &[(f32, usize)], config: &BinningConfig) -> Vec<f32> {
    let total: usize = distinct.iter().map(|(_, count)| count).sum();
    let bins = config.max_bins.min(total / config.min_rows_in_bin.max(1)).max(1);
    let is_large: Vec<bool> = distinct.iter().map(|(_, count)| *count * bins >= total).collect();
    let large = || distinct.iter().zip(&is_large).filter(|(_, large)| **large);
    // What is left for the values that share bins.
    let mut rest_bins = bins.saturating_sub(large().count());
    let mut rest_rows = total - large().map(|((_, count), _)| count).sum::<usize>();
    let mean = |rows: usize, bins: usize| rows as f64 / bins.max(1) as f64;
    let mut size = mean(rest_rows, rest_bins);
    let mut edges = Vec::new();
    let mut rows = 0;
    for i in 0..distinct.len() - 1 {
        let (value, count) = distinct[i];
        rows += count;
        if !is_large[i] {
            rest_rows -= count;
        }
        let is_full = rows as f64 >= size || (is_large[i + 1] && rows as f64 >= (0.5 * size).max(1.0));
        if !is_large[i] && !is_full {
            continue;
        }
        edges.push(between(value, distinct[i + 1].0));
        if edges.len() + 1 >= bins {
            break;
        }
        rows = 0;
        if !is_large[i] {
            rest_bins = rest_bins.saturating_sub(1);
            size = mean(rest_rows, rest_bins);
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bins(values: &[f32]) -> NumberBins {
        NumberBins::new(values, &BinningConfig { min_rows_in_bin: 1, ..BinningConfig::default() })
    }

    #[test]
    fn few_values_have_a_bin_each_and_edges_between_them() {
        let bins = bins(&[3.0, 1.0, f32::NAN, 1.0, 2.0]);
        assert_eq!(bins.edges, [1.5, 2.5]);
        assert_eq!([1.0, 1.5, 1.6, 3.0, 9.0, f32::NAN].map(|value| bins.bin(value)), [0, 0, 1, 2, 2, 3]);
    }

    #[test]
    fn extremes_and_signed_zeros_keep_their_order() {
        let values = [f32::NEG_INFINITY, f32::MIN, -0.0, 0.0, f32::MIN_POSITIVE, f32::MAX, f32::INFINITY];
        let bins = bins(&values);
        let got = values.map(|value| bins.bin(value));
        assert_eq!(got, [0, 1, 2, 2, 3, 4, 5]);
        assert!(bins.edges.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn neighbouring_floats_are_told_apart() {
        let (low, high) = (1.0_f32, 1.0_f32.next_up());
        let bins = bins(&[low, high]);
        assert_eq!((bins.bin(low), bins.bin(high)), (0, 1));
    }

    #[test]
    fn many_values_share_bins_evenly_and_frequent_ones_are_alone() {
        let mut values: Vec<f32> = (0..10_000).map(|i| i as f32).collect();
        values.extend([5000.0; 5000]);
        let bins = NumberBins::new(&values, &BinningConfig::default());
        assert_eq!(bins.values(), 255);
        let mut counts = vec![0; 255];
        for &value in &values {
            counts[usize::from(bins.bin(value))] += 1;
        }
        let frequent = usize::from(bins.bin(5000.0));
        assert!(counts[frequent] < 5060, "{}", counts[frequent]);
        assert!(counts.iter().enumerate().all(|(bin, count)| bin == frequent || (20..=60).contains(count)));
    }

    #[test]
    fn a_column_without_values_has_one_bin_and_missing_the_other() {
        let bins = bins(&[f32::NAN, f32::NAN]);
        assert_eq!((bins.values(), bins.bin(1.0), bins.bin(f32::NAN)), (1, 0, 1));
    }
}
