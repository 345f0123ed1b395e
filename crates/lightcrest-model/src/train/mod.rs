//! Training: weights of a [`Network`](lightcrest_graph::network::Network) fitted to a data set on one thread.
//!
//! [`TrainConfig`] says how; every part of it has its own file. Whatever is random (order of the images,
//! augmentation, dropout) comes from one seed, and sums run in one order, so the same seed gives the same
//! weights bit for bit.

pub mod augmentation;
mod average;
mod config;
mod distillation;
mod error;
mod finetune;
mod fit;
pub mod loss;
pub mod metrics;
mod need;
pub mod optimizer;
pub mod plan;
pub mod schedule;

pub use augmentation::AugmentationConfig;
pub use config::{ConfigError, EarlyStoppingConfig, TrainConfig};
pub use distillation::{Answers, Border, DistillationConfig, Teacher};
pub use error::{Divergence, StopReason, TrainError};
pub use finetune::{FinetuneConfig, Finetuned, finetune, reestimate};
pub use fit::{EpochReport, Observer, Trained, evaluate, train};
pub use loss::LossConfig;
pub use metrics::{ConfusionMatrix, Metrics};
pub use need::{Need, OutOfMemory};
pub use optimizer::OptimizerConfig;
pub use plan::{ParameterMut, Plan, PlanMode};
pub use schedule::ScheduleConfig;

#[cfg(test)]
mod test;
