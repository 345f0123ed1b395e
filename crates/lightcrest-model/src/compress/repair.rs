//! Repair of a compressed network: least squares, layer by layer, on training images.

use lightcrest_graph::chain;
use lightcrest_graph::compress::activation::{Feed, Own};
use lightcrest_graph::compress::repair::{Correspondence, RepairConfig, repair};
use lightcrest_graph::onnx::{Array, Model};

use super::judge::Judge;
use super::spec::CompressSpec;

/// Training images that a repair sees.
const IMAGES: usize = 128;

/// Images of one run, where the network does not say how many.
const BATCH: usize = 16;

/// Training images as inputs of the network, spread evenly over the training images.
pub(super) fn feeds(spec: &CompressSpec, judge: &Judge, images: usize) -> Vec<Feed> {
    let data = &judge.splits.train;
    let batch = spec.original.batch().unwrap_or(BATCH).max(1);
    let images = images.min(data.len());
    let chosen: Vec<usize> = (0..images).map(|at| at * data.len() / images.max(1)).collect();
    let feed = |indices: &[usize]| {
        let mut input = Vec::with_capacity(batch * data.shape().len());
        indices.iter().for_each(|&index| spec.preprocessing.append(data.image(index), &mut input));
        let shape = spec.preprocessing.shape(indices.len());
        vec![(spec.original.input.clone(), Array::f32(shape, input))]
    };
    chosen.chunks_exact(batch).map(feed).collect()
}

/// The model with its layers solved again; what was said where that is not possible.
pub(super) fn repaired(
    spec: &CompressSpec,
    judge: &Judge,
    model: &Model,
    kept: &Correspondence,
) -> (Model, Option<String>) {
    let feeds = feeds(spec, judge, IMAGES);
    match repair(&spec.original.model, model, kept, &Own, &feeds, &RepairConfig::default()) {
        Ok((model, _)) => (model, None),
        Err(error) => (model.clone(), Some(format!("not repaired: {}", chain(&error)))),
    }
}
