//! No news for a number of trials.

use super::Terminator;
use crate::sampler::{Context, SamplerError};

/// Ends a study when so many trials in a row brought no better value; with several objectives, nothing for
/// the front.
#[derive(Debug, Clone)]
pub struct Stagnation {
    patience: usize,
    least_gain: f64,
}

impl Stagnation {
    /// `patience`: how many finished trials may pass without news. Failed ones do not count.
    ///
    /// # Panics
    /// If it is 0.
    pub fn new(patience: usize) -> Self {
        assert!(patience > 0, "`patience` must be at least 1");
        Self { patience, least_gain: 0.0 }
    }

    /// With one objective: a better value is no news unless it is better by more than this, in the
    /// objective's units; 0 unless given.
    ///
    /// # Panics
    /// If it is negative or not finite.
    #[must_use]
    pub fn least_gain(mut self, least_gain: f64) -> Self {
        assert!(least_gain.is_finite() && least_gain >= 0.0, "`least_gain` must be at least 0");
        self.least_gain = least_gain;
        self
    }
}

impl Terminator for Stagnation {
    fn name(&self) -> &'static str {
        "stagnation"
    }

    fn verdict(&mut self, context: &Context<'_>) -> Result<Option<String>, SamplerError> {
        let history = context.history;
        let news = if context.objectives.len() > 1 {
            // Who came last of those that are on the front today.
            history.front().iter().map(|trial| trial.number).max()
        } else {
            let direction = context.objectives[0].direction;
            let (mut bar, mut last) = (f64::NEG_INFINITY, None);
            for trial in history.complete().filter(|trial| trial.is_feasible()) {
                let value = direction.orient(trial.values.as_ref().map_or(f64::NAN, |values| values[0]));
                if value > bar + self.least_gain || last.is_none() {
                    (bar, last) = (value, Some(trial.number));
                }
            }
            last
        };
        let Some(news) = news else { return Ok(None) };
        let ran = history.trials().iter().filter(|trial| trial.state.has_result());
        let since = ran.filter(|trial| trial.number > news).count();
        let what = if context.objectives.len() > 1 { "joined the front" } else { "improved the best value" };
        Ok((since >= self.patience).then(|| format!("none of {since} trials since trial {news} {what}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{FrozenTrial, History};
    use crate::objective::{ObjectiveInfo, Preview};
    use crate::space::{Configuration, Space};

    fn verdict(
        terminator: &mut Stagnation,
        objectives: Vec<ObjectiveInfo>,
        values: &[&[f64]],
    ) -> Option<String> {
        let mut history = History::new(objectives);
        for (number, values) in (0..).zip(values) {
            history.put(FrozenTrial::complete(number, Configuration::new(), values.to_vec()));
        }
        let space = Space::empty();
        let preview = |_: &Configuration| Preview::default();
        let context = Context {
            number: history.len() as u64,
            space: &space,
            objectives: history.objectives(),
            history: &history,
            preview: &preview,
        };
        terminator.verdict(&context).unwrap()
    }

    #[test]
    fn it_counts_from_the_last_better_value() {
        let accuracy = || vec![ObjectiveInfo::maximize("accuracy")];
        let mut stagnation = Stagnation::new(3);
        assert_eq!(verdict(&mut stagnation, accuracy(), &[]), None);
        assert_eq!(verdict(&mut stagnation, accuracy(), &[&[0.5], &[0.6], &[0.6], &[0.1]]), None);
        let why = verdict(&mut stagnation, accuracy(), &[&[0.5], &[0.6], &[0.6], &[0.1], &[0.3]]).unwrap();
        assert_eq!(why, "none of 3 trials since trial 1 improved the best value");
        let mut coarse = Stagnation::new(3).least_gain(0.05);
        assert!(verdict(&mut coarse, accuracy(), &[&[0.5], &[0.52], &[0.54], &[0.545]]).is_some());
        // Small gains add up.
        assert_eq!(verdict(&mut coarse, accuracy(), &[&[0.5], &[0.52], &[0.54], &[0.56]]), None);
    }

    #[test]
    fn with_several_objectives_it_counts_from_the_last_of_the_front() {
        let both = || vec![ObjectiveInfo::maximize("accuracy"), ObjectiveInfo::minimize("macs")];
        let mut stagnation = Stagnation::new(2);
        let front: [&[f64]; 4] = [&[0.5, 9.0], &[0.4, 3.0], &[0.3, 5.0], &[0.2, 4.0]];
        assert!(verdict(&mut stagnation, both(), &front).is_some());
        let news: [&[f64]; 4] = [&[0.5, 9.0], &[0.4, 3.0], &[0.3, 5.0], &[0.2, 2.0]];
        assert_eq!(verdict(&mut stagnation, both(), &news), None);
    }
}
