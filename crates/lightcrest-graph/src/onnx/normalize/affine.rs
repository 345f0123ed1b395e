//! What a node does to each channel, when it multiplies it by a number and adds one.
//!
//! | symbol | meaning |
//! |---|---|
//! | x (N, C, ...) | input |
//! | y = scale x + shift | output, both numbers one a channel (C,) |

use crate::onnx::proto::{GraphProto, NodeProto};
use crate::onnx::{Array, Index};

/// y = scale x + shift, a number of each for every channel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Affine {
    pub(super) scale: Vec<f64>,
    pub(super) shift: Vec<f64>,
}

/// What `node` does to its input `slot` of that rank with that many channels along axis 1; `None` when it is
/// anything else than one factor and one offset a channel.
pub(super) fn of(
    node: &NodeProto,
    slot: usize,
    (rank, channels): (usize, usize),
    opset: i64,
    constants: &Constants<'_>,
) -> Option<Affine> {
    if !node.is_standard() {
        return None;
    }
    let affine = if node.op_type == "BatchNormalization" {
        if slot == 0 { batch_norm(node, channels, opset, constants)? } else { return None }
    } else {
        if node.input.len() != 2 {
            return None;
        }
        let other = per_channel(&constants.f32(&node.input[1 - slot])?, rank, channels)?;
        let (one, zero) = (vec![1.0; channels], vec![0.0; channels]);
        match (node.op_type.as_str(), slot) {
            ("Add", _) => Affine { scale: one, shift: other },
            ("Sub", 0) => Affine { scale: one, shift: other.iter().map(|k| -k).collect() },
            ("Sub", _) => Affine { scale: vec![-1.0; channels], shift: other },
            ("Mul", _) => Affine { scale: other, shift: zero },
            ("Div", 0) => Affine { scale: other.iter().map(|k| 1.0 / k).collect(), shift: zero },
            _ => return None,
        }
    };
    affine.scale.iter().chain(&affine.shift).all(|value| value.is_finite()).then_some(affine)
}

/// scale = gamma / sqrt(variance + epsilon), shift = beta - scale mean (Ioffe and Szegedy 2015, with the
/// moments that training left).
fn batch_norm(node: &NodeProto, channels: usize, opset: i64, constants: &Constants<'_>) -> Option<Affine> {
    // In training it takes the moments of the batch: said by an attribute, and before by its outputs.
    let training = node.int_or("training_mode", 0) != 0 || opset < 7 && node.int_or("is_test", 0) == 0;
    let other_outputs = node.output.iter().skip(1).any(|name| !name.is_empty());
    if training || other_outputs || node.int_or("spatial", 1) != 1 || node.input.len() != 5 {
        return None;
    }
    let read = |slot: usize| {
        let array = constants.f32(&node.input[slot])?;
        let values = array.as_f32()?;
        (values.len() == channels).then(|| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>())
    };
    let (gamma, beta, mean, variance) = (read(1)?, read(2)?, read(3)?, read(4)?);
    let epsilon = f64::from(node.float_or("epsilon", 1e-5));
    let scale: Vec<f64> = gamma.iter().zip(&variance).map(|(g, v)| g / (v + epsilon).sqrt()).collect();
    let shift = (0..channels).map(|c| beta[c] - scale[c] * mean[c]).collect();
    Some(Affine { scale, shift })
}

/// The numbers of a constant that broadcasts against a value of that rank along its channels alone.
pub(super) fn per_channel(array: &Array, rank: usize, channels: usize) -> Option<Vec<f64>> {
    let values = array.as_f32()?;
    // Shapes are aligned at the right.
    let lead = rank.checked_sub(array.shape.len())?;
    let mut sizes = array.shape.iter().enumerate();
    let along = sizes.all(|(axis, &size)| size == 1 || axis + lead == 1 && size == channels);
    match values {
        _ if !along => None,
        [one] => Some(vec![f64::from(*one); channels]),
        many => Some(many.iter().map(|&v| f64::from(v)).collect()),
    }
}

/// The constants of a graph.
pub(super) struct Constants<'a> {
    pub(super) graph: &'a GraphProto,
    pub(super) index: &'a Index,
}

impl Constants<'_> {
    /// The constant of that name, if it is one of f32.
    pub(super) fn f32(&self, name: &str) -> Option<Array> {
        let at = self.index.initializer(name).filter(|_| !self.index.is_input(name))?;
        let array = Array::from_proto(self.graph.initializer.get(at)?).ok()?;
        array.as_f32().is_some().then_some(array)
    }

    /// The one element of a constant of f32.
    pub(super) fn scalar(&self, name: &str) -> Option<f32> {
        match self.f32(name)?.as_f32()? {
            [value] => Some(*value),
            _ => None,
        }
    }
}
