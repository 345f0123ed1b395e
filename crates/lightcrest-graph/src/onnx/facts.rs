//! What is known of the values of a graph before anything is run: shapes, element types, constants.
//!
//! Nodes are visited once, in the order of the file. Sizes that are free stay free: each has a name, its own
//! if the file gives one and `VALUE.AXIS` otherwise, and equal names mean equal sizes. Computed shapes
//! (`Shape`, `Gather`, `Concat`, `Reshape`) are followed although some of their numbers are free. What
//! depends on nothing but constants is computed, up to [`FOLD_LIMIT`].

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::array::{Array, ArrayError};
use super::check::node_label;
use super::model::Model;
use super::operator::{self, Content, Fact, Site};
use super::proto::{Dimension, NodeProto, TypeValue, ValueInfoProto};

/// A constant is computed when it has at most as many elements as this and its inputs together: a weight
/// behind a `Transpose` is, 400 MB of zeros that are made from four numbers are not.
pub const FOLD_LIMIT: usize = 1 << 20;

/// A size of a shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Dim {
    /// A number.
    Known(usize),
    /// Free, by name: equal names mean equal sizes.
    Named(String),
    /// Free.
    Unknown,
}

impl Dim {
    /// The size, if it is known.
    pub fn known(&self) -> Option<usize> {
        if let Dim::Known(size) = self { Some(*size) } else { None }
    }
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Known(size) => write!(f, "{size}"),
            Dim::Named(name) => f.write_str(name),
            Dim::Unknown => f.write_str("?"),
        }
    }
}

/// Why nothing can be said of a graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FactsError {
    /// A node that cannot do what it is asked to.
    #[error("{node} with inputs of shape {inputs}: {reason}")]
    Node {
        /// Its operator, with its name or that of what it writes.
        node: String,
        /// Shapes of what it reads.
        inputs: String,
        /// What does not fit.
        reason: String,
    },
    /// A constant that is none.
    #[error("a constant of the graph cannot be read")]
    Constant(#[from] ArrayError),
    /// A size was given for something else than an input.
    #[error("the graph has no input `{name}`; its inputs are {inputs}")]
    NoInput {
        /// What was given.
        name: String,
        /// The inputs.
        inputs: String,
    },
    /// A shape of another rank was given for an input.
    #[error("input `{name}` has {expected} axes, but got the shape {found:?}")]
    Rank {
        /// The input.
        name: String,
        /// Its rank.
        expected: usize,
        /// The given shape.
        found: Vec<usize>,
    },
}

/// What is known of each value of a graph.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    values: HashMap<String, Fact>,
}

impl Facts {
    /// What is known of the model whatever it is fed.
    ///
    /// # Errors
    /// [`FactsError`].
    pub fn infer(model: &Model) -> Result<Self, FactsError> {
        Self::infer_with(model, &HashMap::new())
    }

    /// What is known of the model when inputs have these shapes. A given size replaces what the file says,
    /// and with it every free size of the same name.
    ///
    /// # Errors
    /// [`FactsError`].
    pub fn infer_with(model: &Model, shapes: &HashMap<String, Vec<usize>>) -> Result<Self, FactsError> {
        let graph = model.graph();
        let declared = Declared::new(model, shapes)?;
        let mut facts = Self::default();
        for input in &graph.input {
            facts.values.insert(input.name.clone(), declared.input(input, shapes.get(&input.name)));
        }
        for tensor in &graph.initializer {
            facts.values.insert(tensor.name.clone(), Fact::tensor(tensor)?);
        }
        for sparse in &graph.sparse_initializer {
            if let Some(values) = &sparse.values {
                let shape: Option<Vec<usize>> =
                    sparse.dims.iter().map(|&size| usize::try_from(size).ok()).collect();
                let fact = Fact { shape: shape.map(known), ..Fact::of(values.data_type) };
                facts.values.insert(values.name.clone(), fact);
            }
        }
        let opset = model.opset();
        for node in &graph.node {
            facts.visit(node, opset, &declared)?;
        }
        Ok(facts)
    }

    /// Puts what a node writes beside what it reads.
    fn visit(&mut self, node: &NodeProto, opset: i64, declared: &Declared) -> Result<(), FactsError> {
        let inputs: Vec<Option<&Fact>> =
            node.input.iter().map(|name| self.values.get(name).filter(|_| !name.is_empty())).collect();
        let outputs = operator::infer(&Site { node, opset }, &inputs).map_err(|reason| FactsError::Node {
            node: node_label(node),
            inputs: shapes(&inputs),
            reason,
        })?;
        let mut outputs = outputs.into_iter();
        for name in &node.output {
            let mut fact = outputs.next().unwrap_or_default();
            if name.is_empty() {
                continue;
            }
            declared.complete(name, &mut fact);
            for (axis, dim) in fact.shape.iter_mut().flatten().enumerate() {
                if *dim == Dim::Unknown {
                    *dim = Dim::Named(format!("{name}.{axis}"));
                }
            }
            self.values.insert(name.clone(), fact);
        }
        Ok(())
    }

    /// [`Facts::constant`], shared.
    pub(crate) fn shared(&self, value: &str) -> Option<Arc<Array>> {
        match &self.values.get(value)?.content {
            Some(Content::Known(held)) => Some(Arc::clone(held.array())),
            _ => None,
        }
    }

    /// Whether [`Facts::constant`] knows the elements.
    pub(crate) fn is_constant(&self, value: &str) -> bool {
        self.values.get(value).is_some_and(Fact::is_constant)
    }

    /// The shape, if the rank is known. Of a size that is free, the name says which others equal it.
    pub fn shape(&self, value: &str) -> Option<&[Dim]> {
        self.values.get(value)?.shape.as_deref()
    }

