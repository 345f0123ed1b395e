//! Pooling: over windows, over all positions, over regions.

use super::super::array::{Array, Data};
use super::super::facts::Dim;
use super::super::proto::element;
use super::convolve::Geometry;
use super::window::{Window, kernel_shape};
use super::{Fact, Operands, Operator, Site, maybe, need, sizes};

/// What a pool keeps of its window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Max,
    Average,
    /// The norm of order `p`.
    Norm,
}

/// `MaxPool`, `AveragePool`, `LpPool`.
pub(super) struct Pool(pub(super) Kind);

/// `GlobalMaxPool`, `GlobalAveragePool`, `GlobalLpPool`.
pub(super) struct GlobalPool(pub(super) Kind);

/// `MaxUnpool`.
pub(super) struct MaxUnpool;

/// `RoiAlign`, `MaxRoiPool`.
pub(super) struct Regions;

impl Operator for Pool {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let kernel = kernel_shape(at)?.ok_or("the attribute kernel_shape is missing")?;
        let shape = match &x.shape {
            None => None,
            Some(shape) => {
                if shape.len() != kernel.len() + 2 {
                    return Err(format!(
                        "the input has {} axes, but kernel_shape {kernel:?} asks for {}",
                        shape.len(),
                        kernel.len() + 2
                    ));
                }
                let mut out = shape[..2].to_vec();
                out.extend(Window::of(at, kernel)?.outputs(&shape[2..])?);
                Some(out)
            }
        };
        let mut outputs = vec![Fact::maybe(x.element, shape.clone())];
        if self.0 == Kind::Max {
            outputs.push(Fact::maybe(Some(element::INT64), shape));
        }
        Ok(outputs)
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let out = sizes(outputs, 0)?;
        let x = inputs.need(0)?;
        let window = Window::of(at, kernel_shape(at)?.ok_or("the attribute kernel_shape is missing")?)?;
        let geometry = Geometry::new(&window, &x.shape[2..], &out[2..])?;
        let maps = out[0] * out[1];
        if self.0 == Kind::Max {
            return maxima(at, &geometry, x, &out, maps);
        }
        let values = inputs.f32(0)?;
        let size = geometry.input_pixels();
        let order = at.node.int_or("p", 2);
        let padded = at.node.int_or("count_include_pad", 0) != 0;
        let behind: Vec<i64> =
            (0..window.kernel.len()).map(|axis| window.padding(axis, x.shape[axis + 2]).1).collect();
        let mut result = Vec::with_capacity(maps * geometry.pixels());
        for map in 0..maps {
            let map = &values[map * size..(map + 1) * size];
            geometry.windows(|window, places| {
                let mut sum = 0.0f32;
                let mut count = 0usize;
                places(&mut |place| {
                    let value = map[place];
                    sum += match self.0 {
                        Kind::Norm if order == 1 => value.abs(),
                        Kind::Norm => value.abs().powi(order as i32),
                        _ => value,
                    };
                    count += 1;
                });
                result.push(match self.0 {
                    Kind::Norm if order == 1 => sum,
                    Kind::Norm if order == 2 => sum.sqrt(),
                    Kind::Norm => sum.powf(1.0 / order as f32),
                    _ if padded => sum / geometry.padded_count(window, &behind) as f32,
                    _ => sum / count.max(1) as f32,
                });
            });
        }
        Ok(vec![Array::f32(out, result)])
    }
}

/// The largest value of each window and where it lies in the whole array.
fn maxima(
    at: &Site<'_>,
    geometry: &Geometry,
    x: &Array,
    out: &[usize],
    maps: usize,
) -> Result<Vec<Array>, String> {
    let indexed = at.node.output.len() > 1;
    let columns = at.node.int_or("storage_order", 0) != 0;
    let size = geometry.input_pixels();
    macro_rules! pooled {
        ($kind:ident, $values:expr, $lowest:expr) => {{
            let mut result = Vec::with_capacity(maps * geometry.pixels());
            let mut indices = Vec::with_capacity(if indexed { maps * geometry.pixels() } else { 0 });
            for map in 0..maps {
                let values = &$values[map * size..(map + 1) * size];
                geometry.windows(|_, places| {
                    let mut best = $lowest;
                    let mut found = None;
                    places(&mut |place| {
                        let value = values[place];
                        if found.is_none() || value > best {
                            best = value;
                            found = Some(place);
                        }
                    });
                    result.push(best);
                    if indexed {
                        let place = found.unwrap_or(0);
                        let place = if columns { by_columns(geometry, place) } else { place };
                        indices.push((map * size + place) as i64);
                    }
                });
            }
            (Data::$kind(result), indices)
        }};
    }
    let (data, indices) = match &x.data {
        Data::F32(values) => pooled!(F32, values, f32::NEG_INFINITY),
        Data::F64(values) => pooled!(F64, values, f64::NEG_INFINITY),
        Data::I8(values) => pooled!(I8, values, i8::MIN),
        Data::U8(values) => pooled!(U8, values, u8::MIN),
        _ => return Err(format!("of elements of type {}", x.element())),
    };
    let mut arrays = vec![Array { shape: out.to_vec(), data }];
    if indexed {
        arrays.push(Array { shape: out.to_vec(), data: Data::I64(indices) });
    }
    Ok(arrays)
}

