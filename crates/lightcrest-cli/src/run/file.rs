//! Files that appear whole or not at all.

use std::path::Path;

use lightcrest_graph::file::write_atomically;

use super::RunError;

/// Writes a file under another name and renames it into place.
///
/// # Errors
/// [`RunError::Write`]; an earlier file of that name is as before then.
pub(crate) fn write_file(path: &Path, contents: &[u8]) -> Result<(), RunError> {
    write_atomically(path, contents).map_err(|source| RunError::Write { path: path.to_path_buf(), source })
}

/// Whether the name is one that a file has while it is being written.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".part")
}
