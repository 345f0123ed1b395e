//! `cargo xtask bench search examples/fashion-mnist.toml --peer`: the search beside one in Optuna and
//! PyTorch, on one core at once, and what each has reached after so many seconds.

use std::path::Path;
use std::process::Command;

use toml::{Table, Value};

use super::search::section;
use crate::process::{root, run, target_folder};
use crate::python;

/// Where Debian's package puts the images.
const IMAGES: &str = "/usr/share/datasets/fashion-mnist";

/// Runs both, seed after seed, for so many minutes each, and prints hypervolume against seconds.
///
/// # Errors
/// When a side fails, or the images are missing.
pub(super) fn beside(program: &Path, spec: &Table, seeds: i64, minutes: &str) -> Result<(), String> {
    let data = spec.get("data").and_then(Value::as_table);
    let source = data.and_then(|data| data.get("source")?.as_str());
    if source != Some("fashion_mnist") {
        return Err("--peer is for the search of examples/fashion-mnist.toml".to_owned());
    }
    let images = data.and_then(|data| data.get("path")?.as_str()).unwrap_or(IMAGES);
    let python = python::environment("search_peer")?;
    let script = root().join("xtask/python/search_peer.py");
    let folder = target_folder().join("bench-search");
    let mut pairs = Vec::new();
    for seed in 0..seeds {
        let place = folder.join(format!("beside-{seed}"));
        let (file, theirs) = (place.with_extension("toml"), place.with_extension("csv"));
        let mut spec = spec.clone();
        spec.remove("refit");
        section(&mut spec, "study")?.insert("seed".into(), Value::Integer(seed));
        let budget = section(&mut spec, "budget")?;
        budget.clear();
        budget.insert("time".into(), Value::from(format!("{minutes}m")));
        std::fs::write(&file, spec.to_string()).map_err(|e| format!("{}: {e}", file.display()))?;
        let mut peer = pinned(&python);
        peer.arg(&script).args(["run", images, minutes, &seed.to_string()]).arg(&theirs);
        let mut peer = peer.spawn().map_err(|e| format!("taskset: {e}"))?;
        let mut search = pinned(program);
        search.args(["search", "--quiet", "--fresh", "--workers", "1", "--out"]).arg(&place).arg(&file);
        if let Err(error) = run(&mut search) {
            peer.kill().map_err(|e| e.to_string())?;
            return Err(error);
        }
        let ended = peer.wait().map_err(|e| e.to_string())?;
        if !ended.success() {
            return Err(format!("the peer ended with {ended}"));
        }
        pairs.push(format!("{},{}", place.join("study.db").display(), theirs.display()));
    }
    run(Command::new(&python).arg(&script).arg("report").args(pairs))
}

/// A program on the first core.
fn pinned(program: &Path) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", "0"]).arg(program);
    command
}
