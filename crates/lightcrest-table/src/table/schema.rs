//! What a model knows of the columns of its tables. By the same rules the table that it learns from and every
//! later one become values.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Coded, Table, Text, UNSEEN, Values};
use crate::Task;
use crate::column::{Column, Kind, Reading, Role};
use crate::error::TableError;
use crate::read;
use crate::token::date::{self, DateOrder, Moment};
use crate::token::missing::Missing;
use crate::token::{boolean, number};

/// Words among numbers that are told apart.
const WORDS: usize = 64;

/// The columns of a table, and how its fields are read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The columns in the order of the table that was learnt from, the target among them.
    pub columns: Vec<Column>,
    /// What is predicted.
    pub task: Task,
    /// Fields that are missing values, besides the usual ones.
    pub missing: Vec<String>,
    /// The levels of each column: of a category its own, of numbers the words among them.
    pub levels: Vec<Vec<String>>,
}

/// A later table as a model sees it.
#[derive(Debug, Clone, Default)]
pub struct ReadTable {
    /// The values of the schema's columns. Of columns that are not there all are missing.
    pub table: Table,
    /// Columns that name rows, to be given back: name and fields.
    pub names: Vec<(String, Vec<String>)>,
    /// Whether the table has the target.
    pub has_target: bool,
    /// Columns that the model does not know.
    pub extra: Vec<String>,
    /// Columns that the model needs and are not there.
    pub absent: Vec<String>,
    /// Levels that were not there at training: column, fields, an example.
    pub unseen: Vec<(String, usize, String)>,
    /// Fields that are not of the column's kind: column, fields, an example.
    pub unconvertible: Vec<(String, usize, String)>,
}

impl Schema {
    /// The position of the target.
    pub fn target(&self) -> usize {
        let found = self.columns.iter().position(|column| column.role == Role::Target);
        found.expect("a schema has a target")
    }

    /// The classes in the order of the outputs; none for a regression.
    pub fn classes(&self) -> &[String] {
        match self.task {
            Task::Classification => &self.levels[self.target()],
            Task::Regression => &[],
        }
    }

    /// Reads a table by the names of its columns, in whatever order they are.
    ///
    /// # Errors
    /// If it cannot be read, or columns that `needed` names are not there, unless that is allowed.
    pub fn read(
        &self,
        text: &read::Text,
        needed: &dyn Fn(usize) -> bool,
        allow_missing: bool,
    ) -> Result<ReadTable, TableError> {
        let places: HashMap<&str, usize> =
            text.names().iter().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
        let place: Vec<Option<usize>> =
            self.columns.iter().map(|column| places.get(column.name.as_str()).copied()).collect();
        let absent = |i: &usize| place[*i].is_none() && self.columns[*i].is_feature() && needed(*i);
        let absent: Vec<String> =
            (0..place.len()).filter(absent).map(|i| self.columns[i].name.clone()).collect();
        if !absent.is_empty() && !allow_missing {
            return Err(TableError::MissingColumns(absent));
        }
        let known = |name: &&String| self.columns.iter().any(|column| column.name == **name);
        let mut read = ReadTable {
            absent,
            has_target: place[self.target()].is_some(),
            extra: text.names().iter().filter(|name| !known(name)).cloned().collect(),
            ..ReadTable::default()
        };
        let missing = Missing::with(&self.missing);
        let mut builders: Vec<Builder> = (0..self.columns.len()).map(|i| self.builder(i)).collect();
        let names = |i: &usize| self.columns[*i].kind == Kind::Id && place[*i].is_some();
        let mut ids: Vec<(usize, Vec<String>)> =
            (0..place.len()).filter(names).map(|i| (place[i].expect("checked"), Vec::new())).collect();
        let mut text = text.clone();
        let is_wanted = |i: usize, column: &Column| match column.role {
            Role::Feature => needed(i),
            Role::Dropped => column.kind == Kind::Id,
            Role::Target | Role::Group | Role::Time => true,
        };
        text.want(|name| self.columns.iter().enumerate().any(|(i, it)| it.name == name && is_wanted(i, it)));
        let mut records = text.records()?;
        while let Some((record, _)) = records.next_record()? {
            for (builder, place) in builders.iter_mut().zip(&place) {
                builder.push(place.map_or("", |place| record.get(place).unwrap_or("")), &missing);
            }
            for (place, fields) in &mut ids {
                fields.push(record.get(*place).unwrap_or("").to_owned());
            }
            read.table.rows += 1;
        }
        read.names = ids.into_iter().map(|(place, fields)| (text.names()[place].clone(), fields)).collect();
        for (builder, column) in builders.into_iter().zip(&self.columns) {
            if let Some((count, example)) = builder.unseen {
                read.unseen.push((column.name.clone(), count, example));
            }
            if let Some((count, example)) = builder.unconvertible {
                read.unconvertible.push((column.name.clone(), count, example));
            }
            read.table.values.push(builder.values);
        }
        Ok(read)
    }

