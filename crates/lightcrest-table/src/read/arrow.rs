//! Parquet and Arrow files, batch by batch.
//!
//! | type | field |
//! |---|---|
//! | boolean | `true` or `false` |
//! | integers, floats, decimals | digits; NaN is missing |
//! | strings | as they are |
//! | dictionary | its value; the column is a category |
//! | date, timestamp | `2024-03-31`, `2024-03-31 12:00:00.5`, in UTC where there is a zone |
//! | time of day, duration | seconds |
//! | null | empty |
//!
//! Lists, structs, maps, unions, intervals and bytes are no values of a table: an error names the column.

use std::cell::Cell;
use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type,
    DurationMicrosecondType, DurationMillisecondType, DurationNanosecondType, DurationSecondType,
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, RecordBatch};
use arrow_ipc::reader::{FileReader, StreamReader};
use arrow_schema::{ArrowError, DataType, SchemaRef, TimeUnit};
use bytes::Bytes;
use csv::StringRecord;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::Source;
use super::source::Form;
use super::typed::{Said, TypedFile, TypedRows};
use crate::error::TableError;

/// Rows that are in memory at once, of Parquet.
const BATCH: usize = 1024;

/// A Parquet or Arrow file.
#[derive(Debug)]
pub(super) struct ArrowFile {
    source: Source,
    form: Form,
    schema: SchemaRef,
    rows: u64,
}

/// The bytes of a Parquet file.
enum Blocks {
    File(File),
    Held(Bytes),
}

impl Blocks {
    fn of(source: &Source) -> Result<Self, TableError> {
        Ok(match source.held() {
            Some(bytes) => Self::Held(Bytes::from_owner(bytes)),
            None => {
                let failed = |error| TableError::Read { path: source.path().to_path_buf(), source: error };
                Self::File(File::open(source.path()).map_err(failed)?)
            }
        })
    }
}

impl Length for Blocks {
    fn len(&self) -> u64 {
        match self {
            Self::File(file) => Length::len(file),
            Self::Held(bytes) => bytes.len() as u64,
        }
    }
}

impl ChunkReader for Blocks {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(match self {
            Self::File(file) => Box::new(file.get_read(start)?),
            Self::Held(bytes) => Box::new(bytes.get_read(start)?),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        match self {
            Self::File(file) => file.get_bytes(start, length),
            Self::Held(bytes) => bytes.get_bytes(start, length),
        }
    }
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch, ArrowError>>>;

impl ArrowFile {
    /// # Errors
    /// If it cannot be read as its first bytes say.
    pub(super) fn open(source: &Source, form: Form) -> Result<Self, TableError> {
        guarded(source.path(), form, || Self::open_here(source, form))
    }

    fn open_here(source: &Source, form: Form) -> Result<Self, TableError> {
        let (schema, rows) = match form {
            Form::Parquet => {
                let builder = parquet_builder(source)?;
                let rows = builder.metadata().file_metadata().num_rows();
                (Arc::clone(builder.schema()), u64::try_from(rows).unwrap_or(0))
            }
            _ => {
                let (schema, batches) = arrow_batches(source, form, None)?;
                let mut rows = 0;
                for batch in batches {
                    rows += batch.map_err(|error| damaged(source.path(), form, &error))?.num_rows() as u64;
                }
                (schema, rows)
            }
        };
        Ok(Self { source: source.clone(), form, schema, rows })
    }

    /// Batches of some columns.
    fn batches(&self, columns: Vec<usize>) -> Result<Batches, TableError> {
        Ok(match self.form {
            Form::Parquet => {
                let builder = parquet_builder(&self.source)?;
                let mask = ProjectionMask::roots(builder.parquet_schema(), columns);
                let reader = builder.with_projection(mask).with_batch_size(BATCH).build();
                Box::new(reader.map_err(|error| damaged(self.source.path(), self.form, &error))?)
            }
            _ => arrow_batches(&self.source, self.form, Some(columns))?.1,
        })
    }
}

fn parquet_builder(source: &Source) -> Result<ParquetRecordBatchReaderBuilder<Blocks>, TableError> {
    let failed = |error: ParquetError| damaged(source.path(), Form::Parquet, &error);
    ParquetRecordBatchReaderBuilder::try_new(Blocks::of(source)?).map_err(failed)
}

fn arrow_batches(
    source: &Source,
    form: Form,
    columns: Option<Vec<usize>>,
) -> Result<(SchemaRef, Batches), TableError> {
    let failed = |error: ArrowError| damaged(source.path(), form, &error);
    let bytes = source.seekable()?;
    Ok(match form {
        Form::ArrowStream => {
            let reader = StreamReader::try_new(bytes, columns).map_err(failed)?;
            (reader.schema(), Box::new(reader))
        }
        _ => {
            let reader = FileReader::try_new(bytes, columns).map_err(failed)?;
            (reader.schema(), Box::new(reader))
        }
    })
}

/// What a reader of a file makes, which panics where some numbers of a damaged file make no sense.
fn guarded<T>(
    path: &Path,
    form: Form,
    read: impl FnOnce() -> Result<T, TableError>,
) -> Result<T, TableError> {
    // What panics say is said by the error; those of others stay as loud as they were.
    static QUIETER: Once = Once::new();
    QUIETER.call_once(|| {
        let others = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_READING.get() {
                others(panic);
            }
        }));
    });
    let before = IS_READING.replace(true);
    // What it was reading is not read on.
    let found = catch_unwind(AssertUnwindSafe(read));
    IS_READING.set(before);
    found.unwrap_or_else(|_| Err(damaged(path, form, &"its numbers make no sense")))
}

