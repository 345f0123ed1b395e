//! Pooling: over windows, over all positions, over regions.

use super::super::array::Array;
use super::super::facts::Dim;
use super::super::proto::element;
use super::window::{Window, kernel_shape};
use super::{Fact, Operands, Operator, Site, maybe, need};

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
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Err("is not computed".into())
    }
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
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Err("is not computed".into())
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
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Err("is not computed".into())
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
