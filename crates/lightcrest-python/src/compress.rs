//! ONNX models made lighter: `lightcrest.compress`. A model comes as a path or as its bytes, and goes back as
//! bytes with a report in JSON.

use std::collections::HashMap;
use std::path::PathBuf;

use lightcrest_graph::chain;
use lightcrest_graph::compress::activation::{Feed, Own};
use lightcrest_graph::compress::decompose::{Calibration, Choice, DecomposeConfig, Method, Ranks, decompose};
use lightcrest_graph::compress::feed::feeds;
use lightcrest_graph::compress::prune::{Importance, PruneConfig, prune};
use lightcrest_graph::compress::quantize::{self, QuantizeConfig, WeightBits, quantize};
use lightcrest_graph::onnx::{Array, Data, Model, cost};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;

use crate::error::CompressionError;

/// A file, or what is in one.
#[derive(FromPyObject)]
pub(crate) enum Source {
    Bytes(PyBackedBytes),
    Path(PathBuf),
}

/// An array of NumPy: its name, the name of its element type, its sizes and its elements, row-major and
/// little-endian.
type Given = (String, String, Vec<usize>, PyBackedBytes);

/// A model and what was done, as JSON.
type Made<'py> = PyResult<(Bound<'py, PyBytes>, String)>;

/// What a model costs, as JSON: totals, and a list of layers.
#[pyfunction]
pub(crate) fn compress_cost(
    py: Python<'_>,
    model: Source,
    sizes: HashMap<String, usize>,
) -> PyResult<String> {
    py.detach(|| {
        let model = read(model)?;
        let found = cost(&model, &sizes).map_err(|error| refused(&error))?;
        Ok(found.to_json(&model).to_string())
    })
}

/// A model without some of its channels.
#[pyfunction]
#[pyo3(signature = (model, *, ratio, macs, importance, global_, round_to, keep, steps))]
pub(crate) fn compress_prune<'py>(
    py: Python<'py>,
    model: Source,
    ratio: f64,
    macs: Option<f64>,
    importance: &str,
    global_: bool,
    round_to: usize,
    keep: Vec<String>,
    steps: usize,
) -> Made<'py> {
    let importance = match importance {
        "l1" => Importance::L1,
        "l2" => Importance::L2,
        "fpgm" => Importance::Fpgm,
        "bn" => Importance::BatchNorm,
        other => return Err(unknown("importance", other, "l1, l2, fpgm or bn")),
    };
    let config = PruneConfig {
        ratio,
        macs,
        importance,
        global: global_,
        round_to,
        keep,
        steps,
        ..PruneConfig::default()
    };
    let (bytes, report) = py.detach(|| {
        let (pruned, report) = prune(&read(model)?, &config).map_err(|error| refused(&error))?;
        told(&pruned, &report)
    })?;
    Ok((PyBytes::new(py, &bytes), report))
}

/// A model whose layers are chains of smaller ones.
#[pyfunction]
#[pyo3(signature = (model, *, method, rank, macs, layers, keep, allow_growth, calibration))]
pub(crate) fn compress_decompose<'py>(
    py: Python<'py>,
    model: Source,
    method: &str,
    rank: Option<f64>,
    macs: Option<f64>,
    layers: Vec<String>,
    keep: Vec<String>,
    allow_growth: bool,
    calibration: Option<Vec<Given>>,
) -> Made<'py> {
    let method = match method {
        "svd" => Method::Svd,
        "tucker" => Method::Tucker,
        "cp" => Method::Cp,
        "spatial" => Method::Spatial,
        other => return Err(unknown("method", other, "svd, tucker, cp or spatial")),
    };
    let ranks = match (macs, rank) {
        (Some(share), _) => Ranks::Macs(share),
        (None, Some(share)) => Ranks::Fraction(share),
        (None, None) => Ranks::Evbmf,
    };
    let (bytes, report) = py.detach(|| {
        let model = read(model)?;
        let mut config = DecomposeConfig {
            choice: Choice::Uniform { method, ranks, layers },
            keep,
            allow_growth,
            ..DecomposeConfig::uniform(method, ranks)
        };
        if let Some(given) = calibration {
            let feeds = runs(&model, given)?;
            let seen = Calibration::collect(&model, &Own, &feeds);
            config.calibration = Some(seen.map_err(CompressionError::new_err)?);
        }
        let (decomposed, report) = decompose(&model, &config).map_err(|error| refused(&error))?;
        told(&decomposed, &report)
    })?;
    Ok((PyBytes::new(py, &bytes), report))
}

