//! Stopping early: what a callback answers after a round.

/// What happens after a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Grow the next round.
    Continue,
    /// End the training here.
    Stop,
}

/// Stops when the validation loss has not improved for a number of rounds.
#[derive(Debug, Clone)]
pub struct Patience {
    rounds: usize,
    waited: usize,
    best: f64,
}

impl Patience {
    /// Stops after `rounds` rounds without improvement.
    #[must_use]
    pub fn new(rounds: usize) -> Self {
        Self { rounds: rounds.max(1), waited: 0, best: f64::INFINITY }
    }

    /// Hears the validation loss of a round; without one (`None`) it never stops.
    pub fn judge(&mut self, validation_loss: Option<f64>) -> Decision {
        let Some(loss) = validation_loss else { return Decision::Continue };
        if loss < self.best {
            (self.best, self.waited) = (loss, 0);
            return Decision::Continue;
        }
        self.waited += 1;
        if self.waited < self.rounds { Decision::Continue } else { Decision::Stop }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_after_rounds_without_improvement() {
        let mut patience = Patience::new(2);
        let decisions: Vec<_> =
            [3.0, 2.0, 2.5, 1.0, 1.0, 1.5].iter().map(|&loss| patience.judge(Some(loss))).collect();
        assert_eq!(decisions[..5], [Decision::Continue; 5]);
        assert_eq!(decisions[5], Decision::Stop);
    }
}
