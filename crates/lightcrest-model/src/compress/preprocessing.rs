//! What a network expects of an image.

use lightcrest_graph::Normalization;

use super::original::{Hint, Original};

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

/// What is said of the input of a network beside what its file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stated {
    /// What a pixel from 0 to 255 is multiplied by first; 1/255 where nothing is said.
    pub scale: Option<f64>,
    /// What is subtracted then, for each channel or one for all; 0.
    pub mean: Option<Vec<f64>>,
    /// What it is divided by then, for each channel or one for all; 1.
    pub std: Option<Vec<f64>>,
    /// Order of the axes; as the sizes tell.
    pub layout: Option<Layout>,
    /// Whether blue comes first.
    pub bgr: bool,
    /// Height and width, which the file may say.
    pub size: Option<[usize; 2]>,
    /// Whether anything was said at all, were it that everything is as usual.
    pub written: bool,
}

/// What is said of an input and cannot be, or is not said and must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedError {
    /// The key that it is about, such as `size`.
    pub key: &'static str,
    /// What is wrong.
    pub reason: String,
    /// What is to be given.
    pub missing: &'static [&'static str],
}

/// Channels of the images that a network reads.
///
/// # Errors
/// [`StatedError`] where there are not 1 or 3, or the file does not say.
pub(super) fn channels(original: &Original, layout: Layout) -> Result<usize, StatedError> {
    let wrong = |reason: String| StatedError { key: "layout", reason, missing: &[] };
    match original.image(layout).0 {
        Some(channels @ (1 | 3)) => Ok(channels),
        Some(channels) => Err(wrong(format!(
            "the network reads {channels} channels, and images have 1 or 3; is the `layout` another?"
        ))),
        None => Err(wrong("the file does not say how many channels the network reads".into())),
    }
}

impl Preprocessing {
    /// What is stated, then what the file says, then what is usual.
    ///
    /// # Errors
    /// [`StatedError`].
    pub fn of(original: &Original, stated: &Stated) -> Result<Self, StatedError> {
        let layout = stated.layout.unwrap_or_else(|| original.layout());
        let channels = channels(original, layout)?;
        let [height, width] = size(original, layout, stated.size)?;
        let wrong = |key, reason: String| StatedError { key, reason, missing: &[] };
        let each = |key: &'static str, values: &Option<Vec<f64>>| match values.as_deref() {
            None => Ok(None),
            Some([one]) => Ok(Some(vec![*one; channels])),
            Some(list) if list.len() == channels => Ok(Some(list.to_vec())),
            Some(list) => {
                let found = list.len();
                Err(wrong(key, format!("`{key}` has {found} numbers, and the network {channels} channels")))
            }
        };
        let (mean, std) = (each("mean", &stated.mean)?, each("std", &stated.std)?);
        for (key, values) in [("mean", &mean), ("std", &std)] {
            if values.iter().flatten().any(|value| !value.is_finite()) {
                return Err(wrong(key, format!("`{key}` must be finite")));
            }
        }
        if std.iter().flatten().any(|&value| value <= 0.0) {
            return Err(wrong("std", "`std` must be positive".into()));
        }
        if stated.scale.is_some_and(|scale| !(scale > 0.0 && scale.is_finite())) {
            return Err(wrong("scale", "`scale` must be positive".into()));
        }
        let plain = mean.is_none() && std.is_none() && stated.scale.is_none();
        let normalization = match (plain, original.hint) {
            (true, Hint::Pixels) => Hint::pixels(channels),
            (true, Hint::Normalised) if !stated.written => {
                let reason = "the file says that it reads normalised pixels, and not how".into();
                return Err(StatedError { key: "mean", reason, missing: &["mean", "std"] });
            }
            _ => {
                let (mean, std) = (mean.unwrap_or(vec![0.0; channels]), std.unwrap_or(vec![1.0; channels]));
                // (pixel * scale - mean) / std, in units of pixel / 255.
                let unit = |value: f64| stated.scale.map_or(value, |scale| value / (255.0 * scale)) as f32;
                Normalization {
                    mean: mean.into_iter().map(unit).collect(),
                    std: std.into_iter().map(unit).collect(),
                }
            }
        };
        Ok(Self { channels, height, width, normalization, layout, bgr: stated.bgr && channels == 3 })
    }

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

/// Height and width of the input.
fn size(original: &Original, layout: Layout, stated: Option<[usize; 2]>) -> Result<[usize; 2], StatedError> {
    let (_, height, width) = original.image(layout);
    let sides = stated.map_or([height, width], |[height, width]| [Some(height), Some(width)]);
    let [Some(found_height), Some(found_width)] = sides else {
        let reason = "the file leaves the size of the image open".into();
        return Err(StatedError { key: "size", reason, missing: &["size"] });
    };
    for (name, fixed, found) in [("height", height, found_height), ("width", width, found_width)] {
        if let Some(fixed) = fixed.filter(|fixed| *fixed != found) {
            let reason = format!("the network reads images of {name} {fixed}, but `size` has {found}");
            return Err(StatedError { key: "size", reason, missing: &[] });
        }
    }
    Ok([found_height, found_width])
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
