//! Images on disk: where they lie, whether they are still the same, and how their folder is laid out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::path::Path;

use common::Place;
use image::{Rgb, RgbImage};

/// A search of an instant.
const SPEC: &str = r#"
[study]
name = "s"
seed = 1

[[objectives]]
metric = "validation_accuracy"

[data]
source = "folder"
path = "photos" # beside this file

[training]
epochs = 1
batch_size = 8
learning_rate = { low = 1e-3, high = 0.1, log = true }
[training.optimizer.sgd]

[[architecture.stages]]
name = "stem"
[architecture.stages.modules.Conv]
out_channels = 4
kernel = 3

[budget]
trials = 2
"#;

fn draw(path: &Path, shade: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_fn(8, 8, |x, _| Rgb([shade, 30 * x as u8, 7])).save(path).unwrap();
}

/// Ten images of each of the classes `a` and `b`.
fn photos(folder: &Path) {
    for (class, shade) in [("a", 0), ("b", 120)] {
        (0..10).for_each(|i| draw(&folder.join(class).join(format!("{i}.png")), shade + i));
    }
}

/// A project: a spec, and its images beside it.
fn project() -> Place {
    let place = Place::new(SPEC);
    place.write("project/spec.toml", SPEC);
    photos(&place.path("project/photos"));
    place
}

const SEARCH: [&str; 4] = ["search", "project/spec.toml", "--out", "project/runs/s"];

fn config(place: &Place, project: &str) -> String {
    let models = place.names(&format!("{project}/runs/s/front"));
    format!("{project}/runs/s/front/{}/config.toml", models[0])
}

#[test]
fn a_path_begins_at_its_file_and_moves_with_the_project() {
    let place = project();
    place.succeed(&SEARCH);
    place.succeed(&["check", "project/spec.toml"]);
    place.succeed(&["check", "project/runs/s/spec.toml"]);
    place.succeed(&["train", &config(&place, "project"), "--out", "first"]);
    fs::rename(place.path("project"), place.path("moved")).unwrap();
    place.succeed(&["train", &config(&place, "moved"), "--out", "second"]);
    // What `train` writes lies elsewhere, and says where the images are all the same.
    place.succeed(&["train", "second/config.toml", "--out", "third"]);
    for name in ["model.safetensors", "model.onnx"] {
        let bytes = |folder: &str| fs::read(place.path(folder).join(name)).unwrap();
        assert!(bytes("first") == bytes("second") && bytes("second") == bytes("third"), "{name}");
    }
    assert!(place.read("moved/runs/s/spec.toml").contains("path = \"../../photos\" # beside this file"));
}

