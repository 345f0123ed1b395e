//! `fuzz_table MINUTES FOLDER FILE...`: damages tables and models at random; tables are read, decided about
//! and split, models are read and predict. The same seeds make the same files; one that panics is kept in
//! FOLDER.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for developers")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use lightcrest::{Objective, Trial};
use lightcrest_table::pipeline::Pipeline;
use lightcrest_table::read::{ReadConfig, Source, Text};
use lightcrest_table::search::{Limits, Problem, ProblemConfig, TableObjective, portfolio};
use lightcrest_table::table::{LearnConfig, Learnt, learn};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Lines of a seed.
const LINES: usize = 60;

/// Where a table's bytes end up: reading it, or what makes it one.
const WORDS: [&str; 24] = [
    ",",
    ";",
    "\t",
    "\"",
    "\n",
    "\r\n",
    "|",
    "NA",
    "1e308",
    "-inf",
    "NaN",
    "9999-12-31",
    "0000-00-00",
    "31/12/2020",
    "1.234,5",
    "$1,200",
    "12 %",
    "true",
    "\u{feff}",
    "\0",
    "999999999999999999999999",
    "1e5",
    "[1, 2]",
    "00123",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [minutes, folder, files @ ..] = arguments.as_slice() else {
        println!("fuzz_table MINUTES FOLDER FILE...");
        return ExitCode::from(2);
    };
    let minutes: f64 = minutes.parse().unwrap_or(1.0);
    let mut seeds: Vec<Vec<u8>> = files.iter().filter_map(|file| short(Path::new(file))).collect();
    seeds.push(invented());
    let algorithms = ["constant", "boosting", "linear", "mlp"];
    let models = algorithms.map(|algorithm| model(&seeds[seeds.len() - 1], algorithm)).to_vec();
    let end = Instant::now() + Duration::from_secs_f64(60.0 * minutes);
    let (mut count, mut sound, mut slowest) = (0u64, 0u64, Duration::ZERO);
    while Instant::now() < end {
        let mut rng = ChaCha8Rng::seed_from_u64(count);
        let is_model = count.is_multiple_of(4);
        let of = if is_model { &models } else { &seeds };
        let mut damaged = damage(&of[rng.random_range(0..of.len())], is_model, &mut rng);
        if is_model {
            seal(&mut damaged);
        }
        // Before it is tried: what takes all memory leaves nothing to write with.
        let path = Path::new(folder).join("last.bin");
        if std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, &damaged)).is_err() {
            println!("cannot write {}", path.display());
            return ExitCode::FAILURE;
        }
        let started = Instant::now();
        let passed = catch_unwind(AssertUnwindSafe(|| match is_model {
            true => predicts(&damaged, &seeds[seeds.len() - 1]),
            false => learns(&damaged),
        }));
        let Ok(passed) = passed else {
            println!("seed {count} panics: {}", path.display());
            return ExitCode::FAILURE;
        };
        sound += u64::from(passed);
        slowest = slowest.max(started.elapsed());
        count += 1;
    }
    let slowest = slowest.as_secs_f64();
    println!("{count} damaged files, {sound} of them still sound, no panic; the slowest took {slowest:.2} s");
    ExitCode::SUCCESS
}

/// The first lines of a table.
fn short(path: &Path) -> Option<Vec<u8>> {
    let bytes = std::fs::read(path).ok()?;
    let end = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(LINES).map(|(at, _)| at);
    Some(bytes[..end.unwrap_or(bytes.len())].to_vec())
}

/// A table with a column of every kind; the target is the last one.
fn invented() -> Vec<u8> {
    let row = |i: usize| {
        format!(
            "{i},{}.5,k{},2024-{:02}-{:02},\"a, remark of {} words and more\",{},{},{}\n",
            i * 7919 % 97,
            i % 20,
            i % 12 + 1,
            i % 28 + 1,
            i * 31 % 17,
            ["true", "false", ""][i % 3],
            if i.is_multiple_of(9) { "refused".into() } else { format!("{}", i * 13 % 50) },
            ["yes", "no"][i * 7 / 5 % 2],
        )
    };
    let rows: String = (0..LINES).map(row).collect();
    format!("id,number,level,day,remark,flag,mixed,y\n{rows}").into_bytes()
}

fn read(bytes: &[u8]) -> Option<Learnt> {
    let source = Source::from_bytes(Path::new("t.csv"), bytes.to_vec()).ok()?;
    let text = Text::open(source.clone(), &ReadConfig::default()).ok()?;
    let config = LearnConfig { target: text.names().last()?.clone(), ..LearnConfig::default() };
    learn(source, &config).ok()
}

fn split(learnt: Learnt) -> Option<Problem> {
    Problem::new(learnt, &ProblemConfig { metric: None, folds: 3, seed: 1 }).ok()
}

/// The bytes of a model of a table: a constant, trees, a linear model, a perceptron.
fn model(bytes: &[u8], algorithm: &str) -> Vec<u8> {
    let problem = split(read(bytes).unwrap()).unwrap();
    let list = portfolio(&problem);
    let configuration = list.iter().find(|it| it.get_str("algorithm") == Some(algorithm)).unwrap();
    let objective = TableObjective::new(problem, Limits::default(), 1).unwrap();
    objective.fit_one(configuration, 1).unwrap().1.bytes
}

/// Some bytes changed, cut, doubled, or replaced by what is odd in a table.
fn damage(seed: &[u8], is_model: bool, rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..1 << rng.random_range(0..5) {
        if bytes.is_empty() {
            break;
        }
        let at = rng.random_range(0..bytes.len());
        let length = rng.random_range(1..=64.min(bytes.len() - at));
        match rng.random_range(0..8) {
            0 => bytes[at] ^= 1 << rng.random_range(0..8),
            1 => bytes[at] = rng.random(),
            2 => drop(bytes.drain(at..at + length)),
            3 => {
                let part = bytes[at..at + length].to_vec();
                bytes.splice(at..at, part);
            }
            4 | 5 if !is_model => {
                let word = WORDS[rng.random_range(0..WORDS.len())];
                let to = if rng.random() { at } else { at + length };
                bytes.splice(at..to, word.bytes());
            }
            _ if rng.random_range(0..16) == 0 => bytes.truncate(at),
            _ => bytes[at] = bytes[at].wrapping_add(1),
        }
    }
    bytes
}

/// Makes the checksum of a damaged model right, so that what is behind it is read.
fn seal(bytes: &mut Vec<u8>) {
    bytes.truncate(bytes.len().saturating_sub(8));
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let sum = bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold);
    bytes.extend(sum.to_le_bytes());
}

/// Whether the bytes are a table that something can be learnt from.
fn learns(bytes: &[u8]) -> bool {
    let Some(problem) = read(bytes).and_then(split) else { return false };
    let first = portfolio(&problem)[0].clone();
    let objective = TableObjective::new(problem, Limits::default(), 1).unwrap();
    objective.evaluate(&mut Trial::detached(first, 1)).is_ok()
}

/// Whether the bytes are a model; whatever it is, it predicts without a panic.
fn predicts(bytes: &[u8], table: &[u8]) -> bool {
    let Ok(model) = Pipeline::from_bytes(bytes) else { return false };
    let source = Source::from_bytes(Path::new("t.csv"), table.to_vec()).unwrap();
    let text = Text::open(source, &ReadConfig::default()).unwrap();
    let Ok(read) = model.schema.read(&text, &|column| model.needs(column), true) else { return false };
    model.predict(&read.table);
    let _ = lightcrest_table::export::onnx(&model);
    true
}
