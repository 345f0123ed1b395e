//! The operators of the layer graph: everything that is known of one stands in the file of its family.
//!
//! An operator is a type with its attributes and what [`Operator`] asks for: its name, the shape that it
//! writes, its tensors, its cost, its value by definition, and how ONNX writes it. [`Op`] is the list of
//! them. A new operator is a file here, or a type in the file of its family, a variant of [`Op`], and the
//! line in `Op::operator` that the compiler then asks for. How it is executed on batches, forward and
//! backward, is the trainer's knowledge, not the graph's.

mod activation;
mod conv;
mod conv_transpose;
mod elementwise;
mod gather;
mod group_norm;
mod identity;
mod interpolate;
mod linear;
mod norm;
mod pool;
mod rearrange;
mod resample;
mod window;

use crate::onnx::builder::{Builder, Layer, Value};
use crate::shape::Shape;

pub use activation::{Activation, PRelu};
pub use conv::{ChannelConv, Conv2d};
pub use conv_transpose::ConvTranspose2d;
pub use gather::Gather;
pub use group_norm::GroupNorm;
pub use identity::{Dropout, Input};
pub use interpolate::{Alignment, Interpolate};
pub use linear::Linear;
pub use norm::{Affine, BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM, BatchNorm, LayerNorm, LocalNorm};
pub use pool::{Pool2d, PoolKind};
pub use rearrange::{ChannelShuffle, Slice};
pub use resample::{Pad, PixelShuffle, Upsample};
pub use window::Padding;

use elementwise::{Add, Gate, Mul};
use pool::GlobalAvgPool;
use rearrange::{Concat, Flatten};

/// What the graph asks of an operator. Nothing has a default that a new operator could inherit in silence.
pub(crate) trait Operator {
    /// Name for messages and tables.
    fn name(&self) -> &'static str;

    /// What else distinguishes it in a table, such as ` 3x3/2 g4`; empty when nothing does.
    fn detail(&self) -> String;

    /// Shape of the output for the shapes of the inputs.
    ///
    /// # Errors
    /// A fragment that says what does not fit, with the values.
    fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String>;

    /// Visits its tensors: the weight first, trainable ones before those that are not.
    fn tensors(&self, visit: &mut dyn FnMut(Role<'_>));

    /// Multiply-accumulates of one image; `output` is the shape of the output. Adding a bias, normalising,
    /// activating, pooling, gating and summing count zero, as in the tables of papers.
    fn macs(&self, output: Shape) -> u64;

    /// Where its output lies when layers run one after the other in inference.
    fn placement(&self) -> Placement;

    /// Its value in inference as the definition reads, for one image, channels first; `weight` has its
    /// tensors by role.
    fn evaluate(&self, inputs: &[Map<'_>], output: Shape, weight: &dyn Fn(&str) -> Vec<f64>) -> Vec<f64>;

    /// Writes it as operators of ONNX and returns the value that stands for its output.
    fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value;
}

/// A tensor of an operator, stored as `NODE.ROLE`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Role<'a> {
    /// Its name, such as `weight`.
    pub name: &'static str,
    /// Its sizes, outermost first.
    pub shape: &'a [usize],
    /// Whether training finds it by gradients; otherwise it is a statistic that training updates.
    pub trained: bool,
    /// Its values before training.
    pub start: Start,
}

/// Values before training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Start {
    /// Uniform in +-1/sqrt(fan-in) of the operator's weight.
    FanIn,
    /// The same everywhere.
    Constant(f32),
}

/// Where an output lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// In memory of its own.
    Own,
    /// In that of the first input, whose values it does not change.
    Shared,
    /// In that of the first input, when no later layer reads it.
    InPlace,
}

/// Values of one image, (channels, height, width), with their shape.
#[derive(Clone, Copy)]
pub(crate) struct Map<'a> {
    pub(crate) values: &'a [f64],
    pub(crate) shape: Shape,
}

/// What a node computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// The image, node 0 of every network.
    Input(Input),
    /// Convolution.
    Conv2d(Conv2d),
    /// Batch normalisation.
    BatchNorm(BatchNorm),
    /// Pointwise non-linearity.
    Activation(Activation),
    /// Maximum or average over windows.
    Pool2d(Pool2d),
    /// Mean over all positions.
    GlobalAvgPool,
    /// From a map to a vector.
    Flatten,
    /// Fully connected layer.
    Linear(Linear),
    /// Random zeros in training.
    Dropout(Dropout),
    /// Sum of inputs of equal shape.
    Add,
    /// Product of a map and a value for each of its channels.
    Gate,
    /// Concatenation along channels.
    Concat,
    /// Some of the channels.
    Slice(Slice),
    /// Channels in another order.
    ChannelShuffle(ChannelShuffle),
    /// Convolution across channels.
    ChannelConv(ChannelConv),
    /// Product of two inputs of equal shape.
    Mul,
    /// Transposed convolution.
    ConvTranspose2d(ConvTranspose2d),
    /// Scale and shift of each channel.
    Affine(Affine),
    /// Normalisation over the channels of each position.
    LayerNorm(LayerNorm),
    /// Normalisation by neighbouring channels.
    LocalNorm(LocalNorm),
    /// Non-linearity with learnt slopes.
    PRelu(PRelu),
    /// Any channels in any order.
    Gather(Gather),
    /// One value around a map.
    Pad(Pad),
    /// Nearest neighbour, magnified.
    Upsample(Upsample),
    /// Blocks of channels to blocks of positions.
    PixelShuffle(PixelShuffle),
    /// Normalisation over groups of channels, or single ones.
    GroupNorm(GroupNorm),
    /// Another size, bilinearly.
    Interpolate(Interpolate),
}

