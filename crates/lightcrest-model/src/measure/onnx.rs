//! Latency of an ONNX model, whole and layer by layer, on one thread.
//!
//! An [`Engine`] runs the whole and the layers. A layer is measured as a model of its own, on the values that
//! it reads when the whole is run, which our own executor ([`Runner`]) computes; where it does not know the
//! model, there are no layers. What a runtime saves by joining layers, or by an order of the axes of its own
//! inside, is in the figure of the whole alone, so that the layers need not add up to it.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use lightcrest_graph::network::NetworkError;
use lightcrest_graph::onnx::proto::{
    Dimension, DimensionProto, GraphProto, ModelProto, NodeProto, TensorShapeProto, TensorTypeProto,
    TypeProto, TypeValue, ValueInfoProto, element,
};
use lightcrest_graph::onnx::{Array, CostError, Data, Facts, Model, RunError, Runner, input_shapes};

use super::engine::Engine;
use super::latency::{Latency, LatencyConfig, latency_of};

/// The latency of a model.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct OnnxLatency {
    /// The whole model.
    pub whole: Latency,
    /// Its nodes that run alone, in the order of the file; none where our own executor does not know it.
    pub layers: Vec<LayerLatency>,
}

/// The latency of a node.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct LayerLatency {
    /// Its name, or that of its first output.
    pub name: String,
    /// Its operator.
    pub operator: String,
    /// Its latency.
    pub latency: Latency,
}

