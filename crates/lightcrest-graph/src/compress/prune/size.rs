//! Sizes of what channel pruning leaves, without making it: for whoever weighs thousands of ratios.
//!
//! Which channels go is decided from scores and labels, as [`prune`](super::prune) does in one step; the rest
//! is counting.

use std::collections::HashMap;

use super::group::{self, Group};
use super::importance;
use super::prepare::Prepared;
use super::trace::Trace;
use super::{ChannelGroup, PruneConfig, PruneError, check, choice, described, kept_layers, layer_name};
use crate::onnx::proto::element;
use crate::onnx::{Facts, Index, Model};

/// What is known of a model before a share of its channels is chosen.
#[derive(Clone, Debug)]
pub struct Sizer {
    described: Vec<ChannelGroup>,
    groups: Vec<Group>,
    /// The channels of each group, the least important first.
    order: Vec<Vec<usize>>,
    /// The importance of each class.
    importance: Vec<f64>,
    /// The class of each position of every axis, each axis once.
    axes: Vec<Vec<u32>>,
    classes: usize,
    tensors: Vec<Tensor>,
    layers: Vec<SizedLayer>,
    /// What layers and normalisations write, each with the place of its channels in [`Sizer::axes`].
    values: Vec<(String, usize)>,
    round_to: usize,
}

/// A constant of numbers.
#[derive(Clone, Debug)]
struct Tensor {
    dims: Vec<usize>,
    /// For each axis that may shrink its place in [`Sizer::axes`].
    axes: Vec<Option<usize>>,
}

/// A layer with weights.
#[derive(Clone, Debug)]
pub struct SizedLayer {
    /// Its name, or that of its first output.
    pub name: String,
    /// Its operator.
    pub operator: String,
    /// The value that it writes.
    pub output: String,
    /// The value that holds its weights.
    pub weight: String,
    /// The axis of the weights along which outputs are.
    pub output_axis: usize,
    /// The axis along which inputs are, those of one group where there are groups; none for one input a
    /// group.
    pub input_axis: Option<usize>,
    /// Whether each output depends on one group of few inputs that goes with it.
    pub depthwise: bool,
    /// Places in [`Sizer::groups`] of the groups of its outputs.
    pub groups: Vec<usize>,
    tensor: usize,
}

/// Sizes under a choice of ratios.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// The sizes of the weights of each layer, in the order of [`Sizer::layers`].
    pub weights: Vec<Vec<usize>>,
    /// Numbers in all constants of numbers.
    pub parameters: u64,
}

impl Sizer {
    /// Looks at a model once. Of the configuration, `keep`, `importance` and `round_to` count.
    ///
    /// # Errors
    /// [`PruneError`].
    pub fn new(model: &Model, config: &PruneConfig) -> Result<Self, PruneError> {
        check(config)?;
        let (prepared, _) = Prepared::new(model.clone()).into_parts();
        let facts = Facts::infer(&prepared)?;
        let index = Index::new(prepared.graph());
        let mut trace = Trace::new(&prepared, &facts, &index);
        let keep = kept_layers(&trace, &config.keep)?;
        group::pin(&mut trace, &keep);
        let groups = group::groups(&mut trace);
        let scores = importance::scores(&mut trace, &groups, &config.importance)?;
        let mut importance = vec![f64::NEG_INFINITY; trace.labels.len()];
        for (group, scores) in groups.iter().zip(&scores) {
            for (channel, &score) in group.channels.iter().zip(scores) {
                importance[channel.root as usize] = score;
            }
        }
        let mut sizer = Self {
            described: described(&trace, &groups),
            order: scores.iter().map(|scores| choice::ranked(scores)).collect(),
            importance,
            groups,
            axes: vec![],
            classes: trace.labels.len(),
            tensors: vec![],
            layers: vec![],
            values: vec![],
            round_to: config.round_to,
        };
        for labels in trace.all_axes() {
            let classes = labels.iter().map(|&label| trace.labels.find(label)).collect();
            sizer.axes.push(classes);
        }
        let mut places: HashMap<Vec<u32>, usize> =
            sizer.axes.iter().enumerate().map(|(at, classes)| (classes.clone(), at)).collect();
        let mut tensors: HashMap<&str, usize> = HashMap::new();
        for tensor in &prepared.graph().initializer {
            let number = matches!(tensor.data_type, element::FLOAT | element::DOUBLE | element::FLOAT16);
            let Some(dims) = facts.known_shape(&tensor.name).filter(|_| number) else { continue };
            let known = trace.known(&tensor.name).unwrap_or(&[]).to_vec();
            let mut place = |axis: &Option<std::rc::Rc<[u32]>>| {
                let classes: Vec<u32> =
                    axis.as_ref()?.iter().map(|&label| trace.labels.find(label)).collect();
                Some(*places.entry(classes.clone()).or_insert_with(|| {
                    sizer.axes.push(classes);
                    sizer.axes.len() - 1
                }))
            };
            let axes = (0..dims.len()).map(|at| known.get(at).and_then(&mut place)).collect();
            tensors.insert(&tensor.name, sizer.tensors.len());
            sizer.tensors.push(Tensor { dims, axes });
        }
        for node in &prepared.graph().node {
            let Some(output) = node.output.first() else { continue };
            let axes = trace.known(output).unwrap_or(&[]).to_vec();
            let axis = match node.op_type.as_str() {
                "Conv" | "ConvTranspose" | "BatchNormalization" => axes.get(1),
                "Gemm" | "MatMul" => axes.last(),
                _ => None,
            };
            let Some(Some(labels)) = axis else { continue };
            let classes: Vec<u32> = labels.iter().map(|&label| trace.labels.find(label)).collect();
            if let Some(&place) = places.get(&classes) {
                sizer.values.push((output.clone(), place));
            }
        }
        for (at, layer) in trace.layers.clone().into_iter().enumerate() {
            let Some(&tensor) = tensors.get(layer.weight.as_str()) else { continue };
            let node = &prepared.graph().node[layer.node];
            let own = |group: &&usize| sizer.groups[**group].layers.contains(&at);
            let all: Vec<usize> = (0..sizer.groups.len()).collect();
            // A depthwise convolution brings no channels: its outputs are those of the group that it reads.
            let classes = layer.output.1.iter().flat_map(|labels| labels.iter());
            let classes: Vec<u32> = classes.map(|&label| trace.labels.find(label)).collect();
            let reads = |group: &&usize| {
                sizer.groups[**group].channels.iter().any(|channel| classes.contains(&channel.root))
            };
            let groups = match layer.depthwise {
                true => all.iter().filter(reads).copied().collect(),
                false => all.iter().filter(own).copied().collect(),
            };
            sizer.layers.push(SizedLayer {
                name: layer_name(node),
                operator: node.op_type.clone(),
                output: node.output.first().cloned().unwrap_or_default(),
                weight: layer.weight.clone(),
                output_axis: layer.output.0,
                input_axis: layer.input.as_ref().map(|(axis, _)| *axis),
                depthwise: layer.depthwise,
                groups,
                tensor,
            });
        }
        Ok(sizer)
    }

