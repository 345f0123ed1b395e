use super::input::Beginning;
use super::network::{Buffers, Loss, Network};
use super::*;
use crate::Task;
use crate::algorithm::{Inputs, Training};
use crate::feature::{Feature, Matrix};
use crate::split::Fold;
use crate::table::MISSING;

fn random(i: u64) -> f64 {
    (crate::split::mix(i) >> 11) as f64 / (1u64 << 53) as f64
}

const ROWS: u32 = 800;

/// Two numbers from -1 to 1, the first with holes, and levels of which one is rare.
fn matrix() -> Matrix {
    let rows = 0..u64::from(ROWS);
    let number = |i: u64| (2.0 * random(i) - 1.0) as f32;
    let holes = rows.clone().map(|i| if i % 20 == 0 { f32::NAN } else { number(i) });
    let whole = rows.clone().map(|i| number(i + 10_000));
    let level = |i: u64| match i {
        3 => 7,
        i if i % 9 == 0 => MISSING,
        i => (i % 4) as u32,
    };
    let features = vec![
        Feature::Number(holes.collect()),
        Feature::Number(whole.collect()),
        Feature::Codes(rows.map(level).collect()),
    ];
    Matrix { features, sources: vec![0, 1, 2], rows: ROWS as usize }
}

/// Learns from all rows but the last 200, half of which judge epochs.
fn train(
    targets: &[f64],
    classes: usize,
    config: &MlpConfig,
    known: Option<usize>,
) -> (Mlp, Vec<f64>, usize) {
    let matrix = matrix();
    let rows = |range: std::ops::Range<u32>| range.collect::<Vec<u32>>();
    let within = Fold { train: rows(0..500), validation: rows(500..600) };
    let training = Training {
        inputs: Inputs::Matrix(&matrix),
        targets,
        rows: &rows(0..600),
        validation: &rows(600..ROWS),
        within: &within,
        task: if classes == 1 { Task::Regression } else { Task::Classification },
        classes,
        seed: 5,
        threads: 1,
    };
    fit(&training, &matrix, config, (f64::INFINITY, known), &|| false).unwrap()
}

fn targets(of: impl Fn(f64, f64, u64) -> f64) -> Vec<f64> {
    let at = |i: u64| {
        let x = if i.is_multiple_of(20) { 0.0 } else { 2.0 * random(i) - 1.0 };
        of(x, 2.0 * random(i + 10_000) - 1.0, i)
    };
    (0..u64::from(ROWS)).map(at).collect()
}

#[test]
fn what_no_sum_of_features_tells_is_learnt() {
    let exclusive = targets(|x, z, _| f64::from(u8::from((x > 0.0) != (z > 0.0))));
    let (model, predictions, epochs) = train(&exclusive, 2, &MlpConfig::default(), None);
    assert_eq!((model.outputs(), predictions.len()), (1, 200));
    assert!((1..=30).contains(&epochs));
    let is_right = |(p, y): &(&f64, &f64)| (**p > 0.5) == (**y > 0.5);
    let right = predictions.iter().zip(&exclusive[600..]).filter(is_right).count();
    // Those whose number is missing are a matter of luck.
    assert!(right > 175, "{right} of 200; a linear model has about 100");
}

#[test]
fn numbers_and_classes_are_learnt_in_their_units() {
    let level = |i: u64| if i.is_multiple_of(9) { -1.0 } else { (i % 4) as f64 };
    let amounts = targets(|x, z, i| 5e4 + 1e4 * ((3.0 * x).sin() + z * z + 0.5 * level(i)));
    let (_, predictions, _) = train(&amounts, 1, &MlpConfig { dropout: 0.0, ..MlpConfig::default() }, None);
    let mean = amounts[600..].iter().sum::<f64>() / 200.0;
    let squares =
        |of: &dyn Fn(usize) -> f64| (0..200).map(|i| (amounts[600 + i] - of(i)).powi(2)).sum::<f64>();
    let unexplained = squares(&|i| predictions[i]) / squares(&|_| mean);
    assert!(unexplained < 0.05, "{unexplained}");

    let classes = targets(|x, z, _| {
        if x * x + z * z < 0.4 {
            0.0
        } else if x > z {
            1.0
        } else {
            2.0
        }
    });
    let (model, predictions, _) = train(&classes, 3, &MlpConfig::default(), None);
    assert_eq!(model.outputs(), 3);
    let right = (0..200).filter(|i| {
        let row = &predictions[3 * i..3 * i + 3];
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        row[classes[600 + i] as usize] == row.iter().copied().fold(0.0, f64::max)
    });
    assert!(right.count() > 170);
}

