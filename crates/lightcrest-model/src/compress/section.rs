//! Ties the layers of a network into sections, each of which has one method and one strength.
//!
//! A network of fifty layers with a choice of its own for each would be a space of a hundred parameters, of
//! which a hundred trials learn nothing. Layers at the same depth that do the same bear the same strength, so
//! they are tied: by the stage (layers whose outputs have the same height and width) and by the role of their
//! output channels. `spine` are channels that several layers write and sums tie together (the residual
//! stream), `inner` those of one layer, `output` layers whose outputs are not to change. When there are more
//! sections than asked for, the neighbours of one role with the fewest multiply-accumulates become one.

use super::outline::{LayerKind, Outline};
use super::vocabulary::METHODS;

/// Layers that are changed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Such as `stage2-spine`.
    pub name: String,
    /// Its layers, in the order of the network.
    pub layers: Vec<usize>,
    /// Groups of channels that `prune` cuts.
    pub groups: Vec<usize>,
    /// What its layers admit, beside keeping them.
    pub methods: Vec<&'static str>,
    /// Whether some of its layers can be 8-bit integers.
    pub int8: bool,
    /// Multiply-accumulates of its layers.
    pub macs: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Role {
    Spine,
    Inner,
    Output,
    Mixed,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Spine => "spine",
            Self::Inner => "inner",
            Self::Output => "output",
            Self::Mixed => "layers",
        }
    }
}

/// A section on its way.
#[derive(Debug, Clone)]
struct Draft {
    first: usize,
    last: usize,
    role: Role,
    layers: Vec<usize>,
    groups: Vec<usize>,
    macs: u64,
}

