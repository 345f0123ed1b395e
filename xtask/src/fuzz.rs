//! `cargo xtask fuzz onnx` and `fuzz table`: damaged files through everything that reads them.

use std::path::PathBuf;
use std::process::Command;

use crate::bench::compress_files;
use crate::process::{cargo, root, run, target_folder};

/// Address space that a damaged file may lead to, in KiB.
const MEMORY: &str = "6000000";

/// Mutates files for so many minutes: the ONNX files of `bench compress`, or tables and models of tables; the
/// first panic ends it.
///
/// # Errors
/// When a file makes the library panic or take more memory than that, or an unknown option is given.
pub(crate) fn fuzz(options: &[&str]) -> Result<(), String> {
    let (what, minutes) = match options {
        [what @ ("onnx" | "table")] => (*what, "1"),
        [what @ ("onnx" | "table"), "--minutes", minutes] if minutes.parse().is_ok_and(|n: f64| n > 0.0) => {
            (*what, *minutes)
        }
        _ => {
            let options = options.join(" ");
            return Err(format!("unknown options `{options}`: onnx or table, [--minutes N] expected"));
        }
    };
    let (package, files): (&str, Vec<PathBuf>) = match what {
        "onnx" => ("lightcrest-graph", compress_files()?),
        _ => ("lightcrest-table", vec![root().join("examples/table/flights.csv")]),
    };
    let example = format!("fuzz_{what}");
    run(cargo().args(["build", "--release", "--package", package, "--example", &example]))?;
    let program = target_folder().join("release/examples").join(example);
    // The limit is of the process alone.
    let limited = format!("ulimit -v {MEMORY}; exec \"$@\"");
    let folder = target_folder().join(format!("fuzz-{what}"));
    run(Command::new("sh").args(["-c", &limited, "sh"]).arg(program).arg(minutes).arg(folder).args(files))
}
