//! What other programs check of networks that were read from ONNX files.
//!
//! ```text
//! read_onnx layers MODEL.onnx
//!     the layers, one a line
//! read_onnx gradients MODEL.onnx IMAGES.f32 D_OUTPUT.f32 OUTPUTS.f32 GRADIENTS.safetensors NAMES.json SIZES
//!     reads images and the gradient of the logits, both dense (images with channels last), and writes the
//!     logits and the gradient of every constant of the file, under its name there and in its layout; batch
//!     normalisation uses its running statistics. NAMES.json lists the constants that were trained.
//! read_onnx back MODEL.onnx OUT.onnx
//!     reads the file, and writes it, normalised, with the weights as they came back
//! ```
#![allow(clippy::print_stdout)] // its output is what it is for

use std::path::Path;

use lightcrest_graph::network::{ImportConfig, Imported, Network, Tensor, Weights, write_back};
use lightcrest_graph::onnx::{Model, normalize};
use lightcrest_model::train::{Plan, PlanMode};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

type Failure = Box<dyn std::error::Error>;

fn read(path: &str, shape: Option<&str>) -> Result<(Model, Imported), Failure> {
    let (model, _) = normalize(&Model::load(path)?);
    let shape =
        shape.map(|text| text.split(',').map(str::parse).collect::<Result<Vec<usize>, _>>()).transpose()?;
    let imported = Network::from_onnx_with(&model, &ImportConfig { shape, output: None })?;
    Ok((model, imported))
}

fn floats(path: &str) -> Result<Vec<f32>, Failure> {
    Ok(std::fs::read(path)?.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
}

fn gradients(files: [&str; 6], shape: Option<&str>) -> Result<(), Failure> {
    let [model, images, d_output, outputs, gradients, names] = files;
    let (_, imported) = read(model, shape)?;
    let (images, d_output) = (floats(images)?, floats(d_output)?);
    let count = images.len() / imported.network.input_shape().len();
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let mut plan = Plan::new(&imported.network, &imported.weights, count, PlanMode::Infer)?;
    let inferred = plan.forward(&images, count, false, rng).to_vec();
    let mut plan = Plan::new(&imported.network, &imported.weights, count, PlanMode::Train)?;
    let trained = plan.forward(&images, count, false, rng).to_vec();
    let size = trained.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let off = inferred.iter().zip(&trained).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
    println!("inference and training plans differ by {:e} of {size:e}", off);
    std::fs::write(outputs, inferred.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())?;
    plan.backward(&d_output);
    let mut found = Weights::new();
    for p in plan.parameters_mut() {
        let tensor = Tensor { shape: p.shape.to_vec(), data: p.gradient.to_vec() };
        found.insert(p.name, tensor);
    }
    // as the file has them
    let trained: Vec<(&String, _)> =
        imported.origins.iter().filter(|(name, _)| found.get(name).is_some()).collect();
    let mut stored = Weights::new();
    for (name, origin) in &trained {
        let tensor = found.get(name).expect("it was just found");
        let (rows, columns) = (tensor.shape[0], tensor.data.len() / tensor.shape[0]);
        let at = |i: usize| {
            if origin.transposed { tensor.data[i % rows * columns + i / rows] } else { tensor.data[i] }
        };
        let data = (0..tensor.data.len()).map(at).collect();
        stored.insert(origin.value.clone(), Tensor { shape: origin.shape.clone(), data });
    }
    stored.save(Path::new(gradients), "gradients")?;
    let list: Vec<&str> = trained.iter().map(|(_, origin)| origin.value.as_str()).collect();
    std::fs::write(names, serde_json::to_string(&list)?)?;
    Ok(())
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["layers", path] => {
            let (_, imported) = read(path, None)?;
            for row in imported.network.summary() {
                println!(
                    "{:<48} {:<24} {:>12} {:>10} {:>12}",
                    row.path, row.operator, row.output, row.parameters, row.macs
                );
            }
        }
        ["gradients", a, b, c, d, e, f] => gradients([a, b, c, d, e, f], None)?,
        ["gradients", a, b, c, d, e, f, shape] => gradients([a, b, c, d, e, f], Some(shape))?,
        ["back", path, out] => {
            let (mut model, imported) = read(path, None)?;
            let plan = Plan::new(&imported.network, &imported.weights, 1, PlanMode::Train)?;
            write_back(&mut model, &imported.origins, &plan.weights())?;
            model.save(out)?;
        }
        _ => return Err("usage: read_onnx layers | gradients | back, see the head of the file".into()),
    }
    Ok(())
}
