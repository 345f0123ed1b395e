//! The bytes of a model before they are decoded: whether they are one, where they end, what they will take.
//!
//! Decoding drops fields that it does not know, says little about where a file breaks off, and makes room for
//! whatever the bytes announce: two bytes make a node of some hundred. So the messages are walked first,
//! which reads lengths alone and allocates nothing.
//!
//! The encoding is that of Protocol Buffers (protobuf.dev/programming-guides/encoding): a key, which is the
//! number of the field and the type on the wire (0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes),
//! then the value.

use std::mem::size_of;

use super::proto;

/// What walking the bytes found.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Places of fields that no version of the format that is known here has, at most ten of them.
    pub(super) unknown: Vec<String>,
    /// Bytes that the decoded model takes, about.
    pub(super) memory: u64,
}

/// Why bytes are not a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WireError {
    /// The first field is none of a model.
    Foreign,
    /// The bytes end before the field does.
    Truncated {
        /// Of which message, such as `graph.node[3]`.
        place: String,
        /// Bytes that should follow.
        announced: u64,
        /// Bytes that do.
        left: u64,
    },
    /// A field that is not what it should be.
    Malformed {
        /// Of which message.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// Messages inside of messages, more than can be decoded.
    Deep,
}

/// Messages inside of each other that are decoded; the limit of prost.
const DEPTH: usize = 98;

/// What stands in a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    /// A whole number.
    Int,
    /// Whole numbers, packed or one by one.
    Ints,
    /// A number of four bytes, or several, packed or one by one.
    Float,
    /// A number of eight bytes, or several, packed or one by one.
    Double,
    /// Text or bytes.
    Bytes,
    /// A message.
    Message(&'static Message),
}

/// A kind of message.
#[derive(PartialEq, Eq)]
struct Message {
    /// Its fields: number, name, what stands in it.
    fields: &'static [(u32, &'static str, Field)],
    /// Bytes in memory without what it points to.
    size: usize,
}

use Field::{Bytes, Double, Float, Int, Ints};

macro_rules! messages {
    ($($name:ident: $type:ty = [$($number:literal $field:literal $kind:expr),* $(,)?];)*) => {
        $(static $name: Message =
            Message { fields: &[$(($number, $field, $kind)),*], size: size_of::<$type>() };)*
    };
}

