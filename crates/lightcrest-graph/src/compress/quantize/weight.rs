//! Weights and biases of a layer in 8 and 32 bits.

use super::affine::{self, Affine, Channels, Weight};
use super::constant::Constants;
use crate::onnx::proto::NodeProto;

/// How many bits of weights are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightBits {
    /// 8, but no more than keeps the sum of two products within 16 bits, for what was seen of the
    /// activations: processors without an instruction for dot products of 8 bits (AVX2 without VNNI) cut such
    /// sums off.
    #[default]
    Guarded,
    /// 8, -127 to 127.
    Eight,
    /// 7, -63 to 63: no sum of two products is beyond 16 bits.
    Seven,
}

impl WeightBits {
    fn levels(self) -> i8 {
        if self == WeightBits::Seven { 63 } else { 127 }
    }
}

/// What a layer's weights become.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LayerWeights {
    /// The numbers.
    pub weight: Weight,
    /// Axis of the scales.
    pub axis: usize,
    /// Sizes.
    pub shape: Vec<usize>,
    /// Biases with their scales, if there are some and sums are of 32 bits.
    pub bias: Option<(Vec<i32>, Vec<f32>)>,
}

/// The axis of the output channels.
pub(super) fn channel_axis(node: &NodeProto) -> usize {
    match node.op_type.as_str() {
        "ConvTranspose" | "MatMul" => 1,
        "Gemm" if node.int_or("transB", 0) == 0 => 1,
        _ => 0,
    }
}

/// What is settled before a layer's weights are rounded.
pub(super) struct Request<'a> {
    /// The layer.
    pub node: &'a NodeProto,
    /// Its constants.
    pub(super) constants: &'a Constants,
    /// Its biases, if other than its constants say.
    pub bias: Option<&'a [f32]>,
    /// Scale of its input; none where the layer computes in fp32.
    pub input: Option<Affine>,
    /// Greatest number of the input, a channel; all 255 when nothing is known.
    pub input_peak: Option<&'a [u8]>,
    /// Whether every output channel has a scale.
    pub per_channel: bool,
    /// Bits.
    pub bits: WeightBits,
}

/// Weights and biases of a layer; `None` when its weights are no constants of f32.
pub(super) fn quantize(request: &Request<'_>) -> Option<LayerWeights> {
    let array = request.constants.f32(request.node.input_name(1)?)?;
    let weights = array.as_f32()?;
    let axis = channel_axis(request.node);
    let channels = Channels::of(&array.shape, axis);
    let levels = request.bits.levels();
    let mut scale: Vec<f32> = affine::largest(weights, channels)
        .iter()
        .map(|&largest| affine::symmetric_scale(largest, levels.into()))
        .collect();
    if request.bits == WeightBits::Guarded && request.input.is_some() {
        guard(request, weights, &array.shape, axis, &mut scale);
    }
    if !request.per_channel {
        let all = scale.iter().copied().fold(0f32, f32::max);
        scale.fill(all);
    }
    let own = || request.node.input_name(2).and_then(|name| request.constants.f32(name)?.as_f32());
    let bias = request.bias.or_else(own);
    let bias = match (bias, request.input) {
        (Some(bias), Some(input)) => {
            affine::make_room_for_bias(&mut scale, bias, input.scale);
            if !request.per_channel {
                let all = scale.iter().copied().fold(0f32, f32::max);
                scale.fill(all);
            }
            let products: Vec<f32> = scale.iter().map(|scale| scale * input.scale).collect();
            Some((affine::round_bias(bias, &products), products))
        }
        _ => None,
    };
    let weight = affine::round(weights, channels, scale, levels);
    Some(LayerWeights { weight, axis, shape: array.shape.clone(), bias })
}

/// Raises scales until no two products that a runtime adds up in 16 bits are beyond them. Which two depends
/// on its layout: neighbours along the kernel's columns (NCHW) or along the input channels (NHWC) are looked
/// at. A depthwise convolution adds up in 32 bits.
fn guard(request: &Request<'_>, weights: &[f32], shape: &[usize], axis: usize, scale: &mut [f32]) {
    const LIMIT: f32 = i16::MAX as f32;
    let convolution = request.node.op_type == "Conv";
    if convolution && shape[1] == 1 {
        return;
    }
    let groups = request.node.int_or("group", 1).max(1) as usize;
    let outputs = shape[axis];
    let inputs = if convolution { shape[1] } else { weights.len() / outputs };
    let inner: usize = if convolution { shape[2..].iter().product() } else { 1 };
    let at = |output: usize, input: usize, tap: usize| match (convolution, axis) {
        (true, _) => weights[(output * inputs + input) * inner + tap],
        (false, 0) => weights[output * inputs + input],
        (false, _) => weights[input * outputs + output],
    };
    for output in 0..outputs {
        let offset = if convolution { output / outputs.div_ceil(groups) * inputs } else { 0 };
        let peak = |input: usize| {
            let known = request.input_peak.and_then(|peak| peak.get(offset + input));
            known.copied().map_or(255.0, f32::from)
        };
        let product = |k: usize, by_channel: bool| {
            let (input, tap) = if by_channel { (k % inputs, k / inputs) } else { (k / inner, k % inner) };
            at(output, input, tap) * peak(input)
        };
        let mut most = 0f32;
        for by_channel in [true, false] {
            let mut previous = 0f32;
            for k in 0..inputs * inner {
                let next = product(k, by_channel);
                most = most.max((previous + next).abs());
                previous = next;
            }
            if inner == 1 {
                break;
            }
        }
        // Rounding adds at most half a step to either weight.
        let least = most / (LIMIT - 255.0);
        scale[output] = scale[output].max(least);
    }
}
