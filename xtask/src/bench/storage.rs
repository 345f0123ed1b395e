//! `cargo xtask bench storage`: how many trials a second 1, 4 and 8 processes make on one study in a SQLite
//! file and in PostgreSQL, beside Optuna (SQLite, PostgreSQL, journal) and Rustuna (SQLite) on the same disk
//! in the same run; and how a study of 100,000 trials opens and goes on.
//!
//! With a URL, only ours, on the database that it names.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::process::{cargo, root, run, target_folder};
use crate::python;
use crate::server::Server;

/// Builds the measurement in release mode and runs it.
///
/// # Errors
/// When it fails, or an unknown option is given.
pub(crate) fn storage(options: &[&str]) -> Result<(), String> {
    let number = |text: &&str| text.parse().is_ok_and(|n: u32| n >= 8);
    match options {
        [] => compare("400"),
        ["--trials", trials] if number(trials) => compare(trials),
        [url] => speed(&[url, "400"]),
        [url, "--trials", trials] if number(trials) => speed(&[url, trials]),
        [url, "--large"] => speed(&["large", url, "100000"]),
        [url, "--large", trials] if number(trials) => speed(&["large", url, trials]),
        _ => Err("perhaps a URL, and perhaps --trials N or --large N, at least 8, expected".to_owned()),
    }
}

fn speed(words: &[&str]) -> Result<(), String> {
    // With the features of the whole workspace, as the program has them.
    run(cargo().args(["build", "--release", "--quiet", "--workspace", "--example", "storage_speed"]))?;
    run(Command::new(target_folder().join("release/examples/storage_speed")).args(words))
}

fn compare(trials: &str) -> Result<(), String> {
    // Not in /tmp, which may be in memory.
    let folder = target_folder().join("bench-storage");
    std::fs::remove_dir_all(&folder).ok();
    std::fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let path = |name: &str| folder.join(name).display().to_string();
    println!("a sync of 4 kB takes {:.2} ms here (median of 101)", sync_ms(&folder)?);

    println!("\nLightcrest, SQLite");
    speed(&[&path("ours.db"), trials])?;
    println!("\nLightcrest, SQLite that waits for the disk");
    speed(&[&format!("sqlite:///{}?synchronous=full", path("full.db")), trials])?;
    let server = Server::start()?;
    if server.is_none() {
        println!("\nnot measured: PostgreSQL, because it is not installed (apt install postgresql)");
    }
    if let Some(server) = &server {
        println!("\nLightcrest, PostgreSQL");
        speed(&[&server.database("ours")?, trials])?;
    }
    let python = python::environment("storage")?;
    let script = root().join("xtask/python/storage_peer.py");
    let peer = |name: &str, url: &str| run(Command::new(&python).arg(&script).args([name, url]));
    println!();
    peer("optuna", &format!("sqlite:///{}", path("optuna.db")))?;
    if let Some(server) = &server {
        let url = server.database("optuna")?.replacen("postgresql", "postgresql+psycopg2", 1);
        peer("optuna", &url)?;
    }
    peer("optuna", &format!("journal:{}", path("optuna.log")))?;
    peer("rustuna", &format!("sqlite:///{}", path("rustuna.db")))?;

    println!("\nLightcrest, studies that are large, SQLite and PostgreSQL");
    for size in ["1000", "100000"] {
        speed(&["large", &path("large.db"), size])?;
        if let Some(server) = &server {
            speed(&["large", &server.database(&format!("large{size}"))?, size])?;
        }
    }
    std::fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))
}

/// How long it takes until the disk has a page.
fn sync_ms(folder: &Path) -> Result<f64, String> {
    let measure = || -> std::io::Result<Vec<f64>> {
        let mut file = std::fs::File::create(folder.join("sync"))?;
        let once = |_| {
            file.write_all(&[1; 4096])?;
            let begun = Instant::now();
            file.sync_data()?;
            Ok(begun.elapsed().as_secs_f64() * 1e3)
        };
        (0..101).map(once).collect()
    };
    let mut times = measure().map_err(|e| format!("{}: {e}", folder.display()))?;
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}
