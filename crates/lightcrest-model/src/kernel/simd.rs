//! Instruction sets behind one trait: `pulp` for f32, plain f64 for gradient checks.

use pulp::{Arch, Simd, WithSimd};

use super::Element;

/// Elements of the widest vector of any instruction set.
pub(super) const MAX_LANES: usize = 16;

/// Vectors of one instruction set.
pub(crate) trait Isa: Copy {
    /// What a lane holds.
    type E: Element;
    /// A vector.
    type V: Copy;
    /// Elements of a vector.
    const LANES: usize;
    /// Vector registers; tile sizes follow from it.
    const REGISTERS: usize;

    fn splat(self, value: Self::E) -> Self::V;
    /// The slice as whole vectors; a remainder is dropped.
    fn vectors(self, slice: &[Self::E]) -> &[Self::V];
    fn vectors_mut(self, slice: &mut [Self::E]) -> &mut [Self::V];
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    fn div(self, a: Self::V, b: Self::V) -> Self::V;
    /// a * b + c
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The smaller; `b` when either is not a number.
    fn min(self, a: Self::V, b: Self::V) -> Self::V;
    /// The larger; `b` when either is not a number.
    fn max(self, a: Self::V, b: Self::V) -> Self::V;
    /// `yes` where a > b, `no` elsewhere.
    fn select_greater(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// `yes` where a = b, `no` elsewhere.
    fn select_equal(self, a: Self::V, b: Self::V, yes: Self::V, no: Self::V) -> Self::V;
    /// exp(a), relative error below 1e-6.
    fn exp(self, a: Self::V) -> Self::V;

    #[inline(always)]
    fn zero(self) -> Self::V {
        self.splat(Self::E::default())
    }

    /// # Safety
    /// `LANES` elements must be readable at `pointer`.
    #[inline(always)]
    unsafe fn load(self, pointer: *const Self::E) -> Self::V {
        // SAFETY: the caller's promise; vectors are plain data.
        unsafe { pointer.cast::<Self::V>().read_unaligned() }
    }

    /// # Safety
    /// `LANES` elements must be writable at `pointer`.
    #[inline(always)]
    unsafe fn store(self, pointer: *mut Self::E, value: Self::V) {
        // SAFETY: the caller's promise; vectors are plain data.
        unsafe { pointer.cast::<Self::V>().write_unaligned(value) }
    }

    /// The first `count` lanes of memory, zeros beyond.
    ///
    /// # Safety
    /// `count` elements must be readable at `pointer`.
    #[inline(always)]
    unsafe fn load_first(self, pointer: *const Self::E, count: usize) -> Self::V {
        let mut lanes = [Self::E::default(); MAX_LANES];
        // SAFETY: the array holds the widest vector; the rest is the caller's promise.
        unsafe {
            std::ptr::copy_nonoverlapping(pointer, lanes.as_mut_ptr(), count.min(Self::LANES));
            self.load(lanes.as_ptr())
        }
    }

    /// Stores the first `count` lanes.
    ///
    /// # Safety
    /// `count` elements must be writable at `pointer`.
    #[inline(always)]
    unsafe fn store_first(self, pointer: *mut Self::E, value: Self::V, count: usize) {
        // through memory of its own: the address of `value` would keep its register tile out of the registers
        let mut lanes = [Self::E::default(); MAX_LANES];
        // SAFETY: the array holds the widest vector; the rest is the caller's promise.
        unsafe {
            self.store(lanes.as_mut_ptr(), value);
            std::ptr::copy_nonoverlapping(lanes.as_ptr(), pointer, count.min(Self::LANES));
        }
    }
}

/// A computation written once for every instruction set.
pub(crate) trait Kernel<E: Element> {
    /// What it returns.
    type Output;
    /// Runs it; implementations are `inline(always)`.
    fn run<I: Isa<E = E>>(self, isa: I) -> Self::Output;
}

/// What runs kernels: one instruction set, chosen at run time.
pub(crate) trait Machine<E: Element>: Copy {
    /// Runs one kernel.
    fn run<K: Kernel<E>>(self, kernel: K) -> K::Output;

    /// Elements of a vector.
    fn lanes(self) -> usize {
        self.run(Lanes)
    }
}

struct Lanes;

impl<E: Element> Kernel<E> for Lanes {
    type Output = usize;
    #[inline(always)]
    fn run<I: Isa<E = E>>(self, _: I) -> usize {
        I::LANES
    }
}

impl Machine<f32> for Arch {
    #[inline]
    fn run<K: Kernel<f32>>(self, kernel: K) -> K::Output {
        self.dispatch(Adapter(kernel))
    }
}

struct Adapter<K>(K);

impl<K: Kernel<f32>> WithSimd for Adapter<K> {
    type Output = K::Output;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> K::Output {
        self.0.run(Single(simd))
    }
}

/// f32 vectors of a `pulp` instruction set.
#[derive(Clone, Copy)]
struct Single<S>(S);

impl<S: Simd> Isa for Single<S> {
    type E = f32;
    type V = S::f32s;
    const LANES: usize = S::F32_LANES;
    const REGISTERS: usize = S::REGISTER_COUNT;

