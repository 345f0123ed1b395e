//! Values computed with scikit-learn 1.9.1:
//! `ConstantKernel(1.3) * Matern([0.3, 0.7, 1.9], nu) + WhiteKernel(0.02)`, alpha = 0, no optimizer;
//! `log_marginal_likelihood(theta, eval_gradient=True)` and `predict(return_cov=True)` (less the white
//! noise).

#![allow(clippy::unwrap_used, clippy::excessive_precision)]

use lightcrest_gp::{Column, Data, Family, Hyperparameters, Kernel, Likelihood, Posterior, Rows};

const X: [f64; 21] = [
    0.05, 0.9, 0.4, 0.2, 0.1, 0.75, 0.35, 0.6, 0.15, 0.5, 0.35, 0.95, 0.65, 0.8, 0.55, 0.8, 0.25, 0.3, 0.95,
    0.5, 0.7,
];
const Y: [f64; 7] = [-1.2, 0.7, 0.3, -0.4, 1.5, 0.1, -1.0];
const QUERY: [f64; 9] = [0.1, 0.2, 0.3, 0.5, 0.5, 0.5, 0.92, 0.05, 0.88];

struct Reference {
    family: Family,
    log_likelihood: f64,
    gradient: [f64; 5], // scale, three length-scales, noise
    mean: [f64; 3],
    variance: [f64; 3],
}

const REFERENCES: [Reference; 4] = [
    Reference {
        family: Family::Matern12,
        log_likelihood: -10.157379851541714,
        gradient: [
            -0.08077928086538311,
            -0.6788963287318478,
            -0.351151731241993,
            -0.013890470748770492,
            0.018127141294239275,
        ],
        mean: [0.20544407346851318, 0.19739312219308036, -0.3247569880419462],
        variance: [0.7083108820282277, 0.48613156626635445, 0.803421209685155],
    },
    Reference {
        family: Family::Matern32,
        log_likelihood: -10.95210375226719,
        gradient: [
            1.2068349765931403,
            -2.496263818046021,
            -1.2784005214042606,
            -0.2763170828988165,
            0.1034440066822952,
        ],
        mean: [0.38056954524901215, 0.23589738844601604, -0.5614140239110158],
        variance: [0.3656353656566824, 0.14789067231769806, 0.5071001424276443],
    },
    Reference {
        family: Family::Matern52,
        log_likelihood: -11.58513483974898,
        gradient: [
            2.0304052300217843,
            -4.1656753936586775,
            -2.077253546782254,
            -0.6134442115583444,
            0.19189999425779516,
        ],
        mean: [0.467965053791093, 0.2772595938059541, -0.6645873787664072],
        variance: [0.2698993833212089, 0.08140496480498595, 0.4087991767012027],
    },
    Reference {
        family: Family::Rbf,
        log_likelihood: -14.469410196768363,
        gradient: [
            5.045523592542622,
            -10.981838357526263,
            -5.65193212232858,
            -2.6645800828025443,
            0.798044495524331,
        ],
        mean: [0.7012303133682747, 0.4133181218142301, -0.9516247614839044],
        variance: [0.14148897240421635, 0.023824478851592685, 0.25116845018059064],
    },
];

fn hyperparameters() -> Hyperparameters {
    Hyperparameters {
        length_scales: vec![0.3, 0.7, 1.9],
        scales: vec![1.3],
        embedding: 1.0,
        noise: 0.02,
        warps: vec![],
    }
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-8 * expected.abs().max(1.0), "{found} is not {expected}");
}

#[test]
fn likelihood_and_gradient_are_those_of_scikit_learn() {
    let data = Data::new(Rows::dense(3, X.to_vec()).unwrap(), Y.to_vec()).unwrap();
    for reference in &REFERENCES {
        let kernel = Kernel::new(reference.family, vec![Column::Continuous; 3]);
        let (value, gradient) =
            Likelihood::new(&kernel, &data).unwrap().log_likelihood(&hyperparameters().to_theta()).unwrap();
        close(value, reference.log_likelihood);
        // Ours: length-scales, scale, embedding, noise.
        for (found, expected) in [(3, 0), (0, 1), (1, 2), (2, 3), (5, 4)] {
            close(gradient[found], reference.gradient[expected]);
        }
        assert_eq!(gradient[4], 0.0, "nothing is conditional here");
    }
}

#[test]
fn posterior_is_that_of_scikit_learn_also_when_it_grew_row_by_row() {
    let query = Rows::dense(3, QUERY.to_vec()).unwrap();
    for reference in &REFERENCES {
        let kernel = Kernel::new(reference.family, vec![Column::Continuous; 3]);
        let data = Data::new(Rows::dense(3, X.to_vec()).unwrap(), Y.to_vec()).unwrap();
        let whole = Posterior::new(&kernel, &hyperparameters(), &data).unwrap();
        let first = Data::new(Rows::dense(3, X[..6].to_vec()).unwrap(), Y[..2].to_vec()).unwrap();
        let mut grown = Posterior::new(&kernel, &hyperparameters(), &first).unwrap();
        grown.append(&Rows::dense(3, X[6..].to_vec()).unwrap(), &Y[2..], 0.0).unwrap();
        for posterior in [whole, grown] {
            for (i, found) in posterior.predict(&query).unwrap().iter().enumerate() {
                close(found.mean, reference.mean[i]);
                close(found.variance, reference.variance[i]);
            }
        }
    }
}

#[test]
fn joint_samples_have_the_mean_and_covariance_of_scikit_learn() {
    use rand::SeedableRng;
    let data = Data::new(Rows::dense(3, X.to_vec()).unwrap(), Y.to_vec()).unwrap();
    let kernel = Kernel::new(Family::Matern12, vec![Column::Continuous; 3]);
    let posterior = Posterior::new(&kernel, &hyperparameters(), &data).unwrap();
    let query = Rows::dense(3, QUERY.to_vec()).unwrap();
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let draws: Vec<Vec<f64>> = (0..20_000).map(|_| posterior.sample(&query, &mut rng).unwrap()).collect();
    let mean = |c: usize| draws.iter().map(|d| d[c]).sum::<f64>() / draws.len() as f64;
    let covariance = |a: usize, b: usize| {
        draws.iter().map(|d| (d[a] - mean(a)) * (d[b] - mean(b))).sum::<f64>() / draws.len() as f64
    };
    assert!(
        (mean(0) - REFERENCES[0].mean[0]).abs() < 0.03
            && (covariance(1, 1) - REFERENCES[0].variance[1]).abs() < 0.03
    );
    assert!((covariance(0, 1) + 0.0032756509525543875).abs() < 0.03);
}
