//! What a file may come to: damage, locks, another seed.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use lightcrest::objective::{Evaluation, ObjectiveInfo};
use lightcrest::space::Space;
use lightcrest::storage::{Catalog, SqliteCatalog, SqliteStorage, StorageError, load};
use lightcrest::study::StudyBuilder;
use lightcrest::{Study, StudyError};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("study.db");
    (folder, path)
}

fn study(path: &Path) -> Result<Study, StudyError> {
    let space = Space::builder().float("x", 0.0, 1.0).build()?;
    Study::builder(space, vec![ObjectiveInfo::minimize("loss")]).storage(SqliteStorage::open(path)?).build()
}

/// The study of [`study`] with three complete trials, then changed by `sql`.
fn changed(sql: &str) -> (TempDir, PathBuf) {
    let (folder, path) = place();
    let mut kept = study(&path).unwrap();
    for _ in 0..3 {
        let number = kept.ask().unwrap().number;
        kept.tell(number, Ok(Evaluation::new([1.0]))).unwrap();
    }
    drop(kept);
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(&format!("PRAGMA ignore_check_constraints = 1; {sql}")).unwrap();
    (folder, path)
}

#[test]
fn what_does_not_fit_together_is_damaged_and_says_where() {
    for (sql, what) in [
        ("DELETE FROM trial WHERE number = 1", "trial 1 is missing, though trial 2 is there"),
        ("DELETE FROM trial WHERE number = 0", "trial 0 is missing, though trial 1 is there"),
        ("UPDATE trial SET number = -1 WHERE number = 2", "trial 0 is missing, though"),
        (
            "UPDATE trial SET objective_values = '[1.0, 2.0]' WHERE number = 1",
            "trial 1 has 2 values, but the study has 1 objective",
        ),
        ("UPDATE trial SET objective_values = '[]' WHERE number = 1", "trial 1 has 0 values"),
        (
            "UPDATE trial SET objective_values = NULL WHERE number = 2",
            "trial 2 is complete, but has no values",
        ),
        ("UPDATE trial SET objective_values = '[\"NaN\"]'", "trial 0 has a value that is no number"),
        ("UPDATE trial SET objective_values = '[\"much\"]'", "trial.objective_values: "),
        ("UPDATE trial SET known = '[1.0, null]' WHERE number = 0", "trial 0 knows 2 objectives"),
        ("UPDATE trial SET state = 'lost' WHERE number = 2", "`lost` is no state of a trial"),
        ("UPDATE trial SET configuration = '{\"x\": ' WHERE number = 1", "trial.configuration: "),
    ] {
        let (_folder, path) = changed(sql);
        let read = load(&mut SqliteStorage::read(&path).unwrap()).map(drop).unwrap_err();
        let opened = match study(&path).map(drop) {
            Err(StudyError::Storage(error)) => error,
            other => panic!("{sql}: {other:?}"),
        };
        for error in [read, opened] {
            let message = error.to_string();
            assert!(matches!(error, StorageError::Damaged { .. }), "{sql}: {message}");
            assert!(message.contains(what) && message.contains("study.db"), "{sql}: {message}");
            assert!(message.ends_with("begin a new study in another place"), "{message}");
        }
    }
}

#[test]
fn a_study_without_a_seed_takes_that_of_the_stored_one() {
    let (_folder, path) = place();
    let build = |seed: Option<u64>| {
        let builder = Study::define_by_run(vec![ObjectiveInfo::minimize("loss")]);
        let builder = builder.storage(SqliteStorage::open(&path).unwrap());
        seed.into_iter().fold(builder, StudyBuilder::seed).build()
    };
    drop(build(Some(7)).unwrap());
    assert_eq!(build(None).unwrap().definition().seed, 7);
    let error = build(Some(8)).err().unwrap().to_string();
    assert_eq!(error, "the stored study is another one: its seed is 7, not 8");
}

#[test]
fn whoever_waits_for_a_lock_can_be_called_off() {
    let (_folder, path) = place();
    drop(study(&path).unwrap());
    let mut storage = SqliteCatalog::new(&path, Some(Arc::new(|| true))).study("study").unwrap();
    let holder = Connection::open(&path).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = storage.set_attribute("a", 1.into()).unwrap_err();
    assert!(matches!(error, StorageError::CalledOff { .. }), "{error}");
    holder.execute_batch("ROLLBACK").unwrap();
    storage.set_attribute("a", 1.into()).unwrap();
}

/// SplitMix64 (Steele et al. 2014).
fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[test]
fn a_byte_that_is_another_one_is_an_error_or_harmless_and_no_file_gets_worse() {
    let (_folder, path) = changed("PRAGMA wal_checkpoint(TRUNCATE)");
    let whole = std::fs::read(&path).unwrap();
    let (_, history) = load(&mut SqliteStorage::read(&path).unwrap()).unwrap();
    let random = (0..200).map(|i| mixed(i) as usize % whole.len());
    let mut refused = 0;
    for place in (0..100).chain(random) {
        let (_folder, copy) = place_of_copy(&whole, place);
        let damaged = std::fs::read(&copy).unwrap();
        let read =
            SqliteStorage::read(&copy).and_then(|mut storage| load(&mut storage).map(|(_, history)| history));
        match read {
            // What is in it, or what is no text of ours any more but fits: a name, a reason.
            Ok(found) => assert_eq!(found.len(), history.len(), "byte {place}"),
            Err(error) => {
                refused += 1;
                let said = error.to_string();
                assert!(
                    said.contains("study.db") || matches!(error, StorageError::NoStudy),
                    "byte {place}: {said}"
                );
                let opened = study(&copy).map(drop);
                // The definition may be another one, or there may be none to be found.
                if opened.is_err() {
                    assert!(std::fs::read(&copy).unwrap() == damaged, "byte {place}: it is left as it is");
                }
            }
        }
    }
    assert!(refused > 30, "{refused}");
}

fn place_of_copy(whole: &[u8], damaged: usize) -> (TempDir, PathBuf) {
    let (folder, path) = place();
    let mut bytes = whole.to_vec();
    bytes[damaged] ^= 0xff;
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}
