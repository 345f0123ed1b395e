//! The folder of a run.
//!
//! ```text
//! runs/NAME/
//!   study.db              every trial, as it ends; or study.json, which says where else the study lives
//!   spec.toml             the spec as it was read last; a relative path of its images begins here
//!   images.json           classes, counts and checksums of the images of a search
//!   model.json            bytes and checksum of the network of a compression
//!   weights/              trained weights (or compressed models) of the trials that are on the front so far
//!   front/trial-NNNN/     the models of the front
//!   trials/NNNNNN/        parameters.json, metrics.jsonl and log.txt of a trial that runs a command
//!   front.csv  report.html  surrogate.html
//!   lock                  held by the process that searches
//! ```
//!
//! Files appear whole or not at all ([`write_file`]). Weights are written before their trial is told to the
//! study, so whatever the study calls complete has its weights; what a killed process left over is swept away
//! by the next.

mod file;
mod folder;
mod model;

pub(crate) use file::write_file;
pub(crate) use folder::{RunError, RunFolder, look};
pub(crate) use model::{ModelCard, Refitted};
