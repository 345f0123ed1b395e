//! Random changes of the training images, made while a batch is written: no image is copied twice, and
//! nothing is allocated.

use rand::{Rng, RngExt};
use rand_distr::{Beta, Distribution};
use serde::{Deserialize, Serialize};

use super::config::Check;
use crate::data::{Dataset, Normalization};

/// Random changes of the training images; the default makes none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentationConfig {
    /// Mirror every second image, left to right.
    pub flip: bool,
    /// Move by up to so many pixels in each direction; what comes in is black, as in a crop from an image
    /// with a black border.
    pub shift: u32,
    /// Side of a square around a random pixel that is set to the mean (DeVries and Taylor 2017); 0 for none.
    pub cutout: u32,
    /// Mix pairs of images and their labels with a share from Beta(mixup, mixup), one a batch (Zhang et al.
    /// 2018); 0 for none.
    pub mixup: f64,
}

impl AugmentationConfig {
    pub(super) fn validate(&self, check: &mut Check) {
        check.not_negative("augmentation.mixup", self.mixup);
    }
}

/// Writes batches: normalised images (n, height, width, channels) and soft targets (n, classes).
pub struct Batcher {
    config: AugmentationConfig,
    mixup: Option<Beta<f64>>,
    affine: Vec<(f32, f32)>,
    images: Vec<f32>,
    targets: Vec<f32>,
    mirrored: Vec<bool>,
}

/// A batch of changed images.
pub struct Batch<'a> {
    /// Normalised images, (n, height, width, channels).
    pub images: &'a [f32],
    /// Soft targets, (n, classes).
    pub targets: &'a [f32],
    /// Which images are mirrored.
    pub mirrored: &'a [bool],
}

impl Batcher {
    /// Buffers for batches of up to `batch` images.
    pub fn new(
        config: AugmentationConfig,
        data: &Dataset,
        normalization: &Normalization,
        batch: usize,
    ) -> Self {
        let mixup = (config.mixup > 0.0).then(|| {
            Beta::new(config.mixup, config.mixup).expect("a positive, finite parameter was checked")
        });
        Self {
            config,
            mixup,
            affine: (0..data.shape().channels).map(|channel| normalization.affine(channel)).collect(),
            images: vec![0.0; batch * data.shape().len()],
            targets: vec![0.0; batch * data.classes().len()],
            mirrored: vec![false; batch],
        }
    }

    /// The images at `indices` as they are, without targets.
    pub fn plain(&mut self, data: &Dataset, indices: std::ops::Range<usize>) -> &[f32] {
        self.mirrored(data, indices, false)
    }

    /// The images at `indices`, all of them mirrored or none, without targets.
    pub fn mirrored(&mut self, data: &Dataset, indices: std::ops::Range<usize>, flip: bool) -> &[f32] {
        let len = data.shape().len();
        let count = indices.len();
        let placement = Placement { flip, ..Placement::default() };
        for (index, output) in indices.zip(self.images.chunks_exact_mut(len)) {
            write(data, index, &self.affine, placement, output);
        }
        &self.images[..count * len]
    }

    /// The images at `indices`, changed at random, and their targets.
    pub fn augmented(&mut self, data: &Dataset, indices: &[usize], rng: &mut impl Rng) -> Batch<'_> {
        let (len, classes) = (data.shape().len(), data.classes().len());
        let images = &mut self.images[..indices.len() * len];
        let targets = &mut self.targets[..indices.len() * classes];
        targets.fill(0.0);
        let rows = images.chunks_exact_mut(len).zip(targets.chunks_exact_mut(classes));
        for ((&index, (image, target)), mirrored) in indices.iter().zip(rows).zip(&mut self.mirrored) {
            let mut placement = Placement::default();
            if self.config.flip {
                placement.flip = rng.random();
            }
            *mirrored = placement.flip;
            let reach = self.config.shift as i32;
            if reach > 0 {
                placement.down = rng.random_range(-reach..=reach) as isize;
                placement.right = rng.random_range(-reach..=reach) as isize;
            }
            write(data, index, &self.affine, placement, image);
            if self.config.cutout > 0 {
                cutout(data, self.config.cutout as usize, image, rng);
            }
            target[usize::from(data.labels()[index])] = 1.0;
        }
        if let Some(beta) = &self.mixup {
            let share = beta.sample(rng) as f32;
            mix_with_reversed(images, len, share);
            mix_with_reversed(targets, classes, share);
        }
        Batch { images, targets, mirrored: &self.mirrored[..indices.len()] }
    }
}

/// Where an image is put: mirrored, then moved.
#[derive(Clone, Copy, Default)]
struct Placement {
    flip: bool,
    down: isize,
    right: isize,
}

fn write(data: &Dataset, index: usize, affine: &[(f32, f32)], placement: Placement, output: &mut [f32]) {
    let shape = data.shape();
    let channels = shape.channels;
    let row = shape.width * channels;
    let image = data.image(index);
    for (y, output) in output.chunks_exact_mut(row).enumerate() {
        let source = y as isize - placement.down;
        let inside = (0..shape.height as isize).contains(&source);
        let source = if inside { &image[source as usize * row..][..row] } else { &[][..] };
        for (channel, &(scale, offset)) in affine.iter().enumerate() {
            if source.is_empty() {
                output[channel..].iter_mut().step_by(channels).for_each(|v| *v = offset);
            } else if !placement.flip && placement.right == 0 {
                let values = source[channel..].iter().step_by(channels);
                for (out, &value) in output[channel..].iter_mut().step_by(channels).zip(values) {
                    *out = f32::from(value) * scale + offset;
                }
            } else {
                for (x, out) in output[channel..].iter_mut().step_by(channels).enumerate() {
                    let x = x as isize - placement.right;
                    let x = if placement.flip { shape.width as isize - 1 - x } else { x };
                    let inside = (0..shape.width as isize).contains(&x);
                    // Black is pixel 0, which the normalisation maps to `offset`.
                    let value = if inside { source[x as usize * channels + channel] } else { 0 };
                    *out = f32::from(value) * scale + offset;
                }
            }
        }
    }
}

