//! Optimizers: SGD, Adam and AdamW with the update rules of PyTorch, one fused pass a tensor.
//!
//! | symbol | meaning |
//! |---|---|
//! | w, g | weight and its gradient |
//! | eta, lambda | learning rate of the step, weight decay |
//! | b, v | first and second moment (SGD: b is the momentum buffer) |
//! | t | number of the step, from 1 |
//!
//! - SGD (Sutskever et al. 2013, in PyTorch's form): g += lambda w; b = mu b + g; w -= eta b, or with
//!   Nesterov w -= eta (g + mu b).
//! - Adam (Kingma and Ba 2015, algorithm 1): g += lambda w; b = beta1 b + (1 - beta1) g; v = beta2 v + (1 -
//!   beta2) g^2; w -= eta / (1 - beta1^t) * b / (sqrt(v / (1 - beta2^t)) + eps).
//! - AdamW (Loshchilov and Hutter 2019, algorithm 2): as Adam, but w *= 1 - eta lambda takes the place of
//!   g += lambda w.

use pulp::{Arch, Simd, WithSimd};
use serde::{Deserialize, Serialize};

use super::config::Check;

/// Update rule and its own parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Stochastic gradient descent; weight decay is part of the gradient.
    Sgd {
        /// Share of the last update that is kept, in [0, 1).
        #[serde(default = "momentum")]
        momentum: f64,
        /// Look ahead along the momentum.
        #[serde(default)]
        nesterov: bool,
    },
    /// Adam; weight decay is part of the gradient.
    Adam {
        /// Decay of the first moment, in [0, 1).
        #[serde(default = "beta1")]
        beta1: f64,
        /// Decay of the second moment, in [0, 1).
        #[serde(default = "beta2")]
        beta2: f64,
        /// Added to the root of the second moment.
        #[serde(default = "epsilon")]
        epsilon: f64,
    },
    /// Adam with decoupled weight decay.
    AdamW {
        /// Decay of the first moment, in [0, 1).
        #[serde(default = "beta1")]
        beta1: f64,
        /// Decay of the second moment, in [0, 1).
        #[serde(default = "beta2")]
        beta2: f64,
        /// Added to the root of the second moment.
        #[serde(default = "epsilon")]
        epsilon: f64,
    },
}

fn momentum() -> f64 {
    0.9
}

fn beta1() -> f64 {
    0.9
}

fn beta2() -> f64 {
    0.999
}

fn epsilon() -> f64 {
    1e-8
}

impl Default for OptimizerConfig {
    /// SGD with Nesterov momentum 0.9.
    fn default() -> Self {
        Self::Sgd { momentum: momentum(), nesterov: true }
    }
}

impl OptimizerConfig {
    pub(super) fn validate(&self, check: &mut Check) {
        match *self {
            Self::Sgd { momentum, nesterov } => {
                check.fraction("optimizer.momentum", momentum);
                let usable = !nesterov || momentum > 0.0;
                check.that(usable, "optimizer.momentum", "positive with Nesterov", momentum);
            }
            Self::Adam { beta1, beta2, epsilon } | Self::AdamW { beta1, beta2, epsilon } => {
                check.fraction("optimizer.beta1", beta1);
                check.fraction("optimizer.beta2", beta2);
                check.positive("optimizer.epsilon", epsilon);
            }
        }
    }
}

/// An [`OptimizerConfig`] with the moments of every tensor.
pub struct Optimizer {
    config: OptimizerConfig,
    weight_decay: f64,
    steps: i32,
    moments: Vec<Moments>,
    arch: Arch,
}

struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
}

impl Optimizer {
    /// Moments for tensors of `sizes` values, all zero.
    pub fn new(config: OptimizerConfig, weight_decay: f64, sizes: impl IntoIterator<Item = usize>) -> Self {
        let (has_first, has_second) = match config {
            OptimizerConfig::Sgd { momentum, .. } => (momentum > 0.0, false),
            _ => (true, true),
        };
        let zeros = |size: usize, needed: bool| vec![0.0; if needed { size } else { 0 }];
        let moments = sizes
            .into_iter()
            .map(|size| Moments { first: zeros(size, has_first), second: zeros(size, has_second) })
            .collect();
        Self { config, weight_decay, steps: 0, moments, arch: Arch::new() }
    }

    /// Begins the next step; call it once before the [`update`](Self::update)s of all tensors.
    pub fn begin_step(&mut self) {
        self.steps += 1;
    }

