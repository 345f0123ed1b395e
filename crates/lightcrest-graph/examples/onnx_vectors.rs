//! Checks the operators of ONNX against the vectors of the standard, which `xtask/python/onnx_vectors.py`
//! writes.
//!
//! `onnx_vectors FOLDER [PASSING]`: every case is inferred from its inputs' shapes alone, and run. What is
//! inferred must be true, and what is computed must be what the standard says. A case may be declined, with
//! an error; how often is printed. With PASSING, so many cases at least must pass.
#![allow(clippy::print_stdout, reason = "an example is a program")]

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::process::ExitCode;

use lightcrest_graph::onnx::proto::{ModelProto, TensorProto};
use lightcrest_graph::onnx::{Array, Data, Facts, Model, Runner, shape_of};
use prost::Message;

/// What became of a case.
enum Verdict {
    Passed,
    /// Why it is not computed here.
    Declined(String),
    /// What is wrong.
    Wrong(String),
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("onnx_vectors FOLDER [PASSING]");
    let wanted: usize = arguments.next().map_or(0, |count| count.parse().expect("a number"));
    let cases = std::fs::read_dir(&folder).expect("a folder").flatten();
    let mut cases: Vec<_> = cases.map(|entry| entry.path()).collect();
    cases.sort();
    let (mut passed, mut wrong) = (0, 0);
    let mut declined: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for case in &cases {
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match check(case) {
            Verdict::Passed => passed += 1,
            Verdict::Declined(reason) => declined.entry(reason).or_default().push(name),
            Verdict::Wrong(what) => {
                wrong += 1;
                println!("{name}: {what}");
            }
        }
    }
    let count: usize = declined.values().map(Vec::len).sum();
    if std::env::var_os("DECLINED").is_some() {
        declined
            .iter()
            .for_each(|(reason, names)| println!("declined: {} {reason}: {}", names.len(), names.join(" ")));
    }
    println!("{passed} of {} ONNX vectors pass, {count} are declined, {wrong} are wrong", cases.len());
    if wrong == 0 && passed >= wanted { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn check(case: &Path) -> Verdict {
    let bytes = std::fs::read(case.join("model.onnx")).expect("a model");
    let model = Model::new(ModelProto::decode(bytes.as_slice()).expect("a model")).expect("a graph");
    if let Err(what) = inferred(&model, case) {
        return Verdict::Wrong(what);
    }
    let mut inputs = Vec::new();
    for (index, input) in model.graph().input.iter().enumerate() {
        if model.graph().initializer.iter().any(|tensor| tensor.name == input.name) {
            continue;
        }
        let Some(tensor) = tensor(case, "input", index) else {
            return Verdict::Declined("an input that is no tensor".into());
        };
        match Array::from_proto(&tensor) {
            Ok(array) => inputs.push((input.name.clone(), array)),
            Err(error) => {
                let text = error.to_string();
                return Verdict::Declined(
                    text.split_once("has").map_or(text.clone(), |(_, text)| text.to_owned()),
                );
            }
        }
    }
    let names: Vec<String> = model.graph().output.iter().map(|output| output.name.clone()).collect();
    let outputs = match Runner::new(&model).and_then(|runner| runner.run(&inputs, &names)) {
        Ok(outputs) => outputs,
        Err(error) => {
            let text = error.to_string();
            let operator = text.split_once(' ').map_or("", |(operator, _)| operator);
            let reason = text.split_once("cannot be run: ").map_or(text.as_str(), |(_, reason)| reason);
            return Verdict::Declined(format!("{operator} {reason}"));
        }
    };
    let tolerance = std::fs::read_to_string(case.join("tolerance.txt")).expect("a tolerance");
    let tolerance: Vec<f64> = tolerance.split(' ').map(|number| number.parse().expect("a number")).collect();
    for (index, name) in names.iter().enumerate() {
        let Some(expected) = tensor(case, "output", index) else {
            return Verdict::Declined("an output that is no tensor".into());
        };
        match Array::from_proto(&expected) {
            Ok(expected) => {
                if let Err(what) = agrees(&outputs[name], &expected, (tolerance[0], tolerance[1])) {
                    return Verdict::Wrong(format!("{name}: {what}"));
                }
            }
            Err(error) => return Verdict::Declined(error.to_string()),
        }
    }
    Verdict::Passed
}

/// Whether what is inferred without a look at what the file declares is true.
fn inferred(model: &Model, case: &Path) -> Result<(), String> {
    let mut model = model.clone();
    let mut shapes = HashMap::new();
    for (index, input) in model.graph().input.iter().enumerate() {
        if let Some(tensor) = tensor(case, "input", index) {
            shapes.insert(input.name.clone(), shape_of(&tensor).map_err(|error| error.to_string())?);
        }
    }
    let outputs: Vec<String> = model.graph().output.iter().map(|output| output.name.clone()).collect();
    let graph = model.graph_mut();
    graph.value_info.clear();
    graph.output.iter_mut().for_each(|output| output.r#type = None);
    let facts = Facts::infer_with(&model, &shapes).map_err(|error| error.to_string())?;
    for (index, name) in outputs.iter().enumerate() {
        let Some(expected) = tensor(case, "output", index) else { continue };
        let element = facts.element(name);
        if element.is_some_and(|element| element != expected.data_type) {
            return Err(format!("{name} has the element type {element:?}, expected {}", expected.data_type));
        }
        let sizes = shape_of(&expected).map_err(|error| error.to_string())?;
        if let Some(shape) = facts.shape(name) {
            let mut pairs = shape.iter().zip(&sizes);
            let same = pairs.all(|(dim, size)| dim.known().is_none_or(|known| known == *size));
            if shape.len() != sizes.len() || !same {
                return Err(format!("{name} has the shape {shape:?}, expected {sizes:?}"));
            }
        }
    }
    Ok(())
}

fn agrees(found: &Array, expected: &Array, (relative, absolute): (f64, f64)) -> Result<(), String> {
    if found.shape != expected.shape || found.element() != expected.element() {
        let (found, expected) = ((&found.shape, found.element()), (&expected.shape, expected.element()));
        return Err(format!("found shape and type {found:?}, expected {expected:?}"));
    }
    for (place, (found, expected)) in numbers(found).into_iter().zip(numbers(expected)).enumerate() {
        let same = found == expected || (found.is_nan() && expected.is_nan());
        let near = (found - expected).abs() <= absolute + relative * expected.abs();
        if !same && !near {
            return Err(format!("element {place} is {found}, expected {expected}"));
        }
    }
    Ok(())
}

fn numbers(array: &Array) -> Vec<f64> {
    match &array.data {
        Data::F32(values) => values.iter().map(|&value| value.into()).collect(),
        Data::F64(values) => values.clone(),
        Data::Bool(values) => values.iter().map(|&value| f64::from(u8::from(value))).collect(),
        _ => array.to_i64().into_iter().flatten().map(|value| value as f64).collect(),
    }
}

fn tensor(case: &Path, kind: &str, index: usize) -> Option<TensorProto> {
    let bytes = std::fs::read(case.join(format!("{kind}_{index}.pb"))).ok()?;
    TensorProto::decode(bytes.as_slice()).ok()
}
