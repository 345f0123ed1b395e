//! What the program writes: results to standard output, all else to standard error.
//!
//! Nobody may be there to read what is said on the way (`2>&1 | tee log` after Ctrl-C, a full disk, a
//! terminal that was closed), and the work goes on all the same; `eprintln!` would panic. A result that
//! cannot be written is a failure.

use std::io::{self, IsTerminal, Write};

use indicatif::MultiProgress;

use crate::error::CliError;

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Not at all.
    Quiet,
    /// One line an event.
    Lines,
    /// Bars that move.
    Bars,
}

impl Style {
    /// Bars when stderr is a terminal.
    pub(crate) fn choose(quiet: bool) -> Self {
        match (quiet, io::stderr().is_terminal()) {
            (true, _) => Self::Quiet,
            (_, true) => Self::Bars,
            _ => Self::Lines,
        }
    }
}

/// Says a line on stderr without disturbing the bars.
pub(crate) fn say(style: Style, bars: &MultiProgress, line: &str) {
    match style {
        Style::Quiet => {}
        Style::Lines => tell(line),
        // A terminal that went away must not end the search.
        Style::Bars => drop(bars.println(line)),
    }
}

/// Writes a line to standard error, if that is possible.
pub(crate) fn tell(line: &str) {
    // In one piece, so that lines of several threads and programs do not mix.
    drop(io::stderr().lock().write_all(format!("{line}\n").as_bytes()));
}

/// Writes a line to standard output.
///
/// # Errors
/// [`CliError::Output`] if it cannot be written. A reader that has gone away (`lightcrest show RUN | head`)
/// is no failure.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    written(write(&mut io::stdout().lock(), text))
}

/// Judges an attempt to write to standard output.
///
/// # Errors
/// As [`print()`].
pub(crate) fn written(result: io::Result<()>) -> Result<(), CliError> {
    match result {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => Err(CliError::Output(source)),
        _ => Ok(()),
    }
}

fn write(out: &mut impl Write, text: &str) -> io::Result<()> {
    out.write_all(text.as_bytes())?;
    out.write_all(b"\n")?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place that takes nothing.
    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_full_disk_is_a_failure_and_a_reader_that_went_away_is_not() {
        let attempt = |kind| written(write(&mut Broken(kind), "result"));
        assert!(attempt(io::ErrorKind::BrokenPipe).is_ok());
        let error = attempt(io::ErrorKind::StorageFull).unwrap_err();
        assert_eq!(error.exit_code(), 1);
        assert!(error.report().contains("standard output"), "{}", error.report());
    }
}
