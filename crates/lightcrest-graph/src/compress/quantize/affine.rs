//! Numbers of 8 bits and what they stand for.
//!
//! | symbol | meaning |
//! |---|---|
//! | `x ~ s_x (q - z)` | activations: q of u8, one scale and zero point a tensor |
//! | `w ~ s_w q` | weights: q of s8 in [-L, L], one scale an output channel or one a tensor |
//! | `b ~ s_x s_w q` | biases: q of s32, added to the sums of products as they are |
//!
//! Rounding is half to even, as `QuantizeLinear` has it. Source: Jacob et al. 2018, "Quantization and
//! training of neural networks for efficient integer-arithmetic-only inference", section 2.

/// Scale and zero point of activations of u8.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    /// What one step is worth; positive.
    pub scale: f32,
    /// Which number stands for zero.
    pub zero_point: u8,
}

impl Affine {
    /// Numbers that cover `[low, high]` and zero, which padding needs: it is one of them, exactly.
    ///
    /// A range without width (a tensor that is always zero) gets the scale 1.
    pub(super) fn new(low: f32, high: f32) -> Self {
        let (low, high) = (f64::from(low.min(0.0)), f64::from(high.max(0.0)));
        let scale = ((high - low) / 255.0) as f32;
        // Below this the reciprocal is infinite, and s_x s_w would vanish.
        if scale < SMALLEST_SCALE {
            return Self { scale: 1.0, zero_point: 0 };
        }
        let zero_point = (-low / f64::from(scale)).round_ties_even().clamp(0.0, 255.0) as u8;
        Self { scale, zero_point }
    }

    /// The number that stands for `x`.
    pub(super) fn quantize(self, x: f32) -> u8 {
        let step = (x / self.scale).round_ties_even() + f32::from(self.zero_point);
        step.clamp(0.0, 255.0) as u8
    }

    /// What a number stands for.
    pub(super) fn dequantize(self, q: u8) -> f32 {
        f32::from(i16::from(q) - i16::from(self.zero_point)) * self.scale
    }

    /// The least and the greatest value that there is a number for.
    pub(super) fn range(self) -> (f32, f32) {
        (self.dequantize(0), self.dequantize(255))
    }
}

/// The least scale in use: products of two of them are still normal numbers.
const SMALLEST_SCALE: f32 = 1e-18;

/// Weights of s8.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Weight {
    /// The numbers, in the order of the weights.
    pub values: Vec<i8>,
    /// Scales: one an index of the axis, or one for all.
    pub scale: Vec<f32>,
}

/// How the elements of a tensor belong to the channels of one axis: `shape` = (outer, channels, inner).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Channels {
    /// Size of the axis.
    pub count: usize,
    /// Elements between one index and the next.
    pub inner: usize,
}

impl Channels {
    /// Those of an axis of a shape.
    pub(super) fn of(shape: &[usize], axis: usize) -> Self {
        Self { count: shape[axis], inner: shape[axis + 1..].iter().product() }
    }

    /// Channel of an element.
    pub(super) fn channel(self, element: usize) -> usize {
        element / self.inner % self.count
    }
}

/// The scale whose `levels` steps reach the largest magnitude. A channel of zeros (a dead one) gets the scale
/// 1.
pub(super) fn symmetric_scale(largest: f32, levels: f32) -> f32 {
    let scale = largest / levels;
    if scale < SMALLEST_SCALE { 1.0 } else { scale }
}

/// Largest magnitude a channel.
pub(super) fn largest(weights: &[f32], channels: Channels) -> Vec<f32> {
    let mut largest = vec![0f32; channels.count];
    for (element, w) in weights.iter().enumerate() {
        let channel = &mut largest[channels.channel(element)];
        *channel = channel.max(w.abs());
    }
    largest
}

/// Rounds the weights to the nearest numbers in `[-levels, levels]`; `scale` has one entry a channel.
pub(super) fn round(weights: &[f32], channels: Channels, scale: Vec<f32>, levels: i8) -> Weight {
    let levels = f32::from(levels);
    let values = weights.iter().enumerate().map(|(element, w)| {
        let step = (w / scale[channels.channel(element)]).round_ties_even();
        step.clamp(-levels, levels) as i8
    });
    Weight { values: values.collect(), scale }
}

