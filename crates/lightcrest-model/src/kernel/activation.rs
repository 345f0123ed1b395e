//! Pointwise non-linearities and their slopes.
//!
//! At a kink the slope is PyTorch's: 0 at 0 for ReLU, 0 at both ends of ReLU6 and Hardsigmoid.

use lightcrest_graph::network::Activation;

use super::layout::Runs;
use super::{Element, Isa, Kernel, Layout, Paired};

/// One non-linearity, chosen at compile time.
pub(crate) trait Pointwise: Copy {
    /// f(x)
    fn value<I: Isa>(self, isa: I, x: I::V) -> I::V;
    /// f'(x) dy
    fn gradient<I: Isa>(self, isa: I, x: I::V, dy: I::V) -> I::V;
}

#[derive(Clone, Copy)]
pub(crate) struct Identity;
#[derive(Clone, Copy)]
pub(crate) struct ReLU;
#[derive(Clone, Copy)]
pub(crate) struct ReLU6;
#[derive(Clone, Copy)]
pub(crate) struct Hardswish;
#[derive(Clone, Copy)]
pub(crate) struct Hardsigmoid;
#[derive(Clone, Copy)]
pub(crate) struct Swish;
#[derive(Clone, Copy)]
pub(crate) struct Sigmoid;

impl Pointwise for Identity {
    #[inline(always)]
    fn value<I: Isa>(self, _: I, x: I::V) -> I::V {
        x
    }
    #[inline(always)]
    fn gradient<I: Isa>(self, _: I, _: I::V, dy: I::V) -> I::V {
        dy
    }
}

impl Pointwise for ReLU {
    #[inline(always)]
    fn value<I: Isa>(self, isa: I, x: I::V) -> I::V {
        isa.max(isa.zero(), x)
    }
    #[inline(always)]
    fn gradient<I: Isa>(self, isa: I, x: I::V, dy: I::V) -> I::V {
        isa.select_greater(x, isa.zero(), dy, isa.zero())
    }
}

impl Pointwise for ReLU6 {
    #[inline(always)]
    fn value<I: Isa>(self, isa: I, x: I::V) -> I::V {
        isa.min(number(isa, 6.0), isa.max(isa.zero(), x))
    }
    #[inline(always)]
    fn gradient<I: Isa>(self, isa: I, x: I::V, dy: I::V) -> I::V {
        between(isa, x, isa.zero(), number(isa, 6.0), dy)
    }
}

impl Pointwise for Hardswish {
    #[inline(always)]
    fn value<I: Isa>(self, isa: I, x: I::V) -> I::V {
        isa.mul(x, Hardsigmoid.value(isa, x))
    }
    #[inline(always)]
    fn gradient<I: Isa>(self, isa: I, x: I::V, dy: I::V) -> I::V {
        let three = number(isa, 3.0);
        let inside = isa.mul_add(x, number(isa, 1.0 / 3.0), number(isa, 0.5));
        let slope = isa.select_greater(x, three, number(isa, 1.0), inside);
        let slope = isa.select_greater(isa.sub(isa.zero(), three), x, isa.zero(), slope);
        isa.mul(dy, slope)
    }
}

impl Pointwise for Hardsigmoid {
    #[inline(always)]
    fn value<I: Isa>(self, isa: I, x: I::V) -> I::V {
        let shifted = isa.max(isa.zero(), isa.add(x, number(isa, 3.0)));
        isa.mul(isa.min(number(isa, 6.0), shifted), number(isa, 1.0 / 6.0))
    }
    #[inline(always)]
    fn gradient<I: Isa>(self, isa: I, x: I::V, dy: I::V) -> I::V {
        let slope = isa.mul(dy, number(isa, 1.0 / 6.0));
        between(isa, x, number(isa, -3.0), number(isa, 3.0), slope)
    }
}

impl Pointwise for Swish {
    #[inline(always)]
    fn value<I: Isa>(self, isa: I, x: I::V) -> I::V {
        isa.mul(x, Sigmoid.value(isa, x))
    }
    #[inline(always)]
    fn gradient<I: Isa>(self, isa: I, x: I::V, dy: I::V) -> I::V {
        // s + x s (1 - s)
        let s = Sigmoid.value(isa, x);
        let rest = isa.sub(number(isa, 1.0), s);
        isa.mul(dy, isa.mul_add(isa.mul(x, s), rest, s))
    }
}

