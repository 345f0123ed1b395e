//! Spaces with bounds and constraints: what is drawn satisfies them, samplers find their way among them, and
//! what is wrong is said.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use lightcrest::objective::{Evaluation, ObjectiveInfo};
use lightcrest::sampler::{GpSampler, RandomSampler, Sampler};
use lightcrest::space::{Bound, Configuration, Constraint, Encoder, Parameter, Space, SpaceBuilder, Value};
use lightcrest::storage::{MemoryStorage, SqliteStorage, load};
use lightcrest::{FrozenTrial, Study};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Up to six numbers, some of which bound others, and up to two sums whose limits the middle of the space
/// satisfies.
fn space() -> impl Strategy<Value = Option<Space>> {
    let parameter = (0..5u8, any::<bool>(), 0..3u8, any::<prop::sample::Index>(), 0.2..1.5f64, -0.2..0.5f64);
    let factors = prop::collection::vec(-2.0..2.0f64, 6);
    let sums = prop::collection::vec((factors, 0.0..0.3f64), 0..3);
    (prop::collection::vec(parameter, 1..7), sums).prop_map(|(list, sums)| {
        let mut builder = Space::builder().categorical("kind", ["a", "b"]);
        for (i, (kind, conditional, bound, other, factor, offset)) in list.iter().enumerate() {
            let name = format!("p{i}");
            let mut parameter = match kind {
                0 => Parameter::float(name, 0.0, 1.0),
                1 => Parameter::log_float(name, 0.01, 1.0),
                2 => Parameter::int(name, 0, 7),
                3 => Parameter::log_int(name, 1, 100),
                _ => Parameter::ordinal(name, [0.25, 0.5, 1.0, 2.0]),
            };
            if *conditional {
                parameter = parameter.when("kind", ["a"]);
            }
            if i > 0 && *bound > 0 {
                let limit = Bound::of(format!("p{}", other.index(i))) * *factor + *offset;
                parameter = if *bound == 1 { parameter.at_most(limit) } else { parameter.at_least(limit) };
            }
            builder = builder.parameter(parameter);
        }
        for (factors, room) in sums {
            let terms: Vec<_> = factors.iter().take(list.len()).enumerate().collect();
            let middle = |i: usize| [0.5, 0.5, 4.0, 10.0, 0.5][list[i].0 as usize];
            let at_middle: f64 = terms.iter().map(|(i, factor)| **factor * middle(*i)).sum();
            let terms = terms.into_iter().map(|(i, factor)| (format!("p{i}"), *factor));
            builder = builder.constraint(Constraint::sum(terms).at_most(at_middle + room));
        }
        // Some are infeasible or leave a bound without values, and say so.
        builder.build().ok()
    })
}

fn close(a: &Configuration, b: &Configuration) -> bool {
    let near = |a: &Value, b: &Value| match (a, b) {
        (Value::Float(a), Value::Float(b)) => (a - b).abs() <= 1e-9 * (1.0 + a.abs()),
        _ => a == b,
    };
    a.len() == b.len() && a.iter().zip(b.iter()).all(|((n, a), (m, b))| n == m && near(a, b))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_is_drawn_satisfies_everything_and_comes_back(space in space(), seed: u64) {
        let Some(space) = space else { return Ok(()) };
        let encoder = Encoder::new(&space);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        for _ in 0..20 {
            let configuration = space.sample(&mut rng);
            space.validate(&configuration).unwrap();
            prop_assert!(space.is_feasible(&configuration));
            prop_assert_eq!(space.conform(&configuration).unwrap(), configuration.clone());
            let encoded = encoder.encode(&configuration);
            let back = encoder.decode(&encoded.row);
            prop_assert!(close(&back, &configuration), "{} -> {}", configuration, back);
            prop_assert_eq!(&encoder.encode(&back).active, &encoded.active);
        }
    }

    #[test]
    fn json_and_toml_give_the_same_space(space in space()) {
        let Some(space) = space else { return Ok(()) };
        let json = serde_json::to_string(&space).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Space>(&json).unwrap(), &space);
        let text = toml::to_string(&space).unwrap();
        prop_assert_eq!(toml::from_str::<Space>(&text).unwrap(), space);
    }

    #[test]
    fn rows_decode_within_bounds_that_leave_something(
        row in prop::collection::vec(0.0..1.0f64, 3), log in any::<bool>(),
    ) {
        let number = |name: &str| if log { Parameter::log_float(name, 0.1, 9.0) } else { Parameter::float(name, 0.1, 9.0) };
        let space = Space::builder()
            .parameter(number("low"))
            .parameter(number("high").at_least("low"))
            .parameter(Parameter::int("between", 0, 10).at_least(Bound::of("low") - 1.0).at_most(Bound::of("high") + 1.0))
            .build()
            .unwrap();
        let encoder = Encoder::new(&space);
        for configuration in [encoder.decode(&row), encoder.spread(&row)] {
            space.validate(&configuration).unwrap();
        }
    }
}

