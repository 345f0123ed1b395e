//! Which rows are learnt from, judged on, and looked at once.
//!
//! Rows that belong together are one unit: those of a group, or those that are equal. Units are dealt out to
//! the test part and the folds so that every part has its share of each class (of numbers, of each tenth of
//! their distribution). With a time the past is learnt from and the future is judged: folds are blocks of
//! time, each judged by what was before it, and the last fifth of the rows is the test part.

use std::collections::{HashMap, HashSet};

use crate::Task;

/// The share of the test part.
const TEST: f64 = 0.2;

/// Rows that equal each other more often than so on the average do so because there are few values, and stay
/// apart: to see them again is no leak.
const NATURAL: usize = 10;

/// Blocks of the cross-fitting inside of a fold.
pub(crate) const INNER: u8 = 5;

/// What a split is made of.
#[derive(Debug, Clone, Copy)]
pub struct SplitInput<'a> {
    /// What is predicted.
    pub task: Task,
    /// One a row: class or number.
    pub targets: &'a [f64],
    /// The group of each row.
    pub groups: Option<&'a [u32]>,
    /// The time of each row; NaN is before all others.
    pub times: Option<&'a [f64]>,
    /// Equal for equal rows.
    pub marks: &'a [u64],
    /// Folds to make.
    pub folds: usize,
    /// One seed, one split.
    pub seed: u64,
}

/// A fold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fold {
    /// Rows to learn from.
    pub train: Vec<u32>,
    /// Rows to judge.
    pub validation: Vec<u32>,
}

/// The rows by their use.
#[derive(Debug, Clone, Default)]
pub struct Splits {
    /// Looked at once.
    pub test: Vec<u32>,
    /// All others.
    pub learn: Vec<u32>,
    /// Of `learn`.
    pub folds: Vec<Fold>,
    /// `learn` and `test`, in the order of the table.
    pub all: Vec<u32>,
    /// For each row, its block in a cross-fitting inside of a fold.
    pub inner: Vec<u8>,
    /// For each row, a number that rows share which belong together.
    pub clusters: Vec<u64>,
    /// Whether only earlier blocks may tell something of a later one.
    pub ordered: bool,
    /// How rows were split, ready to read.
    pub decisions: Vec<String>,
    /// What the user should know of it.
    pub warnings: Vec<String>,
}

impl Splits {
    /// Leaves about this share of the rows in every part; rows that belong together stay together.
    pub fn thin(&mut self, share: f64, seed: u64) {
        let kept = |row: &u32| {
            let place = mix(self.clusters[*row as usize] ^ mix(seed.wrapping_add(0x7411))) >> 11;
            (place as f64) < share * (1u64 << 53) as f64
        };
        let (before, thin) = (self.all.len(), |rows: &mut Vec<u32>| rows.retain(kept));
        [&mut self.test, &mut self.learn, &mut self.all].into_iter().for_each(thin);
        for fold in &mut self.folds {
            thin(&mut fold.train);
            thin(&mut fold.validation);
        }
        self.folds.retain(|fold| !fold.train.is_empty() && !fold.validation.is_empty());
        self.warnings.push(format!(
            "{} of {before} rows are used, for want of time: a larger budget of a fresh start uses more",
            self.all.len()
        ));
    }

    /// Of the rows that a training learns from: those that stop it, an eighth or a little more, and those
    /// that it learns from meanwhile. Rows that belong together are in one part, and the latest ones judge
    /// where there is an order of time.
    pub fn within(&self, train: &[u32]) -> Fold {
        let judges: HashSet<u64> = if self.ordered {
            let from = (0..=u8::MAX).rev().find(|from| {
                train.iter().filter(|row| self.inner[**row as usize] >= *from).count() * 8 >= train.len()
            });
            let is_late = |row: &&u32| from.is_none_or(|from| self.inner[**row as usize] >= from);
            train.iter().filter(is_late).map(|row| self.clusters[*row as usize]).collect()
        } else {
            let clusters = train.iter().map(|row| self.clusters[*row as usize]);
            clusters.filter(|cluster| mix(cluster ^ mix(0x57_09)).is_multiple_of(8)).collect()
        };
        let (validation, train) =
            train.iter().partition(|row| judges.contains(&self.clusters[**row as usize]));
        Fold { train, validation }
    }

    /// Leaves so many folds to judge by: the first ones, or the latest ones in the order of time, which learn
    /// from most.
    pub fn judge_by(&mut self, folds: usize) {
        let before = self.folds.len();
        if folds >= before {
            return;
        }
        match self.ordered {
            true => drop(self.folds.drain(..before - folds.max(1))),
            false => self.folds.truncate(folds.max(1)),
        }
        let left = self.folds.len();
        self.warnings.push(format!(
            "{left} of {before} folds judge, for want of time: a larger budget of a fresh start, or --folds, \
             uses more"
        ));
    }
}

