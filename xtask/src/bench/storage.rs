//! `cargo xtask bench storage URL`: how many trials a second processes make on one study in a database.

use crate::process::{cargo, run};

/// Builds the measurement in release mode and runs it on the database of the URL.
///
/// # Errors
/// When it fails, or an unknown option is given.
pub(crate) fn storage(options: &[&str]) -> Result<(), String> {
    let (url, trials) = match options {
        [url] => (url, "400"),
        [url, "--trials", trials] if trials.parse().is_ok_and(|n: u32| n >= 8) => (url, *trials),
        _ => return Err("a URL and perhaps --trials N, at least 8, expected".to_owned()),
    };
    run(cargo().args(["run", "--release", "--package", "lightcrest", "--features", "postgres"]).args([
        "--example",
        "storage_speed",
        "--",
        url,
        trials,
    ]))
}