/// A model of 8 bits.
#[pyfunction]
#[pyo3(signature = (model, calibration, *, method, per_channel, weight_bits, exclude, min_snr))]
pub(crate) fn compress_quantize<'py>(
    py: Python<'py>,
    model: Source,
    calibration: Vec<Given>,
    method: Option<&str>,
    per_channel: bool,
    weight_bits: &str,
    exclude: Vec<String>,
    min_snr: Option<f64>,
) -> Made<'py> {
    let method = match method {
        None => None,
        Some("min-max") => Some(quantize::Method::MinMax),
        Some("moving-average") => Some(quantize::Method::MovingAverage),
        Some("percentile") => Some(quantize::Method::Percentile),
        Some("mse") => Some(quantize::Method::Mse),
        Some("kl") => Some(quantize::Method::Kl),
        Some(other) => {
            let known = "min-max, moving-average, percentile, mse, kl, or None for the best of several";
            return Err(unknown("method", other, known));
        }
    };
    let bits = match weight_bits {
        "guarded" => WeightBits::Guarded,
        "8" => WeightBits::Eight,
        "7" => WeightBits::Seven,
        other => return Err(unknown("weight_bits", other, "guarded, 8 or 7")),
    };
    let config = QuantizeConfig { method, per_channel, bits, exclude, min_snr, ..QuantizeConfig::default() };
    let (bytes, report) = py.detach(|| {
        let model = read(model)?;
        let feeds = runs(&model, calibration)?;
        let (quantized, report) = quantize(&model, &feeds, &config).map_err(|error| refused(&error))?;
        told(&quantized, &report)
    })?;
    Ok((PyBytes::new(py, &bytes), report))
}

fn read(source: Source) -> PyResult<Model> {
    match source {
        Source::Bytes(bytes) => Model::from_bytes(bytes.to_vec()).map_err(|error| refused(&error)),
        Source::Path(path) => Model::load(path).map_err(|error| refused(&error)),
    }
}

/// The runs that arrays are.
fn runs(model: &Model, given: Vec<Given>) -> PyResult<Vec<Feed>> {
    let arrays = given.into_iter().map(array).collect::<Result<Vec<_>, _>>();
    arrays
        .and_then(|arrays| feeds(model, arrays))
        .map_err(|reason| CompressionError::new_err(format!("the calibration inputs do not fit: {reason}")))
}

fn array((name, element, shape, bytes): Given) -> Result<(String, Array), String> {
    macro_rules! numbers {
        ($of:ty) => {{
            const WIDTH: usize = size_of::<$of>();
            let number = |bytes: &[u8]| bytes.try_into().map(<$of>::from_le_bytes).ok();
            bytes.chunks_exact(WIDTH).filter_map(number).collect()
        }};
    }
    let data = match element.as_str() {
        "float32" => Data::F32(numbers!(f32)),
        "float64" => Data::F64(numbers!(f64)),
        "int64" => Data::I64(numbers!(i64)),
        "int32" => Data::I32(numbers!(i32)),
        "int8" => Data::I8(numbers!(i8)),
        "uint8" => Data::U8(bytes.to_vec()),
        "bool" => Data::Bool(bytes.iter().map(|&byte| byte != 0).collect()),
        other => return Err(format!("`{name}` has elements of type {other}")),
    };
    Ok((name, Array { shape, data }))
}

fn told(model: &Model, report: &impl serde::Serialize) -> PyResult<(Vec<u8>, String)> {
    let report = serde_json::to_string(report).map_err(|error| refused(&error))?;
    Ok((model.to_bytes(), report))
}

fn refused(error: &dyn std::error::Error) -> PyErr {
    CompressionError::new_err(chain(error))
}

fn unknown(name: &str, value: &str, known: &str) -> PyErr {
    pyo3::exceptions::PyValueError::new_err(format!("`{name}` must be {known}, but got {value:?}"))
}
