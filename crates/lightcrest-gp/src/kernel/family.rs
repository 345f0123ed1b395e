//! Stationary covariance shapes as functions of the squared distance.

/// A stationary covariance g(r²) with g(0) = 1. Rasmussen & Williams 2006, eqs. 4.9 and 4.16-4.17.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Family {
    /// exp(-r)
    Matern12,
    /// (1 + √3 r) exp(-√3 r)
    Matern32,
    /// (1 + √5 r + 5r²/3) exp(-√5 r)
    #[default]
    Matern52,
    /// exp(-r²/2)
    Rbf,
}

impl Family {
    /// g and dg/d(r²). The derivative in r² is finite for all but Matérn-1/2, whose cusp at 0 is given the
    /// slope 0.
    pub fn value_and_slope(self, r2: f64) -> (f64, f64) {
        match self {
            Self::Matern12 => {
                let r = r2.sqrt();
                let e = (-r).exp();
                (e, if r > 0.0 { -0.5 * e / r } else { 0.0 })
            }
            Self::Matern32 => {
                let r = (3.0 * r2).sqrt();
                let e = (-r).exp();
                ((1.0 + r) * e, -1.5 * e)
            }
            Self::Matern52 => {
                let r = (5.0 * r2).sqrt();
                let e = (-r).exp();
                ((1.0 + r + r * r / 3.0) * e, -(5.0 / 6.0) * (1.0 + r) * e)
            }
            Self::Rbf => {
                let e = (-0.5 * r2).exp();
                (e, -0.5 * e)
            }
        }
    }

    /// g(r²).
    pub fn value(self, r2: f64) -> f64 {
        self.value_and_slope(r2).0
    }
}
