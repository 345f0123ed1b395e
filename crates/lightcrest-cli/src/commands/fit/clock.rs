//! How the budget's time is shared out between reading, trials, models and writing, over all runs of a study.

use std::fs;
use std::time::{Duration, Instant};

use lightcrest_table::fit::{GRACE, LEAST_TIME, LOOKING, RESERVE};
use lightcrest_table::search::Until;
use serde::{Deserialize, Serialize};

use crate::error::CliError;
use crate::run::{RunError, RunFolder, write_file};
use crate::session::Session;

/// What earlier runs of a study took.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Spent {
    /// Wall time in seconds.
    seconds: f64,
}

/// When the trials and the models of this run must end.
pub(super) struct Clock {
    begun: Instant,
    spent: Duration,
    /// What earlier runs have left of the budget; none without a limit.
    left: Option<Duration>,
    is_first: bool,
}

impl Clock {
    /// Reads what earlier runs took. One that was killed could not say so, and then its trials tell.
    pub(super) fn read(session: &Session<'_>, begun: Instant) -> Result<Self, RunError> {
        let path = session.folder.clock();
        let failed = |source| RunError::Read { path: path.clone(), source };
        let kept: Spent = match path.exists() {
            true => serde_json::from_str(&fs::read_to_string(&path).map_err(failed)?)
                .map_err(|error| failed(error.into()))?,
            false => Spent::default(),
        };
        let kept = Duration::try_from_secs_f64(kept.seconds).unwrap_or_default();
        let spent = session.spent().max(kept);
        let left = session.budget().map(|time| time.saturating_sub(spent));
        Ok(Self { begun, spent, left, is_first: session.study.history().finished() == 0 })
    }

    /// What is left for trials from now on.
    pub(super) fn trials(&self) -> Option<Duration> {
        let least = if self.is_first { LEAST_TIME } else { Duration::ZERO };
        let left = self.left?.mul_f64(1.0 - LOOKING - RESERVE).saturating_sub(self.begun.elapsed());
        Some(left.max(least))
    }

    /// What this run has for its models. Nothing limits it where the budget was spent before: then it makes
    /// those that are missing.
    fn limit(&self) -> Option<Duration> {
        self.left.filter(|left| !left.is_zero())
    }

    /// When the models must be made; only a second Ctrl-C keeps the run from them.
    pub(super) fn models(&self) -> Until {
        Until {
            deadline: self.limit().map(|left| self.begun + left.mul_f64(1.0 - RESERVE)),
            grace: self.limit().unwrap_or_default().mul_f64(GRACE),
            ..Until::default()
        }
    }

    /// The time for finding out what columns are worth to the models; none without a limit.
    pub(super) fn looking(&self) -> Option<Duration> {
        self.limit().map(|left| left.mul_f64(LOOKING))
    }

    /// Says how long all runs took, this one with them. One that ended because time was up has spent the
    /// budget, and one that only writes its results again takes nothing of it.
    pub(super) fn keep(&self, folder: &RunFolder, is_over: bool) -> Result<(), CliError> {
        if self.left.is_some_and(|left| left.is_zero()) {
            return Ok(());
        }
        let all = if is_over { self.spent + self.left.unwrap_or_default() } else { Duration::ZERO };
        let spent = Spent { seconds: (self.spent + self.begun.elapsed()).max(all).as_secs_f64() };
        let text = serde_json::to_string_pretty(&spent).expect("plain data with string keys is JSON");
        Ok(write_file(&folder.clock(), format!("{text}\n").as_bytes())?)
    }
}
