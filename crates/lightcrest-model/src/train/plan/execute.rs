//! Runs the stages of a plan. Each family of operators has a file with the steps that are its own.

mod channel;
mod conv;
mod norm;
mod outside;
mod pointwise;
mod pool;
mod resample;

use lightcrest_graph::network::{Network, NetworkError, Weights};
use rand::Rng;

use super::PlanMode;
use super::layer::{ChannelLayer, ConvLayer, NormLayer, Parameter};
use super::schedule::{Schedule, Scheduler};
use super::step::{PlanTensor, Stage, Step, StepOp, TensorId};
use crate::kernel::{Buffer, Element, Layout, Machine};
use outside::Outside;

/// A plan for elements `E` on machine `M`.
pub(super) struct Executor<E, M> {
    machine: M,
    tensors: Vec<PlanTensor>,
    forward: Vec<Stage>,
    backward: Vec<Stage>,
    buffers: Vec<Buffer<E>>,
    pub(super) parameters: Vec<Parameter<E>>,
    convs: Vec<ConvLayer<E>>,
    pub(super) norms: Vec<NormLayer<E>>,
    channel_convs: Vec<usize>,
    channel_layers: Vec<ChannelLayer<E>>,
    /// Two numbers for each channel of the widest local normalisation, four of that of groups.
    room: Vec<f64>,
    pub(super) batch: usize,
    /// Images of the last forward pass.
    images: usize,
    /// Whether the last forward pass used the statistics of the batch.
    training: bool,
    mode: PlanMode,
    pub(super) output: Vec<E>,
}

/// The images of a chunk.
#[derive(Clone, Copy)]
struct Chunk {
    first: usize,
    count: usize,
}

/// The images of a chunk that a step reads.
struct Source<'a, E> {
    values: &'a [E],
    layout: &'a Layout,
}

/// The images of a chunk that a step writes, or adds to.
struct Target<'a, E> {
    images: usize,
    values: &'a mut [E],
    layout: &'a Layout,
    accumulate: bool,
}

impl<E: Element, M: Machine<E>> Executor<E, M> {
    pub(super) fn new(
        network: &Network,
        weights: &Weights,
        batch: usize,
        mode: PlanMode,
        machine: M,
    ) -> Result<Self, NetworkError> {
        weights.check(network)?;
        let batch = batch.max(1);
        let schedule: Schedule<E> = Scheduler::plan(network, weights, batch, mode, machine.lanes());
        let Schedule {
            tensors,
            mut stages,
            forward,
            buffers,
            parameters,
            convs,
            norms,
            folds,
            channel_convs,
            channel_layers,
            room,
        } = schedule;
        let backward = stages.split_off(forward);
        let mut executor = Self {
            machine,
            tensors,
            forward: stages,
            backward,
            buffers: buffers.into_iter().map(Buffer::zeros).collect(),
            parameters,
            convs,
            norms,
            channel_convs,
            channel_layers,
            room: vec![0.0; room],
            batch,
            images: 0,
            training: false,
            mode,
            output: vec![E::default(); batch * network.output_shape().len()],
        };
        if mode == PlanMode::Infer {
            for norm in &mut executor.norms {
                norm.use_running(&executor.parameters);
            }
            for (conv, fold) in executor.convs.iter_mut().zip(folds) {
                let norm = fold.map(|n| &executor.norms[n]);
                let scale = norm.map(|n| &n.scale[..]);
                conv.pack(&executor.parameters, scale, norm.map(|n| &n.shift[..]));
                if conv.transposed {
                    conv.pack_backward(&executor.parameters);
                }
            }
            for layer in &mut executor.channel_layers {
                layer.pack(&executor.parameters);
            }
        }
        Ok(executor)
    }

    /// Forward pass of `n` images; the output is in `output`.
    pub(super) fn forward(&mut self, images: &[E], n: usize, training: bool, rng: &mut dyn Rng) {
        let input = self.tensors[0].layout;
        assert!(n <= self.batch, "{n} images given to a plan for {}", self.batch);
        assert_eq!(images.len(), n * input.area() * input.channels, "values of {n} images");
        assert!(!training || self.mode == PlanMode::Train, "an inference plan cannot train");
        (self.images, self.training) = (n, training);
        if self.mode == PlanMode::Train {
            for conv in &mut self.convs {
                conv.pack(&self.parameters, None, None);
                if conv.transposed {
                    conv.pack_backward(&self.parameters);
                }
            }
            for layer in &mut self.channel_layers {
                layer.pack(&self.parameters);
            }
            for norm in &mut self.norms {
                norm.reset();
                if !training || !norm.kind.uses_batch() {
                    norm.use_running(&self.parameters);
                }
            }
        }
        let stages = std::mem::take(&mut self.forward);
        let mut outside = Outside { images, gradient: &[], rng: Some(rng) };
        for stage in &stages {
            self.run(stage, &mut outside);
            if training {
                for &norm in &stage.finishes {
                    self.norms[norm].finish_moments(&self.parameters);
                }
            }
        }
        self.forward = stages;
    }

