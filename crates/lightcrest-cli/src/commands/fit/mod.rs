//! `lightcrest fit`: from a table to a front of light models.
//!
//! The table is read and everything about it decided before the first byte is written; a [`Session`] runs the
//! trials, and the models of the front are kept as they come; then they are looked at once on the test part
//! and written.
//!
//! ```text
//! spec      what the command line says, as a spec
//! columns   what was decided, for the terminal and the report
//! identity  whether a table is still that of the run
//! finish    the models of the front
//! ```

mod columns;
mod finish;
mod identity;
mod spec;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use lightcrest::executor::Ending;
use lightcrest::objective::{Evaluation, TrialError};
use lightcrest::pruner::{PercentileConfig, PercentilePruner, Pruner};
use lightcrest::{Study, StudyError, Trial};
use lightcrest_graph::file::write_atomically;
use lightcrest_spec::StudySpec;
use lightcrest_table::read::Source;
use lightcrest_table::search::{Made, Problem, ProblemConfig, TableObjective, portfolio, space};
use lightcrest_table::table::learn;

use crate::arguments::{FitArguments, Role, StudyArguments};
use crate::error::CliError;
use crate::keeper::{Keeper, MakesModels};
use crate::progress::Steps;
use crate::run::write_file;
use crate::session::Session;
use crate::stop;
use crate::target::Target;
use crate::terminal::print;
use crate::{prepare, spec_file};
use finish::Finish;
use identity::Identity;

/// The share of the time that is left for writing.
const RESERVE: f64 = 0.04;

/// The least time for trials, in which a constant is made in any case.
const LEAST: Duration = Duration::from_millis(300);

impl MakesModels for TableObjective {
    type Model = Option<Made>;
    const ENDING: &str = ".models";

    fn make(&self, trial: &mut Trial<'_>) -> Result<(Evaluation, Option<Made>), TrialError> {
        self.run(trial)
    }

    fn keep(&self, made: &Option<Made>, path: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
        match made {
            Some(made) => Ok(write_atomically(path, &made.to_bytes())?),
            // It is made again at the end.
            None => Ok(()),
        }
    }
}

/// Fits.
pub(crate) fn fit(arguments: &FitArguments) -> Result<(), CliError> {
    let begun = Instant::now();
    let text = spec::text(arguments)?;
    let shown = arguments.file.display().to_string();
    let mut spec = spec_file::parse_fit(&arguments.file, &text, &shown)?;
    let source = Source::open(&spec.path)?;
    let learnt = learn(source.clone(), &spec.learn)?;
    let identity = Identity::of(&source)?;
    let config = ProblemConfig { metric: spec.metric, folds: spec.folds, seed: spec.study.seed };
    let problem = Problem::new(learnt, &config)?;
    let (space, first) = (space(&problem), portfolio(&problem));
    let space = space.map_err(|error| CliError::Usage(format!("{}: {error}", spec.path.display())))?;
    spec = spec.with_space(space, TableObjective::infos(problem.metric));
    // Nothing but the constant can be tried.
    if !problem.has_features() {
        spec.study.budget.trials = Some(1);
    }
    let threads = arguments.threads.map_or_else(cores, usize::from);
    let table = columns::section(&problem);
    let mut objective = TableObjective::new(problem, spec.limits, threads);
    let first = match &spec.model {
        Some((configuration, seed)) => {
            objective.fix_seed(Some(*seed));
            vec![configuration.clone()]
        }
        None => first,
    };
    check_first(&spec.study, &first, &shown)?;
    let study_arguments = StudyArguments {
        spec: arguments.file.clone(),
        out: arguments.out.clone(),
        storage: arguments.storage.clone(),
        fresh: arguments.fresh,
        learn_from: Vec::new(),
        workers: Some(1),
        quiet: arguments.quiet,
        role: Role::Whole,
    };
    let target = Target::of(&study_arguments, &spec.study)?;
    // Another table has another space: what changed is the table.
    if !arguments.fresh {
        identity.check_same(&target.root)?;
    }
    target.check(&spec.study, arguments.fresh)?;
    if !arguments.quiet {
        print(&columns::text(&table))?;
    }

    let install = || stop::install(None);
    let pruner = pruner(&spec.study)?;
    let mut session = Session::open(&study_arguments, &spec.study, &text, &target, pruner, begun, install)?;
    identity.keep(&session.folder)?;
    let json = serde_json::to_string_pretty(&table).expect("plain data with string keys is JSON");
    write_file(&session.folder.columns(), format!("{json}\n").as_bytes())?;
    begin(&mut session.study, &first).map_err(CliError::Broken)?;
    objective.resume(session.study.history());
    let timeout =
        session.time().map(|left| left.mul_f64(1.0 - RESERVE).saturating_sub(begun.elapsed()).max(LEAST));
    objective.end_by(Arc::clone(&session.stop), timeout.map(|timeout| Instant::now() + timeout));
    let folds = objective.problem().splits.folds.len() as u64;
    let steps = Steps { unit: "fold", of: Box::new(move |_| Some(folds)) };
    let folder = Arc::clone(&session.folder);
    let keeper = Keeper::new(&objective, &folder, session.study.history(), Arc::clone(&session.stop))?;
    let result = session.run(&keeper, &keeper, steps, timeout);
    if let Some(error) = keeper.into_error() {
        return Err(error);
    }
    let summary = result.map_err(CliError::Broken)?;
    // What is missing of the front is made in any case; only a second Ctrl-C keeps it from that.
    objective.end_by(Arc::new(AtomicBool::new(false)), None);
    let finish = Finish { spec: &text, study: &session.study, folder: &folder, objective: &objective };
    finish.run()?;
    session.close()?;
    if summary.ending == Ending::Stopped || session.stop.load(Ordering::SeqCst) {
        return Err(session.again());
    }
    session.success(|_| None)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Refuses a configuration that is none of the space.
fn check_first(study: &StudySpec, first: &[lightcrest::Configuration], shown: &str) -> Result<(), CliError> {
    let mut probe = prepare::study(study).build().map_err(CliError::Hopeless)?;
    for configuration in first {
        let queued = probe.enqueue(configuration);
        queued.map_err(|error| CliError::Usage(format!("[model] of {shown}: {error}")))?;
    }
    Ok(())
}

/// Folds are steps: a trial that is behind after the first is stopped. A spec may say otherwise.
fn pruner(study: &StudySpec) -> Result<Box<dyn Pruner>, CliError> {
    if study.pruner.name != "none" {
        return prepare::pruner(study);
    }
    let config =
        PercentileConfig { percentile: 50.0, startup_trials: 6, warmup_steps: 1, ..Default::default() };
    Ok(Box::new(PercentilePruner::new(config).expect("constants of this file")))
}

/// Puts the first trials in line, unless the study has begun.
fn begin(study: &mut Study, first: &[lightcrest::Configuration]) -> Result<(), StudyError> {
    if study.history().finished() > 0 {
        return Ok(());
    }
    for configuration in first {
        study.enqueue_new(configuration)?;
    }
    Ok(())
}

/// What `lightcrest check` says of a spec of a table.
pub(super) fn check(spec: &lightcrest_table::spec::FitSpec) -> Result<Vec<String>, CliError> {
    let learnt = learn(Source::open(&spec.path)?, &spec.learn)?;
    let config = ProblemConfig { metric: spec.metric, folds: spec.folds, seed: spec.study.seed };
    let problem = Problem::new(learnt, &config)?;
    Ok(columns::text(&columns::section(&problem)).lines().map(str::to_owned).collect())
}
