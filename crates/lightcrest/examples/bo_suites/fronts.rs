//! Fronts of synthetic functions: how much of the best hypervolume that a long search found is missing.

use crate::front::Front;
use lightcrest::objective::orient;
use lightcrest::pareto::hypervolume;
use lightcrest::space::encode::{Column, Encoder};
use lightcrest::space::{Parameter, Space};
use lightcrest::{Configuration, ObjectiveInfo, pareto};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::PI;

pub fn tasks() -> Vec<Front> {
    let min = |names: &[&str]| names.iter().copied().map(ObjectiveInfo::minimize).collect::<Vec<_>>();
    let light = |costs: &[&str]| {
        let mut objectives = vec![ObjectiveInfo::maximize("accuracy")];
        objectives.extend(min(costs));
        objectives
    };
    let cube = (0..6).fold(Space::builder(), |b, i| b.float(format!("x{i}"), 0.0, 1.0)).build().unwrap();
    let (two, three) = (min(&["f1", "f2"]), min(&["f1", "f2", "f3"]));
    let network = network_space();
    vec![
        task("zdt1", cube.clone(), two, zdt1, 0, vec![-1.1, -6.0]),
        task("dtlz2", cube, three, dtlz2, 0, vec![-2.2; 3]),
        task("network2", network.clone(), light(&["cost"]), network2, 1, vec![0.1, -3.7]),
        task("network3", network, light(&["cost", "width"]), network3, 2, vec![0.1, -3.7, -2.0]),
    ]
}

fn task(
    name: &str,
    space: Space,
    objectives: Vec<ObjectiveInfo>,
    values: fn(&Configuration) -> Vec<f64>,
    known: usize,
    reference: Vec<f64>,
) -> Front {
    let (name, values) = (name.to_owned(), Box::new(values));
    let mut front = Front { suite: "fronts", name, space, objectives, values, known, reference, best: 0.0 };
    front.best = search(&front);
    front
}

/// The hypervolume that remains after many mutations of a front.
fn search(task: &Front) -> f64 {
    let mut rng = ChaCha8Rng::seed_from_u64(20_240_101);
    let encoder = Encoder::new(&task.space);
    let point = |row: &[f64]| orient(&task.objectives, &(task.values)(&encoder.decode(row)));
    let draws = (0..2000).map(|_| encoder.encode(&task.space.sample(&mut rng)).row);
    let mut pool: Vec<(Vec<f64>, Vec<f64>)> = draws.map(|row| (point(&row), row)).collect();
    for round in 0..60 {
        let width = 0.3 * 1e-3f64.powf(f64::from(round) / 60.0);
        for _ in 0..600 {
            let (_, parent) = &pool[rng.random_range(0..pool.len())];
            let change = |(x, column): (&f64, &Column)| match column {
                _ if rng.random_bool(0.8) => *x,
                Column::Categorical { .. } => column.spread(rng.random()),
                _ => {
                    let normal: f64 = StandardNormal.sample(&mut rng);
                    column.snap((x + width * normal).clamp(0.0, 1.0))
                }
            };
            let child: Vec<f64> = parent.iter().zip(encoder.columns()).map(change).collect();
            pool.push((point(&child), child));
        }
        let points: Vec<Vec<f64>> = pool.iter().map(|(point, _)| point.clone()).collect();
        let front = pareto::front(&points);
        let keep: Vec<usize> = pareto::ranking(&points).into_iter().take(front.len().min(300)).collect();
        pool = keep.into_iter().map(|i| pool[i].clone()).collect();
    }
    let points: Vec<Vec<f64>> = pool.into_iter().map(|(point, _)| point).collect();
    hypervolume(&points, &task.reference)
}

fn get(c: &Configuration, name: &str) -> f64 {
    c.get_f64(name).unwrap()
}

fn cube(c: &Configuration) -> Vec<f64> {
    (0..6).map(|i| get(c, &format!("x{i}"))).collect()
}

