//! `fuzz_onnx MINUTES FOLDER FILE...`: damages ONNX files at random and reads, infers, normalises and writes
//! what is left of them. The same seeds make the same files; one that panics is kept in FOLDER.
#![allow(clippy::print_stdout)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lightcrest_graph::onnx::proto::{
    Dimension, DimensionProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, TypeValue,
    ValueInfoProto,
};
use lightcrest_graph::onnx::{Facts, Model, normalize};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Seeds have at most so many bytes, so that many are tried.
const SIZE: usize = 1 << 20;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [minutes, folder, files @ ..] = arguments.as_slice() else {
        println!("fuzz_onnx MINUTES FOLDER FILE...");
        return ExitCode::from(2);
    };
    let minutes: f64 = minutes.parse().unwrap_or(1.0);
    let seeds: Vec<Vec<u8>> = files.iter().filter_map(|file| small(Path::new(file))).collect();
    if seeds.is_empty() {
        println!("no file can be read");
        return ExitCode::from(2);
    }
    let end = Instant::now() + Duration::from_secs_f64(60.0 * minutes);
    let (mut count, mut sound, mut slowest) = (0u64, 0u64, Duration::ZERO);
    while Instant::now() < end {
        let mut rng = ChaCha8Rng::seed_from_u64(count);
        let damaged = damage(&seeds[rng.random_range(0..seeds.len())], &seeds, &mut rng);
        // Before it is tried: what takes all memory leaves nothing to write with.
        let path = Path::new(folder).join("last.onnx");
        if std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, &damaged)).is_err() {
            println!("cannot write {}", path.display());
            return ExitCode::FAILURE;
        }
        let started = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| through(damaged))) {
            Ok(passed) => sound += u64::from(passed),
            Err(_) => {
                println!("seed {count} panics: {}", path.display());
                return ExitCode::FAILURE;
            }
        }
        let took = started.elapsed();
        if took > slowest.max(Duration::from_secs(1)) {
            let kept = Path::new(folder).join("slowest.onnx");
            println!("seed {count} takes {:.1} s: {}", took.as_secs_f64(), kept.display());
            std::fs::copy(&path, kept).ok();
        }
        slowest = slowest.max(took);
        count += 1;
    }
    let slowest = slowest.as_secs_f64();
    println!("{count} damaged files, {sound} of them still sound, no panic; the slowest took {slowest:.2} s");
    ExitCode::SUCCESS
}

/// The file; one that is large, with inputs in place of its large constants.
fn small(path: &Path) -> Option<Vec<u8>> {
    let bytes = std::fs::read(path).ok()?;
    if bytes.len() <= SIZE {
        return Some(bytes);
    }
    let mut model = Model::from_bytes(bytes).ok()?;
    let graph = model.graph_mut();
    let (large, rest) = std::mem::take(&mut graph.initializer)
        .into_iter()
        .partition(|tensor| tensor.raw_data.as_ref().is_some_and(|raw| raw.len() > 1024));
    graph.initializer = rest;
    graph.input.retain(|input| large.iter().all(|tensor: &TensorProto| tensor.name != input.name));
    graph.input.extend(large.into_iter().map(|tensor| {
        let dim = |&size: &i64| DimensionProto { value: Some(Dimension::Value(size)), ..Default::default() };
        let shape = Some(TensorShapeProto { dim: tensor.dims.iter().map(dim).collect() });
        let value = TypeValue::Tensor(TensorTypeProto { elem_type: tensor.data_type, shape });
        let r#type = Some(TypeProto { value: Some(value), ..Default::default() });
        ValueInfoProto { name: tensor.name, r#type, ..Default::default() }
    }));
    let bytes = model.to_bytes();
    (bytes.len() <= SIZE).then_some(bytes)
}

/// Some bytes changed, cut, doubled, or taken from another file.
fn damage(seed: &[u8], seeds: &[Vec<u8>], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..1 << rng.random_range(0..5) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.random_range(0..bytes.len());
        let length = rng.random_range(1..=64.min(bytes.len() - at));
        match rng.random_range(0..8) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            // Numbers that are at the ends of their types.
            2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.random_range(0..5)],
            3 => drop(bytes.drain(at..at + length)),
            4 => {
                let part = bytes[at..at + length].to_vec();
                bytes.splice(at..at, part);
            }
            5 => {
                let other = &seeds[rng.random_range(0..seeds.len())];
                let from = rng.random_range(0..other.len());
                let part = &other[from..other.len().min(from + length)];
                let end = (at + part.len()).min(bytes.len());
                bytes[at..end].copy_from_slice(&part[..end - at]);
            }
            6 => {
                let mut varint = Vec::new();
                push_varint(rng.random(), &mut varint);
                bytes.splice(at..(at + 1), varint);
            }
            _ if rng.random_range(0..16) == 0 => bytes.truncate(at),
            _ => bytes[at] = bytes[at].wrapping_add(1),
        }
    }
    bytes
}

fn push_varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Whether the bytes are a sound model; whatever they are, nothing panics, and what is written is sound.
fn through(bytes: Vec<u8>) -> bool {
    let Ok(model) = Model::from_bytes(bytes) else { return false };
    let again = Model::from_bytes(model.to_bytes()).expect("what is sound is written so that it is read");
    assert_eq!(model.to_bytes(), again.to_bytes(), "what is read again is the same");
    let _ = Facts::infer(&model);
    let (normal, _) = normalize(&model);
    let written = Model::from_bytes(normal.to_bytes());
    written.expect("what is normalised is sound");
    true
}
