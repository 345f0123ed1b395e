mod leak;

use super::*;
use crate::Task;
use crate::diagnosis::diagnose;
use crate::metric::Metric;
use crate::pipeline::{After, Member, Pipeline};
use crate::predict::score;
use crate::read::{ReadConfig, Source, Text};
use crate::table::{LearnConfig, learn};
use lightcrest::objective::TrialError;
use lightcrest::space::Configuration;
use lightcrest::{FrozenTrial, Objective, Trial};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

pub(super) fn problem(text: &str, change: impl Fn(&mut LearnConfig)) -> Problem {
    let source = Source::from_bytes(Path::new("t.csv"), text.as_bytes().to_vec()).unwrap();
    let mut config = LearnConfig { target: "y".into(), ..LearnConfig::default() };
    change(&mut config);
    let config_of = ProblemConfig { metric: None, folds: 5, seed: 3 };
    Problem::new(learn(source, &config).unwrap(), &config_of).unwrap()
}

/// A number from 0 to 1 that follows nothing.
pub(super) fn random(i: u64) -> f64 {
    (crate::split::mix(i) >> 11) as f64 / (1u64 << 53) as f64
}

/// A target that follows two columns, with noise.
fn learnable(rows: u64) -> String {
    learnable_of(0..rows)
}

/// The same of other rows.
fn learnable_of(rows: std::ops::Range<u64>) -> String {
    let row = |i: u64| {
        let (x, noise) = (random(i * 3), random(i * 3 + 1));
        let level = i % 5;
        let y = x + if level == 2 { 0.5 } else { 0.0 } + 0.3 * noise > 0.8;
        format!("{x:.4},k{level},{:.3},{}", random(i * 3 + 2), if y { "yes" } else { "no" })
    };
    let rows: Vec<String> = rows.map(row).collect();
    format!("x,c,n,y\n{}\n", rows.join("\n"))
}

fn evaluate(objective: &TableObjective, configuration: &Configuration) -> Vec<f64> {
    objective.evaluate(&mut Trial::detached(configuration.clone(), 7)).unwrap().values
}

fn fit_one(objective: &TableObjective, configuration: &Configuration) -> (Vec<f64>, Made) {
    let (evaluation, made) = objective.fit_one(configuration, 7).unwrap();
    (evaluation.values, made)
}

#[test]
fn every_configuration_of_the_portfolio_is_of_the_space_and_beats_the_constant() {
    let problem = problem(&learnable(600), |_| {});
    let (space, portfolio) = (space(&problem).unwrap(), portfolio(&problem));
    let objective = TableObjective::new(problem, Limits::default(), 1).unwrap();
    let mut constant = f64::NAN;
    for (i, configuration) in portfolio.iter().enumerate() {
        space.conform(configuration).unwrap();
        // Those are made of the others, and may have nothing to gain.
        if configuration.get_str("algorithm") == Some("ensemble") {
            continue;
        }
        if i < 4 || i % 3 == 0 {
            let values = evaluate(&objective, configuration);
            if i == 0 {
                constant = values[0];
            } else {
                assert!(values[0] < 0.8 * constant, "{configuration}: {values:?}, constant {constant}");
            }
        }
    }
}

#[test]
fn a_model_is_its_bytes_and_does_not_depend_on_threads_or_batches() {
    let configuration = {
        let problem = problem(&learnable(400), |_| {});
        portfolio(&problem)[1].clone()
    };
    let made = |threads| {
        let objective =
            TableObjective::new(problem(&learnable(400), |_| {}), Limits::default(), threads).unwrap();
        let (_, made) = fit_one(&objective, &configuration);
        (made.model, objective)
    };
    let ((model, objective), (other, _)) = (made(1), made(2));
    let bytes = model.to_bytes();
    assert_eq!(bytes, other.to_bytes());
    assert_eq!(Pipeline::from_bytes(&bytes).unwrap(), model);
    let table = objective.problem().table();
    let all = model.predict(table);
    for row in 0..20u32 {
        let alone = model.predict_rows(table, &[row]);
        assert_eq!(alone, all[row as usize * 2..row as usize * 2 + 2]);
        assert!((alone[0] + alone[1] - 1.0).abs() < 1e-12);
    }
    // The noise may be left out, and then is not needed.
    assert!(model.columns_needed() >= 2);
    for end in (0..bytes.len()).step_by(7) {
        assert!(Pipeline::from_bytes(&bytes[..end]).is_err());
    }
    let mut changed = bytes.clone();
    changed[20] ^= 1;
    assert!(Pipeline::from_bytes(&changed).unwrap_err().to_string().contains("changed"));
    let mut newer = bytes;
    newer[8] = 9;
    assert!(Pipeline::from_bytes(&newer).unwrap_err().to_string().contains("version 9"));
}

