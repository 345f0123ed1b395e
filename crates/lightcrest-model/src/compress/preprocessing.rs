//! What a network expects of an image.

use lightcrest_graph::Normalization;

/// Order of the axes of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Batch, channels, height, width.
    Nchw,
    /// Batch, height, width, channels.
    Nhwc,
}

/// From the pixels of an image to the input of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocessing {
    /// Channels of the input, 1 or 3.
    pub channels: usize,
    /// Height of the input.
    pub height: usize,
    /// Width of the input.
    pub width: usize,
    /// What becomes of a pixel, per channel of the image (red, green, blue).
    pub normalization: Normalization,
    /// Order of the axes.
    pub layout: Layout,
    /// Whether blue comes first.
    pub bgr: bool,
}

impl Preprocessing {
    /// Appends the input of one image.
    ///
    /// # Shapes
    /// `image` is (height, width, channels) of bytes; as many numbers are appended, in the order of
    /// [`layout`](Self::layout).
    pub fn append(&self, image: &[u8], input: &mut Vec<f32>) {
        let (channels, area) = (self.channels, self.height * self.width);
        debug_assert_eq!(image.len(), channels * area);
        let start = input.len();
        input.resize(start + image.len(), 0.0);
        let out = &mut input[start..];
        for source in 0..channels {
            let target = if self.bgr { channels - 1 - source } else { source };
            let (scale, offset) = self.normalization.affine(source);
            for (position, &pixel) in image[source..].iter().step_by(channels).enumerate() {
                let at = match self.layout {
                    Layout::Nchw => target * area + position,
                    Layout::Nhwc => position * channels + target,
                };
                out[at] = f32::from(pixel) * scale + offset;
            }
        }
    }

    /// Sizes of an input of so many images.
    pub fn shape(&self, images: usize) -> Vec<usize> {
        match self.layout {
            Layout::Nchw => vec![images, self.channels, self.height, self.width],
            Layout::Nhwc => vec![images, self.height, self.width, self.channels],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_arrive_in_the_order_of_the_network() {
        let mut preprocessing = Preprocessing {
            channels: 3,
            height: 1,
            width: 2,
            normalization: Normalization { mean: vec![0.0, 0.0, 1.0], std: vec![1.0 / 255.0; 3] },
            layout: Layout::Nchw,
            bgr: false,
        };
        let of = |preprocessing: &Preprocessing| {
            let mut input = vec![];
            preprocessing.append(&[1, 2, 3, 4, 5, 6], &mut input);
            input.iter().map(|v| v.round() as i32).collect::<Vec<_>>()
        };
        assert_eq!(of(&preprocessing), [1, 4, 2, 5, 3 - 255, 6 - 255]);
        preprocessing.bgr = true;
        assert_eq!(of(&preprocessing), [3 - 255, 6 - 255, 2, 5, 1, 4]);
        preprocessing.layout = Layout::Nhwc;
        assert_eq!(of(&preprocessing), [3 - 255, 2, 1, 6 - 255, 5, 4]);
        assert_eq!(preprocessing.shape(4), [4, 1, 2, 3]);
    }
}
