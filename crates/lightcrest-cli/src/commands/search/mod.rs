//! `lightcrest search`: from a spec to the front.
//!
//! The spec, the data and the space are checked before the first byte is written; a [`Session`] runs the
//! trials; then the models of the front are written.

mod finish;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use lightcrest::executor::Ending;
use lightcrest::objective::{Evaluation, TrialError};
use lightcrest::{Objective, Trial};
use lightcrest_model::data::Loaded;
use lightcrest_model::objective::{Model, NetworkObjective};
use lightcrest_model::spec::Phase;

use crate::arguments::{Role, StudyArguments};
use crate::error::CliError;
use crate::images;
use crate::keeper::{Keeper, MakesModels};
use crate::prepare;
use crate::progress::Steps;
use crate::refit::Times;
use crate::session::Session;
use crate::spec_file;
use crate::stop;
use crate::target::Target;
use crate::terminal::tell;
use finish::{Finish, Trainer};

impl MakesModels for NetworkObjective {
    type Model = Model;
    const ENDING: &str = ".safetensors";

    fn make(&self, trial: &mut Trial<'_>) -> Result<(Evaluation, Model), TrialError> {
        self.run(trial)
    }

    fn keep(&self, model: &Model, path: &Path) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(model.weights.save(path, "lightcrest")?)
    }
}

/// Searches.
pub(crate) fn search(arguments: &StudyArguments) -> Result<(), CliError> {
    let begun = Instant::now();
    let mut file = spec_file::read_search(&arguments.spec)?;
    let target = Target::of(arguments, &file.spec.study)?;
    prepare::adopt_from(&mut file.spec.study, &target);
    let spec = &file.spec;
    if spec.space().parameters().is_empty() {
        let path = arguments.spec.display();
        return Err(CliError::Usage(format!(
            "nothing varies in {path}; `lightcrest train {path}` trains its model"
        )));
    }
    file.warning().into_iter().for_each(tell);
    let Loaded { splits, test, identity, .. } = images::load(&spec.data(Phase::Search), arguments.quiet)?;
    let objective = NetworkObjective::new(spec, splits.clone());
    let pruner = prepare::pruner(&spec.study)?;
    prepare::check_feasible(&spec.study, &|configuration| objective.preview(configuration))?;
    target.check(&spec.study, arguments.fresh)?;
    if !arguments.fresh {
        images::check_same(&target.root, &identity, arguments.quiet)?;
    }

    let (install, text) = (|| stop::install(None), file.text_in(&target.root));
    let mut session = Session::open(arguments, &spec.study, &text, &target, pruner, begun, install)?;
    images::keep(&session.folder, &identity)?;
    let times = Times::new(&session, spec.refit);
    let epochs = |configuration: &_| {
        let candidate = objective.candidate(configuration, Phase::Search).ok()?;
        Some(candidate.train.epochs as u64)
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
    let again_on = match spec.refit {
        Some(refit) => {
            let (splits, _) = spec.data(Phase::Refit(refit.epochs)).load()?;
            Some((NetworkObjective::new(spec, splits.clone()), splits))
        }
        None => None,
    };
    let refit = again_on.as_ref().map(|(objective, splits)| Trainer { objective, splits });
    let search = Trainer { objective: &objective, splits: &splits };
    let test = test.open();
    let Session { study, stop, workers, style, .. } = &session;
    let seeds: BTreeMap<u64, u64> = study
        .front()
        .iter()
        .map(|trial| (trial.number, study.trial_seed(trial.number) & i64::MAX as u64))
        .collect();
    let seed = |number: u64| seeds[&number];
    let finish = Finish {
        spec,
        file: &file,
        images: &identity.checksum(),
        history: study.history(),
        seed: &seed,
        folder: &folder,
        test: &test,
        search,
        refit,
        deadline,
        stop,
        workers: *workers,
        style: *style,
    };
    finish.run()?;
    if stop.load(Ordering::SeqCst) {
        return Err(session.again());
    }
    session.close()?;
    session.success(|_| None)
}
