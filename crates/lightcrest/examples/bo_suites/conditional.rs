//! Conditional spaces: trees of choices whose leaves and branches have parameters of their own.

use crate::mixed::network;
use crate::task::Task;
use lightcrest::space::{Parameter, SpaceBuilder};
use lightcrest::{Configuration, Space};

fn get(c: &Configuration, name: &str) -> f64 {
    c.get_f64(name).unwrap()
}

/// Jenatton et al. 2017, sec. 5.1: three binary choices on a tree, a parameter a leaf and one shared by each
/// branch. Minimum 0.1.
pub fn jenatton() -> Task {
    let space = Space::builder()
        .categorical("x1", [0i64, 1])
        .parameter(Parameter::categorical("x2", [0i64, 1]).when("x1", [0i64]))
        .parameter(Parameter::categorical("x3", [0i64, 1]).when("x1", [1i64]))
        .parameter(Parameter::float("r8", 0.0, 1.0).when("x1", [0i64]))
        .parameter(Parameter::float("r9", 0.0, 1.0).when("x1", [1i64]))
        .parameter(Parameter::float("x4", -1.0, 1.0).when("x2", [0i64]))
        .parameter(Parameter::float("x5", -1.0, 1.0).when("x2", [1i64]))
        .parameter(Parameter::float("x6", -1.0, 1.0).when("x3", [0i64]))
        .parameter(Parameter::float("x7", -1.0, 1.0).when("x3", [1i64]))
        .build()
        .unwrap();
    let loss = |c: &Configuration| match (c.get_i64("x1"), c.get_i64("x2"), c.get_i64("x3")) {
        (Some(0), Some(0), _) => get(c, "x4").powi(2) + 0.1 + get(c, "r8"),
        (Some(0), _, _) => get(c, "x5").powi(2) + 0.2 + get(c, "r8"),
        (_, _, Some(0)) => get(c, "x6").powi(2) + 0.3 + get(c, "r9"),
        _ => get(c, "x7").powi(2) + 0.4 + get(c, "r9"),
    };
    Task::new("tree", "jenatton", space, Some(0.1), Box::new(loss))
}

pub fn tasks() -> Vec<Task> {
    let mut tasks = vec![deep_tree(), layers(), light_network()];
    for seed in 0..4 {
        let space = learners();
        let loss = network(&space, seed, 1.3);
        tasks.push(Task::new("conditional", format!("learners{seed}"), space, None, loss));
    }
    tasks
}

/// A binary tree of depth 3: two parameters a leaf, one shared by each inner node; optima differ from leaf to
/// leaf.
fn deep_tree() -> Task {
    fn grow(mut builder: SpaceBuilder, path: &str, parent: Option<(&str, i64)>) -> SpaceBuilder {
        let add = |builder: SpaceBuilder, parameter: Parameter| match parent {
            Some((name, value)) => builder.parameter(parameter.when(name, [value])),
            None => builder.parameter(parameter),
        };
        if path.len() == 3 {
            for k in 0..2 {
                builder = add(builder, Parameter::float(format!("leaf{path}{k}"), 0.0, 1.0));
            }
            return builder;
        }
        let choice = format!("choice{path}");
        builder = add(builder, Parameter::float(format!("shared{path}"), 0.0, 1.0));
        builder = add(builder, Parameter::categorical(&choice, [0i64, 1]));
        for side in 0..2 {
            builder = grow(builder, &format!("{path}{side}"), Some((&choice, side)));
        }
        builder
    }
    let loss = |c: &Configuration| {
        let (mut path, mut loss) = (String::new(), 0.0);
        while path.len() < 3 {
            let best = 0.2 + 0.6 * f64::from(path.len() as u8) / 3.0;
            loss += (get(c, &format!("shared{path}")) - best).powi(2);
            let side = c.get_i64(&format!("choice{path}")).unwrap();
            loss += [0.0, 0.15][side as usize] / (1.0 + path.len() as f64);
            path.push_str(&side.to_string());
        }
        let seat = f64::from(u8::from_str_radix(&path, 2).unwrap()) / 7.0;
        let (a, b) = (get(c, &format!("leaf{path}0")), get(c, &format!("leaf{path}1")));
        loss + 2.0 * (a - seat).powi(2) + (a - b).powi(2) + 0.2 * (b - seat).abs()
    };
    Task::new(
        "conditional",
        "deep_tree",
        grow(Space::builder(), "", None).build().unwrap(),
        Some(0.0),
        Box::new(loss),
    )
}

