use super::*;
use crate::algorithm::{Inputs, Training};
use crate::feature::Feature;
use crate::split::Fold;
use crate::table::MISSING;

fn random(i: u64) -> f64 {
    (crate::split::mix(i) >> 11) as f64 / (1u64 << 53) as f64
}

const ROWS: u32 = 400;

/// A number with holes, one of another size, and levels.
fn matrix() -> Matrix {
    let rows = 0..u64::from(ROWS);
    let holes = rows.clone().map(|i| if i % 10 == 0 { f32::NAN } else { random(i) as f32 });
    let large = rows.clone().map(|i| 1000.0 + 100.0 * random(i + 5000) as f32);
    let levels = rows.map(|i| if i % 7 == 0 { MISSING } else { (i % 4) as u32 });
    let features = vec![
        Feature::Number(holes.collect()),
        Feature::Number(large.collect()),
        Feature::Codes(levels.collect()),
    ];
    Matrix { features, sources: vec![0, 1, 2], rows: ROWS as usize }
}

fn train(targets: &[f64], classes: usize, strength: f64, absolute: f64) -> (Linear, Vec<f64>, Matrix) {
    let (matrix, rows) = (matrix(), (0..ROWS).collect::<Vec<u32>>());
    let task = if classes == 1 { Task::Regression } else { Task::Classification };
    let training = Training {
        inputs: Inputs::Matrix(&matrix),
        targets,
        rows: &rows,
        validation: &rows,
        within: &Fold::default(),
        task,
        classes,
        seed: 0,
        threads: 1,
    };
    let (model, predictions) = fit(&training, &matrix, strength, absolute, &|| false).unwrap();
    (model, predictions, matrix)
}

/// The score of a row by the terms that made it.
fn truth(i: u64) -> f64 {
    let x = if i.is_multiple_of(10) { 0.7 } else { 2.0 * random(i) };
    x + (100.0 * random(i + 5000)) / 40.0
        + if i.is_multiple_of(7) { 0.5 } else { [0.0, 1.0, -1.0, 2.0][(i % 4) as usize] }
}

#[test]
fn what_is_linear_is_found_exactly() {
    let targets: Vec<f64> = (0..u64::from(ROWS)).map(|i| 1e4 * truth(i) - 3e4).collect();
    let (model, predictions, _) = train(&targets, 1, 1e-9, 0.0);
    assert_eq!(model.outputs(), 1);
    for (prediction, target) in predictions.iter().zip(&targets) {
        assert!((prediction - target).abs() < 10.0, "{prediction} {target}");
    }
}

/// Where the loss is least, its slope in every coefficient is that of the penalty.
#[test]
fn classes_are_where_the_penalised_loss_is_least() {
    for classes in [2usize, 3] {
        let class = |i: u64| {
            let score = truth(i) + 2.0 * random(i + 90_000) - 3.0;
            (score.clamp(0.0, classes as f64 - 1.0).round(), score).0
        };
        let targets: Vec<f64> = (0..u64::from(ROWS)).map(class).collect();
        let rows: Vec<u32> = (0..ROWS).collect();
        let design = Design::new(&matrix(), &rows);
        let loss = if classes == 2 { Loss::Logistic } else { Loss::Softmax { classes } };
        let penalty = Penalty { absolute: 0.0, squared: 0.01 };
        let solved = solve::solve(&design, &targets, loss, penalty, &|| false).unwrap();
        let scores = |k: usize| {
            let mut scores = vec![solved.base[k]; ROWS as usize];
            for (coefficient, column) in solved.coefficients[k].iter().zip(design.values()) {
                column.each(|row, x| scores[row] += coefficient * x);
            }
            scores
        };
        let all: Vec<Vec<f64>> = (0..loss.outputs()).map(scores).collect();
        let share = |row: usize, k: usize| match classes {
            2 => 1.0 / (1.0 + (-all[0][row]).exp()),
            _ => all[k][row].exp() / all.iter().map(|scores| scores[row].exp()).sum::<f64>(),
        };
        for k in 0..loss.outputs() {
            let is =
                |row: usize| f64::from(u8::from(targets[row] as usize == if classes == 2 { 1 } else { k }));
            for (coefficient, column) in solved.coefficients[k].iter().zip(design.values()) {
                let mut slope = 0.0;
                column.each(|row, x| slope += x * (share(row, k) - is(row)) / f64::from(ROWS));
                assert!((slope + 0.01 * coefficient).abs() < 1e-3, "{classes}: {slope} {coefficient}");
            }
        }
    }
}

#[test]
fn an_absolute_penalty_leaves_features_out() {
    let targets: Vec<f64> = (0..u64::from(ROWS)).map(|i| random(i + 5000)).collect();
    let (model, ..) = train(&targets, 1, 0.1, 1.0);
    let features: Vec<usize> = model.terms().iter().map(|term| term.feature).collect();
    assert_eq!(features, [1]);
    let (nothing, ..) = train(&targets, 1, 10.0, 1.0);
    assert!(nothing.terms().is_empty());
}

#[test]
fn what_is_odd_counts_as_the_end_of_the_range() {
    let targets: Vec<f64> = (0..u64::from(ROWS)).map(truth).collect();
    let (model, ..) = train(&targets, 1, 1e-6, 0.0);
    let at = |x: f32, code: f32| model.predict_row(&[0.5, x, code])[0];
    assert_eq!(at(f32::INFINITY, 1.0), at(1e30, 1.0));
    assert_eq!(at(f32::NEG_INFINITY, 1.0), at(-1e30, 1.0));
    assert!(at(f32::NAN, f32::NAN).is_finite() && at(1050.0, 99.0).is_finite());
    assert!(model.is_sound());
}
