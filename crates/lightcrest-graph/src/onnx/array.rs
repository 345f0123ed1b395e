//! The elements of a [`TensorProto`] as numbers, whichever of its fields holds them.

use super::proto::{TensorProto, element};

/// A dense array, row-major. Half precision is widened to f32 and narrowed again when it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Sizes, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// The elements; as many as the product of `shape`.
    pub data: Data,
}

/// Elements of an [`Array`].
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// `FLOAT`.
    F32(Vec<f32>),
    /// `DOUBLE`.
    F64(Vec<f64>),
    /// `INT64`.
    I64(Vec<i64>),
    /// `INT32`.
    I32(Vec<i32>),
    /// `INT8`.
    I8(Vec<i8>),
    /// `UINT8`.
    U8(Vec<u8>),
    /// `BOOL`.
    Bool(Vec<bool>),
}

/// Why the elements of a tensor cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArrayError {
    /// An element type that is kept as it is, not computed with.
    #[error("tensor `{tensor}` has elements of type {element}, which is kept but not computed with")]
    Element {
        /// Its name.
        tensor: String,
        /// Number of the type in `onnx.proto`.
        element: i32,
    },
    /// Sizes that are negative, or whose product is beyond what memory can hold.
    #[error("tensor `{tensor}` has the sizes {dims:?}, which are not those of an array")]
    Shape {
        /// Its name.
        tensor: String,
        /// The sizes.
        dims: Vec<i64>,
    },
    /// Sizes and elements that do not agree.
    #[error("tensor `{tensor}` has {found} whole elements, where its sizes ask for {expected}")]
    Length {
        /// Its name.
        tensor: String,
        /// Product of the sizes.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Elements in another file that was not read.
    #[error("the elements of tensor `{tensor}` lie in another file")]
    External {
        /// Its name.
        tensor: String,
    },
}

impl Array {
    /// An array of f32.
    pub fn f32(shape: impl Into<Vec<usize>>, values: Vec<f32>) -> Self {
        Self { shape: shape.into(), data: Data::F32(values) }
    }

