//! Reads what a command prints, while it prints it: everything into the trial's log, JSON lines to whoever listens.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A line that is longer than this is only kept in the log.
const LONGEST: usize = 1 << 20;

/// The JSON lines of a command's standard output, and the log that both of its streams go to.
pub(super) struct Output {
    lines: Receiver<String>,
    log: Arc<Mutex<Log>>,
    open: bool,
}

struct Log {
    file: File,
    /// The last line of standard error that is not blank.
    last_error: String,
    /// Why the log is not whole, if it is not.
    failure: Option<io::Error>,
}

/// Cuts a stream into lines; a progress bar that goes back to the beginning of its line writes a new one.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
}

/// A file that somebody else appends JSON lines to.
pub(super) struct Tail {
    file: File,
    lines: Lines,
    read: u64,
}

impl Output {
    /// Begins to read both streams of a command that has just started; the threads end with the streams.
    ///
    /// # Errors
    /// If the log cannot be made.
    pub(super) fn read(child: &mut Child, log: &Path) -> io::Result<Self> {
        let log = Log { file: File::create(log)?, last_error: String::new(), failure: None };
        let log = Arc::new(Mutex::new(log));
        let (sender, lines) = mpsc::channel();
        if let Some(stream) = child.stdout.take() {
            let log = Arc::clone(&log);
            thread::spawn(move || pour(stream, &log, |line, _| send(&sender, line)));
        }
        if let Some(stream) = child.stderr.take() {
            let log = Arc::clone(&log);
            thread::spawn(move || pour(stream, &log, remember));
        }
        Ok(Self { lines, log, open: true })
    }

    /// The next JSON line, if one comes in time.
    pub(super) fn next(&mut self, time: Duration) -> Option<String> {
        if !self.open {
            thread::sleep(time);
            return None;
        }
        match self.lines.recv_timeout(time) {
            Ok(line) => Some(line),
            Err(mpsc::RecvTimeoutError::Timeout) => None,
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                self.open = false;
                None
            }
        }
    }

    /// The lines that are left when the command has ended; a process that got away and holds the stream open is not waited for.
    pub(super) fn rest(&mut self, patience: Duration) -> Vec<String> {
        let deadline = Instant::now() + patience;
        let mut lines = Vec::new();
        while self.open && Instant::now() < deadline {
            lines.extend(self.next(deadline.saturating_duration_since(Instant::now())));
        }
        // Standard error may still be on its way: the log is held by its thread until then.
        while Arc::strong_count(&self.log) > 1 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        lines
    }

    /// Whether more may come.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// The last line of standard error; empty when there is none.
    pub(super) fn last_error(&self) -> String {
        lock(&self.log).last_error.clone()
    }

    /// Why the log is not whole, if it is not.
    pub(super) fn failure(&self) -> Option<io::Error> {
        lock(&self.log).failure.take()
    }
}

impl Tail {
    /// Reads a file from its beginning.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, lines: Lines::default(), read: 0 })
    }

    /// The JSON lines that have been added; at the end also one without a newline.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn next(&mut self, at_end: bool) -> io::Result<Vec<String>> {
        let length = self.file.metadata()?.len();
        if length < self.read {
            // Somebody began the file anew.
            self.read = 0;
            self.lines = Lines::default();
            self.file.seek(SeekFrom::Start(0))?;
        }
        let mut found = Vec::new();
        let mut bytes = Vec::new();
        if length > self.read {
            self.read += (&self.file).take(length - self.read).read_to_end(&mut bytes)? as u64;
        }
        self.lines.add(&bytes, |line| found.extend(json(line)));
        if at_end {
            self.lines.end(|line| found.extend(json(line)));
        }
        Ok(found)
    }
}

impl Lines {
    fn add(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8])) {
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.keep(&bytes[..end]);
            self.end(&mut line);
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
    }

    /// What is left is a line.
    fn end(&mut self, mut line: impl FnMut(&[u8])) {
        if !self.rest.is_empty() && self.rest.len() <= LONGEST {
            line(&self.rest);
        }
        self.rest.clear();
    }

    fn keep(&mut self, bytes: &[u8]) {
        // One byte too many marks a line that is too long.
        let room = (LONGEST + 1).saturating_sub(self.rest.len());
        self.rest.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a stream to its end: all of it into the log, and line by line to `line`.
fn pour(mut stream: impl Read, log: &Mutex<Log>, line: impl Fn(&[u8], &Mutex<Log>)) {
    let mut buffer = [0; 8192];
    let mut lines = Lines::default();
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => {
                let mut held = lock(log);
                let written = held.file.write_all(&buffer[..count]);
                if let Err(error) = written {
                    held.failure.get_or_insert(error);
                }
                drop(held);
                lines.add(&buffer[..count], |text| line(text, log));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    lines.end(|text| line(text, log));
}

fn send(sender: &Sender<String>, line: &[u8]) {
    if let Some(line) = json(line) {
        // Nobody listens any more once the trial is stopped.
        drop(sender.send(line));
    }
}

fn remember(line: &[u8], log: &Mutex<Log>) {
    let text = String::from_utf8_lossy(line);
    if !text.trim().is_empty() {
        lock(log).last_error = text.trim().to_owned();
    }
}

/// A line that may be a JSON object.
fn json(line: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(line);
    let text = text.trim();
    text.starts_with('{').then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_into_lines_wherever_its_pieces_end() {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for piece in ["a", "b\nc\r", "\n", "{\"x\":", " 1}\r\nd"] {
            lines.add(piece.as_bytes(), |line| found.push(String::from_utf8(line.to_vec()).unwrap()));
        }
        assert_eq!(found, ["ab", "c", "{\"x\": 1}"]);
        lines.end(|line| found.push(String::from_utf8(line.to_vec()).unwrap()));
        assert_eq!(found[3..], ["d"]);
    }

    #[test]
    fn a_line_without_end_is_no_line() {
        let mut lines = Lines::default();
        (0..3).for_each(|_| lines.add(&vec![b'x'; LONGEST], |_| panic!("too long")));
        assert!(lines.rest.len() <= LONGEST + 1);
        lines.add(b"\nshort\n", |line| assert_eq!(line, b"short"));
    }

    #[test]
    fn a_file_that_grows_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        let mut file = File::create(&path).unwrap();
        let mut tail = Tail::open(&path).unwrap();
        file.write_all(b"{\"a\": 1}\nnoise\n{\"a\"").unwrap();
        assert_eq!(tail.next(false).unwrap(), ["{\"a\": 1}"]);
        file.write_all(b": 2}").unwrap();
        assert!(tail.next(false).unwrap().is_empty());
        assert_eq!(tail.next(true).unwrap(), ["{\"a\": 2}"]);
        std::fs::write(&path, "{}\n").unwrap();
        assert_eq!(tail.next(false).unwrap(), ["{}"]);
    }
}
