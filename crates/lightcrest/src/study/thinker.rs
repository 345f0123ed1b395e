//! What may think for long, beside a study that goes on.

use crate::sampler::{Capabilities, Sampler};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What may think for long: it has a lock of its own, so that the study is free meanwhile.
///
/// Who holds the study's lock must not wait for this one where others wait in the opposite order: see `ask`.
pub(super) struct Thinker<T: ?Sized>(Arc<Mutex<Box<T>>>);

impl<T: ?Sized> Thinker<T> {
    pub(super) fn new(thinker: Box<T>) -> Self {
        Self(Arc::new(Mutex::new(thinker)))
    }

    /// What a thinker keeps makes it faster only, so one that panicked is as good as another.
    pub(super) fn lock(&self) -> MutexGuard<'_, Box<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: ?Sized> Clone for Thinker<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// The sampler, and what there is to know of it without waiting for it.
pub(super) struct Proposer {
    pub(super) name: &'static str,
    pub(super) capabilities: Capabilities,
    cheap: bool,
    pub(super) learns: bool,
    thinker: Thinker<dyn Sampler>,
}

impl Proposer {
    pub(super) fn new(sampler: Box<dyn Sampler>) -> Self {
        let (name, capabilities) = (sampler.name(), sampler.capabilities());
        let (cheap, learns) = (sampler.is_cheap(), sampler.learns());
        Self { name, capabilities, cheap, learns, thinker: Thinker::new(sampler) }
    }

    pub(super) fn is_cheap(&self) -> bool {
        self.cheap
    }

    pub(super) fn thinker(&self) -> Thinker<dyn Sampler> {
        self.thinker.clone()
    }
}