/// The best leak test there is: a target that follows nothing, and categories by the thousand.
#[test]
fn noise_scores_at_chance() {
    let row = |i: u64| {
        format!(
            "k{},m{},{:.3},{}",
            crate::split::mix(i) % 1000,
            crate::split::mix(!i) % 700,
            random(i),
            u8::from(random(i + 1_000_000) < 0.5)
        )
    };
    let rows: Vec<String> = (0..2500).map(row).collect();
    let problem = {
        let mut problem = problem(&format!("a,b,n,y\n{}\n", rows.join("\n")), |_| {});
        problem.metric = Metric::Auc;
        problem
    };
    let configurations: Vec<Configuration> = portfolio(&problem)
        .into_iter()
        .filter(|it| it.get_str("boosting.categories").is_some())
        .take(4)
        .collect();
    assert!(configurations.iter().any(|it| it.get_str("boosting.categories") == Some("means")));
    let objective = TableObjective::new(problem, Limits::default(), 1).unwrap();
    for configuration in configurations {
        let values = evaluate(&objective, &configuration);
        // 2000 rows, half of each class: the standard deviation of an AUC of chance is about 0.013.
        assert!((values[0] - 0.5).abs() < 3.0 * 0.013, "{configuration}: {}", values[0]);
    }
}

/// Rows of a group have a target of the group's that follows nothing: only what knows the group knows it.
#[test]
fn groups_do_not_leak() {
    let row = |i: u64| {
        let group = i / 10;
        format!("g{group},{:.5},{}", random(group) + 1e-4 * random(i), u8::from(random(group + 99_999) < 0.5))
    };
    let rows: Vec<String> = (0..1500).map(row).collect();
    let text = format!("who,x,y\n{}\n", rows.join("\n"));
    let auc = |group: Option<&str>| {
        let mut problem = problem(&text, |config| {
            config.group = group.map(str::to_owned);
            config.ignore = if group.is_none() { vec!["who".into()] } else { vec![] };
        });
        problem.metric = Metric::Auc;
        let configuration = portfolio(&problem)[2].clone();
        let objective = TableObjective::new(problem, Limits::default(), 1).unwrap();
        evaluate(&objective, &configuration)[0]
    };
    assert!(auc(None) > 0.8, "without --group the group is learnt by heart");
    assert!((auc(Some("who")) - 0.5).abs() < 0.15);
}

#[test]
fn a_column_that_tells_the_target_alone_is_pointed_out() {
    let row = |i: u64| {
        format!(
            "{},{:.3},{}",
            if i.is_multiple_of(3) { "a" } else { "b" },
            random(i),
            i % 3 / 2 * 10 + u64::from(i.is_multiple_of(3))
        )
    };
    let rows: Vec<String> = (0..300).map(row).collect();
    let problem = problem(
        &format!(
            "leak,x,y\n{}\n",
            rows.join("\n").replace(",10", ",no").replace(",0", ",no").replace(",1", ",yes")
        ),
        |_| {},
    );
    let warnings = |i: usize| problem.schema().columns[i].warnings.join(" ");
    assert!(warnings(0).contains("alone tells the target"), "{}", warnings(0));
    assert!(!warnings(1).contains("alone"), "{}", warnings(1));
}

