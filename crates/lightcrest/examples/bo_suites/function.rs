//! Continuous test functions (Surjanovic & Bingham's library; BBOB for the rotated ones), without and with
//! noise.
//!
//! The optimum of functions that have it in the middle is moved, so that the middle of the space is nowhere
//! special.

use crate::task::Task;
use lightcrest::{Configuration, Space};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::f64::consts::PI;

type Function = fn(&[f64]) -> f64;

/// Functions of x in a box, `low..high` in every dimension.
pub fn continuous() -> Vec<Task> {
    let mut tasks = vec![
        task("branin", 2, (0.0, 1.0), branin, Some(0.397_887_357_729_738_1), Place::Fixed),
        task("hartmann3", 3, (0.0, 1.0), hartmann3, None, Place::Fixed),
        task("hartmann6", 6, (0.0, 1.0), hartmann6, None, Place::Fixed),
        task("levy4", 4, (-10.0, 10.0), levy, Some(0.0), Place::Fixed),
        task("rosenbrock4", 4, (-2.0, 2.0), rosenbrock, Some(0.0), Place::Fixed),
        task("ackley5", 5, (-20.0, 20.0), ackley, Some(0.0), Place::Moved),
        task("rastrigin3", 3, (-3.0, 3.0), rastrigin, Some(0.0), Place::Moved),
        task("ellipsoid5", 5, (-1.0, 1.0), ellipsoid, Some(0.0), Place::Rotated),
        task("sharp4", 4, (-1.0, 1.0), sharp, Some(0.0), Place::Rotated),
        task("sphere10", 10, (-1.0, 1.0), sphere, Some(0.0), Place::Moved),
    ];
    tasks.iter_mut().for_each(|task| task.suite = "continuous");
    tasks
}

/// For budgets of a thousand trials and more: many parameters, or many optima.
pub fn large() -> Vec<Task> {
    let mut tasks = vec![
        task("hartmann6", 6, (0.0, 1.0), hartmann6, None, Place::Fixed),
        task("rastrigin5", 5, (-3.0, 3.0), rastrigin, Some(0.0), Place::Moved),
        task("ackley20", 20, (-20.0, 20.0), ackley, Some(0.0), Place::Moved),
        task("levy30", 30, (-10.0, 10.0), levy, Some(0.0), Place::Fixed),
        task("rosenbrock20", 20, (-2.0, 2.0), rosenbrock, Some(0.0), Place::Fixed),
        task("ellipsoid20", 20, (-1.0, 1.0), ellipsoid, Some(0.0), Place::Rotated),
    ];
    tasks.extend([8, 9].map(|seed| {
        let space = crate::mixed::wide_space();
        let loss = crate::mixed::network(&space, seed, 1.3);
        Task::new("", format!("network{seed}"), space, None, loss)
    }));
    tasks.iter_mut().for_each(|task| task.suite = "large");
    tasks
}

/// Some of them with noise of 5 % and 20 % of the way from the best to the median.
pub fn noisy() -> Vec<Task> {
    let quiet = continuous().into_iter();
    let some =
        quiet.filter(|task| ["branin", "hartmann3", "hartmann6", "levy4"].contains(&task.name.as_str()));
    let noise = [0.05, 0.2, 0.05, 0.2];
    let noisy = some.zip(noise).map(|(task, noise)| Task { suite: "noisy", ..task.with_noise(noise) });
    noisy.collect()
}

enum Place {
    Fixed,
    Moved,
    Rotated,
}

fn task(name: &str, d: usize, (low, high): (f64, f64), f: Function, best: Option<f64>, place: Place) -> Task {
    let mut rng = ChaCha8Rng::seed_from_u64(name.len() as u64);
    let middle = 0.5 * (low + high);
    let moved = |rng: &mut ChaCha8Rng| (0..d).map(|_| rng.random_range(0.35 * low..0.35 * high)).collect();
    let (rotation, centre): (Vec<Vec<f64>>, Vec<f64>) = match place {
        Place::Fixed => (identity(d), vec![0.0; d]),
        Place::Moved => (identity(d), moved(&mut rng)),
        Place::Rotated => (orthonormal(d, &mut rng), moved(&mut rng)),
    };
    let centre: Vec<f64> = centre.iter().map(|c| if low == 0.0 { *c } else { c + middle }).collect();
    let space = (0..d).fold(Space::builder(), |b, i| b.float(format!("x{i}"), low, high)).build().unwrap();
    let names: Vec<String> = (0..d).map(|i| format!("x{i}")).collect();
    let loss = move |c: &Configuration| {
        let x: Vec<f64> = names.iter().zip(&centre).map(|(n, o)| c.get_f64(n).unwrap() - o).collect();
        let turned: Vec<f64> =
            rotation.iter().map(|row| row.iter().zip(&x).map(|(r, x)| r * x).sum()).collect();
        f(&turned)
    };
    Task::new("", name, space, best, Box::new(loss))
}

