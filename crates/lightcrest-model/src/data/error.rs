//! Why a data set cannot be used.

use std::path::PathBuf;

use super::PassedOver;
use crate::memory::{Bytes, room_for};

/// What a folder of images may look like.
const LAYOUTS: &str = "a folder of images has one sub-folder a class, or the sub-folders `train`, `val` and `test`, the last \
                       two optional, with one sub-folder a class each";

/// Which files are images.
const FORMATS: &str = "PNG, JPEG, WebP, BMP, GIF, TIFF and PNM files are read";

impl DataError {
    /// Refuses images of `side` x `side` with so many channels that memory does not hold.
    pub(super) fn check_memory(images: usize, side: usize, channels: usize) -> Result<(), Self> {
        let sizes = [images, side, side, channels];
        let need = sizes.into_iter().fold(1u64, |product, size| product.saturating_mul(size as u64));
        room_for(need).map_err(|limit| Self::Memory { images, side, need, limit })
    }
}

fn differences(lacking: &[String], unknown: &[String]) -> String {
    let say = |verb: &str, names: &[String]| {
        let list: Vec<String> = names.iter().take(5).map(|name| format!("`{name}`")).collect();
        let more = if names.len() > 5 { format!(" and {} more", names.len() - 5) } else { String::new() };
        (!names.is_empty()).then(|| format!("the first {verb} {}{more}", list.join(", ")))
    };
    let parts = [say("lacks", lacking), say("alone has", unknown)];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Why a data set cannot be loaded or split.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file or folder is not there.
    #[error("`{}` is missing; {hint}", path.display())]
    Missing {
        /// What was looked for.
        path: PathBuf,
        /// What would help.
        hint: String,
    },
    /// A file or folder cannot be read.
    #[error("`{}` cannot be read", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system or the decompressor says.
        #[source]
        source: std::io::Error,
    },
    /// A file does not begin as its format asks for.
    #[error("`{}` is not {format}: its first bytes should be {expected:02x?}, but are {found:02x?}", path.display())]
    Magic {
        /// The file.
        path: PathBuf,
        /// Name of the format.
        format: &'static str,
        /// First bytes of the format.
        expected: Vec<u8>,
        /// First bytes of the file.
        found: Vec<u8>,
    },
    /// A file is shorter or longer than it says.
    #[error("`{}` should hold {expected} bytes, but holds {found}: it is {}", path.display(),
        if found < expected { "cut short" } else { "too long" })]
    Size {
        /// The file.
        path: PathBuf,
        /// Bytes that its header (or its format) asks for.
        expected: u64,
        /// Bytes found, after decompression.
        found: u64,
    },
    /// Images and labels of a pair of files do not match.
    #[error("`{}` holds {images} images, but `{}` holds {labels} labels", images_path.display(), labels_path.display())]
    Count {
        /// File of the images.
        images_path: PathBuf,
        /// Number of images.
        images: usize,
        /// File of the labels.
        labels_path: PathBuf,
        /// Number of labels.
        labels: usize,
    },
    /// A label names no class.
    #[error("`{}`: label {label} of image {index}, but labels must be below {classes}", path.display())]
    Label {
        /// The file.
        path: PathBuf,
        /// The label.
        label: usize,
        /// Index of the image.
        index: usize,
        /// Number of classes.
        classes: usize,
    },
    /// An image file cannot be decoded.
    #[error("`{}` is not a readable image", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// What the decoder says.
        #[source]
        source: image::ImageError,
    },
    /// Images of several sizes, and no size was asked for.
    #[error("`{}` is {found_height}x{found_width}, but the images before it are {height}x{width}: set `image_size`", path.display())]
    ImageSize {
        /// The first image of another size.
        path: PathBuf,
        /// Its rows.
        found_height: usize,
        /// Its columns.
        found_width: usize,
        /// Rows of the images before.
        height: usize,
        /// Columns of the images before.
        width: usize,
    },
    /// Images that memory does not hold at the size that was asked for.
    #[error("{images} images of {side}x{side} need {} of memory, and {} are there; choose a smaller `image_size`",
        Bytes(*need), Bytes(*limit))]
    Memory {
        /// How many.
        images: usize,
        /// `image_size`.
        side: usize,
        /// Bytes of all of them.
        need: u64,
        /// Bytes of memory.
        limit: u64,
    },
    /// An image file that would take too much memory.
    #[error("`{}` is {width}x{height}, more than 512 MiB when it is decoded: shrink it or take it away", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its columns.
        width: u32,
        /// Its rows.
        height: u32,
    },
    /// An image file that a decoder reads without complaint, and wrongly.
    #[error("`{}` is not a readable image: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// There is nothing to tell apart.
    #[error("`{}` has {found} class folder(s); at least 2 are needed; {LAYOUTS}", path.display())]
    Classes {
        /// The folder.
        path: PathBuf,
        /// Number of sub-folders.
        found: usize,
    },
    /// Folders that may be splits and may be classes.
    #[error("`{}`: {reason}; {LAYOUTS}", path.display())]
    Layout {
        /// The folder.
        path: PathBuf,
        /// What keeps it from being either.
        reason: String,
    },
    /// A class without images.
    #[error(
        "class folder `{}` has no image that is read, neither itself nor below{}; {FORMATS}; {LAYOUTS}", path.display(),
        if passed_over.is_empty() { String::new() } else { format!(" ({passed_over})") }
    )]
    EmptyClass {
        /// The folder of the class.
        path: PathBuf,
        /// What it holds instead.
        passed_over: PassedOver,
    },
    /// A split with other classes than the one that trains.
    #[error(
        "the classes of `{}` and `{}` differ: {}", path.display(), train.display(),
        differences(lacking, unknown)
    )]
    SplitClasses {
        /// The split.
        path: PathBuf,
        /// The split that trains.
        train: PathBuf,
        /// Classes that it lacks.
        lacking: Vec<String>,
        /// Classes that only it has.
        unknown: Vec<String>,
    },
    /// Sizes, labels and classes of a data set contradict each other.
    #[error("data set `{name}`: {reason}")]
    Inconsistent {
        /// Name of the data set.
        name: String,
        /// What contradicts what, with the numbers.
        reason: String,
    },
    /// A setting is impossible.
    #[error("`{field}`: {reason}")]
    Setting {
        /// Name of the setting.
        field: &'static str,
        /// What would be right, with the offending value.
        reason: String,
    },
}
