//! Input warping: a column is bent by the distribution function of Kumaraswamy (1980) before distances are
//! taken, so that a function that changes fast at one end of its range and slowly at the other looks
//! stationary. Snoek et al. 2014 (arXiv 1402.0929), with the beta distribution; the substitute has a closed
//! form.

/// w(x) = 1 - (1 - x^a)^b on [0, 1]; the identity for a = b = 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Warp {
    /// Above 1: flat near 0.
    pub a: f64,
    /// Above 1: flat near 1.
    pub b: f64,
}

/// The ends are kept that far away, so that slopes stay finite there.
const MARGIN: f64 = 1e-6;

impl Warp {
    /// No change.
    pub const IDENTITY: Self = Self { a: 1.0, b: 1.0 };

    fn inside(x: f64) -> f64 {
        MARGIN + (1.0 - 2.0 * MARGIN) * x.clamp(0.0, 1.0)
    }

    /// w(x).
    pub fn value(self, x: f64) -> f64 {
        let t = Self::inside(x).powf(self.a);
        -(self.b * (-t).ln_1p()).exp_m1()
    }

    /// dw/dx.
    pub fn slope(self, x: f64) -> f64 {
        let x = Self::inside(x);
        let t = x.powf(self.a);
        (1.0 - 2.0 * MARGIN) * self.outer(t) * self.a * t / x
    }

    /// dw/dlog a and dw/dlog b.
    pub(crate) fn turns(self, x: f64) -> (f64, f64) {
        let x = Self::inside(x);
        let t = x.powf(self.a);
        let log_rest = (-t).ln_1p();
        (self.outer(t) * self.a * t * x.ln(), -self.b * log_rest * (self.b * log_rest).exp())
    }

    /// dw/dt at t = x^a.
    fn outer(self, t: f64) -> f64 {
        self.b * ((self.b - 1.0) * (-t).ln_1p()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identity_changes_nothing_and_any_warp_keeps_order_and_ends() {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-5;
        assert!((0..=10).map(|k| f64::from(k) / 10.0).all(|x| close(Warp::IDENTITY.value(x), x)));
        for (a, b) in [(0.25, 4.0), (4.0, 0.25), (2.0, 3.0)] {
            let warp = Warp { a, b };
            let values: Vec<f64> = (0..=20).map(|k| warp.value(f64::from(k) / 20.0)).collect();
            assert!(values.windows(2).all(|w| w[0] < w[1]), "{values:?}");
            assert!(values[0] < 0.15 && values[20] > 0.85, "{values:?}");
        }
    }

    #[test]
    fn slopes_are_those_of_finite_differences() {
        for (a, b) in [(1.0, 1.0), (0.4, 2.5), (3.0, 0.5)] {
            for x in [0.05, 0.3, 0.9] {
                let e = 1e-6;
                let at = |a: f64, b: f64, x: f64| Warp { a, b }.value(x);
                let (s, (da, db)) = (Warp { a, b }.slope(x), Warp { a, b }.turns(x));
                let half = 0.5 / e;
                let checks = [
                    (s, half * (at(a, b, x + e) - at(a, b, x - e))),
                    (da, half * (at(a * e.exp(), b, x) - at(a * (-e).exp(), b, x))),
                    (db, half * (at(a, b * e.exp(), x) - at(a, b * (-e).exp(), x))),
                ];
                assert!(
                    checks.iter().all(|(found, by)| (found - by).abs() < 1e-6 * by.abs().max(1.0)),
                    "{checks:?}"
                );
            }
        }
    }
}
