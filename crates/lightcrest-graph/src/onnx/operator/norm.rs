//! Normalisation: over the batch (by statistics of training), a map, groups of channels, the last axes,
//! neighbouring channels, one axis.

use super::super::array::Array;
use super::super::facts::Dim;
use super::{Fact, Operands, Operator, Site, maybe, merged, need};

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
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Err("is not computed".into())
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
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Err("is not computed".into())
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
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        Err("is not computed".into())
    }
}