/// At most `count` sections of the layers that are not in `keep` and admit one of `methods`.
pub(super) fn tie(
    outline: &Outline,
    count: usize,
    keep: &[String],
    methods: &[&'static str],
) -> Vec<Section> {
    let mut drafts = drafts(outline, keep, methods);
    while drafts.len() > count.max(1) {
        let at = cheapest_pair(&drafts);
        let (left, right) = at;
        let other = drafts.remove(right);
        let one = &mut drafts[left];
        if one.role != other.role {
            one.role = Role::Mixed;
        }
        one.first = one.first.min(other.first);
        one.last = one.last.max(other.last);
        one.macs += other.macs;
        one.layers.extend(other.layers);
        one.groups.extend(other.groups);
        one.layers.sort_unstable();
        one.groups.sort_unstable();
    }
    drafts.into_iter().map(|draft| draft.finish(outline, methods)).collect()
}

/// One section for each stage and role.
fn drafts(outline: &Outline, keep: &[String], methods: &[&'static str]) -> Vec<Draft> {
    let stages = stages(outline);
    let mut drafts: Vec<Draft> = Vec::new();
    for (index, layer) in outline.layers.iter().enumerate() {
        if keep.contains(&layer.name) {
            continue;
        }
        let free = layer.group.filter(|&group| outline.groups[group].free && methods.contains(&"prune"));
        let int8 = layer.int8 && methods.contains(&"int8");
        let admits = int8 || methods.iter().any(|method| layer.kind.admits(method));
        if free.is_none() && !admits {
            continue;
        }
        let group = layer.group.filter(|&group| outline.groups[group].free);
        let (role, stage) = match group {
            Some(group) => {
                let channels = &outline.groups[group];
                let role = if channels.writers > 1 { Role::Spine } else { Role::Inner };
                let first = outline.layers.iter().position(|layer| layer.group == Some(group));
                (role, stages[first.unwrap_or(index)])
            }
            None => (Role::Output, stages[index]),
        };
        let place = drafts.iter().position(|draft| (draft.first, draft.role) == (stage, role));
        let place = place.unwrap_or_else(|| {
            drafts.push(Draft { first: stage, last: stage, role, layers: vec![], groups: vec![], macs: 0 });
            drafts.len() - 1
        });
        let draft = &mut drafts[place];
        draft.layers.push(index);
        draft.macs += layer.macs;
        if let Some(group) = free
            && !draft.groups.contains(&group)
        {
            draft.groups.push(group);
        }
    }
    drafts.sort_by_key(|draft| (draft.first, draft.role));
    drafts
}

/// The stage of each layer: a new one begins whenever the area of the outputs is one that was not there yet.
fn stages(outline: &Outline) -> Vec<usize> {
    let mut areas: Vec<usize> = Vec::new();
    let mut last = 0;
    let mut stages = Vec::with_capacity(outline.layers.len());
    for layer in &outline.layers {
        last = match layer.area {
            None => last,
            Some(area) => areas.iter().position(|&known| known == area).unwrap_or_else(|| {
                areas.push(area);
                areas.len() - 1
            }),
        };
        stages.push(last);
    }
    stages
}

/// The two sections that are to become one: neighbours of one role where there are such.
fn cheapest_pair(drafts: &[Draft]) -> (usize, usize) {
    let mut best: Option<((bool, u64), (usize, usize))> = None;
    for (left, one) in drafts.iter().enumerate() {
        for (right, other) in drafts.iter().enumerate().skip(left + 1) {
            let between = &drafts[left + 1..right];
            let alike = one.role == other.role && between.iter().all(|draft| draft.role != one.role);
            let cost = (!alike, one.macs + other.macs);
            if best.is_none_or(|(known, _)| cost < known) {
                best = Some((cost, (left, right)));
            }
        }
    }
    best.map_or((0, 1), |(_, pair)| pair)
}

impl Draft {
    fn finish(self, outline: &Outline, allowed: &[&'static str]) -> Section {
        let stage = match self.last == self.first {
            true => format!("stage{}", self.first + 1),
            false => format!("stage{}to{}", self.first + 1, self.last + 1),
        };
        let admits = |method: &&str| match *method {
            "prune" => !self.groups.is_empty(),
            method => self.layers.iter().any(|&layer| outline.layers[layer].kind.admits(method)),
        };
        let methods = METHODS.iter().copied().filter(|method| allowed.contains(method)).filter(admits);
        Section {
            name: format!("{stage}-{}", self.role.name()),
            methods: methods.collect(),
            int8: allowed.contains(&"int8") && self.layers.iter().any(|&at| outline.layers[at].int8),
            layers: self.layers,
            groups: self.groups,
            macs: self.macs,
        }
    }
}

impl LayerKind {
    /// Whether the low-rank method of that name can take a layer of this kind apart.
    pub(super) fn admits(self, method: &str) -> bool {
        match self {
            Self::Matrix => method == "svd",
            Self::Window => matches!(method, "tucker" | "cp" | "spatial"),
            Self::Other => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::outline::{Channels, Layer};

    /// Two stages of residual blocks, then a classifier.
    fn residual() -> Outline {
        let mut layers = Vec::new();
        let mut groups = Vec::new();
        for (stage, area) in [(0, 64), (1, 16)] {
            groups.push(Channels { free: true, writers: 3, size: 8 });
            let spine = groups.len() - 1;
            for block in 0..3 {
                let layer = |name: &str, group| Layer {
                    name: format!("{stage}.{block}.{name}"),
                    kind: LayerKind::Window,
                    macs: 100,
                    group: Some(group),
                    area: Some(area),
                    ..Layer::default()
                };
                groups.push(Channels { free: true, writers: 1, size: 8 });
                layers.push(layer("inner", groups.len() - 1));
                layers.push(layer("outer", spine));
            }
        }
        groups.push(Channels { free: false, writers: 1, size: 10 });
        let classifier = Layer {
            name: "fc".into(),
            kind: LayerKind::Matrix,
            macs: 10,
            group: Some(groups.len() - 1),
            area: Some(1),
            ..Layer::default()
        };
        layers.push(classifier);
        Outline { layers, groups }
    }

    fn names(sections: &[Section]) -> Vec<&str> {
        sections.iter().map(|section| section.name.as_str()).collect()
    }

    #[test]
    fn layers_are_tied_by_stage_and_role() {
        let sections = tie(&residual(), 8, &[], METHODS);
        let expected = ["stage1-spine", "stage1-inner", "stage2-spine", "stage2-inner", "stage3-output"];
        assert_eq!(names(&sections), expected);
        assert_eq!(sections[1].layers, [0, 2, 4]);
        assert_eq!(sections[1].groups, [1, 2, 3]);
        assert_eq!(sections[0].methods, ["prune", "tucker", "cp", "spatial"]);
        assert_eq!(sections[4].methods, ["svd"], "the classes stay, the classifier may be taken apart");
    }

    #[test]
    fn too_many_sections_become_fewer_and_none_is_lost() {
        let outline = residual();
        for count in 1..8 {
            let sections = tie(&outline, count, &[], METHODS);
            assert_eq!(sections.len(), count.min(5));
            let mut layers: Vec<usize> = sections.iter().flat_map(|s| s.layers.clone()).collect();
            layers.sort_unstable();
            assert_eq!(layers, (0..outline.layers.len()).collect::<Vec<_>>());
        }
        let three = tie(&outline, 3, &[], METHODS);
        assert_eq!(names(&three), ["stage1to2-spine", "stage1to2-inner", "stage3-output"]);
    }

    #[test]
    fn what_is_kept_or_admits_nothing_is_in_no_section() {
        let keep = vec!["fc".to_owned(), "0.0.inner".to_owned()];
        let sections = tie(&residual(), 8, &keep, &["prune"]);
        assert_eq!(names(&sections), ["stage1-spine", "stage1-inner", "stage2-spine", "stage2-inner"]);
        assert_eq!(sections[1].groups, [2, 3]);
        assert!(sections.iter().all(|section| section.methods == ["prune"]));
    }
}
