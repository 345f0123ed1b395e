//! Elements picked and put by index: `Gather`, `GatherElements`, `GatherND`, `ScatterElements`, `ScatterND`,
//! `OneHot`, `NonZero`.

use super::super::array::{Array, Data};
use super::super::facts::{Dim, bracketed};
use super::super::proto::element;
use super::view::{each_type, take};
use super::{Fact, Operands, Operator, Site, maybe, need, sizes};

/// `Gather`.
pub(super) struct Gather;
/// `GatherElements`.
pub(super) struct GatherElements;
/// `GatherND`.
pub(super) struct GatherNd;
/// `ScatterElements` (true) and `ScatterND` (false).
pub(super) struct Scatter(pub(super) bool);
/// `OneHot`.
pub(super) struct OneHot;
/// `NonZero`.
pub(super) struct NonZero;

/// Indices counted from the front.
fn places(indices: &Array, size: usize) -> Result<Vec<usize>, String> {
    let wrong = |index: i64| format!("index {index} of an axis of size {size}");
    let indices = indices.to_i64().ok_or("the indices are no whole numbers")?;
    let from_front = |index: i64| if index < 0 { index.saturating_add(size as i64) } else { index };
    indices
        .into_iter()
        .map(|index| {
            usize::try_from(from_front(index)).ok().filter(|&i| i < size).ok_or_else(|| wrong(index))
        })
        .collect()
}

impl Operator for Gather {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let (x, indices) = (need(inputs, 0)?, need(inputs, 1)?);
        let Some(shape) = &x.shape else { return Ok(vec![Fact::maybe(x.element, None)]) };
        let axis = at.axis(0, shape.len())?;
        let Some(picked) = &indices.shape else { return Ok(vec![Fact::maybe(x.element, None)]) };
        let out = [&shape[..axis], picked, &shape[axis + 1..]].concat();
        if let (Dim::Known(size), Some(indices)) = (&shape[axis], indices.array()) {
            places(indices, *size)?;
        }
        Ok(vec![Fact::new(x.element, out)])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let (x, indices) = (inputs.need(0)?, inputs.need(1)?);
        let axis = at.axis(0, x.shape.len())?;
        let picked = take(x, axis, &places(indices, x.shape[axis])?);
        Ok(vec![Array { shape: sizes(outputs, 0)?, ..picked }])
    }

    fn moves(&self) -> bool {
        true
    }
}

impl Operator for GatherElements {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let (x, indices) = (need(inputs, 0)?, need(inputs, 1)?);
        if let (Some(a), Some(b)) = (&x.shape, &indices.shape) {
            at.axis(0, a.len())?;
            if a.len() != b.len() {
                return Err(format!("indices {} of an array {}", bracketed(b), bracketed(a)));
            }
        }
        Ok(vec![Fact::maybe(x.element, indices.shape.clone())])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let (x, indices) = (inputs.need(0)?, inputs.need(1)?);
        let axis = at.axis(0, x.shape.len())?;
        let places = element_places(&x.shape, indices, axis)?;
        let data = each_type!(&x.data, values => places.iter().map(|&place| values[place]).collect());
        Ok(vec![Array { shape: indices.shape.clone(), data }])
    }
}

/// Where in an array of `shape` each index points, all axes but one being those of the index itself.
fn element_places(shape: &[usize], indices: &Array, axis: usize) -> Result<Vec<usize>, String> {
    if shape.len() != indices.shape.len()
        || (0..shape.len()).any(|a| a != axis && indices.shape[a] > shape[a])
    {
        return Err(format!("indices of shape {:?} in an array of shape {shape:?}", indices.shape));
    }
    let steps = super::view::strides(shape);
    let list = places(indices, shape[axis])?;
    let mut index = vec![0usize; shape.len()];
    let mut found = Vec::with_capacity(list.len());
    for place in list {
        let at = (0..shape.len()).map(|a| if a == axis { place } else { index[a] } * steps[a] as usize);
        found.push(at.sum());
        for a in (0..shape.len()).rev() {
            index[a] += 1;
            if index[a] < indices.shape[a] {
                break;
            }
            index[a] = 0;
        }
    }
    Ok(found)
}

