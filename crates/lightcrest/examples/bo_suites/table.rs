//! Tables of real tunings, written by `xtask/python/bo_tables.py`: the exact median and best are known.

use crate::task::Task;
use lightcrest::space::Parameter;
use lightcrest::{Configuration, Space};
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
pub struct Table {
    suite: String,
    pub name: String,
    parameters: Vec<Column>,
    pub loss: Vec<f64>,
    pub costs: Vec<Cost>,
}

/// What follows from a configuration, in the order of the losses.
#[derive(Deserialize)]
pub struct Cost {
    pub name: String,
    pub values: Vec<f64>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
    ordered: bool,
    choices: usize,
}

pub const SUITES: [&str; 3] = ["hpobench", "hpolib", "nasbench201"];

/// The tasks of one suite.
pub fn tasks(folder: &Path, suite: &'static str) -> Vec<Task> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let ours = paths.iter().filter(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{suite}-")))
    });
    ours.map(|path| task(suite, read(path))).collect()
}

pub fn read(path: &Path) -> Table {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

impl Table {
    pub fn space(&self) -> Space {
        space(&self.parameters)
    }

    /// Where the row of a configuration is.
    pub fn index(&self, configuration: &Configuration) -> usize {
        index(&self.parameters, configuration)
    }

    /// The smallest loss, and the median.
    pub fn best_and_median(&self) -> (f64, f64) {
        let mut sorted = self.loss.clone();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        (sorted[0], 0.5 * (sorted[(n - 1) / 2] + sorted[n / 2]))
    }
}

/// Ordered grids are indices, so that every sampler sees an order.
fn space(columns: &[Column]) -> Space {
    let mut builder = Space::builder();
    for column in columns {
        let last = column.choices as i64 - 1;
        builder = builder.parameter(if column.ordered {
            Parameter::int(&column.name, 0, last)
        } else {
            Parameter::categorical(&column.name, (0..=last).map(|k| format!("c{k}")))
        });
    }
    builder.build().unwrap()
}

/// Where the row of a configuration is.
fn index(columns: &[Column], c: &Configuration) -> usize {
    let digit = |column: &Column| {
        let value = c.get(&column.name).unwrap();
        value.as_i64().unwrap_or_else(|| value.as_str().unwrap()[1..].parse().unwrap()) as usize
    };
    columns.iter().fold(0, |at, column| at * column.choices + digit(column))
}

fn task(suite: &'static str, table: Table) -> Task {
    assert_eq!(suite, table.suite);
    let (space, (best, median), name) = (table.space(), table.best_and_median(), table.name.clone());
    let loss = move |c: &Configuration| table.loss[table.index(c)];
    Task { suite, name, space, loss: Box::new(loss), noise: 0.0, best, median }
}

#[derive(Deserialize)]
struct Curves {
    parameters: Vec<Column>,
    curves: Vec<Vec<f64>>,
}

/// The recorded trainings: their space, the curves, and where the curve of a configuration is.
pub fn curves(
    folder: &Path,
) -> (Space, Vec<Vec<f64>>, impl Fn(&Configuration) -> usize + Send + Sync + 'static) {
    let path = folder.join("digits-curves.json");
    let bytes = std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let Curves { parameters, curves } = serde_json::from_slice(&bytes).unwrap();
    (space(&parameters), curves, move |c: &Configuration| index(&parameters, c))
}
