//! Pointwise non-linearities and their slopes.
//!
//! At a kink the slope is PyTorch's: 0 at 0 for ReLU, 0 at both ends of ReLU6 and Hardsigmoid.

use lightcrest_graph::network::Activation;

use super::layout::Runs;
use super::{Element, Isa, Kernel, Layout, Paired};

/// One non-linearity, chosen at compile time.
pub(crate) trait Pointwise {
    /// f(x)
    fn value<I: Isa>(isa: I, x: I::V) -> I::V;
    /// f'(x) dy
    fn gradient<I: Isa>(isa: I, x: I::V, dy: I::V) -> I::V;
}

pub(crate) struct Identity;
pub(crate) struct ReLU;
pub(crate) struct ReLU6;
pub(crate) struct Hardswish;
pub(crate) struct Hardsigmoid;
pub(crate) struct Swish;
pub(crate) struct Sigmoid;

impl Pointwise for Identity {
    #[inline(always)]
    fn value<I: Isa>(_: I, x: I::V) -> I::V {
        x
    }
    #[inline(always)]
    fn gradient<I: Isa>(_: I, _: I::V, dy: I::V) -> I::V {
        dy
    }
}

impl Pointwise for ReLU {
    #[inline(always)]
    fn value<I: Isa>(isa: I, x: I::V) -> I::V {
        isa.max(isa.zero(), x)
    }
    #[inline(always)]
    fn gradient<I: Isa>(isa: I, x: I::V, dy: I::V) -> I::V {
        isa.select_greater(x, isa.zero(), dy, isa.zero())
    }
}

impl Pointwise for ReLU6 {
    #[inline(always)]
    fn value<I: Isa>(isa: I, x: I::V) -> I::V {
        isa.min(number(isa, 6.0), isa.max(isa.zero(), x))
    }
    #[inline(always)]
    fn gradient<I: Isa>(isa: I, x: I::V, dy: I::V) -> I::V {
        between(isa, x, isa.zero(), number(isa, 6.0), dy)
    }
}

impl Pointwise for Hardswish {
    #[inline(always)]
    fn value<I: Isa>(isa: I, x: I::V) -> I::V {
        isa.mul(x, Hardsigmoid::value(isa, x))
    }
    #[inline(always)]
    fn gradient<I: Isa>(isa: I, x: I::V, dy: I::V) -> I::V {
        let three = number(isa, 3.0);
        let inside = isa.mul_add(x, number(isa, 1.0 / 3.0), number(isa, 0.5));
        let slope = isa.select_greater(x, three, number(isa, 1.0), inside);
        let slope = isa.select_greater(isa.sub(isa.zero(), three), x, isa.zero(), slope);
        isa.mul(dy, slope)
    }
}

impl Pointwise for Hardsigmoid {
    #[inline(always)]
    fn value<I: Isa>(isa: I, x: I::V) -> I::V {
        let shifted = isa.max(isa.zero(), isa.add(x, number(isa, 3.0)));
        isa.mul(isa.min(number(isa, 6.0), shifted), number(isa, 1.0 / 6.0))
    }
    #[inline(always)]
    fn gradient<I: Isa>(isa: I, x: I::V, dy: I::V) -> I::V {
        let slope = isa.mul(dy, number(isa, 1.0 / 6.0));
        between(isa, x, number(isa, -3.0), number(isa, 3.0), slope)
    }
}

impl Pointwise for Swish {
    #[inline(always)]
    fn value<I: Isa>(isa: I, x: I::V) -> I::V {
        isa.mul(x, Sigmoid::value(isa, x))
    }
    #[inline(always)]
    fn gradient<I: Isa>(isa: I, x: I::V, dy: I::V) -> I::V {
        // s + x s (1 - s)
        let s = Sigmoid::value(isa, x);
        let rest = isa.sub(number(isa, 1.0), s);
        isa.mul(dy, isa.mul_add(isa.mul(x, s), rest, s))
    }
}

impl Pointwise for Sigmoid {
    #[inline(always)]
    fn value<I: Isa>(isa: I, x: I::V) -> I::V {
        let one = number(isa, 1.0);
        isa.div(one, isa.add(one, isa.exp(isa.sub(isa.zero(), x))))
    }
    #[inline(always)]
    fn gradient<I: Isa>(isa: I, x: I::V, dy: I::V) -> I::V {
        let s = Self::value(isa, x);
        isa.mul(dy, isa.mul(s, isa.sub(number(isa, 1.0), s)))
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

/// Runs an expression with `$f` naming the type of an `Option<Activation>`.
macro_rules! with_activation {
    ($activation:expr, $f:ident => $body:expr) => {{
        use lightcrest_graph::network::Activation as A;
        use $crate::kernel::activation as kinds;
        match $activation {
            None => {
                type $f = kinds::Identity;
                $body
            }
            Some(A::ReLU) => {
                type $f = kinds::ReLU;
                $body
            }
            Some(A::ReLU6) => {
                type $f = kinds::ReLU6;
                $body
            }
            Some(A::Hardswish) => {
                type $f = kinds::Hardswish;
                $body
            }
            Some(A::Hardsigmoid) => {
                type $f = kinds::Hardsigmoid;
                $body
            }
            Some(A::Swish) => {
                type $f = kinds::Swish;
                $body
            }
            Some(A::Sigmoid) => {
                type $f = kinds::Sigmoid;
                $body
            }
        }
    }};
}
pub(crate) use with_activation;

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
        with_activation!(Some(self.activation), F => {
            let mut runs = Runs::new([self.x_layout, self.y_layout], self.images, usize::MAX);
            while let Some(([x, y], pixels)) = runs.next() {
                let len = pixels * self.x_layout.stride;
                let (x, y) = (isa.vectors(&self.x[x..][..len]), isa.vectors_mut(&mut self.y[y..][..len]));
                let ((x, x_rest), (y, y_rest)) = (x.as_chunks(), y.as_chunks_mut());
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = F::value(Paired(isa), x);
                }
                for (y, &x) in y_rest.iter_mut().zip(x_rest) {
                    *y = F::value(isa, x);
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
        with_activation!(Some(self.activation), F => {
            let layouts = [self.x_layout, self.dy_layout, self.dx_layout];
            let mut runs = Runs::new(layouts, self.images, usize::MAX);
            while let Some(([x, dy, dx], pixels)) = runs.next() {
                let len = pixels * self.x_layout.stride;
                let (x, dy) = (isa.vectors(&self.x[x..][..len]), isa.vectors(&self.dy[dy..][..len]));
                let dx = isa.vectors_mut(&mut self.dx[dx..][..len]);
                for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
                    let gradient = F::gradient(isa, x, dy);
                    *dx = if self.accumulate { isa.add(*dx, gradient) } else { gradient };
                }
            }
        })
    }
}
