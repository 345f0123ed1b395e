//! `lightcrest fit`: from a table to a front of light models.
//!
//! The table is read and everything about it decided before the first byte is written; a [`Session`] runs the
//! trials; then the models of the front are made, looked at once on the test part, and written one by one.
//!
//! ```text
//! spec      what the command line says, as a spec
//! clock     how the budget's time is shared out
//! columns   what was decided, for the terminal and the report
//! identity  whether a table is still that of the run
//! finish    the models of the front
//! ```

mod clock;
mod columns;
mod finish;
mod identity;
mod spec;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use lightcrest::executor::Ending;
use lightcrest::{Study, StudyError};
use lightcrest_spec::StudySpec;
use lightcrest_table::fit::READ;
use lightcrest_table::read::Source;
use lightcrest_table::search::{Effort, Problem, ProblemConfig, TableObjective, portfolio_within, space};
use lightcrest_table::spec::FitSpec;
use lightcrest_table::table::learn;

use crate::arguments::{FitArguments, Role, StudyArguments};
use crate::error::CliError;
use crate::prepare;
use crate::progress::Steps;
use crate::run::write_file;
use crate::session::Session;
use crate::stop;
use crate::target::Target;
use crate::terminal::{print, tell};
use clock::Clock;
use finish::Finish;
use identity::Identity;

/// Fits.
pub(crate) fn fit(arguments: &FitArguments) -> Result<(), CliError> {
    let begun = Instant::now();
    let mut file = spec::read(arguments)?;
    if !arguments.quiet {
        file.warning().into_iter().for_each(tell);
    }
    let shown = arguments.file.display().to_string();
    let spec = &mut file.spec;
    let source = Source::open(&spec.path)?;
    let study_arguments = StudyArguments {
        spec: arguments.file.clone(),
        out: arguments.out.clone(),
        storage: arguments.storage.clone(),
        fresh: arguments.fresh,
        learn_from: Vec::new(),
        workers: None,
        quiet: arguments.quiet,
        role: Role::Whole,
    };
    let target = Target::of(&study_arguments, &spec.study)?;
    let identity = Identity::of(&source)?;
    // Another table has another space: what changed is the table.
    let kept = match arguments.fresh {
        true => None,
        false => identity.check_same(&target.root)?,
    };
    if let Some(kept) = kept {
        spec.learn.share_read = Some(kept.read);
    }
    spec.learn.within = spec.study.budget.time.map(|time| time.mul_f64(READ).saturating_sub(begun.elapsed()));
    let learnt = learn(source, &spec.learn)?;
    let config = ProblemConfig { metric: spec.metric, folds: spec.folds, seed: spec.study.seed };
    let problem = Problem::new(learnt, &config)?;
    spec.study.objectives = TableObjective::infos(problem.metric);
    // Trainings share the threads: one trial at a time, unless the spec wants several.
    spec.study.workers.get_or_insert(1);
    // Nothing but the constant can be tried.
    if !problem.has_features() {
        spec.study.budget.trials = Some(1);
    }
    let threads = arguments.threads.map_or_else(cores, usize::from);
    let mut objective = TableObjective::new(problem, spec.limits, threads)?;
    let effort = match kept {
        Some(kept) => kept,
        None => effort(&objective, spec, begun)?,
    };
    objective.lighten(effort);
    let table = columns::section(objective.problem());
    let (space, mut first) = (space(objective.problem()), portfolio_within(objective.problem(), effort.work));
    spec.study.space = space.map_err(|error| CliError::Usage(format!("{}: {error}", spec.path.display())))?;
    if let Some(model) = &spec.model {
        objective.fix(model.seed, model.members.clone());
        first = vec![model.configuration.clone()];
    }
    check_first(&spec.study, &first, &shown)?;
    target.check(&spec.study, arguments.fresh)?;
    let file = &file;
    let spec = &file.spec;
    if !arguments.quiet {
        print(&columns::text(&table))?;
    }

    let (install, text) = (|| stop::install(None), file.text_in(&target.root));
    let pruner = prepare::pruner(&spec.study)?;
    let mut session = Session::open(&study_arguments, &spec.study, &text, &target, pruner, begun, install)?;
    identity.keep(&session.folder, effort)?;
    let json = serde_json::to_string_pretty(&table).expect("plain data with string keys is JSON");
    write_file(&session.folder.columns(), format!("{json}\n").as_bytes())?;
    begin(&mut session.study, &first).map_err(CliError::Broken)?;
    let delivered = session.folder.models()?.into_iter().collect();
    objective.resume(session.study.history(), &|number| session.study.trial_seed(number), &delivered);
    let clock = Clock::read(&session, begun)?;
    let timeout = clock.trials();
    objective.end_by(Arc::clone(&session.stop), timeout.map(|timeout| Instant::now() + timeout));
    let folds = objective.problem().splits.folds.len() as u64;
    let steps = Steps { unit: "fold", of: Box::new(move |_| Some(folds)) };
    let folder = Arc::clone(&session.folder);
    let summary = session.run(&objective, &(), steps, timeout).map_err(CliError::Broken)?;
    // After Ctrl-C, too, the models of the front are made; only a second one keeps them from that.
    let finish = Finish { file, effort, study: &session.study, folder: &folder };
    let notes = finish.run(&mut objective, &clock)?;
    if !arguments.quiet {
        notes.iter().for_each(|line| tell(line));
    }
    session.close()?;
    clock.keep(&folder, summary.ending == Ending::Timeout)?;
    if summary.ending == Ending::Stopped || session.stop.load(Ordering::SeqCst) {
        return Err(session.again());
    }
    session.success(|_| None)
}

/// What is used of a table: what the spec says, else what the budget is enough for.
fn effort(objective: &TableObjective, spec: &FitSpec, begun: Instant) -> Result<Effort, CliError> {
    let by_time = match spec.study.budget.time {
        None => Effort { read: objective.problem().learnt.share_read, ..Effort::default() },
        Some(time) => {
            let left = time.saturating_sub(begun.elapsed());
            let found = objective.effort(left, spec.all_folds || spec.model.is_some());
            found.map_err(|error| CliError::Usage(format!("{}: {error}", spec.path.display())))?
        }
    };
    Ok(Effort {
        share: spec.share.unwrap_or(by_time.share),
        folds: spec.folds_used.unwrap_or(by_time.folds),
        work: spec.work.unwrap_or(by_time.work),
        ..by_time
    })
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

/// What `lightcrest check` says of a spec of a table, and its study with what varies.
pub(super) fn check(spec: &FitSpec) -> Result<(Vec<String>, StudySpec), CliError> {
    let learnt = learn(Source::open(&spec.path)?, &spec.learn)?;
    let config = ProblemConfig { metric: spec.metric, folds: spec.folds, seed: spec.study.seed };
    let problem = Problem::new(learnt, &config)?;
    let space =
        space(&problem).map_err(|error| CliError::Usage(format!("{}: {error}", spec.path.display())))?;
    let spec = spec.clone().with_space(space, TableObjective::infos(problem.metric));
    prepare::pruner(&spec.study)?;
    let lines = columns::text(&columns::section(&problem)).lines().map(str::to_owned).collect();
    Ok((lines, spec.study))
}
