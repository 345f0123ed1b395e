//! `lightcrest prune`: what it writes, what it prints, what it refuses.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::onnx::{Conv, convolutions};
use common::{Place, TINY};
use lightcrest_graph::onnx::Model;

/// Two 1x1 convolutions, `conv1` with 8 outputs and `conv2`, whose 4 outputs are the graph's.
fn model() -> Model {
    let layers = [
        Conv { name: "conv1", reads: "x", writes: "a", inputs: 4, outputs: 8, window: 1 },
        Conv { name: "conv2", reads: "a", writes: "y", inputs: 8, outputs: 4, window: 1 },
    ];
    convolutions([4, 4], [4, 4], &layers, |at| at as f32 + 1.0)
}

fn place() -> Place {
    let place = Place::new(TINY);
    model().save(place.path("model.onnx")).unwrap();
    place
}

/// Runs what must be refused without a trace; returns the message.
fn refused(place: &Place, arguments: &[&str]) -> String {
    let before = place.contents();
    let result = place.run(arguments);
    assert_eq!(result.code, Some(2), "{arguments:?}\n{}", result.stderr);
    assert_eq!(result.stdout, "", "nothing goes to stdout");
    assert!(place.contents() == before, "something was written");
    result.stderr
}

#[test]
fn half_of_the_channels_go() {
    let place = place();
    let told = place.succeed(&["prune", "model.onnx", "--ratio", "0.5", "--out", "half.onnx"]);
    assert!(told.stdout.contains("8 > 4"), "{}", told.stdout);
    assert!(told.stdout.contains("its channels are the output `y`"), "{}", told.stdout);
    assert!(told.stdout.contains("multiply-accumulates 1.02 k > 512 (2.00 times fewer)"), "{}", told.stdout);
    let pruned = Model::load(place.path("half.onnx")).unwrap();
    let sizes: Vec<_> = pruned.graph().initializer.iter().map(|tensor| tensor.dims.clone()).collect();
    assert_eq!(sizes, [[4, 4, 1, 1], [4, 4, 1, 1]]);
}

#[test]
fn json_is_one_object() {
    let told = place().succeed(&["prune", "model.onnx", "--out", "half.onnx", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!((&json["macs_before"], &json["macs_after"]), (&1024.into(), &512.into()));
    assert_eq!(
        (&json["layers"][0]["name"], &json["layers"][0]["outputs_after"]),
        (&"conv1".into(), &4.into())
    );
}

#[test]
fn nothing_to_do_is_said_and_nothing_is_written() {
    let place = place();
    let told = refused(&place, &["prune", "model.onnx", "--out", "half.onnx", "--keep", "conv1"]);
    assert!(told.contains("nothing to prune in model.onnx; nothing was written"), "{told}");
    assert!(told.contains("`conv1` (Conv): `conv1` is to be kept"), "{told}");
}

#[test]
fn bad_input_is_refused() {
    let place = place();
    let prune = |more: &[&str]| refused(&place, &[&["prune", "model.onnx"], more].concat());
    for ratio in ["0", "1", "1.5"] {
        let told = prune(&["--out", "half.onnx", "--ratio", ratio]);
        assert!(told.contains("`ratio` must be above 0 and below 1"), "{told}");
    }
    let told = prune(&["--out", "half.onnx", "--keep", "conv3"]);
    assert!(told.contains("no layer `conv3`; the nearest names are `conv1`, `conv2`"), "{told}");
    let told = prune(&["--out", "model.onnx"]);
    assert!(told.contains("--out is the model itself"), "{told}");
    place.write("text.onnx", "not a model");
    let told = refused(&place, &["prune", "text.onnx", "--out", "half.onnx"]);
    assert!(told.contains("text.onnx: cannot be read"), "{told}");
}
