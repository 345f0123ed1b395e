//! The layer graph of a model that was read from an ONNX file, and the way back of its weights.
//!
//! Everything on the way from one input to one output must be understood: the layer graph computes what the
//! file computes, for one image. Reshapes, transpositions and flattening are followed, not computed
//! ([`view`]), so that files in the order (N, H, W, C) become the same layers. A softmax at the end is left
//! out, so that the network returns logits; it stays in the file. Every trained tensor remembers the constant
//! of the file that it came from ([`Origin`]), and [`write_back`] puts new values there and nowhere else.

mod binary;
mod layer;
mod node;
mod norm;
mod resize;
mod view;
mod weight;

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Network, NetworkError, NodeId, Op, Shape, Weights};
use crate::onnx::proto::{Dimension, TensorTypeProto, TypeValue, ValueInfoProto, element};
use crate::onnx::{Facts, FactsError, Index, Model, node_label};

pub use weight::{Origin, WriteBackError, write_back};

use view::View;

/// What of a model becomes a network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportConfig {
    /// Shape of the input for one image, the batch included (1, ...): where the file leaves sizes free.
    pub shape: Option<Vec<usize>>,
    /// The output that is trained; the only one, or the first, if not given.
    pub output: Option<String>,
}

/// A model as a network.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its layers; they have the names of the file's nodes.
    pub network: Network,
    /// The values of their tensors.
    pub weights: Weights,
    /// Where each tensor that training may change came from. Constants that are part of no layer, such as the
    /// normalisation of pixels, have no origin.
    pub origins: BTreeMap<String, Origin>,
    /// The layers that compute values of the file, whatever the order of their axes.
    pub values: BTreeMap<String, NodeId>,
    /// The input of the file that holds the images.
    pub input: String,
    /// Whether it holds them as (N, H, W, C).
    pub channels_last: bool,
    /// The value of the file that the network returns.
    pub output: String,
    /// The softmax behind it that was left out, as messages name it.
    pub softmax: Option<String>,
}

/// A node that is in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclear {
    /// Its operator and name.
    pub node: String,
    /// What is not understood.
    pub reason: String,
}

impl std::fmt::Display for Unclear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.node, self.reason)
    }
}

/// Nodes for a message: a few and the number of the others.
fn listed(nodes: &[Unclear]) -> String {
    const SHOWN: usize = 4;
    let mut text: Vec<String> = nodes.iter().take(SHOWN).map(Unclear::to_string).collect();
    if nodes.len() > SHOWN {
        text.push(format!("{} more", nodes.len() - SHOWN));
    }
    text.join("; ")
}

/// Why a model is no network of the layer graph.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ImportError {
    /// Nodes on the way from the input to the output.
    #[error("the model cannot be trained: {}", listed(nodes))]
    Nodes {
        /// All that stand in the way, in the order of the file.
        nodes: Vec<Unclear>,
    },
    /// The inputs or outputs do not fit.
    #[error("the model cannot be trained: {reason}")]
    Interface {
        /// What does not fit, with what would.
        reason: String,
    },
    /// The graph contradicts itself.
    #[error("the model cannot be trained")]
    Facts(#[from] FactsError),
    /// The layers do not fit together.
    #[error("the model cannot be trained")]
    Network(#[from] NetworkError),
}

impl Network {
    /// The network of a model, best in the form that [`crate::onnx`] normalises it to.
    ///
    /// # Errors
    /// [`ImportError`] names every node that is not understood.
    pub fn from_onnx(model: &Model) -> Result<Imported, ImportError> {
        Self::from_onnx_with(model, &ImportConfig::default())
    }

    /// [`Network::from_onnx`] of another output, or where the file leaves sizes free.
    ///
    /// # Errors
    /// [`ImportError`].
    pub fn from_onnx_with(model: &Model, config: &ImportConfig) -> Result<Imported, ImportError> {
        Importer::new(model, config)?.run()
    }
}

/// An import under way.
struct Importer<'a> {
    model: &'a Model,
    index: Index,
    facts: Facts,
    network: Network,
    weights: Weights,
    origins: BTreeMap<String, Origin>,
    /// The node at hand.
    current: usize,
    /// Tensors by the constant that they came from.
    taken: HashMap<String, String>,
    /// What is known of each value of the file; `None` after a node that was not understood.
    views: HashMap<String, Option<View>>,
    /// Additions that are the bias of the layer before them.
    done: HashSet<usize>,
    input: String,
    channels_last: bool,
    output: String,
    softmax: Option<String>,
}

