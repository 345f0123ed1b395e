//! What the program writes: results to standard output, all else to standard error.
//!
//! Nobody may be there to read what is said on the way (`2>&1 | tee log` after Ctrl-C, a full disk, a terminal that was closed), and the
//! work goes on all the same; `eprintln!` would panic. A result that cannot be written is a failure.

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
/// [`CliError::Output`] if it cannot be written. A reader that has gone away (`lightcrest show RUN | head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    written(write(&mut io::stdout().lock(), text))
}

/// Judges an attempt to write to standard output.
///
/// # Errors
/// As [`print`].
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

/// A text of another program as one line that a terminal shows as it is: without the sequences that colour, move or erase, and with
/// every other control character as an escape.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\u{1b}' => skip_sequence(&mut rest),
            // The same in one character.
            '\u{9b}' => skip_parameters(&mut rest),
            '\t' => plain.push(' '),
            c if is_unseen(c) => plain.extend(c.escape_unicode()),
            c => plain.push(c),
        }
    }
    plain
}

/// Control characters, and those that turn the direction of the text around.
fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Skips the rest of an escape sequence (ECMA-48): a control sequence, a string that a bell or `ESC \` ends, or two characters.
fn skip_sequence(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_parameters(rest);
        }
        Some(']' | 'P' | '_' | '^' | 'X') => {
            while let Some(c) = rest.next() {
                match c {
                    '\u{7}' | '\u{9c}' => break,
                    '\u{1b}' if rest.next_if_eq(&'\\').is_some() => break,
                    _ => {}
                }
            }
        }
        Some(' '..='~') => {
            rest.next();
        }
        _ => {}
    }
}

/// Skips the parameters of a control sequence and its final character.
fn skip_parameters(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while rest.next_if(|c| matches!(c, ' '..='?')).is_some() {}
    rest.next_if(|c| matches!(c, '@'..='~'));
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

    #[test]
    fn what_another_program_said_cannot_repaint_the_terminal() {
        for (raw, shown) in [
            ("\u{1b}[31mValueError\u{1b}[0m: x", "ValueError: x"),
            ("\u{1b}[2J\u{1b}[1;1Hgone", "gone"),
            ("\u{1b}]0;title\u{7}a\u{1b}]8;;http://x\u{1b}\\b", "ab"),
            ("\u{9b}1mbold", "bold"),
            ("one\rtwo\u{8}", "one\\u{d}two\\u{8}"),
            ("a\tb", "a b"),
            ("\u{202e}txt", "\\u{202e}txt"),
            ("\u{1b}cÄ✓", "Ä✓"),
            ("end\u{1b}[", "end"),
        ] {
            assert_eq!(plain(raw), shown, "{raw:?}");
        }
    }
}