    /// Backward pass of the last forward pass; overwrites the gradients of the parameters.
    pub(super) fn backward(&mut self, d_output: &[E]) {
        assert!(self.mode == PlanMode::Train, "an inference plan has no gradients");
        let values = self.output.len() / self.batch;
        assert_eq!(d_output.len(), self.images * values, "gradient of {} images", self.images);
        for conv in self.convs.iter_mut().filter(|conv| !conv.transposed) {
            conv.pack_backward(&self.parameters);
        }
        let stages = std::mem::take(&mut self.backward);
        let mut outside = Outside { images: &[], gradient: d_output, rng: None };
        for stage in &stages {
            self.run(stage, &mut outside);
            for &norm in &stage.finishes {
                let batch = self.training && self.norms[norm].kind.uses_batch();
                self.norms[norm].finish_gradient(&mut self.parameters, batch);
            }
        }
        self.backward = stages;
        for conv in &self.convs {
            conv.unpack(&mut self.parameters);
        }
        for layer in &self.channel_layers {
            layer.unpack(&mut self.parameters);
        }
    }

    fn run(&mut self, stage: &Stage, outside: &mut Outside<'_, E>) {
        let mut first = 0;
        while first < self.images {
            let chunk = Chunk { first, count: stage.chunk.min(self.images - first) };
            for step in &stage.steps {
                self.step(step, chunk, outside);
            }
            first += chunk.count;
        }
    }

    /// First element of the chunk in the tensor's buffer.
    fn start(&self, tensor: TensorId, chunk: Chunk) -> usize {
        let tensor = &self.tensors[tensor];
        if tensor.whole { chunk.first * tensor.layout.image() } else { 0 }
    }

