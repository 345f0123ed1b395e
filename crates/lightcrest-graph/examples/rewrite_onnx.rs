//! `rewrite_onnx round-trip|normalize|raise-opset FOLDER FILE...`: reads each file and writes it to FOLDER,
//! as it is, normalised or with operators of opset 13, with a line of JSON about it. `cargo xtask bench
//! compress --part round-trip` and the stage "onnx" of `cargo xtask test` compare the two in onnxruntime.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use lightcrest_graph::chain;
use lightcrest_graph::onnx::{Model, normalize, opaque};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, folder, files @ ..] = arguments.as_slice() else {
        println!("rewrite_onnx round-trip|normalize|raise-opset FOLDER FILE...");
        return ExitCode::from(2);
    };
    for (number, file) in files.iter().enumerate() {
        // Many files of one name lie in folders of their own.
        let name = Path::new(file).file_name().unwrap_or_default().to_string_lossy();
        let out = Path::new(folder).join(format!("{number}-{name}"));
        let line = match rewrite(mode, Path::new(file), &out) {
            Ok(line) => line,
            Err(error) => serde_json::json!({ "file": file, "error": chain(&*error) }),
        };
        println!("{line}");
    }
    ExitCode::SUCCESS
}

fn rewrite(mode: &str, file: &Path, out: &Path) -> Result<serde_json::Value, Box<dyn Error>> {
    let started = Instant::now();
    let read = Model::load(file)?;
    let (model, notes) = match mode {
        "round-trip" => (read.clone(), read.notes().to_vec()),
        "normalize" => normalize(&read),
        "raise-opset" => (read.raise_opset()?, vec![]),
        other => return Err(format!("there is no mode `{other}`").into()),
    };
    model.save(out)?;
    let seconds = started.elapsed().as_secs_f64();
    let again = Model::load(out)?;
    let same_bytes = std::fs::read(file)? == std::fs::read(out)?;
    let mut operators: BTreeMap<&str, usize> = BTreeMap::new();
    model.graph().node.iter().for_each(|node| *operators.entry(&node.op_type).or_default() += 1);
    let opaque: Vec<String> = opaque(&model).into_iter().map(|opaque| opaque.label).collect();
    Ok(serde_json::json!({
        "file": file,
        "out": out,
        "opset": model.opset(),
        "nodes_read": read.graph().node.len(),
        "nodes": model.graph().node.len(),
        "opaque": opaque,
        "operators": operators,
        "seconds": seconds,
        "same_bytes": same_bytes,
        "same_model": model == again,
        "notes": notes,
    }))
}
