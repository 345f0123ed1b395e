//! Tensors of layers and the constants of the file that they are.

use std::collections::{BTreeMap, HashSet};

use super::super::{Tensor, Weights};
use super::Importer;
use crate::onnx::proto::element;
use crate::onnx::{Array, Index, Model};

/// Where a tensor came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The constant of the file.
    pub value: String,
    /// Its sizes there.
    pub shape: Vec<usize>,
    /// Whether it is a matrix (in, out) there, and (out, in) here.
    pub transposed: bool,
    /// Where another layer has the same constant: the node that reads it, by its first output, and which of
    /// its inputs it is. Written back, the node gets a constant of its own.
    pub shared: Option<(String, usize)>,
}

/// Why weights cannot go back into a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteBackError {
    /// The weights are not those of the imported network.
    #[error(
        "weight `{tensor}` is missing or has another number of values than constant `{value}` of the model"
    )]
    Tensor {
        /// The tensor.
        tensor: String,
        /// The constant.
        value: String,
    },
    /// The model is not the one that was imported.
    #[error("the model has no constant `{value}`, which weight `{tensor}` came from")]
    Value {
        /// The tensor.
        tensor: String,
        /// The constant.
        value: String,
    },
    /// A weight that is not a number.
    #[error("weight `{tensor}` is not finite")]
    NotFinite {
        /// The tensor.
        tensor: String,
    },
}

/// Puts the values of trained tensors into the model they came from, under the names that they have there.
/// Nothing else of the model changes, but that a constant which nodes computed becomes a stored one.
///
/// # Errors
/// [`WriteBackError`]; then the model is as it was.
pub fn write_back(
    model: &mut Model,
    origins: &BTreeMap<String, Origin>,
    weights: &Weights,
) -> Result<(), WriteBackError> {
    let index = Index::new(model.graph());
    let mut tensors = Vec::with_capacity(origins.len());
    let mut readers = vec![];
    for (tensor, origin) in origins {
        let named = || (tensor.clone(), origin.value.clone());
        let values = weights.get(tensor).filter(|t| t.data.len() == origin.shape.iter().product::<usize>());
        let values = values.ok_or_else(|| {
            let (tensor, value) = named();
            WriteBackError::Tensor { tensor, value }
        })?;
        if values.data.iter().any(|v| !v.is_finite()) {
            return Err(WriteBackError::NotFinite { tensor: tensor.clone() });
        }
        if index.initializer(&origin.value).is_none() && index.producer(&origin.value).is_none() {
            let (tensor, value) = named();
            return Err(WriteBackError::Value { tensor, value });
        }
        let data = if origin.transposed { swapped(&values.data, &values.shape) } else { values.data.clone() };
        let mut name = origin.value.clone();
        if let Some((output, slot)) = &origin.shared {
            let reader = index.producer(output).map(|(at, _)| at);
            let reader =
                reader.filter(|&at| model.graph().node[at].input.len() > *slot).ok_or_else(|| {
                    let (tensor, value) = named();
                    WriteBackError::Value { tensor, value }
                })?;
            name = format!("{name}/{tensor}");
            readers.push((reader, *slot, name.clone()));
        }
        tensors.push(Array::f32(origin.shape.clone(), data).to_proto(&name));
    }
    let computed: HashSet<usize> =
        tensors.iter().filter_map(|tensor| Some(index.producer(&tensor.name)?.0)).collect();
    let graph = model.graph_mut();
    for (at, slot, name) in readers {
        graph.node[at].input[slot] = name;
    }
    for mut tensor in tensors {
        match index.initializer(&tensor.name) {
            Some(at) => {
                tensor.doc_string = std::mem::take(&mut graph.initializer[at].doc_string);
                graph.initializer[at] = tensor;
            }
            None => graph.initializer.push(tensor),
        }
    }
    let mut at = 0;
    graph.node.retain(|_| {
        at += 1;
        !computed.contains(&(at - 1))
    });
    Ok(())
}

