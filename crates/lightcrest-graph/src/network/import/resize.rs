//! Maps of another size.

use super::super::{Alignment, Interpolate, Op, Upsample};
use super::Importer;
use super::node::name_of;
use super::view::View;

impl Importer<'_> {
    pub(super) fn resize(&mut self, at: usize) -> Result<View, String> {
        let x = self.channels_first(at, 0)?;
        let node = &self.model.graph().node[at];
        let place = node.string_or("coordinate_transformation_mode", "half_pixel");
        let old = node.op_type == "Upsample";
        match (node.string_or("mode", "nearest"), place) {
            ("linear", _) => return self.interpolate(at, &x, if old { "asymmetric" } else { place }),
            ("nearest", _) if old => {}
            ("nearest", "asymmetric" | "half_pixel" | "pytorch_half_pixel") => {}
            (mode, place) => return Err(format!("mode {mode} with coordinates {place} is not understood")),
        }
        let shape = self.network.shape(x.node);
        let sizes = self.facts.known_shape(&node.output[0]).ok_or("the sizes that it makes are not known")?;
        let factor = |new: usize, old: usize| new.is_multiple_of(old).then_some(new / old);
        let factors = match sizes[..] {
            [1, c, h, w] if c == shape.channels => factor(h, shape.height).zip(factor(w, shape.width)),
            _ => None,
        };
        let factor = factors.ok_or("only magnification of maps by whole numbers is understood")?;
        let y = self.push(name_of(node), Op::Upsample(Upsample { factor }), &[x.node])?;
        Ok(View::map(y, self.network.shape(y)))
    }

    /// Bilinear interpolation.
    fn interpolate(&mut self, at: usize, x: &View, place: &str) -> Result<View, String> {
        let node = &self.model.graph().node[at];
        let shape = self.network.shape(x.node);
        let sizes = self.facts.known_shape(&node.output[0]).ok_or("the sizes that it makes are not known")?;
        let size = match sizes[..] {
            [1, c, h, w] if c == shape.channels => (h, w),
            _ => return Err("only maps are interpolated".into()),
        };
        let alignment = match place {
            "half_pixel" => Alignment::HalfPixel,
            // One pixel is the first there, and the middle here.
            "pytorch_half_pixel" if size.0 > 1 && size.1 > 1 => Alignment::HalfPixel,
            "align_corners" => Alignment::Corners,
            "asymmetric" => Alignment::First,
            other => return Err(format!("coordinates {other} are not understood")),
        };
        if node.int_or("antialias", 0) != 0 || node.int_or("exclude_outside", 0) != 0 {
            return Err("smoothing and the exclusion of what lies outside are not understood".into());
        }
        // Scales that are not the quotient of the sizes move the pixels.
        let slot = if node.op_type == "Upsample" { 1 } else { 2 };
        let scales = node.input_name(slot).and_then(|value| self.numbers(value));
        let exact = |scale: f32, from: usize, to: usize| (scale * from as f32 - to as f32).abs() < 1e-3;
        if let Some(scales) = scales.filter(|scales| !scales.is_empty() && alignment != Alignment::Corners) {
            let [.., down, along] = scales[..] else { return Err("its scales are not of a map".into()) };
            if !exact(down, shape.height, size.0) || !exact(along, shape.width, size.1) {
                return Err(format!("scales {down} and {along} do not make {}x{} exactly", size.0, size.1));
            }
        }
        let y = self.push(name_of(node), Op::Interpolate(Interpolate { size, alignment }), &[x.node])?;
        Ok(View::map(y, self.network.shape(y)))
    }
}
