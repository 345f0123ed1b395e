//! The operators of the layer graph and the shapes they produce.

use super::Shape;

/// Added to the variance in batch normalisation.
pub const BATCH_NORM_EPSILON: f64 = 1e-5;

/// Weight of the newest batch in the running statistics of batch normalisation.
pub const BATCH_NORM_MOMENTUM: f64 = 0.1;

/// Most channels that a layer may write.
const MAX_CHANNELS: usize = 1 << 20;

/// Largest kernel, stride, padding and dilation.
const MAX_WINDOW: usize = 255;

/// Pointwise non-linearity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Activation {
    /// max(x, 0)
    ReLU,
    /// min(max(x, 0), 6)
    ReLU6,
    /// x * relu6(x + 3) / 6 (Howard et al. 2019)
    #[serde(alias = "HardSwish")]
    Hardswish,
    /// relu6(x + 3) / 6
    #[serde(alias = "HardSigmoid")]
    Hardsigmoid,
    /// x * sigmoid(x), also called SiLU
    #[serde(alias = "SiLU")]
    Swish,
    /// 1 / (1 + exp(-x))
    Sigmoid,
}

/// Two-dimensional cross-correlation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Conv2d {
    /// Channels read.
    pub in_channels: usize,
    /// Channels written.
    pub out_channels: usize,
    /// Kernel size (rows, columns).
    pub kernel: (usize, usize),
    /// Step (rows, columns).
    pub stride: (usize, usize),
    /// Zeros added on each side (rows, columns).
    pub padding: (usize, usize),
    /// Distance between kernel taps (rows, columns).
    pub dilation: (usize, usize),
    /// Number of groups; `groups == in_channels == out_channels > 1` is a depthwise convolution.
    pub groups: usize,
    /// Whether a bias is added.
    pub bias: bool,
}

impl Conv2d {
    /// A square kernel with padding `kernel / 2`, no dilation, one group and no bias.
    pub fn new(in_channels: usize, out_channels: usize, kernel: usize, stride: usize) -> Self {
        Self {
            in_channels,
            out_channels,
            kernel: (kernel, kernel),
            stride: (stride, stride),
            padding: (kernel / 2, kernel / 2),
            dilation: (1, 1),
            groups: 1,
            bias: false,
        }
    }

    /// The same convolution in `groups` groups.
    pub fn with_groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    /// One filter a channel.
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.in_channels && self.groups == self.out_channels
    }
}

/// Window of a pooling operator. Windows lie inside the padded image (floor mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pool2d {
    /// Window size (rows, columns).
    pub kernel: (usize, usize),
    /// Step (rows, columns).
    pub stride: (usize, usize),
    /// Padding on each side (rows, columns): minus infinity for the maximum; for the average, zeros that count
    /// in the divisor (PyTorch's `count_include_pad = True`).
    pub padding: (usize, usize),
}

/// What a node computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// The image, node 0 of every network.
    Input(Shape),
    /// Convolution. Weights: `weight` (out, in/groups, kh, kw), `bias` (out).
    Conv2d(Conv2d),
    /// Batch normalisation over `channels`, eps [`BATCH_NORM_EPSILON`], running statistics with momentum [`BATCH_NORM_MOMENTUM`]. Weights: `weight`,
    /// `bias`, `running_mean`, `running_var`, each (channels).
    BatchNorm {
        /// Channels normalised.
        channels: usize,
    },
    /// Pointwise non-linearity.
    Activation(Activation),
    /// Maximum over windows.
    MaxPool(Pool2d),
    /// Average over windows.
    AvgPool(Pool2d),
    /// Mean over all positions: (c, h, w) to (c, 1, 1).
    GlobalAvgPool,
    /// (c, h, w) to a vector of c*h*w, channel-major as in PyTorch.
    Flatten,
    /// Fully connected layer. Weights: `weight` (out, in), `bias` (out).
    Linear {
        /// Features read.
        in_features: usize,
        /// Features written.
        out_features: usize,
        /// Whether a bias is added.
        bias: bool,
    },
    /// Zeroes each value with probability `p` in training and scales the rest by 1 / (1 - p).
    Dropout {
        /// Probability, in [0, 1).
        p: f32,
    },
    /// Sum of inputs of equal shape.
    Add,
    /// Product of a map (c, h, w) and a gate (c, 1, 1).
    Gate,
    /// Concatenation along channels.
    Concat,
    /// Channels `start .. start + len` of the input.
    Slice {
        /// First channel kept.
        start: usize,
        /// Number of channels kept.
        len: usize,
    },
    /// Output channel `j * groups + i` is input channel `i * (c / groups) + j` (Zhang et al. 2018).
    ChannelShuffle {
        /// Number of groups, a divisor of the channels.
        groups: usize,
    },
    /// One-dimensional convolution ACROSS channels of a (c, 1, 1) map with zero padding `kernel / 2` (ECA, Wang
    /// et al. 2020). Weights: `weight` (1, 1, kernel).
    ChannelConv {
        /// Odd kernel size.
        kernel: usize,
    },
}