#[test]
fn a_path_that_leads_nowhere_from_its_file_is_taken_from_here_with_a_warning() {
    let place = Place::new(SPEC);
    place.write("specs/spec.toml", SPEC);
    photos(&place.path("photos"));
    let checked = place.succeed(&["check", "specs/spec.toml"]);
    assert!(checked.stderr.contains("specs/photos, which is not there"), "{}", checked.stderr);
    fs::remove_dir_all(place.path("photos")).unwrap();
    let missing = place.run(&["check", "specs/spec.toml"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("`specs/photos` is missing"), "{}", missing.stderr);
    assert!(missing.stderr.contains("a relative one begins at the folder of the spec"), "{}", missing.stderr);
}

#[test]
fn a_search_does_not_go_on_with_other_images() {
    let place = project();
    place.succeed(&SEARCH);
    place.write("project/spec.toml", SPEC.replace("trials = 2", "trials = 3"));
    draw(&place.path("project/photos/b/new.png"), 7);
    let before = place.contents();
    let refused = place.run(&SEARCH);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    let expected = "the images changed since the run in project/runs/s began: class b had 10 images, has 11; put them back";
    assert!(refused.stderr.contains(expected) && refused.stderr.contains("--fresh"), "{}", refused.stderr);
    assert_eq!(place.contents(), before, "nothing was written");

    let trained = place.succeed(&["train", &config(&place, "project"), "--out", "again"]);
    let expected = "was trained on: class b had 10 images, has 11";
    assert!(trained.stderr.contains(expected), "{}", trained.stderr);

    fs::remove_file(place.path("project/photos/b/new.png")).unwrap();
    let went_on = place.succeed(&SEARCH);
    assert!(went_on.stderr.contains("goes on after 2 trials"), "{}", went_on.stderr);
    // The same count, but another picture.
    draw(&place.path("project/photos/b/3.png"), 9);
    let refused = place.run(&SEARCH);
    assert!(refused.stderr.contains("class b has as many images, but others"), "{}", refused.stderr);
    // A run that knows nothing of its images, such as one of an earlier version, goes on and says so.
    fs::remove_file(place.path("project/runs/s/images.json")).unwrap();
    let unknown = place.succeed(&SEARCH);
    assert!(unknown.stderr.contains("nobody knows whether the images are those"), "{}", unknown.stderr);
    assert!(place.path("project/runs/s/images.json").exists(), "from now on it does");
    draw(&place.path("project/photos/b/3.png"), 10);
    let mut fresh = SEARCH.to_vec();
    fresh.push("--fresh");
    place.succeed(&fresh);
}

/// The four files of an IDX data set: `count` images a split, of two shades by class; `last` is a pixel of
/// the last one.
fn idx(place: &Place, count: u32, last: u8) {
    for split in ["train", "t10k"] {
        let mut images = vec![0, 0, 8, 3];
        [count, 8, 8].iter().for_each(|size| images.extend(size.to_be_bytes()));
        (0..count).for_each(|i| images.extend([(i % 2 * 200) as u8; 64]));
        *images.last_mut().unwrap() = last;
        place.write(&format!("idx/{split}-images-idx3-ubyte"), images);
        let mut labels = vec![0, 0, 8, 1];
        labels.extend(count.to_be_bytes());
        labels.extend((0..count).map(|i| (i % 2) as u8));
        place.write(&format!("idx/{split}-labels-idx1-ubyte"), labels);
    }
}

#[test]
fn a_search_does_not_go_on_with_other_idx_files() {
    let spec = SPEC.replace("\"folder\"", "\"idx\"").replace("\"photos\"", "\"idx\"");
    let place = Place::new(&spec);
    idx(&place, 40, 7);
    place.succeed(&["search", "spec.toml"]);
    place.write("spec.toml", spec.replace("trials = 2", "trials = 3"));
    idx(&place, 40, 8);
    let refused = place.run(&["search", "spec.toml"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("class 1 (train) has as many images, but others"), "{}", refused.stderr);
    idx(&place, 42, 7);
    let refused = place.run(&["search", "spec.toml"]);
    assert!(refused.stderr.contains("class 0 (train) had 20 images, has 21"), "{}", refused.stderr);
    idx(&place, 40, 7);
    let went_on = place.succeed(&["search", "spec.toml"]);
    assert!(went_on.stderr.contains("goes on after 2 trials"), "{}", went_on.stderr);
}

#[test]
fn what_is_passed_over_is_said() {
    let place = project();
    place.write("project/photos/a/1.heic", "x");
    place.write("project/photos/notes.txt", "x");
    place.write("project/photos/.DS_Store", "x");
    draw(&place.path("project/photos/a/more/1.webp"), 3);
    let checked = place.succeed(&["check", "project/spec.toml"]);
    assert!(checked.stdout.contains("2 files passed over: 1 .heic, 1 .txt"), "{}", checked.stdout);
    // A tenth of what a fifth for the test leaves validates: 21 images are 4, 2 and 15.
    assert!(checked.stdout.contains("15 to train, 2 to validate, 4 to test"), "{}", checked.stdout);
    let searched = place.succeed(&SEARCH);
    assert!(searched.stderr.contains("images: 2 files passed over: 1 .heic, 1 .txt"), "{}", searched.stderr);
    let trained = place.succeed(&["train", &config(&place, "project"), "--out", "again"]);
    assert!(trained.stderr.contains("images: 2 files passed over: 1 .heic, 1 .txt"), "{}", trained.stderr);
}

#[test]
fn folders_of_splits_are_the_splits() {
    let place = Place::new(SPEC);
    for split in ["train", "val", "test"] {
        photos(&place.path("photos").join(split));
    }
    let checked = place.succeed(&["check", "spec.toml"]);
    assert!(checked.stdout.contains("20 to train, 20 to validate, 20 to test"), "{}", checked.stdout);
    fs::remove_dir_all(place.path("photos/test")).unwrap();
    let checked = place.succeed(&["check", "spec.toml"]);
    assert!(checked.stdout.contains("16 to train, 20 to validate, 4 to test"), "{}", checked.stdout);
    place.write(
        "spec.toml",
        SPEC.replace("source = \"folder\"", "source = \"folder\"\nvalidation_fraction = 0.25"),
    );
    let refused = place.run(&["check", "spec.toml"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("`validation_fraction`: 0.25 given, but"), "{}", refused.stderr);
}
