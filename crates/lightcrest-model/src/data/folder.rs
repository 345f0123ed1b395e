//! A folder of images: one sub-folder a class, PNG or JPEG files in it.
//!
//! A folder that holds exactly `train` and `test`, each with the same class folders, brings its own test split. Names
//! that begin with a dot and files of other kinds are passed over; everything is read in the order of its name.

use std::path::{Path, PathBuf};

use image::imageops::{FilterType, resize};
use lightcrest_graph::network::Shape;

use super::{Channels, DataError, Dataset, Source};

/// Reads the folder; `image_size` is the side that every image is resized to (bilinear, the sides are scaled apart), and
/// may be absent when all images have one size. Without `channels`, images are grey when every pixel of all is.
///
/// # Errors
/// [`DataError`] names the folder with fewer than two classes, the class without images, or the file that cannot be
/// decoded.
pub fn load(
    folder: &Path,
    image_size: Option<usize>,
    channels: Option<Channels>,
) -> Result<Source, DataError> {
    if !folder.is_dir() {
        let hint = "give a folder with one sub-folder of PNG or JPEG images a class as `path`".into();
        return Err(DataError::Missing { path: folder.into(), hint });
    }
    let name = folder.file_name().map_or_else(|| "folder".into(), |name| name.to_string_lossy().into_owned());
    let entries = folders(folder)?;
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    let (train, test) = if names == ["test", "train"] {
        let train = Reading::read(&entries[1].1, image_size)?;
        let test = Reading::read(&entries[0].1, image_size)?;
        if (test.height, test.width) != (train.height, train.width) {
            return Err(DataError::ImageSize {
                path: entries[0].1.clone(),
                found_height: test.height,
                found_width: test.width,
                height: train.height,
                width: train.width,
            });
        }
        if test.classes != train.classes {
            let path = entries[0].1.clone();
            return Err(DataError::TestClasses { path, test: test.classes, train: train.classes });
        }
        (train, Some(test))
    } else {
        (Reading::read(folder, image_size)?, None)
    };
    let grey = match channels {
        Some(channels) => channels == Channels::Grey,
        None => train.grey && test.as_ref().is_none_or(|test| test.grey),
    };
    let train = train.into_dataset(&name, grey)?;
    let test = test.map(|test| test.into_dataset(&name, grey)).transpose()?;
    Ok(Source { train, test })
}

/// What is read before it is known whether colour matters.
struct Reading {
    classes: Vec<String>,
    height: usize,
    width: usize,
    pixels: Vec<u8>, // (n, height, width, 3)
    labels: Vec<u16>,
    grey: bool,
}

impl Reading {
    fn read(folder: &Path, image_size: Option<usize>) -> Result<Self, DataError> {
        let entries = folders(folder)?;
        if entries.len() < 2 {
            return Err(DataError::Classes { path: folder.into(), found: entries.len() });
        }
        let mut this =
            Self { classes: vec![], height: 0, width: 0, pixels: vec![], labels: vec![], grey: true };
        for (label, (class, path)) in entries.into_iter().enumerate() {
            let files = images(&path)?;
            if files.is_empty() {
                return Err(DataError::EmptyClass { path });
            }
            this.classes.push(class);
            for file in files {
                this.append(file, image_size)?;
                this.labels.push(label as u16);
            }
        }
        Ok(this)
    }

    fn append(&mut self, path: PathBuf, image_size: Option<usize>) -> Result<(), DataError> {
        let image = image::ImageReader::open(&path)
            .and_then(image::ImageReader::with_guessed_format)
            .map_err(|source| DataError::Read { path: path.clone(), source })?
            .decode()
            .map_err(|source| DataError::Image { path: path.clone(), source })?;
        let mut image = image.into_rgb8();
        if let Some(side) = image_size {
            image = resize(&image, side as u32, side as u32, FilterType::Triangle);
        }
        let (height, width) = (image.height() as usize, image.width() as usize);
        if self.labels.is_empty() {
            (self.height, self.width) = (height, width);
        } else if (self.height, self.width) != (height, width) {
            let (found_height, found_width) = (height, width);
            let (height, width) = (self.height, self.width);
            return Err(DataError::ImageSize { path, found_height, found_width, height, width });
        }
        self.grey &= image.pixels().all(|p| p[0] == p[1] && p[1] == p[2]);
        self.pixels.extend_from_slice(&image);
        Ok(())
    }

