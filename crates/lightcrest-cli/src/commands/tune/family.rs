//! The processes of the trials: what a command starts is stopped with it, and counts to its memory.
//!
//! On Unix each command leads a process group of its own, so Ctrl-C in the terminal does not reach it, and a
//! signal to the group reaches its children. On Linux a [census](super::census) finds those that have left
//! the group, too, and the system kills the program when this one is killed. Elsewhere there are no groups:
//! only the program itself is ended, and at once.

#[cfg(target_os = "linux")]
#[path = "family/linux.rs"]
mod system;
#[cfg(all(unix, not(target_os = "linux")))]
#[path = "family/group.rs"]
mod system;
#[cfg(not(unix))]
#[path = "family/alone.rs"]
mod system;

use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::ending::{self, Left};
use super::process;
use crate::stop::Programs;
use system::System;

/// How often a command that must wait looks whether it may begin.
const LOOK: Duration = Duration::from_millis(10);
/// What one trial has found out serves the others for so long.
const LATELY: Duration = Duration::from_millis(200);

/// The processes of all trials.
#[derive(Debug)]
pub(super) struct Families {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    system: System,
    /// This program is about to exit.
    over: bool,
    /// When the processes were looked up for all trials.
    looked: Option<Instant>,
    /// Since when everything is stopped, if it is.
    suspended: Option<Instant>,
    /// How long everything was stopped before.
    stopped: Duration,
}

/// The command of a trial while it runs. All of its processes are killed when it is dropped.
pub(super) struct Running<'a> {
    families: &'a Families,
    pub(super) child: Child,
    begun: Instant,
    /// How long everything had been stopped by then.
    stopped: Duration,
    /// How the program itself ended, once that is known.
    status: Option<ExitStatus>,
    ended: bool,
}

impl Families {
    /// Without any trial.
    pub(super) fn new() -> Self {
        process::let_children_be_waited_for();
        let system = System::new();
        Self {
            state: Mutex::new(State {
                system,
                over: false,
                looked: None,
                suspended: None,
                stopped: Duration::ZERO,
            }),
        }
    }

    /// Starts the command of a trial, whose folder its environment names, as the leader of a new group.
    ///
    /// # Errors
    /// If the system refuses.
    pub(super) fn start(&self, command: &mut Command, folder: &Path) -> io::Result<Running<'_>> {
        system::lead(command);
        // Under the lock, so that nothing is started behind the back of whoever stops everything.
        let mut state = loop {
            let state = self.state();
            if !state.over && state.suspended.is_none() {
                break state;
            }
            drop(state);
            thread::sleep(LOOK);
        };
        let child = command.spawn()?;
        state.system.begin(child.id(), folder);
        let stopped = state.stopped;
        drop(state);
        Ok(Running { families: self, child, begun: Instant::now(), stopped, status: None, ended: false })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Looks up the processes of all trials, unless another trial did so just now.
    fn look_lately(&mut self) {
        if self.looked.is_none_or(|at| at.elapsed() >= LATELY) {
            self.system.look();
            self.looked = Some(Instant::now());
        }
    }

    /// How long everything was stopped so far.
    fn stopped(&self) -> Duration {
        self.stopped + self.suspended.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

impl Programs for Families {
    fn kill(&self) {
        let mut state = self.state();
        state.over = true;
        state.system.kill_all();
    }

    fn suspend(&self) {
        let mut state = self.state();
        state.suspended.get_or_insert_with(Instant::now);
        state.system.suspend();
    }

    fn resume(&self) {
        let mut state = self.state();
        state.stopped = state.stopped();
        state.suspended = None;
        state.system.resume();
    }
}

impl Running<'_> {
    /// How long it has run; the time in which Ctrl-Z had stopped it does not count.
    pub(super) fn elapsed(&self) -> Duration {
        let stopped = self.families.state().stopped().saturating_sub(self.stopped);
        self.begun.elapsed().saturating_sub(stopped)
    }

    /// Whether the program itself has ended; what it has started may still run.
    ///
    /// # Errors
    /// If the system cannot tell.
    pub(super) fn has_ended(&mut self) -> io::Result<bool> {
        // Where the number of a process matters after its end, it is not given back yet.
        if system::HOLDS_NUMBERS {
            return system::has_ended(self.child.id());
        }
        self.status = self.child.try_wait()?;
        Ok(self.status.is_some())
    }

    /// Learns who has joined the family, while the parents can still tell, and takes notice of orphans that
    /// have ended.
    pub(super) fn look(&self) {
        self.families.state().look_lately();
    }

    /// Bytes of memory of all processes, of which what several share counts once, as far as it is more than
    /// `limit`; less costs less to find out and may be told too high.
    pub(super) fn memory(&self, limit: u64) -> u64 {
        let mut state = self.families.state();
        state.look_lately();
        let members = state.system.members(self.child.id());
        drop(state);
        system::memory(&members, limit)
    }

    /// Asks all processes to end, and kills those that are left after the grace time. Returns when none is
    /// left; `pause` waits, and may do something meanwhile.
    ///
    /// # Errors
    /// Processes that do not even end when they are killed; they are left behind.
    pub(super) fn stop(&mut self, grace: Duration, pause: impl FnMut(Duration)) -> Result<(), Left> {
        if self.ended {
            return Ok(());
        }
        self.ended = true;
        let result = ending::wind_down(&mut Ending { running: self, asked: Vec::new() }, grace, pause);
        let mut state = self.families.state();
        // Under the lock: the number of the program is free from here on.
        if let Ok(Some(status)) = self.child.try_wait() {
            self.status = Some(status);
        }
        state.system.end(self.child.id());
        result
    }

    /// How the program itself ended, once everything is stopped.
    pub(super) fn status(&self) -> Option<ExitStatus> {
        self.status
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // Whatever is left was named before, or this is a panic.
        drop(self.stop(Duration::ZERO, thread::sleep));
    }
}

/// A trial whose processes are to end.
struct Ending<'a, 'b> {
    running: &'a mut Running<'b>,
    /// Those that were asked.
    asked: Vec<system::Asked>,
}

impl ending::Processes for Ending<'_, '_> {
    fn elapsed(&self) -> Duration {
        self.running.elapsed()
    }

    fn ask(&mut self) -> Vec<u32> {
        let mut state = self.running.families.state();
        state.system.ask(&mut self.running.child, &mut self.asked)
    }

    fn kill(&mut self) -> Vec<u32> {
        let mut state = self.running.families.state();
        state.system.kill(&mut self.running.child)
    }
}