fn identity(d: usize) -> Vec<Vec<f64>> {
    (0..d).map(|i| (0..d).map(|j| f64::from(i == j)).collect()).collect()
}

/// A random rotation: Gram-Schmidt of normal vectors.
fn orthonormal(d: usize, rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
    let mut rows: Vec<Vec<f64>> = Vec::new();
    while rows.len() < d {
        let mut v: Vec<f64> = (0..d).map(|_| StandardNormal.sample(rng)).collect();
        for row in &rows {
            let along: f64 = row.iter().zip(&v).map(|(a, b)| a * b).sum();
            v.iter_mut().zip(row).for_each(|(v, r)| *v -= along * r);
        }
        let norm = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        rows.push(v.iter().map(|v| v / norm).collect());
    }
    rows
}

fn branin(x: &[f64]) -> f64 {
    let (x, y) = (15.0 * x[0] - 5.0, 15.0 * x[1]);
    let a = y - 5.1 / (4.0 * PI * PI) * x * x + 5.0 / PI * x - 6.0;
    a * a + 10.0 * (1.0 - 1.0 / (8.0 * PI)) * x.cos() + 10.0
}

fn hartmann<const D: usize>(x: &[f64], a: [[f64; D]; 4], p: [[f64; D]; 4]) -> f64 {
    let bump = |k: usize| (0..D).map(|i| a[k][i] * (x[i] - p[k][i]).powi(2)).sum::<f64>();
    -[1.0, 1.2, 3.0, 3.2].iter().enumerate().map(|(k, c)| c * (-bump(k)).exp()).sum::<f64>()
}

fn hartmann3(x: &[f64]) -> f64 {
    let a = [[3.0, 10.0, 30.0], [0.1, 10.0, 35.0], [3.0, 10.0, 30.0], [0.1, 10.0, 35.0]];
    let p = [
        [0.3689, 0.1170, 0.2673],
        [0.4699, 0.4387, 0.7470],
        [0.1091, 0.8732, 0.5547],
        [0.0381, 0.5743, 0.8828],
    ];
    hartmann(x, a, p)
}

fn hartmann6(x: &[f64]) -> f64 {
    let a = [
        [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
        [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
        [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
        [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
    ];
    let p = [
        [0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886],
        [0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991],
        [0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650],
        [0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381],
    ];
    hartmann(x, a, p)
}

fn levy(x: &[f64]) -> f64 {
    let w: Vec<f64> = x.iter().map(|x| 1.0 + (x - 1.0) / 4.0).collect();
    let last = w[w.len() - 1];
    let middle = |w: &f64| (w - 1.0).powi(2) * (1.0 + 10.0 * (PI * w + 1.0).sin().powi(2));
    (PI * w[0]).sin().powi(2)
        + w[..w.len() - 1].iter().map(middle).sum::<f64>()
        + (last - 1.0).powi(2) * (1.0 + (2.0 * PI * last).sin().powi(2))
}

fn rosenbrock(x: &[f64]) -> f64 {
    x.windows(2).map(|p| 100.0 * (p[1] - p[0] * p[0]).powi(2) + (1.0 - p[0]).powi(2)).sum()
}

fn ackley(x: &[f64]) -> f64 {
    let n = x.len() as f64;
    let square = (x.iter().map(|x| x * x).sum::<f64>() / n).sqrt();
    let wave = x.iter().map(|x| (2.0 * PI * x).cos()).sum::<f64>() / n;
    20.0 + std::f64::consts::E - 20.0 * (-0.2 * square).exp() - wave.exp()
}

fn rastrigin(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x - 10.0 * (2.0 * PI * x).cos() + 10.0).sum()
}

/// BBOB f10 without its distortion: axes from 1 to 1e4.
fn ellipsoid(x: &[f64]) -> f64 {
    let last = (x.len() - 1) as f64;
    x.iter().enumerate().map(|(i, x)| 1e4f64.powf(i as f64 / last) * x * x).sum()
}

/// BBOB f13: a ridge.
fn sharp(x: &[f64]) -> f64 {
    x[0] * x[0] + 100.0 * x[1..].iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn sphere(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum()
}