messages! {
    MODEL: proto::ModelProto = [
        1 "ir_version" Int, 2 "producer_name" Bytes, 3 "producer_version" Bytes, 4 "domain" Bytes,
        5 "model_version" Int, 6 "doc_string" Bytes, 7 "graph" Field::Message(&GRAPH),
        8 "opset_import" Field::Message(&OPSET), 14 "metadata_props" Field::Message(&ENTRY),
        20 "training_info" Field::Message(&TRAINING), 25 "functions" Field::Message(&FUNCTION),
        26 "configuration" Field::Message(&DEVICES),
    ];
    OPSET: proto::OperatorSetIdProto = [1 "domain" Bytes, 2 "version" Int];
    ENTRY: proto::StringStringEntryProto = [1 "key" Bytes, 2 "value" Bytes];
    TRAINING: proto::TrainingInfoProto = [
        1 "initialization" Field::Message(&GRAPH), 2 "algorithm" Field::Message(&GRAPH),
        3 "initialization_binding" Field::Message(&ENTRY), 4 "update_binding" Field::Message(&ENTRY),
    ];
    FUNCTION: proto::FunctionProto = [
        1 "name" Bytes, 4 "input" Bytes, 5 "output" Bytes, 6 "attribute" Bytes,
        7 "node" Field::Message(&NODE), 8 "doc_string" Bytes, 9 "opset_import" Field::Message(&OPSET),
        10 "domain" Bytes, 11 "attribute_proto" Field::Message(&ATTRIBUTE),
        12 "value_info" Field::Message(&VALUE), 13 "overload" Bytes,
        14 "metadata_props" Field::Message(&ENTRY),
    ];
    DEVICES: proto::DeviceConfigurationProto = [1 "name" Bytes, 2 "num_devices" Int, 3 "device" Bytes];
    GRAPH: proto::GraphProto = [
        1 "node" Field::Message(&NODE), 2 "name" Bytes, 5 "initializer" Field::Message(&TENSOR),
        10 "doc_string" Bytes, 11 "input" Field::Message(&VALUE), 12 "output" Field::Message(&VALUE),
        13 "value_info" Field::Message(&VALUE), 14 "quantization_annotation" Field::Message(&ANNOTATION),
        15 "sparse_initializer" Field::Message(&SPARSE), 16 "metadata_props" Field::Message(&ENTRY),
    ];
    ANNOTATION: proto::TensorAnnotation = [
        1 "tensor_name" Bytes, 2 "quant_parameter_tensor_names" Field::Message(&ENTRY),
    ];
    NODE: proto::NodeProto = [
        1 "input" Bytes, 2 "output" Bytes, 3 "name" Bytes, 4 "op_type" Bytes,
        5 "attribute" Field::Message(&ATTRIBUTE), 6 "doc_string" Bytes, 7 "domain" Bytes, 8 "overload" Bytes,
        9 "metadata_props" Field::Message(&ENTRY), 10 "device_configurations" Field::Message(&NODE_DEVICES),
    ];
    NODE_DEVICES: proto::NodeDeviceConfigurationProto = [
        1 "configuration_id" Bytes, 2 "sharding_spec" Field::Message(&SHARDING), 3 "pipeline_stage" Int,
    ];
    SHARDING: proto::ShardingSpecProto = [
        1 "tensor_name" Bytes, 2 "device" Ints, 3 "index_to_device_group_map" Field::Message(&INT_LIST),
        4 "sharded_dim" Field::Message(&SHARDED_DIM),
    ];
    INT_LIST: proto::IntIntListEntryProto = [1 "key" Int, 2 "value" Ints];
    SHARDED_DIM: proto::ShardedDimProto = [1 "axis" Int, 2 "simple_sharding" Field::Message(&SIMPLE_DIM)];
    SIMPLE_DIM: proto::SimpleShardedDimProto = [1 "dim_value" Int, 2 "dim_param" Bytes, 3 "num_shards" Int];
    ATTRIBUTE: proto::AttributeProto = [
        1 "name" Bytes, 2 "f" Float, 3 "i" Int, 4 "s" Bytes, 5 "t" Field::Message(&TENSOR),
        6 "g" Field::Message(&GRAPH), 7 "floats" Float, 8 "ints" Ints, 9 "strings" Bytes,
        10 "tensors" Field::Message(&TENSOR), 11 "graphs" Field::Message(&GRAPH), 13 "doc_string" Bytes,
        14 "tp" Field::Message(&TYPE), 15 "type_protos" Field::Message(&TYPE), 20 "type" Int,
        21 "ref_attr_name" Bytes, 22 "sparse_tensor" Field::Message(&SPARSE),
        23 "sparse_tensors" Field::Message(&SPARSE),
    ];
    TENSOR: proto::TensorProto = [
        1 "dims" Ints, 2 "data_type" Int, 3 "segment" Field::Message(&SEGMENT), 4 "float_data" Float,
        5 "int32_data" Ints, 6 "string_data" Bytes, 7 "int64_data" Ints, 8 "name" Bytes, 9 "raw_data" Bytes,
        10 "double_data" Double, 11 "uint64_data" Ints, 12 "doc_string" Bytes,
        13 "external_data" Field::Message(&ENTRY), 14 "data_location" Int,
        16 "metadata_props" Field::Message(&ENTRY),
    ];
    SEGMENT: proto::Segment = [1 "begin" Int, 2 "end" Int];
    SPARSE: proto::SparseTensorProto = [
        1 "values" Field::Message(&TENSOR), 2 "indices" Field::Message(&TENSOR), 3 "dims" Ints,
    ];
    VALUE: proto::ValueInfoProto = [
        1 "name" Bytes, 2 "type" Field::Message(&TYPE), 3 "doc_string" Bytes,
        4 "metadata_props" Field::Message(&ENTRY),
    ];
    TYPE: proto::TypeProto = [
        1 "tensor_type" Field::Message(&TENSOR_TYPE), 4 "sequence_type" Field::Message(&ELEMENT_TYPE),
        5 "map_type" Field::Message(&MAP_TYPE), 6 "denotation" Bytes,
        7 "opaque_type" Field::Message(&OPAQUE_TYPE), 8 "sparse_tensor_type" Field::Message(&TENSOR_TYPE),
        9 "optional_type" Field::Message(&ELEMENT_TYPE),
    ];
    ELEMENT_TYPE: proto::SequenceTypeProto = [1 "elem_type" Field::Message(&TYPE)];
    MAP_TYPE: proto::MapTypeProto = [1 "key_type" Int, 2 "value_type" Field::Message(&TYPE)];
    OPAQUE_TYPE: proto::OpaqueTypeProto = [1 "domain" Bytes, 2 "name" Bytes];
    TENSOR_TYPE: proto::TensorTypeProto = [1 "elem_type" Int, 2 "shape" Field::Message(&SHAPE)];
    SHAPE: proto::TensorShapeProto = [1 "dim" Field::Message(&DIMENSION)];
    DIMENSION: proto::DimensionProto = [1 "dim_value" Int, 2 "dim_param" Bytes, 3 "denotation" Bytes];
}

