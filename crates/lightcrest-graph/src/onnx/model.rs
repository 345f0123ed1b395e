//! An ONNX file in memory: everything that it holds, and the graph at hand.

use super::note::Note;
use super::proto::{AttributeProto, GraphProto, ModelProto, NodeProto};

/// An ONNX model whose graph is there.
#[derive(Clone, Debug)]
pub struct Model {
    proto: ModelProto,
    /// What reading it found.
    pub(super) notes: Vec<Note>,
}

/// Models are equal when their files are.
impl PartialEq for Model {
    fn eq(&self, other: &Self) -> bool {
        self.proto == other.proto
    }
}

impl Model {
    /// The model; `None` when it has no graph.
    pub fn new(proto: ModelProto) -> Option<Self> {
        proto.graph.is_some().then_some(Self { proto, notes: vec![] })
    }

    /// Everything.
    pub fn proto(&self) -> &ModelProto {
        &self.proto
    }

    /// Everything, to be changed; the graph must stay.
    pub fn proto_mut(&mut self) -> &mut ModelProto {
        &mut self.proto
    }

    /// What is to be known of how it was read: fields that were dropped, operators newer than those known.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// The graph.
    pub fn graph(&self) -> &GraphProto {
        self.proto.graph.as_ref().expect("a model has a graph")
    }

    /// The graph, to be changed.
    pub fn graph_mut(&mut self) -> &mut GraphProto {
        self.proto.graph.as_mut().expect("a model has a graph")
    }

    /// Version of the standard operators; 1 when the file names none, as the standard has it.
    pub fn opset(&self) -> i64 {
        let standard = |domain: &str| domain.is_empty() || domain == "ai.onnx";
        self.proto.opset_import.iter().find(|set| standard(&set.domain)).map_or(1, |set| set.version)
    }
}

impl NodeProto {
    /// Whether it is an operator of the standard.
    pub fn is_standard(&self) -> bool {
        self.domain.is_empty() || self.domain == "ai.onnx"
    }

    /// Name of an input; `None` when it is left out.
    pub fn input_name(&self, slot: usize) -> Option<&str> {
        self.input.get(slot).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.attribute.iter().find(|attribute| attribute.name == name)
    }

    /// A whole number.
    pub fn int(&self, name: &str) -> Option<i64> {
        self.attribute(name)?.i
    }

    /// A whole number, or the default of the standard.
    pub fn int_or(&self, name: &str, default: i64) -> i64 {
        self.int(name).unwrap_or(default)
    }

    /// A number, or the default of the standard.
    pub fn float_or(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).and_then(|attribute| attribute.f).unwrap_or(default)
    }

    /// A list of whole numbers.
    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|attribute| attribute.ints.as_slice())
    }

    /// A text, or the default of the standard.
    pub fn string_or<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        let text = self.attribute(name).and_then(|attribute| attribute.s.as_deref());
        text.and_then(|text| std::str::from_utf8(text).ok()).unwrap_or(default)
    }
}
