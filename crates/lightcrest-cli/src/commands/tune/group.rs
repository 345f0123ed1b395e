//! The processes of a trial, as a group: what a command starts is stopped with it.
//!
//! On Unix each command leads a process group of its own, so Ctrl-C in the terminal does not reach it, and a signal to the group reaches
//! its children. On Linux it is also killed when this process is. Elsewhere there are no groups: only the program itself is ended, and at
//! once.

use std::collections::BTreeSet;
use std::io;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often a group that is being stopped is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// The groups that run.
#[derive(Debug, Default)]
pub(super) struct Groups {
    running: Mutex<BTreeSet<u32>>,
}

/// The command of a trial while it runs. Its group is killed when it is dropped.
pub(super) struct Running<'a> {
    groups: &'a Groups,
    pub(super) child: Child,
    grace: Duration,
    ended: bool,
}

impl Groups {
    /// Starts a command as the leader of a new group.
    ///
    /// # Errors
    /// If the system refuses.
    pub(super) fn start(&self, command: &mut Command, grace: Duration) -> io::Result<Running<'_>> {
        system::lead(command);
        // Under the lock, so that nothing is started behind the back of `end`.
        let mut running = self.running();
        let child = command.spawn()?;
        running.insert(child.id());
        Ok(Running { groups: self, child, grace, ended: false })
    }

    /// Kills all groups, and lets none begin: the process is about to exit.
    pub(super) fn end(&self) {
        let running = self.running();
        running.iter().for_each(|id| system::kill(*id));
        std::mem::forget(running);
    }

    fn running(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running<'_> {
    /// Asks all processes of the group to end, and kills those that are left after the grace time. Returns when none is left.
    pub(super) fn stop(&mut self) {
        if self.ended {
            return;
        }
        let id = self.child.id();
        // The number of a group that is gone may soon be that of another one.
        if self.is_alive() {
            system::terminate(id);
        }
        let deadline = Instant::now() + self.grace;
        let mut asked = system::CAN_ASK;
        while self.is_alive() {
            if asked && Instant::now() >= deadline {
                asked = false;
            }
            if !asked {
                system::kill(id);
                // Where there are no groups.
                drop(self.child.kill());
            }
            std::thread::sleep(LOOK);
        }
        self.ended = true;
        self.groups.running().remove(&id);
    }

    /// Whether a process of the group lives; takes the exit code of one that has ended off the system's hands.
    fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None)) || system::is_alive(self.child.id())
    }

    /// How the program itself ended, once it has.
    ///
    /// # Errors
    /// If the system cannot tell.
    pub(super) fn exit(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.grace = Duration::ZERO;
        self.stop();
    }
}

#[cfg(unix)]
mod system {
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    use rustix::process::{Pid, Signal, kill_process_group};

    use super::super::process;

    /// Whether a process can be asked to end.
    pub(super) const CAN_ASK: bool = true;

    pub(super) fn lead(command: &mut Command) {
        command.process_group(0);
        #[cfg(target_os = "linux")]
        // SAFETY: the closure makes one system call and touches no memory that other threads share, as is right between fork and
        // exec.
        unsafe {
            command.pre_exec(|| Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?));
        }
    }

    fn send(id: u32, signal: Signal) {
        if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
            // A group that is gone needs no signal.
            let _ = kill_process_group(pid, signal);
        }
    }

    pub(super) fn terminate(id: u32) {
        send(id, Signal::TERM);
    }

    pub(super) fn kill(id: u32) {
        send(id, Signal::KILL);
    }

    pub(super) fn is_alive(id: u32) -> bool {
        process::group_is_alive(id)
    }
}

#[cfg(not(unix))]
mod system {
    use std::process::Command;

    pub(super) const CAN_ASK: bool = false;

    pub(super) fn lead(_: &mut Command) {}

    pub(super) fn terminate(_: u32) {}

    pub(super) fn kill(_: u32) {}

    pub(super) fn is_alive(_: u32) -> bool {
        false
    }
}
