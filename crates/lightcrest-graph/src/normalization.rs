//! What a network's input is, in terms of pixels.

/// How pixels become network inputs: `(pixel / 255 - mean) / std`, per channel.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalization {
    /// Mean of each channel, in units of `pixel / 255`.
    pub mean: Vec<f32>,
    /// Standard deviation of each channel, in the same units; never zero.
    pub std: Vec<f32>,
}

impl Normalization {
    /// Writes the normalised pixels of `image` (.., channels) to `output`.
    pub fn apply(&self, image: &[u8], output: &mut [f32]) {
        debug_assert_eq!(image.len(), output.len());
        let channels = self.mean.len();
        for channel in 0..channels {
            let (scale, offset) = self.affine(channel);
            let values = image[channel..].iter().step_by(channels);
            for (out, &value) in output[channel..].iter_mut().step_by(channels).zip(values) {
                *out = f32::from(value) * scale + offset;
            }
        }
    }

    /// Scale and offset of a channel: the normalised value is `pixel * scale + offset`.
    pub fn affine(&self, channel: usize) -> (f32, f32) {
        let (mean, std) = (f64::from(self.mean[channel]), f64::from(self.std[channel]));
        ((1.0 / (255.0 * std)) as f32, (-mean / std) as f32)
    }
}
