//! The file of metrics, which the program writes while it is read.
//!
//! Programs append to such a file, write it anew with every epoch, or write another one and rename it. What
//! counts is the file as it is: when what was read before does not stand there any more, all of it is read
//! again. At the end the whole file is compared.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File, Metadata};
use std::hash::Hasher;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::line::{Reader, Said};

/// As many bytes at the beginning and at the end of what was read are compared while the program runs.
const COMPARED: usize = 4096;

/// What became of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Event {
    /// It was begun anew: what was said before does not count any more.
    Anew,
    /// It says something.
    Said(Said),
}

/// A file that somebody else writes.
#[derive(Debug)]
pub(super) struct Tail {
    path: PathBuf,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    identity: (u64, u64),
    /// How long it was when it was read last, and when it had been changed.
    seen: Option<(u64, Option<SystemTime>)>,
    past: Past,
    reader: Reader,
}

/// What was read of a file.
#[derive(Debug, Clone, Default)]
struct Past {
    length: u64,
    first: Vec<u8>,
    last: Vec<u8>,
    hash: DefaultHasher,
}

impl Tail {
    /// Follows the file of this name, which need not be there yet.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), open: None }
    }

    /// What has become of the file; at the end also of a line that has no end.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub(super) fn next(&mut self, at_end: bool) -> io::Result<Vec<Event>> {
        let mut events = Vec::new();
        let now = match fs::metadata(&self.path) {
            Ok(now) if !now.is_file() => return Err(io::Error::other("it is no regular file")),
            Ok(now) => Some(now),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if let (Some(now), Some(open)) = (&now, &mut self.open)
            && open.identity != identity(now)
        {
            // Another file has taken its place; what it said last comes first.
            open.read(true, &mut events)?;
            self.open = None;
            events.push(Event::Anew);
        }
        if let (Some(_), None) = (&now, &self.open) {
            match File::open(&self.path) {
                Ok(file) => self.open = Some(Open::new(file)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        // A file that was removed can still be read.
        if let Some(open) = &mut self.open {
            open.read(at_end, &mut events)?;
        }
        Ok(events)
    }
}

impl Open {
    fn new(file: File) -> io::Result<Self> {
        let identity = identity(&file.metadata()?);
        Ok(Self { file, identity, seen: None, past: Past::default(), reader: Reader::default() })
    }

    /// Reads what is new.
    fn read(&mut self, at_end: bool, events: &mut Vec<Event>) -> io::Result<()> {
        let now = self.file.metadata()?;
        let seen = Some((now.len(), now.modified().ok()));
        if self.seen != seen || at_end {
            self.seen = seen;
            if now.len() < self.past.length || !self.stands(at_end)? {
                self.past = Past::default();
                self.reader = Reader::default();
                events.push(Event::Anew);
            }
            self.file.seek(SeekFrom::Start(self.past.length))?;
            let mut bytes = Vec::new();
            (&self.file).take(now.len().saturating_sub(self.past.length)).read_to_end(&mut bytes)?;
            self.past.add(&bytes);
            self.reader.add(&bytes, |said| events.push(Event::Said(said)));
            self.reader.settle(|said| events.push(Event::Said(said)));
        }
        if at_end {
            self.reader.end(|said| events.push(Event::Said(said)));
        }
        Ok(())
    }

    /// Whether what was read still stands in the file: all of it, or its beginning and its end.
    fn stands(&mut self, all: bool) -> io::Result<bool> {
        let past = &self.past;
        let mut file = &self.file;
        if all {
            file.seek(SeekFrom::Start(0))?;
            let mut again = Past::default();
            let mut buffer = vec![0; 1 << 16];
            let mut rest = file.take(past.length);
            loop {
                match rest.read(&mut buffer) {
                    Ok(0) => return Ok(again.length == past.length && again.hash() == past.hash()),
                    Ok(count) => again.add(&buffer[..count]),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        let mut holds = |at: u64, bytes: &[u8]| -> io::Result<bool> {
            let mut found = Vec::with_capacity(bytes.len());
            file.seek(SeekFrom::Start(at))?;
            file.take(bytes.len() as u64).read_to_end(&mut found)?;
            Ok(found == bytes)
        };
        Ok(holds(0, &past.first)? && holds(past.length - past.last.len() as u64, &past.last)?)
    }
}

impl Past {
    fn add(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        let room = COMPARED - self.first.len();
        self.first.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.last.extend_from_slice(&bytes[bytes.len().saturating_sub(COMPARED)..]);
        self.last.drain(..self.last.len().saturating_sub(COMPARED));
        self.hash.write(bytes);
    }

    fn hash(&self) -> u64 {
        self.hash.finish()
    }
}

/// What tells a file from another one of the same name.
#[cfg(unix)]
fn identity(data: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (data.dev(), data.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> (u64, u64) {
    (0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write;

    struct Place {
        folder: tempfile::TempDir,
        tail: Tail,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let tail = Tail::new(&folder.path().join("metrics.jsonl"));
            Self { folder, tail }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("metrics.jsonl")
        }

        fn write(&self, text: &str) {
            fs::write(self.path(), text).unwrap();
        }

        fn append(&self, text: &str) {
            let mut file = OpenOptions::new().append(true).create(true).open(self.path()).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn replace(&self, text: &str) {
            let new = self.folder.path().join("new");
            fs::write(&new, text).unwrap();
            fs::rename(new, self.path()).unwrap();
        }

        /// What is new: `!` for a file that was begun anew, and the objects.
        fn next(&mut self, at_end: bool) -> String {
            let events = self.tail.next(at_end).unwrap();
            let text = |event: Event| match event {
                Event::Anew => "!".to_owned(),
                Event::Said(Said::Metrics(line)) => line.to_string(),
                Event::Said(other) => format!("{other:?}"),
            };
            events.into_iter().map(text).collect::<Vec<_>>().join(" ")
        }
    }

    #[test]
    fn a_file_that_grows_is_read_once() {
        let mut place = Place::new();
        assert_eq!(place.next(false), "", "it is not there yet");
        place.append("{\"a\": 1}\nnoise\n{\"a\"");
        assert_eq!(place.next(false), "a=1");
        place.append(": 2");
        assert_eq!(place.next(false), "");
        place.append("}");
        assert_eq!(place.next(false), "a=2", "nothing can follow");
        place.append("\n{\"step\": 3, \"a\": 3}\n");
        assert_eq!(place.next(false), "3:a=3");
        assert_eq!(place.next(true), "");
    }

    #[test]
    fn a_file_that_is_written_anew_is_read_again() {
        let mut place = Place::new();
        place.write("{\"a\": 9.5}\n");
        assert_eq!(place.next(false), "a=9.5");
        place.write("{\"a\": 0.25}\n");
        assert_eq!(place.next(false), "! a=0.25", "longer");
        place.write("{\"a\": 0.75}\n");
        assert_eq!(place.next(true), "! a=0.75", "as long");
        place.write("{\"a\": 1}\n");
        assert_eq!(place.next(false), "! a=1", "shorter");
        place.write("");
        assert_eq!(place.next(false), "!");
        place.write("{\n  \"a\": 2,\n  \"b\": 3\n}");
        assert_eq!(place.next(false), "a=2,b=3", "one object");
        place.replace("{\n  \"a\": 3\n}");
        assert_eq!(place.next(false), "! a=3");
        place.replace("{\n  \"a\": 4\n");
        assert_eq!(place.next(false), "!");
        assert!(place.next(true).contains("does not end"));
    }

    #[test]
    fn what_a_removed_file_said_counts_until_there_is_another_one() {
        let mut place = Place::new();
        place.write("{\"a\": 1}\n");
        assert_eq!(place.next(false), "a=1");
        place.append("{\"a\": 2}\n{\"a\": 3");
        fs::remove_file(place.path()).unwrap();
        assert_eq!(place.next(false), "a=2");
        place.write("{\"b\": 1}\n");
        let said = place.next(false);
        assert!(said.contains("NoJson") && said.ends_with("! b=1"), "{said}");
        fs::remove_file(place.path()).unwrap();
        fs::create_dir(place.path()).unwrap();
        assert!(place.tail.next(false).unwrap_err().to_string().contains("no regular file"));
    }

    #[test]
    fn a_change_between_beginning_and_end_is_found_at_the_end() {
        let mut place = Place::new();
        let lines = |middle: u32| -> String {
            (0..2000).map(|i| format!("{{\"a\": {}}}\n", if i == 1000 { middle } else { 1 })).collect()
        };
        place.write(&lines(2));
        place.next(false);
        place.write(&lines(3));
        assert_eq!(place.next(false), "", "as far as one looks while it runs");
        assert!(place.next(true).starts_with("! a=1 "));
    }
}
