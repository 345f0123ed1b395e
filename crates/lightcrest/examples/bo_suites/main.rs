//! Samplers on suites of problems: tables of real tunings and synthetic functions. `cargo xtask bench bo`
//! drives it.
//!
//! ```text
//! bo_suites run    --tables FOLDER --peers SCRIPT --suite A,B --sampler A,B --seeds 0-9 --budget 100
//!                  --out FILE
//! bo_suites report FILE...
//! bo_suites memory --tables FOLDER --peers SCRIPT --suite A,B --sampler A@warm,A@cold --seeds 0-9 --out FILE
//! bo_suites memory-report FILE...
//! bo_suites speed  --sampler A,B
//! ```
//!
//! On suites of learning curves a sampler is named with the pruner beside it, `gp+halving`, and the budget
//! counts epochs.
//!
//! `run` adds one line a run to a CSV file and skips those that are there; `report` prints one table a suite:
//! the regret of the best so far, normalised so that 1 is the median of the space and 0 its best; with
//! several objectives, the share of the exact or best known hypervolume that is missing.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, unreachable_pub)]

mod conditional;
mod curve;
mod epochs;
mod front;
mod fronts;
mod function;
mod memory;
mod mixed;
#[path = "../../tests/problem/network.rs"]
mod network;
mod peer;
mod report;
mod run;
mod setup;
mod speed;
mod table;
mod table_fronts;
mod task;

use std::collections::HashMap;
use std::path::PathBuf;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((word, rest)) if word == "run" => run::all(&Options::parse(rest)),
        Some((word, rest)) if word == "memory" => memory::run(&Options::parse(rest)),
        Some((word, files)) if word == "memory-report" => memory::report(files),
        Some((word, files)) if word == "report" => report::print(files),
        Some((word, rest)) if word == "speed" => speed::print(&Options::parse(rest)),
        _ => panic!("run, report or speed expected"),
    }
}

/// `--name value` pairs.
pub struct Options(HashMap<String, String>);

impl Options {
    fn parse(words: &[String]) -> Self {
        let pair = |pair: &[String]| {
            let name = pair[0].strip_prefix("--").unwrap_or_else(|| panic!("an option, not `{}`", pair[0]));
            (name.to_owned(), pair.get(1).unwrap_or_else(|| panic!("--{name} needs a value")).clone())
        };
        Self(words.chunks(2).map(pair).collect())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Comma-separated words; empty when absent.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.get(name).map(|text| text.split(',').map(str::to_owned).collect()).unwrap_or_default()
    }

    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }

    /// Such as `0-9`.
    pub fn seeds(&self) -> std::ops::RangeInclusive<u64> {
        let text = self.get("seeds").unwrap_or("0-9");
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        first.parse().unwrap()..=last.parse().unwrap()
    }
}
