//! Spaces of any shape: what is drawn is valid, comes back from numbers and from JSON, and what is wrong is
//! said.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use lightcrest::space::{Configuration, Domain, Encoder, Parameter, Space, SpaceError, Value};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn float() -> impl Strategy<Value = Domain> {
    (-1e6..1e6f64, 0.0..1e6f64, 0..3u8, 1e-3..10.0f64).prop_map(|(low, width, kind, step)| match kind {
        0 => Domain::Float { low, high: low + width, log: false, step: None },
        1 => Domain::Float { low: low.abs() + 1e-9, high: low.abs() + 1e-9 + width, log: true, step: None },
        _ => Domain::Float { low, high: low + width, log: false, step: Some(step) },
    })
}

fn int() -> impl Strategy<Value = Domain> {
    (-1000..1000i64, 0..5000i64, any::<bool>(), 1..50i64).prop_map(|(low, width, log, step)| {
        let low = if log { low.abs() + 1 } else { low };
        Domain::Int { low, high: low + width, log, step: if log { 1 } else { step } }
    })
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        (-1e9..1e9f64).prop_map(Value::Float),
        ".{0,8}".prop_map(Value::Str),
    ]
}

fn categorical() -> impl Strategy<Value = Domain> {
    (prop::collection::vec(scalar(), 1..6), any::<bool>()).prop_map(|(mut choices, ordered)| {
        let mut unique = Vec::new();
        choices.retain(|choice| {
            let new = !unique.contains(choice);
            unique.push(choice.clone());
            new
        });
        Domain::Categorical { choices: choices.into(), ordered }
    })
}

/// Up to eight parameters; each may hang on up to two earlier discrete ones. Listed in reverse, so that the
/// builder has to put parents first.
fn space() -> impl Strategy<Value = Space> {
    let domain = prop_oneof![float(), int(), categorical()];
    let links = prop::collection::vec((any::<prop::sample::Index>(), any::<u64>()), 0..3);
    prop::collection::vec((domain, links), 1..9).prop_map(|list| {
        let mut parameters: Vec<Parameter> = Vec::new();
        for (i, (domain, links)) in list.into_iter().enumerate() {
            let mut parameter = Parameter::new(format!("p{i}"), domain);
            for (parent, pick) in links {
                let candidates: Vec<_> = parameters.iter().filter(|p| p.domain.cells().is_some()).collect();
                if candidates.is_empty() {
                    continue;
                }
                let parent = parent.get(&candidates);
                let cells = parent.domain.cells().unwrap();
                let values: Vec<_> = (0..cells.div_ceil(2).min(4))
                    .map(|k| parent.domain.cell((pick % cells + k) % cells).unwrap())
                    .collect();
                parameter = parameter.when(parent.name.clone(), values);
            }
            parameters.push(parameter);
        }
        parameters.into_iter().rev().fold(Space::builder(), |b, p| b.parameter(p)).build().unwrap()
    })
}

fn close(a: &Configuration, b: &Configuration) -> bool {
    let near = |a: &Value, b: &Value| match (a, b) {
        (Value::Float(a), Value::Float(b)) => (a - b).abs() <= 1e-9 * (1.0 + a.abs()).max(1e6 * f64::EPSILON),
        _ => a == b,
    };
    a.len() == b.len() && a.iter().zip(b.iter()).all(|((n, a), (m, b))| n == m && near(a, b))
}