    /// The groups of channels.
    pub fn groups(&self) -> &[ChannelGroup] {
        &self.described
    }

    /// The layers with weights, in the order of the file.
    pub fn layers(&self) -> &[SizedLayer] {
        &self.layers
    }

    /// The sizes of the weights of a layer as they are.
    pub fn weight(&self, layer: &SizedLayer) -> &[usize] {
        &self.tensors[layer.tensor].dims
    }

    /// Sizes when a share of each group is gone, one share a group.
    pub fn sizes(&self, ratios: &[f64]) -> Sizes {
        let gone = self.gone(ratios);
        let left: Vec<usize> = self
            .axes
            .iter()
            .map(|classes| classes.iter().filter(|&&class| !gone[class as usize]).count())
            .collect();
        let dims = |tensor: &Tensor| -> Vec<usize> {
            let axes = tensor.dims.iter().zip(&tensor.axes);
            axes.map(|(&dim, axis)| axis.map_or(dim, |axis| left[axis])).collect()
        };
        let all: Vec<Vec<usize>> = self.tensors.iter().map(dims).collect();
        // A number without axes is a setting: an epsilon, a factor.
        let numbers = all.iter().filter(|dims| !dims.is_empty());
        let parameters = numbers.map(|dims| dims.iter().product::<usize>() as u64).sum();
        let weights = self.layers.iter().map(|layer| all[layer.tensor].clone()).collect();
        Sizes { weights, parameters }
    }

    /// The channels that are left of what layers and normalisations write, by value; without those that lose
    /// none.
    pub fn kept(&self, ratios: &[f64]) -> HashMap<String, Vec<usize>> {
        let gone = self.gone(ratios);
        let kept = |classes: &[u32]| -> Vec<usize> {
            (0..classes.len()).filter(|&at| !gone[classes[at] as usize]).collect()
        };
        let values = self.values.iter().map(|(value, place)| (value, &self.axes[*place]));
        let changed = values.map(|(value, classes)| (value.clone(), kept(classes), classes.len()));
        changed.filter(|(_, kept, all)| kept.len() < *all).map(|(value, kept, _)| (value, kept)).collect()
    }

    /// Whether each class goes.
    fn gone(&self, ratios: &[f64]) -> Vec<bool> {
        let mut gone = vec![false; self.classes];
        for ((group, order), &ratio) in self.groups.iter().zip(&self.order).zip(ratios) {
            // To the last bit the share that one step of pruning takes.
            let ratio = 1.0 - (1.0 - ratio).powf(1.0);
            let count = choice::rounded(group, choice::share_of(group.channels.len(), ratio), self.round_to);
            for &channel in order.iter().take(count) {
                gone[group.channels[channel].root as usize] = true;
            }
        }
        self.spare(&mut gone);
        gone
    }

    /// Keeps the most important channel of every axis that would be left with none, as pruning does.
    fn spare(&self, gone: &mut [bool]) {
        for classes in &self.axes {
            if classes.iter().any(|&class| !gone[class as usize]) {
                continue;
            }
            let mut best: Option<u32> = None;
            for &class in classes {
                let more = |best: u32| self.importance[class as usize] > self.importance[best as usize];
                if best.is_none_or(more) {
                    best = Some(class);
                }
            }
            if let Some(best) = best {
                gone[best as usize] = false;
            }
        }
    }
}
