//! `cargo xtask bench storage URL`: how many trials a second processes make on one study in a database; with
//! `--large`, how long a study of many trials takes to open and to go on.

use crate::process::{cargo, run};

/// Builds the measurement in release mode and runs it on the database of the URL.
///
/// # Errors
/// When it fails, or an unknown option is given.
pub(crate) fn storage(options: &[&str]) -> Result<(), String> {
    let number = |text: &&str| text.parse().is_ok_and(|n: u32| n >= 8);
    let words: Vec<&str> = match options {
        [url] => vec![url, "400"],
        [url, "--trials", trials] if number(trials) => vec![url, trials],
        [url, "--large"] => vec!["large", url, "100000"],
        [url, "--large", trials] if number(trials) => vec!["large", url, trials],
        _ => return Err("a URL and perhaps --trials N or --large N, at least 8, expected".to_owned()),
    };
    let mut command = cargo();
    command.args(["run", "--release", "--package", "lightcrest", "--features", "postgres"]);
    run(command.args(["--example", "storage_speed", "--"]).args(words))
}
