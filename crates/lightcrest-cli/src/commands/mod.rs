//! The commands, one a file.

mod check;
mod report;
mod schema;
mod search;
mod show;
mod surrogate;
mod train;
mod tune;

pub(crate) use check::check;
pub(crate) use report::report;
pub(crate) use schema::schema;
pub(crate) use search::search;
pub(crate) use show::show;
pub(crate) use surrogate::surrogate;
pub(crate) use train::train;
pub(crate) use tune::tune;

use std::io::Write;

/// Prints to stdout. A reader that has gone away (`lightcrest show RUN | head`) is no failure.
pub(crate) fn print(text: &str) {
    let mut stdout = std::io::stdout().lock();
    drop(
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.write_all(b"\n"))
            .and_then(|()| stdout.flush()),
    );
}
