//! Rows as trials.

use super::connection::Session;
use crate::history::{FrozenTrial, TrialState};
use crate::storage::codec::{self, Common, TrialNumbers, TrialText};
use crate::storage::{Changes, Report, StorageError};
use postgres::Row;

/// What [`read`] reads, of one trial, and the attributes with which it waited.
pub(super) const TRIAL: &str =
    "SELECT number, state, configuration, known, objective_values, reports, constraints, attributes, reason,
        started, finished, suggestions, attempt, token, lease IS NOT NULL, given
    FROM lightcrest.trial WHERE study = $1 AND number = $2";

/// The same of those that were written since a revision. What they are below is told as well, [`ALL`]: else
/// the server would expect a third of the table, and make a plan anew for each number.
const TRIALS: &str =
    "SELECT number, state, configuration, known, objective_values, reports, constraints, attributes, reason,
        started, finished, suggestions, attempt, token, lease IS NOT NULL, given
    FROM lightcrest.trial WHERE study = $1 AND revision > $2 AND revision <= $3 ORDER BY number";

/// The trial of a row.
pub(super) fn read(place: &str, row: &Row, common: &mut Common) -> Result<FrozenTrial, StorageError> {
    let numbers = TrialNumbers {
        number: row.get(0),
        state: row.get(1),
        reason: row.get(8),
        started: row.get(9),
        finished: row.get(10),
        attempt: row.get(12),
        token: row.get(13),
        leased: row.get(14),
    };
    let text = TrialText {
        configuration: row.get(2),
        known: row.get(3),
        values: row.get(4),
        reports: row.get(5),
        constraints: row.get(6),
        attributes: row.get(7),
        suggestions: row.get(11),
    };
    codec::trial(place, numbers, text, common)
}

/// No revision is above it.
const ALL: i64 = i64::MAX;

/// Reads the trials and reports that were written since.
pub(super) fn read_changes(
    session: &mut Session,
    study: i64,
    since: u64,
    changes: &mut Changes,
) -> Result<(), StorageError> {
    let place = session.place().to_owned();
    let (since, mut common) = (since as i64, Common::default());
    for row in session.query(TRIALS, &[&study, &since, &ALL])? {
        changes.trials.push(read(&place, &row, &mut common)?);
    }
    let open = |trial: &&FrozenTrial| trial.state == TrialState::Running || since > 0;
    let numbers: Vec<i64> = changes.trials.iter().filter(open).map(|trial| trial.number as i64).collect();
    let sql = "SELECT number, attempt, step, report_values FROM lightcrest.report
               WHERE study = $1 AND (revision > $2 AND revision <= $3 OR number = ANY($4))";
    let rows = session.query(sql, &[&study, &since, &ALL, &numbers])?;
    let reports = rows.iter().map(|row| {
        let number = |column: usize| row.get::<_, i64>(column) as u64;
        let values = codec::read_report(&place, row.get(3))?;
        Ok(Report { number: number(0), attempt: number(1), step: number(2), values })
    });
    changes.add_reports(reports.collect::<Result<Vec<_>, StorageError>>()?);
    Ok(())
}
