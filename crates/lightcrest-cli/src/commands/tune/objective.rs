//! A command as the engine's objective: starts it, hears what it says, stops it when it must, and judges how
//! it ended.

use std::process::ExitStatus;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use lightcrest::objective::{Evaluation, ObjectiveInfo, TrialError};
use lightcrest::{Objective, Trial};
use lightcrest_report::metric::{self, Kind};
use lightcrest_spec::tune::{MetricsSource, TuneSpec};

use super::ending::Left;
use super::family::{Families, Running};
use super::line::Said;
use super::metrics::{Metrics, Source};
use super::output::Output;
use super::process;
use super::program::{Files, Program};
use super::tail::{Event, Tail};
use super::value::shortened;
use crate::error::CliError;
use crate::run::{RunError, RunFolder};

/// How long a silent command is left alone before it is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// The same when it has closed its output and is about to end.
const SHORT_LOOK: Duration = Duration::from_millis(2);
/// How often its memory is summed up, if there is a limit.
const WEIGH: Duration = Duration::from_millis(250);
/// How often its processes are looked up otherwise.
const COUNT: Duration = Duration::from_secs(1);
/// At most one part of so many of the time is spent on that.
const SHARE: u32 = 20;
/// As much of the last line of standard error is quoted.
const LENGTH: usize = 300;
/// How long to wait for what an ended command has printed, when a process that got away holds its output
/// open.
const PATIENCE: Duration = Duration::from_secs(2);

/// Evaluates configurations by running a command.
pub(super) struct CommandObjective<'a> {
    spec: &'a TuneSpec,
    program: Program,
    folder: &'a RunFolder,
    families: &'a Families,
    stop: Arc<AtomicBool>,
    error: Mutex<Option<CliError>>,
}

/// One trial while it runs.
struct Run<'a, 'b, 't> {
    objective: &'a CommandObjective<'b>,
    trial: &'a mut Trial<'t>,
    running: Running<'a>,
    output: Output,
    tail: Option<Tail>,
    metrics: Metrics,
    /// When its processes are looked up again.
    look: Instant,
}

/// Why a trial has no values: its own fault or fate, or that of the machine.
enum Broken {
    Trial(TrialError),
    Machine(CliError),
}

impl From<TrialError> for Broken {
    fn from(error: TrialError) -> Self {
        Self::Trial(error)
    }
}

impl From<RunError> for Broken {
    fn from(error: RunError) -> Self {
        Self::Machine(error.into())
    }
}

impl From<Left> for Broken {
    fn from(left: Left) -> Self {
        failed(left.to_string())
    }
}

fn failed(reason: impl Into<String>) -> Broken {
    Broken::Trial(TrialError::Failed { reason: reason.into() })
}

impl<'a> CommandObjective<'a> {
    /// Runs the program of a spec; `stop` is set when the machine gives no room for more trials.
    pub(super) fn new(
        spec: &'a TuneSpec,
        program: Program,
        folder: &'a RunFolder,
        families: &'a Families,
        stop: Arc<AtomicBool>,
    ) -> Self {
        Self { spec, program, folder, families, stop, error: Mutex::default() }
    }

    /// Why the run had to end, if it had to.
    pub(super) fn into_error(self) -> Option<CliError> {
        self.error.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, trial: &mut Trial<'_>) -> Result<Evaluation, Broken> {
        // Ctrl-C may have come between the proposal and here.
        if trial.interrupted() {
            return Err(TrialError::Interrupted.into());
        }
        let configuration = trial.configuration().clone();
        let folder = self.folder.trial(trial.number());
        if self.folder.is_shared() {
            // A worker that was killed may have left the program of this trial running on this machine.
            process::end_leftovers(&folder);
        }
        let files = Files::make(folder, self.spec, &configuration)?;
        // What every library takes for a seed: less than 2^31.
        let seed = trial.seed() >> 33;
        let mut command = self.program.command(self.spec, &configuration, (trial.number(), seed), &files);
        let mut running = self
            .families
            .start(&mut command, &files.folder)
            .map_err(|error| failed(self.program.cannot_start(&error)))?;
        let write = |source| RunError::Write { path: files.log.clone(), source };
        let output = Output::read(&mut running.child, &files.log).map_err(write)?;
        let tail = match self.spec.command.metrics {
            MetricsSource::Stdout => None,
            _ => Some(Tail::new(&files.metrics)),
        };
        let look = Instant::now() + WEIGH;
        let mut run =
            Run { objective: self, trial, running, output, tail, metrics: Metrics::default(), look };
        let result = run.follow();
        // Whoever still prints must not wait for a listener.
        run.output.close();
        let stopped = run.stop(thread::sleep);
        for (name, value) in run.metrics.numbers() {
            run.trial.set_attribute(name, value);
        }
        if let Some(source) = run.output.failure() {
            return Err(RunError::Write { path: files.log, source }.into());
        }
        match (result, stopped) {
            (Err(Broken::Trial(TrialError::Failed { reason })), Err(left)) => {
                Err(failed(format!("{reason}; {left}")))
            }
            // It is run again in any case.
            (result @ Err(Broken::Trial(TrialError::Interrupted) | Broken::Machine(_)), _) => result,
            (_, Err(left)) => Err(left.into()),
            (result, Ok(())) => result,
        }
    }
}

