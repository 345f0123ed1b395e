//! IDX files, the format of MNIST and Fashion-MNIST: a big-endian header (magic, sizes), then one byte a
//! value.
//!
//! A folder holds four files, gzipped (`.gz`) or not: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
//! `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`. The `t10k` pair is the test split.

use std::path::{Path, PathBuf};

use lightcrest_graph::network::Shape;

use super::{DataError, Dataset, PassedOver, Source, gzip};

/// Where Debian's package `dataset-fashion-mnist` puts its files.
pub const FASHION_MNIST_FOLDER: &str = "/usr/share/datasets/fashion-mnist";

const FASHION_MNIST_CLASSES: [&str; 10] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Fashion-MNIST (Xiao et al. 2017): 60,000 + 10,000 images of 28x28, ten kinds of clothing.
///
/// # Errors
/// See [`load`].
pub fn fashion_mnist(folder: &Path) -> Result<Source, DataError> {
    let hint = "on Debian and Ubuntu `apt install dataset-fashion-mnist` puts the files into \
                /usr/share/datasets/fashion-mnist; elsewhere take the four files of \
                https://github.com/zalandoresearch/fashion-mnist and give their folder as `path`";
    load_with(folder, "fashion_mnist", FASHION_MNIST_CLASSES.map(String::from).to_vec(), hint)
}

/// MNIST (LeCun et al. 1998): 60,000 + 10,000 handwritten digits of 28x28.
///
/// # Errors
/// See [`load`].
pub fn mnist(folder: &Path) -> Result<Source, DataError> {
    let classes = (0..10).map(|digit| digit.to_string()).collect();
    load_with(folder, "mnist", classes, "give the folder of the four IDX files of MNIST as `path`")
}

/// Any data set in the four files of MNIST; classes are named by their numbers.
///
/// # Errors
/// [`DataError::Missing`] when a file is not there; [`DataError::Magic`], [`DataError::Size`],
/// [`DataError::Count`] and [`DataError::Label`] when one is damaged.
pub fn load(folder: &Path) -> Result<Source, DataError> {
    load_with(folder, "idx", vec![], "give the folder of the four IDX files as `path`")
}

fn load_with(folder: &Path, name: &str, classes: Vec<String>, hint: &str) -> Result<Source, DataError> {
    let train = read_pair(folder, "train", hint)?;
    let test = read_pair(folder, "t10k", hint)?;
    let classes = if classes.is_empty() {
        let most = train.labels.iter().chain(&test.labels).max().map_or(0, |&label| usize::from(label));
        (0..=most).map(|class| class.to_string()).collect()
    } else {
        classes
    };
    let train = train.into_dataset(name, &classes)?;
    let test = test.into_dataset(name, &classes)?;
    if test.shape() != train.shape() {
        let reason = format!("training images are {}, but test images are {}", train.shape(), test.shape());
        return Err(DataError::Inconsistent { name: name.into(), reason });
    }
    Ok(Source { train, validation: None, test: Some(test), passed_over: PassedOver::default() })
}

struct Pair {
    labels_path: PathBuf,
    shape: Shape,
    images: Vec<u8>,
    labels: Vec<u8>,
}

impl Pair {
    fn into_dataset(self, name: &str, classes: &[String]) -> Result<Dataset, DataError> {
        if let Some(index) = self.labels.iter().position(|&label| usize::from(label) >= classes.len()) {
            let label = usize::from(self.labels[index]);
            return Err(DataError::Label { path: self.labels_path, label, index, classes: classes.len() });
        }
        let labels = self.labels.into_iter().map(u16::from).collect();
        Dataset::new(name, classes.to_vec(), self.shape, self.images, labels)
    }
}

fn read_pair(folder: &Path, part: &str, hint: &str) -> Result<Pair, DataError> {
    let images_path = find(folder, &format!("{part}-images-idx3-ubyte"), hint)?;
    let labels_path = find(folder, &format!("{part}-labels-idx1-ubyte"), hint)?;
    let (shape, images) = parse_images(&images_path, &read(&images_path)?)?;
    let labels = parse_labels(&labels_path, &read(&labels_path)?)?;
    let count = images.len() / shape.len();
    if count != labels.len() {
        return Err(DataError::Count { images_path, images: count, labels_path, labels: labels.len() });
    }
    Ok(Pair { labels_path, shape, images, labels })
}

fn find(folder: &Path, name: &str, hint: &str) -> Result<PathBuf, DataError> {
    let plain = folder.join(name);
    [plain.clone(), folder.join(format!("{name}.gz"))]
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| DataError::Missing { path: plain, hint: hint.into() })
}

fn read(path: &Path) -> Result<Vec<u8>, DataError> {
    std::fs::read(path).map_err(|source| DataError::Read { path: path.into(), source })
}

/// Shape and pixels (n, height, width) of an image file, gzipped or not.
pub(super) fn parse_images(path: &Path, bytes: &[u8]) -> Result<(Shape, Vec<u8>), DataError> {
    let (sizes, images) = parse::<3>(path, bytes)?;
    Ok((Shape::new(1, sizes[1], sizes[2]), images))
}

/// Labels of a label file, gzipped or not.
pub(super) fn parse_labels(path: &Path, bytes: &[u8]) -> Result<Vec<u8>, DataError> {
    Ok(parse::<1>(path, bytes)?.1)
}

