use super::*;
use crate::token::missing::Missing;

fn column_named(name: &str, fields: &[String], config: &DecideConfig) -> Column {
    let (missing, mut profile) = (Missing::with(&[]), Profile::default());
    fields.iter().zip(2..).for_each(|(field, line)| profile.add(field, line, &missing));
    decide(name, &profile, Evidence::default(), config)
}

fn column(fields: &[&str]) -> Column {
    // Often enough that uniqueness is not the question.
    let fields: Vec<String> =
        fields.iter().cycle().take(fields.len() * 5).map(|it| (*it).to_owned()).collect();
    column_named("c", &fields, &DecideConfig::default())
}

fn number(decimal: Decimal) -> Reading {
    Reading::Number { decimal }
}

#[test]
fn one_convention_fits_all_numbers_of_a_column() {
    assert_eq!(column(&["1.5", "2", "-3e4"]).reading, number(Decimal::Point));
    assert_eq!(column(&["1,5", "2", "7,25"]).reading, number(Decimal::Comma));
    assert_eq!(column(&["1.234,5", "7"]).reading, number(Decimal::Comma));
    assert_eq!(column(&["1,234.5", "7"]).reading, number(Decimal::Point));
    assert_eq!(column(&["1 234", "12 000", "7"]).reading, number(Decimal::Point));
    let ambiguous = column(&["1,234", "5,678"]);
    assert_eq!(ambiguous.reading, number(Decimal::Point));
    assert!(ambiguous.warnings[0].contains("--decimal comma"), "{ambiguous:?}");
    let dressed = column(&["$1,200", "$12", "$3.50"]);
    assert!(dressed.notes[0].contains("`$1,200`"), "{dressed:?}");
    assert!(column(&["12 %", "7 %"]).notes[0].contains("signs"));
}

#[test]
fn codes_are_categories() {
    for fields in [&["00123", "45678", "00009"][..], &["12e5", "1234", "1e10"], &["0x1F", "0x20", "77"]] {
        assert_eq!(column(fields).kind, Kind::Category, "{fields:?}");
    }
    let huge = column(&["12345678901234567", "12345678901234568", "18446744073709551615"]);
    assert_eq!(huge.kind, Kind::Category);
    assert!(huge.decided.contains("2^53"));
    assert_eq!(column(&["123456789012345678901234567890", "3"]).kind, Kind::Category);
}

#[test]
fn words_among_numbers_are_levels_beside_them() {
    let mut fields: Vec<String> = (0..99).map(|i| format!("{}.5", i % 7)).collect();
    fields.push("refused".into());
    let mixed = column_named("c", &fields, &DecideConfig::default());
    assert_eq!(mixed.reading, number(Decimal::Point));
    assert!(mixed.notes.iter().any(|note| note.contains("`refused` (1)")), "{mixed:?}");
}

#[test]
fn truth_values_are_one_kind_however_they_are_written() {
    assert_eq!(column(&["true", "False", "T", "1", "no"]).kind, Kind::Boolean);
    assert_eq!(column(&["0", "1"]).kind, Kind::Boolean);
    assert_eq!(column(&["t", "T", "a"]).kind, Kind::Category);
    assert_eq!(column(&["0", "1", "2"]).kind, Kind::Number);
}

#[test]
fn what_never_changes_is_dropped_unless_it_is_missing_sometimes() {
    assert_eq!(column(&["7"]).kind, Kind::Constant);
    assert_eq!(column(&["", "NA"]).kind, Kind::Constant);
    let sometimes = column(&["7", ""]);
    assert_eq!((sometimes.kind, sometimes.role), (Kind::Category, Role::Feature));
}

