//! Crossovers: a child from two or three parents, as points of the unit cube; it may lie outside.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

/// How numeric parameters of parents are combined. Choices are always taken from one parent or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Crossover {
    /// Each value from one of two parents (Syswerda 1989).
    #[default]
    Uniform,
    /// Simulated binary crossover, bounded (Deb and Agrawal 1995).
    Sbx,
    /// Blend crossover with α = 1/2 (Eshelman and Schaffer 1993).
    BlxAlpha,
    /// Simplex crossover of three parents (Tsutsui et al. 1999).
    Spx,
    /// Simulated binary crossover that reaches beyond the parents (Ballester and Carter 2003).
    Vsbx,
    /// Unimodal normal distribution crossover of three parents (Ono and Kobayashi 1999).
    Undx,
}

impl Crossover {
    /// How many parents it takes.
    pub fn parents(self) -> usize {
        match self {
            Self::Spx | Self::Undx => 3,
            _ => 2,
        }
    }

    /// A child.
    ///
    /// # Shapes
    /// `x` holds as many parents as the crossover takes, each (d,); the child has (d,).
    pub(super) fn child(self, x: &[&[f64]], swapping: f64, eta: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
        match self {
            Self::Uniform => uniform(x[0], x[1], swapping, rng),
            Self::Sbx => exchanged(x, |a, b, rng| simulated_binary(a, b, eta, rng), rng),
            Self::BlxAlpha => x[0].iter().zip(x[1]).map(|(&a, &b)| blend(a, b, rng)).collect(),
            Self::Spx => simplex(x, rng),
            Self::Vsbx => exchanged(x, |a, b, rng| reaching(a, b, eta, rng), rng),
            Self::Undx => unimodal(x, rng),
        }
    }
}

fn uniform(a: &[f64], b: &[f64], swapping: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| if rng.random::<f64>() < swapping { *a } else { *b }).collect()
}

fn blend(a: f64, b: f64, rng: &mut ChaCha8Rng) -> f64 {
    const ALPHA: f64 = 0.5;
    let (low, high) = (a.min(b), a.max(b));
    let reach = ALPHA * (high - low);
    low - reach + rng.random::<f64>() * (high - low + 2.0 * reach)
}

/// Two children of one coordinate, spread about their parents' mean like theirs: a polynomial distribution of index η, cut off where a
/// child would leave `[0, 1]` (Deb and Agrawal 1995).
fn simulated_binary(a: f64, b: f64, eta: f64, rng: &mut ChaCha8Rng) -> (f64, f64) {
    let (low, high) = (a.min(b), a.max(b));
    let (mean, apart) = (0.5 * (low + high), (high - low).max(1e-10));
    let u: f64 = rng.random();
    let spread = |room: f64| {
        let alpha = 2.0 - (1.0 + 2.0 * room / apart).powf(-(eta + 1.0));
        let base = if u <= 1.0 / alpha { u * alpha } else { 1.0 / (2.0 - u * alpha) };
        base.powf(1.0 / (eta + 1.0))
    };
    (mean - 0.5 * spread(low) * apart, mean + 0.5 * spread(1.0 - high) * apart)
}

/// Two children of one coordinate by the variant of Ballester and Carter 2003, section 3.2: one beyond a parent, one between the parents or
/// beyond the other.
fn reaching(a: f64, b: f64, eta: f64, rng: &mut ChaCha8Rng) -> (f64, f64) {
    let mut near_and_far = || if rng.random_bool(0.5) { (a, b) } else { (b, a) };
    let ((near, far), (other_near, other_far)) = (near_and_far(), near_and_far());
    let u = 0.5 * rng.random::<f64>();
    let beta = (1.0 / (2.0 * u).max(1e-10)).powf(1.0 / (eta + 1.0));
    let first = 0.5 * ((1.0 + beta) * near + (1.0 - beta) * far);
    let second = 0.5 * ((3.0 - beta) * other_near - (1.0 - beta) * other_far);
    (first, second)
}

/// One of two children, in which each coordinate is crossed over with probability 1/2 and taken from a parent otherwise.
fn exchanged(
    x: &[&[f64]],
    cross: impl Fn(f64, f64, &mut ChaCha8Rng) -> (f64, f64),
    rng: &mut ChaCha8Rng,
) -> Vec<f64> {
    let coordinate = |(&a, &b): (&f64, &f64)| {
        let (one, other) = if rng.random_bool(0.5) { cross(a, b, rng) } else { (a, b) };
        if rng.random_bool(0.5) { one } else { other }
    };
    x[0].iter().zip(x[1]).map(coordinate).collect()
}

