//! `lightcrest fit` and `lightcrest predict`, as a user runs them.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use std::fs;

use common::Place;

/// A table of two columns that tell the target, one that does not, and the name of each row.
fn table(rows: u64) -> String {
    let noise = |i: u64| (i.wrapping_mul(2_654_435_761) >> 7) % 1000;
    let row = |i: u64| {
        let (a, level) = (noise(i), i % 4);
        let y = if a + 300 * u64::from(level == 2) > 600 { "yes" } else { "no" };
        format!("row{i},0.{a:03},k{level},{},{y}\n", noise(i + 7777))
    };
    format!("id,a,c,n,y\n{}", (0..rows).map(row).collect::<String>())
}

/// With `t.csv` in it.
fn place() -> Place {
    let place = Place::new("");
    place.write("t.csv", table(240));
    place
}

const FIT: [&str; 8] = ["fit", "t.csv", "--target", "y", "--trials", "4", "--threads", "1"];

#[test]
fn a_table_becomes_a_front_that_predicts() {
    let place = place();
    let result = place.succeed(&FIT);
    assert!(result.stdout.contains("predicts `y`: classification into 2 classes"), "{}", result.stdout);
    assert!(result.stdout.contains("another value in every row"), "{}", result.stdout);
    let front = place.read("runs/t/front.csv");
    let header = front.lines().next().unwrap();
    let expected = "trial,validation_log_loss,standard_error,test_log_loss,model_bytes,latency_alone_us,\
                    latency_batch_us,columns_needed,";
    assert!(header.starts_with(expected) && header.contains("boosting.leaves"), "{header}");
    assert!(place.read("runs/t/report.html").contains("How it was decided"));

    let predictions = place.succeed(&["predict", "runs/t", "t.csv", "--score"]);
    let lines: Vec<&str> = predictions.stdout.lines().collect();
    assert_eq!(lines[0], "id,prediction,probability_no,probability_yes");
    assert_eq!(lines.len(), 241);
    assert!(lines[1].starts_with("row0,"));
    assert!(predictions.stderr.contains("log_loss"), "{}", predictions.stderr);
    let accuracy = predictions.stderr.split("accuracy ").nth(1).unwrap();
    let accuracy: f64 = accuracy.split(',').next().unwrap().trim().parse().unwrap();
    assert!(accuracy > 0.85, "{}", predictions.stderr);

    // The same command goes on where it ended: nothing is made again.
    let number = place.names("runs/t/front").pop().unwrap();
    let model = format!("runs/t/front/{number}/model.lightcrest");
    let (bytes, written) = (
        fs::read(place.path(&model)).unwrap(),
        fs::metadata(place.path(&model)).unwrap().modified().unwrap(),
    );
    place.succeed(&FIT);
    assert_eq!(fs::metadata(place.path(&model)).unwrap().modified().unwrap(), written);
    // Two threads make the same bytes, and so does the config of a model.
    place.succeed(&[
        "fit",
        "t.csv",
        "--target",
        "y",
        "--trials",
        "4",
        "--threads",
        "2",
        "--out",
        "two",
        "--quiet",
    ]);
    assert_eq!(fs::read(place.path(&format!("two/front/{number}/model.lightcrest"))).unwrap(), bytes);
    place.succeed(&["fit", &format!("runs/t/front/{number}/config.toml"), "--out", "again", "--quiet"]);
    assert_eq!(fs::read(place.path("again/front/trial-0000/model.lightcrest")).unwrap(), bytes);

    let show = place.succeed(&["show", "runs/t"]);
    assert!(show.stdout.contains("Target: y"), "{}", show.stdout);
    place.succeed(&["report", "runs/t"]);
    // A run does not go on with another table.
    place.write("t.csv", table(250));
    let refused = place.run(&FIT);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("the table changed"), "{}", refused.stderr);
}

#[test]
fn bad_input_is_refused_before_anything_is_written() {
    let place = place();
    place.write("twice.csv", "a,a,y\n1,2,3\n");
    place.write("short.csv", "a,y\n1,2\n3\n");
    let before = place.contents();
    let cases: &[(&[&str], &str)] = &[
        (&["fit", "t.csv"], "--target"),
        (&["fit", "t.csv", "--target", "Y"], "did you mean `y`?"),
        (&["fit", "t.csv", "--target", "y", "--metric", "rmse"], "does not judge a classification"),
        (&["fit", "t.csv", "--target", "y", "--time", "c"], "--time c"),
        (&["fit", "t.csv", "--target", "y", "--group", "nobody"], "no column `nobody`"),
        (&["fit", "t.csv", "--target", "y", "--task", "regression"], "line 2"),
        (&["fit", "twice.csv", "--target", "y"], "columns 1 and 2"),
        (&["fit", "short.csv", "--target", "y"], "line 3: 1 fields"),
        (&["fit", "missing.csv", "--target", "y"], "cannot read"),
        (&["fit", "https://a.org/t.csv", "--target", "y"], "nothing is downloaded"),
        (&["fit", "t.csv", "--target", "y", "--budget", "soon"], "10m"),
        (&["predict", "runs/t", "t.csv"], "no run"),
        (&["predict", "t.csv", "t.csv"], "no model"),
    ];
    for (arguments, message) in cases {
        let result = place.run(arguments);
        assert_eq!(result.code, Some(2), "{arguments:?}\n{}", result.stderr);
        assert!(result.stderr.contains(message), "{arguments:?}\n{}", result.stderr);
        assert!(!result.stderr.contains("panicked"), "{}", result.stderr);
    }
    assert_eq!(place.contents(), before);
}

#[test]
fn there_is_always_an_answer() {
    let place = Place::new("");
    place.write("t.csv", table(6000));
    // Hardly time to read it.
    place.succeed(&["fit", "t.csv", "--target", "y", "--budget", "0.2s", "--quiet"]);
    let predictions = place.succeed(&["predict", "runs/t", "t.csv", "--quiet"]);
    assert_eq!(predictions.stdout.lines().count(), 6001);
    // Nothing to learn from but constants.
    place.write("bare.csv", format!("c,y\n{}", "7,1\n7,0\n".repeat(20)));
    place.succeed(&["fit", "bare.csv", "--target", "y", "--budget", "5s", "--quiet"]);
    assert_eq!(place.succeed(&["predict", "runs/bare", "bare.csv"]).stdout.lines().count(), 41);
}
