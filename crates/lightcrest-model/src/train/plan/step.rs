//! What a plan executes: steps on tensors, in stages.

use std::sync::Arc;

use lightcrest_graph::network::{
    Activation, GroupNorm, Interpolate, LocalNorm, Pad, PixelShuffle, Pool2d, Upsample,
};

use crate::kernel::Layout;

/// Index of a tensor of the plan: the value of a node, its gradient, or a copy computed anew.
pub(super) type TensorId = usize;

/// A map of every image of the batch, or of the images of a chunk.
#[derive(Clone, Debug)]
pub(super) struct PlanTensor {
    pub(super) layout: Layout,
    /// Buffer it lies in; tensors that live at different times share one.
    pub(super) buffer: usize,
    /// Whether the buffer holds the whole batch; otherwise one chunk.
    pub(super) whole: bool,
}

/// One kernel call.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) op: StepOp,
    pub(super) reads: Vec<TensorId>,
    pub(super) write: Option<TensorId>,
    /// Adds to what earlier steps wrote.
    pub(super) accumulate: bool,
    /// First to write a tensor with a halo.
    pub(super) clears_halo: bool,
}

impl Step {
    pub(super) fn new(op: StepOp, reads: Vec<TensorId>, write: Option<TensorId>) -> Self {
        Self { op, reads, write, accumulate: false, clears_halo: false }
    }
}

/// The kernels, with the tensors they read in brackets.
#[derive(Clone, Debug)]
pub(super) enum StepOp {
    /// Copies the images of the caller.
    Input,
    /// [x] to y; layer, activation of the epilogue.
    Conv(usize, Option<Activation>),
    /// [dy] to dx.
    ConvInput(usize),
    /// [x, dy] to the gradients of the layer's parameters.
    ConvWeight(usize),
    /// [x] to the statistics of a norm.
    Moments(usize),
    /// [x] to y.
    Normalize(usize, Option<Activation>),
    /// [x, dy] to dz and the sums of a norm.
    NormalizeGradient(usize, Option<Activation>),
    /// [x, dz] to dx.
    NormalizeInput(usize),
    /// [x] to y.
    Activate(Activation),
    /// [x, dy] to dx.
    ActivateGradient(Activation),
    /// [x] to y.
    Pool(Pool2d),
    /// [dy] or, for the maximum, [dy, x] to dx.
    PoolGradient(Pool2d),
    /// [x] to y.
    GlobalAverage,
    /// [dy] to dx.
    GlobalAverageGradient,
    /// [x] to y.
    Flatten,
    /// [dy] to dx.
    FlattenGradient,
    /// [a, b] to y.
    Add,
    /// [x] to y.
    Accumulate,
    /// Draws a dropout mask for probability p.
    Mask(f32),
    /// [x, mask] to y.
    Multiply,
    /// [map, gate] to y, also [dy, gate] to dmap.
    Gate,
    /// [map, dy] to dgate.
    GateGradient,
    /// [x] to channels `start ..` of y.
    ConcatPart(usize),
    /// Channels `start ..` of [x] to y.
    Slice(usize),
    /// [dy] to channels `start ..` of dx; the first to write clears the others.
    SliceGradient(usize),
    /// [x] to y.
    Shuffle(usize),
    /// [x] to y.
    ChannelConv(usize),
    /// [dy] to dx.
    ChannelConvInput(usize),
    /// [x, dy] to the gradient of the parameter.
    ChannelConvWeight(usize),
    /// [x] to y, or of [x, dy] to dx.
    PRelu(usize),
    /// [x, dy] to the gradient of the slopes.
    PReluWeight(usize),
    /// [x] to y.
    LayerNorm(usize),
    /// [x, dy] to dx.
    LayerNormInput(usize),
    /// [x, dy] to the gradients of its parameters.
    LayerNormWeight(usize),
    /// [x] to y, or of [x, dy] to dx.
    LocalNorm(LocalNorm),
    /// These channels of [x] to y.
    Gather(Arc<[usize]>),
    /// [dy] to these channels of dx.
    GatherGradient(Arc<[usize]>),
    /// [x] to y.
    Pad(Pad),
    /// [dy] to dx.
    PadGradient(Pad),
    /// [x] to y.
    Upsample(Upsample),
    /// [dy] to dx.
    UpsampleGradient(Upsample),
    /// [x] to y.
    PixelShuffle(PixelShuffle),
    /// [dy] to dx.
    PixelShuffleGradient(PixelShuffle),
    /// [x] to y, or of [x, dy] to dx.
    GroupNorm(GroupNorm),
    /// [x] to y.
    Interpolate(Interpolate),
    /// [dy] to dx.
    InterpolateGradient(Interpolate),
    /// [y] to the caller.
    Output,
    /// Copies the gradient of the caller.
    OutputGradient,
}

/// Steps that run chunk after chunk of images; between stages the whole batch is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Stage {
    pub(super) steps: Vec<Step>,
    /// Norms whose statistics, or sums of the backward pass, are complete when the stage ends.
    pub(super) finishes: Vec<usize>,
    /// Images of a chunk.
    pub(super) chunk: usize,
}
