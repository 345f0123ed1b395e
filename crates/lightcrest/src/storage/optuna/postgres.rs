//! Optuna's tables in PostgreSQL.

use super::moment::{self, Zone};
use super::record::{OptunaStudy, STATES, place};
use super::tables::{self, NEWEST, Rows, Tables, Words, direction, typed};
use super::{distribution, json};
use crate::storage::postgres::PostgresCatalog;
use crate::storage::{CallOff, StorageError};

const WORDS: Words = Words {
    id: "SERIAL",
    float: "FLOAT(53)",
    time: "TIMESTAMP WITHOUT TIME ZONE",
    direction: "studydirection",
    state: "trialstate",
    value: "trialvaluetype",
    report: "trialintermediatevaluetype",
};
/// The types that the tables use.
const TYPES: &str = "CREATE TYPE studydirection AS ENUM ('NOT_SET', 'MINIMIZE', 'MAXIMIZE');
    CREATE TYPE trialstate AS ENUM ('RUNNING', 'COMPLETE', 'PRUNED', 'FAIL', 'WAITING');
    CREATE TYPE trialvaluetype AS ENUM ('FINITE', 'INF_POS', 'INF_NEG');
    CREATE TYPE trialintermediatevaluetype AS ENUM ('FINITE', 'INF_POS', 'INF_NEG', 'NAN');";

struct Database<'a> {
    query: &'a mut dyn FnMut(&str) -> Result<Rows, StorageError>,
    place: String,
}

impl Tables for Database<'_> {
    fn rows(&mut self, sql: &str) -> Result<Rows, StorageError> {
        (self.query)(sql)
    }

    fn has(&mut self, table: &str) -> Result<bool, StorageError> {
        // What is found where Optuna would look.
        Ok(self.rows(&format!("SELECT to_regclass('{table}') IS NOT NULL"))?[0][0].as_deref() == Some("t"))
    }

    fn time(&self, column: &str) -> String {
        format!("to_char({column}, 'YYYY-MM-DD HH24:MI:SS.US')")
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}

/// The studies of a database, or the one of a name. `rest`: what follows `postgresql://`.
///
/// # Errors
/// If the database has no tables of Optuna, or cannot be read.
pub(super) fn read(
    rest: &str,
    name: Option<&str>,
    zone: Zone,
    call_off: Option<CallOff>,
) -> Result<Vec<OptunaStudy>, StorageError> {
    let catalog = PostgresCatalog::new(rest, call_off)?;
    let name = name.map(str::to_owned);
    let begin = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";
    catalog.transaction(begin, move |place, query| {
        tables::read(&mut Database { query, place }, name.as_deref(), zone)
    })
}

/// Adds studies to a database; its tables are made where there are none.
///
/// # Errors
/// [`StorageError::Exists`] if there is a study of one of the names; if its tables are of another version;
/// if it cannot be written. Nothing is added then.
pub(super) fn write(
    rest: &str,
    studies: Vec<OptunaStudy>,
    zone: Zone,
    call_off: Option<CallOff>,
) -> Result<(), StorageError> {
    let catalog = PostgresCatalog::new(rest, call_off)?;
    catalog.transaction("BEGIN", move |place, query| {
        // Of several that make the tables at once, or add studies, one after the other.
        query("SELECT pg_advisory_xact_lock(5497853135693827926)")?;
        for study in &studies {
            tables::check(&place, study)?;
        }
        let found = tables::version(&mut Database { query, place: place.clone() })?;
        match found {
            None => {
                query(&format!("{TYPES} {}", tables::schema(&WORDS)))?;
            }
            Some(version) if version != tables::newest() => {
                let what = format!(
                    "its tables are of an older version of Optuna's than {NEWEST}: bring them there with `optuna storage \
                     upgrade --storage URL`"
                );
                return Err(StorageError::Strange { place, what });
            }
            Some(_) => {}
        }
        for study in &studies {
            if !query(&format!("SELECT 1 FROM studies WHERE study_name = {}", text(&study.name)))?.is_empty() {
                return Err(StorageError::Exists { name: study.name.clone() });
            }
            insert(query, study, zone)?;
        }
        Ok(())
    })
}

