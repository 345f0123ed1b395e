//! Sums, products, differences and quotients: of maps, of a map and a gate, and with constants.

use super::super::{Activation, Affine, Gather, NodeId, Op, Upsample};
use super::Importer;
use super::node::name_of;
use super::view::View;
use super::weight::Constant;
use crate::onnx::Array;

impl<'a> Importer<'a> {
    pub(super) fn binary(&mut self, at: usize) -> Result<View, String> {
        let node = &self.model.graph().node[at];
        if node.input.len() != 2 {
            return self.sum(at);
        }
        let constant =
            |slot: usize| node.input_name(slot).and_then(|value| self.facts.constant(value)).cloned();
        match (constant(0), constant(1)) {
            (None, None) => self.of_maps(at),
            (None, Some(array)) => self.with_constant(at, (0, 1), &array),
            (Some(array), _) => self.with_constant(at, (1, 0), &array),
        }
    }

    /// More or fewer than two terms.
    fn sum(&mut self, at: usize) -> Result<View, String> {
        let node = &self.model.graph().node[at];
        let views = (0..node.input.len()).map(|slot| self.view(at, slot)).collect::<Result<Vec<_>, _>>()?;
        match &views[..] {
            [] => Err("it has no input".into()),
            [one] => Ok(one.clone()),
            [first, rest @ ..] => {
                if rest.iter().any(|view| view.axes != first.axes) {
                    return Err("its terms have different axes".into());
                }
                let inputs: Vec<NodeId> = views.iter().map(|view| view.node).collect();
                Ok(first.of(self.push(name_of(node), Op::Add, &inputs)?))
            }
        }
    }

    fn of_maps(&mut self, at: usize) -> Result<View, String> {
        let (mut a, mut b) = (self.view(at, 0)?, self.view(at, 1)?);
        let node = &self.model.graph().node[at];
        let name = name_of(node).to_owned();
        let product = match node.op_type.as_str() {
            "Mul" => true,
            "Add" | "Sum" => false,
            "Sub" => {
                b = b.of(self.constant_affine(&format!("{name}/minus"), b.node, Some(vec![-1.0]), None)?);
                false
            }
            _ => return Err("a map is divided by a map".into()),
        };
        if product && let Some(node) = self.self_gated(&a, &b) {
            let (x, activation) = node;
            return Ok(a.of(self.push(&name, Op::Activation(activation), &[x])?));
        }
        if product && let Some(view) = self.gelu(&name, &a, &b)? {
            return Ok(view);
        }
        if self.network.shape(a.node) == self.network.shape(b.node) && a.axes == b.axes {
            let op = if product { Op::Mul } else { Op::Add };
            return Ok(a.of(self.push(&name, op, &[a.node, b.node])?));
        }
        (a, b) = (self.plain(&a)?, self.plain(&b)?);
        // the larger first
        if self.network.shape(a.node).len() < self.network.shape(b.node).len() {
            (a, b) = (b, a);
        }
        let shifted = a.rank().checked_sub(b.rank()).ok_or("the smaller map has more axes")?;
        let fits =
            |at: usize| at < shifted || b.axes[at - shifted].is_empty() || b.axes[at - shifted] == a.axes[at];
        if !(0..a.rank()).all(fits) || shifted > 0 {
            return Err(format!("{:?} and {:?} do not go together", a.sizes(), b.sizes()));
        }
        let (map, small) = (self.network.shape(a.node), self.network.shape(b.node));
        if product && small.area() == 1 && small.channels == map.channels {
            return Ok(a.of(self.push(&name, Op::Gate, &[a.node, b.node])?));
        }
        let mut y = b.node;
        if small.area() == 1 && map.area() > 1 {
            let factor = (map.height, map.width);
            y = self.push(&format!("{name}/spread"), Op::Upsample(Upsample { factor }), &[y])?;
        }
        if small.channels == 1 && map.channels > 1 {
            let channels = vec![0; map.channels];
            y = self.push(&format!("{name}/copies"), Op::Gather(Gather { channels }), &[y])?;
        }
        let op = if product { Op::Mul } else { Op::Add };
        Ok(a.of(self.push(&name, op, &[a.node, y])?))
    }

