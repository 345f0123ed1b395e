//! The layer graph: the one intermediate representation that everything else reads or rewrites.
//!
//! A [`Network`] is a list of [`Node`]s in topological order; node 0 is the input image. Structure and values
//! are apart: the network says what is computed, [`Weights`] hold the numbers under the names of the nodes,
//! in the layouts of PyTorch and ONNX, so that a pass rewrites either without touching the other.
//!
//! Shapes are those of ONE image, `(channels, height, width)`; the batch is never part of the graph. A vector
//! (after [`Op::Flatten`] or [`Op::Linear`]) has height = width = 1.

use std::collections::HashMap;

mod cost;
mod fold;
mod import;
pub mod reference;
mod safetensors;
mod summary;
mod unfold;
mod weights;

pub use crate::operator::{
    Activation, Affine, Alignment, BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, BatchNorm, ChannelConv,
    ChannelShuffle, Conv2d, ConvTranspose2d, Dropout, Gather, GroupNorm, Input, Interpolate, LayerNorm,
    Linear, LocalNorm, Op, PRelu, Pad, Padding, PixelShuffle, Pool2d, PoolKind, Role, Slice, Start, Upsample,
};
pub use crate::shape::Shape;
pub use crate::tensor::{Tensor, Weights};
pub use cost::Cost;
pub use import::{ImportConfig, ImportError, Imported, Origin, Unclear, WriteBackError, write_back};
pub use safetensors::SafetensorsError;
pub use summary::SummaryRow;
pub use unfold::FoldedNorms;

/// Most layers of a network: a thousand times as many as a light one has, and few enough to build in a
/// moment.
const MOST_LAYERS: usize = 1 << 16;

/// Index of a node in [`Network::nodes`].
pub type NodeId = usize;

/// One operator with its inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Path of the layer, unique in the network: `stage2.0.expand.conv`. Weights are stored under it.
    pub name: String,
    /// What is computed.
    pub op: Op,
    /// The nodes whose outputs it reads, in the order that the operator expects; all come earlier in the
    /// list.
    pub inputs: Vec<NodeId>,
    /// Whether training leaves its tensors as they are, running statistics included, which then stand for
    /// those of the batch.
    pub frozen: bool,
}

/// A network as a list of nodes in topological order.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    nodes: Vec<Node>,
    by_name: HashMap<String, NodeId>,
    shapes: Vec<Shape>,
    output: NodeId,
}

/// Why a network cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// An operator cannot read the shape that arrives.
    #[error("layer `{layer}` ({op}): {reason}")]
    Shape {
        /// Path of the layer.
        layer: String,
        /// Name of the operator.
        op: &'static str,
        /// What does not fit, with the offending values.
        reason: String,
    },
    /// A module cannot be built from its configuration.
    #[error("module `{path}` ({module}): {reason}")]
    Module {
        /// Path of the module.
        path: String,
        /// Name of the module.
        module: &'static str,
        /// What is wrong, with the offending values.
        reason: String,
    },
    /// Two layers share a path.
    #[error("two layers are named `{0}`: every path must be unique")]
    DuplicateName(String),
    /// A tensor is missing or has another shape than its layer asks for.
    #[error("weight `{name}`: expected shape {expected:?}, found {found:?}")]
    Weight {
        /// Name of the tensor.
        name: String,
        /// Shape the layer asks for.
        expected: Vec<usize>,
        /// Shape that is there; empty when the tensor is missing.
        found: Vec<usize>,
    },
}

impl Network {
    /// A network that only passes its input on; [`Network::push`] adds layers.
    pub fn new(input: Shape) -> Self {
        let op = Op::Input(Input(input));
        let node = Node { name: "input".into(), op, inputs: vec![], frozen: false };
        let by_name = HashMap::from([(node.name.clone(), 0)]);
        Self { nodes: vec![node], by_name, shapes: vec![input], output: 0 }
    }