/// The first half of the mass is where it should be: `b` is uniform over what `a` leaves.
#[test]
fn bounded_values_are_spread_over_what_is_left() {
    let space = Space::builder()
        .float("a", 0.0, 1.0)
        .parameter(Parameter::float("b", 0.0, 1.0).at_most("a"))
        .build()
        .unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let share = |part: f64, rng: &mut ChaCha8Rng| {
        let below = |_: &usize| {
            let c = space.sample(rng);
            c.get_f64("b").unwrap() < part * c.get_f64("a").unwrap()
        };
        (0..4000).filter(below).count() as f64 / 4000.0
    };
    for part in [0.2, 0.5, 0.9] {
        assert!((share(part, &mut rng) - part).abs() < 0.035, "{part}");
    }
}

/// Where a walk is needed (a ten-thousandth of the space), all of what is feasible is visited.
#[test]
fn walks_cover_what_is_feasible() {
    let numbers = (0..4).fold(Space::builder(), |b, i| b.float(format!("x{i}"), 0.0, 1.0));
    // Four variables within a tenth, in the middle of the space.
    let inside =
        |c: &Configuration| (0..4).all(|i| (c.get_f64(&format!("x{i}")).unwrap() - 0.5).abs() < 0.05);
    let space = numbers.constrain("box", inside).build().unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut counts = [0; 4];
    for _ in 0..2000 {
        let c = space.sample(&mut rng);
        space.validate(&c).unwrap();
        (0..4).for_each(|i| counts[i] += u32::from(c.get_f64(&format!("x{i}")).unwrap() < 0.5));
    }
    assert!(counts.iter().all(|count| (800..1200).contains(count)), "{counts:?}");
}

/// A sum that no draw meets tells by how much it is broken, and that leads there.
#[test]
fn a_corner_that_no_draw_meets_is_found() {
    let terms = (0..12).map(|i| (format!("x{i}"), 1.0));
    let space = (0..12)
        .fold(Space::builder(), |b, i| b.float(format!("x{i}"), 0.0, 1.0))
        .constraint(Constraint::sum(terms).at_most(0.6))
        .build()
        .unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let means: Vec<f64> = (0..500)
        .map(|_| {
            let c = space.sample(&mut rng);
            space.validate(&c).unwrap();
            c.get_f64("x0").unwrap()
        })
        .collect();
    let mean = means.iter().sum::<f64>() / 500.0;
    // Of a uniform point in the corner, a coordinate has the mean 0.6 / 13.
    assert!((mean - 0.6 / 13.0).abs() < 0.015, "{mean}");
}

fn kernel(builder: SpaceBuilder) -> SpaceBuilder {
    builder.int("size", 4, 16).parameter(Parameter::int("kernel", 1, 20).at_most("size"))
}

#[test]
fn a_file_states_bounds_and_constraints() {
    let text = r#"
        [[parameters]]
        name = "kernel"
        domain = { type = "int", low = 1, high = 9 }
        at_most = ["size", { parameter = "groups", factor = 2, offset = 1 }]

        [[parameters]]
        name = "size"
        domain = { type = "categorical", choices = [4, 8], ordered = true }

        [[parameters]]
        name = "groups"
        domain = { type = "int", low = 1, high = 4 }

        [[constraints]]
        name = "budget"
        sum = { size = 1, groups = 2 }
        at_most = 14
    "#;
    let built = Space::builder()
        .parameter(Parameter::int("kernel", 1, 9).at_most("size").at_most(Bound::of("groups") * 2.0 + 1.0))
        .ordinal("size", [4, 8])
        .int("groups", 1, 4)
        .constraint(Constraint::sum([("size", 1.0), ("groups", 2.0)]).at_most(14.0).named("budget"))
        .build()
        .unwrap();
    let read = toml::from_str::<Space>(text).unwrap();
    assert_eq!(read, built);
    assert_eq!(
        read.parameters().iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
        ["size", "groups", "kernel"]
    );
}