/// Sets a square around a random pixel, as far as it lies inside, to zero: the mean after normalisation.
fn cutout(data: &Dataset, side: usize, image: &mut [f32], rng: &mut impl Rng) {
    let shape = data.shape();
    let mut range = |size: usize| {
        let center = rng.random_range(0..size as u32) as usize;
        let start = (center + side.div_ceil(2)).saturating_sub(side);
        start..(center + side.div_ceil(2)).min(size)
    };
    let (rows, columns) = (range(shape.height), range(shape.width));
    for y in rows {
        let row = &mut image[y * shape.width * shape.channels..];
        row[columns.start * shape.channels..columns.end * shape.channels].fill(0.0);
    }
}

/// Row i of `values` (n, len) becomes share * row i + (1 - share) * row n - 1 - i.
fn mix_with_reversed(values: &mut [f32], len: usize, share: f32) {
    let count = values.len() / len;
    let (front, back) = values.split_at_mut(count.div_ceil(2) * len);
    // The middle row of an odd number mixes with itself, which changes nothing.
    for (a, b) in front.chunks_exact_mut(len).zip(back.chunks_exact_mut(len).rev()) {
        for (a, b) in a.iter_mut().zip(b) {
            (*a, *b) = (share * *a + (1.0 - share) * *b, share * *b + (1.0 - share) * *a);
        }
    }
}

#[cfg(test)]
mod tests {
    use lightcrest_graph::network::Shape;

    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// Images 1..=9 (3x3, one channel) and their tenfold, classes 0 and 1.
    fn data() -> Dataset {
        let images = (1..=9).chain((1..=9).map(|v| v * 10)).collect();
        Dataset::new("d", vec!["a".into(), "b".into()], Shape::new(1, 3, 3), images, vec![0, 1]).unwrap()
    }

    /// Pixels come through as they are.
    fn identity(channels: usize) -> Normalization {
        Normalization { mean: vec![0.0; channels], std: vec![1.0 / 255.0; channels] }
    }

    fn placed(placement: Placement) -> Vec<i32> {
        let mut output = vec![0.0; 9];
        write(&data(), 0, &[(1.0, 0.0)], placement, &mut output);
        output.iter().map(|v| *v as i32).collect()
    }

    #[test]
    fn images_are_mirrored_and_moved() {
        assert_eq!(placed(Placement { flip: true, ..Placement::default() }), [3, 2, 1, 6, 5, 4, 9, 8, 7]);
        let placement = Placement { flip: false, down: 1, right: -1 };
        assert_eq!(placed(placement), [0, 0, 0, 2, 3, 0, 5, 6, 0]);
        let placement = Placement { flip: true, down: -2, right: 1 };
        assert_eq!(placed(placement), [0, 9, 8, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn colours_stay_with_their_pixels() {
        let images = (0..12).collect();
        let data = Dataset::new("d", vec!["a".into()], Shape::new(3, 2, 2), images, vec![0]).unwrap();
        let mut output = vec![0.0; 12];
        let affine = [(1.0, 0.5), (1.0, 0.0), (1.0, 0.0)];
        write(&data, 0, &affine, Placement { flip: true, down: 0, right: 1 }, &mut output);
        assert_eq!(output, [0.5, 0.0, 0.0, 3.5, 4.0, 5.0, 0.5, 0.0, 0.0, 9.5, 10.0, 11.0]);
    }

    #[test]
    fn mixup_mixes_images_as_targets() {
        let config = AugmentationConfig { mixup: 0.4, ..AugmentationConfig::default() };
        let mut batcher = Batcher::new(config, &data(), &identity(1), 2);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let Batch { images, targets, .. } = batcher.augmented(&data(), &[0, 1], &mut rng);
        let share = targets[0];
        assert!(share > 0.0 && share < 1.0);
        for (found, expected) in targets.iter().zip([share, 1.0 - share, 1.0 - share, share]) {
            assert!((found - expected).abs() < 1e-6);
        }
        assert!((images[0] - (share + 10.0 * (1.0 - share))).abs() < 1e-4);
        assert!((images[9] - (10.0 * share + (1.0 - share))).abs() < 1e-4);
    }

    #[test]
    fn cutout_clears_one_square() {
        let data = Dataset::new("d", vec!["a".into()], Shape::new(1, 9, 9), vec![255; 81], vec![0]).unwrap();
        let config = AugmentationConfig { cutout: 4, ..AugmentationConfig::default() };
        let mut batcher = Batcher::new(config, &data, &identity(1), 1);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut largest = 0;
        for _ in 0..50 {
            let images = batcher.augmented(&data, &[0], &mut rng).images;
            let cleared = images.iter().filter(|v| **v == 0.0).count();
            assert!((4..=16).contains(&cleared), "{cleared}");
            largest = largest.max(cleared);
        }
        assert_eq!(largest, 16);
    }

    #[test]
    fn the_seed_decides() {
        let config = AugmentationConfig { flip: true, shift: 1, cutout: 2, mixup: 1.0 };
        let batch = |seed| {
            let mut batcher = Batcher::new(config, &data(), &identity(1), 2);
            batcher.augmented(&data(), &[0, 1], &mut ChaCha8Rng::seed_from_u64(seed)).images.to_vec()
        };
        assert_eq!(batch(5), batch(5));
        assert_ne!(batch(5), batch(6));
    }
}