#[test]
fn skewed_targets_may_be_learnt_as_logarithms_and_never_come_back_negative() {
    let rows: Vec<String> = (0..400)
        .map(|i| format!("{:.3},{:.2}", random(i), (4.0 * random(i) + random(i + 7000)).exp()))
        .collect();
    let problem = problem(&format!("x,y\n{}\n", rows.join("\n")), |_| {});
    let configuration =
        portfolio(&problem).into_iter().find(|it| it.get_str("boosting.target") == Some("log")).unwrap();
    let objective = TableObjective::new(problem, Limits::default(), 1).unwrap();
    let (values, made) = fit_one(&objective, &configuration);
    let deviation = {
        let targets = &objective.problem().targets;
        let mean = targets.iter().sum::<f64>() / 400.0;
        (targets.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / 400.0).sqrt()
    };
    assert!(values[0] < 0.7 * deviation, "{} {deviation}", values[0]);
    let predictions = made.model.predict(objective.problem().table());
    assert!(predictions.iter().all(|p| *p > 0.0 && p.is_finite()));
}

#[test]
fn a_bound_on_the_size_is_a_constraint() {
    let problem = problem(&learnable(300), |_| {});
    let portfolio = portfolio(&problem);
    let limits = Limits { bytes: Some(2000), latency_us: None };
    let objective = TableObjective::new(problem, limits, 1).unwrap();
    let mut trial = Trial::detached(portfolio[2].clone(), 7);
    let evaluation = objective.evaluate(&mut trial).unwrap();
    assert!(evaluation.constraints[0].1 > 0.0, "{evaluation:?}");
    let mut trial = Trial::detached(portfolio[0].clone(), 7);
    assert!(objective.evaluate(&mut trial).unwrap().constraints[0].1 < 0.0);
}

/// No model of all rows is made to know its size.
#[test]
fn the_size_is_known_from_the_folds() {
    let problem = problem(&learnable(1500), |_| {});
    let list = portfolio(&problem);
    let objective = TableObjective::new(problem, Limits::default(), 1).unwrap();
    let mut known = 0;
    for configuration in list.iter().take(8) {
        // An ensemble is of the models before it, and may have nothing to gain.
        let Ok((evaluation, made)) = objective.fit_one(configuration, 7) else { continue };
        let (bytes, found) = (evaluation.values[1], made.bytes.len());
        // On few rows, more of them bear more leaves.
        assert!((0.7..1.2).contains(&(bytes / found as f64)), "{configuration}: {bytes} and {found}");
        known += 1;
    }
    assert!(known >= 5);
}

#[test]
fn a_model_of_all_rows_keeps_the_bound_that_its_trial_kept() {
    let of = |limits| {
        let problem = problem(&learnable(1500), |_| {});
        let configuration = portfolio(&problem)[2].clone();
        let objective = TableObjective::new(problem, limits, 1).unwrap();
        let (evaluation, made) = objective.fit_one(&configuration, 7).unwrap();
        (evaluation, made.bytes.len())
    };
    let (_, bytes) = of(Limits::default());
    for bound in [bytes - 1, bytes * 9 / 10] {
        let (_, smaller) = of(Limits { bytes: Some(bound as u64), latency_us: None });
        assert!(smaller <= bound && smaller > bound * 8 / 10, "{smaller} {bound} {bytes}");
    }
}

/// An objective with some trials behind it, and those of its front.
fn searched(effort: Effort) -> (TableObjective, Vec<FrozenTrial>) {
    let problem = problem(&learnable(1500), |_| {});
    let list = portfolio(&problem);
    let mut objective = TableObjective::new(problem, Limits::default(), 1).unwrap();
    objective.lighten(effort);
    let trial = |(number, configuration): (usize, &Configuration)| {
        let evaluation = objective.evaluate(&mut Trial::detached(configuration.clone(), 7)).unwrap();
        let mut trial = FrozenTrial::complete(number as u64, configuration.clone(), evaluation.values);
        trial.attributes = evaluation.attributes.into_iter().collect();
        trial
    };
    let trials = list.iter().take(3).enumerate().map(trial).collect();
    (objective, trials)
}

/// The trials that have models, in the order in which they were made, and those that came too late.
fn delivered(objective: &mut TableObjective, trials: &[FrozenTrial], until: &Until) -> (Vec<u64>, Vec<u64>) {
    let (front, mut made) = (trials.iter().collect::<Vec<_>>(), Vec::new());
    let late = objective.deliver(&front, &|_| 7, until, &mut |_, trial, found| {
        made.push(trial.number);
        found.map(drop)
    });
    (made, late.unwrap())
}

