//! What the program says: results on stdout, everything else on stderr.

use std::io::{IsTerminal, Write};

use indicatif::MultiProgress;

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
        match (quiet, std::io::stderr().is_terminal()) {
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
        Style::Lines => eprintln!("{line}"),
        // A terminal that went away must not end the search.
        Style::Bars => drop(bars.println(line)),
    }
}

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
