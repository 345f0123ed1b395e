//! What all runs have in common: when they are looked at, what proposes, and how time is taken.

use crate::{curve, peer};
use lightcrest::sampler::{
    AutoSampler, CmaEsSampler, EvolutionSampler, GpSampler, NsgaIIISampler, NsgaIISampler, QmcSampler,
    RandomSampler, Sampler, TpeSampler,
};
use std::path::Path;

/// After so many trials.
pub const CHECKPOINTS: [usize; 6] = [10, 20, 30, 50, 75, 100];

/// After so many trials of a large budget.
const LARGE: [usize; 6] = [50, 100, 200, 500, 1000, 2000];

/// In the epochs of so many whole trainings.
pub const TRAININGS: [usize; 4] = [5, 10, 20, 50];

/// When so many of the heaviest trials have been paid for.
pub const BILLS: [usize; 4] = [2, 4, 8, 16];

/// Where a suite's regret is taken: after so many trials, epochs of so many whole trainings, or for so much.
pub fn checkpoints(suite: &str) -> &'static [usize] {
    match suite {
        "large" => &LARGE,
        paid if paid.starts_with("bills") => &BILLS,
        curves if curve::SUITES.contains(&curves) => &TRAININGS,
        _ => &CHECKPOINTS,
    }
}

/// A sampler by name: `auto`, `random`, `gp`, `gp:{"kappa":1}` (any setting of it as JSON), likewise `tpe`,
/// `qmc`, `cmaes`, `nsga2` and `evolution`, or a peer.
pub fn sampler(name: &str, seed: u64, peers: Option<&Path>) -> Box<dyn Sampler> {
    let (kind, settings) = name.split_once(':').unwrap_or((name, "{}"));
    match kind {
        "auto" => Box::new(AutoSampler::new()),
        "random" => Box::new(RandomSampler::new()),
        "gp" => Box::new(GpSampler::new(serde_json::from_str(settings).unwrap())),
        "tpe" => Box::new(TpeSampler::new(serde_json::from_str(settings).unwrap())),
        "qmc" => Box::new(QmcSampler::new(serde_json::from_str(settings).unwrap())),
        "cmaes" => Box::new(CmaEsSampler::new(serde_json::from_str(settings).unwrap())),
        "nsga2" => Box::new(NsgaIISampler::new(serde_json::from_str(settings).unwrap())),
        "nsga3" => Box::new(NsgaIIISampler::new(serde_json::from_str(settings).unwrap())),
        "evolution" => Box::new(EvolutionSampler::new(serde_json::from_str(settings).unwrap())),
        other => Box::new(peer::Peer::start(peers.expect("peers need --peers SCRIPT"), other, seed, &[])),
    }
}

/// Processor time of this thread, so that a busy machine does not count.
pub fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).expect("a number") / 1e9
}
