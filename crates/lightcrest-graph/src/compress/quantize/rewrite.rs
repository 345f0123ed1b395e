//! The model with `QuantizeLinear` and `DequantizeLinear` around what computes with 8 bits.
//!
//! ```text
//! x  Q  q1  DQ  d1 ─┐
//! w (s8)    DQ  d2 ─┤ Conv  y  Q  q4  DQ  d4 ...
//! b (s32)   DQ  d3 ─┘
//! ```
//! `HardSwish`, x clip(x + 3, 0, 6) / 6, is written as x times x / 6 + 1/2, of which a range from 0 to 1 is
//! kept: the same number that holds x holds x / 6 with another scale.
//!
//! Values keep their names in fp32; new ones are short, because a small network has hundreds of them.
//! Constants keep theirs, too, unless something in fp32 still reads them. A value has one `QuantizeLinear`
//! and one `DequantizeLinear`, whoever reads it; what computes in fp32 reads the unrounded value where there
//! is one.

use std::collections::{HashMap, HashSet};

use super::affine::Affine;
use super::constant::Constants;
use super::placement::{Placement, Role};
use super::scale::Scales;
use super::weight::LayerWeights;
use crate::onnx::proto::{AttributeKind, AttributeProto, NodeProto, TensorProto};
use crate::onnx::{Array, Data, Index, Model};

/// Everything that is settled before a model is written.
pub(super) struct Plan<'a> {
    /// The model.
    pub model: &'a Model,
    /// Its constants.
    pub(super) constants: &'a Constants,
    /// Which nodes compute with 8 bits.
    pub placement: &'a Placement,
    /// Scales of activations.
    pub scales: &'a Scales,
    /// Weights, by node.
    pub weights: &'a HashMap<usize, LayerWeights>,
}

/// A model of 8 bits.
pub(super) struct Written {
    /// The model.
    pub(super) model: Model,
    /// For every layer with weights of 8 bits, in the order of the graph: which node it was, and which it is.
    pub(super) places: Vec<(usize, usize)>,
}

/// Writes the model.
pub(super) fn rewrite(plan: &Plan<'_>) -> Written {
    let graph = plan.model.graph();
    let mut writer = Writer {
        plan,
        index: Index::new(graph),
        nodes: vec![],
        initializers: vec![],
        made: HashSet::new(),
        read: HashMap::new(),
        stored: HashMap::new(),
        counter: 0,
        places: vec![],
    };
    for at in 0..graph.node.len() {
        if !plan.placement.is_vanished(at) {
            writer.node(at);
        }
    }
    writer.finish()
}

struct Writer<'a> {
    plan: &'a Plan<'a>,
    index: Index,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    /// Names of initializers that were made.
    made: HashSet<String>,
    /// What a value is called behind its `DequantizeLinear`.
    read: HashMap<String, String>,
    /// What a value is called as it is stored, in 8 bits.
    stored: HashMap<String, String>,
    counter: usize,
    places: Vec<(usize, usize)>,
}

