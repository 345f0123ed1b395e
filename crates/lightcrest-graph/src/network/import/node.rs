//! The nodes of a file, one after the other: which operator becomes which layer.

use super::super::{Activation, Gather, Op, PRelu, Pad, Padding, PixelShuffle, Slice};
use super::Importer;
use super::view::{Motion, View};
use super::weight::Constant;
use crate::onnx::proto::NodeProto;

/// What names of nodes are made of.
pub(super) fn name_of(node: &NodeProto) -> &str {
    match (node.name.as_str(), node.output.first()) {
        ("", Some(output)) => output,
        (name, _) => name,
    }
}

impl<'a> Importer<'a> {
    /// Adds what a node computes.
    ///
    /// # Errors
    /// Why it is not understood.
    pub(super) fn node(&mut self, at: usize) -> Result<(), String> {
        self.current = at;
        let node = &self.model.graph().node[at];
        if !node.is_standard() {
            return Err(format!("operators of `{}` are not understood", node.domain));
        }
        if self.done.contains(&at) {
            let view = node.input.iter().find_map(|value| self.views.get(value).cloned().flatten());
            return self.write(at, view.ok_or("it has no input")?);
        }
        let view = match node.op_type.as_str() {
            "Identity" | "Dropout" | "Cast" => self.view(at, 0)?,
            "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" => self.reshape(at)?,
            "Transpose" => self.transpose(at)?,
            "Conv" => self.conv(at)?,
            "ConvTranspose" => self.conv_transpose(at)?,
            "Gemm" => self.gemm(at)?,
            "MatMul" => self.matmul(at)?,
            "BatchNormalization" => self.batch_norm(at)?,
            "LayerNormalization" => self.layer_norm(at)?,
            "InstanceNormalization" => self.instance_norm(at)?,
            "GroupNormalization" => self.group_norm(at)?,
            "LRN" => self.local_norm(at)?,
            "MaxPool" | "AveragePool" => self.pool(at)?,
            "GlobalAveragePool" | "GlobalMaxPool" | "ReduceMean" | "ReduceMax" => self.reduce(at)?,
            "Add" | "Sub" | "Mul" | "Div" | "Sum" => self.binary(at)?,
            "Neg" => {
                let x = self.view(at, 0)?;
                self.scale_by(at, &x, Some(vec![-1.0]), None)?
            }
            "Pow" => {
                let exponent = node.input_name(1).and_then(|value| self.numbers(value));
                let x = self.view(at, 0)?;
                match exponent.as_deref() {
                    Some(&[2.0]) => x.of(self.push(name_of(node), Op::Mul, &[x.node, x.node])?),
                    _ => return Err("only squares are understood".into()),
                }
            }
            "PRelu" => self.prelu(at)?,
            "Concat" => self.concat(at)?,
            "Split" => return self.split(at),
            "Slice" => self.slice(at)?,
            "Gather" => self.gather(at)?,
            "Pad" => self.pad(at)?,
            "Resize" | "Upsample" => self.resize(at)?,
            "DepthToSpace" => {
                let x = self.channels_first(at, 0)?;
                let block = usize::try_from(node.int_or("blocksize", 0)).unwrap_or(0);
                let block_first = node.string_or("mode", "DCR") != "CRD";
                let y = self.push(
                    name_of(node),
                    Op::PixelShuffle(PixelShuffle { block, block_first }),
                    &[x.node],
                )?;
                View::map(y, self.network.shape(y))
            }
            _ => {
                let activation = self.activation(at)?;
                let x = self.view(at, 0)?;
                x.of(self.push(name_of(node), Op::Activation(activation), &[x.node])?)
            }
        };
        self.write(at, view)
    }

    /// Stores what a node writes, if it has the sizes that it should have.
    fn write(&mut self, at: usize, view: View) -> Result<(), String> {
        let node = &self.model.graph().node[at];
        let name = node.output.first().ok_or("it writes nothing")?;
        if let Some(sizes) = self.facts.known_shape(name)
            && sizes != view.sizes()
        {
            return Err(format!("it writes {sizes:?}, but its layer {:?}", view.sizes()));
        }
        if let Some(second) = node.output.iter().skip(1).find(|value| !self.index.consumers(value).is_empty())
        {
            return Err(format!("its output `{second}` is not understood"));
        }
        self.views.insert(name.clone(), Some(view));
        Ok(())
    }

    /// The view of input `slot`.
    pub(super) fn view(&self, at: usize, slot: usize) -> Result<View, String> {
        let node = &self.model.graph().node[at];
        let value = node.input_name(slot).ok_or_else(|| format!("it has no input {slot}"))?;
        self.views
            .get(value)
            .cloned()
            .flatten()
            .ok_or_else(|| format!("its input `{value}` is not computed from the image"))
    }

