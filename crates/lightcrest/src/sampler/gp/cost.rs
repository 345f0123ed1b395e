//! Costs that are known before a trial, as inputs of the surrogates.
//!
//! What a network reaches depends on its size more than on any single choice that makes it up, and on the
//! number of choices that are active least of all: two networks of different modules have no parameter in
//! common, but their multiply-adds can be compared. So what a preview knows of a configuration, the exact
//! objectives and the [other costs](crate::objective::Preview::costs), stands in columns of its own behind
//! those of the space, always active, as logarithms where it spans more than a factor of ten.

use super::candidate::Candidate;
use crate::history::FrozenTrial;
use crate::sampler::Context;
use crate::space::encode::Encoded;

/// Known costs as numbers near [0, 1].
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

/// What is known of a configuration.
pub(super) struct Known<'a> {
    pub(super) objectives: &'a [Option<f64>],
    pub(super) costs: &'a [f64],
}

impl CostColumns {
    /// The columns that tell trials apart.
    pub(super) fn of(context: &Context<'_>, trials: &[&FrozenTrial], exact: &[bool]) -> Self {
        let objectives: Vec<usize> = (0..exact.len()).filter(|&j| exact[j]).collect();
        let mut columns = Self { objectives, each: Vec::new() };
        if exact.iter().all(|exact| *exact) {
            return columns;
        }
        let all = trials.iter().map(|trial| {
            let preview = (context.preview)(&trial.configuration);
            columns.raw(&Known { objectives: &preview.objectives, costs: &preview.costs })
        });
        let all: Vec<Vec<Option<f64>>> = all.collect();
        let count = all.iter().map(Vec::len).max().unwrap_or(0);
        let scale = |place: usize| {
            let values: Option<Vec<f64>> = all.iter().map(|row| row.get(place).copied().flatten()).collect();
            let ends = (f64::INFINITY, f64::NEG_INFINITY);
            let (low, high) = values?.iter().fold(ends, |(l, h), v| (l.min(*v), h.max(*v)));
            let log = low > 0.0 && high > 10.0 * low;
            let (low, high) = if log { (low.ln(), high.ln()) } else { (low, high) };
            (high > low).then_some(Scale { place, log, low, high })
        };
        columns.each = (0..count).filter_map(scale).collect();
        columns
    }

    /// None.
    pub(super) fn none() -> Self {
        Self { objectives: Vec::new(), each: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.each.len()
    }

    fn raw(&self, known: &Known<'_>) -> Vec<Option<f64>> {
        let objective = |j: &usize| known.objectives.get(*j).copied().flatten().filter(|v| v.is_finite());
        let others = known.costs.iter().map(|cost| Some(*cost).filter(|v| v.is_finite()));
        self.objectives.iter().map(objective).chain(others).collect()
    }

    /// A row with the costs behind it. What is known of all trials is known of candidates, too; 0 otherwise.
    pub(super) fn widen(&self, row: &mut Vec<f64>, active: &mut Vec<bool>, known: &Known<'_>) {
        let raw = self.raw(known);
        row.extend(self.each.iter().map(|scale| {
            raw.get(scale.place).copied().flatten().map_or(0.0, |value| {
                let value = if scale.log { value.max(f64::MIN_POSITIVE).ln() } else { value };
                (value - scale.low) / (scale.high - scale.low)
            })
        }));
        active.resize(row.len(), true);
    }

    /// The row of a trial with its costs.
    pub(super) fn widened(&self, context: &Context<'_>, trial: &FrozenTrial, encoded: &Encoded) -> Encoded {
        let Encoded { mut row, mut active } = encoded.clone();
        if self.len() > 0 {
            let preview = (context.preview)(&trial.configuration);
            let known = Known { objectives: &preview.objectives, costs: &preview.costs };
            self.widen(&mut row, &mut active, &known);
        }
        Encoded { row, active }
    }

    /// The row of a candidate with its costs.
    pub(super) fn of_candidate(&self, candidate: &Candidate) -> Encoded {
        let (mut row, mut active) = (candidate.row.clone(), candidate.active.clone());
        self.widen(&mut row, &mut active, &Known { objectives: &candidate.known, costs: &candidate.costs });
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
        let columns = CostColumns::of(&context, &trials, &[false, true]);
        let encoder = Encoder::new(&space);
        let rows = trials.iter().map(|t| columns.widened(&context, t, &encoder.encode(&t.configuration)));
        let rows: Vec<Encoded> = rows.collect();
        assert_eq!((columns.len(), rows[0].row.len()), (1, 4), "what is not known of all is no input");
        // 100, 10 and 60 multiply-adds: at most tenfold, so that they count as they are.
        let place = |i: usize| rows[i].row[3];
        assert!(place(0) == 1.0 && place(1) == 0.0 && (place(2) - 50.0 / 90.0).abs() < 1e-12);
        assert!(rows.iter().all(|row| row.active[3]), "always comparable");
    }
}
