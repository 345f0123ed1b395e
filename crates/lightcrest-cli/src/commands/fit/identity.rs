//! Whether a table is still that of the run.

use std::fs;
use std::io::Read;
use std::path::Path;

use lightcrest_table::read::Source;
use serde::{Deserialize, Serialize};

use crate::error::CliError;
use crate::run::{RunError, RunFolder, write_file};

/// What a table is told by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Bytes of the unpacked text.
    bytes: u64,
    /// FNV-1a of them, in hexadecimal.
    checksum: String,
}

impl Identity {
    /// That of a table.
    pub(super) fn of(source: &Source) -> Result<Self, CliError> {
        let mut reader = source.reader()?;
        let (mut bytes, mut hash, mut buffer) = (0, 0xcbf2_9ce4_8422_2325u64, vec![0; 1 << 16]);
        loop {
            let failed = |error| CliError::Read { path: source.path().to_path_buf(), source: error };
            let count = reader.read(&mut buffer).map_err(failed)?;
            if count == 0 {
                return Ok(Self { bytes, checksum: format!("{hash:016x}") });
            }
            bytes += count as u64;
            for byte in &buffer[..count] {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }

    /// Refuses a table that is not the one that the run in `root` began with.
    pub(super) fn check_same(&self, root: &Path) -> Result<(), CliError> {
        let folder = RunFolder::at(root)?;
        let path = folder.table();
        if !folder.has_study() || !path.exists() {
            return Ok(());
        }
        let failed = |source| RunError::Read { path: path.clone(), source };
        let text = fs::read_to_string(&path).map_err(failed)?;
        let kept: Self = serde_json::from_str(&text).map_err(|error| failed(error.into()))?;
        if kept == *self {
            return Ok(());
        }
        let difference = match kept.bytes == self.bytes {
            true => "other values in as many bytes".to_owned(),
            false => format!("{} bytes instead of {}", self.bytes, kept.bytes),
        };
        Err(CliError::OtherTable { path: root.to_path_buf(), difference })
    }

    /// Keeps it with the run, unless it is there.
    pub(super) fn keep(&self, folder: &RunFolder) -> Result<(), RunError> {
        let path = folder.table();
        if path.exists() {
            return Ok(());
        }
        let text = serde_json::to_string_pretty(self).expect("plain data with string keys is JSON");
        write_file(&path, format!("{text}\n").as_bytes())
    }
}