    /// The layer that moves the values of `input`; one for all that read them moved alike.
    fn moved(&mut self, name: &str, op: Op, input: usize) -> Result<usize, String> {
        match self.network.nodes().iter().position(|node| node.op == op && node.inputs == [input]) {
            Some(made) => Ok(made),
            None => self.push(name, op, &[input]),
        }
    }

    /// The view made plain, by moving what has to be moved.
    pub(super) fn plain(&mut self, view: &View) -> Result<View, String> {
        let shape = self.network.shape(view.node);
        if view.is_plain(shape) {
            return Ok(view.clone());
        }
        let unclear = || "values are in an order that no layer makes".to_owned();
        let name = format!("{}/moved", self.network.nodes()[view.node].name);
        match view.motion(shape).ok_or_else(unclear)? {
            Motion::Order(channels, axis) => {
                let count = channels.len();
                let y = self.moved(&name, order(channels), view.node)?;
                Ok(view.with_channels(y, axis, count))
            }
            Motion::Flatten(order, axis) => {
                let mut y = self.moved(&name, Op::Flatten, view.node)?;
                let count = shape.len();
                if let Some(channels) = order {
                    y = self.moved(&name, Op::Gather(Gather { channels }), y)?;
                }
                Ok(view.with_channels(y, axis, count))
            }
            Motion::Shuffle(block, block_first, [channel, row, column]) => {
                let y =
                    self.moved(&name, Op::PixelShuffle(PixelShuffle { block, block_first }), view.node)?;
                let map = View::map(y, self.network.shape(y));
                let mut plain = view.of(y);
                for (axis, from) in [(channel, 1), (row, 2), (column, 3)] {
                    if axis != usize::MAX {
                        plain.axes[axis] = map.axes[from].clone();
                    }
                }
                Ok(plain)
            }
        }
    }

    /// Input `slot` as (N, C, H, W) or (N, C).
    pub(super) fn channels_first(&mut self, at: usize, slot: usize) -> Result<View, String> {
        let view = self.view(at, slot)?;
        let view = self.plain(&view)?;
        if view.is_channels_first(self.network.shape(view.node)) {
            return Ok(view);
        }
        Err(format!("its input has its axes {:?} in another order than (N, C, H, W)", view.sizes()))
    }

    fn reshape(&mut self, at: usize) -> Result<View, String> {
        let view = self.view(at, 0)?;
        let output = &self.model.graph().node[at].output[0];
        let sizes = self.facts.known_shape(output).ok_or("the sizes that it makes are not known")?;
        if let Some(view) = view.reshaped(&sizes) {
            return Ok(view);
        }
        // borders may fall on each other once the values are where they seem to be
        let plain = self.plain(&view)?;
        plain
            .reshaped(&sizes)
            .ok_or_else(|| format!("{:?} to {sizes:?} divides axes that are one", view.sizes()))
    }

    fn transpose(&mut self, at: usize) -> Result<View, String> {
        let view = self.view(at, 0)?;
        let node = &self.model.graph().node[at];
        let reversed: Vec<i64> = (0..view.rank() as i64).rev().collect();
        let order = node.ints("perm").unwrap_or(&reversed);
        let order: Option<Vec<usize>> =
            order.iter().map(|&axis| usize::try_from(axis).ok().filter(|&axis| axis < view.rank())).collect();
        match order {
            Some(order) if order.len() == view.rank() => Ok(view.transposed(&order)),
            _ => Err("its `perm` is no order of the axes".into()),
        }
    }

    /// The activation that a node is.
    fn activation(&self, at: usize) -> Result<Activation, String> {
        let node = &self.model.graph().node[at];
        Ok(match node.op_type.as_str() {
            "Relu" => Activation::ReLU,
            "Sigmoid" => Activation::Sigmoid,
            "Tanh" => Activation::Tanh,
            "Softplus" => Activation::Softplus,
            "HardSwish" => Activation::Hardswish,
            "LeakyRelu" => Activation::LeakyReLU { slope: node.float_or("alpha", 0.01) },
            "Elu" => Activation::Elu { alpha: node.float_or("alpha", 1.0) },
            "Erf" => Activation::Erf,
            "Swish" if node.float_or("alpha", 1.0) == 1.0 => Activation::Swish,
            "Gelu" => match node.string_or("approximate", "none") {
                "tanh" => Activation::GeluTanh,
                _ => Activation::Gelu,
            },
            "HardSigmoid" => {
                let (slope, offset) = (node.float_or("alpha", 0.2), node.float_or("beta", 0.5));
                let usual = (slope - 1.0 / 6.0).abs() < 1e-6 && offset == 0.5;
                if usual { Activation::Hardsigmoid } else { Activation::Ramp { slope, offset } }
            }
            "Clip" => {
                let bound = |slot: usize, name: &str, default: f32| match node.input_name(slot) {
                    Some(value) => match self.numbers(value).as_deref() {
                        Some(&[bound]) => Ok(bound),
                        _ => Err(format!("its bound `{value}` is not constant")),
                    },
                    None => Ok(node.float_or(name, default)),
                };
                let (low, high) = (bound(1, "min", f32::NEG_INFINITY)?, bound(2, "max", f32::INFINITY)?);
                match (low, high) {
                    (0.0, 6.0) => Activation::ReLU6,
                    (0.0, f32::INFINITY) => Activation::ReLU,
                    // some programs write the largest number for no bound
                    (0.0, f32::MAX) => Activation::ReLU,
                    _ => Activation::Clip { low, high },
                }
            }
            _ => return Err("the layer graph has no such operator".into()),
        })
    }

