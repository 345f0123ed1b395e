//! Bytes to UTF-8.
//!
//! A byte order mark decides; without one, bytes that are UTF-8 are UTF-8, and what they are otherwise is
//! guessed from all of them (chardetng, the detector of Firefox) and said.

use std::io::{self, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::Source;
use crate::error::TableError;

/// How many bytes of text the form of a table is found out from.
const SAMPLE: usize = 1 << 20;

/// The encoding of a file.
#[derive(Debug, Clone, Copy)]
pub struct TextEncoding {
    encoding: &'static Encoding,
    guessed: bool,
}

/// The beginning of a text.
pub(super) struct Sample {
    pub(super) text: String,
    /// Whether it is the whole text.
    pub(super) whole: bool,
}

impl TextEncoding {
    /// The encoding of that label, or the one that the bytes tell.
    ///
    /// # Errors
    /// If there is no such encoding, or the bytes cannot be read.
    pub fn find(source: &Source, label: Option<&str>) -> Result<Self, TableError> {
        if let Some(label) = label {
            let found = Encoding::for_label(label.trim().as_bytes());
            let encoding = found.ok_or_else(|| TableError::UnknownEncoding(label.to_owned()))?;
            return Ok(Self { encoding, guessed: false });
        }
        let failed = |error| TableError::Read { path: source.path().to_path_buf(), source: error };
        let mut reader = source.reader()?;
        let mut buffer = vec![0; 1 << 16];
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        let (mut first, mut valid, mut carry) = (true, true, Vec::new());
        loop {
            let count = reader.read(&mut buffer).map_err(failed)?;
            let bytes = &buffer[..count];
            if first && let Some((encoding, _)) = Encoding::for_bom(bytes) {
                return Ok(Self { encoding, guessed: false });
            }
            if first && let Some(encoding) = wide(bytes) {
                return Ok(Self { encoding, guessed: true });
            }
            first = false;
            detector.feed(bytes, count == 0);
            valid = valid && is_utf8(bytes, &mut carry, count == 0);
            if count == 0 {
                break;
            }
        }
        let encoding = if valid { UTF_8 } else { detector.guess(None, Utf8Detection::Deny) };
        Ok(Self { encoding, guessed: !valid })
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.encoding.name()
    }

    /// Whether it was guessed from bytes that are no UTF-8.
    pub fn is_guessed(&self) -> bool {
        self.guessed
    }

    /// The text from its beginning, without a byte order mark.
    pub(super) fn reader(&self, source: &Source) -> Result<Decoded, TableError> {
        Ok(Decoded {
            inner: source.reader()?,
            decoder: self.encoding.new_decoder_with_bom_removal(),
            encoding: self.encoding,
            raw: vec![0; 1 << 16],
            start: 0,
            end: 0,
            finished: false,
            held: Vec::new(),
            given: 0,
            line: 1,
            column: 1,
        })
    }

    pub(super) fn sample(&self, source: &Source) -> Result<Sample, TableError> {
        let mut bytes = Vec::new();
        let read = self.reader(source)?.take(SAMPLE as u64).read_to_end(&mut bytes);
        read.map_err(|error| super::records::io_error(source.path(), error))?;
        let whole = bytes.len() < SAMPLE;
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            // The last character may be cut.
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                String::from_utf8_lossy(&error.as_bytes()[..valid]).into_owned()
            }
        };
        Ok(Sample { text, whole })
    }
}

/// UTF-16 without a mark: text of which every other byte is zero.
fn wide(bytes: &[u8]) -> Option<&'static Encoding> {
    let pairs = bytes.chunks_exact(2).take(512);
    let count = pairs.len();
    let zeros = |which: usize| pairs.clone().filter(|pair| pair[which] == 0).count();
    let (high, low) = (zeros(1), zeros(0));
    match count >= 2 {
        true if high * 10 > count * 6 && low * 10 < count => Some(UTF_16LE),
        true if low * 10 > count * 6 && high * 10 < count => Some(UTF_16BE),
        _ => None,
    }
}

/// Whether a text that comes in pieces is UTF-8 so far.
fn is_utf8(bytes: &[u8], carry: &mut Vec<u8>, last: bool) -> bool {
    let mut joined = std::mem::take(carry);
    joined.extend_from_slice(bytes);
    match std::str::from_utf8(&joined) {
        Ok(_) => true,
        Err(error) if error.error_len().is_none() && !last => {
            *carry = joined[error.valid_up_to()..].to_vec();
            true
        }
        Err(_) => false,
    }
}

/// Bytes that are no text, as an error of the reader.
#[derive(Debug, Clone, thiserror::Error)]
#[error("line {line}, column {column}: bytes {bytes} are no {encoding}")]
pub(super) struct Undecodable {
    pub(super) line: u64,
    pub(super) column: u64,
    pub(super) bytes: String,
    pub(super) encoding: &'static str,
}

/// Decodes while it reads.
pub(super) struct Decoded {
    inner: Box<dyn Read>,
    decoder: Decoder,
    encoding: &'static Encoding,
    raw: Vec<u8>,
    start: usize,
    end: usize,
    finished: bool,
    held: Vec<u8>,
    given: usize,
    line: u64,
    column: u64,
}

impl Decoded {
    /// Decodes some more into `held`.
    fn fill(&mut self) -> io::Result<()> {
        if self.start == self.end && !self.finished {
            self.end = self.inner.read(&mut self.raw)?;
            self.start = 0;
            self.finished = self.end == 0;
        }
        self.held.resize(1 << 17, 0);
        let input = &self.raw[self.start..self.end];
        let (result, read, written) =
            self.decoder.decode_to_utf8_without_replacement(input, &mut self.held, self.finished);
        self.held.truncate(written);
        self.given = 0;
        for byte in &self.held {
            match byte {
                b'\n' => (self.line, self.column) = (self.line + 1, 1),
                // Bytes inside of a character are no column of their own.
                0x80..=0xbf => {}
                _ => self.column += 1,
            }
        }
        let from = self.start;
        self.start += read;
        if let DecoderResult::Malformed(bad, after) = result {
            let end = self.start.saturating_sub(usize::from(after));
            let begin = end.saturating_sub(usize::from(bad)).max(from.min(end));
            let bytes: Vec<String> = self.raw[begin..end].iter().map(|byte| format!("{byte:02x}")).collect();
            let error = Undecodable {
                line: self.line,
                column: self.column,
                bytes: bytes.join(" "),
                encoding: self.encoding.name(),
            };
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(())
    }
}

impl Read for Decoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.held.len() {
            if self.finished {
                return Ok(0);
            }
            self.fill()?;
        }
        let count = buffer.len().min(self.held.len() - self.given);
        buffer[..count].copy_from_slice(&self.held[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}
