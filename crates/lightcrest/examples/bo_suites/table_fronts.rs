//! Real fronts: the loss of a table of tunings against costs that follow from the configuration.
//!
//! | data | objectives | costs |
//! |---|---|---|
//! | NAS-Bench-201 | validation accuracy | multiply-accumulates; or these and parameters |
//! | hpobench, hpolib | validation accuracy, or loss | weights of the network |
//!
//! Costs count, and are told to every sampler, as their decimal logarithms. The exact front is known. The
//! volume is measured from the point that has the median loss of the table and its largest costs: what is
//! worse than half of the space is worth nothing, whatever it costs.
//!
//! Settings of samplers were chosen on `fronts` and `fronts_chosen`. Those that are `held_out` were not
//! looked at until the settings stood. In `..._evaluated`, no preview knows the costs: they become known when
//! a trial is told.

use crate::front::Front;
use crate::table::{self, Table};
use lightcrest::objective::orient;
use lightcrest::pareto::{front, hypervolume};
use lightcrest::{Configuration, ObjectiveInfo};
use std::path::Path;

pub const SUITES: [&str; 4] =
    ["fronts_chosen", "fronts_chosen_evaluated", "fronts_held_out", "fronts_held_out_evaluated"];

const CHOSEN: [&str; 5] = [
    "nasbench201-cifar10",
    "hpobench-australian",
    "hpobench-blood_transfusion",
    "hpobench-car",
    "hpobench-credit_g",
];

const HELD_OUT: [&str; 10] = [
    "nasbench201-cifar100",
    "nasbench201-imagenet",
    "hpobench-kc1",
    "hpobench-phoneme",
    "hpobench-segment",
    "hpobench-vehicle",
    "hpolib-naval_propulsion",
    "hpolib-parkinsons_telemonitoring",
    "hpolib-protein_structure",
    "hpolib-slice_localization",
];

/// The tasks of one suite: one a table, and where there are two costs, one with both as well.
pub fn tasks(suite: &'static str, folder: &Path) -> Vec<Front> {
    let names = if suite.starts_with("fronts_chosen") { &CHOSEN[..] } else { &HELD_OUT[..] };
    let of_table = |name: &&str| {
        let read = || table::read(&folder.join(format!("{name}.json")));
        let costs = read().costs.len();
        (1..=costs).map(|costs| task(suite, read(), costs)).collect::<Vec<_>>()
    };
    names.iter().flat_map(of_table).collect()
}

/// The loss against the first few costs.
fn task(suite: &'static str, table: Table, costs: usize) -> Front {
    let space = table.space();
    let mut objectives = vec![ObjectiveInfo::minimize("loss")];
    objectives.extend(table.costs[..costs].iter().map(|cost| ObjectiveInfo::minimize(&cost.name)));
    let row = move |table: &Table, i: usize| -> Vec<f64> {
        let costs = table.costs[..costs].iter().map(|cost| cost.values[i].log10());
        std::iter::once(table.loss[i]).chain(costs).collect()
    };
    let names: Vec<&str> = objectives.iter().skip(1).map(|objective| objective.name.as_str()).collect();
    let name = format!("{}-{}", table.name, names.join("-"));
    let rows: Vec<Vec<f64>> = (0..table.loss.len()).map(|i| row(&table, i)).collect();
    let (_, median) = table.best_and_median();
    let worst = |j: usize| rows.iter().map(|row| row[j]).fold(f64::NEG_INFINITY, f64::max);
    let worst: Vec<f64> = std::iter::once(median).chain((1..=costs).map(worst)).collect();
    let reference = orient(&objectives, &worst);
    let points: Vec<Vec<f64>> = rows.iter().map(|row| orient(&objectives, row)).collect();
    let exact: Vec<Vec<f64>> = front(&points).into_iter().map(|i| points[i].clone()).collect();
    let best = hypervolume(&exact, &reference);
    let values = Box::new(move |c: &Configuration| row(&table, table.index(c)));
    let known = if suite.ends_with("_evaluated") { 0 } else { costs };
    Front { suite, name, space, objectives, values, known, reference, best, heaviest: None }
}
