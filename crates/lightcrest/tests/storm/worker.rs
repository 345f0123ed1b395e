//! One worker of a storm.

use crate::log::{Log, Run};
use lightcrest::objective::{Evaluation, ObjectiveInfo};
use lightcrest::sampler::RandomSampler;
use lightcrest::space::Space;
use lightcrest::storage::{StorageError, open_url};
use lightcrest::testing::{Deed, Outcome};
use lightcrest::{Study, StudyError};
use std::path::Path;
use std::time::Duration;

pub(crate) const NAME: &str = "storm";
pub(crate) const RETRIES: u64 = 3;

/// The study of a storm; it is waited for while its server is away.
pub(crate) fn study(url: &str) -> Study {
    loop {
        let build = || {
            let space = Space::builder().float("x", 0.0, 1.0).build()?;
            let storage = open_url(url, None)?.study(NAME)?;
            let study = Study::builder(space, vec![ObjectiveInfo::minimize("loss")]).name(NAME);
            let study = study.sampler(RandomSampler::new()).boxed_storage(storage).write_through(true);
            study.retries(RETRIES).build()
        };
        match build() {
            Ok(study) => return study,
            Err(error) => wait(&error),
        }
    }
}

/// Waits a little, if the error is one that passes.
fn wait(error: &StudyError) {
    match error {
        StudyError::Storage(StorageError::Unreachable { .. } | StorageError::Busy { .. }) => {
            std::thread::sleep(Duration::from_millis(50));
        }
        error => panic!("{error}: {:?}", std::error::Error::source(error)),
    }
}

fn outcome<T>(result: &Result<T, StudyError>) -> Outcome {
    match result {
        Ok(_) => Outcome::Acknowledged,
        Err(StudyError::Storage(StorageError::LeaseLost { .. } | StorageError::StateConflict { .. })) => {
            Outcome::Refused
        }
        Err(StudyError::NotRunning { .. }) => Outcome::Refused,
        Err(error) => {
            wait(error);
            Outcome::Unknown
        }
    }
}

/// Works until the study has enough finished trials; told `URL LOG SEED TRIALS`.
pub(crate) fn work(told: &str) {
    let words: Vec<&str> = told.split(' ').collect();
    let [url, log, seed, trials] = words[..] else { panic!("{told}") };
    let (mut random, trials): (u64, usize) = (seed.parse().unwrap(), trials.parse().unwrap());
    let mut log = Log::new(Path::new(log));
    let mut study = study(url);
    loop {
        if let Err(error) = study.synchronize() {
            wait(&error);
            continue;
        }
        if study.history().finished() >= trials {
            return;
        }
        log.begin(&Deed::Claim, (0, 0, 0));
        let asked = study.ask();
        let run = asked.as_ref().map_or((0, 0, 0), |trial| {
            (trial.number, trial.attempt, trial.claim.map_or(0, |claim| claim.token))
        });
        log.end(outcome(&asked), run);
        let Ok(trial) = asked else { continue };
        let x = trial.configuration.get_f64("x").unwrap();
        random = crate::mixed(random);
        let reported = match url.starts_with("postgresql") {
            true => Outcome::Sent,
            false => Outcome::Acknowledged,
        };
        run_trial((&mut study, &mut log), run, (x, reported), Duration::from_millis(5 + random % 16));
    }
}

/// Reports three times and finishes, unless somebody else has the trial by then. `reported`: what it means
/// that a report was taken.
fn run_trial((study, log): (&mut Study, &mut Log), run: Run, (x, reported): (f64, Outcome), takes: Duration) {
    for step in 1..=3 {
        let value = x / step as f64;
        let deed = Deed::Report { step, value };
        log.begin(&deed, run);
        let kept = study.report(run.0, step, &[value]);
        log.end(if kept.is_ok() { reported } else { outcome(&kept) }, run);
        if kept.is_err() {
            break; // what is sent is a prefix, also where nobody knows
        }
        std::thread::sleep(takes / 4);
    }
    std::thread::sleep(takes / 4);
    let deed = Deed::Finish { value: x };
    log.begin(&deed, run);
    let told = study.tell(run.0, Ok(Evaluation::new([x]))).map(drop);
    log.end(outcome(&told), run);
}
