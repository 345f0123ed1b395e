//! Normalisation: over the batch (by statistics of training), a map, groups of channels, the last axes,
//! neighbouring channels, one axis.

use super::super::array::{Array, Data};
use super::super::facts::Dim;
use super::broadcast::expanded;
use super::{Fact, Operands, Operator, Site, axis_of, floats, maybe, merged, need, sizes};

/// `BatchNormalization`.
pub(super) struct BatchNorm;

/// `LayerNormalization`, `RMSNormalization`.
pub(super) struct LayerNorm;

/// The others, whose output has the shape of the input.
pub(super) enum Norm {
    Instance,
    Group,
    /// Over neighbouring channels.
    Local,
    /// To length 1 along an axis.
    Lp,
    /// To mean 0 and variance 1.
    MeanVariance,
}

impl Operator for BatchNorm {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let mut channels = match x.shape.as_deref() {
            Some([_, channels, ..]) => channels.clone(),
            Some([_]) => Dim::Known(1),
            Some([]) => return Err("the input is a scalar".into()),
            None => Dim::Unknown,
        };
        for slot in 1..5 {
            if let Some([size]) = need(inputs, slot)?.shape.as_deref() {
                channels = merged(&channels, size).map_err(|e| format!("channels and input {slot}: {e}"))?;
            }
        }
        let mut shape = x.shape.clone();
        if let Some([_, size, ..]) = shape.as_deref_mut() {
            *size = channels.clone();
        }
        let mut outputs = vec![Fact::maybe(x.element, shape)];
        if at.node.int_or("training_mode", 0) != 0 || at.opset < 14 {
            for slot in 0..4 {
                let element = maybe(inputs, 1 + slot).and_then(|fact| fact.element);
                outputs.push(Fact::new(element, vec![channels.clone()]));
            }
        }
        Ok(outputs)
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let epsilon = at.node.float_or("epsilon", 1e-5);
        let training = at.node.int_or("training_mode", 0) != 0;
        let mut x = inputs.take(0)?;
        let channels = if x.shape.len() > 1 { x.shape[1] } else { 1 };
        let pixels: usize = x.shape.iter().skip(2).product();
        let (scale, bias) = (inputs.f32(1)?, inputs.f32(2)?);
        let (mean, var) = (inputs.f32(3)?, inputs.f32(4)?);
        if [scale.len(), bias.len(), mean.len(), var.len()] != [channels; 4] {
            return Err(format!("statistics of other than {channels} channels"));
        }
        let (mut mean, mut var) = (mean.to_vec(), var.to_vec());
        let Data::F32(values) = &mut x.data else { return Err("of elements that are not FLOAT".into()) };
        let mut running = None;
        if training {
            let momentum = at.node.float_or("momentum", 0.9);
            let (batch_mean, batch_var) = statistics(values, channels, pixels);
            let mixed = |old: &[f32], new: &[f32]| {
                old.iter().zip(new).map(|(old, new)| old * momentum + new * (1.0 - momentum)).collect()
            };
            running = Some((mixed(&mean, &batch_mean), mixed(&var, &batch_var)));
            (mean, var) = (batch_mean, batch_var);
        }
        for (block, values) in values.chunks_mut(pixels.max(1)).enumerate() {
            let channel = block % channels.max(1);
            let factor = scale[channel] / (var[channel] + epsilon).sqrt();
            let shift = bias[channel] - mean[channel] * factor;
            values.iter_mut().for_each(|value| *value = *value * factor + shift);
        }
        let mut arrays = vec![x];
        if let Some((mean, var)) = running {
            arrays.push(Array::f32([channels], mean));
            arrays.push(Array::f32([channels], var));
        }
        Ok(arrays)
    }
}

