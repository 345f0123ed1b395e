//! Optuna's tables, which are the same in SQLite and PostgreSQL but for the words of types.
//!
//! | version of the tables | written by | differs |
//! |---|---|---|
//! | `v2.6.0.a` | Optuna 2.6 to 2.10 | no types of values: infinite ones are those of the largest float of 32 bits; distributions by their old names |
//! | `v3.0.0.a` to `v3.0.0.c` | none that was released | on the way to the next |
//! | `v3.0.0.d` | Optuna 3.0 and 3.1 | one index less |
//! | `v3.2.0.a` | Optuna 3.2 to 5.0 | |

use super::json;
use super::moment::{self, Zone};
use super::record::{OptunaStudy, Parameter, STATES, Trial};
use crate::history::TrialState;
use crate::objective::Direction;
use crate::storage::StorageError;
use serde_json::{Map, Value as Json};
use std::collections::HashMap;

/// The versions that are read, oldest first.
const VERSIONS: [&str; 6] = ["v2.6.0.a", "v3.0.0.a", "v3.0.0.b", "v3.0.0.c", "v3.0.0.d", "v3.2.0.a"];
/// From which on reports and values have types.
const TYPED_REPORTS: usize = 3;
const TYPED_VALUES: usize = 4;
/// The version that is written.
pub(super) const NEWEST: &str = VERSIONS[VERSIONS.len() - 1];
/// The longest name of a study, a parameter or an attribute.
pub(super) const LONGEST: usize = 512;

/// The rows of a query, all cells as texts.
pub(super) type Rows = Vec<Vec<Option<String>>>;

/// A database that can be asked.
pub(super) trait Tables {
    /// The rows that a query gives.
    ///
    /// # Errors
    /// If it cannot be read.
    fn rows(&mut self, sql: &str) -> Result<Rows, StorageError>;

    /// Whether there is a table of this name.
    ///
    /// # Errors
    /// If it cannot be read.
    fn has(&mut self, table: &str) -> Result<bool, StorageError>;

    /// What gives the texts of a column of times.
    fn time(&self, column: &str) -> String;

    /// The database, for messages.
    fn place(&self) -> String;
}

/// The place of [`NEWEST`] among the versions.
#[cfg(feature = "postgres")]
pub(super) fn newest() -> usize {
    VERSIONS.len() - 1
}

fn strange(place: String, what: impl Into<String>) -> StorageError {
    StorageError::Strange { place, what: what.into() }
}

/// Which version the tables have, as a place among [`VERSIONS`]; `None` if there are none.
///
/// # Errors
/// If it is one that is not read.
pub(super) fn version(tables: &mut dyn Tables) -> Result<Option<usize>, StorageError> {
    if !tables.has("alembic_version")? || !tables.has("studies")? {
        return Ok(None);
    }
    let rows = tables.rows("SELECT version_num FROM alembic_version")?;
    let found = rows.first().and_then(|row| row[0].clone()).unwrap_or_default();
    let version = VERSIONS.iter().position(|version| *version == found);
    version.map(Some).ok_or_else(|| {
        let what = format!(
            "its tables are of version `{found}` of Optuna's, but {} to {NEWEST} are read: bring them there with `optuna \
             storage upgrade --storage URL`",
            VERSIONS[0]
        );
        strange(tables.place(), what)
    })
}

/// The studies, or the one of a name.
///
/// # Errors
/// If there are no tables of Optuna, or they cannot be read.
pub(super) fn read(
    tables: &mut dyn Tables,
    name: Option<&str>,
    zone: Zone,
) -> Result<Vec<OptunaStudy>, StorageError> {
    let Some(version) = version(tables)? else {
        return Err(strange(tables.place(), "it has no tables of Optuna"));
    };
    let mut studies = Vec::new();
    for row in tables.rows("SELECT study_id, study_name FROM studies ORDER BY study_id")? {
        let mut cells = Cells::new(tables.place(), "studies", row);
        let (id, found) = (cells.whole()?, cells.text()?);
        if name.is_none_or(|name| name == found) {
            studies.push(study(tables, id, found, version, zone)?);
        }
    }
    Ok(studies)
}

/// The cells of a row, one after the other.
struct Cells {
    place: String,
    table: &'static str,
    cells: std::vec::IntoIter<Option<String>>,
}

impl Cells {
    fn new(place: String, table: &'static str, row: Vec<Option<String>>) -> Self {
        Self { place, table, cells: row.into_iter() }
    }

    fn damaged(&self, what: impl std::fmt::Display) -> StorageError {
        StorageError::Damaged { place: self.place.clone(), what: format!("{}: {what}", self.table) }
    }

    fn maybe(&mut self) -> Option<String> {
        self.cells.next().flatten()
    }

