//! The same elements under another shape or in another order.

use super::super::array::Array;
use super::super::facts::{Dim, bracketed};
use super::broadcast::{broadcast, expanded};
use super::view::{strides, view};
use super::{Fact, Number, Operands, Operator, Site, axis_of, folded, maybe, need, sizes};

/// `Reshape`.
pub(super) struct Reshape;
/// `Flatten`.
pub(super) struct Flatten;
/// `Squeeze`.
pub(super) struct Squeeze;
/// `Unsqueeze`.
pub(super) struct Unsqueeze;
/// `Transpose`.
pub(super) struct Transpose;
/// `Expand`.
pub(super) struct Expand;
/// `Identity`.
pub(super) struct Identity;
/// `Dropout` in inference.
pub(super) struct Dropout;
/// `DepthToSpace` (true) and `SpaceToDepth` (false).
pub(super) struct Depth(pub(super) bool);

/// The array under the shape of the first output, which has as many elements.
fn renamed(inputs: &mut Operands<'_>, outputs: &[Fact]) -> Result<Vec<Array>, String> {
    let shape = sizes(outputs, 0)?;
    let array = inputs.take(0)?;
    if shape.iter().product::<usize>() == array.len() {
        Ok(vec![Array { shape, ..array }])
    } else {
        Err(format!("{} elements do not have the shape {shape:?}", array.len()))
    }
}

impl Operator for Reshape {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let target = match at.node.ints("shape") {
            Some(shape) => Some(shape.iter().map(|&size| Number::Known(size)).collect()),
            None => match maybe(inputs, 1) {
                Some(fact) => fact.partial().or_else(|| {
                    // Not one number is known, but how many they are.
                    let [count] = fact.shape.as_deref()? else { return None };
                    count.known().filter(|&count| count < 64).map(|count| vec![Number::Unknown; count])
                }),
                None => return Err("input 1, the shape, is missing".into()),
            },
        };
        let Some(target) = target else { return Ok(vec![Fact::maybe(x.element, None)]) };
        let shape = reshaped(x.shape.as_deref(), &target, at.node.int_or("allowzero", 0) != 0)?;
        Ok(vec![Fact::new(x.element, shape)])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        renamed(inputs, outputs)
    }

    fn moves(&self) -> bool {
        true
    }
}

/// The shape that a target with 0 (as before) and -1 (what is left) stands for.
fn reshaped(shape: Option<&[Dim]>, target: &[Number], allow_zero: bool) -> Result<Vec<Dim>, String> {
    let mut out = Vec::with_capacity(target.len());
    let mut rest = None;
    for (axis, number) in target.iter().enumerate() {
        out.push(match number {
            Number::Known(0) if !allow_zero => match shape {
                Some(shape) => shape.get(axis).cloned().ok_or_else(|| {
                    format!("0 at axis {axis} keeps a size, but the input has {} axes", shape.len())
                })?,
                None => Dim::Unknown,
            },
            Number::Known(-1) => {
                if rest.replace(axis).is_some() {
                    return Err("more than one size is -1".into());
                }
                Dim::Unknown
            }
            number => number.dim().ok_or_else(|| format!("{number:?} is no size"))?,
        });
    }
    let Some(shape) = shape else { return Ok(out) };
    if let Some(rest) = rest {
        let others = out.iter().enumerate().filter(|(axis, _)| *axis != rest).map(|(_, dim)| dim.clone());
        out[rest] = quotient(shape, &others.collect::<Vec<_>>())?;
    } else if let (Some(a), Some(b)) = (super::product(shape), super::product(&out)) {
        if a != b {
            return Err(format!("{a} elements do not have the shape {}", bracketed(&out)));
        }
    } else if out.iter().filter(|dim| **dim == Dim::Unknown).count() == 1 {
        // One number is not known, but the others leave only one choice.
        let unknown = out.iter().position(|dim| *dim == Dim::Unknown).unwrap_or(0);
        let others: Vec<Dim> = out.iter().filter(|dim| **dim != Dim::Unknown).cloned().collect();
        // A number that is not known may be -1 or 0, which says the same.
        out[unknown] = quotient(shape, &others).unwrap_or(Dim::Unknown);
    }
    Ok(out)
}

