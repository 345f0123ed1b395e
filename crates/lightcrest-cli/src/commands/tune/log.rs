//! The log of a trial: what its program prints, as it comes, and not without bound.
//!
//! A progress bar that is drawn ten times a second fills a disk in a week. Of a long output the beginning is
//! kept, and the end.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// As much of the beginning is kept: 4 MiB.
const HEAD: u64 = 4 << 20;
/// At least as much of the end is kept: 4 MiB. The file is cut when there is twice as much of it.
const TAIL: u64 = 4 << 20;

/// A log.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    length: u64,
    head: u64,
    tail: u64,
    /// The length of the note between beginning and end, if there is one.
    note: u64,
    left_out: u64,
}

impl Log {
    /// Makes the file.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(Self { file, length: 0, head: HEAD, tail: TAIL, note: 0, left_out: 0 })
    }

    /// Writes at the end.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        if self.length > self.head + self.note + 2 * self.tail { self.cut() } else { Ok(()) }
    }

    /// Leaves out what is neither beginning nor end.
    fn cut(&mut self) -> io::Result<()> {
        let mut end = Vec::new();
        self.file.seek(SeekFrom::Start(self.length - self.tail))?;
        (&self.file).take(self.tail).read_to_end(&mut end)?;
        // From the beginning of a line on, if there is one.
        let line = end.iter().position(|byte| matches!(byte, b'\n' | b'\r')).map_or(0, |at| at + 1);
        let end = &end[line..];
        self.left_out += self.length - self.head - self.note - end.len() as u64;
        let note = format!("\n[... {} bytes left out ...]\n", self.left_out);
        self.file.seek(SeekFrom::Start(self.head))?;
        self.file.write_all(note.as_bytes())?;
        self.file.write_all(end)?;
        self.note = note.len() as u64;
        self.length = self.head + self.note + end.len() as u64;
        self.file.set_len(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_keeps_its_beginning_and_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.txt");
        let mut log = Log { head: 20, tail: 30, ..Log::create(&path).unwrap() };
        for i in 0..100 {
            log.write(format!("line {i}\n").as_bytes()).unwrap();
            assert!(path.metadata().unwrap().len() < 20 + 30 + 2 * 30);
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let (begin, rest) = text.split_once("\n[... ").unwrap();
        let (count, end) = rest.split_once(" bytes left out ...]\n").unwrap();
        assert_eq!(begin, "line 0\nline 1\nline 2");
        assert!(end.starts_with("line ") && end.ends_with("line 98\nline 99\n") && end.len() >= 20, "{end}");
        let all: usize = (0..100).map(|i| format!("line {i}\n").len()).sum();
        assert_eq!(count.parse::<usize>().unwrap(), all - begin.len() - end.len());
    }
}
