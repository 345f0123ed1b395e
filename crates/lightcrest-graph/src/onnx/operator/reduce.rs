//! Axes reduced to one number, and functions along an axis that keep its size.

use super::super::array::{Array, Data};
use super::super::facts::Dim;
use super::super::proto::element;
use super::{Fact, Operands, Operator, Site, axis_of, maybe, need, sizes};

/// `ReduceSum` and its kin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Reduce {
    L1,
    L2,
    LogSum,
    LogSumExp,
    Max,
    Mean,
    Min,
    Prod,
    Sum,
    SumSquare,
}

/// `ArgMax` (true) and `ArgMin` (false).
pub(super) struct Arg(pub(super) bool);

/// Functions along an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Along {
    Softmax,
    LogSoftmax,
    Hardmax,
    CumSum,
}

/// `TopK`.
pub(super) struct TopK;

impl Reduce {
    /// The axes that go; `None` when they are not known yet.
    fn axes(
        self,
        at: &Site<'_>,
        inputs: &[Option<&Fact>],
        rank: usize,
    ) -> Result<Option<Vec<usize>>, String> {
        let Ok(axes) = at.list("axes", inputs, 1) else { return Ok(None) };
        let axes = axes.unwrap_or_default();
        if axes.is_empty() {
            let none = at.node.int_or("noop_with_empty_axes", 0) != 0;
            return Ok(Some(if none { vec![] } else { (0..rank).collect() }));
        }
        axes.iter().map(|&axis| axis_of(axis, rank)).collect::<Result<Vec<_>, _>>().map(Some)
    }
}

/// The shape without those axes, or with 1 in their place.
fn reduced(shape: &[Dim], axes: &[usize], keep: bool) -> Vec<Dim> {
    let sizes = shape.iter().enumerate();
    if keep {
        sizes.map(|(axis, size)| if axes.contains(&axis) { Dim::Known(1) } else { size.clone() }).collect()
    } else {
        sizes.filter(|(axis, _)| !axes.contains(axis)).map(|(_, size)| size.clone()).collect()
    }
}

impl Operator for Reduce {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let keep = at.node.int_or("keepdims", 1) != 0;
        let shape = match &x.shape {
            None => None,
            Some(shape) => match self.axes(at, inputs, shape.len())? {
                Some(axes) => Some(reduced(shape, &axes, keep)),
                None if keep => Some(vec![Dim::Unknown; shape.len()]),
                None => None,
            },
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
        let axes_array = inputs.get(1).cloned().map(|array| Fact::constant(std::sync::Arc::new(array)));
        let x = inputs.take(0)?;
        let axes =
            self.axes(at, &[None, axes_array.as_ref()], x.shape.len())?.ok_or("the axes are not known")?;
        if axes.is_empty() && !matches!(self, Reduce::L1 | Reduce::L2 | Reduce::LogSum | Reduce::SumSquare) {
            return Ok(vec![x]);
        }
        let (values, count) = gathered(&x, &axes);
        let total: usize = out.iter().product();
        // Runs of nothing: the value of an empty sum, product or maximum.
        if count == 0 {
            if matches!(values, Data::Bool(_)) {
                let none = vec![*self == Reduce::Min; total];
                return Ok(vec![Array { shape: out, data: Data::Bool(none) }]);
            }
            let none =
                Array { shape: out.clone(), data: Data::F64(vec![self.wide(std::iter::empty()); total]) };
            return Ok(vec![super::cast::converted(&none, x.element())?]);
        }
        let data = match (values, self) {
            (Data::F32(values), _) => Data::F32(blocks(&values, count, |block| self.real(block))),
            (Data::F64(values), _) => {
                Data::F64(blocks(&values, count, |block| self.wide(block.iter().copied())))
            }
            (Data::I64(values), _) => Data::I64(blocks(&values, count, |block| self.whole(block))),
            (Data::I32(values), _) => Data::I32(blocks(&values, count, |block| {
                let wide: Vec<i64> = block.iter().map(|&v| v.into()).collect();
                self.whole(&wide) as i32
            })),
            (Data::I8(values), Reduce::Max | Reduce::Min) => Data::I8(blocks(&values, count, |block| {
                let wide: Vec<i64> = block.iter().map(|&v| v.into()).collect();
                self.whole(&wide) as i8
            })),
            (Data::U8(values), Reduce::Max | Reduce::Min) => Data::U8(blocks(&values, count, |block| {
                let wide: Vec<i64> = block.iter().map(|&v| v.into()).collect();
                self.whole(&wide) as u8
            })),
            (Data::Bool(values), Reduce::Max) => {
                Data::Bool(blocks(&values, count, |block| block.contains(&true)))
            }
            (Data::Bool(values), Reduce::Min) => {
                Data::Bool(blocks(&values, count, |block| !block.contains(&false)))
            }
            (data, _) => {
                return Err(format!("of elements of type {}", Array { shape: vec![], data }.element()));
            }
        };
        Ok(vec![Array { shape: out, data }])
    }
}

