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
    /// a * 2^n, where `shifted` is n + 1.5 * 2^23 and a * 2^n is a normal number.
    fn times_power(self, a: Self::V, shifted: Self::V) -> Self::V;

    /// exp(a) = 2^n exp(r) with n = round(a / ln 2), |r| <= ln 2 / 2; polynomial of Cephes' `expf`, relative
    /// error below 1e-6.
    #[inline(always)]
    fn exp(self, a: Self::V) -> Self::V {
        // not closures: kernels need them inlined (see the module's head)
        macro_rules! number {
            ($value:expr) => {
                self.splat(Self::E::of($value))
            };
        }
        // beyond these the result is 0 or infinity to f32 anyway
        let a = self.min(number!(88.0), self.max(number!(-87.0), a));
        // adding 1.5 * 2^23 rounds to an integer, which then stands in the low bits
        let magic = number!(12_582_912.0);
        let shifted = self.mul_add(a, number!(std::f64::consts::LOG2_E), magic);
        let n = self.sub(shifted, magic);
        let r = self.mul_add(n, number!(-0.693_359_375), a);
        let r = self.mul_add(n, number!(2.121_944_4e-4), r);
        macro_rules! pair {
            ($high:expr, $low:expr) => {
                self.mul_add(r, number!($high), number!($low))
            };
        }
        // Estrin's scheme, of half the depth of Horner's: a pointwise pass waits for results, not for units
        let square = self.mul(r, r);
        let p = self.mul_add(pair!(1.987_569_1e-4, 1.398_2e-3), square, pair!(8.333_452e-3, 4.166_579_6e-2));
        let p = self.mul_add(p, square, pair!(1.666_666_5e-1, 0.5));
        let p = self.mul_add(p, square, self.add(r, number!(1.0)));
        self.times_power(p, shifted)
    }

    /// The normal distribution function: 0.5 erfc(-a / sqrt(2)), by Abramowitz & Stegun 1964, eq. 7.1.26;
    /// absolute error below 1e-7, and small values keep their digits.
    #[inline(always)]
    fn normal_cdf(self, a: Self::V) -> Self::V {
        macro_rules! number {
            ($value:expr) => {
                self.splat(Self::E::of($value))
            };
        }
        let size = self.max(a, self.sub(self.zero(), a));
        // of |a| / sqrt(2)
        let t = self.mul_add(size, number!(0.327_591_1 * std::f64::consts::FRAC_1_SQRT_2), number!(1.0));
        let t = self.div(number!(1.0), t);
        let p = self.mul_add(t, number!(1.061_405_429), number!(-1.453_152_027));
        let p = self.mul_add(t, p, number!(1.421_413_741));
        let p = self.mul_add(t, p, number!(-0.284_496_736));
        let p = self.mul_add(t, p, number!(0.254_829_592));
        let tail = self.exp(self.mul(self.mul(a, a), number!(-0.5)));
        let tail = self.mul(self.mul(self.mul(p, t), tail), number!(0.5));
        self.select_greater(a, self.zero(), self.sub(number!(1.0), tail), tail)
    }

    /// log(1 + a) for a in [0, 1]: 2 artanh(s) with s = a / (2 + a) <= 1/3 by its series, of which what is
    /// left out is below 1e-8 of the result.
    #[inline(always)]
    fn log_1p(self, a: Self::V) -> Self::V {
        macro_rules! number {
            ($value:expr) => {
                self.splat(Self::E::of($value))
            };
        }
        let s = self.div(a, self.add(a, number!(2.0)));
        let square = self.mul(s, s);
        let mut p = number!(1.0 / 15.0);
        for odd in [13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0] {
            p = self.mul_add(p, square, number!(1.0 / odd));
        }
        self.mul(self.add(s, s), p)
    }

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
        const { assert!(Self::LANES <= MAX_LANES) };
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
        const { assert!(Self::LANES <= MAX_LANES) };
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

    #[inline(always)]
    fn times_power(self, a: S::f32s, shifted: S::f32s) -> S::f32s {
        let s = self.0;
        let exponent = s.wrapping_dyn_shl_u32s(s.transmute_u32s_f32s(shifted), s.splat_u32s(23));
        s.transmute_f32s_u32s(s.add_u32s(s.transmute_u32s_f32s(a), exponent))
    }
}

