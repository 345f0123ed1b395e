//! Data sets: what is loaded, how it is split, and how its pixels are normalised.
//!
//! A loader ([`digits`], [`idx`], [`cifar`], [`folder`]) returns a [`Source`]: the images to learn from and,
//! where the data set has its own, the test images. [`Source::split`] makes [`Splits`], which the search
//! holds, and a [`TestSplit`], which opens once and is consumed by it: code that chooses a model cannot look
//! at the test images twice. A [`DataIdentity`] tells later whether the images are still the same.
//!
//! Images are `u8`, channels last (n, height, width, channels), because a batch is assembled from them pixel
//! by pixel and most of a data set is never augmented at the same time.

pub mod cifar;
mod config;
pub mod digits;
mod error;
pub mod folder;
mod gzip;
mod identity;
pub mod idx;
mod passed_over;
mod resize;
mod split;

pub use config::{Channels, DataConfig, Loaded, SourceKind};
pub use error::DataError;
pub use identity::DataIdentity;
pub(crate) use identity::checksum;
pub use passed_over::PassedOver;
pub use split::{Source, SplitConfig, Splits, TestSplit};

pub use lightcrest_graph::Normalization;

use lightcrest_graph::network::Shape;

/// Labelled images of one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    name: String,
    classes: Vec<String>,
    shape: Shape,
    images: Vec<u8>,  // (n, height, width, channels)
    labels: Vec<u16>, // (n)
}

impl Dataset {
    /// A data set of `images` (n, height, width, channels) and as many `labels`, indices into `classes`.
    ///
    /// # Errors
    /// [`DataError::Inconsistent`] when sizes do not agree, a label has no class, an image is empty, or the
    /// number of channels is neither 1 (grey) nor 3 (RGB).
    pub fn new(
        name: impl Into<String>,
        classes: Vec<String>,
        shape: Shape,
        images: Vec<u8>,
        labels: Vec<u16>,
    ) -> Result<Self, DataError> {
        let name = name.into();
        let fail = |reason: String| Err(DataError::Inconsistent { name: name.clone(), reason });
        if shape.is_empty() || !matches!(shape.channels, 1 | 3) {
            return fail(format!("images of 1 or 3 channels with at least one pixel expected, got {shape}"));
        }
        if images.len() != labels.len() * shape.len() {
            return fail(format!(
                "{} labels of {shape} images need {} bytes, got {}",
                labels.len(),
                labels.len() * shape.len(),
                images.len()
            ));
        }
        if let Some(label) = labels.iter().find(|&&label| usize::from(label) >= classes.len()) {
            return fail(format!("label {label} found, but there are only {} classes", classes.len()));
        }
        Ok(Self { name, classes, shape, images, labels })
    }

    /// Name for messages and tables, such as `fashion_mnist`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Names of the classes; a label is an index into them.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Shape of one image.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// True when there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Pixels of image `index`, (height, width, channels).
    pub fn image(&self, index: usize) -> &[u8] {
        let len = self.shape.len();
        &self.images[index * len..(index + 1) * len]
    }

    /// Label of every image.
    pub fn labels(&self) -> &[u16] {
        &self.labels
    }

    /// Number of images of each class.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        self.labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
        counts
    }

    /// The same images with other labels, indices into `classes`.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_labels(self, classes: Vec<String>, labels: Vec<u16>) -> Result<Self, DataError> {
        Self::new(self.name, classes, self.shape, self.images, labels)
    }

    /// The images at `indices`, in that order.
    pub fn select(&self, indices: &[usize]) -> Self {
        let mut images = Vec::with_capacity(indices.len() * self.shape.len());
        indices.iter().for_each(|&index| images.extend_from_slice(self.image(index)));
        let labels = indices.iter().map(|&index| self.labels[index]).collect();
        Self { name: self.name.clone(), classes: self.classes.clone(), shape: self.shape, images, labels }
    }

    /// The same images at `height` x `width`, by bilinear interpolation (a triangle filter that widens when
    /// it shrinks, so that small images are not aliased).
    pub fn resized(&self, height: usize, width: usize) -> Self {
        if (height, width) == (self.shape.height, self.shape.width) {
            return self.clone();
        }
        let shape = Shape::new(self.shape.channels, height, width);
        let mut images = Vec::with_capacity(self.len() * shape.len());
        for index in 0..self.len() {
            resize::bilinear(self.image(index), self.shape, height, width, &mut images);
        }
        Self {
            name: self.name.clone(),
            classes: self.classes.clone(),
            shape,
            images,
            labels: self.labels.clone(),
        }
    }

    /// Mean and standard deviation of each channel over all pixels.
    pub fn normalization(&self) -> Normalization {
        let channels = self.shape.channels;
        let mut histogram = vec![[0u64; 256]; channels];
        for pixel in self.images.chunks_exact(channels) {
            for (bins, &value) in histogram.iter_mut().zip(pixel) {
                bins[usize::from(value)] += 1;
            }
        }
        let moments = histogram.iter().map(|bins| {
            let count: u64 = bins.iter().sum();
            let mean_of = |f: &dyn Fn(f64) -> f64| -> f64 {
                let sum: f64 = bins.iter().enumerate().map(|(v, &n)| f(v as f64 / 255.0) * n as f64).sum();
                sum / count.max(1) as f64
            };
            let mean = mean_of(&|v| v);
            let deviation = mean_of(&|v| (v - mean) * (v - mean)).sqrt();
            // A constant channel carries nothing; dividing by 1 keeps it finite.
            (mean as f32, if deviation > 0.0 { deviation as f32 } else { 1.0 })
        });
        let (mean, std) = moments.unzip();
        Normalization { mean, std }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalised_pixels_have_mean_zero_and_deviation_one() {
        let images: Vec<u8> = (0..2 * 3 * 4 * 5).map(|i| (i * 37 % 251) as u8).collect();
        let data = Dataset::new("d", vec!["a".into()], Shape::new(3, 4, 5), images, vec![0, 0]).unwrap();
        let normalization = data.normalization();
        let mut output = vec![0.0; 120];
        normalization.apply(&data.images, &mut output);
        for channel in 0..3 {
            let values: Vec<f32> = output[channel..].iter().step_by(3).copied().collect();
            let mean = values.iter().sum::<f32>() / 40.0;
            let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 40.0;
            assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4, "{mean} {variance}");
        }
    }

    #[test]
    fn sizes_and_labels_must_agree() {
        let classes = vec!["a".to_string(), "b".to_string()];
        let shape = Shape::new(1, 2, 2);
        let error = Dataset::new("d", classes.clone(), shape, vec![0; 7], vec![0, 1]).unwrap_err();
        assert_eq!(error.to_string(), "data set `d`: 2 labels of 1x2x2 images need 8 bytes, got 7");
        let error = Dataset::new("d", classes, shape, vec![0; 8], vec![0, 2]).unwrap_err();
        assert_eq!(error.to_string(), "data set `d`: label 2 found, but there are only 2 classes");
    }

    #[test]
    fn a_constant_image_stays_constant_when_resized() {
        let data = Dataset::new("d", vec!["a".into()], Shape::new(3, 5, 7), vec![9; 105], vec![0]).unwrap();
        let small = data.resized(3, 2);
        assert_eq!(small.shape(), Shape::new(3, 3, 2));
        assert_eq!(small.image(0), [9; 18]);
    }
}