impl<'a> Importer<'a> {
    fn new(model: &'a Model, config: &ImportConfig) -> Result<Self, ImportError> {
        let index = Index::new(model.graph());
        let output = chosen_output(model, config)?;
        let (output, softmax) = before_softmax(model, &index, output);
        let needed = needed(model, &index, &output);
        let input = only_input(model, &index, &needed)?;
        let sizes = image_sizes(input, config)?;
        let facts = Facts::infer_with(model, &HashMap::from([(input.name.clone(), sizes.clone())]))?;
        let channels_last = is_channels_last(model, &index, &input.name, &sizes);
        let sequence = sizes.len() == 3 && is_read_as_sequence(model, &index, &input.name);
        let shape = match (&sizes[..], channels_last) {
            (&[_, c, h, w], false) | (&[_, h, w, c], true) => Shape::new(c, h, w),
            (&[_, c, length], _) if sequence => Shape::new(c, 1, length),
            (&[_, h, w], _) => Shape::new(1, h, w),
            (&[_, features], _) => Shape::vector(features),
            _ => {
                return Err(interface(format!(
                    "input `{}` has the shape {sizes:?}, an image expected",
                    input.name
                )));
            }
        };
        let map = View::map(0, shape);
        let view = match (sizes.len(), channels_last) {
            (4, true) => map.transposed(&[0, 2, 3, 1]),
            (4, false) => map,
            (3, _) if sequence => map.transposed(&[0, 1, 3]),
            (3, _) => map.transposed(&[0, 2, 3]),
            _ => View::vector(0, shape.channels),
        };
        Ok(Self {
            model,
            index,
            facts,
            network: Network::new(shape),
            weights: Weights::new(),
            origins: BTreeMap::new(),
            current: 0,
            taken: HashMap::new(),
            views: HashMap::from([(input.name.clone(), Some(view))]),
            done: HashSet::new(),
            input: input.name.clone(),
            channels_last,
            output,
            softmax,
        })
    }

    fn run(mut self) -> Result<Imported, ImportError> {
        let needed = needed(self.model, &self.index, &self.output);
        let mut unclear = vec![];
        for (at, node) in self.model.graph().node.iter().enumerate().filter(|(at, _)| needed.contains(at)) {
            if node.output.iter().all(|value| self.facts.constant(value).is_some()) {
                continue;
            }
            // what follows a node that is not understood says nothing new
            if node.input.iter().any(|value| self.views.get(value) == Some(&None)) {
                self.forget(at);
            } else if let Err(reason) = self.node(at) {
                unclear.push(Unclear { node: node_label(node), reason });
                self.forget(at);
            }
        }
        if !unclear.is_empty() {
            return Err(ImportError::Nodes { nodes: unclear });
        }
        let missing = || interface(format!("output `{}` does not depend on the image", self.output));
        let view = self.views.get(&self.output).cloned().flatten().ok_or_else(missing)?;
        let view = self.plain(&view).map_err(interface)?;
        self.network.set_output(view.node);
        Ok(self.finished()?)
    }

    /// The values of a node that is not understood.
    fn forget(&mut self, at: usize) {
        for value in &self.model.graph().node[at].output {
            self.views.insert(value.clone(), None);
        }
    }

