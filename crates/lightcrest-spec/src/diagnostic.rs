//! What is wrong with a spec file, and where.
//!
//! Every [`SpecError`] knows the bytes it speaks of. [`SpecErrors`] keeps the text of the file, so that its
//! `Display` shows each error with `file:line:column`, the line itself and a caret under the offending word.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// What is wrong in one place of a spec.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Problem {
    /// The text is not TOML.
    #[error("{message}")]
    Syntax {
        /// What the TOML parser says.
        message: String,
    },
    /// A key that the section does not have.
    #[error("unknown key `{key}` in {section}")]
    UnknownKey {
        /// The key as written.
        key: String,
        /// Where it stands: `[training]`.
        section: String,
        /// What the section has.
        known: Vec<String>,
    },
    /// A value that is not among the allowed words.
    #[error("{key} = \"{value}\" is not known")]
    UnknownWord {
        /// The key.
        key: String,
        /// The word as written.
        value: String,
        /// The allowed words.
        known: Vec<String>,
    },
    /// A key that must be there.
    #[error("{section} lacks `{key}`: {doc}")]
    Missing {
        /// The key.
        key: String,
        /// Where it belongs.
        section: String,
        /// What it is for.
        doc: String,
    },
    /// A value of another type.
    #[error("`{key}` must be {expected}, but got {found}")]
    WrongType {
        /// The key.
        key: String,
        /// What would be right.
        expected: String,
        /// What is there, with its type.
        found: String,
    },
    /// A value outside its range.
    #[error("`{key}` must be {expected}, but got {value}")]
    OutOfRange {
        /// The key.
        key: String,
        /// The value as written.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// Bounds the wrong way round.
    #[error("`{key}`: `low <= high` must hold, but got low = {low}, high = {high}")]
    ReversedBounds {
        /// The key.
        key: String,
        /// Lower bound as written.
        low: String,
        /// Upper bound as written.
        high: String,
    },
    /// A domain that makes no sense for another reason.
    #[error("`{key}`: {reason}")]
    BadDomain {
        /// The key.
        key: String,
        /// Why.
        reason: String,
    },
    /// A value that may not vary.
    #[error("`{key}` cannot be searched: it must be one value, {expected}")]
    NotSearchable {
        /// The key.
        key: String,
        /// What would be right.
        expected: String,
    },
    /// A `when` that names no parameter.
    #[error("`when` of `{parameter}` names `{parent}`, which is no parameter of this spec")]
    UnknownParent {
        /// The conditional parameter.
        parameter: String,
        /// The name as written.
        parent: String,
        /// Every parameter of the spec.
        known: Vec<String>,
    },
    /// A `when` that can never hold.
    #[error("`when` of `{parameter}` asks for {parent} = {value}, which `{parent}` never takes")]
    ImpossibleCondition {
        /// The conditional parameter.
        parameter: String,
        /// The parameter it depends on.
        parent: String,
        /// The value asked for.
        value: String,
        /// The values the parent takes.
        known: Vec<String>,
    },
    /// A score formula that cannot be read.
    #[error("score: {reason}")]
    Formula {
        /// Why.
        reason: String,
        /// Words that would be right, when one is unknown.
        known: Vec<String>,
        /// The unknown word; empty when something else is wrong.
        word: String,
    },
    /// A `{name}` in the text of a command that stands for nothing.
    #[error("`{{{name}}}` stands for no parameter of this spec")]
    UnknownPlaceholder {
        /// The name as written.
        name: String,
        /// Everything that has a name.
        known: Vec<String>,
    },
    /// Anything else, said in a sentence.
    #[error("{reason}")]
    Invalid {
        /// Why.
        reason: String,
    },
}

impl Problem {
    /// What to do about it, when that can be guessed.
    fn help(&self) -> Option<String> {
        let (word, known) = match self {
            Problem::UnknownKey { key, known, .. } => (key, known),
            Problem::UnknownWord { value, known, .. } => (value, known),
            Problem::UnknownParent { parent, known, .. } => (parent, known),
            Problem::ImpossibleCondition { value, known, .. } => (value, known),
            Problem::UnknownPlaceholder { name, known } => (name, known),
            Problem::Formula { word, known, .. } if !word.is_empty() => (word, known),
            _ => return None,
        };
        match nearest(word, known) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None if known.is_empty() => None,
            None if known.len() > 24 => Some(format!("known are {}, ...", known[..24].join(", "))),
            None => Some(format!("known are {}", known.join(", "))),
        }
    }
}

/// One error with its place.
#[derive(Debug, Clone, PartialEq)]
pub struct SpecError {
    /// What is wrong.
    pub problem: Problem,
    /// The bytes of the file it speaks of.
    pub span: Range<usize>,
}

/// Every error of one spec file.
#[derive(Debug, Clone)]
pub struct SpecErrors {
    /// The file as the user named it.
    pub path: String,
    /// The errors in the order of the file.
    pub errors: Vec<SpecError>,
    text: Arc<str>,
}

