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
    /// Blend crossover (Eshelman and Schaffer 1993).
    BlxAlpha,
    /// Simplex crossover of three parents (Tsutsui et al. 1999).
    Spx,
    /// Simulated binary crossover that reaches beyond the parents (Ballester and Carter 2003).
    Vsbx,
    /// Unimodal normal distribution crossover of three parents (Ono and Kobayashi 1999).
    Undx,
}

/// The constants of crossovers, by their names in Optuna; each crossover reads its own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CrossoverConstants {
    /// BLX-α: how far beyond the parents, as a part of what is between them; 1/2 by default.
    pub alpha: f64,
    /// SBX and vSBX: the index of their distribution, large for children near the parents; 2 for one
    /// objective and 20 for several unless given.
    pub eta: Option<f64>,
    /// SBX and vSBX: the probability that a coordinate of one child goes to the other; 1/2 by default.
    pub uniform_crossover_prob: f64,
    /// SBX and vSBX: the probability that a coordinate is crossed over rather than a parent's; 1/2 by
    /// default.
    pub use_child_gene_prob: f64,
    /// SPX: how many times as large the simplex is; √(d + 2) unless given.
    pub epsilon: Option<f64>,
    /// UNDX: the deviation along the line through two parents, as a part of their distance; 1/2 by default.
    pub sigma_xi: f64,
    /// UNDX: the deviation across that line, as a part of the third parent's distance from it; 0.35/√d unless
    /// given.
    pub sigma_eta: Option<f64>,
}

impl Default for CrossoverConstants {
    fn default() -> Self {
        Self {
            alpha: 0.5,
            eta: None,
            uniform_crossover_prob: 0.5,
            use_child_gene_prob: 0.5,
            epsilon: None,
            sigma_xi: 0.5,
            sigma_eta: None,
        }
    }
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
    pub(super) fn child(
        self,
        x: &[&[f64]],
        swapping: f64,
        constants: &CrossoverConstants,
        eta: f64,
        rng: &mut ChaCha8Rng,
    ) -> Vec<f64> {
        match self {
            Self::Uniform => uniform(x[0], x[1], swapping, rng),
            Self::Sbx => exchanged(x, constants, |a, b, rng| simulated_binary(a, b, eta, rng), rng),
            Self::BlxAlpha => {
                x[0].iter().zip(x[1]).map(|(&a, &b)| blend(a, b, constants.alpha, rng)).collect()
            }
            Self::Spx => simplex(x, constants.epsilon, rng),
            Self::Vsbx => exchanged(x, constants, |a, b, rng| reaching(a, b, eta, rng), rng),
            Self::Undx => unimodal(x, constants, rng),
        }
    }
}

fn uniform(a: &[f64], b: &[f64], swapping: f64, rng: &mut ChaCha8Rng) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| if rng.random::<f64>() < swapping { *a } else { *b }).collect()
}

fn blend(a: f64, b: f64, alpha: f64, rng: &mut ChaCha8Rng) -> f64 {
    let (low, high) = (a.min(b), a.max(b));
    let reach = alpha * (high - low);
    low - reach + rng.random::<f64>() * (high - low + 2.0 * reach)
}

/// Two children of one coordinate, spread about their parents' mean like theirs: a polynomial distribution of
/// index η, cut off where a child would leave `[0, 1]` (Deb and Agrawal 1995).
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

/// Two children of one coordinate by the variant of Ballester and Carter 2003, section 3.2: one beyond a
/// parent, one between the parents or beyond the other.
fn reaching(a: f64, b: f64, eta: f64, rng: &mut ChaCha8Rng) -> (f64, f64) {
    let mut near_and_far = || if rng.random_bool(0.5) { (a, b) } else { (b, a) };
    let ((near, far), (other_near, other_far)) = (near_and_far(), near_and_far());
    let u = 0.5 * rng.random::<f64>();
    let beta = (1.0 / (2.0 * u).max(1e-10)).powf(1.0 / (eta + 1.0));
    let first = 0.5 * ((1.0 + beta) * near + (1.0 - beta) * far);
    let second = 0.5 * ((3.0 - beta) * other_near - (1.0 - beta) * other_far);
    (first, second)
}