    /// x and the activation that x times its gate is.
    fn self_gated(&self, a: &View, b: &View) -> Option<(NodeId, Activation)> {
        for (x, gate) in [(a, b), (b, a)] {
            let node = &self.network.nodes()[gate.node];
            let activation = match node.op {
                Op::Activation(Activation::Sigmoid) => Activation::Swish,
                Op::Activation(Activation::Hardsigmoid) => Activation::Hardswish,
                _ => continue,
            };
            if node.inputs == [x.node] && x.axes == gate.axes {
                return Some((x.node, activation));
            }
        }
        None
    }

    /// x (1 + erf(x / sqrt(2))) is twice the GELU of x; x may have a factor of its own.
    fn gelu(&mut self, name: &str, a: &View, b: &View) -> Result<Option<View>, String> {
        for (side, bent) in [(a, b), (b, a)] {
            let Some((sum, factor, shift)) = self.affine(bent.node) else { continue };
            let Op::Activation(Activation::Erf) = self.network.nodes()[sum].op else { continue };
            let Some((x, scale, 0.0)) = self.affine(self.network.nodes()[sum].inputs[0]) else { continue };
            let (from, times) = match self.affine(side.node) {
                Some((from, times, 0.0)) if from == x => (from, times),
                _ => (side.node, 1.0),
            };
            let near = (scale - std::f32::consts::FRAC_1_SQRT_2).abs() < 1e-6;
            if from != x || !near || factor != shift || a.axes != b.axes {
                continue;
            }
            let y = self.push(name, Op::Activation(Activation::Gelu), &[x])?;
            let total = 2.0 * times * factor;
            return Ok(Some(a.of(match (total - 1.0).abs() < 1e-6 {
                true => y,
                false => self.constant_affine(&format!("{name}/twice"), y, Some(vec![total]), None)?,
            })));
        }
        Ok(None)
    }

    /// What a constant map of all channels alike reads, its factor and its shift.
    fn affine(&self, node: NodeId) -> Option<(NodeId, f32, f32)> {
        let layer = &self.network.nodes()[node];
        let Op::Affine(Affine { trained: false, .. }) = layer.op else { return None };
        let same = |role: &str, neutral: f32| match self.weights.get(&format!("{}.{role}", layer.name)) {
            None => Some(neutral),
            Some(tensor) => {
                tensor.data.first().copied().filter(|first| tensor.data.iter().all(|v| v == first))
            }
        };
        Some((layer.inputs[0], same("weight", 1.0)?, same("bias", 0.0)?))
    }

    /// A map and a constant: `slots` say which is which.
    fn with_constant(&mut self, at: usize, slots: (usize, usize), array: &Array) -> Result<View, String> {
        let x = self.view(at, slots.0)?;
        let node = &self.model.graph().node[at];
        let value = node.input_name(slots.1).unwrap_or_default().to_owned();
        let numbers =
            self.numbers(&value).ok_or_else(|| format!("its constant `{value}` holds no numbers"))?;
        let (op, first) = (node.op_type.as_str(), slots.1 == 0);
        if op == "Div" && first {
            return Err("a constant is divided by a map".into());
        }
        if numbers.len() > 1 {
            let x = self.plain(&x)?;
            self.expect_along_channels(&x, &array.shape)?;
            // pixels are normalised before anything is learnt
            let is_head = self.is_head(x.node);
            if matches!(op, "Mul" | "Add") && !is_head && array.as_f32().is_some() {
                return self.trained_affine(at, &x, (&value, array), op == "Mul");
            }
            return self.apply(at, &x, op, first, numbers);
        }
        self.apply(at, &x, op, first, numbers)
    }