#[test]
fn wrong_bounds_and_constraints_are_refused_in_words() {
    let check = |builder: SpaceBuilder, message: &str| {
        assert_eq!(builder.build().unwrap_err().to_string(), message);
    };
    let b = || Space::builder().int("size", 4, 16).categorical("act", ["relu", "silu"]);
    let bounded = |bound: Bound| b().parameter(Parameter::int("kernel", 1, 9).at_most(bound));
    check(
        bounded("sise".into()),
        "parameter `kernel`: a bound names the unknown parameter `sise`; did you mean `size`?",
    );
    check(
        bounded("act".into()),
        "parameter `kernel`: \"at most\" compares numbers, but `act` is one of \"relu\", \"silu\"; numbers are floats, ints and \
         ordered choices of ascending numbers",
    );
    check(
        bounded(Bound::of("size") * 0.5 - 8.0),
        "parameter `kernel`: it must be at most 0.5 * `size` - 8, which is at most 0, but it is an int from 1 to 9: no value is left",
    );
    check(
        bounded(Bound::of("size") * 0.0 + 2.0),
        "parameter `kernel`: the bound 0 * `size` + 2 needs a factor that is finite and not 0, and a finite offset, but they are 0 \
         and 2",
    );
    check(
        Space::builder()
            .parameter(Parameter::int("a", 0, 9).at_most("b"))
            .parameter(Parameter::int("b", 0, 9).at_most("c"))
            .parameter(Parameter::int("c", 0, 9).when("a", [1])),
        "bounds and conditions must not form a circle, but `a`, `b`, `c` do: state one of the bounds as a constraint instead",
    );
    let sum = |terms: &[(&str, f64)]| Constraint::sum(terms.iter().copied()).named("budget");
    check(
        b().constraint(sum(&[("sise", 1.0)]).at_most(1.0)),
        "constraint `budget`: there is no parameter `sise`; did you mean `size`?",
    );
    check(
        b().constraint(sum(&[("act", 1.0)]).at_most(1.0)),
        "constraint `budget`: a sum is of numbers, but `act` is one of \"relu\", \"silu\"; numbers are floats, ints and ordered \
         choices of ascending numbers",
    );
    check(
        b().constraint(sum(&[("size", 1.0)])),
        "constraint `budget`: a sum needs a limit, `at_most` or `at_least`, but has none",
    );
    check(
        b().constraint(sum(&[("size", 1.0)]).at_least(9.0).at_most(5.0)),
        "constraint `budget`: `at_least <= at_most` must hold, but got at_least = 9, at_most = 5",
    );
    check(
        b().constraint(sum(&[("size", f64::NAN)]).at_most(1.0)),
        "constraint `budget`: factors must be finite, but that of `size` is NaN",
    );
    check(
        b().constraint(sum(&[("size", 1.0)]).at_most(f64::INFINITY)),
        "constraint `budget`: limits must be finite, but one is inf",
    );
    check(
        b().constrain("t", |_| true).constrain("t", |_| true),
        "names of constraints must differ, but `t` is there twice",
    );
    check(b().constrain("", |_| true), "a constraint that is a test needs a name, but one has an empty one");
    check(
        b().constrain("few", |c| c.get_i64("size") == Some(4)).constrain("none", |_| false),
        "no configuration was found that satisfies the constraints: of 200000 that were drawn, 200000 break constraint `none`, more \
         than any other; loosen it, or widen the domains that it is about",
    );
}

#[test]
fn broken_configurations_are_refused_in_words() {
    let space = kernel(Space::builder())
        .constraint(Constraint::sum([("size", 1.0), ("kernel", 1.0)]).at_most(20.0))
        .constrain("odd", |c| c.get_i64("kernel").is_some_and(|k| k % 2 == 1))
        .build()
        .unwrap();
    let check = |size: i64, kernel: i64, message: &str| {
        let configuration = [("size", size), ("kernel", kernel)].into_iter().collect();
        assert_eq!(space.validate(&configuration).unwrap_err().to_string(), message);
        assert!(!space.is_feasible(&configuration));
    };
    check(8, 9, "parameter `kernel` must be at most `size` = 8, but got 9");
    check(
        16,
        15,
        "constraint `kernel + size <= 20` is broken: kernel + size <= 20 must hold, but the sum is 31",
    );
    check(8, 4, "constraint `odd` is broken: its test rejects the configuration");
}

#[test]
fn an_inactive_parameter_bounds_nothing_and_adds_nothing() {
    let space = Space::builder()
        .categorical("kind", ["a", "b"])
        .parameter(Parameter::int("low", 5, 9).when("kind", ["a"]))
        .parameter(Parameter::int("n", 0, 9).at_least("low"))
        .constraint(Constraint::sum([("low", 1.0), ("n", 1.0)]).at_most(16.0))
        .build()
        .unwrap();
    let drawn: Vec<_> = (0..200).map(|seed| space.sample_seeded(seed)).collect();
    assert!(drawn.iter().any(|c| c.get_i64("n") == Some(0)));
    assert!(
        drawn
            .iter()
            .filter_map(|c| c.get_i64("low").zip(c.get_i64("n")))
            .all(|(low, n)| low <= n && low + n <= 16)
    );
}

fn loss() -> Vec<ObjectiveInfo> {
    vec![ObjectiveInfo::minimize("loss")]
}

