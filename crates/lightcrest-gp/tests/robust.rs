//! Data that no one wishes for: the answer is a number or a typed error, never a panic and never NaN.

#![allow(clippy::unwrap_used, clippy::excessive_precision)]

use lightcrest_gp::transform::{Outliers, transform};
use lightcrest_gp::{
    Column, Data, Family, FitConfig, GpError, Hyperparameters, Kernel, Posterior, Rows, fit,
};

fn whole_way(values: Vec<f64>, y: Vec<f64>) {
    let kernel = Kernel::new(Family::Matern52, vec![Column::Continuous, Column::Categorical]);
    let y = transform(&y, Outliers::HalfRank).unwrap();
    let data = Data::new(Rows::dense(2, values.clone()).unwrap(), y).unwrap();
    let mut config = FitConfig::new(&kernel, &data);
    config.random_starts = 2;
    let found = fit(&kernel, &data, &config).unwrap();
    assert!(!found.fallback);
    let mut posterior = Posterior::new(&kernel, &found.hyperparameters, &data).unwrap();
    posterior.fantasise(&Rows::dense(2, values.clone()).unwrap()).unwrap();
    let mut query = values;
    query.extend([0.5, 0.0, 0.0, 7.0, 1.0, 1.0]);
    for p in posterior.predict(&Rows::dense(2, query).unwrap()).unwrap() {
        assert!(p.mean.is_finite() && p.variance.is_finite() && p.variance >= 0.0, "{p:?}");
    }
}

#[test]
fn one_point() {
    whole_way(vec![0.3, 1.0], vec![4.0]);
}

#[test]
fn duplicates_that_agree_and_that_do_not() {
    whole_way([0.3, 1.0].repeat(12), vec![4.0; 12]);
    whole_way([0.3, 1.0].repeat(12), (0..12).map(f64::from).collect());
}

#[test]
fn constants_and_extreme_scales() {
    let values: Vec<f64> = (0..20).map(|i| f64::from(i) / 20.0).collect();
    for scale in [1e300, 1e-300, 1.0] {
        whole_way(values.clone(), (0..10).map(|i| f64::from(i).sin() * scale).collect());
        whole_way(values.clone(), vec![scale; 10]);
    }
    let mut y = vec![1.0; 10];
    y[3] = -1e300;
    whole_way(values, y);
}

#[test]
fn noise_free_data_with_near_duplicates() {
    let kernel = Kernel::new(Family::Rbf, vec![Column::Continuous]);
    let x: Vec<f64> = (0..60).map(|i| 0.5 + 1e-9 * f64::from(i)).collect();
    let y: Vec<f64> = (0..60).map(|i| f64::from(i) * 0.01).collect();
    let data = Data::new(Rows::dense(1, x).unwrap(), y).unwrap();
    let mut config = FitConfig::new(&kernel, &data);
    config.noise = (1e-300, 1e-300);
    let found = fit(&kernel, &data, &config).unwrap();
    let posterior = Posterior::new(&kernel, &found.hyperparameters, &data).unwrap();
    assert!(
        posterior.predict(data.rows()).unwrap().iter().all(|p| p.mean.is_finite() && p.variance.is_finite())
    );
}

#[test]
fn bad_input_is_a_typed_error() {
    assert_eq!(Data::new(Rows::new(2), vec![]), Err(GpError::Empty));
    assert!(matches!(Rows::dense(2, vec![0.0, f64::NAN]), Err(GpError::NotFinite { index: 1, .. })));
    assert!(matches!(Rows::dense(2, vec![0.0; 3]), Err(GpError::Shape { .. })));
    let rows = Rows::dense(1, vec![0.5]).unwrap();
    assert!(matches!(Data::new(rows.clone(), vec![f64::INFINITY]), Err(GpError::NotFinite { .. })));
    assert!(matches!(Data::new(rows, vec![1.0, 2.0]), Err(GpError::Shape { expected: 1, found: 2, .. })));
}

#[test]
fn a_fit_recovers_which_column_matters() {
    // The additive recurrence of Roberts (2018): two columns that fill the square evenly.
    let row = |i: i32| [0.754_877_666, 0.569_840_291].map(|a| (f64::from(i) * a).fract());
    let values: Vec<f64> = (0..30).flat_map(row).collect();
    let y: Vec<f64> = values.chunks(2).map(|x| (6.0 * x[0]).sin()).collect();
    let kernel = Kernel::new(Family::Matern52, vec![Column::Continuous; 2]);
    let data = Data::new(Rows::dense(2, values).unwrap(), transform(&y, Outliers::Keep).unwrap()).unwrap();
    let found = fit(&kernel, &data, &FitConfig::new(&kernel, &data)).unwrap().hyperparameters;
    assert!(found.length_scales[1] > 3.0 * found.length_scales[0], "{found:?}");
}

#[test]
fn fitted_values_are_predictions_also_where_appended_rows_needed_more_jitter() {
    let kernel = Kernel::new(Family::Rbf, vec![Column::Continuous]);
    let rows = |x: &[f64]| Rows::dense(1, x.to_vec()).unwrap();
    let hyperparameters = Hyperparameters {
        length_scales: vec![0.5],
        scales: vec![1.0],
        embedding: 1.0,
        noise: 1e-300,
        warps: vec![],
    };
    let data = Data::new(rows(&[0.1, 0.9]), vec![1.0, -1.0]).unwrap();
    let mut posterior = Posterior::new(&kernel, &hyperparameters, &data).unwrap();
    // The same row again and again, with other values: without jitter there is no factor.
    posterior.append(&rows(&[0.1, 0.1, 0.9]), &[2.0, 1.5, -1.2], 0.0).unwrap();
    let predicted = posterior.predict_mean(&rows(&[0.1, 0.9, 0.1, 0.1, 0.9])).unwrap();
    for (fitted, predicted) in posterior.fitted().iter().zip(predicted) {
        assert!((fitted - predicted).abs() < 1e-4, "{fitted} {predicted}");
    }
}

#[test]
fn fitted_values_are_predictions_also_where_rows_have_a_noise_of_their_own() {
    let kernel = Kernel::new(Family::Matern52, vec![Column::Continuous]);
    let rows = |x: &[f64]| Rows::dense(1, x.to_vec()).unwrap();
    let data = Data::with_noise(rows(&[0.1, 0.4, 0.9]), vec![1.0, -1.0, 0.5], vec![0.0, 2.0, 0.3]).unwrap();
    let hyperparameters = Hyperparameters {
        length_scales: vec![0.5],
        scales: vec![1.0],
        embedding: 1.0,
        noise: 0.01,
        warps: vec![],
    };
    let mut posterior = Posterior::new(&kernel, &hyperparameters, &data).unwrap();
    posterior.append(&rows(&[0.6]), &[2.0], 0.7).unwrap();
    let predicted = posterior.predict_mean(&rows(&[0.1, 0.4, 0.9, 0.6])).unwrap();
    for (fitted, predicted) in posterior.fitted().iter().zip(predicted) {
        assert!((fitted - predicted).abs() < 1e-10, "{fitted} {predicted}");
    }
}