    /// A list of i64.
    pub fn i64(values: Vec<i64>) -> Self {
        Self { shape: vec![values.len()], data: Data::I64(values) }
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// True when there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The elements, if they are f32.
    pub fn as_f32(&self) -> Option<&[f32]> {
        if let Data::F32(values) = &self.data { Some(values) } else { None }
    }

    /// The elements as i64, if they are whole numbers by type.
    pub fn to_i64(&self) -> Option<Vec<i64>> {
        match &self.data {
            Data::I64(values) => Some(values.clone()),
            Data::I32(values) => Some(values.iter().map(|&v| v.into()).collect()),
            Data::I8(values) => Some(values.iter().map(|&v| v.into()).collect()),
            Data::U8(values) => Some(values.iter().map(|&v| v.into()).collect()),
            Data::F32(_) | Data::F64(_) | Data::Bool(_) => None,
        }
    }

    /// Number of the element type in `onnx.proto`.
    pub fn element(&self) -> i32 {
        match &self.data {
            Data::F32(_) => element::FLOAT,
            Data::F64(_) => element::DOUBLE,
            Data::I64(_) => element::INT64,
            Data::I32(_) => element::INT32,
            Data::I8(_) => element::INT8,
            Data::U8(_) => element::UINT8,
            Data::Bool(_) => element::BOOL,
        }
    }

    /// The elements of a tensor.
    ///
    /// # Errors
    /// [`ArrayError`].
    pub fn from_proto(tensor: &TensorProto) -> Result<Self, ArrayError> {
        let name = || tensor.name.clone();
        let shape = shape_of(tensor)?;
        let expected = shape.iter().product();
        if tensor.data_location == 1 {
            return Err(ArrayError::External { tensor: name() });
        }
        let narrow = || tensor.int32_data.as_slice();
        let data = match tensor.data_type {
            element::FLOAT => Data::F32(elements(tensor, &tensor.float_data, f32::from_le_bytes)),
            element::DOUBLE => Data::F64(elements(tensor, &tensor.double_data, f64::from_le_bytes)),
            element::INT64 => Data::I64(elements(tensor, &tensor.int64_data, i64::from_le_bytes)),
            element::INT32 => Data::I32(elements(tensor, narrow(), i32::from_le_bytes)),
            element::INT8 => Data::I8(match raw(tensor) {
                Some(raw) => raw.iter().map(|&byte| byte as i8).collect(),
                None => narrow().iter().map(|&v| v as i8).collect(),
            }),
            element::UINT8 => Data::U8(match raw(tensor) {
                Some(raw) => raw.to_vec(),
                None => narrow().iter().map(|&v| v as u8).collect(),
            }),
            element::BOOL => Data::Bool(match raw(tensor) {
                Some(raw) => raw.iter().map(|&byte| byte != 0).collect(),
                None => narrow().iter().map(|&v| v != 0).collect(),
            }),
            element => return Err(ArrayError::Element { tensor: name(), element }),
        };
        let array = Self { shape, data };
        let found = array.data.len();
        // A raw tensor whose bytes do not make whole elements is caught here, too: the rest is dropped above.
        let whole = raw(tensor).is_none_or(|raw| raw.len() == found * array.data.width());
        if found == expected && whole {
            Ok(array)
        } else {
            Err(ArrayError::Length { tensor: name(), expected, found })
        }
    }

    /// The array as a tensor of that name, its elements as raw bytes.
    pub fn to_proto(&self, name: &str) -> TensorProto {
        let raw: Vec<u8> = match &self.data {
            Data::F32(values) => bytes(values, |v| v.to_le_bytes()),
            Data::F64(values) => bytes(values, |v| v.to_le_bytes()),
            Data::I64(values) => bytes(values, |v| v.to_le_bytes()),
            Data::I32(values) => bytes(values, |v| v.to_le_bytes()),
            Data::I8(values) => values.iter().map(|&v| v as u8).collect(),
            Data::U8(values) => values.clone(),
            Data::Bool(values) => values.iter().map(|&v| v.into()).collect(),
        };
        TensorProto {
            dims: self.shape.iter().map(|&size| size as i64).collect(),
            data_type: self.element(),
            name: name.into(),
            raw_data: Some(raw.into()),
            ..Default::default()
        }
    }
}

impl Data {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self {
            Data::F32(values) => values.len(),
            Data::F64(values) => values.len(),
            Data::I64(values) => values.len(),
            Data::I32(values) => values.len(),
            Data::I8(values) => values.len(),
            Data::U8(values) => values.len(),
            Data::Bool(values) => values.len(),
        }
    }

    /// True when there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of an element.
    fn width(&self) -> usize {
        match self {
            Data::F64(_) | Data::I64(_) => 8,
            Data::F32(_) | Data::I32(_) => 4,
            Data::I8(_) | Data::U8(_) | Data::Bool(_) => 1,
        }
    }
}

