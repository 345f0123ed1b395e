//! Text of a command with `{names}` in it.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use lightcrest::space::Value;

use super::parameter::{ParameterSpec, always_there};
use crate::diagnostic::{Errors, Problem};

/// What `{...}` may stand for besides parameters.
pub(super) const BUILTINS: &[(&str, Builtin)] = &[
    ("trial", Builtin::Trial),
    ("seed", Builtin::Seed),
    ("folder", Builtin::Folder),
    ("parameters_file", Builtin::Parameters),
    ("metrics_file", Builtin::Metrics),
];

/// Something that a trial has besides its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Builtin {
    Trial,
    Seed,
    Folder,
    Parameters,
    Metrics,
}

/// Where a trial runs: what a command may ask for besides the parameters.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The number of the trial: `{trial}`.
    pub trial: u64,
    /// A seed of its own: `{seed}`.
    pub seed: u64,
    /// A folder of its own: `{folder}`.
    pub folder: &'a Path,
    /// The JSON file with the parameters: `{parameters_file}`.
    pub parameters: &'a Path,
    /// The file for JSON lines: `{metrics_file}`.
    pub metrics: &'a Path,
}

/// One string.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Builtin(Builtin),
    /// The name, and the parameters that have it: at most one of them is active.
    Parameter(String, Vec<usize>),
}

/// One entry of `run`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Argument {
    /// One argument, or several that stand and fall together.
    parts: Vec<Template>,
    grouped: bool,
}

impl Template {
    /// Reads `text`, which stands at `span` of the file. `{{` and `}}` are braces.
    pub(super) fn parse(
        errors: &mut Errors,
        text: &str,
        span: Range<usize>,
        parameters: &[ParameterSpec],
    ) -> Option<Self> {
        // A plain string stands in the file as it is, one quote before it; an escaped one is pointed at
        // whole.
        let plain = span.len() == text.len() + 2;
        let at = |range: Range<usize>| match plain {
            true => span.start + 1 + range.start..span.start + 1 + range.end,
            false => span.clone(),
        };
        let invalid = |reason: &str| Problem::Invalid { reason: reason.into() };
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let place = text.len() - rest.len();
            if rest.starts_with("{{") || rest.starts_with("}}") {
                literal.push(c);
                rest = &rest[2..];
            } else if c == '{' {
                let Some(end) = rest.find('}') else {
                    errors.push(
                        at(place..text.len()),
                        invalid("`{` has no `}`; a brace itself is written `{{`"),
                    );
                    return None;
                };
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                }
                let name = &rest[1..end];
                match piece(name, parameters) {
                    Ok(piece) => pieces.push(piece),
                    Err(problem) => {
                        errors.push(at(place..place + end + 1), problem);
                        return None;
                    }
                }
                rest = &rest[end + 1..];
            } else if c == '}' {
                errors.push(at(place..place + 1), invalid("`}` has no `{`; a brace itself is written `}}`"));
                return None;
            } else {
                literal.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Some(Self { pieces })
    }

    /// A text without names.
    pub(super) fn literal(text: String) -> Self {
        Self { pieces: vec![Piece::Text(text)] }
    }

    /// The text, when it has no names in it.
    pub(super) fn as_literal(&self) -> Option<&str> {
        match &self.pieces[..] {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The name of a parameter in it that can be absent.
    pub(super) fn conditional(&self, parameters: &[ParameterSpec]) -> Option<&str> {
        self.pieces.iter().find_map(|piece| match piece {
            Piece::Parameter(name, places) if !always_there(parameters, places) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The text with the values of the parameters; none when one of them is inactive.
    pub(super) fn render(&self, values: &[Option<Value>], place: &Place<'_>) -> Option<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Builtin(builtin) => text.push_str(&builtin.text(place)),
                Piece::Parameter(_, places) => {
                    text.push_str(&plain(places.iter().find_map(|place| values[*place].as_ref())?));
                }
            }
        }
        Some(text)
    }
}

impl Builtin {
    fn text(self, place: &Place<'_>) -> String {
        match self {
            Self::Trial => place.trial.to_string(),
            Self::Seed => place.seed.to_string(),
            Self::Folder => place.folder.display().to_string(),
            Self::Parameters => place.parameters.display().to_string(),
            Self::Metrics => place.metrics.display().to_string(),
        }
    }
}

/// A value as an argument: words without quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::Str(text) => text.clone(),
        other => other.to_string(),
    }
}

fn piece(name: &str, parameters: &[ParameterSpec]) -> Result<Piece, Problem> {
    if let Some((_, builtin)) = BUILTINS.iter().find(|(word, _)| *word == name) {
        return Ok(Piece::Builtin(*builtin));
    }
    let named = |test: &dyn Fn(&ParameterSpec) -> bool| -> Vec<usize> {
        (0..parameters.len()).filter(|place| test(&parameters[*place])).collect()
    };
    // A whole name is one parameter; a short one may be that of several which exclude each other.
    let whole = named(&|parameter| parameter.full_name() == name);
    let places = if whole.is_empty() { named(&|parameter| parameter.name == name) } else { whole };
    if places.is_empty() {
        let mut known: Vec<String> = Vec::new();
        for parameter in parameters {
            if !known.contains(&parameter.name) {
                known.push(parameter.name.clone());
            }
        }
        known.extend(BUILTINS.iter().map(|(word, _)| (*word).to_owned()));
        return Err(Problem::UnknownPlaceholder { name: name.into(), known });
    }
    Ok(Piece::Parameter(name.into(), places))
}

impl Argument {
    /// One argument.
    pub(super) fn one(template: Template) -> Self {
        Self { parts: vec![template], grouped: false }
    }

    /// Arguments that stand and fall together.
    pub(super) fn group(parts: Vec<Template>) -> Self {
        Self { parts, grouped: true }
    }

    /// The only part, when it is not written as a list.
    pub(super) fn alone(&self) -> Option<&Template> {
        self.parts.first().filter(|_| !self.grouped)
    }

    /// The arguments; none at all when a parameter in one of them is inactive.
    pub(super) fn render(&self, values: &[Option<Value>], place: &Place<'_>) -> Vec<String> {
        let parts: Option<Vec<String>> = self.parts.iter().map(|part| part.render(values, place)).collect();
        parts.unwrap_or_default()
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => f.write_str(text)?,
                Piece::Parameter(name, _) => write!(f, "{{{name}}}")?,
                Piece::Builtin(builtin) => {
                    let name =
                        BUILTINS.iter().find(|(_, other)| other == builtin).map_or("", |(name, _)| name);
                    write!(f, "{{{name}}}")?;
                }
            }
        }
        Ok(())
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.parts.iter().map(Template::to_string).collect();
        match self.grouped {
            true => write!(f, "[{}]", parts.join(" ")),
            false => f.write_str(&parts.join(" ")),
        }
    }
}
