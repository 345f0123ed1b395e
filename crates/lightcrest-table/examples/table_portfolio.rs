//! `table_portfolio CSV TARGET SECONDS [IGNORED ...]`: what configurations of boosting score on a table, one
//! JSON line each, until time is up. The configurations are drawn at random with a fixed seed, the same for
//! every table.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a program for developers")]

use std::path::Path;
use std::time::{Duration, Instant};

use lightcrest::{Objective, Trial};
use lightcrest_table::read::Source;
use lightcrest_table::search::{Boosting, Limits, Problem, ProblemConfig, TableObjective};
use lightcrest_table::table::{LearnConfig, learn};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Configurations at most.
const MOST: usize = 400;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, target, seconds, ignored @ ..] = arguments.as_slice() else {
        println!("table_portfolio CSV TARGET SECONDS [IGNORED ...]");
        return;
    };
    let seconds: f64 = seconds.parse().unwrap();
    let config = LearnConfig { target: target.clone(), ignore: ignored.to_vec(), ..LearnConfig::default() };
    let learnt = learn(Source::open(Path::new(path)).unwrap(), &config).unwrap();
    let problem = Problem::new(learnt, &ProblemConfig { metric: None, folds: 5, seed: 0 }).unwrap();
    let mut objective = TableObjective::new(problem, Limits::default(), 1).unwrap();
    let effort = objective.effort(Duration::from_secs_f64(4.0 * seconds), false).unwrap();
    objective.lighten(effort);
    let mut rng = ChaCha8Rng::seed_from_u64(14);
    let begun = Instant::now();
    for at in 0..MOST {
        let own = draw(at, &mut rng);
        if begun.elapsed().as_secs_f64() > seconds {
            break;
        }
        // Where there is nothing to encode or to take the logarithm of, it is the plain one.
        let made = own.on(objective.problem()).or_else(|| {
            let plain = |means, log| Boosting { means, log, ..own }.on(objective.problem());
            plain(own.means, false).or_else(|| plain(false, own.log)).or_else(|| plain(false, false))
        });
        let started = Instant::now();
        let mut trial = Trial::detached(made.unwrap(), 7);
        let Ok(found) = objective.evaluate(&mut trial) else { continue };
        println!(
            "{}",
            serde_json::json!({
                "at": at,
                "loss": found.values[0],
                "bytes": found.values[1],
                "rounds": found.attributes["rounds"],
                "seconds": started.elapsed().as_secs_f64(),
                "of": format!("{own:?}"),
            })
        );
    }
}

/// A configuration from the box that tuned models of many tables lie in.
fn draw(at: usize, rng: &mut ChaCha8Rng) -> Boosting {
    let mut log = |low: f64, high: f64| (low.ln() + rng.random::<f64>() * (high / low).ln()).exp();
    let (rate, leaves, rows, l2) = (log(0.03, 0.15), log(4.0, 64.0), log(2.0, 80.0), log(0.1, 40.0));
    let (rows_seen, columns_seen) = (log(0.6, 1.0), log(0.3, 1.0));
    let two = |value: f64| {
        let unit = 10f64.powf(value.log10().floor() - 1.0);
        (value / unit).round() * unit
    };
    Boosting {
        rounds: (40.0 / rate).round(),
        rate: two(rate),
        leaves: leaves.round(),
        rows: rows.round(),
        l2: two(l2),
        row_fraction: two(rows_seen),
        column_fraction: two(columns_seen),
        means: at % 4 == 1 || at % 8 == 3,
        log: at % 4 == 2 || at % 8 == 3,
    }
}
