//! Nothing that is judged was learnt from, in any step.

use super::super::trainer::{Part, Trainer};
use super::*;
use crate::algorithm::Setting;
use crate::feature::{Encoding, Feature, Fit, Preparer};
use lightcrest::{Executor, ExecutorConfig, Study};

/// 90 dates of noise make 450 features of 90 columns, which are screened; 40 levels, of which the mean of the
/// target may be learnt; words, of which some are chosen; groups of four; a time.
fn text() -> String {
    let day = |at: u64| format!("20{:02}-{:02}-{:02}", at % 20, at / 20 % 12 + 1, at / 240 % 28 + 1);
    let dates: Vec<String> = (0..90).map(|c| format!("d{c}")).collect();
    let row = |i: u64| {
        let days: Vec<String> = (0..90).map(|c| day((random(i * 1000 + c) * 6720.0) as u64)).collect();
        let words: Vec<String> =
            (0..6).map(|w| format!("word{}", crate::split::mix(i * 10 + w) % 20)).collect();
        let (level, number) = (crate::split::mix(i + 50_000) % 40, random(i + 60_000));
        let y = u8::from(random(i + 7_000_000) < 0.5);
        format!("{},k{level},{number:.3},{},g{},{i},{y}", days.join(","), words.join(" "), i / 4)
    };
    let rows: Vec<String> = (0..160).map(row).collect();
    format!("{},level,number,remark,who,moment,y\n{}\n", dates.join(","), rows.join("\n"))
}

fn configuration(values: &[(&str, &str)]) -> Configuration {
    let mut made = Configuration::new();
    values.iter().for_each(|(name, value)| made.set(*name, *value));
    made
}

/// Plain, in groups, and in the order of time.
fn problems() -> Vec<Problem> {
    let text = text();
    let grouped = problem(&text, |config| config.group = Some("who".into()));
    let ordered = problem(&text, |config| config.time = Some("moment".into()));
    vec![problem(&text, |_| {}), grouped, ordered]
}

/// Other targets of rows that a fold does not learn from change nothing in its models.
#[test]
fn a_fold_learns_from_its_own_rows_alone() {
    for algorithm in ["forest", "extra_trees", "linear", "mlp", "boosting"] {
        for at in 0..3 {
            let mut problems = [problems().remove(at), problems().remove(at)];
            // Boosting hears from the rows that judge when to stop: there, only the test part changes.
            let keep: Vec<u32> = {
                let splits = &problems[0].splits;
                let fold = &splits.folds[0];
                match algorithm {
                    "boosting" => fold.train.iter().chain(&fold.validation).copied().collect(),
                    _ => fold.train.clone(),
                }
            };
            for row in 0..160u32 {
                if !keep.contains(&row) {
                    let target = &mut problems[1].targets[row as usize];
                    *target = 1.0 - *target;
                }
            }
            let categories = format!("{algorithm}.categories");
            let setting =
                Setting::of(&configuration(&[("algorithm", algorithm), (categories.as_str(), "means")]));
            let [one, other] = problems.map(|problem| {
                let trainer = Trainer::new(problem, 1).unwrap();
                trainer.train(&setting, Part::Fold(0), 7).unwrap()
            });
            assert!(one.preparer == other.preparer, "{algorithm}, problem {at}");
            assert!(one.fitted == other.fitted, "{algorithm}, problem {at}");
            assert_eq!(one.validation, other.validation, "{algorithm}, problem {at}");
        }
    }
}

/// Screening is done by targets: each fold does its own.
#[test]
fn features_that_are_chosen_by_targets_are_chosen_in_each_fold() {
    let trainer = Trainer::new(problems().remove(0), 1).unwrap();
    let setting = Setting::of(&configuration(&[("algorithm", "forest")]));
    let steps = |fold| trainer.train(&setting, Part::Fold(fold), 7).unwrap().preparer.steps;
    let (first, second) = (steps(0), steps(1));
    assert!(first.len() < 90, "{}", first.len());
    assert!(first != second);
}

