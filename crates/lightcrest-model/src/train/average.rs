//! Exponential moving average of the weights (Polyak and Juditsky 1992): often a point more accurate than the
//! last step when training is short.

use lightcrest_graph::network::Weights;

use super::plan::Plan;

/// Steps between two updates; the decay is raised to this power, so that its meaning stays "a step".
const INTERVAL: usize = 8;

/// The average of a plan's tensors, running statistics of batch normalisation included.
pub(super) struct AveragedWeights {
    decay: f64,
    updates: usize,
    weights: Weights,
}

impl AveragedWeights {
    /// `decay` a step, starting from `weights`.
    pub(super) fn new(decay: f64, weights: Weights) -> Self {
        Self { decay: decay.powi(INTERVAL as i32), updates: 0, weights }
    }

    /// Takes the weights after step number `step` (from 1) into the average, every few steps.
    pub(super) fn update(&mut self, step: usize, plan: &Plan) {
        if step.is_multiple_of(INTERVAL) {
            self.updates += 1;
            blend(&mut self.weights, &plan.weights(), self.decay, self.updates);
        }
    }

    /// The average, or the plan's weights when training was too short for one.
    pub(super) fn weights(&self, plan: &Plan) -> Weights {
        if self.updates == 0 { plan.weights() } else { self.weights.clone() }
    }
}

/// average += (1 - d) (current - average). The first updates decay faster, d = min(decay, u / (u + 9)) with u
/// updates before this one, so that the initial weights are forgotten at once.
fn blend(average: &mut Weights, current: &Weights, decay: f64, update: usize) {
    let before = (update - 1) as f64;
    let rate = (1.0 - decay.min(before / (before + 9.0))) as f32;
    for (name, current) in current.iter() {
        let average = average.get_mut(name).expect("a plan has the tensors it was made from");
        for (a, &c) in average.data.iter_mut().zip(&current.data) {
            *a += rate * (c - *a);
        }
    }
}

#[cfg(test)]
mod tests {
    use lightcrest_graph::network::Tensor;

    use super::*;

    #[test]
    fn the_first_update_forgets_the_start_and_later_ones_decay() {
        let weights = |value| {
            let mut weights = Weights::new();
            weights.insert("a.weight", Tensor::full(vec![2], value));
            weights
        };
        let mut average = weights(100.0);
        blend(&mut average, &weights(1.0), 0.5, 1);
        assert_eq!(average, weights(1.0));
        blend(&mut average, &weights(0.0), 0.5, 1000);
        assert_eq!(average, weights(0.5));
    }
}