/// A text as a literal.
fn text(text: &str) -> String {
    // PostgreSQL has no character 0 in texts. A literal of this kind takes backslashes as escapes, whatever
    // the server's settings.
    format!("E'{}'", text.replace('\0', "\u{fffd}").replace('\\', "\\\\").replace('\'', "''"))
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "NULL".to_owned(), |value| format!("'{value:?}'::float8"))
}

/// How many rows one statement adds.
const ROWS: usize = 1000;

type Query<'a> = dyn FnMut(&str) -> Result<Rows, StorageError> + 'a;

/// Adds rows to a table.
fn rows(query: &mut Query<'_>, table: &str, columns: &str, values: &[String]) -> Result<(), StorageError> {
    for part in values.chunks(ROWS) {
        query(&format!("INSERT INTO {table} ({columns}) VALUES {}", part.join(", ")))?;
    }
    Ok(())
}

/// The first cells of what a query finds.
fn cells(query: &mut Query<'_>, sql: &str) -> Result<Vec<String>, StorageError> {
    Ok(query(sql)?.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}

fn insert(query: &mut Query<'_>, study: &OptunaStudy, zone: Zone) -> Result<(), StorageError> {
    let add = format!("INSERT INTO studies (study_name) VALUES ({}) RETURNING study_id", text(&study.name));
    let id = cells(query, &add)?.pop().unwrap_or_default();
    let directions = study.directions.iter().enumerate();
    let directions: Vec<String> = directions
        .map(|(objective, found)| format!("({id}, {objective}, '{}')", direction(*found)))
        .collect();
    rows(query, "study_directions", "study_id, objective, direction", &directions)?;
    let attribute = |id: &str, (key, value): (&String, &serde_json::Value)| {
        format!("({id}, {}, {})", text(key), text(&json::write(value)))
    };
    for (kind, entries) in [("user", &study.user), ("system", &study.system)] {
        let entries: Vec<String> = entries.iter().map(|entry| attribute(&id, entry)).collect();
        rows(query, &format!("study_{kind}_attributes"), "study_id, \"key\", value_json", &entries)?;
    }
    let time =
        |at: Option<i64>| at.map_or_else(|| "NULL".to_owned(), |at| format!("'{}'", moment::write(at, zone)));
    let trials = study.trials.iter().enumerate().map(|(number, trial)| {
        let (state, start, end) = (STATES[place(trial.state)].0, time(trial.started), time(trial.finished));
        format!("({number}, {id}, '{state}', {start}, {end})")
    });
    let columns = "number, study_id, state, datetime_start, datetime_complete";
    let trials: Vec<String> = trials.collect();
    rows(query, "trials", columns, &trials)?;
    let ids = cells(query, &format!("SELECT trial_id FROM trials WHERE study_id = {id} ORDER BY number"))?;
    let each = || ids.iter().zip(&study.trials);

    let parameters = each().flat_map(|(id, trial)| {
        trial.parameters.iter().map(move |parameter| {
            let domain = text(&distribution::write(&parameter.domain));
            format!("({id}, {}, {}, {domain})", text(&parameter.name), number(parameter.number()))
        })
    });
    let columns = "trial_id, param_name, param_value, distribution_json";
    rows(query, "trial_params", columns, &parameters.collect::<Vec<_>>())?;
    let values = each().flat_map(|(id, trial)| {
        trial.values.iter().flatten().enumerate().map(move |(objective, value)| {
            let (value, kind) = typed(*value);
            format!("({id}, {objective}, {}, '{kind}')", number(value))
        })
    });
    let columns = "trial_id, objective, value, value_type";
    rows(query, "trial_values", columns, &values.collect::<Vec<_>>())?;
    let reports = each().flat_map(|(id, trial)| {
        trial.reports.iter().map(move |(step, value)| {
            let (value, kind) = typed(*value);
            format!("({id}, {step}, {}, '{kind}')", number(value))
        })
    });
    let columns = "trial_id, step, intermediate_value, intermediate_value_type";
    rows(query, "trial_intermediate_values", columns, &reports.collect::<Vec<_>>())?;
    for kind in ["user", "system"] {
        let entries = each().flat_map(|(id, trial)| {
            let entries = if kind == "user" { &trial.user } else { &trial.system };
            entries.iter().map(move |entry| attribute(id, entry))
        });
        let entries: Vec<String> = entries.collect();
        rows(query, &format!("trial_{kind}_attributes"), "trial_id, \"key\", value_json", &entries)?;
    }
    Ok(())
}
