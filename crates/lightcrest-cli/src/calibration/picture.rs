//! Inputs of a model from a folder of images.

use std::path::Path;

use lightcrest_graph::chain;
use lightcrest_graph::compress::activation::Feed;
use lightcrest_graph::onnx::{Array, Model};
use lightcrest_model::compress::{Layout, Original, Preprocessing, Stated};
use lightcrest_model::data::{Channels, folder};

use crate::arguments::{LayoutName, PictureArguments};

/// Images that are taken, at most.
const IMAGES: usize = 512;

/// Runs of the images in `folder` and below, spread evenly over the order of their names.
///
/// # Errors
/// What the model, the options and the images do not agree in.
pub(super) fn feeds(
    model: &Model,
    path: &Path,
    folder: &Path,
    options: &PictureArguments,
) -> Result<Vec<Feed>, String> {
    let original = Original::of(path, model.clone()).map_err(|error| {
        format!(
            "there is no .npy and no .npz in the folder, and images are no inputs of this model: {}",
            chain(&error)
        )
    })?;
    let preprocessing = Preprocessing::of(&original, &stated(options)).map_err(|error| {
        let option = |key: &&str| format!("--{}", if *key == "size" { "image-size" } else { key });
        let options: Vec<String> = error.missing.iter().map(option).collect();
        let remedy =
            if options.is_empty() { String::new() } else { format!("; give {}", options.join(" and ")) };
        format!("{}{remedy}", error.reason)
    })?;
    let Preprocessing { channels, height, width, .. } = preprocessing;
    let grey = if channels == 1 { Channels::Grey } else { Channels::Rgb };
    // One size for all first: images of other shapes are stretched, as those of a training are.
    let source = folder::load_unlabelled(folder, Some(height.max(width)), Some(grey), IMAGES);
    let source = source.map_err(|error| {
        format!("there is no .npy and no .npz in the folder, and as images: {}", chain(&error))
    })?;
    let images = source.train.resized(height, width);
    let batch = original.batch().unwrap_or(1).max(1);
    if images.len() < batch {
        return Err(format!("there are {} images in it, and a run takes {batch}", images.len()));
    }
    let all: Vec<usize> = (0..images.len()).collect();
    let feed = |indices: &[usize]| {
        let mut input = Vec::with_capacity(batch * images.shape().len());
        indices.iter().for_each(|&index| preprocessing.append(images.image(index), &mut input));
        vec![(original.input.clone(), Array::f32(preprocessing.shape(indices.len()), input))]
    };
    Ok(all.chunks_exact(batch).map(feed).collect())
}

fn stated(options: &PictureArguments) -> Stated {
    let PictureArguments { scale, mean, std, layout, bgr, image_size } = options.clone();
    Stated {
        scale,
        layout: layout.map(|layout| match layout {
            LayoutName::Nchw => Layout::Nchw,
            LayoutName::Nhwc => Layout::Nhwc,
        }),
        bgr,
        size: image_size,
        written: scale.is_some() || mean.is_some() || std.is_some(),
        mean,
        std,
    }
}