    /// Appends a layer, infers its shape, makes it the output and returns its id.
    ///
    /// # Errors
    /// [`NetworkError::Shape`] when the operator cannot read the shapes of `inputs`,
    /// [`NetworkError::DuplicateName`] when the path is taken.
    pub fn push(
        &mut self,
        name: impl Into<String>,
        op: Op,
        inputs: &[NodeId],
    ) -> Result<NodeId, NetworkError> {
        let name = name.into();
        if self.by_name.contains_key(&name) {
            return Err(NetworkError::DuplicateName(name));
        }
        let shapes: Vec<Shape> = inputs.iter().map(|&id| self.shapes[id]).collect();
        let room = match self.nodes.len() < MOST_LAYERS {
            true => op.output_shape(&shapes),
            false => Err(format!("a network has at most {MOST_LAYERS} layers")),
        };
        let failed = |reason| NetworkError::Shape { layer: name.clone(), op: op.name(), reason };
        let shape = room.map_err(failed)?;
        self.by_name.insert(name.clone(), self.nodes.len());
        self.nodes.push(Node { name, op, inputs: inputs.to_vec(), frozen: false });
        self.shapes.push(shape);
        self.output = self.nodes.len() - 1;
        Ok(self.output)
    }

    /// Every node, inputs before their readers.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node of that path.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied()
    }

    /// Output shape of a node.
    pub fn shape(&self, id: NodeId) -> Shape {
        self.shapes[id]
    }

    /// Shape of the input image.
    pub fn input_shape(&self) -> Shape {
        self.shapes[0]
    }

    /// The node whose value the network returns.
    pub fn output(&self) -> NodeId {
        self.output
    }

    /// Freezes the layers that `chosen` says, by their paths, and thaws the others; returns how many tensors'
    /// layers are frozen.
    pub fn freeze(&mut self, chosen: impl Fn(&str) -> bool) -> usize {
        for node in &mut self.nodes {
            node.frozen = chosen(&node.name);
        }
        let has_tensors = |node: &&Node| node.frozen && !node.op.parameters().is_empty();
        self.nodes.iter().filter(has_tensors).count()
    }

    /// Makes another node the output.
    pub(crate) fn set_output(&mut self, id: NodeId) {
        self.output = id;
    }

    /// The network that returns the values of `others` behind its own output, each flattened: for those who
    /// look inside while it runs. The output must be a vector.
    ///
    /// # Errors
    /// [`NetworkError::Shape`] when it is a map.
    pub fn returning_also(&self, others: &[NodeId]) -> Result<Self, NetworkError> {
        let mut network = self.clone();
        let mut joined = vec![self.output];
        for &id in others {
            let path = network.free_path(&format!("{}/flat", self.nodes[id].name));
            joined.push(network.push(path, Op::Flatten, &[id])?);
        }
        if !others.is_empty() {
            let path = network.free_path("output/joined");
            network.push(path, Op::Concat, &joined)?;
        }
        Ok(network)
    }

    /// `path`, or that with underscores behind it if it is taken.
    pub(crate) fn free_path(&self, path: &str) -> String {
        let mut free = path.to_owned();
        while self.find(&free).is_some() {
            free.push('_');
        }
        free
    }

    /// The nodes that read each node, in the order of the list; a node that reads a value twice stands there
    /// twice. What the network returns is also read by the caller, whom no list names.
    pub fn readers(&self) -> Vec<Vec<NodeId>> {
        let mut readers = vec![vec![]; self.nodes.len()];
        for (id, node) in self.nodes.iter().enumerate() {
            for &input in &node.inputs {
                readers[input].push(id);
            }
        }
        readers
    }

    /// For each node its only reader; `None` where there are several or none, and for what the network
    /// returns.
    pub fn only_readers(&self) -> Vec<Option<NodeId>> {
        let mut only: Vec<Option<NodeId>> = self.readers().iter().map(|list| only(list)).collect();
        only[self.output] = None;
        only
    }

    /// Shape of what the network returns.
    pub fn output_shape(&self) -> Shape {
        self.shapes[self.output]
    }
}

/// The element of a list of one.
fn only(list: &[NodeId]) -> Option<NodeId> {
    match list {
        [reader] => Some(*reader),
        _ => None,
    }
}
