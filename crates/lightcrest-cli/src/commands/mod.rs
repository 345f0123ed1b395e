//! The commands, one a file.

mod check;
mod compress;
mod cost;
mod decompose;
mod fit;
mod latency;
mod predict;
mod prune;
mod quantize;
mod report;
mod schema;
mod search;
mod show;
mod studies;
mod surrogate;
mod train;
mod tune;
mod worker;

pub(crate) use check::check;
pub(crate) use compress::compress;
pub(crate) use cost::cost;
pub(crate) use decompose::decompose;
pub(crate) use fit::fit;
pub(crate) use latency::latency;
pub(crate) use predict::predict;
pub(crate) use prune::prune;
pub(crate) use quantize::quantize;
pub(crate) use report::report;
pub(crate) use schema::schema;
pub(crate) use search::search;
pub(crate) use show::show;
pub(crate) use studies::studies;
pub(crate) use surrogate::surrogate;
pub(crate) use train::train;
pub(crate) use tune::tune;
pub(crate) use worker::worker;
