//! From a point that breaks constraints to one that does not: for those that tell by how much they are
//! broken.

use super::excess;
use crate::space::Encoder;
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

/// How many steps are tried.
const STEPS: usize = 3_000;
/// The deviations of steps.
const WIDTHS: [f64; 4] = [0.3, 0.1, 0.03, 0.003];

/// A feasible point, if random steps that never break more lead to one.
pub(super) fn descend<R: Rng + ?Sized>(encoder: &Encoder<'_>, from: &[f64], rng: &mut R) -> Option<Vec<f64>> {
    let mut at = from.to_vec();
    let mut broken = excess(encoder, &at, &mut []);
    for _ in 0..STEPS {
        if broken == 0.0 {
            return Some(at);
        }
        let mut next = at.clone();
        let width = WIDTHS[rng.random_range(0..WIDTHS.len())];
        let only = rng.random_range(0..2 * next.len());
        for (i, x) in next.iter_mut().enumerate() {
            let normal: f64 = StandardNormal.sample(rng);
            // One coordinate anywhere, or all of them a bit.
            if only == i {
                *x = rng.random();
            } else if only >= at.len() {
                *x = (*x + width * normal).clamp(0.0, 1.0);
            }
        }
        let then = excess(encoder, &next, &mut []);
        if then <= broken {
            (at, broken) = (next, then);
        }
    }
    (broken == 0.0).then_some(at)
}
