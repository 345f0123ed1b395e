//! Reads a table of which only the target is known.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hasher};
use std::time::{Duration, Instant};

use lightcrest_spec::diagnostic::nearest;

use super::copies::drop_copies;
use super::schema::Builder;
use super::{Schema, Table, Values};
use crate::column::{Column, DecideConfig, Evidence, Kind, Profile, Reading, Role, decide, decide_target};
use crate::error::TableError;
use crate::read::{self, ReadConfig, Said, Source};
use crate::split::mix;
use crate::token::missing::Missing;
use crate::{LEAST_ROWS, Task};

/// What a user may say about a table to learn from.
#[derive(Debug, Clone, Default)]
pub struct LearnConfig {
    /// The column to predict.
    pub target: String,
    /// What is predicted; by the target's values if it is not said.
    pub task: Option<Task>,
    /// A column whose equal values keep rows together.
    pub group: Option<String>,
    /// A column that orders rows.
    pub time: Option<String>,
    /// The form of the file.
    pub read: ReadConfig,
    /// How fields are read.
    pub decide: DecideConfig,
    /// Fields that are missing values, besides the usual ones.
    pub missing: Vec<String>,
    /// Columns that are left out.
    pub ignore: Vec<String>,
    /// Whether most targets may be missing.
    pub drop_missing_target: bool,
    /// The share of the rows to read; by `within` if it is not said.
    pub share_read: Option<f64>,
    /// About how long reading may take: a part of the rows is read where all of them would take longer.
    pub within: Option<Duration>,
}

/// A table that was learnt from.
#[derive(Debug, Clone)]
pub struct Learnt {
    /// The columns and how they are read.
    pub schema: Schema,
    /// Their values.
    pub table: Table,
    /// A number for each row that equal rows share, the target included.
    pub marks: Vec<u64>,
    /// The share of the rows that was read.
    pub share_read: f64,
    /// What was decided about the table as a whole, ready to read.
    pub decisions: Vec<String>,
    /// What the user should look at.
    pub warnings: Vec<String>,
}

impl Learnt {
    /// Whether each row was there before, the target included; empty where few were.
    pub fn copies(&self) -> Vec<bool> {
        let mut seen = HashSet::new();
        let copies: Vec<bool> = self.marks.iter().map(|mark| !seen.insert(*mark)).collect();
        if is_many(self.marks.len() - seen.len(), self.marks.len()) { copies } else { Vec::new() }
    }
}

/// Whether so many copies are worth a word.
fn is_many(copies: usize, rows: usize) -> bool {
    copies * 20 > rows
}

/// Reads a table.
///
/// # Errors
/// If it cannot be read, or nothing can be learnt from it.
pub fn learn(source: Source, config: &LearnConfig) -> Result<Learnt, TableError> {
    let mut text = read::Text::open(source, &config.read)?;
    let special = [Some(&config.target), config.group.as_ref(), config.time.as_ref()];
    for name in special.into_iter().flatten().chain(&config.ignore) {
        find(text.names(), name)?;
    }
    text.want(|name| !config.ignore.iter().any(|ignored| ignored == name));
    let missing = Missing::with(&config.missing);
    let share = match (config.share_read, config.within) {
        (Some(share), _) => share,
        (None, Some(time)) => affordable(&text, &missing, time)?,
        (None, None) => 1.0,
    };
    let profiles = profile(&text, &missing, share)?;
    let (decisions, warnings) = (Vec::new(), Vec::new());
    let mut learning = Learning { text: &text, config, missing, share, decisions, warnings };
    if share < 1.0 {
        let percent = (100.0 * share).max(0.1);
        learning.warnings.push(format!(
            "{percent:.1} % of the rows are read, for want of time: a larger budget of a fresh start reads more"
        ));
    }
    for decision in text.decisions() {
        match decision.strip_prefix("warning: ") {
            Some(warning) => learning.warnings.push(warning.to_owned()),
            None => learning.decisions.push(decision.clone()),
        }
    }
    let (columns, task) = learning.decide(&profiles)?;
    let words: Vec<bool> = profiles.iter().map(|profile| profile.words > 0).collect();
    drop(profiles);
    learning.fill(columns, task, &words)
}

/// The position of a column by its name.
fn find(names: &[String], wanted: &str) -> Result<usize, TableError> {
    names.iter().position(|name| name == wanted).ok_or_else(|| {
        let mut columns =
            names.iter().take(12).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        if names.len() > 12 {
            columns.push_str(&format!(" and {} more", names.len() - 12));
        }
        let similar = nearest(wanted, names).map(str::to_owned);
        TableError::NoColumn { name: wanted.to_owned(), similar, columns }
    })
}

