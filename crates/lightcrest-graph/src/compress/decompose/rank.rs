//! At which ranks layers are decomposed.
//!
//! A target of multiply-accumulates is reached with the least error: every layer has a ladder of ranks, each
//! with what it costs and the share of the kernel's energy that it drops, and one price of a
//! multiply-accumulate is the same for all layers (Lagrange). The price is found by bisection.

use serde::{Deserialize, Serialize};

use super::evbmf::evbmf_rank;
use super::kernel::Kernel;
use super::method::{KernelShape, Method};
use super::singular::{NumericError, singular_values};

/// How ranks are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ranks {
    /// This share of the full rank ([`Method::full`]) in every layer, rounded, at least 1.
    Fraction(f64),
    /// What stands out of noise ([`evbmf_rank`]).
    Evbmf,
    /// Whatever loses least at this share of the model's multiply-accumulates.
    Macs(f64),
}

/// Singular values of the unfoldings that a method truncates, each with the sizes of the unfolding.
#[derive(Clone, Debug)]
pub struct Spectrum {
    unfoldings: Vec<(Vec<f64>, usize, usize)>,
}

impl Spectrum {
    /// The spectrum of a kernel under a method: in the order of its ranks.
    ///
    /// # Errors
    /// [`NumericError`].
    pub fn new(kernel: &Kernel, method: Method) -> Result<Self, NumericError> {
        let by_output = || -> Result<_, NumericError> {
            Ok((singular_values(kernel.by_output())?, kernel.out, kernel.input * kernel.taps()))
        };
        let by_input = || -> Result<_, NumericError> {
            let values = singular_values(kernel.by_input().as_ref())?;
            Ok((values, kernel.input, kernel.out * kernel.taps()))
        };
        let unfoldings = match method {
            Method::Svd => vec![by_output()?],
            Method::Tucker | Method::Cp => vec![by_input()?, by_output()?],
            Method::Spatial => {
                let window = kernel.by_window();
                vec![(singular_values(window.as_ref())?, window.nrows(), window.ncols())]
            }
        };
        Ok(Self { unfoldings })
    }

    /// The ranks that stand out of noise: of CP, the larger of the two.
    pub fn evbmf(&self, method: Method) -> Vec<usize> {
        let ranks = self.unfoldings.iter().map(|(values, rows, columns)| evbmf_rank(values, *rows, *columns));
        match method {
            Method::Cp => vec![ranks.max().expect("there are unfoldings")],
            _ => ranks.collect(),
        }
    }

    /// Share of the energy that these ranks drop: exact for one unfolding, the usual bound (De Lathauwer et
    /// al. 2000, property 10) for two. 1 at most.
    pub fn dropped(&self, ranks: &[usize]) -> f64 {
        let share = |(at, (values, _, _)): (usize, &(Vec<f64>, usize, usize))| {
            let rank = ranks[at.min(ranks.len() - 1)].min(values.len());
            let energy = |values: &[f64]| values.iter().map(|s| s * s).sum::<f64>();
            let total = energy(values);
            if total > 0.0 { energy(&values[rank..]) / total } else { 0.0 }
        };
        self.unfoldings.iter().enumerate().map(share).sum::<f64>().min(1.0)
    }
}

/// Ranks of a share of the full ones.
pub fn fraction(method: Method, shape: KernelShape, share: f64) -> Vec<usize> {
    let full = method.full(shape);
    let ranks = full.iter().map(|&full| ((share * full as f64).round() as usize).clamp(1, full));
    ranks.collect()
}

/// A choice for a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Rung {
    /// `None` for the layer as it is.
    pub ranks: Option<Vec<usize>>,
    /// Multiply-accumulates.
    pub macs: u64,
    /// What is dropped, as a share of the kernel's energy.
    pub dropped: f64,
}

/// Picks one rung of each ladder so that the sum of the costs is at most `target` and what is dropped is
/// least; the cheapest rungs where even they cost more.
pub fn spread(ladders: &[Vec<Rung>], target: u64) -> Vec<Rung> {
    let pick = |price: f64| -> Vec<Rung> {
        let worth = |rung: &Rung| rung.dropped + price * rung.macs as f64;
        let best = |ladder: &Vec<Rung>| {
            ladder.iter().min_by(|a, b| worth(a).total_cmp(&worth(b))).expect("a ladder has rungs").clone()
        };
        ladders.iter().map(best).collect()
    };
    let cost = |rungs: &[Rung]| rungs.iter().map(|rung| rung.macs).sum::<u64>();
    let free = pick(0.0);
    if cost(&free) <= target {
        return free;
    }
    // Prices from one at which no layer is worth a change to one at which nothing else counts.
    let (mut low, mut high) = (-50.0_f64, 5.0_f64);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if cost(&pick(middle.exp())) <= target { high = middle } else { low = middle }
    }
    pick(high.exp())
}