/// Splits rows.
pub fn split(input: &SplitInput<'_>) -> Splits {
    match input.times {
        Some(times) => by_time(input, times),
        None => dealt(input),
    }
}

/// A hash that is the same in every run (SplitMix64's finaliser, Steele et al. 2014).
pub(crate) fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The unit of each row.
fn units(input: &SplitInput<'_>, decisions: &mut Vec<String>) -> Vec<u64> {
    let rows = input.targets.len();
    if let Some(groups) = input.groups {
        // A missing group is one of its own.
        let alone = |row: usize| (1 << 40) + row as u64;
        let unit =
            |(row, group): (usize, &u32)| if *group >= u32::MAX - 1 { alone(row) } else { u64::from(*group) };
        decisions.push("rows of a group are in one part".into());
        return groups.iter().enumerate().map(unit).collect();
    }
    let mut first: HashMap<u64, u64> = HashMap::new();
    let unit: Vec<u64> =
        input.marks.iter().enumerate().map(|(row, mark)| *first.entry(*mark).or_insert(row as u64)).collect();
    if first.len() == rows {
        return unit;
    }
    if rows > NATURAL * first.len() {
        decisions
            .push("rows equal each other because there are few values; they may be in several parts".into());
        return (0..rows as u64).collect();
    }
    if !can_be_judged(input, &unit) {
        decisions.push("rows equal each other so often that they must be in several parts".into());
        return (0..rows as u64).collect();
    }
    decisions
        .push(format!("{} rows that were there before are in the part of their like", rows - first.len()));
    unit
}

/// Whether something can be learnt from one unit and judged on another: a class with two, or two at all.
fn can_be_judged(input: &SplitInput<'_>, units: &[u64]) -> bool {
    let mut seen: HashMap<u64, u64> = HashMap::new();
    input.targets.iter().zip(units).any(|(target, unit)| {
        let class = if input.task == Task::Classification { target.to_bits() } else { 0 };
        *seen.entry(class).or_insert(*unit) != *unit
    })
}

/// The class of each row as far as parts should have their share of it.
fn strata(input: &SplitInput<'_>) -> (Vec<usize>, usize) {
    match input.task {
        Task::Classification => {
            let classes = input.targets.iter().fold(0, |most, y| most.max(*y as usize)) + 1;
            (input.targets.iter().map(|y| *y as usize).collect(), classes)
        }
        Task::Regression => {
            const TENTHS: usize = 10;
            let mut order: Vec<usize> = (0..input.targets.len()).collect();
            order.sort_by(|a, b| input.targets[*a].total_cmp(&input.targets[*b]));
            let mut strata = vec![0; order.len()];
            for (rank, row) in order.iter().enumerate() {
                strata[*row] = rank * TENTHS / order.len();
            }
            (strata, TENTHS)
        }
    }
}

