//! Bins of categories: one a level, the most frequent first, and one for rare and unseen levels.
//!
//! Missing is a level as any other where it is frequent enough.

use std::collections::HashMap;

use super::BinningConfig;
use crate::MISSING;

/// `bins[code]` is the bin of a code; the last bin is for all others.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CategoryBins {
    bins: Vec<u8>,
    levels: u8,
    missing: u8,
}

impl CategoryBins {
    pub(crate) fn new(codes: &[u32], config: &BinningConfig) -> Self {
        let mut counts: HashMap<u32, usize> = HashMap::new();
        for &code in codes {
            *counts.entry(code).or_default() += 1;
        }
        let mut kept: Vec<(u32, usize)> =
            counts.into_iter().filter(|(_, count)| *count >= config.min_rows_in_bin).collect();
        kept.sort_unstable_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
        kept.truncate(config.max_bins.min(254));
        let levels = u8::try_from(kept.len()).expect("at most 254 levels");
        let last = kept.iter().map(|(code, _)| *code).filter(|code| *code != MISSING).max();
        let mut bins = vec![levels; last.map_or(0, |code| code as usize + 1)];
        let mut missing = levels;
        for ((code, _), bin) in kept.into_iter().zip(0..) {
            if code == MISSING {
                missing = bin;
            } else {
                bins[code as usize] = bin;
            }
        }
        Self { bins, levels, missing }
    }

    /// From their parts, or nothing when a bin has no level.
    pub(crate) fn from_parts(bins: Vec<u8>, levels: u8, missing: u8) -> Option<Self> {
        let fits = levels < 255 && missing <= levels && bins.iter().all(|bin| *bin <= levels);
        fits.then_some(Self { bins, levels, missing })
    }

    /// Levels with a bin of their own.
    pub(crate) fn levels(&self) -> usize {
        usize::from(self.levels)
    }

    /// The bins of the codes from 0 on; later ones have the last bin.
    pub(crate) fn codes(&self) -> &[u8] {
        &self.bins
    }

    /// The bin of missing cells.
    pub(crate) fn missing(&self) -> u8 {
        self.missing
    }

    pub(crate) fn bin(&self, code: u32) -> u8 {
        if code == MISSING {
            return self.missing;
        }
        self.bins.get(code as usize).copied().unwrap_or(self.levels)
    }

    /// The bin of a code as a prediction's row holds it: NaN is missing, what is no code is unseen.
    pub(crate) fn bin_of_value(&self, value: f32) -> u8 {
        if value.is_nan() {
            return self.missing;
        }
        if value < 0.0 {
            return self.levels;
        }
        self.bins.get(value as usize).copied().unwrap_or(self.levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_levels_have_bins_and_rare_unseen_ones_share_the_last() {
        let codes = [5, 5, 5, 5, 2, 2, 2, 9, MISSING, MISSING, MISSING, MISSING, MISSING];
        let bins = CategoryBins::new(&codes, &BinningConfig::default());
        assert_eq!(bins.levels(), 3);
        assert_eq!([MISSING, 5, 2, 9, 0, 1_000_000].map(|code| bins.bin(code)), [0, 1, 2, 3, 3, 3]);
        assert_eq!([f32::NAN, 5.0, 2.0, -1.0, 1e30].map(|value| bins.bin_of_value(value)), [0, 1, 2, 3, 3]);
    }

    #[test]
    fn at_most_254_levels_are_kept() {
        let codes: Vec<u32> = (0..5000).flat_map(|code| [code; 3]).collect();
        let bins = CategoryBins::new(&codes, &BinningConfig::default());
        assert_eq!((bins.levels(), bins.bin(0), bins.bin(253), bins.bin(254)), (254, 0, 253, 254));
    }
}
