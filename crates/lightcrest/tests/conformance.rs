//! The storages of this crate keep the contract of storages. PostgreSQL does so in `tests/postgres`.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use lightcrest::storage::{MemoryStorage, SqliteCatalog, SqliteStorage};
use lightcrest::testing;
use tempfile::TempDir;

#[test]
fn memory_conforms() {
    testing::storage(&mut || Box::new(MemoryStorage::new()));
}

#[test]
fn sqlite_conforms() {
    let folder = TempDir::new().unwrap();
    let mut n = 0;
    let mut place = || {
        n += 1;
        folder.path().join(format!("{n}.db"))
    };
    testing::storage(&mut || Box::new(SqliteStorage::open(place()).unwrap()));
    testing::storage(&mut || Box::new(SqliteStorage::open_study(place(), "suite").unwrap()));
    testing::shared_storage(&mut || {
        let path = place();
        Box::new(move || Box::new(SqliteStorage::open(&path).unwrap()))
    });
    let path = place();
    testing::catalog(&mut || Box::new(SqliteCatalog::new(&path, None)));
}
