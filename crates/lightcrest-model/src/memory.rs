//! Memory: what this process may use, and how trainings share it.
//!
//! A failed allocation ends the whole program, and a machine without memory ends whatever it likes: what
//! cannot fit is refused before anything is allocated. A tenth of the memory is left for what nobody counts.

use std::fmt;
use std::sync::{Condvar, Mutex, PoisonError};

/// The part of the memory that a training may plan with.
const PLANNED: f64 = 0.9;

/// The memory that trainings share.
#[derive(Debug)]
pub struct Memory {
    /// Bytes that may be used; none where the system does not tell.
    limit: Option<u64>,
    used: Mutex<u64>,
    given_back: Condvar,
}

/// Memory that a training holds as long as this lives.
#[derive(Debug)]
pub struct Share<'a> {
    memory: &'a Memory,
    bytes: u64,
}

impl Memory {
    /// What this process may use: the least of the machine's memory, its control groups' and its own limit on
    /// addresses.
    pub fn of_this_process() -> Self {
        Self::new(limit())
    }

    /// So many bytes.
    pub fn new(limit: Option<u64>) -> Self {
        Self { limit, used: Mutex::new(0), given_back: Condvar::new() }
    }

    /// Whether so many bytes fit when nothing else is trained.
    ///
    /// # Errors
    /// The bytes that are there.
    pub fn check(&self, bytes: u64) -> Result<(), u64> {
        match self.limit {
            Some(limit) if bytes > planned(limit) => Err(limit),
            _ => Ok(()),
        }
    }

    /// Takes a share, as soon as there is one beside the trainings that run.
    ///
    /// # Errors
    /// The bytes that are there, when there never is one.
    pub fn take(&self, bytes: u64) -> Result<Share<'_>, u64> {
        self.check(bytes)?;
        let most = self.limit.map_or(u64::MAX, planned);
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |used: &mut u64| *used > 0 && used.saturating_add(bytes) > most;
        let mut used = self.given_back.wait_while(used, full).unwrap_or_else(PoisonError::into_inner);
        *used = used.saturating_add(bytes);
        Ok(Share { memory: self, bytes })
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        let mut used = self.memory.used.lock().unwrap_or_else(PoisonError::into_inner);
        *used = used.saturating_sub(self.bytes);
        self.memory.given_back.notify_all();
    }
}

/// Whether so many bytes may be planned with; the memory that is there if not.
pub(crate) fn room_for(bytes: u64) -> Result<(), u64> {
    Memory::of_this_process().check(bytes)
}

fn planned(limit: u64) -> u64 {
    (PLANNED * limit as f64) as u64
}

/// Bytes for people, with decimal prefixes.
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
        let (mut value, mut unit) = (self.0 as f64, 0);
        while value >= 999.5 && unit + 1 < units.len() {
            (value, unit) = (value / 1000.0, unit + 1);
        }
        let digits = if unit == 0 || value >= 99.5 { 0 } else { 1 };
        write!(f, "{value:.digits$} {}", units[unit])
    }
}

/// Bytes that this process may use, as Linux tells in files.
fn limit() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    let machine = read("/proc/meminfo").and_then(|text| of_machine(&text));
    let own = read("/proc/self/limits").and_then(|text| of_process(&text));
    let groups = groups(&read("/proc/self/cgroup").unwrap_or_default());
    let groups = groups.iter().filter_map(|path| read(path)?.trim().parse().ok());
    groups.chain(machine).chain(own).min()
}

/// `MemTotal:       16316412 kB`
fn of_machine(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// `Max address space         12884901888          unlimited            bytes`, the first number
fn of_process(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The files that hold the limits of a control group and of those above it: version 2 in one hierarchy
/// (`0::/a/b`), version 1 in one for memory (`9:memory:/a/b`). In a container the own group is the root that
/// is seen.
fn groups(cgroup: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in cgroup.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(group)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        let mut group = group.trim_end_matches('/');
        loop {
            files.push(format!("{root}{group}/{file}"));
            match group.rfind('/') {
                Some(end) => group = &group[..end],
                None => break,
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_tells_is_read() {
        assert_eq!(of_machine("MemFree: 1 kB\nMemTotal:       16316412 kB\n"), Some(16_316_412 * 1024));
        let line = |value: &str| {
            format!("Limit  Soft\nMax address space         {value}            unlimited            bytes")
        };
        assert_eq!(of_process(&line("12884901888")), Some(12_884_901_888));
        assert_eq!(of_process(&line("unlimited")), None);
        let expected =
            ["/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max", "/sys/fs/cgroup/memory.max"];
        assert_eq!(groups("0::/a/b\n"), expected);
        assert_eq!(groups("0::/\n"), expected[2..]);
        let expected = "/sys/fs/cgroup/memory/memory.limit_in_bytes";
        assert_eq!(groups("3:cpu,cpuacct:/x\n9:memory:/\n"), [expected]);
        assert_eq!(limit().is_some(), cfg!(target_os = "linux"));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let memory = Memory::new(Some(1000));
        memory.check(900).unwrap();
        assert_eq!(memory.check(901), Err(1000));
        assert!(memory.take(u64::MAX).is_err());
        Memory::new(None).take(u64::MAX).unwrap();
        assert_eq!(
            [Bytes(999), Bytes(16_000_000_000), Bytes(u64::MAX)].map(|b| b.to_string()),
            ["999 B", "16.0 GB", "18.4 EB"]
        );
    }

    #[test]
    fn trainings_wait_for_memory() {
        let memory = Memory::new(Some(1000));
        let (first, small) = (memory.take(500).unwrap(), memory.take(300).unwrap());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let _share = memory.take(700).unwrap();
                *memory.used.lock().unwrap()
            });
            drop(small);
            drop(first);
            assert_eq!(waiting.join().unwrap(), 700);
        });
        assert_eq!(*memory.used.lock().unwrap(), 0);
    }
}
