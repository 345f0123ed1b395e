//! Inputs of a model from a folder of images.

use std::path::Path;

use lightcrest_graph::compress::activation::Feed;
use lightcrest_graph::onnx::Array;
use lightcrest_model::compress::{Layout, Original, Preprocessing, Stated};
use lightcrest_model::data::{Channels, folder};

use crate::arguments::{LayoutName, PictureArguments};

/// Images that are taken, at most.
const IMAGES: usize = 512;

/// Runs of the images in `folder` and below, spread evenly over the order of their names.
///
/// # Errors
/// What the model, the options and the images do not agree in.
pub(super) fn feeds(model: &Path, folder: &Path, options: &PictureArguments) -> Result<Vec<Feed>, String> {
    let original = Original::open(model).map_err(|error| {
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
    let source = folder::load_unlabelled(folder, Some(height.max(width)), Some(grey)).map_err(|error| {
        format!("there is no .npy and no .npz in the folder, and as images: {}", chain(&error))
    })?;
    let images = source.train.resized(height, width);
    let taken = images.len().min(IMAGES);
    let batch = original.batch().unwrap_or(1).max(1);
    if taken < batch {
        return Err(format!("there are {taken} images in it, and a run takes {batch}"));
    }
    let chosen: Vec<usize> = (0..taken).map(|at| at * images.len() / taken).collect();
    let feed = |indices: &[usize]| {
        let mut input = Vec::with_capacity(batch * images.shape().len());
        indices.iter().for_each(|&index| preprocessing.append(images.image(index), &mut input));
        vec![(original.input.clone(), Array::f32(preprocessing.shape(indices.len()), input))]
    };
    Ok(chosen.chunks_exact(batch).map(feed).collect())
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

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
