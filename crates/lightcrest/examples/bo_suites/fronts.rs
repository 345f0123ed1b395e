//! Fronts of synthetic functions: how much of the best hypervolume that a long search found is missing.

use crate::front::Front;
use crate::network;
use lightcrest::objective::orient;
use lightcrest::pareto::hypervolume;
use lightcrest::space::Space;
use lightcrest::space::encode::{Column, Encoder};
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
    let network = network::space(4);
    vec![
        task("zdt1", cube.clone(), two, zdt1, 0, vec![-1.1, -6.0]),
        task("dtlz2", cube, three, dtlz2, 0, vec![-2.2; 3]),
        task("network2", network.clone(), light(&["cost"]), network::two, 1, vec![0.1, -3.7]),
        task("network3", network, light(&["cost", "width"]), network::three, 2, vec![0.1, -3.7, -2.0]),
    ]
}

/// Those of networks where trials are paid for.
pub fn paid() -> Vec<Front> {
    tasks().into_iter().filter(|front| front.name.starts_with("network")).map(Front::paid).collect()
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
    let mut front = Front {
        suite: "fronts",
        name,
        space,
        objectives,
        values,
        known,
        reference,
        best: 0.0,
        heaviest: None,
    };
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