impl Operator for LayerNorm {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let Some(shape) = &x.shape else { return Ok(vec![Fact::maybe(x.element, None)]) };
        let axis = at.axis(-1, shape.len())?;
        let one = shape.iter().enumerate();
        let statistic: Vec<Dim> =
            one.map(|(at, size)| if at < axis { size.clone() } else { Dim::Known(1) }).collect();
        let kind = Some(at.node.int_or("stash_type", 1) as i32);
        let statistic = Fact::new(kind, statistic);
        Ok(vec![Fact::new(x.element, shape.clone()), statistic.clone(), statistic])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let epsilon = f64::from(at.node.float_or("epsilon", 1e-5));
        let centered = at.node.op_type != "RMSNormalization";
        let mut x = inputs.take(0)?;
        let axis = at.axis(-1, x.shape.len())?;
        let width: usize = x.shape[axis..].iter().product();
        let whole = |slot: usize| -> Result<Option<Vec<f32>>, String> {
            let Some(array) = inputs.get(slot) else { return Ok(None) };
            floats(array, slot)?;
            // The scale has the shape of the axes, or one that broadcasts to it.
            let rank = x.shape.len() - axis;
            let fits = array.shape.len() <= rank
                && array.shape.iter().rev().zip(x.shape.iter().rev()).all(|(a, b)| a == b || *a == 1);
            if !fits {
                return Err(format!("input {slot} has the shape {:?}", array.shape));
            }
            Ok(expanded(array, &x.shape[axis..]).as_f32().map(<[f32]>::to_vec))
        };
        let (scale, bias) = (whole(1)?, whole(2)?);
        let Data::F32(values) = &mut x.data else { return Err("of elements that are not FLOAT".into()) };
        let (mut means, mut inverses) = (Vec::new(), Vec::new());
        for row in values.chunks_mut(width.max(1)) {
            let mean =
                if centered { row.iter().map(|&v| f64::from(v)).sum::<f64>() / width as f64 } else { 0.0 };
            let var = row.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / width as f64;
            let inverse = 1.0 / (var + epsilon).sqrt();
            for (place, value) in row.iter_mut().enumerate() {
                let normal = ((f64::from(*value) - mean) * inverse) as f32;
                let scaled = scale.as_ref().map_or(normal, |scale| normal * scale[place]);
                *value = bias.as_ref().map_or(scaled, |bias| scaled + bias[place]);
            }
            means.push(mean as f32);
            inverses.push(inverse as f32);
        }
        let mut arrays = vec![x];
        if at.node.output.len() > 1 {
            arrays.push(Array::f32(sizes(outputs, 1)?, means));
            arrays.push(Array::f32(sizes(outputs, 2)?, inverses));
        }
        Ok(arrays)
    }
}

impl Operator for Norm {
    fn infer(&self, _at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        if let (Norm::Instance | Norm::Group | Norm::Local, Some(shape)) = (self, &x.shape)
            && shape.len() < 2
        {
            return Err(format!("the input has {} axes, where at least 2 are expected", shape.len()));
        }
        if let (Norm::Instance, Some([_, channels, ..])) = (self, x.shape.as_deref()) {
            for slot in 1..3 {
                if let Some([size]) = need(inputs, slot)?.shape.as_deref() {
                    merged(channels, size).map_err(|e| format!("channels and input {slot}: {e}"))?;
                }
            }
        }
        Ok(vec![Fact::maybe(x.element, x.shape.clone())])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        match self {
            Norm::Instance => by_groups(at, inputs, None),
            Norm::Group => {
                let groups = at.node.int_or("num_groups", 0);
                let groups = usize::try_from(groups).ok().filter(|&groups| groups > 0);
                by_groups(at, inputs, Some(groups.ok_or("num_groups must be at least 1")?))
            }
            Norm::Local => local(at, inputs),
            Norm::Lp => lengths(at, inputs),
            Norm::MeanVariance => standardised(at, inputs),
        }
    }
}

/// Mean and variance of each channel over the batch and all positions.
fn statistics(values: &[f32], channels: usize, pixels: usize) -> (Vec<f32>, Vec<f32>) {
    let mut mean = vec![0.0f64; channels];
    let mut var = vec![0.0f64; channels];
    let count = (values.len() / channels.max(1)).max(1) as f64;
    let blocks = || values.chunks(pixels.max(1)).enumerate().map(|(block, map)| (block % channels, map));
    for (channel, map) in blocks() {
        mean[channel] += map.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    }
    for (channel, map) in blocks() {
        var[channel] += map.iter().map(|&v| (f64::from(v) - mean[channel]).powi(2)).sum::<f64>() / count;
    }
    let narrow = |list: Vec<f64>| list.into_iter().map(|value| value as f32).collect();
    (narrow(mean), narrow(var))
}

/// Each image's channels, one by one or in groups, to mean 0 and variance 1, then scale and bias.
fn by_groups(at: &Site<'_>, inputs: &mut Operands<'_>, groups: Option<usize>) -> Result<Vec<Array>, String> {
    let epsilon = f64::from(at.node.float_or("epsilon", 1e-5));
    let mut x = inputs.take(0)?;
    let (scale, bias) = (inputs.f32(1)?, inputs.f32(2)?);
    let channels = x.shape[1];
    let pixels: usize = x.shape[2..].iter().product();
    let groups = groups.unwrap_or(channels);
    // Opset 18 has a scale for each group, 21 for each channel.
    let each = if scale.len() == channels { 1 } else { channels / groups.max(1) };
    let fits =
        groups > 0 && channels % groups == 0 && scale.len() * each == channels && bias.len() == scale.len();
    if !fits {
        return Err(format!("{} scales for {channels} channels in {groups} groups", scale.len()));
    }
    let width = channels / groups * pixels;
    let Data::F32(values) = &mut x.data else { return Err("of elements that are not FLOAT".into()) };
    for (block, values) in values.chunks_mut(width.max(1)).enumerate() {
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / width as f64;
        let var = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / width as f64;
        let inverse = 1.0 / (var + epsilon).sqrt();
        let first = block % groups * (channels / groups);
        for (channel, values) in values.chunks_mut(pixels.max(1)).enumerate() {
            let at = (first + channel) / each;
            let factor = inverse * f64::from(scale[at]);
            let shift = f64::from(bias[at]) - mean * factor;
            values.iter_mut().for_each(|value| *value = (f64::from(*value) * factor + shift) as f32);
        }
    }
    Ok(vec![x])
}

