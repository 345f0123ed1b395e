//! Derivatives against differences of the loss.

use super::*;

const LOSSES: [Loss; 7] = [
    Loss::Squared,
    Loss::Huber { delta: 0.7 },
    Loss::Poisson,
    Loss::Quantile { level: 0.3 },
    Loss::Logistic,
    Loss::Softmax { classes: 2 },
    Loss::Softmax { classes: 4 },
];

fn loss_at(loss: Loss, scores: &[f64], y: f64) -> f64 {
    loss.value(Mode::Boosting, scores, y, &mut vec![0.0; scores.len()])
}

fn derivatives(loss: Loss, scores: &[f64], y: f64, weight: Option<&[f32]>) -> Vec<[f32; 2]> {
    let mut out = vec![Vec::new(); loss.outputs()];
    loss.derivatives(Mode::Boosting, scores, &Targets { values: &[y], weights: weight }, &[0], &mut out);
    out.iter().map(|out| out[0]).collect()
}

#[test]
fn gradients_are_the_slopes_of_the_loss_and_hessians_those_of_gradients() {
    for loss in LOSSES {
        for y in [0.0, 1.0] {
            for shift in [-2.0_f64, -0.35, 0.2, 1.6] {
                let scores: Vec<f64> =
                    (0..loss.outputs()).map(|k| shift + 0.4 * k as f64 * shift.signum()).collect();
                let found = derivatives(loss, &scores, y, None);
                for k in 0..scores.len() {
                    let step = 1e-5;
                    let moved = |by: f64| {
                        let mut scores = scores.clone();
                        scores[k] += by;
                        scores
                    };
                    let slope =
                        (loss_at(loss, &moved(step), y) - loss_at(loss, &moved(-step), y)) / (2.0 * step);
                    let [g, h] = found[k].map(f64::from);
                    assert!((g - slope).abs() < 1e-5, "{loss:?} {y} {scores:?}: {g} {slope}");
                    // Two steps of f32 gradients are too coarse; the second difference of the loss is not.
                    let step = 1e-3;
                    let curve = (loss_at(loss, &moved(step), y) - 2.0 * loss_at(loss, &scores, y)
                        + loss_at(loss, &moved(-step), y))
                        / (step * step);
                    let expected = match loss {
                        Loss::Poisson => curve * POISSON_STEP.exp(),
                        Loss::Softmax { classes } => curve * classes as f64 / (classes as f64 - 1.0),
                        // Not the second derivative: it is 0 beyond δ, and everywhere for quantiles.
                        Loss::Huber { .. } | Loss::Quantile { .. } => 1.0,
                        _ => curve,
                    };
                    assert!((h - expected).abs() < 1e-4 * expected.max(1.0), "{loss:?}: {h} {expected}");
                }
            }
        }
    }
}

#[test]
fn weights_multiply_derivatives() {
    for loss in LOSSES {
        let scores = vec![0.3; loss.outputs()];
        let (once, thrice) =
            (derivatives(loss, &scores, 1.0, None), derivatives(loss, &scores, 1.0, Some(&[3.0])));
        for (once, thrice) in once.iter().flatten().zip(thrice.iter().flatten()) {
            assert!((once * 3.0 - thrice).abs() < 1e-6);
        }
    }
}

#[test]
fn the_base_is_the_best_constant() {
    let classes = [0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0];
    let rows: Vec<u32> = (0..7).collect();
    for loss in LOSSES {
        let weights = [1.0, 2.0, 1.0, 0.5, 1.0, 1.0, 3.0];
        let targets = Targets { values: &classes, weights: Some(&weights) };
        if matches!(loss, Loss::Huber { .. } | Loss::Softmax { classes: 4 }) {
            continue; // Huber begins at the mean; absent classes have their smallest share.
        }
        let base = loss.base(Mode::Boosting, &targets, &rows);
        let at = |shift: f64| {
            let mut scores = base.clone();
            scores[0] += shift;
            let scores: Vec<f64> = rows.iter().flat_map(|_| scores.clone()).collect();
            loss.mean(Mode::Boosting, &scores, &targets, &rows)
        };
        assert!(at(0.0) <= at(1e-3) && at(0.0) <= at(-1e-3), "{loss:?}");
    }
}

#[test]
fn large_scores_stay_finite() {
    for loss in [Loss::Logistic, Loss::Softmax { classes: 3 }] {
        for score in [-1e4, 1e4] {
            let mut scores = vec![0.0; loss.outputs()];
            scores[0] = score;
            assert!(loss_at(loss, &scores, 1.0).is_finite());
            assert!(derivatives(loss, &scores, 1.0, None).iter().flatten().all(|value| value.is_finite()));
        }
    }
}

#[test]
fn targets_outside_of_the_domain_are_named() {
    let error = |loss: Loss, value| loss.check_targets(&[0.0, value], &[0, 1]).unwrap_err().to_string();
    assert_eq!(error(Loss::Logistic, 2.0), "the target of row 1 must be 0 or 1, but is 2");
    assert_eq!(error(Loss::Poisson, -1.0), "the target of row 1 must be in 0..=1e30, but is -1");
    assert_eq!(error(Loss::Squared, f64::NAN), "the target of row 1 must be in -1e30..=1e30, but is NaN");
    assert!(error(Loss::Softmax { classes: 3 }, 3.0).contains("to the number of classes - 1, but is 3"));
}
