//! Steps between the caller's dense images and the maps of the plan.

use rand::Rng;

use super::{Chunk, Executor, Step, Target};
use crate::kernel::layout::Runs;
use crate::kernel::{Element, Layout, Machine};

/// What the caller brings to a pass.
pub(super) struct Outside<'a, E> {
    /// Values of every image, for a pass forward.
    pub(super) images: &'a [E],
    /// Gradient of every output, for a pass backward.
    pub(super) gradient: &'a [E],
    /// Where dropout draws from, in a pass forward.
    pub(super) rng: Option<&'a mut dyn Rng>,
}

/// Values of an image without padding.
fn values(layout: &Layout) -> usize {
    layout.area() * layout.channels
}

/// Copies the images of a chunk from dense ones into a map.
pub(super) fn copy_in<E: Element>(from: &[E], chunk: Chunk, y: Target<'_, E>) {
    let layout = y.layout;
    let mut from = from[chunk.first * values(layout)..].chunks_exact(layout.channels);
    let mut runs = Runs::new([layout], y.images, usize::MAX);
    while let Some(([at], pixels)) = runs.next() {
        let run = &mut y.values[at..][..pixels * layout.stride];
        if layout.stride == 1 {
            run.iter_mut().zip(&mut from).for_each(|(y, x)| *y = x[0]);
            continue;
        }
        for pixel in run.chunks_exact_mut(layout.stride) {
            let source = from.next().expect("the caller brings every image");
            pixel[..layout.channels].copy_from_slice(source);
        }
    }
}

impl<E: Element, M: Machine<E>> Executor<E, M> {
    /// Copies the outputs of a chunk to the caller.
    pub(super) fn copy_out(&mut self, step: &Step, chunk: Chunk) {
        let mut output = std::mem::take(&mut self.output);
        let x = self.source(step, 0, chunk);
        let layout = x.layout;
        let mut target = output[chunk.first * values(layout)..].chunks_exact_mut(layout.channels);
        let mut runs = Runs::new([layout], chunk.count, usize::MAX);
        while let Some(([at], pixels)) = runs.next() {
            for pixel in x.values[at..][..pixels * layout.stride].chunks_exact(layout.stride) {
                let target = target.next().expect("the output holds every image");
                target.copy_from_slice(&pixel[..layout.channels]);
            }
        }
        self.output = output;
    }
}
