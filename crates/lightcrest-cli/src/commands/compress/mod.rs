//! `lightcrest compress`: from a network that exists to a front of lighter ones.
//!
//! The spec, the network, the images and the space are checked before the first byte is written; a
//! [`Session`] runs the trials; then the models of the front are written.

mod finish;
mod original;
mod single;

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use lightcrest::executor::Ending;
use lightcrest::objective::{Evaluation, TrialError};
use lightcrest::{Objective, StudyError, Trial};
use lightcrest_model::compress::{CompressObjective, Compressed, ENGINE};
use lightcrest_model::data::Loaded;
use lightcrest_model::spec::Phase;
use lightcrest_report::metric::{Kind, label};

use crate::arguments::{EngineArguments, Role, StudyArguments};
use crate::error::CliError;
use crate::images;
use crate::keeper::{Keeper, MakesModels};
use crate::prepare;
use crate::progress::Steps;
use crate::refit::Times;
use crate::runtime;
use crate::session::Session;
use crate::spec_file::{self, CompressFile};
use crate::stop;
use crate::target::Target;
use crate::terminal::tell;
use finish::Finish;

impl MakesModels for CompressObjective {
    type Model = Compressed;
    const ENDING: &str = ".onnx";

    fn make(&self, trial: &mut Trial<'_>) -> Result<(Evaluation, Compressed), TrialError> {
        self.run(trial)
    }

    fn keep(&self, made: &Compressed, path: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(made.model.save(path)?)
    }
}

/// Compresses.
pub(crate) fn compress(arguments: &StudyArguments, engine: &EngineArguments) -> Result<(), CliError> {
    let engine = runtime::engine(engine)?;
    let begun = Instant::now();
    let mut file = spec_file::read_compress(&arguments.spec)?;
    if file.spec.space().is_empty() {
        if arguments.role == Role::Worker {
            let path = arguments.spec.display();
            let message =
                format!("nothing varies in {path}: `lightcrest compress {path}` makes its one model");
            return Err(CliError::Usage(message));
        }
        return single::single(arguments, &file, engine);
    }
    let target = Target::of(arguments, &file.spec.study)?;
    prepare::adopt_from(&mut file.spec.study, &target);
    let spec = &file.spec;
    file.warnings().for_each(tell);
    let Loaded { splits, test, identity, .. } = images::load(&spec.data, arguments.quiet)?;
    let pruner = prepare::pruner(&spec.study)?;
    let objective = CompressObjective::new(spec, &splits).map_err(unfit)?;
    let objective = objective.with_engine(engine);
    prepare::check_feasible(&spec.study, &|configuration| objective.preview(configuration))?;
    target.check(&spec.study, arguments.fresh)?;
    if !arguments.fresh {
        images::check_same(&target.root, &identity, arguments.quiet)?;
        original::check_same(&target.root, &spec.original.identity)?;
    }

    let (install, text) = (|| stop::install(None), file.text_in(&target.root));
    let mut session = Session::open(arguments, &spec.study, &text, &target, pruner, begun, install)?;
    images::keep(&session.folder, &identity)?;
    original::keep(&session.folder, &spec.original.identity)?;
    if !arguments.quiet {
        introduce(&file, &objective);
    }
    warn_of_other_engines(&session, &objective);
    begin(&mut session, &objective).map_err(CliError::Broken)?;
    let refit = spec.refit.filter(|_| objective.untrained().is_none());
    let times = Times::new(&session, refit);
    let epochs = |configuration: &_| {
        let finetune = spec.finetune(configuration, Phase::Search).ok()?;
        let finetune = finetune.filter(|_| objective.untrained().is_none());
        finetune.map(|(finetune, _)| finetune.train.epochs as u64)
    };
    let steps = Steps { unit: "epoch", of: Box::new(epochs) };
    let folder = Arc::clone(&session.folder);
    let keeper = Keeper::new(&objective, &folder, session.study.history(), Arc::clone(&session.stop))?;
    let result = session.run(&keeper, &keeper, steps, times.trials());
    if let Some(error) = keeper.into_error() {
        return Err(error);
    }
    let summary = result.map_err(CliError::Broken)?;
    if summary.ending == Ending::Stopped {
        return Err(session.again());
    }
    if arguments.role == Role::Worker {
        session.leave(&summary);
        return session.success(|_| None);
    }

    let deadline = times.refit();
    let longer = match refit {
        Some(refit) => {
            let (splits, _) = spec.data(Phase::Refit(refit.epochs)).load()?;
            Some(CompressObjective::new(spec, &splits).map_err(unfit)?)
        }
        None => None,
    };
    let seeds = session.study.front();
    let seeds =
        seeds.iter().map(|trial| (trial.number, session.study.trial_seed(trial.number) & i64::MAX as u64));
    let finish = Finish {
        file: &file,
        images: &identity.checksum(),
        data: splits.train.name(),
        history: session.study.history(),
        seeds: seeds.collect(),
        folder: &folder,
        objective: &objective,
        refit: longer.as_ref(),
        deadline,
        workers: session.workers,
        stop: &session.stop,
        style: session.style,
    };
    finish.run(test)?;
    if session.stop.load(Ordering::SeqCst) {
        return Err(session.again());
    }
    session.close()?;
    session.success(|_| None)
}

/// A network that does not go with its images is the user's to mend.
fn unfit(error: lightcrest_model::compress::CompressError) -> CliError {
    CliError::Unfit(Box::new(error))
}

/// Says when trials of a study that goes on have latencies that something else took.
fn warn_of_other_engines(session: &Session<'_>, objective: &CompressObjective) {
    let own = objective.engine().name();
    let trials = session.study.trials().iter();
    let named = trials.filter_map(|trial| trial.attributes.get(ENGINE)?.as_str());
    let others: Vec<&str> = named.filter(|name| *name != own).collect();
    if let Some(other) = others.last().filter(|_| objective.needs_latency()) {
        tell(&format!(
            "warning: the latencies of {} trials were taken with {other}, and {own} takes those of the trials to come; \
             the two do not compare: go on with what began, or begin anew with --fresh",
            others.len()
        ));
    }
}

/// What is compressed, and how good it is.
fn introduce(file: &CompressFile, objective: &CompressObjective) {
    let original = objective.original();
    let metrics = ["validation_accuracy", "macs", "parameters"].into_iter();
    let known = metrics.filter_map(|name| {
        Some(format!(
            "{} {}",
            label(name).to_lowercase().replace("macs", "MACs"),
            Kind::of(name).format(original.get(name)?)
        ))
    });
    let path = file.spec.original.path.display();
    tell(&format!("original {path}: {}", known.collect::<Vec<_>>().join(", ")));
    if objective.needs_latency() {
        tell(&format!("latency is taken with {}, in turn with the original", objective.engine().name()));
    }
    if let Some(reason) = objective.untrained() {
        tell(&format!("compressed networks are repaired and not fine-tuned: {reason}"));
    }
}

/// Puts the first trials in line, unless the study has begun.
fn begin(session: &mut Session<'_>, objective: &CompressObjective) -> Result<(), StudyError> {
    if session.study.history().finished() > 0 {
        return Ok(());
    }
    for configuration in objective.starts() {
        session.study.enqueue_new(&configuration)?;
    }
    Ok(())
}
