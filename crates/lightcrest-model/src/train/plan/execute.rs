//! Runs the stages of a plan.
//!
//! Longer than other files, because it is two matches over all step operators, one for those that write a tensor and one for those that
//! add up over chunks: torn apart, the borrows of the executor's buffers would have to be passed through every function.

use lightcrest_graph::network::{Network, NetworkError, Weights};
use rand::Rng;

use super::PlanMode;
use super::layer::{ConvLayer, NormLayer, Parameter};
use super::schedule::{Schedule, Scheduler};
use super::step::{PlanTensor, Stage, Step, StepOp, TensorId};
use crate::kernel::activation::{Activate, ActivateGradient};
use crate::kernel::channel::{ChannelConv, ChannelConvGradient, CopyChannels, Flatten, Shuffle};
use crate::kernel::conv::Correlate;
use crate::kernel::conv_gradient::{ChannelSum, CorrelateGradient};
use crate::kernel::depthwise::{Depthwise, DepthwiseGradient};
use crate::kernel::elementwise::{Accumulate, Add, Gate, GateGradient};
use crate::kernel::layout::Runs;
use crate::kernel::norm::{Moments, Normalize, NormalizeGradient, NormalizeInput};
use crate::kernel::pool::{GlobalAverage, GlobalAverageGradient, Pool, PoolGradient};
use crate::kernel::{Buffer, Element, Layout, Machine};

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

