//! Mean and covariance of what layers read on calibration inputs.

use std::collections::HashMap;

use faer::Mat;

use super::layer::{Kind, Layer, recognize};
use crate::compress::activation::{Executor, Feed, Walk, sample};
use crate::onnx::{Array, Facts, Index, Model};

/// Positions of one feed that are looked at, at most.
const POSITIONS: usize = 1024;

/// Sums over the positions at which a layer reads.
#[derive(Clone, Debug)]
pub struct Moments {
    channels: usize,
    taps: usize,
    positions: f64,
    /// Of every element of a patch, (S kh kw).
    sum: Vec<f64>,
    /// Of products of channels over all positions and taps, (S, S).
    product: Mat<f64>,
}

impl Moments {
    /// Of nothing yet.
    pub fn new(channels: usize, taps: usize) -> Self {
        let sum = vec![0.0; channels * taps];
        Self { channels, taps, positions: 0.0, sum, product: Mat::zeros(channels, channels) }
    }

    /// Takes in patches (P, S kh kw).
    pub fn add(&mut self, patches: &Mat<f64>) {
        let (p, taps) = (patches.nrows(), self.taps);
        self.positions += p as f64;
        for (j, sum) in self.sum.iter_mut().enumerate() {
            *sum += patches.col(j).iter().sum::<f64>();
        }
        let rows = Mat::from_fn(p * taps, self.channels, |i, c| patches[(i / taps, c * taps + i % taps)]);
        self.product += rows.transpose() * &rows;
    }

    /// Adds what another layer reads.
    pub fn merge(&mut self, other: &Self) {
        self.positions += other.positions;
        self.sum.iter_mut().zip(&other.sum).for_each(|(a, b)| *a += b);
        self.product += &other.product;
    }

    /// Whether they are of a kernel of these sizes, and of something.
    pub fn fits(&self, channels: usize, taps: usize) -> bool {
        (self.channels, self.taps) == (channels, taps) && self.positions > 0.0
    }

    /// Mean of a patch, (S kh kw).
    pub fn mean(&self) -> Vec<f64> {
        self.sum.iter().map(|sum| sum / self.positions.max(1.0)).collect()
    }

    /// Covariance of the channels (S, S), of all positions and taps together; about the mean, or about 0
    /// where no bias can take what the mean loses.
    pub fn covariance(&self, about_mean: bool) -> Mat<f64> {
        let count = (self.positions * self.taps as f64).max(1.0);
        let total = |c: usize| self.sum[c * self.taps..(c + 1) * self.taps].iter().sum::<f64>() / count;
        let means: Vec<f64> = (0..self.channels).map(total).collect();
        let mean = |c: usize| if about_mean { means[c] } else { 0.0 };
        Mat::from_fn(self.channels, self.channels, |i, j| self.product[(i, j)] / count - mean(i) * mean(j))
    }
}

/// What the layers of a model read, by the name of what they write.
#[derive(Clone, Debug, Default)]
pub struct Calibration {
    pub(super) moments: HashMap<String, Moments>,
}

impl Calibration {
    /// Moments that come from elsewhere, by the name of what a layer writes.
    pub fn new(moments: HashMap<String, Moments>) -> Self {
        Self { moments }
    }

    /// Runs the model on the feeds and looks at what its layers with kernels read.
    ///
    /// # Errors
    /// What the executor says, a feed that does not fit, or values that are not finite.
    pub fn collect(model: &Model, executor: &dyn Executor, feeds: &[Feed]) -> Result<Self, String> {
        let facts = Facts::infer(model).map_err(|error| error.to_string())?;
        let index = Index::new(model.graph());
        let nodes = 0..model.graph().node.len();
        let layers: Vec<Layer> = nodes.filter_map(|at| recognize(model, &index, &facts, at)?.ok()).collect();
        let node = |layer: &Layer| &model.graph().node[layer.node];
        let mut wanted: Vec<String> = layers.iter().map(|layer| node(layer).input[0].clone()).collect();
        wanted.sort();
        wanted.dedup();
        let mut moments: HashMap<String, Moments> = HashMap::new();
        executor.run_each(model, feeds, &wanted, &mut |number, values| {
            for layer in &layers {
                let Some(input) = values.get(&node(layer).input[0]) else { continue };
                let taps = layer.shape.height * layer.shape.width;
                let patches = patches(model, layer, input, number)
                    .map_err(|reason| format!("layer `{}`: {reason}", layer.name))?;
                let moments = moments
                    .entry(node(layer).output[0].clone())
                    .or_insert_with(|| Moments::new(layer.shape.input, taps));
                moments.add(&patches);
            }
            Ok(())
        })?;
        Ok(Self { moments })
    }
}

/// Some of the patches that a layer reads.
fn patches(model: &Model, layer: &Layer, input: &Array, seed: usize) -> Result<Mat<f64>, String> {
    let values = input.as_f32().ok_or("it does not read f32")?;
    if !values.iter().all(|v| v.is_finite()) {
        return Err("it reads values that are infinite or NaN".into());
    }
    let walk = walk(model, layer, &input.shape)?;
    Ok(walk.patches(values, &sample(walk.positions(), POSITIONS, seed as u64)))
}

/// The walk of a layer over an input of these sizes.
fn walk(model: &Model, layer: &Layer, input: &[usize]) -> Result<Walk, String> {
    let node = &model.graph().node[layer.node];
    let kernel = [layer.shape.height, layer.shape.width];
    let walk = match layer.kind {
        Kind::Conv(_) => Walk::convolution(node, kernel, input),
        Kind::Gemm { .. } => Walk::linear(node.int_or("transA", 0) != 0, input),
        Kind::MatMul => Walk::linear(false, input),
    }?;
    if walk.channels == layer.shape.input {
        Ok(walk)
    } else {
        Err(format!("it reads {} channels, but its weight has {}", walk.channels, layer.shape.input))
    }
}
