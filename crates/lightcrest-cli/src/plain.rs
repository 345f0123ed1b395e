//! What other programs say, made fit for a terminal.

/// A text of another program as one line that a terminal shows as it is: without the sequences that colour,
/// move or erase, and with every other control character as an escape.
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

/// Skips the rest of an escape sequence (ECMA-48): a control sequence, a string that a bell or `ESC \` ends,
/// or two characters.
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
