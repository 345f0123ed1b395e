//! What the command line may say of studies that are there.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use lightcrest::storage::optuna::Zone;

use super::StudyArguments;

pub(super) const WORKER_EXAMPLES: &str = "\
Any number of workers, and `lightcrest search`, `tune` or `compress` with the same spec, may work on one study: each gives trials
to itself that nobody else has, sees what the others found, and ends when the study has the trials of [budget]. The trials of a
worker that dies are run again by the others. What trials write (weights, logs) goes to --out: a folder that all see.
`lightcrest search SPEC --storage URL`, or `tune` or `compress`, run at last or meanwhile, writes the front and the report.
A password belongs into ~/.pgpass, PGPASSWORD or the URL of LIGHTCREST_STORAGE. docs/storage.md has it all.

Exit code 0 says that the study is done, 130 that the worker was told to end (Ctrl-C, SIGTERM) and gave back what it ran.

Examples:
  lightcrest worker spec.toml --storage postgresql://ann@db/studies --out /shared/runs/mine
  lightcrest worker spec.toml --storage sqlite:////tmp/studies.db --workers 1";

pub(super) const STUDIES_EXAMPLES: &str = "\
URL is sqlite:///FILE, the path of a SQLite file or postgresql://USER@HOST/DATABASE, without a password; - stands for the URL of
the variable LIGHTCREST_STORAGE, where a password may be.

Examples:
  lightcrest studies list studies.db
  lightcrest studies show studies.db digits --json
  lightcrest studies copy studies.db digits --to postgresql://ann@db/studies
  lightcrest studies export studies.db digits --format csv > digits.csv
  lightcrest studies import optuna.db --to studies.db
  lightcrest studies export studies.db digits --format optuna --out optuna.db
  lightcrest studies delete studies.db digits";

pub(super) const SHOW_EXAMPLES: &str = "\
Examples:
  lightcrest show runs/digits
  lightcrest show studies.db --study digits
  lightcrest show postgresql://ann@db/studies --study digits";

pub(super) const REPORT_EXAMPLES: &str = "\
Examples:
  lightcrest report runs/digits                 writes runs/digits/report.html
  lightcrest report postgresql://ann@db/studies --study digits --out digits.html";

/// What a process does for its study.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Role {
    /// All of it: it runs trials, and writes the front when they are done.
    #[default]
    Whole,
    /// It runs trials beside others.
    Worker,
}

/// `lightcrest worker`
#[derive(Debug, Args)]
pub(crate) struct WorkerArguments {
    /// The spec of `search`, `tune` or `compress`, a TOML file
    #[arg(value_name = "SPEC")]
    spec: PathBuf,
    /// Where the study lives: postgresql://USER@HOST/DATABASE or sqlite:///FILE, without a password
    /// [default: LIGHTCREST_STORAGE, else the spec's]
    #[arg(long, value_name = "URL")]
    storage: Option<String>,
    /// Folder that all workers see, for what trials write [default: runs/NAME of the spec]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Earlier studies to learn from, beside those of the spec: folders, files, or URL#STUDY
    #[arg(long, value_name = "RUN", num_args = 1..)]
    learn_from: Vec<PathBuf>,
    /// Trials that run at once in this process [default: the spec's, or one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
    /// `compress`: take latencies with this library of onnxruntime, or the one in this folder
    #[arg(long, value_name = "PATH")]
    pub(crate) onnxruntime: Option<PathBuf>,
    /// Print nothing but errors
    #[arg(long, short)]
    quiet: bool,
}

impl WorkerArguments {
    /// As those of the command whose trials it runs.
    pub(crate) fn study(&self) -> StudyArguments {
        StudyArguments {
            spec: self.spec.clone(),
            out: self.out.clone(),
            storage: self.storage.clone(),
            fresh: false,
            learn_from: self.learn_from.clone(),
            workers: self.workers,
            quiet: self.quiet,
            role: Role::Worker,
        }
    }
}

/// Whose study is shown.
#[derive(Debug, Args)]
pub(crate) struct ShownArguments {
    /// Folder of a run, a SQLite file, or the URL of a database [default: LIGHTCREST_STORAGE]
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<PathBuf>,
    /// Name of the study, where a database has several
    #[arg(long, value_name = "NAME")]
    pub(crate) study: Option<String>,
}

/// `lightcrest report`
#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    #[command(flatten)]
    pub(crate) of: ShownArguments,
    /// The page [default: report.html in the folder, or beside the file; of a server, in the current folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
}

/// `lightcrest studies`
#[derive(Debug, Args)]
pub(crate) struct StudiesArguments {
    #[command(subcommand)]
    pub(crate) command: StudiesCommand,
}

