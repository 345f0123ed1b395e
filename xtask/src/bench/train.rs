//! `cargo xtask bench train`: images/s in training and inference, accuracy, as ratios against a peer in the
//! same run.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{mean_and_error, output};
use crate::process::{cargo, root, run, target_folder};
use crate::python;

/// Rounds a network; sides take turns, and the best round of each counts.
const ROUNDS: usize = 3;

/// Training and inference, one thread, batch 64: ours against PyTorch (eager, the faster memory layout) and
/// onnxruntime.
///
/// # Errors
/// When a side fails, or an unknown option is given.
pub(crate) fn train(options: &[&str]) -> Result<(), String> {
    let mut only = None;
    let mut accuracy = false;
    let mut rest = options.iter();
    while let Some(&option) = rest.next() {
        match option {
            "--net" => only = Some(*rest.next().ok_or("--net needs a name")?),
            "--accuracy" => accuracy = true,
            other => return Err(format!("unknown option `{other}`: --net NAME or --accuracy expected")),
        }
    }
    let bench = TrainBench::prepare()?;
    if accuracy { bench.accuracy() } else { bench.speed(only) }
}

struct TrainBench {
    ours: PathBuf,
    python: PathBuf,
    folder: PathBuf,
}

impl TrainBench {
    fn prepare() -> Result<Self, String> {
        run(cargo().args([
            "build",
            "--release",
            "--package",
            "lightcrest-model",
            "--example",
            "train_speed",
        ]))?;
        let folder = target_folder().join("bench-train");
        std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
        let ours = target_folder().join("release/examples/train_speed");
        Ok(Self { ours, python: python::environment("torch")?, folder })
    }

    fn speed(&self, only: Option<&str>) -> Result<(), String> {
        let mut listed = output(Command::new(&self.ours).arg("list"))?;
        listed.push_str(&self.files()?);
        let is_wanted = |name: &&str| !name.is_empty() && only.is_none_or(|wanted| wanted == label(name));
        let names: Vec<&str> = listed.lines().filter(is_wanted).collect();
        if names.is_empty() {
            return Err(format!("no such network; there are:\n{listed}"));
        }
        println!(
            "{:<22}{:>9}{:>11}{:>11}{:>8}{:>9}{:>10}{:>11}{:>11}{:>8}{:>9}{:>9}{:>10}{:>9}",
            "network",
            "params",
            "train/s",
            "torch",
            "ratio",
            "infer/s",
            "torch",
            "batch 1 us",
            "ort us",
            "ratio",
            "peak MB",
            "torch",
            "added MB",
            "torch"
        );
        for name in names {
            let (description, onnx) = self.describe(name)?;
            let mut ours = Figures::default();
            let mut torch = Figures::default();
            for _ in 0..ROUNDS {
                ours.merge(&output(Command::new(&self.ours).args(["speed", name]))?)?;
                for layout in ["nchw", "channels_last"] {
                    let mut command = self.script();
                    torch.merge(&output(command.arg("speed").args([&description, &onnx]).arg(layout))?)?;
                }
            }
            println!(
                "{:<22}{:>9.0}{:>11.0}{:>11.0}{:>7.2}x{:>9.0}{:>10.0}{:>11.1}{:>11.1}{:>7.2}x{:>9.0}{:>9.0}{:>10.0}{:>9.0}",
                label(name),
                ours.parameters,
                ours.train,
                torch.train,
                ours.train / torch.train,
                ours.infer,
                torch.infer,
                ours.batch1_us,
                torch.batch1_us,
                ours.batch1_us / torch.batch1_us,
                ours.peak_mb,
                torch.peak_mb,
                ours.added_mb,
                torch.added_mb,
            );
        }
        println!(
            "\nrates: images/s, batch 64 (16 where images are larger than 64 x 64: networks of torchvision, read from \
             their ONNX files), one thread, PyTorch eager; ratio of train/s: ours / torch; of batch 1: ours / onnxruntime\n\
             peak MB: of the whole process, for torch with Python and its libraries; added MB: from before the network is made on"
        );
        Ok(())
    }