    /// The shape, if every size is known.
    pub fn known_shape(&self, value: &str) -> Option<Vec<usize>> {
        self.shape(value)?.iter().map(Dim::known).collect()
    }

    /// Number of the element type in `onnx.proto`, if known.
    pub fn element(&self, value: &str) -> Option<i32> {
        self.values.get(value)?.element
    }

    /// The elements of an initializer, or of what was computed from constants alone. Initializers that the
    /// graph also lists as inputs count with the value that the file gives them.
    pub fn constant(&self, value: &str) -> Option<&Array> {
        self.values.get(value)?.array()
    }
}

/// Shapes for messages.
fn shapes(inputs: &[Option<&Fact>]) -> String {
    let shape = |fact: &Option<&Fact>| match fact {
        None => "-".into(),
        Some(Fact { shape: None, .. }) => "unknown".into(),
        Some(Fact { shape: Some(shape), .. }) => bracketed(shape),
    };
    inputs.iter().map(shape).collect::<Vec<_>>().join(", ")
}

/// `[N, 3, 8]`.
pub(crate) fn bracketed(shape: &[Dim]) -> String {
    format!("[{}]", shape.iter().map(Dim::to_string).collect::<Vec<_>>().join(", "))
}

/// Sizes that are all known.
pub(crate) fn known(shape: impl IntoIterator<Item = usize>) -> Vec<Dim> {
    shape.into_iter().map(Dim::Known).collect()
}

/// What the file says of its values.
struct Declared<'a> {
    values: HashMap<&'a str, &'a ValueInfoProto>,
    /// Free sizes that were given.
    sizes: HashMap<&'a str, usize>,
    /// Whether an input got another size than the file fixes: what it says of the values behind is void then.
    void: bool,
}

impl<'a> Declared<'a> {
    fn new(model: &'a Model, shapes: &HashMap<String, Vec<usize>>) -> Result<Self, FactsError> {
        let graph = model.graph();
        let mut sizes = HashMap::new();
        let mut void = false;
        for (name, given) in shapes {
            let input = graph.input.iter().find(|input| &input.name == name);
            let input = input.ok_or_else(|| FactsError::NoInput {
                name: name.clone(),
                inputs: graph.input.iter().map(|i| format!("`{}`", i.name)).collect::<Vec<_>>().join(", "),
            })?;
            let Some(dims) = dims(input) else { continue };
            if dims.len() != given.len() {
                let found = given.clone();
                return Err(FactsError::Rank { name: name.clone(), expected: dims.len(), found });
            }
            for (dim, &size) in dims.iter().zip(given) {
                match dim {
                    Some(Dimension::Param(name)) if is_name(name) => {
                        void |= sizes.insert(name.as_str(), size).is_some_and(|other| other != size);
                    }
                    Some(Dimension::Value(value)) if *value > 0 => void |= *value as usize != size,
                    _ => {}
                }
            }
        }
        let values = graph.value_info.iter().chain(&graph.output);
        Ok(Self { values: values.map(|value| (value.name.as_str(), value)).collect(), sizes, void })
    }

    fn input(&self, input: &ValueInfoProto, given: Option<&Vec<usize>>) -> Fact {
        let shape = match (given, dims(input)) {
            (Some(given), _) => Some(known(given.iter().copied())),
            (None, None) => None,
            (None, Some(dims)) => Some(
                dims.iter()
                    .enumerate()
                    .map(|(axis, dim)| match self.dim(*dim) {
                        Dim::Unknown => Dim::Named(format!("{}.{axis}", input.name)),
                        dim => dim,
                    })
                    .collect(),
            ),
        };
        Fact { element: element(input), shape, content: None }
    }

    fn dim(&self, dim: Option<&Dimension>) -> Dim {
        match dim {
            // Some writers put -1 or 0 where a size is free.
            Some(Dimension::Value(value)) if *value > 0 => Dim::Known(*value as usize),
            Some(Dimension::Param(name)) if is_name(name) => match self.sizes.get(name.as_str()) {
                Some(&size) => Dim::Known(size),
                None => Dim::Named(name.clone()),
            },
            _ => Dim::Unknown,
        }
    }

    /// Adds what the file says where inference found nothing.
    fn complete(&self, name: &str, fact: &mut Fact) {
        let Some(value) = self.values.get(name) else { return };
        fact.element = fact.element.or(element(value));
        let Some(dims) = dims(value).filter(|_| !self.void) else { return };
        let shape = fact.shape.get_or_insert_with(|| vec![Dim::Unknown; dims.len()]);
        if shape.len() == dims.len() {
            for (found, dim) in shape.iter_mut().zip(dims).filter(|(found, _)| **found == Dim::Unknown) {
                *found = self.dim(dim);
            }
        }
    }
}

/// The declared sizes of a tensor.
fn dims(value: &ValueInfoProto) -> Option<Vec<Option<&Dimension>>> {
    let Some(TypeValue::Tensor(tensor)) = &value.r#type.as_ref()?.value else { return None };
    Some(tensor.shape.as_ref()?.dim.iter().map(|dim| dim.value.as_ref()).collect())
}

/// Whether a free size has a name; Paddle writes `?` for each, which makes them no more equal.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name != "?"
}

/// The declared element type of a tensor.
fn element(value: &ValueInfoProto) -> Option<i32> {
    let Some(TypeValue::Tensor(tensor)) = &value.r#type.as_ref()?.value else { return None };
    Some(tensor.elem_type).filter(|&element| element != 0)
}

#[cfg(test)]
#[path = "facts_test.rs"]
mod test;
