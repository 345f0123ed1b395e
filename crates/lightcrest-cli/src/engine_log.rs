//! Shows what the engine logs, such as which sampler `auto` chose and why, among the lines of the progress.

use std::sync::{Mutex, PoisonError};

use indicatif::MultiProgress;
use log::{LevelFilter, Log, Metadata, Record};

use crate::terminal::{Style, say};

/// Where lines go; nowhere while nothing runs.
static OUTPUT: Mutex<Option<(Style, MultiProgress)>> = Mutex::new(None);

struct EngineLog;

impl Log for EngineLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("lightcrest")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata())
            && let Some((style, bars)) = &*OUTPUT.lock().unwrap_or_else(PoisonError::into_inner)
        {
            say(*style, bars, &record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// Listens to the engine; nothing is shown yet.
pub(crate) fn install() {
    // Nobody else installs a logger in this program.
    if log::set_logger(&EngineLog).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}

/// Shows lines there from now on; `None`: nowhere.
pub(crate) fn show(output: Option<(Style, MultiProgress)>) {
    *OUTPUT.lock().unwrap_or_else(PoisonError::into_inner) = output;
}
