//! The processes of the trials: what a command starts is stopped with it, and counts to its memory.
//!
//! On Unix each command leads a process group of its own, so Ctrl-C in the terminal does not reach it, and a signal to the group reaches
//! its children. On Linux a [census](super::census) finds those that have left the group, too, and the system kills the program when
//! this one is killed. Elsewhere there are no groups: only the program itself is ended, and at once.

use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::ending::{self, Left};
use crate::stop::Programs;
use system::System;

/// How often a command that must wait looks whether it may begin.
const LOOK: Duration = Duration::from_millis(10);

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
        let system = System::new();
        Self { state: Mutex::new(State { system, over: false, suspended: None, stopped: Duration::ZERO }) }
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

    /// Learns who has joined the family, while the parents can still tell, and takes notice of orphans that have ended.
    pub(super) fn look(&self) {
        self.families.state().system.look();
    }

    /// Bytes of memory of all processes, of which what several share counts once, as far as it is more than `limit`; less costs less
    /// to find out and may be told too high.
    pub(super) fn memory(&self, limit: u64) -> u64 {
        let mut state = self.families.state();
        state.system.look();
        let members = state.system.members(self.child.id());
        drop(state);
        system::memory(&members, limit)
    }

    /// Asks all processes to end, and kills those that are left after the grace time. Returns when none is left; `pause` waits, and may
    /// do something meanwhile.
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

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::os::unix::process::CommandExt;
    use std::path::Path;
    use std::process::{Child, Command};

    use rustix::process::{
        Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process_group, set_child_subreaper, waitid,
    };

    use super::super::census::Census;
    use super::super::process::{self, Id, Stat};

    /// The number of a program is kept until all of its family has ended, so a signal to its group reaches no stranger.
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
        // SAFETY: the closure makes one system call and touches no memory that other threads share, as is right between fork and
        // exec.
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

    /// The sum over the processes. What is resident is never less than the proportional share, and costs nothing to know.
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
            Self::default()
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
}

#[cfg(all(unix, not(target_os = "linux")))]
mod system {
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
}

#[cfg(not(unix))]
mod system {
    use std::io;
    use std::path::Path;
    use std::process::{Child, Command};

    pub(super) const HOLDS_NUMBERS: bool = false;

    pub(super) type Asked = ();

    #[derive(Debug, Default)]
    pub(super) struct System;

    pub(super) fn lead(_: &mut Command) {}

    pub(super) fn has_ended(_: u32) -> io::Result<bool> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn memory(_: &[()], _: u64) -> u64 {
        0
    }

    impl System {
        pub(super) fn new() -> Self {
            Self
        }

        pub(super) fn begin(&mut self, _: u32, _: &Path) {}

        pub(super) fn end(&mut self, _: u32) {}

        pub(super) fn look(&mut self) {}

        pub(super) fn members(&self, _: u32) -> Vec<()> {
            Vec::new()
        }

        /// There is no way to ask.
        pub(super) fn ask(&mut self, child: &mut Child, _: &mut Vec<Asked>) -> Vec<u32> {
            self.kill(child)
        }

        pub(super) fn kill(&mut self, child: &mut Child) -> Vec<u32> {
            match child.try_wait() {
                Ok(None) => {
                    // It may just have ended.
                    drop(child.kill());
                    vec![child.id()]
                }
                _ => Vec::new(),
            }
        }

        /// The programs end with the console.
        pub(super) fn kill_all(&mut self) {}

        pub(super) fn suspend(&mut self) {}

        pub(super) fn resume(&mut self) {}
    }
}