/// Means of the target by a level that only one group has: inside of the group nothing is told.
#[test]
fn a_group_is_not_told_its_own_targets() {
    let row = |i: u64| format!("g{},h{},{:.3},{}", i / 5, i / 5, random(i), u8::from(random(i / 5) < 0.5));
    let rows: Vec<String> = (0..200).map(row).collect();
    let text = format!("who,home,x,y\n{}\n", rows.join("\n"));
    let told = |group: Option<&str>| {
        let problem = problem(&text, |config| {
            config.group = group.map(str::to_owned);
            config.ignore = if group.is_none() { vec!["who".into()] } else { vec![] };
        });
        let all: Vec<u32> = (0..200).collect();
        let fit = Fit {
            schema: problem.schema(),
            table: problem.table(),
            rows: &all,
            targets: &problem.targets,
            classes: 2,
            inner: &problem.splits.inner,
            ordered: false,
            encoding: Encoding::Means,
        };
        let matrix = Preparer::fit(&fit).transform_training(&fit);
        let Feature::Number(means) = &matrix.features[0] else { panic!("means are numbers") };
        let told = |(row, mean): (usize, &f32)| (f64::from(*mean) - problem.targets[row]).abs();
        let share = problem.targets.iter().sum::<f64>() / 200.0;
        // As far from its target as a row is that is told the share of all.
        (means.iter().enumerate().map(told).sum::<f64>() / 200.0) / (2.0 * share * (1.0 - share))
    };
    assert!(told(None) < 0.85, "rows of a home know each other: {}", told(None));
    assert!(told(Some("who")) > 0.95, "{}", told(Some("who")));
}

/// The best of 200 trials on a target that follows nothing, with levels by the thousand: its validation score
/// looks better than chance, and what is expected of it is chance.
#[test]
fn two_hundred_trials_on_noise_are_expected_to_score_at_chance() {
    let level = |i: u64| crate::split::mix(i) % 5000;
    let row = |i: u64| {
        let y = u8::from(random(i + 1_000_000) < 0.5);
        format!("k{},m{},{:.3},{y}", level(i), level(!i), random(i))
    };
    let rows: Vec<String> = (0..2000).map(row).collect();
    let mut found = problem(&format!("a,b,n,y\n{}\n", rows.join("\n")), |_| {});
    found.metric = Metric::Auc;
    let positive = found.targets.iter().sum::<f64>();
    let space = space(&found).unwrap();
    let objective = TableObjective::new(found, Limits::default(), 1).unwrap();
    let mut study = Study::builder(space, TableObjective::infos(Metric::Auc)).build().unwrap();
    for number in 0..200u64 {
        let mut made = configuration(&[("algorithm", "boosting")]);
        made.set("boosting.categories", if number % 2 == 0 { "means" } else { "levels" });
        made.set("boosting.rounds", 8 + (number % 5) as i64);
        made.set("boosting.learning_rate", 0.2);
        made.set("boosting.leaves", 3 + (number % 7) as i64);
        made.set("boosting.min_rows", 5);
        made.set("boosting.l2", 1.0);
        made.set("boosting.row_fraction", 0.5 + 0.002 * number as f64);
        made.set("boosting.column_fraction", 1.0);
        study.enqueue(&made).unwrap();
    }
    let config = ExecutorConfig { workers: 1, trials: 200, ..ExecutorConfig::default() };
    Executor::new(config).run(&mut study, &objective, &()).unwrap();
    let found = study.history().best(0).unwrap();
    let best = found.values.as_ref().unwrap()[0];
    let n = 1600.0;
    let sigma = {
        let p = positive / 2000.0 * n;
        ((n + 1.0) / (12.0 * p * (n - p))).sqrt()
    };
    let flat = LearningCurve { measured: Vec::new(), continued: (2000, 0.0) };
    let expected = objective.expected(found, Some(&flat)).unwrap();
    assert!(expected < best, "the best of many looks better than it is: {expected} {best:?}");
    assert!((expected - 0.5).abs() < 3.0 * sigma, "{expected} {best:?}");
}
