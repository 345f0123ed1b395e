//! From a profile to a kind. The first rule that fits decides, and says so.

use std::collections::BTreeSet;

use super::profile::{BLOB, ORDERS, Profile};
use super::{Column, Kind, Reading, Role};
use crate::token::date::DateOrder;
use crate::token::number::Decimal;

/// What a user may say about how columns are read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DecideConfig {
    /// What begins the decimals, in every column.
    pub decimal: Option<Decimal>,
    /// Whether dates with slashes begin with the day or the month.
    pub date_order: Option<DateOrder>,
    /// Whether columns of text are left out.
    pub ignore_text: bool,
    /// Columns that are amounts, whatever they look like.
    pub numbers: BTreeSet<String>,
    /// Columns of levels, whatever they look like.
    pub categories: BTreeSet<String>,
}

/// What the other columns of a table prove about how it is written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Evidence {
    /// Columns of numbers that fit one convention only.
    pub(crate) point: usize,
    pub(crate) comma: usize,
}

impl Evidence {
    pub(crate) fn of<'a>(profiles: impl Iterator<Item = &'a Profile>) -> Self {
        let mut evidence = Self::default();
        for profile in profiles.filter(|profile| profile.present() > 0) {
            let all = profile.present();
            evidence.point += usize::from(profile.only_point > 0 && profile.point == all);
            evidence.comma += usize::from(profile.only_comma > 0 && profile.comma == all);
        }
        evidence
    }
}

/// Share of the fields that must be numbers, or dates, for the others to be exceptions.
const MOSTLY: f64 = 0.9;

/// Rows from which on unique values are taken for names of the rows.
const ENOUGH: usize = 20;

/// What a column is, before it is known what it is for.
pub(crate) fn decide(name: &str, profile: &Profile, evidence: Evidence, config: &DecideConfig) -> Column {
    let mut column = Column {
        name: name.to_owned(),
        kind: Kind::Category,
        role: Role::Feature,
        reading: Reading::Category,
        kept_words: Vec::new(),
        decided: String::new(),
        notes: Vec::new(),
        warnings: Vec::new(),
        missing: profile.missing,
        distinct: profile.distinct(),
    };
    Decision { column: &mut column, profile, evidence, config }.run();
    if !column.missing_said() && !profile.missing_words.is_empty() && column.kept_words.is_empty() {
        let words: Vec<String> =
            profile.missing_words.iter().take(4).map(|(word, count)| format!("`{word}` ({count})")).collect();
        column.notes.push(format!("taken as missing: {}", words.join(", ")));
    }
    column
}

impl Column {
    fn missing_said(&self) -> bool {
        self.role == Role::Dropped
    }
}

struct Decision<'a> {
    column: &'a mut Column,
    profile: &'a Profile,
    evidence: Evidence,
    config: &'a DecideConfig,
}

