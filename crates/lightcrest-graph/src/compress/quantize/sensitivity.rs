//! Mixed precision: which layers stay in fp32.
//!
//! Every layer in turn is left in fp32 while all others are of 8 bits; what the worst output gains is how
//! much the layer costs. The layers that cost most, as few as reach the target, stay in fp32 (Nagel et al.
//! 2021, "A white paper on neural network quantization", section 4.5).

use std::collections::HashSet;

use super::error::QuantizeError;
use super::pass::{Candidate, QuantizeConfig, attempt};
use super::placement::Role;
use super::probe::{Probe, least};

/// Nodes to leave in fp32, those of `excluded` among them.
pub(super) fn search(
    candidate: &Candidate,
    excluded: &HashSet<usize>,
    probe: &Probe,
    config: &QuantizeConfig,
    target: f64,
) -> Result<HashSet<usize>, QuantizeError> {
    let work = &candidate.work;
    let placement = work.placement(excluded);
    let snr = |fp32: &HashSet<usize>| -> Result<f64, QuantizeError> {
        let placement = work.placement(fp32);
        let (_, snr) = attempt(work, &candidate.seen, &placement, &candidate.choice, probe, config)?;
        Ok(least(&snr))
    };
    let with = |more: &[(f64, usize)]| -> HashSet<usize> {
        excluded.iter().copied().chain(more.iter().map(|(_, at)| *at)).collect()
    };
    let mut layers = vec![];
    for at in (0..work.nodes().len()).filter(|&at| placement.role(at) == Some(Role::Compute)) {
        layers.push((snr(&with(&[(0.0, at)]))?, at));
    }
    layers.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    // More layers in fp32 lose less, nearly always; the target is checked where the search ends.
    let (mut few, mut enough) = (0, layers.len());
    while few + 1 < enough {
        let middle = few.midpoint(enough);
        if snr(&with(&layers[..middle]))? >= target { enough = middle } else { few = middle }
    }
    Ok(with(&layers[..enough]))
}
