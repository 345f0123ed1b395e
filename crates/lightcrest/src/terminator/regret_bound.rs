//! An upper bound on the regret.

use super::Terminator;
use crate::objective::ObjectiveInfo;
use crate::sampler::{Context, GpSampler, SamplerError};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Ends a study of one objective when its optimum is better than its best trial by no more than a tolerance,
/// with high probability.
///
/// Makarova et al. 2022, *Automatic Termination for Hyperparameter Optimization*, AutoML-Conf: the regret of
/// the best trial is at most `max UCB - max LCB`, the first over the space and the second over the trials
/// (their section 4, for maximisation), with [κ of GP-UCB](crate::sampler::Acquisition::GpUcb); a smaller
/// regret than the error of one evaluation is not worth a trial.
#[derive(Debug)]
pub struct RegretBound {
    tolerance: Option<f64>,
    least_trials: usize,
    sampler: GpSampler,
}

impl RegretBound {
    /// `tolerance`: the regret that does not matter, in the objective's units; unless given, the standard
    /// deviation of the noise that the Gaussian process finds in the values.
    ///
    /// # Panics
    /// If it is negative or not finite.
    pub fn new(tolerance: Option<f64>) -> Self {
        let sensible = tolerance.is_none_or(|tolerance| tolerance.is_finite() && tolerance >= 0.0);
        assert!(sensible, "`tolerance` must be at least 0, but is {tolerance:?}");
        Self { tolerance, least_trials: 20, sampler: GpSampler::for_regret() }
    }

    /// How many complete trials there must be before a verdict; 20 unless given.
    #[must_use]
    pub fn least_trials(mut self, least_trials: usize) -> Self {
        self.least_trials = least_trials;
        self
    }

    /// `max UCB - max LCB`, in the units of the objective, however few trials there are; `None` if no
    /// Gaussian process says it.
    ///
    /// # Errors
    /// If the Gaussian process breaks down.
    pub fn bound(&mut self, context: &Context<'_>) -> Result<Option<f64>, SamplerError> {
        let mut rng = ChaCha8Rng::seed_from_u64(context.number);
        Ok(self.sampler.regret(context, &mut rng)?.map(|regret| regret.bound))
    }
}

impl Terminator for RegretBound {
    fn name(&self) -> &'static str {
        "regret_bound"
    }

    fn objection(&self, objectives: &[ObjectiveInfo]) -> Option<String> {
        (objectives.len() > 1).then(|| format!("{} objectives, only one", objectives.len()))
    }

    fn verdict(&mut self, context: &Context<'_>) -> Result<Option<String>, SamplerError> {
        if context.history.complete().count() < self.least_trials {
            return Ok(None);
        }
        let mut rng = ChaCha8Rng::seed_from_u64(context.number);
        let Some(regret) = self.sampler.regret(context, &mut rng)? else { return Ok(None) };
        let tolerance = self.tolerance.unwrap_or(regret.noise);
        Ok((regret.bound <= tolerance).then(|| {
            format!("the optimum is better by at most {:.3e}, which is within {tolerance:.3e}", regret.bound)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{FrozenTrial, History};
    use crate::objective::Preview;
    use crate::sampler::Sampler;
    use crate::space::{Configuration, Space};
    use rand::RngExt;

    /// Trials that the Gaussian process chooses, of a smooth function whose best value is 5 and of which what
    /// is observed is uniform within noise / 2.
    struct Run {
        space: Space,
        history: History,
        sampler: GpSampler,
        noise: f64,
    }

    impl Run {
        fn new(noise: f64) -> Self {
            let space = Space::builder().float("x", 0.0, 1.0).float("y", 0.0, 1.0).build().unwrap();
            let history = History::new(vec![ObjectiveInfo::maximize("value")]);
            Self { space, history, sampler: GpSampler::default(), noise }
        }

        fn context<'a>(&'a self, preview: &'a dyn Fn(&Configuration) -> Preview) -> Context<'a> {
            let (space, history) = (&self.space, &self.history);
            Context {
                number: history.len() as u64,
                space,
                objectives: history.objectives(),
                history,
                preview,
            }
        }

        fn go_on(&mut self) {
            let mut sampler = std::mem::take(&mut self.sampler);
            let number = self.history.len() as u64;
            let mut rng = ChaCha8Rng::seed_from_u64(number);
            let configuration = sampler.propose(&self.context(&|_| Preview::default()), &mut rng).unwrap();
            self.sampler = sampler;
            let (x, y) = (configuration.get_f64("x").unwrap(), configuration.get_f64("y").unwrap());
            let noise = self.noise * (rng.random::<f64>() - 0.5);
            let value = 5.0 - (x - 0.3).powi(2) - (y - 0.6).powi(2) + noise;
            self.history.put(FrozenTrial::complete(number, configuration, vec![value]));
        }

        /// After how many trials it ends, of 60.
        fn ends(&mut self, terminator: &mut RegretBound) -> Option<usize> {
            (0..60).find(|_| {
                let verdict = terminator.verdict(&self.context(&|_| Preview::default())).unwrap();
                if verdict.is_none() {
                    self.go_on();
                }
                verdict.is_some()
            })
        }
    }

    #[test]
    fn it_ends_when_the_optimum_is_found_and_not_before_enough_trials() {
        let n = Run::new(0.0).ends(&mut RegretBound::new(Some(0.01))).unwrap();
        assert!((20..60).contains(&n), "{n}");
        assert_eq!(Run::new(0.0).ends(&mut RegretBound::new(Some(1e-9))), None);
        assert_eq!(Run::new(0.0).ends(&mut RegretBound::new(Some(10.0)).least_trials(40)), Some(40));
    }

    #[test]
    fn the_bound_is_a_number_from_few_trials_on_and_falls() {
        let mut run = Run::new(0.0);
        let bound = |run: &Run| RegretBound::new(None).bound(&run.context(&|_| Preview::default())).unwrap();
        assert_eq!(bound(&run), None);
        (0..3).for_each(|_| run.go_on());
        let early = bound(&run).unwrap();
        (0..25).for_each(|_| run.go_on());
        let late = bound(&run).unwrap();
        assert!(late >= 0.0 && late < 0.1 * early, "{early} {late}");
    }

    #[test]
    fn what_is_tolerated_unless_told_otherwise_is_the_noise() {
        let mut run = Run::new(1.0);
        (0..40).for_each(|_| run.go_on());
        let mut sampler = GpSampler::for_regret();
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let regret = sampler.regret(&run.context(&|_| Preview::default()), &mut rng).unwrap().unwrap();
        let deviation = 1.0 / 12f64.sqrt();
        assert!((0.6 * deviation..1.6 * deviation).contains(&regret.noise), "{regret:?}");
        assert!(regret.bound > regret.noise, "{regret:?}");
        let verdict = |tolerance| {
            let mut terminator = RegretBound::new(tolerance);
            terminator.verdict(&run.context(&|_| Preview::default())).unwrap()
        };
        assert_eq!(verdict(None), None);
        assert!(verdict(Some(10.0)).unwrap().ends_with("which is within 1.000e1"));
    }
}
