//! `lightcrest search`: from a spec to the front.
//!
//! Everything that can be wrong with the input is found before the first byte is written: the spec, the data, a space
//! without a feasible configuration, a database of something else. Then the folder is locked, the trials run, and the
//! models of the front are written.

mod finish;
mod keeper;
mod refit;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use lightcrest::executor::Ending;
use lightcrest::storage::{SqliteStorage, Storage};
use lightcrest::{Executor, ExecutorConfig, FrozenTrial, Study, StudyError};
use lightcrest_model::objective::NetworkObjective;
use lightcrest_model::spec::{Phase, Spec};

use super::print;
use crate::arguments::SearchArguments;
use crate::error::CliError;
use crate::output;
use crate::prepare;
use crate::progress::{Progress, Style};
use crate::report;
use crate::run::{RunFolder, write_file};
use crate::stop;
use crate::view::View;
use finish::{Finish, Trainer};
use keeper::{Both, Keeper};

/// Searches.
pub(crate) fn search(arguments: &SearchArguments) -> Result<(), CliError> {
    let begun = Instant::now();
    let (spec, text) = prepare::read_spec(&arguments.spec)?;
    if spec.space().parameters().is_empty() {
        let path = arguments.spec.display();
        return Err(CliError::Usage(format!(
            "nothing varies in {path}; `lightcrest train {path}` trains its model"
        )));
    }
    let (splits, test) = spec.data(Phase::Search).load()?;
    let objective = NetworkObjective::new(&spec, splits.clone());
    let pruner = prepare::pruner(&spec)?;
    prepare::check_feasible(&spec, &objective)?;
    let root = arguments.out.clone().unwrap_or_else(|| prepare::default_folder(&spec));
    check_folder(&root, &spec, arguments.fresh)?;

    let (folder, moved) = RunFolder::claim(&root, arguments.fresh)?;
    write_file(&folder.spec(), text.as_bytes())?;
    let storage =
        SqliteStorage::open(folder.database()).map_err(StudyError::from).map_err(CliError::Broken)?;
    let builder = prepare::study(&spec).boxed_sampler(prepare::sampler(&spec)).boxed_pruner(pruner);
    let mut study = builder.storage(storage).build().map_err(CliError::Broken)?;
    let stop = stop::install();

    let style = Style::choose(arguments.quiet);
    let limit = spec.budget.trials;
    let times = Times::new(&spec, &study, begun);
    let epochs = |configuration: &_| {
        let candidate = objective.candidate(configuration, Phase::Search).ok()?;
        Some(candidate.train.epochs as u64)
    };
    let progress = Progress::new(style, study.history(), limit, times.trials(), Box::new(epochs));
    if let Some(moved) = moved {
        progress.say(&format!("the earlier run is now in {}", moved.display()));
    }
    let workers = workers(arguments, &spec);
    progress.say(&opening(&study, &folder, workers));
    let keeper = Keeper::new(&objective, &folder, study.history(), Arc::clone(&stop))?;
    let executor = Executor::new(ExecutorConfig {
        workers,
        trials: limit.map_or(usize::MAX, |limit| limit.saturating_sub(study.history().finished())),
        timeout: times.trials(),
        stop: Arc::clone(&stop),
    });
    let result = executor.run(&mut study, &keeper, &Both(&keeper, &progress));
    progress.close();
    if let Some(error) = keeper.into_error() {
        return Err(error);
    }
    let summary = result.map_err(CliError::Broken)?;
    let again =
        format!("the same command goes on; `lightcrest show {}` prints what is there", root.display());
    if summary.ending == Ending::Stopped {
        return Err(CliError::Interrupted(again));
    }

    let deadline = times.refit();
    let again_on = match spec.refit {
        Some(refit) => {
            let (splits, _) = spec.data(Phase::Refit(refit.epochs)).load()?;
            Some((NetworkObjective::new(&spec, splits.clone()), splits))
        }
        None => None,
    };
    let refit = again_on.as_ref().map(|(objective, splits)| Trainer { objective, splits });
    let search = Trainer { objective: &objective, splits: &splits };
    let test = test.open();
    let seeds: BTreeMap<u64, u64> = study
        .front()
        .iter()
        .map(|trial| (trial.number, study.trial_seed(trial.number) & i64::MAX as u64))
        .collect();
    let seed = |number: u64| seeds[&number];
    let finish = Finish {
        spec: &spec,
        history: study.history(),
        seed: &seed,
        folder: &folder,
        test: &test,
        search,
        refit,
        deadline,
        stop: &stop,
        workers,
        style,
    };
    finish.run()?;
    if stop.load(Ordering::SeqCst) {
        return Err(CliError::Interrupted(again));
    }
    let view = View::read(&folder)?;
    write_outputs(&view, &folder)?;
    if !arguments.quiet {
        print(&output::closing(&view, &folder));
    }
    Ok(())
}

/// What would keep the search from going on in the folder; writes nothing.
fn check_folder(root: &Path, spec: &Spec, fresh: bool) -> Result<(), CliError> {
    let folder = RunFolder::inspect(root)?;
    if !folder.database().exists() {
        return Ok(());
    }
    let other = |source| CliError::OtherRun { path: root.to_path_buf(), source };
    let stored = folder.look().and_then(|mut storage| storage.definition());
    // A fresh start moves aside any run of ours, whatever its spec, and nothing else.
    let stored = stored.map_err(other)?;
    let study = prepare::study(spec).build().map_err(CliError::Hopeless)?;
    match stored.and_then(|stored| stored.difference(study.definition())) {
        Some(difference) if !fresh => {
            Err(other(lightcrest::storage::StorageError::OtherStudy { difference }))
        }
        _ => Ok(()),
    }
}

fn workers(arguments: &SearchArguments, spec: &Spec) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    arguments.workers.map(usize::from).or(spec.workers).unwrap_or_else(cores)
}

/// How the budget's time is shared out.
struct Times {
    begun: Instant,
    /// What earlier runs of the study have not spent; none without a limit.
    left: Option<Duration>,
    kept_for_refit: Option<Duration>,
}

impl Times {
    fn new(spec: &Spec, study: &Study, begun: Instant) -> Self {
        let left = spec.budget.time.map(|time| time.saturating_sub(time_spent(study)));
        Self { begun, left, kept_for_refit: spec.refit.and_then(|refit| refit.time) }
    }

    /// What is left for trials from now on.
    fn trials(&self) -> Option<Duration> {
        let kept = self.kept_for_refit.unwrap_or_default();
        self.left.map(|left| left.saturating_sub(kept).saturating_sub(self.begun.elapsed()))
    }

    /// When the refit must end, if it begins now.
    fn refit(&self) -> Option<Instant> {
        match self.kept_for_refit {
            Some(kept) => Some(Instant::now() + kept),
            None => self.left.map(|left| self.begun + left),
        }
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

fn opening(study: &Study, folder: &RunFolder, workers: usize) -> String {
    let finished = study.history().finished();
    let verb = if finished > 0 { format!("goes on after {finished} trials") } else { "begins".into() };
    let what = format!("{} parameters, {}", study.space().parameters().len(), study.sampler_name());
    let workers = if workers == 1 { "1 worker".into() } else { format!("{workers} workers") };
    format!("{} {verb} in {}: {what}, {workers}", study.definition().name, folder.root().display())
}

/// Writes what is drawn from a run.
fn write_outputs(view: &View, folder: &RunFolder) -> Result<(), CliError> {
    write_file(&folder.front_csv(), output::front_csv(view).as_bytes())?;
    write_file(&folder.report(), report::render(&output::report(view)).as_bytes())?;
    Ok(())
}
