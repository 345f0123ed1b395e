//! Writes ONNX files of every operator and module, with inputs and expected outputs, into the folder given:
//! what `tests/onnx/check_onnx.py` runs in onnxruntime.
//!
//! Per case: `NAME.onnx` (folded), `NAME-kept.onnx` (batch normalisation kept), `NAME-pixels.onnx`
//! (normalises pixels), each with `.input.f32` and `.output.f32`, little-endian, three images.

use std::error::Error;
use std::path::{Path, PathBuf};

use lightcrest_graph::Normalization;
use lightcrest_graph::network::{Network, Weights, reference};
use lightcrest_graph::onnx::{ExportConfig, save};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

#[path = "../tests/onnx/cases.rs"]
mod cases;

const BATCH: usize = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: write_onnx FOLDER")?);
    std::fs::create_dir_all(&folder)?;
    for (name, network) in cases::cases() {
        write_case(&folder, &name, &network)?;
    }
    Ok(())
}

fn write_case(folder: &Path, name: &str, network: &Network) -> Result<(), Box<dyn Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(2024);
    let weights = Weights::random(network, &mut rng);
    let shape = network.input_shape();
    let normalization = Normalization {
        mean: (0..shape.channels).map(|c| 0.3 + 0.02 * c as f32).collect(),
        std: (0..shape.channels).map(|c| 0.2 + 0.01 * c as f32).collect(),
    };
    let pixels: Vec<u8> = (0..BATCH * shape.len()).map(|_| rng.random()).collect();
    // Channels first: position i is of channel i / area.
    let channel = |i: usize| i / shape.area() % shape.channels;
    let normalised: Vec<f32> = pixels
        .iter()
        .enumerate()
        .map(|(i, &v)| {
            (f32::from(v) / 255.0 - normalization.mean[channel(i)]) / normalization.std[channel(i)]
        })
        .collect();
    let mut expected = Vec::new();
    for image in normalised.chunks_exact(shape.len()) {
        expected.extend(reference::evaluate(network, &weights, image)?);
    }
    let pixels: Vec<f32> = pixels.into_iter().map(f32::from).collect();
    let plain = ExportConfig { name: name.into(), ..ExportConfig::default() };
    let kept = ExportConfig { fold_batch_norm: false, ..plain.clone() };
    let classes = vec!["cat".to_string(), "dog".to_string()];
    let whole = ExportConfig { normalization: Some(normalization), classes, ..plain.clone() };
    for (suffix, config, input) in
        [("", plain, &normalised), ("-kept", kept, &normalised), ("-pixels", whole, &pixels)]
    {
        let file = |end: &str| folder.join(format!("{name}{suffix}.{end}"));
        save(network, &weights, &config, &file("onnx"))?;
        write_floats(&file("input.f32"), input)?;
        write_floats(&file("output.f32"), &expected)?;
    }
    Ok(())
}

fn write_floats(path: &Path, values: &[f32]) -> std::io::Result<()> {
    std::fs::write(path, values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
}