    /// Leaves out layers that the output does not depend on.
    fn finished(self) -> Result<Imported, NetworkError> {
        let old = &self.network;
        let mut live = vec![false; old.nodes().len()];
        live[old.output()] = true;
        for (id, node) in old.nodes().iter().enumerate().rev() {
            if live[id] {
                node.inputs.iter().for_each(|&input| live[input] = true);
            }
        }
        let mut network = Network::new(old.input_shape());
        let (mut weights, mut origins) = (Weights::new(), BTreeMap::new());
        let mut place = vec![0; old.nodes().len()];
        for (id, node) in old.nodes().iter().enumerate().skip(1).filter(|(id, _)| live[*id]) {
            let inputs: Vec<usize> = node.inputs.iter().map(|&input| place[input]).collect();
            place[id] = network.push(node.name.clone(), node.op.clone(), &inputs)?;
            for (role, _) in node.op.parameters().into_iter().chain(node.op.buffers()) {
                let name = format!("{}.{role}", node.name);
                if let Some(tensor) = self.weights.get(&name) {
                    weights.insert(name.clone(), tensor.clone());
                }
                if let Some(origin) = self.origins.get(&name) {
                    origins.insert(name, origin.clone());
                }
            }
        }
        network.set_output(place[old.output()]);
        weights.check(&network)?;
        let layer = |(value, view): (&String, &Option<View>)| {
            let view = view.as_ref().filter(|view| view.has_whole_axes() && live[view.node])?;
            Some((value.clone(), place[view.node]))
        };
        let values = self.views.iter().filter_map(layer).collect();
        let Self { input, channels_last, output, softmax, .. } = self;
        Ok(Imported { network, weights, origins, values, input, channels_last, output, softmax })
    }

    /// Adds a layer.
    fn push(&mut self, name: &str, op: Op, inputs: &[usize]) -> Result<usize, String> {
        let mut unique = name.to_owned();
        let mut number = 2;
        while self.network.find(&unique).is_some() {
            unique = format!("{name}#{number}");
            number += 1;
        }
        self.network.push(unique, op, inputs).map_err(|error| match error {
            NetworkError::Shape { reason, .. } => reason,
            other => other.to_string(),
        })
    }
}

fn interface(reason: String) -> ImportError {
    ImportError::Interface { reason }
}

fn chosen_output(model: &Model, config: &ImportConfig) -> Result<String, ImportError> {
    let outputs = &model.graph().output;
    let chosen = match &config.output {
        Some(wanted) => outputs.iter().find(|output| output.name == *wanted),
        None => outputs.first(),
    };
    chosen.map(|output| output.name.clone()).ok_or_else(|| {
        let names: Vec<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
        let wanted = config.output.as_deref().unwrap_or_default();
        interface(format!("there is no output `{wanted}` among [{}]", names.join(", ")))
    })
}

/// The value that a softmax at the very end reads, and that softmax.
fn before_softmax(model: &Model, index: &Index, output: String) -> (String, Option<String>) {
    let mut value = output.as_str();
    while let Some((at, 0)) = index.producer(value) {
        let node = &model.graph().node[at];
        let Some(input) = node.input_name(0).filter(|_| node.is_standard()) else { break };
        match node.op_type.as_str() {
            "Softmax" | "LogSoftmax" => return (input.into(), Some(node_label(node))),
            "Identity" | "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => value = input,
            _ => break,
        }
    }
    (output, None)
}

/// The nodes that a value depends on.
fn needed(model: &Model, index: &Index, value: &str) -> HashSet<usize> {
    let (mut found, mut left) = (HashSet::new(), vec![value.to_owned()]);
    while let Some(value) = left.pop() {
        if let Some((at, _)) = index.producer(&value)
            && found.insert(at)
        {
            left.extend(model.graph().node[at].input.iter().cloned());
        }
    }
    found
}