fn dealt(input: &SplitInput<'_>) -> Splits {
    let rows = input.targets.len();
    let (mut decisions, mut warnings) = (Vec::new(), Vec::new());
    let units = units(input, &mut decisions);
    let (strata, classes) = strata(input);
    let mut members: HashMap<u64, Vec<u32>> = HashMap::new();
    for (row, unit) in units.iter().enumerate() {
        members.entry(*unit).or_default().push(row as u32);
    }
    let mut of_class = vec![0usize; classes];
    for unit in members.values() {
        let mut seen: Vec<usize> = unit.iter().map(|row| strata[*row as usize]).collect();
        seen.sort_unstable();
        seen.dedup();
        seen.into_iter().for_each(|class| of_class[class] += 1);
    }
    let folds = number_of_folds(input, &of_class, members.len(), &mut warnings);
    // Large units first, the others in an order of the seed's.
    let mut order: Vec<(u64, Vec<u32>)> = members.into_iter().collect();
    order.sort_by_key(|(unit, rows)| (std::cmp::Reverse(rows.len()), mix(unit ^ mix(input.seed)), *unit));

    let mut totals = vec![0.0; classes];
    strata.iter().for_each(|class| totals[*class] += 1.0);
    let weights: Vec<f64> = std::iter::repeat_n((1.0 - TEST) / folds as f64, folds).chain([TEST]).collect();
    let mut have = vec![vec![0.0; classes]; folds + 1];
    let mut size = vec![0.0; folds + 1];
    let mut part = vec![None; rows];
    for (_, unit) in &order {
        let rare =
            unit.iter().any(|row| input.task == Task::Classification && of_class[strata[*row as usize]] < 2);
        if rare {
            continue;
        }
        let cost = |p: usize| -> f64 {
            let of_class = |row: &u32| have[p][strata[*row as usize]] / totals[strata[*row as usize]];
            unit.iter().map(of_class).sum::<f64>() / (weights[p] * unit.len() as f64)
                + 1e-6 * size[p] / (weights[p] * rows as f64)
        };
        // A class that hardly goes round the folds has nothing to spare for the test.
        let spares = |row: &u32| input.task == Task::Regression || of_class[strata[*row as usize]] > folds;
        let parts = if unit.iter().all(spares) { folds + 1 } else { folds };
        let costs: Vec<f64> = (0..parts).map(cost).collect();
        let best = (0..parts).min_by(|a, b| costs[*a].total_cmp(&costs[*b])).expect("there are parts");
        for row in unit {
            have[best][strata[*row as usize]] += 1.0;
            part[*row as usize] = Some(best);
        }
        size[best] += unit.len() as f64;
    }
    let alone = part.iter().filter(|part| part.is_none()).count();
    if alone > 0 {
        warnings
            .push(format!("{alone} rows are the only ones of their class: learnt from, and never judged"));
    }
    let in_part =
        |wanted: usize| move |row: &u32, part: &[Option<usize>]| part[*row as usize] == Some(wanted);
    let all = || 0..rows as u32;
    let test: Vec<u32> = all().filter(|row| in_part(folds)(row, &part)).collect();
    let learn: Vec<u32> = all().filter(|row| !in_part(folds)(row, &part)).collect();
    let fold = |k: usize| {
        let (validation, train) = learn.iter().partition(|row| in_part(k)(row, &part));
        Fold { train, validation }
    };
    let list: Vec<Fold> =
        (0..folds).map(fold).filter(|fold| !fold.validation.is_empty() && !fold.train.is_empty()).collect();
    let inner = units
        .iter()
        .map(|unit| (mix(unit.wrapping_mul(3) ^ mix(!input.seed)) % u64::from(INNER)) as u8)
        .collect();
    let how = if input.task == Task::Classification { "by class" } else { "by tenths of the target" };
    decisions.insert(
        0,
        format!("{} rows in {} folds {how}, {} for the test", learn.len(), list.len(), test.len()),
    );
    let all = all().collect();
    Splits { test, learn, folds: list, all, inner, clusters: units, ordered: false, decisions, warnings }
}

/// Fewer where a class, or everything, has too few units.
fn number_of_folds(
    input: &SplitInput<'_>,
    of_class: &[usize],
    units: usize,
    warnings: &mut Vec<String>,
) -> usize {
    let mut folds = input.folds.min(units.saturating_sub(1)).max(2);
    let classification = input.task == Task::Classification;
    let least = of_class.iter().copied().filter(|count| *count > 1).min().unwrap_or(0);
    if classification && of_class.len() == 2 && least < folds {
        folds = least.max(2);
    }
    if classification && least < 2 * input.folds {
        warnings.push(format!(
            "the rarest class has {} rows or groups: scores rest on very few of them",
            of_class.iter().copied().filter(|count| *count > 0).min().unwrap_or(0)
        ));
    }
    folds
}

