//! 17 to 30: columns.

use super::*;
use lightcrest_table::column::{Kind, Role};
use lightcrest_table::table::Values;

/// A column `x` of some fields, again and again, beside one that tells the target a little.
fn of(fields: &[&str]) -> Learnt {
    let text = rows("x,n,y", 100, |i| {
        format!("\"{}\",{:.3},{}", fields[i as usize % fields.len()], random(i), i % 2)
    });
    read(&text).unwrap()
}

fn kind(fields: &[&str]) -> Kind {
    column(&of(fields), "x").kind
}

#[test]
fn n17_what_never_changes_is_dropped_and_not_needed() {
    let learnt = of(&["7"]);
    assert_eq!(column(&learnt, "x").role, Role::Dropped);
    assert_eq!(kind(&["", "NA"]), Kind::Constant);
    assert_eq!(column(&of(&["7", ""]), "x").role, Role::Feature);
    let (_, model) = fit(learnt, None);
    later(&model, "n\n0.5\n", false).unwrap();
}

#[test]
fn n18_names_of_rows_are_dropped() {
    let text = rows("id,code,z,y", 100, |i| format!("{i},u{},{:.3},{}", i * 7919 % 10007, random(i), i % 2));
    let learnt = read(&text).unwrap();
    assert_eq!(column(&learnt, "id").kind, Kind::Id);
    assert_eq!(column(&learnt, "code").kind, Kind::Id);
    assert!(column(&learnt, "id").warnings[0].contains("--time"));
}

#[test]
fn n19_infinities_and_extremes_are_values() {
    let odd = ["inf", "-inf", "1e308", "-0.0", "NaN"];
    let text = rows("x,y", 200, |i| {
        let x = if i % 10 < 5 { odd[i as usize % 5].to_owned() } else { format!("{:.3}", random(i)) };
        format!("{x},{}", i % 2)
    });
    let learnt = read(&text).unwrap();
    assert_eq!(column(&learnt, "x").kind, Kind::Number);
    let (score, model) = fit(learnt, None);
    assert!(score.is_finite());
    let read = later(&model, "x\ninf\n-inf\n1e308\n\n-1e400\n0\n", false).unwrap();
    assert!(model.predict(&read.table).iter().all(|p| p.is_finite()));
}

#[test]
fn n20_whole_numbers_beyond_f64_are_names() {
    assert_eq!(kind(&["12345678901234567", "12345678901234568", "3"]), Kind::Category);
    assert_eq!(kind(&["18446744073709551615", "123456789012345678901234567890"]), Kind::Category);
    let learnt = of(&["12345678901234567", "12345678901234568"]);
    assert_eq!(learnt.schema.levels[0].len(), 2, "they are not the same");
}

#[test]
fn n21_codes_and_dressed_numbers() {
    assert_eq!(kind(&["00123", "45678"]), Kind::Category);
    assert_eq!(kind(&["0x1F", "0xA0"]), Kind::Category);
    assert_eq!(kind(&["12e5", "3456", "1e10", "99e1"]), Kind::Category);
    let money = of(&["$1,200", "$35", "$7.50"]);
    assert!(column(&money, "x").notes[0].contains("signs taken off"), "{:?}", column(&money, "x"));
    let Values::Number { numbers, .. } = &money.table.values[0] else { panic!() };
    assert_eq!(numbers[0], 1200.0);
}

#[test]
fn n22_a_word_among_numbers_is_a_level_and_a_new_one_is_missing() {
    let text = rows("x,y", 200, |i| {
        format!("{},{}", if i % 50 == 0 { "refused".into() } else { format!("{:.2}", random(i)) }, i % 2)
    });
    let learnt = read(&text).unwrap();
    assert_eq!(column(&learnt, "x").kind, Kind::Number);
    assert_eq!(learnt.schema.levels[0], ["refused"]);
    let (_, model) = fit(learnt, None);
    let read = later(&model, "x\nwhatever\n", false).unwrap();
    assert!(read.table.values[0].is_missing(0));
    assert_eq!(read.unconvertible, [("x".to_owned(), 1, "whatever".to_owned())]);
}

#[test]
fn n23_truth_values_are_one_kind() {
    assert_eq!(kind(&["true", "True", "TRUE", "T", "1", "yes", "no"]), Kind::Boolean);
    assert_eq!(kind(&["t", "T", "b"]), Kind::Category);
}

#[test]
fn n24_thousands_of_levels_stay_small() {
    let text = rows("x,y", 6000, |i| format!("level {},{}", i * 7919 % 5003, i % 2));
    let found = problem(read(&text).unwrap(), None).unwrap();
    let means =
        portfolio(&found).into_iter().find(|it| it.get_str("boosting.categories") == Some("means")).unwrap();
    let objective = TableObjective::new(found, Limits::default(), 1).unwrap();
    let evaluation = objective.evaluate(&mut Trial::detached(means, 5)).unwrap();
    assert!(evaluation.values[0].is_finite() && evaluation.values[1] < 200_000.0, "{evaluation:?}");
}