    fn into_dataset(self, name: &str, grey: bool) -> Result<Dataset, DataError> {
        let (channels, images) = if grey {
            // ITU-R BT.601 luma, exact for grey pixels.
            let luma = |p: &[u8]| {
                (299 * u32::from(p[0]) + 587 * u32::from(p[1]) + 114 * u32::from(p[2]) + 500) / 1000
            };
            (1, self.pixels.chunks_exact(3).map(|p| luma(p) as u8).collect())
        } else {
            (3, self.pixels)
        };
        Dataset::new(name, self.classes, Shape::new(channels, self.height, self.width), images, self.labels)
    }
}

/// Sub-folders with their names, sorted.
fn folders(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    Ok(entries(folder)?.into_iter().filter(|(_, path)| path.is_dir()).collect())
}

/// PNG and JPEG files, sorted.
fn images(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let is_image = |name: &str| {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg"))
    };
    let files = entries(folder)?.into_iter().filter(|(name, path)| is_image(name) && path.is_file());
    Ok(files.map(|(_, path)| path).collect())
}

fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let read_error = |source| DataError::Read { path: folder.into(), source };
    let mut list = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(read_error)? {
        let entry = entry.map_err(read_error)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            list.push((name, entry.path()));
        }
    }
    list.sort();
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Rgb, RgbImage};

    fn write(path: &Path, side: u32, color: [u8; 3]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::from_pixel(side, side, Rgb(color)).save(path).unwrap();
    }

    fn pets() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("cat/1.png"), 4, [9, 9, 9]);
        write(&folder.path().join("cat/2.JPG"), 4, [40, 40, 40]);
        write(&folder.path().join("dog/1.jpeg"), 4, [80, 80, 80]);
        std::fs::write(folder.path().join("dog/notes.txt"), "x").unwrap();
        std::fs::write(folder.path().join(".hidden"), "x").unwrap();
        folder
    }

    #[test]
    fn grey_images_become_one_channel_unless_told_otherwise() {
        let folder = pets();
        let data = load(folder.path(), None, None).unwrap().train;
        assert_eq!(data.classes(), ["cat", "dog"]);
        assert_eq!((data.shape(), data.labels()), (Shape::new(1, 4, 4), &[0, 0, 1][..]));
        assert_eq!(data.image(0), [9; 16]);
        let data = load(folder.path(), Some(3), Some(Channels::Rgb)).unwrap().train;
        assert_eq!(data.shape(), Shape::new(3, 3, 3));
        write(&folder.path().join("dog/0.png"), 4, [200, 0, 0]);
        assert_eq!(load(folder.path(), None, None).unwrap().train.shape().channels, 3);
    }

    #[test]
    fn train_and_test_folders_are_two_splits() {
        let folder = tempfile::tempdir().unwrap();
        for (part, color) in [("train", 1), ("test", 2)] {
            for class in ["a", "b"] {
                write(&folder.path().join(part).join(class).join("x.png"), 2, [color; 3]);
            }
        }
        let source = load(folder.path(), None, None).unwrap();
        assert_eq!((source.train.image(1), source.test.unwrap().image(0)), (&[1; 4][..], &[2; 4][..]));
    }

    #[test]
    fn bad_folders_are_named() {
        let message = |folder: &Path| load(folder, None, None).unwrap_err().to_string();
        assert!(message(Path::new("nowhere")).contains("`nowhere` is missing"));

        let folder = pets();
        write(&folder.path().join("dog/0.png"), 5, [0; 3]);
        assert!(
            message(folder.path())
                .contains("0.png` is 5x5, but the images before it are 4x4: set `image_size`")
        );
        let bytes = std::fs::read(folder.path().join("dog/0.png")).unwrap();
        std::fs::write(folder.path().join("dog/0.png"), &bytes[..bytes.len() / 2]).unwrap();
        assert!(message(folder.path()).contains("0.png` is not a readable image"));

        let folder = pets();
        std::fs::create_dir(folder.path().join("eel")).unwrap();
        assert!(message(folder.path()).contains("eel` has no PNG or JPEG image"));

        let folder = tempfile::tempdir().unwrap();
        write(&folder.path().join("cat/1.png"), 4, [0; 3]);
        assert!(message(folder.path()).contains("has 1 class folder(s); at least 2"));
    }
}