/// The input of numbers that the nodes read; constants that are also inputs are none.
fn only_input<'a>(
    model: &'a Model,
    index: &Index,
    needed: &HashSet<usize>,
) -> Result<&'a ValueInfoProto, ImportError> {
    let graph = model.graph();
    let read = |name: &str| index.consumers(name).iter().any(|(at, _)| needed.contains(at));
    let inputs =
        graph.input.iter().filter(|input| index.initializer(&input.name).is_none() && read(&input.name));
    match inputs.collect::<Vec<_>>()[..] {
        [input] => {
            let kind = tensor_type(input).map(|tensor| tensor.elem_type);
            match kind {
                Some(element::FLOAT) => Ok(input),
                other => Err(interface(format!(
                    "input `{}` holds elements of type {}, f32 (1) expected",
                    input.name,
                    other.unwrap_or(0)
                ))),
            }
        }
        [] => Err(interface("its output depends on no input".into())),
        ref several => {
            let names: Vec<&str> = several.iter().map(|input| input.name.as_str()).collect();
            Err(interface(format!("its output depends on {} inputs: {}", names.len(), names.join(", "))))
        }
    }
}

fn tensor_type(value: &ValueInfoProto) -> Option<&TensorTypeProto> {
    match value.r#type.as_ref()?.value.as_ref()? {
        TypeValue::Tensor(tensor) => Some(tensor),
        _ => None,
    }
}

/// The sizes that the file states; `None` for a free one.
fn declared_sizes(value: &ValueInfoProto) -> Vec<Option<usize>> {
    let shape = tensor_type(value).and_then(|tensor| tensor.shape.as_ref());
    let size = |dim: &Option<Dimension>| match dim {
        Some(Dimension::Value(size)) => usize::try_from(*size).ok(),
        _ => None,
    };
    shape.map(|shape| shape.dim.iter().map(|dim| size(&dim.value)).collect()).unwrap_or_default()
}

/// The shape of the input for one image.
fn image_sizes(input: &ValueInfoProto, config: &ImportConfig) -> Result<Vec<usize>, ImportError> {
    let declared = declared_sizes(input);
    if let Some(given) = &config.shape {
        let mut sizes = given.clone();
        if sizes.first() != Some(&1) || (!declared.is_empty() && declared.len() != sizes.len()) {
            return Err(interface(format!(
                "the shape {given:?} given for input `{}` must be that of one image, of {} sizes",
                input.name,
                declared.len()
            )));
        }
        sizes[0] = 1;
        return Ok(sizes);
    }
    let mut sizes = vec![];
    for (axis, size) in declared.iter().enumerate() {
        sizes.push(match (axis, size) {
            (0, _) => 1,
            (_, Some(size)) => *size,
            (axis, None) => {
                return Err(interface(format!(
                    "axis {axis} of input `{}` is free: give the shape of an image",
                    input.name
                )));
            }
        });
    }
    Ok(sizes)
}

/// Whether an image has its channels last: an axis of 1, 3 or 4 says so, and where both or neither does, a
/// transposition that follows. A layer that reads the image itself knows one order only.
fn is_channels_last(model: &Model, index: &Index, input: &str, sizes: &[usize]) -> bool {
    let &[_, first, _, last] = sizes else { return false };
    let few = |size: usize| matches!(size, 1 | 3 | 4);
    let node = |at: usize| &model.graph().node[at];
    if index
        .consumers(input)
        .iter()
        .any(|&(at, _)| matches!(node(at).op_type.as_str(), "Conv" | "MaxPool" | "AveragePool"))
    {
        return false;
    }
    match (few(first), few(last)) {
        (true, false) => false,
        (false, true) => true,
        _ => index.consumers(input).iter().any(|&(at, _)| {
            let node = node(at);
            node.op_type == "Transpose" && node.ints("perm") == Some(&[0, 3, 1, 2])
        }),
    }
}

/// Whether an input of three axes is (N, C, length): what computes along the last reads it as it is.
/// Otherwise it is an image of one channel.
fn is_read_as_sequence(model: &Model, index: &Index, input: &str) -> bool {
    index.consumers(input).iter().any(|&(at, slot)| {
        let node = &model.graph().node[at];
        let window = matches!(
            node.op_type.as_str(),
            "Conv"
                | "ConvTranspose"
                | "MaxPool"
                | "AveragePool"
                | "BatchNormalization"
                | "InstanceNormalization"
        );
        slot == 0 && node.is_standard() && window
    })
}

#[cfg(test)]
mod test;
