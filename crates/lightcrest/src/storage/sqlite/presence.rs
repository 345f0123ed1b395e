//! Which workers live.
//!
//! Each handle that works on a study takes one byte of `FILE-lock` while it lives, at a place drawn at
//! random: an exclusive record lock (`fcntl`), which the kernel gives back at the moment when the process
//! dies, however it dies. No clock is needed, and nothing is left behind. Others ask the kernel whether the
//! byte is locked.
//!
//! Three traps of such locks shape this module. A process never sees its own, so those are listed here. All
//! of a process's locks on a file are gone when it closes any descriptor of the file, so each file is opened
//! once, in a table that all handles of the process share. And a child that was forked has none of them,
//! which is what is wanted: a worker is as dead as its own process, whatever children it left; but it has the
//! table, so that is begun anew.

use std::io;
use std::path::Path;

#[cfg(unix)]
pub(super) use unix::Presence;

#[cfg(not(unix))]
pub(super) use other::Presence;

/// Where a new worker's byte is.
fn place() -> io::Result<i64> {
    // Within what every system takes for the length of a file; 0 is nobody.
    let random = getrandom::u64().map_err(io::Error::other)?;
    Ok((random >> 2).max(1) as i64)
}

fn lock_path(database: &Path) -> std::path::PathBuf {
    super::beside(database, "-lock")
}

#[cfg(unix)]
mod unix {
    use super::{lock_path, place};
    use crate::storage::sqlite::system::{lock_exclusive, locked_by_another, unlock};
    use std::collections::{BTreeSet, HashMap};
    use std::fs::{File, OpenOptions};
    use std::io;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

    /// A file of locks, and the bytes of it that handles of this process have.
    struct LockFile {
        key: (u64, u64),
        file: File,
        held: Mutex<BTreeSet<i64>>,
    }

    /// The files that are open, by device and inode, and the process that opened them.
    struct Table {
        process: u32,
        files: Option<HashMap<(u64, u64), Arc<LockFile>>>,
    }

    static TABLE: Mutex<Table> = Mutex::new(Table { process: 0, files: None });

    fn table() -> MutexGuard<'static, Table> {
        let mut table = TABLE.lock().unwrap_or_else(PoisonError::into_inner);
        let process = std::process::id();
        if table.process != process {
            // A child that was forked: what is there is its parent's.
            table.files = None;
            table.process = process;
        }
        table
    }

    impl LockFile {
        fn held(&self) -> MutexGuard<'_, BTreeSet<i64>> {
            self.held.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// A worker, as long as it lives.
    pub(in super::super) struct Presence {
        file: Arc<LockFile>,
        byte: i64,
        process: u32,
    }

    impl Presence {
        /// A new worker on a database.
        pub(in super::super) fn enter(database: &Path) -> io::Result<Self> {
            let path = lock_path(database);
            let mut table = table();
            let process = table.process;
            let files = table.files.get_or_insert_default();
            let key = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
            let known = std::fs::metadata(&path).ok().and_then(|found| files.get(&key(found)).cloned());
            let file = match known {
                Some(file) => file,
                None => {
                    let options =
                        OpenOptions::new().create(true).truncate(false).read(true).write(true).clone();
                    let file = options.open(&path)?;
                    let key = key(file.metadata()?);
                    let file = Arc::new(LockFile { key, file, held: Mutex::default() });
                    files.insert(key, Arc::clone(&file));
                    file
                }
            };
            let byte = place()?;
            lock_exclusive(&file.file, byte, 1)?;
            file.held().insert(byte);
            Ok(Self { file, byte, process })
        }

        /// What names this worker.
        pub(in super::super) fn owner(&self) -> i64 {
            self.byte
        }

        /// Whether a worker lives.
        pub(in super::super) fn is_alive(&self, owner: i64) -> io::Result<bool> {
            if owner <= 0 {
                return Ok(false);
            }
            Ok(self.file.held().contains(&owner) || locked_by_another(&self.file.file, owner)?)
        }
    }

    impl Drop for Presence {
        fn drop(&mut self) {
            let mut table = table();
            if self.process != table.process {
                return; // its parent's
            }
            self.file.held().remove(&self.byte);
            // What cannot be unlocked is unlocked when the file is closed.
            unlock(&self.file.file, self.byte, 1).ok();
            // The table's own, and this one: nobody else needs the file.
            if Arc::strong_count(&self.file) == 2 {
                table.files.get_or_insert_default().remove(&self.file.key);
            }
        }
    }
}

/// Where there are no record locks: a file a worker, which it keeps locked.
#[cfg(not(unix))]
mod other {
    use super::{lock_path, place};
    use std::fs::{File, OpenOptions, TryLockError};
    use std::io;
    use std::path::{Path, PathBuf};

    /// A worker, as long as it lives.
    pub(in super::super) struct Presence {
        folder: PathBuf,
        own: Option<File>,
        byte: i64,
    }

    impl Presence {
        /// A new worker on a database.
        pub(in super::super) fn enter(database: &Path) -> io::Result<Self> {
            let folder = lock_path(database).with_extension("workers");
            std::fs::create_dir_all(&folder)?;
            let byte = place()?;
            let own = OpenOptions::new()
                .create(true)
                .truncate(false)
                .write(true)
                .open(folder.join(byte.to_string()))?;
            own.lock()?;
            Ok(Self { folder, own: Some(own), byte })
        }

        /// What names this worker.
        pub(in super::super) fn owner(&self) -> i64 {
            self.byte
        }

        /// Whether a worker lives.
        pub(in super::super) fn is_alive(&self, owner: i64) -> io::Result<bool> {
            let path = self.folder.join(owner.to_string());
            let file = match OpenOptions::new().write(true).open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(error),
            };
            match file.try_lock() {
                Ok(()) => {
                    drop(file);
                    std::fs::remove_file(&path).ok();
                    Ok(false)
                }
                Err(TryLockError::WouldBlock) => Ok(true),
                Err(TryLockError::Error(error)) => Err(error),
            }
        }
    }

    impl Drop for Presence {
        fn drop(&mut self) {
            drop(self.own.take());
            std::fs::remove_file(self.folder.join(self.byte.to_string())).ok();
        }
    }
}
