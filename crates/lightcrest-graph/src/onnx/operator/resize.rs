//! `Resize` and `Upsample`.

use super::super::array::{Array, Data};
use super::super::facts::Dim;
use super::{Fact, Operands, Operator, Site, axis_of, maybe, need};

/// `Resize` and `Upsample`.
pub(super) struct Resize;

/// What an axis becomes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target {
    pub(super) axis: usize,
    /// Output over input, as given or as follows from the sizes.
    pub(super) scale: Option<f32>,
    pub(super) size: Dim,
}

/// The numbers of a list of scales.
fn scales_of(fact: &Fact) -> Option<Vec<f32>> {
    fact.array()?.as_f32().map(<[f32]>::to_vec)
}

/// Whether an input is left out: absent or, as in opset 11, empty.
fn absent(fact: Option<&Fact>) -> bool {
    fact.is_none_or(|fact| fact.shape.as_deref() == Some(&[Dim::Known(0)]))
}

/// What becomes of the axes that are named; `None` when it is not known.
pub(super) fn targets(
    at: &Site<'_>,
    inputs: &[Option<&Fact>],
    shape: &[Dim],
) -> Result<Option<Vec<Target>>, String> {
    let rank = shape.len();
    let axes = match at.node.ints("axes") {
        Some(axes) => axes.iter().map(|&axis| axis_of(axis, rank)).collect::<Result<Vec<_>, _>>()?,
        None => (0..rank).collect::<Vec<_>>(),
    };
    let old = at.opset < 11 || at.node.op_type == "Upsample";
    let scales = if old { maybe(inputs, 1) } else { maybe(inputs, 2) };
    let sizes = if old { None } else { maybe(inputs, 3) };
    if let Some(sizes) = sizes.filter(|sizes| !absent(Some(sizes))) {
        let Some(numbers) = sizes.partial() else { return Ok(None) };
        if numbers.len() != axes.len() {
            return Err(format!("{} sizes for {} axes", numbers.len(), axes.len()));
        }
        let mut targets = Vec::with_capacity(axes.len());
        for (&axis, number) in axes.iter().zip(&numbers) {
            let size = number.dim().ok_or_else(|| format!("{number:?} is no size"))?;
            let scale = match (&size, &shape[axis]) {
                (Dim::Known(out), Dim::Known(size)) if *size > 0 => Some(*out as f32 / *size as f32),
                _ => None,
            };
            targets.push(Target { axis, scale, size });
        }
        return kept_ratio(at, targets, shape).map(Some);
    }
    let scales = match at.node.attribute("scales") {
        Some(scales) => Some(scales.floats.clone()),
        None => match scales {
            Some(fact) => scales_of(fact),
            None => return Err("neither scales nor sizes are given".into()),
        },
    };
    let Some(scales) = scales else { return Ok(None) };
    if scales.len() != axes.len() {
        return Err(format!("{} scales for {} axes", scales.len(), axes.len()));
    }
    let targets = axes.iter().zip(&scales).map(|(&axis, &scale)| {
        if !(scale > 0.0 && scale.is_finite()) {
            return Err(format!("a scale of {scale}"));
        }
        let size = match &shape[axis] {
            Dim::Known(size) => Dim::Known((*size as f64 * f64::from(scale)).floor() as usize),
            dim if scale == 1.0 => dim.clone(),
            _ => Dim::Unknown,
        };
        Ok(Target { axis, scale: Some(scale), size })
    });
    targets.collect::<Result<Vec<_>, String>>().map(Some)
}

/// Sizes that keep the ratio of the axes, when the node asks for it.
fn kept_ratio(at: &Site<'_>, mut targets: Vec<Target>, shape: &[Dim]) -> Result<Vec<Target>, String> {
    let policy = at.node.string_or("keep_aspect_ratio_policy", "stretch");
    if policy == "stretch" {
        return Ok(targets);
    }
    let scales: Option<Vec<f32>> = targets.iter().map(|target| target.scale).collect();
    let scale = match policy {
        "not_larger" => scales.map(|scales| scales.into_iter().fold(f32::INFINITY, f32::min)),
        "not_smaller" => scales.map(|scales| scales.into_iter().fold(0.0, f32::max)),
        other => return Err(format!("keep_aspect_ratio_policy {other:?}")),
    };
    for target in &mut targets {
        target.scale = scale;
        target.size = match (scale, &shape[target.axis]) {
            (Some(scale), Dim::Known(size)) => {
                Dim::Known((f64::from(scale) * *size as f64 + 0.5).floor() as usize)
            }
            _ => Dim::Unknown,
        };
    }
    Ok(targets)
}

impl Operator for Resize {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let Some(shape) = &x.shape else { return Ok(vec![Fact::maybe(x.element, None)]) };
        let Some(targets) = targets(at, inputs, shape)? else {
            return Ok(vec![Fact::new(x.element, vec![Dim::Unknown; shape.len()])]);
        };
        let mut out = shape.clone();
        for target in targets {
            out[target.axis] = target.size;
        }
        Ok(vec![Fact::new(x.element, out)])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        _inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let _ = Data::F32(vec![]);
        Err("is not computed".into())
    }
}
