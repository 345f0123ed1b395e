use super::*;
use crate::Task;
use crate::column::{Kind, Role};
use crate::error::TableError;
use crate::read::{self, ReadConfig, Source};
use std::path::Path;

fn source(text: &str) -> Source {
    Source::from_bytes(Path::new("t.csv"), text.as_bytes().to_vec()).unwrap()
}

fn with_target(target: &str) -> LearnConfig {
    LearnConfig { target: target.into(), ..LearnConfig::default() }
}

fn table(text: &str, target: &str) -> Result<Learnt, TableError> {
    learn(source(text), &with_target(target))
}

/// A table of rows that a function writes.
fn rows(header: &str, count: usize, row: impl Fn(usize) -> String) -> String {
    std::iter::once(header.to_owned()).chain((0..count).map(row)).collect::<Vec<_>>().join("\n")
}

#[test]
fn targets_become_tasks() {
    let task = |values: &[&str]| {
        let text = rows("x,y", 60, |i| format!("{}.5,{}", i % 9, values[i % values.len()]));
        table(&text, "y").map(|learnt| learnt.schema.task)
    };
    assert_eq!(task(&["0", "1"]).unwrap(), Task::Classification);
    assert_eq!(task(&["yes", "no"]).unwrap(), Task::Classification);
    assert_eq!(task(&["1", "2", "3", "4", "5"]).unwrap(), Task::Classification);
    assert_eq!(task(&["1", "2", "30"]).unwrap(), Task::Regression);
    assert_eq!(task(&["1.0", "2.0", "3.0"]).unwrap(), Task::Regression);
    // A name says what numbers are.
    let named = rows("x,Class", 60, |i| format!("{}.5,{}", i % 9, ["1", "2", "30"][i % 3]));
    assert_eq!(table(&named, "Class").unwrap().schema.task, Task::Classification);
    let error = task(&["inf", "2.5", "3.5"]).unwrap_err().to_string();
    assert!(error.starts_with("line 2: ") && error.contains("infinity"), "{error}");
    let error = task(&["X"]).unwrap_err().to_string();
    assert_eq!(error, "nothing to predict: every row of `y` is `X`");
    let names = rows("x,y", 60, |i| format!("{i},name{i}"));
    assert!(table(&names, "y").unwrap_err().to_string().contains("identifier"));
}

#[test]
fn rows_without_a_target_are_left_out_and_counted() {
    let text = rows("x,y", 60, |i| format!("{}.5,{}", i % 9, ["a", "b", ""][i % 3]));
    let learnt = table(&text, "y").unwrap();
    assert_eq!(learnt.table.rows, 40);
    assert!(learnt.warnings[0].contains("20 of 60 rows"), "{:?}", learnt.warnings);
    let text = rows("x,y", 60, |i| format!("{}.5,{}", i % 9, ["a", "", "", "b", "", ""][i % 6]));
    assert!(matches!(table(&text, "y"), Err(TableError::MissingTarget { missing: 40, rows: 60, .. })));
    let config = LearnConfig { drop_missing_target: true, ..with_target("y") };
    assert_eq!(learn(source(&text), &config).unwrap().table.rows, 20);
    for count in [0, 1, 2] {
        let text = rows("x,y", count, |i| format!("{i},{i}"));
        let error = table(&text, "y").unwrap_err().to_string();
        assert!(error.contains("at least 10 rows"), "{error}");
    }
    let error = table("x,y\n1,2\n", "Y ").unwrap_err().to_string();
    assert!(error.contains("did you mean `y`?"), "{error}");
}

#[test]
fn columns_that_say_the_same_are_dropped() {
    let text = rows("a,b,c,d,e,y", 60, |i| {
        let x = i % 17;
        format!("{x},{},{},k{},m{},{}", 3 * x + 1, -(x as i64), i % 5, i % 5, i % 2)
    });
    let learnt = table(&text, "y").unwrap();
    let kinds: Vec<Kind> = learnt.schema.columns.iter().map(|column| column.kind).collect();
    assert_eq!(kinds[..5], [Kind::Number, Kind::Copy, Kind::Copy, Kind::Category, Kind::Copy]);
    assert!(learnt.schema.columns[1].decided.contains("`a`"));
}