thread_local! {
    /// Whether this thread is in a reader whose panics are errors.
    static IS_READING: Cell<bool> = const { Cell::new(false) };
}

fn damaged(path: &Path, form: Form, error: &dyn std::fmt::Display) -> TableError {
    TableError::Damaged { path: path.to_path_buf(), format: form.name(), reason: error.to_string() }
}

impl TypedFile for ArrowFile {
    fn names(&self) -> Vec<String> {
        self.schema.fields().iter().map(|field| field.name().clone()).collect()
    }

    fn said(&self) -> Vec<Said> {
        self.schema.fields().iter().map(|field| said(field.data_type())).collect()
    }

    fn rows(&self) -> u64 {
        self.rows
    }

    fn records(&self, wanted: &[bool]) -> Result<Box<dyn TypedRows>, TableError> {
        let fields = self.schema.fields();
        let columns: Vec<usize> = (0..fields.len()).filter(|column| wanted[*column]).collect();
        for field in columns.iter().map(|column| &fields[*column]) {
            if !is_value(field.data_type()) {
                let (column, kind) = (field.name().clone(), field.data_type().to_string());
                return Err(TableError::ColumnType { column, kind });
            }
        }
        let batches = guarded(self.source.path(), self.form, || self.batches(columns.clone()))?;
        let mut places = vec![None; fields.len()];
        columns.iter().enumerate().for_each(|(place, column)| places[*column] = Some(place));
        Ok(Box::new(ArrowRows {
            batches,
            places,
            path: self.source.path().to_path_buf(),
            form: self.form,
            batch: None,
            row: 0,
            before: 0,
            field: String::new(),
        }))
    }
}

struct ArrowRows {
    batches: Batches,
    /// Where each column of the file is in a batch.
    places: Vec<Option<usize>>,
    path: PathBuf,
    form: Form,
    batch: Option<RecordBatch>,
    /// The next row of the batch.
    row: usize,
    before: u64,
    field: String,
}

impl TypedRows for ArrowRows {
    fn next_row(&mut self, record: &mut StringRecord) -> Result<Option<u64>, TableError> {
        let batch = loop {
            match &self.batch {
                Some(batch) if self.row < batch.num_rows() => break batch,
                _ => {}
            }
            self.before += self.batch.take().map_or(0, |batch| batch.num_rows() as u64);
            let next = guarded(&self.path, self.form, || {
                let next = self.batches.next().transpose();
                next.map_err(|error| damaged(&self.path, self.form, &error))
            });
            let Some(next) = next? else { return Ok(None) };
            self.batch = Some(next);
            self.row = 0;
        };
        record.clear();
        for place in &self.places {
            self.field.clear();
            if let Some(place) = place {
                write_field(batch.column(*place).as_ref(), self.row, &mut self.field);
            }
            record.push_field(&self.field);
        }
        self.row += 1;
        Ok(Some(self.before + self.row as u64))
    }
}

/// What a type says of the kind of a column.
fn said(kind: &DataType) -> Said {
    use DataType::{Decimal32, Decimal64, Decimal128, Decimal256, Dictionary, Float16, Float32, Float64};
    match kind {
        Float16 | Float32 | Float64 | Decimal32(..) | Decimal64(..) | Decimal128(..) | Decimal256(..) => {
            Said::Number
        }
        Dictionary(_, values) if is_value(values) => Said::Category,
        _ => Said::Nothing,
    }
}

/// Whether a type is one of values.
fn is_value(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => !values.is_nested() && is_value(values),
        DataType::Interval(_)
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_)
        | DataType::RunEndEncoded(..) => false,
        kind => !kind.is_nested(),
    }
}

