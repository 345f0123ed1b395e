//! From bytes to objects of metrics: cuts a stream into lines, and says of each what it is.
//!
//! A line is an object of metrics; an object that is laid out over several lines (`json.dump` with `indent`)
//! is put together again. What begins like an object and cannot be read is not passed over in silence: it may
//! have held the value that counts.

use serde_json::Value as Json;
use serde_json::error::Category;

use super::value::{Line, shortened};

/// The longest object: 16 MiB.
const LONGEST: usize = 16 << 20;
/// As much is kept of a line that is no object, for whoever wants to quote it.
const QUOTED: usize = 64 << 10;
/// Up to here an object over several lines is checked with every line; a longer one when its braces close.
const CHECKED: usize = 4 << 10;
/// UTF-8's mark, which Windows puts before the first line.
const MARK: char = '\u{feff}';

/// What a program said.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// An object of metrics.
    Metrics(Line),
    /// There was an object, but it cannot be read; why.
    Unreadable(String),
    /// Something that may have been meant as an object; why it is none.
    NoJson(String),
}

/// Cuts a stream into lines; a progress bar that goes back to the beginning of its line writes a new one.
#[derive(Debug, Default)]
pub(super) struct Lines {
    rest: Vec<u8>,
    cut: bool,
}

/// Finds the objects in a stream of bytes.
#[derive(Debug, Default)]
pub(super) struct Reader {
    lines: Lines,
    open: Option<Object>,
}

/// An object over several lines that is not complete.
#[derive(Debug)]
struct Object {
    text: String,
    lines: usize,
    depth: Depth,
}

/// How deep in braces and brackets the end of a text is.
#[derive(Debug, Default)]
struct Depth {
    depth: usize,
    in_string: bool,
    escaped: bool,
}

/// What became of a text that begins like an object.
enum Parsed {
    Object(Line),
    /// It may go on.
    Begun,
    /// It is none; why.
    Broken(String),
}

impl Lines {
    /// Takes bytes in, and passes every line that has ended on: its bytes, and whether that is all of them.
    pub(super) fn add(&mut self, mut bytes: &[u8], mut line: impl FnMut(&[u8], bool)) {
        while let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.keep(&bytes[..end]);
            self.end(&mut line);
            bytes = &bytes[end + 1..];
        }
        self.keep(bytes);
    }

    /// What is left is a line.
    pub(super) fn end(&mut self, mut line: impl FnMut(&[u8], bool)) {
        if !self.rest.is_empty() {
            line(&self.rest, !self.cut);
        }
        self.rest.clear();
        self.cut = false;
    }

    fn keep(&mut self, bytes: &[u8]) {
        let longest = if self.rest.len() < QUOTED || begins_object(&self.rest) { LONGEST } else { QUOTED };
        let room = longest.saturating_sub(self.rest.len());
        self.cut |= bytes.len() > room;
        self.rest.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if self.rest.len() > QUOTED && !begins_object(&self.rest) {
            self.rest.truncate(QUOTED);
            self.cut = true;
        }
    }
}

/// Whether a line begins like an object.
fn begins_object(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    line.trim_ascii_start().first() == Some(&b'{')
}

impl Reader {
    /// Takes bytes in.
    pub(super) fn add(&mut self, bytes: &[u8], mut said: impl FnMut(Said)) {
        let Self { lines, open } = self;
        lines.add(bytes, |line, whole| hear(open, line, whole, &mut said));
    }

    /// The stream has ended: what is left is a line.
    pub(super) fn end(&mut self, mut said: impl FnMut(Said)) {
        let Self { lines, open } = self;
        lines.end(|line, whole| hear(open, line, whole, &mut said));
        if let Some(object) = open.take() {
            said(object.broken("it does not end"));
        }
    }

    /// Takes what is left for a line if that completes an object, which nothing can follow.
    pub(super) fn settle(&mut self, mut said: impl FnMut(Said)) {
        let text = String::from_utf8_lossy(&self.lines.rest);
        let complete = match &self.open {
            Some(object) => matches!(parse(&format!("{}\n{text}", object.text)), Parsed::Object(_)),
            None => begins_object(&self.lines.rest) && matches!(parse(text.trim()), Parsed::Object(_)),
        };
        if complete {
            let Self { lines, open } = self;
            lines.end(|line, whole| hear(open, line, whole, &mut said));
        }
    }
}

