//! The page on made-up runs: no training is needed to look at it.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::{report, surrogate as surrogate_page};
use crate::data::*;

/// A run that looks like a real one: conditional parameters, stopped and failed trials, two objectives.
fn synthetic(count: u64) -> ReportData {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let number = |name: &str, scale, low: f64, high: f64| Parameter {
        name: name.into(),
        scale,
        low: Some(low),
        high: Some(high),
        choices: vec![],
    };
    let choice = |name: &str, choices: &[&str]| Parameter {
        name: name.into(),
        scale: Scale::Categorical,
        low: None,
        high: None,
        choices: choices.iter().map(|c| json!(c)).collect(),
    };
    let mut parameters = vec![
        number("learning_rate", Scale::Log, 1e-4, 1e-1),
        choice("optimizer", &["sgd", "adam", "adamw"]),
        number("optimizer.momentum", Scale::Linear, 0.5, 0.99),
        number("batch_size", Scale::Log, 16.0, 256.0),
    ];
    for stage in 1..=4 {
        parameters.push(choice(&format!("stage{stage}.module"), &["Conv", "DWConv", "MBConv", "Pass"]));
        parameters.push(number(&format!("stage{stage}.channels"), Scale::Linear, 8.0, 64.0));
        parameters.push(number(&format!("stage{stage}.expansion"), Scale::Linear, 1.0, 6.0));
    }
    let mut trials = Vec::new();
    for n in 0..count {
        let learning_rate = 10f64.powf(-rng.random_range(1.0..4.0));
        let optimizer = ["sgd", "adam", "adamw"][rng.random_range(0..3)];
        let momentum = if optimizer == "sgd" { json!(rng.random_range(0.5..0.99)) } else { Value::Null };
        let mut values =
            vec![json!(learning_rate), json!(optimizer), momentum, json!(1 << rng.random_range(4..9))];
        let mut width = 0.0;
        for _ in 0..4 {
            let module = ["Conv", "DWConv", "MBConv", "Pass"][rng.random_range(0..4)];
            let channels = rng.random_range(1..=8) * 8;
            width += channels as f64;
            values.push(json!(module));
            values.push(if module == "Pass" { Value::Null } else { json!(channels) });
            values.push(if module == "MBConv" { json!(rng.random_range(1.0..6.0)) } else { Value::Null });
        }
        let macs = (width * width * rng.random_range(8.0..60.0f64)).round();
        let fit = (-(learning_rate.log10() + 2.5).powi(2) / 2.0).exp();
        let accuracy = (0.86 + 0.012 * macs.ln() * fit - rng.random_range(0.0..0.05)).clamp(0.1, 0.995);
        let epochs = if n % 3 == 1 { 4 } else { 20 };
        let curve: Vec<(u64, f64)> =
            (1..=epochs).map(|e| (e, accuracy * (1.0 - (-(e as f64) / 3.0).exp()))).collect();
        let state = if n % 17 == 5 {
            "failed"
        } else if n % 3 == 1 {
            "pruned"
        } else {
            "complete"
        };
        let complete = state == "complete";
        trials.push(Trial {
            number: n,
            state,
            front: false,
            seconds: Some(rng.random_range(2.0..90.0)),
            metrics: vec![
                complete.then_some(accuracy),
                Some(macs),
                Some((macs / 90.0).round()),
                complete.then_some(macs / 4e6 + 0.02),
            ],
            parameters: values,
            curve: if state == "failed" { curve[..2].to_vec() } else { curve },
            reason: match state {
                "failed" => Some("the loss is not finite after epoch 2".into()),
                "pruned" => Some("below the better half after epoch 4".into()),
                _ => None,
            },
        });
    }
    let complete: Vec<(u64, f64, f64)> = trials
        .iter()
        .filter(|t| t.state == "complete")
        .map(|t| (t.number, t.metrics[0].unwrap(), t.metrics[1].unwrap()))
        .collect();
    for &(n, accuracy, macs) in &complete {
        trials[n as usize].front =
            !complete.iter().any(|&(_, a, m)| a >= accuracy && m <= macs && (a, m) != (accuracy, macs));
    }
    let layer = |path: &str, operator: &str, shape: &str, parameters, macs| Layer {
        path: path.into(),
        operator: operator.into(),
        shape: shape.into(),
        parameters,
        macs,
        change: None,
    };
    let models = trials.iter().filter(|t| t.front).map(|t| Model {
        trial: t.number,
        files: vec![
            format!("front/trial-{:04}/model.onnx", t.number),
            format!("front/trial-{:04}/config.toml", t.number),
        ],
        layers: vec![
            layer("stage1.0.conv", "Conv2d", "16x28x28", 144, 112_896),
            layer("stage1.0.bn", "BatchNorm", "16x28x28", 32, 0),
            layer("stage1.0.act", "ReLU", "16x28x28", 0, 0),
            layer("stage2.0.expand.conv", "Conv2d", "64x28x28", 1_024, 802_816),
            layer("head.linear", "Linear", "10x1x1", 650, 640),
        ],
        diagnosis: None,
    });
    let mut volume = 0.3;
    let hypervolume = trials
        .iter()
        .map(|t| {
            if t.front {
                volume += 0.05
            }
            t.front.then_some(volume).or(Some(volume))
        })
        .collect();
    ReportData {
        title: "fashion-mnist".into(),
        summary: format!("{count} trials of a made-up run."),
        facts: vec![
            Fact { label: "Data".into(), value: "Fashion-MNIST, 10 classes, 1x28x28".into() },
            Fact { label: "Sampler".into(), value: "gp".into() },
            Fact { label: "Pruner".into(), value: "halving".into() },
        ],
        metrics: vec![
            Metric::new("validation_accuracy", Some("maximize")),
            Metric::new("macs", Some("minimize")),
            Metric::new("parameters", None),
            Metric::new("latency_ms", None),
        ],
        importance: vec![
            Importance {
                label: "Validation accuracy".into(),
                shares: (0..parameters.len()).map(|i| Some(0.3 / (i + 1) as f64)).collect(),
            },
            Importance {
                label: "MACs".into(),
                shares: (0..parameters.len()).map(|i| Some(i as f64 / 120.0)).collect(),
            },
        ],
        surrogate: SurrogateSection::Drawn(Box::new(surrogate(&parameters[..1]))),
        parameters,
        curve_metric: Some(0),
        hypervolume,
        networks: true,
        models: models.collect(),
        table: None,
        trials,
    }
}

