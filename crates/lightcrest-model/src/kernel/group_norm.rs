//! Normalisation of groups of channels over the positions of an image (Wu & He 2018).
//!
//! | symbol | meaning |
//! |---|---|
//! | r | 1 / sqrt(var + epsilon), of a group of one image |
//! | y = (x - mean) r | output |
//!
//! dx = r (dy - mean(dy) - y mean(dy y)). Mean and r are computed anew from x, so that nothing is stored.

use lightcrest_graph::network::GroupNorm;

use super::{Element, Isa, Kernel, Layout};

/// Forward, or with `dy` the gradient of the input.
pub(crate) struct NormalizeGroups<'a, E> {
    pub(crate) images: usize,
    pub(crate) norm: &'a GroupNorm,
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) dy: Option<(&'a [E], &'a Layout)>,
    /// The output, or dx.
    pub(crate) y: &'a mut [E],
    pub(crate) y_layout: &'a Layout,
    pub(crate) accumulate: bool,
    /// Four numbers for each channel.
    pub(crate) room: &'a mut [f64],
}

/// The channels of every pixel of an image.
#[inline(always)]
fn pixels<'a, E>(values: &'a [E], layout: &'a Layout, image: usize) -> impl Iterator<Item = &'a [E]> {
    (0..layout.height).flat_map(move |row| {
        let row = &values[layout.row_start(image, row)..][..layout.width * layout.stride];
        row.chunks_exact(layout.stride).map(|pixel| &pixel[..layout.channels])
    })
}

/// Every channel's number becomes the mean over its group, of `count` values each.
fn over_groups(sums: &mut [f64], groups: usize, count: f64) {
    let size = sums.len() / groups;
    for group in sums.chunks_exact_mut(size) {
        let mean = group.iter().sum::<f64>() / count;
        group.fill(mean);
    }
}

impl<E: Element> Kernel<E> for NormalizeGroups<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, _: I) {
        let Self { x, x_layout, y_layout, norm, dy, .. } = self;
        let channels = x_layout.channels;
        let count = (channels / norm.groups * x_layout.height * x_layout.width) as f64;
        let (mean, rest) = self.room.split_at_mut(channels);
        let (r, rest) = rest.split_at_mut(channels);
        let (sum, product) = rest.split_at_mut(channels);
        for image in 0..self.images {
            // In two passes, so that a large mean does not cancel the variance.
            mean.fill(0.0);
            for pixel in pixels(x, x_layout, image) {
                mean.iter_mut().zip(pixel).for_each(|(sum, v)| *sum += v.f64());
            }
            over_groups(mean, norm.groups, count);
            r.fill(0.0);
            for pixel in pixels(x, x_layout, image) {
                let squares = r.iter_mut().zip(pixel).zip(&*mean);
                squares.for_each(|((sum, v), mean)| *sum += (v.f64() - mean) * (v.f64() - mean));
            }
            over_groups(r, norm.groups, count);
            r.iter_mut().for_each(|var| *var = 1.0 / (*var + norm.epsilon).sqrt());
            if let Some((dy, layout)) = dy {
                sum.fill(0.0);
                product.fill(0.0);
                for (x, dy) in pixels(x, x_layout, image).zip(pixels(dy, layout, image)) {
                    for c in 0..channels {
                        let dy = dy[c].f64();
                        sum[c] += dy;
                        product[c] += dy * (x[c].f64() - mean[c]) * r[c];
                    }
                }
                over_groups(sum, norm.groups, count);
                over_groups(product, norm.groups, count);
            }
            for row in 0..x_layout.height {
                for column in 0..x_layout.width {
                    let at = |layout: &Layout| layout.row_start(image, row) + column * layout.stride;
                    let x = &x[at(x_layout)..][..channels];
                    let y = &mut self.y[at(y_layout)..][..channels];
                    let dy = dy.map(|(dy, layout)| &dy[at(layout)..][..channels]);
                    for c in 0..channels {
                        let normal = (x[c].f64() - mean[c]) * r[c];
                        let value = match dy {
                            None => normal,
                            Some(dy) => r[c] * (dy[c].f64() - sum[c] - normal * product[c]),
                        };
                        let old = if self.accumulate { y[c] } else { E::default() };
                        y[c] = old + E::of(value);
                    }
                }
            }
        }
    }
}
