//! How the front grew: hypervolume after each trial.

use lightcrest::history::History;
use lightcrest::pareto;

/// The share of the box between the worst and the best value of every objective that the front dominates, after each
/// trial; none before the first complete one. Empty for one objective, where the best value says it all, and for more
/// than four.
pub(crate) fn growth(history: &History) -> Vec<Option<f64>> {
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
        for k in 0..count {
            low[k] = low[k].min(point[k]);
            high[k] = high[k].max(point[k]);
        }
    }
    let unit = |point: &Vec<f64>| -> Vec<f64> {
        let coordinate =
            |k: usize| if high[k] > low[k] { (point[k] - low[k]) / (high[k] - low[k]) } else { 1.0 };
        (0..count).map(coordinate).collect()
    };
    let origin = vec![0.0; count];
    let mut front: Vec<Vec<f64>> = Vec::new();
    let mut volume = None;
    let after = points.iter().map(|point| {
        let beaten = |point: &Vec<f64>| front.iter().any(|p| pareto::dominates(p, point) || p == point);
        if let Some(point) = point.as_ref().map(unit).filter(|point| !beaten(point)) {
            front.retain(|other| !pareto::dominates(&point, other));
            front.push(point);
            volume = Some(pareto::hypervolume(&front, &origin));
        }
        volume
    });
    after.collect()
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