/// A posterior along the first parameters of a made-up run.
fn surrogate(parameters: &[Parameter]) -> Surrogate {
    let grid: Vec<f64> = (0..30).map(|i| f64::from(i) / 29.0).collect();
    let axis = |parameter: &Parameter| SurrogateAxis {
        values: match parameter.scale {
            Scale::Categorical => parameter.choices.clone(),
            _ => grid.iter().map(|u| json!(10f64.powf(-4.0 + 3.0 * u))).collect(),
        },
        parameter: parameter.clone(),
    };
    let axes: Vec<SurrogateAxis> = parameters.iter().map(axis).collect();
    let count: usize = axes.iter().map(|axis| axis.values.len()).product();
    let one = axes.len() == 1;
    let place = |u: f64| -> Vec<Value> {
        axes.iter().map(|a| a.values[(u * (a.values.len() - 1) as f64) as usize].clone()).collect()
    };
    let trials: Vec<SurrogateTrial> = (0..8)
        .map(|i| SurrogateTrial {
            number: i,
            state: if i % 3 == 1 { "pruned" } else { "complete" },
            at: place(((i * 5) % 8) as f64 / 7.0),
        })
        .collect();
    let frame = |finished: usize| {
        let u = |k: usize| (k % axes[0].values.len()) as f64 / (axes[0].values.len() - 1) as f64;
        let mean = |k: usize| 0.95 - 0.2 * (u(k) - 0.6).powi(2);
        let doubt = |k: usize| 0.05 / finished as f64 * (1.1 + (12.0 * u(k)).sin());
        let column = |wanted: bool, f: &dyn Fn(usize) -> f64| -> Vec<Option<f64>> {
            (0..if wanted { count } else { 0 }).map(|k| Some(f(k))).collect()
        };
        SurrogateFrame {
            finished,
            mean: column(true, &mean),
            lower: column(one, &|k| mean(k) - 2.0 * doubt(k)),
            upper: column(one, &|k| mean(k) + 2.0 * doubt(k)),
            sigma: column(!one, &doubt),
            acquisition: column(true, &|k| (mean(k) + doubt(k) - 0.95) * 40.0),
            dots: (0..finished).map(|i| (i, 0.95 - 0.01 * i as f64)).collect(),
            next: Some(SurrogateNext { at: place(0.62), mean: 0.95, acquisition: Some(1.5) }),
            text: vec![
                format!("After {finished} finished trials."),
                "Next, trial 9: learning_rate=0.01".into(),
            ],
        }
    };
    Surrogate {
        objective: Metric::new("validation_accuracy", Some("maximize")),
        acquisition: "log expected improvement",
        trials,
        frames: (3..=8).map(frame).collect(),
        notes: vec!["Values are in the objective's own units.".into()],
        axes,
    }
}

#[test]
fn the_page_of_the_surrogate_needs_nothing_but_itself() {
    let parameters = synthetic(1).parameters;
    for shown in [&parameters[..1], &parameters[1..2], &parameters[..2]] {
        let page = surrogate_page("fashion-mnist", &surrogate(shown));
        if let Some(folder) = std::env::var_os("LIGHTCREST_REPORT_SAMPLES") {
            let names: Vec<&str> = shown.iter().map(|p| p.name.as_str()).collect();
            let name = format!("surrogate-{}.html", names.join("-"));
            std::fs::write(std::path::PathBuf::from(folder).join(name), &page).unwrap();
        }
        alone(&page);
        assert!(page.len() < 200_000, "{} bytes", page.len());
    }
}

