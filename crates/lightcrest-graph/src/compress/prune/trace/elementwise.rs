//! Operators that work position by position: what they read is tied along every axis, as it is broadcast.

use super::super::label::Axis;
use super::Trace;
use crate::onnx::Dim;
use crate::onnx::proto::NodeProto;

/// One value in, the same positions out.
const UNARY: &[&str] = &[
    "Abs",
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "BitwiseNot",
    "Cast",
    "Ceil",
    "Celu",
    "Cos",
    "Cosh",
    "Elu",
    "Erf",
    "Exp",
    "Floor",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "IsInf",
    "IsNaN",
    "LeakyRelu",
    "Log",
    "Mish",
    "Neg",
    "Not",
    "Reciprocal",
    "Relu",
    "Round",
    "Selu",
    "Shrink",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Swish",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
];

/// Several values, broadcast against each other.
const BROADCAST: &[&str] = &[
    "Add",
    "And",
    "BitShift",
    "BitwiseAnd",
    "BitwiseOr",
    "BitwiseXor",
    "Div",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Max",
    "Mean",
    "Min",
    "Mod",
    "Mul",
    "Or",
    "PRelu",
    "Pow",
    "Sub",
    "Sum",
    "Where",
    "Xor",
];

impl<'a> Trace<'a> {
    pub(super) fn elementwise(&mut self, _: usize, node: &'a NodeProto) -> Option<bool> {
        let operator = node.op_type.as_str();
        if UNARY.contains(&operator) {
            let axes = self.input(node, 0)?;
            self.set(node, 0, axes);
        } else if BROADCAST.contains(&operator) {
            let axes = self.broadcast(&node.input.iter().map(String::as_str).collect::<Vec<_>>())?;
            self.set(node, 0, axes);
        } else {
            match operator {
                // Bounds are scalars; in- and output have the same positions.
                "Clip" | "CastLike" => {
                    let axes = self.input(node, 0)?;
                    self.set(node, 0, axes);
                }
                "Dropout" => {
                    let axes = self.input(node, 0)?;
                    self.set(node, 0, axes.clone());
                    self.set(node, 1, axes);
                }
                "QuantizeLinear" | "DequantizeLinear" => self.quantize(node)?,
                _ => return Some(false),
            }
        }
        Some(true)
    }

    /// Ties values as they are broadcast.
    pub(super) fn broadcast(&mut self, values: &[&'a str]) -> Option<Vec<Axis>> {
        let mut all = Vec::with_capacity(values.len());
        for value in values.iter().filter(|value| !value.is_empty()) {
            let dims = self.dims(value)?;
            all.push((dims, self.axes(value)));
        }
        let rank = all.iter().map(|(dims, _)| dims.len()).max()?;
        let mut axes = Vec::with_capacity(rank);
        for axis in 0..rank {
            // An axis of one position is repeated, and one that is not there as well.
            let along: Vec<Axis> = all
                .iter()
                .filter_map(|(dims, axes)| {
                    let at = (axis + dims.len()).checked_sub(rank)?;
                    (dims[at] != Dim::Known(1)).then(|| axes[at].clone())
                })
                .collect();
            let tied = along.iter().skip(1).fold(along.first().cloned().flatten(), |tied, next| {
                // Once pinned, `tied` is `None`, and pins what comes after.
                self.tie(&tied, next)
            });
            axes.push(tied);
        }
        Some(axes)
    }

    /// Scales and zero points: one, or one a position along `axis`.
    fn quantize(&mut self, node: &'a NodeProto) -> Option<()> {
        let mut axes = self.input(node, 0)?;
        if node.int_or("block_size", 0) != 0 {
            return None;
        }
        for slot in [1, 2] {
            let Some(value) = node.input_name(slot) else { continue };
            match self.dims(value)? {
                [] | [Dim::Known(1)] => {}
                [_] => {
                    let at = super::axis_at(node.int_or("axis", 1), axes.len())?;
                    let scale = self.axes(value);
                    axes[at] = self.tie(&axes[at].clone(), &scale[0]);
                }
                _ => return None,
            }
        }
        self.set(node, 0, axes);
        Some(())
    }
}