/// Slopes against differences of the loss.
#[test]
fn slopes_are_those_of_the_loss() {
    let (matrix, rows) = (matrix(), (0..64).collect::<Vec<u32>>());
    let losses = [(Loss::Squared, 1), (Loss::Logistic, 1), (Loss::Softmax, 3)];
    for (loss, outputs) in losses {
        let mut draw = 0;
        let mut next = || {
            draw += 1;
            (2.0 * random(draw) - 1.0) as f32
        };
        let beginning = Beginning::new(&matrix, &rows, 2, &mut next);
        let places = beginning.places(&matrix, &rows);
        let network = Network::new(beginning, &[7, 5], &vec![0.1; outputs], loss, &mut next);
        let targets: Vec<f32> = (0..64).map(|i| (i % if outputs == 3 { 3 } else { 2 }) as f32).collect();
        let mut buffers = Buffers::default();
        let mut slopes = vec![0.0; network.parameters.len()];
        network.forward(&places, &mut buffers, None);
        network.backward(&places, &targets, &mut buffers, 0.0, &mut slopes);
        let at = |parameter: usize, step: f32| {
            let mut parameters = network.parameters.clone();
            parameters[parameter] += step;
            let mut buffers = Buffers::default();
            let moved = network.with(parameters);
            moved.forward(&places, &mut buffers, None);
            moved.loss_of(&buffers, &targets)
        };
        let fixed = slopes[..network.embeddings].iter().filter(|slope| **slope == 0.0).count();
        assert!(fixed > 0, "scores of quantiles are not learnt");
        for parameter in (0..slopes.len()).filter(|it| slopes[*it] != 0.0) {
            let difference = (at(parameter, 4e-3) - at(parameter, -4e-3)) / 8e-3;
            let slope = f64::from(slopes[parameter]);
            // Kinks of ReLU and the rounding of f32.
            assert!(
                (slope - difference).abs() < 2e-2 * slope.abs() + 2e-3,
                "{loss:?} {parameter}: {slope} {difference}"
            );
        }
    }
}

#[test]
fn a_model_is_its_seed_and_its_bytes() {
    let y = targets(|x, z, _| f64::from(u8::from(x * z > 0.1)));
    let config = MlpConfig { width: 12, epochs: 6, ..MlpConfig::default() };
    let (model, predictions, _) = train(&y, 2, &config, None);
    assert_eq!(train(&y, 2, &config, None).0, model);
    let bytes = model.to_bytes();
    let read = Mlp::from_bytes(&bytes).unwrap();
    assert!(read == model && read.is_sound());
    // What is known already is learnt from all rows.
    let (again, _, epochs) = train(&y, 2, &config, Some(4));
    assert!(epochs == 4 && again != model);
    assert_eq!(predictions.len(), 200);
    for end in [0, 3, 20, bytes.len() - 1, bytes.len() - 4] {
        assert!(!Mlp::from_bytes(&bytes[..end]).is_ok_and(|read| read.is_sound()), "{end}");
    }
}

#[test]
fn what_is_odd_has_a_place() {
    let y = targets(|x, z, _| x + z);
    let (model, ..) = train(&y, 1, &MlpConfig { epochs: 5, ..MlpConfig::default() }, None);
    let at = |x: f32, code: f32| model.predict_row(&[0.5, x, code])[0];
    assert_eq!(at(f32::INFINITY, 1.0), at(1e30, 1.0));
    assert_eq!(at(f32::NEG_INFINITY, 1.0), at(-1e30, 1.0));
    // A level that was rare and one that was never there.
    assert_eq!(at(0.5, 7.0), at(0.5, 16_777_215.0));
    let odd = model.predict_row(&[f32::NAN, f32::NAN, f32::NAN])[0];
    assert!(odd.is_finite() && odd.abs() < 3.0, "{odd}");
}

#[test]
fn settings_that_are_none_are_refused() {
    let base = MlpConfig::default();
    base.check().unwrap();
    let wrong = [
        (MlpConfig { layers: 0, ..base.clone() }, "`layers` is 0"),
        (MlpConfig { width: 1_000_000, ..base.clone() }, "`width` is 1000000"),
        (MlpConfig { dropout: 1.0, ..base.clone() }, "`dropout` is 1"),
        (MlpConfig { learning_rate: f64::NAN, ..base.clone() }, "`learning_rate` is NaN"),
        (MlpConfig { weight_decay: -0.1, ..base.clone() }, "`weight_decay` is -0.1"),
    ];
    for (config, message) in wrong {
        let found = config.check().unwrap_err().to_string();
        assert!(found.starts_with(message), "{found}");
    }
}
