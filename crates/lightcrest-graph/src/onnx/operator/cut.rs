//! Arrays joined and cut: `Concat`, `Split`, `Slice`, `Pad`, `Tile`.

use super::super::array::Array;
use super::super::facts::{Dim, bracketed};
use super::view::{concatenated, strides, take, view};
use super::{Fact, Operands, Operator, Site, axis_of, maybe, merged, need, sizes};

/// `Concat`.
pub(super) struct Concat;
/// `Split`.
pub(super) struct Split;
/// `Slice`.
pub(super) struct Slice;
/// `Pad`.
pub(super) struct Pad;
/// `Tile`.
pub(super) struct Tile;

impl Operator for Concat {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let element = inputs.iter().flatten().find_map(|fact| fact.element);
        let shapes: Option<Vec<&[Dim]>> = (0..inputs.len())
            .map(|slot| need(inputs, slot).map(|fact| fact.shape.as_deref()))
            .collect::<Result<_, _>>()?;
        let Some(shapes) = shapes else { return Ok(vec![Fact::maybe(element, None)]) };
        let Some(first) = shapes.first() else { return Err("there is no input".into()) };
        let axis = at.axis(1, first.len())?;
        let mut out = first.to_vec();
        for (slot, shape) in shapes.iter().enumerate().skip(1) {
            if shape.len() != first.len() {
                return Err(format!("input {slot} has {} axes, input 0 has {}", shape.len(), first.len()));
            }
            for other in (0..first.len()).filter(|&other| other != axis) {
                out[other] = merged(&out[other], &shape[other])
                    .map_err(|error| format!("axis {other} of input {slot}: {error}"))?;
            }
        }
        let total = shapes.iter().try_fold(0usize, |sum, shape| sum.checked_add(shape[axis].known()?));
        out[axis] = match (total, shapes.as_slice()) {
            (Some(total), _) => Dim::Known(total),
            (None, [only]) => only[axis].clone(),
            (None, _) => Dim::Unknown,
        };
        Ok(vec![Fact::new(element, out)])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        _outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let arrays = (0..inputs.len()).map(|slot| inputs.need(slot)).collect::<Result<Vec<_>, _>>()?;
        let axis = at.axis(1, arrays[0].shape.len())?;
        concatenated(&arrays, axis)
            .map(|array| vec![array])
            .ok_or_else(|| "of elements of several types".into())
    }

    fn moves(&self) -> bool {
        true
    }
}

impl Split {
    /// Sizes of the parts; `None` when they are not known.
    fn parts(at: &Site<'_>, inputs: &[Option<&Fact>], size: &Dim) -> Result<Option<Vec<usize>>, String> {
        let count = at.node.output.len();
        let Ok(given) = at.list("split", inputs, 1) else { return Ok(None) };
        if let Some(given) = given {
            let parts: Option<Vec<usize>> = given.iter().map(|&part| usize::try_from(part).ok()).collect();
            let total = parts.as_ref().and_then(|p| p.iter().try_fold(0usize, |a, &b| a.checked_add(b)));
            let fits = total.is_some() && size.known().is_none_or(|size| Some(size) == total);
            return if fits && given.len() == count {
                Ok(parts)
            } else {
                Err(format!("parts {given:?} of an axis of size {size} for {count} outputs"))
            };
        }
        let Some(size) = size.known() else { return Ok(None) };
        if count == 0 {
            return Err("there is no output".into());
        }
        // Equal parts, the last smaller; before opset 18 the size had to be a multiple.
        let part = size.div_ceil(count);
        if part * (count - 1) > size || (at.opset < 18 && size % count != 0) {
            return Err(format!("an axis of size {size} does not make {count} parts"));
        }
        Ok(Some((0..count).map(|at| if at + 1 < count { part } else { size - part * (count - 1) }).collect()))
    }
}