/// A place counted column by column.
fn by_columns(geometry: &Geometry, place: usize) -> usize {
    let [depth, height, width] = geometry.input;
    let (z, y, x) = (place / (height * width), place / width % height, place % width);
    (x * height + y) * depth + z
}

impl Operator for GlobalPool {
    fn infer(&self, _at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let shape = match &x.shape {
            Some(shape) if shape.len() < 2 => {
                return Err(format!("the input has {} axes, where at least 2 are expected", shape.len()));
            }
            Some(shape) => {
                let one = std::iter::repeat_n(Dim::Known(1), shape.len() - 2);
                Some(shape[..2].iter().cloned().chain(one).collect())
            }
            None => None,
        };
        Ok(vec![Fact::maybe(x.element, shape)])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let out = sizes(outputs, 0)?;
        let x = inputs.need(0)?;
        let values = inputs.f32(0)?;
        let count: usize = x.shape[2..].iter().product();
        let order = at.node.int_or("p", 2) as f32;
        let maps = values.chunks(count.max(1)).take(if count == 0 { 0 } else { usize::MAX });
        let result: Vec<f32> = maps
            .map(|map| match self.0 {
                Kind::Max => {
                    map.iter().fold(f32::NEG_INFINITY, |a, &b| if a.is_nan() || a > b { a } else { b })
                }
                Kind::Average => (map.iter().map(|&v| f64::from(v)).sum::<f64>() / count as f64) as f32,
                Kind::Norm => map.iter().map(|v| v.abs().powf(order)).sum::<f32>().powf(1.0 / order),
            })
            .collect();
        Ok(vec![Array::f32(out, result)])
    }
}

impl Operator for MaxUnpool {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        if let Some(sizes) = maybe(inputs, 2) {
            let shape = sizes.partial().and_then(|sizes| sizes.iter().map(|size| size.dim()).collect());
            return Ok(vec![Fact::maybe(x.element, shape)]);
        }
        let kernel = kernel_shape(at)?.ok_or("the attribute kernel_shape is missing")?;
        let Some(shape) = x.shape.as_ref().filter(|shape| shape.len() == kernel.len() + 2) else {
            return Ok(vec![Fact::maybe(x.element, None)]);
        };
        let window = Window::of(at, kernel)?;
        let mut out = shape[..2].to_vec();
        for (axis, size) in shape[2..].iter().enumerate() {
            out.push(match size {
                Dim::Known(size) => {
                    let (before, behind) = window.padding(axis, *size);
                    let full = (*size as i64 - 1).saturating_mul(window.stride[axis] as i64);
                    let size = full.saturating_add(window.extent(axis)) - before - behind;
                    Dim::Known(usize::try_from(size).map_err(|_| format!("an output of size {size}"))?)
                }
                _ => Dim::Unknown,
            });
        }
        Ok(vec![Fact::new(x.element, out)])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let out = sizes(outputs, 0)?;
        let (values, indices) =
            (inputs.f32(0)?, inputs.need(1)?.to_i64().ok_or("of indices that are not whole")?);
        let x = inputs.need(0)?;
        // The indices are those of the array that was pooled, whose size the window says; the output may be
        // larger.
        let mut plain = at.node.clone();
        plain.input.truncate(1);
        let inferred = self.infer(
            &Site { node: &plain, opset: at.opset },
            &[Some(&Fact::new(None, super::super::facts::known(x.shape.iter().copied())))],
        );
        let pooled = inferred?.first().and_then(Fact::known_shape).ok_or("the pooled shape is not known")?;
        if super::count(&pooled) > super::LARGEST || pooled.iter().zip(&out).any(|(own, out)| own > out) {
            return Err(format!("what was pooled had the shape {pooled:?}, and the output has {out:?}"));
        }
        let mut result = vec![0.0; pooled.iter().product()];
        for (&value, &index) in values.iter().zip(&indices) {
            let place = usize::try_from(index).ok().and_then(|index| result.get_mut(index));
            *place.ok_or_else(|| format!("index {index} of {pooled:?}"))? = value;
        }
        if pooled == out {
            return Ok(vec![Array::f32(out, result)]);
        }
        // A larger output has zeros behind.
        let pads: Vec<(i64, i64)> =
            out.iter().zip(&pooled).map(|(&out, &own)| (0, out as i64 - own as i64)).collect();
        let padded = super::cut::constant_pad(Array::f32(pooled, result), &pads, None)?;
        Ok(vec![padded])
    }
}

impl Operator for Regions {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let (x, regions) = (need(inputs, 0)?, need(inputs, 1)?);
        let (height, width) = match at.node.ints("pooled_shape") {
            Some([height, width]) => (*height, *width),
            _ => (at.node.int_or("output_height", 1), at.node.int_or("output_width", 1)),
        };
        let size = |size: i64| {
            usize::try_from(size).map(Dim::Known).map_err(|_| format!("an output of size {size}"))
        };
        let count = regions.shape.as_ref().and_then(|shape| shape.first().cloned()).unwrap_or(Dim::Unknown);
        let channels = x.shape.as_ref().and_then(|shape| shape.get(1).cloned()).unwrap_or(Dim::Unknown);
        Ok(vec![Fact::new(x.element, vec![count, channels, size(height)?, size(width)?])])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Err("is not computed".into())
    }
}
