//! Operators with weights: convolutions and matrix products. They bring channels, and read them.

use super::super::label::Axis;
use super::{Layer, Trace};
use crate::onnx::Dim;
use crate::onnx::proto::NodeProto;

impl<'a> Trace<'a> {
    pub(super) fn layer(&mut self, at: usize, node: &'a NodeProto) -> Option<bool> {
        match node.op_type.as_str() {
            "Conv" => self.conv(at, node)?,
            "ConvTranspose" => self.conv_transpose(at, node)?,
            "Gemm" => self.gemm(at, node)?,
            "MatMul" => self.matmul(at, node)?,
            "Einsum" => self.einsum(node)?,
            _ => return Some(false),
        }
        Some(true)
    }

    /// Weights of shape (outputs, inputs / groups, ...).
    fn conv(&mut self, at: usize, node: &'a NodeProto) -> Option<()> {
        let (mut x, w) = (self.input(node, 0)?, self.input(node, 1)?);
        let weight = node.input_name(1)?;
        let (outputs, inputs) = (self.size(weight, 0)?, self.size(weight, 1)?);
        let groups = usize::try_from(node.int_or("group", 1)).ok().filter(|&groups| groups > 0)?;
        if !self.is_weight(weight, 0) {
            return None;
        }
        if x.len() < 3 || w.len() != x.len() || outputs % groups != 0 || outputs < groups {
            return None;
        }
        self.pin_from(&mut x, 2);
        self.pin_batch(&mut x);
        let each = outputs / groups;
        let whole = groups > 1 && (inputs == 1 || each == 1);
        let (output, input) = if whole {
            // Inputs and outputs of a group go together.
            self.pin(&w[1]);
            let filled = self.filled(&w[0], outputs);
            let by_output = self.labels.tie_runs(&filled, each, self.at);
            let by_input = match &x[1] {
                Some(labels) => self.labels.tie_runs(&labels.clone(), inputs, self.at),
                None => None,
            };
            self.tie(&by_input, &by_output);
            (w[0].clone(), None)
        } else if groups > 1 {
            let filled = self.filled(&w[0], outputs);
            self.labels.tie_chunks(&filled, each, self.at);
            let by_input = self.chunks(&x[1], inputs);
            (w[0].clone(), Some((1, self.tie(&w[1], &by_input))))
        } else {
            (w[0].clone(), Some((1, self.tie(&x[1], &w[1]))))
        };
        let output = self.biased(node, 2, output)?;
        x[1] = output.clone();
        self.layers.push(Layer {
            node: at,
            weight: weight.into(),
            output: (0, output),
            input,
            depthwise: whole,
        });
        self.set(node, 0, x);
        Some(())
    }

    /// Weights of shape (inputs, outputs / groups, ...).
    fn conv_transpose(&mut self, at: usize, node: &'a NodeProto) -> Option<()> {
        let (mut x, w) = (self.input(node, 0)?, self.input(node, 1)?);
        let weight = node.input_name(1)?;
        let (inputs, each) = (self.size(weight, 0)?, self.size(weight, 1)?);
        let groups = usize::try_from(node.int_or("group", 1)).ok().filter(|&groups| groups > 0)?;
        if !self.is_weight(weight, 0) {
            return None;
        }
        if x.len() < 3 || w.len() != x.len() || inputs % groups != 0 || inputs < groups {
            return None;
        }
        self.pin_from(&mut x, 2);
        self.pin_batch(&mut x);
        let by_input = self.tie(&x[1], &w[0]);
        let run = inputs / groups;
        let whole = groups > 1 && (run == 1 || each == 1);
        let output = if whole {
            self.pin(&w[1]);
            let tied = match &by_input {
                Some(labels) => self.labels.tie_runs(labels, run, self.at),
                None => None,
            };
            tied.map(|labels| labels.iter().flat_map(|&label| std::iter::repeat_n(label, each)).collect())
        } else if groups > 1 {
            self.chunks(&by_input, run);
            w[1].as_ref().map(|labels| labels.repeat(groups).into())
        } else {
            w[1].clone()
        };
        let output = self.biased(node, 2, output)?;
        x[1] = output.clone();
        let along = if whole || groups == 1 { output } else { w[1].clone() };
        let input = (!whole).then_some((0, by_input));
        self.layers.push(Layer {
            node: at,
            weight: weight.into(),
            output: (if whole { 0 } else { 1 }, along),
            input,
            depthwise: whole,
        });
        self.set(node, 0, x);
        Some(())
    }

    fn gemm(&mut self, at: usize, node: &'a NodeProto) -> Option<()> {
        let (a, b) = (self.input(node, 0)?, self.input(node, 1)?);
        let (from_a, from_b) = (node.int_or("transA", 0) != 0, node.int_or("transB", 0) != 0);
        if a.len() != 2 || b.len() != 2 {
            return None;
        }
        let (rows, inner_a) = if from_a { (&a[1], &a[0]) } else { (&a[0], &a[1]) };
        let (columns, inner_b) = if from_b { (&b[0], &b[1]) } else { (&b[1], &b[0]) };
        let (left, right) = (node.input_name(0)?, node.input_name(1)?);
        let inner = self.contract(left, right, inner_a, inner_b);
        let mut out = vec![rows.clone(), columns.clone()];
        if let Some(bias) = node.input_name(2) {
            let dims = self.dims(bias)?;
            let axes = self.axes(bias);
            for (back, dim) in dims.iter().rev().enumerate().filter(|(_, dim)| **dim != Dim::Known(1)) {
                let (along, place) = (axes[dims.len() - 1 - back].clone(), 1usize.checked_sub(back)?);
                let _ = dim;
                out[place] = self.tie(&out[place].clone(), &along);
            }
        }
        let weight = node.input_name(1)?;
        if self.facts.constant(weight).is_some() {
            let (output, input) = if from_b { (0, 1) } else { (1, 0) };
            let (output, input) = ((output, out[1].clone()), Some((input, inner)));
            self.layers.push(Layer { node: at, weight: weight.into(), output, input, depthwise: false });
        }
        self.set(node, 0, out);
        Some(())
    }

