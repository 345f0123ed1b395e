//! What the command line may say.

mod fit;
mod onnx;
mod studies;

pub(crate) use fit::{FitArguments, PredictArguments};
pub(crate) use onnx::{
    BitsName, CostArguments, DecomposeArguments, EngineArguments, ImportanceName, LatencyArguments,
    LayoutName, MethodName, PictureArguments, PruneArguments, QuantizeArguments, RangeName,
};
pub(crate) use studies::{
    CopyArguments, DeleteArguments, ExportArguments, ExportFormat, ImportArguments, ListArguments,
    NamedArguments, RenameArguments, ReportArguments, Role, ShownArguments, StudiesArguments, StudiesCommand,
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
    #[command(after_help = onnx::COST_EXAMPLES)]
    Cost(CostArguments),
    /// Measure how long an ONNX model takes on this machine, whole and layer by layer
    #[command(after_help = onnx::LATENCY_EXAMPLES)]
    Latency(LatencyArguments),
    /// Run trials of a study beside others, on this machine and on others
    #[command(after_help = WORKER_EXAMPLES)]
    Worker(WorkerArguments),
    /// List, show, delete, rename, copy, export and import the studies of a database
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
    #[command(after_help = onnx::PRUNE_EXAMPLES)]
    Prune(PruneArguments),
    /// Make the layers of an ONNX model chains of smaller ones, of low rank
    #[command(after_help = onnx::DECOMPOSE_EXAMPLES)]
    Decompose(DecomposeArguments),
    /// Make an ONNX model one of 8 bits, from some of its inputs
    #[command(after_help = onnx::QUANTIZE_EXAMPLES)]
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

/// `lightcrest compress`
#[derive(Debug, Args)]
pub(crate) struct CompressArguments {
    #[command(flatten)]
    pub(crate) study: StudyArguments,
    #[command(flatten)]
    pub(crate) engine: EngineArguments,
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
    /// Earlier studies to learn from, beside those of the spec: folders, files, or URL#STUDY
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
