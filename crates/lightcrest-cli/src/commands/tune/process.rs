//! What the system tells of processes. Linux tells all of it in `/proc`; other systems only whether a group lives.

#[cfg(target_os = "linux")]
pub(super) use linux::{end_leftovers, group_is_alive, group_memory};
#[cfg(all(unix, not(target_os = "linux")))]
pub(super) use other::group_is_alive;
#[cfg(not(target_os = "linux"))]
pub(super) use other::{end_leftovers, group_memory};

/// Whether [`group_memory`] can tell anything.
pub(super) const KNOWS_MEMORY: bool = cfg!(target_os = "linux");

#[cfg(target_os = "linux")]
mod linux {
    use std::fs;
    use std::path::Path;

    use rustix::process::{Pid, Signal, kill_process};

    /// What `/proc/PID/stat` says of a process.
    struct Stat {
        state: char,
        group: u32,
        resident_pages: u64,
    }

    /// The numbers of all processes.
    fn all() -> impl Iterator<Item = u32> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
    }

    fn stat(process: u32) -> Option<Stat> {
        parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    /// Fields 3 (state), 5 (process group) and 24 (resident pages) of proc(5). The second is the name in parentheses, in which anything
    /// may stand.
    fn parse(text: &str) -> Option<Stat> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Stat {
            state: field(3)?.chars().next()?,
            group: field(5)?.parse().ok()?,
            resident_pages: field(24)?.parse().unwrap_or(0),
        })
    }

    fn of_group(group: u32) -> impl Iterator<Item = Stat> {
        all().filter_map(stat).filter(move |stat| stat.group == group)
    }

    /// Whether a process of the group lives. One that has ended and waits for its parent to notice does not.
    pub(in super::super) fn group_is_alive(group: u32) -> bool {
        of_group(group).any(|stat| !matches!(stat.state, 'Z' | 'X'))
    }

    /// Bytes of resident memory of all processes of the group; pages that they share count for each of them.
    pub(in super::super) fn group_memory(group: u32) -> u64 {
        let pages: u64 = of_group(group).map(|stat| stat.resident_pages).sum();
        pages * rustix::param::page_size() as u64
    }

    /// Kills what a run that was killed itself has left running: the processes whose environment names a trial's folder of `root`.
    pub(in super::super) fn end_leftovers(root: &Path) {
        let Ok(root) = std::path::absolute(root) else { return };
        let mark = format!("LIGHTCREST_FOLDER={}/", root.join("trials").display()).into_bytes();
        let left = all().filter(|process| {
            // Only those of the same user can be read, and only those could be killed.
            let environment = fs::read(format!("/proc/{process}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(&mark))
        });
        for process in left.filter(|process| *process != std::process::id()) {
            if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
                // It may just have ended.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_name_with_parentheses_is_no_trap() {
            let text = "42 (a) b) S 1 77 77 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 500 9000000 321 18446744073709551615";
            let stat = parse(text).unwrap();
            assert_eq!((stat.state, stat.group, stat.resident_pages), ('S', 77, 321));
            assert!(parse("").is_none());
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::path::Path;

    #[cfg(unix)]
    pub(in super::super) fn group_is_alive(group: u32) -> bool {
        let pid = i32::try_from(group).ok().and_then(rustix::process::Pid::from_raw);
        pid.is_some_and(|pid| rustix::process::test_kill_process_group(pid).is_ok())
    }

    pub(in super::super) fn group_memory(_: u32) -> u64 {
        0
    }

    pub(in super::super) fn end_leftovers(_: &Path) {}
}
