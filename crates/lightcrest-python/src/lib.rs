//! `lightcrest._engine`: the engine, as the Python package sees it.
//!
//! The binding is thin: it converts, lets other Python threads run while the engine works, and converts back.
//! What is Python's own (the loop of `optimize`, callbacks, what an exception in an objective means) is
//! written in Python, in the package `lightcrest` beside this crate. Trials are the exception: an objective
//! calls `suggest_*` thousands of times a second, so `trial::Trial` is handed to it as it is.

mod compress;
mod convert;
mod error;
mod figure;
mod foreign;
mod number;
mod pruner;
mod sampler;
mod shared;
mod space;
mod storage;
mod study;
mod trial;

/// The engine of Lightcrest; use the package `lightcrest`.
#[pyo3::pymodule]
mod _engine {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::compress::{compress_cost, compress_decompose, compress_prune, compress_quantize};
    #[pymodule_export]
    use crate::figure::{complete, parameters};
    #[pymodule_export]
    use crate::number::{draw, fronts, hypervolumes, random_seed};
    #[pymodule_export]
    use crate::sampler::survivors;
    #[pymodule_export]
    use crate::space::Space;
    #[pymodule_export]
    use crate::storage::{Database, Memory, copy_study};
    #[pymodule_export]
    use crate::study::Study;
    #[pymodule_export]
    use crate::trial::Trial;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
