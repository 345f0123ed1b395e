//! The scales of activations: one a group of values that must have the same.
//!
//! What moves elements has one scale on both sides. So do a `Concat` and what it puts together: their
//! elements are then copied, not rounded twice. A group whose range is beyond the bounds of an activation
//! that vanished into it (`Relu` beside something signed) is taken apart again, because the bounds would
//! vanish, too.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::affine::Affine;
use super::constant::Constants;
use super::observer::{Method, Observer};
use super::placement::{Placement, Role};
use crate::onnx::proto::NodeProto;

/// Groups of values, each with one scale and zero point.
#[derive(Clone, Debug, Default)]
pub(super) struct Scales {
    group: HashMap<String, usize>,
    affine: Vec<Affine>,
}

impl Scales {
    /// Scales of the values that the placement quantizes, from what was seen of them.
    pub(super) fn new(
        nodes: &[NodeProto],
        constants: &Constants,
        placement: &Placement,
        seen: &HashMap<String, Observer>,
        method: Method,
    ) -> Self {
        let mut apart = HashSet::new();
        loop {
            let groups = groups(nodes, constants, placement, &apart);
            let scales = Self::of_groups(&groups, nodes, placement, seen, method);
            let broken = scales.broken_joins(nodes, placement, &apart);
            if broken.is_empty() {
                return scales;
            }
            apart.extend(broken);
        }
    }

    fn of_groups(
        groups: &[Vec<String>],
        nodes: &[NodeProto],
        placement: &Placement,
        seen: &HashMap<String, Observer>,
        method: Method,
    ) -> Self {
        let moved: HashSet<&String> = (0..nodes.len())
            .filter(|&at| matches!(placement.role(at), Some(Role::Move | Role::Join)))
            .flat_map(|at| &nodes[at].output)
            .collect();
        let mut scales = Self::default();
        for (number, group) in groups.iter().enumerate() {
            let mut observer = Observer::default();
            // What was only moved has been seen already.
            let sources: Vec<&String> = group.iter().filter(|value| !moved.contains(value)).collect();
            let sources = if sources.is_empty() { group.iter().collect() } else { sources };
            for value in sources {
                if let Some(other) = seen.get(value) {
                    observer.merge(other);
                }
            }
            let (low, high) = observer.range(method);
            scales.affine.push(Affine::new(low, high));
            scales.group.extend(group.iter().map(|value| (value.clone(), number)));
        }
        scales
    }

    /// Joins of groups in which an activation vanished whose bounds the group does not keep.
    fn broken_joins(
        &self,
        nodes: &[NodeProto],
        placement: &Placement,
        apart: &HashSet<usize>,
    ) -> HashSet<usize> {
        let keeps = |at: usize| {
            let (Some(bounds), Some(affine)) =
                (placement.bounds(at), self.get(&placement.results(nodes, at)[0]))
            else {
                return true;
            };
            let (low, high) = affine.range();
            let half = affine.scale / 2.0;
            low >= bounds.low - half && high <= bounds.high + half
        };
        let bad: HashSet<Option<usize>> = (0..nodes.len())
            .filter(|&at| !keeps(at))
            .map(|at| self.group.get(&placement.results(nodes, at)[0]).copied())
            .collect();
        (0..nodes.len())
            .filter(|at| placement.role(*at) == Some(Role::Join) && !apart.contains(at))
            .filter(|&at| bad.contains(&self.group.get(&nodes[at].output[0]).copied()))
            .collect()
    }

    /// Scale and zero point of a value that is quantized.
    pub(super) fn get(&self, value: &str) -> Option<Affine> {
        self.group.get(value).map(|&group| self.affine[group])
    }

    /// Its group.
    pub(super) fn group(&self, value: &str) -> Option<usize> {
        self.group.get(value).copied()
    }
}

/// Values that the placement quantizes, in groups; joins of `apart` do not tie.
fn groups(
    nodes: &[NodeProto],
    constants: &Constants,
    placement: &Placement,
    apart: &HashSet<usize>,
) -> Vec<Vec<String>> {
    let mut ties = Ties::default();
    for at in (0..nodes.len()).filter(|&at| placement.role(at).is_some()) {
        let read: Vec<&String> = nodes[at]
            .input
            .iter()
            .enumerate()
            .filter(|&(slot, name)| placement.reads_quantized(nodes, at, slot) && !constants.contains(name))
            .map(|(_, name)| name)
            .collect();
        let written: Vec<&String> = if placement.is_result_quantized(nodes, at) {
            placement.results(nodes, at).iter().filter(|name| !name.is_empty()).collect()
        } else {
            vec![]
        };
        for value in read.iter().chain(&written) {
            ties.add(value);
        }
        let tied = match placement.role(at) {
            Some(Role::Move) => true,
            Some(Role::Join) => !apart.contains(&at),
            _ => false,
        };
        if tied {
            let all: Vec<&String> = read.into_iter().chain(written).collect();
            for pair in all.windows(2) {
                ties.tie(pair[0], pair[1]);
            }
        }
    }
    ties.groups()
}

/// Union of sets of names.
#[derive(Default)]
pub(super) struct Ties {
    place: HashMap<String, usize>,
    names: Vec<String>,
    parent: Vec<usize>,
}

impl Ties {
    /// A name, alone at first; its place.
    pub(super) fn add(&mut self, name: &str) -> usize {
        if let Some(&place) = self.place.get(name) {
            return place;
        }
        let place = self.names.len();
        self.place.insert(name.into(), place);
        self.names.push(name.into());
        self.parent.push(place);
        place
    }

    fn root(&self, mut place: usize) -> usize {
        while self.parent[place] != place {
            place = self.parent[place];
        }
        place
    }

    /// Makes the sets of two names one.
    pub(super) fn tie(&mut self, a: &str, b: &str) {
        let (a, b) = (self.add(a), self.add(b));
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }

    /// The sets, in the order of their first names.
    pub(super) fn groups(&self) -> Vec<Vec<String>> {
        let mut groups: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (place, name) in self.names.iter().enumerate() {
            groups.entry(self.root(place)).or_default().push(name.clone());
        }
        groups.into_values().collect()
    }
}