/// What to do with studies.
#[derive(Debug, Subcommand)]
pub(crate) enum StudiesCommand {
    /// List the studies of a database, with how many trials each has
    List(ListArguments),
    /// Print what a study is: objectives, parameters, trials by state, the best of them
    Show(NamedArguments),
    /// Delete a study with its trials
    Delete(DeleteArguments),
    /// Give a study another name
    Rename(RenameArguments),
    /// Copy a study as it is at this moment, also to back it up: what runs in it waits in the copy
    Copy(CopyArguments),
    /// Write the trials of a study, one a line, or whole studies for Optuna
    Export(ExportArguments),
    /// Take over studies of Optuna
    Import(ImportArguments),
}

/// `lightcrest studies list`
#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// The database [default: LIGHTCREST_STORAGE]
    #[arg(value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Print a JSON array, one object a study
    #[arg(long)]
    pub(crate) json: bool,
}

/// `lightcrest studies show`
#[derive(Debug, Args)]
pub(crate) struct NamedArguments {
    /// The database; - for that of LIGHTCREST_STORAGE
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Name of the study [default: the only one]
    #[arg(value_name = "STUDY")]
    pub(crate) study: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// `lightcrest studies delete`
#[derive(Debug, Args)]
pub(crate) struct DeleteArguments {
    /// The database; - for that of LIGHTCREST_STORAGE
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Name of the study
    #[arg(value_name = "STUDY")]
    pub(crate) study: String,
    /// Also if trials of it run
    #[arg(long)]
    pub(crate) force: bool,
}

/// `lightcrest studies rename`
#[derive(Debug, Args)]
pub(crate) struct RenameArguments {
    /// The database; - for that of LIGHTCREST_STORAGE
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Name of the study
    #[arg(value_name = "STUDY")]
    pub(crate) study: String,
    /// Its new name
    #[arg(value_name = "NEW")]
    pub(crate) new: String,
}

/// `lightcrest studies copy`
#[derive(Debug, Args)]
pub(crate) struct CopyArguments {
    /// The database; - for that of LIGHTCREST_STORAGE
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Name of the study
    #[arg(value_name = "STUDY")]
    pub(crate) study: String,
    /// The database of the copy; - for that of LIGHTCREST_STORAGE [default: the same]
    #[arg(long, value_name = "URL", required_unless_present = "name")]
    pub(crate) to: Option<String>,
    /// Name of the copy [default: the same]
    #[arg(long = "as", value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// `lightcrest studies export`
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The database; - for that of LIGHTCREST_STORAGE
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Name of the study [default: the only one; in a format of Optuna's, all]
    #[arg(value_name = "STUDY")]
    pub(crate) study: Option<String>,
    /// How it is written
    #[arg(long, value_name = "NAME", value_enum, default_value_t = ExportFormat::Csv)]
    pub(crate) format: ExportFormat,
    /// The file; for `optuna` also postgresql://USER@HOST/DATABASE [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) zone: ZoneArguments,
}

/// `lightcrest studies import`
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// Where Optuna keeps them: a SQLite file, a journal, or postgresql://USER@HOST/DATABASE
    #[arg(value_name = "FROM")]
    pub(crate) from: String,
    /// Name of a study [default: all]
    #[arg(value_name = "STUDY")]
    pub(crate) study: Option<String>,
    /// The database that they are taken over into [default: LIGHTCREST_STORAGE]
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    /// Name of the study there [default: the same]
    #[arg(long = "as", value_name = "NAME", requires = "study")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) zone: ZoneArguments,
}

/// Where Optuna's databases have their times from.
#[derive(Debug, Args)]
pub(crate) struct ZoneArguments {
    /// Hours that the times in Optuna's databases are ahead of UTC, such as 2 or -3.5 [default: as here]
    #[arg(long, value_name = "HOURS", allow_negative_numbers = true, value_parser = hours)]
    utc_offset: Option<f64>,
}

impl ZoneArguments {
    pub(crate) fn zone(&self) -> Zone {
        self.utc_offset.map_or(Zone::Local, |hours| Zone::East((hours * 3600.0) as i32))
    }
}

/// # Errors
/// If it is no offset of this world.
fn hours(text: &str) -> Result<f64, String> {
    let hours = text.parse::<f64>().ok().filter(|hours| hours.abs() <= 24.0);
    hours.ok_or_else(|| "a number of hours from -24 to 24 is needed".to_owned())
}

/// How trials are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// A table for spreadsheets and data frames: a line a trial, a column for each value
    Csv,
    /// JSON lines: an object a trial, with everything that is kept of it
    Jsonl,
    /// A Parquet file: the columns of `csv` with their types, and the reports
    #[cfg(feature = "parquet")]
    Parquet,
    /// Tables of Optuna: a new SQLite file, or a database of PostgreSQL
    Optuna,
    /// A new journal of Optuna
    OptunaJournal,
}
