//! Convolutions, linear layers and pooling.

use super::super::{ChannelConv, Conv2d, ConvTranspose2d, Linear, Op, Padding, Pool2d, PoolKind};
use super::Importer;
use super::node::{axis, name_of};
use super::view::{Axis, View};
use super::weight::Constant;
use crate::onnx::Array;
use crate::onnx::proto::NodeProto;

/// Two sizes of an attribute, or the default; of a sequence, which has columns alone, the one that it has.
fn pair(node: &NodeProto, name: &str, default: (usize, usize)) -> Result<(usize, usize), String> {
    let Some(list) = node.ints(name) else { return Ok(default) };
    match list.iter().map(|&v| usize::try_from(v)).collect::<Result<Vec<_>, _>>().as_deref() {
        Ok(&[rows, columns]) => Ok((rows, columns)),
        Ok(&[columns]) => Ok((default.0.max(1), columns)),
        _ => Err(format!("its `{name}` {list:?} are no sizes of rows and columns")),
    }
}

/// The sizes of a kernel over maps; one over sequences has a single row.
fn kernel(weight: &Array) -> Result<[usize; 4], String> {
    match weight.shape[..] {
        [first, second, rows, columns] => Ok([first, second, rows, columns]),
        [first, second, columns] => Ok([first, second, 1, columns]),
        _ => Err(format!(
            "its weight has the shape {:?}, that of a kernel over maps or sequences expected",
            weight.shape
        )),
    }
}

/// The padding of a window, `auto_pad` resolved for a map of `size`.
fn padding(
    node: &NodeProto,
    size: (usize, usize),
    kernel: (usize, usize),
    stride: (usize, usize),
    dilation: (usize, usize),
) -> Result<Padding, String> {
    let side = |size: usize, kernel: usize, stride: usize, dilation: usize| {
        let windows = size.div_ceil(stride.max(1));
        let reach = windows.saturating_sub(1) * stride + dilation * kernel.saturating_sub(1) + 1;
        reach.saturating_sub(size)
    };
    let rows = side(size.0, kernel.0, stride.0, dilation.0);
    let columns = side(size.1, kernel.1, stride.1, dilation.1);
    match node.string_or("auto_pad", "NOTSET") {
        "VALID" => Ok(Padding::NONE),
        // the odd one at the end, or at the beginning
        "SAME_UPPER" => {
            let (top, left) = (rows / 2, columns / 2);
            Ok(Padding { top, left, bottom: rows - top, right: columns - left })
        }
        "SAME_LOWER" => {
            let (bottom, right) = (rows / 2, columns / 2);
            Ok(Padding { top: rows - bottom, left: columns - right, bottom, right })
        }
        _ => {
            let Some(list) = node.ints("pads").filter(|list| !list.is_empty()) else {
                return Ok(Padding::NONE);
            };
            match list.iter().map(|&v| usize::try_from(v)).collect::<Result<Vec<_>, _>>().as_deref() {
                Ok(&[top, left, bottom, right]) => Ok(Padding { top, left, bottom, right }),
                Ok(&[left, right]) => Ok(Padding { top: 0, left, bottom: 0, right }),
                _ => Err(format!("its `pads` {list:?} are not those of a map")),
            }
        }
    }
}

impl<'a> Importer<'a> {
    pub(super) fn conv(&mut self, at: usize) -> Result<View, String> {
        let (value, weight) = self.constant(at, 1, "weight")?;
        if let [1, 1, kernel] = weight.shape[..]
            && !self.is_sequence(at)
        {
            return self.channel_conv(at, (&value, &weight), kernel);
        }
        let x = self.channels_first(at, 0)?;
        let [out_channels, each, rows, columns] = kernel(&weight)?;
        let node = &self.model.graph().node[at];
        let groups = usize::try_from(node.int_or("group", 1)).unwrap_or(0);
        let (stride, dilation) = (pair(node, "strides", (1, 1))?, pair(node, "dilations", (1, 1))?);
        let shape = self.network.shape(x.node);
        let conv = Conv2d {
            in_channels: each * groups,
            out_channels,
            kernel: (rows, columns),
            stride,
            padding: padding(node, (shape.height, shape.width), (rows, columns), stride, dilation)?,
            dilation,
            groups,
            bias: node.input_name(2).is_some(),
        };
        let y = self.push(name_of(node), Op::Conv2d(conv), &[x.node])?;
        self.load_layer(at, y, (&value, &weight), conv.bias.then_some((2, out_channels)))?;
        Ok(x.map_of(y, self.network.shape(y)))
    }

