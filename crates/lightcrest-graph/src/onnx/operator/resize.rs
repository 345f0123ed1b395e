//! `Resize` and `Upsample`.

use super::super::array::{Array, Data};
use super::super::facts::Dim;
use super::{Fact, Operands, Operator, Site, axis_of, maybe, need, sizes};

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
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let out = sizes(outputs, 0)?;
        let facts: Vec<Option<Fact>> = (0..inputs.len())
            .map(|slot| {
                inputs.get(slot).filter(|_| slot > 0).map(|a| Fact::constant(std::sync::Arc::new(a.clone())))
            })
            .collect();
        let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
        let mut x = inputs.take(0)?;
        let shape = super::super::facts::known(x.shape.iter().copied());
        let targets = targets(at, &facts, &shape)?.ok_or("the sizes are not known")?;
        let rule = Rule::of(at)?;
        let roi = facts.get(1).copied().flatten().filter(|_| rule.coordinates == Coordinates::Crop);
        let roi = roi.and_then(scales_of).unwrap_or_default();
        let count = targets.len();
        let element = x.element();
        let mut outside = vec![];
        for (entry, target) in targets.iter().enumerate() {
            let (size, new) = (x.shape[target.axis], out[target.axis]);
            if rule.coordinates != Coordinates::Crop && size == new && target.scale == Some(1.0) {
                continue;
            }
            if size == 0 {
                return Err(format!("axis {} is empty", target.axis));
            }
            let crop = (
                f64::from(roi.get(entry).copied().unwrap_or(0.0)),
                f64::from(roi.get(entry + count).copied().unwrap_or(1.0)),
            );
            let axis = Axis { size, new, scale: f64::from(target.scale.unwrap_or(1.0)), crop };
            let taps: Vec<Option<Vec<(usize, f32)>>> =
                (0..new).map(|place| rule.taps(&axis, place)).collect();
            outside.push((target.axis, taps.iter().map(Option::is_none).collect::<Vec<bool>>()));
            x = resampled(&x, target.axis, &taps)?;
        }
        if element != x.element() {
            x = super::cast::converted(&x, element)?;
        }
        let extrapolation = at.node.float_or("extrapolation_value", 0.0);
        if let (Coordinates::Crop, Data::F32(values)) = (rule.coordinates, &mut x.data) {
            for (axis, outside) in outside {
                let inner: usize = out[axis + 1..].iter().product();
                for (place, value) in values.iter_mut().enumerate() {
                    if outside[place / inner.max(1) % out[axis].max(1)] {
                        *value = extrapolation;
                    }
                }
            }
        }
        Ok(vec![x])
    }
}

/// Where a place of the output lies in the input.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    /// A part of the input, `roi`.
    Crop,
}

/// What lies between places.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Between {
    /// The nearest place: of two that are as near, the lower (`Some(false)`) or the higher (`Some(true)`); or
    /// always the lower or the higher.
    Nearest(Nearest),
    Linear,
    /// With its coefficient.
    Cubic(f64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Nearest {
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
}

/// How places are found.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rule {
    coordinates: Coordinates,
    between: Between,
    antialias: bool,
    exclude_outside: bool,
}

/// An axis that changes.
struct Axis {
    size: usize,
    new: usize,
    scale: f64,
    crop: (f64, f64),
}

impl Rule {
    fn of(at: &Site<'_>) -> Result<Self, String> {
        // Before opset 11 coordinates were asymmetric and the nearest place the lower one.
        let old = at.opset < 11 || at.node.op_type == "Upsample";
        let coordinates = at.node.string_or("coordinate_transformation_mode", "half_pixel");
        let coordinates = match coordinates {
            _ if old => Coordinates::Asymmetric,
            "half_pixel" => Coordinates::HalfPixel,
            "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
            "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
            "align_corners" => Coordinates::AlignCorners,
            "asymmetric" => Coordinates::Asymmetric,
            "tf_crop_and_resize" => Coordinates::Crop,
            other => return Err(format!("coordinate_transformation_mode {other:?}")),
        };
        let between = match at.node.string_or("mode", "nearest") {
            "nearest" if old => Between::Nearest(Nearest::Floor),
            "nearest" => Between::Nearest(match at.node.string_or("nearest_mode", "round_prefer_floor") {
                "round_prefer_floor" => Nearest::PreferFloor,
                "round_prefer_ceil" => Nearest::PreferCeil,
                "floor" => Nearest::Floor,
                "ceil" => Nearest::Ceil,
                other => return Err(format!("nearest_mode {other:?}")),
            }),
            // The second name is that of opset 7.
            "linear" | "bilinear" => Between::Linear,
            "cubic" => Between::Cubic(f64::from(at.node.float_or("cubic_coeff_a", -0.75))),
            other => return Err(format!("mode {other:?}")),
        };
        let antialias = at.node.int_or("antialias", 0) != 0;
        let exclude_outside = at.node.int_or("exclude_outside", 0) != 0;
        Ok(Self { coordinates, between, antialias, exclude_outside })
    }