/// Writes a value as delimited text would have it; nothing where it is missing.
fn write_field(array: &dyn Array, row: usize, field: &mut String) {
    if array.is_null(row) {
        return;
    }
    // Writing to a string does not fail.
    macro_rules! written {
        ($kind:ty) => {{
            let _ = write!(field, "{}", array.as_primitive::<$kind>().value(row));
        }};
    }
    macro_rules! decimal {
        ($kind:ty) => {
            field.push_str(&array.as_primitive::<$kind>().value_as_string(row))
        };
    }
    match array.data_type() {
        DataType::Boolean => field.push_str(if array.as_boolean().value(row) { "true" } else { "false" }),
        DataType::Int8 => written!(Int8Type),
        DataType::Int16 => written!(Int16Type),
        DataType::Int32 => written!(Int32Type),
        DataType::Int64 => written!(Int64Type),
        DataType::UInt8 => written!(UInt8Type),
        DataType::UInt16 => written!(UInt16Type),
        DataType::UInt32 => written!(UInt32Type),
        DataType::UInt64 => written!(UInt64Type),
        DataType::Float16 => number(f64::from(array.as_primitive::<Float16Type>().value(row)), field),
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            // The shortest digits that are that f32.
            if value.is_finite() { written!(Float32Type) } else { number(f64::from(value), field) }
        }
        DataType::Float64 => number(array.as_primitive::<Float64Type>().value(row), field),
        DataType::Decimal32(..) => decimal!(Decimal32Type),
        DataType::Decimal64(..) => decimal!(Decimal64Type),
        DataType::Decimal128(..) => decimal!(Decimal128Type),
        DataType::Decimal256(..) => decimal!(Decimal256Type),
        DataType::Utf8 => field.push_str(array.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => field.push_str(array.as_string::<i64>().value(row)),
        DataType::Utf8View => field.push_str(array.as_string_view().value(row)),
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            if let Some(key) = key(dictionary.keys(), row).filter(|key| *key < dictionary.values().len()) {
                write_field(dictionary.values().as_ref(), key, field);
            }
        }
        DataType::Date32 => {
            moment(i64::from(array.as_primitive::<Date32Type>().value(row)) * 86_400, 0, field)
        }
        DataType::Date64 => ticks::<Date64Type>(array, row, TimeUnit::Millisecond, field),
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => ticks::<TimestampSecondType>(array, row, *unit, field),
            TimeUnit::Millisecond => ticks::<TimestampMillisecondType>(array, row, *unit, field),
            TimeUnit::Microsecond => ticks::<TimestampMicrosecondType>(array, row, *unit, field),
            TimeUnit::Nanosecond => ticks::<TimestampNanosecondType>(array, row, *unit, field),
        },
        DataType::Time32(TimeUnit::Second) => {
            span(i64::from(array.as_primitive::<Time32SecondType>().value(row)), TimeUnit::Second, field);
        }
        DataType::Time32(unit) => {
            span(i64::from(array.as_primitive::<Time32MillisecondType>().value(row)), *unit, field);
        }
        DataType::Time64(unit @ TimeUnit::Microsecond) => {
            span(array.as_primitive::<Time64MicrosecondType>().value(row), *unit, field);
        }
        DataType::Time64(unit) => span(array.as_primitive::<Time64NanosecondType>().value(row), *unit, field),
        DataType::Duration(unit) => {
            let value = match unit {
                TimeUnit::Second => array.as_primitive::<DurationSecondType>().value(row),
                TimeUnit::Millisecond => array.as_primitive::<DurationMillisecondType>().value(row),
                TimeUnit::Microsecond => array.as_primitive::<DurationMicrosecondType>().value(row),
                TimeUnit::Nanosecond => array.as_primitive::<DurationNanosecondType>().value(row),
            };
            span(value, *unit, field);
        }
        // Others are refused before.
        _ => {}
    }
}

fn key(keys: &dyn Array, row: usize) -> Option<usize> {
    let mut key = String::new();
    write_field(keys, row, &mut key);
    key.parse().ok()
}

fn number(value: f64, field: &mut String) {
    if !value.is_nan() {
        let _ = write!(field, "{value}");
    }
}

fn per_second(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    }
}

/// Seconds of a time of day or a duration.
fn span(value: i64, unit: TimeUnit, field: &mut String) {
    number(value as f64 / per_second(unit) as f64, field);
}

fn ticks<T: ArrowPrimitiveType<Native = i64>>(
    array: &dyn Array,
    row: usize,
    unit: TimeUnit,
    field: &mut String,
) {
    let (value, unit) = (array.as_primitive::<T>().value(row), per_second(unit));
    let nanoseconds = value.rem_euclid(unit) * (1_000_000_000 / unit);
    moment(value.div_euclid(unit), nanoseconds, field);
}

/// A moment by its seconds since 1970; missing outside of the years 1 to 9999.
fn moment(seconds: i64, nanoseconds: i64, field: &mut String) {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let Some((year, month, day)) = civil(days).filter(|(year, ..)| (1..=9999).contains(year)) else { return };
    let _ = write!(field, "{year:04}-{month:02}-{day:02}");
    if second != 0 || nanoseconds != 0 {
        let _ = write!(field, " {:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    }
    if nanoseconds != 0 {
        let _ = write!(field, ".{nanoseconds:09}");
    }
}

/// Year, month and day of a number of days since 1970 (Hinnant 2013, *chrono-Compatible Low-Level Date
/// Algorithms*, `civil_from_days`).
fn civil(days: i64) -> Option<(i64, i64, i64)> {
    let days = days.checked_add(719_468)?;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    Some((year + era * 400 + i64::from(month <= 2), month, day))
}
