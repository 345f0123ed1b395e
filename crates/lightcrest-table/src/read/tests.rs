use super::*;
use std::path::Path;

fn open(bytes: &[u8], config: &ReadConfig) -> Result<Text, TableError> {
    Text::open(Source::from_bytes(Path::new("t.csv"), bytes.to_vec())?, config)
}

/// All rows, or the first error.
fn rows(bytes: &[u8]) -> Result<(Vec<String>, Vec<Vec<String>>), TableError> {
    let text = open(bytes, &ReadConfig::default())?;
    let mut records = text.records()?;
    let mut rows = Vec::new();
    while let Some((record, _)) = records.next_record()? {
        rows.push(record.iter().map(str::to_owned).collect());
    }
    Ok((text.names().to_vec(), rows))
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn byte_order_marks_are_no_part_of_a_name() {
    let expected = (words(&["a", "b"]), vec![words(&["1", "ü"])]);
    assert_eq!(rows("\u{feff}a,b\n1,ü\n".as_bytes()).unwrap(), expected);
    let wide = |mark: &[u8], bytes: fn(u16) -> [u8; 2]| {
        let text = "a,b\n1,ü\n".encode_utf16().flat_map(bytes);
        mark.iter().copied().chain(text).collect::<Vec<u8>>()
    };
    assert_eq!(rows(&wide(b"\xff\xfe", u16::to_le_bytes)).unwrap(), expected);
    assert_eq!(rows(&wide(b"\xfe\xff", u16::to_be_bytes)).unwrap(), expected);
    assert_eq!(rows(&wide(b"", u16::to_le_bytes)).unwrap(), expected);
}

#[test]
fn separators_are_found_out_and_said() {
    for (separator, shown) in [(';', "`;`"), ('\t', "tab"), ('|', "`|`")] {
        let text = "a,b\n1,5,2\nx, y,3\n".replace("a,b", &format!("a{separator}b"));
        let text = text.replace(",2", &format!("{separator}2")).replace(",3", &format!("{separator}3"));
        let (names, rows) = rows(text.as_bytes()).unwrap();
        assert_eq!(names, words(&["a", "b"]));
        assert_eq!(rows[0], words(&["1,5", "2"]));
        let found = open(text.as_bytes(), &ReadConfig::default()).unwrap();
        assert!(found.decisions()[0].contains(shown), "{:?}", found.decisions());
    }
    let one = open(b"text\na b\nc, d\n", &ReadConfig::default()).unwrap();
    assert_eq!(one.names(), ["text"]);
    let forced = ReadConfig { separator: Some(b'#'), ..ReadConfig::default() };
    assert_eq!(open(b"a#b\n1,2#3\n", &forced).unwrap().names(), ["a", "b"]);
}

#[test]
fn records_are_those_of_rfc_4180() {
    let text = b"a,b\r\n\"x\ny\",\"say \"\"no\"\"\"\r\n1,2\r\n\r\n\r\n";
    assert_eq!(rows(text).unwrap().1, [words(&["x\ny", "say \"no\""]), words(&["1", "2"])]);
    // The last line may have no end; every record may end with a separator.
    assert_eq!(rows(b"a,b\n1,2,\n3,4,").unwrap().1, [words(&["1", "2"]), words(&["3", "4"])]);
}

#[test]
fn a_record_of_another_length_is_named_by_its_line() {
    let error = rows(b"a,b\n1,2\n\"x\ny\",3\n4\n").unwrap_err();
    assert!(matches!(error, TableError::Fields { line: 5, found: 1, expected: 2, .. }), "{error}");
    let error = rows(b"a,b\n1,2\n3,\"4\n5,6\n").unwrap_err();
    assert!(matches!(error, TableError::OpenQuote { line: 3 }), "{error}");
}

#[test]
fn encodings_are_found_out_and_what_is_no_text_has_a_place() {
    let latin = b"name,n\nM\xfcller,1\nCaf\xe9,2\nStra\xdfe,3\n";
    let text = open(latin, &ReadConfig::default()).unwrap();
    assert!(text.decisions()[0].contains("windows-1252"), "{:?}", text.decisions());
    assert_eq!(rows(latin).unwrap().1[0][0], "Müller");
    let (japanese, ..) = encoding_rs::SHIFT_JIS.encode("名前,数\n東京の天気,1\n大阪の空,2\n");
    assert_eq!(rows(&japanese).unwrap().0, words(&["名前", "数"]));
    let forced = ReadConfig { encoding: Some("utf-8".into()), ..ReadConfig::default() };
    let error = open(latin, &forced).unwrap_err();
    assert!(matches!(error, TableError::Undecodable { line: 2, column: 2, .. }), "{error}");
    let unknown = ReadConfig { encoding: Some("klingon".into()), ..ReadConfig::default() };
    assert!(open(latin, &unknown).unwrap_err().to_string().contains("klingon"));
}

#[test]
fn names_are_unique_and_never_empty() {
    let error = rows(b"a,b,a\n1,2,3\n").unwrap_err();
    assert_eq!(error.to_string(), "columns 1 and 3 are both named `a`: rename one of them");
    assert_eq!(rows(b"a,,c\n1,2,3\n").unwrap().0, words(&["a", "column_2", "c"]));
    let text = open(b"a b,a  b\n1,2\n", &ReadConfig::default()).unwrap();
    assert!(text.decisions()[0].starts_with("warning"), "{:?}", text.decisions());
    let bare = ReadConfig { no_header: true, ..ReadConfig::default() };
    assert_eq!(open(b"1,2\n3,4\n", &bare).unwrap().names(), ["column_1", "column_2"]);
}

#[test]
fn packed_files_are_read_by_their_first_bytes_and_other_formats_are_named() {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(b"a,b\n1,2\n").unwrap();
    assert_eq!(rows(&gzip.finish().unwrap()).unwrap().1, [words(&["1", "2"])]);
    let zstandard =
        ruzstd::encoding::compress_to_vec(&b"a,b\n1,2\n"[..], ruzstd::encoding::CompressionLevel::Fastest);
    assert_eq!(rows(&zstandard).unwrap().1, [words(&["1", "2"])]);
    for (bytes, name) in [(&b"PAR1...."[..], "Parquet"), (b"PK\x03\x04..", "xlsx"), (b"", "empty")] {
        let error = rows(bytes).unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
    // A file that breaks off is no table.
    assert!(rows(&[0x1f, 0x8b, 8, 0]).is_err());
    assert!(rows(&[0x28, 0xb5, 0x2f, 0xfd, 1]).is_err());
}

#[test]
fn folders_and_addresses_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Source::open(folder.path()), Err(TableError::Folder(_))));
    assert!(matches!(Source::open(Path::new("https://a.org/t.csv")), Err(TableError::Address(_))));
    assert!(matches!(Source::open(Path::new("/no/such.csv")), Err(TableError::Read { .. })));
}