/// Whether a row is read, by its number from 0; the same in every reading.
fn is_read(row: u64, share: f64) -> bool {
    share >= 1.0 || ((mix(row ^ 0x0072_6561_6421) >> 11) as f64) < share * (1u64 << 53) as f64
}

/// The share of the rows that can be read in about so much time, by that of the first ones.
fn affordable(text: &read::Text, missing: &Missing, time: Duration) -> Result<f64, TableError> {
    /// Rows that are timed, and rows that are read at least.
    const TIMED: u64 = 2000;
    const LEAST: f64 = 10_000.0;
    /// Columns are decided about in one reading and filled in another, which is about half the work.
    const READINGS: f64 = 1.5;
    let begun = Instant::now();
    let mut profiles = vec![Profile::default(); text.names().len()];
    let (mut records, mut rows, mut bytes) = (text.records()?, 0, 0);
    while rows < TIMED {
        let Some((record, line)) = records.next_record()? else { return Ok(1.0) };
        bytes += record.as_slice().len() + record.len();
        for (profile, field) in profiles.iter_mut().zip(record) {
            profile.add(field, line, missing);
        }
        rows += 1;
    }
    let by_bytes = text.source().unpacked() as f64 * rows as f64 / bytes.max(1) as f64;
    let all = text.rows().map_or(by_bytes, |rows| rows as f64);
    let seconds = begun.elapsed().as_secs_f64() * READINGS * all / rows as f64;
    let share = time.as_secs_f64() / seconds.max(1e-9);
    Ok(if share >= 1.0 { 1.0 } else { share.max(LEAST / all).min(1.0) })
}

fn profile(text: &read::Text, missing: &Missing, share: f64) -> Result<Vec<Profile>, TableError> {
    let mut profiles = vec![Profile::default(); text.names().len()];
    let (mut records, mut row) = (text.records()?, 0);
    while let Some((record, line)) = records.next_record()? {
        row += 1;
        if !is_read(row - 1, share) {
            continue;
        }
        for (profile, field) in profiles.iter_mut().zip(record) {
            profile.add(field, line, missing);
        }
    }
    Ok(profiles)
}

struct Learning<'a> {
    text: &'a read::Text,
    config: &'a LearnConfig,
    missing: Missing,
    share: f64,
    decisions: Vec<String>,
    warnings: Vec<String>,
}

