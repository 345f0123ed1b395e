//! Why a file cannot be read as a model, or a model not be written.

use std::io;
use std::path::PathBuf;

use super::ArrayError;
use super::read::{NEWEST_IR, NEWEST_OPSET};

/// Why a file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file system refused.
    #[error("{}: cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the file system said.
        #[source]
        source: io::Error,
    },
    /// What is in the file.
    #[error("{}: not a model that can be read", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: ModelError,
    },
}

/// Why bytes are not a model, or not a sound one.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// No byte.
    #[error("the file is empty")]
    Empty,
    /// Another format.
    #[error("this is {0}, not an ONNX model")]
    Foreign(&'static str),
    /// Neither ONNX nor anything else that is known.
    #[error("this is not an ONNX model: its bytes do not begin like one")]
    Unknown,
    /// The file breaks off.
    #[error(
        "the file is cut off: {announced} more bytes should follow in {place}, and {left} do; fetch or write it again"
    )]
    Truncated {
        /// The message that breaks off, such as `graph.initializer[3]`.
        place: String,
        /// Bytes that should follow.
        announced: u64,
        /// Bytes that do.
        left: u64,
    },
    /// The bytes contradict the format.
    #[error("the file is damaged: in {place}, {reason}")]
    Malformed {
        /// The message, such as `graph.node[3]`.
        place: String,
        /// What is wrong there.
        reason: String,
    },
    /// Graphs in graphs, or types in types, beyond what is decoded.
    #[error("graphs or types are nested more than 30 deep, which is not read")]
    Deep,
    /// Few bytes that would take much memory.
    #[error("{bytes} bytes of the file would take about {memory} bytes of memory, which no real model does")]
    Bomb {
        /// Size of the file.
        bytes: u64,
        /// What decoding it would take.
        memory: u64,
    },
    /// Larger than the format allows.
    #[error("the file is larger than the 2 GiB that an ONNX file may have without external data")]
    TooLarge,
    /// No graph in it.
    #[error("there is no graph in it: it is cut off, or not an ONNX model")]
    NoGraph,
    /// A version of the format that is not known.
    #[error("it has version {found} of the format (ir_version), and 1 to {NEWEST_IR} can be read")]
    IrVersion {
        /// The version; 0 when it names none.
        found: i64,
    },
    /// No version of the operators.
    #[error("it names no version of the operators (opset_import): it is cut off, or damaged")]
    NoOpset,
    /// A version of the standard operators that cannot be.
    #[error("it names version {found} of the standard operators, which are 1 to {NEWEST_OPSET} and newer")]
    Opset {
        /// The version.
        found: i64,
    },
    /// One domain in two versions.
    #[error("it names the operators of domain `{domain}` in two versions, {first} and {second}")]
    TwoOpsets {
        /// The domain; empty for the standard one.
        domain: String,
        /// A version.
        first: i64,
        /// Another.
        second: i64,
    },
    /// A sparse constant.
    #[error("constant `{tensor}` is sparse, which is not read; export the model with dense weights")]
    Sparse {
        /// Its name.
        tensor: String,
    },
    /// A constant in pieces.
    #[error("tensor `{tensor}` in {place} is a part of a larger one (segment), which is not read")]
    Segment {
        /// Its name.
        tensor: String,
        /// Where it is.
        place: String,
    },
    /// A constant whose sizes and elements do not agree.
    #[error("{place} is damaged")]
    Tensor {
        /// Where it is.
        place: String,
        /// What is wrong.
        #[source]
        source: ArrayError,
    },
    /// A constant in another file.
    #[error("the elements of tensor `{tensor}` lie in the file `{location}`: {reason}")]
    External {
        /// Its name.
        tensor: String,
        /// The file as the model names it.
        location: String,
        /// Why they cannot be had.
        reason: String,
    },
    /// Something without the name that it needs.
    #[error("{place} has no name")]
    NoName {
        /// What it is.
        place: String,
    },
    /// Two sources of one value.
    #[error("the value `{value}` is made twice, by {first} and by {second}")]
    Duplicate {
        /// The value.
        value: String,
        /// What makes it.
        first: String,
        /// What else makes it.
        second: String,
    },
    /// A value without a source.
    #[error("{reader} reads the value `{value}`, which no node, input or constant makes")]
    Undefined {
        /// The value.
        value: String,
        /// Who reads it.
        reader: String,
    },
    /// Nodes that wait for each other.
    #[error("nodes read each other's outputs in a circle: {}", nodes.join(" -> "))]
    Cycle {
        /// The nodes; the last reads what the first makes, and is it.
        nodes: Vec<String>,
    },
}
