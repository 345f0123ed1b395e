//! A folder of images: one sub-folder a class, or `train`, `val` and `test` with one sub-folder a class each.
//!
//! `val` and `test` may be absent; `training`, `valid`, `validation` and `testing` are the same names, in any
//! case. The images of a class lie in its folder or in folders below it, in any of the formats that `ENDINGS`
//! in `files.rs` lists. What is passed over is counted. Everything is read in the order of its name, so that
//! the order of a file system decides nothing.

mod files;
mod layout;
mod picture;

use std::path::{Path, PathBuf};

use image::imageops::{FilterType, resize};
use lightcrest_graph::network::Shape;

use super::{Channels, DataError, Dataset, PassedOver, Source};
use layout::layout;

/// Reads the folder; `image_size` is the side that every image is resized to (bilinear, the sides are scaled
/// apart), and may be absent when all images have one size. Without `channels`, images are grey when every
/// pixel of all is.
///
/// # Errors
/// [`DataError`] names the folder with fewer than two classes, the class without images, the split whose
/// classes are not those of the others, or the file that cannot be decoded.
pub fn load(
    folder: &Path,
    image_size: Option<usize>,
    channels: Option<Channels>,
) -> Result<Source, DataError> {
    check_there(folder, "a folder with one sub-folder of images a class")?;
    let name = name_of(folder);
    let mut reader = Reader { image_size, size: None, grey: true, passed_over: PassedOver::default() };
    let (train, validation, test) = match layout(folder)? {
        None => (reader.split(folder)?, None, None),
        Some(layout) => {
            files::pass_over_loose(folder, &mut reader.passed_over)?;
            layout.others.iter().for_each(|name| reader.passed_over.add_folder(name));
            let train = reader.split(&layout.train)?;
            let mut other = |path: Option<PathBuf>| path.map(|path| reader.like(&train, path)).transpose();
            let (validation, test) = (other(layout.validation)?, other(layout.test)?);
            (train, validation, test)
        }
    };
    let grey = channels.map_or(reader.grey, |channels| channels == Channels::Grey);
    let size = reader.size.expect("every class has an image");
    let dataset = |split: Split| split.into_dataset(&name, size, grey);
    Ok(Source {
        train: dataset(train)?,
        validation: validation.map(dataset).transpose()?,
        test: test.map(dataset).transpose()?,
        passed_over: reader.passed_over,
    })
}

/// The one class of images without labels.
pub const UNLABELLED: &str = "unlabelled";

/// Reads the images of the folder and of all folders below it, which have no labels: one class,
/// [`UNLABELLED`]. Where there are more than `at_most`, so many are read, spread evenly over the order of
/// their names. The rest is as in [`load`].
///
/// # Errors
/// [`DataError`] names the folder without images or the file that cannot be decoded.
pub fn load_unlabelled(
    folder: &Path,
    image_size: Option<usize>,
    channels: Option<Channels>,
    at_most: usize,
) -> Result<Source, DataError> {
    check_there(folder, "a folder of images")?;
    let mut reader = Reader { image_size, size: None, grey: true, passed_over: PassedOver::default() };
    let mut passed_over = PassedOver::default();
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let files = files::images(above, folder, &mut passed_over)?;
    if files.is_empty() {
        return Err(DataError::EmptyClass { path: folder.into(), passed_over });
    }
    let taken = files.len().min(at_most);
    let files: Vec<PathBuf> = (0..taken).map(|at| files[at * files.len() / taken].clone()).collect();
    if let Some(side) = image_size {
        DataError::check_memory(files.len(), side, 3)?;
    }
    let classes = vec![UNLABELLED.to_owned()];
    let mut split = Split { folder: folder.into(), classes, pixels: vec![], labels: vec![0; files.len()] };
    for file in files {
        reader.append(file, &mut split.pixels)?;
    }
    let grey = channels.map_or(reader.grey, |channels| channels == Channels::Grey);
    let size = reader.size.expect("there is an image");
    let train = split.into_dataset(&name_of(folder), size, grey)?;
    Ok(Source { train, validation: None, test: None, passed_over })
}

