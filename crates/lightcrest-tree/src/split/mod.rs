//! The best split of a leaf, from its histogram.
//!
//! One file a kind of feature; what a split gains and which values its sides have is in `gain`. Between equal
//! gains the first feature, and in it the first threshold, is taken, so that the answer does not depend on
//! threads.

mod category;
mod gain;
mod number;

use rayon::prelude::*;

use crate::binning::FeatureBins;
use crate::dataset::Dataset;
use crate::histogram::{Cell, Scale};
use crate::sample::mix;
use crate::{Monotone, TrainConfig};

pub(crate) use gain::{Bounds, Penalty};

/// Features are searched on several threads from this many cells on.
const PARALLEL_FROM: usize = 1 << 14;

/// Which rows go left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Bins up to this one, and the last bin (missing) if so.
    Number { last: u8, missing_left: bool },
    /// Bins of this set.
    Category { bins: [u64; 4] },
}

/// A split, and what it makes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Split {
    pub(crate) gain: f64,
    pub(crate) slot: usize,
    pub(crate) rule: Rule,
    pub(crate) left: Cell,
    pub(crate) left_value: f64,
    pub(crate) right_value: f64,
}

impl Split {
    fn beats(&self, other: &Self) -> bool {
        self.gain > other.gain || (self.gain == other.gain && self.slot < other.slot)
    }
}

/// A leaf that is to be split.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node {
    pub(crate) total: Cell,
    pub(crate) bounds: Bounds,
    /// Distinguishes the draws of nodes.
    pub(crate) seed: u64,
}

/// What splits of one tree are judged by.
pub(crate) struct Search<'a> {
    pub(crate) data: &'a Dataset,
    pub(crate) config: &'a TrainConfig,
    pub(crate) scale: Scale,
}

impl Search<'_> {
    /// The best split over the slots that may be split; those that cannot be are struck off for the
    /// children, too.
    pub(crate) fn best(
        &self,
        histogram: &[Cell],
        node: &Node,
        is_open: &mut [bool],
        is_drawn: impl Fn(usize) -> bool + Sync,
    ) -> Option<Split> {
        let judge = |(slot, is_open): (usize, &mut bool)| {
            if !*is_open || !is_drawn(slot) {
                return None;
            }
            let (split, may_split) = self.of_slot(slot, histogram, node);
            *is_open = may_split;
            split
        };
        let better = |a: Split, b: Split| if b.beats(&a) { b } else { a };
        if self.config.threads != 1 && self.data.cells() >= PARALLEL_FROM {
            is_open.par_iter_mut().enumerate().filter_map(judge).reduce_with(better)
        } else {
            is_open.iter_mut().enumerate().filter_map(judge).reduce(better)
        }
    }

    /// The best split of a slot, and whether any split of it gained.
    fn of_slot(&self, slot: usize, histogram: &[Cell], node: &Node) -> (Option<Split>, bool) {
        let place = self.data.slots()[slot];
        let cells = &histogram[place.offset..=place.offset + place.values];
        let (monotone, is_number) = match &self.data.features()[place.feature] {
            FeatureBins::Number(_) => {
                (self.config.monotone.get(place.feature).copied().unwrap_or_default(), true)
            }
            FeatureBins::Category(_) => (Monotone::Free, false),
        };
        let penalty = Penalty::new(self.config, self.config.l2);
        let random = self.config.random_thresholds.then(|| mix(node.seed, slot as u64));
        let found = if is_number {
            number::best(self, cells, node, &penalty, monotone, random)
        } else {
            category::best(self, cells, node, &penalty, random)
        };
        let may_split = found.is_some() || random.is_some();
        (found.map(|split| Split { slot, ..split }), may_split)
    }
}
