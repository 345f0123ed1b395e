//! Memory for vectors: aligned to cache lines, so that no vector load touches two of them.

use std::ops::{Deref, DerefMut};

/// One cache line.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// A zeroed array of numbers that starts on a cache line.
#[derive(Clone)]
pub(crate) struct Buffer<E> {
    lines: Vec<Line>,
    len: usize,
    element: std::marker::PhantomData<E>,
}

impl<E> Default for Buffer<E> {
    fn default() -> Self {
        Self { lines: Vec::new(), len: 0, element: std::marker::PhantomData }
    }
}

impl<E: super::Element> Buffer<E> {
    /// `len` zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let lines = vec![Line([0; 64]); (len * size_of::<E>()).div_ceil(64)];
        Self { lines, len, element: std::marker::PhantomData }
    }
}

impl<E: super::Element> Deref for Buffer<E> {
    type Target = [E];
    fn deref(&self) -> &[E] {
        // SAFETY: `lines` holds at least `len` elements of plain numbers (f32 or f64), all bits initialised.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<E: super::Element> DerefMut for Buffer<E> {
    fn deref_mut(&mut self) -> &mut [E] {
        // SAFETY: as in `deref`; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}