    /// Fills one column, of levels that are known.
    fn builder(&self, i: usize) -> Builder {
        let mut builder = Builder::new(&self.columns[i]);
        match &mut builder.values {
            Values::Category(coded) => *coded = Coded::frozen(&self.levels[i]),
            Values::Number { words, .. } => {
                *words = (!self.levels[i].is_empty()).then(|| Coded::frozen(&self.levels[i]))
            }
            _ => {}
        }
        builder
    }
}

/// Fills a column field by field.
pub(super) struct Builder {
    reading: Reading,
    kept_words: Vec<String>,
    pub(super) values: Values,
    pub(super) unseen: Option<(usize, String)>,
    pub(super) unconvertible: Option<(usize, String)>,
}

impl Builder {
    /// For a column whose levels are not known yet.
    pub(super) fn new(column: &Column) -> Self {
        let values = match column.reading {
            _ if !column.is_kept() => Values::None,
            Reading::Category => Values::Category(Coded::default()),
            Reading::Text => Values::Text(Text::default()),
            _ => Values::Number { numbers: Vec::new(), words: None },
        };
        let kept_words = column.kept_words.clone();
        Self { reading: column.reading, kept_words, values, unseen: None, unconvertible: None }
    }

    /// Lets words among numbers be levels.
    pub(super) fn with_words(mut self) -> Self {
        if let Values::Number { words, .. } = &mut self.values {
            *words = Some(Coded::default());
        }
        self
    }

    /// Takes a field in; says whether it became a value.
    pub(super) fn push(&mut self, field: &str, missing: &Missing) -> bool {
        let token = field.trim();
        let absent = missing.contains(token) && !self.kept_words.iter().any(|word| word == token);
        let value = match (&mut self.values, self.reading) {
            (Values::None, _) => return true,
            (Values::Text(text), _) => {
                text.push(if absent { "" } else { token });
                return !absent;
            }
            (Values::Category(coded), _) => {
                if absent {
                    coded.push_missing();
                } else if coded.push(token, u32::MAX as usize - 2) == UNSEEN {
                    count(&mut self.unseen, token);
                }
                return !absent;
            }
            (Values::Number { words, .. }, _) if absent => {
                words.iter_mut().for_each(Coded::push_missing);
                None
            }
            (Values::Number { words, .. }, reading) => {
                let value = convert(token, reading);
                match words {
                    Some(words) if value.is_none() => {
                        words.push(token, WORDS);
                    }
                    Some(words) => words.push_missing(),
                    None => {}
                }
                if value.is_none() {
                    count(&mut self.unconvertible, token);
                }
                value
            }
        };
        if let Values::Number { numbers, .. } = &mut self.values {
            numbers.push(value.unwrap_or(f64::NAN));
        }
        value.is_some()
    }
}

fn count(counter: &mut Option<(usize, String)>, token: &str) {
    let example = || token.chars().take(40).collect();
    counter.get_or_insert_with(|| (0, example())).0 += 1;
}

/// The number that a field is.
fn convert(token: &str, reading: Reading) -> Option<f64> {
    match reading {
        Reading::Number { decimal } => number::parse(token, decimal).map(|number| number.value),
        Reading::Boolean => match boolean::parse(token) {
            Some(value) => Some(f64::from(u8::from(value))),
            None => token.parse().ok().filter(|value| *value == 0.0 || *value == 1.0),
        },
        // A year of four digits in front is one in every order.
        Reading::Date { order } => {
            match date::parse(token, order).or_else(|| date::parse(token, DateOrder::YearFirst))? {
                Moment::At(seconds) => Some(seconds),
                Moment::Impossible => None,
            }
        }
        Reading::Category | Reading::Text => None,
    }
}
