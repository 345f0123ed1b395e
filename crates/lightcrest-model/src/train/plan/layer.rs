//! Layers with parameters: packed weights, statistics and gradients.

use lightcrest_graph::network::{BatchNorm, Conv2d};

use crate::kernel::conv::{self, Channels};
use crate::kernel::geometry::{self, Phase};
use crate::kernel::{Buffer, Element, Layout, depthwise};

/// A trainable tensor in the layout of PyTorch.
pub(super) struct Parameter<E> {
    pub(super) name: String,
    pub(super) shape: Vec<usize>,
    pub(super) decay: bool,
    /// Whether the optimizer changes it.
    pub(super) trained: bool,
    pub(super) value: Vec<E>,
    pub(super) gradient: Vec<E>,
}

/// A convolution, linear layer or transposed convolution.
pub(super) struct ConvLayer<E> {
    pub(super) conv: Conv2d,
    /// Whether the layer is the backward direction of `conv`: what it writes is the convolution's input. Its
    /// bias belongs to that direction.
    pub(super) transposed: bool,
    /// Indices of the parameters.
    pub(super) weight: usize,
    pub(super) bias: Option<usize>,
    pub(super) lanes: usize,
    pub(super) forward: Vec<Phase>,
    pub(super) forward_channels: Channels,
    /// The pixels of x and dy that meet in the gradient of the weights.
    pub(super) weight_phase: Option<Phase>,
    pub(super) backward: Vec<Phase>,
    pub(super) backward_channels: Channels,
    pub(super) packed: Buffer<E>,
    pub(super) packed_backward: Buffer<E>,
    pub(super) packed_bias: Option<Buffer<E>>,
    pub(super) packed_gradient: Buffer<E>,
    /// As long as the stride of the output.
    pub(super) bias_gradient: Buffer<E>,
}

impl<E: Element> ConvLayer<E> {
    /// Plans the layer between a map `x` and a map `y`; `gradients` gives the layouts of dx, if it is needed,
    /// and of dy. Of a transposed layer, `x` and `y` are the gradients of what it writes and reads, dx and dy
    /// their values.
    pub(super) fn new(
        (conv, transposed): (Conv2d, bool),
        (weight, bias): (usize, Option<usize>),
        lanes: usize,
        x: &Layout,
        y: &Layout,
        gradients: Option<(Option<&Layout>, &Layout)>,
    ) -> Self {
        let mut forward_channels = Channels::forward(&conv, lanes);
        let backward_channels = Channels::backward(&conv, lanes);
        let mut phase = geometry::forward(&conv, x, y);
        let taps = conv.kernel.0 * conv.kernel.1;
        let depthwise = conv.is_depthwise();
        let mut weight_phase = gradients.map(|(_, dy)| geometry::forward(&conv, x, dy));
        if !depthwise && conv::merges_taps(&conv, x) {
            forward_channels.run *= conv.kernel.1;
            for phase in [Some(&mut phase), weight_phase.as_mut()].into_iter().flatten() {
                phase.offsets = phase.offsets.iter().copied().step_by(conv.kernel.1).collect();
            }
        }
        let c = Channels::forward(&conv, lanes);
        let padded = conv.out_channels.next_multiple_of(lanes);
        let size = if depthwise { taps * padded } else { c.groups * taps * c.input * c.padded };
        let backward =
            gradients.and_then(|(dx, dy)| Some(geometry::backward(&conv, dx?, dy))).unwrap_or_default();
        let b = &backward_channels;
        let reached: usize = backward.iter().map(|p| p.taps.len()).sum();
        let back = if depthwise { 0 } else { b.groups * reached * b.input * b.padded };
        let biases = match (depthwise, transposed) {
            (true, _) => padded,
            (false, false) => c.groups * c.padded,
            (false, true) => b.groups * b.padded,
        };
        Self {
            conv,
            transposed,
            weight,
            bias,
            lanes,
            forward: vec![phase],
            forward_channels,
            weight_phase,
            backward,
            backward_channels,
            packed: Buffer::zeros(size),
            packed_backward: Buffer::zeros(back),
            packed_bias: bias.map(|_| Buffer::zeros(biases)),
            packed_gradient: Buffer::zeros(if gradients.is_some() { size } else { 0 }),
            bias_gradient: Buffer::zeros(if transposed { x.stride } else { y.stride }),
        }
    }