/// One of two children, in which each coordinate is crossed over or taken from a parent, and may change
/// places between the children.
fn exchanged(
    x: &[&[f64]],
    constants: &CrossoverConstants,
    cross: impl Fn(f64, f64, &mut ChaCha8Rng) -> (f64, f64),
    rng: &mut ChaCha8Rng,
) -> Vec<f64> {
    let second = rng.random_bool(0.5);
    let coordinate = |(&a, &b): (&f64, &f64)| {
        let crossed = rng.random::<f64>() < constants.use_child_gene_prob;
        let (one, other) = if crossed { cross(a, b, rng) } else { (a, b) };
        let swapped = rng.random::<f64>() < constants.uniform_crossover_prob;
        if swapped == second { one } else { other }
    };
    x[0].iter().zip(x[1]).map(coordinate).collect()
}

/// Uniform in a simplex that is ε times as large as that of the parents (Tsutsui et al. 1999, section 2).
fn simplex(x: &[&[f64]], epsilon: Option<f64>, rng: &mut ChaCha8Rng) -> Vec<f64> {
    let d = x[0].len();
    let epsilon = epsilon.unwrap_or((d as f64 + 2.0).sqrt());
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

/// Normal about the middle of two parents: along the line through them as far as they are apart, across it as
/// far as the third is from that line (Ono and Kobayashi 1999, section 2).
fn unimodal(x: &[&[f64]], constants: &CrossoverConstants, rng: &mut ChaCha8Rng) -> Vec<f64> {
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
    let xi: f64 = constants.sigma_xi * normal(rng);
    let sigma_eta = constants.sigma_eta.unwrap_or(0.35 / (d as f64).sqrt());
    let eta = across((0..d).map(|_| sigma_eta * normal(rng)).collect());
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
                let child = crossover.child(used, 0.5, &CrossoverConstants::default(), 2.0, &mut rng);
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
            let child = Crossover::Sbx.child(
                &[&[0.01, 0.0], &[0.98, 1.0]],
                0.5,
                &CrossoverConstants::default(),
                2.0,
                &mut rng,
            );
            assert!(child.iter().all(|x| (-1e-9..=1.0 + 1e-9).contains(x)), "{child:?}");
        }
    }

    #[test]
    fn constants_say_how_far_children_go() {
        let parents: [&[f64]; 3] = [&[0.4, 0.5], &[0.6, 0.5], &[0.5, 0.7]];
        let reach = |crossover: Crossover, constants: CrossoverConstants| {
            let mut rng = ChaCha8Rng::seed_from_u64(0);
            let used = &parents[..crossover.parents()];
            let eta = constants.eta.unwrap_or(2.0);
            let child = |_| crossover.child(used, 0.5, &constants, eta, &mut rng)[0];
            (0..500).map(child).map(|x| (x - 0.5).abs()).fold(0.0, f64::max)
        };
        let usual = CrossoverConstants::default();
        let none = reach(Crossover::BlxAlpha, CrossoverConstants { alpha: 0.0, ..usual });
        assert!(none <= 0.1 + 1e-12 && reach(Crossover::BlxAlpha, usual) > 0.15);
        for crossover in [Crossover::Sbx, Crossover::Vsbx] {
            let (near, far) = (Some(100.0), Some(0.5));
            let of = |eta| reach(crossover, CrossoverConstants { eta, ..usual });
            assert!(of(near) < 0.12 && of(far) > 0.2, "{crossover:?}");
            let parents = CrossoverConstants { use_child_gene_prob: 1e-9, ..usual };
            assert!((reach(crossover, parents) - 0.1).abs() < 1e-9);
        }
        let flat = CrossoverConstants { epsilon: Some(1.0), ..usual };
        assert!(reach(Crossover::Spx, flat) <= 0.1 + 1e-9 && reach(Crossover::Spx, usual) > 0.1);
        let still = CrossoverConstants { sigma_xi: 0.0, sigma_eta: Some(0.0), ..usual };
        assert!(reach(Crossover::Undx, still) < 1e-9 && reach(Crossover::Undx, usual) > 0.1);
    }
}