    /// Accuracy after three epochs on 10,000 Fashion-MNIST images, five seeds a side.
    fn accuracy(&self) -> Result<(), String> {
        run(Command::new(&self.ours).arg("data").arg(&self.folder))?;
        for name in ["net-a", "net-b"] {
            let (description, _) = self.describe(name)?;
            let mut sides: [Vec<f64>; 2] = [vec![], vec![]];
            for seed in 0..5 {
                let seed = seed.to_string();
                let line =
                    output(Command::new(&self.ours).args(["accuracy", name]).arg(&self.folder).arg(&seed))?;
                sides[0].push(number(&line, "accuracy")?);
                let mut command = self.script();
                let line = output(command.arg("accuracy").args([&description, &self.folder]).arg(&seed))?;
                sides[1].push(number(&line, "accuracy")?);
            }
            for (side, values) in ["lightcrest", "torch"].iter().zip(&sides) {
                let (mean, error) = mean_and_error(values);
                let low = values.iter().copied().fold(f64::INFINITY, f64::min);
                let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                println!(
                    "{name:<8}{side:<12}accuracy {mean:.4} +- {error:.4} (standard error), {low:.4} to {high:.4}"
                );
            }
        }
        Ok(())
    }

    /// Networks of torchvision as ONNX files, one path a line.
    fn files(&self) -> Result<String, String> {
        let script = root().join("xtask/python/read_networks.py");
        let listed = output(Command::new(&self.python).arg(script).arg(self.folder.join("read")))?;
        // the exporter speaks, too
        let paths: Vec<&str> = listed.lines().filter(|line| line.ends_with(".onnx")).collect();
        Ok(format!("\n{}", paths.join("\n")))
    }

    /// Writes the layer graph for PyTorch and the ONNX file for onnxruntime.
    fn describe(&self, name: &str) -> Result<(PathBuf, PathBuf), String> {
        let description = self.folder.join(format!("{}.json", label(name)));
        let onnx = self.folder.join(format!("{}.onnx", label(name)));
        output(Command::new(&self.ours).args(["describe", name]).args([&description, &onnx]))?;
        Ok((description, onnx))
    }

    fn script(&self) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(root().join("xtask/python/train_speed.py")).env("OMP_NUM_THREADS", "1");
        command
    }
}

/// What a row is called: the name of a network, or that of its file.
fn label(name: &str) -> &str {
    Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name)
}

/// The best figures of one side over its rounds.
#[derive(Default)]
struct Figures {
    train: f64,
    infer: f64,
    batch1_us: f64,
    peak_mb: f64,
    added_mb: f64,
    parameters: f64,
}

impl Figures {
    fn merge(&mut self, line: &str) -> Result<(), String> {
        let batch1_us = number(line, "batch1_us")?;
        let (peak_mb, added_mb) = (number(line, "train_peak_mb")?, number(line, "train_added_mb")?);
        self.train = self.train.max(number(line, "train_images_per_s")?);
        self.infer = self.infer.max(number(line, "infer64_images_per_s")?);
        self.batch1_us = if self.batch1_us == 0.0 { batch1_us } else { self.batch1_us.min(batch1_us) };
        self.peak_mb = if self.peak_mb == 0.0 { peak_mb } else { self.peak_mb.min(peak_mb) };
        self.added_mb = if self.added_mb == 0.0 { added_mb } else { self.added_mb.min(added_mb) };
        self.parameters = number(line, "parameters")?;
        Ok(())
    }
}

/// The number after `"key": ` (or the end of a longer key) in one flat JSON line.
fn number(line: &str, key: &str) -> Result<f64, String> {
    let missing = || format!("no number `{key}` in `{line}`");
    let start = line.find(&format!("{key}\":")).ok_or_else(missing)? + key.len() + 2;
    let text = line[start..].trim_start();
    let end = text.find([',', '}']).ok_or_else(missing)?;
    text[..end].trim().parse().map_err(|_| missing())
}
