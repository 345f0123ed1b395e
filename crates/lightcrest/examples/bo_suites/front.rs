//! Several objectives: how much of the hypervolume that can be had is missing.

use crate::peer;
use crate::setup::{BILLS, CHECKPOINTS, cpu_seconds};
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
    /// Where trials are paid for: the price of the heaviest. Its first cost stands as a count and not as a
    /// logarithm, for the samplers and for the bill, and the hypervolume has its logarithm.
    pub heaviest: Option<f64>,
}

/// What every trial costs beside its own cost, as a share of the heaviest: data, evaluation.
const OVERHEAD: f64 = 0.05;

impl Front {
    /// The same where trials are paid for. Its first known cost is a decimal logarithm.
    pub fn paid(self) -> Self {
        let first = self.objectives.len() - self.known;
        let heaviest = 10f64.powf(-self.reference[first]);
        let logarithms = self.values;
        let values = Box::new(move |configuration: &Configuration| {
            let mut values = logarithms(configuration);
            values[first] = 10f64.powf(values[first]);
            values
        });
        let suite = if self.suite == "fronts" { "bills" } else { "bills_tables" };
        Self { suite, values, heaviest: Some(heaviest), ..self }
    }

    fn preview(&self, configuration: &Configuration) -> Preview {
        let values = (self.values)(configuration);
        let known = |j: usize| (j >= values.len() - self.known).then(|| values[j]);
        let first = values.len() - self.known;
        let violation =
            self.heaviest.filter(|h| values[first] > *h * (1.0 + 1e-9)).map(|_| "too heavy".into());
        Preview { objectives: (0..values.len()).map(known).collect(), violation, ..Preview::default() }
    }

    /// The missing share of the hypervolume when so much has been paid for.
    fn pay(&self, sampler: Box<dyn Sampler>, seed: u64, heaviest: f64) -> (Vec<f64>, f64) {
        let builder = Study::builder(self.space.clone(), self.objectives.clone()).seed(seed);
        let mut study = builder.boxed_sampler(sampler).build().unwrap();
        let (mut points, mut missing, mut bill) = (Vec::new(), Vec::new(), 0.0);
        let begin = cpu_seconds();
        let first = self.objectives.len() - self.known;
        while missing.len() < BILLS.len() {
            let trial = study.ask_with(&|configuration| self.preview(configuration)).unwrap();
            let values = (self.values)(&trial.configuration);
            bill += (OVERHEAD + values[first] / heaviest) / (1.0 + OVERHEAD);
            while missing.len() < BILLS.len() && bill > BILLS[missing.len()] as f64 {
                missing.push((1.0 - hypervolume(&points, &self.reference) / self.best).max(0.0));
            }
            let mut logarithms = values.clone();
            logarithms[first] = values[first].log10();
            points.push(orient(&self.objectives, &logarithms));
            study.tell(trial.number, Ok(Evaluation::new(values))).unwrap();
        }
        (missing, cpu_seconds() - begin)
    }

    /// The missing share of the hypervolume at the checkpoints, and seconds in the sampler.
    pub fn run(&self, sampler: Box<dyn Sampler>, seed: u64, budget: usize) -> (Vec<f64>, f64) {
        if let Some(heaviest) = self.heaviest {
            return self.pay(sampler, seed, heaviest);
        }
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
