//! Processes as Linux knows them: all that a trial has started, by a [census](crate::commands::tune::census).

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process_group, set_child_subreaper, waitid,
};

use crate::commands::tune::census::Census;
use crate::commands::tune::process::{self, Id, Stat};

/// The number of a program is kept until all of its family has ended, so a signal to its group reaches no
/// stranger.
pub(super) const HOLDS_NUMBERS: bool = true;

/// A process that was asked to end.
pub(super) type Asked = Id;

/// What of the system's processes is ours.
#[derive(Debug, Default)]
pub(super) struct System {
    census: Census,
}

pub(super) fn lead(command: &mut Command) {
    command.process_group(0);
    // SAFETY: the closure makes one system call and touches no memory that other threads share, as is right
    // between fork and exec.
    unsafe {
        command.pre_exec(|| Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?));
    }
}

pub(super) fn has_ended(id: u32) -> io::Result<bool> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match pid(id) {
        Some(pid) => Ok(waitid(WaitId::Pid(pid), options)?.is_some()),
        None => Ok(true),
    }
}

/// The sum over the processes. What is resident is never less than the proportional share, and costs nothing
/// to know.
pub(super) fn memory(members: &[Stat], limit: u64) -> u64 {
    let resident = members.iter().map(Stat::resident).sum();
    if resident <= limit { resident } else { members.iter().map(Stat::proportional).sum() }
}

fn pid(id: u32) -> Option<Pid> {
    i32::try_from(id).ok().and_then(Pid::from_raw)
}

fn send_group(id: u32, signal: Signal) {
    if let Some(pid) = pid(id) {
        // A group that is gone needs no signal.
        let _ = kill_process_group(pid, signal);
    }
}

impl System {
    pub(super) fn new() -> Self {
        // Without it only what never leaves the group is found.
        let _ = set_child_subreaper(Some(getpid()));
        let mut census = Census::default();
        census.ignore(&process::all(), std::process::id());
        Self { census }
    }

    pub(super) fn begin(&mut self, leader: u32, folder: &Path) {
        self.census.begin(leader, folder);
    }

    pub(super) fn end(&mut self, leader: u32) {
        self.census.end(leader);
    }

    pub(super) fn look(&mut self) {
        let own = std::process::id();
        self.census.take(&process::all(), own, process::trial_folder);
        for orphan in self.census.ended_orphans(own) {
            if let Some(pid) = pid(orphan.id.pid) {
                // Its number is free from here on.
                let _ = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
            }
        }
        self.census.of_none().for_each(|stat| process::send(stat.id, Signal::KILL));
    }

    pub(super) fn members(&self, leader: u32) -> Vec<Stat> {
        self.census.of(leader).filter(|stat| stat.is_alive()).cloned().collect()
    }

    /// Those of the family that live.
    fn living(&mut self, leader: u32) -> Vec<Stat> {
        self.look();
        self.members(leader)
    }

    pub(super) fn ask(&mut self, child: &mut Child, asked: &mut Vec<Asked>) -> Vec<u32> {
        let leader = child.id();
        let living = self.living(leader);
        if asked.is_empty() && living.iter().any(|stat| stat.group == leader) {
            // The group at once, also what is born at this moment; and none of it twice.
            send_group(leader, Signal::TERM);
            asked.extend(living.iter().filter(|stat| stat.group == leader).map(|stat| stat.id));
        }
        for stat in &living {
            if !asked.contains(&stat.id) {
                process::send(stat.id, Signal::TERM);
                asked.push(stat.id);
            }
            if stat.state == 'T' {
                // What is stopped cannot hear.
                process::send(stat.id, Signal::CONT);
            }
        }
        living.iter().map(|stat| stat.id.pid).collect()
    }

    pub(super) fn kill(&mut self, child: &mut Child) -> Vec<u32> {
        let leader = child.id();
        let living = self.living(leader);
        if living.iter().any(|stat| stat.group == leader) {
            send_group(leader, Signal::KILL);
        }
        living.iter().for_each(|stat| process::send(stat.id, Signal::KILL));
        living.iter().map(|stat| stat.id.pid).collect()
    }

    fn send_all(&mut self, signal: Signal) {
        self.look();
        self.census.leaders().for_each(|leader| send_group(leader, signal));
        self.census.all().for_each(|stat| process::send(stat.id, signal));
    }

    pub(super) fn kill_all(&mut self) {
        // Twice, for what was born between the look and the signal.
        self.send_all(Signal::KILL);
        self.send_all(Signal::KILL);
    }

    pub(super) fn suspend(&mut self) {
        self.send_all(Signal::STOP);
    }

    pub(super) fn resume(&mut self) {
        self.send_all(Signal::CONT);
    }
}
