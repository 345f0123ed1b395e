//! The part of the ONNX format that a pipeline needs, written as protocol buffers.
//!
//! Only writing, and only a dozen messages: the crate that reads any ONNX file knows networks, which tables
//! do not. Numbers of fields are those of `onnx.proto` (ONNX 1.16, IR version 10).

/// A message that is being written.
#[derive(Debug, Clone, Default)]
pub(super) struct Message(pub(super) Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(super) fn int(mut self, field: u32, value: i64) -> Self {
        self.varint(u64::from(field) << 3);
        self.varint(value.cast_unsigned());
        self
    }

    pub(super) fn float(mut self, field: u32, value: f32) -> Self {
        self.varint(u64::from(field) << 3 | 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    pub(super) fn bytes(mut self, field: u32, value: &[u8]) -> Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    pub(super) fn text(self, field: u32, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub(super) fn message(self, field: u32, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    fn packed_ints(self, field: u32, values: &[i64]) -> Self {
        let mut packed = Self::default();
        values.iter().for_each(|value| packed.varint(value.cast_unsigned()));
        self.message(field, &packed)
    }

    fn packed_floats(self, field: u32, values: &[f32]) -> Self {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.bytes(field, &bytes)
    }
}

/// What the elements of a tensor are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Float = 1,
    Int64 = 7,
    Text = 8,
    Double = 11,
}

/// Constants.
#[derive(Debug, Clone)]
pub(super) enum Tensor<'a> {
    Bytes(&'a [u8]),
    Floats(&'a [f32]),
    Ints(&'a [i64]),
    Doubles(&'a [f64]),
}

impl Tensor<'_> {
    /// A TensorProto of these dimensions.
    pub(super) fn write(&self, name: &str, dimensions: &[i64]) -> Message {
        let (element, raw): (i64, Vec<u8>) = match self {
            Self::Bytes(values) => (2, values.to_vec()),
            Self::Floats(values) => (1, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Self::Ints(values) => (7, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            Self::Doubles(values) => (11, values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        };
        let message = Message::default().packed_ints(1, dimensions).int(2, element);
        let message = if name.is_empty() { message } else { message.text(8, name) };
        message.bytes(9, &raw)
    }

    fn len(&self) -> usize {
        match self {
            Self::Bytes(values) => values.len(),
            Self::Floats(values) => values.len(),
            Self::Ints(values) => values.len(),
            Self::Doubles(values) => values.len(),
        }
    }
}

/// An AttributeProto.
pub(super) fn attribute(name: &str, value: &Attribute<'_>) -> Message {
    let message = Message::default().text(1, name);
    match value {
        Attribute::Float(value) => message.float(2, *value).int(20, 1),
        Attribute::Int(value) => message.int(3, *value).int(20, 2),
        Attribute::Tensor(tensor) => message.message(5, &tensor.write("", &[tensor.len() as i64])).int(20, 4),
        Attribute::Floats(values) => message.packed_floats(7, values).int(20, 6),
        Attribute::Ints(values) => message.packed_ints(8, values).int(20, 7),
        Attribute::Texts(values) => {
            values.iter().fold(message, |message, value| message.text(9, value)).int(20, 8)
        }
    }
}

/// What a node is told.
#[derive(Debug, Clone)]
pub(super) enum Attribute<'a> {
    Float(f32),
    Int(i64),
    Tensor(Tensor<'a>),
    Floats(&'a [f32]),
    Ints(&'a [i64]),
    Texts(&'a [String]),
}

/// A ValueInfoProto: `columns` numbers or words a row, or one without a second dimension.
pub(super) fn value(name: &str, element: Element, columns: Option<usize>, doc: &str) -> Message {
    let rows = Message::default().text(2, "rows");
    let mut shape = Message::default().message(1, &rows);
    if let Some(columns) = columns {
        shape = shape.message(1, &Message::default().int(1, columns as i64));
    }
    let tensor = Message::default().int(1, element as i64).message(2, &shape);
    let message = Message::default().text(1, name).message(2, &Message::default().message(1, &tensor));
    if doc.is_empty() { message } else { message.text(3, doc) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_those_of_the_format() {
        // The examples of the documentation of protocol buffers' encoding.
        assert_eq!(Message::default().int(1, 150).0, [0x08, 0x96, 0x01]);
        assert_eq!(Message::default().text(2, "testing").0, b"\x12\x07testing");
        let inner = Message::default().int(1, 150);
        assert_eq!(Message::default().message(3, &inner).0, [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(
            Message::default().packed_ints(6, &[3, 270, 86942]).0,
            b"\x32\x06\x03\x8e\x02\x9e\xa7\x05"
        );
        assert_eq!(Message::default().int(1, -1).0.len(), 11);
    }
}