impl Pointwise for Sigmoid {
    #[inline(always)]
    fn value<I: Isa>(self, isa: I, x: I::V) -> I::V {
        let one = number(isa, 1.0);
        isa.div(one, isa.add(one, isa.exp(isa.sub(isa.zero(), x))))
    }
    #[inline(always)]
    fn gradient<I: Isa>(self, isa: I, x: I::V, dy: I::V) -> I::V {
        let s = self.value(isa, x);
        isa.mul(dy, isa.mul(s, isa.sub(number(isa, 1.0), s)))
    }
}

/// x where x > 0, else slope x.
#[derive(Clone, Copy)]
pub(crate) struct LeakyReLU(pub(crate) f32);
/// x where x > 0, else alpha (exp(x) - 1).
#[derive(Clone, Copy)]
pub(crate) struct Elu(pub(crate) f32);
/// Between two ends.
#[derive(Clone, Copy)]
pub(crate) struct Clip(pub(crate) f32, pub(crate) f32);
/// slope x + offset between 0 and 1.
#[derive(Clone, Copy)]
pub(crate) struct Ramp(pub(crate) f32, pub(crate) f32);
#[derive(Clone, Copy)]
pub(crate) struct Gelu;
#[derive(Clone, Copy)]
pub(crate) struct GeluTanh;
#[derive(Clone, Copy)]
pub(crate) struct Erf;
#[derive(Clone, Copy)]
pub(crate) struct Tanh;
#[derive(Clone, Copy)]
pub(crate) struct Softplus;

impl Pointwise for LeakyReLU {
    #[inline(always)]
    fn value<I: Isa>(self, isa: I, x: I::V) -> I::V {
        isa.select_greater(x, isa.zero(), x, isa.mul(x, number(isa, self.0.into())))
    }
    #[inline(always)]
    fn gradient<I: Isa>(self, isa: I, x: I::V, dy: I::V) -> I::V {
        isa.select_greater(x, isa.zero(), dy, isa.mul(dy, number(isa, self.0.into())))
    }
}

impl Pointwise for Elu {
    #[inline(always)]
    fn value<I: Isa>(self, isa: I, x: I::V) -> I::V {
        let below = isa.mul(number(isa, self.0.into()), isa.sub(isa.exp(x), number(isa, 1.0)));
        isa.select_greater(x, isa.zero(), x, below)
    }
    #[inline(always)]
    fn gradient<I: Isa>(self, isa: I, x: I::V, dy: I::V) -> I::V {
        let below = isa.mul(number(isa, self.0.into()), isa.exp(x));
        isa.select_greater(x, isa.zero(), dy, isa.mul(dy, below))
    }
}

impl Pointwise for Clip {
    #[inline(always)]
    fn value<I: Isa>(self, isa: I, x: I::V) -> I::V {
        isa.min(number(isa, self.1.into()), isa.max(number(isa, self.0.into()), x))
    }
    #[inline(always)]
    fn gradient<I: Isa>(self, isa: I, x: I::V, dy: I::V) -> I::V {
        between(isa, x, number(isa, self.0.into()), number(isa, self.1.into()), dy)
    }
}

impl Pointwise for Ramp {
    #[inline(always)]
    fn value<I: Isa>(self, isa: I, x: I::V) -> I::V {
        isa.min(number(isa, 1.0), isa.max(isa.zero(), self.line(isa, x)))
    }
    #[inline(always)]
    fn gradient<I: Isa>(self, isa: I, x: I::V, dy: I::V) -> I::V {
        let slope = isa.mul(dy, number(isa, self.0.into()));
        between(isa, self.line(isa, x), isa.zero(), number(isa, 1.0), slope)
    }
}

impl Ramp {
    #[inline(always)]
    fn line<I: Isa>(self, isa: I, x: I::V) -> I::V {
        isa.mul_add(x, number(isa, self.0.into()), number(isa, self.1.into()))
    }
}

impl Pointwise for Gelu {
    #[inline(always)]
    fn value<I: Isa>(self, isa: I, x: I::V) -> I::V {
        isa.mul(x, isa.normal_cdf(x))
    }
    #[inline(always)]
    fn gradient<I: Isa>(self, isa: I, x: I::V, dy: I::V) -> I::V {
        // Phi + x phi
        let density = isa.exp(isa.mul(isa.mul(x, x), number(isa, -0.5)));
        let density = isa.mul(density, number(isa, 1.0 / (2.0 * std::f64::consts::PI).sqrt()));
        isa.mul(dy, isa.mul_add(x, density, isa.normal_cdf(x)))
    }
}

/// sqrt(2 / pi)
const TANH_SCALE: f64 = 0.797_884_560_802_865_4;
const TANH_CUBE: f64 = 0.044_715;

