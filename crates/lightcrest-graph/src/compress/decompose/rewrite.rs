//! A chain of stages in the place of a node.

use super::kernel::Stage;
use super::layer::{Kind, Layer, layer_name};
use crate::compress::edit::drop_unread;
use crate::onnx::proto::{AttributeKind, AttributeProto, NodeProto};
use crate::onnx::{Array, Model, Names, set_constant};

/// The weights of a chain in the graph.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// Name of the weight of each stage.
    names: Vec<String>,
}

/// A model that is being rewritten.
pub(super) struct Rewriter<'a> {
    model: &'a Model,
    names: Names,
    added: Vec<(String, Array)>,
    /// What stands in the place of a node, by its number.
    replaced: Vec<(usize, Vec<NodeProto>)>,
}

impl<'a> Rewriter<'a> {
    pub(super) fn new(model: &'a Model) -> Self {
        Self { model, names: Names::new(model.graph()), added: vec![], replaced: vec![] }
    }

    fn constant(&mut self, wanted: &str, array: Array) -> String {
        let name = self.names.fresh(wanted);
        self.added.push((name.clone(), array));
        name
    }

    /// Adds the weights of the stages of a layer.
    pub(super) fn write(&mut self, layer: &Layer, stages: &[Stage]) -> Written {
        let names = stages.iter().enumerate().map(|(at, stage)| {
            let array = stage_weight(layer.kind, stage);
            self.constant(&format!("{}/{at}.weight", layer.weight), array)
        });
        Written { names: names.collect() }
    }

    /// Puts the chain in the place of the layer's node. `bias` replaces the bias.
    pub(super) fn replace(
        &mut self,
        layer: &Layer,
        stages: &[Stage],
        written: &Written,
        bias: Option<&[f32]>,
    ) {
        let node = &self.model.graph().node[layer.node];
        let bias = bias.map(|bias| {
            self.constant(&format!("{}/bias", layer.name), Array::f32(vec![bias.len()], bias.to_vec()))
        });
        let mut input = node.input[0].clone();
        let mut nodes = Vec::new();
        for (at, (stage, weight)) in stages.iter().zip(&written.names).enumerate() {
            let last = at + 1 == stages.len();
            let output = if last {
                node.output[0].clone()
            } else {
                self.names.fresh(&format!("{}/{at}", node.output[0]))
            };
            let mut made = match layer.kind {
                Kind::Conv(axes) => convolution(node, stage, axes),
                Kind::Gemm { .. } => self.product(node, at == 0, last),
                Kind::MatMul => NodeProto { op_type: "MatMul".into(), ..Default::default() },
            };
            made.input.splice(0..0, [input, weight.clone()]);
            if last {
                let bias = bias.clone().or_else(|| node.input_name(2).map(str::to_owned));
                made.input.extend(bias);
                made.doc_string = node.doc_string.clone();
                made.metadata_props = node.metadata_props.clone();
            }
            made.domain = node.domain.clone();
            made.name = match (last, node.name.as_str()) {
                (_, "") => String::new(),
                (true, name) => name.into(),
                (false, name) => format!("{name}/{at}"),
            };
            made.output = vec![output.clone()];
            input = output;
            nodes.push(made);
        }
        self.replaced.push((layer.node, nodes));
    }

    /// A stage of a `Gemm`, without its first two inputs: the first stage transposes what is read, the last
    /// one scales and adds.
    fn product(&mut self, node: &NodeProto, first: bool, last: bool) -> NodeProto {
        let mut made = NodeProto { op_type: "Gemm".into(), ..Default::default() };
        let keep = |name: &&AttributeProto| match name.name.as_str() {
            "transA" => first,
            "alpha" | "beta" => last,
            _ => false,
        };
        made.attribute = node.attribute.iter().filter(keep).cloned().collect();
        // Before opset 11 the third input had to be there.
        if !last && self.model.opset() < 11 {
            let zero = self.constant(&format!("{}/zero", layer_name(node)), Array::f32(vec![1], vec![0.0]));
            made.input.push(zero);
        }
        made
    }

    /// The model with everything that was replaced, and without what nobody reads any longer.
    pub(super) fn finish(self) -> Model {
        let mut model = self.model.clone();
        let mut replaced = self.replaced;
        replaced.sort_by_key(|(at, _)| *at);
        let mut replaced = replaced.into_iter().peekable();
        let mut weights = Vec::new();
        let graph = model.graph_mut();
        let old = std::mem::take(&mut graph.node);
        for (at, node) in old.into_iter().enumerate() {
            match replaced.next_if(|(other, _)| *other == at) {
                Some((_, nodes)) => {
                    weights.extend(node.input.into_iter().skip(1));
                    graph.node.extend(nodes);
                }
                None => graph.node.push(node),
            }
        }
        self.added.iter().for_each(|(name, array)| set_constant(&mut model, name, array));
        drop_unread(model.graph_mut(), weights);
        model
    }
}

/// The weight of a stage as its operator reads it.
fn stage_weight(kind: Kind, stage: &Stage) -> Array {
    let kernel = &stage.kernel;
    let narrow = |v: f64| v as f32;
    match kind {
        Kind::Conv(axes) => {
            let mut shape = vec![kernel.out, kernel.input, kernel.height];
            if axes == 2 {
                shape.push(kernel.width);
            }
            Array::f32(shape, kernel.data.iter().map(|&v| narrow(v)).collect())
        }
        Kind::Gemm { .. } | Kind::MatMul => {
            let columns = (0..kernel.input).flat_map(|s| (0..kernel.out).map(move |t| (t, s)));
            let values = columns.map(|(t, s)| narrow(kernel.data[t * kernel.input + s])).collect();
            Array::f32(vec![kernel.input, kernel.out], values)
        }
    }
}

/// A stage of a convolution: what concerns an axis of the window stays with the stage that has that axis.
fn convolution(node: &NodeProto, stage: &Stage, axes: usize) -> NodeProto {
    let carries = [stage.vertical, stage.horizontal];
    let of_axis = |name: &str, axis: usize, default: i64| {
        let list = node.ints(name).filter(|_| carries[axis % axes]);
        list.and_then(|list| list.get(axis)).copied().unwrap_or(default)
    };
    let all =
        |name: &str, default: i64| (0..axes).map(|axis| of_axis(name, axis, default)).collect::<Vec<_>>();
    let kernel = [stage.kernel.height as i64, stage.kernel.width as i64];
    let mut attribute = vec![ints("kernel_shape", kernel[..axes].to_vec())];
    let mut unless = |name: &str, values: Vec<i64>, default: i64| {
        if values.iter().any(|&v| v != default) {
            attribute.push(ints(name, values));
        }
    };
    unless("strides", all("strides", 1), 1);
    unless("dilations", all("dilations", 1), 1);
    unless("pads", (0..2 * axes).map(|side| of_axis("pads", side, 0)).collect(), 0);
    if stage.groups > 1 {
        attribute.push(AttributeProto { i: Some(stage.groups as i64), ..named("group", AttributeKind::Int) });
    }
    let auto_pad = node.attribute("auto_pad").filter(|_| carries[..axes].contains(&true));
    attribute.extend(auto_pad.cloned());
    NodeProto { op_type: "Conv".into(), attribute, ..Default::default() }
}

fn ints(name: &str, values: Vec<i64>) -> AttributeProto {
    AttributeProto { ints: values, ..named(name, AttributeKind::Ints) }
}

fn named(name: &str, kind: AttributeKind) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: kind.into(), ..Default::default() }
}
