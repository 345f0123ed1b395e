//! `lightcrest tune`: from a spec that names a command to the front.
//!
//! ```text
//! objective   one trial: start the command, hear its reports, stop it, judge it
//!   program     what is started, with which arguments and environment
//!   script      why a file cannot be run, from its first bytes
//!   output      reads what the command prints, and keeps it
//!   log         the file that it is kept in
//!   tail        reads the file of metrics, however it is written
//!   line        finds the JSON objects in what is read
//!   value       one of them, and what its values are
//!   metrics     what they say together
//!   family      the processes of a trial: to suspend, weigh and stop them all
//!   census      which process belongs to which trial
//!   ending      asks, kills, gives up
//!   process     what the system tells of processes: memory, leftovers
//! watch       ends a run in which nothing but failures comes back
//! ```

#[cfg(target_os = "linux")]
mod census;
mod ending;
mod family;
mod line;
mod log;
mod metrics;
mod objective;
mod output;
mod process;
mod program;
mod script;
mod tail;
mod value;
mod watch;

use std::sync::Arc;
use std::time::Instant;

use lightcrest::executor::Ending;
use lightcrest_spec::tune::with_directory;

use crate::arguments::{Role, StudyArguments};
use crate::error::CliError;
use crate::prepare;
use crate::progress::Steps;
use crate::session::Session;
use crate::spec_file;
use crate::stop;
use crate::target::Target;
use family::Families;
use objective::CommandObjective;
pub(super) use program::Program;
use watch::Watch;

/// Failures beyond one for each worker after which a command that never worked is taken to be wrong.
const PATIENCE: usize = 3;

/// Tunes.
pub(crate) fn tune(arguments: &StudyArguments) -> Result<(), CliError> {
    let begun = Instant::now();
    let (spec, text) = spec_file::read_tune(&arguments.spec)?;
    if spec.study.space.is_empty() {
        let path = arguments.spec.display();
        return Err(CliError::Usage(format!(
            "nothing varies in {path}: give a parameter of [parameters] a list of choices or a range"
        )));
    }
    let program = Program::find(&spec, &arguments.spec)?;
    let pruner = prepare::pruner(&spec.study)?;
    prepare::check_feasible(&spec.study, &|_| Default::default())?;
    let target = Target::of(arguments, &spec.study)?;
    target.check(&spec.study, arguments.fresh)?;

    let families = Arc::new(Families::new());
    let programs = Arc::clone(&families);
    let install = || stop::install(Some(programs));
    // The copy lies elsewhere, and its program runs where this one does.
    let text = program.directory().to_str().map_or_else(|| text.clone(), |it| with_directory(&text, it));
    let mut session = Session::open(arguments, &spec.study, &text, &target, pruner, begun, install)?;
    let folder = Arc::clone(&session.folder);
    // Where others work in the same folder, each trial looks for its own.
    if !folder.is_shared() {
        process::end_leftovers(&folder.trials());
    }
    let objective = CommandObjective::new(&spec, program, &folder, &families, Arc::clone(&session.stop));
    let patience = session.workers + PATIENCE;
    let watch = Watch::new(session.study.history(), patience, Arc::clone(&session.stop));
    let timeout = session.time().map(|time| time.saturating_sub(begun.elapsed()));
    let steps = Steps { unit: "step", of: Box::new(|_| None) };
    let result = session.run(&objective, &watch, steps, timeout);
    if let Some(error) = objective.into_error() {
        return Err(error);
    }
    let summary = result.map_err(CliError::Broken)?;
    match (summary.ending, watch.verdict(&folder)) {
        (Ending::Stopped, Some(error)) => return Err(error),
        (Ending::Stopped, None) => return Err(session.again()),
        _ => {}
    }
    match arguments.role {
        Role::Worker => session.leave(&summary),
        Role::Whole => session.close()?,
    }
    session.success(|trial| Some(folder.trial_log(trial)))
}
