//! After a fork: DataLoaders and `multiprocessing` make children that have this process's memory, and with it
//! handles whose connections and locks are their parent's.
//!
//! SQLite forbids to use such a connection, or to close it, since that may take locks away from the parent:
//! it is forgotten, and the file is opened anew. But SQLite keeps in memory which locks its process has on a
//! file, and in the child that list is the parent's, too: it would take two locks for its own that only the
//! parent has, those that say "somebody has this database open". Were the parent to die, the next process
//! would believe to be the only one and begin the WAL anew under the child's feet. So the child takes these
//! two locks itself.

use super::{SqliteStorage, StorageError, connection, refused};

impl SqliteStorage {
    /// Makes the handle one of this process.
    pub(super) fn here(&mut self) -> Result<(), StorageError> {
        let process = std::process::id();
        if process == self.process {
            return Ok(());
        }
        let new = connection(&self.path, self.flags).map_err(|source| refused(&self.place, source))?;
        std::mem::forget(std::mem::replace(&mut self.connection, new));
        self.process = process;
        // Both do nothing to what the parent has.
        (self.presence, self.turn) = (None, None);
        #[cfg(unix)]
        self.open_for_all_to_see()
            .map_err(|source| StorageError::Io { place: self.place.clone(), source })?;
        self.set_durability()
    }

    /// Takes the locks of a process that has the database open, as SQLite's file format has them: bytes of
    /// the database from 0x40000002 on, and the byte 128 of `FILE-shm`, both shared.
    #[cfg(unix)]
    fn open_for_all_to_see(&self) -> std::io::Result<()> {
        use super::{beside, system::lock_shared};
        for (path, start, length) in
            [(self.path.clone(), 0x4000_0002, 510), (beside(&self.path, "-shm"), 128, 1)]
        {
            let file = match std::fs::File::open(&path) {
                Ok(file) => file,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            lock_shared(&file, start, length)?;
            // To close it would give the lock back, and SQLite's own with it.
            std::mem::forget(file);
        }
        Ok(())
    }
}

impl Drop for SqliteStorage {
    fn drop(&mut self) {
        if std::process::id() == self.process {
            return;
        }
        // What is here is the parent's: a connection that nothing is asked of takes its place.
        if let Ok(empty) = rusqlite::Connection::open_in_memory() {
            std::mem::forget(std::mem::replace(&mut self.connection, empty));
        }
    }
}
