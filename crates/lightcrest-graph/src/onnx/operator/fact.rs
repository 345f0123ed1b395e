//! What is known of one value.

use std::sync::Arc;

use super::super::array::{Array, Data};
use super::super::facts::{Dim, known};
use super::super::proto::element;

/// What is known of one value.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fact {
    /// Number of the element type in `onnx.proto`.
    pub(crate) element: Option<i32>,
    /// Its sizes, when the rank is known.
    pub(crate) shape: Option<Vec<Dim>>,
    /// Its elements.
    pub(crate) content: Option<Content>,
}

/// What is known of the elements of a value.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// All of them.
    Known(Arc<Array>),
    /// Some of a list of i64, or of a scalar: what is computed from a shape with free sizes.
    Partial(Vec<Number>),
}

/// A number of a computed shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    Known(i64),
    /// The free size of that name.
    Named(String),
    Unknown,
}

impl Number {
    /// The size that it stands for; `None` when it is below zero.
    pub(crate) fn dim(&self) -> Option<Dim> {
        match self {
            Number::Known(value) => usize::try_from(*value).ok().map(Dim::Known),
            Number::Named(name) => Some(Dim::Named(name.clone())),
            Number::Unknown => Some(Dim::Unknown),
        }
    }
}

impl From<&Dim> for Number {
    fn from(dim: &Dim) -> Self {
        match dim {
            Dim::Known(size) => Number::Known(*size as i64),
            Dim::Named(name) => Number::Named(name.clone()),
            Dim::Unknown => Number::Unknown,
        }
    }
}

impl Fact {
    /// A value of that element type.
    pub(crate) fn of(element: i32) -> Self {
        Self { element: Some(element), ..Self::default() }
    }

    /// A value of that type and shape.
    pub(crate) fn new(element: Option<i32>, shape: Vec<Dim>) -> Self {
        Self { element, shape: Some(shape), content: None }
    }

    /// A value of that type whose shape is known or not.
    pub(crate) fn maybe(element: Option<i32>, shape: Option<Vec<Dim>>) -> Self {
        Self { element, shape, content: None }
    }

    /// A constant.
    pub(crate) fn constant(array: Arc<Array>) -> Self {
        Self {
            element: Some(array.element()),
            shape: Some(known(array.shape.iter().copied())),
            content: Some(Content::Known(array)),
        }
    }

    /// A list of i64 of which some may be free.
    pub(crate) fn numbers(numbers: Vec<Number>, shape: Vec<Dim>) -> Self {
        let whole: Option<Vec<i64>> =
            numbers.iter().map(|n| if let Number::Known(value) = n { Some(*value) } else { None }).collect();
        let sizes: Option<Vec<usize>> = shape.iter().map(Dim::known).collect();
        let content = match (whole, sizes) {
            (Some(values), Some(shape)) => Content::Known(Arc::new(Array { shape, data: Data::I64(values) })),
            _ => Content::Partial(numbers),
        };
        Self { element: Some(element::INT64), shape: Some(shape), content: Some(content) }
    }

    /// The sizes, when all are known.
    pub(crate) fn known_shape(&self) -> Option<Vec<usize>> {
        self.shape.as_ref()?.iter().map(Dim::known).collect()
    }

    /// The elements, when all are known.
    pub(crate) fn array(&self) -> Option<&Array> {
        if let Some(Content::Known(array)) = &self.content { Some(array) } else { None }
    }

    /// The elements as whole numbers, when all are known and whole by type.
    pub(crate) fn ints(&self) -> Option<Vec<i64>> {
        self.array()?.to_i64()
    }

    /// The elements as whole numbers of which some may be free.
    pub(crate) fn partial(&self) -> Option<Vec<Number>> {
        match self.content.as_ref()? {
            Content::Known(array) => Some(array.to_i64()?.into_iter().map(Number::Known).collect()),
            Content::Partial(numbers) => Some(numbers.clone()),
        }
    }
}
