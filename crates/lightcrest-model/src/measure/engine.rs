//! Whatever runs ONNX models against the clock: our own executor, or a runtime that the program found.

use lightcrest_graph::chain;
use lightcrest_graph::onnx::{Array, Model, Runner};

/// A model that is run again and again on the same inputs, on one thread.
pub type Run = Box<dyn FnMut() -> Result<(), String>>;

/// What runs models.
pub trait Engine: Send + Sync + std::fmt::Debug {
    /// What it is called, with its version where it has one of its own.
    fn name(&self) -> &str;

    /// Loads a model, to be run on these inputs on the calling thread alone.
    ///
    /// # Errors
    /// Why it cannot be run.
    fn load(&self, model: &Model, inputs: &[(String, Array)]) -> Result<Run, String>;
}

/// The executor of `lightcrest-graph`.
#[derive(Debug, Clone, Copy, Default)]
pub struct OwnEngine;

impl Engine for OwnEngine {
    fn name(&self) -> &str {
        "Lightcrest's own executor"
    }

    fn load(&self, model: &Model, inputs: &[(String, Array)]) -> Result<Run, String> {
        let runner = Runner::new(model).map_err(|error| chain(&error))?;
        let outputs: Vec<String> = model.graph().output.iter().map(|output| output.name.clone()).collect();
        let inputs = inputs.to_vec();
        Ok(Box::new(move || {
            let found = runner.run(&inputs, &outputs).map_err(|error| chain(&error))?;
            std::hint::black_box(found);
            Ok(())
        }))
    }
}