fn by_time(input: &SplitInput<'_>, times: &[f64]) -> Splits {
    let rows = input.targets.len();
    let key = |row: u32| if times[row as usize].is_nan() { f64::NEG_INFINITY } else { times[row as usize] };
    let mut order: Vec<u32> = (0..rows as u32).collect();
    order.sort_by(|a, b| key(*a).total_cmp(&key(*b))); // stable
    // A boundary lies between two different times.
    let boundary = |at: usize| {
        let at = at.clamp(1, rows - 1);
        let changes = |i: &usize| key(order[i - 1]) < key(order[*i]);
        (at..rows).find(changes).or_else(|| (1..at).rev().find(changes)).unwrap_or(rows)
    };
    let end = boundary((rows as f64 * (1.0 - TEST)).round() as usize);
    let mut warnings = Vec::new();
    let (learn, test) = order.split_at(end);
    let blocks = input.folds + 1;
    let mut edges: Vec<usize> =
        (0..=blocks).map(|i| if i == 0 { 0 } else { boundary(i * end / blocks).min(end) }).collect();
    edges[blocks] = end;
    edges.dedup();
    let apart = |train: &[u32], validation: &[u32]| -> Vec<u32> {
        let Some(groups) = input.groups else { return train.to_vec() };
        let judged: HashSet<u32> = validation.iter().map(|row| groups[*row as usize]).collect();
        train.iter().copied().filter(|row| !judged.contains(&groups[*row as usize])).collect()
    };
    let mut folds = Vec::new();
    for pair in edges.windows(2).skip(1) {
        let (train, validation) =
            (apart(&learn[..pair[0]], &learn[pair[0]..pair[1]]), &learn[pair[0]..pair[1]]);
        if !train.is_empty() && !validation.is_empty() {
            folds.push(Fold { train, validation: validation.to_vec() });
        }
    }
    if folds.is_empty() {
        warnings.push("too few different times: the second half of the rows is judged by the first".into());
        let (train, validation) = learn.split_at(learn.len() / 2);
        folds.push(Fold { train: train.to_vec(), validation: validation.to_vec() });
    }
    let missing = times.iter().filter(|time| time.is_nan()).count();
    if missing > 0 {
        warnings.push(format!("{missing} rows have no time: taken to be before all others"));
    }
    let mut inner = vec![0; rows];
    for (rank, row) in order.iter().enumerate() {
        // By time, not by row: equal times are in one block.
        inner[*row as usize] = match rank {
            0 => 0,
            _ if key(order[rank - 1]) == key(*row) => inner[order[rank - 1] as usize],
            _ => (rank * 20 / rows) as u8,
        };
    }
    let test = apart_test(input, learn, test);
    let decisions = vec![format!(
        "{} folds in the order of time, each judged by what was before it; the last {} rows are the test",
        folds.len(),
        test.len()
    )];
    let clusters = match input.groups {
        Some(_) => units(input, &mut Vec::new()),
        None => (0..rows as u64).collect(),
    };
    let all = (0..rows as u32).collect();
    Splits { test, learn: learn.to_vec(), folds, all, inner, clusters, ordered: true, decisions, warnings }
}

