//! What is known of one value.

use std::sync::{Arc, OnceLock};

use super::super::array::{Array, ArrayError, Data, check_elements, shape_of};
use super::super::facts::{Dim, known};
use super::super::proto::{TensorProto, element};

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
    Known(Held),
    /// Some of a list of i64, or of a scalar: what is computed from a shape with free sizes.
    Partial(Vec<Number>),
}

/// The elements of a constant, which are decoded when somebody asks for them: of most weights nobody does.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// Where they are decoded from, if they are not there yet.
    source: Option<Arc<TensorProto>>,
    array: Arc<OnceLock<Arc<Array>>>,
}

/// Tensors of fewer bytes are decoded at once.
const SMALL: usize = 1 << 12;

impl Held {
    fn new(array: Arc<Array>) -> Self {
        Self { source: None, array: Arc::new(array.into()) }
    }

    /// The elements.
    pub(crate) fn array(&self) -> &Arc<Array> {
        self.array.get_or_init(|| {
            let array = self.source.as_deref().map(Array::from_proto);
            Arc::new(array.and_then(Result::ok).expect("what is held without its elements was checked"))
        })
    }
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
            content: Some(Content::Known(Held::new(array))),
        }
    }

    /// What is known of an initializer. Elements that are not computed with leave its shape and type.
    ///
    /// # Errors
    /// [`ArrayError`] when its elements and its sizes do not agree.
    pub(crate) fn tensor(tensor: &TensorProto) -> Result<Self, ArrayError> {
        let raw = tensor.raw_data.as_ref().map_or(0, |raw| raw.len());
        let computed = [element::FLOAT, element::DOUBLE, element::INT64, element::INT32]
            .into_iter()
            .chain([element::INT8, element::UINT8, element::BOOL])
            .any(|element| element == tensor.data_type);
        if raw >= SMALL && computed && tensor.data_location != 1 {
            check_elements(tensor)?;
            let held = Held { source: Some(Arc::new(tensor.clone())), array: Arc::default() };
            let shape = known(shape_of(tensor)?);
            let content = Some(Content::Known(held));
            return Ok(Self { shape: Some(shape), content, ..Self::of(tensor.data_type) });
        }
        match Array::from_proto(tensor) {
            Ok(array) => Ok(Self::constant(Arc::new(array))),
            Err(ArrayError::Element { .. } | ArrayError::External { .. }) => {
                let shape = known(shape_of(tensor)?);
                Ok(Self { shape: Some(shape), ..Self::of(tensor.data_type) })
            }
            Err(error) => Err(error),
        }
    }

    /// A list of i64 of which some may be free.
    pub(crate) fn numbers(numbers: Vec<Number>, shape: Vec<Dim>) -> Self {
        let whole: Option<Vec<i64>> =
            numbers.iter().map(|n| if let Number::Known(value) = n { Some(*value) } else { None }).collect();
        let sizes: Option<Vec<usize>> = shape.iter().map(Dim::known).collect();
        let content = match (whole, sizes) {
            (Some(values), Some(shape)) => {
                Content::Known(Held::new(Arc::new(Array { shape, data: Data::I64(values) })))
            }
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
        if let Some(Content::Known(held)) = &self.content { Some(held.array()) } else { None }
    }

    /// Whether all elements are known.
    pub(crate) fn is_constant(&self) -> bool {
        matches!(self.content, Some(Content::Known(_)))
    }

    /// The elements as whole numbers, when all are known and whole by type.
    pub(crate) fn ints(&self) -> Option<Vec<i64>> {
        self.array()?.to_i64()
    }

    /// The elements as whole numbers of which some may be free.
    pub(crate) fn partial(&self) -> Option<Vec<Number>> {
        match self.content.as_ref()? {
            Content::Known(held) => Some(held.array().to_i64()?.into_iter().map(Number::Known).collect()),
            Content::Partial(numbers) => Some(numbers.clone()),
        }
    }
}
