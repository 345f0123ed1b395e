//! Process groups, where the system tells no more of processes.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// A group is told alive as long as a process of it waits to be noticed.
pub(super) const HOLDS_NUMBERS: bool = false;

/// The group was.
pub(super) type Asked = ();

/// The groups that run.
#[derive(Debug, Default)]
pub(super) struct System {
    leaders: BTreeSet<u32>,
}

pub(super) fn lead(command: &mut Command) {
    command.process_group(0);
}

pub(super) fn has_ended(_: u32) -> io::Result<bool> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn memory(_: &[()], _: u64) -> u64 {
    0
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

fn send(id: u32, signal: Signal) {
    if let Some(pid) = pid(id) {
        // A group that is gone needs no signal.
        let _ = kill_process_group(pid, signal);
    }
}

/// The group, if a process of it lives; takes the exit code of one that has ended off the system's hands.
fn living(child: &mut Child) -> Vec<u32> {
    let lives = matches!(child.try_wait(), Ok(None))
        || pid(child.id()).is_some_and(|pid| test_kill_process_group(pid).is_ok());
    lives.then(|| child.id()).into_iter().collect()
}

impl System {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn begin(&mut self, leader: u32, _: &Path) {
        self.leaders.insert(leader);
    }

    pub(super) fn end(&mut self, leader: u32) {
        self.leaders.remove(&leader);
    }

    pub(super) fn look(&mut self) {}

    pub(super) fn members(&self, _: u32) -> Vec<()> {
        Vec::new()
    }

    pub(super) fn ask(&mut self, child: &mut Child, asked: &mut Vec<Asked>) -> Vec<u32> {
        let living = living(child);
        if asked.is_empty() && !living.is_empty() {
            asked.push(());
            send(child.id(), Signal::TERM);
            // What is stopped cannot hear.
            send(child.id(), Signal::CONT);
        }
        living
    }

    pub(super) fn kill(&mut self, child: &mut Child) -> Vec<u32> {
        let living = living(child);
        living.iter().for_each(|leader| send(*leader, Signal::KILL));
        living
    }

    fn send_all(&mut self, signal: Signal) {
        self.leaders.iter().for_each(|leader| send(*leader, signal));
    }

    pub(super) fn kill_all(&mut self) {
        self.send_all(Signal::KILL);
    }

    pub(super) fn suspend(&mut self) {
        self.send_all(Signal::STOP);
    }

    pub(super) fn resume(&mut self) {
        self.send_all(Signal::CONT);
    }
}
