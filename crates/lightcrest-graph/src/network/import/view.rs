//! How the axes of a value of the file lie in a map of the layer graph.
//!
//! Files reshape, transpose and flatten where the layer graph does not: it has one image, (channels, height,
//! width), and no order of axes. A [`View`] follows such nodes without computing anything: each axis of the
//! file's value is a list of [`Part`]s of the map's axes, outermost first. (N, H, W, C) is another order of
//! the same parts; a channel shuffle splits the channels in two parts and joins them the other way round; a
//! flattened map has all of them in one axis.

use crate::shape::Shape;

use super::super::NodeId;

/// An axis of the layer graph, or the batch that it does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    Batch,
    Channel,
    Row,
    Column,
}

/// Part of an axis: index i of it counts `step` i of the axis. A whole axis has step 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) axis: Axis,
    pub(super) size: usize,
    pub(super) step: usize,
}

const BATCH: Part = Part { axis: Axis::Batch, size: 1, step: 1 };

/// A value of the file: the layer that computes it, and its axes. Axes of size 1 have no part.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct View {
    pub(super) node: NodeId,
    pub(super) axes: Vec<Vec<Part>>,
}

/// The whole of an axis; nothing where it has one element.
fn whole(axis: Axis, size: usize) -> Vec<Part> {
    if size == 1 { vec![] } else { vec![Part { axis, size, step: 1 }] }
}

impl View {
    /// A map as (N, C, H, W).
    pub(super) fn map(node: NodeId, shape: Shape) -> Self {
        let axes = vec![
            vec![BATCH],
            whole(Axis::Channel, shape.channels),
            whole(Axis::Row, shape.height),
            whole(Axis::Column, shape.width),
        ];
        Self { node, axes }
    }

    /// A vector as (N, C).
    pub(super) fn vector(node: NodeId, features: usize) -> Self {
        Self { node, axes: vec![vec![BATCH], whole(Axis::Channel, features)] }
    }

    /// Number of axes.
    pub(super) fn rank(&self) -> usize {
        self.axes.len()
    }

    /// Their sizes.
    pub(super) fn sizes(&self) -> Vec<usize> {
        self.axes.iter().map(|parts| parts.iter().map(|part| part.size).product()).collect()
    }

    /// Whether every axis is one of the map's, whole.
    pub(super) fn has_whole_axes(&self) -> bool {
        let all = self.axes.iter().flatten();
        let once = |axis| all.clone().filter(|part| part.axis == axis).count() <= 1;
        let apart = self.axes.iter().all(|parts| parts.len() <= 1);
        apart && [Axis::Channel, Axis::Row, Axis::Column].into_iter().all(once)
    }

    /// The axes in another order.
    pub(super) fn transposed(&self, order: &[usize]) -> Self {
        Self { node: self.node, axes: order.iter().map(|&axis| self.axes[axis].clone()).collect() }
    }

    /// The same values under other sizes; `None` where parts do not fall on their borders.
    pub(super) fn reshaped(&self, sizes: &[usize]) -> Option<Self> {
        let mut parts = self.axes.iter().flatten().copied().rev().collect::<Vec<_>>(); // the next is the last
        let mut axes = Vec::with_capacity(sizes.len());
        for &size in sizes {
            let (mut axis, mut left) = (vec![], size);
            while let Some(part) = parts.pop() {
                if part.axis == Axis::Batch {
                    axis.push(part);
                } else if left == 1 {
                    parts.push(part);
                    break;
                } else if left.is_multiple_of(part.size) {
                    left /= part.size;
                    axis.push(part);
                } else if part.size.is_multiple_of(left) {
                    let inner = part.size / left;
                    axis.push(Part { size: left, step: part.step * inner, ..part });
                    parts.push(Part { size: inner, ..part });
                    left = 1;
                } else {
                    return None;
                }
            }
            if left != 1 {
                return None;
            }
            axes.push(joined(axis));
        }
        parts.is_empty().then_some(Self { node: self.node, axes })
    }

    /// Another layer of the same sizes, with the same axes.
    pub(super) fn of(&self, node: NodeId) -> Self {
        Self { node, axes: self.axes.clone() }
    }

    /// Another layer whose channels have another number.
    pub(super) fn with_channels(&self, node: NodeId, at: usize, channels: usize) -> Self {
        let mut view = self.of(node);
        view.axes[at] = whole(Axis::Channel, channels);
        view
    }

