//! 31 to 34: later tables and model files.

use super::*;
use lightcrest_table::predict::{score, write_predictions};

fn model() -> Pipeline {
    let text = rows("id,a,b,y", 200, |i| {
        let (a, b) = (random(i), random(i + 999));
        format!("r{i},{a:.3},{b:.3},{}", if a + b > 1.0 { "Yes" } else { "No" })
    });
    fit(read(&text).unwrap(), None).1
}

fn written(model: &Pipeline, text: &str) -> String {
    let mut out = Vec::new();
    let read = later(model, text, false).unwrap();
    write_predictions(&mut out, model, &read, &model.predict(&read.table)).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn n31_columns_are_found_by_name() {
    let model = model();
    assert_eq!(written(&model, "b,more,a\n0.9,x,0.8\n"), written(&model, "a,b\n0.8,0.9\n"));
    let message = later(&model, "id\nr1\n", false).unwrap_err().to_string();
    assert!(message.contains("`a`, `b`") && message.contains("--allow-missing-columns"), "{message}");
    assert_eq!(later(&model, "id\nr1\n", true).unwrap().absent, ["a", "b"]);
    let read = later(&model, "a,b,y\n0.9,0.9,Yes\n0.1,0.1,No\n0.1,0.2,Perhaps\n", false).unwrap();
    let scores = score(&model, &read, &model.predict(&read.table)).unwrap();
    assert_eq!((scores.rows, scores.left_out), (2, 1));
    let read = later(&model, "a,b\n1,0.9\n", false).unwrap();
    assert!(score(&model, &read, &model.predict(&read.table)).unwrap_err().to_string().contains("`y`"));
}

#[test]
fn n32_no_rows_give_a_header_and_names_and_order_stay() {
    let model = model();
    assert_eq!(written(&model, "a,b\n"), "prediction,probability_No,probability_Yes\n");
    let out = written(&model, "id,a,b\nlast,0.9,0.9\nfirst,0.1,0.1\n");
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "id,prediction,probability_No,probability_Yes");
    assert!(lines[1].starts_with("last,Yes,") && lines[2].starts_with("first,No,"), "{out}");
}

#[test]
fn n33_a_row_alone_is_a_row_of_a_batch() {
    let model = model();
    let text = rows("a,b", 50, |i| format!("{:.3},{:.3}", random(i), random(i + 5)));
    let read = later(&model, &text, false).unwrap();
    let all = model.predict(&read.table);
    for row in 0..50u32 {
        assert_eq!(model.predict_rows(&read.table, &[row]), all[row as usize * 2..][..2]);
    }
}

#[test]
fn n34_foreign_cut_and_newer_files_are_refused() {
    let bytes = model().to_bytes();
    for bad in [&b""[..], b"LCTABLE", b"pickle", &bytes[..bytes.len() - 1], &bytes[..40]] {
        assert!(Pipeline::from_bytes(bad).is_err());
    }
    let mut newer = bytes.clone();
    newer[8] = 200;
    assert!(Pipeline::from_bytes(&newer).unwrap_err().to_string().contains("version 200"));
    for at in (0..bytes.len()).step_by(11) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x55;
        assert!(Pipeline::from_bytes(&changed).is_err(), "byte {at}");
    }
}
