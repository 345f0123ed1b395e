//! One run of a study in its folder: what `search` and `tune` have in common, whatever evaluates the trials.
//!
//! Everything that can be wrong with the input is found before [`Session::open`] writes the first byte. Then
//! the folder is locked and the trials run; [`Session::close`] writes what is drawn from them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lightcrest::executor::Summary;
use lightcrest::history::TrialState;
use lightcrest::memory::Source;
use lightcrest::pruner::Pruner;
use lightcrest::storage::{CallOff, SqliteStorage, Storage, StorageError};
use lightcrest::{Executor, ExecutorConfig, FrozenTrial, Objective, Observer, Study, StudyError};
use lightcrest_report::{front_csv, page};
use lightcrest_spec::StudySpec;

use crate::arguments::{Role, StudyArguments};
use crate::error::CliError;
use crate::output;
use crate::prepare;
use crate::progress::{Progress, Steps};
use crate::recorded::Recorded;
use crate::run::{RunFolder, write_file};
use crate::target::Target;
use crate::terminal::{Style, print, tell};

/// A study that is open in its folder.
pub(crate) struct Session<'a> {
    spec: &'a StudySpec,
    /// When the command began.
    begun: Instant,
    pub(crate) folder: Arc<RunFolder>,
    pub(crate) study: Study,
    /// Set by Ctrl-C, or by whoever wants the run to end.
    pub(crate) stop: Arc<AtomicBool>,
    /// How many trials run at once.
    pub(crate) workers: usize,
    pub(crate) style: Style,
    quiet: bool,
    /// Where an earlier run is now.
    moved: Option<PathBuf>,
}

impl<'a> Session<'a> {
    /// Locks the folder, opens the study and writes the spec there. A [worker](Role::Worker) locks nothing.
    ///
    /// # Errors
    /// If the folder or the database of the study cannot be used, or holds another study by now.
    pub(crate) fn open(
        arguments: &StudyArguments,
        spec: &'a StudySpec,
        text: &str,
        target: &Target,
        pruner: Box<dyn Pruner>,
        begun: Instant,
        stop: impl FnOnce() -> Arc<AtomicBool>,
    ) -> Result<Self, CliError> {
        let sources = prepare::sources(arguments, spec, target)?;
        let broken = |source: StorageError| CliError::Broken(source.into());
        let (folder, moved, storage, stop) = match &target.place {
            None => {
                let (folder, moved) = RunFolder::claim(&target.root, arguments.fresh)?;
                let storage: Box<dyn Storage> =
                    Box::new(SqliteStorage::open(folder.database()).map_err(broken)?);
                (folder, moved, storage, stop())
            }
            Some(place) => {
                let folder = RunFolder::join(&target.root, place, arguments.role == Role::Whole)?;
                let stop = stop();
                let flag = Arc::clone(&stop);
                let call_off: CallOff = Arc::new(move || flag.load(Ordering::SeqCst));
                (folder, None, place.open(Some(call_off)).map_err(|source| place.failed(source))?, stop)
            }
        };
        let builder = prepare::study(spec)
            .boxed_sampler(prepare::sampler(spec))
            .boxed_pruner(pruner)
            .boxed_terminator(prepare::terminator(spec))
            // Others see what running trials report.
            .write_through(target.place.is_some())
            .learn_from(sources);
        let study = builder.boxed_storage(storage).build().map_err(|error| match error {
            // Another command was faster, with another spec.
            StudyError::Storage(source @ StorageError::OtherStudy { .. }) => target.other(source),
            error => CliError::Broken(error),
        })?;
        // The spec of the study that is there: not before it is certain which one that is.
        write_file(&folder.spec(), target.adjusted(text, spec).as_bytes())?;
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            spec,
            begun,
            folder: Arc::new(folder),
            study,
            stop,
            workers: arguments.workers.map(usize::from).or(spec.workers).unwrap_or_else(cores),
            style: Style::choose(arguments.quiet),
            quiet: arguments.quiet,
            moved,
        })
    }

    /// What earlier runs of the study have left of the budget's time when this one began; none without a
    /// limit.
    pub(crate) fn time(&self) -> Option<Duration> {
        self.spec.budget.time.map(|time| time.saturating_sub(time_spent(&self.study)))
    }

    /// Runs trials until the budget's trials are done or `timeout` is over.
    ///
    /// # Errors
    /// Those of the executor.
    pub(crate) fn run(
        &mut self,
        objective: &dyn Objective,
        observer: &dyn Observer,
        steps: Steps<'_>,
        timeout: Option<Duration>,
    ) -> Result<Summary, StudyError> {
        let limit = self.spec.budget.trials;
        let progress = Progress::new(self.style, self.study.history(), limit, timeout, steps);
        if let Some(moved) = &self.moved {
            progress.say(&format!("the earlier run is now in {}", moved.display()));
        }
        progress.say(&self.opening());
        self.learnt().iter().for_each(|line| progress.say(line));
        let executor = Executor::new(ExecutorConfig {
            workers: self.workers,
            study_trials: limit.map_or(u64::MAX, |limit| limit as u64),
            timeout,
            stop: Arc::clone(&self.stop),
            ..ExecutorConfig::default()
        });
        let result = executor.run(&mut self.study, objective, &Both(observer, &progress));
        progress.close();
        if let Ok(Summary { verdict: Some(verdict), .. }) = &result {
            progress.say(&format!("ended by {}: {verdict}", self.spec.terminator.name));
        }
        result
    }

    /// When the command began.
    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }

    /// How to go on, for whoever interrupts.
    pub(crate) fn again(&self) -> CliError {
        let root = self.folder.root().display();
        CliError::Interrupted(format!(
            "the same command goes on; `lightcrest show {root}` prints what is there"
        ))
    }

    /// Ends the work of a worker: others may still have their trials, and `lightcrest search` or its like
    /// writes the front.
    pub(crate) fn leave(&self, summary: &Summary) {
        if self.quiet {
            return;
        }
        let Summary { complete, pruned, failed, .. } = summary;
        let (history, place) = (self.study.history(), self.study.definition().name.as_str());
        tell(&format!(
            "{place}: {complete} complete, {pruned} stopped early and {failed} failed here; {} trials of the study are done",
            history.finished()
        ));
    }

    /// Writes what is drawn from the run, and prints its front.
    ///
    /// # Errors
    /// If something cannot be read or written.
    pub(crate) fn close(&self) -> Result<(), CliError> {
        let recorded = Recorded::read(&self.folder)?;
        let view = &recorded.view;
        write_file(&self.folder.front_csv(), front_csv(view).as_bytes())?;
        write_file(&self.folder.report(), page::report(&recorded.report()).as_bytes())?;
        if !self.quiet {
            print(&output::closing(view, &self.folder))?;
        }
        Ok(())
    }

    /// Whether the study came to anything.
    ///
    /// # Errors
    /// [`CliError::AllFailed`] if every trial failed; `log` says what a trial printed.
    pub(crate) fn success(&self, log: impl Fn(u64) -> Option<PathBuf>) -> Result<(), CliError> {
        let trials = self.study.trials();
        let failed = || trials.iter().filter(|trial| trial.state == TrialState::Failed);
        match failed().next_back() {
            Some(last) if !trials.iter().any(|trial| trial.state.has_result()) => Err(CliError::AllFailed {
                count: failed().count(),
                early: false,
                trial: last.number,
                reason: last.reason.clone().unwrap_or_default(),
                log: log(last.number),
            }),
            _ => Ok(()),
        }
    }

    /// What the study learns from.
    fn learnt(&self) -> Vec<String> {
        let line = |source: &Source| match source.lessons.len() {
            0 => format!(
                "nothing to learn from {}: it shares no parameter and objective, or ranges differ",
                source.name
            ),
            rows => format!("learns from {}: {rows} of {} trials", source.name, source.trials),
        };
        self.study.history().memory().sources().iter().map(line).collect()
    }

    fn opening(&self) -> String {
        let finished = self.study.history().finished();
        let verb = if finished > 0 { format!("goes on after {finished} trials") } else { "begins".into() };
        let parameters = self.study.space().parameters().len();
        let what = format!("{parameters} parameters, {}", self.study.sampler_name());
        let workers = if self.workers == 1 { "1 worker".into() } else { format!("{} workers", self.workers) };
        let (name, root) = (&self.study.definition().name, self.folder.root().display());
        format!("{name} {verb} in {root}: {what}, {workers}")
    }
}