/// Two vectors as one: their instructions alternate.
///
/// Long chains of dependent instructions, such as an exponential, are longer than the window in which a
/// processor looks for other work; with two chains side by side it finds the second.
#[derive(Clone, Copy)]
pub(crate) struct Paired<I>(pub(crate) I);

macro_rules! paired {
    ($($name:ident($($argument:ident),+);)+) => {
        $(
            #[inline(always)]
            fn $name(self, $($argument: [I::V; 2]),+) -> [I::V; 2] {
                [self.0.$name($($argument[0]),+), self.0.$name($($argument[1]),+)]
            }
        )+
    };
}

impl<I: Isa> Isa for Paired<I> {
    type E = I::E;
    type V = [I::V; 2];
    const LANES: usize = 2 * I::LANES;
    const REGISTERS: usize = I::REGISTERS / 2;

    #[inline(always)]
    fn splat(self, value: I::E) -> [I::V; 2] {
        [self.0.splat(value); 2]
    }
    #[inline(always)]
    fn vectors(self, slice: &[I::E]) -> &[[I::V; 2]] {
        self.0.vectors(slice).as_chunks().0
    }
    #[inline(always)]
    fn vectors_mut(self, slice: &mut [I::E]) -> &mut [[I::V; 2]] {
        self.0.vectors_mut(slice).as_chunks_mut().0
    }
    paired! {
        add(a, b);
        sub(a, b);
        mul(a, b);
        div(a, b);
        mul_add(a, b, c);
        min(a, b);
        max(a, b);
        select_greater(a, b, yes, no);
        select_equal(a, b, yes, no);
        times_power(a, shifted);
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
    fn times_power(self, a: f64, shifted: f64) -> f64 {
        a * (shifted - 12_582_912.0).exp2()
    }
    // the polynomial is as exact as f32
    fn exp(self, a: f64) -> f64 {
        a.exp()
    }
    fn normal_cdf(self, a: f64) -> f64 {
        if a == 0.0 { 0.5 } else { lightcrest_graph::network::Activation::Gelu.apply(a) / a }
    }
    fn log_1p(self, a: f64) -> f64 {
        a.ln_1p()
    }
}

/// Every instruction set of this machine.
#[cfg(test)]
pub(crate) fn archs() -> Vec<Arch> {
    #[cfg(target_arch = "x86_64")]
    {
        let mut archs = vec![Arch::Scalar];
        archs.extend(pulp::x86::V3::try_new().map(Arch::V3));
        archs.extend(pulp::x86::V4::try_new().map(Arch::V4));
        archs
    }
    #[cfg(not(target_arch = "x86_64"))]
    vec![Arch::Scalar, Arch::new()]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// exp of every number, one vector at a time and two.
    struct Exponentials<'a>(&'a [f32]);

    impl Kernel<f32> for Exponentials<'_> {
        type Output = [Vec<f32>; 2];

        #[inline(always)]
        fn run<I: Isa<E = f32>>(self, isa: I) -> [Vec<f32>; 2] {
            let mut results = [vec![0.0; self.0.len()], vec![0.0; self.0.len()]];
            let [single, paired] = &mut results;
            for (y, &x) in isa.vectors_mut(single).iter_mut().zip(isa.vectors(self.0)) {
                *y = isa.exp(x);
            }
            let two = Paired(isa);
            for (y, &x) in two.vectors_mut(paired).iter_mut().zip(two.vectors(self.0)) {
                *y = two.exp(x);
            }
            results
        }
    }

    #[test]
    fn exponentials_are_exact_to_a_millionth_and_pairs_agree() {
        // 32: a pair of the widest vectors
        let x: Vec<f32> = (0..32 * 175).map(|i| i as f32 / 32.0 - 87.0).collect();
        for arch in archs() {
            let [single, paired] = arch.run(Exponentials(&x));
            assert_eq!(single, paired, "{arch:?}");
            for (&x, &y) in x.iter().zip(&single) {
                let expected = f64::from(x).exp();
                assert!((f64::from(y) / expected - 1.0).abs() < 1e-6, "{arch:?}: exp({x}) = {y}");
            }
            let ends = arch.run(Exponentials(&[[-1e30; 16], [1e30; 16]].concat()));
            assert!(ends[0][0] < 1e-37 && ends[0][31] > 1e38, "{arch:?}: {ends:?}");
        }
    }
}