/// Fails if the page refers to anything else.
fn alone(page: &str) {
    for reference in ["src=", "@import", "url(", "fetch(", "import("] {
        assert!(!page.contains(reference), "the page refers to something else: {reference}");
    }
    // The only address is the name of SVG's elements, which no browser opens.
    let addresses: Vec<&str> = page.match_indices("http").map(|(at, _)| &page[at..at + 26]).collect();
    assert!(addresses.iter().all(|a| a.starts_with("http://www.w3.org/2000/svg")), "{addresses:?}");
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let page = report(&synthetic(60));
    if let Some(folder) = std::env::var_os("LIGHTCREST_REPORT_SAMPLES") {
        let folder = std::path::PathBuf::from(folder);
        std::fs::write(folder.join("report-60.html"), &page).unwrap();
        std::fs::write(folder.join("report-5000.html"), report(&synthetic(5_000))).unwrap();
        std::fs::write(folder.join("report-0.html"), report(&empty())).unwrap();
    }
    alone(&page);
    assert!(page.len() < 400_000, "{} bytes", page.len());
}

fn empty() -> ReportData {
    let data = synthetic(1);
    ReportData { trials: vec![], models: vec![], importance: vec![], hypervolume: vec![], ..data }
}

#[test]
fn text_of_the_user_cannot_break_out() {
    let mut data = synthetic(2);
    let hostile = "</script><script>alert(1)</script><img src=x onerror=alert(1)>&\"'";
    data.title = hostile.into();
    data.summary = hostile.into();
    data.facts[0].value = hostile.into();
    data.parameters[0].name = hostile.into();
    data.trials[0].reason = Some(hostile.into());
    let page = report(&data);
    assert!(!page.contains("<script>alert"));
    assert!(!page.contains("<img"));
    let start = page.find("type=\"application/json\">").unwrap() + "type=\"application/json\">".len();
    let end = start + page[start..].find("</script>").unwrap();
    let parsed: Value = serde_json::from_str(&page[start..end]).unwrap();
    assert_eq!(parsed["title"], hostile);
    assert_eq!(parsed["parameters"][0]["name"], hostile);
}

#[test]
fn predictions_are_shown_where_there_are_some() {
    let mut data = synthetic(2);
    assert!(!report(&data).contains("id=\"diagnosis\""));
    let importance = ColumnImportance { column: "age<18".into(), loss: 0.25, deviation: 0.01 };
    data.models.truncate(1);
    data.models[0].diagnosis = Some(Diagnosis {
        rows: 40,
        reliability: vec![Reliability { predicted: 0.2, observed: 0.25, rows: 40 }],
        reliability_of: "yes".into(),
        confusion: Some(Confusion {
            classes: vec!["no".into(), "yes".into()],
            counts: vec![vec![28, 2], vec![3, 7]],
        }),
        predicted: vec![],
        metric: "Log loss".into(),
        importance: vec![importance],
        learning: Some(Learning { measured: vec![(20, 0.7), (40, 0.6)], continued: (64, 0.55) }),
    });
    let page = report(&data);
    assert!(page.contains("id=\"diagnosis\"") && page.contains("href=\"#diagnosis\""));
    assert!(page.contains("Would more rows help?") && page.contains("\"continued\":[64,0.55]"));
    assert!(page.contains("age\\u003c18") && page.contains("[[28,2],[3,7]]"));
    alone(&page);
}

#[test]
fn numbers_that_are_not_finite_stay_json() {
    let mut data = synthetic(2);
    data.trials[0].metrics[0] = Some(f64::NAN);
    data.trials[0].curve = vec![(1, f64::INFINITY)];
    let page = report(&data);
    assert!(!page.contains("NaN,") && !page.contains("inf,"));
}

/// The page without what is a file of its own or a snapshot elsewhere: style, scripts and data. A line an
/// element.
fn markup(page: &str) -> String {
    let mut text = page.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    for name in ["style", "script"] {
        let (mut rest, mut kept) = (text.as_str(), String::new());
        while let Some(at) = rest.find(&format!("<{name}")) {
            let start = at + rest[at..].find('>').unwrap() + 1;
            let end = start + rest[start..].find(&format!("</{name}>")).unwrap();
            kept.push_str(&rest[..start]);
            rest = &rest[end..];
        }
        text = kept + rest;
    }
    text.replace("><", ">\n<")
}

#[test]
fn pages_have_their_sections() {
    let data = ReportData::new(&crate::testing::view());
    insta::assert_snapshot!(markup(&report(&data)));
    // What trains no networks shows no models and explains no MACs.
    let mut view = crate::testing::view();
    (view.networks, view.definition.objectives[1].name) = (false, "minutes".into());
    view.models.clear();
    let page = report(&ReportData::new(&view));
    assert!(!page.contains("id=\"models\"") && !page.contains("multiply-accumulates"));
    insta::assert_snapshot!(markup(&surrogate_page(
        "fashion-mnist",
        &surrogate(&synthetic(1).parameters[..1])
    )));
}
