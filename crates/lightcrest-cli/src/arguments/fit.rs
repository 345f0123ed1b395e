//! What the command line may say of tables.

use std::path::PathBuf;

use clap::Args;
use lightcrest_table::metric::Metric;

pub(super) const FIT_EXAMPLES: &str = "\
Everything is found out: encoding, separator, what each column is, the task. What was decided about each column is printed and
in the report. Models are judged by folds, and those of the front once by a part of the rows that nothing was learnt from.

The same command again goes on where the run ended; one whose budget is spent only writes its results again.
Ctrl-C ends after writing what is finished; a second Ctrl-C ends at once.

Options beside a spec are taken instead of what it says.

The run's folder holds
  report.html           everything to look at, in one page
  front.csv             the models of the front, one a line
  front/trial-NNNN/     model.lightcrest, model.onnx (unless it reads texts), config.toml (makes it again), metrics.json
  study.db              every trial (SQLite)
  spec.toml             the spec; table.json and columns.json: what the table was

Examples:
  lightcrest fit customers.csv --target churned
  lightcrest fit t.csv --target price --task regression --metric mae --budget 10m --group customer --max-size 100kB
  lightcrest fit t.csv --target y --trials 50 --seed 1
  lightcrest fit runs/customers/front/trial-0012/config.toml
  lightcrest fit spec.toml --budget 5m --seed 2";

pub(super) const PREDICT_EXAMPLES: &str = "\
Columns are found by their names, in whatever order; others are ignored. Labels are as the table wrote them.

Examples:
  lightcrest predict runs/customers new.csv > predictions.csv
  lightcrest predict runs/customers labelled.csv --model 12 --score > predictions.csv
  lightcrest predict model.lightcrest new.csv";

/// `lightcrest fit`
#[derive(Debug, Args)]
pub(crate) struct FitArguments {
    /// The table (delimited text, also packed by gzip or Zstandard), or a spec that names it (.toml)
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Name of the column to predict
    #[arg(long, value_name = "NAME")]
    pub(crate) target: Option<String>,
    /// classification or regression [default: what the values tell]
    #[arg(long, value_name = "TASK", value_parser = ["classification", "regression"])]
    pub(crate) task: Option<String>,
    /// What models are judged by [default: log_loss or rmse]
    #[arg(long, value_name = "NAME", value_parser = Metric::NAMES)]
    pub(crate) metric: Option<String>,
    /// Time in all, such as 90s, 10m or 1h30m [default: 60s, or none with --trials]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) budget: Option<String>,
    /// Trials in all
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) trials: Option<u32>,
    /// A column: rows with the same value stay in one part
    #[arg(long, value_name = "COLUMN")]
    pub(crate) group: Option<String>,
    /// A column: the past is learnt from, the future judged
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time: Option<String>,
    /// A model's file has at most this size, such as 100kB
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) max_size: Option<u64>,
    /// One row takes at most this long, such as 20us or 1ms
    #[arg(long, value_name = "TIME", value_parser = latency)]
    pub(crate) max_latency: Option<f64>,
    /// Seed of everything random [default: 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(..=i64::MAX.cast_unsigned()))]
    pub(crate) seed: Option<u64>,
    /// Folds
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(2..=20))]
    pub(crate) folds: Option<u8>,
    /// What separates fields: one character, or tab
    #[arg(long, value_name = "CHARACTER")]
    pub(crate) separator: Option<String>,
    /// Encoding of the text, such as windows-1252
    #[arg(long, value_name = "NAME")]
    pub(crate) encoding: Option<String>,
    /// The sheet of a workbook [default: the first one with cells]
    #[arg(long, value_name = "NAME")]
    pub(crate) sheet: Option<String>,
    /// What begins the decimals of numbers
    #[arg(long, value_name = "WORD", value_parser = ["point", "comma"])]
    pub(crate) decimal: Option<String>,
    /// Order of dates such as 03/04/2024
    #[arg(long, value_name = "WORD", value_parser = ["day-first", "month-first"])]
    pub(crate) date_order: Option<String>,
    /// A field that is a missing value, besides NA, N/A, null, None, ?, - and their like; may be given again
    #[arg(long, value_name = "WORD", allow_hyphen_values = true)]
    pub(crate) missing: Vec<String>,
    /// A column that is left out; may be given again
    #[arg(long, value_name = "COLUMN")]
    pub(crate) ignore: Vec<String>,
    /// Leave columns of text out
    #[arg(long)]
    pub(crate) ignore_text: bool,
    /// The first line is a row already: columns are column_1, column_2, ...
    #[arg(long)]
    pub(crate) no_header: bool,
    /// Most rows may have no target: they are left out
    #[arg(long)]
    pub(crate) drop_missing_target: bool,
    /// Threads of one training; the models do not depend on it [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
    /// Folder of the run [default: runs/NAME of the table]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Where the study lives: sqlite:///FILE or postgresql://USER@HOST/DATABASE, without a password
    /// [default: LIGHTCREST_STORAGE, else the spec's, else study.db in the folder]
    #[arg(long, value_name = "URL")]
    pub(crate) storage: Option<String>,
    /// Start anew; an earlier run is moved aside, to DIR.old-N
    #[arg(long)]
    pub(crate) fresh: bool,
    /// Print nothing but errors
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// `lightcrest predict`
#[derive(Debug, Args)]
pub(crate) struct PredictArguments {
    /// Folder of a run of `fit`, or a model.lightcrest
    #[arg(value_name = "RUN")]
    pub(crate) run: PathBuf,
    /// The table
    #[arg(value_name = "FILE")]
    pub(crate) table: PathBuf,
    /// Trial whose model predicts [default: the best of the front]
    #[arg(long, value_name = "NN")]
    pub(crate) model: Option<u64>,
    /// Judge the predictions by the target in the table; the scores go to standard error
    #[arg(long)]
    pub(crate) score: bool,
    /// Take columns that are not there as missing values
    #[arg(long)]
    pub(crate) allow_missing_columns: bool,
    /// What separates fields: one character, or tab
    #[arg(long, value_name = "CHARACTER")]
    pub(crate) separator: Option<String>,
    /// Encoding of the text
    #[arg(long, value_name = "NAME")]
    pub(crate) encoding: Option<String>,
    /// The sheet of a workbook
    #[arg(long, value_name = "NAME")]
    pub(crate) sheet: Option<String>,
    /// The first line is a row already
    #[arg(long)]
    pub(crate) no_header: bool,
    /// Say nothing of the table on standard error
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

/// Numbers and units as one word.
fn parts(text: &str) -> Option<(f64, String)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let number: f64 = text[..end].parse().ok().filter(|number| *number > 0.0)?;
    Some((number, text[end..].trim().to_lowercase()))
}