/// Raises scales of weights until the biases fit into s32 with room for the sums that they are added to.
///
/// A bias of a channel with tiny weights can be beyond 2^30 steps of `s_x s_w`; the larger `s_w` loses digits
/// of weights that hardly matter beside such a bias.
pub(super) fn make_room_for_bias(scale: &mut [f32], bias: &[f32], input_scale: f32) {
    for (scale, bias) in scale.iter_mut().zip(bias) {
        let least = bias.abs() / input_scale / (1u32 << 30) as f32;
        *scale = scale.max(least);
    }
}

/// The biases in steps of `s_x s_w`.
pub(super) fn round_bias(bias: &[f32], scale: &[f32]) -> Vec<i32> {
    let limit = f64::from(i32::MAX);
    let step = |(bias, scale): (&f32, &f32)| (f64::from(*bias) / f64::from(*scale)).round_ties_even();
    bias.iter().zip(scale).map(|pair| step(pair).clamp(-limit, limit) as i32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_exact_whatever_the_range() {
        for (low, high) in [(-1.0, 2.0), (0.5, 3.0), (-4.0, -1.0), (-0.001, 100.0), (0.0, 6.0)] {
            let affine = Affine::new(low, high);
            assert_eq!(affine.dequantize(affine.quantize(0.0)), 0.0, "[{low}, {high}]");
        }
    }

    #[test]
    fn values_of_the_range_are_at_most_half_a_step_away() {
        let affine = Affine::new(-1.3, 2.9);
        for step in 0..=1000usize {
            let x = -1.3 + 4.2 * step as f32 / 1000.0;
            // The zero point is rounded, too, so that the ends may be half a step outside.
            let tolerance = if step.abs_diff(500) > 490 { 1.01 } else { 0.501 };
            assert!((affine.dequantize(affine.quantize(x)) - x).abs() <= tolerance * affine.scale, "{x}");
        }
    }

    #[test]
    fn ranges_without_width_and_dead_channels_get_a_scale() {
        assert_eq!(Affine::new(0.0, 0.0), Affine { scale: 1.0, zero_point: 0 });
        assert_eq!(Affine::new(0.0, 1e-30).scale, 1.0);
        let channels = Channels::of(&[2, 3], 0);
        let weights = [0.0, 0.0, 0.0, 1.0, -2.0, 0.5];
        let scale: Vec<f32> =
            largest(&weights, channels).iter().map(|&w| symmetric_scale(w, 127.0)).collect();
        assert_eq!(scale[0], 1.0);
        assert_eq!(round(&weights, channels, scale, 127).values, [0, 0, 0, 64, -127, 32]);
    }

    #[test]
    fn halves_are_rounded_to_even() {
        let affine = Affine { scale: 1.0, zero_point: 10 };
        assert_eq!([0.5, 1.5, 2.5, -0.5].map(|x| affine.quantize(x)), [10, 12, 12, 10]);
        let channels = Channels { count: 1, inner: 1 };
        assert_eq!(round(&[0.5, 1.5, 2.5, -2.5], channels, vec![1.0], 127).values, [0, 2, 2, -2]);
    }

    #[test]
    fn channels_of_a_transposed_convolution_lie_on_axis_one() {
        let channels = Channels::of(&[2, 3, 2, 2], 1);
        assert_eq!([0, 3, 4, 8, 11, 12, 23].map(|element| channels.channel(element)), [0, 0, 1, 2, 2, 0, 2]);
    }

    #[test]
    fn a_bias_beyond_32_bits_raises_the_scale_of_its_channel_alone() {
        let mut scale = vec![1e-12, 0.01];
        let bias = [5.0, 5.0];
        make_room_for_bias(&mut scale, &bias, 0.001);
        assert_eq!(scale[1], 0.01);
        let products: Vec<f32> = scale.iter().map(|s| s * 0.001).collect();
        for (bias, (q, s)) in bias.iter().zip(round_bias(&bias, &products).iter().zip(&products)) {
            assert!((bias - *q as f32 * s).abs() < 1e-4, "{q} steps of {s}");
        }
    }
}
