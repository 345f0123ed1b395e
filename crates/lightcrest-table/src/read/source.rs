//! Bytes of a file, decompressed.

use std::fs::{self, File};
#[cfg(feature = "parquet")]
use std::io::Seek;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use crate::error::TableError;

/// What the bytes are, by the first ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Delimited text, as it is or packed.
    Text,
    Gzip,
    Zstandard,
    Parquet,
    Arrow,
    ArrowStream,
    Workbook,
}

impl Form {
    /// As a person calls it.
    #[cfg_attr(not(any(feature = "parquet", feature = "xlsx")), allow(dead_code, reason = "of typed files"))]
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Text | Self::Gzip | Self::Zstandard => "delimited text",
            Self::Parquet => "a Parquet file",
            Self::Arrow => "an Arrow file",
            Self::ArrowStream => "an Arrow stream",
            Self::Workbook => "a workbook (xlsx)",
        }
    }
}

/// A file, or bytes that were read already because they come only once.
#[derive(Debug, Clone)]
pub struct Source {
    path: PathBuf,
    held: Option<Arc<Vec<u8>>>,
    form: Form,
}

/// Formats that are told by their first bytes and are no text.
const FORMATS: &[(&[u8], &str, &str)] = &[
    #[cfg(not(feature = "parquet"))]
    (
        b"PAR1",
        "a Parquet file",
        "write it as CSV, such as by `pandas.read_parquet(f).to_csv(g, index=False)`",
    ),
    #[cfg(not(feature = "parquet"))]
    (
        b"ARROW1",
        "an Arrow file",
        "write it as CSV, such as by `pandas.read_feather(f).to_csv(g, index=False)`",
    ),
    #[cfg(not(feature = "parquet"))]
    (b"\xff\xff\xff\xff", "an Arrow stream", "write it as CSV, such as by `pyarrow.csv.write_csv`"),
    (b"FEA1", "a Feather file of version 1", "write it again by a newer pyarrow"),
    #[cfg(not(feature = "xlsx"))]
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook (xlsx)", "unpack it, or save the sheet as CSV"),
    #[cfg(not(feature = "xlsx"))]
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (xls)", "save the sheet as CSV"),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV"),
    (b"\x89HDF", "an HDF5 file", "write the table as CSV"),
    (b"\x93NUMPY", "a NumPy array", "write it as CSV, such as by `numpy.savetxt`"),
    (b"%PDF", "a PDF", "save the table as CSV"),
    (b"BZh", "packed by bzip2", "unpack it first: `bunzip2 FILE`"),
    (b"\xfd7zXZ", "packed by xz", "unpack it first: `unxz FILE`"),
];

impl Source {
    /// A file by its path; `-` is standard input. Pipes are read whole, files as often as needed.
    ///
    /// # Errors
    /// If there is no such file, or it is something else than delimited text.
    pub fn open(path: &Path) -> Result<Self, TableError> {
        let shown = path.to_string_lossy();
        if let Some((scheme, _)) = shown.split_once("://")
            && scheme.chars().all(|c| c.is_ascii_alphanumeric())
        {
            return Err(TableError::Address(shown.into_owned()));
        }
        let read = |source| TableError::Read { path: path.to_path_buf(), source };
        if path == Path::new("-") {
            let mut bytes = Vec::new();
            io::stdin().lock().read_to_end(&mut bytes).map_err(read)?;
            return Self::from_bytes(path, bytes);
        }
        let facts = fs::metadata(path).map_err(read)?;
        if facts.is_dir() {
            return Err(TableError::Folder(path.to_path_buf()));
        }
        if !facts.is_file() {
            return Self::from_bytes(path, fs::read(path).map_err(read)?);
        }
        let mut first = Vec::new();
        File::open(path).and_then(|file| file.take(64).read_to_end(&mut first)).map_err(read)?;
        Ok(Self { path: path.to_path_buf(), held: None, form: form(path, &first)? })
    }

    /// Bytes that are there; the path is for messages.
    ///
    /// # Errors
    /// If they are something else than delimited text.
    pub fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, TableError> {
        let form = form(path, &bytes)?;
        Ok(Self { path: path.to_path_buf(), held: Some(Arc::new(bytes)), form })
    }

