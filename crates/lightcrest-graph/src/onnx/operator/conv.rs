//! Convolution and transposed convolution: x (N, C, ...) with w (M, C / groups, ...), or (C, M / groups, ...)
//! when transposed.

use super::super::array::Array;
use super::super::facts::Dim;
use super::super::proto::element;
use super::window::{Window, kernel_shape, pads};
use super::{Fact, Operands, Operator, Site, maybe, merged, need};

/// `Conv`.
pub(super) struct Conv;

/// `ConvTranspose`.
pub(super) struct ConvTranspose;

/// `ConvInteger`.
pub(super) struct ConvInteger;

/// `QLinearConv`.
pub(super) struct QLinearConv;

impl Operator for Conv {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let (x, w) = (need(inputs, 0)?, need(inputs, 1)?);
        let shape = output_shape(at, x, w, maybe(inputs, 2))?;
        Ok(vec![Fact::maybe(x.element.or(w.element), shape)])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Err("is not computed".into())
    }

    fn macs(&self, _at: &Site<'_>, inputs: &[Vec<usize>], output: &[usize]) -> u64 {
        let window: usize = inputs.get(1).map_or(0, |w| w.iter().skip(1).product());
        output.iter().product::<usize>() as u64 * window as u64
    }
}

impl Operator for ConvInteger {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let shape = output_shape(at, need(inputs, 0)?, need(inputs, 1)?, None)?;
        Ok(vec![Fact::maybe(Some(element::INT32), shape)])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Err("is not computed".into())
    }

    fn macs(&self, at: &Site<'_>, inputs: &[Vec<usize>], output: &[usize]) -> u64 {
        Conv.macs(at, inputs, output)
    }
}

impl Operator for QLinearConv {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let shape = output_shape(at, need(inputs, 0)?, need(inputs, 3)?, maybe(inputs, 8))?;
        Ok(vec![Fact::maybe(maybe(inputs, 7).and_then(|zero| zero.element), shape)])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Err("is not computed".into())
    }

    fn macs(&self, _at: &Site<'_>, inputs: &[Vec<usize>], output: &[usize]) -> u64 {
        let window: usize = inputs.get(3).map_or(0, |w| w.iter().skip(1).product());
        output.iter().product::<usize>() as u64 * window as u64
    }
}

/// The attribute `group`.
pub(super) fn groups(at: &Site<'_>) -> Result<usize, String> {
    let group = at.node.int_or("group", 1);
    usize::try_from(group)
        .ok()
        .filter(|&g| g > 0)
        .ok_or_else(|| format!("group {group}, which must be at least 1"))
}

/// The window of a convolution whose weight has these sizes.
pub(super) fn window(at: &Site<'_>, weight: &[usize]) -> Result<Window, String> {
    Window::of(at, weight.iter().skip(2).copied().collect())
}

/// Spatial sizes of the weight: the attribute, or what is known of the weight.
fn kernel(at: &Site<'_>, weight: &Fact) -> Result<Option<Vec<usize>>, String> {
    let shape = weight.shape.as_ref();
    let found = shape.and_then(|shape| shape.iter().skip(2).map(Dim::known).collect::<Option<Vec<_>>>());
    let declared = kernel_shape(at)?;
    match (&declared, &found) {
        (Some(declared), Some(found)) if declared != found => {
            Err(format!("kernel_shape {declared:?}, but the weight's window is {found:?}"))
        }
        _ => Ok(found.or(declared)),
    }
}

fn output_shape(at: &Site<'_>, x: &Fact, w: &Fact, bias: Option<&Fact>) -> Result<Option<Vec<Dim>>, String> {
    let groups = groups(at)?;
    let Some(kernel) = kernel(at, w)? else { return Ok(None) };
    let rank = kernel.len() + 2;
    if let Some(shape) = x.shape.as_ref().filter(|shape| shape.len() != rank) {
        return Err(format!("the input has {} axes, but the weight asks for {rank}", shape.len()));
    }
    let Some(x) = &x.shape else { return Ok(None) };
    let mut channels = Dim::Unknown;
    if let Some(w) = &w.shape {
        if w.len() != rank {
            return Err(format!("the weight has {} axes, where {rank} are expected", w.len()));
        }
        if let (Dim::Known(c), Dim::Known(each)) = (&x[1], &w[1])
            && each.checked_mul(groups) != Some(*c)
        {
            return Err(format!(
                "{c} channels are read, but the weight asks for {each} in each of {groups} groups"
            ));
        }
        if let Dim::Known(filters) = w[0]
            && filters % groups != 0
        {
            return Err(format!("{filters} filters do not make {groups} equal groups"));
        }
        channels = w[0].clone();
    }
    if let Some([bias]) = bias.and_then(|bias| bias.shape.as_deref()) {
        channels = merged(&channels, bias).map_err(|error| format!("bias and filters: {error}"))?;
    }
    let mut shape = vec![x[0].clone(), channels];
    shape.extend(Window::of(at, kernel)?.outputs(&x[2..])?);
    Ok(Some(shape))
}

