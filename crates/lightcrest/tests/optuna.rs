//! Studies of Optuna, read and written. What other versions of Optuna wrote is in `data/optuna`; that Optuna
//! reads what is written here, `cargo xtask test` tries with the package itself.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[cfg(all(unix, feature = "postgres"))]
#[path = "postgres/server.rs"]
mod server;

use lightcrest::space::Value;
use lightcrest::storage::optuna::{Format, OptunaStudy, Zone, read, write};
use lightcrest::storage::{Catalog, SqliteCatalog, StorageError, load, open_url};
use lightcrest::{FrozenTrial, TrialState};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const UTC: Zone = Zone::East(0);

/// A journal with all that a study may have, as several workers write it.
const JOURNAL: &str = r#"
{"op_code":0,"worker_id":"a","study_name":"everything","directions":[1]}
{"op_code":0,"worker_id":"b","study_name":"everything","directions":[2]}
{"op_code":0,"worker_id":"a","study_name":"gone","directions":[1]}
{"op_code":0,"worker_id":"a","study_name":"two \"objectives\"","directions":[1,2]}
{"op_code":4,"worker_id":"a","study_id":1,"datetime_start":"2026-11-30T09:00:00.000000+00:00"}
{"op_code":1,"worker_id":"a","study_id":1}
{"op_code":2,"worker_id":"a","study_id":0,"user_attr":{"why":{"a":[1,null,NaN,"NaN"]}}}
{"op_code":3,"worker_id":"a","study_id":0,"system_attr":{"study:metric_names":["loss"]}}
{"op_code":2,"worker_id":"a","study_id":1,"user_attr":{"lost":1}}
{"op_code":4,"worker_id":"a","study_id":0,"datetime_start":"2026-11-30T09:00:00.123456+00:00"}
{"op_code":5,"worker_id":"a","trial_id":1,"param_name":"x","param_value_internal":0.1,"distribution":"{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": null, \"low\": 1e-05, \"high\": 1.0, \"log\": true}}"}
{"op_code":5,"worker_id":"a","trial_id":1,"param_name":"n","param_value_internal":3.0,"distribution":"{\"name\": \"IntDistribution\", \"attributes\": {\"log\": false, \"step\": 2, \"low\": 1, \"high\": 9}}"}
{"op_code":5,"worker_id":"a","trial_id":1,"param_name":"c","param_value_internal":0.0,"distribution":"{\"name\": \"CategoricalDistribution\", \"attributes\": {\"choices\": [null, true, \"a\", 1.5, 2, NaN]}}"}
{"op_code":5,"worker_id":"b","trial_id":1,"param_name":"x","param_value_internal":0.1,"distribution":"{\"name\": \"IntDistribution\", \"attributes\": {\"log\": false, \"step\": 1, \"low\": 0, \"high\": 1}}"}
{"op_code":7,"worker_id":"a","trial_id":1,"step":3,"intermediate_value":NaN}
{"op_code":7,"worker_id":"a","trial_id":1,"step":1,"intermediate_value":-Infinity}
{"op_code":8,"worker_id":"a","trial_id":1,"user_attr":{"note":"ü\n\"","big":[1e300]}}
{"op_code":9,"worker_id":"a","trial_id":1,"system_attr":{"constraints":[-1.0,0.5]}}
{"op_code":9,"worker_id":"a","trial_id":1,"system_attr":{"constraints:memory":Infinity}}
{"op_code":6,"worker_id":"a","trial_id":1,"state":1,"values":[0.1],"datetime_complete":"2026-11-30T09:00:01.000001+00:00"}
{"op_code":6,"worker_id":"b","trial_id":1,"state":3,"values":null,"datetime_complete":"2026-11-30T09:00:02.000000+00:00"}
{"op_code":4,"worker_id":"a","study_id":0,"datetime_start":null,"state":4,"value":null,"values":null,"params":{},"distributions":{},"user_attrs":{},"system_attrs":{"fixed_params":{"x":0.5,"c":null,"extra":[1,2]}},"intermediate_values":{}}
{"op_code":4,"worker_id":"a","study_id":0,"datetime_start":"2026-11-30T11:00:00.000000+02:00","datetime_complete":"2026-11-30T09:00:03.000000+00:00","state":2,"value":0.25,"values":null,"params":{"c":5.0},"distributions":{"c":"{\"name\": \"CategoricalDistribution\", \"attributes\": {\"choices\": [null, true, \"a\", 1.5, 2, NaN]}}"},"user_attrs":{},"system_attrs":{},"intermediate_values":{"0":0.5,"10":0.25}}
{"op_code":4,"worker_id":"a","study_id":0,"datetime_start":"2026-11-30T09:00:00.000000+00:00","datetime_complete":"2026-11-30T09:00:03.000000+00:00","state":2,"value":7.0,"values":null,"params":{},"distributions":{},"user_attrs":{},"system_attrs":{},"intermediate_values":{}}
{"op_code":4,"worker_id":"a","study_id":0,"datetime_start":"2026-11-30T09:00:00.000000+00:00","datetime_complete":"2026-11-30T09:00:03.000000+00:00","state":3,"value":null,"values":null,"params":{},"distributions":{},"user_attrs":{},"system_attrs":{"failed_trial":0,"retry_history":[0]},"intermediate_values":{}}
{"op_code":4,"worker_id":"a","study_id":0,"datetime_start":null,"state":4,"value":null,"values":null,"params":{"x":0.5},"distributions":{"x":"{\"name\": \"FloatDistribution\", \"attributes\": {\"step\": 0.25, \"low\": 0.0, \"high\": 1.0, \"log\": false}}"},"user_attrs":{},"system_attrs":{},"intermediate_values":{}}
{"op_code":4,"worker_id":"a","study_id":0,"datetime_start":"2026-11-30T09:00:04.000000+00:00"}
{"op_code":4,"worker_id":"a","study_id":2,"datetime_start":"2026-11-30T09:00:00.000000+00:00","datetime_complete":"2026-11-30T09:00:03.000000+00:00","state":1,"value":null,"values":[Infinity,-2.5],"params":{},"distributions":{},"user_attrs":{},"system_attrs":{},"intermediate_values":{}}
{"op_code":10,"worker_id":"a","trial_ids":[0]}
{"op_code":8,"worker_id":"a","trial_id":99,"user_attr":{"lost":1}}
{"op_code":8,"worker_id":"a","trial_id":1,"user"#;

fn written(path: &Path) -> String {
    std::fs::write(path, JOURNAL.trim_start()).unwrap();
    path.display().to_string()
}

fn place() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().to_owned();
    (folder, path)
}

