//! Calibration of `lightcrest quantize` and `lightcrest decompose`: arrays, images, and what fits neither.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Place, TINY};
use lightcrest_graph::network::{Activation, Conv2d, Linear, Network, Op, Shape, Weights};
use lightcrest_graph::onnx::{ExportConfig, Model, save};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A network for colour images of 8x8, and a folder of some.
fn place() -> Place {
    let place = Place::new(TINY);
    let mut network = Network::new(Shape::new(3, 8, 8));
    let mut last = 0;
    for (name, from, to) in [("conv1", 3, 16), ("conv2", 16, 16)] {
        let conv = Conv2d { bias: true, ..Conv2d::new(from, to, 3, 1) };
        last = network.push(name, Op::Conv2d(conv), &[last]).unwrap();
        last = network.push(format!("{name}.act"), Op::Activation(Activation::ReLU), &[last]).unwrap();
    }
    last = network.push("pool", Op::GlobalAvgPool, &[last]).unwrap();
    network
        .push("fc", Op::Linear(Linear { in_features: 16, out_features: 10, bias: true }), &[last])
        .unwrap();
    let weights = Weights::init(&network, &mut ChaCha8Rng::seed_from_u64(1));
    save(&network, &weights, &ExportConfig::default(), &place.path("model.onnx")).unwrap();
    for number in 0..12u8 {
        // Other sizes than the network's, in sub-folders, and a file that is no image.
        let mut text = b"P6 10 6 255\n".to_vec();
        text.extend((0..180usize).map(|at| ((at * 7 + usize::from(number) * 31) % 251) as u8));
        place.write(&format!("photos/{}/{number:02}.ppm", number % 2), text);
    }
    place.write("photos/readme.txt", "not an image");
    place
}

/// A `.npy` of zeros in f32.
fn npy(shape: &str, elements: usize) -> Vec<u8> {
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend((0..elements).flat_map(|at| ((at % 255) as f32 / 255.0).to_le_bytes()));
    bytes
}

#[test]
fn images_calibrate_as_the_arrays_do_that_are_made_of_them() {
    let place = place();
    let common = ["quantize", "model.onnx", "--out", "int8.onnx", "--json"];
    let with = |data: &[&str]| {
        let result = place.succeed(&[&common[..], data].concat());
        serde_json::from_str::<serde_json::Value>(&result.stdout).unwrap()
    };
    let scaled = ["--calibration", "photos", "--scale", "0.00392156862745098"];
    let report = with(&scaled);
    assert_eq!(report["layers"][0]["precision"], "int8", "{report}");
    assert!(report["snr"][0][1].as_f64().unwrap() > 20.0, "{report}");
    Model::load(place.path("int8.onnx")).unwrap();
    // What is said of pixels counts: other means are other inputs.
    let shifted = with(&[&scaled[..], &["--mean", "0.4,0.5,0.6", "--std", "0.25"]].concat());
    assert_ne!(report["snr"], shifted["snr"]);
    place.write("arrays/a.npy", npy("5, 3, 8, 8", 960));
    assert_eq!(with(&["--calibration", "arrays"])["layers"][0]["precision"], "int8");
}

#[test]
fn arrays_of_any_precision_are_what_the_model_reads() {
    let place = place();
    let array = |kind: &str, bytes: fn(f64) -> Vec<u8>| {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (5, 3, 8, 8), }}\n");
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((header.len() as u16).to_le_bytes());
        file.extend(header.bytes());
        // Sixteenths, which all of the types hold.
        file.extend((0..960).flat_map(|at| bytes(f64::from(at % 31) / 16.0 - 1.0)));
        file
    };
    place.write("f4.npy", array("<f4", |x| (x as f32).to_le_bytes().to_vec()));
    place.write("f8.npy", array("<f8", |x| x.to_le_bytes().to_vec()));
    // Half precision by way of the bits of f32, of which the values fill few.
    let half: fn(f64) -> Vec<u8> = |x| {
        let bits = (x as f32).to_bits();
        let exponent = if x == 0.0 { 0 } else { ((bits >> 23) & 255) - 112 };
        ((((bits >> 16) & 0x8000) | (exponent << 10) | ((bits >> 13) & 0x3ff)) as u16).to_le_bytes().to_vec()
    };
    place.write("f2.npy", array("<f2", half));
    let made = ["f4.npy", "f8.npy", "f2.npy"].map(|file| {
        place.succeed(&["quantize", "model.onnx", "--calibration", file, "--out", "int8.onnx"]);
        std::fs::read(place.path("int8.onnx")).unwrap()
    });
    assert!(made[0] == made[1] && made[0] == made[2]);
}