    /// Whether input 0 is a sequence, (N, C, length).
    fn is_sequence(&self, at: usize) -> bool {
        self.view(at, 0).is_ok_and(|x| {
            let shape = self.network.shape(x.node);
            x.rank() == 3 && x.is_plain(shape) && x.is_channels_first(shape)
        })
    }

    /// A convolution of one channel over a row that the channels of a vector make.
    fn channel_conv(
        &mut self,
        at: usize,
        (value, weight): (&str, &Array),
        kernel: usize,
    ) -> Result<View, String> {
        let x = self.view(at, 0)?;
        let x = self.plain(&x)?;
        let node = &self.model.graph().node[at];
        let side = (kernel / 2) as i64;
        let pads = node.ints("pads").unwrap_or(&[0, 0]);
        let plain =
            node.ints("strides").unwrap_or(&[1]) == [1] && node.ints("dilations").unwrap_or(&[1]) == [1];
        let row = x.rank() == 3 && x.channel_axis() == Some(2) && self.network.shape(x.node).area() == 1;
        if !row || !plain || pads != [side, side] || node.input_name(2).is_some() {
            return Err(
                "of convolutions along one axis only that across the channels of a vector is understood"
                    .into(),
            );
        }
        let y = self.push(name_of(node), Op::ChannelConv(ChannelConv { kernel }), &[x.node])?;
        let tensor = format!("{}.weight", self.network.nodes()[y].name);
        self.load(&tensor, &Constant { value, array: weight }, weight.shape.clone())?;
        Ok(x.of(y))
    }

    pub(super) fn conv_transpose(&mut self, at: usize) -> Result<View, String> {
        let x = self.channels_first(at, 0)?;
        let (value, weight) = self.constant(at, 1, "weight")?;
        let [in_channels, each, rows, columns] = kernel(&weight)?;
        let node = &self.model.graph().node[at];
        if node.string_or("auto_pad", "NOTSET") != "NOTSET" || node.ints("output_shape").is_some() {
            return Err("`auto_pad` and `output_shape` are not understood".into());
        }
        let groups = usize::try_from(node.int_or("group", 1)).unwrap_or(0);
        let (stride, dilation) = (pair(node, "strides", (1, 1))?, pair(node, "dilations", (1, 1))?);
        let conv = ConvTranspose2d {
            in_channels,
            out_channels: each * groups,
            kernel: (rows, columns),
            stride,
            padding: padding(node, (1, 1), (rows, columns), stride, dilation)?,
            output_padding: match node.ints("output_padding") {
                Some(&[columns]) => (0, usize::try_from(columns).unwrap_or(0)),
                _ => pair(node, "output_padding", (0, 0))?,
            },
            dilation,
            groups,
            bias: node.input_name(2).is_some(),
        };
        let y = self.push(name_of(node), Op::ConvTranspose2d(conv), &[x.node])?;
        self.load_layer(at, y, (&value, &weight), conv.bias.then_some((2, conv.out_channels)))?;
        Ok(x.map_of(y, self.network.shape(y)))
    }

