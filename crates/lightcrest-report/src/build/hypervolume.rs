//! How the front grew: hypervolume after each trial.

use lightcrest::history::History;
use lightcrest::pareto::{self, Archive};

/// The share of the box between the worst and the best value of every objective that the front dominates,
/// after each trial; none before the first complete one. Infinite values count as the worst or the best of
/// the others. Empty for one objective, where the best value says it all, and for more than four.
pub(super) fn growth(history: &History) -> Vec<Option<f64>> {
    let count = history.objectives().len();
    if !(2..=4).contains(&count) {
        return vec![];
    }
    let points: Vec<Option<Vec<f64>>> = history
        .trials()
        .iter()
        .map(|trial| history.oriented(trial).filter(|_| trial.is_feasible()))
        .collect();
    let (mut low, mut high) = (vec![f64::INFINITY; count], vec![f64::NEG_INFINITY; count]);
    for point in points.iter().flatten() {
        for k in (0..count).filter(|&k| point[k].is_finite()) {
            low[k] = low[k].min(point[k]);
            high[k] = high[k].max(point[k]);
        }
    }
    let unit = |point: &Vec<f64>| -> Vec<f64> {
        (0..count).map(|k| coordinate(point[k], low[k], high[k])).collect()
    };
    let origin = vec![0.0; count];
    let mut front = Archive::default();
    let mut volume = None;
    let after = points.iter().map(|point| {
        let adds = |point: &Vec<f64>| !front.dominates(point) && !front.contains(point);
        if let Some(point) = point.as_ref().map(unit).filter(adds) {
            front.insert(point, ());
            let points: Vec<Vec<f64>> = front.points().map(<[f64]>::to_vec).collect();
            volume = Some(pareto::hypervolume(&points, &origin));
        }
        volume
    });
    after.collect()
}

/// Where a value is between the ends, 0 to 1. What is infinite is at one of them.
fn coordinate(value: f64, low: f64, high: f64) -> f64 {
    if value.is_infinite() || low >= high {
        return if value < low { 0.0 } else { 1.0 };
    }
    // Halves, as the distance of two large values may be more than a number holds.
    (value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightcrest::Configuration;
    use lightcrest::history::FrozenTrial;
    use lightcrest::objective::ObjectiveInfo;

    #[test]
    fn it_never_shrinks_and_counts_the_dominated_box() {
        let mut history =
            History::new(vec![ObjectiveInfo::maximize("accuracy"), ObjectiveInfo::minimize("macs")]);
        for (number, values) in [[0.0, 10.0], [1.0, 30.0], [0.5, 10.0], [0.4, 20.0]].into_iter().enumerate() {
            history.put(FrozenTrial::complete(number as u64, Configuration::new(), values.to_vec()));
        }
        // Unit square: accuracy / 1 and (30 - macs) / 20.
        assert_eq!(growth(&history), [Some(0.0), Some(0.0), Some(0.5), Some(0.5)]);
    }
}
