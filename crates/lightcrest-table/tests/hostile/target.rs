//! 10 to 16: the target.

use super::*;
use lightcrest_table::Task;

fn task(values: &[&str]) -> Task {
    let text = rows("x,y", 60, |i| format!("{}.5,{}", i % 9, values[i as usize % values.len()]));
    read(&text).unwrap().schema.task
}

#[test]
fn n10_rows_without_a_target_are_dropped_and_counted() {
    let text =
        rows("x,y", 40, |i| format!("{i}.5,{}", if i % 4 == 0 { "" } else { ["a", "b"][i as usize % 2] }));
    let learnt = read(&text).unwrap();
    assert_eq!(learnt.table.rows, 30);
    assert!(learnt.warnings[0].contains("10 of 40"), "{:?}", learnt.warnings);
    let most =
        rows("x,y", 60, |i| format!("{i}.5,{}", if i % 3 > 0 { "NA" } else { ["a", "b"][i as usize % 2] }));
    assert!(refusal(&most).contains("--drop-missing-target"));
    let infinite =
        rows("x,y", 40, |i| format!("{i}.5,{}", if i == 9 { "inf".into() } else { format!("{i}.25") }));
    let message = refusal(&infinite);
    assert!(message.starts_with("line 11: ") && message.contains("infinity"), "{message}");
}

#[test]
fn n11_a_target_of_one_value_is_refused() {
    for value in ["X", "3.5"] {
        let message = refusal(&rows("x,y", 40, |i| format!("{i}.5,{value}")));
        assert!(message.contains("nothing to predict") && message.contains(value), "{message}");
    }
}

#[test]
fn n12_a_class_of_one_row_is_kept() {
    let text = rows("x,y", 80, |i| {
        format!("{}.5,{}", i % 11, if i == 33 { "rare" } else { ["a", "b"][i as usize % 2] })
    });
    let learnt = read(&text).unwrap();
    let (score, model) = fit(learnt.clone(), None);
    assert!(score.is_finite());
    assert_eq!(model.schema.classes(), ["a", "b", "rare"]);
    let predictions = model.predict(&learnt.table);
    assert_eq!(predictions.len(), 80 * 3);
    let found = problem(learnt, None).unwrap();
    assert!(found.splits.warnings.iter().any(|warning| warning.contains("only ones of their class")));
}

#[test]
fn n13_the_task_is_what_the_values_tell() {
    assert_eq!(task(&["0", "1"]), Task::Classification);
    assert_eq!(task(&["True", "False"]), Task::Classification);
    assert_eq!(task(&["1", "2", "3", "4", "5"]), Task::Classification);
    assert_eq!(task(&["1.0", "2.0", "3.0", "4.0", "5.0"]), Task::Regression);
    assert_eq!(task(&["1", "2", "7", "30"]), Task::Regression);
    let text = rows("x,y", 60, |i| format!("{}.5,{}", i % 9, i % 5));
    let learnt = read(&text).unwrap();
    assert!(column(&learnt, "y").decided.contains("--task regression"), "the decision says how to change it");
    let said = config(|config| config.task = Some(Task::Regression));
    assert_eq!(read_with(text.as_bytes(), &said).unwrap().schema.task, Task::Regression);
}

#[test]
fn n14_one_in_hundreds_is_in_every_fold() {
    let text = rows("x,y", 900, |i| format!("{:.4},{}", random(i), u64::from(i % 300 == 0)));
    let found = problem(read(&text).unwrap(), None).unwrap();
    assert_eq!(found.splits.folds.len(), 3);
    assert!(!found.splits.warnings.is_empty());
    for fold in &found.splits.folds {
        assert!(fold.validation.iter().any(|row| found.targets[*row as usize] == 1.0));
    }
}

#[test]
fn n15_an_identifier_is_no_target() {
    let message = refusal(&rows("x,y", 100, |i| format!("{}.5,name{i}", i % 9)));
    assert!(message.contains("looks like an identifier"), "{message}");
}

#[test]
fn n16_predictions_of_a_skewed_target_are_as_large_as_it_is() {
    let text = rows("x,y", 300, |i| format!("{:.3},{:.2}", random(i), (9.0 + 3.0 * random(i)).exp()));
    let learnt = read(&text).unwrap();
    let found = problem(learnt.clone(), None).unwrap();
    assert!(portfolio(&found).iter().any(|it| it.get_str("boosting.target") == Some("log")));
    let (_, model) = fit(learnt.clone(), None);
    assert!(model.predict(&learnt.table).iter().all(|p| *p > 3000.0 && *p < 1e6));
}
