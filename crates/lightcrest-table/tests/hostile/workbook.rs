//! Workbooks: the sheet, its cells, and what is no workbook.

use std::fmt::Write;

use super::*;
use lightcrest_table::column::Kind;

/// A ZIP archive of files as they are.
fn zip(files: &[(&str, String)]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let mut sum = flate2::Crc::new();
        sum.update(text.as_bytes());
        let size = (text.len() as u32).to_le_bytes();
        // Versions, flags, no packing, no time; checksum, sizes, the length of the name.
        let mut facts = vec![20, 0, 0, 0, 0, 0, 0, 0, 33, 0];
        for part in [sum.sum().to_le_bytes(), size, size, (name.len() as u32).to_le_bytes()] {
            facts.extend(part);
        }
        let place = bytes.len() as u32;
        bytes.extend(b"PK\x03\x04".iter().chain(&facts).chain(name.as_bytes()).chain(text.as_bytes()));
        directory.extend(b"PK\x01\x02\x14\0".iter().chain(&facts).chain(&[0; 10]));
        directory.extend(place.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, size) = (bytes.len() as u32, directory.len() as u32);
    bytes.extend(directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    let count = (files.len() as u16).to_le_bytes();
    bytes.extend(count.iter().chain(&count).chain(&size.to_le_bytes()).chain(&start.to_le_bytes()));
    bytes.extend([0, 0]);
    bytes
}

/// A cell as a sheet writes it: text, a date (style 1), or a number.
fn cell(value: &str) -> String {
    match value.strip_prefix('#') {
        Some(day) => format!("<c s=\"1\"><v>{day}</v></c>"),
        None if value.parse::<f64>().is_ok() => format!("<c><v>{value}</v></c>"),
        None => format!("<c t=\"inlineStr\"><is><t>{value}</t></is></c>"),
    }
}

/// A workbook of sheets of rows of cells.
fn workbook(sheets: &[(&str, Vec<Vec<String>>)]) -> Vec<u8> {
    const MAIN: &str = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const RELATIONS: &str = "xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"";
    let (mut list, mut links, mut parts) = (String::new(), String::new(), Vec::new());
    for (i, (name, rows)) in sheets.iter().enumerate() {
        let i = i + 1;
        write!(list, "<sheet name=\"{name}\" sheetId=\"{i}\" r:id=\"r{i}\"/>").unwrap();
        let kind = format!("{OFFICE}/worksheet");
        write!(links, "<Relationship Id=\"r{i}\" Type=\"{kind}\" Target=\"worksheets/s{i}.xml\"/>").unwrap();
        let row = |cells: &Vec<String>| {
            format!("<row>{}</row>", cells.iter().map(|value| cell(value)).collect::<String>())
        };
        let rows: String = rows.iter().map(row).collect();
        parts.push((i, format!("<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>")));
    }
    let book = format!("<workbook {MAIN} xmlns:r=\"{OFFICE}\"><sheets>{list}</sheets></workbook>");
    let styles = format!(
        "<styleSheet {MAIN}><cellXfs count=\"2\"><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>"
    );
    let kind = format!("{OFFICE}/officeDocument");
    let root = format!("<Relationship Id=\"r1\" Type=\"{kind}\" Target=\"xl/workbook.xml\"/>");
    let mut files = vec![
        ("_rels/.rels".to_owned(), format!("<Relationships {RELATIONS}>{root}</Relationships>")),
        ("xl/workbook.xml".to_owned(), book),
        (
            "xl/_rels/workbook.xml.rels".to_owned(),
            format!("<Relationships {RELATIONS}>{links}</Relationships>"),
        ),
        ("xl/styles.xml".to_owned(), styles),
    ];
    files.extend(parts.into_iter().map(|(i, text)| (format!("xl/worksheets/s{i}.xml"), text)));
    let files: Vec<(&str, String)> = files.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
    zip(&files)
}

fn sheet() -> Vec<Vec<String>> {
    let row = |i: u64| {
        let (number, day) = (format!("{}.5", i * 7 % 23), format!("#{}", 45_000 + i * 3 % 50));
        vec![number, ["red", "green"][i as usize % 2].to_owned(), day, (i % 2).to_string()]
    };
    let header = ["x", "color", "day", "y"].map(str::to_owned).to_vec();
    std::iter::once(header).chain((0..50).map(row)).collect()
}

#[test]
fn the_first_sheet_with_cells_is_the_table_unless_one_is_named() {
    let other = vec![vec!["nothing".to_owned()], vec!["1".to_owned()]];
    let bytes = workbook(&[("empty", vec![]), ("data", sheet()), ("other", other)]);
    let learnt = read_with(&bytes, &config(|_| ())).unwrap();
    assert!(learnt.decisions.iter().any(|it| it.contains("sheet `data` of 3")), "{:?}", learnt.decisions);
    let kinds: Vec<Kind> = learnt.schema.columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds[..3], [Kind::Number, Kind::Category, Kind::Date]);
    assert_eq!(learnt.table.rows, 50);
    let named = |name: &str| read_with(&bytes, &config(|config| config.read.sheet = Some(name.into())));
    assert_eq!(format!("{:?}", named("data").unwrap().table), format!("{:?}", learnt.table));
    assert!(named("other").unwrap_err().to_string().contains("no column `y`"));
    let error = named("Data").unwrap_err().to_string();
    assert!(error.contains("no sheet `Data`") && error.contains("empty, data, other"), "{error}");
}

#[test]
fn what_is_no_workbook_is_an_error() {
    let bytes = workbook(&[("data", sheet())]);
    for end in (5..bytes.len()).step_by(bytes.len() / 30) {
        assert!(read_with(&bytes[..end], &config(|_| ())).is_err(), "{end} of {}", bytes.len());
    }
    for at in (0..bytes.len()).step_by(29) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x15;
        drop(read_with(&changed, &config(|_| ())));
    }
    let archive = zip(&[("letter.txt", "dear all".to_owned())]);
    let error = read_with(&archive, &config(|_| ())).unwrap_err().to_string();
    assert!(error.contains("begins as a workbook"), "{error}");
    let error = read_with(&workbook(&[("empty", vec![])]), &config(|_| ())).unwrap_err().to_string();
    assert!(error.contains("empty"), "{error}");
    let text = rows("x,y", 30, |i| format!("{},{}", i % 7, i % 2));
    let said = config(|config| config.read.sheet = Some("data".into()));
    assert!(read_with(text.as_bytes(), &said).unwrap_err().to_string().contains("no workbook"));
}