/// Sizes and values of an IDX file of bytes with `D` dimensions.
fn parse<const D: usize>(path: &Path, bytes: &[u8]) -> Result<([usize; D], Vec<u8>), DataError> {
    let mut data = match bytes.starts_with(&gzip::MAGIC) {
        true => gzip::decompress(bytes).map_err(|source| DataError::Read { path: path.into(), source })?,
        false => bytes.to_vec(),
    };
    // Two zeros, 0x08 for unsigned bytes, the number of dimensions, then each size as a big-endian u32.
    let expected = [0, 0, 8, D as u8];
    if !data.starts_with(&expected) {
        let found = data[..data.len().min(4)].to_vec();
        return Err(DataError::Magic {
            path: path.into(),
            format: "an IDX file",
            expected: expected.into(),
            found,
        });
    }
    let header = 4 + 4 * D;
    let size_error =
        |expected: u64| DataError::Size { path: path.into(), expected, found: data.len() as u64 };
    if data.len() < header {
        return Err(size_error(header as u64));
    }
    let mut sizes = [0; D];
    for (size, bytes) in sizes.iter_mut().zip(data[4..header].chunks_exact(4)) {
        *size = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    }
    let values = sizes.iter().fold(1u64, |product, &size| product.saturating_mul(size as u64));
    let expected = values.saturating_add(header as u64);
    if values == 0 || data.len() as u64 != expected {
        return Err(size_error(expected.max(header as u64 + 1)));
    }
    data.drain(..header);
    Ok((sizes, data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::gzip::compress as gzip;

    fn images(count: u32) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, 3];
        [count, 2, 3].iter().for_each(|size| bytes.extend(size.to_be_bytes()));
        bytes.extend((0..count * 6).map(|v| v as u8));
        bytes
    }

    fn labels(values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, 1];
        bytes.extend((values.len() as u32).to_be_bytes());
        bytes.extend(values);
        bytes
    }

    fn folder(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, bytes)| std::fs::write(folder.path().join(name), bytes).unwrap());
        folder
    }

    fn whole() -> Vec<(&'static str, Vec<u8>)> {
        vec![
            ("train-images-idx3-ubyte.gz", gzip(&images(4))),
            ("train-labels-idx1-ubyte", labels(&[0, 1, 2, 1])),
            ("t10k-images-idx3-ubyte", images(2)),
            ("t10k-labels-idx1-ubyte.gz", gzip(&labels(&[2, 0]))),
        ]
    }

    #[test]
    fn plain_and_gzipped_files_are_read() {
        let folder = folder(&whole());
        let source = load(folder.path()).unwrap();
        assert_eq!(source.train.image(1), [6, 7, 8, 9, 10, 11]);
        assert_eq!(source.train.shape(), Shape::new(1, 2, 3));
        assert_eq!(source.test.unwrap().labels(), [2, 0]);
    }

    #[test]
    fn zeros_behind_a_gzip_stream_are_padding_and_anything_else_is_not() {
        let mut files = whole();
        files[0].1.extend([0; 512]);
        assert_eq!(load(folder(&files).path()).unwrap().train.len(), 4);
        files[0].1.push(7);
        let error = load(folder(&files).path()).unwrap_err();
        assert!(error.to_string().contains("train-images-idx3-ubyte.gz` cannot be read"), "{error}");
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("1 bytes behind the gzip stream"), "{cause}");
    }

    #[test]
    fn missing_files_say_how_to_get_them() {
        let error = fashion_mnist(Path::new("nowhere")).unwrap_err().to_string();
        assert!(error.contains("train-images-idx3-ubyte` is missing"), "{error}");
        assert!(error.contains("apt install dataset-fashion-mnist"), "{error}");
    }

    #[test]
    fn damaged_files_are_named_with_what_was_expected() {
        let cases: [(usize, Vec<u8>, &str); 6] = [
            (0, images(4)[..39].to_vec(), "should hold 40 bytes, but holds 39: it is cut short"),
            (0, images(4)[..9].to_vec(), "should hold 16 bytes, but holds 9: it is cut short"),
            (
                1,
                [labels(&[0, 1, 2, 1]), vec![0]].concat(),
                "should hold 12 bytes, but holds 13: it is too long",
            ),
            (0, labels(&[1, 2]), "first bytes should be [00, 00, 08, 03], but are [00, 00, 08, 01]"),
            (1, labels(&[0, 1, 2]), "holds 4 images"),
            (3, gzip(&labels(&[2, 0]))[..20].to_vec(), "cannot be read"),
        ];
        for (file, bytes, expected) in cases {
            let mut files = whole();
            files[file].1 = bytes;
            let folder = folder(&files);
            let error = load(folder.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(error.contains(files[file].0), "{error}");
        }
    }

    #[test]
    fn a_label_without_a_class_is_an_error() {
        let mut files = whole();
        files[1].1 = labels(&[0, 1, 11, 1]);
        let folder = folder(&files);
        let error = mnist(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("label 11 of image 2, but labels must be below 10"), "{error}");
    }

    #[test]
    #[ignore = "needs Debian's package dataset-fashion-mnist; `cargo test -- --ignored` runs it"]
    fn the_packaged_fashion_mnist_is_whole() {
        let source = fashion_mnist(Path::new(FASHION_MNIST_FOLDER)).unwrap();
        assert_eq!(source.train.class_counts(), [6000; 10]);
        assert_eq!(source.test.unwrap().class_counts(), [1000; 10]);
    }
}