/// One to five layers, each with a width and a dropout that exist if there are that many.
fn layers() -> Task {
    let mut builder = Space::builder()
        .int("layers", 1, 5)
        .log_float("rate", 1e-5, 1.0)
        .categorical("activation", ["relu", "tanh"]);
    for k in 1..=5i64 {
        builder = builder
            .parameter(Parameter::log_int(format!("width{k}"), 8, 1024).when("layers", k..=5))
            .parameter(Parameter::float(format!("dropout{k}"), 0.0, 0.9).when("layers", k..=5));
    }
    let loss = |c: &Configuration| {
        let depth = c.get_i64("layers").unwrap();
        let mut loss = 0.3 / depth as f64;
        for k in 1..=depth {
            let width = get(c, &format!("width{k}")).log2();
            let dropout = get(c, &format!("dropout{k}"));
            // Wide layers need dropout.
            let wanted = (0.08 * (width - 3.0)).min(0.5);
            loss += 0.01 * (width - 8.0 + 0.7 * k as f64).powi(2) + 0.5 * (dropout - wanted).powi(2) + 0.02;
        }
        let tanh = c.get_str("activation") == Some("tanh");
        let best = -2.0 - 0.3 * depth as f64 + if tanh { 0.5 } else { 0.0 };
        loss + 0.2 * (get(c, "rate").log10() - best).abs().powf(1.5) + if tanh { 0.05 } else { 0.0 }
    };
    Task::new("conditional", "layers", builder.build().unwrap(), None, Box::new(loss))
}

/// Stages of a light network, each with a module and that module's own parameters, and an optimizer with its
/// own.
fn light_network() -> Task {
    let mut builder = Space::builder();
    for s in 0..3 {
        let module = format!("module{s}");
        builder = builder
            .categorical(&module, ["conv", "ds", "mb", "pass"])
            .parameter(Parameter::int(format!("width{s}"), 1, 16).when(&module, ["conv", "ds", "mb"]))
            .parameter(Parameter::int(format!("expand{s}"), 1, 6).when(&module, ["mb"]))
            .parameter(Parameter::ordinal(format!("kernel{s}"), [1i64, 3, 5]).when(&module, ["conv", "ds"]))
            .parameter(
                Parameter::categorical(format!("act{s}"), ["relu", "swish"]).when(&module, ["mb", "ds"]),
            );
    }
    let space = builder
        .log_float("rate", 1e-4, 1.0)
        .categorical("optimizer", ["sgd", "adam"])
        .parameter(Parameter::float("momentum", 0.0, 0.99).when("optimizer", ["sgd"]))
        .build()
        .unwrap();
    let loss = |c: &Configuration| {
        let (mut power, mut cost) = (0.0, 0.0);
        for s in 0..3 {
            let width = c.get_f64(&format!("width{s}")).unwrap_or(0.0);
            let kernel = c.get_f64(&format!("kernel{s}")).unwrap_or(3.0);
            let expand = c.get_f64(&format!("expand{s}")).unwrap_or(1.0);
            let swish = if c.get_str(&format!("act{s}")) == Some("swish") { 1.1 } else { 1.0 };
            let (gain, price) = match c.get_str(&format!("module{s}")).unwrap() {
                "conv" => (1.0 - (kernel - 3.0).abs() * 0.1, kernel),
                "ds" => (0.9 * swish, 1.0 + 0.1 * kernel),
                "mb" => (1.2 * swish * (1.0 - 0.05 * (expand - 4.0).abs()), 0.4 * expand),
                _ => (0.0, 0.0),
            };
            power += gain * (1.0 + width).ln() / (1.0 + 0.3 * s as f64);
            cost += 0.004 * price * width;
        }
        let best = if c.get_str("optimizer") == Some("sgd") { 0.1f64 } else { 0.003 };
        let rate = (get(c, "rate") / best).log10();
        let momentum = c.get_f64("momentum").map_or(0.02, |m| 0.1 * (m - 0.9).powi(2));
        (-0.5 * power).exp() + 0.1 * rate * rate + momentum + cost
    };
    Task::new("conditional", "light_network", space, None, Box::new(loss))
}

/// Like the choice of a learner: each has parameters of its own, some are shared by several, one nests.
fn learners() -> Space {
    let numeric = ["none", "mean", "median"];
    Space::builder()
        .categorical("imputation", numeric)
        .log_float("sample", 0.1, 1.0)
        .categorical("learner", ["svm", "forest", "boost", "knn", "net"])
        .parameter(Parameter::categorical("kernel", ["linear", "rbf", "poly"]).when("learner", ["svm"]))
        .parameter(Parameter::log_float("cost", 1e-4, 1e4).when("learner", ["svm"]))
        .parameter(Parameter::log_float("gamma", 1e-4, 1e4).when("kernel", ["rbf"]))
        .parameter(Parameter::int("degree", 2, 5).when("kernel", ["poly"]))
        .parameter(Parameter::log_int("trees", 10, 2000).when("learner", ["forest", "boost"]))
        .parameter(Parameter::int("depth", 1, 20).when("learner", ["forest", "boost"]))
        .parameter(Parameter::float("columns", 0.0, 1.0).when("learner", ["forest"]))
        .parameter(Parameter::log_float("eta", 1e-3, 1.0).when("learner", ["boost", "net"]))
        .parameter(Parameter::float("subsample", 0.1, 1.0).when("learner", ["boost"]))
        .parameter(Parameter::log_int("k", 1, 50).when("learner", ["knn"]))
        .parameter(Parameter::categorical("distance", ["l2", "l1", "cosine"]).when("learner", ["knn"]))
        .parameter(Parameter::log_int("units", 8, 512).when("learner", ["net"]))
        .parameter(Parameter::float("dropout", 0.0, 0.9).when("learner", ["net"]))
        .build()
        .unwrap()
}