/// Uniform in a simplex that is √(d + 2) times as large as that of the parents (Tsutsui et al. 1999, section 2).
fn simplex(x: &[&[f64]], rng: &mut ChaCha8Rng) -> Vec<f64> {
    let d = x[0].len();
    let epsilon = (d as f64 + 2.0).sqrt();
    let g: Vec<f64> = (0..d).map(|i| x.iter().map(|x| x[i]).sum::<f64>() / x.len() as f64).collect();
    let corner = |k: usize, i: usize| g[i] + epsilon * (x[k][i] - g[i]);
    let mut c = vec![0.0; d];
    for k in 1..x.len() {
        let r = rng.random::<f64>().powf(1.0 / k as f64);
        for (i, c) in c.iter_mut().enumerate() {
            *c = r * (corner(k - 1, i) - corner(k, i) + *c);
        }
    }
    (0..d).map(|i| corner(x.len() - 1, i) + c[i]).collect()
}

/// Normal about the middle of two parents: along the line through them as far as they are apart, across it as far as the third is from
/// that line (Ono and Kobayashi 1999, section 2; σ_ξ = 1/2, σ_η = 0.35/√d).
fn unimodal(x: &[&[f64]], rng: &mut ChaCha8Rng) -> Vec<f64> {
    let d = x[0].len();
    let along: Vec<f64> = x[0].iter().zip(x[1]).map(|(a, b)| a - b).collect();
    let length = along.iter().map(|v| v * v).sum::<f64>().sqrt().max(1e-10);
    // The part of a vector that is orthogonal to the line.
    let across = |v: Vec<f64>| -> Vec<f64> {
        let dot: f64 = v.iter().zip(&along).map(|(v, a)| v * a / length).sum();
        v.iter().zip(&along).map(|(v, a)| v - dot * a / length).collect()
    };
    let third = across(x[2].iter().zip(x[0]).map(|(c, a)| c - a).collect());
    let distance = third.iter().map(|v| v * v).sum::<f64>().sqrt();
    let xi: f64 = 0.5 * normal(rng);
    let eta = across((0..d).map(|_| 0.35 / (d as f64).sqrt() * normal(rng)).collect());
    (0..d).map(|i| 0.5 * (x[0][i] + x[1][i]) + xi * along[i] + distance * eta[i]).collect()
}

fn normal(rng: &mut ChaCha8Rng) -> f64 {
    StandardNormal.sample(rng)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    const ALL: [Crossover; 6] = [
        Crossover::Uniform,
        Crossover::Sbx,
        Crossover::BlxAlpha,
        Crossover::Spx,
        Crossover::Vsbx,
        Crossover::Undx,
    ];

    /// Children keep the mean of their parents, and a coordinate in which all parents agree.
    #[test]
    fn children_lie_about_their_parents() {
        let parents: [&[f64]; 3] = [&[0.4, 0.2, 0.5], &[0.6, 0.4, 0.5], &[0.5, 0.6, 0.5]];
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for crossover in ALL {
            let used = &parents[..crossover.parents()];
            let n = 4000;
            let mut sums = [0.0; 3];
            for _ in 0..n {
                let child = crossover.child(used, 0.5, 2.0, &mut rng);
                sums.iter_mut().zip(&child).for_each(|(sum, x)| *sum += x);
                // UNDX also goes across the plane that its parents span.
                let stays = crossover == Crossover::Undx || (child[2] - 0.5).abs() < 1e-6;
                assert!(stays, "{crossover:?}: {child:?}");
            }
            for (i, sum) in sums.iter().enumerate() {
                // The third parent of UNDX says only how far to go.
                let count = if crossover == Crossover::Undx { 2 } else { used.len() };
                let mean = used[..count].iter().map(|x| x[i]).sum::<f64>() / count as f64;
                assert!((sum / f64::from(n) - mean).abs() < 0.02, "{crossover:?}: {sums:?}");
            }
        }
    }

    #[test]
    fn bounded_crossover_stays_inside() {
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for _ in 0..1000 {
            let child = Crossover::Sbx.child(&[&[0.01, 0.0], &[0.98, 1.0]], 0.5, 2.0, &mut rng);
            assert!(child.iter().all(|x| (-1e-9..=1.0 + 1e-9).contains(x)), "{child:?}");
        }
    }
}