/// What the caller brings to a pass.
struct Outside<'a, E> {
    images: &'a [E],
    gradient: &'a [E],
    rng: Option<&'a mut dyn Rng>,
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
            }
            for norm in &mut self.norms {
                norm.reset();
                if !training {
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
        for conv in &mut self.convs {
            conv.pack_backward(&self.parameters);
        }
        let stages = std::mem::take(&mut self.backward);
        let mut outside = Outside { images: &[], gradient: d_output, rng: None };
        for stage in &stages {
            self.run(stage, &mut outside);
            for &norm in &stage.finishes {
                self.norms[norm].finish_gradient(&mut self.parameters, self.training);
            }
        }
        self.backward = stages;
        for conv in &self.convs {
            conv.unpack(&mut self.parameters);
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

    fn layout(&self, tensor: TensorId) -> &Layout {
        &self.tensors[tensor].layout
    }

    /// First element of the chunk in the tensor's buffer.
    fn start(&self, tensor: TensorId, chunk: Chunk) -> usize {
        let tensor = &self.tensors[tensor];
        if tensor.whole { chunk.first * tensor.layout.image() } else { 0 }
    }

    fn read(&self, tensor: TensorId, chunk: Chunk) -> &[E] {
        &self.buffers[self.tensors[tensor].buffer][self.start(tensor, chunk)..]
    }

    fn step(&mut self, step: &Step, chunk: Chunk, outside: &mut Outside<'_, E>) {
        // the written buffer is taken out for the time of the step: a step never reads what it writes
        let mut taken = step.write.map(|id| {
            let buffer = self.tensors[id].buffer;
            (id, buffer, std::mem::take(&mut self.buffers[buffer]))
        });
        if let Some((id, _, buffer)) = &mut taken {
            let (layout, start) = (self.tensors[*id].layout, self.start(*id, chunk));
            let y = &mut buffer[start..];
            if step.clears_halo {
                layout.clear_halo(chunk.count, y);
            }
            self.write(step, chunk, y, &layout, outside);
        } else {
            self.reduce(step, chunk);
        }
        if let Some((_, buffer, data)) = taken {
            self.buffers[buffer] = data;
        }
    }

    /// Steps that write the tensor `y`.
    fn write(
        &mut self,
        step: &Step,
        chunk: Chunk,
        y: &mut [E],
        y_layout: &Layout,
        outside: &mut Outside<'_, E>,
    ) {
        let (machine, images, accumulate) = (self.machine, chunk.count, step.accumulate);
        let x_layout = &step.reads.first().map_or(*y_layout, |&id| *self.layout(id));
        if let StepOp::NormalizeGradient(..) = step.op {
            return self.normalize_gradient(step, chunk, Some((y, y_layout)));
        }
        let read = |index: usize| self.read(step.reads[index], chunk);
        match step.op {
            StepOp::Input => copy_in(images, &outside.images[chunk.first * values(y_layout)..], y, y_layout),
            StepOp::OutputGradient => {
                copy_in(images, &outside.gradient[chunk.first * values(y_layout)..], y, y_layout);
            }
            StepOp::Conv(layer, activation) => {
                let layer = &self.convs[layer];
                let (x, weight, bias) = (read(0), &layer.packed[..], layer.packed_bias.as_deref());
                let (phases, channels) = (&layer.forward[..], layer.forward_channels);
                let (x_image, y_image) = (x_layout.image(), y_layout.image());
                if layer.conv.is_depthwise() {
                    let padded = y_layout.stride;
                    machine.run(Depthwise {
                        images,
                        phases,
                        x,
                        x_image,
                        y,
                        y_image,
                        weight,
                        bias,
                        padded,
                        accumulate,
                        activation,
                    });
                } else {
                    machine.run(Correlate {
                        images,
                        phases,
                        channels,
                        x,
                        x_image,
                        y,
                        y_image,
                        y_stride: y_layout.stride,
                        weight,
                        bias,
                        accumulate,
                        activation,
                    });
                }
            }
            StepOp::ConvInput(layer) => {
                let layer = &self.convs[layer];
                let (x, bias, activation) = (read(0), None, None);
                let (phases, channels) = (&layer.backward[..], layer.backward_channels);
                let (x_image, y_image) = (x_layout.image(), y_layout.image());
                if layer.conv.is_depthwise() {
                    let (padded, weight) = (y_layout.stride, &layer.packed[..]);
                    machine.run(Depthwise {
                        images,
                        phases,
                        x,
                        x_image,
                        y,
                        y_image,
                        weight,
                        bias,
                        padded,
                        accumulate,
                        activation,
                    });
                } else {
                    let weight = &layer.packed_backward[..];
                    machine.run(Correlate {
                        images,
                        phases,
                        channels,
                        x,
                        x_image,
                        y,
                        y_image,
                        y_stride: y_layout.stride,
                        weight,
                        bias,
                        accumulate,
                        activation,
                    });
                }
            }
            StepOp::Normalize(norm, activation) => {
                let NormLayer { scale, shift, .. } = &self.norms[norm];
                machine.run(Normalize {
                    images,
                    activation,
                    scale,
                    shift,
                    x: read(0),
                    x_layout,
                    y,
                    y_layout,
                });
            }
            StepOp::NormalizeInput(norm) => {
                let NormLayer { a, b, c, .. } = &self.norms[norm];
                let (dz, dz_layout) = (read(1), self.layout(step.reads[1]));
                machine.run(NormalizeInput {
                    images,
                    a,
                    b,
                    c,
                    x: read(0),
                    x_layout,
                    dz,
                    dz_layout,
                    dx: y,
                    dx_layout: y_layout,
                    accumulate,
                });
            }
            StepOp::Activate(activation) => {
                machine.run(Activate { images, activation, x: read(0), x_layout, y, y_layout });
            }
            StepOp::ActivateGradient(activation) => {
                let (dy, dy_layout) = (read(1), self.layout(step.reads[1]));
                machine.run(ActivateGradient {
                    images,
                    activation,
                    x: read(0),
                    x_layout,
                    dy,
                    dy_layout,
                    dx: y,
                    dx_layout: y_layout,
                    accumulate,
                });
            }
            StepOp::Pool(ref pool, maximum) => {
                machine.run(Pool { images, pool, maximum, x: read(0), x_layout, y, y_layout });
            }
            StepOp::PoolGradient(ref pool) => {
                let x = step.reads.get(1).map(|&id| (self.read(id, chunk), self.layout(id)));
                machine.run(PoolGradient {
                    images,
                    pool,
                    x,
                    dy: read(0),
                    dy_layout: x_layout,
                    dx: y,
                    dx_layout: y_layout,
                    accumulate,
                });
            }
            StepOp::GlobalAverage => {
                machine.run(GlobalAverage { images, x: read(0), x_layout, y, y_layout });
            }
            StepOp::GlobalAverageGradient => {
                machine.run(GlobalAverageGradient {
                    images,
                    dy: read(0),
                    dy_layout: x_layout,
                    dx: y,
                    dx_layout: y_layout,
                    accumulate,
                });
            }
            StepOp::Flatten => {
                let (map, vector, backward) = (x_layout, y_layout, false);
                machine.run(Flatten { images, map, vector, x: read(0), y, backward, accumulate });
            }
            StepOp::FlattenGradient => {
                let (map, vector, backward) = (y_layout, x_layout, true);
                machine.run(Flatten { images, map, vector, x: read(0), y, backward, accumulate });
            }
            StepOp::Add => {
                let (b, b_layout) = (read(1), self.layout(step.reads[1]));
                machine.run(Add { images, a: read(0), a_layout: x_layout, b, b_layout, y, y_layout });
            }
            StepOp::Accumulate => {
                machine.run(Accumulate {
                    images,
                    x: read(0),
                    x_layout,
                    factor: None,
                    y,
                    y_layout,
                    accumulate,
                });
            }
            StepOp::Multiply => {
                let factor = Some((read(1), self.layout(step.reads[1])));
                machine.run(Accumulate { images, x: read(0), x_layout, factor, y, y_layout, accumulate });
            }
            StepOp::Mask(p) => {
                let keep = E::of(1.0 / (1.0 - f64::from(p)));
                let threshold = (f64::from(p) * 4_294_967_296.0) as u64;
                let mut runs = Runs::new([y_layout], images, usize::MAX);
                while let Some(([at], pixels)) = runs.next() {
                    for value in &mut y[at..][..pixels * y_layout.stride] {
                        *value = match &mut outside.rng {
                            Some(rng) if self.training => {
                                if u64::from(rng.next_u32()) < threshold {
                                    E::default()
                                } else {
                                    keep
                                }
                            }
                            _ => E::of(1.0),
                        };
                    }
                }
            }
            StepOp::Gate => {
                let (gate, gate_layout) = (read(1), self.layout(step.reads[1]));
                machine.run(Gate {
                    images,
                    x: read(0),
                    x_layout,
                    gate,
                    gate_layout,
                    y,
                    y_layout,
                    accumulate,
                });
            }
            StepOp::GateGradient => {
                let (dy, dy_layout) = (read(1), self.layout(step.reads[1]));
                let (dgate, dgate_layout) = (y, y_layout);
                machine.run(GateGradient {
                    images,
                    x: read(0),
                    x_layout,
                    dy,
                    dy_layout,
                    dgate,
                    dgate_layout,
                    accumulate,
                });
            }
            StepOp::ConcatPart(to_start) => {
                let (from_start, len, accumulate) = (0, x_layout.channels, false);
                machine.run(CopyChannels {
                    images,
                    x: read(0),
                    x_layout,
                    from_start,
                    y,
                    y_layout,
                    to_start,
                    len,
                    accumulate,
                });
            }
            StepOp::Slice(from_start) => {
                let (to_start, len) = (0, y_layout.channels);
                machine.run(CopyChannels {
                    images,
                    x: read(0),
                    x_layout,
                    from_start,
                    y,
                    y_layout,
                    to_start,
                    len,
                    accumulate,
                });
            }
            StepOp::SliceGradient(to_start) => {
                let (from_start, len) = (0, x_layout.channels);
                if !accumulate {
                    y[..images * y_layout.image()].fill(E::default());
                }
                machine.run(CopyChannels {
                    images,
                    x: read(0),
                    x_layout,
                    from_start,
                    y,
                    y_layout,
                    to_start,
                    len,
                    accumulate,
                });
            }
            StepOp::Shuffle(groups) => {
                machine.run(Shuffle { images, groups, x: read(0), x_layout, y, y_layout, accumulate });
            }
            StepOp::ChannelConv(layer) | StepOp::ChannelConvInput(layer) => {
                let weight = &self.parameters[self.channel_convs[layer]].value;
                let reversed = matches!(step.op, StepOp::ChannelConvInput(_));
                let layout = y_layout;
                machine.run(ChannelConv {
                    images,
                    layout,
                    weight,
                    x: read(0),
                    x_layout,
                    y,
                    reversed,
                    accumulate,
                });
            }
            StepOp::NormalizeGradient(..)
            | StepOp::Moments(_)
            | StepOp::ConvWeight(_)
            | StepOp::ChannelConvWeight(_)
            | StepOp::Output => unreachable!("the step writes no tensor"),
        }
    }

    /// Steps that write no tensor: statistics, gradients of parameters, output.
    fn reduce(&mut self, step: &Step, chunk: Chunk) {
        let (machine, images) = (self.machine, chunk.count);
        let layout = *self.layout(step.reads[0]);
        let accumulate = chunk.first > 0;
        match step.op {
            StepOp::Moments(norm) if self.training => {
                let [mut pivot, mut sum, mut square] = std::mem::take(&mut self.norms[norm].chunk);
                machine.run(Moments {
                    images,
                    x: self.read(step.reads[0], chunk),
                    layout: &layout,
                    pivot: &mut pivot,
                    sum: &mut sum,
                    square: &mut square,
                });
                self.norms[norm].chunk = [pivot, sum, square];
                self.norms[norm].merge_moments(images * layout.area());
            }
            StepOp::Moments(_) => {}
            StepOp::NormalizeGradient(..) => self.normalize_gradient(step, chunk, None),
            StepOp::ConvWeight(layer) => {
                let mut dw = std::mem::take(&mut self.convs[layer].packed_gradient);
                let mut sum = std::mem::take(&mut self.convs[layer].bias_gradient);
                let (x, dy) = (self.read(step.reads[0], chunk), self.read(step.reads[1], chunk));
                let dy_layout = self.layout(step.reads[1]);
                let layer_ref = &self.convs[layer];
                let phase = layer_ref.weight_phase.as_ref().expect("a training plan has gradients");
                let (x_image, dy_image, channels) =
                    (layout.image(), dy_layout.image(), layer_ref.forward_channels);
                if layer_ref.conv.is_depthwise() {
                    let padded = dy_layout.stride;
                    let dw = &mut dw;
                    machine.run(DepthwiseGradient {
                        images,
                        phase,
                        x,
                        x_image,
                        dy,
                        dy_image,
                        dw,
                        padded,
                        accumulate,
                    });
                } else {
                    let dw = &mut dw;
                    machine.run(CorrelateGradient {
                        images,
                        phase,
                        channels,
                        x,
                        x_image,
                        dy,
                        dy_image,
                        dw,
                        accumulate,
                    });
                }
                if layer_ref.bias.is_some() {
                    machine.run(ChannelSum { images, layout: dy_layout, dy, sum: &mut sum, accumulate });
                }
                self.convs[layer].packed_gradient = dw;
                self.convs[layer].bias_gradient = sum;
            }
            StepOp::ChannelConvWeight(layer) => {
                let parameter = self.channel_convs[layer];
                let mut dw = std::mem::take(&mut self.parameters[parameter].gradient);
                let (x, dy) = (self.read(step.reads[0], chunk), self.read(step.reads[1], chunk));
                let (x_layout, dy_layout) = (&layout, self.layout(step.reads[1]));
                let target = &mut dw;
                machine.run(ChannelConvGradient {
                    images,
                    x,
                    x_layout,
                    dy,
                    dy_layout,
                    dw: target,
                    accumulate,
                });
                self.parameters[parameter].gradient = dw;
            }
            StepOp::Output => {
                let mut output = std::mem::take(&mut self.output);
                let x = self.read(step.reads[0], chunk);
                let mut target = output[chunk.first * values(&layout)..].chunks_exact_mut(layout.channels);
                let mut runs = Runs::new([&layout], images, usize::MAX);
                while let Some(([at], pixels)) = runs.next() {
                    for pixel in x[at..][..pixels * layout.stride].chunks_exact(layout.stride) {
                        let target = target.next().expect("the output holds every image");
                        target.copy_from_slice(&pixel[..layout.channels]);
                    }
                }
                self.output = output;
            }
            _ => unreachable!("the step writes a tensor"),
        }
    }

    fn normalize_gradient(&mut self, step: &Step, chunk: Chunk, dz: Option<(&mut [E], &Layout)>) {
        let StepOp::NormalizeGradient(norm, activation) = step.op else { return };
        let [mut sum, mut product, rest] = std::mem::take(&mut self.norms[norm].chunk);
        let NormLayer { scale, shift, mean, .. } = &self.norms[norm];
        self.machine.run(NormalizeGradient {
            images: chunk.count,
            activation,
            scale,
            shift,
            mean,
            x: self.read(step.reads[0], chunk),
            x_layout: self.layout(step.reads[0]),
            dy: self.read(step.reads[1], chunk),
            dy_layout: self.layout(step.reads[1]),
            dz,
            sum: &mut sum,
            product: &mut product,
        });
        self.norms[norm].chunk = [sum, product, rest];
        self.norms[norm].merge_gradient();
    }
}

/// Values of an image without padding.
fn values(layout: &Layout) -> usize {
    layout.area() * layout.channels
}

/// Copies dense images into a map.
fn copy_in<E: Element>(images: usize, from: &[E], y: &mut [E], layout: &Layout) {
    let mut from = from.chunks_exact(layout.channels);
    let mut runs = Runs::new([layout], images, usize::MAX);
    while let Some(([at], pixels)) = runs.next() {
        let run = &mut y[at..][..pixels * layout.stride];
        if layout.stride == 1 {
            run.iter_mut().zip(&mut from).for_each(|(y, x)| *y = x[0]);
            continue;
        }
        for pixel in run.chunks_exact_mut(layout.stride) {
            let source = from.next().expect("the caller brings every image");
            pixel[..layout.channels].copy_from_slice(source);
        }
    }
}