    /// Packs the weights for the forward pass, output channels scaled.
    pub(super) fn pack(&mut self, parameters: &[Parameter<E>], scale: Option<&[E]>, shift: Option<&[E]>) {
        let weight = &parameters[self.weight].value;
        if self.conv.is_depthwise() {
            depthwise::pack(&self.conv, weight, scale, self.lanes, &mut self.packed);
        } else {
            conv::pack_forward(&self.conv, weight, scale, self.lanes, &mut self.packed);
        }
        let bias = self.bias.map(|b| &parameters[b].value);
        if bias.is_none() && shift.is_none() {
            return;
        }
        let depthwise = self.conv.is_depthwise();
        let (c, channels) = match self.transposed {
            false => (Channels::forward(&self.conv, self.lanes), self.conv.out_channels),
            true => (Channels::backward(&self.conv, self.lanes), self.conv.in_channels),
        };
        let stride = channels.next_multiple_of(self.lanes);
        let len = if depthwise { stride } else { c.groups * c.padded };
        let packed = self.packed_bias.get_or_insert_with(|| Buffer::zeros(len));
        for channel in 0..channels {
            let at = if depthwise { channel } else { channel / c.output * c.padded + channel % c.output };
            let value = bias.map_or(E::default(), |b| b[channel]);
            let value = scale.map_or(value, |s| value * s[channel]);
            packed[at] = shift.map_or(value, |s| value + s[channel]);
        }
    }

    /// Packs the weights for the gradient of the input.
    pub(super) fn pack_backward(&mut self, parameters: &[Parameter<E>]) {
        if !self.conv.is_depthwise() && !self.backward.is_empty() {
            let weight = &parameters[self.weight].value;
            conv::pack_backward(&self.conv, weight, &self.backward, self.lanes, &mut self.packed_backward);
        }
    }

    /// Writes the gradients back in the layout of the parameters.
    pub(super) fn unpack(&self, parameters: &mut [Parameter<E>]) {
        let gradient = &mut parameters[self.weight].gradient;
        if self.conv.is_depthwise() {
            depthwise::unpack(&self.conv, &self.packed_gradient, self.lanes, gradient);
        } else {
            conv::unpack_forward(&self.conv, &self.packed_gradient, self.lanes, gradient);
        }
        if let Some(bias) = self.bias {
            let gradient = &mut parameters[bias].gradient;
            let len = gradient.len();
            gradient.copy_from_slice(&self.bias_gradient[..len]);
        }
    }
}

/// A layer with one or two numbers a channel, such as the slopes of a PReLU.
pub(super) struct ChannelLayer<E> {
    /// Indices of the parameters: weight and bias.
    pub(super) parameters: [Option<usize>; 2],
    pub(super) epsilon: f64,
    channels: usize,
    /// Their values, one a channel, padded with zeros.
    pub(super) packed: [Buffer<E>; 2],
    /// Their gradients, one a channel.
    pub(super) gradients: [Buffer<E>; 2],
}

impl<E: Element> ChannelLayer<E> {
    pub(super) fn new(parameters: [Option<usize>; 2], epsilon: f64, channels: usize, lanes: usize) -> Self {
        let zeros = || Buffer::zeros(channels.next_multiple_of(lanes));
        let (packed, gradients) = ([zeros(), zeros()], [zeros(), zeros()]);
        Self { parameters, epsilon, channels, packed, gradients }
    }

    /// Takes the values of the parameters; a single one counts for every channel.
    pub(super) fn pack(&mut self, parameters: &[Parameter<E>]) {
        for (index, packed) in self.parameters.iter().zip(&mut self.packed) {
            let Some(index) = *index else { continue };
            match parameters[index].value[..] {
                [one] => packed[..self.channels].fill(one),
                ref values => packed[..self.channels].copy_from_slice(values),
            }
        }
    }