    /// Whether no axis of the layer graph is split, none is in a strange order, and the channels stand alone.
    pub(super) fn is_plain(&self, shape: Shape) -> bool {
        let all = |part: &Part| match part.axis {
            Axis::Batch => 1,
            Axis::Channel => shape.channels,
            Axis::Row => shape.height,
            Axis::Column => shape.width,
        };
        let unsplit = self.axes.iter().flatten().all(|part| part.step == 1 && part.size == all(part));
        let alone = |parts: &Vec<Part>| parts.len() == 1 || parts.iter().all(|p| p.axis != Axis::Channel);
        let positions = |parts: &Vec<Part>| {
            parts.len() < 2
                || matches!(parts[..], [Part { axis: Axis::Row, .. }, Part { axis: Axis::Column, .. }])
        };
        unsplit && self.axes.iter().all(alone) && self.axes.iter().all(positions)
    }

    /// Where the channels are, of a plain view; for a single channel the axis that `like` says.
    pub(super) fn channel_axis(&self) -> Option<usize> {
        self.axes.iter().position(|parts| parts.iter().any(|part| part.axis == Axis::Channel))
    }

    /// A layer of that shape as (N, C, H, W), or as (N, C, length) where this is a sequence.
    pub(super) fn map_of(&self, node: NodeId, shape: Shape) -> Self {
        let map = Self::map(node, shape);
        if self.rank() == 3 { map.transposed(&[0, 1, 3]) } else { map }
    }

    /// Whether it is (N, C, H, W), (N, C, length) or (N, C) of a layer of that shape.
    pub(super) fn is_channels_first(&self, shape: Shape) -> bool {
        let map = Self::map(self.node, shape);
        self.axes == map.axes
            || (shape.area() == 1 && self.axes == map.axes[..2])
            || (shape.height == 1 && self.rank() == 3 && self.axes == map.transposed(&[0, 1, 3]).axes)
    }
}

/// Neighbouring parts of an axis that are one.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut list: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        match list.last_mut() {
            Some(last) if last.axis == part.axis && last.step == part.step * part.size && part.size > 1 => {
                *last = Part { size: last.size * part.size, ..part };
            }
            _ => list.push(part),
        }
    }
    list
}

/// What a view that is not plain asks for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Motion {
    /// Channels in this order, in that axis of the view.
    Order(Vec<usize>, usize),
    /// Everything in one axis, channel-major; then features in this order if it is another; in that axis.
    Flatten(Option<Vec<usize>>, usize),
    /// Channels to positions: block, whether the block comes first, and the axes of channels, rows, columns.
    Shuffle(usize, bool, [usize; 3]),
}

impl View {
    /// What has to be done to a layer of that shape so that the view of it is plain; `None` when no operator
    /// of the layer graph does.
    pub(super) fn motion(&self, shape: Shape) -> Option<Motion> {
        let is = |parts: &[Part], axis: Axis| parts.iter().all(|part| part.axis == axis);
        let used: Vec<usize> = (0..self.rank())
            .filter(|&at| !self.axes[at].is_empty() && !is(&self.axes[at], Axis::Batch))
            .collect();
        // the parts of the batch stand alone, or nothing is understood
        if self.axes.iter().any(|parts| parts.len() > 1 && parts.iter().any(|p| p.axis == Axis::Batch)) {
            return None;
        }
        if let [at] = used[..] {
            let step = |part: &Part| match part.axis {
                Axis::Batch => 0,
                Axis::Channel => part.step * shape.area(),
                Axis::Row => part.step * shape.width,
                Axis::Column => part.step,
            };
            let steps: Vec<(usize, usize)> =
                self.axes[at].iter().map(|part| (part.size, step(part))).collect();
            let order = indices(&steps);
            if order.len() != shape.len() {
                return None;
            }
            let natural = order.iter().enumerate().all(|(i, &index)| i == index);
            return Some(match shape.area() {
                1 => Motion::Order(order, at),
                _ => Motion::Flatten((!natural).then_some(order), at),
            });
        }
        let channels: Vec<usize> = used
            .iter()
            .copied()
            .filter(|&at| self.axes[at].iter().any(|p| p.axis == Axis::Channel))
            .collect();
        if let [at] = channels[..]
            && is(&self.axes[at], Axis::Channel)
        {
            let steps: Vec<(usize, usize)> =
                self.axes[at].iter().map(|part| (part.size, part.step)).collect();
            let order = indices(&steps);
            return (order.len() == shape.channels).then_some(Motion::Order(order, at));
        }
        self.shuffle(&used)
    }

