//! Whether a table is still that of the run.

use std::fs;
use std::io::Read;
use std::path::Path;

use lightcrest_table::read::Source;
use lightcrest_table::search::Effort;
use serde::{Deserialize, Serialize};

use crate::error::CliError;
use crate::run::{RunError, RunFolder, write_file};

/// What a table is told by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Identity {
    /// Bytes of the unpacked text.
    bytes: u64,
    /// FNV-1a of them, in hexadecimal.
    checksum: String,
    /// The share of the rows that is read, where it is not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    share_read: Option<f64>,
    /// The share of those that is used, where it is not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    share: Option<f64>,
    /// How many folds judge, where they are not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    folds_used: Option<usize>,
    /// What one trial may cost, where that is limited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    work: Option<f64>,
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
                let checksum = format!("{hash:016x}");
                return Ok(Self {
                    bytes,
                    checksum,
                    share_read: None,
                    share: None,
                    folds_used: None,
                    work: None,
                });
            }
            bytes += count as u64;
            for byte in &buffer[..count] {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }

    /// Refuses a table that is not the one that the run in `root` began with; returns what the run uses
    /// of it, nothing where there is no run.
    pub(super) fn check_same(&self, root: &Path) -> Result<Option<Effort>, CliError> {
        let folder = RunFolder::at(root)?;
        let path = folder.table();
        if !folder.has_study() || !path.exists() {
            return Ok(None);
        }
        let failed = |source| RunError::Read { path: path.clone(), source };
        let text = fs::read_to_string(&path).map_err(failed)?;
        let kept: Self = serde_json::from_str(&text).map_err(|error| failed(error.into()))?;
        if kept.bytes == self.bytes && kept.checksum == self.checksum {
            let all = Effort::default();
            return Ok(Some(Effort {
                read: kept.share_read.unwrap_or(all.read),
                share: kept.share.unwrap_or(all.share),
                folds: kept.folds_used.unwrap_or(all.folds),
                work: kept.work.unwrap_or(all.work),
            }));
        }
        let difference = match kept.bytes == self.bytes {
            true => "other values in as many bytes".to_owned(),
            false => format!("{} bytes instead of {}", self.bytes, kept.bytes),
        };
        Err(CliError::OtherTable { path: root.to_path_buf(), difference })
    }

    /// Keeps it with the run, unless it is there, and what is used of the table.
    pub(super) fn keep(self, folder: &RunFolder, effort: Effort) -> Result<(), RunError> {
        let path = folder.table();
        if path.exists() {
            return Ok(());
        }
        let Effort { read, share, folds, work } = effort;
        let kept = Self {
            share_read: (read < 1.0).then_some(read),
            share: (share < 1.0).then_some(share),
            folds_used: (folds < usize::MAX).then_some(folds),
            work: work.is_finite().then_some(work),
            ..self
        };
        let text = serde_json::to_string_pretty(&kept).expect("plain data with string keys is JSON");
        write_file(&path, format!("{text}\n").as_bytes())
    }
}
