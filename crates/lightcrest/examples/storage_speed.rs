//! How many trials a second processes make on one study in a storage, beside objectives that take no time.
//!
//! `storage_speed URL TRIALS` makes one new study a row in the database that the URL names and prints, for 1,
//! 4 and 8 processes, trials a second, from the moment when all are ready, and the longest trial: 10
//! parameters that are drawn at random, with no reports and with 10.
//!
//! `storage_speed large URL TRIALS` makes one study of that many trials, and prints how long another process
//! takes to open it and to ask for and tell a trial with the default sampler, and its memory.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints, and stops at what it does not expect"
)]

use lightcrest::objective::{Evaluation, ObjectiveInfo};
use lightcrest::sampler::RandomSampler;
use lightcrest::space::Domain;
use lightcrest::storage::open_url;
use lightcrest::{FrozenTrial, Study};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

fn study(place: &str, name: &str) -> Study {
    let builder = Study::define_by_run(vec![ObjectiveInfo::minimize("loss")]).name(name).write_through(true);
    let storage = open_url(place, None).unwrap().study(name).unwrap();
    builder.sampler(RandomSampler::new()).boxed_storage(storage).build().unwrap()
}

/// Makes trials, once it is let; the longest of them.
fn work(place: &str, name: &str, trials: usize, reports: u64) -> Duration {
    let mut study = study(place, name);
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    let domain = Domain::Float { low: 0.0, high: 1.0, log: false, step: None };
    let mut longest = Duration::ZERO;
    for _ in 0..trials {
        let begun = Instant::now();
        let number = study.ask_number().unwrap();
        let mut loss = 0.0;
        for i in 0..10 {
            loss += study.suggest(number, &format!("x{i}"), &domain).unwrap().as_f64().unwrap();
        }
        for step in 1..=reports {
            study.report(number, step, &[loss / step as f64]).unwrap();
        }
        study.tell(number, Ok(Evaluation::new([loss]))).unwrap();
        longest = longest.max(begun.elapsed());
    }
    longest
}

/// Makes a study of complete trials.
fn fill(place: &str, name: &str, trials: u64) {
    let mut study = study(place, name);
    let domain = Domain::Float { low: 0.0, high: 1.0, log: false, step: None };
    for number in 0..trials {
        // Each differs from the others, and the loss is a bowl.
        let x = |i: u64| ((number * (2 * i + 1) + i) as f64 * 0.618_033_988_749_894_9).fract();
        let names: Vec<(String, f64)> = (0..10).map(|i| (format!("x{i}"), x(i))).collect();
        let loss = names.iter().map(|(_, x)| (x - 0.3).powi(2)).sum();
        let suggestions = names.iter().map(|(name, _)| (name.as_str(), domain.clone())).collect();
        let trial = FrozenTrial::complete(number, names.into_iter().collect(), vec![loss]);
        study.add(FrozenTrial { suggestions, ..trial }).unwrap();
    }
}

/// Opens a study and runs some trials with the default sampler; prints times and memory.
fn look(place: &str, name: &str) {
    let begun = Instant::now();
    let builder = Study::define_by_run(vec![ObjectiveInfo::minimize("loss")]).name(name).write_through(true);
    let storage = open_url(place, None).unwrap().study(name).unwrap();
    let mut study = builder.boxed_storage(storage).build().unwrap();
    let (opened, trials) = (begun.elapsed(), study.trials().len());
    let domain = Domain::Float { low: 0.0, high: 1.0, log: false, step: None };
    let mut times = Vec::new();
    // More than there are between two fits of the Gaussian process.
    for i in 0..100 {
        let begun = Instant::now();
        let number = study.ask_number().unwrap();
        let mut loss = 0.0;
        for k in 0..10 {
            let x = study.suggest(number, &format!("x{k}"), &domain).unwrap().as_f64().unwrap();
            loss += (x - 0.3).powi(2);
        }
        study.tell(number, Ok(Evaluation::new([loss + f64::from(i % 7)]))).unwrap();
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    // The first builds what the sampler keeps.
    let first = times.remove(0);
    times.sort_by(f64::total_cmp);
    let (mean, median) = (times.iter().sum::<f64>() / times.len() as f64, times[times.len() / 2]);
    let longest = times.last().unwrap();
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = memory.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or(" unknown").trim();
    println!(
        "{trials} trials: opened in {:.2} s; ask + tell: first {first:.0} ms, then median {median:.1} ms, mean {mean:.1} ms, \
         longest {longest:.0} ms; memory {memory}",
        opened.as_secs_f64(),
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["work", place, name, trials, reports] => {
            let longest = work(place, name, trials.parse().unwrap(), reports.parse().unwrap());
            println!("{}", longest.as_secs_f64());
        }
        ["look", place, name] => look(place, name),
        ["large", place, trials] => {
            let name = format!("large-{}", std::process::id());
            fill(place, &name, trials.parse().unwrap());
            let mut command = Command::new(std::env::current_exe().unwrap());
            assert!(
                command.args(["look", place, &name]).status().unwrap().success(),
                "it could not be opened"
            );
        }
        [place, trials] => {
            let trials: usize = trials.parse().unwrap();
            for reports in ["0", "10"] {
                for processes in [1, 4, 8] {
                    let name = format!("{reports}-{processes}-{}", std::process::id());
                    drop(study(place, &name));
                    let child = || {
                        let mut command = Command::new(std::env::current_exe().unwrap());
                        command.args(["work", place, &name, &(trials / processes).to_string(), reports]);
                        command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
                    };
                    let mut children: Vec<_> = (0..processes).map(|_| child()).collect();
                    let out = |child: &mut Child| BufReader::new(child.stdout.take().unwrap()).lines();
                    let mut said: Vec<_> = children.iter_mut().map(out).collect();
                    let mut line = |i: usize| said[i].next().expect("a worker failed").unwrap();
                    (0..processes).for_each(|i| assert_eq!(line(i), "ready"));
                    let begun = Instant::now();
                    children.iter_mut().for_each(|child| drop(child.stdin.take()));
                    let longest = (0..processes).map(|i| line(i).parse::<f64>().unwrap());
                    let longest = longest.fold(0.0, f64::max);
                    let rate = trials as f64 / begun.elapsed().as_secs_f64();
                    println!(
                        "{reports:>2} reports, {processes} processes: {rate:8.1} trials/s, longest {longest:.3} s"
                    );
                }
            }
        }
        _ => println!("usage: storage_speed [large] URL TRIALS"),
    }
}
