//! The values of one column.

use std::collections::HashMap;

/// The code of a missing value.
pub const MISSING: u32 = u32::MAX;

/// The code of a level that was not there when the model learnt.
pub const UNSEEN: u32 = u32::MAX - 1;

/// The values of one column.
#[derive(Debug, Clone, Default)]
pub enum Values {
    /// The column is not kept.
    #[default]
    None,
    /// Numbers, truth values as 0 and 1, moments as seconds since 1970. NaN is missing.
    Number {
        /// One for each row.
        numbers: Vec<f64>,
        /// The words among them, where there are some.
        words: Option<Coded>,
    },
    /// Levels.
    Category(Coded),
    /// As it is written.
    Text(Text),
}

/// Words by number.
#[derive(Debug, Clone, Default)]
pub struct Coded {
    /// One for each row: the index of a level, [`MISSING`] or [`UNSEEN`].
    pub codes: Vec<u32>,
    levels: Vec<String>,
    index: HashMap<String, u32>,
    frozen: bool,
}

impl Coded {
    /// Of levels that are known: others are [`UNSEEN`].
    pub fn frozen(levels: &[String]) -> Self {
        let index = levels.iter().zip(0..).map(|(level, code)| (level.clone(), code)).collect();
        Self { codes: Vec::new(), levels: levels.to_vec(), index, frozen: true }
    }

    /// The levels, by code.
    pub fn levels(&self) -> &[String] {
        &self.levels
    }

    pub(super) fn push(&mut self, token: &str, most: usize) -> u32 {
        let code = match self.index.get(token) {
            Some(code) => *code,
            None if self.frozen => {
                same_number(token).and_then(|it| self.index.get(&it).copied()).unwrap_or(UNSEEN)
            }
            None if self.levels.len() >= most => UNSEEN,
            None => {
                let code = self.levels.len() as u32;
                self.levels.push(token.to_owned());
                self.index.insert(token.to_owned(), code);
                code
            }
        };
        self.codes.push(code);
        code
    }

    pub(super) fn push_missing(&mut self) {
        self.codes.push(MISSING);
    }

    /// Puts the levels in order, so that codes do not depend on the order of the rows: by number if all are
    /// numbers, else by their letters.
    pub(super) fn sort(&mut self) {
        let mut order: Vec<usize> = (0..self.levels.len()).collect();
        let numbers: Option<Vec<f64>> =
            self.levels.iter().map(|level| level.parse().ok().filter(|it: &f64| it.is_finite())).collect();
        match numbers {
            Some(numbers) => order.sort_by(|a, b| {
                numbers[*a].total_cmp(&numbers[*b]).then_with(|| self.levels[*a].cmp(&self.levels[*b]))
            }),
            None => order.sort_by(|a, b| self.levels[*a].cmp(&self.levels[*b])),
        }
        let mut place = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            place[*old] = new as u32;
        }
        for code in self.codes.iter_mut().filter(|code| (**code as usize) < place.len()) {
            *code = place[*code as usize];
        }
        self.levels = order.iter().map(|old| std::mem::take(&mut self.levels[*old])).collect();
        self.index.clear();
        self.frozen = true;
    }
}

/// The other way to write a whole number: `1` for `1.0`, `1.0` for `1`.
fn same_number(token: &str) -> Option<String> {
    if let Some((whole, zeros)) = token.split_once('.') {
        return (!whole.is_empty() && zeros.bytes().all(|byte| byte == b'0')).then(|| whole.to_owned());
    }
    token.parse::<i64>().ok().map(|_| format!("{token}.0"))
}

/// Texts, one after the other.
#[derive(Debug, Clone, Default)]
pub struct Text {
    bytes: String,
    ends: Vec<usize>,
}

impl Text {
    /// The text of a row; an empty one is missing.
    pub fn get(&self, row: usize) -> &str {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[start..self.ends[row]]
    }

    pub(super) fn push(&mut self, text: &str) {
        self.bytes.push_str(text);
        self.ends.push(self.bytes.len());
    }
}

impl Values {
    /// The values of these rows, in their order.
    #[must_use]
    pub fn take(&self, rows: &[u32]) -> Self {
        let coded = |coded: &Coded| Coded {
            codes: rows.iter().map(|row| coded.codes[*row as usize]).collect(),
            levels: coded.levels.clone(),
            index: HashMap::new(),
            frozen: true,
        };
        match self {
            Self::None => Self::None,
            Self::Number { numbers, words } => Self::Number {
                numbers: rows.iter().map(|row| numbers[*row as usize]).collect(),
                words: words.as_ref().map(coded),
            },
            Self::Category(codes) => Self::Category(coded(codes)),
            Self::Text(text) => {
                let mut taken = Text::default();
                rows.iter().for_each(|row| taken.push(text.get(*row as usize)));
                Self::Text(taken)
            }
        }
    }

    /// Whether the value of a row is missing.
    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Self::None => true,
            Self::Number { numbers, .. } => numbers[row].is_nan(),
            Self::Category(coded) => coded.codes[row] >= UNSEEN,
            Self::Text(text) => text.get(row).is_empty(),
        }
    }
}
