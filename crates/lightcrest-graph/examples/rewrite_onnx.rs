//! `rewrite_onnx round-trip FOLDER FILE...`: reads each file and writes it to FOLDER under its own name, with a
//! line of JSON about it. `cargo xtask bench compress --part round-trip` compares the two.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use lightcrest_graph::onnx::Model;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, folder, files @ ..] = arguments.as_slice() else {
        println!("rewrite_onnx round-trip FOLDER FILE...");
        return ExitCode::from(2);
    };
    for file in files {
        let out = Path::new(folder).join(Path::new(file).file_name().unwrap_or_default());
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
    let model = Model::load(file)?;
    match mode {
        "round-trip" => {}
        other => return Err(format!("there is no mode `{other}`").into()),
    }
    model.save(out)?;
    let seconds = started.elapsed().as_secs_f64();
    let again = Model::load(out)?;
    let same_bytes = std::fs::read(file)? == std::fs::read(out)?;
    let mut operators: BTreeMap<&str, usize> = BTreeMap::new();
    model.graph().node.iter().for_each(|node| *operators.entry(&node.op_type).or_default() += 1);
    Ok(serde_json::json!({
        "file": file,
        "out": out,
        "opset": model.opset(),
        "nodes": model.graph().node.len(),
        "operators": operators,
        "seconds": seconds,
        "same_bytes": same_bytes,
        "same_model": model == again,
        "notes": model.notes(),
    }))
}

/// The message and its causes.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