impl Learning<'_> {
    /// What each column is, and what is to be learnt.
    fn decide(&mut self, profiles: &[Profile]) -> Result<(Vec<Column>, Task), TableError> {
        let config = self.config;
        let target = find(self.text.names(), &config.target)?;
        let rows = profiles[target].rows;
        let present = profiles[target].present();
        if rows < LEAST_ROWS {
            return Err(TableError::TooFewRows { found: present, least: LEAST_ROWS });
        }
        let evidence = Evidence::of(profiles.iter());
        let mut said = config.decide.clone();
        for (name, of_type) in self.text.names().iter().zip(self.text.said()) {
            let names = match of_type {
                Said::Number => &mut said.numbers,
                Said::Category => &mut said.categories,
                Said::Nothing => continue,
            };
            names.insert(name.clone());
        }
        let mut columns = Vec::with_capacity(profiles.len());
        let mut task = None;
        for (i, (name, profile)) in self.text.names().iter().zip(profiles).enumerate() {
            let mut column = decide(name, profile, evidence, &said);
            if i == target {
                let (column, found) = decide_target(column, profile, config.task)?;
                task = Some(found);
                columns.push(column);
                continue;
            }
            if config.ignore.contains(name) {
                column.role = Role::Dropped;
                column.decided = "left out by --ignore".into();
                column.warnings.clear();
            }
            if config.group.as_ref() == Some(name) {
                column.role = Role::Group;
                (column.kind, column.reading) = (Kind::Category, Reading::Category);
                column.decided = "rows with the same value stay together; the model does not see it".into();
                column.warnings.clear();
            }
            if config.time.as_ref() == Some(name) {
                if !matches!(column.kind, Kind::Date | Kind::Number | Kind::Id)
                    || !is_ordered(&mut column, profile)
                {
                    return Err(TableError::Unfit(format!(
                        "--time {name}: a column of dates or numbers is needed, but {}",
                        column.decided
                    )));
                }
                column.role = Role::Time;
                column.warnings.clear();
                column.notes.push("orders the rows: the past is learnt from, the future is judged".into());
            }
            columns.push(column);
        }
        self.keep_something(&mut columns);
        let missing = columns[target].missing;
        if missing * 2 > rows && !config.drop_missing_target {
            return Err(TableError::MissingTarget { column: config.target.clone(), missing, rows });
        }
        if rows - missing < LEAST_ROWS {
            return Err(TableError::TooFewRows { found: rows - missing, least: LEAST_ROWS });
        }
        if missing > 0 {
            self.warnings
                .push(format!("{missing} of {rows} rows have no value in `{}`: left out", config.target));
        }
        Ok((columns, task.expect("the target is one of the columns")))
    }

    /// If nothing but names of rows is left, whole numbers among them are better than nothing.
    fn keep_something(&self, columns: &mut [Column]) {
        if columns.iter().any(Column::is_feature) {
            return;
        }
        for column in columns.iter_mut().filter(|column| column.kind == Kind::Id) {
            if matches!(column.reading, Reading::Number { .. }) {
                (column.kind, column.role) = (Kind::Number, Role::Feature);
                column
                    .warnings
                    .push("looks like a name of the row, and is kept because nothing else is there".into());
            }
        }
    }

    /// The values.
    fn fill(mut self, mut columns: Vec<Column>, task: Task, words: &[bool]) -> Result<Learnt, TableError> {
        let builder = |(column, words): (&Column, &bool)| {
            let builder = Builder::new(column);
            if *words && matches!(column.reading, Reading::Number { .. }) {
                builder.with_words()
            } else {
                builder
            }
        };
        let mut builders: Vec<Builder> = columns.iter().zip(words).map(builder).collect();
        let target = columns.iter().position(|column| column.role == Role::Target).expect("there is one");
        let seen: Vec<bool> =
            columns.iter().map(|column| column.is_feature() || column.role == Role::Target).collect();
        let kept = columns[target].kept_words.clone();
        let (mut marks, mut rows) = (Vec::new(), 0);
        let (mut records, mut row) = (self.text.records()?, 0);
        while let Some((record, _)) = records.next_record()? {
            row += 1;
            if !is_read(row - 1, self.share) {
                continue;
            }
            let token = record.get(target).unwrap_or("").trim();
            if self.missing.contains(token) && !kept.iter().any(|word| word == token) {
                continue;
            }
            let mut hasher = DefaultHasher::new();
            for ((builder, field), seen) in builders.iter_mut().zip(record).zip(&seen) {
                builder.push(field, &self.missing);
                if *seen {
                    hasher.write(field.trim().as_bytes());
                    hasher.write_u8(0xff);
                }
            }
            marks.push(hasher.finish());
            rows += 1;
        }
        let mut values: Vec<Values> = builders.into_iter().map(|builder| builder.values).collect();
        let mut levels = vec![Vec::new(); columns.len()];
        for (values, levels) in values.iter_mut().zip(&mut levels) {
            match values {
                Values::Category(coded) | Values::Number { words: Some(coded), .. } => {
                    coded.sort();
                    *levels = coded.levels().to_vec();
                }
                _ => {}
            }
        }
        drop_copies(&mut columns, &mut values);
        if !columns.iter().any(Column::is_feature) {
            self.warnings.push("no column is left to learn from: only a constant can be predicted".into());
        }
        self.duplicates(&marks);
        let schema = Schema { columns, task, missing: self.config.missing.clone(), levels };
        let table = Table { values, rows };
        let Self { share: share_read, decisions, warnings, .. } = self;
        Ok(Learnt { schema, table, marks, share_read, decisions, warnings })
    }

    fn duplicates(&mut self, marks: &[u64]) {
        let different: HashSet<u64> = marks.iter().copied().collect();
        let again = marks.len() - different.len();
        if is_many(again, marks.len()) {
            self.warnings.push(format!(
                "{again} of {} rows are there before, the target included ({:.0} %): they stay in one part, and the \
                 test is scored with and without them",
                marks.len(),
                100.0 * again as f64 / marks.len() as f64
            ));
        }
    }
}

/// Whether the column orders rows; whole numbers that were taken for names do.
fn is_ordered(column: &mut Column, profile: &Profile) -> bool {
    if column.kind == Kind::Id && profile.whole == profile.present() {
        column.kind = Kind::Number;
        column.reading = Reading::Number { decimal: crate::token::number::Decimal::Point };
    }
    matches!(column.reading, Reading::Date { .. } | Reading::Number { .. })
}
