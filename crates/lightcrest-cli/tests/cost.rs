//! `lightcrest cost` and `lightcrest latency`: what they print, as a table and as JSON, and what they refuse.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Place, TINY};
use lightcrest_graph::network::{Activation, Conv2d, Linear, Network, Op, Shape, Weights};
use lightcrest_graph::onnx::{ExportConfig, save};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// One convolution of 3x3 on 8x8 pixels and a classifier.
fn place() -> Place {
    let place = Place::new(TINY);
    let mut network = Network::new(Shape::new(1, 8, 8));
    let conv = Conv2d { bias: true, ..Conv2d::new(1, 4, 3, 1) };
    let mut last = network.push("conv", Op::Conv2d(conv), &[0]).unwrap();
    last = network.push("act", Op::Activation(Activation::ReLU), &[last]).unwrap();
    last = network.push("pool", Op::GlobalAvgPool, &[last]).unwrap();
    network.push("fc", Op::Linear(Linear { in_features: 4, out_features: 10, bias: true }), &[last]).unwrap();
    let weights = Weights::init(&network, &mut ChaCha8Rng::seed_from_u64(1));
    save(&network, &weights, &ExportConfig::default(), &place.path("model.onnx")).unwrap();
    place
}

#[test]
fn the_cost_of_every_layer_and_of_all_is_told() {
    let place = place();
    let result = place.succeed(&["cost", "model.onnx", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&result.stdout).unwrap();
    assert_eq!(found["macs"], 8 * 8 * 9 * 4 + 40);
    assert_eq!(found["parameters"], 36 + 4 + 40 + 10);
    assert_eq!(found["weight_bytes"], 4 * 90);
    let layers = found["layers"].as_array().unwrap();
    let macs = |operator: &str| {
        layers.iter().filter(|l| l["operator"] == operator).map(|l| l["macs"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!((macs("Conv"), macs("Gemm")), (2304, 40));
    let table = place.succeed(&["cost", "model.onnx"]).stdout;
    assert!(table.contains("Conv") && table.contains("multiply-accumulates"), "{table}");
    // A size that the file leaves free changes the total.
    let free = serde_json::from_str::<serde_json::Value>(
        &place.succeed(&["cost", "model.onnx", "--size", "N=2", "--json"]).stdout,
    );
    assert_eq!(free.unwrap()["macs"], 2 * (2304 + 40));
}

#[test]
fn the_time_of_every_layer_and_of_all_is_told_with_what_ran_it() {
    let place = place();
    let result = place.succeed(&["latency", "model.onnx", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&result.stdout).unwrap();
    assert_eq!((&found["engine"], &found["threads"]), (&"Lightcrest's own executor".into(), &1.into()));
    for name in ["median_ms", "p90_ms"] {
        assert!(found[name].as_f64().unwrap() > 0.0, "{name}: {found}");
    }
    let layers = found["layers"].as_array().unwrap();
    assert!(layers.iter().any(|layer| layer["operator"] == "Conv"), "{found}");
    assert!(layers.iter().all(|layer| layer["median_ms"].as_f64().unwrap() >= 0.0), "{found}");
    let refused = place.run(&["latency", "model.onnx", "--onnxruntime", "nowhere"]);
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.contains("--onnxruntime nowhere: there is no library"), "{}", refused.stderr);
    let table = place.succeed(&["latency", "model.onnx"]).stdout;
    assert!(table.contains("whole: median"), "{table}");
}

#[test]
fn bad_input_is_refused_with_its_name() {
    let place = place();
    let whole = std::fs::read(place.path("model.onnx")).unwrap();
    place.write("cut.onnx", &whole[..whole.len() / 2]);
    place.write("empty.onnx", "");
    place.write("foreign.onnx", "GIF89a and so on, which is no model");
    let before = place.contents();
    for command in ["cost", "latency"] {
        for file in ["cut.onnx", "empty.onnx", "foreign.onnx", "missing.onnx", "spec.toml"] {
            let result = place.run(&[command, file]);
            assert_eq!(result.code, Some(2), "{command} {file}: {}", result.stderr);
            assert!(result.stderr.contains(file), "{command} {file}: {}", result.stderr);
            assert_eq!(result.stdout, "");
        }
        for (size, expected) in
            [("N=0", "such as height=224"), ("N", "such as height=224"), ("n=2", "no size is called `n`")]
        {
            let result = place.run(&[command, "model.onnx", "--size", size]);
            assert_eq!(result.code, Some(2), "{}", result.stderr);
            assert!(result.stderr.contains(expected), "{}", result.stderr);
        }
    }
    assert!(place.contents() == before, "something was written");
}
