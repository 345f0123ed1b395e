//! Nodes that can be solved for, and their weights as matrices.

use faer::Mat;

use crate::compress::activation::Walk;
use crate::onnx::proto::NodeProto;
use crate::onnx::{Array, Index, Model, Names, set_constant};

/// A layer with constant weights.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) node: usize,
    pub(super) kind: Kind,
    /// Channels that it writes.
    pub(super) out: usize,
    pub(super) groups: usize,
    /// Weights (T, S kh kw), of a group in each row.
    pub(super) weight: Mat<f64>,
    /// Bias; zeros where there is none.
    pub(super) bias: Vec<f64>,
    /// Whether it has a bias or can be given one.
    pub(super) with_bias: bool,
    /// Sizes of the weight in the file.
    shape: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Conv,
    Gemm,
    MatMul,
}

/// A tensor that a node has to itself.
fn own(model: &Model, index: &Index, value: &str) -> Option<Array> {
    let alone =
        index.consumers(value).len() == 1 && index.captured_by(value).is_empty() && !index.is_output(value);
    let tensor = &model.graph().initializer[index.initializer(value).filter(|_| alone)?];
    Array::from_proto(tensor).ok()
}

impl Site {
    /// The layer that a node is; `None` for a node without weights.
    ///
    /// # Errors
    /// Why it cannot be solved for.
    pub(super) fn new(model: &Model, index: &Index, at: usize) -> Option<Result<Self, String>> {
        let node = &model.graph().node[at];
        let kind = match node.op_type.as_str() {
            "Conv" => Kind::Conv,
            "Gemm" => Kind::Gemm,
            "MatMul" => Kind::MatMul,
            _ => return None,
        };
        if !node.is_standard() {
            return None;
        }
        let weight = node.input_name(1)?;
        if kind != Kind::Conv && index.initializer(weight).is_none() {
            return None;
        }
        Some(Self::of(model, index, at, kind))
    }

    fn of(model: &Model, index: &Index, at: usize, kind: Kind) -> Result<Self, String> {
        let node = &model.graph().node[at];
        let weight = node.input_name(1).ok_or("it has no weight")?;
        let array = own(model, index, weight).ok_or("its weight is no initializer of its own")?;
        let values = array.as_f32().ok_or("its weight is not in f32")?;
        let shape = array.shape.clone();
        if shape.len() < 2 || shape.len() > 4 || kind != Kind::Conv && shape.len() != 2 {
            return Err(format!("its weight has the sizes {shape:?}"));
        }
        let rows: usize = shape[1..].iter().product();
        let turned = kind == Kind::MatMul || kind == Kind::Gemm && node.int_or("transB", 0) == 0;
        let weight = if turned {
            Mat::from_fn(rows, shape[0], |t, s| f64::from(values[s * rows + t]))
        } else {
            Mat::from_fn(shape[0], rows, |t, s| f64::from(values[t * rows + s]))
        };
        let alpha = f64::from(node.float_or("alpha", 1.0));
        let weight = if kind == Kind::Gemm { weight * faer::Scale(alpha) } else { weight };
        let out = weight.nrows();
        let groups = if kind == Kind::Conv { node.int_or("group", 1).max(1) as usize } else { 1 };
        if kind == Kind::Gemm && (alpha == 0.0 || node.float_or("beta", 1.0) == 0.0) || out % groups != 0 {
            return Err("its attributes leave nothing to solve for".into());
        }
        let (bias, with_bias) = bias(model, index, node, kind, out)?;
        Ok(Self { node: at, kind, out, groups, weight, bias, with_bias, shape })
    }

    /// How it walks over an input of these sizes.
    pub(super) fn walk(&self, node: &NodeProto, input: &[usize]) -> Result<Walk, String> {
        let window = |axis: usize| self.shape.get(axis).copied().unwrap_or(1);
        let walk = match self.kind {
            Kind::Conv => Walk::convolution(node, [window(2), window(3)], input),
            Kind::Gemm => Walk::linear(node.int_or("transA", 0) != 0, input),
            Kind::MatMul => Walk::linear(false, input),
        }?;
        let taps = walk.kernel[0] * walk.kernel[1];
        if walk.channels * taps == self.weight.ncols() * self.groups {
            Ok(walk)
        } else {
            Err(format!("it reads {} channels, which its weight does not", walk.channels))
        }
    }

    /// What it writes for patches (P, S kh kw of all groups): (P, T).
    pub(super) fn outputs(&self, x: &Mat<f64>) -> Mat<f64> {
        let (row, per_group) = (self.weight.ncols(), self.out / self.groups);
        let mut y = Mat::from_fn(x.nrows(), self.out, |_, t| self.bias[t]);
        for group in 0..self.groups {
            let x = x.subcols(group * row, row);
            let w = self.weight.subrows(group * per_group, per_group);
            let mut part = y.as_mut().subcols_mut(group * per_group, per_group);
            part += x * w.transpose();
        }
        y
    }

    /// Puts the weights and the bias into the model.
    pub(super) fn store(&self, model: &mut Model) {
        let node = model.graph().node[self.node].clone();
        let (alpha, beta) = match self.kind {
            Kind::Gemm => (f64::from(node.float_or("alpha", 1.0)), f64::from(node.float_or("beta", 1.0))),
            _ => (1.0, 1.0),
        };
        let (t, rows) = (self.weight.nrows(), self.weight.ncols());
        let turned = self.kind == Kind::MatMul || self.kind == Kind::Gemm && node.int_or("transB", 0) == 0;
        let element = |t: usize, s: usize| (self.weight[(t, s)] / alpha) as f32;
        let values: Vec<f32> = if turned {
            (0..rows).flat_map(|s| (0..t).map(move |t| element(t, s))).collect()
        } else {
            (0..t).flat_map(|t| (0..rows).map(move |s| element(t, s))).collect()
        };
        set_constant(model, &node.input[1], &Array::f32(self.shape.clone(), values));
        if !self.with_bias {
            return;
        }
        let bias: Vec<f32> = self.bias.iter().map(|b| (b / beta) as f32).collect();
        let bias = Array::f32(vec![t], bias);
        match node.input_name(2) {
            Some(name) => set_constant(model, name, &bias),
            None => {
                let name = Names::new(model.graph()).fresh(&format!("{}/bias", node.output[0]));
                set_constant(model, &name, &bias);
                let node = &mut model.graph_mut().node[self.node];
                node.input.truncate(2);
                node.input.push(name);
            }
        }
    }
}

/// The bias of a layer, times beta, and whether it may change.
fn bias(
    model: &Model,
    index: &Index,
    node: &NodeProto,
    kind: Kind,
    out: usize,
) -> Result<(Vec<f64>, bool), String> {
    if kind == Kind::MatMul {
        return Ok((vec![0.0; out], false));
    }
    let beta = if kind == Kind::Gemm { f64::from(node.float_or("beta", 1.0)) } else { 1.0 };
    let Some(name) = node.input_name(2) else { return Ok((vec![0.0; out], true)) };
    let at = index.initializer(name).ok_or("its bias is no initializer")?;
    let array = Array::from_proto(&model.graph().initializer[at]).map_err(|error| error.to_string())?;
    let values = array.as_f32().ok_or("its bias is not in f32")?;
    let bias: Vec<f64> = match values.len() {
        1 => vec![f64::from(values[0]) * beta; out],
        n if n == out => values.iter().map(|&v| f64::from(v) * beta).collect(),
        _ => return Err(format!("its bias has the sizes {:?}", array.shape)),
    };
    Ok((bias, own(model, index, name).is_some()))
}