fn file(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// NaN is unlike itself.
fn shown(studies: &[OptunaStudy]) -> String {
    format!("{studies:#?}")
}

/// The studies as they are after a stay in a storage.
fn kept(studies: &[OptunaStudy], catalog: &mut dyn Catalog) -> Vec<OptunaStudy> {
    let each = |study: &OptunaStudy| {
        let mut storage = catalog.study(study.name()).unwrap();
        assert_eq!(study.keep(&mut *storage, study.name()).unwrap(), study.trials() as u64);
        OptunaStudy::of(&mut *catalog.look(study.name()).unwrap()).unwrap()
    };
    studies.iter().map(each).collect()
}

#[test]
fn a_journal_is_replayed_and_everything_in_it_has_its_place() {
    let (_folder, folder) = place();
    let studies = read(&written(&folder.join("journal.log")), None, UTC, None).unwrap();
    assert_eq!(
        studies.iter().map(OptunaStudy::name).collect::<Vec<_>>(),
        ["everything", "two \"objectives\""]
    );
    let database = file(&folder, "studies.db");
    let again = kept(&studies, &mut SqliteCatalog::new(&database, None));
    let (definition, history) =
        load(&mut *open_url(&database, None).unwrap().look("everything").unwrap()).unwrap();
    assert_eq!((definition.objectives[0].name.as_str(), definition.discovered), ("value", true));
    assert_eq!(definition.created, 1_796_029_200_000, "when its first trial began");
    let trials = history.trials();
    let states: Vec<TrialState> = trials.iter().map(|trial| trial.state).collect();
    use TrialState::{Complete, Failed, Pruned, Running, Waiting};
    assert_eq!(states, [Complete, Waiting, Pruned, Pruned, Failed, Waiting, Running]);
    let first = &trials[0];
    assert_eq!((&first.values, first.started), (&Some(vec![0.1]), Some(1_796_029_200_123)));
    let value = |name: &str| first.configuration.get(name).unwrap().clone();
    assert_eq!((value("x"), value("n"), value("c")), (Value::Float(0.1), Value::Int(3), Value::Null));
    assert_eq!((first.reports[0].clone(), first.reports[1].0), ((1, vec![f64::NEG_INFINITY]), 3));
    let constraints = [("0", -1.0), ("1", 0.5), ("memory", f64::INFINITY)];
    assert_eq!(first.constraints, constraints.map(|(name, excess)| (name.to_owned(), excess)));
    assert_eq!(first.attributes["note"], "ü\n\"");
    assert_eq!(definition.space.len(), 3);
    let configuration = |trial: &FrozenTrial| trial.configuration.len();
    assert_eq!(
        (configuration(&trials[1]), configuration(&trials[5])),
        (3, 1),
        "what is enqueued will be tried"
    );
    assert_eq!(trials[4].attributes["lightcrest:system"]["retry_history"], serde_json::json!([0]));

    assert_eq!(shown(&again), shown(&studies));
}

/// What `xtask/python/optuna_files.py make` wrote with another version of Optuna, changed by `sql`.
fn made(folder: &Path, dump: &str, sql: &str) -> Vec<OptunaStudy> {
    let path = folder.join(format!("made-{}.db", sql.len()));
    Connection::open(&path)
        .unwrap()
        .execute_batch(&format!("PRAGMA foreign_keys = 0;\n{dump}\n{sql}"))
        .unwrap();
    read(&path.display().to_string(), None, UTC, None).unwrap()
}

#[test]
fn what_other_versions_wrote_is_read() {
    for (dump, journal) in [
        (include_str!("data/optuna/3.6.2.sql"), include_str!("data/optuna/3.6.2.log")),
        (include_str!("data/optuna/4.5.0.sql"), include_str!("data/optuna/4.5.0.log")),
    ] {
        let (_folder, folder) = place();
        let tables = made(&folder, dump, "");
        assert_eq!(tables.iter().map(OptunaStudy::name).collect::<Vec<_>>(), ["all \"kinds\"", "both"]);
        let log = folder.join("optuna.log");
        std::fs::write(&log, journal).unwrap();
        let journal = read(&log.display().to_string(), None, UTC, None).unwrap();
        // The same seed in both, at another time.
        let trials = |studies: &[OptunaStudy], name: &str| {
            let database = folder.join(name);
            kept(studies, &mut SqliteCatalog::new(&database, None));
            let mut storage = SqliteCatalog::new(&database, None).look("all \"kinds\"").unwrap();
            let timeless = |trial| FrozenTrial { started: None, finished: None, ..trial };
            let mut trials: Vec<FrozenTrial> = load(&mut *storage).unwrap().1.trials().to_vec();
            trials.iter_mut().for_each(|trial| *trial = timeless(trial.clone()));
            trials.iter().map(|t| (t.state, t.values.clone(), t.configuration.clone())).collect::<Vec<_>>()
        };
        let found = trials(&tables, "tables.db");
        assert_eq!(found, trials(&journal, "journal.db"));
        let count = |state| found.iter().filter(|trial| trial.0 == state).count();
        use TrialState::{Complete, Failed, Pruned, Running, Waiting};
        let counts = [Complete, Pruned, Failed, Running, Waiting].map(count);
        assert_eq!(counts, [5, 1, 2, 1, 1]);
        assert_eq!(found[0].1, Some(vec![f64::NEG_INFINITY]));

        // Optuna 3.0 has the same tables, and Optuna 2.10 has no types of values, and old names.
        let older = made(&folder, dump, "UPDATE alembic_version SET version_num = 'v3.0.0.d'");
        assert_eq!(shown(&older), shown(&tables));
        let oldest = made(
            &folder,
            dump,
            "UPDATE alembic_version SET version_num = 'v2.6.0.a';
             UPDATE trial_values SET value = 3.4028234663852886e+38 WHERE value_type = 'INF_POS';
             UPDATE trial_values SET value = -3.4028234663852886e+38 WHERE value_type = 'INF_NEG';
             ALTER TABLE trial_values DROP COLUMN value_type;
             ALTER TABLE trial_intermediate_values DROP COLUMN intermediate_value_type;
             UPDATE trial_params SET distribution_json = replace(distribution_json, 'FloatDistribution',
                 iif(param_name = 'x', 'LogUniformDistribution', 'DiscreteUniformDistribution'))
                 WHERE param_name IN ('x', 'y');
             UPDATE trial_params SET distribution_json = replace(distribution_json, '\"step\"', '\"q\"')
                 WHERE param_name = 'y';
             UPDATE trial_params SET distribution_json = replace(distribution_json, 'IntDistribution',
                 iif(param_name = 'n', 'IntLogUniformDistribution', 'IntUniformDistribution'))
                 WHERE param_name IN ('n', 'm');",
        );
        assert_eq!(shown(&oldest), shown(&tables));
    }
}

#[test]
fn tables_and_journals_give_back_what_was_written() {
    let (_folder, folder) = place();
    let studies = read(&written(&folder.join("journal.log")), None, UTC, None).unwrap();
    for (name, format) in [("optuna.db", Format::Tables), ("again.log", Format::Journal)] {
        let target = file(&folder, name);
        write(&format!("sqlite:///{target}"), format, studies.clone(), UTC, None).unwrap();
        let found = read(&target, None, UTC, None).unwrap();
        assert_eq!(shown(&found), shown(&studies), "{name}");
        let one = read(&target, Some("two \"objectives\""), UTC, None).unwrap();
        assert_eq!(shown(&one), shown(&studies[1..]));
        assert_eq!(read(&target, Some("none"), UTC, None).unwrap(), []);

        let before = std::fs::read(&target).unwrap();
        let refused = write(&target, format, studies.clone(), UTC, None).unwrap_err();
        assert!(refused.to_string().ends_with("it is there already: name a file that is not"), "{refused}");
        assert!(std::fs::read(&target).unwrap() == before, "what is there is left as it is");
    }
    let moved = read(&file(&folder, "optuna.db"), Some("everything"), Zone::East(3600), None).unwrap();
    let times = |studies: &[OptunaStudy]| {
        let (_folder, folder) = place();
        kept(studies, &mut SqliteCatalog::new(folder.join("x.db"), None));
        let mut storage = SqliteCatalog::new(folder.join("x.db"), None).look("everything").unwrap();
        storage.changes(0).unwrap().trials[0].started.unwrap()
    };
    assert_eq!(
        times(&studies[..1]) - times(&moved),
        3_600_000,
        "an hour further east, it is an hour earlier"
    );
}

#[test]
#[cfg(all(unix, feature = "postgres"))]
fn tables_of_a_server_give_back_what_was_written() {
    let Some(server) = server::Server::start() else { return };
    let (_folder, folder) = place();
    let studies = read(&written(&folder.join("journal.log")), None, UTC, None).unwrap();
    let url = server.database("optuna");
    let refused = read(&url, None, UTC, None).unwrap_err().to_string();
    assert!(refused.ends_with("it has no tables of Optuna"), "{refused}");
    write(&url, Format::Tables, studies[..1].to_vec(), UTC, None).unwrap();
    write(&url, Format::Tables, studies[1..].to_vec(), UTC, None).unwrap();
    assert_eq!(shown(&read(&url, None, UTC, None).unwrap()), shown(&studies));
    let taken = write(&url, Format::Tables, studies.clone(), UTC, None).unwrap_err();
    assert!(matches!(&taken, StorageError::Exists { name } if name == "everything"), "{taken}");
    assert_eq!(server.sql("optuna", "SELECT count(*) FROM studies"), "2", "all or nothing");
    // The tables of both may be in one database.
    let again = kept(&studies, &mut *open_url(&url, None).unwrap());
    assert_eq!(shown(&again), shown(&studies));
    assert_eq!(shown(&read(&url, None, UTC, None).unwrap()), shown(&studies));
    server.sql("optuna", "UPDATE alembic_version SET version_num = 'v9.0.0.a'");
    for refused in [
        read(&url, None, UTC, None).map(drop).unwrap_err(),
        write(&url, Format::Tables, Vec::new(), UTC, None).unwrap_err(),
    ] {
        assert!(refused.to_string().contains("version `v9.0.0.a`"), "{refused}");
    }
    assert!(write(&url, Format::Journal, Vec::new(), UTC, None).is_err());
}

#[test]
fn what_is_not_of_optuna_is_refused_with_what_would_be() {
    let (_folder, folder) = place();
    let refused = |contents: &str| {
        let path = folder.join("other.log");
        std::fs::write(&path, contents).unwrap();
        read(&path.display().to_string(), None, UTC, None).unwrap_err().to_string()
    };
    let neither = "it is neither a SQLite file nor a journal";
    assert!(refused("A letter.").contains(neither));
    assert!(refused("A letter.\nOf two lines.\n").contains(neither));
    assert!(refused("{\"op_code\":99}\n").ends_with("line 1: the op_code 99 is not known"));
    let first = JOURNAL.trim_start().lines().next().unwrap();
    assert!(refused(&format!("{first}\n{{\"op_code\":\n")).contains("line 2 is no entry"));
    assert!(
        refused("{\"op_code\":0,\"study_name\":\"s\",\"directions\":[0]}\n")
            .contains("study `s` has no direction")
    );
    let missing = read(&file(&folder, "none.db"), None, UTC, None).unwrap_err();
    assert!(matches!(missing, StorageError::Missing { .. }), "{missing}");

    let path = folder.join("song.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE song (title TEXT)").unwrap();
    let refused = read(&path.display().to_string(), None, UTC, None).unwrap_err().to_string();
    assert!(refused.ends_with("it has no tables of Optuna"), "{refused}");

    let studies = read(&written(&folder.join("journal.log")), Some("everything"), UTC, None).unwrap();
    let target = file(&folder, "optuna.db");
    write(&target, Format::Tables, studies, UTC, None).unwrap();
    let error = open_url(&target, None).unwrap().study("everything").err().unwrap().to_string();
    assert!(error.contains("a database of another program (Optuna: `lightcrest studies import`"), "{error}");
    Connection::open(&target)
        .unwrap()
        .execute_batch("UPDATE alembic_version SET version_num = 'v1.3.0.a'")
        .unwrap();
    let error = read(&target, None, UTC, None).unwrap_err().to_string();
    assert!(
        error.contains("of version `v1.3.0.a` of Optuna's, but v2.6.0.a to v3.2.0.a are read"),
        "{error}"
    );
    let long = "x".repeat(513);
    let journal = folder.join("long.log");
    std::fs::write(&journal, first.replace("everything", &long) + "\n").unwrap();
    let studies = read(&journal.display().to_string(), None, UTC, None).unwrap();
    let error = write(&file(&folder, "long.db"), Format::Tables, studies, UTC, None).unwrap_err().to_string();
    assert!(error.contains("has 513 characters, but Optuna's tables take 512"), "{error}");
    assert!(!folder.join("long.db").exists());
}