impl Op {
    fn operator(&self) -> &dyn Operator {
        match self {
            Op::Input(operator) => operator,
            Op::Conv2d(operator) => operator,
            Op::BatchNorm(operator) => operator,
            Op::Activation(operator) => operator,
            Op::Pool2d(operator) => operator,
            Op::GlobalAvgPool => &GlobalAvgPool,
            Op::Flatten => &Flatten,
            Op::Linear(operator) => operator,
            Op::Dropout(operator) => operator,
            Op::Add => &Add,
            Op::Gate => &Gate,
            Op::Concat => &Concat,
            Op::Slice(operator) => operator,
            Op::ChannelShuffle(operator) => operator,
            Op::ChannelConv(operator) => operator,
            Op::Mul => &Mul,
            Op::ConvTranspose2d(operator) => operator,
            Op::Affine(operator) => operator,
            Op::LayerNorm(operator) => operator,
            Op::LocalNorm(operator) => operator,
            Op::PRelu(operator) => operator,
            Op::Gather(operator) => operator,
            Op::Pad(operator) => operator,
            Op::Upsample(operator) => operator,
            Op::PixelShuffle(operator) => operator,
            Op::GroupNorm(operator) => operator,
            Op::Interpolate(operator) => operator,
        }
    }

    /// Name of the operator for messages and tables.
    pub fn name(&self) -> &'static str {
        self.operator().name()
    }

    /// Name with what else distinguishes it: `Conv2d 3x3/2 g4`.
    pub fn describe(&self) -> String {
        format!("{}{}", self.name(), self.operator().detail())
    }

    /// Shape of the output for the shapes of the inputs.
    ///
    /// # Errors
    /// A fragment that says what does not fit, with the values.
    pub fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        self.operator().output_shape(inputs)
    }

    /// Visits the tensors of the operator: the weight first, trainable ones before those that are not.
    pub fn tensors(&self, mut visit: impl FnMut(Role<'_>)) {
        self.operator().tensors(&mut visit);
    }

    /// Trainable tensors of the operator: (role, shape). They are stored as `NODE.ROLE`.
    pub fn parameters(&self) -> Vec<(&'static str, Vec<usize>)> {
        self.list(true)
    }

    /// Tensors that training updates without a gradient: (role, shape).
    pub fn buffers(&self) -> Vec<(&'static str, Vec<usize>)> {
        self.list(false)
    }

    fn list(&self, trained: bool) -> Vec<(&'static str, Vec<usize>)> {
        let mut list = Vec::new();
        self.tensors(|role| {
            if role.trained == trained {
                list.push((role.name, role.shape.to_vec()));
            }
        });
        list
    }

    /// Multiply-accumulates of one image when the output has that shape.
    pub(crate) fn macs(&self, output: Shape) -> u64 {
        self.operator().macs(output)
    }

    pub(crate) fn placement(&self) -> Placement {
        self.operator().placement()
    }

    pub(crate) fn evaluate(
        &self,
        inputs: &[Map<'_>],
        output: Shape,
        weight: &dyn Fn(&str) -> Vec<f64>,
    ) -> Vec<f64> {
        self.operator().evaluate(inputs, output, weight)
    }

    pub(crate) fn export(&self, graph: &mut Builder<'_>, layer: &Layer<'_>) -> Value {
        self.operator().export(graph, layer)
    }
}

/// Most channels that a layer may write.
const MAX_CHANNELS: usize = 1 << 20;

/// The only input.
fn one(inputs: &[Shape]) -> Result<Shape, String> {
    match inputs {
        [shape] => Ok(*shape),
        _ => Err(format!("one input expected, {} given", inputs.len())),
    }
}

fn expect_channels(x: Shape, channels: usize) -> Result<(), String> {
    if x.channels == channels { Ok(()) } else { Err(format!("{channels} channels expected, {x} arrives")) }
}

/// Bounds the size of a layer, so that no product of sizes overflows.
fn expect_count(what: &str, count: usize) -> Result<(), String> {
    if (1..=MAX_CHANNELS).contains(&count) {
        Ok(())
    } else {
        Err(format!("{what} must be in 1..={MAX_CHANNELS}, but is {count}"))
    }
}

/// Shapes for a message.
fn shown(shapes: &[Shape]) -> String {
    let names: Vec<String> = shapes.iter().map(Shape::to_string).collect();
    format!("[{}]", names.join(", "))
}

/// A product that stays at the largest number instead of overflowing.
pub(crate) fn product(factors: &[usize]) -> u64 {
    factors.iter().fold(1, |product: u64, &factor| product.saturating_mul(factor as u64))
}

/// A trainable tensor that starts by the fan-in of the weight.
fn trained<'a>(name: &'static str, shape: &'a [usize]) -> Role<'a> {
    Role { name, shape, trained: true, start: Start::FanIn }
}
