//! onnxruntime, loaded from a library that is there (crate `ort`); nothing is downloaded.

use std::path::Path;

use lightcrest_graph::onnx::{Array, Data, Model};
use lightcrest_model::measure::{Engine, Run};
use ort::environment::Environment;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Tensor};

/// A library of onnxruntime.
#[derive(Clone)]
pub(super) struct OnnxRuntime {
    environment: Environment,
    name: String,
}

impl std::fmt::Debug for OnnxRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxRuntime").field("name", &self.name).finish_non_exhaustive()
    }
}

impl OnnxRuntime {
    /// Loads the library at `path`. A process has one: a second call fails.
    ///
    /// # Errors
    /// Why it cannot be used, a version that is too old among it.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let builder = ort::init_from(path).map_err(|error| error.to_string())?;
        let environment = builder.with_name("lightcrest").build().map_err(|error| error.to_string())?;
        let version = version(ort::info(), path);
        Ok(Self { environment, name: format!("onnxruntime{version}") })
    }

    fn session(&self, model: &Model) -> ort::Result<Session> {
        Session::builder(&self.environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(1)?
            .with_inter_threads(1)?
            .commit_from_memory(&model.to_bytes())
    }
}

/// The version as the library tells it, or as its file is called, with a blank before it; empty where neither
/// has one.
fn version(info: &str, path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let told = info.split("git-branch=rel-").nth(1).and_then(|rest| rest.split(',').next());
    let called = name.split(".so.").nth(1);
    told.or(called).map_or_else(String::new, |version| format!(" {version}"))
}

impl Engine for OnnxRuntime {
    fn name(&self) -> &str {
        &self.name
    }

    fn load(&self, model: &Model, inputs: &[(String, Array)]) -> Result<Run, String> {
        let mut session = self.session(model).map_err(|error| error.to_string())?;
        let values = inputs.iter().map(|(name, array)| Ok((name.clone(), value(array)?)));
        let values = values.collect::<ort::Result<Vec<_>>>().map_err(|error| error.to_string())?;
        Ok(Box::new(move || {
            let given: Vec<_> =
                values.iter().map(|(name, value)| (name.as_str(), SessionInputValue::from(value))).collect();
            let found = session.run(given).map_err(|error| error.to_string())?;
            std::hint::black_box(&found);
            Ok(())
        }))
    }
}

/// An array as a value of the runtime.
fn value(array: &Array) -> ort::Result<DynValue> {
    let shape = array.shape.clone();
    Ok(match &array.data {
        Data::F32(values) => Tensor::from_array((shape, values.clone()))?.into_dyn(),
        Data::F64(values) => Tensor::from_array((shape, values.clone()))?.into_dyn(),
        Data::I64(values) => Tensor::from_array((shape, values.clone()))?.into_dyn(),
        Data::I32(values) => Tensor::from_array((shape, values.clone()))?.into_dyn(),
        Data::I8(values) => Tensor::from_array((shape, values.clone()))?.into_dyn(),
        Data::U8(values) => Tensor::from_array((shape, values.clone()))?.into_dyn(),
        Data::Bool(values) => Tensor::from_array((shape, values.clone()))?.into_dyn(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_library_or_of_its_file() {
        let path = Path::new("capi/libonnxruntime.so.1.32.0");
        assert_eq!(version("ORT Build Info: git-branch=rel-1.31.2, git-commit-id=2", path), " 1.31.2");
        assert_eq!(version("ORT Build Info: git-branch=main", path), " 1.32.0");
        assert_eq!(version("", Path::new("onnxruntime.dll")), "");
    }
}