/// What is left of the product of `all` without `others`.
fn quotient(all: &[Dim], others: &[Dim]) -> Result<Dim, String> {
    let mut left: Vec<Dim> = all.to_vec();
    let mut gone: Vec<Dim> = Vec::new();
    for dim in others {
        match left.iter().position(|other| other == dim && *dim != Dim::Unknown) {
            Some(at) => {
                left.swap_remove(at);
            }
            None => gone.push(dim.clone()),
        }
    }
    if gone.iter().any(|dim| dim.known().is_none()) {
        return Ok(Dim::Unknown);
    }
    let divisor = super::product(&gone).ok_or("sizes too large")?;
    let number: Vec<Dim> = left.iter().filter(|dim| dim.known().is_some()).cloned().collect();
    let number = super::product(&number).ok_or("sizes too large")?;
    let free: Vec<&Dim> = left.iter().filter(|dim| dim.known().is_none()).collect();
    match (free.as_slice(), divisor) {
        ([], 0) => Ok(Dim::Unknown),
        ([], _) if number % divisor == 0 => Ok(Dim::Known(number / divisor)),
        ([], _) => Err(format!("{} cannot be divided among {}", bracketed(all), bracketed(others))),
        ([free], _) if number == divisor => Ok((*free).clone()),
        _ => Ok(Dim::Unknown),
    }
}

impl Operator for Flatten {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let Some(shape) = &x.shape else {
            return Ok(vec![Fact::new(x.element, vec![Dim::Unknown, Dim::Unknown])]);
        };
        let axis = at.node.int_or("axis", 1);
        // The axis may be behind the last.
        let axis =
            if usize::try_from(axis) == Ok(shape.len()) { shape.len() } else { axis_of(axis, shape.len())? };
        Ok(vec![Fact::new(x.element, vec![folded(&shape[..axis]), folded(&shape[axis..])])])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        renamed(inputs, outputs)
    }

    fn moves(&self) -> bool {
        true
    }
}

impl Operator for Squeeze {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let Some(shape) = &x.shape else { return Ok(vec![Fact::maybe(x.element, None)]) };
        let axes = match at.list("axes", inputs, 1) {
            Err(()) => return Ok(vec![Fact::maybe(x.element, None)]),
            Ok(None) if shape.iter().any(|dim| dim.known().is_none()) => {
                return Ok(vec![Fact::maybe(x.element, None)]);
            }
            Ok(None) => (0..shape.len()).filter(|&axis| shape[axis] == Dim::Known(1)).collect(),
            Ok(Some(axes)) => {
                axes.iter().map(|&axis| axis_of(axis, shape.len())).collect::<Result<Vec<_>, _>>()?
            }
        };
        if let Some(&axis) = axes.iter().find(|&&axis| shape[axis].known().is_some_and(|size| size != 1)) {
            return Err(format!("axis {axis} has the size {}, where 1 is expected", shape[axis]));
        }
        let kept = shape.iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
        Ok(vec![Fact::new(x.element, kept.map(|(_, size)| size.clone()).collect())])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        renamed(inputs, outputs)
    }

    fn moves(&self) -> bool {
        true
    }
}

impl Operator for Unsqueeze {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let (Some(shape), Ok(axes)) = (&x.shape, at.list("axes", inputs, 1)) else {
            return Ok(vec![Fact::maybe(x.element, None)]);
        };
        let axes = axes.ok_or("the axes are missing")?;
        let rank = shape.len() + axes.len();
        let mut axes = axes.iter().map(|&axis| axis_of(axis, rank)).collect::<Result<Vec<_>, _>>()?;
        axes.sort_unstable();
        if axes.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(format!("axes {axes:?} name one twice"));
        }
        let mut out = shape.clone();
        for axis in axes {
            out.insert(axis, Dim::Known(1));
        }
        Ok(vec![Fact::new(x.element, out)])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        renamed(inputs, outputs)
    }

    fn moves(&self) -> bool {
        true
    }
}

/// The axes of the input in the order of the output.
fn permutation(at: &Site<'_>, rank: usize) -> Result<Vec<usize>, String> {
    let Some(perm) = at.node.ints("perm") else { return Ok((0..rank).rev().collect()) };
    let order = perm.iter().map(|&axis| axis_of(axis, rank)).collect::<Result<Vec<_>, _>>();
    let order = order.map_err(|error| format!("perm {perm:?}: {error}"))?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if sorted.iter().copied().eq(0..rank) {
        Ok(order)
    } else {
        Err(format!("perm {perm:?} is no order of {rank} axes"))
    }
}

/// The array with its axes in that order.
pub(crate) fn transposed(array: &Array, order: &[usize]) -> Array {
    let steps = strides(&array.shape);
    let shape: Vec<usize> = order.iter().map(|&axis| array.shape[axis]).collect();
    let steps: Vec<isize> = order.iter().map(|&axis| steps[axis]).collect();
    view(array, &shape, &steps, 0)
}

