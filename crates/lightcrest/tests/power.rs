//! Power cuts. A study is kept on a disk that is a file of another file system, and that file is copied in
//! one moment while a worker goes on: the copy has what a disk has whose power fails then. What the kernel
//! had not written yet is not in it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]
#![cfg(target_os = "linux")]

use lightcrest::objective::{Evaluation, ObjectiveInfo};
use lightcrest::sampler::RandomSampler;
use lightcrest::space::Space;
use lightcrest::storage::{SqliteStorage, load, open_url};
use lightcrest::{Study, TrialState};
use rusqlite::Connection;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

/// Where the child finds its database; set by the parent.
const TOLD: &str = "LIGHTCREST_TEST_POWER";
const CUTS: usize = 12;

fn study(url: &str) -> Study {
    let space = Space::builder().float("x", 0.0, 1.0).build().unwrap();
    let storage = open_url(url, None).unwrap().study("power").unwrap();
    let study = Study::builder(space, vec![ObjectiveInfo::minimize("loss")]).name("power");
    study.sampler(RandomSampler::new()).boxed_storage(storage).write_through(true).build().unwrap()
}

/// The worker: no test unless it is told what to do. It makes trials until it is killed, and says which
/// ended.
#[test]
fn worker() {
    let Some(url) = std::env::var_os(TOLD) else { return };
    let mut study = study(url.to_str().unwrap());
    loop {
        let number = study.ask_number().unwrap();
        study.report(number, 1, &[0.5]).unwrap();
        study.tell(number, Ok(Evaluation::new([number as f64]))).unwrap();
        std::io::stdout().write_all(format!("\ntold {number}\n").as_bytes()).unwrap();
    }
}

fn run(program: &str, words: &[&str]) -> bool {
    Command::new(program).args(words).output().is_ok_and(|output| output.status.success())
}

/// A file system in a file, mounted until this is dropped.
struct Mount(PathBuf);

impl Mount {
    fn new(image: &Path, at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).ok()?;
        let words = ["-o", "loop", image.to_str()?, at.to_str()?];
        run("mount", &words).then(|| Self(at.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        run("umount", &[self.0.to_str().unwrap()]);
    }
}

/// A disk that can be copied in one moment, as a file of one that copies so; they are unmounted in this
/// order.
struct Disk {
    inner: Mount,
    outer: Mount,
    folder: tempfile::TempDir,
}

impl Disk {
    fn make() -> Option<Self> {
        // Not in /tmp, which may be in memory.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = |name: &str| folder.path().join(name);
        let image = |path: &Path, megabytes: u64, kind: &str| {
            std::fs::File::create(path).ok()?.set_len(megabytes << 20).ok()?;
            run(&format!("mkfs.{kind}"), &["-q", path.to_str()?]).then_some(())
        };
        image(&path("outer.img"), 256, "btrfs")?;
        let outer = Mount::new(&path("outer.img"), &path("outer"))?;
        let disk = outer.0.join("disk.img");
        image(&disk, 32, "ext4")?;
        let inner = Mount::new(&disk, &path("inner"))?;
        Some(Self { inner, outer, folder })
    }

    /// What the disk has at this moment, as a file.
    fn cut(&self, i: usize) -> PathBuf {
        let cut = self.outer.0.join(format!("cut{i}.img"));
        let disk = self.outer.0.join("disk.img");
        let words = ["--reflink=always", disk.to_str().unwrap(), cut.to_str().unwrap()];
        assert!(run("cp", &words), "{}", cut.display());
        cut
    }
}

/// Cuts the power several times while a worker tells trials. What is left each time: how many trials had
/// been told before, how many are there, and they are the first ones, whole. `None` where it cannot be done:
/// then a line says so, and CI demands it.
fn cut(options: &str) -> Option<Vec<(usize, usize)>> {
    let Some(disk) = Disk::make() else {
        assert!(std::env::var_os("CI").is_none(), "CI needs root, loop devices and btrfs-progs");
        eprintln!("not run: it takes root, loop devices and mkfs.btrfs (apt-get install btrfs-progs)");
        return None;
    };
    let url = format!("sqlite:///{}{options}", disk.inner.0.join("study.db").display());
    drop(study(&url));
    assert!(run("sync", &["-f", disk.inner.0.to_str().unwrap()]), "the study is made before");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "worker", "--nocapture", "--test-threads=1"]).env(TOLD, &url);
    let mut worker = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    let told = Mutex::new(0);
    let cuts: Vec<(usize, PathBuf)> = std::thread::scope(|scope| {
        scope.spawn(|| {
            let said = lines.map_while(Result::ok).filter(|line| line.starts_with("told "));
            said.for_each(|_| *told.lock().unwrap() += 1);
        });
        let one = |i| {
            std::thread::sleep(Duration::from_millis(150));
            let before = *told.lock().unwrap();
            (before, disk.cut(i))
        };
        let cuts = (0..CUTS).map(one).collect();
        worker.kill().unwrap();
        worker.wait().unwrap();
        cuts
    });
    let left = |(before, image): (usize, PathBuf)| {
        let there = Mount::new(&image, &disk.folder.path().join("cut")).expect("it mounts");
        (before, check(&there.0.join("study.db")))
    };
    Some(cuts.into_iter().map(left).collect())
}

/// How many trials have ended: they are the first ones, and whole.
fn check(path: &Path) -> usize {
    let connection = Connection::open(path).unwrap();
    let check: String = connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    drop(connection);
    let (_, history) = load(&mut SqliteStorage::read(path).unwrap()).unwrap();
    let ended = history.trials().iter().take_while(|trial| trial.state == TrialState::Complete);
    for trial in ended.clone() {
        assert_eq!(trial.values, Some(vec![trial.number as f64]));
        assert_eq!(trial.reports, [(1, vec![0.5])]);
    }
    let ended = ended.count();
    assert!(history.len() <= ended + 1, "at most one had begun: {:?}", history.trials().last());
    ended
}

#[test]
fn a_power_cut_takes_nothing_that_was_told_where_the_disk_is_waited_for() {
    let Some(left) = cut("?synchronous=full") else { return };
    assert!(left.iter().all(|(told, there)| there >= told), "told and there: {left:?}");
    assert!(left.last().unwrap().0 > CUTS, "the worker went on: {left:?}");
}

#[test]
fn a_power_cut_leaves_a_whole_study_where_the_disk_is_not_waited_for() {
    let Some(left) = cut("") else { return };
    assert!(left.last().unwrap().0 > CUTS, "the worker went on: {left:?}");
    assert!(left.is_sorted_by_key(|(_, there)| there), "what the disk once had stays: {left:?}");
    // Else a cut would show nothing of a disk that is waited for, either.
    assert!(left.iter().any(|(told, there)| there < told), "what was on its way was cut off: {left:?}");
}
