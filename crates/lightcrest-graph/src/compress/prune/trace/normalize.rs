//! Normalisations. Batch and instance normalisation work on each channel alone; layer and group normalisation
//! take statistics over channels, which change when some are removed: they are crossed, because what is left
//! is normalised again, but the result is that of a smaller network, not that of zeroed channels.

use super::super::label::Axis;
use super::Trace;
use crate::onnx::Dim;
use crate::onnx::proto::NodeProto;

impl<'a> Trace<'a> {
    pub(super) fn normalize(&mut self, _: usize, node: &'a NodeProto) -> Option<bool> {
        match node.op_type.as_str() {
            "BatchNormalization" | "InstanceNormalization" => {
                let mut x = self.input(node, 0)?;
                for slot in 1..node.input.len() {
                    let parameter = self.input(node, slot)?;
                    x[1] = self.tie(&x.get(1)?.clone(), parameter.first()?);
                }
                for slot in 1..node.output.len() {
                    self.set(node, slot, vec![x[1].clone()]);
                }
                if let Some(scale) = node.input_name(1) {
                    self.norms.push((scale.to_string(), x[1].clone()));
                }
                self.set(node, 0, x);
            }
            "GroupNormalization" => self.group_norm(node)?,
            "LayerNormalization" | "RMSNormalization" => {
                let x = self.input(node, 0)?;
                let first = super::axis_at(node.int_or("axis", -1), x.len())?;
                if x[first..].iter().filter(|axis| axis.is_some()).count() > 1 {
                    return None;
                }
                let mut values = vec![node.input_name(0)?];
                values.extend([1, 2].into_iter().filter_map(|slot| node.input_name(slot)));
                let axes = self.broadcast(&values)?;
                self.set(node, 0, axes);
            }
            "MeanVarianceNormalization" => {
                let mut x = self.input(node, 0)?;
                let axes = node.ints("axes").unwrap_or(&[0, 2, 3]).to_vec();
                for axis in axes {
                    let at = super::axis_at(axis, x.len())?;
                    self.pin(&x[at].clone());
                    x[at] = None;
                }
                self.set(node, 0, x);
            }
            _ => return Some(false),
        }
        Some(true)
    }

    /// Channels go from each group alike. Parameters are one a group until opset 20, one a channel from 21
    /// on.
    fn group_norm(&mut self, node: &'a NodeProto) -> Option<()> {
        let mut x = self.input(node, 0)?;
        let channels = self.size(node.input_name(0)?, 1)?;
        let groups = usize::try_from(node.int_or("num_groups", 0)).ok().filter(|&groups| groups > 0)?;
        if channels % groups != 0 {
            return None;
        }
        if let Some(labels) = x[1].clone() {
            self.labels.tie_chunks(&labels, channels / groups, self.at);
        }
        for slot in [1, 2] {
            let value = node.input_name(slot)?;
            let parameter: Axis = self.input(node, slot)?.first()?.clone();
            if self.dims(value)? == [Dim::Known(channels)] && (self.opset() > 20 || channels != groups) {
                x[1] = self.tie(&x[1].clone(), &parameter);
            } else if channels != groups {
                self.pin(&parameter);
            } else {
                // One channel a group: both readings are the same, and groups would have to go.
                self.pin(&parameter);
                self.pin(&x[1].clone());
                x[1] = None;
            }
        }
        self.set(node, 0, x);
        Some(())
    }
}