proptest! {
    #[test]
    fn what_is_drawn_is_valid_and_comes_back(space in space(), seed: u64) {
        let encoder = Encoder::new(&space);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..20 {
            let configuration = space.sample(&mut rng);
            space.validate(&configuration).unwrap();
            prop_assert_eq!(space.conform(&configuration).unwrap(), configuration.clone());

            let encoded = encoder.encode(&configuration);
            prop_assert_eq!(&encoded.active, &space.active(&configuration));
            prop_assert_eq!(&encoded.active, &encoder.active(&encoded.row));
            prop_assert_eq!(encoded.active.iter().filter(|active| **active).count(), configuration.len());
            for (i, x) in encoded.row.iter().enumerate().filter(|(i, _)| encoded.active[*i]) {
                let top = encoder.column(i).cells().filter(|_| matches!(encoder.column(i),
                    lightcrest::space::Column::Categorical { .. })).map_or(1.0, |n| n as f64 - 1.0);
                prop_assert!((0.0..=top).contains(x), "{} at {}", x, i);
                prop_assert!((encoder.column(i).snap(*x) - x).abs() < 1e-12);
            }
            // Discrete values come back exactly, continuous ones up to rounding.
            let back = encoder.decode(&encoded.row);
            prop_assert!(close(&back, &configuration), "{} -> {}", configuration, back);

            let json = serde_json::to_string(&configuration).unwrap();
            let read: Configuration = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read.key(), configuration.key());
        }
    }

    #[test]
    fn any_row_decodes_to_a_valid_configuration(space in space(), row in prop::collection::vec(-0.5..3.0f64, 8)) {
        let encoder = Encoder::new(&space);
        let configuration = encoder.decode(&row[..space.len()]);
        space.validate(&configuration).unwrap();
    }

    #[test]
    fn json_gives_the_same_space(space in space()) {
        let json = serde_json::to_string(&space).unwrap();
        prop_assert_eq!(serde_json::from_str::<Space>(&json).unwrap(), space);
    }

    #[test]
    fn toml_gives_the_same_space(space in space()) {
        // TOML has no null.
        let null = |value: &Value| *value == Value::Null;
        let domains = space.parameters().iter().any(|p| match &p.domain {
            Domain::Categorical { choices, .. } => choices.iter().any(null),
            _ => false,
        });
        prop_assume!(!domains);
        let text = toml::to_string(&space).unwrap();
        prop_assert_eq!(toml::from_str::<Space>(&text).unwrap(), space);
    }

    #[test]
    fn parents_come_first_and_inactive_values_are_refused(space in space(), seed: u64) {
        for i in 0..space.len() {
            prop_assert!(space.conditions(i).all(|(parent, _)| parent < i));
        }
        let configuration = space.sample(&mut ChaCha8Rng::seed_from_u64(seed));
        for (i, parameter) in space.parameters().iter().enumerate() {
            let mut changed = configuration.clone();
            match space.active(&configuration)[i] {
                false => {
                    changed.set(parameter.name.clone(), parameter.domain.cell(0).unwrap_or(Value::Float(0.0)));
                    let refused = matches!(space.validate(&changed), Err(SpaceError::Inactive { .. }));
                    prop_assert!(refused);
                }
                true => {
                    changed.set(parameter.name.clone(), "\u{1}not a choice");
                    prop_assert!(space.validate(&changed).is_err());
                }
            }
        }
    }
}

#[test]
fn a_space_is_stated_in_toml() {
    let text = r#"
        [[parameters]]
        name = "momentum"
        domain = { type = "float", low = 0, high = 0.99 }
        when = [{ parent = "optimizer", values = ["sgd"] }, { parent = "layers", values = [2, 3] }]

        [[parameters]]
        name = "optimizer"
        domain = { type = "categorical", choices = ["sgd", "adam", 1, 0.5, true] }

        [[parameters]]
        name = "layers"
        domain = { type = "int", low = 1, high = 3 }
    "#;
    let built = Space::builder()
        .parameter(Parameter::float("momentum", 0.0, 0.99).when("optimizer", ["sgd"]).when("layers", [2, 3]))
        .categorical("optimizer", [Value::from("sgd"), "adam".into(), 1.into(), 0.5.into(), true.into()])
        .int("layers", 1, 3)
        .build();
    assert_eq!(toml::from_str::<Space>(text).unwrap(), built.unwrap());
    let wrong = text.replace("low = 0,", "low = 1,");
    let error = toml::from_str::<Space>(&wrong).unwrap_err().to_string();
    assert!(error.contains("parameter `momentum`: `low <= high` must hold"), "{error}");
}

