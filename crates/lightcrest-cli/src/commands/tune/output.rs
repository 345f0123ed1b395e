//! Reads what a command prints, while it prints it: everything into the trial's log, objects of metrics to
//! whoever listens.

use std::io::{self, Read};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::line::{Lines, Reader, Said};
use super::log::Log;

/// As many lines wait to be heard. A program that says more than its trial can hear waits as well.
const WAITING: usize = 16;
/// As many lines are kept of what is said while the processes of a trial are brought to their end.
const LATE: usize = 10_000;

/// The lines of a command's standard output that matter, and the log that both of its streams go to.
pub(super) struct Output {
    said: Option<Receiver<Said>>,
    late: Vec<Said>,
    record: Arc<Mutex<Record>>,
}

struct Record {
    log: Log,
    /// The last line of standard error that is not blank.
    last_error: String,
    /// Why the log is not whole, if it is not.
    failure: Option<io::Error>,
}

impl Output {
    /// Begins to read both streams of a command that has just started; the threads end with the streams.
    ///
    /// # Errors
    /// If the log cannot be made.
    pub(super) fn read(child: &mut Child, log: &Path) -> io::Result<Self> {
        let record = Record { log: Log::create(log)?, last_error: String::new(), failure: None };
        let record = Arc::new(Mutex::new(record));
        let (sender, said) = mpsc::sync_channel(WAITING);
        if let Some(stream) = child.stdout.take() {
            let record = Arc::clone(&record);
            thread::spawn(move || pour_output(stream, &record, &sender));
        }
        if let Some(stream) = child.stderr.take() {
            let record = Arc::clone(&record);
            thread::spawn(move || pour_errors(stream, &record));
        }
        Ok(Self { said: Some(said), late: Vec::new(), record })
    }

    /// What is said next, if it comes in time.
    pub(super) fn next(&mut self, time: Duration) -> Option<Said> {
        let Some(said) = &self.said else {
            thread::sleep(time);
            return None;
        };
        match said.recv_timeout(time) {
            Ok(said) => Some(said),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                self.said = None;
                None
            }
        }
    }

    /// Waits, and keeps what is said meanwhile for [`rest`](Self::rest): nobody must wait for a listener.
    pub(super) fn wait(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.late.len() < LATE {
                let said = self.next(left);
                self.late.extend(said);
            } else {
                thread::sleep(left);
            }
            if left.is_zero() {
                return;
            }
        }
    }

    /// Hears nothing any more.
    pub(super) fn close(&mut self) {
        self.said = None;
    }

    /// What is left when the command has ended; a process that got away and holds the stream open is not
    /// waited for.
    pub(super) fn rest(&mut self, patience: Duration) -> Vec<Said> {
        let deadline = Instant::now() + patience;
        let mut rest = std::mem::take(&mut self.late);
        while self.said.is_some() && Instant::now() < deadline {
            rest.extend(self.next(deadline.saturating_duration_since(Instant::now())));
        }
        // Standard error may still be on its way: the record is held by its thread until then.
        while Arc::strong_count(&self.record) > 1 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        rest
    }

    /// Whether more may come.
    pub(super) fn is_open(&self) -> bool {
        self.said.is_some()
    }

    /// The last line of standard error; empty when there is none.
    pub(super) fn last_error(&self) -> String {
        lock(&self.record).last_error.clone()
    }

    /// Why the log is not whole, if it is not.
    pub(super) fn failure(&self) -> Option<io::Error> {
        lock(&self.record).failure.take()
    }
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads a stream to its end: all of it into the log, and in pieces to `piece`.
fn pour(mut stream: impl Read, record: &Mutex<Record>, mut piece: impl FnMut(&[u8])) {
    let mut buffer = [0; 8192];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => {
                let mut held = lock(record);
                if let Err(error) = held.log.write(&buffer[..count]) {
                    held.failure.get_or_insert(error);
                }
                drop(held);
                piece(&buffer[..count]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

fn pour_output(stream: impl Read, record: &Mutex<Record>, listener: &SyncSender<Said>) {
    let mut reader = Reader::default();
    // Nobody listens any more once the trial is stopped.
    let tell = |said| drop(listener.send(said));
    pour(stream, record, |bytes| reader.add(bytes, tell));
    reader.end(tell);
}

fn pour_errors(stream: impl Read, record: &Mutex<Record>) {
    let mut lines = Lines::default();
    let remember = |line: &[u8], _: bool| {
        let text = String::from_utf8_lossy(line);
        if !text.trim().is_empty() {
            lock(record).last_error = text.trim().to_owned();
        }
    };
    pour(stream, record, |bytes| lines.add(bytes, remember));
    lines.end(remember);
}