impl Operator for GatherNd {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let (x, indices) = (need(inputs, 0)?, need(inputs, 1)?);
        let (Some(shape), Some(index)) = (&x.shape, &indices.shape) else {
            return Ok(vec![Fact::maybe(x.element, None)]);
        };
        let batch = at.node.int_or("batch_dims", 0);
        let Some(Dim::Known(depth)) = index.last() else { return Ok(vec![Fact::maybe(x.element, None)]) };
        let behind = usize::try_from(batch).ok().and_then(|batch| batch.checked_add(*depth));
        let rest = behind.and_then(|behind| shape.get(behind..));
        let rest = rest.ok_or_else(|| format!("indices {} of {}", bracketed(index), bracketed(shape)))?;
        Ok(vec![Fact::new(x.element, [&index[..index.len() - 1], rest].concat())])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let (x, indices) = (inputs.need(0)?, inputs.need(1)?);
        let batch = at.node.int_or("batch_dims", 0).max(0) as usize;
        let depth = *indices.shape.last().ok_or("the indices are a scalar")?;
        if x.shape.get(..batch) != indices.shape.get(..batch) {
            return Err("batches of two shapes".into());
        }
        let count: usize = x.shape[..batch].iter().product();
        let inner: usize = x.shape[batch + depth..].iter().product();
        let starts = nd_places(&x.shape[batch..], indices, depth, count)?;
        let flat = Array { shape: vec![x.len() / inner.max(1), inner], data: x.data.clone() };
        let rows: Vec<usize> = starts.iter().map(|&start| start / inner.max(1)).collect();
        Ok(vec![Array { shape: sizes(outputs, 0)?, ..take(&flat, 0, &rows) }])
    }
}

/// Where the blocks begin that lists of `depth` indices name, in `batches` arrays of `shape` behind each
/// other.
fn nd_places(shape: &[usize], indices: &Array, depth: usize, batches: usize) -> Result<Vec<usize>, String> {
    let steps = super::view::strides(shape);
    let size: usize = shape.iter().product();
    let list = indices.to_i64().ok_or("the indices are no whole numbers")?;
    if depth == 0 {
        return Err("lists of no index".into());
    }
    let each = (list.len() / depth).div_ceil(batches.max(1)).max(1);
    let mut found = Vec::with_capacity(list.len() / depth);
    for (row, index) in list.chunks_exact(depth).enumerate() {
        let mut place = row / each * size;
        for (axis, &i) in index.iter().enumerate() {
            let one = Array::i64(vec![i]);
            place += places(&one, shape[axis])?[0] * steps[axis] as usize;
        }
        found.push(place);
    }
    Ok(found)
}

