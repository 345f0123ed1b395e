//! Bad input: one screen, exit code 2, nothing written.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Place, TINY};

/// Runs a search that must be refused; returns the message.
fn refused(place: &Place, arguments: &[&str]) -> String {
    let before = place.contents();
    let result = place.run(arguments);
    assert_eq!(result.code, Some(2), "{arguments:?}\n{}", result.stderr);
    assert_eq!(result.stdout, "", "nothing goes to stdout");
    assert!(result.stderr.lines().count() <= 24, "more than a screen:\n{}", result.stderr);
    assert!(result.stderr.starts_with("error: "), "{}", result.stderr);
    assert!(!result.stderr.contains("panicked"), "{}", result.stderr);
    let (names, after): (Vec<_>, Vec<_>) = place.contents().into_iter().unzip();
    let (earlier, contents): (Vec<_>, Vec<_>) = before.into_iter().unzip();
    assert_eq!(names, earlier, "files came or went");
    assert!(contents == after, "something was written");
    result.stderr
}

/// A spec with a part replaced.
fn refused_spec(from: &str, to: &str) -> String {
    assert!(TINY.contains(from), "{from}");
    let place = Place::new(&TINY.replace(from, to));
    let searched = refused(&place, &["search", "spec.toml"]);
    let checked = refused(&place, &["check", "spec.toml"]);
    assert_eq!(searched, checked, "check and search say the same");
    searched
}

#[test]
fn a_missing_file() {
    let message = refused(&Place::new(TINY), &["search", "no-such.toml"]);
    assert!(message.contains("no-such.toml") && message.contains("No such file"), "{message}");
}

#[test]
fn a_wrong_type() {
    let message = refused_spec("trials = 6", "trials = \"six\"");
    assert!(message.contains("spec.toml:") && message.contains("trials"), "{message}");
}

#[test]
fn an_unknown_key_suggests_the_nearest() {
    let message = refused_spec("epochs = 2", "epoch = 2");
    assert!(message.contains("epoch") && message.contains("epochs"), "{message}");
}

#[test]
fn reversed_bounds() {
    let message = refused_spec("low = 1e-2, high = 1e-1", "low = 1e-1, high = 1e-2");
    assert!(message.contains("0.1") && message.contains("0.01"), "{message}");
}

#[test]
fn a_condition_on_an_unknown_parameter() {
    let decay = "weight_decay = { low = 1e-5, high = 1e-2, log = true, when = { optimiser = \"sgd\" } }";
    let message = refused_spec("[training]\n", &format!("[training]\n{decay}\n"));
    assert!(message.contains("optimiser") && message.contains("optimizer"), "{message}");
}

#[test]
fn an_empty_feasible_space() {
    let message = refused_spec("[data]", "[[constraints]]\nmetric = \"parameters\"\nmax = 3\n\n[data]");
    assert!(message.contains("parameters"), "{message}");
}

#[test]
fn a_truncated_idx_file() {
    let spec = TINY.replace("source = \"digits\"", "source = \"mnist\"\npath = \"images\"");
    let place = Place::new(&spec);
    for (name, count) in [("train", 60_000u32), ("t10k", 10_000)] {
        let mut images = vec![0, 0, 8, 3];
        for size in [count, 28, 28] {
            images.extend(size.to_be_bytes());
        }
        images.extend([0; 1000]);
        place.write(&format!("images/{name}-images-idx3-ubyte"), images);
        let mut labels = vec![0, 0, 8, 1];
        labels.extend(count.to_be_bytes());
        labels.extend([0; 100]);
        place.write(&format!("images/{name}-labels-idx1-ubyte"), labels);
    }
    let message = refused(&place, &["search", "spec.toml"]);
    assert!(message.contains("idx"), "{message}");
}

fn folder_spec() -> String {
    TINY.replace("source = \"digits\"", "source = \"folder\"\npath = \"photos\"")
}

#[test]
fn an_image_folder_with_one_class() {
    let place = Place::new(&folder_spec());
    place.write("photos/cat/1.png", png());
    let message = refused(&place, &["search", "spec.toml"]);
    assert!(message.contains("photos") && message.contains("class"), "{message}");
}

#[test]
fn a_corrupt_image() {
    let place = Place::new(&folder_spec());
    for i in 0..20 {
        place.write(&format!("photos/cat/{i}.png"), png());
        place.write(&format!("photos/dog/{i}.png"), png());
    }
    let mut broken = png();
    broken.truncate(40);
    place.write("photos/dog/7.png", broken);
    let message = refused(&place, &["search", "spec.toml"]);
    assert!(message.contains("dog") && message.contains("7.png"), "{message}");
}