#[test]
fn what_matters_most_is_made_first_and_something_always() {
    let (mut objective, mut trials) = searched(Effort::default());
    let score = |number: u64| trials[number as usize].values.as_ref().unwrap()[0];
    let (best, other) = if score(1) < score(2) { (1, 2) } else { (2, 1) };
    assert!(score(other) < score(0));
    // As if the best were large.
    trials[best as usize].values.as_mut().unwrap()[1] = 1e6;
    assert_eq!(delivered(&mut objective, &trials, &Until::default()), (vec![other, best, 0], vec![]));

    // No time is left: the smallest model is made all the same.
    let (mut objective, trials) = searched(Effort::default());
    let over = Until { deadline: Some(Instant::now()), ..Until::default() };
    assert_eq!(delivered(&mut objective, &trials[1..], &over), (vec![1], vec![2]));
    // What matters most may take a moment more.
    let (mut objective, trials) = searched(Effort::default());
    let over = Until { grace: Duration::from_secs(3600), ..over };
    assert_eq!(delivered(&mut objective, &trials[1..], &over), (vec![best], vec![other]));
    // Nor is it for a user who gives up.
    let (mut objective, trials) = searched(Effort::default());
    let until = Until { stop: Arc::new(AtomicBool::new(true)), ..Until::default() };
    let front: Vec<&FrozenTrial> = trials[1..].iter().collect();
    let given_up = objective.deliver(&front, &|_| 7, &until, &mut |_, _, found| found.map(drop));
    assert!(matches!(given_up, Err(TrialError::Interrupted)), "{given_up:?}");
}

/// Where one fold judges, its model is that which the test is looked at with; another process makes it again.
#[test]
fn the_model_of_the_only_fold_is_kept() {
    let effort = Effort { folds: 1, ..Effort::default() };
    let ((kept, trials), (_, again)) = (searched(effort), searched(effort));
    let mut fresh = TableObjective::new(problem(&learnable(1500), |_| {}), Limits::default(), 1).unwrap();
    fresh.lighten(effort);
    let (kept, fresh) = (kept.make(&trials[2], 7).unwrap(), fresh.make(&again[2], 7).unwrap());
    assert_eq!(kept.judge.to_bytes(), fresh.judge.to_bytes());
    assert_ne!(kept.judge, kept.model);
}

/// Folds learn from 64 % of the rows, and the delivered model from all: what it is expected to score is
/// nearer to what it scores on thousands of other rows than what its folds say.
#[test]
fn a_delivered_model_is_expected_to_be_better_than_those_of_its_folds() {
    let fresh = Source::from_bytes(Path::new("f.csv"), learnable_of(100_000..104_000).into_bytes()).unwrap();
    let fresh = Text::open(fresh, &ReadConfig::default()).unwrap();
    let (mut by_folds, mut expected_by) = (0.0, 0.0);
    for table in 0..4 {
        let problem = problem(&learnable_of(1000 * table..1000 * table + 300), |_| {});
        let configuration = portfolio(&problem)[1].clone();
        let objective = TableObjective::new(problem, Limits::default(), 1).unwrap();
        let (evaluation, made) = objective.fit_one(&configuration, 7).unwrap();
        let mut trial = FrozenTrial::complete(0, configuration, evaluation.values.clone());
        trial.attributes = evaluation.attributes.into_iter().collect();
        let curve = objective.learning_curve(&trial, 7).unwrap();
        assert!(curve.measured.is_sorted_by(|(a, _), (b, _)| a < b), "{curve:?}");
        assert_eq!((curve.measured.len(), curve.continued.0), (3, 300));
        let expected = objective.expected(&trial, Some(&curve)).unwrap();
        // Of an ensemble without a curve, the members tell of which it is known.
        assert_eq!(objective.expected(&trial, None), None);
        let member = |seed| EnsembleMember {
            picks: 3,
            seed,
            configuration: trial.configuration.clone(),
            rounds: 0,
            after: After::default(),
        };
        let mut ensemble = trial.clone();
        let members = [member(objective.seed(7)), member(1)];
        ensemble.attributes.insert("members".to_owned(), serde_json::to_value(members).unwrap());
        let by_members = objective.expected(&ensemble, None).unwrap();
        assert!((by_members - expected).abs() < 1e-12, "{by_members} {expected}");
        let read = made.model.schema.read(&fresh, &|_| true, false).unwrap();
        let found = score(&made.model, &read, &made.model.predict(&read.table)).unwrap();
        let (_, truth) = found.values.into_iter().find(|(metric, _)| *metric == Metric::LogLoss).unwrap();
        by_folds += evaluation.values[0] - truth;
        expected_by += expected - truth;
    }
    assert!(by_folds > 0.0 && expected_by.abs() < 0.7 * by_folds, "{by_folds} {expected_by}");
}