impl Operator for Split {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let count = at.node.output.len();
        let Some(shape) = &x.shape else { return Ok(vec![Fact::maybe(x.element, None); count]) };
        let axis = at.axis(0, shape.len())?;
        let parts = Self::parts(at, inputs, &shape[axis])?;
        let part = |index: usize| parts.as_ref().map_or(Dim::Unknown, |parts| Dim::Known(parts[index]));
        let outputs = (0..count).map(|index| {
            let mut shape = shape.clone();
            shape[axis] = part(index);
            Fact::new(x.element, shape)
        });
        Ok(outputs.collect())
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let x = inputs.need(0)?;
        let axis = at.axis(0, x.shape.len())?;
        let steps = strides(&x.shape);
        let mut start = 0;
        let mut parts = Vec::with_capacity(outputs.len());
        for slot in 0..outputs.len() {
            let shape = sizes(outputs, slot)?;
            parts.push(view(x, &shape, &steps, start * steps[axis] as usize));
            start += shape[axis];
        }
        Ok(parts)
    }

    fn moves(&self) -> bool {
        true
    }
}

/// Which part of an axis a slice takes: the first index, the step, and how many.
struct Range {
    axis: usize,
    start: usize,
    step: isize,
    count: usize,
}

/// Starts, ends, axes and steps of a slice.
struct Bounds {
    starts: Vec<i64>,
    ends: Vec<i64>,
    axes: Vec<usize>,
    steps: Vec<i64>,
}

impl Slice {
    /// What is to be taken, `None` when it is not known.
    fn bounds(at: &Site<'_>, inputs: &[Option<&Fact>], rank: usize) -> Result<Option<Bounds>, String> {
        let lists = (
            at.list("starts", inputs, 1),
            at.list("ends", inputs, 2),
            at.list("axes", inputs, 3),
            at.list("steps", inputs, 4),
        );
        let (Ok(starts), Ok(ends), Ok(axes), Ok(steps)) = lists else { return Ok(None) };
        let starts = starts.ok_or("starts are missing")?;
        let ends = ends.ok_or("ends are missing")?;
        let axes = match axes {
            Some(axes) => axes.iter().map(|&axis| axis_of(axis, rank)).collect::<Result<Vec<_>, _>>()?,
            None => (0..starts.len()).collect(),
        };
        let steps = steps.unwrap_or_else(|| vec![1; starts.len()]);
        let count = starts.len();
        if [ends.len(), axes.len(), steps.len()] != [count; 3] || axes.iter().any(|&axis| axis >= rank) {
            return Err(format!(
                "starts {starts:?}, ends {ends:?}, axes {axes:?}, steps {steps:?} of {rank} axes"
            ));
        }
        if steps.contains(&0) {
            return Err("a step of 0".into());
        }
        Ok(Some(Bounds { starts, ends, axes, steps }))
    }

    fn range(bounds: &Bounds, entry: usize, size: usize) -> Range {
        let (size, step) = (size as i64, bounds.steps[entry]);
        let from_front = |place: i64| if place < 0 { place.saturating_add(size) } else { place };
        let (start, end) = (from_front(bounds.starts[entry]), from_front(bounds.ends[entry]));
        let (start, count) = if step > 0 {
            let (start, end) = (start.clamp(0, size), end.clamp(0, size));
            (start, (end - start + step.min(size + 1) - 1) / step.min(size + 1))
        } else {
            let (start, end) = (start.clamp(-1, size - 1), end.clamp(-1, size - 1));
            let step = step.max(-size - 1);
            (start, (end - start + step + 1) / step)
        };
        let count = count.max(0) as usize;
        Range { axis: bounds.axes[entry], start: start.max(0) as usize, step: step as isize, count }
    }
}

/// Whether a bound is the end of any axis, as exporters write it.
fn endless(end: i64) -> bool {
    end >= i64::from(i32::MAX)
}

