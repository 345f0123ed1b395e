//! Convolution and transposed convolution: x (N, C, ...) with w (M, C / groups, ...), or (C, M / groups, ...)
//! when transposed.

use super::super::array::{Array, Data};
use super::super::facts::Dim;
use super::super::proto::element;
use super::convolve::{Geometry, convolve};
use super::product::Real;
use super::window::{Window, kernel_shape, pads};
use super::{Fact, Operands, Operator, Site, floats, maybe, merged, need, sizes};

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
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let out = sizes(outputs, 0)?;
        let (x, w) = (inputs.need(0)?, inputs.need(1)?);
        let data = match (&x.data, &w.data) {
            (Data::F32(values), Data::F32(weights)) => {
                let bias = inputs.get(2).map(|bias| floats(bias, 2)).transpose()?;
                Data::F32(convolved(at, (values, &x.shape), (weights, &w.shape), bias, &out)?)
            }
            (Data::F64(values), Data::F64(weights)) => {
                let bias = match inputs.get(2).map(|bias| &bias.data) {
                    Some(Data::F64(bias)) => Some(bias.as_slice()),
                    None => None,
                    _ => return Err("of a bias of another type".into()),
                };
                Data::F64(convolved(at, (values, &x.shape), (weights, &w.shape), bias, &out)?)
            }
            _ => return Err(format!("of elements of the types {} and {}", x.element(), w.element())),
        };
        Ok(vec![Array { shape: out, data }])
    }

    fn multiplies(&self) -> bool {
        true
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
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let out = sizes(outputs, 0)?;
        let x = centered(inputs.need(0)?, inputs.get(2), None)?;
        let w = centered(inputs.need(1)?, inputs.get(3), Some(0))?;
        let (x_shape, w_shape) = (&inputs.need(0)?.shape, &inputs.need(1)?.shape);
        let sums = convolved(at, (&x, x_shape), (&w, w_shape), None, &out)?;
        Ok(vec![Array { shape: out, data: Data::I32(sums.into_iter().map(|sum| sum as i32).collect()) }])
    }

    fn multiplies(&self) -> bool {
        true
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
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let out = sizes(outputs, 0)?;
        let x = centered(inputs.need(0)?, inputs.get(2), None)?;
        let w = centered(inputs.need(3)?, inputs.get(5), Some(0))?;
        let (x_shape, w_shape) = (&inputs.need(0)?.shape, &inputs.need(3)?.shape);
        let bias: Option<Vec<f64>> = match inputs.get(8) {
            Some(bias) => {
                Some(bias.to_i64().ok_or("the bias is not whole")?.iter().map(|&v| v as f64).collect())
            }
            None => None,
        };
        let mut sums = convolved(at, (&x, x_shape), (&w, w_shape), bias.as_deref(), &out)?;
        let (x_scale, w_scale, y_scale) = (inputs.f32(1)?, inputs.f32(4)?, inputs.f32(6)?);
        let pixels: usize = out[2..].iter().product();
        let filters = out[1];
        for (block, values) in sums.chunks_mut(pixels.max(1)).enumerate() {
            let filter = block % filters;
            let scale = |list: &[f32]| list.get(filter).or(list.first()).copied().unwrap_or(1.0);
            let ratio = scale(x_scale) * scale(w_scale) / scale(y_scale);
            values.iter_mut().for_each(|value| *value = f64::from(*value as f32 * ratio));
        }
        Ok(vec![super::quantize::saturated(&sums, &out, inputs.get(7))?])
    }

    fn multiplies(&self) -> bool {
        true
    }

    fn macs(&self, _at: &Site<'_>, inputs: &[Vec<usize>], output: &[usize]) -> u64 {
        let window: usize = inputs.get(3).map_or(0, |w| w.iter().skip(1).product());
        output.iter().product::<usize>() as u64 * window as u64
    }
}

/// An output that holds the bias of each channel.
fn started<T: Real>(bias: Option<&[T]>, out: &[usize]) -> Result<Vec<T>, String> {
    let count: usize = out.iter().product();
    let Some(bias) = bias else { return Ok(vec![T::default(); count]) };
    let (filters, pixels) = (out[1], out[2..].iter().product::<usize>());
    if bias.len() != filters {
        return Err(format!("a bias of {} numbers for {filters} filters", bias.len()));
    }
    let mut result = Vec::with_capacity(count);
    for _ in 0..out[0] {
        for &bias in bias {
            result.resize(result.len() + pixels, bias);
        }
    }
    Ok(result)
}