    /// The path, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Size of the file in bytes, packed as it is.
    pub fn bytes(&self) -> u64 {
        match &self.held {
            Some(bytes) => bytes.len() as u64,
            None => fs::metadata(&self.path).map_or(0, |facts| facts.len()),
        }
    }

    /// About how many bytes there are unpacked.
    pub(crate) fn unpacked(&self) -> u64 {
        // Text that is packed takes about a fourth.
        if self.form == Form::Text { self.bytes() } else { 4 * self.bytes() }
    }

    /// What it is.
    pub(super) fn form(&self) -> Form {
        self.form
    }

    /// Bytes that were read already because they come only once.
    #[cfg(feature = "parquet")]
    pub(super) fn held(&self) -> Option<Shared> {
        self.held.as_ref().map(|bytes| Shared(Arc::clone(bytes)))
    }

    /// The bytes as they are, wherever one wants to read in them.
    ///
    /// # Errors
    /// If the file cannot be opened.
    #[cfg(feature = "parquet")]
    pub(super) fn seekable(&self) -> Result<BufReader<Box<dyn Seekable>>, TableError> {
        let failed = |source| TableError::Read { path: self.path.clone(), source };
        let raw: Box<dyn Seekable> = match &self.held {
            Some(bytes) => Box::new(Cursor::new(Shared(Arc::clone(bytes)))),
            None => Box::new(File::open(&self.path).map_err(failed)?),
        };
        Ok(BufReader::new(raw))
    }

    /// All of the bytes as they are, in memory.
    ///
    /// # Errors
    /// If the file cannot be read.
    #[cfg(feature = "xlsx")]
    pub(super) fn whole(&self) -> Result<Cursor<Shared>, TableError> {
        let failed = |source| TableError::Read { path: self.path.clone(), source };
        let bytes = match &self.held {
            Some(bytes) => Arc::clone(bytes),
            None => Arc::new(fs::read(&self.path).map_err(failed)?),
        };
        Ok(Cursor::new(Shared(bytes)))
    }

    /// The bytes from the beginning, those of text unpacked.
    ///
    /// # Errors
    /// If the file cannot be opened, or is not packed as its first bytes say.
    pub fn reader(&self) -> Result<Box<dyn Read>, TableError> {
        let failed = |source| TableError::Read { path: self.path.clone(), source };
        let raw: Box<dyn Read> = match &self.held {
            Some(bytes) => Box::new(Cursor::new(Shared(Arc::clone(bytes)))),
            None => Box::new(File::open(&self.path).map_err(failed)?),
        };
        let raw = BufReader::with_capacity(1 << 16, raw);
        Ok(match self.form {
            Form::Gzip => Box::new(MultiGzDecoder::new(raw)),
            Form::Zstandard => {
                let decoder = ruzstd::decoding::StreamingDecoder::new(raw)
                    .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidData, error.to_string())))?;
                Box::new(decoder)
            }
            _ => Box::new(raw),
        })
    }
}

/// What can be read from any place on.
#[cfg(feature = "parquet")]
pub(super) trait Seekable: Read + Seek {}

#[cfg(feature = "parquet")]
impl<T: Read + Seek> Seekable for T {}

/// Bytes of several readers.
#[derive(Clone)]
pub(super) struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

fn form(path: &Path, first: &[u8]) -> Result<Form, TableError> {
    if let Some((_, format, remedy)) = FORMATS.iter().find(|(magic, ..)| first.starts_with(magic)) {
        return Err(TableError::Format { path: path.to_path_buf(), format, remedy });
    }
    Ok(match first {
        [0x1f, 0x8b, ..] => Form::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Form::Zstandard,
        [b'P', b'A', b'R', b'1', ..] => Form::Parquet,
        [b'A', b'R', b'R', b'O', b'W', b'1', ..] => Form::Arrow,
        [0xff, 0xff, 0xff, 0xff, ..] => Form::ArrowStream,
        [b'P', b'K', 3, 4, ..] | [0xd0, 0xcf, 0x11, 0xe0, ..] => Form::Workbook,
        _ => Form::Text,
    })
}
