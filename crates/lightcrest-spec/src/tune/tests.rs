//! Specs of commands: their space, their command lines, and what a user reads when one is wrong.

use std::path::Path;

use lightcrest::space::{Configuration, Domain, Value};

use super::{Place, TuneSpec, json_schema};
use crate::testing::check_schema;

const EXAMPLE: &str = include_str!("../../../../examples/pytorch_fashion_mnist/tune.toml");

const BASE: &str = r#"[study]
name = "base"

[[objectives]]
metric = "score"
direction = "maximize"

[[constraints]]
metric = "latency_ms"
max = 5

[command]
run = ["train", "--lr={lr}", "{optimizer}", ["--momentum", "{momentum}"], "--nesterov={optimizer.sgd.nesterov}", "{{}}", 3]
environment = { SEED = "{seed}", BETA = "{beta}" }

[command.limits]
time = "10m"
memory = "4 GiB"

[parameters]
lr = { low = 1e-4, high = 1, log = true }
layers = { low = 1, high = 4 }
width = [16, 32]
size = [1, 2.5]
epochs = 3

[parameters.optimizer.sgd]
momentum = { low = 0.0, high = 0.99 }
nesterov = [true, false]
[parameters.optimizer.rmsprop]
momentum = [0.0, 0.9]
[parameters.optimizer.adam.schedule.cosine]
beta = { low = 0.9, high = 0.999 }
[parameters.optimizer.adam.schedule.constant]
"#;

fn base() -> TuneSpec {
    TuneSpec::parse(BASE, "base.toml").unwrap_or_else(|errors| panic!("{errors}"))
}

fn place() -> Place<'static> {
    let path = Path::new;
    Place { trial: 7, seed: 11, folder: path("t"), parameters: path("t/p.json"), metrics: path("t/m.jsonl") }
}

fn configuration(values: &[(&str, Value)]) -> Configuration {
    let mut configuration = Configuration::new();
    for (name, value) in values.iter().cloned().chain([("lr", Value::Float(0.5))]) {
        configuration.set(name, value);
    }
    configuration
}

#[test]
fn parameters_have_the_kinds_that_they_are_written_in() {
    let spec = base();
    let space = &spec.study.space;
    let names: Vec<&str> = space.parameters().iter().map(|parameter| parameter.name.as_str()).collect();
    let expected = [
        "lr",
        "layers",
        "width",
        "size",
        "optimizer",
        "optimizer.sgd.momentum",
        "optimizer.sgd.nesterov",
        "optimizer.rmsprop.momentum",
        "optimizer.adam.schedule",
        "optimizer.adam.schedule.cosine.beta",
    ];
    assert_eq!(names, expected);
    let domain = |name: &str| space.get(name).unwrap().domain.clone();
    assert_eq!(domain("lr"), Domain::Float { low: 1e-4, high: 1.0, log: true, step: None });
    assert_eq!(domain("layers"), Domain::Int { low: 1, high: 4, log: false, step: 1 });
    let floats = vec![Value::Float(1.0), Value::Float(2.5)];
    assert_eq!(domain("size"), Domain::Categorical { choices: floats.into(), ordered: true });
    for seed in 0..50 {
        space.validate(&space.sample_seeded(seed)).unwrap();
    }
}

#[test]
fn an_inactive_parameter_takes_its_arguments_and_variables_along() {
    let spec = base();
    let sgd = configuration(&[
        ("optimizer", "sgd".into()),
        ("optimizer.sgd.momentum", Value::Float(0.5)),
        ("optimizer.sgd.nesterov", Value::Bool(true)),
    ]);
    let invocation = spec.invocation(&sgd, &place());
    assert_eq!(invocation.arguments, ["--lr=0.5", "sgd", "--momentum", "0.5", "--nesterov=true", "{}", "3"]);
    assert_eq!(invocation.environment, [("SEED".to_owned(), "11".to_owned())]);
    let adam = configuration(&[
        ("optimizer", "adam".into()),
        ("optimizer.adam.schedule", "cosine".into()),
        ("optimizer.adam.schedule.cosine.beta", Value::Float(0.9)),
    ]);
    let invocation = spec.invocation(&adam, &place());
    assert_eq!(invocation.arguments, ["--lr=0.5", "adam", "{}", "3"]);
    assert_eq!(invocation.environment[1], ("BETA".to_owned(), "0.9".to_owned()));
    // The short name is enough where two parameters exclude each other; fixed ones are values, too.
    let names: Vec<&str> = spec.values(&sgd).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["lr", "epochs", "optimizer", "momentum", "nesterov"]);
}