    /// Weight and bias of a layer that has them as the file does.
    fn load_layer(
        &mut self,
        at: usize,
        layer: usize,
        (value, weight): (&str, &Array),
        bias: Option<(usize, usize)>,
    ) -> Result<(), String> {
        let path = self.network.nodes()[layer].name.clone();
        let sizes = kernel(weight)?.to_vec();
        self.load(&format!("{path}.weight"), &Constant { value, array: weight }, sizes)?;
        if let Some((slot, channels)) = bias {
            let (value, bias) = self.constant(at, slot, "bias")?;
            self.load(&format!("{path}.bias"), &Constant { value: &value, array: &bias }, vec![channels])?;
        }
        Ok(())
    }

    pub(super) fn gemm(&mut self, at: usize) -> Result<View, String> {
        let x = self.view(at, 0)?;
        let x = self.plain(&x)?;
        let node = &self.model.graph().node[at];
        let plain = node.float_or("alpha", 1.0) == 1.0 && node.float_or("beta", 1.0) == 1.0;
        if !plain || node.int_or("transA", 0) != 0 || x.rank() != 2 {
            return Err("only `alpha` = `beta` = 1 and vectors as they are are understood".into());
        }
        let (value, weight) = self.constant(at, 1, "weight")?;
        let transposed = node.int_or("transB", 0) == 0;
        let bias = node.input_name(2).map(|_| self.constant(at, 2, "bias")).transpose()?;
        let name = name_of(node).to_owned();
        self.linear(&name, &x, (&value, &weight, transposed), bias)
    }

    pub(super) fn matmul(&mut self, at: usize) -> Result<View, String> {
        let x = self.view(at, 0)?;
        let x = self.plain(&x)?;
        let (value, weight) = self.constant(at, 1, "weight")?;
        let node = &self.model.graph().node[at];
        let out = weight.shape.last().copied().unwrap_or(0);
        let added = self.added(&node.output[0], out);
        let bias = match added {
            Some((add, slot)) => {
                self.done.insert(add);
                Some(self.constant(add, slot, "bias")?)
            }
            None => None,
        };
        let name = name_of(node).to_owned();
        self.linear(&name, &x, (&value, &weight, true), bias)
    }

    /// The node, alone, that adds a constant to each of `channels` last numbers of a value, and the input
    /// that holds it.
    fn added(&self, value: &str, channels: usize) -> Option<(usize, usize)> {
        let &[(at, slot)] = self.index.consumers(value) else { return None };
        let node = &self.model.graph().node[at];
        if node.op_type != "Add" || !node.is_standard() || self.index.is_output(value) {
            return None;
        }
        let other = node.input_name(1 - slot.min(1))?;
        let constant = self.facts.constant(other)?;
        let fits = constant.len() == channels && constant.shape.last() == Some(&channels);
        (fits && channels > 1 && constant.as_f32().is_some() && !self.taken.contains_key(other))
            .then_some((at, 1 - slot.min(1)))
    }

    /// A matrix times the channels, last axis of `x`: a linear layer, or a pointwise convolution.
    fn linear(
        &mut self,
        name: &str,
        x: &View,
        (value, weight, transposed): (&str, &Array, bool),
        bias: Option<(String, Array)>,
    ) -> Result<View, String> {
        let &[rows, columns] = &weight.shape[..] else {
            return Err(format!("its weight has the shape {:?}, a matrix expected", weight.shape));
        };
        let (in_features, out_features) = if transposed { (rows, columns) } else { (columns, rows) };
        let shape = self.network.shape(x.node);
        let last = x.rank() - 1;
        let fits = x.channel_axis() == Some(last) || (shape.channels == 1 && x.axes[last].is_empty());
        if !fits || shape.channels != in_features {
            return Err(format!("a matrix of {in_features} inputs reads an axis of {:?}", x.sizes()));
        }
        let has_bias = bias.is_some();
        let (op, sizes) = match shape.area() {
            1 => {
                let linear = Linear { in_features, out_features, bias: has_bias };
                (Op::Linear(linear), vec![out_features, in_features])
            }
            _ => {
                let conv = Conv2d { bias: has_bias, ..Conv2d::new(in_features, out_features, 1, 1) };
                (Op::Conv2d(conv), vec![out_features, in_features, 1, 1])
            }
        };
        let y = self.push(name, op, &[x.node])?;
        let path = self.network.nodes()[y].name.clone();
        let tensor = format!("{path}.weight");
        let constant = Constant { value, array: weight };
        match transposed {
            true => self.load_transposed(&tensor, &constant, sizes)?,
            false => self.load(&tensor, &constant, sizes)?,
        }
        if let Some((value, array)) = bias {
            let constant = Constant { value: &value, array: &array };
            self.load(&format!("{path}.bias"), &constant, vec![out_features])?;
        }
        Ok(x.with_channels(y, last, out_features))
    }

