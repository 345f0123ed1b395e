//! Layers of a model that have a kernel: which they are, and why another one is left alone.

use super::kernel::Kernel;
use super::method::{KernelShape, Positions};
use crate::onnx::proto::{NodeProto, element};
use crate::onnx::{Array, Dim, Facts, Index, Model};

/// What computes with the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `Conv` over this many spatial axes, 1 or 2.
    Conv(usize),
    /// `Gemm`; whether its second input is (N, K).
    Gemm {
        /// `transB`.
        transposed: bool,
    },
    /// `MatMul` with a constant (K, N) on the right.
    MatMul,
}

/// A layer that can be decomposed.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Its node.
    pub node: usize,
    /// Name of the node, or of its output.
    pub name: String,
    /// Its operator.
    pub kind: Kind,
    /// Name of the value that is its weight.
    pub weight: String,
    /// Sizes of its kernel.
    pub shape: KernelShape,
    /// Where it computes, for the batch that the model names (1 where it is free).
    pub positions: Positions,
    /// Batch and whatever else repeats the positions.
    pub repeats: usize,
    /// Whether sizes are free, so that costs are those of one output position.
    pub per_position: bool,
}

/// Name of a layer: that of its node, or else of its output.
pub fn layer_name(node: &NodeProto) -> &str {
    let output = node.output.first().map_or("", String::as_str);
    if node.name.is_empty() { output } else { &node.name }
}

/// The layer that a node is.
///
/// `None` for a node without a kernel.
///
/// # Errors
/// Why it is left alone.
pub fn recognize(model: &Model, index: &Index, facts: &Facts, at: usize) -> Option<Result<Layer, String>> {
    let node = &model.graph().node[at];
    if !node.is_standard() {
        return None;
    }
    match node.op_type.as_str() {
        "Conv" => Some(convolution(model, index, facts, at)),
        "Gemm" | "MatMul" => Some(linear(model, index, facts, at)?),
        "ConvTranspose" => Some(Err("a transposed convolution".into())),
        _ => None,
    }
}

fn convolution(model: &Model, index: &Index, facts: &Facts, at: usize) -> Result<Layer, String> {
    let node = &model.graph().node[at];
    let weight = node.input_name(1).ok_or("it has no weight")?;
    let array = weights(model, index, facts, weight)?;
    let groups = node.int_or("group", 1);
    if groups > 1 {
        let depthwise = groups as usize == array.shape[0] && array.shape.get(1) == Some(&1);
        let what = if depthwise { "depthwise" } else { "grouped" };
        return Err(format!("a {what} convolution of {groups} groups has no channels to combine"));
    }
    let axes = array.shape.len().saturating_sub(2);
    let &[out, input, height, ref rest @ ..] = array.shape.as_slice() else {
        return Err(format!("a weight of {} axes", array.shape.len()));
    };
    if axes > 2 || array.is_empty() {
        return Err(format!("a weight of sizes {:?}", array.shape));
    }
    let width = rest.first().copied().unwrap_or(1);
    let shape = KernelShape { out, input, height, width };
    let stride =
        |axis: usize| node.ints("strides").and_then(|s| s.get(axis)).map_or(1, |&s| s.max(1) as usize);
    let strides = (stride(0), if axes == 2 { stride(1) } else { 1 });
    let (x, y) = (facts.shape(&node.input[0]), facts.shape(&node.output[0]));
    let known = spatial(x, axes).zip(spatial(y, axes));
    let positions = match known {
        Some((input, out)) => Positions { input, out },
        None => Positions { input: strides, out: (1, 1) },
    };
    Ok(Layer {
        node: at,
        name: layer_name(node).into(),
        kind: Kind::Conv(axes),
        weight: weight.into(),
        shape,
        positions,
        repeats: y.and_then(|y| y.first()?.known()).unwrap_or(1).max(1),
        per_position: known.is_none(),
    })
}

