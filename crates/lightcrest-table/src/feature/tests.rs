use super::*;
use crate::read::Source;
use crate::table::{LearnConfig, Learnt, learn};
use std::path::Path;

fn learnt(text: &str) -> Learnt {
    let source = Source::from_bytes(Path::new("t.csv"), text.as_bytes().to_vec()).unwrap();
    learn(source, &LearnConfig { target: "y".into(), ..LearnConfig::default() }).unwrap()
}

fn fit<'a>(
    learnt: &'a Learnt,
    targets: &'a [f64],
    rows: &'a [u32],
    inner: &'a [u8],
    ordered: bool,
) -> Fit<'a> {
    let (schema, table) = (&learnt.schema, &learnt.table);
    Fit { schema, table, rows, targets, classes: 2, inner, ordered, encoding: Encoding::Means }
}

/// 40 levels of two rows each, and a target that follows nothing.
fn levels() -> (Learnt, Vec<f64>) {
    let rows: Vec<String> = (0..80).map(|i| format!("k{},{}", i / 2, i % 2)).collect();
    (learnt(&format!("c,y\n{}\n", rows.join("\n"))), (0..80).map(|i| f64::from(i % 2)).collect())
}

#[test]
fn a_row_is_never_told_its_own_target() {
    let (table, mut targets) = levels();
    let rows: Vec<u32> = (0..80).collect();
    let inner: Vec<u8> = (0..80).map(|row| row % 5).collect();
    let told = |targets: &[f64]| {
        let fit = fit(&table, targets, &rows, &inner, false);
        let matrix = Preparer::fit(&fit).transform_training(&fit);
        let Feature::Number(means) = &matrix.features[0] else { panic!() };
        means.clone()
    };
    let before = told(&targets);
    targets[0] = 1.0 - targets[0];
    let after = told(&targets);
    assert_eq!(before[0], after[0]);
    assert_ne!(before[1], after[1], "the other row of its level is told");
}

#[test]
fn with_a_time_only_the_past_tells() {
    let (table, mut targets) = levels();
    let rows: Vec<u32> = (0..80).collect();
    let inner: Vec<u8> = (0..80).map(|row| row / 8).collect();
    let told = |targets: &[f64]| {
        let fit = fit(&table, targets, &rows, &inner, true);
        let matrix = Preparer::fit(&fit).transform_training(&fit);
        let Feature::Number(means) = &matrix.features[0] else { panic!() };
        means.clone()
    };
    let before = told(&targets);
    for row in 40..80 {
        targets[row] = 1.0;
    }
    let same = |a: f32, b: f32| a == b || (a.is_nan() && b.is_nan());
    assert!(before[..48].iter().zip(&told(&targets)[..48]).all(|(a, b)| same(*a, *b)));
}

#[test]
fn nothing_is_learnt_from_rows_that_are_not_learnt_from() {
    let rows: Vec<String> = (0..100)
        .map(|i| {
            format!(
                "k{},the bird number {} sang a song of its own,2024-01-{:02},{}",
                i % 30,
                i,
                i % 28 + 1,
                i % 2
            )
        })
        .collect();
    let learnt = learnt(&format!("c,remark,day,y\n{}\n", rows.join("\n")));
    let mut targets: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
    let (rows, inner): (Vec<u32>, Vec<u8>) = ((0..60).collect(), (0..100).map(|row| row % 5).collect());
    let before = Preparer::fit(&fit(&learnt, &targets, &rows, &inner, false));
    targets[60..].iter_mut().for_each(|y| *y = 1.0 - *y);
    assert_eq!(Preparer::fit(&fit(&learnt, &targets, &rows, &inner, false)), before);
}

#[test]
fn one_row_has_the_features_that_it_has_in_a_batch() {
    let rows: Vec<String> = (0..60)
        .map(|i| {
            format!(
                "k{},{}.5,word {} and many others here,2024-02-{:02}T10:30:00,{}",
                i % 20,
                i % 9,
                i,
                i % 28 + 1,
                i % 2
            )
        })
        .collect();
    let learnt = learnt(&format!("c,n,t,d,y\n{}\n", rows.join("\n")));
    let targets: Vec<f64> = (0..60).map(|i| f64::from(i % 2)).collect();
    let (all, inner): (Vec<u32>, Vec<u8>) = ((0..60).collect(), vec![0; 60]);
    let preparer = Preparer::fit(&fit(&learnt, &targets, &all, &inner, false));
    let matrix = preparer.transform(&learnt.table, &all);
    let mut cells = Vec::new();
    for row in 0..60 {
        preparer.row(&learnt.table, row, &mut cells);
        assert_eq!(cells.len(), matrix.features.len());
        for (cell, feature) in cells.iter().zip(&matrix.features) {
            match feature {
                Feature::Number(values) => assert!(values[row] == *cell || values[row].is_nan()),
                Feature::Codes(codes) => assert_eq!(codes[row] as f32, *cell),
            }
        }
    }
    // A Thursday, at half past ten.
    let days = matrix.sources.iter().filter(|source| **source == 3).count();
    assert_eq!(days, 6);
}