impl Operator for Slice {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let Some(shape) = &x.shape else { return Ok(vec![Fact::maybe(x.element, None)]) };
        let Some(bounds) = Self::bounds(at, inputs, shape.len())? else {
            // Only the axes may be known.
            let axes = at.list("axes", inputs, 3).ok().flatten();
            let axes = axes.and_then(|axes| {
                axes.iter().map(|&axis| axis_of(axis, shape.len())).collect::<Result<Vec<_>, _>>().ok()
            });
            let shape = shape.iter().enumerate().map(|(axis, dim)| match &axes {
                Some(axes) if !axes.contains(&axis) => dim.clone(),
                _ => Dim::Unknown,
            });
            return Ok(vec![Fact::new(x.element, shape.collect())]);
        };
        let mut out = shape.clone();
        for (entry, &axis) in bounds.axes.iter().enumerate() {
            out[axis] = match &shape[axis] {
                Dim::Known(size) => Dim::Known(Self::range(&bounds, entry, *size).count),
                // All of a free size is itself.
                dim if bounds.starts[entry] == 0
                    && endless(bounds.ends[entry])
                    && bounds.steps[entry] == 1 =>
                {
                    dim.clone()
                }
                _ => Dim::Unknown,
            };
        }
        Ok(vec![Fact::new(x.element, out)])
    }

    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let facts: Vec<Option<Fact>> = (0..inputs.len())
            .map(|slot| {
                inputs.get(slot).filter(|_| slot > 0).map(|a| Fact::constant(std::sync::Arc::new(a.clone())))
            })
            .collect();
        let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
        let x = inputs.need(0)?;
        let bounds = Self::bounds(at, &facts, x.shape.len())?.ok_or("the bounds are not known")?;
        let mut steps = strides(&x.shape);
        let mut start = 0;
        for (entry, &axis) in bounds.axes.iter().enumerate() {
            let range = Self::range(&bounds, entry, x.shape[axis]);
            start += range.start * steps[axis] as usize;
            steps[range.axis] *= range.step;
        }
        Ok(vec![view(x, &sizes(outputs, 0)?, &steps, start)])
    }

    fn moves(&self) -> bool {
        true
    }
}

impl Pad {
    /// (before, behind) of each axis; `None` when not known.
    fn pads(at: &Site<'_>, inputs: &[Option<&Fact>], rank: usize) -> Result<Option<Vec<(i64, i64)>>, String> {
        // Opset 1 had another name for them.
        let name = if at.node.ints("paddings").is_some() { "paddings" } else { "pads" };
        let (Ok(pads), Ok(axes)) = (at.list(name, inputs, 1), at.list("axes", inputs, 3)) else {
            return Ok(None);
        };
        let pads = pads.ok_or("pads are missing")?;
        let axes = match axes {
            Some(axes) => axes.iter().map(|&axis| axis_of(axis, rank)).collect::<Result<Vec<_>, _>>()?,
            None => (0..rank).collect(),
        };
        if pads.len() != 2 * axes.len() || pads.iter().any(|pad| pad.unsigned_abs() > 1 << 40) {
            return Err(format!("pads {pads:?} for {} axes", axes.len()));
        }
        let mut all = vec![(0, 0); rank];
        for (entry, &axis) in axes.iter().enumerate() {
            all[axis] = (pads[entry], pads[entry + axes.len()]);
        }
        Ok(Some(all))
    }
}

