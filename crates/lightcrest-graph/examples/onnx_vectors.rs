//! Checks the operators of ONNX against the vectors of the standard, which `xtask/python/onnx_vectors.py`
//! writes.
//!
//! `onnx_vectors FOLDER`: every case is inferred, with nothing but its inputs' shapes, and run; shapes,
//! element types and values must be those of the standard.
#![allow(clippy::print_stdout, reason = "an example is a program")]

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use lightcrest_graph::onnx::proto::{ModelProto, TensorProto};
use lightcrest_graph::onnx::{Facts, Model, shape_of};
use prost::Message;

fn main() {
    let folder = std::env::args().nth(1).expect("onnx_vectors FOLDER");
    let mut cases: Vec<_> =
        std::fs::read_dir(&folder).expect("a folder").flatten().map(|e| e.path()).collect();
    cases.sort();
    let mut failed = 0;
    let mut unknown: BTreeMap<String, usize> = BTreeMap::new();
    for case in &cases {
        match check(case) {
            Ok(true) => {}
            Ok(false) => *unknown.entry(operators(case)).or_default() += 1,
            Err(error) => {
                failed += 1;
                println!("{}: {error}", case.file_name().unwrap_or_default().to_string_lossy());
            }
        }
    }
    println!("{} cases, {failed} wrong, not known: {unknown:?}", cases.len());
}

fn operators(case: &Path) -> String {
    let model = read(case);
    model.graph().node.iter().map(|node| node.op_type.clone()).collect::<Vec<_>>().join(",")
}

fn read(case: &Path) -> Model {
    let bytes = std::fs::read(case.join("model.onnx")).expect("a model");
    Model::new(ModelProto::decode(bytes.as_slice()).expect("a model")).expect("a graph")
}

fn check(case: &Path) -> Result<bool, String> {
    let mut model = read(case);
    let mut shapes = HashMap::new();
    for (index, input) in model.graph().input.iter().enumerate() {
        if let Some(tensor) = tensor(case, "input", index) {
            shapes.insert(input.name.clone(), shape_of(&tensor).map_err(|e| e.to_string())?);
        }
    }
    // Nothing may be taken from what the file declares.
    let outputs: Vec<String> = model.graph().output.iter().map(|output| output.name.clone()).collect();
    let graph = model.graph_mut();
    graph.value_info.clear();
    graph.output.iter_mut().for_each(|output| output.r#type = None);
    let facts = Facts::infer_with(&model, &shapes).map_err(|error| format!("{error}"))?;
    let mut all = true;
    for (index, name) in outputs.iter().enumerate() {
        let Some(expected) = tensor(case, "output", index) else { continue };
        let element = facts.element(name);
        if element.is_some_and(|element| element != expected.data_type) {
            return Err(format!("{name} has the element type {element:?}, expected {}", expected.data_type));
        }
        let wanted = shape_of(&expected).map_err(|e| e.to_string())?;
        if let Some(shape) = facts.shape(name) {
            let fits = shape.len() == wanted.len()
                && shape
                    .iter()
                    .zip(&wanted)
                    .all(|(dim, size)| dim.known().is_none_or(|known| known == *size));
            if !fits {
                return Err(format!("{name} has the shape {shape:?}, expected {wanted:?}"));
            }
        }
        all &= facts.known_shape(name).is_some() && element.is_some();
    }
    Ok(all)
}

fn tensor(case: &Path, kind: &str, index: usize) -> Option<TensorProto> {
    let bytes = std::fs::read(case.join(format!("{kind}_{index}.pb"))).ok()?;
    TensorProto::decode(bytes.as_slice()).ok()
}