    #[inline(always)]
    fn splat(self, value: f32) -> S::f32s {
        self.0.splat_f32s(value)
    }
    #[inline(always)]
    fn vectors(self, slice: &[f32]) -> &[S::f32s] {
        S::as_simd_f32s(slice).0
    }
    #[inline(always)]
    fn vectors_mut(self, slice: &mut [f32]) -> &mut [S::f32s] {
        S::as_mut_simd_f32s(slice).0
    }
    #[inline(always)]
    fn add(self, a: S::f32s, b: S::f32s) -> S::f32s {
        self.0.add_f32s(a, b)
    }
    #[inline(always)]
    fn sub(self, a: S::f32s, b: S::f32s) -> S::f32s {
        self.0.sub_f32s(a, b)
    }
    #[inline(always)]
    fn mul(self, a: S::f32s, b: S::f32s) -> S::f32s {
        self.0.mul_f32s(a, b)
    }
    #[inline(always)]
    fn div(self, a: S::f32s, b: S::f32s) -> S::f32s {
        self.0.div_f32s(a, b)
    }
    #[inline(always)]
    fn mul_add(self, a: S::f32s, b: S::f32s, c: S::f32s) -> S::f32s {
        self.0.mul_add_e_f32s(a, b, c)
    }
    #[inline(always)]
    fn min(self, a: S::f32s, b: S::f32s) -> S::f32s {
        if S::IS_SCALAR {
            return self.0.select_f32s(self.0.less_than_f32s(a, b), a, b);
        }
        self.0.min_f32s(a, b)
    }
    #[inline(always)]
    fn max(self, a: S::f32s, b: S::f32s) -> S::f32s {
        if S::IS_SCALAR {
            return self.0.select_f32s(self.0.greater_than_f32s(a, b), a, b);
        }
        self.0.max_f32s(a, b)
    }
    #[inline(always)]
    fn select_greater(self, a: S::f32s, b: S::f32s, yes: S::f32s, no: S::f32s) -> S::f32s {
        self.0.select_f32s(self.0.greater_than_f32s(a, b), yes, no)
    }
    #[inline(always)]
    fn select_equal(self, a: S::f32s, b: S::f32s, yes: S::f32s, no: S::f32s) -> S::f32s {
        self.0.select_f32s(self.0.equal_f32s(a, b), yes, no)
    }

    /// exp(a) = 2^n exp(r) with n = round(a / ln 2), |r| <= ln 2 / 2; polynomial of Cephes' `expf`.
    #[inline(always)]
    fn exp(self, a: S::f32s) -> S::f32s {
        let s = self.0;
        macro_rules! constant {
            ($v:expr) => {
                s.splat_f32s($v)
            };
        }
        // beyond these the result is 0 or infinity to f32 anyway
        let a = self.min(constant!(88.0), self.max(constant!(-87.0), a));
        // adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits
        let magic = constant!(12_582_912.0);
        let shifted = s.mul_add_e_f32s(a, constant!(std::f32::consts::LOG2_E), magic);
        let n = s.sub_f32s(shifted, magic);
        let r = s.mul_add_e_f32s(n, constant!(-0.693_359_4), a);
        let r = s.mul_add_e_f32s(n, constant!(2.121_944_4e-4), r);
        let mut p = constant!(1.987_569_1e-4);
        for c in [1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
            p = s.mul_add_e_f32s(p, r, constant!(c));
        }
        let p = s.mul_add_e_f32s(s.mul_f32s(p, r), r, s.add_f32s(r, constant!(1.0)));
        let exponent = s.wrapping_dyn_shl_u32s(s.transmute_u32s_f32s(shifted), s.splat_u32s(23));
        s.transmute_f32s_u32s(s.add_u32s(s.transmute_u32s_f32s(p), exponent))
    }
}

/// Scalar f64: the reference that the tests check every instruction set and every gradient against.
#[cfg(test)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exact;

#[cfg(test)]
impl Machine<f64> for Exact {
    fn run<K: Kernel<f64>>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
}

#[cfg(test)]
impl Isa for Exact {
    type E = f64;
    type V = f64;
    const LANES: usize = 1;
    const REGISTERS: usize = 16;

    fn splat(self, value: f64) -> f64 {
        value
    }
    fn vectors(self, slice: &[f64]) -> &[f64] {
        slice
    }
    fn vectors_mut(self, slice: &mut [f64]) -> &mut [f64] {
        slice
    }
    fn add(self, a: f64, b: f64) -> f64 {
        a + b
    }
    fn sub(self, a: f64, b: f64) -> f64 {
        a - b
    }
    fn mul(self, a: f64, b: f64) -> f64 {
        a * b
    }
    fn div(self, a: f64, b: f64) -> f64 {
        a / b
    }
    fn mul_add(self, a: f64, b: f64, c: f64) -> f64 {
        a * b + c
    }
    fn min(self, a: f64, b: f64) -> f64 {
        if a < b { a } else { b }
    }
    fn max(self, a: f64, b: f64) -> f64 {
        if a > b { a } else { b }
    }
    fn select_greater(self, a: f64, b: f64, yes: f64, no: f64) -> f64 {
        if a > b { yes } else { no }
    }
    fn select_equal(self, a: f64, b: f64, yes: f64, no: f64) -> f64 {
        if a == b { yes } else { no }
    }
    fn exp(self, a: f64) -> f64 {
        a.exp()
    }
}
