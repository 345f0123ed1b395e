//! Parquet and Arrow files: kinds from types, several row groups, and what is no table.

use std::sync::Arc;

use super::*;
use arrow_array::types::Int8Type;
use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int64Array,
    ListArray, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use lightcrest_table::column::{Kind, Role};
use lightcrest_table::table::Values;
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

const ROWS: i64 = 60;

/// A column of each kind, and one of lists.
fn batch() -> RecordBatch {
    let rows = || 0..ROWS;
    let lists = rows().map(|i| Some(vec![Some(i as i32), None]));
    let code = |i: i64| Some(["0012", "0007", "0300"][i as usize % 3]);
    let levels: DictionaryArray<Int8Type> = rows().map(|i| ["7", "8"][i as usize % 2]).collect();
    let columns: [(&str, ArrayRef); 9] = [
        ("amount", Arc::new(Float64Array::from_iter(rows().map(|i| (i != 3).then_some(i as f64 / 7.0))))),
        ("price", {
            let cents = Decimal128Array::from_iter_values(rows().map(|i| i128::from(i * i * 37 % 997)));
            Arc::new(cents.with_precision_and_scale(10, 2).unwrap())
        }),
        ("flag", Arc::new(BooleanArray::from_iter(rows().map(|i| Some(i % 3 == 0))))),
        ("level", Arc::new(levels)),
        ("code", Arc::new(StringArray::from_iter(rows().map(code)))),
        ("day", Arc::new(Date32Array::from_iter_values(rows().map(|i| 19_000 + (i * 7 % 50) as i32)))),
        ("moment", {
            let at =
                TimestampMicrosecondArray::from_iter_values(rows().map(|i| (i * 31 % 40) * 3_600_500_000));
            Arc::new(at.with_timezone("Europe/Berlin"))
        }),
        ("parts", Arc::new(ListArray::from_iter_primitive::<arrow_array::types::Int32Type, _, _>(lists))),
        ("y", Arc::new(Int64Array::from_iter_values(rows().map(|i| i % 2)))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn parquet(batch: &RecordBatch, rows: usize) -> Vec<u8> {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows)).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

fn arrow(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.write(&batch.slice(0, 0)).unwrap();
    writer.into_inner().unwrap()
}

fn stream(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn without_lists() -> LearnConfig {
    config(|config| config.ignore = vec!["parts".into()])
}

#[test]
fn what_a_column_is_follows_from_its_type() {
    let batch = batch();
    let mut tables = Vec::new();
    // Row groups of 7 rows, one group, a file and a stream of Arrow.
    for bytes in [parquet(&batch, 7), parquet(&batch, 1000), arrow(&batch), stream(&batch)] {
        let learnt = read_with(&bytes, &without_lists()).unwrap();
        let kinds: Vec<Kind> = learnt.schema.columns.iter().map(|column| column.kind).collect();
        let expected = [
            Kind::Number,
            Kind::Number,
            Kind::Boolean,
            Kind::Category,
            Kind::Category,
            Kind::Date,
            Kind::Date,
        ];
        assert_eq!(kinds[..7], expected, "{:?}", learnt.schema.columns);
        assert_eq!(column(&learnt, "parts").role, Role::Dropped);
        assert_eq!(column(&learnt, "amount").missing, 1);
        let Values::Number { numbers, .. } = &learnt.table.values[0] else { panic!("numbers") };
        assert!(numbers[3].is_nan() && numbers[5] == 5.0 / 7.0);
        let Values::Number { numbers, .. } = &learnt.table.values[1] else { panic!("numbers") };
        assert_eq!(numbers[2], 1.48);
        let Values::Number { numbers, .. } = &learnt.table.values[6] else { panic!("moments") };
        assert_eq!(numbers[1], 31.0 * 3600.5);
        // Missing numbers are not equal, but look so.
        tables.push(format!("{:?}", learnt.table));
    }
    assert!(tables.iter().all(|table| *table == tables[0]));
}

#[test]
fn a_model_predicts_from_any_of_the_forms() {
    let batch = batch();
    let (_, model) = fit(read_with(&parquet(&batch, 16), &without_lists()).unwrap(), None);
    let predicted = |bytes: Vec<u8>| {
        let source = Source::from_bytes(Path::new("t"), bytes).unwrap();
        let text = Text::open(source, &ReadConfig::default()).unwrap();
        model.predict(&model.schema.read(&text, &|column| model.needs(column), false).unwrap().table)
    };
    // Nobody asks for the lists.
    assert_eq!(predicted(parquet(&batch, 7)), predicted(arrow(&batch)));
    assert_eq!(predicted(stream(&batch.slice(0, 0))), [0.0; 0]);
}

#[test]
fn lists_are_no_values_of_a_table() {
    let error = read_with(&parquet(&batch(), 16), &config(|_| ())).unwrap_err().to_string();
    assert!(error.contains("`parts`") && error.contains("--ignore parts"), "{error}");
}

#[test]
fn no_rows_are_too_few() {
    for bytes in [parquet(&batch().slice(0, 0), 16), arrow(&batch().slice(0, 0))] {
        let error = read_with(&bytes, &without_lists()).unwrap_err().to_string();
        assert!(error.contains("rows"), "{error}");
    }
}

#[test]
fn a_file_that_was_cut_off_or_changed_is_an_error() {
    let batch = batch();
    for bytes in [parquet(&batch, 16), arrow(&batch)] {
        for end in (8..bytes.len()).step_by(bytes.len() / 40) {
            assert!(read_with(&bytes[..end], &without_lists()).is_err(), "{end} of {}", bytes.len());
        }
        // Whatever becomes of it, it is no crash.
        for at in (0..bytes.len()).step_by(23) {
            let mut changed = bytes.clone();
            changed[at] ^= 0x55;
            drop(read_with(&changed, &without_lists()));
        }
    }
    let error = read_with(b"PAR1 is how this text begins", &config(|_| ())).unwrap_err().to_string();
    assert!(error.contains("begins as a Parquet file"), "{error}");
}

#[test]
fn two_columns_of_one_name_are_an_error() {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..40));
    let fields =
        ["x", "x", "y"].map(|name| arrow_schema::Field::new(name, column.data_type().clone(), false));
    let schema = Arc::new(arrow_schema::Schema::new(fields.to_vec()));
    let batch = RecordBatch::try_new(schema, vec![Arc::clone(&column), Arc::clone(&column), column]).unwrap();
    let error = read_with(&arrow(&batch), &config(|_| ())).unwrap_err().to_string();
    assert!(error.contains("columns 1 and 2"), "{error}");
}
