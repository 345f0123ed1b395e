//! `lightcrest decompose`: what it writes, what it prints, what it refuses.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::onnx::{Conv, convolutions};
use common::{Place, TINY};
use lightcrest_graph::onnx::Model;

/// Convolutions of 3x3 and 1x1, the second of which gains nothing at half of its rank.
fn model() -> Model {
    let layers = [
        Conv { name: "conv1", reads: "x", writes: "a", inputs: 8, outputs: 8, window: 3 },
        Conv { name: "conv2", reads: "a", writes: "y", inputs: 8, outputs: 8, window: 1 },
    ];
    convolutions([8, 6], [8, 4], &layers, |at| (at * 7919 % 101) as f32 - 50.0)
}

fn place() -> Place {
    let place = Place::new(TINY);
    model().save(place.path("model.onnx")).unwrap();
    place
}

/// Runs what must be refused without a trace; returns the message.
fn refused(arguments: &[&str]) -> String {
    let place = place();
    let before = place.contents();
    let result = place.run(&[&["decompose", "model.onnx"], arguments].concat());
    assert_eq!(result.code, Some(2), "{arguments:?}\n{}", result.stderr);
    assert_eq!(result.stdout, "", "nothing goes to stdout");
    assert!(place.contents() == before, "something was written");
    result.stderr
}

#[test]
fn it_says_what_became_of_each_layer() {
    let place = place();
    let common = ["decompose", "model.onnx", "--rank", "0.5", "--out", "low.onnx"];
    let result = place.run(&common);
    assert_eq!(result.code, Some(0), "{}", result.stderr);
    assert!(
        result.stdout.contains("it would take 1024 multiply-accumulates, and it takes 1024"),
        "{}",
        result.stdout
    );
    assert!(result.stdout.ends_with("written to low.onnx\n"), "{}", result.stdout);
    let low = Model::load(place.path("low.onnx")).unwrap();
    assert_eq!(low.graph().node.len(), 4);
    let result = place.run(&[&common[..], &["--json"]].concat());
    let report: serde_json::Value = serde_json::from_str(&result.stdout).unwrap();
    assert_eq!(report["layers"][0]["method"], "tucker");
    assert_eq!(report["layers"][0]["ranks"], serde_json::json!([4, 4]));
    assert_eq!(report["macs"]["before"], 64 * 9 * 16 + 64 * 16);
    // 1x1 to 4 channels at 6x6, 3x3 of 4 channels and 1x1 to 8 at 4x4, and the second layer as it is.
    assert_eq!(report["macs"]["after"], 32 * 36 + (16 * 9 + 32) * 16 + 64 * 16);
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_written() {
    let out = ["--out", "low.onnx"];
    let with = |arguments: &[&str]| refused(&[&out[..], arguments].concat());
    assert!(with(&["--rank", "half"]).contains("it must be evbmf, or a share of the full rank"));
    assert!(with(&["--rank", "0"]).contains("must be above 0 and at most 1, but is 0"));
    assert!(with(&["--macs", "1.5"]).contains("the share of the multiply-accumulates must be above 0"));
    assert!(
        with(&["--layer", "stem"])
            .contains("there is no layer `stem`; layers with weights are `conv1`, `conv2`")
    );
    assert!(with(&["--keep", "stem"]).contains("there is no layer `stem`"));
    assert!(with(&["--rank", "1"]).contains("nothing to decompose in model.onnx; nothing was written"));
    assert!(with(&["--layer", "conv2", "--rank", "0.5"]).contains("nothing to decompose"));
    assert!(refused(&["--out", "model.onnx"]).contains("--out is the model itself"));
    assert!(refused(&["--out", "no/low.onnx", "--rank", "0.5"]).contains("cannot be written"));
}