    fn apply(
        &mut self,
        at: usize,
        x: &View,
        op: &str,
        first: bool,
        numbers: Vec<f32>,
    ) -> Result<View, String> {
        let minus = |values: Vec<f32>| values.into_iter().map(|v| -v).collect::<Vec<f32>>();
        match (op, first) {
            ("Mul", _) => self.scale_by(at, x, Some(numbers), None),
            ("Div", _) => self.scale_by(at, x, Some(numbers.iter().map(|v| 1.0 / v).collect()), None),
            ("Sub", false) => self.scale_by(at, x, None, Some(minus(numbers))),
            ("Sub", true) => self.scale_by(at, x, Some(vec![-1.0]), Some(numbers)),
            _ => self.scale_by(at, x, None, Some(numbers)),
        }
    }

    /// A constant map of the channels; what undoes the one before it leaves nothing.
    pub(super) fn scale_by(
        &mut self,
        at: usize,
        x: &View,
        weight: Option<Vec<f32>>,
        bias: Option<Vec<f32>>,
    ) -> Result<View, String> {
        let name = name_of(&self.model.graph().node[at]).to_owned();
        if let (Some([factor]), None, Some((from, before, 0.0))) =
            (weight.as_deref(), &bias, self.affine(x.node))
        {
            let total = factor * before;
            if (total - 1.0).abs() < 1e-6 {
                return Ok(x.of(from));
            }
            return Ok(x.of(self.constant_affine(&name, from, Some(vec![total]), None)?));
        }
        Ok(x.of(self.constant_affine(&name, x.node, weight, bias)?))
    }

    /// A constant map of the channels; a single number counts for all.
    fn constant_affine(
        &mut self,
        name: &str,
        x: NodeId,
        weight: Option<Vec<f32>>,
        bias: Option<Vec<f32>>,
    ) -> Result<NodeId, String> {
        let channels = self.network.shape(x).channels;
        let affine = Affine { channels, weight: weight.is_some(), bias: bias.is_some(), trained: false };
        let y = self.push(name, Op::Affine(affine), &[x])?;
        let path = self.network.nodes()[y].name.clone();
        for (role, values) in [("weight", weight), ("bias", bias)] {
            let Some(values) = values else { continue };
            if values.iter().any(|v| !v.is_finite()) {
                return Err("a constant is not finite".into());
            }
            self.fix(
                &format!("{path}.{role}"),
                if values.len() == 1 { vec![values[0]; channels] } else { values },
            );
        }
        Ok(y)
    }

    /// A scale or a shift that is learnt.
    fn trained_affine(
        &mut self,
        at: usize,
        x: &View,
        (value, array): (&str, &Array),
        scale: bool,
    ) -> Result<View, String> {
        let channels = self.network.shape(x.node).channels;
        let name = name_of(&self.model.graph().node[at]).to_owned();
        let affine = Affine { channels, weight: scale, bias: !scale, trained: true };
        let y = self.push(&name, Op::Affine(affine), &[x.node])?;
        let role = if scale { "weight" } else { "bias" };
        let tensor = format!("{}.{role}", self.network.nodes()[y].name);
        self.load(&tensor, &Constant { value, array }, vec![channels])?;
        Ok(x.of(y))
    }

    /// Whether nothing that is learnt lies before a layer.
    fn is_head(&self, node: NodeId) -> bool {
        let layer = &self.network.nodes()[node];
        layer.op.parameters().is_empty() && layer.inputs.iter().all(|&input| self.is_head(input))
    }

    /// Whether a constant of more than one number lies along the channels of a view.
    pub(super) fn expect_along_channels(&self, x: &View, shape: &[usize]) -> Result<(), String> {
        let places: Vec<usize> = (0..shape.len()).filter(|&axis| shape[axis] > 1).collect();
        let wrong =
            || format!("a constant of shape {shape:?} does not lie along the channels of {:?}", x.sizes());
        let shifted = x.rank().checked_sub(shape.len()).ok_or_else(wrong)?;
        let channels = self.network.shape(x.node).channels;
        match places[..] {
            [axis] if x.channel_axis() == Some(axis + shifted) && shape[axis] == channels => Ok(()),
            _ => Err(wrong()),
        }
    }
}
