//! Another optimizer as a sampler: a process that is told of every trial and asked for the next.
//!
//! Lines of JSON go back and forth (`xtask/python/bo_peer.py`, `xtask/optimizer_peer`): first the space to
//! it, then from it a configuration with the seconds that it has spent so far, to it the loss, and so on.
//! Where there are several objectives, the space comes with their directions, and the loss is a list. A peer
//! that stops trials gets their reports, answers each with whether to stop, and is told null as the loss of
//! what it stopped.

use lightcrest::sampler::{Capabilities, Context, Sampler, SamplerError};
use lightcrest::{Configuration, ObjectiveInfo, Space};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

thread_local! {
    static SECONDS: Cell<Option<f64>> = const { Cell::new(None) };
}

/// Whether a sampler of this name is not ours.
pub fn is_one(name: &str) -> bool {
    ["optuna_tpe", "optuna_gp"].contains(&name)
}

/// What the last peer of this thread spent, once.
pub fn seconds() -> Option<f64> {
    SECONDS.take()
}

pub struct Peer {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    told: usize,
    /// What it is to try first.
    first: Vec<Configuration>,
}

#[derive(Deserialize)]
struct Answer {
    configuration: Configuration,
    seconds: f64,
}

impl Peer {
    /// Starts `PYTHON SCRIPT NAME SEED [PRUNER EPOCHS]`, `$PYTHON` is `python3` unless set; or, for
    /// `optimizer_gp`, `$OPTIMIZER_PEER SEED`.
    pub fn start(script: &Path, name: &str, seed: u64, pruner: &[&str]) -> Self {
        let mut command = if name == "optimizer_gp" {
            Command::new(std::env::var_os("OPTIMIZER_PEER").expect("OPTIMIZER_PEER: the program"))
        } else {
            let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
            let mut command = Command::new(python);
            command.arg(script).arg(name);
            command
        };
        command.arg(seed.to_string()).args(pruner).stdin(Stdio::piped()).stdout(Stdio::piped());
        for variable in ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"] {
            command.env(variable, "1");
        }
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output, told: 0, first: Vec::new() }
    }

    /// As [`start`](Self::start), with configurations to try first.
    pub fn start_with(script: &Path, name: &str, seed: u64, first: &[Configuration]) -> Self {
        let mut peer = Self::start(script, name, seed, &[]);
        peer.first = first.to_vec();
        peer
    }

    pub fn show(&mut self, space: &Space) {
        let mut shown = serde_json::to_value(space).unwrap();
        shown["first"] = serde_json::to_value(&self.first).unwrap();
        writeln!(self.input, "{shown}").unwrap();
    }

    /// The space with the directions of several objectives.
    fn show_with(&mut self, space: &Space, objectives: &[ObjectiveInfo]) {
        let mut shown = serde_json::to_value(space).unwrap();
        let directions: Vec<_> = objectives.iter().map(|objective| objective.direction).collect();
        shown["directions"] = serde_json::to_value(directions).unwrap();
        writeln!(self.input, "{shown}").unwrap();
    }

    pub fn ask(&mut self, space: &Space) -> Configuration {
        let answer: Answer = self.read();
        SECONDS.set(Some(answer.seconds));
        space.conform(&answer.configuration).unwrap()
    }

    /// Whether the trial should stop.
    pub fn report(&mut self, step: u64, value: f64) -> bool {
        writeln!(self.input, "{{\"step\": {step}, \"value\": {value:e}}}").unwrap();
        self.read()
    }

    pub fn tell(&mut self, loss: Option<f64>) {
        writeln!(self.input, "{}", loss.map_or("null".to_owned(), |loss| format!("{loss:e}"))).unwrap();
    }

    fn read<T: DeserializeOwned>(&mut self) -> T {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"))
    }
}

impl Sampler for Peer {
    fn name(&self) -> &'static str {
        "peer"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn propose(&mut self, context: &Context<'_>, _: &mut ChaCha8Rng) -> Result<Configuration, SamplerError> {
        let trials = context.history.trials();
        let several = context.objectives.len() > 1;
        if trials.is_empty() {
            if several {
                self.show_with(context.space, context.objectives);
            } else {
                self.show(context.space);
            }
        }
        for trial in &trials[self.told..] {
            let values = trial.values.as_ref().unwrap();
            if several {
                writeln!(self.input, "{}", serde_json::to_string(values).unwrap()).unwrap();
            } else {
                self.tell(Some(values[0]));
            }
        }
        self.told = trials.len();
        Ok(self.ask(context.space))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