impl Operator for Pad {
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let Some(shape) = &x.shape else { return Ok(vec![Fact::maybe(x.element, None)]) };
        let Some(pads) = Self::pads(at, inputs, shape.len())? else {
            return Ok(vec![Fact::new(x.element, vec![Dim::Unknown; shape.len()])]);
        };
        let mut out = Vec::with_capacity(shape.len());
        for (dim, (before, behind)) in shape.iter().zip(pads) {
            out.push(match dim {
                Dim::Known(size) => {
                    let padded = (*size as i64).saturating_add(before).saturating_add(behind);
                    let size = usize::try_from(padded);
                    Dim::Known(
                        size.map_err(|_| format!("pads {before} and {behind} of an axis of size {size:?}"))?,
                    )
                }
                _ if before == 0 && behind == 0 => dim.clone(),
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
        let facts: Vec<Option<Fact>> = (0..inputs.len())
            .map(|slot| {
                inputs.get(slot).filter(|_| slot > 0).map(|a| Fact::constant(std::sync::Arc::new(a.clone())))
            })
            .collect();
        let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
        let out = sizes(outputs, 0)?;
        let mode = at.node.string_or("mode", "constant");
        let value = match inputs.get(2) {
            Some(value) => Some(value.clone()),
            None => at.node.attribute("value").and_then(|a| a.f).map(|v| Array::f32([], vec![v])),
        };
        let mut x = inputs.take(0)?;
        let pads = Self::pads(at, &facts, x.shape.len())?.ok_or("the pads are not known")?;
        if mode == "constant" {
            return constant_pad(x, &pads, value).map(|array| vec![array]);
        }
        for (axis, &(before, _)) in
            pads.iter().enumerate().filter(|(axis, pad)| out[*axis] > 0 && **pad != (0, 0))
        {
            let size = x.shape[axis] as i64;
            if size == 0 {
                return Err(format!("axis {axis} is empty, and has nothing to repeat"));
            }
            let indices = (0..out[axis] as i64).map(|place| {
                let place = place - before;
                (match mode {
                    "edge" => place.clamp(0, size - 1),
                    "wrap" => place.rem_euclid(size),
                    _ if size == 1 => 0,
                    _ => {
                        let around = place.rem_euclid(2 * size - 2);
                        if around < size { around } else { 2 * size - 2 - around }
                    }
                }) as usize
            });
            x = take(&x, axis, &indices.collect::<Vec<_>>());
        }
        Ok(vec![x])
    }
}

/// The array with zeros, or another value, around it; less of it where a pad is below zero.
pub(super) fn constant_pad(mut x: Array, pads: &[(i64, i64)], value: Option<Array>) -> Result<Array, String> {
    for (axis, &(before, behind)) in pads.iter().enumerate() {
        let (cut_before, cut_behind) = ((-before).max(0) as usize, (-behind).max(0) as usize);
        if cut_before + cut_behind > 0 {
            let kept: Vec<usize> = (cut_before..x.shape[axis].saturating_sub(cut_behind)).collect();
            x = take(&x, axis, &kept);
        }
        let filled = |count: i64| -> Result<Option<Array>, String> {
            let Ok(count @ 1..) = usize::try_from(count) else { return Ok(None) };
            let mut shape = x.shape.clone();
            shape[axis] = count;
            let one = match &value {
                Some(value) if value.data.is_empty() => return Err("the value is empty".into()),
                Some(value) => super::cast::converted(value, x.element())?,
                None => super::cast::converted(&Array::f32([], vec![0.0]), x.element())?,
            };
            let none = vec![0; shape.len()];
            Ok(Some(view(&one, &shape, &none, 0)))
        };
        let (front, back) = (filled(before)?, filled(behind)?);
        let parts: Vec<&Array> = front.iter().chain([&x]).chain(back.iter()).collect();
        if parts.len() > 1 {
            x = concatenated(&parts, axis).ok_or("the value is of another type")?;
        }
    }
    Ok(x)
}

impl Operator for Tile {
    fn infer(&self, _at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
        let x = need(inputs, 0)?;
        let Some(shape) = &x.shape else { return Ok(vec![Fact::maybe(x.element, None)]) };
        let Some(repeats) = maybe(inputs, 1).and_then(Fact::partial) else {
            return Ok(vec![Fact::new(x.element, vec![Dim::Unknown; shape.len()])]);
        };
        if repeats.len() != shape.len() {
            return Err(format!("{} repeats for the shape {}", repeats.len(), bracketed(shape)));
        }
        let mut out = Vec::with_capacity(shape.len());
        for (dim, repeat) in shape.iter().zip(&repeats) {
            let repeat = repeat.dim().ok_or_else(|| format!("a repeat of {repeat:?}"))?;
            out.push(match (dim, &repeat) {
                (Dim::Known(a), Dim::Known(b)) => Dim::Known(a.checked_mul(*b).ok_or("a size too large")?),
                (dim, Dim::Known(1)) => dim.clone(),
                (Dim::Known(1), repeat) => repeat.clone(),
                _ => Dim::Unknown,
            });
        }
        Ok(vec![Fact::new(x.element, out)])
    }

    fn evaluate(
        &self,
        _at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String> {
        let out = sizes(outputs, 0)?;
        let mut x = inputs.take(0)?;
        for (axis, &size) in out.iter().enumerate() {
            if size != x.shape[axis] {
                let old = x.shape[axis];
                x = take(&x, axis, &(0..size).map(|place| place % old).collect::<Vec<_>>());
            }
        }
        Ok(vec![x])
    }

    fn moves(&self) -> bool {
        true
    }
}