impl Pointwise for GeluTanh {
    #[inline(always)]
    fn value<I: Isa>(self, isa: I, x: I::V) -> I::V {
        isa.mul(isa.mul(x, number(isa, 0.5)), isa.add(number(isa, 1.0), self.bent(isa, x)))
    }
    #[inline(always)]
    fn gradient<I: Isa>(self, isa: I, x: I::V, dy: I::V) -> I::V {
        // (1 + t) / 2 + x / 2 (1 - t^2) u'
        let t = self.bent(isa, x);
        let inner = isa.mul_add(isa.mul(x, x), number(isa, 3.0 * TANH_CUBE), number(isa, 1.0));
        let inner = isa.mul(inner, number(isa, TANH_SCALE));
        let rest = isa.sub(number(isa, 1.0), isa.mul(t, t));
        let slope = isa.mul_add(isa.mul(x, rest), inner, isa.add(t, number(isa, 1.0)));
        isa.mul(dy, isa.mul(slope, number(isa, 0.5)))
    }
}

impl GeluTanh {
    /// tanh(sqrt(2 / pi) (x + 0.044715 x^3))
    #[inline(always)]
    fn bent<I: Isa>(self, isa: I, x: I::V) -> I::V {
        let inner = isa.mul_add(isa.mul(x, x), number(isa, TANH_CUBE), number(isa, 1.0));
        Tanh.value(isa, isa.mul(isa.mul(x, inner), number(isa, TANH_SCALE)))
    }
}

impl Pointwise for Erf {
    #[inline(always)]
    fn value<I: Isa>(self, isa: I, x: I::V) -> I::V {
        let phi = isa.normal_cdf(isa.mul(x, number(isa, std::f64::consts::SQRT_2)));
        isa.sub(isa.add(phi, phi), number(isa, 1.0))
    }
    #[inline(always)]
    fn gradient<I: Isa>(self, isa: I, x: I::V, dy: I::V) -> I::V {
        let density = isa.exp(isa.sub(isa.zero(), isa.mul(x, x)));
        isa.mul(dy, isa.mul(density, number(isa, std::f64::consts::FRAC_2_SQRT_PI)))
    }
}

impl Pointwise for Tanh {
    #[inline(always)]
    fn value<I: Isa>(self, isa: I, x: I::V) -> I::V {
        // 1 - 2 / (exp(2 x) + 1)
        let one = number(isa, 1.0);
        let share = isa.div(number(isa, 2.0), isa.add(isa.exp(isa.add(x, x)), one));
        isa.sub(one, share)
    }
    #[inline(always)]
    fn gradient<I: Isa>(self, isa: I, x: I::V, dy: I::V) -> I::V {
        let t = self.value(isa, x);
        isa.mul(dy, isa.sub(number(isa, 1.0), isa.mul(t, t)))
    }
}

impl Pointwise for Softplus {
    #[inline(always)]
    fn value<I: Isa>(self, isa: I, x: I::V) -> I::V {
        // max(x, 0) + log(1 + exp(-|x|))
        let minus = isa.sub(isa.zero(), x);
        isa.add(isa.max(isa.zero(), x), isa.log_1p(isa.exp(isa.min(minus, x))))
    }
    #[inline(always)]
    fn gradient<I: Isa>(self, isa: I, x: I::V, dy: I::V) -> I::V {
        isa.mul(dy, Sigmoid.value(isa, x))
    }
}

#[inline(always)]
fn number<I: Isa>(isa: I, value: f64) -> I::V {
    isa.splat(I::E::of(value))
}

/// `yes` where low < x < high, 0 elsewhere.
#[inline(always)]
fn between<I: Isa>(isa: I, x: I::V, low: I::V, high: I::V, yes: I::V) -> I::V {
    isa.select_greater(x, low, isa.select_greater(high, x, yes, isa.zero()), isa.zero())
}

/// Whether an activation is done together with the normalisation or the sum before it. Each costs a copy of
/// those kernels for every instruction set, so these are the frequent ones.
pub(crate) fn is_fused(activation: &Activation) -> bool {
    match activation {
        Activation::ReLU
        | Activation::ReLU6
        | Activation::Hardswish
        | Activation::Hardsigmoid
        | Activation::Swish
        | Activation::Sigmoid => true,
        Activation::LeakyReLU { .. }
        | Activation::Elu { .. }
        | Activation::Clip { .. }
        | Activation::Ramp { .. }
        | Activation::Gelu
        | Activation::GeluTanh
        | Activation::Erf
        | Activation::Tanh
        | Activation::Softplus => false,
    }
}