impl Operator for ConvTranspose {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let (x, w) = (need(inputs, 0)?, need(inputs, 1)?);
        let element = x.element.or(w.element);
        let groups = groups(at)?;
        let Some(kernel) = kernel(at, w)? else { return Ok(vec![Fact::maybe(element, None)]) };
        let rank = kernel.len() + 2;
        let Some(x) = &x.shape else { return Ok(vec![Fact::maybe(element, None)]) };
        if x.len() != rank {
            return Err(format!("the input has {} axes, but the weight asks for {rank}", x.len()));
        }
        let mut channels = Dim::Unknown;
        if let Some(w) = &w.shape {
            if w.len() != rank {
                return Err(format!("the weight has {} axes, where {rank} are expected", w.len()));
            }
            merged(&x[1], &w[0]).map_err(|error| format!("channels of input and weight: {error}"))?;
            if let Dim::Known(c) = w[0]
                && c % groups != 0
            {
                return Err(format!("{c} channels do not make {groups} equal groups"));
            }
            if let Dim::Known(each) = w[1] {
                channels = each.checked_mul(groups).map_or(Dim::Unknown, Dim::Known);
            }
        }
        let mut shape = vec![x[0].clone(), channels];
        let spread = Spread::of(at, kernel)?;
        for (axis, size) in x[2..].iter().enumerate() {
            shape.push(match size {
                Dim::Known(size) => Dim::Known(spread.output(axis, *size)?),
                _ => Dim::Unknown,
            });
        }
        Ok(vec![Fact::new(element, shape)])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Err("is not computed".into())
    }

    fn macs(&self, _at: &Site<'_>, inputs: &[Vec<usize>], _output: &[usize]) -> u64 {
        // Every element of the input meets every weight of its channel.
        let [x, w, ..] = inputs else { return 0 };
        let window: usize = w.iter().skip(1).product();
        x.iter().product::<usize>() as u64 * window as u64
    }
}

/// How a transposed convolution spreads its input.
pub(super) struct Spread {
    pub(super) window: Window,
    pads: Vec<(i64, i64)>,
    extra: Vec<i64>,
    fixed: Option<Vec<i64>>,
    same: Option<bool>,
}

impl Spread {
    pub(super) fn of(at: &Site<'_>, kernel: Vec<usize>) -> Result<Self, String> {
        let rank = kernel.len();
        let list = |name: &str| match at.node.ints(name) {
            Some(values) if values.len() < rank || values.iter().any(|v| v.unsigned_abs() > 1 << 40) => {
                Err(format!("{name} {values:?}, where {rank} numbers are expected"))
            }
            values => Ok(values.map(|values| values[values.len() - rank..].to_vec())),
        };
        let same = match at.node.string_or("auto_pad", "NOTSET") {
            "SAME_UPPER" => Some(true),
            "SAME_LOWER" => Some(false),
            _ => None,
        };
        let pads = if at.node.string_or("auto_pad", "NOTSET") == "NOTSET" {
            pads(at, rank)?
        } else {
            vec![(0, 0); rank]
        };
        Ok(Self {
            window: Window::of(at, kernel)?,
            pads,
            extra: list("output_padding")?.unwrap_or_else(|| vec![0; rank]),
            fixed: list("output_shape")?,
            same,
        })
    }

    /// Size of an axis before padding is cut off, and how much is cut off before and behind.
    pub(super) fn cut(&self, axis: usize, size: usize) -> (i64, i64, i64) {
        let stride = self.window.stride[axis] as i64;
        let full = (size as i64 - 1)
            .saturating_mul(stride)
            .saturating_add(self.extra[axis])
            .saturating_add(self.window.extent(axis));
        let wanted = match (&self.fixed, self.same) {
            (Some(fixed), _) => Some(fixed[axis]),
            (None, Some(_)) => Some((size as i64).saturating_mul(stride)),
            (None, None) => None,
        };
        let Some(wanted) = wanted else { return (full, self.pads[axis].0, self.pads[axis].1) };
        let total = full.saturating_sub(wanted);
        // The standard's formula: what is odd goes before, for SAME_UPPER behind.
        let half = total / 2;
        if self.same == Some(true) { (full, half, total - half) } else { (full, total - half, half) }
    }

    pub(super) fn output(&self, axis: usize, size: usize) -> Result<usize, String> {
        let (full, before, behind) = self.cut(axis, size);
        let size = full.saturating_sub(before).saturating_sub(behind);
        usize::try_from(size).map_err(|_| format!("axis {} of the output has the size {size}", axis + 2))
    }
}
