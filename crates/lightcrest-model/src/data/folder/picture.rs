//! One image file as RGB pixels, whatever its format.

use std::io::Cursor;
use std::path::Path;

use image::error::{LimitError, LimitErrorKind};
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits, RgbImage};

use super::super::DataError;

/// Most bytes that one decoded image may take; a file of a few kilobytes can ask for gigabytes.
const MOST_BYTES: u64 = 512 << 20;

/// Reads an image: the first frame where there are several, turned as its EXIF orientation says, without
/// transparency.
///
/// The first bytes tell the format; the ending counts only where they do not.
///
/// # Errors
/// [`DataError::Read`], [`DataError::TooLarge`], or [`DataError::Image`] for a damaged file.
pub(super) fn read(path: &Path) -> Result<RgbImage, DataError> {
    let bytes = std::fs::read(path).map_err(|source| DataError::Read { path: path.into(), source })?;
    decode(path, &bytes).map_err(|error| match error {
        Refused::Image(source) => DataError::Image { path: path.into(), source },
        Refused::TooLarge { width, height } => DataError::TooLarge { path: path.into(), width, height },
        Refused::Damaged(reason) => DataError::Damaged { path: path.into(), reason },
    })
}

enum Refused {
    Image(ImageError),
    TooLarge { width: u32, height: u32 },
    Damaged(&'static str),
}

impl From<ImageError> for Refused {
    fn from(error: ImageError) -> Self {
        Self::Image(error)
    }
}

fn decode(path: &Path, bytes: &[u8]) -> Result<RgbImage, Refused> {
    if bytes.is_empty() {
        return Err(Refused::Damaged("it is empty"));
    }
    let mut reader = ImageReader::new(Cursor::new(bytes));
    if let Ok(format) = image::ImageFormat::from_path(path) {
        reader.set_format(format);
    }
    let mut reader = reader.with_guessed_format().map_err(ImageError::IoError)?;
    // Checked below, where the size is known and can be told.
    reader.no_limits();
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if decoder.total_bytes() > MOST_BYTES {
        return Err(Refused::TooLarge { width, height });
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MOST_BYTES);
    match decoder.set_limits(limits) {
        Err(ImageError::Limits(_)) => return Err(Refused::TooLarge { width, height }),
        other => other?,
    }
    let orientation = decoder.orientation()?;
    let mut image = match DynamicImage::from_decoder(decoder) {
        Err(ImageError::Limits(error)) if is_memory(&error) => {
            return Err(Refused::TooLarge { width, height });
        }
        other => other?,
    };
    if bytes.starts_with(&[0xff, 0xd8]) && !ends(bytes) {
        return Err(Refused::Damaged("it is cut short"));
    }
    if !within_unit(&image) {
        return Err(Refused::Damaged("its floating-point pixels leave the range 0 to 1"));
    }
    image.apply_orientation(orientation);
    Ok(image.into_rgb8())
}

fn is_memory(error: &LimitError) -> bool {
    matches!(error.kind(), LimitErrorKind::InsufficientMemory | LimitErrorKind::DimensionError)
}

/// Whether a JPEG has an end: the decoder fills the rest of a file that is cut short with grey, which nobody
/// would notice.
///
/// Segments are walked up to the first scan, because a thumbnail among them has an end of its own. In a scan
/// a byte 0xff is never followed by 0xd9 (ITU-T T.81, B.1.1.5).
fn ends(jpeg: &[u8]) -> bool {
    let mut at = 2;
    while let [0xff, marker, rest @ ..] = &jpeg[at.min(jpeg.len())..] {
        match (marker, rest) {
            (0xff, _) => at += 1, // fill bytes
            (0xda, _) => return rest.windows(2).any(|pair| pair == [0xff, 0xd9]),
            (0x01 | 0xd0..=0xd7, _) => at += 2, // markers without a length
            (_, [high, low, ..]) => at += 2 + usize::from(u16::from_be_bytes([*high, *low])),
            _ => return false,
        }
    }
    // Something the decoder understands and this walk does not.
    true
}

/// Whether floating-point pixels are what [`DynamicImage::into_rgb8`] takes them for; others would be cut off
/// in silence.
fn within_unit(image: &DynamicImage) -> bool {
    let unit = |values: &[f32]| values.iter().all(|value| (0.0..=1.0).contains(value));
    match image {
        DynamicImage::ImageRgb32F(image) => unit(image.as_raw()),
        DynamicImage::ImageRgba32F(image) => unit(image.as_raw()),
        _ => true,
    }
}
