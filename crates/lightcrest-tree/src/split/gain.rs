//! The value of a leaf and what a split gains (Chen & Guestrin 2016, equations 5 and 7).
//!
//! Under monotone constraints a leaf's value lies in bounds, and the gain is what the bounded values reach:
//! a leaf of value w lowers the loss by `-(2 T(G) w + (H + λ) w²)`, twice over (equation 4).

use crate::{Monotone, TrainConfig};

/// Penalties of a leaf's value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Penalty {
    l1: f64,
    pub(crate) l2: f64,
    is_bounded: bool,
}

/// Between which numbers the values below a node must lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bounds {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Bounds {
    pub(crate) const FREE: Self = Self { low: f64::NEG_INFINITY, high: f64::INFINITY };

    /// The bounds of two children, whose values are ordered by the split.
    ///
    /// What is below the left child stays on its side of the middle of both values, and the right child's on
    /// the other.
    pub(crate) fn split(self, monotone: Monotone, left: f64, right: f64) -> (Self, Self) {
        let middle = f64::midpoint(left, right);
        let (below, above) = (Self { high: middle, ..self }, Self { low: middle, ..self });
        match monotone {
            Monotone::Free => (self, self),
            Monotone::Increasing => (below, above),
            Monotone::Decreasing => (above, below),
        }
    }
}

impl Penalty {
    pub(crate) fn new(config: &TrainConfig, l2: f64) -> Self {
        let is_bounded = config.monotone.iter().any(|monotone| *monotone != Monotone::Free);
        Self { l1: config.l1, l2, is_bounded }
    }

    /// The penalty of splits into sets of levels.
    pub(crate) fn with_l2(self, l2: f64) -> Self {
        Self { l2, ..self }
    }

    fn soft(&self, gradient: f64) -> f64 {
        if self.l1 == 0.0 { gradient } else { gradient.signum() * (gradient.abs() - self.l1).max(0.0) }
    }

    /// w of a leaf.
    pub(crate) fn value(&self, gradient: f64, hessian: f64, bounds: Bounds) -> f64 {
        let value = -self.soft(gradient) / (hessian + self.l2);
        if self.is_bounded { value.clamp(bounds.low, bounds.high) } else { value }
    }

    /// Twice what a leaf lowers the loss by.
    pub(crate) fn gain(&self, gradient: f64, hessian: f64, bounds: Bounds) -> f64 {
        let soft = self.soft(gradient);
        if !self.is_bounded {
            return soft * soft / (hessian + self.l2);
        }
        let value = self.value(gradient, hessian, bounds);
        -(2.0 * soft * value + (hessian + self.l2) * value * value)
    }

    /// Twice what two leaves lower the loss by, or nothing if their values are in the wrong order.
    pub(crate) fn gain_of_two(
        &self,
        [left_gradient, left_hessian]: [f64; 2],
        [right_gradient, right_hessian]: [f64; 2],
        bounds: Bounds,
        monotone: Monotone,
    ) -> f64 {
        if !self.is_bounded && self.l1 == 0.0 {
            // One division.
            let (left, right) = (left_hessian + self.l2, right_hessian + self.l2);
            return (left_gradient * left_gradient * right + right_gradient * right_gradient * left)
                / (left * right);
        }
        if monotone != Monotone::Free {
            let left = self.value(left_gradient, left_hessian, bounds);
            let right = self.value(right_gradient, right_hessian, bounds);
            if (monotone == Monotone::Increasing && left > right)
                || (monotone == Monotone::Decreasing && left < right)
            {
                return f64::NEG_INFINITY;
            }
        }
        self.gain(left_gradient, left_hessian, bounds) + self.gain(right_gradient, right_hessian, bounds)
    }
}