    pub(super) fn pool(&mut self, at: usize) -> Result<View, String> {
        let x = self.channels_first(at, 0)?;
        let node = &self.model.graph().node[at];
        let kernel = pair(node, "kernel_shape", (0, 0))?;
        let stride = pair(node, "strides", (1, 1))?;
        if pair(node, "dilations", (1, 1))? != (1, 1) {
            return Err("windows with gaps are not understood".into());
        }
        let shape = self.network.shape(x.node);
        let kind = if node.op_type == "MaxPool" { PoolKind::Max } else { PoolKind::Average };
        let pool = Pool2d {
            kind,
            kernel,
            stride,
            padding: padding(node, (shape.height, shape.width), kernel, stride, (1, 1))?,
            ceil: node.int_or("ceil_mode", 0) == 1,
            count_padding: kind == PoolKind::Average && node.int_or("count_include_pad", 0) == 1,
        };
        let whole = kernel == (shape.height, shape.width) && pool.padding == Padding::NONE;
        let op = if whole && kind == PoolKind::Average { Op::GlobalAvgPool } else { Op::Pool2d(pool) };
        let y = self.push(name_of(node), op, &[x.node])?;
        Ok(x.map_of(y, self.network.shape(y)))
    }

    /// Mean or maximum over all positions.
    pub(super) fn reduce(&mut self, at: usize) -> Result<View, String> {
        let x = self.view(at, 0)?;
        let x = self.plain(&x)?;
        let node = &self.model.graph().node[at];
        let rank = x.rank();
        let global = node.op_type.starts_with("Global");
        let listed = match node.input_name(1) {
            Some(value) => self.facts.constant(value).and_then(|array| array.to_i64()),
            None => node.ints("axes").map(<[i64]>::to_vec),
        };
        let axes: Vec<usize> = match (global, listed) {
            (true, _) => (2..rank).collect(),
            (false, Some(list)) if !list.is_empty() => {
                list.iter().map(|&at| axis(at, rank)).collect::<Result<_, _>>()?
            }
            (false, _) => return Err("its axes are not known".into()),
        };
        let keep = global || node.int_or("keepdims", 1) == 1;
        let reduced = |at: &usize| axes.contains(at);
        let positions = |parts: &[super::view::Part]| {
            parts.iter().all(|part| matches!(part.axis, Axis::Row | Axis::Column))
        };
        let all = (0..rank).all(|at| {
            reduced(&at) == (positions(&x.axes[at]) && !x.axes[at].is_empty()) || x.axes[at].is_empty()
        });
        if !all {
            return Err(format!("only all positions are reduced, not the axes {axes:?} of {:?}", x.sizes()));
        }
        let shape = self.network.shape(x.node);
        let y = match (shape.area(), node.op_type.contains("Max")) {
            (1, _) => x.node,
            (_, false) => self.push(name_of(node), Op::GlobalAvgPool, &[x.node])?,
            (_, true) => {
                let kernel = (shape.height, shape.width);
                let pool = Pool2d { kernel, ..Pool2d::new(PoolKind::Max, 1, 1, 0) };
                self.push(name_of(node), Op::Pool2d(pool), &[x.node])?
            }
        };
        let mut view = x.of(y);
        for at in (0..rank).rev().filter(|at| reduced(at)) {
            if keep {
                view.axes[at].clear();
            } else {
                view.axes.remove(at);
            }
        }
        Ok(view)
    }
}
