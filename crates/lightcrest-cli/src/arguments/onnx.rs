//! The commands that read one ONNX file: what it costs, how long it takes, and what makes it lighter.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

pub(super) const COST_EXAMPLES: &str = "\
Nothing is run. A free batch counts as 1, other free sizes must be given by the names that the file has for them.

Examples:
  lightcrest cost model.onnx
  lightcrest cost model.onnx --size height=224 --size width=224 --json";

pub(super) const LATENCY_EXAMPLES: &str = "\
One input at a time on one thread, again and again: the median, and the time that the thread was on its core, which other programs
do not disturb. Layers are measured one by one.

Examples:
  lightcrest latency model.onnx
  lightcrest latency model.onnx --size batch=8 --json";

/// `lightcrest cost`
#[derive(Debug, Args)]
pub(crate) struct CostArguments {
    /// The model, an ONNX file
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// A size that the file leaves free; may be given again
    #[arg(long, value_name = "NAME=N", value_parser = size)]
    pub(crate) size: Vec<(String, usize)>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// `lightcrest latency`
#[derive(Debug, Args)]
pub(crate) struct LatencyArguments {
    /// The model, an ONNX file
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// A size that the file leaves free; may be given again
    #[arg(long, value_name = "NAME=N", value_parser = size)]
    pub(crate) size: Vec<(String, usize)>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
}

/// What takes latencies.
#[derive(Debug, Args)]
pub(crate) struct EngineArguments {
    /// Take latencies with this library of onnxruntime, or the one in this folder [default: ORT_DYLIB_PATH,
    /// else that of the active Python environment, else Lightcrest's own executor]
    #[arg(long, value_name = "PATH")]
    pub(crate) onnxruntime: Option<PathBuf>,
}

/// A name and a size above zero.
fn size(text: &str) -> Result<(String, usize), String> {
    let wrong = || format!("`{text}` is not a name and a size, such as height=224");
    let (name, size) = text.rsplit_once('=').ok_or_else(wrong)?;
    match size.parse() {
        Ok(size) if size > 0 && !name.is_empty() => Ok((name.into(), size)),
        _ => Err(wrong()),
    }
}

pub(super) const PRUNE_EXAMPLES: &str = "\
Whole channels go, with every weight that writes or reads them: the file gets smaller and faster wherever it runs. No data is
needed, and accuracy falls until the network is trained again. Layers that feed an output of the graph, or an operator that cannot
be followed, keep their channels, and the table says why. Without anything to prune, nothing is written and the exit code is 2.

Examples:
  lightcrest prune model.onnx --out half.onnx
  lightcrest prune model.onnx --out small.onnx --macs 0.25 --global --round-to 8
  lightcrest prune model.onnx --out half.onnx --keep conv1 --importance bn --json";

/// `lightcrest prune`
#[derive(Debug, Args)]
pub(crate) struct PruneArguments {
    /// The model, an ONNX file
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Where the pruned model goes
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Share of the channels that goes, of each group of layers or with --global of all together
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    pub(crate) ratio: f64,
    /// Share of the multiply-accumulates to end at, instead of a share of the channels
    #[arg(long, value_name = "SHARE", conflicts_with = "ratio")]
    pub(crate) macs: Option<f64>,
    /// How channels are ranked
    #[arg(long, value_name = "NAME", value_enum, default_value_t = ImportanceName::L1)]
    pub(crate) importance: ImportanceName,
    /// Rank the channels of all layers together; at least 8 of each group, or a tenth, are left
    #[arg(long)]
    pub(crate) global: bool,
    /// Leave a multiple of this many channels where that is possible
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) round_to: usize,
    /// Leave the outputs of this layer alone: the name of a node, of its output or of its weights; may be
    /// given again
    #[arg(long, value_name = "LAYER")]
    pub(crate) keep: Vec<String>,
    /// Reach the share in so many steps, ranking anew in each
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) steps: usize,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Ways to rank channels.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ImportanceName {
    /// Sums of absolute weights
    L1,
    /// Euclidean norms of weights
    L2,
    /// Distances of filters to each other
    Fpgm,
    /// Factors of batch normalisations
    Bn,
}

pub(super) const DECOMPOSE_EXAMPLES: &str = "\
A convolution or a linear layer becomes a chain of smaller ones with about the same product: no data is needed, and what the ranks drop
is lost until the network is trained again; with --calibration less of it is, at the same ranks. Layers stay where a chain would take no fewer multiply-accumulates, and the table says
why. Layers without a window are always decomposed by SVD. Without anything to decompose, nothing is written and the exit code is 2.

Examples:
  lightcrest decompose model.onnx --method tucker --out low.onnx
  lightcrest decompose model.onnx --method spatial --rank 0.5 --out low.onnx
  lightcrest decompose model.onnx --rank 0.5 --calibration photos/ --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --out low.onnx
  lightcrest decompose model.onnx --method svd --macs 0.5 --keep stem --out low.onnx --json";