/// The elements with the axes that are reduced moved to the end, and how many lie along them.
fn gathered(x: &Array, axes: &[usize]) -> (Data, usize) {
    let kept = (0..x.shape.len()).filter(|axis| !axes.contains(axis));
    let gone = (0..x.shape.len()).filter(|axis| axes.contains(axis));
    let order: Vec<usize> = kept.chain(gone.clone()).collect();
    let count = gone.map(|axis| x.shape[axis]).product();
    (super::reshape::transposed(x, &order).data, count)
}

/// `f` of each run of `count` values.
fn blocks<T, R>(values: &[T], count: usize, f: impl Fn(&[T]) -> R) -> Vec<R> {
    if count == 0 { vec![] } else { values.chunks(count).map(f).collect() }
}

impl Reduce {
    fn real(self, block: &[f32]) -> f32 {
        match self {
            Reduce::Max => extreme(block, |a, b| a > b),
            Reduce::Min => extreme(block, |a, b| a < b),
            _ => self.wide(block.iter().map(|&v| f64::from(v))) as f32,
        }
    }

    fn wide(self, values: impl Iterator<Item = f64> + Clone) -> f64 {
        match self {
            Reduce::L1 => values.map(f64::abs).sum(),
            Reduce::L2 => values.map(|v| v * v).sum::<f64>().sqrt(),
            Reduce::LogSum => values.sum::<f64>().ln(),
            Reduce::LogSumExp => {
                let top = values.clone().fold(f64::NEG_INFINITY, f64::max);
                if top.is_infinite() { top } else { top + values.map(|v| (v - top).exp()).sum::<f64>().ln() }
            }
            Reduce::Max => values.fold(f64::NEG_INFINITY, |a, b| if a.is_nan() || a > b { a } else { b }),
            Reduce::Min => values.fold(f64::INFINITY, |a, b| if a.is_nan() || a < b { a } else { b }),
            Reduce::Mean => {
                let (sum, count) = values.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
                sum / count
            }
            Reduce::Prod => values.product(),
            Reduce::Sum => values.sum(),
            Reduce::SumSquare => values.map(|v| v * v).sum(),
        }
    }

    fn whole(self, block: &[i64]) -> i64 {
        let sum = || block.iter().fold(0i64, |sum, &v| sum.wrapping_add(v));
        match self {
            Reduce::Max => block.iter().copied().max().unwrap_or(i64::MIN),
            Reduce::Min => block.iter().copied().min().unwrap_or(i64::MAX),
            Reduce::Sum => sum(),
            Reduce::Mean => sum() / block.len().max(1) as i64,
            Reduce::Prod => block.iter().fold(1i64, |product, &v| product.wrapping_mul(v)),
            Reduce::L1 => block.iter().fold(0i64, |sum, &v| sum.wrapping_add(v.wrapping_abs())),
            Reduce::SumSquare => block.iter().fold(0i64, |sum, &v| sum.wrapping_add(v.wrapping_mul(v))),
            Reduce::L2 | Reduce::LogSum | Reduce::LogSumExp => {
                self.wide(block.iter().map(|&v| v as f64)) as i64
            }
        }
    }
}

