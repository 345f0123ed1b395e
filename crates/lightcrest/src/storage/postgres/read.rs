//! Rows as trials.

use super::session::Session;
use crate::history::FrozenTrial;
use crate::storage::codec::{self, Common, TrialNumbers, TrialText};
use crate::storage::{Changes, Report, StorageError};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

/// What [`read`] reads, of one trial, and the attributes with which it waited.
pub(super) const TRIAL: &str =
    "SELECT number, state, configuration, known, objective_values, reports, constraints, attributes, reason,
        started, finished, suggestions, attempt, token, lease IS NOT NULL, given
    FROM lightcrest.trial WHERE study = $1 AND number = $2";

/// The study's revision, and the same of those trials that were written since another one. What they are
/// below is told as well, [`ALL`]: else the server would expect a third of the table, and make a plan anew
/// for each number.
const TRIALS: &str =
    "SELECT t.number, state, configuration, known, objective_values, reports, constraints, t.attributes,
        reason, started, finished, suggestions, attempt, token, lease IS NOT NULL, given, s.revision
    FROM lightcrest.study s LEFT JOIN lightcrest.trial t
        ON t.study = s.id AND t.revision > $2 AND t.revision <= $3 AND s.revision > $2
    WHERE s.id = $1 ORDER BY t.number";

/// The reports that came since, and the earlier ones of trials that were written since: their rows do not
/// have them.
const REPORTS: &str = "SELECT number, attempt, step, report_values FROM lightcrest.report
        WHERE study = $1 AND revision > $2 AND revision <= $3
    UNION ALL SELECT r.number, r.attempt, r.step, r.report_values
        FROM lightcrest.trial t JOIN lightcrest.report r ON r.study = t.study AND r.number = t.number
        WHERE t.study = $1 AND t.revision > $2 AND t.revision <= $3 AND r.revision <= $2";

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
///
/// # Errors
/// [`StorageError::NoStudy`] if there is none; if it cannot be read.
pub(super) fn read_changes(session: &mut Session, study: i64, since: u64) -> Result<Changes, StorageError> {
    let (place, first) = (session.place().to_owned(), since == 0);
    let (since, mut common) = (since as i64, Common::default());
    let parameters: [&(dyn ToSql + Sync); 3] = [&study, &since, &ALL];
    let mut revision = None;
    let take = |row: Row| {
        revision = Some(row.get::<_, i64>(16) as u64);
        row.get::<_, Option<i64>>(0).map(|_| read(&place, &row, &mut common))
    };
    let (trials, reports) =
        session.query_both(first, [(TRIALS, &parameters), (REPORTS, &parameters)], take)?;
    let revision = revision.ok_or(StorageError::NoStudy)?;
    let trials = trials.into_iter().flatten().collect::<Result<Vec<_>, StorageError>>()?;
    let mut changes = Changes { revision, trials, ..Changes::default() };
    let reports = reports.iter().map(|row| {
        let number = |column: usize| row.get::<_, i64>(column) as u64;
        let values = codec::read_report(&place, row.get(3))?;
        Ok(Report { number: number(0), attempt: number(1), step: number(2), values })
    });
    changes.add_reports(reports.collect::<Result<Vec<_>, StorageError>>()?);
    Ok(changes)
}