/// The time in which at least one trial ran.
fn time_spent(study: &Study) -> Duration {
    let ran = |trial: &FrozenTrial| Some((trial.started?, trial.finished?));
    let mut spans: Vec<(u64, u64)> = study.trials().iter().filter_map(ran).collect();
    spans.sort_unstable();
    let (mut total, mut until) = (0, 0);
    for (start, end) in spans {
        total += end.saturating_sub(start.max(until));
        until = until.max(end);
    }
    Duration::from_millis(total)
}

/// Tells two observers.
struct Both<'a>(&'a dyn Observer, &'a dyn Observer);

impl Observer for Both<'_> {
    fn started(&self, trial: &FrozenTrial) {
        self.0.started(trial);
        self.1.started(trial);
    }

    fn reported(&self, number: u64, step: u64, values: &[f64]) {
        self.0.reported(number, step, values);
        self.1.reported(number, step, values);
    }

    fn elsewhere(&self, finished: usize) {
        self.0.elsewhere(finished);
        self.1.elsewhere(finished);
    }

    fn finished(&self, trial: &FrozenTrial) {
        self.0.finished(trial);
        self.1.finished(trial);
    }

    fn interrupted(&self, trial: &FrozenTrial) {
        self.0.interrupted(trial);
        self.1.interrupted(trial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lightcrest::pruner::NoPruner;
    use lightcrest_spec::tune::TuneSpec;

    #[test]
    fn the_spec_in_the_folder_is_that_of_its_study() {
        let spec = |seed: u64| {
            let text = format!(
                "[study]\nname = 's'\nseed = {seed}\n[[objectives]]\nmetric = 'loss'\ndirection = 'minimize'\n\
                 [command]\nrun = ['true']\n[parameters]\nx = [1, 2]\n[budget]\ntrials = 1"
            );
            TuneSpec::parse(&text, "spec.toml").unwrap().study
        };
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("run");
        let arguments = StudyArguments {
            spec: "spec.toml".into(),
            out: None,
            fresh: false,
            storage: None,
            learn_from: Vec::new(),
            workers: None,
            quiet: true,
            role: Role::Whole,
        };
        let target = Target { root: root.clone(), place: None };
        let open = |spec: &StudySpec, text: &str| {
            let pruner = Box::new(NoPruner);
            let opened = Session::open(&arguments, spec, text, &target, pruner, Instant::now(), Arc::default);
            opened.map(drop)
        };
        open(&spec(1), "first").unwrap();
        // It was checked before the folder held a study, and came second.
        let error = open(&spec(2), "second").unwrap_err();
        assert!(matches!(error, CliError::OtherRun { .. }), "{}", error.report());
        assert_eq!(error.exit_code(), 2);
        assert_eq!(std::fs::read_to_string(root.join("spec.toml")).unwrap(), "first");
    }
}
