//! Another optimizer as a sampler: a Python process that is told of every trial and asked for the next.
//!
//! Lines of JSON go back and forth (`xtask/python/bo_peer.py`): first the space to it, then from it a configuration with the seconds
//! that it has spent so far, to it the loss, and so on.

use lightcrest::Configuration;
use lightcrest::sampler::{Capabilities, Context, Sampler, SamplerError};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

thread_local! {
    static SECONDS: Cell<Option<f64>> = const { Cell::new(None) };
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
}

#[derive(Deserialize)]
struct Answer {
    configuration: Configuration,
    seconds: f64,
}

impl Peer {
    /// Starts `PYTHON SCRIPT NAME SEED`; `$PYTHON` is `python3` unless set.
    pub fn start(script: &Path, name: &str, seed: u64) -> Self {
        let python = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
        let mut command = Command::new(python);
        command.arg(script).args([name, &seed.to_string()]).stdin(Stdio::piped()).stdout(Stdio::piped());
        for variable in ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"] {
            command.env(variable, "1");
        }
        let mut child = command.spawn().unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        Self { child, input, output, told: 0 }
    }
}

impl Sampler for Peer {
    fn name(&self) -> &'static str {
        "peer"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { several_objectives: false, ..Capabilities::ALL }
    }

    fn propose(&mut self, context: &Context<'_>, _: &mut ChaCha8Rng) -> Result<Configuration, SamplerError> {
        let trials = context.history.trials();
        if trials.is_empty() {
            writeln!(self.input, "{}", serde_json::to_string(context.space).unwrap()).unwrap();
        }
        for trial in &trials[self.told..] {
            writeln!(self.input, "{:e}", trial.values.as_ref().unwrap()[0]).unwrap();
        }
        self.told = trials.len();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        let answer: Answer = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
        SECONDS.set(Some(answer.seconds));
        Ok(context.space.conform(&answer.configuration).unwrap())
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
