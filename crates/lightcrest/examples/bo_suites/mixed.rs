//! Flat spaces of several kinds of parameters: random networks as objectives, and sums with interactions.

use crate::task::{Loss, Task};
use lightcrest::space::Parameter;
use lightcrest::space::encode::{Column, Encoder};
use lightcrest::{Configuration, Space};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

pub fn tasks() -> Vec<Task> {
    let mut tasks: Vec<Task> = (0..4)
        .map(|seed| {
            let space = tuning_space();
            let loss = network(&space, seed, 1.3);
            Task::new("mixed", format!("network{seed}"), space, None, loss)
        })
        .collect();
    tasks.push(boosting());
    tasks.push(choices());
    tasks
}

/// Eight parameters such as a training has.
pub fn tuning_space() -> Space {
    Space::builder()
        .log_float("rate", 1e-5, 1e-1)
        .log_float("decay", 1e-6, 1e-2)
        .float("momentum", 0.0, 0.99)
        .float("dropout", 0.0, 0.8)
        .log_int("batch", 8, 512)
        .int("layers", 1, 5)
        .categorical("optimizer", ["sgd", "adam", "lion"])
        .categorical("schedule", ["constant", "cosine", "linear", "step"])
        .build()
        .unwrap()
}

/// Forty parameters of all kinds.
pub fn wide_space() -> Space {
    (0..10)
        .fold(Space::builder(), |b, i| {
            b.float(format!("x{i}"), 0.0, 1.0)
                .log_float(format!("l{i}"), 1e-4, 1.0)
                .int(format!("i{i}"), 1, 8)
                .categorical(format!("c{i}"), ["a", "b", "c"])
        })
        .build()
        .unwrap()
}

/// A random network of two hidden layers on the encoded configuration; inactive columns are 0. `gain` makes
/// it rough.
pub fn network(space: &Space, seed: u64, gain: f64) -> Loss {
    const WIDTH: usize = 24;
    let mut rng = ChaCha8Rng::seed_from_u64(1000 + seed);
    let inputs: usize = Encoder::new(space)
        .columns()
        .iter()
        .map(|column| if let Column::Categorical { choices } = column { *choices } else { 1 })
        .sum();
    let mut layer = |outputs: usize, inputs: usize| -> Vec<Vec<f64>> {
        let scale = gain / (inputs as f64).sqrt();
        let mut normal = |_| scale * Distribution::<f64>::sample(&StandardNormal, &mut rng);
        (0..outputs).map(|_| (0..=inputs).map(&mut normal).collect()).collect()
    };
    let layers = [layer(WIDTH, inputs), layer(WIDTH, WIDTH), layer(1, WIDTH)];
    let space = space.clone();
    Box::new(move |c: &Configuration| {
        let encoder = Encoder::new(&space);
        let row = encoder.encode(c);
        let mut x = Vec::with_capacity(inputs);
        for (i, column) in encoder.columns().iter().enumerate() {
            match column {
                Column::Categorical { choices } => {
                    let hot = |k| f64::from(row.active[i] && row.row[i] == k as f64);
                    x.extend((0..*choices).map(hot).map(|v| 1.5 * v));
                }
                _ => x.push(if row.active[i] { 3.0 * row.row[i] - 1.5 } else { 0.0 }),
            }
        }
        for (depth, layer) in layers.iter().enumerate() {
            let unit = |w: &Vec<f64>| {
                let sum = w[0] + w[1..].iter().zip(&x).map(|(w, x)| w * x).sum::<f64>();
                if depth < 2 { sum.tanh() } else { sum }
            };
            x = layer.iter().map(unit).collect();
        }
        x[0]
    })
}

/// A bowl in logarithms whose bottom depends on a choice, on a plateau as accuracies have it.
fn boosting() -> Task {
    let space = Space::builder()
        .log_float("eta", 1e-3, 1.0)
        .log_float("lambda", 1e-3, 1e3)
        .log_float("alpha", 1e-3, 1e3)
        .float("subsample", 0.1, 1.0)
        .log_int("rounds", 10, 2000)
        .int("depth", 1, 15)
        .ordinal("bins", [16i64, 32, 64, 128, 256])
        .categorical("booster", ["tree", "dart", "linear"])
        .build()
        .unwrap();
    let loss = |c: &Configuration| {
        let log = |name| c.get_f64(name).unwrap().log10();
        let booster = c.get_str("booster").unwrap();
        let (shift, depth, offset) = match booster {
            "tree" => (0.0, 6.0, 0.0),
            "dart" => (0.5, 8.0, 0.01),
            _ => (1.0, 3.0, 0.08),
        };
        // Rate times rounds is what counts, up to a limit of the rate.
        let steps = log("eta") + log("rounds") - 1.5 + shift;
        let bowl = steps * steps
            + 0.3 * (log("eta") + 1.3).max(0.0).powi(2)
            + 0.1 * (log("lambda") - shift).powi(2)
            + 0.05 * (log("alpha") + 1.0 - shift).powi(2)
            + ((c.get_f64("depth").unwrap() - depth) / 6.0).powi(2)
            + (c.get_f64("subsample").unwrap() - 0.8).powi(2)
            + 0.02 * (256.0 / c.get_f64("bins").unwrap()).log2();
        0.5 * (1.0 - (-0.7 * bowl).exp()) + offset
    };
    Task::new("mixed", "boosting", space, None, Box::new(loss))
}

/// Many choices and few numbers: pairs of choices fit or do not.
fn choices() -> Task {
    let mut builder = Space::builder().float("x", 0.0, 1.0).float("y", 0.0, 1.0);
    for i in 0..6 {
        builder = builder.parameter(Parameter::categorical(format!("c{i}"), 0i64..4));
    }
    let loss = |c: &Configuration| {
        let choice = |i: usize| c.get_i64(&format!("c{i}")).unwrap();
        let single: f64 = (0..6).map(|i| ((choice(i) * 7 + 3 * i as i64) % 4) as f64 * 0.3).sum();
        let pair = |i: usize| f64::from((choice(i) + choice(i + 1)) % 4 != 1);
        let (x, y) = (c.get_f64("x").unwrap(), c.get_f64("y").unwrap());
        let best = 0.2 + 0.2 * choice(0) as f64;
        single + 0.5 * (0..5).map(pair).sum::<f64>() + 4.0 * (x - best).powi(2) + (y - x).abs()
    };
    Task::new("mixed", "choices", builder.build().unwrap(), None, Box::new(loss))
}