    /// Writes the gradients back.
    pub(super) fn unpack(&self, parameters: &mut [Parameter<E>]) {
        for (index, gradient) in self.parameters.iter().zip(&self.gradients) {
            let Some(index) = *index else { continue };
            let gradient = &gradient[..self.channels];
            match &mut parameters[index].gradient[..] {
                [one] => *one = gradient.iter().fold(E::default(), |sum, &g| sum + g),
                values => values.copy_from_slice(gradient),
            }
        }
    }
}

/// A batch normalisation, or an affine map of each channel, which is one whose statistics are 0 and 1. Sums
/// run in `E` within a chunk and in f64 across chunks.
pub(super) struct NormLayer<E> {
    pub(super) name: String,
    pub(super) channels: usize,
    pub(super) kind: NormKind,
    pub(super) weight: Option<usize>,
    pub(super) bias: Option<usize>,
    pub(super) running_mean: Vec<E>,
    pub(super) running_var: Vec<E>,
    /// Per channel, padded: z = scale x + shift.
    pub(super) scale: Buffer<E>,
    pub(super) shift: Buffer<E>,
    pub(super) mean: Buffer<E>,
    /// Per channel, padded: dx = a dz + b x + c.
    pub(super) a: Buffer<E>,
    pub(super) b: Buffer<E>,
    pub(super) c: Buffer<E>,
    /// Sums of a chunk: pivot, sum and square forward; sum and product backward.
    pub(super) chunk: [Buffer<E>; 3],
    count: f64,
    batch_mean: Vec<f64>,
    deviation: Vec<f64>,
    inverse: Vec<f64>,
    gradient_sum: Vec<f64>,
    gradient_product: Vec<f64>,
}

/// Where a norm's statistics come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum NormKind {
    /// Those of the batch, which update the running ones.
    Batch(BatchNorm),
    /// The running ones, which stay.
    Frozen(BatchNorm),
    /// None: an affine map.
    Affine,
}

impl NormKind {
    fn epsilon(self) -> f64 {
        match self {
            Self::Batch(norm) | Self::Frozen(norm) => norm.epsilon,
            Self::Affine => 0.0,
        }
    }

    /// Whether passes in training use the statistics of the batch.
    pub(super) fn uses_batch(self) -> bool {
        matches!(self, Self::Batch(_))
    }
}

impl<E: Element> NormLayer<E> {
    pub(super) fn new(
        (name, channels, kind): (String, usize, NormKind),
        (weight, bias): (Option<usize>, Option<usize>),
        running_mean: Vec<E>,
        running_var: Vec<E>,
        lanes: usize,
    ) -> Self {
        let padded = channels.next_multiple_of(lanes);
        let zeros = || Buffer::zeros(padded);
        Self {
            name,
            channels,
            kind,
            weight,
            bias,
            running_mean,
            running_var,
            scale: zeros(),
            shift: zeros(),
            mean: zeros(),
            a: zeros(),
            b: zeros(),
            c: zeros(),
            chunk: [zeros(), zeros(), zeros()],
            count: 0.0,
            batch_mean: vec![0.0; channels],
            deviation: vec![0.0; channels],
            inverse: vec![0.0; channels],
            gradient_sum: vec![0.0; channels],
            gradient_product: vec![0.0; channels],
        }
    }

    /// Forgets the sums of the last pass.
    pub(super) fn reset(&mut self) {
        self.count = 0.0;
        self.gradient_sum.fill(0.0);
        self.gradient_product.fill(0.0);
    }