    /// (c), (H, block), (W, block), in any order of the axes.
    fn shuffle(&self, used: &[usize]) -> Option<Motion> {
        let mut rows = None;
        let mut columns = None;
        let mut channels = None;
        for &at in used {
            match self.axes[at][..] {
                [Part { axis: Axis::Row, step: 1, .. }, c] if c.axis == Axis::Channel => rows = Some((at, c)),
                [Part { axis: Axis::Column, step: 1, .. }, c] if c.axis == Axis::Channel => {
                    columns = Some((at, c))
                }
                [c] if c.axis == Axis::Channel => channels = Some((at, c)),
                _ => return None,
            }
        }
        let ((row, i), (column, j)) = (rows?, columns?);
        let (at, c) = channels.unwrap_or((used.len(), Part { axis: Axis::Channel, size: 1, step: 0 }));
        let block = i.size;
        if j.size != block || at >= self.rank() && channels.is_some() {
            return None;
        }
        let out = c.size;
        let places = [if channels.is_some() { at } else { usize::MAX }, row, column];
        match (c.step, i.step, j.step) {
            (step, rows, 1) if rows == block && (step == block * block || out == 1) => {
                Some(Motion::Shuffle(block, false, places))
            }
            (step, rows, columns) if rows == block * out && columns == out && (step == 1 || out == 1) => {
                Some(Motion::Shuffle(block, true, places))
            }
            _ => None,
        }
    }
}

/// The indices that loops of these (size, step) visit, outermost first.
fn indices(loops: &[(usize, usize)]) -> Vec<usize> {
    loops.iter().fold(vec![0], |list, &(size, step)| {
        list.iter().flat_map(|&start| (0..size).map(move |i| start + i * step)).collect()
    })
}

#[cfg(test)]
mod test {
    use super::*;

    const SHAPE: Shape = Shape { channels: 6, height: 2, width: 3 };

    fn view() -> View {
        View::map(1, SHAPE)
    }

    #[test]
    fn there_and_back_is_the_same() {
        let last = view().transposed(&[0, 2, 3, 1]);
        assert_eq!(last.sizes(), [1, 2, 3, 6]);
        assert!(last.is_plain(SHAPE) && !last.is_channels_first(SHAPE));
        assert_eq!(last.transposed(&[0, 3, 1, 2]), view());
        assert_eq!(view().reshaped(&[1, 2, 3, 6]).unwrap().reshaped(&[1, 6, 2, 3]).unwrap(), view());
        assert_eq!(view().reshaped(&[1, 4, 9]), None, "no border falls on another");
    }

    #[test]
    fn a_shuffle_is_an_order_of_channels() {
        let split = view().reshaped(&[1, 2, 3, 2, 3]).unwrap();
        let shuffled = split.transposed(&[0, 2, 1, 3, 4]).reshaped(&[1, 6, 2, 3]).unwrap();
        assert_eq!(shuffled.motion(SHAPE), Some(Motion::Order(vec![0, 3, 1, 4, 2, 5], 1)));
    }

    #[test]
    fn a_flattened_map_has_its_order() {
        let flat = view().reshaped(&[1, 36]).unwrap();
        assert_eq!(flat.motion(SHAPE), Some(Motion::Flatten(None, 1)));
        let flat = view().transposed(&[0, 2, 3, 1]).reshaped(&[1, 36]).unwrap();
        let Some(Motion::Flatten(Some(order), 1)) = flat.motion(SHAPE) else { panic!("{flat:?}") };
        assert_eq!(order[..8], [0, 6, 12, 18, 24, 30, 1, 7]);
    }

    #[test]
    fn channels_that_become_positions_are_a_pixel_shuffle() {
        let deep = Shape::new(8, 2, 3);
        let crd = View::map(1, deep).reshaped(&[1, 2, 2, 2, 2, 3]).unwrap().transposed(&[0, 1, 4, 2, 5, 3]);
        let crd = crd.reshaped(&[1, 2, 4, 6]).unwrap();
        assert_eq!(crd.motion(deep), Some(Motion::Shuffle(2, false, [1, 2, 3])));
        let dcr = View::map(1, deep).reshaped(&[1, 2, 2, 2, 2, 3]).unwrap().transposed(&[0, 3, 4, 1, 5, 2]);
        let dcr = dcr.reshaped(&[1, 2, 4, 6]).unwrap();
        assert_eq!(dcr.motion(deep), Some(Motion::Shuffle(2, true, [1, 2, 3])));
    }

    #[test]
    fn a_batch_inside_of_another_axis_is_not_understood() {
        let mixed = View::map(1, SHAPE).reshaped(&[6, 2, 3]).unwrap();
        assert!(!mixed.is_plain(SHAPE));
        assert_eq!(mixed.motion(SHAPE), None);
    }
}
