//! Lightcrest's engine: finds the configuration of anything that is both good and light.
//!
//! A [`Space`] says what may vary, an [`Objective`] evaluates a configuration, a
//! [`Sampler`](sampler::Sampler) proposes the next one from the history, a [`Pruner`](pruner::Pruner) stops
//! hopeless trials early, a [`Storage`](storage::Storage) keeps every trial as it ends, and an [`Executor`]
//! runs the [`Study`] on several threads. The engine knows nothing of networks.
//!
//! ```
//! use lightcrest::objective::{Evaluation, ObjectiveInfo, Preview, TrialError};
//! use lightcrest::space::{Configuration, Parameter, Space};
//! use lightcrest::{Executor, ExecutorConfig, Objective, Study, Trial};
//!
//! /// A toy "network": width makes it accurate and heavy, the learning rate must fit.
//! struct Toy(Vec<ObjectiveInfo>);
//!
//! impl Objective for Toy {
//!     fn objectives(&self) -> &[ObjectiveInfo] {
//!         &self.0
//!     }
//!
//!     // The size is known without training, so too large ones are never proposed.
//!     fn preview(&self, configuration: &Configuration) -> Preview {
//!         let parameters = configuration.get_f64("width").map(|width| width * width);
//!         let violation = parameters.filter(|p| *p > 2000.0);
//!         Preview {
//!             objectives: vec![None, parameters],
//!             violation: violation.map(|p| format!("parameters = {p}, but at most 2000 are allowed")),
//!             ..Preview::default()
//!         }
//!     }
//!
//!     fn evaluate(&self, trial: &mut Trial) -> Result<Evaluation, TrialError> {
//!         let width = trial.configuration().get_f64("width").expect("always active");
//!         let rate = trial.configuration().get_f64("learning_rate").expect("always active");
//!         let mut accuracy = 0.0;
//!         for epoch in 1..=3 {
//!             accuracy = (1.0 - 1.0 / width) * (1.0 - 0.1 * (rate / 0.01).ln().abs() / epoch as f64);
//!             trial.report(epoch, accuracy)?;
//!             trial.check()?; // stopped early, or Ctrl-C?
//!         }
//!         Ok(Evaluation::new([accuracy, width * width]))
//!     }
//! }
//!
//! let space = Space::builder()
//!     .int("width", 4, 64)
//!     .log_float("learning_rate", 1e-4, 1.0)
//!     .categorical("optimizer", ["sgd", "adam"])
//!     .parameter(Parameter::float("momentum", 0.0, 0.99).when("optimizer", ["sgd"]))
//!     .build()?;
//! let objective = Toy(vec![ObjectiveInfo::maximize("accuracy"), ObjectiveInfo::minimize("parameters")]);
//! let mut study = Study::builder(space, objective.objectives().to_vec()).seed(1).build()?;
//!
//! let executor = Executor::new(ExecutorConfig { workers: 2, trials: 50, ..ExecutorConfig::default() });
//! let summary = executor.run(&mut study, &objective, &())?;
//! assert_eq!(summary.complete, 50);
//! for trial in study.front() {
//!     println!("{:?}: {}", trial.values, trial.configuration);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Imports point one way: {space, pareto} → {objective, memory} → history → {sampler, pruner, storage,
//! importance} → {terminator, trial} → study → executor → testing; those in braces never import each other.

pub mod executor;
pub mod history;
pub mod importance;
pub mod memory;
pub mod objective;
pub mod pareto;
pub mod pruner;
pub mod sampler;
pub mod space;
pub mod storage;
pub mod study;
pub mod terminator;
pub mod testing;
pub mod trial;

pub use executor::{Executor, ExecutorConfig, Observer};
pub use history::{Claim, FrozenTrial, History, TrialState};
pub use objective::{Direction, Evaluation, ObjectiveInfo, Preview, TrialError};
pub use space::{Configuration, Space};
pub use study::{Study, StudyError};
pub use trial::{Objective, Trial};
