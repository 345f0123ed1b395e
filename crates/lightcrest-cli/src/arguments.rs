//! What the command line may say.

mod fit;
mod studies;

pub(crate) use fit::{FitArguments, PredictArguments};
pub(crate) use studies::{
    CopyArguments, DeleteArguments, ExportArguments, ExportFormat, ListArguments, NamedArguments,
    RenameArguments, ReportArguments, Role, ShownArguments, StudiesArguments, StudiesCommand,
    WorkerArguments,
};
use studies::{REPORT_EXAMPLES, SHOW_EXAMPLES, STUDIES_EXAMPLES, WORKER_EXAMPLES};

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "lightcrest",
    version,
    about = "Finds models that are good and light",
    long_about = "Finds models that are good and light: searches the architecture and the training of a light \
                  neural network for a set of images, on the CPU, compresses a network that exists, makes light \
                  models from a table, or tunes the parameters of any program.",
    after_help = EXAMPLES,
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub(crate) struct Arguments {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  lightcrest search examples/digits.toml        search; the run's folder is runs/digits
  lightcrest tune examples/pytorch_fashion_mnist/tune.toml
  lightcrest compress examples/compress-digits.toml
  lightcrest fit customers.csv --target churned
  lightcrest show runs/digits                   print the front
  lightcrest train runs/digits/front/trial-0012/config.toml

Exit codes:
    0  done
    1  failed while running: the disk is full, a training diverged, every trial failed, standard output takes nothing, ...;
       what was stored is whole
    2  the input is wrong: the command line, a file, the data; nothing was written
  130  interrupted by Ctrl-C, SIGTERM or SIGHUP; what was finished is stored";

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Search the models that a spec describes
    #[command(after_help = SEARCH_EXAMPLES)]
    Search(StudyArguments),
    /// Tune the parameters of a program that a spec names
    #[command(after_help = TUNE_EXAMPLES)]
    Tune(StudyArguments),
    /// Compress a network that exists: search what to do to which of its layers
    #[command(after_help = COMPRESS_EXAMPLES)]
    Compress(CompressArguments),
    /// Make light models from a table: prepare, search, judge, deliver
    #[command(after_help = fit::FIT_EXAMPLES)]
    Fit(FitArguments),
    /// Predict the rows of a table by a model of `fit`
    #[command(after_help = fit::PREDICT_EXAMPLES)]
    Predict(PredictArguments),
    /// Train one model
    #[command(after_help = TRAIN_EXAMPLES)]
    Train(TrainArguments),
    /// Print what an ONNX model costs: parameters, multiply-accumulates, memory, layer by layer
    #[command(after_help = COST_EXAMPLES)]
    Cost(CostArguments),
    /// Measure how long an ONNX model takes on this machine, whole and layer by layer
    #[command(after_help = LATENCY_EXAMPLES)]
    Latency(LatencyArguments),
    /// Run trials of a study beside others, on this machine and on others
    #[command(after_help = WORKER_EXAMPLES)]
    Worker(WorkerArguments),
    /// List, show, delete, rename, copy and export the studies of a database
    #[command(after_help = STUDIES_EXAMPLES)]
    Studies(StudiesArguments),
    /// Print a run or a study: its front, what mattered, the layers of its models
    #[command(after_help = SHOW_EXAMPLES)]
    Show(ShownArguments),
    /// Draw the report of a run or of a study
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportArguments),
    /// Draw the posterior of the Gaussian process after every trial, and what it proposed next
    #[command(after_help = SURROGATE_EXAMPLES)]
    Surrogate(SurrogateArguments),
    /// Remove channels from an ONNX model
    #[command(after_help = PRUNE_EXAMPLES)]
    Prune(PruneArguments),
    /// Make the layers of an ONNX model chains of smaller ones, of low rank
    #[command(after_help = DECOMPOSE_EXAMPLES)]
    Decompose(DecomposeArguments),
    /// Make an ONNX model one of 8 bits, from some of its inputs
    #[command(after_help = QUANTIZE_EXAMPLES)]
    Quantize(QuantizeArguments),
    /// Check a spec and its data without running anything
    #[command(after_help = "Example:\n  lightcrest check examples/digits.toml")]
    Check(CheckArguments),
    /// Print the JSON schema of spec files, for editors
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema(SchemaArguments),
}

const SEARCH_EXAMPLES: &str = "\
The same command again goes on where the run ended; one whose budget is spent only writes its results again.
Ctrl-C ends after storing what is finished; a second Ctrl-C ends at once.

