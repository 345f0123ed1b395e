//! How long each sampler takes for one proposal in a space of which a hundredth is feasible, and in one of
//! which a ten-thousandth is.
//!
//! `cargo run --release -p lightcrest --example constrained`
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a program for developers")]

use lightcrest::objective::{Evaluation, ObjectiveInfo};
use lightcrest::sampler::{
    AutoSampler, BruteForceSampler, CmaEsSampler, EvolutionSampler, GpSampler, GridSampler, NsgaIIISampler,
    NsgaIISampler, PartialFixedSampler, QmcSampler, RandomSampler, Sampler, TpeSampler,
};
use lightcrest::space::{Configuration, Domain, Parameter, Space};
use lightcrest::study::Study;
use std::time::{Duration, Instant};

/// Trials in one study.
const TRIALS: usize = 100;

/// Six numbers of which two pairs must be near to each other.
fn space(apart: i64) -> Space {
    let number = |name: &str| Parameter::new(name, Domain::Int { low: 0, high: 9999, log: false, step: 1 });
    let near = move |c: &Configuration, a: &str, b: &str| {
        c.get_i64(a).zip(c.get_i64(b)).is_some_and(|(a, b)| (a - b).abs() <= apart)
    };
    let names = ["a", "b", "c", "d", "e", "f"];
    let builder = names.iter().fold(Space::builder(), |builder, name| builder.parameter(number(name)));
    builder.constrain("pairs", move |c| near(c, "a", "b") && near(c, "c", "d")).build().unwrap()
}

fn samplers() -> Vec<Box<dyn Sampler>> {
    let fixed = [("e", 5)].into_iter().collect();
    vec![
        Box::new(RandomSampler::new()),
        Box::new(QmcSampler::default()),
        Box::new(GridSampler::default()),
        Box::new(BruteForceSampler::new()),
        Box::new(TpeSampler::default()),
        Box::new(CmaEsSampler::default()),
        Box::new(NsgaIISampler::default()),
        Box::new(NsgaIIISampler::default()),
        Box::new(EvolutionSampler::default()),
        Box::new(PartialFixedSampler::new(fixed, Box::new(TpeSampler::default()))),
        Box::new(GpSampler::default()),
        Box::new(AutoSampler::new()),
    ]
}

fn main() {
    for (part, apart) in [("0.01", 513), ("0.0001", 50)] {
        let begin = Instant::now();
        let space = space(apart);
        println!("feasible {part}: built in {:.1} ms", 1e3 * begin.elapsed().as_secs_f64());
        for sampler in samplers() {
            let name = sampler.name();
            let builder = Study::builder(space.clone(), vec![ObjectiveInfo::minimize("loss")]);
            let mut study = builder.boxed_sampler(sampler).build().unwrap();
            let mut times = Vec::new();
            for _ in 0..TRIALS {
                let begin = Instant::now();
                let trial = study.ask().unwrap();
                times.push(begin.elapsed());
                space.validate(&trial.configuration).unwrap();
                let get = |name| trial.configuration.get_f64(name).unwrap() / 1e4;
                let loss =
                    (get("a") - 0.3).powi(2) + (get("c") - 0.7).powi(2) + (get("e") - get("f")).powi(2);
                study.tell(trial.number, Ok(Evaluation::new([loss]))).unwrap();
            }
            times.sort();
            let ms = |time: &Duration| 1e3 * time.as_secs_f64();
            let (middle, most) = (ms(&times[TRIALS / 2]), ms(&times[TRIALS - 1]));
            println!("  {name:<14} median {middle:8.3} ms   most {most:8.3} ms");
        }
    }
}