impl Operator for Transpose {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let Some(shape) = &x.shape else { return Ok(vec![Fact::maybe(x.element, None)]) };
        let order = permutation(at, shape.len())?;
        Ok(vec![Fact::new(x.element, order.iter().map(|&axis| shape[axis].clone()).collect())])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let x = inputs.need(0)?;
        Ok(vec![transposed(x, &permutation(at, x.shape.len())?)])
    }

    fn moves(&self) -> bool {
        true
    }
}

impl Operator for Expand {
    fn infer(&self, _at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let (x, shape) = (need(inputs, 0)?, need(inputs, 1)?);
        let target = shape.partial().map(|numbers| {
            let sizes = numbers.iter().map(|n| n.dim().ok_or_else(|| format!("{n:?} is no size")));
            sizes.collect::<Result<Vec<Dim>, String>>()
        });
        let shape = match (&x.shape, target.transpose()?) {
            (Some(shape), Some(target)) => Some(broadcast(&[shape, &target])?),
            _ => None,
        };
        Ok(vec![Fact::maybe(x.element, shape)])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Ok(vec![expanded(inputs.need(0)?, &sizes(outputs, 0)?)])
    }

    fn moves(&self) -> bool {
        true
    }
}

impl Operator for Identity {
    fn infer(&self, _at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        // The content with it: no copy is made.
        Ok(vec![need(inputs, 0)?.clone()])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Ok(vec![inputs.take(0)?])
    }
}

impl Operator for Dropout {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let element = if at.opset < 10 { x.element } else { Some(super::super::proto::element::BOOL) };
        Ok(vec![Fact::maybe(x.element, x.shape.clone()), Fact::maybe(element, x.shape.clone())])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        use super::super::array::Data;
        let ratio = match inputs.get(1).map(|ratio| &ratio.data) {
            Some(Data::F32(values)) => values.first().copied().unwrap_or(0.5),
            _ => at.node.float_or("ratio", 0.5),
        };
        if let Some(Data::Bool(training)) = inputs.get(2).map(|training| &training.data)
            && training.first() == Some(&true)
            && ratio != 0.0
        {
            return Err("in training mode".into());
        }
        let x = inputs.take(0)?;
        let kept = if at.opset < 10 {
            super::cast::converted(
                &Array { shape: x.shape.clone(), data: Data::Bool(vec![true; x.len()]) },
                x.element(),
            )?
        } else {
            Array { shape: x.shape.clone(), data: Data::Bool(vec![true; x.len()]) }
        };
        Ok(if at.node.output.len() > 1 { vec![x, kept] } else { vec![x] })
    }
}

impl Depth {
    fn block(at: &Site<'_>) -> Result<usize, String> {
        let block = at.node.int_or("blocksize", 0);
        usize::try_from(block)
            .ok()
            .filter(|&block| block > 0 && block < 1 << 16)
            .ok_or_else(|| format!("blocksize {block}, which must be at least 1"))
    }
}

impl Operator for Depth {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let Some(shape) = &x.shape else { return Ok(vec![Fact::maybe(x.element, None)]) };
        let [n, c, h, w] = shape.as_slice() else {
            return Err(format!("the input has {} axes, where 4 are expected", shape.len()));
        };
        let block = Self::block(at)?;
        let divided = |dim: &Dim, by: usize| match dim {
            Dim::Known(size) if size % by == 0 => Ok(Dim::Known(size / by)),
            Dim::Known(size) => Err(format!("size {size} is no multiple of {by}")),
            _ => Ok(Dim::Unknown),
        };
        let multiplied = |dim: &Dim, by: usize| {
            dim.known().and_then(|size| size.checked_mul(by)).map_or(Dim::Unknown, Dim::Known)
        };
        let shape = if self.0 {
            vec![n.clone(), divided(c, block * block)?, multiplied(h, block), multiplied(w, block)]
        } else {
            vec![n.clone(), multiplied(c, block * block), divided(h, block)?, divided(w, block)?]
        };
        Ok(vec![Fact::new(x.element, shape)])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let block = Self::block(at)?;
        let out = sizes(outputs, 0)?;
        let mut x = inputs.take(0)?;
        let (n, c, h, w) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3]);
        let crd = at.node.string_or("mode", "DCR") == "CRD";
        let order: [usize; 6] = if !self.0 {
            x.shape = vec![n, c, h / block, block, w / block, block];
            if crd { [0, 1, 3, 5, 2, 4] } else { [0, 3, 5, 1, 2, 4] }
        } else if crd {
            x.shape = vec![n, c / (block * block), block, block, h, w];
            [0, 1, 4, 2, 5, 3]
        } else {
            x.shape = vec![n, block, block, c / (block * block), h, w];
            [0, 3, 4, 1, 5, 2]
        };
        Ok(vec![Array { shape: out, ..transposed(&x, &order) }])
    }
}