impl Op {
    /// Name of the operator for messages and tables.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Input(_) => "Input",
            Op::Conv2d(c) if c.is_depthwise() => "DepthwiseConv2d",
            Op::Conv2d(_) => "Conv2d",
            Op::BatchNorm { .. } => "BatchNorm",
            Op::Activation(Activation::ReLU) => "ReLU",
            Op::Activation(Activation::ReLU6) => "ReLU6",
            Op::Activation(Activation::Hardswish) => "Hardswish",
            Op::Activation(Activation::Hardsigmoid) => "Hardsigmoid",
            Op::Activation(Activation::Swish) => "Swish",
            Op::Activation(Activation::Sigmoid) => "Sigmoid",
            Op::MaxPool(_) => "MaxPool",
            Op::AvgPool(_) => "AvgPool",
            Op::GlobalAvgPool => "GlobalAvgPool",
            Op::Flatten => "Flatten",
            Op::Linear { .. } => "Linear",
            Op::Dropout { .. } => "Dropout",
            Op::Add => "Add",
            Op::Gate => "Gate",
            Op::Concat => "Concat",
            Op::Slice { .. } => "Slice",
            Op::ChannelShuffle { .. } => "ChannelShuffle",
            Op::ChannelConv { .. } => "ChannelConv",
        }
    }

    /// Shape of the output for the shapes of the inputs.
    ///
    /// # Errors
    /// A fragment that says what does not fit, with the values.
    pub fn output_shape(&self, inputs: &[Shape]) -> Result<Shape, String> {
        let one = || match inputs {
            [shape] => Ok(*shape),
            _ => Err(format!("one input expected, {} given", inputs.len())),
        };
        match self {
            Op::Input(shape) => Ok(*shape),
            Op::Conv2d(c) => {
                let x = one()?;
                expect_channels(x, c.in_channels)?;
                expect_count("out_channels", c.out_channels)?;
                if c.groups == 0 || c.in_channels % c.groups != 0 || c.out_channels % c.groups != 0 {
                    return Err(format!(
                        "groups = {} must divide in_channels = {} and out_channels = {}",
                        c.groups, c.in_channels, c.out_channels
                    ));
                }
                let height = window(x.height, c.kernel.0, c.stride.0, c.padding.0, c.dilation.0)?;
                let width = window(x.width, c.kernel.1, c.stride.1, c.padding.1, c.dilation.1)?;
                Ok(Shape::new(c.out_channels, height, width))
            }
            Op::BatchNorm { channels } => {
                let x = one()?;
                expect_channels(x, *channels)?;
                Ok(x)
            }
            Op::Activation(_) => one(),
            Op::Dropout { p } => {
                if !(0.0..1.0).contains(p) {
                    return Err(format!("p must be in [0, 1), but is {p}"));
                }
                one()
            }
            Op::MaxPool(p) | Op::AvgPool(p) => {
                let x = one()?;
                if 2 * p.padding.0 > p.kernel.0 || 2 * p.padding.1 > p.kernel.1 {
                    return Err(format!("padding {:?} exceeds half the window {:?}", p.padding, p.kernel));
                }
                let height = window(x.height, p.kernel.0, p.stride.0, p.padding.0, 1)?;
                let width = window(x.width, p.kernel.1, p.stride.1, p.padding.1, 1)?;
                Ok(Shape::new(x.channels, height, width))
            }
            Op::GlobalAvgPool => Ok(Shape::vector(one()?.channels)),
            Op::Flatten => Ok(Shape::vector(one()?.len())),
            Op::Linear { in_features, out_features, .. } => {
                let x = one()?;
                if x.area() != 1 {
                    return Err(format!("a vector is expected, {x} arrives; flatten or pool first"));
                }
                expect_channels(x, *in_features)?;
                expect_count("out_features", *out_features)?;
                Ok(Shape::vector(*out_features))
            }
            Op::Add => match inputs {
                [first, rest @ ..] if !rest.is_empty() && rest.iter().all(|s| s == first) => Ok(*first),
                _ => Err(format!("two or more equal shapes expected, {} given", list(inputs))),
            },
            Op::Gate => match inputs {
                [map, gate] if gate.area() == 1 && gate.channels == map.channels => Ok(*map),
                _ => Err(format!("a map (c, h, w) and a gate (c, 1, 1) expected, {} given", list(inputs))),
            },
            Op::Concat => match inputs {
                [first, ..] if inputs.iter().all(|s| (s.height, s.width) == (first.height, first.width)) => {
                    Ok(Shape::new(inputs.iter().map(|s| s.channels).sum(), first.height, first.width))
                }
                _ => Err(format!("maps of one size expected, {} given", list(inputs))),
            },
            Op::Slice { start, len } => {
                let x = one()?;
                if *len == 0 || start + len > x.channels {
                    return Err(format!("channels {start}..{} of {} asked for", start + len, x.channels));
                }
                Ok(Shape { channels: *len, ..x })
            }
            Op::ChannelShuffle { groups } => {
                let x = one()?;
                if *groups == 0 || x.channels % groups != 0 {
                    return Err(format!("groups = {groups} must divide the {} channels", x.channels));
                }
                Ok(x)
            }
            Op::ChannelConv { kernel } => {
                let x = one()?;
                if x.area() != 1 || kernel % 2 == 0 {
                    return Err(format!("a (c, 1, 1) map and an odd kernel expected, got {x} and {kernel}"));
                }
                Ok(x)
            }
        }
    }

    /// Trainable tensors of the operator: (role, shape). They are stored as `NODE.ROLE`.
    pub fn parameters(&self) -> Vec<(&'static str, Vec<usize>)> {
        match self {
            Op::Conv2d(c) => {
                let weight = vec![c.out_channels, c.in_channels / c.groups, c.kernel.0, c.kernel.1];
                let mut list = vec![("weight", weight)];
                if c.bias {
                    list.push(("bias", vec![c.out_channels]));
                }
                list
            }
            Op::BatchNorm { channels } => vec![("weight", vec![*channels]), ("bias", vec![*channels])],
            Op::Linear { in_features, out_features, bias } => {
                let mut list = vec![("weight", vec![*out_features, *in_features])];
                if *bias {
                    list.push(("bias", vec![*out_features]));
                }
                list
            }
            Op::ChannelConv { kernel } => vec![("weight", vec![1, 1, *kernel])],
            _ => vec![],
        }
    }

    /// Tensors that training updates without a gradient: (role, shape).
    pub fn buffers(&self) -> Vec<(&'static str, Vec<usize>)> {
        match self {
            Op::BatchNorm { channels } => {
                vec![("running_mean", vec![*channels]), ("running_var", vec![*channels])]
            }
            _ => vec![],
        }
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

fn list(shapes: &[Shape]) -> String {
    let names: Vec<String> = shapes.iter().map(Shape::to_string).collect();
    format!("[{}]", names.join(", "))
}

/// Number of windows along one side: floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1.
fn window(
    size: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
) -> Result<usize, String> {
    if kernel == 0 || stride == 0 || dilation == 0 {
        return Err(format!(
            "kernel, stride and dilation must be at least 1, got {kernel}, {stride}, {dilation}"
        ));
    }
    if [kernel, stride, padding, dilation].into_iter().any(|value| value > MAX_WINDOW) {
        return Err(format!(
            "kernel, stride, padding and dilation must be at most {MAX_WINDOW}, got {kernel}, {stride}, {padding}, {dilation}"
        ));
    }
    let reach = dilation * (kernel - 1) + 1;
    let padded = size + 2 * padding;
    if padded < reach {
        return Err(format!("a window of {reach} does not fit into {size} with padding {padding}"));
    }
    Ok((padded - reach) / stride + 1)
}
