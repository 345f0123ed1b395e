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
    let expected = "trial,validation_log_loss,standard_error,expected_log_loss,test_log_loss,\
                    test_standard_error,model_bytes,latency_alone_us,latency_batch_us,columns_needed,";
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
#[cfg(feature = "parquet")]
fn a_damaged_file_is_an_error_and_no_panic_is_shown() {
    let (place, mut bytes) = (place(), include_bytes!("data/small.parquet").to_vec());
    std::fs::write(place.path("sound.parquet"), &bytes).unwrap();
    place.succeed(&["fit", "sound.parquet", "--target", "y", "--trials", "1", "--quiet"]);
    // another kind of page, which its reader does not expect
    bytes[5] = 2;
    std::fs::write(place.path("damaged.parquet"), &bytes).unwrap();
    let refused = place.run(&["fit", "damaged.parquet", "--target", "y", "--trials", "1"]);
    assert!(refused.code == Some(2) && refused.stderr.contains("is damaged"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("panicked"), "{}", refused.stderr);
    assert!(!place.path("runs/damaged").exists());
}

#[test]
fn there_is_always_an_answer() {
    let place = Place::new("");
    place.write("t.csv", table(6000));
    // Hardly time to read it.
    place.succeed(&["fit", "t.csv", "--target", "y", "--budget", "0.2s", "--quiet"]);
    let predictions = place.succeed(&["predict", "runs/t", "t.csv", "--quiet"]);
    assert_eq!(predictions.stdout.lines().count(), 6001);
    // What is on the front has a model.
    for line in front(&place, "runs/t") {
        let trial: u64 = line.split(',').next().unwrap().parse().unwrap();
        assert!(place.path(&format!("runs/t/front/trial-{trial:04}/model.lightcrest")).is_file());
    }
    // Nothing to learn from but constants.
    place.write("bare.csv", format!("c,y\n{}", "7,1\n7,0\n".repeat(20)));
    place.succeed(&["fit", "bare.csv", "--target", "y", "--budget", "5s", "--quiet"]);
    assert_eq!(place.succeed(&["predict", "runs/bare", "bare.csv"]).stdout.lines().count(), 41);
}

/// The lines of a front, without its header.
fn front(place: &Place, run: &str) -> Vec<String> {
    place.read(&format!("{run}/front.csv")).lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn a_spec_is_where_its_paths_begin_and_options_come_before_it() {
    let place = place();
    fs::create_dir_all(place.path("specs")).unwrap();
    place.write(
        "specs/fit.toml",
        "[study]\nname = 's'\n[table]\npath = '../t.csv'\ntarget = 'y'\n[budget]\ntrials = 9",
    );
    let check = place.succeed(&["check", "specs/fit.toml"]).stdout;
    assert!(check.contains("minimize validation_log_loss"), "{check}");
    let parameters = check.lines().find(|line| line.trim_start().starts_with("parameters")).unwrap();
    assert!(parameters.trim_end().rsplit(' ').next().unwrap().parse::<usize>().unwrap() > 10, "{parameters}");
    let beside = ["fit", "specs/fit.toml", "--trials", "2", "--metric", "brier", "--threads", "1", "--quiet"];
    place.succeed(&beside);
    assert!(place.read("runs/s/front.csv").starts_with("trial,validation_brier,"));
    // A model of the front is made again from its own folder, wherever the program is started.
    let model = place.names("runs/s/front").pop().unwrap();
    let config = format!("runs/s/front/{model}/config.toml");
    assert!(place.read(&config).contains("../../../../t.csv"), "{}", place.read(&config));
    place.succeed(&["fit", &config, "--out", "again", "--quiet"]);
    let bytes = |path: &str| fs::read(place.path(path)).unwrap();
    let made = bytes("again/front/trial-0000/model.lightcrest");
    assert_eq!(made, bytes(&format!("runs/s/front/{model}/model.lightcrest")));
}

#[test]
fn an_ensemble_is_a_model_as_any_other() {
    let place = place();
    // Ensembles are among the configurations that are tried first.
    place.succeed(&[
        "fit",
        "t.csv",
        "--target",
        "y",
        "--trials",
        "16",
        "--seed",
        "3",
        "--threads",
        "2",
        "--quiet",
    ]);
    let header = place.read("runs/t/front.csv");
    let lines = front(&place, "runs/t");
    assert!(header.contains("expected_log_loss,test_log_loss,test_standard_error,"), "{header}");
    let ensemble = lines.iter().find(|line| line.contains(",ensemble,"));
    if let Some(line) = ensemble {
        let trial: u64 = line.split(',').next().unwrap().parse().unwrap();
        let folder = format!("runs/t/front/trial-{trial:04}");
        assert!(place.read(&format!("{folder}/config.toml")).contains("[[model.members]]"));
        place.succeed(&["fit", &format!("{folder}/config.toml"), "--out", "again", "--quiet"]);
        let bytes = |path: &str| fs::read(place.path(path)).unwrap();
        assert_eq!(
            bytes("again/front/trial-0000/model.lightcrest"),
            bytes(&format!("{folder}/model.lightcrest"))
        );
    }
}

#[test]
fn what_a_model_reads_decides_whether_there_is_onnx_and_that_is_said() {
    let place = Place::new("");
    let row = |i: u64| {
        let word = if i.is_multiple_of(2) { "splendid" } else { "dreadful" };
        format!("the {i} th meal was {word} and number {} on the list,{}\n", i * 31 % 97, i % 2)
    };
    place.write("t.csv", format!("remark,y\n{}", (0..200).map(row).collect::<String>()));
    let result = place.succeed(&["fit", "t.csv", "--target", "y", "--trials", "2", "--threads", "1"]);
    assert!(result.stderr.contains("has no model.onnx: the model reads the words"), "{}", result.stderr);
}

#[test]
fn a_budget_that_is_spent_is_spent() {
    let place = place();
    let fit = ["fit", "t.csv", "--target", "y", "--budget", "1s", "--threads", "1", "--quiet"];
    place.succeed(&fit);
    let trials = |place: &Place| {
        let shown = place.succeed(&["show", "runs/t"]).stdout;
        let line = shown.lines().find(|line| line.starts_with("t: ")).unwrap();
        // A model that came too late for the front is made by the second run.
        line.rsplit_once(", ").unwrap().0.to_owned()
    };
    let before = trials(&place);
    place.succeed(&fit);
    assert_eq!(trials(&place), before, "the second run only writes its results again");
    // A larger budget is another matter.
    place.succeed(&["fit", "t.csv", "--target", "y", "--budget", "3s", "--threads", "1", "--quiet"]);
    assert_ne!(trials(&place), before);
}

#[test]
fn copies_of_rows_are_counted_and_the_test_is_scored_without_them() {
    let place = Place::new("");
    let text = table(150);
    let rows: String =
        text.lines().skip(1).map(|line| format!("{}\n", line.split_once(',').unwrap().1)).collect();
    place.write("t.csv", format!("a,c,n,y\n{rows}{rows}"));
    let result = place.succeed(&["fit", "t.csv", "--target", "y", "--trials", "2", "--threads", "1"]);
    assert!(result.stdout.contains("with and without"), "{}", result.stdout);
    assert!(place.read("runs/t/front.csv").contains("test_log_loss_without_copies"));
}

/// 50,000 levels in 100,000 rows, in as much memory as a small machine has.
#[cfg(target_os = "linux")]
#[test]
fn many_levels_take_little_memory() {
    let place = Place::new("");
    let row = |i: u64| {
        let level = i.wrapping_mul(2_654_435_761) % 50_000;
        format!(
            "level {level},{},{}\n",
            i * 7919 % 1009,
            u64::from(level.is_multiple_of(3) || i * 7919 % 1009 > 600)
        )
    };
    place.write("t.csv", format!("c,n,y\n{}", (0..100_000).map(row).collect::<String>()));
    let line = "ulimit -v 1500000; exec \"$@\"";
    let program = env!("CARGO_BIN_EXE_lightcrest");
    let fit = ["fit", "t.csv", "--target", "y", "--trials", "2", "--threads", "1", "--quiet"];
    let status = std::process::Command::new("sh")
        .args(["-c", line, "sh", program])
        .args(fit)
        .current_dir(place.path(""))
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(front(&place, "runs/t").len(), 2);
}