/// The largest or smallest value; NaN when there is one.
fn extreme(block: &[f32], better: impl Fn(f32, f32) -> bool) -> f32 {
    let mut best = block[0];
    for &value in block {
        if better(value, best) || value.is_nan() {
            best = value;
        }
    }
    best
}

impl Operator for Arg {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let shape = match &x.shape {
            None => None,
            Some(shape) => {
                let axis = at.axis(0, shape.len())?;
                Some(reduced(shape, &[axis], at.node.int_or("keepdims", 1) != 0))
            }
        };
        Ok(vec![Fact::maybe(Some(element::INT64), shape)])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let x = super::cast::converted(inputs.need(0)?, element::DOUBLE)?;
        let axis = at.axis(0, x.shape.len())?;
        let last = at.node.int_or("select_last_index", 0) != 0;
        let (values, count) = gathered(&x, &[axis]);
        let Data::F64(values) = values else { return Err("of these elements".into()) };
        let data = blocks(&values, count, |block| {
            let mut best = 0;
            for (i, &value) in block.iter().enumerate() {
                let better = if self.0 { value > block[best] } else { value < block[best] };
                if better || (last && value == block[best]) {
                    best = i;
                }
            }
            best as i64
        });
        Ok(vec![Array { shape: sizes(outputs, 0)?, data: Data::I64(data) }])
    }
}