impl Writer<'_> {
    fn node(&mut self, at: usize) {
        let plan = self.plan;
        let nodes = &plan.model.graph().node;
        let mut node = nodes[at].clone();
        let role = plan.placement.role(at);
        for slot in 0..node.input.len() {
            if plan.placement.reads_quantized(nodes, at, slot) {
                node.input[slot] = self.quantized_input(&nodes[at].input[slot]);
            } else if let Some(name) = self.read.get(&nodes[at].input[slot])
                && self.is_rounded(&nodes[at].input[slot])
            {
                node.input[slot] = name.clone();
            }
        }
        if let Some(weights) = plan.weights.get(&at) {
            self.weights(&mut node, weights);
            self.places.push((at, self.nodes.len()));
        }
        if role.is_some() && plan.placement.is_result_quantized(nodes, at) {
            node.output = plan.placement.results(nodes, at).to_vec();
            let outputs = node.output.clone();
            let mut behind = vec![];
            for (slot, value) in outputs.iter().enumerate().filter(|(_, value)| !value.is_empty()) {
                behind.push((slot, value.clone()));
                if self.index.is_output(value) {
                    node.output[slot] = self.fresh("f");
                }
            }
            let written = node.output.clone();
            match role {
                Some(Role::Swish) => self.swish(&nodes[at].input[0], node),
                _ => self.nodes.push(node),
            }
            for (slot, value) in behind {
                self.round_trip(&value, &written[slot]);
            }
        } else {
            self.nodes.push(node);
        }
    }

    /// Whether only the rounded value is there: its producer computes with 8 bits.
    fn is_rounded(&self, value: &str) -> bool {
        let nodes = &self.plan.model.graph().node;
        let Some((mut at, _)) = self.index.producer(value) else { return false };
        if self.plan.placement.is_vanished(at) {
            let Some((before, _)) = self.index.producer(&nodes[at].input[0]) else { return false };
            at = before;
        }
        self.plan.placement.is_result_quantized(nodes, at)
    }

    /// What a node that computes with 8 bits reads for a value or a constant.
    fn quantized_input(&mut self, value: &str) -> String {
        if let Some(name) = self.read.get(value) {
            return name.clone();
        }
        if let Some(array) = self.plan.constants.f32(value) {
            return self.constant(value, array);
        }
        self.round_trip(value, value);
        self.read[value].clone()
    }

    /// A `HardSwish` of `value`: its output, as a product with the part that is cut off.
    fn swish(&mut self, value: &str, node: NodeProto) {
        let affine = self.plan.scales.get(value).expect("what is quantized has a scale");
        let group = self.plan.scales.group(value).expect("what is quantized has a group");
        let number = |data| Array { shape: vec![], data };
        let sixth = self.shared(&format!("t{group}"), &number(Data::F32(vec![affine.scale / 6.0])));
        let zero = self.shared(&format!("z{group}"), &number(Data::U8(vec![affine.zero_point])));
        let half = self.shared("h", &Array { shape: vec![1], data: Data::U8(vec![255]) });
        let half_scale = self.shared("sh", &number(Data::F32(vec![0.5 / 255.0])));
        let part_scale = self.shared("sp", &number(Data::F32(vec![1.0 / 255.0])));
        let none = self.shared("zu", &number(Data::U8(vec![0])));
        let stored = self.stored[value].clone();
        let [x, offset, sum, part, read] = ["d", "d", "a", "q", "d"].map(|prefix| self.fresh(prefix));
        self.push("DequantizeLinear", &[&stored, &sixth, &zero], &x, None);
        self.push("DequantizeLinear", &[&half, &half_scale, &none], &offset, None);
        self.push("Add", &[&x, &offset], &sum, None);
        self.push("QuantizeLinear", &[&sum, &part_scale, &none], &part, None);
        self.push("DequantizeLinear", &[&part, &part_scale, &none], &read, None);
        let input = vec![node.input[0].clone(), read];
        self.nodes.push(NodeProto { op_type: "Mul".into(), input, attribute: vec![], ..node });
    }

    /// `Q` and `DQ` behind `written`, which holds `value`.
    fn round_trip(&mut self, value: &str, written: &str) {
        let affine = self.plan.scales.get(value).expect("what is quantized has a scale");
        let group = self.plan.scales.group(value).expect("what is quantized has a group");
        let scale =
            self.shared(&format!("s{group}"), &Array { shape: vec![], data: Data::F32(vec![affine.scale]) });
        let zero = self
            .shared(&format!("z{group}"), &Array { shape: vec![], data: Data::U8(vec![affine.zero_point]) });
        let quantized = self.fresh("q");
        let name =
            if self.index.is_output(value) && written != value { value.into() } else { self.fresh("d") };
        self.push("QuantizeLinear", &[written, &scale, &zero], &quantized, None);
        self.push("DequantizeLinear", &[&quantized, &scale, &zero], &name, None);
        self.stored.insert(value.into(), quantized);
        self.read.insert(value.into(), name);
    }

    /// An operand of an `Add` or a `Mul` that is a constant.
    fn constant(&mut self, name: &str, array: &Array) -> String {
        let values = array.as_f32().expect("constants of f32 hold f32");
        let low = values.iter().copied().fold(0f32, f32::min);
        let high = values.iter().copied().fold(0f32, f32::max);
        let affine = Affine::new(low, high);
        let data = Data::U8(values.iter().map(|&x| affine.quantize(x)).collect());
        let quantized = self.kept_name(name, "c");
        self.initializer(&quantized, &Array { shape: array.shape.clone(), data });
        let scale = self.fresh("s");
        self.initializer(&scale, &Array { shape: vec![], data: Data::F32(vec![affine.scale]) });
        let zero = self.fresh("z");
        self.initializer(&zero, &Array { shape: vec![], data: Data::U8(vec![affine.zero_point]) });
        let read = self.fresh("d");
        self.push("DequantizeLinear", &[&quantized, &scale, &zero], &read, None);
        self.read.insert(name.into(), read.clone());
        read
    }

    fn weights(&mut self, node: &mut NodeProto, weights: &LayerWeights) {
        let plan = self.plan;
        let name = node.input[1].clone();
        let quantized = self.kept_name(&name, "w");
        let values = Data::I8(weights.weight.values.clone());
        self.initializer(&quantized, &Array { shape: weights.shape.clone(), data: values });
        let same = weights.weight.scale.windows(2).all(|pair| pair[0] == pair[1]);
        // One scale for all when there is but one: smaller, and some runtimes are faster with it.
        let scales = if same { weights.weight.scale[..1].to_vec() } else { weights.weight.scale.clone() };
        let axis = if same { None } else { Some(weights.axis as i64) };
        let read = self.dequantized(&quantized, scales, axis, Data::I8);
        node.input[1] = read;
        if let Some((bias, scales)) = &weights.bias {
            let old = node.input.get(2).filter(|name| !name.is_empty()).cloned();
            let quantized = match old {
                Some(old) if plan.constants.contains(&old) => self.kept_name(&old, "b"),
                _ => self.fresh("b"),
            };
            self.initializer(&quantized, &Array { shape: vec![bias.len()], data: Data::I32(bias.clone()) });
            let scales = if same { scales[..1].to_vec() } else { scales.clone() };
            let read = self.dequantized(&quantized, scales, axis.map(|_| 0), Data::I32);
            node.input.truncate(2);
            node.input.push(read);
        }
    }

    /// `DQ` behind a constant, with zero points of zero: they are the default of the standard, but without
    /// them onnxruntime does not fuse a `Gemm`.
    fn dequantized<T: Default + Clone>(
        &mut self,
        quantized: &str,
        scales: Vec<f32>,
        axis: Option<i64>,
        data: fn(Vec<T>) -> Data,
    ) -> String {
        let shape = if axis.is_some() { vec![scales.len()] } else { vec![] };
        let zeros = Array { shape: shape.clone(), data: data(vec![T::default(); scales.len()]) };
        let kind = if zeros.as_f32().is_some() {
            'f'
        } else if matches!(zeros.data, Data::I8(_)) {
            'i'
        } else {
            'l'
        };
        let zero = self.shared(&format!("z{kind}{}", scales.len() * usize::from(axis.is_some())), &zeros);
        let scale = self.fresh("s");
        self.initializer(&scale, &Array { shape, data: Data::F32(scales) });
        let read = self.fresh("d");
        self.push("DequantizeLinear", &[quantized, &scale, &zero], &read, axis);
        read
    }

    /// The name of a constant if nothing that stays in fp32 reads it and no other layer took it; else a new
    /// one.
    fn kept_name(&mut self, name: &str, prefix: &str) -> String {
        let free = !self.made.contains(name) && self.index.captured_by(name).is_empty();
        let replaced = |&(at, slot): &(usize, usize)| {
            let nodes = &self.plan.model.graph().node;
            self.plan.placement.reads_quantized(nodes, at, slot)
                || self.plan.weights.get(&at).is_some_and(|w| slot == 1 || (slot == 2 && w.bias.is_some()))
        };
        let all = self.index.consumers(name).iter().all(replaced) && !self.index.is_output(name);
        if free && all { name.into() } else { self.fresh(prefix) }
    }

    /// An initializer that several places read, made once.
    fn shared(&mut self, wished: &str, array: &Array) -> String {
        // The name of something else in the file is passed by.
        let mut name = wished.to_owned();
        while !self.index.is_free(&name) {
            name.push('_');
        }
        if !self.made.contains(&name) {
            self.initializer(&name, array);
        }
        name
    }

    fn initializer(&mut self, name: &str, array: &Array) {
        self.made.insert(name.into());
        self.initializers.push(array.to_proto(name));
    }

    fn fresh(&mut self, prefix: &str) -> String {
        loop {
            self.counter += 1;
            // An underscore keeps these apart from the names of groups.
            let name = format!("{prefix}_{}", self.counter);
            if self.index.is_free(&name) && !self.made.contains(&name) {
                return name;
            }
        }
    }

    fn push(&mut self, op_type: &str, input: &[&str], output: &str, axis: Option<i64>) {
        let axis = axis.map(|axis| AttributeProto {
            name: "axis".into(),
            i: Some(axis),
            r#type: AttributeKind::Int.into(),
            ..Default::default()
        });
        self.nodes.push(NodeProto {
            op_type: op_type.into(),
            input: input.iter().map(|&name| name.into()).collect(),
            output: vec![output.into()],
            attribute: axis.into_iter().collect(),
            ..Default::default()
        });
    }

    fn finish(self) -> Written {
        let mut model = self.plan.model.clone();
        let graph = model.graph_mut();
        graph.node = self.nodes;
        let index = Index::new(graph);
        graph.initializer.retain(|tensor| {
            let read =
                !index.consumers(&tensor.name).is_empty() || !index.captured_by(&tensor.name).is_empty();
            !self.made.contains(&tensor.name) && (read || index.is_output(&tensor.name))
        });
        graph.initializer.extend(self.initializers);
        // Types are kept where the value still is what it was.
        let outputs: HashSet<&String> = graph.node.iter().flat_map(|node| &node.output).collect();
        graph.value_info.retain(|value| outputs.contains(&value.name));
        graph.quantization_annotation.clear();
        let proto = model.proto_mut();
        proto.ir_version = proto.ir_version.max(7);
        Written { model, places: self.places }
    }
}