    fn text(&mut self) -> Result<String, StorageError> {
        self.maybe().ok_or_else(|| self.damaged("a value is missing"))
    }

    fn whole(&mut self) -> Result<i64, StorageError> {
        let text = self.text()?;
        text.parse().map_err(|_| self.damaged(format!("`{text}` is no whole number")))
    }

    fn number(&mut self) -> Result<Option<f64>, StorageError> {
        let Some(text) = self.maybe() else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.damaged(format!("`{text}` is no number")))
    }

    /// A value and the type that says what it is if it has no word in the database; before there were types,
    /// the largest number stands for infinity.
    fn typed(&mut self, typed: bool) -> Result<Option<f64>, StorageError> {
        let (number, kind) = (self.number()?, if typed { self.maybe() } else { None });
        Ok(match kind.as_deref() {
            Some("INF_POS") => Some(f64::INFINITY),
            Some("INF_NEG") => Some(f64::NEG_INFINITY),
            Some("NAN") => Some(f64::NAN),
            Some(_) => number,
            None => {
                number.map(|x| if x.abs() >= f64::from(f32::MAX) { x.signum() * f64::INFINITY } else { x })
            }
        })
    }

    fn time(&mut self, zone: Zone) -> Result<Option<i64>, StorageError> {
        let Some(text) = self.maybe() else { return Ok(None) };
        moment::read(&text, zone).map(Some).ok_or_else(|| self.damaged(format!("`{text}` is no time")))
    }

    fn json(&mut self) -> Result<Json, StorageError> {
        let text = self.text()?;
        json::read(&text).map_err(|what| self.damaged(what))
    }
}

/// The attributes of a study.
fn attributes(tables: &mut dyn Tables, kind: &str, id: i64) -> Result<Map<String, Json>, StorageError> {
    let sql = format!("SELECT \"key\", value_json FROM study_{kind}_attributes WHERE study_id = {id}");
    let mut found = Map::new();
    for row in tables.rows(&sql)? {
        let mut cells = Cells::new(tables.place(), "study_attributes", row);
        found.insert(cells.text()?, cells.json()?);
    }
    Ok(found)
}

fn study(
    tables: &mut dyn Tables,
    id: i64,
    name: String,
    version: usize,
    zone: Zone,
) -> Result<OptunaStudy, StorageError> {
    let sql = format!("SELECT direction FROM study_directions WHERE study_id = {id} ORDER BY objective");
    let mut directions = Vec::new();
    for row in tables.rows(&sql)? {
        directions.push(match row[0].as_deref() {
            Some("MINIMIZE") => Direction::Minimize,
            Some("MAXIMIZE") => Direction::Maximize,
            _ => {
                let what = format!("study `{name}` has no direction: open it with Optuna and give it one");
                return Err(strange(tables.place(), what));
            }
        });
    }
    if directions.is_empty() {
        return Err(strange(tables.place(), format!("study `{name}` has no direction")));
    }
    let (user, system) = (attributes(tables, "user", id)?, attributes(tables, "system", id)?);
    let mut study = OptunaStudy { name, directions, user, system, trials: Vec::new(), remarks: Vec::new() };

    let (start, end) = (tables.time("datetime_start"), tables.time("datetime_complete"));
    let sql = format!(
        "SELECT trial_id, number, state, {start}, {end} FROM trials WHERE study_id = {id} ORDER BY number, trial_id"
    );
    let (mut places, mut moved) = (HashMap::new(), 0);
    for (place, row) in tables.rows(&sql)?.into_iter().enumerate() {
        let mut cells = Cells::new(tables.place(), "trials", row);
        places.insert(cells.whole()?, place);
        // Old versions gave a number twice now and then.
        moved += usize::from(cells.whole()? != place as i64);
        let word = cells.text()?;
        let state = STATES.iter().find(|(other, _)| *other == word);
        let mut trial = Trial::new(state.ok_or_else(|| cells.damaged(format!("`{word}` is no state")))?.1);
        (trial.started, trial.finished) = (cells.time(zone)?, cells.time(zone)?);
        study.trials.push(trial);
    }
    study.remark(moved, "their numbers have gaps or are there twice: they got new ones");

    let of_study = |columns: &str, table: &str, order: &str| {
        format!(
            "SELECT t.trial_id, {columns} FROM {table} v JOIN trials t ON t.trial_id = v.trial_id
             WHERE t.study_id = {id} ORDER BY {order}"
        )
    };
    let mut each = |sql: &str,
                    table: &'static str,
                    trials: &mut [Trial],
                    take: &dyn Fn(&mut Cells, &mut Trial) -> Result<(), StorageError>|
     -> Result<(), StorageError> {
        for row in tables.rows(sql)? {
            let mut cells = Cells::new(tables.place(), table, row);
            let id = cells.whole()?;
            if let Some(trial) = places.get(&id).and_then(|place| trials.get_mut(*place)) {
                take(&mut cells, trial)?;
            }
        }
        Ok(())
    };
    let columns = "v.param_name, v.param_value, v.distribution_json";
    each(
        &of_study(columns, "trial_params", "v.param_id"),
        "trial_params",
        &mut study.trials,
        &|cells, trial| {
            let (name, number, text) = (cells.text()?, cells.number()?, cells.text()?);
            let read = Parameter::read(&name, number.unwrap_or(f64::NAN), &text);
            trial.parameters.push(read.map_err(|what| cells.damaged(what))?);
            Ok(())
        },
    )?;
    let typed = version >= TYPED_VALUES;
    let columns = if typed { "v.value, v.value_type" } else { "v.value" };
    let sql = of_study(columns, "trial_values", "v.objective");
    each(&sql, "trial_values", &mut study.trials, &|cells, trial| {
        let value = cells.typed(typed)?.unwrap_or(f64::NAN);
        trial.values.get_or_insert_default().push(value);
        Ok(())
    })?;
    let typed = version >= TYPED_REPORTS;
    let kind = if typed { ", v.intermediate_value_type" } else { "" };
    let columns = format!("v.step, v.intermediate_value{kind}");
    let sql = of_study(&columns, "trial_intermediate_values", "v.step");
    each(&sql, "trial_intermediate_values", &mut study.trials, &|cells, trial| {
        let (step, value) = (cells.whole()?, cells.typed(typed)?.unwrap_or(f64::NAN));
        let step = u64::try_from(step).map_err(|_| cells.damaged(format!("step {step} is below 0")))?;
        trial.report(step, value);
        Ok(())
    })?;
    for kind in ["user", "system"] {
        let table = format!("trial_{kind}_attributes");
        let sql = of_study("v.\"key\", v.value_json", &table, "t.number");
        each(&sql, "trial_attributes", &mut study.trials, &|cells, trial| {
            let (key, value) = (cells.text()?, cells.json()?);
            if kind == "user" {
                trial.user.insert(key, value)
            } else {
                trial.system.insert(key, value)
            };
            Ok(())
        })?;
    }
    let count = study.directions.len();
    let incomplete = |trial: &&Trial| {
        trial.state == TrialState::Complete && trial.values.as_ref().map_or(0, Vec::len) != count
    };
    let incomplete = study.trials.iter().filter(incomplete).count();
    for trial in study.trials.iter_mut().filter(|t| t.values.as_ref().is_some_and(|v| v.len() != count)) {
        trial.values = None;
    }
    study.remark(incomplete, "they were complete, but without all of their values: they failed");
    Ok(study)
}

