//! Costs that are known before a trial, as inputs of the surrogates.
//!
//! What a network reaches depends on its size more than on any single choice that makes it up, and on the
//! number of choices that are active least of all: two networks of different modules have no parameter in
//! common, but their multiply-adds can be compared. So what a preview knows of a configuration, the exact
//! objectives and the [other costs](crate::objective::Preview::costs), stands in columns of its own behind
//! those of the space, always active, as logarithms where it spans more than a factor of ten.

use super::candidate::Candidate;
use crate::history::FrozenTrial;
use crate::objective::Preview;
use crate::sampler::Context;
use crate::space::encode::Encoded;

/// Known costs as numbers near [0, 1].
#[derive(Default)]
pub(super) struct CostColumns {
    /// The objectives that are known.
    objectives: Vec<usize>,
    /// Those of the costs that are known of all trials and differ.
    each: Vec<Scale>,
}

/// One cost as a column: its logarithm or itself, 0 at the least value of the trials and 1 at the largest.
struct Scale {
    place: usize,
    log: bool,
    low: f64,
    high: f64,
}

impl CostColumns {
    /// The columns that tell trials apart; the rows of the trials get them.
    pub(super) fn widening(
        context: &Context<'_>,
        exact: &[bool],
        trials: &[&FrozenTrial],
        rows: &mut [Encoded],
    ) -> Self {
        let objectives: Vec<usize> = (0..exact.len()).filter(|&j| exact[j]).collect();
        let preview = |trial: &&FrozenTrial| (context.preview)(&trial.configuration);
        let is_silent = objectives.is_empty() && trials.last().is_none_or(|t| preview(t).costs.is_empty());
        if is_silent || objectives.len() == exact.len() {
            return Self::default();
        }
        let mut columns = Self { objectives, each: Vec::new() };
        let known = trials.iter().map(preview).map(|p| columns.known(&p.objectives, &p.costs));
        let known: Vec<Vec<Option<f64>>> = known.collect();
        let count = known.iter().map(Vec::len).max().unwrap_or(0);
        let scale = |place: usize| {
            let values: Option<Vec<f64>> =
                known.iter().map(|row| row.get(place).copied().flatten()).collect();
            let ends = (f64::INFINITY, f64::NEG_INFINITY);
            let (low, high) = values?.iter().fold(ends, |(l, h), v| (l.min(*v), h.max(*v)));
            let log = low > 0.0 && high > 10.0 * low;
            let (low, high) = if log { (low.ln(), high.ln()) } else { (low, high) };
            (high > low).then_some(Scale { place, log, low, high })
        };
        columns.each = (0..count).filter_map(scale).collect();
        for (encoded, known) in rows.iter_mut().zip(&known) {
            columns.extend(&mut encoded.row, &mut encoded.active, known);
        }
        columns
    }

    pub(super) fn len(&self) -> usize {
        self.each.len()
    }

    /// The known objectives and the other costs, as they are.
    fn known(&self, objectives: &[Option<f64>], costs: &[f64]) -> Vec<Option<f64>> {
        let objective = |j: &usize| objectives.get(*j).copied().flatten();
        let all = self.objectives.iter().map(objective).chain(costs.iter().copied().map(Some));
        all.map(|value| value.filter(|value| value.is_finite())).collect()
    }

    /// Puts the costs behind a row. What is known of all trials is known of candidates, too; 0 otherwise.
    fn extend(&self, row: &mut Vec<f64>, active: &mut Vec<bool>, known: &[Option<f64>]) {
        row.extend(self.each.iter().map(|scale| {
            known.get(scale.place).copied().flatten().map_or(0.0, |value| {
                let value = if scale.log { value.max(f64::MIN_POSITIVE).ln() } else { value };
                (value - scale.low) / (scale.high - scale.low)
            })
        }));
        active.resize(row.len(), true);
    }

    /// Puts the costs behind the row of a configuration.
    pub(super) fn widen(&self, encoded: &mut Encoded, preview: &Preview) {
        self.extend(&mut encoded.row, &mut encoded.active, &self.known(&preview.objectives, &preview.costs));
    }

    /// The row of a candidate, changed or not, with its costs.
    pub(super) fn of_candidate(&self, candidate: &Candidate, row: &[f64]) -> Encoded {
        let (mut row, mut active) = (row.to_vec(), candidate.active.clone());
        self.extend(&mut row, &mut active, &self.known(&candidate.known, &candidate.costs));
        Encoded { row, active }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::History;
    use crate::objective::{ObjectiveInfo, Preview};
    use crate::space::encode::Encoder;
    use crate::space::{Configuration, Parameter, Space};

    #[test]
    fn networks_of_different_modules_are_as_alike_as_they_are_heavy() {
        let space = Space::builder()
            .categorical("module", ["conv", "separable"])
            .parameter(Parameter::int("width", 1, 64).when("module", ["conv"]))
            .parameter(Parameter::int("expansion", 1, 6).when("module", ["separable"]))
            .build()
            .unwrap();
        let made = |module: &str, name: &str, value: i64| {
            let mut configuration = Configuration::new();
            configuration.set("module", module);
            configuration.set(name, value);
            configuration
        };
        let macs = |c: &Configuration| match c.get_f64("width") {
            Some(width) => 100.0 * width,
            None => 10.0 * c.get_f64("expansion").unwrap(),
        };
        let preview = |c: &Configuration| Preview {
            objectives: vec![None, Some(macs(c))],
            costs: vec![if c.get_f64("width").is_some() { f64::NAN } else { 3.0 }],
            violation: None,
        };
        let objectives = vec![ObjectiveInfo::minimize("loss"), ObjectiveInfo::minimize("macs")];
        let mut history = History::new(objectives.clone());
        let all =
            [made("conv", "width", 1), made("separable", "expansion", 1), made("separable", "expansion", 6)];
        for (number, configuration) in (0..).zip(&all) {
            let values = vec![0.0, macs(configuration)];
            history.put(FrozenTrial::complete(number, configuration.clone(), values));
        }
        let context = Context {
            number: 3,
            space: &space,
            objectives: &objectives,
            history: &history,
            preview: &preview,
        };
        let trials: Vec<&FrozenTrial> = history.trials().iter().collect();
        let encoder = Encoder::new(&space);
        let mut rows: Vec<Encoded> =
            trials.iter().map(|trial| encoder.encode(&trial.configuration)).collect();
        let columns = CostColumns::widening(&context, &[false, true], &trials, &mut rows);
        assert_eq!((columns.len(), rows[0].row.len()), (1, 4), "what is not known of all is no input");
        // 100, 10 and 60 multiply-adds: at most tenfold, so that they count as they are.
        let place = |i: usize| rows[i].row[3];
        assert!(place(0) == 1.0 && place(1) == 0.0 && (place(2) - 50.0 / 90.0).abs() < 1e-12);
        assert!(rows.iter().all(|row| row.active[3]), "always comparable");
    }
}