    fn prelu(&mut self, at: usize) -> Result<View, String> {
        let x = self.view(at, 0)?;
        let x = self.plain(&x)?;
        let (value, array) = self.constant(at, 1, "slope")?;
        let slopes = array.len();
        let node = &self.model.graph().node[at];
        if slopes > 1 {
            self.expect_along_channels(&x, &array.shape)?;
        }
        let y = self.push(name_of(node), Op::PRelu(PRelu { slopes }), &[x.node])?;
        let tensor = format!("{}.weight", self.network.nodes()[y].name);
        self.load(&tensor, &Constant { value: &value, array: &array }, vec![slopes])?;
        Ok(x.of(y))
    }

    fn concat(&mut self, at: usize) -> Result<View, String> {
        let node = &self.model.graph().node[at];
        let views = (0..node.input.len()).map(|slot| self.view(at, slot)).collect::<Result<Vec<_>, _>>()?;
        let views = views.iter().map(|view| self.plain(view)).collect::<Result<Vec<_>, _>>()?;
        let first = views.first().ok_or("it has no input")?;
        let axis = axis(node.int_or("axis", 1), first.rank())?;
        let others = |view: &View| {
            let mut axes = view.axes.clone();
            axes.remove(axis.min(axes.len().saturating_sub(1)));
            axes
        };
        let is_channel = |view: &View| {
            view.rank() == first.rank() && (view.channel_axis() == Some(axis) || view.axes[axis].is_empty())
        };
        // one channel has no axis of its own; its rank says where it would be
        if views.iter().any(|view| !is_channel(view) || others(view) != others(first)) {
            return Err("only channels are concatenated, of maps in one order".into());
        }
        let inputs: Vec<usize> = views.iter().map(|view| view.node).collect();
        let y = self.push(name_of(node), Op::Concat, &inputs)?;
        Ok(first.with_channels(y, axis, self.network.shape(y).channels))
    }

    fn split(&mut self, at: usize) -> Result<(), String> {
        let x = self.view(at, 0)?;
        let x = self.plain(&x)?;
        let node = &self.model.graph().node[at];
        let axis = axis(node.int_or("axis", 0), x.rank())?;
        if x.channel_axis() != Some(axis) {
            return Err("only channels are split".into());
        }
        let mut start = 0;
        for (slot, value) in node.output.iter().enumerate().filter(|(_, value)| !value.is_empty()) {
            let sizes = self.facts.known_shape(value).ok_or("the sizes of its parts are not known")?;
            let len = *sizes.get(axis).ok_or("its parts have another rank")?;
            let name = format!("{}/{slot}", name_of(node));
            let y = self.push(&name, Op::Slice(Slice { start, len }), &[x.node])?;
            self.views.insert(value.clone(), Some(x.with_channels(y, axis, len)));
            start += len;
        }
        Ok(())
    }

    fn slice(&mut self, at: usize) -> Result<View, String> {
        let x = self.view(at, 0)?;
        let x = self.plain(&x)?;
        let node = &self.model.graph().node[at];
        let list = |slot: usize, name: &str| -> Option<Vec<i64>> {
            match node.input_name(slot) {
                Some(value) => self.facts.constant(value)?.to_i64(),
                None => node.ints(name).map(<[i64]>::to_vec),
            }
        };
        let starts = list(1, "starts").ok_or("its starts are not constant")?;
        let ends = list(2, "ends").ok_or("its ends are not constant")?;
        let axes = list(3, "axes").unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = list(4, "steps").unwrap_or_else(|| vec![1; starts.len()]);
        let mut view = x;
        for (((&start, &end), &at_axis), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            let at_axis = axis(at_axis, view.rank())?;
            let size = view.sizes()[at_axis] as i64;
            let bound = |v: i64| (if v < 0 { v.saturating_add(size) } else { v }).clamp(0, size);
            let (start, end) = (bound(start), bound(end));
            if step < 1 {
                return Err("it goes backwards".into());
            }
            let channels: Vec<usize> = (start..end).step_by(step as usize).map(|c| c as usize).collect();
            if channels.len() as i64 == size {
                continue;
            }
            if view.channel_axis() != Some(at_axis) {
                return Err("only channels are cut".into());
            }
            let count = channels.len();
            let op = match step {
                1 => Op::Slice(Slice { start: start as usize, len: count }),
                _ => Op::Gather(Gather { channels }),
            };
            let y = self.push(name_of(node), op, &[view.node])?;
            view = view.with_channels(y, at_axis, count);
        }
        Ok(view)
    }

