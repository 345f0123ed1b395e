//! What Rust code imports: every path in it, in `use` declarations, however nested, and in full anywhere
//! else.
//!
//! The code is read as tokens, so that comments, strings and doc tests count for nothing and macros are seen
//! like other code. What is compiled for tests alone, under `#[cfg(test)]`, is left out: tests may use
//! anything.

use std::collections::BTreeSet;

/// A word, a number or a sign; strings and characters are one empty token each.
type Token = String;

/// What a file of code imports.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Imports {
    /// Absolute paths: `crate::space::Domain`, `rand::Rng`. Paths that start with a name of the module itself
    /// or of the prelude are among them as they stand.
    pub(crate) paths: BTreeSet<Vec<String>>,
    /// Modules in files of their own that are compiled for tests alone, by their paths from the root of the
    /// crate.
    pub(crate) test_modules: BTreeSet<Vec<String>>,
}

/// The imports of `code`, which is the module `module` of its crate: `["space", "encode"]`.
pub(crate) fn imports(code: &str, module: &[String]) -> Imports {
    let mut reader =
        Reader { tokens: tokens(code), at: 0, module: module.to_vec(), found: Imports::default() };
    reader.items(0);
    reader.found
}

/// The tokens of `code`. `::` is one token.
fn tokens(code: &str) -> Vec<Token> {
    let chars: Vec<char> = code.chars().collect();
    let starts = |at: usize, text: &str| text.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c));
    let mut list = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if c.is_whitespace() {
            at += 1;
        } else if starts(at, "//") {
            at += chars[at..].iter().position(|c| *c == '\n').unwrap_or(chars.len() - at);
        } else if starts(at, "/*") {
            at = after_comment(&chars, at);
        } else if let Some(end) = after_string(&chars, at) {
            list.push(String::new());
            at = end;
        } else if c.is_alphanumeric() || c == '_' {
            let word: String = chars[at..].iter().take_while(|c| c.is_alphanumeric() || **c == '_').collect();
            at += word.chars().count();
            list.push(word);
        } else if starts(at, "::") {
            list.push("::".into());
            at += 2;
        } else {
            list.push(c.to_string());
            at += 1;
        }
    }
    list
}

