//! What layers read and write when a model runs on calibration inputs.

use std::collections::HashMap;

use faer::Mat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::chain;
use crate::onnx::proto::NodeProto;
use crate::onnx::{Array, Model, Runner};

/// Inputs of a model for one run: every input by name.
pub type Feed = Vec<(String, Array)>;

/// Whatever runs models: the runner of this crate, or a runtime outside.
pub trait Executor {
    /// Runs the model on each feed, in their order, and hands over the wanted values, which may be values in
    /// between.
    ///
    /// # Errors
    /// What cannot be run, and the first error of `visit`.
    fn run_each(
        &self,
        model: &Model,
        feeds: &[Feed],
        wanted: &[String],
        visit: &mut dyn FnMut(usize, HashMap<String, Array>) -> Result<(), String>,
    ) -> Result<(), String>;
}

/// The runner of this crate.
#[derive(Clone, Copy, Debug, Default)]
pub struct Own;

impl Executor for Own {
    fn run_each(
        &self,
        model: &Model,
        feeds: &[Feed],
        wanted: &[String],
        visit: &mut dyn FnMut(usize, HashMap<String, Array>) -> Result<(), String>,
    ) -> Result<(), String> {
        let runner = Runner::new(model).map_err(|error| chain(&error))?;
        for (number, feed) in feeds.iter().enumerate() {
            visit(number, runner.run(feed, wanted).map_err(|error| chain(&error))?)?;
        }
        Ok(())
    }
}

/// How a layer walks over what it reads: (N, S, H, W) by windows, or rows of features.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// S.
    pub channels: usize,
    /// kh, kw; 1 for a linear layer.
    pub kernel: [usize; 2],
    /// N, H, W of the input.
    pub input: [usize; 3],
    /// Ho, Wo.
    pub out: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    begin: [i64; 2],
    /// Whether channels are the last axis (linear), or the first of a `Gemm` that transposes.
    linear: Option<bool>,
}

impl Walk {
    /// The walk of a convolution of one group over an input (N, S, H, W) or (N, S, L).
    ///
    /// # Errors
    /// What does not fit.
    pub fn convolution(node: &NodeProto, kernel: [usize; 2], input: &[usize]) -> Result<Self, String> {
        let wrong = || format!("an input of sizes {input:?} for a window of {kernel:?}");
        let &[n, channels, height, ref rest @ ..] = input else { return Err(wrong()) };
        let sizes = [height, rest.first().copied().unwrap_or(1)];
        let axes = input.len() - 2;
        let attribute = |name: &str, axis: usize, default: i64| {
            node.ints(name).and_then(|list| list.get(axis)).copied().unwrap_or(default)
        };
        let mut walk = Self {
            channels,
            kernel,
            input: [n, sizes[0], sizes[1]],
            out: [1, 1],
            stride: [1, 1],
            dilation: [1, 1],
            begin: [0, 0],
            linear: None,
        };
        for axis in 0..axes.min(2) {
            let stride = attribute("strides", axis, 1).max(1);
            let dilation = attribute("dilations", axis, 1).max(1);
            let extent = (kernel[axis] as i64 - 1) * dilation + 1;
            let size = sizes[axis] as i64;
            let same = ((size + stride - 1) / stride - 1) * stride + extent - size;
            let (begin, end) = match node.string_or("auto_pad", "NOTSET") {
                "SAME_UPPER" => (same.max(0) / 2, same.max(0) - same.max(0) / 2),
                "SAME_LOWER" => (same.max(0) - same.max(0) / 2, same.max(0) / 2),
                "VALID" => (0, 0),
                _ => (attribute("pads", axis, 0), attribute("pads", axis + axes, 0)),
            };
            let room = size + begin + end - extent;
            if room < 0 {
                return Err(wrong());
            }
            walk.out[axis] = (room / stride + 1) as usize;
            (walk.stride[axis], walk.dilation[axis]) = (stride as usize, dilation as usize);
            walk.begin[axis] = begin;
        }
        Ok(walk)
    }

    /// The walk over rows of features: the last axis, or the first of two where `transposed`.
    ///
    /// # Errors
    /// What does not fit.
    pub fn linear(transposed: bool, input: &[usize]) -> Result<Self, String> {
        let (channels, rows) = match (transposed, input) {
            (true, &[channels, rows]) => (channels, rows),
            (false, [rows @ .., channels]) => (*channels, rows.iter().product()),
            _ => return Err(format!("an input of sizes {input:?}")),
        };
        Ok(Self {
            channels,
            kernel: [1, 1],
            input: [rows, 1, 1],
            out: [1, 1],
            stride: [1, 1],
            dilation: [1, 1],
            begin: [0, 0],
            linear: Some(transposed),
        })
    }

    /// Number of positions at which the layer writes.
    pub fn positions(&self) -> usize {
        self.input[0] * self.out[0] * self.out[1]
    }

    /// What the layer reads at the given positions, (P, S kh kw) in the order of a kernel's row.
    pub fn patches(&self, values: &[f32], positions: &[usize]) -> Mat<f64> {
        let (s, [kh, kw]) = (self.channels, self.kernel);
        let [rows, height, width] = self.input;
        let mut patches = Mat::zeros(positions.len(), s * kh * kw);
        for (p, &position) in positions.iter().enumerate() {
            if let Some(transposed) = self.linear {
                for c in 0..s {
                    let at = if transposed { c * rows + position } else { position * s + c };
                    patches[(p, c)] = f64::from(values[at]);
                }
                continue;
            }
            let [oh, ow] = self.out;
            let (n, oy, ox) = (position / (oh * ow), position / ow % oh, position % ow);
            for (y, x) in (0..kh).flat_map(|y| (0..kw).map(move |x| (y, x))) {
                let place = |o: usize, tap: usize, axis: usize| {
                    (o * self.stride[axis] + tap * self.dilation[axis]) as i64 - self.begin[axis]
                };
                let (iy, ix) = (place(oy, y, 0), place(ox, x, 1));
                if iy < 0 || ix < 0 || iy >= height as i64 || ix >= width as i64 {
                    continue;
                }
                for c in 0..s {
                    let at = ((n * s + c) * height + iy as usize) * width + ix as usize;
                    patches[(p, (c * kh + y) * kw + x)] = f64::from(values[at]);
                }
            }
        }
        patches
    }

    /// What the layer writes at the given positions, (P, T), from its output.
    pub fn outputs(&self, values: &[f32], channels: usize, positions: &[usize]) -> Mat<f64> {
        let area = self.out[0] * self.out[1];
        Mat::from_fn(positions.len(), channels, |p, t| {
            let position = positions[p];
            let at = match self.linear {
                Some(_) => position * channels + t,
                None => (position / area * channels + t) * area + position % area,
            };
            f64::from(values[at])
        })
    }
}

/// `wanted` of `total` positions, drawn without repetition; all of them where there are no more.
pub fn sample(total: usize, wanted: usize, seed: u64) -> Vec<usize> {
    if wanted >= total {
        return (0..total).collect();
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn = rand::seq::index::sample(&mut rng, total, wanted).into_vec();
    drawn.sort_unstable();
    drawn
}
