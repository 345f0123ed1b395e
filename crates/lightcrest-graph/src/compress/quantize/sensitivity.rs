//! Mixed precision: which layers stay in fp32.
//!
//! Every layer in turn is alone of 8 bits, and the worst output says how much that costs. (Leaving one out
//! of all would not do: where two neighbours are bad, either alone gains nothing.) The layers that cost most,
//! as few as reach the target, stay in fp32 (Nagel et al. 2021, "A white paper on neural network
//! quantization", section 4.5), and of these the ones that turn out not to be needed do not.

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
    let compute: Vec<usize> =
        (0..work.nodes().len()).filter(|&at| placement.role(at) == Some(Role::Compute)).collect();
    let all: HashSet<usize> = excluded.iter().chain(&compute).copied().collect();
    let mut layers = vec![];
    for at in compute {
        let others = all.iter().copied().filter(|&other| other != at).collect();
        layers.push((snr(&others)?, at));
    }
    layers.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    // More layers in fp32 lose less, nearly always; the target is checked where the search ends.
    let (mut few, mut enough) = (0, layers.len());
    while few + 1 < enough {
        let middle = few.midpoint(enough);
        if snr(&with(&layers[..middle]))? >= target { enough = middle } else { few = middle }
    }
    let mut kept = layers[..enough].to_vec();
    if enough == layers.len() {
        return Ok(with(&kept));
    }
    // The last one was needed; of the others, the least costly may come back first.
    for at in (0..enough.saturating_sub(1)).rev() {
        let mut fewer = kept.clone();
        fewer.remove(at);
        if snr(&with(&fewer))? >= target {
            kept = fewer;
        }
    }
    Ok(with(&kept))
}
