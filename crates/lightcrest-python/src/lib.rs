//! `lightcrest._engine`: the engine, as the Python package sees it.
//!
//! The binding is thin: it converts, lets other Python threads run while the engine works, and converts back. What is
//! Python's own (the loop of `optimize`, callbacks, what an exception in an objective means) is written in Python, in the
//! package `lightcrest` beside this crate. Trials are the exception: an objective calls `suggest_*` thousands of times a
//! second, so `trial::Trial` is handed to it as it is.

mod convert;
mod error;
mod pruner;
mod sampler;
mod space;
mod study;
mod trial;

/// The engine of Lightcrest; use the package `lightcrest`.
#[pyo3::pymodule]
mod _engine {
    #[pymodule_export]
    use crate::space::Space;
    #[pymodule_export]
    use crate::study::Study;
    #[pymodule_export]
    use crate::trial::Trial;
}
