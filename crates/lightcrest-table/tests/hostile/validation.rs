//! 35 to 39: how models are judged. 40, the budget, is a test of the program.

use super::*;
use std::collections::HashSet;

#[test]
fn n35_equal_rows_are_in_one_part() {
    let text =
        rows("x,z,y", 300, |i| format!("{:.5},{:.5},{}", random(i / 2), random(i / 2 + 7777), i / 2 % 2));
    let learnt = read(&text).unwrap();
    assert!(learnt.warnings.iter().any(|warning| warning.contains("150 of 300")), "{:?}", learnt.warnings);
    let found = problem(learnt, None).unwrap();
    for fold in &found.splits.folds {
        let train: HashSet<u32> = fold.train.iter().map(|row| row / 2).collect();
        assert!(fold.validation.iter().all(|row| !train.contains(&(row / 2))));
    }
}

#[test]
fn n36_a_column_that_may_name_groups_is_pointed_out_and_groups_stay_together() {
    let text = rows("idcode,x,y", 400, |i| format!("{},{:.3},{}", 100 + i / 4 * 3, random(i), i % 2));
    let learnt = read(&text).unwrap();
    assert!(column(&learnt, "idcode").warnings.iter().any(|it| it.contains("--group idcode")));
    let said = config(|config| config.group = Some("idcode".into()));
    let found = problem(read_with(text.as_bytes(), &said).unwrap(), None).unwrap();
    let test: HashSet<u32> = found.splits.test.iter().map(|row| row / 4).collect();
    assert!(found.splits.learn.iter().all(|row| !test.contains(&(row / 4))));
    let (_, model) = fit(read_with(text.as_bytes(), &said).unwrap(), None);
    later(&model, "x\n0.5\n", false).unwrap();
}

#[test]
fn n37_the_future_is_judged_by_the_past() {
    let text = rows("day,x,y", 300, |i| {
        format!("2024-{:02}-{:02},{:.3},{}", i / 28 + 1, i % 28 + 1, random(i), i % 2)
    });
    assert!(column(&read(&text).unwrap(), "day").warnings.iter().any(|it| it.contains("--time day")));
    let said = config(|config| config.time = Some("day".into()));
    let found = problem(read_with(text.as_bytes(), &said).unwrap(), None).unwrap();
    for fold in &found.splits.folds {
        assert!(fold.train.iter().max() < fold.validation.iter().min());
    }
    assert!(found.splits.learn.iter().max() < found.splits.test.iter().min());
}

#[test]
fn n38_a_column_that_tells_the_target_is_named_and_kept() {
    let text = rows("x,grade,y", 300, |i| {
        format!("{:.3},{:.4},{:.4}", random(i), 3.0 * random(i + 50) + 1.0, random(i + 50))
    });
    let found = problem(read(&text).unwrap(), None).unwrap();
    let warnings = |name: &str| column(&found.learnt, name).warnings.join(" ");
    assert!(warnings("grade").contains("alone tells the target"), "{}", warnings("grade"));
    assert!(warnings("x").is_empty());
    assert!(column(&found.learnt, "grade").is_feature());
}

#[test]
fn n39_noise_with_thousands_of_levels_scores_at_chance() {
    let text = rows("a,z,y", 3000, |i| {
        let level = (random(i) * 5000.0) as u64;
        format!("k{level},{:.3},{}", random(i + 10_000), u64::from(random(i + 900_000) > 0.5))
    });
    let found = problem(read(&text).unwrap(), Some(Metric::Auc)).unwrap();
    let means =
        portfolio(&found).into_iter().find(|it| it.get_str("boosting.categories") == Some("means")).unwrap();
    let objective = TableObjective::new(found, Limits::default(), 1).unwrap();
    let evaluation = objective.evaluate(&mut Trial::detached(means, 5)).unwrap();
    // Of 2400 rows, half of each class, the AUC of chance has a standard deviation of 0.012.
    assert!((evaluation.values[0] - 0.5).abs() < 0.036, "{}", evaluation.values[0]);
}