#[test]
fn names_that_may_meet_are_told_apart() {
    let text = BASE.replace("epochs = 3", "epochs = 3\nbeta = [1, 2]");
    let spec = TuneSpec::parse(&text, "a.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let adam =
        configuration(&[("beta", Value::Int(2)), ("optimizer.adam.schedule.cosine.beta", Value::Float(0.9))]);
    let names: Vec<&str> = spec.values(&adam).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["lr", "epochs", "beta", "optimizer.adam.schedule.cosine.beta"]);
    assert!(spec.invocation(&adam, &place()).environment.contains(&("BETA".into(), "2".into())));
}

#[test]
fn a_choice_of_one_is_a_value() {
    let text = "[parameters.a.only]\nb = [1, 2]\nc = 4\n";
    let head = BASE.split("[command]").next().unwrap();
    let spec = format!("{head}[command]\nrun = [\"x\", \"{{a}}\", \"--b\", \"{{b}}\"]\n{text}");
    let spec = TuneSpec::parse(&spec, "a.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let configuration = spec.study.space.sample_seeded(1);
    assert_eq!(configuration.len(), 1, "{configuration}");
    assert_eq!(spec.invocation(&configuration, &place()).arguments[..2], ["only", "--b"]);
}

/// The message for the base spec with `from` replaced by `to`.
fn message(from: &str, to: &str) -> String {
    assert!(BASE.contains(from), "`{from}` is not in the base spec");
    match TuneSpec::parse(&BASE.replacen(from, to, 1), "a.toml") {
        Ok(_) => panic!("accepted: {to}"),
        Err(errors) => errors.to_string(),
    }
}

#[test]
fn messages() {
    let cases = [
        ("[command]", "[comand]"),
        ("direction = \"maximize\"", ""),
        ("direction = \"maximize\"", "direction = \"maximise\""),
        ("max = 5", ""),
        ("run = [\"train\"", "run = [\"{optimizer}\""),
        ("\"train\", \"--lr={lr}\"", "\"train\", \"--lr={learning_rate}\""),
        ("{lr}", "{widht}"),
        ("{lr}", "{lr"),
        ("{{}}", "{{}"),
        ("[\"--momentum\", \"{momentum}\"]", "\"--momentum\", \"{momentum}\""),
        ("{beta}", "{betas}"),
        ("time = \"10m\"", "tme = \"10m\""),
        ("memory = \"4 GiB\"", "memory = 4"),
        ("memory = \"4 GiB\"", "memory = \"4 gigs\""),
        ("low = 1, high = 4", "low = 4, high = 1"),
        ("low = 1, high = 4", "lo = 1, high = 4"),
        ("low = 1, high = 4", "low = 1.5, high = \"4\""),
        ("width = [16, 32]", "width = [16, \"32\"]"),
        ("width = [16, 32]", "width = []"),
        ("width = [16, 32]", "width = {}"),
        ("width = [16, 32]", "width = { choices = [16, 32], when = { optimiser = \"sgd\" } }"),
        ("width = [16, 32]", "\"wi dth\" = [16, 32]"),
        ("width = [16, 32]", "seed = [16, 32]"),
        ("width = [16, 32]", "width = { low = 1, high = 2, times = \"layers\" }"),
        ("width = [16, 32]", "width = 1979-05-27"),
        ("name = \"base\"", "name = \"base\"\n[pruner]\nname = \"halving\"\nmin_epochs = 3"),
    ];
    let all: Vec<String> = cases.iter().map(|(from, to)| message(from, to)).collect();
    insta::assert_snapshot!("messages", all.join("\n"));
}

#[test]
fn the_example_and_the_schema_agree() {
    let schema = json_schema();
    for (name, text) in [("base", BASE), ("example", EXAMPLE)] {
        TuneSpec::parse(text, name).unwrap_or_else(|errors| panic!("{errors}"));
        check_schema(&schema, text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for (from, to) in [
        ("[command]", "[comand]"),
        ("direction = \"maximize\"", ""),
        ("run =", "rum ="),
        ("time = \"10m\"", "tme = \"10m\""),
        ("width = [16, 32]", "width = []"),
        ("max = 5", ""),
    ] {
        assert!(check_schema(&schema, &BASE.replacen(from, to, 1)).is_err(), "accepted: {to}");
    }
}

#[test]
fn earlier_runs_are_named_and_do_not_make_another_study() {
    let with =
        TuneSpec::parse(&format!("{BASE}\n[memory]\nlearn_from = ['runs/a', '/b']"), "x.toml").unwrap();
    assert_eq!(with.study.learn_from, [Path::new("runs/a"), Path::new("/b")]);
    assert_eq!(with.study.fingerprint, base().study.fingerprint);
    assert!(base().study.learn_from.is_empty());
    for wrong in ["learn_from = 'runs/a'", "learn_from = ['runs/a', 3]", "learn = ['runs/a']"] {
        let error = TuneSpec::parse(&format!("{BASE}\n[memory]\n{wrong}"), "x.toml").unwrap_err();
        assert!(error.to_string().contains("learn_from"), "{error}");
    }
}