#[test]
fn calibrated_ranks_lose_less_of_the_outputs() {
    let place = place();
    let common =
        ["decompose", "model.onnx", "--method", "svd", "--rank", "0.25", "--out", "low.onnx", "--json"];
    let layer = |extra: &[&str]| {
        let result = place.succeed(&[&common[..], extra].concat());
        let report: serde_json::Value = serde_json::from_str(&result.stdout).unwrap();
        report["layers"][1].clone()
    };
    let plain = layer(&[]);
    assert_eq!(plain["output_error"], serde_json::Value::Null);
    let calibrated = layer(&["--calibration", "photos", "--scale", "0.00392156862745098"]);
    assert_eq!(calibrated["ranks"], plain["ranks"]);
    let error = |layer: &serde_json::Value, name: &str| layer[name].as_f64().unwrap();
    assert!(error(&calibrated, "error") > error(&plain, "error"), "weights lose more: {plain} {calibrated}");
    assert!(error(&calibrated, "output_error") < error(&plain, "error"), "{plain} {calibrated}");
}

#[test]
fn a_ratio_that_no_layer_keeps_is_refused_and_what_stays_is_counted() {
    let place = place();
    let common = ["quantize", "model.onnx", "--calibration", "photos", "--scale", "0.00392156862745098"];
    let with = |more: &[&'static str]| [&common[..], more].concat();
    let result = place.succeed(&with(&["--out", "int8.onnx", "--exclude", "conv1"]));
    assert!(result.stdout.contains("layers               2 of 3 of 8 bits"), "{}", result.stdout);
    let before = place.contents();
    let refused = place.run(&with(&["--out", "none.onnx", "--min-snr", "200"]));
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("every layer would have to stay in fp32"), "{}", refused.stderr);
    assert!(place.contents() == before, "something was written");
}

#[test]
fn what_does_not_fit_is_refused_and_nothing_is_written() {
    let place = place();
    place.write("wrong/a.npy", npy("5, 3, 9, 8", 1080));
    place.write("empty/readme.txt", "nothing");
    place.write("broken/a.png", "not a picture");
    let before = place.contents();
    let cases: [(&[&str], &str); 10] = [
        (&["--calibration", "photos"], "and not how; give --mean and --std"),
        (&["--calibration", "nowhere"], "--calibration nowhere"),
        (&["--calibration", "wrong"], "a.npy: `image` is of shape"),
        (&["--calibration", "empty", "--scale", "1"], "there is no .npy and no .npz in the folder"),
        (&["--calibration", "broken", "--scale", "1"], "a.png"),
        (&["--calibration", "photos", "--mean", "1,2"], "`mean` has 2 numbers, and the network 3 channels"),
        (&["--calibration", "photos", "--std", "0"], "`std` must be positive"),
        (&["--calibration", "photos", "--layout", "nhwc"], "is the `layout` another?"),
        (&["--calibration", "photos", "--image-size", "9"], "the network reads images of height 8"),
        (&["--calibration", "photos", "--image-size", "9y9"], "is not a height and a width"),
    ];
    for command in ["quantize", "decompose"] {
        for (arguments, expected) in cases {
            let result = place.run(&[&[command, "model.onnx", "--out", "x.onnx"], arguments].concat());
            assert_eq!(result.code, Some(2), "{command} {arguments:?}\n{}", result.stderr);
            assert!(result.stderr.contains(expected), "{command} {arguments:?}\n{}", result.stderr);
            assert!(place.contents() == before, "something was written");
        }
    }
}
