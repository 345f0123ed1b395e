//! Why a data set cannot be used.

use std::path::PathBuf;

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
    /// There is nothing to tell apart.
    #[error("`{}` has {found} class folder(s); at least 2 sub-folders, one a class, are needed", path.display())]
    Classes {
        /// The folder.
        path: PathBuf,
        /// Number of sub-folders.
        found: usize,
    },
    /// A class without images.
    #[error("class folder `{}` has no PNG or JPEG image", path.display())]
    EmptyClass {
        /// The folder of the class.
        path: PathBuf,
    },
    /// Training and test folders with other classes.
    #[error("`{}` has the classes {test:?}, but `train` beside it has {train:?}", path.display())]
    TestClasses {
        /// The test folder.
        path: PathBuf,
        /// Its classes.
        test: Vec<String>,
        /// Classes of the training folder.
        train: Vec<String>,
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