fn duration(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` is not a time such as 90s, 10m or 1h30m");
    let mut rest = text.trim();
    let mut seen = false;
    while !rest.is_empty() {
        let unit = rest.find(['s', 'm', 'h']).ok_or_else(wrong)?;
        let number: f64 = rest[..unit].parse().map_err(|_| wrong())?;
        if !(number > 0.0 && number.is_finite()) {
            return Err(wrong());
        }
        (rest, seen) = (&rest[unit + 1..], true);
    }
    if seen { Ok(text.trim().to_owned()) } else { Err(wrong()) }
}

fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is not a size such as 100kB or 2MB");
    let (number, unit) = parts(text).ok_or_else(wrong)?;
    let factor = match unit.as_str() {
        "" | "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    Ok((number * factor).ceil() as u64)
}

fn latency(text: &str) -> Result<f64, String> {
    let wrong = || format!("`{text}` is not a time such as 20us or 1ms");
    let (number, unit) = parts(text).ok_or_else(wrong)?;
    match unit.as_str() {
        "us" | "µs" => Ok(number),
        "ms" => Ok(number * 1e3),
        "s" => Ok(number * 1e6),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_read_as_people_write_them() {
        assert_eq!(size("100kB"), Ok(100_000));
        assert_eq!(size("1 MiB"), Ok(1_048_576));
        assert_eq!(latency("20us"), Ok(20.0));
        assert_eq!(latency("1.5ms"), Ok(1500.0));
        assert_eq!(duration("1h30m").as_deref(), Ok("1h30m"));
        for wrong in ["", "ten", "-1s", "0s", "5", "s"] {
            assert!(duration(wrong).is_err() && latency(wrong).is_err(), "{wrong}");
        }
        assert!(size("big").is_err() && size("0").is_err());
    }
}