    /// Updates tensor number `index` from its gradient, which counts `gradient_scale` times; `decay` says
    /// whether weight decay applies to it.
    pub fn update(
        &mut self,
        index: usize,
        learning_rate: f64,
        gradient_scale: f64,
        decay: bool,
        value: &mut [f32],
        gradient: &[f32],
    ) {
        let moments = &mut self.moments[index];
        let weight_decay = if decay { self.weight_decay } else { 0.0 };
        let scale = gradient_scale as f32;
        match self.config {
            OptimizerConfig::Sgd { momentum, nesterov } => self.arch.dispatch(SgdPass {
                value,
                gradient,
                buffer: &mut moments.first,
                scale,
                decay: weight_decay as f32,
                momentum: momentum as f32,
                rate: learning_rate as f32,
                nesterov,
            }),
            OptimizerConfig::Adam { beta1, beta2, epsilon }
            | OptimizerConfig::AdamW { beta1, beta2, epsilon } => {
                let decoupled = matches!(self.config, OptimizerConfig::AdamW { .. });
                let correction1 = 1.0 - beta1.powi(self.steps);
                let correction2 = 1.0 - beta2.powi(self.steps);
                self.arch.dispatch(AdamPass {
                    value,
                    gradient,
                    first: &mut moments.first,
                    second: &mut moments.second,
                    scale,
                    coupled: if decoupled { 0.0 } else { weight_decay as f32 },
                    shrink: if decoupled { (1.0 - learning_rate * weight_decay) as f32 } else { 1.0 },
                    beta2: beta2 as f32,
                    one_minus_beta1: (1.0 - beta1) as f32,
                    one_minus_beta2: (1.0 - beta2) as f32,
                    rate: (learning_rate / correction1) as f32,
                    root_correction2: correction2.sqrt() as f32,
                    epsilon: epsilon as f32,
                });
            }
        }
    }
}

// The passes are plain loops over slices: `dispatch` compiles them once for each instruction set, and as no
// sum is involved, each gives the same bits.

struct SgdPass<'a> {
    value: &'a mut [f32],
    gradient: &'a [f32],
    buffer: &'a mut [f32],
    scale: f32,
    decay: f32,
    momentum: f32,
    rate: f32,
    nesterov: bool,
}

impl WithSimd for SgdPass<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self { value, gradient, buffer, scale, decay, momentum, rate, nesterov } = self;
        if buffer.is_empty() {
            for (w, &g) in value.iter_mut().zip(gradient) {
                *w -= rate * (g * scale + decay * *w);
            }
            return;
        }
        for ((w, &g), b) in value.iter_mut().zip(gradient).zip(buffer) {
            let g = g * scale + decay * *w;
            *b = momentum * *b + g;
            *w -= rate * if nesterov { g + momentum * *b } else { *b };
        }
    }
}

struct AdamPass<'a> {
    value: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    scale: f32,
    coupled: f32,
    shrink: f32,
    beta2: f32,
    one_minus_beta1: f32,
    one_minus_beta2: f32,
    rate: f32,
    root_correction2: f32,
    epsilon: f32,
}

impl WithSimd for AdamPass<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let moments = self.first.iter_mut().zip(self.second);
        for ((w, &g), (b, v)) in self.value.iter_mut().zip(self.gradient).zip(moments) {
            let g = g * self.scale + self.coupled * *w;
            *b += self.one_minus_beta1 * (g - *b);
            *v = self.beta2 * *v + self.one_minus_beta2 * g * g;
            let denominator = v.sqrt() / self.root_correction2 + self.epsilon;
            *w = self.shrink * *w - self.rate * (*b / denominator);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Five steps from w = (1, -2, 0.5) with gradient g_i = w_i^3 + 0.1 i, learning rate 0.1 / step and
    /// weight decay 0.05.
    fn run(config: OptimizerConfig) -> Vec<f32> {
        let mut w = vec![1.0f32, -2.0, 0.5];
        let mut optimizer = Optimizer::new(config, 0.05, [3]);
        for step in 1..=5 {
            let g: Vec<f32> = w.iter().enumerate().map(|(i, w)| 0.5 * (w.powi(3) + 0.1 * i as f32)).collect();
            optimizer.begin_step();
            optimizer.update(0, 0.1 / f64::from(step), 2.0, true, &mut w, &g);
        }
        w
    }

    #[test]
    fn updates_are_those_of_pytorch() {
        for (config, expected) in [
            (
                OptimizerConfig::Sgd { momentum: 0.0, nesterov: false },
                [0.807137843, -1.019639724, 0.424698984],
            ),
            (
                OptimizerConfig::Sgd { momentum: 0.9, nesterov: false },
                [0.631902421, -0.152653346, 0.352083437],
            ),
            (OptimizerConfig::Sgd { momentum: 0.9, nesterov: true }, [0.552350878, 0.249924367, 0.300765356]),
            (
                OptimizerConfig::Adam { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 },
                [0.77609328, -1.773287519, 0.273865833],
            ),
            (
                OptimizerConfig::AdamW { beta1: 0.9, beta2: 0.99, epsilon: 1e-8 },
                [0.766294581, -1.751740862, 0.269115012],
            ),
        ] {
            for (found, expected) in run(config).iter().zip(expected) {
                let error = (f64::from(*found) - expected).abs();
                assert!(error < 2e-6 * expected.abs().max(0.1), "{config:?}: {found} {expected}");
            }
        }
    }

    #[test]
    fn without_decay_a_zero_gradient_changes_nothing() {
        for config in
            [OptimizerConfig::default(), OptimizerConfig::AdamW { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }]
        {
            let mut w = vec![3.0f32; 9];
            let mut optimizer = Optimizer::new(config, 0.1, [9]);
            optimizer.begin_step();
            optimizer.update(0, 0.5, 1.0, false, &mut w, &[0.0; 9]);
            assert_eq!(w, [3.0; 9]);
        }
    }
}
