//! What all fields of a column have in common.

use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use crate::token::boolean;
use crate::token::date::{self, DateOrder, Moment};
use crate::token::missing::Missing;
use crate::token::number::{self, Decimal, LARGEST_WHOLE};

/// How many different values are told apart; beyond, there are at least so many.
const DISTINCT: usize = 100_000;

/// How many different words, levels and missing words are remembered.
const REMEMBERED: usize = 64;

/// The orders that are tried.
pub(crate) const ORDERS: [DateOrder; 3] = [DateOrder::YearFirst, DateOrder::DayFirst, DateOrder::MonthFirst];

/// Fields longer than this are blobs.
pub(crate) const BLOB: usize = 1 << 16;

/// How values follow each other from row to row.
#[derive(Debug, Clone, Default)]
pub(crate) struct Order {
    last: Option<f64>,
    /// Steps up, down, and none.
    pub(crate) up: usize,
    pub(crate) down: usize,
    pub(crate) level: usize,
    /// Steps up by exactly one.
    pub(crate) by_one: usize,
}

impl Order {
    fn add(&mut self, value: f64) {
        if let Some(last) = self.last {
            match value.total_cmp(&last) {
                std::cmp::Ordering::Greater => self.up += 1,
                std::cmp::Ordering::Less => self.down += 1,
                std::cmp::Ordering::Equal => self.level += 1,
            }
            self.by_one += usize::from(value - last == 1.0);
        }
        self.last = Some(value);
    }

    /// Whether all steps that are not level go one way.
    pub(crate) fn is_sorted(&self) -> bool {
        let (most, least) = (self.up.max(self.down), self.up.min(self.down));
        least == 0 && most > 1
    }
}

/// Everything that is known of a column after one reading.
#[derive(Debug, Clone, Default)]
pub(crate) struct Profile {
    pub(crate) rows: usize,
    pub(crate) missing: usize,
    /// Of the missing ones, those that are words.
    pub(crate) missing_words: BTreeMap<String, usize>,
    /// Numbers under each convention, and under one of them only.
    pub(crate) point: usize,
    pub(crate) comma: usize,
    pub(crate) only_point: usize,
    pub(crate) only_comma: usize,
    /// Numbers of another value under each.
    pub(crate) ambiguous: usize,
    /// A number of another value under each, as it is written.
    pub(crate) ambiguous_example: Option<String>,
    /// An ambiguous one with a comma in it.
    pub(crate) ambiguous_commas: usize,
    pub(crate) dressed: usize,
    pub(crate) dressed_example: Option<String>,
    pub(crate) whole: usize,
    pub(crate) huge: usize,
    pub(crate) leading_zeros: usize,
    pub(crate) exponent_codes: usize,
    pub(crate) infinite: usize,
    /// The line of the first infinity.
    pub(crate) infinite_line: u64,
    /// Lengths of the shortest and the longest whole number.
    pub(crate) lengths: Option<(usize, usize)>,
    pub(crate) least: Option<f64>,
    pub(crate) most: Option<f64>,
    pub(crate) order: Order,
    /// Fields that are numbers under no convention, the first of them with their counts.
    pub(crate) words: usize,
    pub(crate) word_examples: BTreeMap<String, usize>,
    /// The line of the first such field.
    pub(crate) word_line: u64,
    /// Truth values that are words, and 0 and 1.
    pub(crate) truths: usize,
    pub(crate) bits: usize,
    /// Dates in each of [`ORDERS`], impossible ones apart.
    pub(crate) dates: [usize; 3],
    pub(crate) impossible: [usize; 3],
    pub(crate) date_order: [Order; 3],
    /// Moments with a zone of their own.
    pub(crate) zoned: usize,
    distinct: HashSet<u64, BuildHasherDefault<DefaultHasher>>,
    full: bool,
    /// Fields equal to the one before.
    pub(crate) repeats: usize,
    last: u64,
    /// The first different values, with counts.
    pub(crate) levels: BTreeMap<String, usize>,
    pub(crate) blanks: usize,
    pub(crate) longest: usize,
    pub(crate) uuids: usize,
    /// Lists, objects and addresses.
    pub(crate) structured: usize,
}

impl Profile {
    /// Takes a field in, blanks around it and all.
    pub(crate) fn add(&mut self, field: &str, line: u64, missing: &Missing) {
        let token = field.trim();
        self.rows += 1;
        if missing.contains(token) {
            self.missing += 1;
            if !token.is_empty()
                && (self.missing_words.len() < REMEMBERED || self.missing_words.contains_key(token))
            {
                *self.missing_words.entry(token.to_owned()).or_default() += 1;
            }
            return;
        }
        self.count_distinct(token);
        self.longest = self.longest.max(field.len());
        if token.len() <= 64 {
            self.add_number(token, line);
        } else {
            self.add_word(token, line);
        }
    }

    /// Fields that are there.
    pub(crate) fn present(&self) -> usize {
        self.rows - self.missing
    }

