//! Analytic gradients against central differences, over every family and every embedding.

#![allow(clippy::unwrap_used, clippy::excessive_precision)]

use lightcrest_gp::{
    Column, Conditional, Data, Family, Hyperparameters, Kernel, Likelihood, Posterior, Priors, Rows,
};
use proptest::prelude::*;

const N: usize = 9;
/// Columns.
const D: usize = 6;
/// Column 0 continuous, 1 categorical and parent of the others, 2 and 3 continuous children, 4 a categorical
/// child. Behind them comes a linear one.
const COLUMNS: [Column; 5] =
    [Column::Continuous, Column::Categorical, Column::Continuous, Column::Continuous, Column::Categorical];
const GROUPS: [Option<usize>; 5] = [None, None, Some(1), Some(1), Some(1)];

fn kernel(family: Family, conditional: Conditional) -> Kernel {
    Kernel::new(family, COLUMNS.to_vec()).conditional(conditional, &GROUPS).unwrap().warped().with_linear(1)
}

/// ℓ, s, embedding, σ², and the warp of column 0, the only continuous one that is always active.
fn theta(kernel: &Kernel, t: &[f64]) -> Vec<f64> {
    let size = D + kernel.blocks() + 4;
    let mut theta = t[..size].to_vec();
    theta[size - 4] = theta[size - 4].min(-0.1); // ρ <= 1
    theta
}

fn rows(u: &[f64]) -> Rows {
    let mut rows = Rows::new(D);
    for row in u.chunks(5) {
        let (parent, child) = ((row[1] * 3.0).floor(), (row[4] * 3.0).floor());
        let on = parent > 0.0;
        let guess = 3.0 * (row[0] + row[2]) - 2.0;
        let values = [row[0], parent, row[2], row[3], child, guess];
        rows.push(&values, &[true, true, on, on, on, true]).unwrap();
    }
    rows
}

fn family() -> impl Strategy<Value = Family> {
    prop_oneof![Just(Family::Matern12), Just(Family::Matern32), Just(Family::Matern52), Just(Family::Rbf)]
}

fn conditional() -> impl Strategy<Value = Conditional> {
    prop_oneof![
        Just(Conditional::Impute),
        Just(Conditional::Wedge),
        Just(Conditional::Arc),
        Just(Conditional::CommonBlock)
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn posterior_density_in_every_hyperparameter(
        family in family(), conditional in conditional(),
        u in prop::collection::vec(0.0..1.0f64, N * 5), y in prop::collection::vec(-2.0..2.0f64, N),
        t in prop::collection::vec(-1.0..0.5f64, 12),
    ) {
        let kernel = kernel(family, conditional);
        let mut theta = theta(&kernel, &t);
        let size = theta.len();
        theta[size - 3] -= 2.0;
        let data = Data::new(rows(&u), y).unwrap();
        let priors = Priors::dimension_scaled(data.rows().mean_active(), kernel.blocks());
        let mut likelihood = Likelihood::new(&kernel, &data).unwrap();
        let (_, gradient) = likelihood.log_posterior(&theta, &priors).unwrap();
        for p in 0..size {
            let e = 1e-5;
            let mut at = |shift: f64| {
                let mut theta = theta.clone();
                theta[p] += shift;
                likelihood.log_posterior(&theta, &priors).unwrap().0
            };
            let difference = (at(e) - at(-e)) / (2.0 * e);
            prop_assert!((gradient[p] - difference).abs() < 1e-5 * difference.abs().max(1.0), "{} of {:?}: {} {}", p, conditional, gradient[p], difference);
        }
    }

    #[test]
    fn mean_and_variance_in_every_coordinate(
        family in prop_oneof![Just(Family::Matern32), Just(Family::Matern52), Just(Family::Rbf)], conditional in conditional(),
        u in prop::collection::vec(0.0..1.0f64, N * 5), y in prop::collection::vec(-2.0..2.0f64, N),
        x in prop::collection::vec(0.05..0.95f64, 5), t in prop::collection::vec(-1.0..0.5f64, 12),
    ) {
        let kernel = kernel(family, conditional);
        let theta = theta(&kernel, &t);
        let h = Hyperparameters::from_theta(D, kernel.blocks(), &theta).unwrap();
        let posterior = Posterior::new(&kernel, &h, &Data::new(rows(&u), y).unwrap()).unwrap();
        let point = rows(&x);
        let (values, active) = (point.values(0).to_vec(), point.active(0).to_vec());
        let gradient = posterior.predict_gradient(&values, &active).unwrap();
        let plain = posterior.predict(&point).unwrap()[0];
        prop_assert!((gradient.at.mean - plain.mean).abs() < 1e-9 && (gradient.at.variance - plain.variance).abs() < 1e-9);
        for c in 0..D {
            if !active[c] || COLUMNS.get(c) == Some(&Column::Categorical) {
                prop_assert_eq!((gradient.mean[c], gradient.variance[c]), (0.0, 0.0));
                continue;
            }
            let e = 1e-5;
            let at = |shift: f64| {
                let mut values = values.clone();
                values[c] += shift;
                posterior.predict(&Rows::from_parts(D, values, active.clone()).unwrap()).unwrap()[0]
            };
            let mean = (at(e).mean - at(-e).mean) / (2.0 * e);
            let variance = (at(e).variance - at(-e).variance) / (2.0 * e);
            prop_assert!((gradient.mean[c] - mean).abs() < 1e-4 * mean.abs().max(1.0), "{} {}", gradient.mean[c], mean);
            prop_assert!((gradient.variance[c] - variance).abs() < 1e-4 * variance.abs().max(1.0), "{} {}", gradient.variance[c], variance);
        }
        let (mean, slopes) = posterior.mean_gradient(&values, &active).unwrap();
        prop_assert!((mean - gradient.at.mean).abs() < 1e-9);
        prop_assert_eq!(slopes, gradient.mean);
    }

    /// Whatever the mask, no embedding may give a matrix with a clearly negative eigenvalue, and inactive
    /// values may not matter.
    #[test]
    fn every_embedding_is_a_covariance_and_blind_to_inactive_values(
        conditional in conditional(), u in prop::collection::vec(0.0..1.0f64, 25 * 5), noise in prop::collection::vec(0.0..1.0f64, 25),
    ) {
        let kernel = kernel(Family::Matern52, conditional);
        let theta = vec![-0.7; D + kernel.blocks() + 4];
        let mut h = Hyperparameters::from_theta(D, kernel.blocks(), &theta).unwrap();
        h.noise = 1e-9;
        let rows = rows(&u);
        let mut other = Rows::new(D);
        for i in 0..rows.len() {
            let mut values = rows.values(i).to_vec();
            values.iter_mut().zip(rows.active(i)).filter(|(_, a)| !**a).for_each(|(v, _)| *v = noise[i]);
            other.push(&values, rows.active(i)).unwrap();
        }
        let y: Vec<f64> = (0..25).map(|i| f64::from(i).sin()).collect();
        let a = Posterior::new(&kernel, &h, &Data::new(rows.clone(), y.clone()).unwrap());
        let b = Posterior::new(&kernel, &h, &Data::new(other.clone(), y).unwrap());
        prop_assert!(a.is_ok());
        prop_assert_eq!(a.unwrap().predict(&rows).unwrap(), b.unwrap().predict(&other).unwrap());
    }
}