/// `None` for a product of two activations.
fn linear(model: &Model, index: &Index, facts: &Facts, at: usize) -> Option<Result<Layer, String>> {
    let node = &model.graph().node[at];
    let weight = node.input_name(1)?;
    if facts.constant(weight).is_none() && index.initializer(weight).is_none() {
        // A constant on the left, or none at all: no layer in the usual sense.
        return None;
    }
    Some(linear_of(model, index, facts, at, weight))
}

fn linear_of(model: &Model, index: &Index, facts: &Facts, at: usize, weight: &str) -> Result<Layer, String> {
    let node = &model.graph().node[at];
    let array = weights(model, index, facts, weight)?;
    let &[rows, columns] = array.shape.as_slice() else {
        return Err(format!("a weight of {} axes, where 2 are decomposed", array.shape.len()));
    };
    if array.is_empty() {
        return Err(format!("a weight of sizes {:?}", array.shape));
    }
    let kind = match node.op_type.as_str() {
        "Gemm" => Kind::Gemm { transposed: node.int_or("transB", 0) != 0 },
        _ => Kind::MatMul,
    };
    let turned = kind == Kind::Gemm { transposed: true };
    let (out, input) = if turned { (rows, columns) } else { (columns, rows) };
    let y = facts.shape(&node.output[0]);
    // Free sizes count once, as the free batch does.
    let free = y.is_none_or(|y| y.iter().skip(1).any(|dim| dim.known().is_none()));
    let repeats = y.map_or(1, |y| {
        y.split_last().map_or(1, |(_, dims)| dims.iter().map(|dim| dim.known().unwrap_or(1)).product())
    });
    Ok(Layer {
        node: at,
        name: layer_name(node).into(),
        kind,
        weight: weight.into(),
        shape: KernelShape { out, input, height: 1, width: 1 },
        positions: Positions { input: (1, 1), out: (1, 1) },
        repeats,
        per_position: free,
    })
}

/// Height and width, 1 for what is not there.
fn spatial(shape: Option<&[Dim]>, axes: usize) -> Option<(usize, usize)> {
    let shape = shape?.get(2..2 + axes)?;
    Some((shape[0].known()?, shape.get(1).map_or(Some(1), Dim::known)?))
}

/// The weights of a layer, constant and in f32.
fn weights<'a>(model: &Model, index: &Index, facts: &'a Facts, value: &str) -> Result<&'a Array, String> {
    if let Some(element) = facts.element(value).filter(|&element| element != element::FLOAT) {
        return Err(format!("its weight is of element type {element}, where FLOAT (1) is decomposed"));
    }
    let mut source = value;
    while let Some((at, _)) = index.producer(source) {
        let node = &model.graph().node[at];
        if node.op_type == "DequantizeLinear" {
            return Err("its weight is quantized".into());
        }
        let Some(name) = node.input_name(0) else { break };
        source = name;
    }
    let array = facts.constant(value).ok_or("its weight is not a constant")?;
    let values = array.as_f32().ok_or("its weight is not in f32")?;
    if values.iter().all(|v| v.is_finite()) { Ok(array) } else { Err("its weight is not finite".into()) }
}

impl Layer {
    /// Its kernel (T, S, kh, kw).
    pub fn kernel(&self, facts: &Facts) -> Kernel {
        let array = facts.constant(&self.weight).expect("recognized with constant weights");
        let values = array.as_f32().expect("recognized with weights in f32");
        let KernelShape { out, input, height, width } = self.shape;
        let wide = |v: &f32| f64::from(*v);
        let data = match self.kind {
            Kind::MatMul | Kind::Gemm { transposed: false } => {
                (0..out).flat_map(|t| (0..input).map(move |s| wide(&values[s * out + t]))).collect()
            }
            Kind::Conv(_) | Kind::Gemm { transposed: true } => values.iter().map(wide).collect(),
        };
        Kernel { out, input, height, width, data }
    }
}
