//! Optuna's tables in a SQLite file.

use super::json;
use super::moment::{self, Zone};
use super::record::{OptunaStudy, STATES, place};
use super::tables::{self, Rows, Tables, Words, direction, typed};
use crate::storage::StorageError;
use crate::storage::sqlite::refused;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Transaction, params};
use std::path::Path;

const WORDS: Words = Words {
    id: "INTEGER NOT NULL",
    float: "FLOAT",
    time: "DATETIME",
    direction: "VARCHAR(8)",
    state: "VARCHAR(8)",
    value: "VARCHAR(7)",
    report: "VARCHAR(7)",
};

struct File {
    connection: Connection,
    place: String,
}

impl Tables for File {
    fn rows(&mut self, sql: &str) -> Result<Rows, StorageError> {
        let refused = |source| refused(&self.place, source);
        let mut statement = self.connection.prepare(sql).map_err(refused)?;
        let columns = statement.column_count();
        let mut rows = statement.query([]).map_err(refused)?;
        let mut found = Vec::new();
        while let Some(row) = rows.next().map_err(refused)? {
            let cell = |i| {
                Ok(match row.get_ref(i)? {
                    ValueRef::Null => None,
                    ValueRef::Integer(whole) => Some(whole.to_string()),
                    // As many digits as it takes to come back the same.
                    ValueRef::Real(number) => Some(format!("{number:?}")),
                    ValueRef::Text(text) | ValueRef::Blob(text) => {
                        Some(String::from_utf8_lossy(text).into_owned())
                    }
                })
            };
            found.push((0..columns).map(cell).collect::<rusqlite::Result<_>>().map_err(refused)?);
        }
        Ok(found)
    }

    fn has(&mut self, table: &str) -> Result<bool, StorageError> {
        Ok(!self
            .rows(&format!("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '{table}'"))?
            .is_empty())
    }

    fn time(&self, column: &str) -> String {
        column.to_owned()
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}

/// The studies of a file, or the one of a name.
///
/// # Errors
/// If the file has no tables of Optuna, or cannot be read.
pub(super) fn read(path: &Path, name: Option<&str>, zone: Zone) -> Result<Vec<OptunaStudy>, StorageError> {
    let place = path.display().to_string();
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let mut file = File { connection: connection.map_err(|source| refused(&place, source))?, place };
    // Everything at one moment.
    file.connection.execute_batch("BEGIN").map_err(|source| refused(&file.place, source))?;
    tables::read(&mut file, name, zone)
}

/// Writes studies into a new file.
///
/// # Errors
/// If there is a file already, or it cannot be written: then there is none.
pub(super) fn write(path: &Path, studies: &[OptunaStudy], zone: Zone) -> Result<(), StorageError> {
    let place = path.display().to_string();
    for study in studies {
        tables::check(&place, study)?;
    }
    drop(super::new_file(path)?);
    let fill = || {
        let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let transaction = connection.transaction()?;
        transaction.execute_batch(&tables::schema(&WORDS))?;
        for study in studies {
            insert(&transaction, study, zone)?;
        }
        transaction.commit()
    };
    fill().map_err(|source| {
        // What is only a part is of no use.
        std::fs::remove_file(path).ok();
        refused(&place, source)
    })
}

fn insert(transaction: &Transaction<'_>, study: &OptunaStudy, zone: Zone) -> rusqlite::Result<()> {
    let run =
        |sql: &str, parameters: &[&dyn rusqlite::ToSql]| transaction.prepare_cached(sql)?.insert(parameters);
    let id = run("INSERT INTO studies (study_name) VALUES (?1)", params![study.name])?;
    for (objective, found) in study.directions.iter().enumerate() {
        let sql = "INSERT INTO study_directions (study_id, objective, direction) VALUES (?1, ?2, ?3)";
        run(sql, params![id, objective as i64, direction(*found)])?;
    }
    for (kind, entries) in [("user", &study.user), ("system", &study.system)] {
        let sql = format!(
            "INSERT INTO study_{kind}_attributes (study_id, \"key\", value_json) VALUES (?1, ?2, ?3)"
        );
        for (key, value) in entries {
            run(&sql, params![id, key, json::write(value)])?;
        }
    }
    for (number, trial) in study.trials.iter().enumerate() {
        let time = |at: Option<i64>| at.map(|at| moment::write(at, zone));
        let trial_id = run(
            "INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                number as i64,
                id,
                STATES[place(trial.state)].0,
                time(trial.started),
                time(trial.finished)
            ],
        )?;
        for parameter in &trial.parameters {
            run(
                "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (?1, ?2, ?3, ?4)",
                params![
                    trial_id,
                    parameter.name,
                    parameter.number(),
                    super::distribution::write(&parameter.domain)
                ],
            )?;
        }
        for (objective, value) in trial.values.iter().flatten().enumerate() {
            let (value, kind) = typed(*value);
            let sql =
                "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?1, ?2, ?3, ?4)";
            run(sql, params![trial_id, objective as i64, value, kind])?;
        }
        for (step, value) in &trial.reports {
            let (value, kind) = typed(*value);
            run(
                "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type)
                 VALUES (?1, ?2, ?3, ?4)",
                params![trial_id, *step as i64, value, kind],
            )?;
        }
        for (kind, entries) in [("user", &trial.user), ("system", &trial.system)] {
            let sql = format!(
                "INSERT INTO trial_{kind}_attributes (trial_id, \"key\", value_json) VALUES (?1, ?2, ?3)"
            );
            for (key, value) in entries {
                run(&sql, params![trial_id, key, json::write(value)])?;
            }
        }
    }
    Ok(())
}
