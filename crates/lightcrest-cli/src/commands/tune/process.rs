//! What the system tells of processes, and signals to them. Linux tells all of it in `/proc`; other systems
//! only whether a group lives.

#[cfg(target_os = "linux")]
pub(super) use linux::*;

/// Whether the memory of processes is known.
pub(super) const KNOWS_MEMORY: bool = cfg!(target_os = "linux");

/// Takes SIGCHLD back to its default. Who starts this program with the signal ignored lets the system forget
/// how children end, and nobody could wait for them.
pub(super) fn let_children_be_waited_for() {
    #[cfg(unix)]
    // SAFETY: the default action runs no code of this process, and nothing else in it handles this signal.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
    }
}

/// Kills what a run that was killed itself has left running.
#[cfg(not(target_os = "linux"))]
pub(super) fn end_leftovers(_: &std::path::Path) {}

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::BTreeSet;
    use std::ffi::OsStr;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    use rustix::io::Errno;
    use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};

    /// What `/proc/PID/stat` says of a process.
    #[derive(Debug, Clone, Default)]
    pub(in super::super) struct Stat {
        pub(in super::super) id: Id,
        pub(in super::super) state: char,
        pub(in super::super) parent: u32,
        pub(in super::super) group: u32,
        pub(in super::super) session: u32,
        pub(in super::super) resident_pages: u64,
    }

    /// A process for good: its number may be given to another one later, but not with the same time of its
    /// start.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
    pub(in super::super) struct Id {
        pub(in super::super) pid: u32,
        /// In clock ticks since the machine began.
        pub(in super::super) started: u64,
    }

    impl Stat {
        /// Whether it runs. One that has ended and waits for its parent to notice does not.
        pub(in super::super) fn is_alive(&self) -> bool {
            !matches!(self.state, 'Z' | 'X')
        }

        /// Bytes of resident memory; pages that it shares count in full.
        pub(in super::super) fn resident(&self) -> u64 {
            self.resident_pages * rustix::param::page_size() as u64
        }

        /// Bytes of memory, of which pages that `n` processes share count one `n`-th (PSS). The resident
        /// memory where the system does not tell. It costs the time to walk through the page tables.
        pub(in super::super) fn proportional(&self) -> u64 {
            let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.id.pid));
            rollup.ok().and_then(|text| pss(&text)).unwrap_or_else(|| self.resident())
        }
    }

    /// The line `Pss: N kB`.
    fn pss(rollup: &str) -> Option<u64> {
        let rest = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
        rest.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    }

    /// All processes.
    pub(in super::super) fn all() -> Vec<Stat> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.filter_map(stat).collect()
    }

    fn stat(pid: u32) -> Option<Stat> {
        // The name of a program need not be UTF-8.
        parse(pid, &String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/stat")).ok()?))
    }

    /// Fields 3 (state), 4 (parent), 5 (process group), 6 (session), 22 (start) and 24 (resident pages) of
    /// proc(5). The second is the name in parentheses, in which anything may stand.
    fn parse(pid: u32, text: &str) -> Option<Stat> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Stat {
            id: Id { pid, started: field(22)?.parse().ok()? },
            state: field(3)?.chars().next()?,
            parent: field(4)?.parse().ok()?,
            group: field(5)?.parse().ok()?,
            session: field(6)?.parse().ok()?,
            resident_pages: field(24)?.parse().unwrap_or(0),
        })
    }

    /// The folder of the trial that the environment of a process names. Only that of a process of the same
    /// user can be read, and only such a process could be signalled.
    pub(in super::super) fn trial_folder(pid: u32) -> Option<PathBuf> {
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let mut variables = environment.split(|byte| *byte == 0);
        let folder = variables.find_map(|variable| variable.strip_prefix(b"LIGHTCREST_FOLDER="))?;
        Some(PathBuf::from(OsStr::from_bytes(folder)))
    }

    /// Sends a signal to this very process, and to no other one that has got its number meanwhile.
    pub(in super::super) fn send(id: Id, signal: Signal) {
        let Some(pid) = i32::try_from(id.pid).ok().and_then(Pid::from_raw) else { return };
        // The descriptor stays with the process that has the number now; then it is asked which one that is.
        let held = pidfd_open(pid, PidfdFlags::empty());
        if stat(id.pid).is_none_or(|now| now.id != id) {
            return;
        }
        // It may just have ended.
        let _ = match held {
            Ok(process) => pidfd_send_signal(process, signal),
            Err(Errno::SRCH) => Ok(()),
            // An old kernel, or no descriptor is free.
            Err(_) => kill_process(pid, signal),
        };
    }

    /// Kills what a run that was killed itself has left running: the processes whose environment names a
    /// trial's folder that is `trials` or lies in it, and their children.
    pub(in super::super) fn end_leftovers(trials: &Path) {
        let Ok(trials) = std::path::absolute(trials) else { return };
        let own = std::process::id();
        let processes = all();
        let is_left = |stat: &&Stat| trial_folder(stat.id.pid).is_some_and(|it| it.starts_with(&trials));
        let mut left: BTreeSet<u32> = processes.iter().filter(is_left).map(|stat| stat.id.pid).collect();
        left.remove(&own);
        loop {
            let before = left.len();
            let children = processes.iter().filter(|stat| left.contains(&stat.parent));
            let children: Vec<u32> = children.map(|stat| stat.id.pid).filter(|pid| *pid != own).collect();
            left.extend(children);
            if left.len() == before {
                break;
            }
        }
        let left = processes.iter().filter(|stat| left.contains(&stat.id.pid));
        left.for_each(|stat| send(stat.id, Signal::KILL));
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_name_with_parentheses_is_no_trap() {
            let text = "42 (a) b) S 1 77 76 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 500 9000000 321 18446744073709551615";
            let stat = parse(42, text).unwrap();
            assert_eq!((stat.state, stat.parent, stat.group, stat.session), ('S', 1, 77, 76));
            assert_eq!((stat.id.started, stat.resident_pages), (500, 321));
            assert!(parse(42, "").is_none());
        }

        #[test]
        fn the_proportional_memory_is_read() {
            let rollup = "55d0-7ffe ---p 00000000 00:00 0 [rollup]\nRss:     4000 kB\nPss:     1500 kB\nPss_Anon: 1 kB\n";
            assert_eq!(pss(rollup), Some(1500 * 1024));
            let own = stat(std::process::id()).unwrap();
            assert!(own.is_alive() && own.proportional() > 0 && own.proportional() <= 2 * own.resident());
        }

        #[test]
        fn a_process_that_has_the_number_of_an_earlier_one_gets_no_signal() {
            let mut child = std::process::Command::new("sleep").arg("100").spawn().unwrap();
            let id = stat(child.id()).unwrap().id;
            send(Id { started: id.started - 1, ..id }, Signal::KILL);
            assert!(child.try_wait().unwrap().is_none());
            send(id, Signal::KILL);
            assert!(!child.wait().unwrap().success());
        }
    }
}