/// The number whose bits in half precision (IEEE 754 binary16) these are.
pub fn half(bits: u16) -> f32 {
    let (exponent, fraction) = (u32::from((bits >> 10) & 31), u32::from(bits & 0x3ff));
    let magnitude = match exponent {
        0 => f32::from(bits & 0x3ff) * 2f32.powi(-24),
        31 => f32::from_bits((0xff << 23) | (fraction << 13)),
        _ => f32::from_bits(((exponent + 112) << 23) | (fraction << 13)),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

/// The sizes of a tensor.
///
/// # Errors
/// [`ArrayError::Shape`].
pub fn shape_of(tensor: &TensorProto) -> Result<Vec<usize>, ArrayError> {
    let wrong = || ArrayError::Shape { tensor: tensor.name.clone(), dims: tensor.dims.clone() };
    let sizes: Result<Vec<usize>, _> = tensor.dims.iter().map(|&size| usize::try_from(size)).collect();
    let sizes = sizes.map_err(|_| wrong())?;
    let bytes = sizes.iter().try_fold(8usize, |product, &size| product.checked_mul(size));
    if bytes.is_some_and(|bytes| bytes <= isize::MAX as usize) { Ok(sizes) } else { Err(wrong()) }
}

/// The raw bytes, unless there are none: some programs set the field and fill another.
fn raw(tensor: &TensorProto) -> Option<&[u8]> {
    tensor.raw_data.as_deref().filter(|raw| !raw.is_empty())
}

/// Bits of an element of that type; `None` for text and for what is not known.
pub(super) fn bits(data_type: i32) -> Option<u64> {
    Some(match data_type {
        15 => 128,
        element::DOUBLE | element::INT64 | element::UINT64 | 14 => 64,
        element::FLOAT | element::INT32 | element::UINT32 => 32,
        element::FLOAT16 | element::BFLOAT16 | element::INT16 | element::UINT16 => 16,
        element::INT8 | element::UINT8 | element::BOOL | 17..=20 | 24 => 8,
        21..=23 => 4,
        25 | 26 => 2,
        _ => return None,
    })
}

/// Whether a tensor of any element type has as many elements as its sizes ask for; of types that are not
/// known, nothing is said.
///
/// # Errors
/// [`ArrayError::Shape`], [`ArrayError::Length`], or [`ArrayError::Element`] when it names no type.
pub(super) fn check_elements(tensor: &TensorProto) -> Result<(), ArrayError> {
    let expected: usize = shape_of(tensor)?.iter().product();
    let wrong = |found| ArrayError::Length { tensor: tensor.name.clone(), expected, found };
    let typed = match tensor.data_type {
        0 => return Err(ArrayError::Element { tensor: tensor.name.clone(), element: 0 }),
        element::STRING => tensor.string_data.len(),
        element::FLOAT => tensor.float_data.len(),
        element::DOUBLE => tensor.double_data.len(),
        element::INT64 => tensor.int64_data.len(),
        element::UINT64 | element::UINT32 => tensor.uint64_data.len(),
        // Complex numbers are pairs.
        14 => tensor.float_data.len() / 2,
        15 => tensor.double_data.len() / 2,
        // Two or four elements a byte, the last of which may be filled up.
        21..=23 => (2 * tensor.int32_data.len()).min(expected),
        25 | 26 => (4 * tensor.int32_data.len()).min(expected),
        _ => tensor.int32_data.len(),
    };
    match (&tensor.raw_data, bits(tensor.data_type)) {
        (Some(raw), Some(bits)) if typed == 0 || !raw.is_empty() => {
            let bytes = (expected as u128 * u128::from(bits)).div_ceil(8);
            let found = (raw.len() as u128 * 8 / u128::from(bits)) as usize;
            if raw.len() as u128 == bytes { Ok(()) } else { Err(wrong(found)) }
        }
        (_, None) if tensor.data_type != element::STRING => Ok(()),
        _ if typed == expected => Ok(()),
        _ => Err(wrong(typed)),
    }
}

/// The bytes of all elements; whole chunks at a time, since a model is mostly this.
pub(super) fn bytes<T: Copy, const N: usize>(values: &[T], write: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    let mut bytes = vec![0; N * values.len()];
    for (chunk, &value) in bytes.as_chunks_mut().0.iter_mut().zip(values) {
        *chunk = write(value);
    }
    bytes
}

/// The elements, from the raw bytes or else from the field of their type.
fn elements<T: Copy, const N: usize>(tensor: &TensorProto, typed: &[T], read: fn([u8; N]) -> T) -> Vec<T> {
    match raw(tensor) {
        Some(raw) => raw.as_chunks().0.iter().map(|&bytes| read(bytes)).collect(),
        None => typed.to_vec(),
    }
}