/// Where a block comment, which may hold others, ends.
fn after_comment(chars: &[char], start: usize) -> usize {
    let (mut depth, mut at) = (0, start);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

/// Where the string or character that begins at `start` ends; `None` when none begins there. A lifetime is no
/// character.
fn after_string(chars: &[char], start: usize) -> Option<usize> {
    let mut at = start;
    while at < start + 2 && matches!(chars.get(at), Some('b' | 'c' | 'r')) {
        at += 1;
    }
    let raw = at > start && chars[at - 1] == 'r';
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    match chars.get(at + hashes)? {
        '"' if raw => {
            let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
            let from = at + hashes + 1;
            let length = chars[from..].windows(end.len()).position(|window| window == end);
            Some(length.map_or(chars.len(), |length| from + length + end.len()))
        }
        quote @ ('"' | '\'') if hashes == 0 && !raw => {
            let lifetime =
                *quote == '\'' && chars.get(at + 1) != Some(&'\\') && chars.get(at + 2) != Some(&'\'');
            if lifetime {
                return None;
            }
            let mut end = at + 1;
            while let Some(c) = chars.get(end).filter(|c| *c != quote) {
                end += if *c == '\\' { 2 } else { 1 };
            }
            Some(end + 1)
        }
        _ => None,
    }
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    module: Vec<String>,
    found: Imports,
}

impl Reader {
    fn peek(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", String::as_str)
    }

    fn next_is(&self, wanted: &[&str]) -> bool {
        wanted.iter().enumerate().all(|(ahead, token)| self.peek(ahead) == *token)
    }

    /// Reads tokens until the brace that closes the block at `depth` braces, or the end.
    fn items(&mut self, depth: usize) {
        let mut open = 0;
        while self.at < self.tokens.len() {
            if self.next_is(&["#", "[", "cfg", "(", "test", ")", "]"]) {
                self.at += 7;
                self.skip_item();
            } else if self.peek(0) == "use" && self.peek(1) != "<" {
                self.at += 1;
                self.tree(&[]);
            } else if self.peek(0) == "mod" && self.peek(2) == "{" {
                let name = self.peek(1).to_owned();
                self.at += 3;
                self.module.push(name);
                self.items(depth + 1);
                self.module.pop();
            } else if self.peek(1) == "::" || (self.peek(0) == "::" && self.peek(1) != "<") {
                self.path();
            } else {
                match self.peek(0) {
                    "{" => open += 1,
                    "}" if open == 0 && depth > 0 => {
                        self.at += 1;
                        return;
                    }
                    "}" => open -= 1,
                    _ => {}
                }
                self.at += 1;
            }
        }
    }

    /// A path in full, with two parts or more; generic arguments end it.
    fn path(&mut self) {
        let mut path = Vec::new();
        if self.peek(0) == "::" {
            self.at += 1;
        }
        while is_word(self.peek(0)) {
            path.push(self.peek(0).to_owned());
            self.at += 1;
            if self.peek(0) != "::" || !is_word(self.peek(1)) {
                break;
            }
            self.at += 1;
        }
        if path.is_empty() {
            self.at += 1; // `<T as Trait>::NAME`, `::<`
        } else if path.len() > 1 || self.peek(0) == "::" {
            self.add(path);
        }
    }

    /// A tree of a `use` declaration below `prefix`, up to the `;`, `,` or `}` after it.
    fn tree(&mut self, prefix: &[String]) {
        let mut path = prefix.to_vec();
        loop {
            match self.peek(0) {
                "{" => {
                    self.at += 1;
                    while !matches!(self.peek(0), "}" | "") {
                        self.tree(&path);
                        if matches!(self.peek(0), "," | ";") {
                            self.at += 1;
                        }
                    }
                    self.at += 1;
                    return;
                }
                "as" => self.at += 2,
                ";" | "," | "}" | "" => break,
                "::" => self.at += 1,
                word => {
                    path.push(word.to_owned());
                    self.at += 1;
                }
            }
        }
        self.add(path);
    }

    /// Adds a path, made absolute.
    fn add(&mut self, path: Vec<String>) {
        let mut absolute = match path.first().map(String::as_str) {
            Some("crate") => vec!["crate".to_owned()],
            Some("self" | "super") => {
                std::iter::once("crate".to_owned()).chain(self.module.clone()).collect()
            }
            _ => vec![],
        };
        for part in path {
            match part.as_str() {
                "crate" | "self" => {}
                "super" => drop(absolute.pop()),
                _ => absolute.push(part),
            }
        }
        self.found.paths.insert(absolute);
    }

    /// Skips the item that an attribute stands before.
    fn skip_item(&mut self) {
        while self.peek(0) == "#" {
            self.at += 1;
            self.skip_group();
        }
        let visibility = |token: &&Token| matches!(token.as_str(), "pub" | "(" | ")" | "crate" | "super");
        let keyword = self.at + self.tokens[self.at..].iter().take_while(visibility).count();
        let word = |at: usize| self.tokens.get(at).map_or("", String::as_str);
        let is_use = word(keyword) == "use";
        if word(keyword) == "mod" && word(keyword + 2) == ";" {
            let name = word(keyword + 1).to_owned();
            self.found.test_modules.insert(self.module.iter().cloned().chain([name]).collect());
        }
        while self.at < self.tokens.len() {
            match self.peek(0) {
                ";" => {
                    self.at += 1;
                    return;
                }
                "{" => {
                    self.skip_group();
                    if !is_use {
                        return;
                    }
                }
                "(" | "[" => self.skip_group(),
                _ => self.at += 1,
            }
        }
    }

    /// Skips a group in brackets of any kind.
    fn skip_group(&mut self) {
        let mut depth = 0;
        while self.at < self.tokens.len() {
            match self.peek(0) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}
