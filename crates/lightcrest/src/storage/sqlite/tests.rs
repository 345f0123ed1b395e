use super::*;
use crate::history::{FrozenTrial, TrialState};
use crate::objective::ObjectiveInfo;
use crate::space::{Configuration, Space};
use crate::storage::{Catalog, Storage, load};
use crate::study::{Study, StudyError};
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("study.db");
    (folder, path)
}

fn study(path: &Path, high: f64) -> Result<Study, StudyError> {
    let space = Space::builder().float("x", 0.0, high).build()?;
    Study::builder(space, vec![ObjectiveInfo::minimize("loss")]).storage(SqliteStorage::open(path)?).build()
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let (_folder, path) = folder();
    std::fs::write(
        &path,
        "This is a letter, not a database, and it is longer than a page header. ".repeat(20),
    )
    .unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(SqliteStorage::open(&path), Err(StorageError::NotADatabase { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    std::fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE song (title TEXT)").unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = SqliteStorage::open(&path).unwrap_err();
    assert!(error.to_string().ends_with("is a database of another program (application id 0x00000000)"));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    assert!(matches!(SqliteStorage::read(path.with_extension("no")), Err(StorageError::Missing { .. })));
}

#[test]
fn a_newer_schema_is_refused() {
    let (_folder, path) = folder();
    drop(study(&path, 1.0).unwrap());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = std::fs::read(&path).unwrap();
    let error = SqliteStorage::open(&path).unwrap_err();
    assert!(matches!(error, StorageError::NewerSchema { found: 99, .. }), "{error}");
    let error = SqliteStorage::read(&path).unwrap_err();
    assert!(matches!(error, StorageError::NewerSchema { found: 99, .. }), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before, "it is left as it is");
}

#[test]
fn the_first_schema_is_read_as_it_is_and_migrated_when_the_study_goes_on() {
    let (_folder, path) = folder();
    let dump = include_str!("../../../tests/data/schema-1.sql");
    Connection::open(&path).unwrap().execute_batch(dump).unwrap();
    let before = std::fs::read(&path).unwrap();
    let (definition, history) = load(&mut SqliteStorage::read(&path).unwrap()).unwrap();
    assert!(!definition.discovered);
    assert_eq!(history.trials()[0].values, Some(vec![0.5]));
    assert!(study(&path, 2.0).is_err(), "another study does not touch it");
    assert_eq!(std::fs::read(&path).unwrap(), before, "reading does not migrate");

    let mut study = study(&path, 1.0).unwrap();
    assert_eq!(study.trials()[..2], history.trials()[..2]);
    assert_eq!(study.ask().unwrap().number, 2, "the abandoned trial is run again");
    assert_eq!(study.ask().unwrap().number, 3);
    let version = Connection::open(&path).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0));
    assert_eq!(version, Ok(MIGRATIONS.len() as i64));
}

#[test]
fn the_second_schema_is_read_as_it_is_and_migrated_when_the_study_goes_on() {
    let (_folder, path) = folder();
    let dump = include_str!("../../../tests/data/schema-2.sql");
    Connection::open(&path).unwrap().execute_batch(dump).unwrap();
    let mut storage = SqliteStorage::open_study(&path, "found").unwrap();
    assert_eq!(storage.attributes().unwrap().len(), 0, "it had none then");
    let (definition, history) = load(&mut SqliteStorage::read(&path).unwrap()).unwrap();
    assert!(definition.discovered);
    assert_eq!(definition.space.len(), 1, "what its trials asked for");
    let study = Study::define_by_run(definition.objectives.clone()).name("found");
    let study = study.storage(storage).build().unwrap();
    assert_eq!(study.trials(), history.trials());
    let mut storage = SqliteStorage::open_study(&path, "found").unwrap();
    storage.set_attribute("a", 1.into()).unwrap();
    assert_eq!(storage.attributes().unwrap()["a"], 1);
    let version = Connection::open(&path).unwrap().query_row("PRAGMA user_version", [], |row| row.get(0));
    assert_eq!(version, Ok(MIGRATIONS.len() as i64));
}

#[test]
fn the_third_schema_has_no_memory_and_gets_one_when_the_study_goes_on() {
    let (_folder, path) = folder();
    let dump = include_str!("../../../tests/data/schema-3.sql");
    Connection::open(&path).unwrap().execute_batch(dump).unwrap();
    let mut storage = SqliteStorage::open_study(&path, "found").unwrap();
    assert!(storage.memory().unwrap().sources().is_empty());
    assert_eq!(storage.attributes().unwrap()["why"][1], 2);
    let (definition, history) = load(&mut SqliteStorage::read(&path).unwrap()).unwrap();
    let study = Study::define_by_run(definition.objectives.clone()).name("found");
    let study = study.storage(storage).learn_from([history.source("a", &definition.objectives)]);
    assert!(study.build().unwrap().history().memory().is_empty(), "it has trials");
    let again = Study::define_by_run(definition.objectives.clone()).name("new");
    let again = again.storage(SqliteStorage::open_study(&path, "new").unwrap());
    let again = again.learn_from([history.source("a", &definition.objectives)]).build().unwrap();
    assert_eq!(again.history().memory().sources()[0].lessons.len(), 1);
    drop(again);
    let (_, read) = load(&mut SqliteStorage::open_study(&path, "new").unwrap()).unwrap();
    assert_eq!(read.memory().sources()[0].name, "a");
}

#[test]
fn the_fourth_schema_keeps_its_reports_and_gives_back_what_ran() {
    let dump = include_str!("../../../tests/data/schema-4.sql");
    for named in [false, true] {
        let (_folder, path) = folder();
        Connection::open(&path).unwrap().execute_batch(dump).unwrap();
        let before = std::fs::read(&path).unwrap();
        let (definition, history) = load(&mut SqliteStorage::read(&path).unwrap()).unwrap();
        let reports = [(1, vec![0.75]), (2, vec![f64::INFINITY])];
        assert_eq!(history.trials()[0].reports, reports);
        assert_eq!(history.trials()[1].reports, [(1, vec![0.5])], "of a trial that runs, too");
        let attempts: Vec<u64> = history.trials().iter().map(|trial| trial.attempt).collect();
        assert_eq!(attempts, [1, 1, 0], "what has begun was begun once");
        assert_eq!(std::fs::read(&path).unwrap(), before, "reading does not migrate");
        let storage = match named {
            true => SqliteStorage::open_study(&path, "found").unwrap(),
            false => SqliteStorage::open(&path).unwrap(),
        };
        let study = Study::define_by_run(definition.objectives.clone()).name("found").storage(storage);
        let mut study = study.build().unwrap();
        assert_eq!(study.trials(), history.trials(), "who only opens it changes nothing");
        study.reclaim().unwrap();
        // In a file of several studies it may be told from elsewhere.
        let expected = if named { TrialState::Running } else { TrialState::Waiting };
        assert_eq!(study.trials()[1].state, expected);
        assert_eq!(study.trials()[1].configuration, history.trials()[1].configuration);
    }
}

#[test]
fn the_fifth_schema_is_read_as_it_is_and_its_numbers_are_used_once_from_then_on() {
    let (_folder, path) = folder();
    let dump = include_str!("../../../tests/data/schema-5.sql");
    Connection::open(&path).unwrap().execute_batch(dump).unwrap();
    let before = std::fs::read(&path).unwrap();
    let (definition, history) = load(&mut SqliteStorage::read(&path).unwrap()).unwrap();
    assert_eq!(history.trials()[1].reports, [(1, vec![0.5])]);
    assert_eq!((history.trials()[1].attempt, history.trials()[1].claim.unwrap().token), (2, (-7i64) as u64));
    assert_eq!(std::fs::read(&path).unwrap(), before, "reading does not migrate");
    let storage = SqliteStorage::open_study(&path, "found").unwrap();
    let mut study =
        Study::define_by_run(definition.objectives).name("found").storage(storage).build().unwrap();
    assert_eq!(study.ask().unwrap().number, 1, "its worker is gone");
    SqliteStorage::open_study(&path, "other").unwrap().delete().unwrap();
    let third = Study::define_by_run(vec![ObjectiveInfo::minimize("value")]).name("third");
    drop(third.storage(SqliteStorage::open_study(&path, "third").unwrap()).build().unwrap());
    let numbered = SqliteCatalog::new(&path, None).studies().unwrap();
    assert_eq!(numbered, [(1, "found".to_owned()), (3, "third".to_owned())]);
}

#[test]
fn a_study_that_has_its_file_alone_gets_a_new_number_as_well() {
    let (_folder, path) = folder();
    drop(study(&path, 1.0).unwrap());
    SqliteStorage::open(&path).unwrap().delete().unwrap();
    drop(study(&path, 2.0).unwrap());
    assert_eq!(SqliteCatalog::new(&path, None).studies().unwrap(), [(2, "study".to_owned())]);
}

#[test]
fn what_a_handle_leaves_running_is_run_again_while_another_lives() {
    let (_folder, path) = folder();
    let mut here = study(&path, 1.0).unwrap();
    let mut there = study(&path, 1.0).unwrap();
    let (a, b) = (here.ask().unwrap(), there.ask().unwrap());
    drop(here);
    let again = loop {
        // It is looked twice a second.
        let asked = there.ask().unwrap();
        if asked.number == a.number {
            break asked;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!((&again.configuration, again.attempt), (&a.configuration, 2));
    assert_eq!(there.trials()[b.number as usize].state, TrialState::Running);
}

#[test]
fn another_spec_is_refused_and_named() {
    let (_folder, path) = folder();
    drop(study(&path, 1.0).unwrap());
    let error = study(&path, 2.0).err().unwrap();
    assert_eq!(
        error.to_string(),
        "the stored study is another one: its parameter `x` is a float from 0.0 to 1.0, not a float from 0.0 to 2.0"
    );
}

#[test]
fn a_full_disk_is_said_and_survived() {
    let (_folder, path) = folder();
    let mut storage = SqliteStorage::open(&path).unwrap();
    let space = Space::builder().float("x", 0.0, 1.0).build().unwrap();
    let study = Study::builder(space, vec![ObjectiveInfo::minimize("loss")]).build().unwrap();
    storage.open(study.definition()).unwrap();
    // SQLite answers a database at its limit like a full disk.
    let pages: i64 = storage.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    storage.connection.pragma_update(None, "max_page_count", pages + 4).unwrap();
    let mut trial = FrozenTrial::waiting(0, Configuration::new());
    trial.reason = Some("a long text. ".repeat(100));
    let error = loop {
        match storage.create(&trial) {
            Ok(_) => trial.number += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, StorageError::DiskFull { .. }), "{error}");
    assert_eq!(storage.changes(0).unwrap().trials.len() as u64, trial.number);
    storage.connection.pragma_update(None, "max_page_count", pages + 400).unwrap();
    storage.create(&trial).unwrap();
    assert_eq!(storage.changes(0).unwrap().trials.len() as u64, trial.number + 1);
    let check: String = storage.connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn a_second_process_joins_and_takes_nothing_away() {
    let (_folder, path) = folder();
    let mut first = study(&path, 1.0).unwrap();
    let a = first.ask().unwrap();
    let mut second = study(&path, 1.0).unwrap();
    assert_eq!(second.trials()[0].state, TrialState::Running);
    let b = second.ask().unwrap();
    assert_ne!(a.number, b.number);
    first.tell(a.number, Ok(crate::objective::Evaluation::new([1.0]))).unwrap();
    second.synchronize().unwrap();
    assert_eq!(second.trials()[0].state, TrialState::Complete);
    drop((first, second));
    let mut third = study(&path, 1.0).unwrap();
    assert_eq!(third.trials()[1].state, TrialState::Running, "who only opens it changes nothing");
    third.reclaim().unwrap();
    assert_eq!(third.trials()[1].state, TrialState::Waiting);
}
