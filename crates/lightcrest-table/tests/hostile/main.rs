//! Inputs that break other programs, each with what should happen: a message, a kind of column, a score.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

#[cfg(feature = "parquet")]
mod arrow;
mod column;
mod file;
mod predict;
mod target;
mod validation;
#[cfg(feature = "xlsx")]
mod workbook;

use std::path::Path;

use lightcrest::space::Configuration;
use lightcrest::{Objective, Trial};
use lightcrest_table::TableError;
use lightcrest_table::column::Column;
use lightcrest_table::metric::Metric;
use lightcrest_table::pipeline::Pipeline;
use lightcrest_table::read::{ReadConfig, Source, Text};
use lightcrest_table::search::{Limits, Problem, ProblemConfig, TableObjective, portfolio};
use lightcrest_table::table::{LearnConfig, Learnt, ReadTable, learn};

/// What a user says of a table.
fn config(change: impl FnOnce(&mut LearnConfig)) -> LearnConfig {
    let mut config = LearnConfig { target: "y".into(), ..LearnConfig::default() };
    change(&mut config);
    config
}

fn source(bytes: &[u8]) -> Result<Source, TableError> {
    Source::from_bytes(Path::new("t.csv"), bytes.to_vec())
}

fn read_with(bytes: &[u8], config: &LearnConfig) -> Result<Learnt, TableError> {
    learn(source(bytes)?, config)
}

fn read(text: &str) -> Result<Learnt, TableError> {
    read_with(text.as_bytes(), &config(|_| ()))
}

/// The message of what cannot be read.
fn refusal(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

/// A table of rows that a function writes.
fn rows(header: &str, count: u64, row: impl Fn(u64) -> String) -> String {
    std::iter::once(header.to_owned()).chain((0..count).map(row)).collect::<Vec<_>>().join("\n")
}

fn column<'a>(learnt: &'a Learnt, name: &str) -> &'a Column {
    learnt.schema.columns.iter().find(|column| column.name == name).unwrap()
}

/// A number from 0 to 1 that follows nothing (SplitMix64).
fn random(seed: u64) -> f64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x1234_5678);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

fn problem(learnt: Learnt, metric: Option<Metric>) -> Result<Problem, TableError> {
    Problem::new(learnt, &ProblemConfig { metric, folds: 5, seed: 1 })
}

/// A quick configuration that learns.
fn quick(problem: &Problem) -> Configuration {
    let list = portfolio(problem);
    list.get(1).unwrap_or(&list[0]).clone()
}

/// The validation score and the model of a quick configuration.
fn fit(learnt: Learnt, metric: Option<Metric>) -> (f64, Pipeline) {
    let problem = problem(learnt, metric).unwrap();
    let configuration = quick(&problem);
    let objective = TableObjective::new(problem, Limits::default(), 1).unwrap();
    let (evaluation, made) = objective.fit_one(&configuration, 5).unwrap();
    (evaluation.values[0], made.model)
}

/// A later table as a model reads it.
fn later(pipeline: &Pipeline, text: &str, allow_missing: bool) -> Result<ReadTable, TableError> {
    let text = Text::open(source(text.as_bytes())?, &ReadConfig::default())?;
    pipeline.schema.read(&text, &|column| pipeline.needs(column), allow_missing)
}