/// A matrix (rows, columns) as (columns, rows).
fn swapped(data: &[f32], shape: &[usize]) -> Vec<f32> {
    let rows = shape[0];
    let columns = data.len() / rows.max(1);
    (0..columns).flat_map(|column| (0..rows).map(move |row| data[row * columns + column])).collect()
}

/// A constant that becomes a tensor.
pub(super) struct Constant<'a> {
    pub(super) value: &'a str,
    pub(super) array: &'a Array,
}

impl<'a> Importer<'a> {
    /// The constant numbers of a value; `None` when it is none.
    pub(super) fn numbers(&self, value: &str) -> Option<Vec<f32>> {
        match self.facts.constant(value)?.element() {
            element::FLOAT => self.facts.constant(value)?.as_f32().map(<[f32]>::to_vec),
            element::INT64 | element::INT32 => {
                Some(self.facts.constant(value)?.to_i64()?.into_iter().map(|v| v as f32).collect())
            }
            _ => None,
        }
    }

    /// The constant that input `slot` of a node must be, with f32 elements.
    pub(super) fn constant(&self, at: usize, slot: usize, what: &str) -> Result<(String, Array), String> {
        let node = &self.model.graph().node[at];
        let value = node.input_name(slot).ok_or_else(|| format!("it has no {what}"))?;
        let array = self.facts.constant(value).filter(|array| array.as_f32().is_some());
        array.map(|array| (value.to_owned(), array.clone())).ok_or_else(|| match self.facts.element(value) {
            Some(element) if element != element::FLOAT => {
                format!("its {what} `{value}` has elements of type {element}, f32 (1) expected")
            }
            _ => format!("its {what} `{value}` is not constant"),
        })
    }

    /// Where the constant stands in the node at hand, if a layer has it as its weight already.
    fn take(&mut self, value: &str, tensor: &str) -> Result<Option<(String, usize)>, String> {
        if self.taken.insert(value.to_owned(), tensor.to_owned()).is_none() {
            return Ok(None);
        }
        let node = &self.model.graph().node[self.current];
        let slot = node.input.iter().position(|name| name == value);
        let slot = slot.ok_or_else(|| format!("its weight `{value}` is also that of another layer"))?;
        Ok(Some((node.output[0].clone(), slot)))
    }

    /// Gives `tensor` the values of a constant under another shape, and remembers where they came from.
    pub(super) fn load(
        &mut self,
        tensor: &str,
        constant: &Constant<'_>,
        shape: Vec<usize>,
    ) -> Result<(), String> {
        self.insert(tensor, constant, shape, false)
    }

    /// The same of a matrix (in, out) that is (out, in) here, under another shape.
    pub(super) fn load_transposed(
        &mut self,
        tensor: &str,
        constant: &Constant<'_>,
        shape: Vec<usize>,
    ) -> Result<(), String> {
        self.insert(tensor, constant, shape, true)
    }

    fn insert(
        &mut self,
        tensor: &str,
        constant: &Constant<'_>,
        shape: Vec<usize>,
        transposed: bool,
    ) -> Result<(), String> {
        let data = constant.array.as_f32().unwrap_or_default();
        if shape.iter().product::<usize>() != data.len() {
            let found = &constant.array.shape;
            return Err(format!(
                "its weight `{}` has the shape {found:?}, {shape:?} expected",
                constant.value
            ));
        }
        let shared = self.take(constant.value, tensor)?;
        let stored = constant.array.shape.clone();
        let data = if transposed { swapped(data, &stored) } else { data.to_vec() };
        self.weights.insert(tensor, Tensor { shape, data });
        let origin = Origin { value: constant.value.into(), shape: stored, transposed, shared };
        self.origins.insert(tensor.into(), origin);
        Ok(())
    }

    /// Gives `tensor` values that training does not change.
    pub(super) fn fix(&mut self, tensor: &str, data: Vec<f32>) {
        self.weights.insert(tensor, Tensor { shape: vec![data.len()], data });
    }
}