#[test]
fn wrong_spaces_are_refused_in_words() {
    let check = |builder: lightcrest::space::SpaceBuilder, message: &str| {
        assert_eq!(builder.build().unwrap_err().to_string(), message);
    };
    let categorical = |choices: Vec<Value>| Domain::Categorical { choices: choices.into(), ordered: false };
    let b = Space::builder;
    check(
        b().float("lr", 3.0, 1.0),
        "parameter `lr`: `low <= high` must hold, but got low = 3.0, high = 1.0",
    );
    check(b().int("n", 3, 1), "parameter `n`: `low <= high` must hold, but got low = 3, high = 1");
    check(
        b().log_float("lr", 0.0, 1.0),
        "parameter `lr`: a logarithmic scale needs `low > 0`, but got low = 0.0",
    );
    check(b().log_int("n", -1, 1), "parameter `n`: a logarithmic scale needs `low > 0`, but got low = -1");
    check(
        b().float("x", 0.0, f64::INFINITY),
        "parameter `x`: bounds must be finite, but got low = 0, high = inf",
    );
    check(
        b().parameter(Parameter::new("n", Domain::Int { low: 0, high: 8, log: false, step: 0 })),
        "parameter `n`: `step > 0` must hold, but got step = 0",
    );
    check(
        b().parameter(Parameter::new("x", Domain::Float { low: 1.0, high: 8.0, log: true, step: Some(0.5) })),
        "parameter `x`: a step (0.5) and a logarithmic scale exclude each other",
    );
    check(
        b().parameter(Parameter::new(
            "x",
            Domain::Float { low: 0.0, high: 1e9, log: false, step: Some(1e-9) },
        )),
        "parameter `x`: at most 2^53 steps of a float are possible, but 0.0 to 1000000000.0 holds more",
    );
    check(b().int("n", 0, 1).float("n", 0.0, 1.0), "parameter names must differ, but `n` is there twice");
    check(b().int("", 0, 1), "a parameter needs a name, but number 0 has an empty one");
    check(
        b().parameter(Parameter::new("c", categorical(vec![]))),
        "parameter `c`: at least one choice is needed, but the list is empty",
    );
    check(b().categorical("c", ["a", "a"]), "parameter `c`: choices must differ, but \"a\" is there twice");
    check(b().categorical("c", [f64::NAN]), "parameter `c`: choices must be finite, but one is NaN");
    check(
        b().categorical("optimizer", ["sgd"])
            .parameter(Parameter::float("m", 0.0, 1.0).when("optimiser", ["sgd"])),
        "parameter `m`: `when` names the unknown parameter `optimiser`; did you mean `optimizer`?",
    );
    check(
        b().categorical("o", ["sgd", "adam"]).parameter(Parameter::float("m", 0.0, 1.0).when("o", ["sdg"])),
        "parameter `m`: `when` waits for `o` to be \"sdg\", but it can only be one of \"sgd\", \"adam\"",
    );
    check(
        b().int("n", 1, 4).parameter(Parameter::float("m", 0.0, 1.0).when("n", [2.0])),
        "parameter `m`: `when` waits for `n` to be 2.0, but it can only be an int from 1 to 4",
    );
    check(
        b().int("n", 1, 4).parameter(Parameter::float("m", 0.0, 1.0).when("n", Vec::<Value>::new())),
        "parameter `m`: `when` needs at least one value of `n`, but the list is empty",
    );
    check(
        b().parameter(Parameter::int("a", 0, 1).when("b", [1]))
            .parameter(Parameter::int("b", 0, 1).when("c", [1]))
            .parameter(Parameter::int("c", 0, 1).when("b", [0])),
        "conditions must not form a circle, but `b`, `c` do",
    );
}

#[test]
fn wrong_configurations_are_refused_in_words() {
    let space = Space::builder()
        .log_float("learning_rate", 1e-4, 1.0)
        .categorical("optimizer", ["sgd", "adam"])
        .parameter(Parameter::float("momentum", 0.0, 0.99).when("optimizer", ["sgd"]))
        .build()
        .unwrap();
    let check = |pairs: &[(&str, Value)], message: &str| {
        let configuration: Configuration = pairs.iter().cloned().collect();
        assert_eq!(space.validate(&configuration).unwrap_err().to_string(), message);
    };
    let (rate, sgd) = (("learning_rate", Value::Float(0.1)), ("optimizer", Value::from("sgd")));
    check(&[rate.clone(), sgd.clone()], "parameter `momentum` has no value, but it is active here");
    check(
        &[("learning_rat", 0.1.into()), sgd.clone()],
        "there is no parameter `learning_rat`; did you mean `learning_rate`?",
    );
    check(
        &[("learning_rate", 2.0.into()), sgd],
        "parameter `learning_rate` must be a float from 0.0001 to 1.0 (log), but got 2.0",
    );
    check(
        &[rate, ("optimizer", "adamw".into())],
        "parameter `optimizer` must be one of \"sgd\", \"adam\", but got \"adamw\"",
    );
}

#[test]
fn whole_numbers_stand_for_floats_and_are_stored_as_such() {
    let space = Space::builder().float("x", 0.0, 5.0).build().unwrap();
    let configuration: Configuration = [("x", 2)].into_iter().collect();
    assert_eq!(space.conform(&configuration).unwrap().get("x"), Some(&Value::Float(2.0)));
}
