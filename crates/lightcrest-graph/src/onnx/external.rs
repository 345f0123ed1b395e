//! External data: elements of tensors that lie in files beside the model.
//!
//! A model is data from somewhere, and the files that it names are opened: so only those inside of its own
//! folder, whatever links say, and only as much of them as is there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use super::error::ModelError;
use super::proto::{Bytes, GraphProto, ModelProto, NodeProto, TensorProto};
use super::shape_of;

/// Reads the external data of a model from its folder; without one, there must not be any.
pub(super) fn read(model: &mut ModelProto, folder: Option<&Path>) -> Result<(), ModelError> {
    let mut spans: BTreeMap<String, Range<u64>> = BTreeMap::new();
    each_tensor(model, &mut |tensor| {
        if tensor.data_location == 1 {
            let (location, range) = region(tensor)?;
            if let Some(folder) = folder {
                file_in(folder, &location).map_err(|reason| refused(tensor, &location, reason))?;
            } else {
                let reason = "a model in memory has no folder; read it from its file";
                return Err(refused(tensor, &location, reason.into()));
            }
            let span = spans.entry(location).or_insert(range.clone());
            *span = span.start.min(range.start)..span.end.max(range.end);
        }
        Ok(())
    })?;
    let Some(folder) = folder else { return Ok(()) };
    let mut files = BTreeMap::new();
    each_tensor(model, &mut |tensor| {
        if tensor.data_location != 1 {
            return Ok(());
        }
        let (location, range) = region(tensor)?;
        let span = &spans[&location];
        if !files.contains_key(&location) {
            let bytes = read_span(folder, &location, span);
            files.insert(location.clone(), bytes.map_err(|reason| refused(tensor, &location, reason))?);
        }
        let bytes: &Bytes = &files[&location];
        let inside = |at: u64| (at - span.start) as usize;
        if inside(range.end) > bytes.len() {
            let size = span.start + bytes.len() as u64;
            let reason = format!("it has {size} bytes, and those up to {} are asked for", range.end);
            return Err(refused(tensor, &location, reason));
        }
        tensor.raw_data = Some(bytes.slice(inside(range.start)..inside(range.end)));
        tensor.data_location = 0;
        tensor.external_data.clear();
        Ok(())
    })
}

fn refused(tensor: &TensorProto, location: &str, reason: String) -> ModelError {
    ModelError::External { tensor: tensor.name.clone(), location: location.into(), reason }
}

/// The file that a tensor names, and which of its bytes it asks for.
fn region(tensor: &TensorProto) -> Result<(String, Range<u64>), ModelError> {
    let entry = |key: &str| tensor.external_data.iter().find(|entry| entry.key == key);
    let location = entry("location").map(|entry| entry.value.clone()).unwrap_or_default();
    let number = |key: &str| match entry(key) {
        Some(entry) => entry.value.trim().parse::<u64>().map(Some).map_err(|_| {
            refused(
                tensor,
                &location,
                format!("its {key} is `{}`, which is not a number of bytes", entry.value),
            )
        }),
        None => Ok(None),
    };
    let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
    let unknown = || refused(tensor, &location, "their number cannot be told".into());
    let length = match length {
        Some(length) => length,
        None => size(tensor).ok_or_else(unknown)?,
    };
    let end = offset.checked_add(length).ok_or_else(unknown)?;
    Ok((location, offset..end))
}

/// Bytes of the elements by their sizes and type.
fn size(tensor: &TensorProto) -> Option<u64> {
    let count: usize = shape_of(tensor).ok()?.iter().product();
    let bits = super::array::bits(tensor.data_type)?;
    (count as u64).checked_mul(bits).map(|bits| bits.div_ceil(8))
}

/// The file, which must lie in the folder.
fn file_in(folder: &Path, location: &str) -> Result<PathBuf, String> {
    let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if location.is_empty() {
        return Err("it names no file".into());
    }
    if !Path::new(location).components().all(inside) {
        return Err("it lies outside of the model's folder, and is not opened".into());
    }
    let found = folder.join(location).canonicalize().map_err(|e| format!("it cannot be read: {e}"))?;
    let folder = folder.canonicalize().map_err(|e| format!("it cannot be read: {e}"))?;
    if !found.starts_with(&folder) {
        return Err("it is a link to outside of the model's folder, and is not opened".into());
    }
    if found.is_file() { Ok(found) } else { Err("it is not a file".into()) }
}

/// Those bytes of the file, as far as it has them.
fn read_span(folder: &Path, location: &str, span: &Range<u64>) -> Result<Bytes, String> {
    let failed = |e: std::io::Error| format!("it cannot be read: {e}");
    let mut file = File::open(file_in(folder, location)?).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    let length = span.end.min(size).saturating_sub(span.start);
    let mut bytes = Vec::new();
    usize::try_from(length)
        .ok()
        .and_then(|length| bytes.try_reserve_exact(length).ok())
        .ok_or_else(|| format!("{length} bytes of it are asked for, more than memory has"))?;
    file.seek(SeekFrom::Start(span.start)).map_err(failed)?;
    file.take(length).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes.into())
}

/// Calls `visit` on every tensor of the model, those inside of nodes and of their graphs included.
fn each_tensor(
    model: &mut ModelProto,
    visit: &mut dyn FnMut(&mut TensorProto) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    let training = model.training_info.iter_mut();
    let training = training.flat_map(|info| info.initialization.iter_mut().chain(&mut info.algorithm));
    for graph in model.graph.iter_mut().chain(training) {
        in_graph(graph, visit)?;
    }
    model
        .functions
        .iter_mut()
        .flat_map(|function| &mut function.node)
        .try_for_each(|node| in_node(node, visit))
}

fn in_graph(
    graph: &mut GraphProto,
    visit: &mut dyn FnMut(&mut TensorProto) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    graph.initializer.iter_mut().try_for_each(&mut *visit)?;
    graph.node.iter_mut().try_for_each(|node| in_node(node, visit))
}

fn in_node(
    node: &mut NodeProto,
    visit: &mut dyn FnMut(&mut TensorProto) -> Result<(), ModelError>,
) -> Result<(), ModelError> {
    for attribute in &mut node.attribute {
        attribute.t.iter_mut().chain(&mut attribute.tensors).try_for_each(&mut *visit)?;
        for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
            in_graph(graph, visit)?;
        }
    }
    Ok(())
}