#[test]
fn an_ensemble_is_the_weighted_mean_of_earlier_models_and_is_made_again() {
    let problem = problem(&learnable(500), |_| {});
    let list = portfolio(&problem);
    let objective = TableObjective::new(problem, Limits::default(), 1).unwrap();
    let mut best = f64::INFINITY;
    for configuration in list.iter().filter(|it| it.get_str("algorithm") != Some("ensemble")).take(6) {
        best = best.min(evaluate(&objective, configuration)[0]);
    }
    let mut configuration = Configuration::new();
    configuration.set("algorithm", "ensemble");
    configuration.set("ensemble.picks", 12);
    configuration.set("ensemble.price", 1e-5);
    let (evaluation, made) = objective.fit_one(&configuration, 7).unwrap();
    assert!(evaluation.values[0] < best, "{} {best}", evaluation.values[0]);
    let members = made.model.members.len();
    assert!(members >= 2);
    assert!((made.model.members.iter().map(|member| member.weight).sum::<f64>() - 1.0).abs() < 1e-12);
    assert_eq!(Pipeline::from_bytes(&made.bytes).unwrap(), made.model);
    // By hand: each member alone, and their mean.
    let table = objective.problem().table();
    let mut mean = vec![0.0; 2 * table.rows];
    for member in &made.model.members {
        let mut alone = made.model.clone();
        alone.members = vec![Member { weight: 1.0, ..member.clone() }];
        alone.after = After::default();
        mean.iter_mut().zip(alone.predict(table)).for_each(|(sum, p)| *sum += member.weight * p);
    }
    mean.chunks_exact_mut(2).for_each(|row| made.model.after.apply(Task::Classification, row));
    let found = made.model.predict(table);
    assert!(found.iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-12));
    // In another process that knows only the members.
    let mut frozen = FrozenTrial::complete(9, configuration.clone(), evaluation.values.clone());
    frozen.attributes = evaluation.attributes.into_iter().collect();
    let again = super::tests::problem(&learnable(500), |_| {});
    let mut again = TableObjective::new(again, Limits::default(), 2).unwrap();
    let bare = |member: EnsembleMember| EnsembleMember { rounds: 0, after: After::default(), ..member };
    again.fix(7, TableObjective::members(&frozen).into_iter().map(bare).collect());
    assert_eq!(again.fit_one(&configuration, 7).unwrap().1.bytes, made.bytes);
}

#[test]
fn a_linear_model_has_its_place() {
    let rows: Vec<String> = (0..300)
        .map(|i| {
            let (a, b) = (random(i), random(i + 4000));
            format!("{a:.4},{b:.4},k{},{:.4}", i % 3, 3.0 * a - b + (i % 3) as f64 + 0.05 * random(i + 9000))
        })
        .collect();
    let problem = problem(&format!("a,b,c,y\n{}\n", rows.join("\n")), |_| {});
    let list = portfolio(&problem);
    let objective = TableObjective::new(problem, Limits::default(), 1).unwrap();
    let of = |algorithm: &str| list.iter().find(|it| it.get_str("algorithm") == Some(algorithm)).unwrap();
    let (linear, made) = fit_one(&objective, of("linear"));
    let boosting = evaluate(&objective, of("boosting"));
    assert!(linear[0] < 0.03 && linear[0] < boosting[0], "{linear:?} {boosting:?}");
    assert_eq!(Pipeline::from_bytes(&made.bytes).unwrap(), made.model);
    assert_eq!(made.model.columns_needed(), 3);
}