fn hear(open: &mut Option<Object>, line: &[u8], whole: bool, said: &mut impl FnMut(Said)) {
    if is_utf16(line) {
        said(Said::Unreadable("a line is in UTF-16; JSON lines are read as UTF-8".into()));
        return;
    }
    let text = String::from_utf8_lossy(line);
    let text = text.trim().trim_start_matches(MARK).trim();
    if let Some(mut object) = open.take() {
        match object.add(text) {
            Parsed::Begun => *open = Some(object),
            Parsed::Object(line) => said(Said::Metrics(line)),
            Parsed::Broken(why) => {
                said(object.broken(&why));
                // It does not belong there, but may be a line of its own.
                hear(open, line, whole, said);
            }
        }
        return;
    }
    if !text.starts_with('{') {
        return;
    }
    if !whole {
        let begin = shortened(text, 40);
        said(Said::Unreadable(format!("the line that begins with `{begin}` is too long: more than 16 MiB")));
        return;
    }
    match parse(text) {
        Parsed::Object(line) => said(Said::Metrics(line)),
        Parsed::Begun => *open = Some(Object::new(text)),
        Parsed::Broken(why) => said(Said::NoJson(no_json(text, &why))),
    }
}

/// PowerShell's `>` writes it: every other byte is zero.
fn is_utf16(line: &[u8]) -> bool {
    let brace = line.iter().take(4).position(|byte| *byte == b'{');
    brace.is_some_and(|at| line.get(at + 1) == Some(&0) || (at > 0 && line[at - 1] == 0))
}

fn no_json(text: &str, why: &str) -> String {
    let hint =
        if text.starts_with("{'") { "; names need double quotes, as `json.dumps` writes them" } else { "" };
    format!("`{}` is no JSON ({why}{hint})", shortened(text, 80))
}

impl Object {
    fn new(text: &str) -> Self {
        let mut depth = Depth::default();
        depth.pass(text);
        Self { text: text.to_owned(), lines: 1, depth }
    }

    /// Takes one more line in, unless it does not belong there.
    fn add(&mut self, line: &str) -> Parsed {
        let before = self.text.len();
        self.text.push('\n');
        self.text.push_str(line);
        self.depth.pass(line);
        let parsed = match self.text.len() {
            length if length > LONGEST => Parsed::Broken("it is too long: more than 16 MiB".into()),
            length if length > CHECKED && self.depth.depth > 0 => Parsed::Begun,
            _ => parse(&self.text),
        };
        match parsed {
            Parsed::Broken(_) => self.text.truncate(before),
            _ => self.lines += 1,
        }
        parsed
    }

    /// Why it is none.
    fn broken(&self, why: &str) -> Said {
        if self.lines == 1 {
            return Said::NoJson(no_json(&self.text, why));
        }
        let first = self.text.lines().next().unwrap_or_default();
        Said::Unreadable(format!(
            "the object over several lines that begins with `{}` cannot be read ({why})",
            shortened(first, 40)
        ))
    }
}

impl Depth {
    fn pass(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = self.in_string,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }
}

/// Reads an object. `NaN` and `Infinity`, which Python writes, and numbers that no `f64` holds are words
/// here.
fn parse(text: &str) -> Parsed {
    let parsed = match serde_json::from_str(text) {
        Err(error) if error.classify() != Category::Eof => {
            serde_json::from_str(&quoted(text)).map_err(|other| if other.is_eof() { other } else { error })
        }
        parsed => parsed,
    };
    match parsed {
        Ok(Json::Object(object)) => Parsed::Object(Line::new(object)),
        Ok(_) => Parsed::Broken("it is no object".into()),
        Err(error) if error.is_eof() => Parsed::Begun,
        Err(error) => Parsed::Broken(error.to_string()),
    }
}