#[test]
fn names_of_rows_are_dropped() {
    let unique = |name: &str, make: &dyn Fn(usize) -> String| {
        let fields: Vec<String> = (0..200).map(make).collect();
        column_named(name, &fields, &DecideConfig::default())
    };
    let row = unique("n", &|i| (i + 1).to_string());
    assert_eq!(row.kind, Kind::Id);
    assert!(row.decided.contains("number of the row") && !row.warnings.is_empty(), "{row:?}");
    assert_eq!(unique("x", &|i| format!("{:08x}-1234-1234-1234-123456789abc", i * 977)).kind, Kind::Id);
    assert_eq!(unique("order_id", &|i| (i * i * 131).to_string()).kind, Kind::Id);
    assert_eq!(unique("area", &|i| (i * i * 131).to_string()).kind, Kind::Number);
    assert_eq!(unique("year", &|i| (i + 1800).to_string()).kind, Kind::Number);
    assert_eq!(unique("x", &|i| format!("{}.25", i * 3)).kind, Kind::Number);
}

#[test]
fn a_column_that_may_name_groups_is_pointed_out() {
    let fields: Vec<String> = (0..300).map(|i| (1000 + i / 5 * 7).to_string()).collect();
    let people = column_named("idcode", &fields, &DecideConfig::default());
    assert!(people.warnings.iter().any(|warning| warning.contains("--group idcode")), "{people:?}");
}

#[test]
fn day_and_month_are_told_apart_by_proof() {
    let order = |fields: &[&str]| match column(fields).reading {
        Reading::Date { order } => Some(order),
        _ => None,
    };
    assert_eq!(order(&["2024-01-31", "2024-02-01T10:00:00Z"]), Some(DateOrder::YearFirst));
    assert_eq!(order(&["31/01/2024", "01/02/2024"]), Some(DateOrder::DayFirst));
    assert_eq!(order(&["01/31/2024", "02/01/2024"]), Some(DateOrder::MonthFirst));
    assert_eq!(order(&["1.2.2024", "3.4.2024"]), Some(DateOrder::DayFirst));
    let unproven = column(&["03/01/2024", "01/02/2024", "05/01/2024"]);
    assert!(unproven.warnings.iter().any(|it| it.contains("--date-order")), "{unproven:?}");
    let impossible = column(&["2024-01-31", "0000-00-00", "9999-12-31"]);
    assert_eq!(impossible.kind, Kind::Date);
    assert!(impossible.notes[0].contains("no day"), "{impossible:?}");
    let epoch: Vec<String> = (0..50).map(|i| (1_700_000_000 + i / 2 * 86400).to_string()).collect();
    assert_eq!(column_named("created_at", &epoch, &DecideConfig::default()).kind, Kind::Date);
    assert_eq!(column_named("amount", &epoch, &DecideConfig::default()).kind, Kind::Number);
}

#[test]
fn text_is_told_from_categories() {
    let fields: Vec<String> =
        (0..300).map(|i| format!("the {i} th remark of somebody about birds")).collect();
    let config = DecideConfig::default();
    assert_eq!(column_named("c", &fields, &config).kind, Kind::Text);
    let ignoring = DecideConfig { ignore_text: true, ..config.clone() };
    assert_eq!(column_named("c", &fields, &ignoring).role, Role::Dropped);
    let lists: Vec<String> = (0..300).map(|i| format!("[{i}, 2]")).collect();
    assert_eq!(column_named("c", &lists, &config).kind, Kind::Text);
    let blob = vec!["x".repeat(70_000), "y".into()];
    let blob = column_named("c", &blob, &config);
    assert_eq!((blob.kind, blob.role), (Kind::Blob, Role::Dropped));
}

#[test]
fn a_word_for_missing_that_is_most_of_a_column_is_a_level() {
    let garage = column(&["None", "None", "None", "brick", "wood"]);
    assert_eq!(garage.kept_words, ["None"]);
    assert_eq!(garage.missing, 0);
    assert!(garage.notes[0].contains("60 %"), "{garage:?}");
    assert!(column(&["1", "None", "None", "2", "3"]).kept_words.is_empty());
}
