//! Operators that work across positions of some axes: pools, sums, softmax. Those axes stay; others pass.

use super::super::label::Axis;
use super::{Trace, axis_at};
use crate::onnx::proto::NodeProto;

impl<'a> Trace<'a> {
    pub(super) fn reduce(&mut self, _: usize, node: &'a NodeProto) -> Option<bool> {
        match node.op_type.as_str() {
            "MaxPool" | "AveragePool" | "LpPool" | "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" => {
                let mut x = self.input(node, 0)?;
                self.pin_from(&mut x, 2);
                self.set(node, 1, x.clone());
                self.set(node, 0, x);
            }
            "Resize" | "Upsample" => self.resize(node)?,
            "LRN" => {
                let mut x = self.input(node, 0)?;
                self.stop(&mut x, 1)?;
                self.set(node, 0, x);
            }
            "Softmax" | "LogSoftmax" | "Hardmax" => {
                let mut x = self.input(node, 0)?;
                // Before opset 13, everything from the axis on is one row.
                let row = self.opset() < 13;
                let at = axis_at(node.int_or("axis", if row { 1 } else { -1 }), x.len())?;
                if row {
                    self.pin_from(&mut x, at)
                } else {
                    self.stop(&mut x, at)?
                }
                self.set(node, 0, x);
            }
            "LpNormalization" | "CumSum" => {
                let mut x = self.input(node, 0)?;
                let axis = match node.op_type.as_str() {
                    "CumSum" => *self.numbers(node, 1)?.first()?,
                    _ => node.int_or("axis", -1),
                };
                let at = axis_at(axis, x.len())?;
                self.stop(&mut x, at)?;
                self.set(node, 0, x);
            }
            "ArgMax" | "ArgMin" => {
                let mut x = self.input(node, 0)?;
                let at = axis_at(node.int_or("axis", 0), x.len())?;
                self.stop(&mut x, at)?;
                if node.int_or("keepdims", 1) == 0 {
                    x.remove(at);
                }
                self.set(node, 0, x);
            }
            "TopK" => {
                let mut x = self.input(node, 0)?;
                let at = axis_at(node.int_or("axis", -1), x.len())?;
                self.stop(&mut x, at)?;
                self.set(node, 1, x.clone());
                self.set(node, 0, x);
            }
            operator if operator.starts_with("Reduce") => self.reduction(node)?,
            _ => return Some(false),
        }
        Some(true)
    }

    fn reduction(&mut self, node: &'a NodeProto) -> Option<()> {
        let mut x = self.input(node, 0)?;
        let listed = match (node.ints("axes"), node.input_name(1)) {
            (Some(axes), _) => Some(axes.to_vec()),
            (None, Some(_)) => Some(self.numbers(node, 1)?),
            (None, None) => None,
        };
        let mut axes: Vec<usize> = match listed.filter(|axes| !axes.is_empty()) {
            Some(axes) => axes.iter().map(|&axis| axis_at(axis, x.len())).collect::<Option<_>>()?,
            None if node.int_or("noop_with_empty_axes", 0) != 0 => vec![],
            None => (0..x.len()).collect(),
        };
        axes.sort_unstable();
        let keep = node.int_or("keepdims", 1) != 0;
        for &at in axes.iter().rev() {
            self.stop(&mut x, at)?;
            if !keep {
                x.remove(at);
            }
        }
        self.set(node, 0, x);
        Some(())
    }

    /// Axes whose size stays as it is pass when nothing is interpolated along them.
    fn resize(&mut self, node: &'a NodeProto) -> Option<()> {
        let mut x = self.input(node, 0)?;
        let (read, written) = (node.input_name(0)?, node.output.first()?);
        for at in 0..x.len() {
            let same = self.size(read, at).is_some() && self.size(read, at) == self.size(written, at);
            if !(same && at < 2) {
                self.stop(&mut x, at)?;
            }
        }
        if node.string_or("coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize" {
            return None;
        }
        // Sizes that are computed follow by themselves; `surgery` writes constant ones anew.
        self.set(node, 0, x);
        Some(())
    }

    /// Pins an axis and forgets its labels.
    pub(super) fn stop(&mut self, x: &mut [Axis], at: usize) -> Option<()> {
        let axis = x.get_mut(at)?.take();
        self.pin(&axis);
        Some(())
    }
}
