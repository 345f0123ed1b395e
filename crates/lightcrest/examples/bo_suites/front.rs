//! Several objectives: how much of the hypervolume that can be had is missing.

use crate::peer;
use crate::setup::{CHECKPOINTS, cpu_seconds};
use lightcrest::objective::orient;
use lightcrest::pareto::hypervolume;
use lightcrest::sampler::Sampler;
use lightcrest::{Configuration, Evaluation, ObjectiveInfo, Preview, Space, Study};

pub type Values = Box<dyn Fn(&Configuration) -> Vec<f64> + Send + Sync>;

/// Several objectives on a space; costs come last.
pub struct Front {
    pub suite: &'static str,
    pub name: String,
    pub space: Space,
    pub objectives: Vec<ObjectiveInfo>,
    pub values: Values,
    /// How many of the last objectives a preview knows.
    pub known: usize,
    /// What the hypervolume is measured from, oriented.
    pub reference: Vec<f64>,
    /// The largest hypervolume: of the exact front, or the largest that a long search found.
    pub best: f64,
}

impl Front {
    fn preview(&self, configuration: &Configuration) -> Preview {
        let values = (self.values)(configuration);
        let known = |j: usize| (j >= values.len() - self.known).then(|| values[j]);
        Preview { objectives: (0..values.len()).map(known).collect(), violation: None, ..Preview::default() }
    }

    /// The missing share of the hypervolume at the checkpoints, and seconds in the sampler.
    pub fn run(&self, sampler: Box<dyn Sampler>, seed: u64, budget: usize) -> (Vec<f64>, f64) {
        let builder = Study::builder(self.space.clone(), self.objectives.clone()).seed(seed);
        let mut study = builder.boxed_sampler(sampler).build().unwrap();
        let (mut points, mut missing) = (Vec::new(), Vec::new());
        let begin = cpu_seconds();
        let mut measuring = 0.0;
        for n in 1..=budget {
            let trial = study.ask_with(&|configuration| self.preview(configuration)).unwrap();
            let values = (self.values)(&trial.configuration);
            points.push(orient(&self.objectives, &values));
            study.tell(trial.number, Ok(Evaluation::new(values))).unwrap();
            if CHECKPOINTS.contains(&n) {
                let before = cpu_seconds();
                missing.push((1.0 - hypervolume(&points, &self.reference) / self.best).max(0.0));
                measuring += cpu_seconds() - before;
            }
        }
        let seconds = cpu_seconds() - begin - measuring;
        (missing, peer::seconds().unwrap_or(seconds))
    }
}
