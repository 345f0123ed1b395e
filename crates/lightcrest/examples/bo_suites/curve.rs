//! Tasks whose trials are trainings: a loss after every epoch, so that they can be stopped early.

use crate::mixed::{network, tuning_space};
use crate::table;
use crate::task::Task;
use lightcrest::{Configuration, Space};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::path::Path;

pub const SUITES: [&str; 3] = ["curves", "curve_tables", "digits"];

type Curve = Box<dyn Fn(&Configuration) -> Vec<f64> + Send + Sync>;

/// A space of trainings; losses are such that 0 is the best and 1 the median of what they end with.
pub struct CurveTask {
    pub suite: &'static str,
    pub name: String,
    pub space: Space,
    /// How long a training is.
    pub epochs: usize,
    /// The loss after each epoch, without noise.
    curve: Curve,
    /// Standard deviation of what is added to each observation.
    noise: f64,
}

impl CurveTask {
    /// What is observed of one trial, and what it ends with without noise.
    pub fn train(&self, configuration: &Configuration, seed: u64, number: u64) -> (Vec<f64>, f64) {
        let mut curve = (self.curve)(configuration);
        let end = curve[curve.len() - 1];
        let mut rng = ChaCha8Rng::seed_from_u64(seed << 32 | number);
        for value in &mut curve {
            let normal: f64 = StandardNormal.sample(&mut rng);
            *value += self.noise * normal;
        }
        (curve, end)
    }
}

/// The tasks of one suite.
pub fn tasks(suite: &str, tables: &Path) -> Vec<CurveTask> {
    match suite {
        "curves" => synthetic(),
        "curve_tables" => on_tables(tables),
        "digits" => vec![recorded(tables)],
        other => panic!("no suite `{other}`"),
    }
}

/// Power laws on random networks: (seed, how much the speed differs, noise).
fn synthetic() -> Vec<CurveTask> {
    let variants = [(0, 0.3, 0.02), (1, 1.0, 0.02), (2, 1.0, 0.1), (3, 0.6, 0.05)];
    let task = |(seed, crossing, noise): (u64, f64, f64)| {
        let space = tuning_space();
        let loss = network(&space, seed, 1.3);
        let task = Task::new("curves", format!("power{seed}"), space, None, loss);
        power_law(task, "curves", seed, crossing, noise)
    };
    variants.into_iter().map(task).collect()
}

/// Final losses of real tunings, reached by power laws.
fn on_tables(folder: &Path) -> Vec<CurveTask> {
    let chosen =
        ["hpobench-credit_g", "hpobench-vehicle", "hpolib-protein_structure", "hpolib-naval_propulsion"];
    let tables = ["hpobench", "hpolib"].into_iter().flat_map(|suite| table::tasks(folder, suite));
    let named = tables.filter(|task| chosen.contains(&format!("{}-{}", task.suite, task.name).as_str()));
    named.enumerate().map(|(i, task)| power_law(task, "curve_tables", 10 + i as u64, 0.6, 0.02)).collect()
}

/// Curves y(s) = q + A (s^-α - R^-α) that end at the regret q of a task. The speed α = 0.6 e^(c z) and the
/// amplitude A depend on the configuration by random networks of their own, so that curves cross; R = 27.
fn power_law(task: Task, suite: &'static str, seed: u64, crossing: f64, noise: f64) -> CurveTask {
    const EPOCHS: usize = 27;
    let (speed, height) = (network(&task.space, 500 + seed, 1.3), network(&task.space, 600 + seed, 1.3));
    let (space, name) = (task.space.clone(), task.name.clone());
    let curve = move |c: &Configuration| {
        let end = task.regret((task.loss)(c));
        let alpha = 0.6 * (crossing * speed(c)).exp();
        let amplitude = 2.0 + height(c).tanh();
        let left = |s: usize| (s as f64).powf(-alpha) - (EPOCHS as f64).powf(-alpha);
        (1..=EPOCHS).map(|s| end + amplitude * left(s)).collect()
    };
    CurveTask { suite, name, space, epochs: EPOCHS, curve: Box::new(curve), noise }
}

/// Real trainings, as `xtask/python/bo_curves.py` recorded them.
fn recorded(folder: &Path) -> CurveTask {
    let (space, curves, index) = table::curves(folder);
    let epochs = curves[0].len();
    let mut ends: Vec<f64> = curves.iter().map(|curve| curve[epochs - 1]).collect();
    ends.sort_by(f64::total_cmp);
    let (best, median) = (ends[0], ends[ends.len() / 2]);
    let curve =
        move |c: &Configuration| curves[index(c)].iter().map(|v| (v - best) / (median - best)).collect();
    CurveTask {
        suite: "digits",
        name: "digits".to_owned(),
        space,
        epochs,
        curve: Box::new(curve),
        noise: 0.0,
    }
}