/// A grey image of 8x8 pixels.
fn png() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let image = image::GrayImage::from_fn(8, 8, |x, y| image::Luma([(30 * x + 20 * y) as u8]));
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[test]
fn a_database_of_another_program() {
    let place = Place::new(TINY);
    let path = place.path("runs/tiny");
    std::fs::create_dir_all(&path).unwrap();
    // A valid database without our mark, as any program makes it.
    let connection = rusqlite::Connection::open(path.join("study.db")).unwrap();
    connection.execute_batch("CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')").unwrap();
    drop(connection);
    for fresh in [&["search", "spec.toml"][..], &["search", "spec.toml", "--fresh"]] {
        let message = refused(&place, fresh);
        assert!(message.contains("another program"), "{message}");
    }
}

#[test]
fn a_file_that_is_no_database() {
    let place = Place::new(TINY);
    place.write("runs/tiny/study.db", "dear diary, this is not a database at all; it only has its name");
    let message = refused(&place, &["search", "spec.toml"]);
    assert!(message.contains("not a database"), "{message}");
}

#[test]
fn a_database_of_another_spec() {
    let place = Place::new(TINY);
    place.succeed(&["search", "spec.toml"]);
    place.write("spec.toml", TINY.replace("high = 1e-1", "high = 2e-1"));
    let message = refused(&place, &["search", "spec.toml"]);
    assert!(message.contains("learning_rate") && message.contains("--fresh"), "{message}");
}

#[test]
fn a_folder_of_something_else() {
    let place = Place::new(TINY);
    place.write("thesis/chapter1.tex", "years of work");
    for fresh in [&[][..], &["--fresh"]] {
        let arguments = [&["search", "spec.toml", "--out", "thesis"][..], fresh].concat();
        let message = refused(&place, &arguments);
        assert!(message.contains("chapter1.tex"), "{message}");
    }
}

#[test]
fn a_spec_for_the_other_command() {
    let place = Place::new(TINY);
    let message = refused(&place, &["train", "spec.toml"]);
    assert!(message.contains("lightcrest search spec.toml"), "{message}");

    let fixed = TINY
        .replace("[16, 32]", "16")
        .replace("[4, 8, 12, 16]", "8")
        .replace("[training.optimizer.adam]", "");
    let fixed = fixed
        .replace("{ low = 1e-2, high = 1e-1, log = true }", "0.05")
        .replace("{ low = 0.5, high = 0.95 }", "0.9");
    place.write("spec.toml", fixed);
    let message = refused(&place, &["search", "spec.toml"]);
    assert!(message.contains("lightcrest train spec.toml"), "{message}");
}

#[test]
fn a_yaml_model_that_does_not_fit() {
    let place = Place::new(TINY);
    place.write("model.yaml", "input_channel: 1\nbackbone:\n  - [1, Conv, [8, 3, 2]]\n");
    let message = refused(&place, &["train", "model.yaml"]);
    assert!(message.contains("--data"), "{message}");
    let message = refused(&place, &["train", "model.yaml", "--data", "digits"]);
    assert!(message.contains("8x4x4") && message.contains("10 classes"), "{message}");
    place.write("model.yaml", "input_channel: 1\nbackbone:\n  - [1, Convolution, [8, 3, 2]]\n");
    let message = refused(&place, &["train", "model.yaml", "--data", "digits"]);
    assert!(message.contains("Convolution"), "{message}");
}

#[test]
fn a_run_that_is_not_there() {
    let place = Place::new(TINY);
    for command in ["show", "report", "surrogate"] {
        let message = refused(&place, &[command, "runs/nowhere"]);
        assert!(message.contains("runs/nowhere"), "{message}");
    }
}

#[test]
fn a_spec_full_of_errors_is_one_screen_all_the_same() {
    let many: String = (0..50).map(|i| format!("wrong{i} = 1\n")).collect();
    let place = Place::new(&TINY.replace("[training]\n", &format!("[training]\n{many}")));
    let message = refused(&place, &["search", "spec.toml"]);
    assert!(message.contains("50 errors"), "{message}");
}

#[test]
fn the_command_line_is_explained() {
    let place = Place::new(TINY);
    let help = place.succeed(&["--help"]).stdout;
    for part in ["Exit codes", "130", "search", "Examples"] {
        assert!(help.contains(part), "{help}");
    }
    assert_eq!(place.run(&["serach"]).code, Some(2));
    let schema = place.succeed(&["schema"]).stdout;
    assert!(schema.trim_start().starts_with('{') && schema.contains("learning_rate"), "{schema}");
}
