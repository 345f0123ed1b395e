//! Our side of `cargo xtask bench table --part trees`: trains on a table that its Python side wrote, at
//! LightGBM's defaults, and writes the predictions of the test rows.
//!
//! `tree_speed FOLDER NAME` prints one JSON object: seconds of training (binning included), microseconds of a
//! row alone and in a batch, bytes of the model.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for developers")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use lightcrest_tree::{BinningConfig, Column, Dataset, Decision, Loss, MISSING, Problem, TrainConfig, train};

enum Cells {
    Numbers(Vec<f32>),
    Codes(Vec<u32>),
}

struct Table {
    columns: Vec<Cells>,
    y: Vec<f64>,
    train: Vec<u32>,
    test: Vec<u32>,
    loss: Loss,
}

fn numbers<const N: usize, T>(path: &Path, read: impl Fn([u8; N]) -> T) -> Vec<T> {
    let bytes = std::fs::read(path).unwrap();
    bytes.as_chunks::<N>().0.iter().map(|bytes| read(*bytes)).collect()
}

impl Table {
    fn read(folder: &Path, name: &str) -> Self {
        let path = |ending: &str| -> PathBuf { folder.join(format!("{name}.{ending}")) };
        let cells = numbers(&path("x"), f32::from_le_bytes);
        let y = numbers(&path("y"), f64::from_le_bytes);
        let kinds = std::fs::read_to_string(path("kinds")).unwrap();
        let (classes, kinds) = kinds.split_once(' ').unwrap();
        let loss = match classes.parse().unwrap() {
            0 => Loss::Squared,
            2 => Loss::Logistic,
            classes => Loss::Softmax { classes },
        };
        let code = |value: &f32| if value.is_nan() { MISSING } else { *value as u32 };
        let columns = cells.chunks_exact(y.len()).zip(kinds.chars()).map(|(cells, kind)| match kind {
            'c' => Cells::Codes(cells.iter().map(code).collect()),
            _ => Cells::Numbers(cells.to_vec()),
        });
        Self {
            columns: columns.collect(),
            y,
            train: numbers(&path("train"), u32::from_le_bytes),
            test: numbers(&path("test"), u32::from_le_bytes),
            loss,
        }
    }

    /// Some rows alone.
    fn of(&self, rows: &[u32]) -> (Vec<Cells>, Vec<f64>) {
        let pick = |cells: &Cells| match cells {
            Cells::Numbers(values) => Cells::Numbers(rows.iter().map(|&row| values[row as usize]).collect()),
            Cells::Codes(codes) => Cells::Codes(rows.iter().map(|&row| codes[row as usize]).collect()),
        };
        (self.columns.iter().map(pick).collect(), rows.iter().map(|&row| self.y[row as usize]).collect())
    }
}

fn column(cells: &Cells) -> Column<'_> {
    match cells {
        Cells::Numbers(values) => Column::Number(values),
        Cells::Codes(codes) => Column::Category(codes),
    }
}

/// Time that the calling thread was on a core, where the system tells; time on the clock elsewhere.
struct Clock {
    start: Instant,
    on_core: Option<f64>,
}

impl Clock {
    fn start() -> Self {
        Self { start: Instant::now(), on_core: on_core() }
    }

    fn seconds(&self) -> f64 {
        match (self.on_core, on_core()) {
            (Some(start), Some(now)) => now - start,
            _ => self.start.elapsed().as_secs_f64(),
        }
    }
}

fn on_core() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e9)
}

/// Seconds of one call on the core, over as many calls as the clock needs, and what it makes.
fn time<T>(mut work: impl FnMut() -> T) -> (f64, T) {
    let mut made = work();
    let clock = Clock::start();
    let mut calls = 0;
    while calls == 0 || clock.seconds() < 0.1 {
        made = work();
        calls += 1;
    }
    (clock.seconds() / f64::from(calls), made)
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let (folder, name) = (Path::new(&arguments[1]), &arguments[2]);
    let threads = arguments.get(3).map_or(1, |threads| threads.parse().unwrap());
    let table = Table::read(folder, name);
    let (cells, y) = table.of(&table.train);
    let config = TrainConfig { loss: table.loss, threads, ..TrainConfig::default() };
    let rows: Vec<u32> = (0..u32::try_from(y.len()).unwrap()).collect();

    let started = Clock::start();
    let data =
        Dataset::new(&cells.iter().map(column).collect::<Vec<_>>(), &BinningConfig::default()).unwrap();
    let binned = started.seconds();
    let problem = Problem { data: &data, targets: &y, weights: None, rows: &rows, validation: &[] };
    let model = train(&problem, &config, |_| Decision::Continue).unwrap().model;
    let seconds = started.seconds();

    let (cells, _) = table.of(&table.test);
    let columns: Vec<_> = cells.iter().map(column).collect();
    let (batch, predictions) = time(|| model.predict(&columns).unwrap());
    let value = |column: &Column<'_>, row: usize| match column {
        Column::Number(values) => values[row],
        Column::Category(codes) if codes[row] == MISSING => f32::NAN,
        Column::Category(codes) => codes[row] as f32,
    };
    let of_row = |row| -> Vec<f32> { columns.iter().map(|column| value(column, row)).collect() };
    let test: Vec<Vec<f32>> = (0..table.test.len()).map(of_row).collect();
    let (alone, sum) = time(|| test.iter().map(|row| model.predict_row(row)[0]).sum::<f64>());
    assert!(sum.is_finite());
    let bytes: Vec<u8> = predictions.iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(folder.join(format!("{name}.predictions")), bytes).unwrap();
    let us = 1e6 / test.len() as f64;
    println!(
        "{{\"seconds\": {seconds}, \"binning\": {binned}, \"row_us\": {}, \"batch_us\": {}, \"bytes\": {}}}",
        alone * us,
        batch * us,
        model.to_bytes().len()
    );
}