/// `x / (bias + alpha / size * sum of squares of the neighbouring channels)^beta`.
fn local(at: &Site<'_>, inputs: &mut Operands<'_>) -> Result<Vec<Array>, String> {
    let (alpha, beta) = (at.node.float_or("alpha", 1e-4), at.node.float_or("beta", 0.75));
    let bias = at.node.float_or("bias", 1.0);
    let size = usize::try_from(at.node.int_or("size", 1)).ok().filter(|&size| size > 0);
    let size = size.ok_or("size must be at least 1")?;
    let x = inputs.need(0)?;
    let values = inputs.f32(0)?;
    let (channels, pixels) = (x.shape[1], x.shape[2..].iter().product::<usize>());
    let mut result = values.to_vec();
    if channels * pixels > 0 {
        let mut sums = vec![0.0f32; pixels];
        for (image, out) in values.chunks(channels * pixels).zip(result.chunks_mut(channels * pixels)) {
            for (channel, out) in out.chunks_mut(pixels).enumerate() {
                let first = channel.saturating_sub((size - 1) / 2);
                let end = (channel + size.div_ceil(2) + usize::from(size % 2 == 0)).min(channels);
                sums.fill(0.0);
                for neighbour in image[first * pixels..end * pixels].chunks(pixels) {
                    sums.iter_mut().zip(neighbour).for_each(|(sum, value)| *sum += value * value);
                }
                let ratio = alpha / size as f32;
                out.iter_mut().zip(&sums).for_each(|(value, sum)| *value /= (bias + ratio * sum).powf(beta));
            }
        }
    }
    Ok(vec![Array::f32(x.shape.clone(), result)])
}

/// Length 1 along an axis.
fn lengths(at: &Site<'_>, inputs: &mut Operands<'_>) -> Result<Vec<Array>, String> {
    let mut x = inputs.take(0)?;
    let axis = at.axis(-1, x.shape.len())?;
    let order = at.node.int_or("p", 2);
    let (size, inner) = (x.shape[axis], x.shape[axis + 1..].iter().product::<usize>());
    let Data::F32(values) = &mut x.data else { return Err("of elements that are not FLOAT".into()) };
    for block in values.chunks_mut((size * inner).max(1)) {
        for offset in 0..inner {
            let line = block.iter().skip(offset).step_by(inner);
            let length = if order == 1 {
                line.map(|value| value.abs()).sum::<f32>()
            } else {
                line.map(|value| value * value).sum::<f32>().sqrt()
            };
            let length = if length == 0.0 { 1.0 } else { length };
            block.iter_mut().skip(offset).step_by(inner).for_each(|value| *value /= length);
        }
    }
    Ok(vec![x])
}

/// Mean 0 and variance 1 over some axes.
fn standardised(at: &Site<'_>, inputs: &mut Operands<'_>) -> Result<Vec<Array>, String> {
    let x = inputs.take(0)?;
    let rank = x.shape.len();
    let axes = at.node.ints("axes").unwrap_or(&[0, 2, 3]);
    let axes = axes.iter().map(|&axis| axis_of(axis, rank)).collect::<Result<Vec<_>, _>>()?;
    let kept = (0..rank).filter(|axis| !axes.contains(axis));
    let order: Vec<usize> = kept.chain((0..rank).filter(|axis| axes.contains(axis))).collect();
    let width: usize = axes.iter().map(|&axis| x.shape[axis]).product();
    let mut moved = super::reshape::transposed(&x, &order);
    let Data::F32(values) = &mut moved.data else { return Err("of elements that are not FLOAT".into()) };
    for row in values.chunks_mut(width.max(1)) {
        let mean = row.iter().map(|&v| f64::from(v)).sum::<f64>() / width as f64;
        let var = row.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / width as f64;
        row.iter_mut().for_each(|value| *value = ((f64::from(*value) - mean) / (var.sqrt() + 1e-9)) as f32);
    }
    let mut back = vec![0; rank];
    order.iter().enumerate().for_each(|(place, &axis)| back[axis] = place);
    Ok(vec![super::reshape::transposed(&moved, &back)])
}
