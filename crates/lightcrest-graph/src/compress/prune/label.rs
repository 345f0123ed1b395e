//! Labels of positions along axes, and which of them live or die together.
//!
//! Every position of every axis that could shrink carries a label. Operators tie labels: those of the filters
//! of two convolutions whose outputs are added, those of a batch normalisation with those of what it
//! normalises. A class of tied labels is removed as a whole or not at all.

use std::rc::Rc;

/// Labels of the positions along one axis; `None` when no position of it may go.
pub(super) type Axis = Option<Rc<[u32]>>;

/// The label of a position that stays, whatever happens.
pub(super) const STAYS: u32 = 0;

/// Why labels must stay: a number that [`Labels::pin`] was given.
pub(super) type Reason = u32;

/// Disjoint sets of labels with path halving and union by size.
#[derive(Debug)]
pub(super) struct Labels {
    parent: Vec<u32>,
    size: Vec<u32>,
    pinned: Vec<Option<Reason>>,
}

impl Labels {
    pub(super) fn new() -> Self {
        Self { parent: vec![STAYS], size: vec![1], pinned: vec![Some(0)] }
    }

    /// Labels for a new axis. One of a single position cannot shrink, and one of none has nothing.
    pub(super) fn fresh(&mut self, positions: usize) -> Axis {
        if positions < 2 {
            return None;
        }
        let first = self.parent.len() as u32;
        let labels: Rc<[u32]> = (first..first + positions as u32).collect();
        self.parent.extend(labels.iter());
        self.size.resize(self.parent.len(), 1);
        self.pinned.resize(self.parent.len(), None);
        Some(labels)
    }

    /// How many labels there are, the one that stays included.
    pub(super) fn len(&self) -> usize {
        self.parent.len()
    }

    /// The label that stands for the class.
    pub(super) fn find(&mut self, label: u32) -> u32 {
        let mut at = label;
        while self.parent[at as usize] != at {
            let above = self.parent[self.parent[at as usize] as usize];
            self.parent[at as usize] = above;
            at = above;
        }
        at
    }

    /// Makes one class of two. A class that meets [`STAYS`] is pinned for `reason`.
    pub(super) fn tie(&mut self, a: u32, b: u32, reason: Reason) {
        if a == STAYS || b == STAYS {
            self.pin(a.max(b), reason);
            return;
        }
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return;
        }
        let (above, below) = if self.size[a as usize] < self.size[b as usize] { (b, a) } else { (a, b) };
        self.parent[below as usize] = above;
        self.size[above as usize] += self.size[below as usize];
        let pinned = self.pinned[above as usize].or(self.pinned[below as usize]);
        self.pinned[above as usize] = pinned;
    }

    /// Says that the class stays. The first reason is kept.
    pub(super) fn pin(&mut self, label: u32, reason: Reason) {
        let root = self.find(label) as usize;
        self.pinned[root].get_or_insert(reason);
    }

    /// Why the class stays, if it must.
    pub(super) fn pinned(&mut self, label: u32) -> Option<Reason> {
        let root = self.find(label);
        self.pinned[root as usize]
    }

    /// Pins every position of an axis.
    pub(super) fn pin_axis(&mut self, axis: &Axis, reason: Reason) {
        for &label in axis.iter().flat_map(|labels| labels.iter()) {
            self.pin(label, reason);
        }
    }

    /// Ties two axes of one length position by position, and says what a value along both carries. An axis
    /// that cannot shrink pins the other.
    pub(super) fn tie_axes(&mut self, a: &Axis, b: &Axis, reason: Reason) -> Axis {
        match (a, b) {
            (Some(x), Some(y)) if x.len() == y.len() => {
                if !Rc::ptr_eq(x, y) {
                    for (&x, &y) in x.iter().zip(y.iter()) {
                        self.tie(x, y, reason);
                    }
                }
                Some(x.clone())
            }
            (None, None) => None,
            _ => {
                self.pin_axis(a, reason);
                self.pin_axis(b, reason);
                None
            }
        }
    }

    /// Ties labels that are equal modulo `chunk`: position j of every chunk with position j of the first.
    /// What then goes, goes from each chunk alike. Returns the labels of the first chunk.
    pub(super) fn tie_chunks(&mut self, labels: &[u32], chunk: usize, reason: Reason) -> Axis {
        for at in chunk..labels.len() {
            self.tie(labels[at], labels[at % chunk], reason);
        }
        (chunk > 1).then(|| labels[..chunk].into())
    }

    /// Ties the labels of each run of `run` positions: what then goes, goes in whole runs. Returns one label
    /// a run.
    pub(super) fn tie_runs(&mut self, labels: &[u32], run: usize, reason: Reason) -> Axis {
        for (at, &label) in labels.iter().enumerate() {
            self.tie(label, labels[at / run * run], reason);
        }
        let first: Rc<[u32]> = labels.iter().copied().step_by(run).collect();
        (first.len() > 1).then_some(first)
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn a_class_is_pinned_with_any_of_its_labels() {
        let mut labels = Labels::new();
        let a = labels.fresh(3);
        let b = labels.fresh(3);
        labels.tie_axes(&a, &b, 7);
        labels.pin(b.as_ref().unwrap()[1], 9);
        let pinned: Vec<_> = a.unwrap().iter().map(|&label| labels.pinned(label)).collect();
        assert_eq!(pinned, [None, Some(9), None]);
    }

    #[test]
    fn an_axis_that_stays_pins_what_it_meets() {
        let mut labels = Labels::new();
        let a = labels.fresh(2);
        assert_eq!(labels.tie_axes(&a, &None, 4), None);
        assert_eq!(labels.pinned(a.unwrap()[0]), Some(4));
        assert_eq!(labels.fresh(1), None);
    }

    #[test]
    fn chunks_go_alike_and_runs_go_whole() {
        let mut labels = Labels::new();
        let axis = labels.fresh(6).unwrap();
        assert_eq!(labels.tie_chunks(&axis, 3, 1).unwrap().len(), 3);
        assert_eq!(labels.find(axis[1]), labels.find(axis[4]));
        assert_ne!(labels.find(axis[0]), labels.find(axis[1]));
        let axis = labels.fresh(6).unwrap();
        assert_eq!(labels.tie_runs(&axis, 3, 1).unwrap().len(), 2);
        assert_eq!(labels.find(axis[3]), labels.find(axis[5]));
        assert_ne!(labels.find(axis[2]), labels.find(axis[3]));
    }
}