impl Run<'_, '_, '_> {
    /// Follows the command until it ends or must be stopped; the caller stops what still runs.
    fn follow(&mut self) -> Result<Evaluation, Broken> {
        loop {
            let wait = if self.output.is_open() { LOOK } else { SHORT_LOOK };
            if let Some(said) = self.output.next(wait) {
                self.hear_output(said)?;
            }
            self.hear_file(false)?;
            match self.running.has_ended() {
                Ok(false) => {}
                Ok(true) => break,
                Err(error) => return Err(failed(format!("cannot tell whether it runs: {error}"))),
            }
            if self.trial.interrupted() {
                return Err(TrialError::Interrupted.into());
            }
            self.check_limits()?;
        }
        // What the program has left running goes with it, and lets go of its output.
        let Self { running, output, objective, .. } = self;
        running.stop(objective.spec.command.limits.grace, |time| output.wait(time))?;
        let Some(status) = running.status() else {
            return Err(failed("cannot tell how it ended"));
        };
        for said in self.output.rest(PATIENCE) {
            self.hear_output(said)?;
        }
        self.hear_file(true)?;
        if !status.success() {
            return Err(failed(self.end(status)));
        }
        let (objectives, constraints) =
            (&self.objective.spec.study.objectives, &self.objective.spec.constraints);
        self.metrics
            .evaluation(objectives, constraints)
            .map_err(|reason| failed(self.with_last_error(reason)))
    }

    fn stop(&mut self, pause: impl FnMut(Duration)) -> Result<(), Left> {
        self.running.stop(self.objective.spec.command.limits.grace, pause)
    }

    fn hear_output(&mut self, said: Said) -> Result<(), Broken> {
        match self.objective.spec.command.metrics {
            MetricsSource::File => Ok(()),
            _ => self.hear(said, Source::Output),
        }
    }

    fn hear_file(&mut self, at_end: bool) -> Result<(), Broken> {
        let Some(tail) = &mut self.tail else { return Ok(()) };
        let events =
            tail.next(at_end).map_err(|error| failed(format!("cannot read its metrics: {error}")))?;
        for event in events {
            match event {
                Event::Anew => self.metrics.begin_file_anew(),
                Event::Said(said) => self.hear(said, Source::File)?,
            }
        }
        Ok(())
    }

    /// Passes a report on, and asks whether to go on.
    fn hear(&mut self, said: Said, source: Source) -> Result<(), Broken> {
        let objectives = &self.objective.spec.study.objectives;
        if let Some(report) = self.metrics.add(said, source, objectives).map_err(failed)? {
            self.trial.report_values(report.step, &report.values)?;
            self.trial.check()?;
        }
        Ok(())
    }

    fn check_limits(&mut self) -> Result<(), Broken> {
        let limits = self.objective.spec.command.limits;
        if let Some(time) = limits.time.filter(|time| self.running.elapsed() > *time) {
            return Err(failed(format!(
                "it ran longer than limits.time = {}",
                metric::duration(time.as_secs_f64())
            )));
        }
        if Instant::now() < self.look {
            return Ok(());
        }
        let begun = Instant::now();
        let used = limits.memory.map(|memory| (self.running.memory(memory), memory));
        if used.is_none() {
            self.running.look();
        }
        let pause = if used.is_some() { WEIGH } else { COUNT };
        self.look = Instant::now() + pause.max(begun.elapsed() * SHARE);
        match used {
            Some((used, memory)) if used > memory => {
                let text = |bytes: u64| Kind::Bytes.format(bytes as f64);
                let (used, memory) = (text(used), text(memory));
                Err(failed(format!("it used {used} of memory, but limits.memory = {memory}")))
            }
            _ => Ok(()),
        }
    }

    /// How the program ended, in words.
    fn end(&self, status: ExitStatus) -> String {
        let end = match status.code() {
            Some(code) => format!("exit code {code}"),
            None => killed(status),
        };
        // A shell, or `env`, may have tried what the system refused.
        match self.objective.program.suspicion().filter(|_| status.code().is_some()) {
            Some(hint) => format!("{}; {hint}", self.with_last_error(end)),
            None => self.with_last_error(end),
        }
    }

    fn with_last_error(&self, reason: String) -> String {
        match self.output.last_error() {
            line if line.is_empty() => reason,
            line => format!("{reason}: {}", shortened(&line, LENGTH)),
        }
    }
}

impl Objective for CommandObjective<'_> {
    fn objectives(&self) -> &[ObjectiveInfo] {
        &self.spec.study.objectives
    }

    fn evaluate(&self, trial: &mut Trial<'_>) -> Result<Evaluation, TrialError> {
        self.run(trial).map_err(|broken| match broken {
            Broken::Trial(error) => error,
            Broken::Machine(error) => {
                // The trial is not at fault: it goes back to waiting.
                self.stop.store(true, Ordering::SeqCst);
                self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                TrialError::Interrupted
            }
        })
    }
}

#[cfg(unix)]
fn killed(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status.signal() {
        Some(9) => "killed by SIGKILL, perhaps because the machine had no memory left".into(),
        Some(signal) => format!("ended by signal {signal}"),
        None => "ended in an unknown way".into(),
    }
}

#[cfg(not(unix))]
fn killed(_: ExitStatus) -> String {
    "ended in an unknown way".into()
}