    fn matmul(&mut self, at: usize, node: &'a NodeProto) -> Option<()> {
        let (left, right) = (node.input_name(0)?, node.input_name(1)?);
        let (a, b) = (self.input(node, 0)?, self.input(node, 1)?);
        let (lead_a, lead_b) = (a.len().checked_sub(1)?, b.len().checked_sub(1)?);
        let inner_b = lead_b.saturating_sub(1);
        let inner = self.contract(left, right, &a[lead_a], &b[inner_b]);
        // What stands before the matrices is broadcast.
        let (batch_a, batch_b) = (lead_a.saturating_sub(1), inner_b);
        let batch = batch_a.max(batch_b);
        let mut out = Vec::with_capacity(batch + 2);
        for axis in 0..batch {
            let pick = |value: &str, axes: &[Axis], own: usize| {
                let at = (axis + own).checked_sub(batch)?;
                (self.size(value, at) != Some(1)).then(|| axes[at].clone())
            };
            let (x, y) = (pick(left, &a, batch_a), pick(right, &b, batch_b));
            out.push(match (x, y) {
                (Some(x), Some(y)) => self.tie(&x, &y),
                (x, y) => x.or(y).flatten(),
            });
        }
        if a.len() > 1 {
            out.push(a[lead_a - 1].clone());
        }
        if b.len() > 1 {
            out.push(b[lead_b].clone());
        }
        if b.len() == 2 && self.facts.constant(right).is_some() {
            let output = (1, b[1].clone());
            let input = Some((0, inner));
            self.layers.push(Layer { node: at, weight: right.into(), output, input, depthwise: false });
        } else if a.len() == 2 && self.facts.constant(left).is_some() {
            let output = (0, a[0].clone());
            let input = Some((1, inner));
            self.layers.push(Layer { node: at, weight: left.into(), output, input, depthwise: false });
        }
        self.set(node, 0, out);
        Some(())
    }

    /// Axes of one letter are tied.
    fn einsum(&mut self, node: &'a NodeProto) -> Option<()> {
        let equation: String = node.string_or("equation", "").split_whitespace().collect();
        let (read, written) = equation.split_once("->")?;
        let terms: Vec<&str> = read.split(',').collect();
        if equation.contains('.') || terms.len() != node.input.len() {
            return None;
        }
        let mut along: Vec<(char, Axis)> = vec![];
        for (slot, term) in terms.iter().enumerate() {
            let axes = self.input(node, slot)?;
            if axes.len() != term.len() {
                return None;
            }
            for (letter, axis) in term.chars().zip(axes) {
                match along.iter().position(|(known, _)| *known == letter) {
                    Some(place) => along[place].1 = self.tie(&along[place].1.clone(), &axis),
                    None => along.push((letter, axis)),
                }
            }
        }
        let weights = (0..terms.len()).filter(|&slot| self.is_weight(&node.input[slot], 0)).count();
        if weights + 1 < terms.len() {
            // What is summed over is read by no weight.
            for (_, axis) in along.iter_mut().filter(|(letter, _)| !written.contains(*letter)) {
                self.pin(axis);
            }
        }
        let find = |letter| along.iter().find(|(known, _)| *known == letter).map(|(_, axis)| axis.clone());
        let axes: Option<Vec<Axis>> = written.chars().map(find).collect();
        self.set(node, 0, axes?);
        Some(())
    }

    /// A bias along the outputs.
    fn biased(&mut self, node: &'a NodeProto, slot: usize, output: Axis) -> Option<Axis> {
        if node.input_name(slot).is_none() {
            return Some(output);
        }
        let bias = self.input(node, slot)?;
        Some(self.tie(&output, bias.first()?))
    }

    /// Labels of an axis whose chunks go alike.
    fn chunks(&mut self, axis: &Axis, chunk: usize) -> Axis {
        match axis {
            Some(labels) => self.labels.tie_chunks(&labels.clone(), chunk, self.at),
            None => None,
        }
    }

    /// Ties the axes that a product sums over. Of two activations nothing may go: no weight reads them, so
    /// what is left would not be the original with zeros in place of some weights.
    fn contract(&mut self, left: &str, right: &str, a: &Axis, b: &Axis) -> Axis {
        if self.is_weight(left, 0) || self.is_weight(right, 0) {
            return self.tie(a, b);
        }
        self.pin(a);
        self.pin(b);
        None
    }

    /// Whether a value depends on constants alone.
    fn is_weight(&self, value: &str, depth: usize) -> bool {
        if self.index.initializer(value).is_some() || self.facts.constant(value).is_some() {
            return true;
        }
        let Some((at, _)) = self.index.producer(value) else { return false };
        let inputs = &self.model.graph().node[at].input;
        depth < 16 && !inputs.is_empty() && inputs.iter().all(|input| self.is_weight(input, depth + 1))
    }

    /// Images of a batch stay.
    fn pin_batch(&mut self, x: &mut [Axis]) {
        self.pin(&x[0]);
        x[0] = None;
    }
}
