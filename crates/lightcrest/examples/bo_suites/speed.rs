//! Seconds of one ask after n random trials, on ten and on a hundred mixed parameters.

use crate::Options;
use crate::setup::{cpu_seconds, sampler};
use lightcrest::sampler::RandomSampler;
use lightcrest::space::SpaceBuilder;
use lightcrest::{Configuration, Evaluation, ObjectiveInfo, Space, Study};

/// Ten mixed parameters, `copies` times.
fn space(copies: usize) -> Space {
    let ten = |builder: SpaceBuilder, k: usize| {
        let builder = (0..4).fold(builder, |b, i| b.float(format!("x{i}.{k}"), -5.0, 5.0));
        let builder = (0..2).fold(builder, |b, i| b.log_float(format!("l{i}.{k}"), 1e-5, 1.0));
        builder
            .int(format!("i0.{k}"), 1, 20)
            .log_int(format!("i1.{k}"), 1, 1024)
            .categorical(format!("c0.{k}"), ["a", "b", "c", "d"])
            .categorical(format!("c1.{k}"), ["u", "v", "w"])
    };
    (0..copies).fold(Space::builder(), ten).build().unwrap()
}

fn loss(c: &Configuration, copies: usize) -> f64 {
    (0..copies).map(|k| part(c, k)).sum()
}

fn part(c: &Configuration, k: usize) -> f64 {
    let x = |name: &str| c.get_f64(&format!("{name}.{k}")).unwrap();
    let choice = |name: &str| {
        let label = c.get_str(&format!("{name}.{k}")).unwrap();
        f64::from(label.as_bytes()[0] % 3)
    };
    let floats: f64 = (0..4).map(|i| (x(&format!("x{i}")) - 1.0).powi(2)).sum();
    let logs: f64 = (0..2).map(|i| (x(&format!("l{i}")).log10() + 2.0).powi(2)).sum();
    floats
        + logs
        + 0.1 * (x("i0") - 7.0).powi(2)
        + (x("i1").log2() - 6.0).powi(2)
        + choice("c0")
        + choice("c1")
}

pub fn print(options: &Options) {
    const ASKS: usize = 15;
    println!(
        "| sampler | parameters | n | median ask ms | slowest ask ms | median tell ms |\n|---|---|---|---|---|---|"
    );
    let names = options.get("sampler").unwrap_or("auto").split(';');
    for (name, copies) in names.flat_map(|name| [(name, 1), (name, 10)]) {
        let builder = Study::builder(space(copies), vec![ObjectiveInfo::minimize("loss")]);
        let mut study =
            builder.boxed_sampler(sampler(name, 0, options.path("peers").as_deref())).build().unwrap();
        let random = Study::builder(space(copies), vec![ObjectiveInfo::minimize("loss")]);
        let mut random = random.sampler(RandomSampler::new()).build().unwrap();
        for n in [100, 500, 1000, 3000, 10_000] {
            while study.trials().len() < n {
                let configuration = random.ask().unwrap().configuration;
                study.enqueue(&configuration).unwrap();
                let number = study.ask().unwrap().number;
                study.tell(number, Ok(Evaluation::new([loss(&configuration, copies)]))).unwrap();
            }
            let (mut asks, mut tells) = (Vec::new(), Vec::new());
            for _ in 0..ASKS {
                let begin = cpu_seconds();
                let trial = study.ask().unwrap();
                asks.push(1e3 * (cpu_seconds() - begin));
                let begin = cpu_seconds();
                study.tell(trial.number, Ok(Evaluation::new([loss(&trial.configuration, copies)]))).unwrap();
                tells.push(1e3 * (cpu_seconds() - begin));
            }
            asks.sort_by(f64::total_cmp);
            tells.sort_by(f64::total_cmp);
            let middle = ASKS / 2;
            let (ask, slowest, tell) = (asks[middle], asks[ASKS - 1], tells[middle]);
            println!("| {name} | {} | {n} | {ask:.1} | {slowest:.1} | {tell:.2} |", 10 * copies);
        }
    }
}
