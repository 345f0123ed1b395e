//! What the sampler predicts and wants at given configurations: the picture of Bayesian optimisation.
//!
//! It is drawn from the very [`Model`] that [`GpSampler::propose`](crate::sampler::Sampler::propose)
//! maximises. The model sees [transformed](lightcrest_gp::transform) values; a landscape is in the
//! objective's own units, by the monotone inverse of the transform: `mean` is the inverse of μ (so it is the
//! median), the ends of the band are those of μ ± 2σ. σ is the uncertainty about the objective itself,
//! without the noise of an observation.

use super::GpSampler;
use super::candidate::Candidate;
use super::goal::Goal;
use super::model::{Informing, informing};
use super::observation::observed;
use super::surrogate::inverse;
use crate::objective::Direction;
use crate::sampler::{Context, SamplerError};
use crate::space::Configuration;
use crate::space::encode::Encoder;
use lightcrest_gp::Prediction;
use lightcrest_gp::transform::Inverse;
use rand_chacha::ChaCha8Rng;

/// What is predicted of one objective at one configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The median, in the objective's units.
    pub mean: f64,
    /// Two standard deviations below, in the objective's units.
    pub lower: f64,
    /// Two standard deviations above, in the objective's units.
    pub upper: f64,
    /// What is maximised. `None` where nothing is proposed: a constraint is broken, the preview shows a
    /// violation, or does not know what the acquisition needs.
    pub acquisition: Option<f64>,
}

/// Estimates at given configurations, and what the sampler makes of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Landscape {
    /// One for each configuration that was asked for.
    pub estimates: Vec<Estimate>,
    /// The trials behind the predictions by number, each with its value in the objective's units; of trials
    /// that were stopped, failed or still run, the value that they count as.
    pub observations: Vec<(u64, f64)>,
    /// What [`propose`](crate::sampler::Sampler::propose) gives.
    pub next: Configuration,
    /// The estimate there.
    pub at_next: Estimate,
    /// Whether `next` is one of the random proposals at the start, which do not look at the posterior.
    pub startup: bool,
    /// What the acquisition is called.
    pub acquisition: &'static str,
}

impl GpSampler {
    /// What is predicted of one objective at `configurations`, and what would be proposed with the same
    /// random numbers. `None` while fewer than two trials are complete, or if the objective is known without
    /// a surrogate.
    ///
    /// With several objectives the acquisition is that of this proposal: its random weights are those of
    /// `rng`.
    ///
    /// # Errors
    /// As [`propose`](crate::sampler::Sampler::propose).
    ///
    /// # Panics
    /// If there is no such objective.
    pub fn landscape(
        &mut self,
        context: &Context<'_>,
        objective: usize,
        configurations: &[Configuration],
        rng: &ChaCha8Rng,
    ) -> Result<Option<Landscape>, SamplerError> {
        if context.history.complete().nth(1).is_none() {
            return Ok(None);
        }
        let (next, model) = self.next(context, &mut rng.clone())?;
        let encoder = Encoder::new(context.space);
        let model = match model {
            Some(model) => model,
            None => self.model(&encoder, context, &mut rng.clone())?,
        };
        let Some(posterior) = model.posterior(objective) else { return Ok(None) };

        let candidate = |configuration: &Configuration| {
            let preview = (context.preview)(configuration);
            let allowed = preview.violation.is_none() && context.space.is_feasible(configuration);
            (Candidate::given(encoder.encode(configuration), preview), allowed)
        };
        let (candidates, allowed): (Vec<_>, Vec<bool>) =
            configurations.iter().chain([&next]).map(candidate).unzip();
        let Some(rows) = model.rows(&candidates)? else { return Ok(None) };
        let predictions = posterior.predict(&rows)?;
        let scores = model.score(&candidates)?;

        let direction = context.objectives[objective].direction;
        let Informing { trials, .. } = informing(&self.config, context, &mut self.caches.ledger);
        let values = observed(&trials, context.objectives, objective, self.config.reports).values;
        let inverse = inverse(&values, self.config.outliers)?;
        let mut estimates: Vec<Estimate> = (predictions.iter().zip(scores).zip(&allowed))
            .map(|((prediction, score), &allowed)| {
                estimate(*prediction, &inverse, direction, score.filter(|s| allowed && s.is_finite()))
            })
            .collect();
        let Some(at_next) = estimates.pop() else { return Ok(None) };
        let shown = |(trial, value): (&&crate::history::FrozenTrial, &Option<f64>)| {
            Some((trial.number, direction.orient((*value)?)))
        };
        Ok(Some(Landscape {
            estimates,
            observations: trials.iter().zip(&values).filter_map(shown).collect(),
            next,
            at_next,
            startup: self.starting(context),
            acquisition: name(model.goal()),
        }))
    }
}

