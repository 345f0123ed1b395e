//! The trials of a study as a Parquet file: the columns of [`trials_csv`](crate::trials_csv), each of one
//! type.
//!
//! | column | type |
//! |---|---|
//! | `number` | 64-bit integer |
//! | `state`, `reason`, `attribute:NAME` | text |
//! | objectives, `constraint:NAME` | double |
//! | `parameter:NAME` | boolean, 64-bit integer or double, where all its values are; else text |
//! | `started`, `finished` | timestamp in milliseconds, UTC |
//! | `reports` | text: JSON, as in [`trials_jsonl`](crate::trials_jsonl) |
//!
//! What a trial does not have is null. Pages are compressed with Snappy, which every reader knows.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::sync::Arc;

use lightcrest::history::FrozenTrial;
use lightcrest::space::Value;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use crate::csv::cell;
use crate::export::{Columns, reports, text};
use crate::view::View;

/// Trials a row group: what a reader takes at once.
const GROUP: usize = 65_536;

/// What one column holds of each trial, in the trials' order.
enum Cells {
    Bools(Vec<Option<bool>>),
    Numbers(Vec<Option<i64>>),
    Times(Vec<Option<i64>>),
    Reals(Vec<Option<f64>>),
    Texts(Vec<Option<String>>),
}

/// Writes the trials as a Parquet file.
///
/// # Errors
/// If it cannot be written, or an objective has the name of another column.
pub fn trials_parquet(view: &View, out: &mut (impl Write + Send)) -> io::Result<()> {
    write(view, out).map_err(io::Error::other)
}

fn write(view: &View, out: &mut (impl Write + Send)) -> Result<(), ParquetError> {
    let columns = Columns::of(view);
    let trials = view.history.trials();
    let kinds: HashMap<&str, Kind> =
        columns.parameters.iter().map(|name| (*name, Kind::of(trials, name))).collect();
    let fields = fields(view, &columns, &kinds, &[]);
    let mut names = HashSet::new();
    if let Some((name, _)) = fields.iter().find(|(name, _)| !names.insert(name)) {
        return Err(ParquetError::General(format!("two columns would have the name `{name}`")));
    }
    let schema =
        fields.iter().map(|(name, cells)| cells.field(name).map(Arc::new)).collect::<Result<_, _>>()?;
    let schema = Arc::new(Type::group_type_builder("trials").with_fields(schema).build()?);
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut file = SerializedFileWriter::new(out, schema, Arc::new(properties))?;
    for trials in trials.chunks(GROUP) {
        let mut group = file.next_row_group()?;
        for (_, cells) in self::fields(view, &columns, &kinds, trials) {
            cells.write(&mut group)?;
        }
        group.close()?;
    }
    file.close().map(drop)
}

/// The columns with what they hold of some trials.
fn fields(
    view: &View,
    columns: &Columns<'_>,
    kinds: &HashMap<&str, Kind>,
    trials: &[FrozenTrial],
) -> Vec<(String, Cells)> {
    let mut fields = vec![
        ("number".to_owned(), Cells::Numbers(all(trials, |trial| Some(trial.number as i64)))),
        ("state".to_owned(), Cells::Texts(all(trials, |trial| Some(trial.state.to_string())))),
    ];
    for (i, objective) in view.definition.objectives.iter().enumerate() {
        let value = |trial: &FrozenTrial| trial.values.as_ref().map(|values| values[i]);
        fields.push((objective.name.clone(), Cells::Reals(all(trials, value))));
    }
    for name in &columns.parameters {
        let cells = kinds.get(name).copied().unwrap_or(Kind::Text).cells(trials, name);
        fields.push((format!("parameter:{name}"), cells));
    }
    for name in &columns.constraints {
        let excess = |trial: &FrozenTrial| {
            trial.constraints.iter().find(|(known, _)| known == name).map(|(_, excess)| *excess)
        };
        fields.push((format!("constraint:{name}"), Cells::Reals(all(trials, excess))));
    }
    for name in &columns.attributes {
        let attribute = |trial: &FrozenTrial| trial.attributes.get(*name).map(text);
        fields.push((format!("attribute:{name}"), Cells::Texts(all(trials, attribute))));
    }
    let ms = |ms: Option<u64>| ms.map(|ms| ms as i64);
    fields.push(("started".to_owned(), Cells::Times(all(trials, |trial| ms(trial.started)))));
    fields.push(("finished".to_owned(), Cells::Times(all(trials, |trial| ms(trial.finished)))));
    fields.push(("reason".to_owned(), Cells::Texts(all(trials, |trial| trial.reason.clone()))));
    fields.push(("reports".to_owned(), Cells::Texts(all(trials, |trial| Some(reports(trial).to_string())))));
    fields
}

fn all<T>(trials: &[FrozenTrial], cell: impl Fn(&FrozenTrial) -> Option<T>) -> Vec<Option<T>> {
    trials.iter().map(cell).collect()
}

/// What all values of a parameter are.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Bool,
    Int,
    Real,
    Text,
}