/// The words of one kind of database for types.
pub(super) struct Words {
    /// Of a column that numbers rows.
    pub(super) id: &'static str,
    pub(super) float: &'static str,
    pub(super) time: &'static str,
    pub(super) direction: &'static str,
    pub(super) state: &'static str,
    pub(super) value: &'static str,
    pub(super) report: &'static str,
}

/// The statements that make the tables of the newest version.
pub(super) fn schema(words: &Words) -> String {
    let mut sql = include_str!("schema.sql").to_owned();
    for (word, kind) in [
        ("@id", words.id),
        ("@float", words.float),
        ("@time", words.time),
        ("@direction", words.direction),
        ("@state", words.state),
        ("@value", words.value),
        ("@report", words.report),
    ] {
        sql = sql.replace(word, kind);
    }
    sql
}

/// A value and its type, as the tables have them.
pub(super) fn typed(value: f64) -> (Option<f64>, &'static str) {
    match value {
        value if value.is_finite() => (Some(value), "FINITE"),
        value if value.is_nan() => (None, "NAN"),
        value if value > 0.0 => (None, "INF_POS"),
        _ => (None, "INF_NEG"),
    }
}

pub(super) fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::Minimize => "MINIMIZE",
        Direction::Maximize => "MAXIMIZE",
    }
}

/// Whether a study fits the tables.
///
/// # Errors
/// If a name is too long.
pub(super) fn check(place: &str, study: &OptunaStudy) -> Result<(), StorageError> {
    let trials = study.trials.iter().flat_map(|trial| {
        let keys = trial.user.keys().chain(trial.system.keys());
        keys.chain(trial.parameters.iter().map(|parameter| &parameter.name))
    });
    let names = [&study.name].into_iter().chain(study.user.keys()).chain(study.system.keys()).chain(trials);
    for name in names {
        let length = name.chars().count();
        if length > LONGEST {
            let what = format!(
                "the name `{}...` has {length} characters, but Optuna's tables take {LONGEST}: write a journal instead",
                name.chars().take(40).collect::<String>()
            );
            return Err(strange(place.to_owned(), what));
        }
    }
    Ok(())
}