/// Why the latency of a model cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum OnnxLatencyError {
    /// Shapes contradict each other, or sizes are free.
    #[error("the shapes of its inputs are not known")]
    Shapes(#[from] CostError),
    /// An input of a type that nothing is made up for.
    #[error("input `{name}` is no array of numbers, and nothing is made up for it")]
    Input {
        /// Its name.
        name: String,
    },
    /// Its layers do not run.
    #[error("it cannot be run")]
    Run(#[from] RunError),
    /// The engine does not run it.
    #[error("{engine} cannot run it: {reason}")]
    Engine {
        /// What it is called.
        engine: String,
        /// Why.
        reason: String,
    },
    /// The reference network could not be built.
    #[error("the reference cannot be measured")]
    Reference(#[from] NetworkError),
}

/// Longest time that the layers are measured together.
const LAYERS: Duration = Duration::from_secs(10);

/// Measures a model with an engine. Free sizes are `sizes` by name, and 1 along the first axis of an
/// input.
///
/// # Errors
/// [`OnnxLatencyError`].
pub fn onnx_latency(
    model: &Model,
    sizes: &HashMap<String, usize>,
    config: &LatencyConfig,
    engine: &dyn Engine,
) -> Result<OnnxLatency, OnnxLatencyError> {
    let inputs = inputs(model, sizes)?;
    let failed = |reason| OnnxLatencyError::Engine { engine: engine.name().into(), reason };
    let mut run = engine.load(model, &inputs).map_err(failed)?;
    // The first run tells whether there is anything to measure.
    run().map_err(failed)?;
    let whole = latency_of(config, || drop(run()))?;
    let layers = match read(model, &inputs) {
        Ok(values) => layers_of(model, &values, engine)?,
        Err(_) => vec![],
    };
    Ok(OnnxLatency { whole, layers })
}

/// Values for the inputs of a model, as normalised pixels have them; whole numbers are 0.
///
/// # Errors
/// [`OnnxLatencyError::Shapes`], [`OnnxLatencyError::Input`].
pub fn inputs(
    model: &Model,
    sizes: &HashMap<String, usize>,
) -> Result<Vec<(String, Array)>, OnnxLatencyError> {
    let shapes = input_shapes(model, sizes)?;
    let facts = Facts::infer(model).map_err(CostError::from)?;
    let constant: HashSet<&str> =
        model.graph().initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let given = model.graph().input.iter().filter(|input| !constant.contains(input.name.as_str()));
    given
        .map(|input| {
            let unknown = || OnnxLatencyError::Input { name: input.name.clone() };
            let shape = shapes.get(&input.name).ok_or_else(unknown)?.clone();
            let count = shape.iter().product();
            let pixel = |at: usize| ((at * 7919) % 255) as f32 / 127.5 - 1.0;
            let data = match facts.element(&input.name).ok_or_else(unknown)? {
                element::FLOAT => Data::F32((0..count).map(pixel).collect()),
                element::DOUBLE => Data::F64((0..count).map(|at| pixel(at).into()).collect()),
                element::INT64 => Data::I64(vec![0; count]),
                element::INT32 => Data::I32(vec![0; count]),
                element::INT8 => Data::I8(vec![0; count]),
                element::UINT8 => Data::U8(vec![0; count]),
                element::BOOL => Data::Bool(vec![false; count]),
                _ => return Err(unknown()),
            };
            Ok((input.name.clone(), Array { shape, data }))
        })
        .collect()
}

/// What the nodes read and the outputs, as our own executor computes them.
fn read(model: &Model, inputs: &[(String, Array)]) -> Result<HashMap<String, Array>, RunError> {
    let graph = model.graph();
    let constants: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    let read = graph.node.iter().flat_map(|node| &node.input).map(String::as_str);
    let wanted: Vec<&str> = read
        .chain(graph.output.iter().map(|output| output.name.as_str()))
        .filter(|name| !name.is_empty() && !constants.contains(name))
        .collect::<HashSet<_>>()
        .into_iter()
        .collect();
    Runner::new(model)?.run(inputs, &wanted)
}

/// Each node that reads a value, by itself.
fn layers_of(
    model: &Model,
    values: &HashMap<String, Array>,
    engine: &dyn Engine,
) -> Result<Vec<LayerLatency>, OnnxLatencyError> {
    let graph = model.graph();
    let each = LAYERS / u32::try_from(graph.node.len().max(1)).unwrap_or(u32::MAX);
    let config = LatencyConfig { warm_up: 3, time: each, attempts: 1, ..LatencyConfig::default() };
    let mut layers = Vec::new();
    for node in &graph.node {
        let alone = alone(model, node, values);
        let input = alone.graph().input.iter().map(|input| &input.name);
        let given: Vec<(String, Array)> =
            input.filter_map(|name| Some((name.clone(), values.get(name)?.clone()))).collect();
        // What depends on constants alone is computed before anything is run.
        if given.is_empty() || alone.graph().output.is_empty() {
            continue;
        }
        // A node whose graphs read values from around it does not run alone, and has no line.
        let Ok(mut run) = engine.load(&alone, &given) else { continue };
        if run().is_err() {
            continue;
        }
        let latency = latency_of(&config, || drop(run()))?;
        let name = [&node.name].into_iter().chain(&node.output).find(|name| !name.is_empty());
        layers.push(LayerLatency {
            name: name.cloned().unwrap_or_default(),
            operator: node.op_type.clone(),
            latency,
        });
    }
    Ok(layers)
}

/// A model of one node, whose constants it has and whose other inputs are given.
fn alone(model: &Model, node: &NodeProto, values: &HashMap<String, Array>) -> Model {
    let reads: HashSet<&String> = node.input.iter().collect();
    let graph = model.graph();
    let initializer = graph.initializer.iter().filter(|tensor| reads.contains(&tensor.name)).cloned();
    let mut input: Vec<ValueInfoProto> =
        reads.iter().filter_map(|name| Some(value(name, values.get(*name)?))).collect();
    input.sort_by(|a, b| a.name.cmp(&b.name));
    let named = |name: &String| ValueInfoProto { name: name.clone(), ..Default::default() };
    let output = node.output.iter().filter(|name| !name.is_empty());
    let output = output.map(|name| values.get(name).map_or_else(|| named(name), |array| value(name, array)));
    let graph = GraphProto {
        node: vec![node.clone()],
        initializer: initializer.collect(),
        input,
        output: output.collect(),
        ..Default::default()
    };
    Model::new(ModelProto { graph: Some(graph), ..without_graph(model.proto()) }).expect("there is a graph")
}

fn without_graph(model: &ModelProto) -> ModelProto {
    ModelProto {
        ir_version: model.ir_version,
        opset_import: model.opset_import.clone(),
        functions: model.functions.clone(),
        ..Default::default()
    }
}

/// A value with the type and shape of an array.
fn value(name: &str, array: &Array) -> ValueInfoProto {
    let dim = |&size: &usize| DimensionProto {
        value: Some(Dimension::Value(size as i64)),
        denotation: String::new(),
    };
    let shape = Some(TensorShapeProto { dim: array.shape.iter().map(dim).collect() });
    let tensor = TypeValue::Tensor(TensorTypeProto { elem_type: array.element(), shape });
    let r#type = Some(TypeProto { value: Some(tensor), denotation: String::new() });
    ValueInfoProto { name: name.into(), r#type, ..Default::default() }
}