/// Runs an expression with `$f` standing for the kernel of an `Option<Activation>` that [`is_fused`].
macro_rules! with_fused {
    ($activation:expr, $f:ident => $body:expr) => {{
        use lightcrest_graph::network::Activation as A;
        use $crate::kernel::activation as kinds;
        macro_rules! run {
            ($kind:expr) => {{
                let $f = $kind;
                $body
            }};
        }
        match $activation {
            None => run!(kinds::Identity),
            Some(A::ReLU) => run!(kinds::ReLU),
            Some(A::ReLU6) => run!(kinds::ReLU6),
            Some(A::Hardswish) => run!(kinds::Hardswish),
            Some(A::Hardsigmoid) => run!(kinds::Hardsigmoid),
            Some(A::Swish) => run!(kinds::Swish),
            Some(A::Sigmoid) => run!(kinds::Sigmoid),
            Some(
                A::LeakyReLU { .. }
                | A::Elu { .. }
                | A::Clip { .. }
                | A::Ramp { .. }
                | A::Gelu
                | A::GeluTanh
                | A::Erf
                | A::Tanh
                | A::Softplus,
            ) => unreachable!("the plan fuses none of these"),
        }
    }};
}
pub(crate) use with_fused;

/// Runs an expression with `$f` standing for the kernel of an `Activation`.
macro_rules! with_activation {
    ($activation:expr, $f:ident => $body:expr) => {{
        use lightcrest_graph::network::Activation as A;
        use $crate::kernel::activation as kinds;
        macro_rules! run {
            ($kind:expr) => {{
                let $f = $kind;
                $body
            }};
        }
        match $activation {
            A::ReLU => run!(kinds::ReLU),
            A::ReLU6 => run!(kinds::ReLU6),
            A::Hardswish => run!(kinds::Hardswish),
            A::Hardsigmoid => run!(kinds::Hardsigmoid),
            A::Swish => run!(kinds::Swish),
            A::Sigmoid => run!(kinds::Sigmoid),
            A::LeakyReLU { slope } => run!(kinds::LeakyReLU(slope)),
            A::Elu { alpha } => run!(kinds::Elu(alpha)),
            A::Clip { low, high } => run!(kinds::Clip(low, high)),
            A::Ramp { slope, offset } => run!(kinds::Ramp(slope, offset)),
            A::Gelu => run!(kinds::Gelu),
            A::GeluTanh => run!(kinds::GeluTanh),
            A::Erf => run!(kinds::Erf),
            A::Tanh => run!(kinds::Tanh),
            A::Softplus => run!(kinds::Softplus),
        }
    }};
}

/// y = f(x)
pub(crate) struct Activate<'a, E> {
    pub(crate) images: usize,
    pub(crate) activation: Activation,
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) y: &'a mut [E],
    pub(crate) y_layout: &'a Layout,
}

impl<E: Element> Kernel<E> for Activate<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        with_activation!(self.activation, f => {
            let mut runs = Runs::new([self.x_layout, self.y_layout], self.images, usize::MAX);
            while let Some(([x, y], pixels)) = runs.next() {
                let len = pixels * self.x_layout.stride;
                let (x, y) = (isa.vectors(&self.x[x..][..len]), isa.vectors_mut(&mut self.y[y..][..len]));
                let ((x, x_rest), (y, y_rest)) = (x.as_chunks(), y.as_chunks_mut());
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = f.value(Paired(isa), x);
                }
                for (y, &x) in y_rest.iter_mut().zip(x_rest) {
                    *y = f.value(isa, x);
                }
            }
        })
    }
}

/// dx = (dx or 0) + f'(x) dy
pub(crate) struct ActivateGradient<'a, E> {
    pub(crate) images: usize,
    pub(crate) activation: Activation,
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) dy: &'a [E],
    pub(crate) dy_layout: &'a Layout,
    pub(crate) dx: &'a mut [E],
    pub(crate) dx_layout: &'a Layout,
    pub(crate) accumulate: bool,
}

impl<E: Element> Kernel<E> for ActivateGradient<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, isa: I) {
        with_activation!(self.activation, f => {
            let layouts = [self.x_layout, self.dy_layout, self.dx_layout];
            let mut runs = Runs::new(layouts, self.images, usize::MAX);
            while let Some(([x, dy, dx], pixels)) = runs.next() {
                let len = pixels * self.x_layout.stride;
                let (x, dy) = (isa.vectors(&self.x[x..][..len]), isa.vectors(&self.dy[dy..][..len]));
                let dx = isa.vectors_mut(&mut self.dx[dx..][..len]);
                for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
                    let gradient = f.gradient(isa, x, dy);
                    *dx = if self.accumulate { isa.add(*dx, gradient) } else { gradient };
                }
            }
        })
    }
}