    fn gather(&mut self, at: usize) -> Result<View, String> {
        let x = self.view(at, 0)?;
        let x = self.plain(&x)?;
        let node = &self.model.graph().node[at];
        let axis = axis(node.int_or("axis", 0), x.rank())?;
        let value = node.input_name(1).ok_or("it has no indices")?;
        let indices = self.facts.constant(value).ok_or("its indices are not constant")?;
        let list = indices.to_i64().filter(|_| indices.shape.len() == 1).ok_or("its indices are no list")?;
        if x.channel_axis() != Some(axis) {
            return Err("only channels are gathered".into());
        }
        let size = x.sizes()[axis] as i64;
        let channels: Vec<usize> =
            list.iter().map(|&c| (if c < 0 { c + size } else { c }) as usize).collect();
        let count = channels.len();
        let y = self.push(name_of(node), order(channels), &[x.node])?;
        Ok(x.with_channels(y, axis, count))
    }

    fn pad(&mut self, at: usize) -> Result<View, String> {
        let x = self.view(at, 0)?;
        let x = self.plain(&x)?;
        let node = &self.model.graph().node[at];
        if node.string_or("mode", "constant") != "constant" {
            return Err("only padding with a constant is understood".into());
        }
        let sides = match node.input_name(1) {
            Some(value) => self.facts.constant(value).and_then(|array| array.to_i64()),
            None => node.ints("pads").map(<[i64]>::to_vec),
        };
        let sides = sides.filter(|sides| sides.len() == 2 * x.rank()).ok_or("its pads are not constant")?;
        let value = match node.input_name(2) {
            Some(value) => match self.numbers(value).as_deref() {
                Some(&[value]) => value,
                _ => return Err("its value is not constant".into()),
            },
            None => node.float_or("value", 0.0),
        };
        if node.input_name(3).is_some() {
            return Err("its axes are not understood".into());
        }
        if sides.iter().any(|&side| side < 0) {
            return Err("it cuts off".into());
        }
        let (before, after) = sides.split_at(x.rank());
        let amount = |axis: usize| (before[axis] as usize, after[axis] as usize);
        let last = x.channel_axis() == Some(3);
        let [channel, row, column] = match (x.rank(), last) {
            (4, false) => [1, 2, 3],
            (4, true) => [3, 1, 2],
            _ => return Err("only maps are padded".into()),
        };
        let map = View::map(x.node, self.network.shape(x.node));
        let order = if last { [0, 2, 3, 1] } else { [0, 1, 2, 3] };
        if amount(0) != (0, 0) || x != map.transposed(&order) {
            return Err("the batch is padded, or a map in a strange order".into());
        }
        let ((top, bottom), (left, right)) = (amount(row), amount(column));
        let padding = Padding { top, left, bottom, right };
        let y =
            self.push(name_of(node), Op::Pad(Pad { padding, channels: amount(channel), value }), &[x.node])?;
        Ok(View::map(y, self.network.shape(y)).transposed(&order))
    }
}

/// Channels in this order: the shuffle of two groups where it is one.
fn order(channels: Vec<usize>) -> Op {
    let count = channels.len();
    // the second is where the second group begins
    let groups =
        channels.get(1).filter(|&&each| each > 1 && count.is_multiple_of(each)).map(|&each| count / each);
    if let Some(groups) = groups {
        let each = count / groups;
        if channels.iter().enumerate().all(|(c, &from)| from == (c % groups) * each + c / groups) {
            return Op::ChannelShuffle(super::super::ChannelShuffle { groups });
        }
    }
    Op::Gather(Gather { channels })
}

/// An axis of so many; negative ones count from the end.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, String> {
    let from_end = if axis < 0 { axis + rank as i64 } else { axis };
    let found = usize::try_from(from_end).ok().filter(|&axis| axis < rank);
    found.ok_or_else(|| format!("axis {axis} of {rank}"))
}