/// The target is what no model of single columns, and no small one of boxes, can say.
#[test]
fn a_perceptron_has_its_place() {
    let rows: Vec<String> = (0..1200)
        .map(|i| {
            let (a, b) = (random(i) - 0.5, random(i + 4000) - 0.5);
            let level = if i % 7 == 0 { 3 } else { i % 3 };
            let c = ["k0", "k1", "k2", ""][level as usize];
            format!("{a:.4},{b:.4},{c},{:.4}", (4.0 * (a + b)).sin() + 0.5 * level as f64)
        })
        .collect();
    let text = format!("a,b,c,y\n{}\n", rows.join("\n"));
    let list = portfolio(&problem(&text, |_| {}));
    let of = |algorithm: &str| list.iter().find(|it| it.get_str("algorithm") == Some(algorithm)).unwrap();
    let fitted = |threads| {
        let objective = TableObjective::new(problem(&text, |_| {}), Limits::default(), threads).unwrap();
        let (values, made) = fit_one(&objective, of("mlp"));
        (values, made, objective)
    };
    let (values, made, objective) = fitted(1);
    for other in ["linear", "boosting"] {
        let other = evaluate(&objective, of(other));
        assert!(values[0] < 0.7 * other[0], "{values:?} {other:?}");
    }
    let (again, made_again, _) = fitted(2);
    assert!(again == values && made_again.bytes == made.bytes);
    assert_eq!(Pipeline::from_bytes(&made.bytes).unwrap(), made.model);
    // The size that the search knows is about that of the file.
    assert!((values[1] / made.bytes.len() as f64 - 1.0).abs() < 0.02, "{values:?} {}", made.bytes.len());
    let table = objective.problem().table();
    assert_eq!(made.model.predict(table)[5], made.model.predict_rows(table, &[5])[0]);
}

/// Boosting grows a tree a class, and a perceptron has one output more.
#[test]
fn a_perceptron_comes_early_where_classes_are_many() {
    let place = |classes: u64, work: f64| {
        let rows: Vec<String> = (0..400).map(|i| format!("{:.3},k{}", random(i), i % classes)).collect();
        let problem = problem(&format!("x,y\n{}\n", rows.join("\n")), |_| {});
        portfolio_within(&problem, work).iter().position(|it| it.get_str("algorithm") == Some("mlp"))
    };
    assert_eq!((place(12, f64::INFINITY), place(2, f64::INFINITY)), (Some(2), Some(4)));
    assert_eq!((place(12, 50.0), place(2, 50.0)), (Some(2), None));
}

#[test]
fn a_diagnosis_tells_what_a_model_lives_on() {
    let problem = problem(&learnable(3000), |_| {});
    let configuration = portfolio(&problem)[1].clone();
    let objective = TableObjective::new(problem, Limits::default(), 1).unwrap();
    let (_, made) = fit_one(&objective, &configuration);
    let (judge, problem) = (made.judge, objective.problem());
    let rows = &problem.splits.test;
    let targets: Vec<f64> = rows.iter().map(|row| problem.targets[*row as usize]).collect();
    let predictions = judge.predict_rows(problem.table(), rows);
    let metric = Metric::LogLoss;
    let look = |most| diagnose(&judge, metric, problem.table(), rows, &predictions, &targets, most);
    let found = look(usize::MAX);
    assert_eq!(found, look(usize::MAX), "it is no draw");
    // Where time is short, nothing is said of columns rather than something that is noise.
    let hasty = look(100);
    assert!(hasty.importance.is_empty() && hasty.confusion == found.confusion);
    let order: Vec<&str> = found.importance.iter().map(|it| it.column.as_str()).collect();
    assert_eq!(&order[..2], ["x", "c"], "{:?}", found.importance);
    assert!(found.importance[1].loss > 10.0 * found.importance.get(2).map_or(0.0, |noise| noise.loss.abs()));
    let confusion = found.confusion.unwrap();
    assert_eq!(confusion.classes, ["no", "yes"]);
    let right = confusion.counts[0][0] + confusion.counts[1][1];
    assert_eq!(confusion.counts.iter().flatten().sum::<usize>(), rows.len());
    let accuracy = Metric::Accuracy.score(&predictions, 2, &targets, judge.after.threshold).unwrap();
    assert!((right as f64 / rows.len() as f64 - accuracy).abs() < 1e-12);
    assert_eq!(found.reliability.iter().map(|bin| bin.rows).sum::<usize>(), rows.len());
    let (first, last) = (found.reliability[0], found.reliability[found.reliability.len() - 1]);
    assert!(first.observed < 0.2 && last.observed > 0.8 && first.predicted < last.predicted);
}