/// Test rows whose group was not learnt from, where there are such.
fn apart_test(input: &SplitInput<'_>, learn: &[u32], test: &[u32]) -> Vec<u32> {
    let Some(groups) = input.groups else { return test.to_vec() };
    let known: HashSet<u32> = learn.iter().map(|row| groups[*row as usize]).collect();
    let fresh: Vec<u32> =
        test.iter().copied().filter(|row| !known.contains(&groups[*row as usize])).collect();
    if fresh.is_empty() { test.to_vec() } else { fresh }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input<'a>(targets: &'a [f64], marks: &'a [u64]) -> SplitInput<'a> {
        SplitInput {
            task: Task::Classification,
            targets,
            groups: None,
            times: None,
            marks,
            folds: 5,
            seed: 1,
        }
    }

    /// Every row is in the test or judged once, and nothing that is judged was learnt from.
    fn check(splits: &Splits, rows: usize) {
        let mut judged = vec![0; rows];
        for fold in &splits.folds {
            fold.validation.iter().for_each(|row| judged[*row as usize] += 1);
            let train: HashSet<u32> = fold.train.iter().copied().collect();
            assert!(fold.validation.iter().chain(&splits.test).all(|row| !train.contains(row)));
        }
        splits.test.iter().for_each(|row| judged[*row as usize] += 1);
        assert!(judged.iter().all(|count| *count <= 1));
    }

    #[test]
    fn every_part_has_its_share_of_each_class() {
        let targets: Vec<f64> = (0..1000).map(|i| f64::from(u8::from(i % 100 == 0))).collect();
        let marks: Vec<u64> = (0..1000).collect();
        let splits = split(&input(&targets, &marks));
        check(&splits, 1000);
        assert_eq!((splits.folds.len(), splits.test.len()), (5, 200));
        for fold in &splits.folds {
            assert!(fold.validation.iter().any(|row| targets[*row as usize] == 1.0));
        }
        let three: Vec<f64> = (0..300).map(|i| f64::from(u8::from(i < 3))).collect();
        let splits = split(&input(&three, &marks[..300]));
        assert_eq!(splits.folds.len(), 3);
        assert!(!splits.warnings.is_empty());
        assert!(splits.folds.iter().all(|fold| fold.validation.iter().any(|row| *row < 3)));
    }

    #[test]
    fn the_only_row_of_a_class_is_always_learnt_from() {
        let targets: Vec<f64> = (0..100).map(|i| if i == 7 { 2.0 } else { f64::from(i % 2) }).collect();
        let marks: Vec<u64> = (0..100).collect();
        let splits = split(&input(&targets, &marks));
        assert!(splits.folds.iter().all(|fold| fold.train.contains(&7)));
    }

    #[test]
    fn groups_and_equal_rows_never_straddle_parts() {
        let targets: Vec<f64> = (0..600).map(|i| f64::from(i / 3 % 2)).collect();
        let groups: Vec<u32> = (0..600).map(|i| i / 3).collect();
        let marks: Vec<u64> = (0..600).map(|i| i / 3).collect();
        let grouped = SplitInput { groups: Some(&groups), ..input(&targets, &marks) };
        for splits in [split(&grouped), split(&input(&targets, &marks))] {
            check(&splits, 600);
            let of = |rows: &[u32]| rows.iter().map(|row| row / 3).collect::<HashSet<u32>>();
            for fold in &splits.folds {
                assert!(of(&fold.train).is_disjoint(&of(&fold.validation)));
                assert!(of(&splits.learn).is_disjoint(&of(&splits.test)));
                let within = splits.within(&fold.train);
                assert!(of(&within.train).is_disjoint(&of(&within.validation)));
                assert_eq!(within.train.len() + within.validation.len(), fold.train.len());
                assert!((20..150).contains(&within.validation.len()), "{}", within.validation.len());
            }
            // The blocks of cross-fitting inside of a fold as well.
            assert!((0..600).all(|row| splits.inner[row] == splits.inner[row / 3 * 3]));
        }
    }

    #[test]
    fn the_past_is_learnt_from_and_the_future_judged() {
        let times: Vec<f64> = (0..500u32).map(|i| f64::from(i * 7 % 500 / 2)).collect();
        let targets: Vec<f64> = (0..500).map(|i| f64::from(i % 2)).collect();
        let marks: Vec<u64> = (0..500).collect();
        let splits = split(&SplitInput { times: Some(&times), ..input(&targets, &marks) });
        check(&splits, 500);
        assert_eq!(splits.folds.len(), 5);
        let latest = |rows: &[u32]| rows.iter().map(|row| times[*row as usize]).fold(f64::MIN, f64::max);
        let first = |rows: &[u32]| rows.iter().map(|row| times[*row as usize]).fold(f64::MAX, f64::min);
        for fold in &splits.folds {
            assert!(latest(&fold.train) < first(&fold.validation));
            let within = splits.within(&fold.train);
            assert!(within.validation.len() * 8 >= fold.train.len() && !within.train.is_empty());
            assert!(latest(&within.train) < first(&within.validation));
        }
        assert!(latest(&splits.learn) < first(&splits.test));
        for (a, b) in (0..499).map(|i| (i, i + 1)) {
            assert!(times[a] >= times[b] || splits.inner[a] <= splits.inner[b]);
        }
    }

    #[test]
    fn a_share_of_the_rows_keeps_parts_and_groups() {
        let targets: Vec<f64> = (0..4000).map(|i| f64::from(i % 2)).collect();
        let groups: Vec<u32> = (0..4000).map(|i| i / 4).collect();
        let marks: Vec<u64> = (0..4000).collect();
        let mut splits = split(&SplitInput { groups: Some(&groups), ..input(&targets, &marks) });
        splits.thin(0.25, 9);
        check(&splits, 4000);
        assert!((850..1150).contains(&splits.all.len()), "{}", splits.all.len());
        assert!((600..1000).contains(&splits.learn.len()) && splits.folds.len() == 5);
        let of = |rows: &[u32]| rows.iter().map(|row| row / 4).collect::<HashSet<u32>>();
        assert_eq!(4 * of(&splits.all).len(), splits.all.len());
    }

    #[test]
    fn fewer_folds_are_the_first_or_the_latest() {
        let targets: Vec<f64> = (0..500).map(|i| f64::from(i % 2)).collect();
        let (marks, times): (Vec<u64>, Vec<f64>) = ((0..500).collect(), (0..500).map(f64::from).collect());
        for times in [None, Some(times.as_slice())] {
            let all = split(&SplitInput { times, ..input(&targets, &marks) });
            let mut fewer = all.clone();
            fewer.judge_by(2);
            let kept = if times.is_some() { &all.folds[3..] } else { &all.folds[..2] };
            assert_eq!(fewer.folds, kept);
            assert_eq!(fewer.warnings.len(), all.warnings.len() + 1);
        }
    }

    #[test]
    fn tiny_and_odd_tables_are_split_without_a_panic() {
        for rows in 2..14 {
            let targets: Vec<f64> = (0..rows).map(|i| f64::from(i as u8 % 2)).collect();
            let marks: Vec<u64> = (0..rows).collect();
            let same = vec![0.0; rows as usize];
            split(&input(&targets, &marks));
            split(&SplitInput { times: Some(&same), ..input(&targets, &marks) });
            split(&SplitInput { task: Task::Regression, ..input(&targets, &marks) });
        }
    }
}