impl std::error::Error for SpecErrors {}

impl SpecErrors {
    /// Errors in `text`, the file that the user calls `path`.
    pub fn new(path: &str, text: &str, mut errors: Vec<SpecError>) -> Self {
        errors.sort_by_key(|error| error.span.start);
        Self { path: path.into(), errors, text: text.into() }
    }

    /// Line and column (both from 1, columns in characters) where an error begins.
    pub fn position(&self, error: &SpecError) -> (usize, usize) {
        let start = error.span.start.min(self.text.len());
        let before = &self.text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }
}

impl fmt::Display for SpecErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            let (line, column) = self.position(error);
            writeln!(f, "{}:{line}:{column}: {}", self.path, error.problem)?;
            let source = self.text.lines().nth(line - 1).unwrap_or("");
            let marked = self.text.get(error.span.clone()).unwrap_or("");
            let width = marked.lines().next().unwrap_or("").chars().count().max(1);
            let Excerpt { text: source, before, width } = Excerpt::of(source, column - 1, width);
            let margin = " ".repeat(line.to_string().len());
            // The caret line repeats the tabs of the source, so that the caret stands under its word.
            let lead: String =
                source.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            writeln!(f, "{margin} |")?;
            writeln!(f, "{line} | {source}")?;
            write!(f, "{margin} | {lead}{}", "^".repeat(width))?;
            match error.problem.help() {
                Some(help) => writeln!(f, " {help}")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}

/// Most characters of a line that are shown, and how many of them stand before the place that is pointed at.
const SHOWN: usize = 160;
const SHOWN_BEFORE: usize = 60;

/// A line of the source, or the part of a long one that matters.
struct Excerpt {
    text: String,
    /// Characters before the place.
    before: usize,
    /// Characters of the place.
    width: usize,
}

impl Excerpt {
    fn of(line: &str, before: usize, width: usize) -> Self {
        let length = line.chars().count();
        if length <= SHOWN {
            return Self { text: line.to_owned(), before, width };
        }
        let from = before.saturating_sub(SHOWN_BEFORE);
        let inside: String = line.chars().skip(from).take(SHOWN).collect();
        let (left, right) = (if from > 0 { "…" } else { "" }, if from + SHOWN < length { "…" } else { "" });
        let before = before - from + left.chars().count();
        Self { text: format!("{left}{inside}{right}"), before, width: width.min(SHOWN - SHOWN_BEFORE) }
    }
}

/// The known word closest to `word`, when it is close enough to be meant.
pub fn nearest<'a, S: AsRef<str>>(word: &str, known: &'a [S]) -> Option<&'a str> {
    let lower = word.to_lowercase();
    known
        .iter()
        .map(|candidate| {
            let candidate = candidate.as_ref();
            (candidate, strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()))
        })
        .filter(|(candidate, distance)| *distance <= (candidate.chars().count().max(lower.len()) / 3).max(1))
        .min_by_key(|(_, distance)| *distance)
        .map(|(candidate, _)| candidate)
        .or_else(|| {
            // `accuracy` for `validation_accuracy`, `dataset` for `data`
            let part = |long: &str, short: &str| short.len() >= 4 && long.contains(short);
            known.iter().map(AsRef::as_ref).find(|candidate| {
                let candidate = candidate.to_lowercase();
                part(&candidate, &lower) || part(&lower, &candidate)
            })
        })
}

/// Collects errors while a spec is read.
#[derive(Debug, Default)]
pub struct Errors {
    /// Those found so far.
    pub list: Vec<SpecError>,
}

impl Errors {
    /// Adds what is wrong at `span`, bytes of the file.
    pub fn push(&mut self, span: Range<usize>, problem: Problem) {
        self.list.push(SpecError { problem, span });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_suggested_and_far_ones_are_not() {
        let known = ["learning_rate", "batch_size", "epochs"];
        assert_eq!(nearest("learning_rat", &known), Some("learning_rate"));
        assert_eq!(nearest("Batchsize", &known), Some("batch_size"));
        assert_eq!(nearest("rate", &known), Some("learning_rate"));
        assert_eq!(nearest("momentum", &known), None);
    }

    #[test]
    fn an_error_shows_its_line_and_a_caret() {
        let text = "[training]\nlearning_rat = 0.1\n";
        let problem = Problem::UnknownKey {
            key: "learning_rat".into(),
            section: "[training]".into(),
            known: vec!["learning_rate".into()],
        };
        let errors = SpecErrors::new("a.toml", text, vec![SpecError { problem, span: 11..23 }]);
        let expected = "a.toml:2:1: unknown key `learning_rat` in [training]\n  |\n2 | learning_rat = 0.1\n  | \
                        ^^^^^^^^^^^^ did you mean `learning_rate`?\n";
        assert_eq!(errors.to_string(), expected);
    }
}
