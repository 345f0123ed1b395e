//! What low rank saves and loses on ONNX files: plain, weighted by what the layers read, and repaired.
//!
//! Usage: `low_rank FILE...`; prints a Markdown table. Inputs are generated: coarse noise with finer noise on
//! top, 8 to learn from and 4 others to tell the error. Errors are those of all outputs, Frobenius, relative.

#![allow(clippy::print_stdout, reason = "an example is a program")]

use std::error::Error;
use std::path::Path;

use lightcrest_graph::compress::activation::{Executor, Feed, Own};
use lightcrest_graph::compress::decompose::{Calibration, DecomposeConfig, Method, Ranks, decompose};
use lightcrest_graph::compress::repair::{Correspondence, RepairConfig, repair};
use lightcrest_graph::onnx::{Array, Facts, Model, normalize};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

const LEARNT: u64 = 8;
const HELD_OUT: u64 = 4;

fn main() -> Result<(), Box<dyn Error>> {
    println!(
        "| file | method | rank | layers | MACs factor | error | repaired | MACs factor, weighted | error | repaired |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for path in std::env::args().skip(1) {
        measure(Path::new(&path))?;
    }
    Ok(())
}

fn measure(path: &Path) -> Result<(), Box<dyn Error>> {
    let (model, _) = normalize(&Model::load(path)?);
    let feeds: Vec<Feed> = (0..LEARNT + HELD_OUT).map(|n| feed(&model, n)).collect::<Result<_, _>>()?;
    let (learnt, held_out) = feeds.split_at(LEARNT as usize);
    let calibration = Calibration::collect(&model, &Own, learnt)?;
    let wanted = outputs(&model, held_out)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let rules = [("0.5", Ranks::Fraction(0.5)), ("evbmf", Ranks::Evbmf), ("half the MACs", Ranks::Macs(0.5))];
    for (method, (rule, ranks)) in
        [Method::Tucker, Method::Spatial].into_iter().flat_map(|method| rules.map(|rule| (method, rule)))
    {
        let mut cells = vec![];
        let mut head = String::new();
        for calibration in [None, Some(calibration.clone())] {
            let config = DecomposeConfig { calibration, ..DecomposeConfig::uniform(method, ranks) };
            let (low, report) = decompose(&model, &config)?;
            let correspondence = Correspondence::identity();
            let (repaired, _) =
                repair(&model, &low, &correspondence, &Own, learnt, &RepairConfig::default())?;
            let error = |other: &Model| outputs(other, held_out).map(|found| relative(&wanted, &found));
            let factor = report.macs.before as f64 / report.macs.after as f64;
            let (plain, repaired) = (error(&low)?, error(&repaired)?);
            cells.push(format!("{factor:.2} | {plain:.3} | {repaired:.3}"));
            head = format!("{} of {}", report.decomposed().count(), report.layers.len());
        }
        let method = format!("{method:?}").to_lowercase();
        // By EVBMF the ranks depend on the weighting, and with them the factor.
        println!("| {name} | {method} | {rule} | {head} | {} |", cells.join(" | "));
    }
    Ok(())
}

/// An input for one run.
fn feed(model: &Model, seed: u64) -> Result<Feed, Box<dyn Error>> {
    let graph = model.graph();
    let constant = |name: &str| graph.initializer.iter().any(|tensor| tensor.name == name);
    let facts = Facts::infer(model)?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut feed = vec![];
    for input in graph.input.iter().filter(|input| !constant(&input.name)) {
        let shape = facts.shape(&input.name).ok_or("an input of unknown rank")?;
        let shape: Vec<usize> = shape.iter().map(|dim| dim.known().unwrap_or(1)).collect();
        let mut draw = || -> f32 { StandardNormal.sample(&mut rng) };
        let coarse: Vec<f32> = (0..4096).map(|_| draw()).collect();
        let len: usize = shape.iter().product();
        // Neighbours along the last two axes share a coarse value.
        let (w, h) = (shape[shape.len() - 1], shape[shape.len().saturating_sub(2)]);
        let cell = |at: usize| at / (w * h) * 64 + at / w % h * 8 / h * 8 + at % w * 8 / w;
        let values = (0..len).map(|at| 0.8 * coarse[cell(at) % 4096] + 0.3 * draw()).collect();
        feed.push((input.name.clone(), Array::f32(shape, values)));
    }
    Ok(feed)
}

fn outputs(model: &Model, feeds: &[Feed]) -> Result<Vec<f32>, String> {
    let names: Vec<String> = model.graph().output.iter().map(|value| value.name.clone()).collect();
    let mut all = vec![];
    Own.run_each(model, feeds, &names, &mut |_, values| {
        names.iter().filter_map(|name| values.get(name)?.as_f32()).for_each(|values| all.extend(values));
        Ok(())
    })?;
    Ok(all)
}

fn relative(wanted: &[f32], found: &[f32]) -> f64 {
    let square = |v: f32| f64::from(v).powi(2);
    let left: f64 = wanted.iter().zip(found).map(|(y, z)| square(y - z)).sum();
    (left / wanted.iter().map(|&y| square(y)).sum::<f64>()).sqrt()
}
