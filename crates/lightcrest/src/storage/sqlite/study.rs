//! One study of the file.

use super::row::{self, COLUMNS, Kind, first};
use super::{SqliteStorage, Write, refused};
use crate::history::{FrozenTrial, TrialState};
use crate::memory::Memory;
use crate::storage::codec::{self, Common, json, parse};
use crate::storage::{Changes, Definition, Report, Storage, StorageError, check_run, give_up};
use rusqlite::{OptionalExtension, params};
use serde_json::Value as Json;
use std::collections::{BTreeMap, HashMap};

/// Of so many trials the reports are read all at once.
const MANY: usize = 256;

/// What a write is told: the transaction, the study, its new revision, and the database for messages.
type Told<'a> = (&'a Write<'a>, i64, i64, &'a str);

impl SqliteStorage {
    /// Runs `write` in a transaction, with the study and its new revision, which is returned.
    fn transact(
        &mut self,
        write: impl FnOnce(Told<'_>) -> Result<(), StorageError>,
    ) -> Result<u64, StorageError> {
        self.here()?;
        let study = self.study()?;
        let place = self.place.as_str();
        let refused = |source| refused(place, source);
        let transaction = self.begin()?;
        let sql = "UPDATE study SET revision = revision + 1 WHERE id = ?1 RETURNING revision";
        let revision: Option<i64> = first(&transaction, sql, &[&study]).map_err(refused)?;
        let revision = revision.ok_or(StorageError::NoStudy)?;
        write((&transaction, study, revision, place))?;
        transaction.commit().map_err(refused)?;
        Ok(revision as u64)
    }

    /// Adds the study, unless it is there; whether it was added.
    fn insert(&mut self, definition: &Definition) -> Result<bool, StorageError> {
        self.migrate()?;
        let transaction = self.begin()?;
        let inserted = transaction.execute(
            // Another process may have been faster: then its study stays.
            "INSERT INTO study (id, name, space, objectives, seed, spec, engine, created, discovered, revision)
             SELECT max(last, (SELECT coalesce(max(id), 0) FROM study)) + 1, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0
             FROM study_number WHERE ?9 OR NOT EXISTS (SELECT 1 FROM study) ON CONFLICT DO NOTHING",
            params![
                definition.name,
                json(&definition.space),
                json(&definition.objectives),
                definition.seed as i64,
                definition.spec,
                definition.engine,
                definition.created as i64,
                definition.discovered,
                self.name.is_some(),
            ],
        );
        let inserted = inserted.and_then(|n| transaction.commit().map(|()| n == 1));
        inserted.map_err(|e| refused(&self.place, e))
    }

    /// How this connection keeps what it writes.
    pub(super) fn set_durability(&self) -> Result<(), StorageError> {
        let word = if self.full { "FULL" } else { "NORMAL" };
        self.connection.pragma_update(None, "synchronous", word).map_err(|e| refused(&self.place, e))
    }

    /// The trials that run on a lease of somebody else, with what tells who.
    fn leased(&mut self) -> Result<Vec<(i64, i64)>, StorageError> {
        let (study, owner) = (self.study()?, self.enter()?);
        self.patiently(|| {
            let sql = "SELECT number, owner FROM trial INDEXED BY trial_revision
                       WHERE study = ?1 AND (state = 'running') = 1 AND owner IS NOT NULL AND owner <> ?2";
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_map([study, owner], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    /// Those of them whose worker does not live. Once it does not, it never will.
    fn dead(&mut self) -> Result<Vec<(i64, i64)>, StorageError> {
        self.here()?;
        if self.study.is_none() {
            return Err(StorageError::NoStudy);
        }
        let mut leased = self.leased()?;
        let mut gone: HashMap<i64, bool> = HashMap::new();
        for (_, owner) in &leased {
            if let (false, Some(presence)) = (gone.contains_key(owner), &self.presence) {
                let failed = |source| StorageError::Io { place: self.place.clone(), source };
                gone.insert(*owner, !presence.is_alive(*owner).map_err(failed)?);
            }
        }
        leased.retain(|(_, owner)| gone.get(owner) == Some(&true));
        Ok(leased)
    }

    /// Takes a trial from a worker that is gone; whether it still had it.
    fn take_back(&mut self, number: i64, owner: i64, retries: u64) -> Result<bool, StorageError> {
        let taken = self.transact(|(transaction, study, revision, place)| {
            let refused = |source| refused(place, source);
            let sql = format!(
                "SELECT {COLUMNS}, given, (SELECT discovered FROM study WHERE id = ?1) FROM trial
                 WHERE study = ?1 AND number = ?2 AND state = 'running' AND owner = ?3"
            );
            let mut statement = transaction.prepare_cached(&sql).map_err(refused)?;
            let mut rows = statement.query([study, number, owner]).map_err(refused)?;
            let Some(row) = rows.next().map_err(refused)? else {
                return Err(StorageError::UnknownTrial { number: number as u64 });
            };
            let mut trial = row::read(place, row, &mut Common::default())?;
            let before = Kind::Replace(TrialState::Running, row::token(&trial));
            let given: String = row.get(15).map_err(refused)?;
            give_up(&mut trial, parse(place, "trial.given", &given)?, retries, row.get(16).map_err(refused)?);
            row::write(transaction, &before, (study, revision), &trial, None, "{}").map_err(refused)?;
            if trial.state == TrialState::Waiting {
                forget_reports(transaction, study, number).map_err(refused)?;
            }
            Ok(())
        });
        match taken {
            Ok(_) => Ok(true),
            Err(StorageError::UnknownTrial { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Forgets what a trial reported, in whatever run.
fn forget_reports(transaction: &Write<'_>, study: i64, number: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM report WHERE study = ?1 AND number = ?2";
    transaction.prepare_cached(sql)?.execute([study, number]).map(drop)
}

/// Forgets the reports that the row of the trial has by now.
fn fold_reports(transaction: &Write<'_>, study: i64, trial: &FrozenTrial) -> rusqlite::Result<()> {
    let steps: Vec<i64> = trial.reports.iter().map(|(step, _)| *step as i64).collect();
    let sql =
        "DELETE FROM report WHERE study = ?1 AND number = ?2 AND step IN (SELECT value FROM json_each(?3))";
    transaction.prepare_cached(sql)?.execute(params![study, trial.number as i64, json(&steps)]).map(drop)
}

impl Storage for SqliteStorage {
    fn definition(&mut self) -> Result<Option<Definition>, StorageError> {
        self.here()?;
        if self.study.is_none() {
            self.find_study()?;
        }
        let Some(study) = self.study else { return Ok(None) };
        let sql = format!(
            "SELECT name, space, objectives, seed, spec, engine, created, {} FROM study WHERE id = ?1",
            self.column("discovered", 2, "0")
        );
        let columns = self.patiently(|| {
            let read = |row: &rusqlite::Row<'_>| {
                let json: (String, String) = (row.get(1)?, row.get(2)?);
                let numbers: (i64, i64) = (row.get(3)?, row.get(6)?);
                Ok((row.get(0)?, json, numbers, row.get(4)?, row.get(5)?, row.get(7)?))
            };
            self.connection.query_row(&sql, [study], read).optional()
        })?;
        let Some((name, (space, objectives), (seed, created), spec, engine, discovered)) = columns else {
            self.study = None; // deleted since
            return Ok(None);
        };
        let space = parse(&self.place, "study.space", &space)?;
        let objectives = parse(&self.place, "study.objectives", &objectives)?;
        let (seed, created) = (seed as u64, created as u64);
        Ok(Some(Definition { name, space, discovered, objectives, seed, spec, engine, created }))
    }

    fn make(&mut self, definition: &Definition) -> Result<(), StorageError> {
        // The schema of a file is left as it is where nothing is made.
        if self.definition()?.is_none() && self.insert(definition)? {
            return Ok(());
        }
        Err(StorageError::Exists { name: definition.name.clone() })
    }

    fn open(&mut self, definition: &Definition) -> Result<Definition, StorageError> {
        // A file of another study is left as it is, also when its schema is an older one.
        match self.definition()? {
            Some(stored) => {
                same(&stored, definition)?;
                self.migrate()?;
            }
            None => {
                self.insert(definition)?;
            }
        }
        let stored = self.definition()?.ok_or(StorageError::NoStudy)?;
        same(&stored, definition)?;
        self.set_durability()?;
        self.enter()?;
        Ok(stored)
    }

    fn create(&mut self, trial: &FrozenTrial) -> Result<u64, StorageError> {
        let owner = self.owner_of(trial)?;
        self.transact(|(transaction, study, revision, place)| {
            let refused = |source| refused(place, source);
            let at = (study, revision);
            if row::write(transaction, &Kind::Insert, at, trial, owner, "{}").map_err(refused)? {
                return Ok(());
            }
            let sql = "SELECT coalesce(max(number) + 1, 0) FROM trial WHERE study = ?1";
            let next: i64 = first(transaction, sql, &[&study]).map_err(refused)?.unwrap_or(0);
            Err(StorageError::NumberTaken { number: trial.number, next: next as u64 })
        })
    }

    fn update(&mut self, trial: &FrozenTrial, from: TrialState) -> Result<u64, StorageError> {
        let owner = self.owner_of(trial)?;
        self.transact(|(transaction, study, revision, place)| {
            let refused = |source| refused(place, source);
            let (at, goes_on) =
                ((study, revision), (from, trial.state) == (TrialState::Running, TrialState::Running));
            let written = match goes_on {
                true => row::go_on(transaction, at, trial),
                false => {
                    let before = Kind::Replace(from, row::token(trial));
                    row::write(transaction, &before, at, trial, owner, &codec::given(trial))
                }
            };
            if !written.map_err(refused)? {
                check(transaction, study, trial, from, place)?;
                // It was what it must be, and was not written: no other write can be in this transaction.
                return Err(StorageError::UnknownTrial { number: trial.number });
            }
            match trial.state {
                TrialState::Waiting => {
                    forget_reports(transaction, study, trial.number as i64).map_err(refused)
                }
                TrialState::Running => Ok(()),
                _ if trial.reports.is_empty() => Ok(()),
                _ => fold_reports(transaction, study, trial).map_err(refused),
            }
        })
    }

    fn report(&mut self, trial: &FrozenTrial, step: u64, values: &[f64]) -> Result<u64, StorageError> {
        self.transact(|(transaction, study, revision, place)| {
            let sql = "INSERT INTO report (study, number, attempt, step, report_values, revision)
                       SELECT ?1, ?2, ?3, ?4, ?5, ?6 FROM trial
                       WHERE study = ?1 AND number = ?2 AND state = 'running' AND token IS ?7
                       ON CONFLICT DO NOTHING";
            let (number, attempt) = (trial.number as i64, trial.attempt as i64);
            let (values, token) = (codec::report(values), row::token(trial));
            let insert = || {
                let mut statement = transaction.prepare_cached(sql)?;
                statement.execute(params![study, number, attempt, step as i64, values, revision, token])
            };
            match insert().map_err(|source| refused(place, source))? {
                // It was reported before, unless the trial is another one by now.
                0 => check(transaction, study, trial, TrialState::Running, place),
                _ => Ok(()),
            }
        })
    }

    fn changes(&mut self, since: u64) -> Result<Changes, StorageError> {
        self.here()?;
        let study = self.study()?;
        let new = self.schema >= 5;
        let columns = match new {
            true => COLUMNS.to_owned(),
            false => format!(
                "number, state, configuration, known, objective_values, reports, constraints, attributes,
                 reason, started, finished, {}, state <> 'waiting', NULL, 0",
                self.column("suggestions", 2, "'{}'")
            ),
        };
        // Everything is read in the order of the table; news are looked up.
        let whose = match since > 0 && new {
            false => "trial WHERE study = ?1 AND revision > ?2",
            true => {
                "trial INDEXED BY trial_revision
                 WHERE study = ?1 AND (state = 'running') IN (0, 1) AND revision > ?2"
            }
        };
        let sql = format!("SELECT {columns} FROM {whose} ORDER BY number");
        let find = || {
            let mut statement = self.connection.prepare_cached("SELECT revision FROM study WHERE id = ?1")?;
            statement.query_row([study], |row| row.get::<_, i64>(0)).optional()
        };
        // Mostly nothing is new.
        let revision = self.patiently(find)?.ok_or(StorageError::NoStudy)? as u64;
        if revision == since {
            return Ok(Changes { revision, ..Changes::default() });
        }
        // One read transaction, so that the revision belongs to the trials.
        let (transaction, revision) = self.patiently(|| {
            let transaction = self.connection.unchecked_transaction()?;
            let revision = find()?;
            Ok((transaction, revision))
        })?;
        let revision = revision.ok_or(StorageError::NoStudy)? as u64;
        let mut changes = Changes { revision, ..Changes::default() };
        let refused = |source| refused(&self.place, source);
        let mut statement = transaction.prepare_cached(&sql).map_err(refused)?;
        let mut rows = statement.query([study, since as i64]).map_err(refused)?;
        let mut common = Common::default();
        while let Some(row) = rows.next().map_err(refused)? {
            changes.trials.push(row::read(&self.place, row, &mut common)?);
        }
        if !new {
            return Ok(changes);
        }
        let read = |sql: &str, key: i64| -> Result<Vec<Report>, StorageError> {
            let mut statement = transaction.prepare_cached(sql).map_err(refused)?;
            let mut rows = statement.query([study, key]).map_err(refused)?;
            let mut reports = Vec::new();
            while let Some(row) = rows.next().map_err(refused)? {
                let numbers: (i64, i64, i64) = read_numbers(row).map_err(refused)?;
                let text: String = row.get(3).map_err(refused)?;
                let values = codec::read_report(&self.place, &text)?;
                let (number, attempt, step) = (numbers.0 as u64, numbers.1 as u64, numbers.2 as u64);
                reports.push(Report { number, attempt, step, values });
            }
            Ok(reports)
        };
        const REPORTS: &str = "SELECT number, attempt, step, report_values FROM report WHERE study = ?1";
        let reports = match since == 0 || changes.trials.len() > MANY {
            true => read(&format!("{REPORTS} AND revision > ?2"), -1)?,
            false => {
                let mut reports = read(&format!("{REPORTS} AND revision > ?2"), since as i64)?;
                for trial in &changes.trials {
                    reports.extend(read(&format!("{REPORTS} AND number = ?2"), trial.number as i64)?);
                }
                reports
            }
        };
        changes.add_reports(reports);
        Ok(changes)
    }

    fn withdraw(&mut self, reserved: &FrozenTrial) -> Result<bool, StorageError> {
        let (number, token) = (reserved.number, reserved.claim.map(|claim| claim.token as i64));
        let withdrawn = self.transact(|(transaction, study, _, place)| {
            let sql =
                "DELETE FROM trial WHERE study = ?1 AND number = ?2 AND state = 'running' AND started IS NULL
                       AND token IS ?3 AND number = (SELECT max(number) FROM trial WHERE study = ?1)";
            let deleted = transaction.execute(sql, params![study, number as i64, token]);
            let deleted = deleted.map_err(|e| refused(place, e))?;
            if deleted == 1 { Ok(()) } else { Err(StorageError::UnknownTrial { number }) }
        });
        match withdrawn {
            Ok(_) => Ok(true),
            Err(StorageError::UnknownTrial { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn abandoned(&mut self) -> Result<Vec<u64>, StorageError> {
        Ok(self.dead()?.into_iter().map(|(number, _)| number as u64).collect())
    }

    fn reclaim(&mut self, retries: u64) -> Result<usize, StorageError> {
        let mut taken = 0;
        for (number, owner) in self.dead()? {
            taken += usize::from(self.take_back(number, owner, retries)?);
        }
        Ok(taken)
    }

    fn memory(&mut self) -> Result<Memory, StorageError> {
        self.here()?;
        let study = self.study()?;
        let sql = format!("SELECT {} FROM study WHERE id = ?1", self.column("memory", 4, "NULL"));
        let read = || {
            let mut statement = self.connection.prepare_cached(&sql)?;
            statement.query_row([study], |row| row.get::<_, Option<String>>(0)).optional()
        };
        let text = self.patiently(read)?.ok_or(StorageError::NoStudy)?;
        text.map_or_else(|| Ok(Memory::default()), |text| parse(&self.place, "study.memory", &text))
    }

    fn remember(&mut self, memory: &Memory) -> Result<Memory, StorageError> {
        self.here()?;
        self.migrate()?;
        self.transact(|(transaction, study, _, place)| {
            let sql = "UPDATE study SET memory = ?2 WHERE id = ?1 AND memory IS NULL
                       AND NOT EXISTS (SELECT 1 FROM trial WHERE study = ?1)";
            transaction.execute(sql, (study, json(memory))).map_err(|e| refused(place, e))?;
            Ok(())
        })?;
        self.memory()
    }

    fn attributes(&mut self) -> Result<BTreeMap<String, Json>, StorageError> {
        self.here()?;
        self.find_study()?;
        let study = self.study()?;
        let sql = format!("SELECT {} FROM study WHERE id = ?1", self.column("attributes", 3, "'{}'"));
        let read = || self.connection.query_row(&sql, [study], |row| row.get::<_, String>(0)).optional();
        let text = self.patiently(read)?.ok_or(StorageError::NoStudy)?;
        parse(&self.place, "study.attributes", &text)
    }

    fn set_attribute(&mut self, name: &str, value: Json) -> Result<(), StorageError> {
        self.here()?;
        self.find_study()?;
        let study = self.study()?;
        self.migrate()?;
        let place = self.place.as_str();
        let refused = |source| refused(place, source);
        let transaction = self.begin()?;
        let text: String = transaction
            .query_row("SELECT attributes FROM study WHERE id = ?1", [study], |row| row.get(0))
            .map_err(refused)?;
        let mut attributes: BTreeMap<String, Json> = parse(place, "study.attributes", &text)?;
        attributes.insert(name.to_owned(), value);
        transaction
            .execute("UPDATE study SET attributes = ?2 WHERE id = ?1", (study, json(&attributes)))
            .map_err(refused)?;
        transaction.commit().map_err(refused)
    }

    fn delete(&mut self) -> Result<(), StorageError> {
        self.here()?;
        self.find_study()?;
        let study = self.study()?;
        self.migrate()?;
        let refused = |source| refused(&self.place, source);
        let transaction = self.begin()?;
        for sql in [
            "DELETE FROM report WHERE study = ?1",
            "DELETE FROM trial WHERE study = ?1",
            "DELETE FROM study WHERE id = ?1",
        ] {
            transaction.execute(sql, [study]).map_err(refused)?;
        }
        transaction.commit().map_err(refused)?;
        self.study = None;
        Ok(())
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}

impl SqliteStorage {
    /// The worker that is to be known as the one that runs a trial, or ended it.
    fn owner_of(&mut self, trial: &FrozenTrial) -> Result<Option<i64>, StorageError> {
        self.here()?;
        let owner = self.enter()?;
        let leased = trial.state != TrialState::Waiting && trial.claim.is_some_and(|claim| claim.leased);
        Ok(leased.then_some(owner))
    }
}

fn read_numbers(row: &rusqlite::Row<'_>) -> rusqlite::Result<(i64, i64, i64)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

/// Whether a trial may be written to.
fn check(
    transaction: &Write<'_>,
    study: i64,
    trial: &FrozenTrial,
    from: TrialState,
    place: &str,
) -> Result<(), StorageError> {
    let number = trial.number;
    let find = || {
        let mut statement =
            transaction.prepare_cached("SELECT state, token FROM trial WHERE study = ?1 AND number = ?2")?;
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?));
        statement.query_row([study, number as i64], read).optional()
    };
    let found = find().map_err(|source| refused(place, source))?;
    let (state, token) = found.ok_or(StorageError::UnknownTrial { number })?;
    let own = trial.claim.map(|claim| claim.token);
    check_run((trial.number, own), from, codec::state(place, &state)?, token.map(|token| token as u64))
}

fn same(stored: &Definition, definition: &Definition) -> Result<(), StorageError> {
    stored.difference(definition).map_or(Ok(()), |difference| Err(StorageError::OtherStudy { difference }))
}