/// `lightcrest decompose`
#[derive(Debug, Args)]
pub(crate) struct DecomposeArguments {
    /// The model, an ONNX file
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Where the decomposed model goes
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// How kernels are decomposed
    #[arg(long, value_name = "NAME", value_enum, default_value_t = MethodName::Tucker)]
    pub(crate) method: MethodName,
    /// evbmf: what stands out of noise in the weights; or this share of the full rank, such as 0.5
    #[arg(long, value_name = "RANK", default_value = "evbmf")]
    pub(crate) rank: String,
    /// Share of the model's multiply-accumulates to end at, with ranks that lose least
    #[arg(long, value_name = "SHARE", conflicts_with = "rank")]
    pub(crate) macs: Option<f64>,
    /// Decompose this layer and no other: the name of a node, or of its output; may be given again
    #[arg(long, value_name = "LAYER")]
    pub(crate) layer: Vec<String>,
    /// Leave this layer alone; may be given again
    #[arg(long, value_name = "LAYER")]
    pub(crate) keep: Vec<String>,
    /// Decompose layers even where this takes no fewer multiply-accumulates
    #[arg(long)]
    pub(crate) allow_growth: bool,
    /// Inputs of the model, so that the error of what layers write is made small, not that of their weights:
    /// a .npz, a .npy, a folder of them, or a folder of images
    #[arg(long, value_name = "DATA")]
    pub(crate) calibration: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) pictures: PictureArguments,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// How the images of a folder become inputs of a model.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PictureArguments {
    /// Images: what a pixel from 0 to 255 is multiplied by first [default: as the file says, or 1/255]
    #[arg(long, value_name = "X")]
    pub(crate) scale: Option<f64>,
    /// Images: what is subtracted then, a number or one for each channel [default: as the file says, or 0]
    #[arg(long, value_name = "X,..", value_delimiter = ',', allow_negative_numbers = true)]
    pub(crate) mean: Option<Vec<f64>>,
    /// Images: what it is divided by then, a number or one for each channel [default: as the file says, or 1]
    #[arg(long, value_name = "X,..", value_delimiter = ',')]
    pub(crate) std: Option<Vec<f64>>,
    /// Images: order of the axes of the input [default: as its sizes tell]
    #[arg(long, value_name = "NAME", value_enum)]
    pub(crate) layout: Option<LayoutName>,
    /// Images: blue comes first
    #[arg(long)]
    pub(crate) bgr: bool,
    /// Images: height and width of the input, where the file leaves them free
    #[arg(long, value_name = "HxW", value_parser = sides)]
    pub(crate) image_size: Option<[usize; 2]>,
}

/// Orders of axes.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LayoutName {
    /// Channels before height and width
    Nchw,
    /// Channels last
    Nhwc,
}

/// Height and width from 1 to 16384.
fn sides(text: &str) -> Result<[usize; 2], String> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=16384).contains(side));
    let (height, width) = text.split_once('x').unwrap_or((text, text));
    side(height).zip(side(width)).map(|(height, width)| [height, width]).ok_or_else(|| {
        format!("`{text}` is not a height and a width from 1 to 16384, such as 224x192, or 224 for both")
    })
}

/// Ways to decompose a kernel.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum MethodName {
    /// A window to few channels, then 1 x 1
    Svd,
    /// 1 x 1 to few channels, a window between few channels, 1 x 1
    Tucker,
    /// 1 x 1, one column and one row a channel, 1 x 1
    Cp,
    /// A column, then a row
    Spatial,
}

pub(super) const QUANTIZE_EXAMPLES: &str = "\
The file has QuantizeLinear and DequantizeLinear around what computes with 8 bits, as runtimes fuse them. Calibration inputs are a .npz
whose arrays are named like the inputs of the model, a .npy, or a folder of them; the first axis counts samples, and some dozens
are enough. They must be what the model sees in use, normalised as it expects. Of a folder of images, those in sub-folders included,
up to 512 are taken, spread evenly over the order of their names; they are resized, and normalised as --scale, --mean and --std or
the file say. Layers that lose most stay in fp32 until every output
keeps --min-snr. The table says what became of every layer, and why. An input of 8 bits, or data that does not fit, is refused with
exit code 2, and nothing is written.

Examples:
  lightcrest quantize model.onnx --calibration inputs.npz --out int8.onnx
  lightcrest quantize model.onnx --calibration inputs/ --out int8.onnx --method mse --min-snr 30
  lightcrest quantize model.onnx --calibration photos/ --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --out int8.onnx
  lightcrest quantize model.onnx --calibration inputs.npz --out int8.onnx --exclude stem --json";

/// `lightcrest quantize`
#[derive(Debug, Args)]
pub(crate) struct QuantizeArguments {
    /// The model in fp32, an ONNX file
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Inputs of the model: a .npz, a .npy, a folder of them, or a folder of images
    #[arg(long, value_name = "DATA")]
    pub(crate) calibration: PathBuf,
    #[command(flatten)]
    pub(crate) pictures: PictureArguments,
    /// Where the model of 8 bits goes
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// How ranges of activations are chosen [default: the best of min-max, mse and percentile, as measured]
    #[arg(long, value_name = "NAME", value_enum)]
    pub(crate) method: Option<RangeName>,
    /// One scale for the weights of a layer, not one an output channel
    #[arg(long)]
    pub(crate) per_tensor: bool,
    /// Bits of weights
    #[arg(long, value_name = "BITS", value_enum, default_value_t = BitsName::Guarded)]
    pub(crate) weight_bits: BitsName,
    /// Leave this layer in fp32: the name of a node, or of its output; may be given again
    #[arg(long, value_name = "LAYER")]
    pub(crate) exclude: Vec<String>,
    /// Signal-to-noise ratio in dB that no output may fall below; 0 lets every layer be of 8 bits
    #[arg(long, value_name = "DB", default_value_t = 20.0)]
    pub(crate) min_snr: f64,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Ways to choose a range.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum RangeName {
    /// All that was seen
    MinMax,
    /// Mean of the ranges of the inputs
    MovingAverage,
    /// All but 0.001 %
    Percentile,
    /// Least squared error
    Mse,
    /// Least information lost
    Kl,
}

/// Bits of weights.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum BitsName {
    /// 8, but so that two products never exceed 16 bits, where processors without dot products of 8 bits cut
    Guarded,
    /// All of 8
    #[value(name = "8")]
    Eight,
    /// 7
    #[value(name = "7")]
    Seven,
}
