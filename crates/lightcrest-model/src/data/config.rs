//! The `data` section of a spec.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    DataError, DataIdentity, Dataset, PassedOver, Source, SplitConfig, Splits, TestSplit, cifar, digits,
    folder, idx,
};

/// Which data set, and how it is cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// Kind of the data set.
    pub source: SourceKind,
    /// Folder of its files; not for the digits, optional for Fashion-MNIST. A relative path is read as the
    /// process sees it: whoever reads a spec resolves it against the folder of the spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// Side that images are resized to; absent: as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_size: Option<usize>,
    /// Channels of an image folder; absent: grey when every image is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<Channels>,
    /// Share of the images that validate, where the data set has no validation split of its own; absent: a
    /// tenth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_fraction: Option<f64>,
    /// Share of the images that test, where the data set has no test split of its own.
    #[serde(default = "test_fraction")]
    pub test_fraction: f64,
    /// Train on so many images only, chosen by class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_images: Option<usize>,
    /// Validate on so many images only, chosen by class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation_images: Option<usize>,
    /// Seed of the splits.
    #[serde(default)]
    pub seed: u64,
}

/// Largest side of an image.
const MOST_PIXELS: usize = 1 << 14;

fn test_fraction() -> f64 {
    0.2
}

/// Kind of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    /// The bundled 8x8 digits.
    Digits,
    /// MNIST in IDX files.
    Mnist,
    /// Fashion-MNIST in IDX files.
    FashionMnist,
    /// Any data set in the four IDX files of MNIST.
    Idx,
    /// CIFAR-10, binary version.
    Cifar10,
    /// CIFAR-100, binary version, fine labels.
    Cifar100,
    /// One sub-folder of images a class.
    Folder,
    /// A folder of images without labels.
    Images,
}

/// Channels of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    /// One channel of brightness.
    Grey,
    /// Red, green, blue.
    Rgb,
}

/// A data set that was loaded and cut.
#[derive(Debug)]
pub struct Loaded {
    /// What a search may look at.
    pub splits: Splits,
    /// What it may not.
    pub test: TestSplit,
    /// What the images are.
    pub identity: DataIdentity,
    /// Files that were found and not read.
    pub passed_over: PassedOver,
}

impl DataConfig {
    /// The data set with every option at its default.
    pub fn new(source: SourceKind) -> Self {
        Self {
            source,
            path: None,
            image_size: None,
            channels: None,
            validation_fraction: None,
            test_fraction: test_fraction(),
            train_images: None,
            validation_images: None,
            seed: 0,
        }
    }

    /// Loads, resizes and cuts the data set.
    ///
    /// # Errors
    /// [`DataError`] when files are missing or damaged, or a setting is impossible.
    pub fn load(&self) -> Result<(Splits, TestSplit), DataError> {
        self.load_source()?.split(&self.split_config())
    }

    /// Loads as [`load`](Self::load) does, and tells what was found.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_known(&self) -> Result<Loaded, DataError> {
        let source = self.load_source()?;
        let (identity, passed_over) = (DataIdentity::of(&source), source.passed_over.clone());
        let (splits, test) = source.split(&self.split_config())?;
        Ok(Loaded { splits, test, identity, passed_over })
    }

    fn split_config(&self) -> SplitConfig {
        SplitConfig {
            validation_fraction: self.validation_fraction,
            test_fraction: self.test_fraction,
            train_images: self.train_images,
            validation_images: self.validation_images,
            seed: self.seed,
        }
    }

    fn load_source(&self) -> Result<Source, DataError> {
        let setting = |field, reason: &str| Err(DataError::Setting { field, reason: reason.into() });
        if let Some(size) = self.image_size.filter(|size| !(1..=MOST_PIXELS).contains(size)) {
            let reason = format!("must lie in 1..={MOST_PIXELS}, but is {size}");
            return setting("image_size", &reason);
        }
        let folder = matches!(self.source, SourceKind::Folder | SourceKind::Images);
        if self.channels.is_some() && !folder {
            return setting("channels", "only an image folder has a choice of channels");
        }
        if self.source == SourceKind::Digits && self.path.is_some() {
            return setting("path", "the digits come with the program; no `path` is read");
        }
        let path = match (&self.path, self.source) {
            (Some(path), _) => path.as_path(),
            (None, SourceKind::FashionMnist) => Path::new(idx::FASHION_MNIST_FOLDER),
            (None, SourceKind::Digits) => Path::new(""),
            (None, _) => return setting("path", "is needed: the folder of the data set"),
        };
        let mut source = match self.source {
            SourceKind::Digits => digits::load(),
            SourceKind::Mnist => idx::mnist(path),
            SourceKind::FashionMnist => idx::fashion_mnist(path),
            SourceKind::Idx => idx::load(path),
            SourceKind::Cifar10 => cifar::cifar10(path),
            SourceKind::Cifar100 => cifar::cifar100(path),
            SourceKind::Folder => return folder::load(path, self.image_size, self.channels),
            SourceKind::Images => {
                return folder::load_unlabelled(path, self.image_size, self.channels, usize::MAX);
            }
        }?;
        if let Some(side) = self.image_size {
            let images = source.train.len() + source.test.as_ref().map_or(0, Dataset::len);
            DataError::check_memory(images, side, source.train.shape().channels)?;
            source.train = source.train.resized(side, side);
            source.validation = source.validation.map(|validation| validation.resized(side, side));
            source.test = source.test.map(|test| test.resized(side, side));
        }
        Ok(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_section_loads() {
        let config: DataConfig = toml::from_str("source = \"digits\"\nimage_size = 12\nseed = 3").unwrap();
        let (splits, test) = config.load().unwrap();
        assert_eq!((splits.train.len(), splits.validation.len(), test.len()), (1294, 144, 359));
        assert_eq!(splits.train.shape().height, 12);
        let back: DataConfig = toml::from_str(&toml::to_string(&config).unwrap()).unwrap();
        assert_eq!(back, config);
    }

    #[test]
    fn images_that_memory_does_not_hold_are_refused() {
        // 1797 images of 2^28 bytes: half a terabyte, which a machine may have, on Linux at least it may say
        // so.
        let error =
            DataError::Memory { images: 1797, side: 16384, need: 482_378_514_432, limit: 16_000_000_000 };
        let expected = "1797 images of 16384x16384 need 482 GB of memory, and 16.0 GB are there; choose a smaller `image_size`";
        assert_eq!(error.to_string(), expected);
        let checked = DataError::check_memory(usize::MAX, 1 << 14, 3);
        assert_eq!(checked.is_err(), cfg!(target_os = "linux"));
    }

    #[test]
    fn contradictions_are_named() {
        let message =
            |text: &str| toml::from_str::<DataConfig>(text).unwrap().load().unwrap_err().to_string();
        assert!(message("source = \"mnist\"").starts_with("`path`: is needed"));
        assert!(message("source = \"digits\"\npath = \"x\"").starts_with("`path`: the digits come"));
        assert!(message("source = \"digits\"\nchannels = \"rgb\"").starts_with("`channels`"));
        assert!(message("source = \"digits\"\nimage_size = 0").starts_with("`image_size`"));
        assert!(
            message("source = \"digits\"\nimage_size = 16385")
                .starts_with("`image_size`: must lie in 1..=16384")
        );
    }
}