#[test]
fn what_waits_must_be_feasible_and_what_ran_is_history() {
    let mut study = Study::builder(kernel(Space::builder()).build().unwrap(), loss()).build().unwrap();
    let broken: Configuration = [("size", 4i64), ("kernel", 5)].into_iter().collect();
    let message = "parameter `kernel` must be at most `size` = 4, but got 5";
    assert_eq!(study.enqueue(&broken).unwrap_err().to_string(), message);
    assert_eq!(study.add(FrozenTrial::waiting(0, broken.clone())).unwrap_err().to_string(), message);
    assert_eq!(study.add(FrozenTrial::complete(0, broken, vec![1.0])).unwrap(), 0);
    for _ in 0..15 {
        let trial = study.ask().unwrap();
        study.space().validate(&trial.configuration).unwrap();
        study.tell(trial.number, Ok(Evaluation::new([1.0]))).unwrap();
    }
}

fn odd() -> Space {
    let odd = |c: &Configuration| c.get_i64("kernel").is_some_and(|k| k % 2 == 1);
    kernel(Space::builder()).constrain("odd", odd).build().unwrap()
}

#[test]
fn a_study_goes_on_with_its_tests_and_not_without() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.db");
    let open = |space: Space| {
        Study::builder(space, loss())
            .sampler(RandomSampler::new())
            .storage(SqliteStorage::open(&path).unwrap())
            .build()
    };
    let ask = |study: &mut Study| {
        let trial = study.ask().unwrap();
        study.tell(trial.number, Ok(Evaluation::new([1.0]))).unwrap();
        trial.configuration.get_i64("kernel").unwrap()
    };
    let mut study = open(odd()).unwrap();
    assert!((0..5).all(|_| ask(&mut study) % 2 == 1));
    drop(study);
    // It can be read, and says what it lacks.
    let (definition, history) = load(&mut SqliteStorage::read(&path).unwrap()).unwrap();
    assert_eq!((history.len(), definition.space.constraints().len()), (5, 1));
    let error = open(definition.space).map(drop).unwrap_err().to_string();
    assert!(error.starts_with("the test of constraint `odd` is not here"), "{error}");
    let error = open(kernel(Space::builder()).build().unwrap()).map(drop).unwrap_err().to_string();
    assert!(error.contains("it has a constraint `odd`, which is not asked for"), "{error}");
    // The stored space lacks the test: proposals must use the one that was given.
    let mut study = open(odd()).unwrap();
    assert!((0..10).all(|_| ask(&mut study) % 2 == 1));

    let storage = MemoryStorage::new();
    let open = |space: Space| Study::builder(space, loss()).storage(storage.clone()).build();
    open(kernel(Space::builder()).build().unwrap()).unwrap();
    let other = kernel(Space::builder()).constraint(Constraint::sum([("size", 1.0)]).at_most(9.0)).build();
    let error = open(other.unwrap()).map(drop).unwrap_err().to_string();
    assert!(error.contains("it has no constraint `size <= 9`"), "{error}");
}

/// A bowl whose best feasible point lies on the border, in a hundredth of the space.
#[test]
fn the_gaussian_process_beats_random_search_under_constraints() {
    let space = ["w", "x", "y", "z"]
        .iter()
        .fold(Space::builder(), |b, name| b.float(*name, 0.0, 1.0))
        .constraint(Constraint::sum([("w", 1.0), ("x", 1.0)]).at_most(1.0))
        .constrain("pairs", |c| {
            let near = |a: &str, b: &str| (c.get_f64(a).unwrap() - c.get_f64(b).unwrap()).abs() < 0.07;
            near("w", "y") && near("x", "z")
        })
        .build()
        .unwrap();
    let best = |sampler: Box<dyn Sampler>, seed: u64| {
        let mut study =
            Study::builder(space.clone(), loss()).boxed_sampler(sampler).seed(seed).build().unwrap();
        for _ in 0..30 {
            let trial = study.ask().unwrap();
            space.validate(&trial.configuration).unwrap();
            let get = |name| trial.configuration.get_f64(name).unwrap();
            let loss =
                (get("w") - 0.8).powi(2) + (get("x") - 0.5).powi(2) + 0.1 * (get("y") - get("z")).powi(2);
            study.tell(trial.number, Ok(Evaluation::new([loss]))).unwrap();
        }
        study.best().unwrap().values.as_ref().unwrap()[0]
    };
    let (mut wins, mut gp, mut random) = (0, 0.0, 0.0);
    for seed in 0..5 {
        let found = (best(Box::<GpSampler>::default(), seed), best(Box::new(RandomSampler::new()), seed));
        wins += u32::from(found.0 < found.1);
        (gp, random) = (gp + found.0 / 5.0, random + found.1 / 5.0);
    }
    assert!(wins >= 4 && gp < 0.9 * random, "{wins} of 5, {gp} against {random}");
}