/// A prediction of transformed, oriented values in the objective's units.
fn estimate(
    prediction: Prediction,
    inverse: &Inverse,
    direction: Direction,
    acquisition: Option<f64>,
) -> Estimate {
    let Prediction { mean, variance } = prediction;
    let at = |deviations: f64| direction.orient(inverse.at(mean + deviations * variance.sqrt()));
    let (a, b) = (at(-2.0), at(2.0));
    Estimate { mean: at(0.0), lower: a.min(b), upper: a.max(b), acquisition }
}

fn name(goal: &Goal) -> &'static str {
    match goal {
        Goal::LogEi { .. } => "log expected improvement",
        Goal::LogPi { .. } => "log probability of improvement",
        Goal::LogHypervolumeImprovement(_) => "log expected hypervolume improvement",
        Goal::Ucb { .. } => "confidence bound",
        Goal::Chebyshev { .. } => "confidence bounds in random weights",
        Goal::Feasibility => "log probability that the constraints are satisfied",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{FrozenTrial, History};
    use crate::objective::{ObjectiveInfo, Preview};
    use crate::sampler::{GpConfig, Sampler};
    use crate::space::{Cut, Parameter, Space};
    use rand::SeedableRng;

    fn line() -> Space {
        Space::builder().float("x", 0.0, 1.0).build().unwrap()
    }

    fn at(x: f64) -> Configuration {
        let mut configuration = Configuration::new();
        configuration.set("x", x);
        configuration
    }

    fn history(points: &[f64], f: impl Fn(f64) -> f64) -> History {
        let mut history = History::new(vec![ObjectiveInfo::minimize("loss")]);
        for (number, x) in (0..).zip(points) {
            history.put(FrozenTrial::complete(number, at(*x), vec![f(*x)]));
        }
        history
    }

    fn context<'a>(
        space: &'a Space,
        history: &'a History,
        preview: &'a dyn Fn(&Configuration) -> Preview,
    ) -> Context<'a> {
        Context { number: history.len() as u64, space, objectives: history.objectives(), history, preview }
    }

    fn sampler() -> GpSampler {
        GpSampler::new(GpConfig { startup_trials: 3, ..GpConfig::default() })
    }

    fn rng() -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(5)
    }

    const POINTS: [f64; 4] = [0.05, 0.3, 0.55, 0.95];

    fn loss(x: f64) -> f64 {
        100.0 + (x - 0.4) * (x - 0.4)
    }

    #[test]
    fn the_band_is_narrow_at_observations_and_has_their_values() {
        let (space, history) = (line(), history(&POINTS, loss));
        let context = context(&space, &history, &|_| Preview::default());
        let asked: Vec<Configuration> = POINTS.iter().chain(&[0.75]).map(|x| at(*x)).collect();
        let landscape = sampler().landscape(&context, 0, &asked, &rng()).unwrap().unwrap();
        let (between, at_trials) = landscape.estimates.split_last().unwrap();
        for (estimate, x) in at_trials.iter().zip(POINTS) {
            assert!(estimate.lower <= estimate.mean && estimate.mean <= estimate.upper);
            assert!(estimate.upper - estimate.lower < 0.5 * (between.upper - between.lower), "{x}");
            assert!((estimate.mean - loss(x)).abs() < 0.03, "{x}: {estimate:?}");
        }
        assert_eq!(landscape.observations[2], (2, loss(0.55)));
    }

    #[test]
    fn next_is_the_proposal_and_nothing_on_the_line_scores_higher() {
        let (space, history) = (line(), history(&POINTS, loss));
        let context = context(&space, &history, &|_| Preview::default());
        let cut = Cut::new(&space, &["x"], &[], 200).unwrap();
        let mut sampler = sampler();
        let landscape = sampler.landscape(&context, 0, &cut.configurations, &rng()).unwrap().unwrap();
        assert!(!landscape.startup);
        assert_eq!(landscape.next, sampler.propose(&context, &mut rng()).unwrap());
        assert_eq!(landscape, sampler.landscape(&context, 0, &cut.configurations, &rng()).unwrap().unwrap());
        let top = landscape.estimates.iter().filter_map(|e| e.acquisition).fold(f64::NEG_INFINITY, f64::max);
        assert!(landscape.at_next.acquisition.unwrap() > top - 1e-3, "{top}");
    }

    #[test]
    fn at_the_start_there_are_estimates_but_the_proposal_is_random() {
        let (space, history) = (line(), history(&POINTS[..3], loss));
        let context = context(&space, &history, &|_| Preview::default());
        let mut sampler = GpSampler::default();
        let landscape = sampler.landscape(&context, 0, &[at(0.2)], &rng()).unwrap().unwrap();
        assert!(landscape.startup && landscape.estimates[0].acquisition.is_some());
        assert_eq!(landscape.next, sampler.propose(&context, &mut rng()).unwrap());
        let few = self::history(&POINTS[..1], loss);
        assert_eq!(
            sampler.landscape(&self::context(&space, &few, &|_| Preview::default()), 0, &[], &rng()),
            Ok(None)
        );
    }

    #[test]
    fn inactive_parameters_are_not_compared() {
        let space = Space::builder()
            .categorical("branch", ["a", "b"])
            .parameter(Parameter::float("x", 0.0, 1.0).when("branch", ["a"]))
            .parameter(Parameter::float("y", 0.0, 1.0).when("branch", ["b"]))
            .build()
            .unwrap();
        let on = |branch: &str, value: f64| {
            let mut configuration = Configuration::new();
            configuration.set("branch", branch);
            configuration.set(if branch == "a" { "x" } else { "y" }, value);
            configuration
        };
        let mut history = History::new(vec![ObjectiveInfo::maximize("score")]);
        for (number, k) in (0..).zip([0.0, 0.2, 0.4, 0.6, 0.8, 1.0]) {
            let branch = if number % 2 == 0 { "a" } else { "b" };
            // Under a, x decides; under b, nothing does.
            let value = if branch == "a" { k } else { -1.0 };
            history.put(FrozenTrial::complete(number, on(branch, k), vec![value]));
        }
        let context = context(&space, &history, &|_| Preview::default());
        let cut = Cut::new(&space, &["branch", "x"], &[&on("a", 0.5)], 9).unwrap();
        let landscape = sampler().landscape(&context, 0, &cut.configurations, &rng()).unwrap().unwrap();
        let mean = |branch: usize, x: usize| landscape.estimates[2 * x + branch].mean;
        assert!(mean(0, 8) > mean(0, 0) + 0.3, "x decides: {:?}", landscape.estimates);
        let flat: Vec<f64> = (0..9).map(|x| mean(1, x)).collect();
        assert!(flat.iter().all(|m| *m == flat[0]), "under b there is no x: {flat:?}");
    }

    #[test]
    fn what_the_preview_knows_has_no_surrogate_and_what_it_forbids_no_acquisition() {
        let space = line();
        let preview = |configuration: &Configuration| {
            let x = configuration.get_f64("x").unwrap();
            let violation = (x > 0.7).then(|| "too large".to_owned());
            Preview { objectives: vec![None, Some(1.0 + x)], violation, ..Preview::default() }
        };
        let mut history =
            History::new(vec![ObjectiveInfo::maximize("accuracy"), ObjectiveInfo::minimize("macs")]);
        for (number, x) in (0..).zip([0.1, 0.3, 0.5, 0.6]) {
            let mut trial = FrozenTrial::complete(number, at(x), vec![x.sin(), 1.0 + x]);
            trial.known = vec![None, Some(1.0 + x)];
            history.put(trial);
        }
        let context = context(&space, &history, &preview);
        let asked = [at(0.2), at(0.9)];
        let landscape = sampler().landscape(&context, 0, &asked, &rng()).unwrap().unwrap();
        assert!(landscape.estimates[0].acquisition.is_some());
        assert!(landscape.estimates[1].acquisition.is_none() && landscape.estimates[1].mean.is_finite());
        assert!(landscape.next.get_f64("x").unwrap() <= 0.7);
        assert_eq!(sampler().landscape(&context, 1, &asked, &rng()), Ok(None));
    }
}