/// Walks the bytes of a model.
///
/// # Errors
/// [`WireError`].
pub(super) fn scan(bytes: &[u8]) -> Result<Scan, WireError> {
    let mut scan = Scan::default();
    let mut path = Vec::new();
    walk(bytes, &MODEL, &mut path, &mut scan).map_err(|error| match error {
        // What breaks at the first byte was never a model.
        WireError::Malformed { ref place, .. } if place == "the first field" => WireError::Foreign,
        error => error,
    })?;
    Ok(scan)
}

/// A message on the way to the one at hand: name of the field, and how many of that name came before.
type Path = Vec<(&'static str, usize)>;

fn place(path: &Path) -> String {
    if path.is_empty() {
        return "the model".into();
    }
    let names: Vec<String> = path.iter().map(|(name, at)| format!("{name}[{at}]")).collect();
    // A model has one graph.
    names.join(".").replacen("graph[0]", "graph", 1)
}

fn walk(bytes: &[u8], message: &'static Message, path: &mut Path, scan: &mut Scan) -> Result<(), WireError> {
    if path.len() > DEPTH {
        return Err(WireError::Deep);
    }
    scan.memory += message.size as u64;
    let mut rest = bytes;
    let mut seen = vec![0; message.fields.len()];
    while !rest.is_empty() {
        let first = path.is_empty() && rest.len() == bytes.len();
        let malformed = |path: &Path, reason: String| WireError::Malformed {
            place: if first { "the first field".into() } else { place(path) },
            reason,
        };
        let cut = |path: &Path, announced: u64, left: usize| {
            if first && left == 0 {
                return WireError::Foreign;
            }
            WireError::Truncated { place: place(path), announced, left: left as u64 }
        };
        let key = varint(&mut rest).ok_or_else(|| cut(path, 1, rest.len()))?;
        let (number, wire) = ((key >> 3) as u32, key & 7);
        let known = message.fields.iter().position(|(found, ..)| *found == number);
        if number == 0 || key >> 3 > u64::from(u32::MAX) || (first && known.is_none()) {
            return Err(malformed(path, format!("there is no field {}", key >> 3)));
        }
        let payload = match wire {
            0 => {
                varint(&mut rest).ok_or_else(|| cut(path, 1, rest.len()))?;
                None
            }
            1 | 5 => {
                let size = if wire == 1 { 8 } else { 4 };
                take(&mut rest, size).ok_or_else(|| cut(path, size, rest.len()))?;
                None
            }
            2 => {
                let length = varint(&mut rest).ok_or_else(|| cut(path, 1, rest.len()))?;
                Some(take(&mut rest, length).ok_or_else(|| cut(path, length, rest.len()))?)
            }
            _ => return Err(malformed(path, format!("field {number} has the type {wire} on the wire"))),
        };
        let Some(known) = known else {
            if scan.unknown.len() < 10 {
                scan.unknown.push(format!("field {number} of {}", place(path)));
            }
            continue;
        };
        let (_, name, field) = message.fields[known];
        let fits = match field {
            Int => wire == 0,
            Ints => wire == 0 || wire == 2,
            Float => wire == 5 || wire == 2,
            Double => wire == 1 || wire == 2,
            Bytes | Field::Message(_) => wire == 2,
        };
        if !fits {
            return Err(malformed(path, format!("`{name}` has the type {wire} on the wire")));
        }
        match (field, payload) {
            (Field::Message(inner), Some(payload)) => {
                path.push((name, seen[known]));
                walk(payload, inner, path, scan)?;
                path.pop();
            }
            (Bytes, Some(payload)) => scan.memory += payload.len() as u64 + size_of::<String>() as u64,
            // A packed whole number of one byte becomes one of eight.
            (Ints, Some(payload)) => scan.memory += 8 * payload.len() as u64,
            (_, Some(payload)) => scan.memory += payload.len() as u64,
            (_, None) => scan.memory += 8,
        }
        seen[known] += 1;
    }
    Ok(())
}

/// The next number of at most ten bytes; `None` when it does not end.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for (at, &byte) in rest.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f).checked_shl(7 * at as u32).unwrap_or(0);
        if byte < 0x80 {
            *rest = &rest[at + 1..];
            return Some(value);
        }
    }
    None
}

fn take<'a>(rest: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let length = usize::try_from(length).ok()?;
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}
