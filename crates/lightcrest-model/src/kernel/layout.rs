//! Where the pixels of a channels-last map lie.

use super::Element;

/// Layout of one image of a map; images follow each other.
///
/// ```text
/// image:  halo.0 rows of zeros, `height` rows, halo.0 rows of zeros
/// row:    halo.1 pixels of zeros, `width` pixels, halo.1 pixels of zeros
/// pixel:  `channels` values, padding up to `stride`
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) channels: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// Elements from pixel to pixel: the channels, padded to whole vectors.
    pub(crate) stride: usize,
    /// Rows above and below, pixels left and right.
    pub(crate) halo: (usize, usize),
}

impl Layout {
    /// A map without halo, its channels padded to a multiple of `lanes`.
    pub(crate) fn new(channels: usize, height: usize, width: usize, lanes: usize) -> Self {
        Self { channels, height, width, stride: channels.next_multiple_of(lanes), halo: (0, 0) }
    }

    /// Elements from row to row.
    pub(crate) fn row(&self) -> usize {
        (self.width + 2 * self.halo.1) * self.stride
    }

    /// Elements from image to image.
    pub(crate) fn image(&self) -> usize {
        (self.height + 2 * self.halo.0) * self.row()
    }

    /// First element of pixel (0, 0).
    pub(crate) fn origin(&self) -> usize {
        self.halo.0 * self.row() + self.halo.1 * self.stride
    }

    /// First element of pixel (y, 0) of an image.
    pub(crate) fn row_start(&self, image: usize, y: usize) -> usize {
        image * self.image() + self.origin() + y * self.row()
    }

    /// Number of positions of an image.
    pub(crate) fn area(&self) -> usize {
        self.height * self.width
    }

    /// Sets the halo of `images` images to zero.
    pub(crate) fn clear_halo<E: Element>(&self, images: usize, data: &mut [E]) {
        if self.halo == (0, 0) {
            return;
        }
        let side = self.halo.1 * self.stride;
        for image in data[..images * self.image()].chunks_exact_mut(self.image()) {
            let (top, rest) = image.split_at_mut(self.halo.0 * self.row());
            let (rows, bottom) = rest.split_at_mut(self.height * self.row());
            top.fill(E::default());
            bottom.fill(E::default());
            for row in rows.chunks_exact_mut(self.row()) {
                row[..side].fill(E::default());
                row[side + self.width * self.stride..].fill(E::default());
            }
        }
    }
}

/// Contiguous runs of pixels of `images` images of several maps of one size: the first element of the run in
/// every map and its number of pixels, at most `limit`. Whole batches are one run where no map has a halo.
///
/// Not a closure and not `Iterator`: kernels need it inlined (see the module's head).
pub(crate) struct Runs<const N: usize> {
    layouts: [Layout; N],
    rows: usize,
    pixels: usize,
    limit: usize,
    height: usize,
    row: usize,
    done: usize,
}

impl<const N: usize> Runs<N> {
    #[inline(always)]
    pub(crate) fn new(layouts: [&Layout; N], images: usize, limit: usize) -> Self {
        let layouts = layouts.map(|l| *l);
        let first = layouts[0];
        debug_assert!(layouts.iter().all(|l| (l.height, l.width) == (first.height, first.width)));
        let flat = layouts.iter().all(|l| l.halo == (0, 0));
        let (rows, pixels, height) = if flat {
            (1, images * first.area(), 1)
        } else {
            (images * first.height, first.width, first.height)
        };
        Self { layouts, rows, pixels, limit, height, row: 0, done: 0 }
    }

    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<([usize; N], usize)> {
        if self.done == self.pixels {
            self.row += 1;
            self.done = 0;
        }
        if self.row >= self.rows || self.pixels == 0 {
            return None;
        }
        let (image, y) = (self.row / self.height, self.row % self.height);
        let mut at = [0; N];
        for i in 0..N {
            let layout = &self.layouts[i];
            at[i] = layout.row_start(image, y) + self.done * layout.stride;
        }
        let count = (self.pixels - self.done).min(self.limit);
        self.done += count;
        Some((at, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_every_pixel_once() {
        let flat = Layout::new(3, 2, 5, 4);
        let framed = Layout { halo: (1, 2), ..flat };
        let mut seen = Vec::new();
        let mut runs = Runs::new([&flat, &framed], 3, 2);
        while let Some(([a, b], count)) = runs.next() {
            for i in 0..count {
                let pixel = a / 4 + i;
                assert_eq!(b + i * 4, framed.row_start(pixel / 10, pixel / 5 % 2) + pixel % 5 * 4);
                seen.push(pixel);
            }
        }
        assert_eq!(seen, (0..30).collect::<Vec<_>>());
        let mut whole = Runs::new([&flat], 3, usize::MAX);
        assert_eq!(whole.next(), Some(([0], 30)));
        assert_eq!(whole.next(), None);
    }

    #[test]
    fn the_halo_is_cleared_and_nothing_else() {
        let layout = Layout { halo: (1, 1), ..Layout::new(2, 2, 2, 2) };
        let mut data = vec![1.0f32; 2 * layout.image()];
        layout.clear_halo(2, &mut data);
        assert_eq!(data.iter().sum::<f32>(), (2 * 2 * 2 * 2) as f32);
        assert_eq!(data[layout.row_start(1, 1)], 1.0);
    }
}