impl Decision<'_> {
    fn run(mut self) {
        let present = self.profile.present();
        if self.keep_word() {
            return self.set(
                Kind::Category,
                Reading::Category,
                "a word that usually means missing is most of it",
            );
        }
        if present == 0 {
            return self.drop(Kind::Constant, "every field is missing");
        }
        if self.profile.longest > BLOB {
            let longest = self.profile.longest;
            return self.drop(Kind::Blob, &format!("a field of {longest} bytes, more than 64 kB"));
        }
        if self.said() {
            return self.constant();
        }
        let decided = self.boolean() || self.number() || self.date();
        if !decided {
            self.words();
        }
        if self.column.role != Role::Dropped {
            self.constant();
        }
        if self.column.role != Role::Dropped {
            self.id();
        }
    }

    /// What the user says of it.
    fn said(&mut self) -> bool {
        let decimal = self.config.decimal.unwrap_or(Decimal::Point);
        if self.config.numbers.contains(&self.column.name) {
            self.set(Kind::Number, Reading::Number { decimal }, "said to be a number");
        } else if self.config.categories.contains(&self.column.name) {
            self.set(Kind::Category, Reading::Category, "said to be a category");
        } else {
            return false;
        }
        true
    }

    fn set(&mut self, kind: Kind, reading: Reading, decided: &str) {
        self.column.kind = kind;
        self.column.reading = reading;
        self.column.decided = decided.to_owned();
    }

    fn drop(&mut self, kind: Kind, decided: &str) {
        self.column.kind = kind;
        self.column.role = Role::Dropped;
        self.column.decided = decided.to_owned();
    }

    /// `None` in most rows of a column of words is a level.
    fn keep_word(&mut self) -> bool {
        let profile = self.profile;
        let few_numbers = (profile.point.max(profile.comma) as f64) < 0.5 * profile.present() as f64;
        // What is not available, or a question mark, is no level however often it is there.
        let words = profile.missing_words.iter().filter(|(word, _)| word.eq_ignore_ascii_case("none"));
        let most = words.max_by_key(|(_, count)| **count);
        let Some((word, count)) = most.filter(|(_, count)| **count * 2 > profile.rows) else { return false };
        if profile.present() == 0 || !few_numbers || profile.dates.iter().any(|dates| *dates > 0) {
            return false;
        }
        self.column.notes.push(format!(
            "`{word}` is {:.0} % of the rows and kept as a level; --missing {word} would make it missing",
            100.0 * *count as f64 / profile.rows as f64
        ));
        self.column.missing -= count;
        self.column.distinct += 1;
        self.column.kept_words.push(word.clone());
        true
    }

    fn boolean(&mut self) -> bool {
        let Profile { truths, bits, .. } = self.profile;
        let fits = truths + bits == self.profile.present();
        if !fits || (*truths == 0 && self.profile.distinct() < 2) {
            return false;
        }
        let decided =
            if *truths > 0 { "every field is a word for true or false" } else { "every field is 0 or 1" };
        self.set(Kind::Boolean, Reading::Boolean, decided);
        true
    }

    fn number(&mut self) -> bool {
        let profile = self.profile;
        let Some(decimal) = self.decimal() else { return false };
        let (numbers, present) = (profile.numbers(decimal), profile.present());
        let category = |it: &mut Self, why: &str| {
            it.set(Kind::Category, Reading::Category, why);
            true
        };
        if profile.leading_zeros > 0 && profile.whole == numbers {
            return category(self, "digits with zeros in front, as codes have them");
        }
        if profile.huge > 0 {
            return category(self, "whole numbers beyond 2^53, which no number here tells apart: names");
        }
        if profile.exponent_codes > 0
            && profile.exponent_codes + profile.whole == present
            && profile.lengths.is_some_and(|(low, high)| low == high)
        {
            return category(self, "codes of digits, some with an `e`");
        }
        if self.epoch(numbers) {
            return true;
        }
        self.set(Kind::Number, Reading::Number { decimal }, "every field is a number");
        if numbers < present {
            let words: Vec<String> = profile
                .word_examples
                .iter()
                .take(4)
                .map(|(word, count)| format!("`{word}` ({count})"))
                .collect();
            self.column.decided = format!("{numbers} of {present} fields are numbers");
            let words = if words.is_empty() { "others".into() } else { words.join(", ") };
            self.column.notes.push(format!("{words}: missing as numbers, and levels beside them"));
        }
        if decimal == Decimal::Comma {
            self.column.notes.push("a comma begins the decimals".into());
        }
        if let Some(example) = &profile.dressed_example {
            self.column
                .notes
                .push(format!("signs taken off {} fields, such as `{example}`", profile.dressed));
        }
        if profile.infinite > 0 {
            self.column.notes.push(format!("{} infinite", profile.infinite));
        }
        true
    }

    /// The one convention that fits (nearly) all fields; none if they are no numbers.
    fn decimal(&mut self) -> Option<Decimal> {
        let profile = self.profile;
        let present = profile.present() as f64;
        let fits = |decimal| profile.numbers(decimal) as f64 >= MOSTLY * present;
        if let Some(decimal) = self.config.decimal {
            return fits(decimal).then_some(decimal);
        }
        match (fits(Decimal::Point), fits(Decimal::Comma)) {
            (false, false) => None,
            (true, false) => Some(Decimal::Point),
            (false, true) => Some(Decimal::Comma),
            (true, true) if profile.only_point != profile.only_comma => {
                Some(if profile.only_point > profile.only_comma { Decimal::Point } else { Decimal::Comma })
            }
            (true, true) if profile.ambiguous == 0 => Some(Decimal::Point),
            (true, true) => Some(self.ambiguous()),
        }
    }

    /// Fields such as `1,234` alone: the other columns decide, or else the usual meaning, and a warning.
    fn ambiguous(&mut self) -> Decimal {
        let Evidence { point, comma } = self.evidence;
        let example = self.profile.ambiguous_example.clone().unwrap_or_default();
        if point != comma {
            let decimal = if comma > point { Decimal::Comma } else { Decimal::Point };
            self.column.notes.push(format!("`{example}` is read as other columns of the table prove it"));
            return decimal;
        }
        let meaning = if self.profile.ambiguous_commas > 0 {
            "a comma between groups of three; if it begins the decimals, say --decimal comma"
        } else {
            "a point before the decimals; if it is between groups of three, say --decimal comma"
        };
        // A point before three digits is usual; a comma is worth a look.
        let list = if self.profile.ambiguous_commas > 0 {
            &mut self.column.warnings
        } else {
            &mut self.column.notes
        };
        list.push(format!("`{example}` is taken to have {meaning}"));
        Decimal::Point
    }

    /// Whole numbers that are moments, by the name of the column and their size.
    fn epoch(&mut self, numbers: usize) -> bool {
        let profile = self.profile;
        let name = self.column.name.to_lowercase();
        let hint = ["date", "time", "epoch", "timestamp", "created", "updated"]
            .iter()
            .any(|word| name.contains(word))
            || name.ends_with("_at")
            || name == "ts";
        let (Some(least), Some(most)) = (profile.least, profile.most) else { return false };
        if !hint || profile.whole != numbers || numbers != profile.present() {
            return false;
        }
        let within = |low: f64, high: f64| least >= low && most < high;
        let compact = profile.lengths == Some((8, 8)) && within(18_000_101.0, 22_000_101.0);
        let order = match () {
            () if compact && profile.levels.keys().all(|token| is_compact(token)) => DateOrder::Compact,
            () if within(3e8, 4.2e9) => DateOrder::EpochSeconds,
            () if within(3e11, 4.2e12) => DateOrder::EpochMilliseconds,
            () => return false,
        };
        let decided = format!("{}, by its name and its size", order.shown());
        self.set(Kind::Date, Reading::Date { order }, &decided);
        self.time_order(&profile.order);
        true
    }

    fn date(&mut self) -> bool {
        let profile = self.profile;
        let present = profile.present() as f64;
        let fits = |i: usize| (profile.dates[i] + profile.impossible[i]) as f64 >= MOSTLY * present;
        let [year, day, month] = [0, 1, 2].map(fits);
        if !(year || day || month) || profile.dates.iter().all(|dates| *dates == 0) {
            return false;
        }
        let index = if year { 0 } else { self.day_or_month() };
        let order = ORDERS[index];
        let decided = format!("{} of {present} fields are {}", profile.dates[index], order.shown());
        self.set(Kind::Date, Reading::Date { order }, &decided);
        let lost = profile.present() - profile.dates[index];
        if lost > 0 {
            self.column.notes.push(format!("{lost} fields are no day that there is: missing"));
        }
        if profile.zoned > 0 {
            self.column.notes.push("zones are taken to UTC".into());
        }
        self.time_order(&profile.date_order[index]);
        true
    }

    /// 1 or 2, the index of day/month or month/day.
    fn day_or_month(&mut self) -> usize {
        let profile = self.profile;
        if let Some(order) = self.config.date_order {
            return if order == DateOrder::MonthFirst { 2 } else { 1 };
        }
        let [_, day, month] = profile.dates;
        if day != month {
            return if day > month { 1 } else { 2 };
        }
        let dots = profile.levels.keys().all(|token| token.contains('.'));
        let named = profile.levels.keys().all(|token| token.bytes().any(|byte| byte.is_ascii_alphabetic()));
        if dots || named {
            return 1;
        }
        let sorted = [1, 2].map(|i| profile.date_order[i].is_sorted());
        if sorted[0] != sorted[1] {
            self.column.notes.push("day and month are told apart by the order of the rows".into());
            return if sorted[0] { 1 } else { 2 };
        }
        self.column.warnings.push(
            "day/month or month/day: no value proves it, and day/month is taken; --date-order month-first is the other"
                .into(),
        );
        1
    }

    fn time_order(&mut self, order: &super::profile::Order) {
        if order.is_sorted() && order.up + order.down + order.level >= ENOUGH - 1 {
            let name = &self.column.name;
            self.column.warnings.push(format!(
                "the rows are sorted by it: if the future is to be predicted, say --time {name}"
            ));
        }
    }

    fn words(&mut self) {
        let profile = self.profile;
        let (present, distinct) = (profile.present(), profile.distinct());
        let words_each = 1.0 + profile.blanks as f64 / present as f64;
        let many = distinct > 100 || distinct * 2 > present;
        let structured = profile.structured * 10 > present * 9;
        if (words_each > 5.0 || structured) && many {
            let why = match structured {
                true => "lists, objects or addresses: read as text".to_owned(),
                false => format!("{words_each:.0} words a field, {distinct} different"),
            };
            self.set(Kind::Text, Reading::Text, &why);
            if self.config.ignore_text {
                self.drop(Kind::Text, "text, left out by --ignore-text");
            }
            return;
        }
        self.set(Kind::Category, Reading::Category, &format!("{distinct} different values"));
        if distinct > 1000 {
            self.column
                .notes
                .push("very many levels: frequencies and cross-fitted means stand for them".into());
        }
    }

    fn constant(&mut self) {
        if self.column.distinct != 1 {
            return;
        }
        let value = self.profile.levels.keys().next().cloned().unwrap_or_default();
        if self.column.missing == 0 {
            return self.drop(Kind::Constant, &format!("every field is `{value}`"));
        }
        let decided = format!("`{value}` or missing: kept as that");
        self.set(Kind::Category, Reading::Category, &decided);
    }

    fn id(&mut self) {
        let profile = self.profile;
        let named = is_id_name(&self.column.name);
        let whole = profile.whole == profile.present() && profile.dressed == 0;
        let timely = ["year", "date", "time", "day", "month"]
            .iter()
            .any(|word| self.column.name.to_lowercase().contains(word));
        let unique = profile.is_unique() && profile.present() >= ENOUGH;
        let as_names = match self.column.kind {
            Kind::Category => unique,
            Kind::Number if whole && !timely => unique && (named || self.is_dense() || self.is_code()),
            _ => false,
        };
        if as_names {
            let order = &profile.order;
            if self.column.kind == Kind::Number && order.is_sorted() {
                self.column.warnings.push(
                    "it follows the order of the rows: if they are ordered by time, name that column with --time".into(),
                );
            }
            let why = match () {
                () if profile.uuids == profile.present() => "UUIDs",
                () if order.by_one + 1 == profile.present() => "the number of the row",
                () => "another value in every row",
            };
            return self.drop(Kind::Id, &format!("{why}: a name, from which nothing can be learnt"));
        }
        self.group_hint(named, whole);
    }

    /// Whole numbers that leave few gaps.
    fn is_dense(&self) -> bool {
        let (Some(least), Some(most)) = (self.profile.least, self.profile.most) else { return false };
        most - least < 1.5 * self.profile.present() as f64
    }

    /// Whole numbers of one length, as account numbers are.
    fn is_code(&self) -> bool {
        self.profile.lengths.is_some_and(|(low, high)| low == high && low >= 6)
    }

    /// A column whose values come back a few times each may name what rows belong to.
    fn group_hint(&mut self, named: bool, whole: bool) {
        let profile = self.profile;
        let (present, distinct) = (profile.present(), profile.distinct());
        let nameable = self.column.kind == Kind::Category || (self.column.kind == Kind::Number && whole);
        if !nameable || distinct < ENOUGH || present < 2 * ENOUGH || distinct == present {
            return;
        }
        let each = present as f64 / distinct as f64;
        // Neighbours that are equal far more often than chance has it.
        // One value that is everywhere, such as 0, has neighbours by chance.
        let most = profile.levels.values().copied().max().unwrap_or(0) as f64;
        let even = most <= (8.0 * each).max(0.02 * present as f64);
        let together = even && profile.repeats as f64 > 0.5 * (present - distinct) as f64 && each > 1.5;
        if each < 100.0 && (together || (named && each < 50.0)) {
            let name = &self.column.name;
            self.column.warnings.push(format!(
                "{distinct} values that come back {each:.1} times each: if rows with the same one belong together, say --group {name}"
            ));
        }
    }
}

fn is_compact(token: &str) -> bool {
    use crate::token::date::{Moment, parse};
    matches!(parse(token, DateOrder::Compact), Some(Moment::At(_)))
}

/// Whether a name says that the column names rows or what they belong to.
pub(super) fn is_id_name(name: &str) -> bool {
    let lower = name.trim().to_lowercase();
    const WHOLE: [&str; 12] = [
        "id",
        "idx",
        "index",
        "uuid",
        "guid",
        "key",
        "rownames",
        "rowname",
        "row",
        "rowid",
        "unnamed: 0",
        "column_1",
    ];
    WHOLE.contains(&lower.as_str())
        || ["_id", " id", "-id", ".id", "_key", "_no", "_nr"].iter().any(|end| lower.ends_with(end))
        || ["Id", "ID"].iter().any(|end| name.trim().ends_with(end))
        || ["idcode", "customer", "patient", "subject", "user", "person", "client", "account"]
            .contains(&lower.as_str())
}
