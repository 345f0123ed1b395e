//! Which channels go.
//!
//! Everything is decided from scores and shapes alone, before a tensor is touched. Of channels that matter
//! equally, the last ones go.

use super::group::Group;
use super::label::Axis;
use super::trace::Trace;

/// How many channels of each group go.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Amount {
    /// This share of each group, one share a group.
    Shares(Vec<f64>),
    /// This share of all channels, wherever they matter least.
    Together(f64),
}

/// A share of channels of a group that is left under a global ranking, so that no layer collapses.
const FLOOR_SHARE: f64 = 0.1;

/// A number of channels that is left at least, then.
const FLOOR: usize = 8;

/// Whether each label goes, by the label that stands for its class.
pub(super) fn choose(
    trace: &mut Trace<'_>,
    groups: &[Group],
    scores: &[Vec<f64>],
    amount: &Amount,
    round_to: usize,
) -> Vec<bool> {
    let mut gone = vec![false; trace.labels.len()];
    let counts: Vec<usize> = match amount {
        Amount::Shares(shares) => {
            groups.iter().zip(shares).map(|(group, share)| share_of(group.channels.len(), *share)).collect()
        }
        Amount::Together(share) => together(groups, scores, *share),
    };
    for ((group, scores), count) in groups.iter().zip(scores).zip(counts) {
        let count = rounded(group, count, round_to);
        for &channel in ranked(scores).iter().take(count) {
            gone[group.channels[channel].root as usize] = true;
        }
    }
    spare(trace, groups, scores, &mut gone);
    gone
}

/// Number of `channels` that a share is: to the nearest, but never all of them.
pub(super) fn share_of(channels: usize, share: f64) -> usize {
    let count = (channels as f64 * share).round() as usize;
    count.min(channels.saturating_sub(1))
}

/// Places of channels, the least important first, of equal ones the last first.
pub(super) fn ranked(scores: &[f64]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..scores.len()).collect();
    places.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]).then(b.cmp(&a)));
    places
}

/// How many channels of each group are among the least important of all, but for those that a floor keeps.
fn together(groups: &[Group], scores: &[Vec<f64>], share: f64) -> Vec<usize> {
    let weight = |group: &Group, channel: usize| group.channels[channel].width.max(1);
    let total: usize =
        groups.iter().flat_map(|group| group.channels.iter().map(|channel| channel.width.max(1))).sum();
    let mut wanted = (total as f64 * share).round() as usize;
    let mut all: Vec<(f64, usize, usize)> = vec![];
    for (group, scores) in scores.iter().enumerate() {
        all.extend(scores.iter().enumerate().map(|(channel, &score)| (score, group, channel)));
    }
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then((b.1, b.2).cmp(&(a.1, a.2))));
    let floor = |channels: usize| channels.min(FLOOR.max((channels as f64 * FLOOR_SHARE).ceil() as usize));
    let mut counts = vec![0; groups.len()];
    for (_, group, channel) in all {
        if wanted == 0 {
            break;
        }
        if counts[group] + floor(groups[group].channels.len()) < groups[group].channels.len() {
            counts[group] += 1;
            wanted = wanted.saturating_sub(weight(&groups[group], channel));
        }
    }
    counts
}

/// The count changed to the nearest at which what is left is a multiple of `round_to`, or none if nothing is.
pub(super) fn rounded(group: &Group, count: usize, round_to: usize) -> usize {
    let total: usize = group.channels.iter().map(|channel| channel.width).sum();
    let width = total / group.channels.len().max(1);
    if round_to < 2 || width == 0 {
        return count;
    }
    let left = |count: usize| (group.channels.len() - count) * width;
    let fits = |count: &usize| left(*count) % round_to == 0 && left(*count) > 0;
    let aim = left(count);
    (0..group.channels.len()).filter(fits).min_by_key(|&count| left(count).abs_diff(aim)).unwrap_or(0)
}

/// Keeps the most important channel of every axis that would be left with none: of a layer whose outputs go
/// different ways, each way needs one.
fn spare(trace: &mut Trace<'_>, groups: &[Group], scores: &[Vec<f64>], gone: &mut [bool]) {
    let mut importance = vec![f64::NEG_INFINITY; gone.len()];
    for (group, scores) in groups.iter().zip(scores) {
        for (channel, &score) in group.channels.iter().zip(scores) {
            importance[channel.root as usize] = score;
        }
    }
    for labels in trace.all_axes() {
        let mut best: Option<u32> = None;
        let mut left = false;
        for &label in labels.iter() {
            let root = trace.labels.find(label);
            left |= !gone[root as usize];
            if best.is_none_or(|best| importance[root as usize] > importance[best as usize]) {
                best = Some(root);
            }
        }
        if let Some(best) = best.filter(|_| !left) {
            gone[best as usize] = false;
        }
    }
}

/// Number of positions of an axis that stay.
pub(super) fn kept(trace: &mut Trace<'_>, axis: &Axis, gone: &[bool]) -> Option<Vec<bool>> {
    let labels = axis.as_ref()?;
    let kept: Vec<bool> = labels.iter().map(|&label| !gone[trace.labels.find(label) as usize]).collect();
    kept.contains(&false).then_some(kept)
}

#[cfg(test)]
mod test {
    use super::super::group::Channel;
    use super::*;

    fn group(channels: usize, width: usize) -> Group {
        Group { layers: vec![0], channels: vec![Channel { root: 0, width }; channels] }
    }

    #[test]
    fn a_share_never_takes_all() {
        assert_eq!(share_of(8, 0.5), 4);
        assert_eq!(share_of(1, 0.9), 0);
        assert_eq!(share_of(4, 0.99), 3);
        assert_eq!(share_of(5, 0.5), 3);
    }

    #[test]
    fn equal_channels_go_from_the_end() {
        assert_eq!(ranked(&[1.0, 1.0, 0.5, 1.0]), [2, 3, 1, 0]);
    }

    #[test]
    fn a_global_ranking_leaves_a_floor() {
        let groups = [group(16, 1), group(100, 1)];
        let scores = [vec![0.1; 16], vec![1.0; 100]];
        let counts = together(&groups, &scores, 0.5);
        assert_eq!(counts, [8, 50]);
    }

    #[test]
    fn rounds_what_is_left() {
        assert_eq!(rounded(&group(58, 1), 29, 8), 26);
        assert_eq!(rounded(&group(6, 1), 3, 8), 0);
        assert_eq!(rounded(&group(10, 4), 5, 8), 4);
    }
}