    /// The tensor that a step reads as its `index`-th.
    fn source(&self, step: &Step, index: usize, chunk: Chunk) -> Source<'_, E> {
        let id = step.reads[index];
        let tensor = &self.tensors[id];
        Source { values: &self.buffers[tensor.buffer][self.start(id, chunk)..], layout: &tensor.layout }
    }

    fn step(&mut self, step: &Step, chunk: Chunk, outside: &mut Outside<'_, E>) {
        // the written buffer is taken out for the time of the step: a step never reads what it writes
        let mut taken = step.write.map(|id| {
            let buffer = self.tensors[id].buffer;
            (id, buffer, std::mem::take(&mut self.buffers[buffer]))
        });
        if let Some((id, _, buffer)) = &mut taken {
            let (layout, start) = (self.tensors[*id].layout, self.start(*id, chunk));
            let values = &mut buffer[start..];
            if step.clears_halo {
                layout.clear_halo(chunk.count, values);
            }
            let (images, layout, accumulate) = (chunk.count, &layout, step.accumulate);
            self.write(step, chunk, Target { images, values, layout, accumulate }, outside);
        } else {
            self.reduce(step, chunk);
        }
        if let Some((_, buffer, data)) = taken {
            self.buffers[buffer] = data;
        }
    }

    /// Steps that write a tensor.
    fn write(&mut self, step: &Step, chunk: Chunk, y: Target<'_, E>, outside: &mut Outside<'_, E>) {
        let read = |index| self.source(step, index, chunk);
        match step.op {
            StepOp::Input => outside::copy_in(outside.images, chunk, y),
            StepOp::OutputGradient => outside::copy_in(outside.gradient, chunk, y),
            StepOp::Conv(layer, activation) => self.conv(layer, activation, read(0), y),
            StepOp::ConvInput(layer) => self.conv_input(layer, read(0), y),
            StepOp::Normalize(norm, activation) => self.normalize(norm, activation, read(0), y),
            StepOp::NormalizeGradient(norm, activation) => {
                self.normalize_gradient(norm, activation, step, chunk, Some(y));
            }
            StepOp::NormalizeInput(norm) => self.normalize_input(norm, read(0), read(1), y),
            StepOp::Activate(activation) => self.activate(activation, read(0), y),
            StepOp::ActivateGradient(activation) => self.activate_gradient(activation, read(0), read(1), y),
            StepOp::Pool(ref pool) => self.pool(pool, read(0), y),
            StepOp::PoolGradient(ref pool) => {
                self.pool_gradient(pool, read(0), step.reads.get(1).map(|_| read(1)), y);
            }
            StepOp::GlobalAverage => self.global_average(read(0), y),
            StepOp::GlobalAverageGradient => self.global_average_gradient(read(0), y),
            StepOp::Flatten => self.flatten(read(0), y),
            StepOp::FlattenGradient => self.flatten_gradient(read(0), y),
            StepOp::Add => self.add(read(0), read(1), y),
            StepOp::Accumulate => self.accumulate(read(0), None, y),
            StepOp::Multiply => self.accumulate(read(0), Some(read(1)), y),
            StepOp::Mask(p) => pointwise::mask(p, outside.rng.as_deref_mut().filter(|_| self.training), y),
            StepOp::Gate => self.gate(read(0), read(1), y),
            StepOp::GateGradient => self.gate_gradient(read(0), read(1), y),
            StepOp::ConcatPart(start) => self.concat_part(start, read(0), y),
            StepOp::Slice(start) => self.slice(start, read(0), y),
            StepOp::SliceGradient(start) => self.slice_gradient(start, read(0), y),
            StepOp::Shuffle(groups) => self.shuffle(groups, read(0), y),
            StepOp::ChannelConv(layer) => self.channel_conv(layer, false, read(0), y),
            StepOp::ChannelConvInput(layer) => self.channel_conv(layer, true, read(0), y),
            StepOp::PRelu(layer) => self.prelu(layer, read(0), step.reads.get(1).map(|_| read(1)), y),
            StepOp::LayerNorm(layer) => self.layer_norm(layer, read(0), y),
            StepOp::LayerNormInput(layer) => self.layer_norm_input(layer, read(0), read(1), y),
            StepOp::LocalNorm(ref norm) => self.local_norm(norm, step, chunk, y),
            StepOp::Gather(ref channels) => self.gather(channels, false, read(0), y),
            StepOp::GatherGradient(ref channels) => self.gather(channels, true, read(0), y),
            StepOp::Pad(ref pad) => self.pad(pad, false, read(0), y),
            StepOp::PadGradient(ref pad) => self.pad(pad, true, read(0), y),
            StepOp::Upsample(upsample) => self.upsample(upsample, false, read(0), y),
            StepOp::UpsampleGradient(upsample) => self.upsample(upsample, true, read(0), y),
            StepOp::GroupNorm(ref norm) => self.group_norm(norm, step, chunk, y),
            StepOp::Interpolate(interpolate) => self.interpolate(interpolate, false, read(0), y),
            StepOp::InterpolateGradient(interpolate) => self.interpolate(interpolate, true, read(0), y),
            StepOp::PixelShuffle(ref shuffle) => self.pixel_shuffle(shuffle, false, read(0), y),
            StepOp::PixelShuffleGradient(ref shuffle) => self.pixel_shuffle(shuffle, true, read(0), y),
            StepOp::Moments(_)
            | StepOp::ConvWeight(_)
            | StepOp::ChannelConvWeight(_)
            | StepOp::PReluWeight(_)
            | StepOp::LayerNormWeight(_)
            | StepOp::Output => unreachable!("the step writes no tensor"),
        }
    }

    /// Steps that write no tensor: statistics, gradients of parameters, output.
    fn reduce(&mut self, step: &Step, chunk: Chunk) {
        match step.op {
            StepOp::Moments(norm) => self.moments(norm, step, chunk),
            StepOp::NormalizeGradient(norm, activation) => {
                self.normalize_gradient(norm, activation, step, chunk, None);
            }
            StepOp::ConvWeight(layer) => self.conv_weight(layer, step, chunk),
            StepOp::ChannelConvWeight(layer) => self.channel_conv_weight(layer, step, chunk),
            StepOp::PReluWeight(layer) => self.prelu_weight(layer, step, chunk),
            StepOp::LayerNormWeight(layer) => self.layer_norm_weight(layer, step, chunk),
            StepOp::Output => self.copy_out(step, chunk),
            StepOp::Input
            | StepOp::OutputGradient
            | StepOp::Conv(..)
            | StepOp::ConvInput(_)
            | StepOp::Normalize(..)
            | StepOp::NormalizeInput(_)
            | StepOp::Activate(_)
            | StepOp::ActivateGradient(_)
            | StepOp::Pool(_)
            | StepOp::PoolGradient(_)
            | StepOp::GlobalAverage
            | StepOp::GlobalAverageGradient
            | StepOp::Flatten
            | StepOp::FlattenGradient
            | StepOp::Add
            | StepOp::Accumulate
            | StepOp::Multiply
            | StepOp::Mask(_)
            | StepOp::Gate
            | StepOp::GateGradient
            | StepOp::ConcatPart(_)
            | StepOp::Slice(_)
            | StepOp::SliceGradient(_)
            | StepOp::Shuffle(_)
            | StepOp::ChannelConv(_)
            | StepOp::ChannelConvInput(_)
            | StepOp::PRelu(_)
            | StepOp::LayerNorm(_)
            | StepOp::LayerNormInput(_)
            | StepOp::LocalNorm(_)
            | StepOp::Gather(_)
            | StepOp::GatherGradient(_)
            | StepOp::Pad(_)
            | StepOp::PadGradient(_)
            | StepOp::Upsample(_)
            | StepOp::UpsampleGradient(_)
            | StepOp::GroupNorm(_)
            | StepOp::Interpolate(_)
            | StepOp::InterpolateGradient(_)
            | StepOp::PixelShuffle(_)
            | StepOp::PixelShuffleGradient(_) => unreachable!("the step writes a tensor"),
        }
    }
}
