//! The constants of a graph.

use std::collections::{HashMap, HashSet};

use crate::onnx::{Array, Model};

/// Initializers that nobody can give from outside, decoded when they are of f32.
#[derive(Clone, Debug, Default)]
pub(super) struct Constants {
    names: HashSet<String>,
    f32: HashMap<String, Array>,
}

impl Constants {
    /// Those of a model. What cannot be decoded is a constant all the same, and nothing is computed with it.
    pub(super) fn new(model: &Model) -> Self {
        let inputs: HashSet<&str> = model.graph().input.iter().map(|value| value.name.as_str()).collect();
        let mut constants = Self::default();
        for tensor in &model.graph().initializer {
            if inputs.contains(tensor.name.as_str()) {
                continue;
            }
            constants.names.insert(tensor.name.clone());
            if let Ok(array) = Array::from_proto(tensor)
                && array.as_f32().is_some()
            {
                constants.f32.insert(tensor.name.clone(), array);
            }
        }
        constants
    }

    /// Changes a constant of f32.
    pub(super) fn set(&mut self, name: &str, array: Array) {
        self.f32.insert(name.into(), array);
    }

    /// Whether the value is a constant.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The constant, if it is of f32.
    pub(super) fn f32(&self, name: &str) -> Option<&Array> {
        self.f32.get(name)
    }
}
