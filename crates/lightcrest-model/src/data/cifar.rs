//! CIFAR-10 and CIFAR-100 (Krizhevsky 2009) in their binary version: 32x32 RGB, 10,000 records a file
//! (CIFAR-100: 50,000 and 10,000), each one label byte (CIFAR-100: coarse, then fine; the fine one counts)
//! and 3,072 bytes, plane by plane.

use std::path::{Path, PathBuf};

use lightcrest_graph::network::Shape;

use super::{DataError, Dataset, PassedOver, Source};

const SIDE: usize = 32;
const PIXELS: usize = 3 * SIDE * SIDE;
const HINT: &str =
    "give the folder of the binary version from https://www.cs.toronto.edu/~kriz/cifar.html as `path`";

const CIFAR10_CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

struct Layout {
    name: &'static str,
    train: &'static [&'static str],
    test: &'static str,
    train_records: usize,
    test_records: usize,
    /// Bytes before the pixels; the last of them is the label.
    label_bytes: usize,
    classes: Vec<String>,
}

/// CIFAR-10: `data_batch_1.bin` to `data_batch_5.bin`, and `test_batch.bin` as the test split.
///
/// # Errors
/// [`DataError::Missing`], [`DataError::Size`] or [`DataError::Label`] with the file.
pub fn cifar10(folder: &Path) -> Result<Source, DataError> {
    load(folder, &cifar10_layout(10_000))
}

fn cifar10_layout(records: usize) -> Layout {
    Layout {
        name: "cifar10",
        train: &[
            "data_batch_1.bin",
            "data_batch_2.bin",
            "data_batch_3.bin",
            "data_batch_4.bin",
            "data_batch_5.bin",
        ],
        test: "test_batch.bin",
        train_records: records,
        test_records: records,
        label_bytes: 1,
        classes: CIFAR10_CLASSES.map(String::from).to_vec(),
    }
}

/// CIFAR-100 with its 100 fine labels: `train.bin`, and `test.bin` as the test split. Classes are named by
/// `fine_label_names.txt` when it is there, else by their numbers.
///
/// # Errors
/// [`DataError::Missing`], [`DataError::Size`] or [`DataError::Label`] with the file.
pub fn cifar100(folder: &Path) -> Result<Source, DataError> {
    load(folder, &cifar100_layout(folder, 50_000, 10_000))
}

fn cifar100_layout(folder: &Path, train_records: usize, test_records: usize) -> Layout {
    let names = std::fs::read_to_string(folder.join("fine_label_names.txt")).unwrap_or_default();
    let names: Vec<String> =
        names.lines().map(str::trim).filter(|l| !l.is_empty()).map(String::from).collect();
    let classes = if names.len() == 100 { names } else { (0..100).map(|class| class.to_string()).collect() };
    Layout {
        name: "cifar100",
        train: &["train.bin"],
        test: "test.bin",
        train_records,
        test_records,
        label_bytes: 2,
        classes,
    }
}

fn load(folder: &Path, layout: &Layout) -> Result<Source, DataError> {
    let read = |files: &[&str], records: usize| -> Result<Dataset, DataError> {
        let (mut images, mut labels) = (Vec::new(), Vec::new());
        for file in files {
            read_records(&folder.join(file), layout, records, &mut images, &mut labels)?;
        }
        Dataset::new(layout.name, layout.classes.clone(), Shape::new(3, SIDE, SIDE), images, labels)
    };
    let train = read(layout.train, layout.train_records)?;
    let test = read(&[layout.test], layout.test_records)?;
    Ok(Source { train, validation: None, test: Some(test), passed_over: PassedOver::default() })
}

/// Appends the records of one file: (channels, rows, columns) becomes (rows, columns, channels).
fn read_records(
    path: &Path,
    layout: &Layout,
    records: usize,
    images: &mut Vec<u8>,
    labels: &mut Vec<u16>,
) -> Result<(), DataError> {
    let path: PathBuf = path.into();
    if !path.is_file() {
        return Err(DataError::Missing { path, hint: HINT.into() });
    }
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(DataError::Read { path, source }),
    };
    let record = layout.label_bytes + PIXELS;
    if bytes.len() != records * record {
        return Err(DataError::Size { path, expected: (records * record) as u64, found: bytes.len() as u64 });
    }
    for (index, record) in bytes.chunks_exact(record).enumerate() {
        let (head, planes) = record.split_at(layout.label_bytes);
        let label = u16::from(head[layout.label_bytes - 1]);
        if usize::from(label) >= layout.classes.len() {
            let (label, classes) = (usize::from(label), layout.classes.len());
            return Err(DataError::Label { path, label, index, classes });
        }
        labels.push(label);
        let area = SIDE * SIDE;
        images.extend((0..PIXELS).map(|i| planes[i % 3 * area + i / 3]));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(labels: &[u8]) -> Vec<u8> {
        let planes = [1u8, 2, 3].iter().flat_map(|&c| (0..1024).map(move |i| (i % 50) as u8 * 4 + c));
        labels.iter().copied().chain(planes).collect()
    }

    fn write_cifar10(folder: &Path) {
        for batch in 1..=5u8 {
            let bytes = [record(&[batch]), record(&[0])].concat();
            std::fs::write(folder.join(format!("data_batch_{batch}.bin")), bytes).unwrap();
        }
        std::fs::write(folder.join("test_batch.bin"), [record(&[9]), record(&[8])].concat()).unwrap();
    }

    #[test]
    fn planes_become_channels_last() {
        let folder = tempfile::tempdir().unwrap();
        write_cifar10(folder.path());
        let source = load(folder.path(), &cifar10_layout(2)).unwrap();
        assert_eq!(source.train.labels(), [1, 0, 2, 0, 3, 0, 4, 0, 5, 0]);
        assert_eq!(source.train.image(3)[..6], [1, 2, 3, 5, 6, 7]);
        assert_eq!(source.test.unwrap().labels(), [9, 8]);
    }

    #[test]
    fn the_fine_label_of_cifar100_counts() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("train.bin"), record(&[3, 77])).unwrap();
        std::fs::write(folder.path().join("test.bin"), record(&[3, 99])).unwrap();
        let source = load(folder.path(), &cifar100_layout(folder.path(), 1, 1)).unwrap();
        assert_eq!((source.train.labels(), source.train.classes().len()), (&[77][..], 100));
    }

    #[test]
    fn damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        write_cifar10(folder.path());
        let error = cifar10(folder.path()).unwrap_err().to_string();
        assert!(error.contains("data_batch_1.bin` should hold 30730000 bytes, but holds 6146"), "{error}");
        std::fs::write(folder.path().join("data_batch_4.bin"), [record(&[0]), record(&[10])].concat())
            .unwrap();
        let error = load(folder.path(), &cifar10_layout(2)).unwrap_err().to_string();
        assert!(error.contains("data_batch_4.bin`: label 10 of image 1"), "{error}");
        std::fs::remove_file(folder.path().join("data_batch_2.bin")).unwrap();
        let error = load(folder.path(), &cifar10_layout(2)).unwrap_err().to_string();
        assert!(error.contains("data_batch_2.bin` is missing"), "{error}");
    }
}