#[test]
fn levels_do_not_depend_on_the_order_of_rows() {
    let forth = rows("x,y", 40, |i| format!("k{},{}", i % 7, i % 2));
    let back = rows("x,y", 40, |i| format!("k{},{}", (39 - i) % 7, (39 - i) % 2));
    let (forth, back) = (table(&forth, "y").unwrap(), table(&back, "y").unwrap());
    assert_eq!(forth.schema.levels, back.schema.levels);
    assert_eq!(forth.schema.classes(), ["0", "1"]);
    // Equal rows have equal marks.
    assert_eq!(forth.marks[0], forth.marks[14]);
    assert!(forth.warnings.iter().any(|warning| warning.contains("are there before")));
}

#[test]
fn later_tables_are_read_by_name_and_by_the_stored_kinds() {
    let text = rows("id,zip,n,flag,when,y", 60, |i| {
        let n = if i == 7 { "none given".into() } else { format!("{}.5", i % 9) };
        format!(
            "row{i},0{},{n},{},2024-01-{:02},{}",
            i % 3,
            ["yes", "no"][i % 2],
            i % 28 + 1,
            ["b", "a"][i % 2]
        )
    });
    let learnt = table(&text, "y").unwrap();
    let schema = &learnt.schema;
    assert_eq!(schema.columns[0].kind, Kind::Id);
    let json = serde_json::to_string(schema).unwrap();
    assert_eq!(&serde_json::from_str::<Schema>(&json).unwrap(), schema);

    let read = |text: &str, allow| {
        let text = read::Text::open(source(text), &ReadConfig::default()).unwrap();
        schema.read(&text, &|_| true, allow)
    };
    let new = "more,when,flag,n,zip,id\n1,2024-02-30,1.0,3,01,r1\n2,2024-02-29,maybe,unknown,99,r2\n";
    let new = read(new, false).unwrap();
    assert_eq!(new.table.rows, 2);
    assert_eq!(new.extra, ["more"]);
    assert_eq!(new.names, [("id".to_owned(), vec!["r1".to_owned(), "r2".to_owned()])]);
    assert!(!new.has_target);
    assert_eq!(new.unseen, [("zip".to_owned(), 1, "99".to_owned())]);
    let lost: Vec<&str> = new.unconvertible.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(lost, ["n", "flag", "when"]);
    let Values::Number { numbers, words } = &new.table.values[2] else { panic!() };
    assert!(numbers[0] == 3.0 && numbers[1].is_nan());
    assert_eq!(words.as_ref().unwrap().codes, [MISSING, UNSEEN]);
    let Values::Category(zip) = &new.table.values[1] else { panic!() };
    assert_eq!(zip.codes, [1, UNSEEN]);

    let error = read("zip\n01\n", false).unwrap_err().to_string();
    assert!(error.contains("`n`, `flag`, `when`"), "{error}");
    assert_eq!(read("zip\n01\n", true).unwrap().absent.len(), 3);
    assert_eq!(read("when,flag,n,zip\n", false).unwrap().table.rows, 0);
}

#[test]
fn groups_and_times_have_their_roles() {
    let text = rows("who,t,x,y", 60, |i| format!("p{},{},{}.5,{}", i / 3, i, i % 9, i % 2));
    let config = LearnConfig { group: Some("who".into()), time: Some("t".into()), ..with_target("y") };
    let learnt = learn(source(&text), &config).unwrap();
    let roles: Vec<Role> = learnt.schema.columns.iter().map(|column| column.role).collect();
    assert_eq!(roles, [Role::Group, Role::Time, Role::Feature, Role::Target]);
    let config = LearnConfig { time: Some("who".into()), ..with_target("y") };
    assert!(learn(source(&text), &config).unwrap_err().to_string().contains("--time who"));
}

#[test]
fn without_time_a_part_of_the_rows_is_read_the_same_ones_every_time() {
    // Sorted by the target, so that the first rows alone would have one class.
    let text =
        rows("x,y", 40_000, |i| format!("{},{}", i * 7919 % 40_009, if i < 20_000 { "a" } else { "b" }));
    let within = Some(std::time::Duration::ZERO);
    let hurried = learn(source(&text), &LearnConfig { within, ..with_target("y") }).unwrap();
    assert!((0.2..0.3).contains(&hurried.share_read), "{}", hurried.share_read);
    assert!((9_000..11_000).contains(&hurried.table.rows), "{}", hurried.table.rows);
    assert_eq!(hurried.schema.levels[1], ["a", "b"]);
    assert!(hurried.warnings.iter().any(|warning| warning.contains("rows are read")));
    let known = LearnConfig { share_read: Some(hurried.share_read), ..with_target("y") };
    assert_eq!(learn(source(&text), &known).unwrap().marks, hurried.marks);
    assert_eq!(table(&text, "y").unwrap().share_read, 1.0);
}
