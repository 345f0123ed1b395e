//! Operators on dense arrays, forward and backward, one operator a file.
//!
//! | symbol | meaning |
//! |---|---|
//! | `E` | element: `f32` to train, `f64` to check gradients by finite differences |
//! | `V` | SIMD vector of [`Isa::LANES`] elements, always ALONG CHANNELS |
//! | [`Layout`] | where the pixels of a feature map lie |
//!
//! Maps are channels-last. The channels of a pixel are padded to whole vectors, so that no kernel has a
//! remainder loop: lanes never mix, and what the padding holds never reaches a channel. A map may carry a
//! halo of zeros, so that convolutions have no borders either.
//!
//! A kernel is a struct of its arguments that implements [`Kernel`] once for every instruction set; a
//! [`Machine`] runs it. The same source is compiled for AVX-512, AVX2, NEON and scalar f32 by `pulp`, and for
//! scalar f64 by the tests. Everything between [`Machine::run`] and an instruction is `inline(always)`: a
//! function that is not inlined would be compiled without the instruction set.

pub(crate) mod activation;
pub(crate) mod buffer;
pub(crate) mod channel;
pub(crate) mod conv;
pub(crate) mod conv_gradient;
pub(crate) mod depthwise;
pub(crate) mod elementwise;
pub(crate) mod geometry;
pub(crate) mod group_norm;
pub(crate) mod layer_norm;
pub(crate) mod layout;
pub(crate) mod local_norm;
pub(crate) mod norm;
pub(crate) mod pool;
pub(crate) mod prelu;
pub(crate) mod resample;
mod simd;

pub(crate) use buffer::Buffer;
pub(crate) use layout::Layout;
pub(crate) use simd::{Isa, Kernel, Machine, Paired};

#[cfg(test)]
pub(crate) use simd::{Exact, archs};

/// A number that the kernels compute with.
pub(crate) trait Element:
    Copy
    + Default
    + PartialOrd
    + std::fmt::Debug
    + std::ops::Add<Output = Self>
    + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self>
    + std::ops::Div<Output = Self>
    + std::ops::AddAssign
    + Send
    + Sync
    + 'static
{
    /// The nearest number.
    fn of(value: f64) -> Self;
    /// The same number.
    fn f64(self) -> f64;
}

impl Element for f32 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        value as f32
    }
    #[inline(always)]
    fn f64(self) -> f64 {
        f64::from(self)
    }
}

impl Element for f64 {
    #[inline(always)]
    fn of(value: f64) -> Self {
        value
    }
    #[inline(always)]
    fn f64(self) -> f64 {
        self
    }
}