/// Zitzler et al. 2000, in six dimensions.
fn zdt1(c: &Configuration) -> Vec<f64> {
    let x = cube(c);
    let g = 1.0 + 9.0 * x[1..].iter().sum::<f64>() / 5.0;
    vec![x[0], g * (1.0 - (x[0] / g).sqrt())]
}

/// Deb et al. 2002, three objectives in six dimensions.
fn dtlz2(c: &Configuration) -> Vec<f64> {
    let x = cube(c);
    let g = 1.0 + x[2..].iter().map(|v| (v - 0.5) * (v - 0.5)).sum::<f64>();
    let (a, b) = (0.5 * PI * x[0], 0.5 * PI * x[1]);
    vec![g * a.cos() * b.cos(), g * a.cos() * b.sin(), g * a.sin()]
}

/// Like a search for a light network: stages with a module each and that module's own parameters, an optimizer with
/// its own; accuracy must be evaluated, the cost (spread over decades) is known.
fn network_space() -> Space {
    let mut builder = Space::builder();
    for s in 0..4 {
        builder = builder
            .categorical(format!("module{s}"), ["conv", "ds", "mb", "pass"])
            .parameter(
                Parameter::int(format!("width{s}"), 1, 16).when(format!("module{s}"), ["conv", "ds", "mb"]),
            )
            .parameter(Parameter::int(format!("expand{s}"), 1, 6).when(format!("module{s}"), ["mb"]))
            .parameter(
                Parameter::ordinal(format!("kernel{s}"), [1i64, 3, 5])
                    .when(format!("module{s}"), ["conv", "ds"]),
            )
            .parameter(
                Parameter::categorical(format!("act{s}"), ["relu", "swish"])
                    .when(format!("module{s}"), ["mb", "ds"]),
            );
    }
    builder
        .log_float("rate", 1e-4, 1.0)
        .categorical("optimizer", ["sgd", "adam"])
        .parameter(Parameter::float("momentum", 0.0, 0.99).when("optimizer", ["sgd"]))
        .build()
        .unwrap()
}

fn network2(c: &Configuration) -> Vec<f64> {
    let (mut power, mut cost) = (0.0, 10.0);
    for s in 0.. {
        let Some(module) = c.get_str(&format!("module{s}")) else { break };
        let width = c.get_f64(&format!("width{s}")).unwrap_or(0.0);
        let kernel = c.get_f64(&format!("kernel{s}")).unwrap_or(3.0);
        let expand = c.get_f64(&format!("expand{s}")).unwrap_or(1.0);
        let swish = if c.get_str(&format!("act{s}")) == Some("swish") { 1.1 } else { 1.0 };
        let (gain, price) = match module {
            "conv" => (1.0 - (kernel - 3.0).abs() * 0.1, width * width * kernel * kernel),
            "ds" => (0.9 * swish, width * width + width * kernel * kernel),
            "mb" => (1.2 * swish * (1.0 - 0.05 * (expand - 4.0).abs()), 2.0 * width * width * expand),
            _ => (0.0, 0.0),
        };
        power += gain * (1.0 + width).ln() / (1.0 + 0.3 * s as f64);
        cost += price;
    }
    let best = if c.get_str("optimizer") == Some("sgd") { 0.1f64 } else { 0.003 };
    let rate = (get(c, "rate") / best).log10();
    let momentum = c.get_f64("momentum").map_or(0.02, |m| 0.1 * (m - 0.9).powi(2));
    let accuracy = 1.0 - (-0.5 * power).exp() - 0.1 * rate * rate - momentum;
    vec![accuracy.max(0.1), cost.log10()]
}

/// The same with a second exact objective, the sum of the widths.
fn network3(c: &Configuration) -> Vec<f64> {
    let width = |s: usize| c.get_f64(&format!("width{s}")).unwrap_or(0.0);
    let mut values = network2(c);
    values.push((1.0 + (0..4).map(width).sum::<f64>()).log10());
    values
}