    /// Where a place of the output lies in the input.
    fn original(&self, axis: &Axis, place: usize) -> f64 {
        let (x, size) = (place as f64, axis.size as f64);
        let new = axis.scale * size;
        match self.coordinates {
            Coordinates::HalfPixel => (x + 0.5) / axis.scale - 0.5,
            Coordinates::HalfPixelSymmetric => {
                let offset = size / 2.0 * (1.0 - axis.new as f64 / new);
                offset + (x + 0.5) / axis.scale - 0.5
            }
            Coordinates::PytorchHalfPixel if axis.new <= 1 => 0.0,
            Coordinates::PytorchHalfPixel => (x + 0.5) / axis.scale - 0.5,
            Coordinates::AlignCorners if new == 1.0 => 0.0,
            Coordinates::AlignCorners => x * (size - 1.0) / (new - 1.0),
            Coordinates::Asymmetric => x / axis.scale,
            Coordinates::Crop => {
                let (start, end) = axis.crop;
                if axis.new <= 1 {
                    0.5 * (start + end) * (size - 1.0)
                } else {
                    start * (size - 1.0) + x * (end - start) * (size - 1.0) / (axis.new as f64 - 1.0)
                }
            }
        }
    }

    /// Places of the input with their weights; `None` outside of the input, where that counts.
    fn taps(&self, axis: &Axis, place: usize) -> Option<Vec<(usize, f32)>> {
        let x = self.original(axis, place);
        let last = axis.size as i64 - 1;
        if self.coordinates == Coordinates::Crop && !(0.0..=last as f64).contains(&x) {
            return None;
        }
        let left = x.floor();
        let ratio = x - left;
        let left = left as i64;
        let inside = |place: i64| place.clamp(0, last) as usize;
        if let Between::Nearest(nearest) = self.between {
            let up = match nearest {
                Nearest::PreferFloor => ratio > 0.5,
                Nearest::PreferCeil => ratio >= 0.5,
                Nearest::Floor => false,
                Nearest::Ceil => ratio > 0.0,
            };
            return Some(vec![(inside(left + i64::from(up)), 1.0)]);
        }
        // A filter that is as wide as what it takes together.
        let scale = if self.antialias { axis.scale.min(1.0) } else { 1.0 };
        let reach = if self.between == Between::Linear { 1.0 } else { 2.0 };
        let first = (-reach / scale).floor() as i64 + 1;
        let mut taps: Vec<(i64, f64)> = (first..2 - first)
            .map(|step| (left + step, self.weight(((step as f64 - ratio) * scale).abs())))
            .collect();
        if self.exclude_outside {
            taps.retain(|(place, _)| (0..=last).contains(place));
        }
        let total: f64 = taps.iter().map(|(_, weight)| weight).sum();
        Some(taps.into_iter().map(|(place, weight)| (inside(place), (weight / total) as f32)).collect())
    }

    /// Weight at a distance.
    fn weight(&self, x: f64) -> f64 {
        match self.between {
            Between::Cubic(a) if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
            Between::Cubic(a) if x < 2.0 => ((x - 5.0) * x + 8.0) * a * x - 4.0 * a,
            Between::Linear if x < 1.0 => 1.0 - x,
            _ => 0.0,
        }
    }
}

/// Sums along an axis.
fn resampled(x: &Array, axis: usize, taps: &[Option<Vec<(usize, f32)>>]) -> Result<Array, String> {
    let single: Option<Vec<usize>> = taps
        .iter()
        .map(|taps| match taps.as_deref() {
            None => Some(0),
            Some([(place, _)]) => Some(*place),
            Some(_) => None,
        })
        .collect();
    if let Some(places) = single {
        return Ok(super::view::take(x, axis, &places));
    }
    let wide;
    let values = match x.as_f32() {
        Some(values) => values,
        None => {
            wide = super::cast::converted(x, super::super::proto::element::FLOAT)?;
            wide.as_f32().unwrap_or_default()
        }
    };
    let (size, inner) = (x.shape[axis], x.shape[axis + 1..].iter().product::<usize>());
    let mut shape = x.shape.clone();
    shape[axis] = taps.len();
    let mut result = Vec::with_capacity(shape.iter().product());
    for block in values.chunks((size * inner).max(1)) {
        for taps in taps {
            let start = result.len();
            result.resize(start + inner, 0.0f32);
            for &(place, weight) in taps.iter().flatten().filter(|(_, weight)| *weight != 0.0) {
                let from = &block[place * inner..(place + 1) * inner];
                result[start..].iter_mut().zip(from).for_each(|(sum, value)| *sum += weight * value);
            }
        }
    }
    Ok(Array::f32(shape, result))
}