impl Operator for Along {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        if let (Some(shape), false) = (&x.shape, *self == Along::CumSum) {
            let axis = at.node.int_or("axis", if at.opset < 13 { 1 } else { -1 });
            // Before opset 13 an axis behind the last was the end of the array.
            if !(at.opset < 13 && usize::try_from(axis) == Ok(shape.len())) {
                axis_of(axis, shape.len())?;
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
        if *self == Along::CumSum {
            return running_sum(at, inputs);
        }
        let mut x = inputs.take(0)?;
        let rank = x.shape.len();
        let axis = at.node.int_or("axis", if at.opset < 13 { 1 } else { -1 });
        let axis = if usize::try_from(axis) == Ok(rank) { rank } else { axis_of(axis, rank)? };
        // Before opset 13 everything behind the axis is one axis.
        let (size, inner): (usize, usize) = if at.opset < 13 {
            (x.shape[axis..].iter().product(), 1)
        } else {
            (x.shape[axis], x.shape[axis + 1..].iter().product())
        };
        let wide = matches!(x.data, Data::F64(_));
        if wide {
            x = super::cast::converted(&x, element::FLOAT)?;
        }
        let Data::F32(values) = &mut x.data else {
            return Err(format!("of elements of type {}", x.element()));
        };
        if size > 0 && inner > 0 {
            let mut line = vec![0.0; size];
            for block in values.chunks_mut(size * inner) {
                for offset in 0..inner {
                    let places = (offset..block.len()).step_by(inner);
                    for (at, place) in places.clone().enumerate() {
                        line[at] = block[place];
                    }
                    self.line(&mut line);
                    for (at, place) in places.enumerate() {
                        block[place] = line[at];
                    }
                }
            }
        }
        Ok(vec![if wide { super::cast::converted(&x, element::DOUBLE)? } else { x }])
    }
}

impl Along {
    fn line(self, line: &mut [f32]) {
        let top = extreme(line, |a, b| a > b);
        match self {
            Along::Softmax => {
                let mut sum = 0.0;
                for value in line.iter_mut() {
                    *value = (*value - top).exp();
                    sum += *value;
                }
                line.iter_mut().for_each(|value| *value /= sum);
            }
            Along::LogSoftmax => {
                let sum: f32 = line.iter().map(|&value| (value - top).exp()).sum();
                let log = sum.ln();
                line.iter_mut().for_each(|value| *value = *value - top - log);
            }
            Along::Hardmax => {
                let first = line.iter().position(|&value| value == top).unwrap_or(0);
                line.fill(0.0);
                line[first] = 1.0;
            }
            Along::CumSum => {}
        }
    }
}

fn running_sum(at: &Site<'_>, inputs: &mut Operands<'_>) -> Result<Vec<Array>, String> {
    let axis =
        inputs.need(1)?.to_i64().and_then(|axis| axis.first().copied()).ok_or("the axis is not known")?;
    let mut x = inputs.take(0)?;
    let axis = axis_of(axis, x.shape.len())?;
    let (exclusive, reverse) = (at.node.int_or("exclusive", 0) != 0, at.node.int_or("reverse", 0) != 0);
    let size = x.shape[axis];
    let inner: usize = x.shape[axis + 1..].iter().product();
    macro_rules! summed {
        ($values:expr, $zero:expr, $add:expr) => {
            for block in $values.chunks_mut((size * inner).max(1)) {
                for offset in 0..inner {
                    let mut sum = $zero;
                    for step in 0..size {
                        let step = if reverse { size - 1 - step } else { step };
                        let place = &mut block[step * inner + offset];
                        let next = $add(sum, *place);
                        *place = if exclusive { sum } else { next };
                        sum = next;
                    }
                }
            }
        };
    }
    match &mut x.data {
        Data::F32(values) => summed!(values, 0.0f32, |a, b| a + b),
        Data::F64(values) => summed!(values, 0.0f64, |a, b| a + b),
        Data::I64(values) => summed!(values, 0i64, i64::wrapping_add),
        Data::I32(values) => summed!(values, 0i32, i32::wrapping_add),
        _ => return Err(format!("of elements of type {}", x.element())),
    }
    Ok(vec![x])
}

impl Operator for TopK {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let mut shape = x.shape.clone();
        if let Some(shape) = &mut shape {
            let axis = at.axis(-1, shape.len())?;
            let k = match at.node.int("k") {
                Some(k) => Some(k),
                None => maybe(inputs, 1).and_then(Fact::ints).and_then(|k| k.first().copied()),
            };
            shape[axis] = match k {
                Some(k) => {
                    let k = usize::try_from(k).map_err(|_| format!("k = {k}"))?;
                    if shape[axis].known().is_some_and(|size| k > size) {
                        return Err(format!("k = {k} of an axis of size {}", shape[axis]));
                    }
                    Dim::Known(k)
                }
                None => Dim::Unknown,
            };
        }
        Ok(vec![Fact::maybe(x.element, shape.clone()), Fact::maybe(Some(element::INT64), shape)])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let x = inputs.need(0)?;
        let axis = at.axis(-1, x.shape.len())?;
        let out = sizes(outputs, 0)?;
        let (k, size) = (out[axis], x.shape[axis]);
        let largest = at.node.int_or("largest", 1) != 0;
        let inner: usize = x.shape[axis + 1..].iter().product();
        let outer: usize = x.shape[..axis].iter().product();
        let Data::F64(keys) = super::cast::converted(x, element::DOUBLE)?.data else {
            return Err("of these elements".into());
        };
        let mut places = vec![0usize; outer * k * inner];
        let mut indices = vec![0i64; outer * k * inner];
        for block in 0..outer {
            for offset in 0..inner {
                let key = |i: usize| keys[(block * size + i) * inner + offset];
                let mut order: Vec<usize> = (0..size).collect();
                order.sort_by(|&a, &b| {
                    let by = key(a).total_cmp(&key(b));
                    (if largest { by.reverse() } else { by }).then(a.cmp(&b))
                });
                for (rank, &i) in order.iter().take(k).enumerate() {
                    let place = (block * k + rank) * inner + offset;
                    places[place] = (block * size + i) * inner + offset;
                    indices[place] = i as i64;
                }
            }
        }
        let flat = Array { shape: vec![x.len()], data: x.data.clone() };
        let values = Array { shape: out.clone(), ..super::view::take(&flat, 0, &places) };
        Ok(vec![values, Array { shape: out, data: Data::I64(indices) }])
    }
}
