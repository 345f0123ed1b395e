//! What takes latencies: onnxruntime where one is found, else our own executor.
//!
//! It is looked for in `--onnxruntime`, in the variable ORT_DYLIB_PATH, and in the Python environment that is
//! active (VIRTUAL_ENV, CONDA_PREFIX). What a user names must be there and must work; what is only found is
//! passed over where it does not.

#[cfg(feature = "onnxruntime")]
mod onnxruntime;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use lightcrest_model::measure::{Engine, OwnEngine};

use crate::arguments::EngineArguments;
use crate::error::CliError;
use crate::terminal::tell;

/// What takes latencies.
///
/// # Errors
/// [`CliError::Usage`] when a library that a user names cannot be used.
pub(crate) fn engine(arguments: &EngineArguments) -> Result<Arc<dyn Engine>, CliError> {
    let variable = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()).map(PathBuf::from);
    // The variable may be meant for other programs.
    let variable = variable.filter(|_| cfg!(feature = "onnxruntime")).map(|path| ("ORT_DYLIB_PATH", path));
    let wanted = arguments.onnxruntime.clone().map(|path| ("--onnxruntime", path));
    if let Some((who, path)) = wanted.or(variable) {
        let failed = |reason: String| CliError::Usage(format!("{who} {}: {reason}", path.display()));
        let library = library(&path).ok_or_else(|| failed("there is no library of onnxruntime".into()))?;
        return open(&library).map_err(failed);
    }
    let found = ["VIRTUAL_ENV", "CONDA_PREFIX"].into_iter().filter_map(std::env::var_os).find_map(|folder| {
        let prefix = PathBuf::from(folder);
        packages(&prefix).into_iter().find_map(|packages| library(&packages.join("onnxruntime/capi")))
    });
    // A program without the feature does not look at what nobody named.
    match found.filter(|_| cfg!(feature = "onnxruntime")).map(|path| (open(&path), path)) {
        Some((Ok(engine), _)) => Ok(engine),
        Some((Err(reason), path)) => {
            tell(&format!("onnxruntime in {} is passed over: {reason}", path.display()));
            Ok(Arc::new(OwnEngine))
        }
        None => Ok(Arc::new(OwnEngine)),
    }
}

/// Folders of packages of a Python environment.
fn packages(prefix: &Path) -> Vec<PathBuf> {
    let versions = std::fs::read_dir(prefix.join("lib")).into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|entry| entry.path().join("site-packages")).collect();
    folders.sort();
    folders.push(prefix.join("Lib/site-packages"));
    folders
}

/// The library at a path, or in a folder.
fn library(path: &Path) -> Option<PathBuf> {
    if path.is_file() {
        return std::path::absolute(path).ok();
    }
    let is_library = |name: &str| {
        name == "onnxruntime.dll"
            || name.starts_with("libonnxruntime.") && (name.contains(".so") || name.ends_with(".dylib"))
    };
    let entries = std::fs::read_dir(path).ok()?.flatten().map(|entry| entry.path());
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| is_library(&name.to_string_lossy()));
    let mut found: Vec<PathBuf> = entries.filter(named).collect();
    // The newest of several versions.
    found.sort();
    std::path::absolute(found.pop()?).ok()
}

#[cfg(feature = "onnxruntime")]
fn open(path: &Path) -> Result<Arc<dyn Engine>, String> {
    Ok(Arc::new(onnxruntime::OnnxRuntime::open(path)?))
}

#[cfg(not(feature = "onnxruntime"))]
fn open(_: &Path) -> Result<Arc<dyn Engine>, String> {
    Err("this program was built without onnxruntime; build it with `--features onnxruntime`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_found_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let capi = folder.path().join("lib/python3.13/site-packages/onnxruntime/capi");
        std::fs::create_dir_all(&capi).unwrap();
        for name in ["onnxruntime_pybind11_state.so", "libonnxruntime_providers_shared.so"] {
            std::fs::write(capi.join(name), "").unwrap();
        }
        assert_eq!(library(&capi), None);
        let file = capi.join("libonnxruntime.so.1.32.0");
        std::fs::write(&file, "").unwrap();
        assert_eq!(library(&capi), Some(file.clone()));
        assert_eq!(library(&file), Some(file));
        assert_eq!(packages(folder.path()).len(), 2);
        let refused =
            engine(&EngineArguments { onnxruntime: Some("nowhere".into()) }).unwrap_err().to_string();
        assert!(refused.contains("--onnxruntime nowhere: there is no library of onnxruntime"), "{refused}");
    }
}