impl Kind {
    fn of(trials: &[FrozenTrial], name: &str) -> Self {
        let mut kinds =
            trials.iter().filter_map(|trial| trial.configuration.get(name)).map(|value| match value {
                Value::Bool(_) => Self::Bool,
                Value::Int(_) => Self::Int,
                Value::Float(_) => Self::Real,
                Value::Null | Value::Str(_) => Self::Text,
            });
        let Some(first) = kinds.next() else { return Self::Text };
        kinds.fold(first, |kind, other| match (kind, other) {
            (a, b) if a == b => a,
            (Self::Int | Self::Real, Self::Int | Self::Real) => Self::Real,
            _ => Self::Text,
        })
    }

    fn cells(self, trials: &[FrozenTrial], name: &str) -> Cells {
        let value = |trial: &FrozenTrial| trial.configuration.get(name).cloned();
        match self {
            Self::Bool => Cells::Bools(all(trials, |trial| match value(trial) {
                Some(Value::Bool(truth)) => Some(truth),
                _ => None,
            })),
            Self::Int => Cells::Numbers(all(trials, |trial| match value(trial) {
                Some(Value::Int(number)) => Some(number),
                _ => None,
            })),
            Self::Real => Cells::Reals(all(trials, |trial| value(trial).and_then(|value| value.as_f64()))),
            Self::Text => Cells::Texts(all(trials, |trial| value(trial).as_ref().map(cell))),
        }
    }
}

impl Cells {
    /// What the file says of the column.
    fn field(&self, name: &str) -> Result<Type, ParquetError> {
        let (physical, logical) = match self {
            Self::Bools(_) => (Physical::BOOLEAN, None),
            Self::Numbers(_) => (Physical::INT64, None),
            Self::Reals(_) => (Physical::DOUBLE, None),
            Self::Texts(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Self::Times(_) => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
        };
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
    }

    fn write<W: Write + Send>(self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<(), ParquetError> {
        fn put<W: Write + Send, D: parquet::data_type::DataType>(
            group: &mut SerializedRowGroupWriter<'_, W>,
            cells: impl IntoIterator<Item = Option<D::T>>,
        ) -> Result<(), ParquetError> {
            let (mut levels, mut values) = (Vec::new(), Vec::new());
            for cell in cells {
                levels.push(i16::from(cell.is_some()));
                values.extend(cell);
            }
            let missing = || ParquetError::General("there are more columns than the schema has".to_owned());
            let mut column = group.next_column()?.ok_or_else(missing)?;
            column.typed::<D>().write_batch(&values, Some(&levels), None)?;
            column.close()
        }
        match self {
            Self::Bools(cells) => put::<_, BoolType>(group, cells),
            Self::Numbers(cells) | Self::Times(cells) => put::<_, Int64Type>(group, cells),
            Self::Reals(cells) => put::<_, DoubleType>(group, cells),
            Self::Texts(cells) => {
                let bytes = |text: String| ByteArray::from(text.into_bytes());
                put::<_, ByteArrayType>(group, cells.into_iter().map(|cell| cell.map(bytes)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;
    use serde_json::json;

    #[test]
    fn a_reader_finds_every_trial_with_the_types_of_its_columns() {
        let mut view = testing::view();
        let mut odd = view.history.trials()[0].clone();
        odd.number = view.history.len() as u64;
        odd.values = Some(vec![f64::INFINITY; view.definition.objectives.len()]);
        odd.constraints = vec![("macs".into(), -0.5)];
        odd.attributes = [("mine".into(), json!("ü"))].into();
        odd.reports = vec![(2, vec![f64::NAN])];
        odd.finished = Some(951_782_400_000);
        view.history.put(odd.clone());
        let mut bytes = Vec::new();
        trials_parquet(&view, &mut bytes).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        let rows: Vec<HashMap<String, Field>> = reader
            .get_row_iter(None)
            .unwrap()
            .map(|row| {
                row.unwrap().get_column_iter().map(|(name, field)| (name.clone(), field.clone())).collect()
            })
            .collect();
        assert_eq!(rows.len(), view.history.len());
        let row = &rows[odd.number as usize];
        for (name, field) in [
            ("number", Field::Long(odd.number as i64)),
            ("state", Field::Str(odd.state.to_string())),
            ("macs", Field::Double(f64::INFINITY)),
            ("parameter:learning_rate", Field::Double(odd.configuration.get_f64("learning_rate").unwrap())),
            ("constraint:macs", Field::Double(-0.5)),
            ("attribute:mine", Field::Str("ü".to_owned())),
            ("finished", Field::TimestampMillis(951_782_400_000)),
            ("reports", Field::Str("[[2,[\"NaN\"]]]".to_owned())),
        ] {
            assert_eq!(row[name], field, "{name}");
        }
        assert_eq!(rows[0]["attribute:mine"], Field::Null);
    }

    #[test]
    fn an_objective_that_is_called_as_another_column_is_refused() {
        let mut view = testing::view();
        view.definition.objectives[0].name = "state".to_owned();
        let error = trials_parquet(&view, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("two columns would have the name `state`"), "{error}");
    }
}
