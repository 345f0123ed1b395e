//! Values that nobody reads any longer.

use std::collections::HashSet;

use crate::onnx::Index;
use crate::onnx::proto::GraphProto;

/// Drops these values where nobody reads them, with the nodes that make nothing else and what those read in
/// turn.
pub(crate) fn drop_unread(graph: &mut GraphProto, mut values: Vec<String>) {
    while !values.is_empty() {
        let index = Index::new(graph);
        let unread = |name: &str| {
            index.consumers(name).is_empty() && index.captured_by(name).is_empty() && !index.is_output(name)
        };
        values.retain(|name| !name.is_empty() && unread(name));
        let dead: HashSet<String> = values.drain(..).collect();
        let constant = |name: &str| index.initializer(name).is_some();
        graph.input.retain(|input| !(dead.contains(&input.name) && constant(&input.name)));
        graph.initializer.retain(|tensor| !dead.contains(&tensor.name));
        graph.value_info.retain(|value| !dead.contains(&value.name));
        graph.quantization_annotation.retain(|note| !dead.contains(&note.tensor_name));
        let mut left = Vec::new();
        graph.node.retain(|node| {
            let gone = node.output.iter().any(|name| dead.contains(name))
                && node.output.iter().all(|name| name.is_empty() || dead.contains(name));
            if gone {
                left.extend(node.input.iter().cloned());
            }
            !gone
        });
        values = left;
    }
}