/// The text with what is no number in JSON, or too large a one, in quotes wherever it stands outside of
/// strings.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let (mut inside, mut escaped) = (false, false);
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if !inside && is_of_word(c) {
            let length = rest.find(|c| !is_of_word(c)).unwrap_or(rest.len());
            let word = &rest[..length];
            match word.parse::<f64>() {
                // `inf` and `nan` are read too, in any case.
                Ok(number) if !number.is_finite() => out.extend(["\"", word, "\""]),
                _ => out.push_str(word),
            }
            rest = &rest[length..];
            continue;
        }
        if c == '"' && !escaped {
            inside = !inside;
        }
        escaped = inside && c == '\\' && !escaped;
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// Whether it may be part of a number or a word.
fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(pieces: &[&[u8]]) -> Vec<Said> {
        let mut reader = Reader::default();
        let mut found = Vec::new();
        pieces.iter().for_each(|piece| reader.add(piece, |said| found.push(said)));
        reader.end(|said| found.push(said));
        found
    }

    fn object(text: &str) -> Said {
        let Json::Object(object) = serde_json::from_str(text).unwrap() else { panic!("{text}") };
        Said::Metrics(Line::new(object))
    }

    /// Why the only thing that was said cannot be read.
    fn unreadable(text: &[u8]) -> String {
        match &all(&[text])[..] {
            [Said::Unreadable(why)] => why.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_stream_is_cut_into_lines_wherever_its_pieces_end() {
        let pieces = ["a{", "}\nc\r", "\n", "{\"x\":", " 1}\r\n", "\u{feff}{\"x\": 2}", "\n {\"x\": 3}"];
        let pieces: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
        assert_eq!(all(&pieces), [object("{\"x\": 1}"), object("{\"x\": 2}"), object("{\"x\": 3}")]);
    }

    #[test]
    fn an_object_may_go_over_lines() {
        let text = "{\n  \"loss\": NaN,\n\n  \"text\": \"}\\\"{\",\n  \"history\": [\n    {\n      \"loss\": 9\n    }\n  ]\n}\n";
        let found = all(&[text.as_bytes(), b"{\"loss\": 2,\n\"b\": 3}\nnoise\n"]);
        let first = r#"{"loss": "NaN", "text": "}\"{", "history": [{"loss": 9}]}"#;
        assert_eq!(found, [object(first), object(r#"{"loss": 2, "b": 3}"#)]);
        let long = format!("{{\n\"a\": [\n{}1],\n\"loss\": 3\n}}\n", "1,\n".repeat(CHECKED));
        assert!(matches!(&all(&[long.as_bytes()])[..], [Said::Metrics(_)]));
    }

    #[test]
    fn a_line_in_the_middle_of_an_object_takes_nothing_with_it() {
        let found = all(&[b"{\n{\"loss\": 1}\n{\n\"loss\": 2,\nEpoch 3\n{\"loss\": 4}\n{\n\"loss\": 5"]);
        let [Said::NoJson(first), one, Said::Unreadable(second), four, Said::Unreadable(last)] = &found[..]
        else {
            panic!("{found:?}")
        };
        assert!(first.starts_with("`{` is no JSON"), "{first}");
        assert!(second.contains("begins with `{` cannot be read"), "{second}");
        assert!(last.contains("it does not end"), "{last}");
        assert_eq!((one, four), (&object("{\"loss\": 1}"), &object("{\"loss\": 4}")));
        // An object within the broken one is no line of its own.
        let found = all(&[b"{\n\"history\": [\n{\n\"loss\": 9\n}\nEpoch 3\n]\n}\n"]);
        assert!(matches!(&found[..], [Said::Unreadable(_)]), "{found:?}");
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let mut long = b"{\"a\": \"".to_vec();
        long.resize(LONGEST + 1, b'x');
        assert!(
            unreadable(&long).contains("`{\"a\": \"xxx") && unreadable(&long).ends_with("more than 16 MiB")
        );
        long.truncate(LONGEST - 2);
        long.extend(b"\"}\nshort\n");
        assert!(matches!(&all(&[&long])[..], [Said::Metrics(_)]), "just short enough");
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        assert!(unreadable(&utf16("\u{feff}{\"loss\": 1}\r\n")).contains("UTF-16"));
        for text in ["{}x", "{accuracy: 1}", "{1}", "{'loss': 1}"] {
            let found = all(&[text.as_bytes()]);
            assert!(matches!(&found[..], [Said::NoJson(_)]), "{text}: {found:?}");
        }
        assert!(matches!(&all(&[b"{'loss': 1}"])[..], [Said::NoJson(why)] if why.contains("double quotes")));
        assert_eq!(all(&[b"[1]\nnoise {\"a\": 1}\n\"{\""]), []);
    }

    #[test]
    fn what_no_float_holds_is_a_word() {
        let text =
            r#"{"a": "NaN \" NaN 1e999", "b": NaN, "c": [-Infinity, 1e400], "d": -nan, "e": 1e3, "f": true}"#;
        let same = r#"{"a": "NaN \" NaN 1e999", "b": "NaN", "c": ["-Infinity", "1e400"], "d": "-nan", "e": 1e3, "f": true}"#;
        assert_eq!(all(&[text.as_bytes()]), [object(same)]);
    }

    #[test]
    fn a_long_line_costs_no_memory_unless_it_is_an_object() {
        let mut lines = Lines::default();
        (0..3).for_each(|_| lines.add(&vec![b'x'; LONGEST], |_, _| panic!("no end")));
        assert!(lines.rest.len() <= QUOTED);
        lines.add(b"\nshort\n", |line, whole| assert!(whole == (line == b"short")));
    }

    #[test]
    fn what_is_left_is_taken_when_it_is_complete() {
        let mut reader = Reader::default();
        let mut found = Vec::new();
        for piece in ["{\"a\": ", "1}", "\n", "{\n", "\"a\": 2\n", "}", "\n"] {
            reader.add(piece.as_bytes(), |said| found.push(said));
            reader.settle(|said| found.push(said));
        }
        reader.end(|said| found.push(said));
        assert_eq!(found, [object("{\"a\": 1}"), object("{\"a\": 2}")]);
    }
}
