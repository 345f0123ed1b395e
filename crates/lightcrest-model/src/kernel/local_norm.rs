//! Local response normalisation (Krizhevsky et al. 2012), pixel by pixel in scalars: old networks have one or
//! two of it.
//!
//! With s_i = offset + a sum of x_j^2 over the neighbours j of channel i, a = alpha / size: y_i = x_i
//! s_i^-beta and dx_j = dy_j s_j^-beta - 2 a beta x_j sum over i near j of dy_i x_i s_i^(-beta - 1).

use lightcrest_graph::network::LocalNorm;

use super::layout::Runs;
use super::{Element, Isa, Kernel, Layout};

/// y, or with `dy` given y = (y or 0) + the gradient for the input.
pub(crate) struct Respond<'a, E> {
    pub(crate) images: usize,
    pub(crate) norm: &'a LocalNorm,
    pub(crate) x: &'a [E],
    pub(crate) x_layout: &'a Layout,
    pub(crate) dy: Option<(&'a [E], &'a Layout)>,
    pub(crate) y: &'a mut [E],
    pub(crate) y_layout: &'a Layout,
    pub(crate) accumulate: bool,
    /// Two numbers a channel.
    pub(crate) room: &'a mut [f64],
}

impl<E: Element> Kernel<E> for Respond<'_, E> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa<E = E>>(self, _: I) {
        let LocalNorm { size, alpha, beta, offset } = *self.norm;
        let (before, a) = (self.norm.before(), alpha / size as f64);
        let (stride, channels) = (self.x_layout.stride, self.x_layout.channels);
        let (power, term) = self.room.split_at_mut(channels);
        let dy_layout = self.dy.map_or(self.x_layout, |dy| dy.1);
        let mut runs = Runs::new([self.x_layout, dy_layout, self.y_layout], self.images, usize::MAX);
        while let Some(([x, dy, y], pixels)) = runs.next() {
            for pixel in 0..pixels {
                let x = &self.x[x + pixel * stride..][..channels];
                let y = &mut self.y[y + pixel * stride..][..channels];
                for i in 0..channels {
                    let near = &x[i.saturating_sub(before)..(i + size - before).min(channels)];
                    let s = offset + a * near.iter().map(|v| v.f64() * v.f64()).sum::<f64>();
                    power[i] = inverse_power(s, beta);
                    term[i] = s;
                }
                let Some((values, _)) = self.dy else {
                    for i in 0..channels {
                        y[i] = E::of(x[i].f64() * power[i]);
                    }
                    continue;
                };
                let dy = &values[dy + pixel * stride..][..channels];
                for i in 0..channels {
                    term[i] = dy[i].f64() * x[i].f64() * power[i] / term[i];
                }
                for j in 0..channels {
                    // the channels that count channel j among their neighbours
                    let near = &term[(j + before + 1).saturating_sub(size)..(j + before + 1).min(channels)];
                    let sum: f64 = near.iter().sum();
                    let value = dy[j].f64() * power[j] - 2.0 * a * beta * x[j].f64() * sum;
                    let old = if self.accumulate { y[j] } else { E::default() };
                    y[j] = old + E::of(value);
                }
            }
        }
    }
}

/// s^-beta; the usual power by square roots, which are much faster.
#[inline(always)]
fn inverse_power(s: f64, beta: f64) -> f64 {
    if beta == 0.75 {
        let root = s.sqrt();
        return 1.0 / (root * root.sqrt());
    }
    s.powf(-beta)
}