impl Operator for Scatter {
    fn infer(&self, _at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        Ok(vec![Fact::maybe(x.element, x.shape.clone())])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let mut x = inputs.take(0)?;
        let (indices, updates) = (inputs.need(1)?, inputs.need(2)?);
        let places: Vec<usize> = if self.0 {
            let axis = at.axis(0, x.shape.len())?;
            element_places(&x.shape, indices, axis)?
        } else {
            let depth = *indices.shape.last().ok_or("the indices are a scalar")?;
            if depth > x.shape.len() {
                return Err(format!("lists of {depth} indices of an array with {} axes", x.shape.len()));
            }
            let inner: usize = x.shape[depth..].iter().product();
            let starts = nd_places(&x.shape, indices, depth, 1)?;
            starts.into_iter().flat_map(|start| start..start + inner).collect()
        };
        if places.len() != updates.len() {
            return Err(format!("{} places for {} updates", places.len(), updates.len()));
        }
        let reduction = at.node.string_or("reduction", "none");
        macro_rules! scattered {
            ($values:expr, $updates:expr) => {
                for (&place, &update) in places.iter().zip($updates) {
                    let value = &mut $values[place];
                    *value = match reduction {
                        "none" => update,
                        "add" => *value + update,
                        "mul" => *value * update,
                        "max" => {
                            if *value > update {
                                *value
                            } else {
                                update
                            }
                        }
                        "min" => {
                            if *value < update {
                                *value
                            } else {
                                update
                            }
                        }
                        other => return Err(format!("reduction {other:?}")),
                    };
                }
            };
        }
        match (&mut x.data, &updates.data) {
            (Data::F32(values), Data::F32(updates)) => scattered!(values, updates),
            (Data::F64(values), Data::F64(updates)) => scattered!(values, updates),
            (Data::I64(values), Data::I64(updates)) => {
                let values: &mut Vec<i64> = values;
                for (&place, &update) in places.iter().zip(updates) {
                    let value = &mut values[place];
                    *value = match reduction {
                        "none" => update,
                        "add" => value.wrapping_add(update),
                        "mul" => value.wrapping_mul(update),
                        "max" => (*value).max(update),
                        "min" => (*value).min(update),
                        other => return Err(format!("reduction {other:?}")),
                    };
                }
            }
            _ => return Err(format!("of elements of type {}", updates.element())),
        }
        Ok(vec![x])
    }
}

impl Operator for OneHot {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let (indices, values) = (need(inputs, 0)?, need(inputs, 2)?);
        let depth = maybe(inputs, 1).and_then(|depth| {
            let depth = super::cast::converted(depth.array()?, element::INT64).ok()?;
            depth.to_i64()?.first().copied()
        });
        let shape = match &indices.shape {
            None => None,
            Some(shape) => {
                let axis = at.axis(-1, shape.len() + 1)?;
                let mut shape = shape.clone();
                let depth = match depth {
                    Some(depth) => {
                        Dim::Known(usize::try_from(depth).map_err(|_| format!("a depth of {depth}"))?)
                    }
                    None => Dim::Unknown,
                };
                shape.insert(axis, depth);
                Some(shape)
            }
        };
        Ok(vec![Fact::maybe(values.element, shape)])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let out = sizes(outputs, 0)?;
        let indices = super::cast::converted(inputs.need(0)?, element::INT64)?;
        let axis = at.axis(-1, out.len())?;
        let depth = out[axis] as i64;
        let inner: usize = out[axis + 1..].iter().product();
        let list = indices.to_i64().unwrap_or_default();
        let values = inputs.need(2)?;
        if values.len() != 2 {
            return Err(format!("{} values, where 2 are expected", values.len()));
        }
        let count: usize = out.iter().product();
        let hot: Vec<usize> = (0..count)
            .map(|place| {
                let (outer, step, offset) =
                    (place / (inner * out[axis]).max(1), place / inner % out[axis].max(1), place % inner);
                let index = list[outer * inner + offset];
                let index = if index < 0 { index + depth } else { index };
                usize::from(index == step as i64)
            })
            .collect();
        Ok(vec![Array { shape: out, ..take(values, 0, &hot) }])
    }
}

impl Operator for NonZero {
    fn infer(&self, _at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let rank = need(inputs, 0)?.shape.as_ref().map_or(Dim::Unknown, |shape| Dim::Known(shape.len()));
        Ok(vec![Fact::new(Some(element::INT64), vec![rank, Dim::Unknown])])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let x = inputs.need(0)?;
        let Data::Bool(set) = super::cast::converted(x, element::BOOL)?.data else {
            return Err("of these elements".into());
        };
        let found: Vec<usize> =
            set.iter().enumerate().filter(|(_, set)| **set).map(|(place, _)| place).collect();
        let steps = super::view::strides(&x.shape);
        let mut indices = Vec::with_capacity(found.len() * x.shape.len());
        for (axis, &size) in x.shape.iter().enumerate() {
            indices.extend(found.iter().map(|place| (place / steps[axis] as usize % size) as i64));
        }
        Ok(vec![Array { shape: vec![x.shape.len(), found.len()], data: Data::I64(indices) }])
    }
}
