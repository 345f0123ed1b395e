//! Disks that are full, and file systems that cannot be written: a small file system in memory is mounted
//! for it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![cfg(target_os = "linux")]

use lightcrest::objective::{Evaluation, ObjectiveInfo};
use lightcrest::sampler::RandomSampler;
use lightcrest::space::Space;
use lightcrest::storage::{SqliteStorage, StorageError, load, open_url};
use lightcrest::{Study, StudyError, TrialState};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of 16 megabytes, gone when this is dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    /// `None` where nothing can be mounted: then a line says so, and CI demands it.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"])
            .arg(folder.path())
            .output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        assert!(std::env::var_os("CI").is_none(), "CI needs the right to mount a tmpfs");
        eprintln!("not run: a tmpfs cannot be mounted here (it takes root)");
        None
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn remount(&self, how: &str) {
        let options = format!("remount,{how}");
        assert!(Command::new("mount").args(["-o", &options]).arg(self.0.path()).status().unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg(self.0.path()).status().ok();
    }
}

fn study(path: &Path) -> Result<Study, StudyError> {
    let space = Space::builder().float("x", 0.0, 1.0).build()?;
    let storage = open_url(path.to_str().unwrap(), None)?.study("disk")?;
    let study =
        Study::builder(space, vec![ObjectiveInfo::minimize("loss")]).name("disk").boxed_storage(storage);
    study.sampler(RandomSampler::new()).write_through(true).build()
}

/// One trial with a text of some length.
fn run(study: &mut Study) -> Result<u64, StudyError> {
    let number = study.ask()?.number;
    study.set_attribute(number, "text", "a long text. ".repeat(200))?;
    study.tell(number, Ok(Evaluation::new([number as f64])))?;
    Ok(number)
}

#[test]
fn a_full_disk_loses_nothing_and_the_study_goes_on_when_there_is_room_again() {
    let Some(disk) = Disk::mount() else { return };
    let path = disk.path("study.db");
    let room = disk.path("room");
    std::fs::write(&room, vec![1; 8 << 20]).unwrap();
    let mut own = study(&path).unwrap();
    let mut kept = Vec::new();
    let error = loop {
        match run(&mut own) {
            Ok(number) => kept.push(number),
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, StudyError::Storage(StorageError::DiskFull { .. })), "{error}: {error:?}");
    assert!(error.to_string().contains("free some space"), "{error}");
    assert!(kept.len() > 10, "{} trials", kept.len());
    std::fs::remove_file(&room).unwrap();
    for _ in 0..20 {
        kept.push(run(&mut own).unwrap());
    }
    drop(own);
    let (_, history) = load(&mut SqliteStorage::read(&path).unwrap()).unwrap();
    for number in kept {
        let trial = history.get(number).unwrap();
        assert_eq!((trial.state, &trial.values), (TrialState::Complete, &Some(vec![number as f64])));
    }
    let connection = Connection::open(&path).unwrap();
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

#[test]
fn what_cannot_be_written_can_be_read_and_says_that_it_cannot_be_worked_on() {
    let Some(disk) = Disk::mount() else { return };
    let path = disk.path("study.db");
    let mut own = study(&path).unwrap();
    for _ in 0..3 {
        run(&mut own).unwrap();
    }
    drop(own);
    let before = std::fs::read(&path).unwrap();
    disk.remount("ro");
    let (_, history) = load(&mut SqliteStorage::read(&path).unwrap()).unwrap();
    assert_eq!(history.finished(), 3);
    let error = study(&path).map(drop).unwrap_err();
    assert!(matches!(&error, StudyError::Storage(StorageError::ReadOnly { .. })), "{error}: {error:?}");
    assert!(error.to_string().contains("study.db cannot be written"), "{error}");
    let new = study(&disk.path("new.db")).map(drop).unwrap_err();
    assert!(new.to_string().contains("new.db"), "{new}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    disk.remount("rw");
    let mut own = study(&path).unwrap();
    assert_eq!(run(&mut own).unwrap(), 3, "it goes on");
}