    /// Different values, or at least so many.
    pub(crate) fn distinct(&self) -> usize {
        self.distinct.len()
    }

    /// Whether every value is there once, as far as they are told apart.
    pub(crate) fn is_unique(&self) -> bool {
        self.present() > 1
            && if self.full { self.distinct.len() == DISTINCT } else { self.distinct.len() == self.present() }
    }

    /// Numbers under a convention.
    pub(crate) fn numbers(&self, decimal: Decimal) -> usize {
        match decimal {
            Decimal::Point => self.point,
            Decimal::Comma => self.comma,
        }
    }

    fn count_distinct(&mut self, token: &str) {
        let hash = self.distinct.hasher().hash_one(token);
        self.repeats += usize::from(self.last == hash);
        self.last = hash;
        if self.full {
            return;
        }
        if self.distinct.insert(hash) && self.distinct.len() == DISTINCT {
            // Unique so far, or not: what comes later changes nothing any more.
            self.full = true;
            if self.present() != DISTINCT {
                self.distinct.remove(&hash);
            }
        }
        remember(&mut self.levels, token);
    }

    fn add_number(&mut self, token: &str, line: u64) {
        let point = number::parse(token, Decimal::Point);
        let marked = token.contains([',', '.', ' ', '\'']);
        let comma = if marked || point.is_none() { number::parse(token, Decimal::Comma) } else { point };
        self.point += usize::from(point.is_some());
        self.comma += usize::from(comma.is_some());
        self.only_point += usize::from(point.is_some() && comma.is_none());
        self.only_comma += usize::from(comma.is_some() && point.is_none());
        if let (Some(a), Some(b)) = (point, comma)
            && a.value != b.value
        {
            self.ambiguous += 1;
            self.ambiguous_commas += usize::from(token.contains(','));
            self.ambiguous_example.get_or_insert_with(|| token.to_owned());
        }
        if boolean::parse(token).is_some() {
            let bit = matches!(token, "0" | "1");
            self.bits += usize::from(bit);
            self.truths += usize::from(!bit);
        }
        let Some(found) = point.or(comma) else { return self.add_word(token, line) };
        if found.dressed {
            self.dressed += 1;
            self.dressed_example.get_or_insert_with(|| token.to_owned());
        }
        if found.value.is_infinite() {
            self.infinite += 1;
            if self.infinite_line == 0 {
                self.infinite_line = line;
            }
        }
        if found.whole && !found.dressed {
            self.whole += 1;
            self.huge += usize::from(found.value.abs() > LARGEST_WHOLE);
            self.leading_zeros += usize::from(number::has_leading_zero(token));
            let (low, high) = self.lengths.unwrap_or((usize::MAX, 0));
            self.lengths = Some((low.min(token.len()), high.max(token.len())));
        } else {
            self.exponent_codes += usize::from(number::is_exponent_code(token));
            if self.point == self.comma || self.only_comma > 0 || self.only_point > 0 {
                self.add_date(token);
            }
        }
        self.least = Some(self.least.map_or(found.value, |least| least.min(found.value)));
        self.most = Some(self.most.map_or(found.value, |most| most.max(found.value)));
        self.order.add(found.value);
    }

    fn add_word(&mut self, token: &str, line: u64) {
        self.words += 1;
        if self.word_line == 0 {
            self.word_line = line;
        }
        remember(&mut self.word_examples, token);
        self.blanks += token.split_whitespace().count().saturating_sub(1);
        let first = token.as_bytes()[0];
        let structured = matches!((first, token.as_bytes()[token.len() - 1]), (b'{', b'}') | (b'[', b']'));
        self.structured += usize::from(structured || token.contains("://"));
        self.uuids += usize::from(is_uuid(token));
        self.add_date(token);
    }

    fn add_date(&mut self, token: &str) {
        if token.len() > 40 || !token.bytes().any(|byte| byte.is_ascii_digit()) {
            return;
        }
        for (i, order) in ORDERS.into_iter().enumerate() {
            match date::parse(token, order) {
                Some(Moment::At(seconds)) => {
                    self.dates[i] += 1;
                    self.date_order[i].add(seconds);
                    self.zoned += usize::from(
                        i == 0
                            && token.len() > 16
                            && token.ends_with(|c: char| c.is_ascii_digit())
                            && token[16..].contains(['+', '-']),
                    );
                }
                Some(Moment::Impossible) => self.impossible[i] += 1,
                None => {}
            }
        }
    }
}

/// Counts one of the first different values.
fn remember(counts: &mut BTreeMap<String, usize>, token: &str) {
    // No copy for one that is there: this is done for every field.
    if let Some(count) = counts.get_mut(token) {
        *count += 1;
    } else if counts.len() < REMEMBERED {
        let short: String = token.chars().take(60).collect();
        *counts.entry(short).or_default() += 1;
    }
}

fn is_uuid(token: &str) -> bool {
    token.len() == 36
        && token.bytes().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}