    /// Merges the moments of a chunk of `pixels` pixels (Chan, Golub & LeVeque 1979, eq. 2.1).
    pub(super) fn merge_moments(&mut self, pixels: usize) {
        let n = pixels as f64;
        let total = self.count + n;
        for channel in 0..self.channels {
            let (sum, square) = (self.chunk[1][channel].f64(), self.chunk[2][channel].f64());
            let mean = self.chunk[0][channel].f64() + sum / n;
            let deviation = (square - sum * sum / n).max(0.0);
            // a sum that is not a number must stay one
            let deviation = if square.is_nan() { f64::NAN } else { deviation };
            if self.count == 0.0 {
                self.batch_mean[channel] = mean;
                self.deviation[channel] = deviation;
            } else {
                let delta = mean - self.batch_mean[channel];
                self.batch_mean[channel] += delta * n / total;
                self.deviation[channel] += deviation + delta * delta * self.count * n / total;
            }
        }
        self.count = total;
    }

    /// Statistics of the batch are complete: updates the running ones and prepares the normalisation.
    pub(super) fn finish_moments(&mut self, parameters: &[Parameter<E>]) {
        let NormKind::Batch(BatchNorm { momentum, .. }) = self.kind else { return };
        let n = self.count;
        for channel in 0..self.channels {
            let (mean, deviation) = (self.batch_mean[channel], self.deviation[channel]);
            let unbiased = deviation / (n - 1.0).max(1.0);
            let mix = |old: E, new: f64| E::of((1.0 - momentum) * old.f64() + momentum * new);
            self.running_mean[channel] = mix(self.running_mean[channel], mean);
            self.running_var[channel] = mix(self.running_var[channel], unbiased);
            self.set_channel(parameters, channel, mean, deviation / n);
        }
    }

    /// Normalises with the running statistics.
    pub(super) fn use_running(&mut self, parameters: &[Parameter<E>]) {
        for channel in 0..self.channels {
            let (mean, var) = (self.running_mean[channel].f64(), self.running_var[channel].f64());
            self.set_channel(parameters, channel, mean, var);
        }
    }

    fn set_channel(&mut self, parameters: &[Parameter<E>], channel: usize, mean: f64, var: f64) {
        let gamma = self.gamma(parameters, channel);
        let beta = self.bias.map_or(0.0, |bias| parameters[bias].value[channel].f64());
        let inverse = 1.0 / (var + self.kind.epsilon()).sqrt();
        self.inverse[channel] = inverse;
        self.batch_mean[channel] = mean;
        self.mean[channel] = E::of(mean);
        self.scale[channel] = E::of(gamma * inverse);
        self.shift[channel] = E::of(beta - mean * gamma * inverse);
    }

    fn gamma(&self, parameters: &[Parameter<E>], channel: usize) -> f64 {
        self.weight.map_or(1.0, |weight| parameters[weight].value[channel].f64())
    }

    /// Adds the sums of a chunk of the backward pass.
    pub(super) fn merge_gradient(&mut self) {
        for channel in 0..self.channels {
            self.gradient_sum[channel] += self.chunk[0][channel].f64();
            self.gradient_product[channel] += self.chunk[1][channel].f64();
        }
    }

    /// The sums are complete: gradients of gamma and beta, and dx as a linear function of dz and x.
    ///
    /// dx = gamma inverse (dz - mean(dz) - xhat mean(dz xhat)), xhat = (x - mean) inverse. Where the running
    /// statistics were used (`batch` false) the means are constants and dx = gamma inverse dz.
    pub(super) fn finish_gradient(&mut self, parameters: &mut [Parameter<E>], batch: bool) {
        let n = self.count;
        for channel in 0..self.channels {
            let inverse = self.inverse[channel];
            let (sum, product) = (self.gradient_sum[channel], self.gradient_product[channel] * inverse);
            let a = self.gamma(parameters, channel) * inverse;
            let b = if batch { -a * product / n * inverse } else { 0.0 };
            let constant = if batch { -a * sum / n } else { 0.0 };
            self.a[channel] = E::of(a);
            self.b[channel] = E::of(b);
            self.c[channel] = E::of(constant - b * self.mean[channel].f64());
            if let Some(weight) = self.weight {
                parameters[weight].gradient[channel] = E::of(product);
            }
            if let Some(bias) = self.bias {
                parameters[bias].gradient[channel] = E::of(sum);
            }
        }
    }
}