fn check_there(folder: &Path, what: &str) -> Result<(), DataError> {
    if folder.is_dir() {
        return Ok(());
    }
    let hint = format!("give {what} as `path`; a relative one begins at the folder of the spec");
    Err(DataError::Missing { path: folder.into(), hint })
}

fn name_of(folder: &Path) -> String {
    folder.file_name().map_or_else(|| "folder".into(), |name| name.to_string_lossy().into_owned())
}

/// What all splits have in common.
struct Reader {
    image_size: Option<usize>,
    /// Height and width, once an image is read.
    size: Option<(usize, usize)>,
    /// Whether every pixel so far is grey.
    grey: bool,
    passed_over: PassedOver,
}

/// What is read before it is known whether colour matters.
struct Split {
    folder: PathBuf,
    classes: Vec<String>,
    pixels: Vec<u8>, // (n, height, width, 3)
    labels: Vec<u16>,
}

impl Reader {
    fn split(&mut self, folder: &Path) -> Result<Split, DataError> {
        let classes = files::folders(folder)?;
        if !(2..=usize::from(u16::MAX)).contains(&classes.len()) {
            return Err(DataError::Classes { path: folder.into(), found: classes.len() });
        }
        files::pass_over_loose(folder, &mut self.passed_over)?;
        let mut split = Split { folder: folder.into(), classes: vec![], pixels: vec![], labels: vec![] };
        for (label, class) in classes.into_iter().enumerate() {
            let mut passed_over = PassedOver::default();
            let files = files::images(folder, &class.path, &mut passed_over)?;
            if files.is_empty() {
                return Err(DataError::EmptyClass { path: class.path, passed_over });
            }
            self.passed_over.extend(passed_over);
            if let Some(side) = self.image_size {
                DataError::check_memory(split.labels.len() + files.len(), side, 3)?;
            }
            split.classes.push(class.name);
            for file in files {
                self.append(file, &mut split.pixels)?;
                split.labels.push(label as u16);
            }
        }
        Ok(split)
    }

    /// A split that must have the classes of `train`.
    fn like(&mut self, train: &Split, folder: PathBuf) -> Result<Split, DataError> {
        let names: Vec<String> = files::folders(&folder)?.into_iter().map(|entry| entry.name).collect();
        let without = |list: &[String], other: &[String]| -> Vec<String> {
            list.iter().filter(|name| !other.contains(name)).cloned().collect()
        };
        let (lacking, unknown) = (without(&train.classes, &names), without(&names, &train.classes));
        if !lacking.is_empty() || !unknown.is_empty() {
            return Err(DataError::SplitClasses {
                path: folder,
                train: train.folder.clone(),
                lacking,
                unknown,
            });
        }
        self.split(&folder)
    }

    fn append(&mut self, path: PathBuf, pixels: &mut Vec<u8>) -> Result<(), DataError> {
        let mut image = picture::read(&path)?;
        if let Some(side) = self.image_size {
            image = resize(&image, side as u32, side as u32, FilterType::Triangle);
        }
        let (found_height, found_width) = (image.height() as usize, image.width() as usize);
        let (height, width) = *self.size.get_or_insert((found_height, found_width));
        if (height, width) != (found_height, found_width) {
            return Err(DataError::ImageSize { path, found_height, found_width, height, width });
        }
        self.grey &= image.pixels().all(|p| p[0] == p[1] && p[1] == p[2]);
        pixels.extend_from_slice(&image);
        Ok(())
    }
}

impl Split {
    fn into_dataset(
        self,
        name: &str,
        (height, width): (usize, usize),
        grey: bool,
    ) -> Result<Dataset, DataError> {
        let (channels, images) = if grey {
            // ITU-R BT.601 luma, exact for grey pixels.
            let luma = |p: &[u8]| {
                (299 * u32::from(p[0]) + 587 * u32::from(p[1]) + 114 * u32::from(p[2]) + 500) / 1000
            };
            (1, self.pixels.chunks_exact(3).map(|p| luma(p) as u8).collect())
        } else {
            (3, self.pixels)
        };
        Dataset::new(name, self.classes, Shape::new(channels, height, width), images, self.labels)
    }
}

#[cfg(test)]
mod tests;