/// The convolution of arrays whose shapes fit.
fn convolved<T: Real>(
    at: &Site<'_>,
    (x, x_shape): (&[T], &[usize]),
    (w, w_shape): (&[T], &[usize]),
    bias: Option<&[T]>,
    out: &[usize],
) -> Result<Vec<T>, String> {
    let groups = groups(at)?;
    let window = Window::of(at, w_shape[2..].to_vec())?;
    let geometry = Geometry::new(&window, &x_shape[2..], &out[2..])?;
    let (channels, filters) = (w_shape[1], w_shape[0] / groups);
    let mut result = started(bias, out)?;
    let mut scratch = Vec::new();
    let (from, to) = (channels * geometry.input_pixels(), filters * geometry.pixels());
    let weight = filters * channels * geometry.taps();
    for block in 0..x_shape[0] * groups {
        let group = block % groups;
        let x = &x[block * from..(block + 1) * from];
        let w = &w[group * weight..(group + 1) * weight];
        let out = &mut result[block * to..(block + 1) * to];
        if channels == 1 && filters > 1 && groups > 1 {
            // Depthwise with a multiplier: filter by filter, as depthwise without.
            let (taps, pixels) = (geometry.taps(), geometry.pixels());
            for filter in 0..filters {
                let out = &mut out[filter * pixels..(filter + 1) * pixels];
                convolve(&geometry, x, 1, &w[filter * taps..(filter + 1) * taps], 1, out, &mut scratch);
            }
        } else {
            convolve(&geometry, x, channels, w, filters, out, &mut scratch);
        }
    }
    Ok(result)
}

/// Whole numbers less their zero point, which is one number or one for each index of the axis.
pub(super) fn centered(array: &Array, zero: Option<&Array>, axis: Option<usize>) -> Result<Vec<f64>, String> {
    let values = array.to_i64().ok_or("of elements that are not whole")?;
    let zeros = match zero {
        Some(zero) => zero.to_i64().ok_or("of a zero point that is not whole")?,
        None => vec![0],
    };
    let inner: usize = axis.map_or(1, |axis| array.shape[axis + 1..].iter().product());
    let size = axis.map_or(1, |axis| array.shape[axis]);
    if zeros.len() != 1 && zeros.len() != size {
        return Err(format!("{} zero points", zeros.len()));
    }
    let zero = |place: usize| if zeros.len() == 1 { zeros[0] } else { zeros[place / inner.max(1) % size] };
    Ok(values.iter().enumerate().map(|(place, &value)| (value - zero(place)) as f64).collect())
}

/// The attribute `group`.
pub(super) fn groups(at: &Site<'_>) -> Result<usize, String> {
    let group = at.node.int_or("group", 1);
    usize::try_from(group)
        .ok()
        .filter(|&g| g > 0)
        .ok_or_else(|| format!("group {group}, which must be at least 1"))
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
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let out = sizes(outputs, 0)?;
        let (x, w) = (inputs.need(0)?, inputs.need(1)?);
        let (values, weights) = (inputs.f32(0)?, inputs.f32(1)?);
        let bias = inputs.get(2).map(|bias| floats(bias, 2)).transpose()?;
        let groups = groups(at)?;
        let spread = Spread::of(at, w.shape[2..].to_vec())?;
        let before: Vec<i64> = (2..out.len()).map(|axis| spread.cut(axis - 2, x.shape[axis]).1).collect();
        let geometry = Geometry::padded(&spread.window, &out[2..], &x.shape[2..], &before)?;
        let (channels, filters) = (x.shape[1] / groups, out[1] / groups);
        let mut result = started(bias, &out)?;
        let mut scratch = Vec::new();
        let (from, to) = (channels * geometry.pixels(), filters * geometry.input_pixels());
        let weight = channels * filters * geometry.taps();
        for block in 0..x.shape[0] * groups {
            let group = block % groups;
            super::convolve::spread(
                &geometry,
                &values[block * from..(block + 1) * from],
                channels,
                &weights[group * weight..(group + 1) * weight],
                filters,
                &mut result[block * to..(block + 1) * to],
                &mut scratch,
            );
        }
        Ok(vec![Array::f32(out, result)])
    }

    fn multiplies(&self) -> bool {
        true
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
        if total < 0 {
            // What is wanted beyond the end is zeros.
            return (full, 0, total);
        }
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