#[test]
fn n25_an_unseen_level_is_counted_and_levels_have_no_order() {
    let text = |flip: bool| {
        rows("x,y", 200, |i| {
            let i = if flip { 199 - i } else { i };
            format!("k{},{}", i % 7, if i % 7 < 3 { "a" } else { "b" })
        })
    };
    let (_, model) = fit(read(&text(false)).unwrap(), None);
    let new = later(&model, "x\nnever seen\nk1\n", false).unwrap();
    assert_eq!(new.unseen, [("x".to_owned(), 1, "never seen".to_owned())]);
    assert!(model.predict(&new.table).iter().all(|p| p.is_finite()));
    assert_eq!(read(&text(false)).unwrap().schema.levels, read(&text(true)).unwrap().schema.levels);
}

#[test]
fn n26_dates_have_one_order_and_impossible_days_are_missing() {
    assert_eq!(kind(&["2024-01-31", "0000-00-00", "9999-12-31", "2024-02-29T23:59:59+02:00"]), Kind::Date);
    assert_eq!(kind(&["31/01/2024", "01/02/2024"]), Kind::Date);
    let unproven = of(&["01/02/2024", "03/04/2024", "02/01/2024"]);
    assert!(column(&unproven, "x").warnings.iter().any(|it| it.contains("--date-order")));
    let Values::Number { numbers, .. } = &of(&["2024-01-31", "0000-00-00"]).table.values[0] else { panic!() };
    assert!(numbers[0] > 1.7e9 && numbers[1].is_nan());
}

#[test]
fn n27_text_becomes_words_of_bounded_width() {
    let text = rows("t,y", 300, |i| {
        let word = if i % 2 == 0 { "splendid" } else { "dreadful" };
        format!(
            "the {i} th meal was {word} and number {} on the list,{}",
            i * 31 % 97,
            ["good", "bad"][i as usize % 2]
        )
    });
    let learnt = read(&text).unwrap();
    assert_eq!(column(&learnt, "t").kind, Kind::Text);
    let (score, model) = fit(learnt, None);
    assert!(score < 0.1, "{score}");
    let new = later(&model, "t\nsplendid\n\n", false).unwrap();
    assert_eq!(model.label(&model.predict_rows(&new.table, &[0])), "good");
    let said = config(|config| config.decide.ignore_text = true);
    assert_eq!(column(&read_with(text.as_bytes(), &said).unwrap(), "t").role, Role::Dropped);
}

#[test]
fn n28_lists_are_text_and_blobs_are_dropped() {
    let text = rows("a,b,y", 150, |i| {
        format!("\"[{i}, 2]\",{},{}", if i == 3 { "z".repeat(70_000) } else { format!("k{}", i % 3) }, i % 2)
    });
    let learnt = read(&text).unwrap();
    assert_eq!(column(&learnt, "a").kind, Kind::Text);
    assert_eq!(column(&learnt, "b").kind, Kind::Blob);
}

#[test]
fn n29_one_column_works_and_so_do_ten_thousand() {
    let (score, _) = fit(
        read(&rows("x,y", 100, |i| format!("{:.3},{}", random(i), u64::from(random(i) > 0.5)))).unwrap(),
        None,
    );
    assert!(score < 0.4);
    let wide =
        |i: u64| (0..10_000).map(|j| format!("{:.3}", random(i * 10_000 + j))).collect::<Vec<_>>().join(",");
    let header = (0..10_000).map(|j| format!("c{j}")).collect::<Vec<_>>().join(",");
    let text = rows(&format!("{header},y"), 100, |i| {
        format!("{},{}", wide(i), u64::from(random(i * 10_000 + 7) > 0.5))
    });
    let (score, model) = fit(read(&text).unwrap(), None);
    assert!(score < 0.65 && model.columns_needed() < 400, "{score} {}", model.columns_needed());
    let copies = read(&rows("a,b,y", 60, |i| format!("{},{},{}", i % 17, 2 * (i % 17) + 1, i % 2))).unwrap();
    assert_eq!(column(&copies, "b").kind, Kind::Copy);
}

#[test]
fn n30_names_may_be_anything() {
    let long = "n".repeat(200);
    let header = format!("a b,c.d,\"e\"\"f\",größe,__y,{long},0,algorithm,y");
    let text = rows(&header, 60, |i| {
        (0..8)
            .map(|j| format!("{:.2}", random(i * 8 + j)))
            .chain([(i % 2).to_string()])
            .collect::<Vec<_>>()
            .join(",")
    });
    let learnt = read(&text).unwrap();
    assert_eq!(column(&learnt, "e\"f").kind, Kind::Number);
    let (_, model) = fit(learnt, None);
    assert_eq!(Pipeline::from_bytes(&model.to_bytes()).unwrap(), model);
}
