//! Groups of channels: which live or die together, and among which a share is chosen.
//!
//! A channel here is a class of labels. Those that are brought by the same layers form a group: the channels
//! of one convolution, or of all convolutions whose outputs meet in a residual sum. Of a layer whose outputs
//! go different ways, some through a sum and others not, each part is a group of its own.

use std::collections::BTreeMap;

use super::trace::{Cause, Trace};

/// Layers with no more outputs than this are left alone: grey images, colour images, boxes.
pub(super) const FEW: usize = 3;

/// Channels that can be chosen from.
#[derive(Clone, Debug)]
pub(super) struct Group {
    /// Places in [`Trace::layers`] of the layers that bring the channels.
    pub(super) layers: Vec<usize>,
    /// The channels, in the order of their first position in the first layer.
    pub(super) channels: Vec<Channel>,
}

/// What goes or stays as a whole.
#[derive(Clone, Copy, Debug)]
pub(super) struct Channel {
    /// The label that stands for its class.
    pub(super) root: u32,
    /// How many outputs of the group's first layer it is.
    pub(super) width: usize,
}

/// Pins what no one may take: the outputs of small layers and of those in `keep`, given by name.
pub(super) fn pin(trace: &mut Trace<'_>, keep: &[usize]) {
    for at in 0..trace.layers.len() {
        let layer = &trace.layers[at];
        let (node, axis) = (layer.node, layer.output.1.clone());
        let few = axis.as_ref().is_some_and(|labels| labels.len() <= FEW);
        if keep.contains(&node) {
            let reason = trace.cause(Cause::Kept(node));
            trace.labels.pin_axis(&axis, reason);
        } else if few {
            let reason = trace.cause(Cause::Few(node));
            trace.labels.pin_axis(&axis, reason);
        }
    }
}

/// The groups of a graph, in the order of their first layers.
pub(super) fn groups(trace: &mut Trace<'_>) -> Vec<Group> {
    let mut brought: Vec<Vec<usize>> = vec![vec![]; trace.labels.len()];
    let mut roots = vec![];
    for at in 0..trace.layers.len() {
        let layer = &trace.layers[at];
        let Some(labels) = layer.output.1.clone().filter(|_| !layer.depthwise) else { continue };
        for &label in labels.iter() {
            if trace.labels.pinned(label).is_some() {
                continue;
            }
            let root = trace.labels.find(label) as usize;
            if brought[root].is_empty() {
                roots.push(root as u32);
            }
            if brought[root].last() != Some(&at) {
                brought[root].push(at);
            }
        }
    }
    let mut groups: BTreeMap<Vec<usize>, Vec<Channel>> = BTreeMap::new();
    for root in roots {
        let layers = std::mem::take(&mut brought[root as usize]);
        groups.entry(layers).or_default().push(Channel { root, width: 0 });
    }
    let mut groups: Vec<Group> =
        groups.into_iter().map(|(layers, channels)| Group { layers, channels }).collect();
    let mut widths = vec![0; trace.labels.len()];
    for group in &mut groups {
        let labels = trace.layers[group.layers[0]].output.1.clone();
        for &label in labels.iter().flat_map(|labels| labels.iter()) {
            widths[trace.labels.find(label) as usize] += 1;
        }
        for channel in &mut group.channels {
            channel.width = std::mem::take(&mut widths[channel.root as usize]);
        }
        widths.fill(0);
    }
    groups
}