The run's folder holds
  report.html           everything to look at, in one page
  front.csv             the models of the front, one a line
  front/trial-NNNN/     model.onnx, model.safetensors, config.toml, metrics.json
  study.db              every trial (SQLite)
  spec.toml             the spec
  images.json           what the images were; a search does not go on with others
  weights/              what was trained so far of the front, while the search runs

Examples:
  lightcrest search examples/digits.toml
  lightcrest search examples/digits.toml --out /tmp/digits --workers 4
  lightcrest search examples/digits.toml --fresh";

const TUNE_EXAMPLES: &str = "\
The program gets its parameters as arguments, in its environment or in a JSON file, as the spec says, and prints its metrics
as JSON lines: {\"step\": 3, \"accuracy\": 0.8} on the way, {\"accuracy\": 0.9, \"seconds\": 2.5} as the result. A program
that is stopped early gets SIGTERM with all of its children, and SIGKILL after a grace time. docs/tune.md has it all.

The same command again goes on where the run ended; one whose budget is spent only writes its results again.
Ctrl-C stops the programs and ends after storing what is finished; a second Ctrl-C kills them and ends at once.

The run's folder holds
  report.html           everything to look at, in one page
  front.csv             the trials of the front, one a line
  trials/NNNNNN/        parameters.json, metrics.jsonl and log.txt of a trial
  study.db              every trial (SQLite)
  spec.toml             the spec

Examples:
  lightcrest tune examples/pytorch_fashion_mnist/tune.toml
  lightcrest tune spec.toml --out /tmp/mine --workers 4
  lightcrest tune spec.toml --fresh";

const COMPRESS_EXAMPLES: &str = "\
The spec names an ONNX file and images, with labels or without. Layers are tied into sections; for each the search chooses
whether channels are cut or layers are taken apart (SVD, Tucker, CP, spatial), and how strongly, and how the network is
fine-tuned, taught by the original. `lightcrest check SPEC` lists the sections.

The same command again goes on where the run ended; one whose budget is spent only writes its results again.
Ctrl-C ends after storing what is finished; a second Ctrl-C ends at once. A spec in which nothing varies makes its one
model, into --out [default: compressed].

The run's folder holds
  report.html           everything to look at, in one page
  front.csv             the models of the front, one a line
  front/trial-NNNN/     model.onnx, config.toml, metrics.json
  study.db              every trial (SQLite)
  spec.toml             the spec
  images.json, model.json   what the images and the network were; a run does not go on with others

Examples:
  lightcrest compress examples/compress-digits.toml
  lightcrest compress runs/compress-digits/front/trial-0012/config.toml --out model";

const SCHEMA_EXAMPLES: &str = "\
Examples:
  lightcrest schema > spec.schema.json          specs of `lightcrest search`
  lightcrest schema tune > tune.schema.json     specs of `lightcrest tune`
  lightcrest schema compress > compress.schema.json
  lightcrest schema fit > fit.schema.json        specs of `lightcrest fit`";

const TRAIN_EXAMPLES: &str = "\
A config.toml of a run trains exactly that model again, from any folder. A kindle-style YAML file describes an architecture only: --data
names the images, and the training is Lightcrest's default unless options say otherwise.

Examples:
  lightcrest train runs/digits/front/trial-0012/config.toml
  lightcrest train model.yaml --data fashion-mnist --epochs 20
  lightcrest train model.yaml --data photos/ --image-size 64 --out trained";

const SURROGATE_EXAMPLES: &str = "\
One page that works offline, with a slider over the number of finished trials: the posterior of an objective along one
parameter (or two), the trials, the acquisition, and the next proposal. The other parameters are those of the best trial.

Examples:
  lightcrest surrogate runs/digits              writes runs/digits/surrogate.html
  lightcrest surrogate runs/digits --parameter learning_rate --parameter optimizer
  lightcrest surrogate study.db --trial 3 --out three.html
  lightcrest surrogate postgresql://ann@db/studies --study digits";

const COST_EXAMPLES: &str = "\
Nothing is run. A free batch counts as 1, other free sizes must be given by the names that the file has for them.

Examples:
  lightcrest cost model.onnx
  lightcrest cost model.onnx --size height=224 --size width=224 --json";

const LATENCY_EXAMPLES: &str = "\
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
    /// Take the time with this library of onnxruntime, or the one in this folder [default: ORT_DYLIB_PATH,
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

const PRUNE_EXAMPLES: &str = "\
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

const DECOMPOSE_EXAMPLES: &str = "\
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

const QUANTIZE_EXAMPLES: &str = "\
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

/// `lightcrest compress`
#[derive(Debug, Args)]
pub(crate) struct CompressArguments {
    #[command(flatten)]
    pub(crate) study: StudyArguments,
    /// Take latencies with this library of onnxruntime, or the one in this folder [default: ORT_DYLIB_PATH,
    /// else that of the active Python environment, else Lightcrest's own executor]
    #[arg(long, value_name = "PATH")]
    pub(crate) onnxruntime: Option<PathBuf>,
}

/// `lightcrest search`, `lightcrest tune` and `lightcrest compress`
#[derive(Debug, Args)]
pub(crate) struct StudyArguments {
    /// The spec, a TOML file; - for standard input
    #[arg(value_name = "SPEC")]
    pub(crate) spec: PathBuf,
    /// Folder of the run [default: runs/NAME of the spec]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Where the study lives: sqlite:///FILE or postgresql://USER@HOST/DATABASE, without a password
    /// [default: LIGHTCREST_STORAGE, else the spec's, else study.db in the folder]
    #[arg(long, value_name = "URL")]
    pub(crate) storage: Option<String>,
    /// Start anew; an earlier run is moved aside, to DIR.old-N
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Earlier runs that a new study learns from, beside those of the spec: folders or databases
    #[arg(long, value_name = "RUN", num_args = 1..)]
    pub(crate) learn_from: Vec<PathBuf>,
    /// Trials that run at once [default: the spec's, or one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) workers: Option<u16>,
    /// Print nothing but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
    #[arg(skip)]
    pub(crate) role: Role,
}

/// `lightcrest train`
#[derive(Debug, Args)]
pub(crate) struct TrainArguments {
    /// A config.toml of a run, or a kindle-style model.yaml
    #[arg(value_name = "MODEL")]
    pub(crate) model: PathBuf,
    /// Images for a YAML model: digits, mnist, fashion-mnist, cifar10, cifar100, or a folder with one
    /// sub-folder a class
    #[arg(long, value_name = "DATA")]
    pub(crate) data: Option<String>,
    /// Folder of the data set's files
    #[arg(long, value_name = "DIR")]
    pub(crate) data_path: Option<PathBuf>,
    /// Height and width to resize images to
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) image_size: Option<u16>,
    /// Number of epochs
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) epochs: Option<u32>,
    /// Seed of the initial weights and the order of the images
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Folder for model.onnx, model.safetensors, config.toml and metrics.json [default: trained]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// `lightcrest surrogate`
#[derive(Debug, Args)]
pub(crate) struct SurrogateArguments {
    #[command(flatten)]
    pub(crate) of: ShownArguments,
    /// What varies in the picture, once or twice [default: the most important parameter]
    #[arg(long = "parameter", value_name = "NAME")]
    pub(crate) parameters: Vec<String>,
    /// What is predicted [default: the first objective that must be evaluated]
    #[arg(long, value_name = "NAME")]
    pub(crate) objective: Option<String>,
    /// Only the picture after N finished trials
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) trial: Option<u32>,
    /// Values along each parameter [default: 60, or 24 each for two parameters]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub(crate) points: Option<u16>,
    /// The page [default: surrogate.html in the folder, or beside the file; of a server, in the current
    /// folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// `lightcrest check`
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    /// The spec, a TOML file; - for standard input
    #[arg(value_name = "SPEC")]
    pub(crate) spec: PathBuf,
}

/// `lightcrest schema`
#[derive(Debug, Args)]
pub(crate) struct SchemaArguments {
    /// Whose specs
    #[arg(value_name = "COMMAND", value_enum, default_value_t = SchemaOf::Search)]
    pub(crate) of: SchemaOf,
}

/// The commands that have a spec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// `lightcrest search`
    Search,
    /// `lightcrest tune`
    Tune,
    /// `lightcrest compress`
    Compress,
    /// `lightcrest fit`
    Fit,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_says_how_it_is_used() {
        let mut program = super::Arguments::command().term_width(100);
        program.build();
        let mut help = format!("{}", program.render_long_help());
        for command in program.get_subcommands_mut() {
            let usage = command.render_long_help();
            help.push_str(&format!("\n==== {} ====\n{usage}", command.get_name()));
        }
        insta::assert_snapshot!(help);
    }
}
