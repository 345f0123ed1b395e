//! 1 to 9: the file. Encodings, separators, quotes and packing have their tests beside the reader.

use super::*;
use lightcrest_table::column::{Kind, Reading};
use lightcrest_table::token::number::Decimal;

#[test]
fn n01_a_byte_order_mark_is_no_part_of_the_first_name() {
    let text = rows("\u{feff}x,y", 30, |i| format!("{}.5,{}", i % 7, i % 2));
    assert_eq!(read(&text).unwrap().schema.columns[0].name, "x");
    let mut wide = vec![0xff, 0xfe];
    wide.extend(text.trim_start_matches('\u{feff}').encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(read_with(&wide, &config(|_| ())).unwrap().schema.columns[0].name, "x");
}

#[test]
fn n02_another_separator_is_never_one_silent_column() {
    for separator in [";", "\t", "|"] {
        let text = rows("x,y", 30, |i| format!("{}.5,{}", i % 7, i % 2)).replace(',', separator);
        let learnt = read(&text).unwrap();
        assert_eq!(learnt.schema.columns.len(), 2);
        assert!(
            learnt.decisions.iter().any(|decision| decision.contains("separator")),
            "{:?}",
            learnt.decisions
        );
    }
}

#[test]
fn n03_decimal_commas_are_read_under_one_convention() {
    let text = rows("x;z;y", 40, |i| format!("{},{};{}.{:03},5;{}", i, i % 10, i + 1, i * 7 % 1000, i % 2));
    let learnt = read(&text).unwrap();
    for name in ["x", "z"] {
        assert_eq!(column(&learnt, name).reading, Reading::Number { decimal: Decimal::Comma });
    }
    // Nothing proves what a comma before three digits is, but the other column.
    let text = rows("x;z;y", 40, |i| format!("{},{};{},{:03};{}", i, i % 10, i + 1, i * 7 % 1000, i % 2));
    assert_eq!(column(&read(&text).unwrap(), "z").reading, Reading::Number { decimal: Decimal::Comma });
    let alone = rows("z;y", 40, |i| format!("{},{:03};{}", i + 1, i * 7 % 1000, i % 2));
    let learnt = read(&alone).unwrap();
    assert!(column(&learnt, "z").warnings[0].contains("--decimal comma"));
    let said = config(|config| config.decide.decimal = Some(Decimal::Comma));
    let learnt = read_with(alone.as_bytes(), &said).unwrap();
    assert_eq!(column(&learnt, "z").reading, Reading::Number { decimal: Decimal::Comma });
}

#[test]
fn n04_two_columns_of_one_name_are_refused_with_their_places() {
    let message = refusal(&rows("x,a,x,y", 30, |i| format!("{i},1,2,{}", i % 2)));
    assert!(message.contains("1 and 3") && message.contains("`x`"), "{message}");
    let unnamed = read(&rows("x,,y", 30, |i| format!("{}.5,{},{}", i % 7, i % 5, i % 2))).unwrap();
    assert_eq!(unnamed.schema.columns[1].name, "column_2");
}

#[test]
fn n05_a_record_of_another_length_has_a_line() {
    let mut text = rows("x,z,y", 30, |i| format!("{i},\"two\nlines \"\"{i}\"\"\",{}\r", i % 2));
    text.push_str("\n\n\n");
    assert_eq!(read(&text).unwrap().table.rows, 30);
    let message =
        refusal(&rows("x,y", 30, |i| if i == 20 { "1,2,3".into() } else { format!("{i},{}", i % 2) }));
    assert!(message.starts_with("line 22: 3 fields"), "{message}");
    let message = refusal(&rows("x,y", 30, |i| format!("{},{}", if i == 5 { "\"open" } else { "a" }, i % 2)));
    assert!(message.starts_with("line 7: a quote"), "{message}");
}

#[test]
fn n06_other_encodings_are_found_out_and_bad_bytes_have_a_place() {
    let text = rows("stra\u{df}e,y", 30, |i| format!("M\u{fc}hl{},{}", i % 3, i % 2));
    let latin: Vec<u8> = text.chars().map(|c| c as u32 as u8).collect();
    let learnt = read_with(&latin, &config(|_| ())).unwrap();
    assert_eq!(learnt.schema.columns[0].name, "straße");
    let forced = config(|config| config.read.encoding = Some("utf-8".into()));
    let message = read_with(&latin, &forced).unwrap_err().to_string();
    assert!(message.contains("line 1, column 5") && message.contains("--encoding"), "{message}");
}

#[test]
fn n07_too_few_rows_are_refused() {
    assert!(refusal("").contains("empty"));
    assert!(refusal("\n\n").contains("empty"));
    for count in [0, 1, 2] {
        let message = refusal(&rows("x,y", count, |i| format!("{i},{i}")));
        assert!(message.contains("at least 10 rows"), "{message}");
    }
}

#[test]
fn n08_other_formats_folders_and_addresses_are_named() {
    for (bytes, words) in
        [(&b"PAR1\0\0"[..], "Parquet"), (b"PK\x03\x04\0", "xlsx"), (b"SQLite format 3\0", "SQLite")]
    {
        assert!(read_with(bytes, &config(|_| ())).unwrap_err().to_string().contains(words));
    }
    assert!(Source::open(Path::new(".")).unwrap_err().to_string().contains("folder"));
    assert!(Source::open(Path::new("s3://a/b.csv")).unwrap_err().to_string().contains("downloaded"));
}

#[test]
fn n09_words_for_missing_are_missing_unless_they_are_most_of_a_column_of_words() {
    let words = ["NA", "N/A", "null", "None", "?", "-", "", "#N/A", " "];
    let text = rows("x,y", 90, |i| {
        if i % 10 < 9 { format!("{i}.5,{}", i % 2) } else { format!("{},{}", words[i as usize / 10], i % 2) }
    });
    let learnt = read(&text).unwrap();
    assert_eq!((column(&learnt, "x").kind, column(&learnt, "x").missing), (Kind::Number, 9));
    let garage = rows("x,y", 50, |i| {
        format!("{},{}", ["None", "None", "None", "brick", "wood"][i as usize % 5], i % 2)
    });
    let learnt = read(&garage).unwrap();
    assert_eq!(column(&learnt, "x").missing, 0);
    assert!(learnt.schema.levels[0].contains(&"None".to_owned()));
    let said = config(|config| config.missing = vec!["-999".into()]);
    let text = rows("x,y", 50, |i| {
        format!("{},{}", if i % 5 == 0 { "-999".into() } else { format!("{i}.5") }, i % 2)
    });
    assert_eq!(column(&read_with(text.as_bytes(), &said).unwrap(), "x").missing, 10);
}
