//! The contract of [`Sampler`], checked.

use crate::history::{FrozenTrial, History, TrialState};
use crate::objective::{ObjectiveInfo, Preview};
use crate::sampler::{Context, Sampler, SamplerError};
use crate::space::{Bound, Configuration, Constraint, Domain, Parameter, Space};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::HashSet;

/// Checks the contract: on flat, conditional and constrained spaces, with one objective and several, with
/// previews, with failed, pruned and running trials in the history, and with values that no model likes.
///
/// # Panics
/// Where the contract is broken.
pub fn sampler(make: &dyn Fn() -> Box<dyn Sampler>) {
    let can = make().capabilities();
    let mixed = || mixed(can.continuous);
    let mut spaces = vec![("mixed", mixed()), ("finite", finite())];
    if can.continuous {
        spaces.push(("continuous", continuous()));
    }
    if can.conditions && can.continuous {
        spaces.push(("conditional", conditional()));
    }
    for (name, space) in &spaces {
        for count in 1..=if can.several_objectives { 3 } else { 1 } {
            let first = run(make, space, count, false, &ordinary);
            assert_eq!(first, run(make, space, count, false, &ordinary), "{name}: same seed, same sequence");
            assert_eq!(
                first,
                run(make, space, count, true, &ordinary),
                "{name}: rebuilt each time, it says the same"
            );
        }
    }
    for (name, space) in &constrained(can.conditions, can.continuous) {
        let first = run(make, space, 1, false, &ordinary);
        assert_eq!(
            first,
            run(make, space, 1, true, &ordinary),
            "{name}: rebuilt each time, it says the same"
        );
    }
    let extreme = extreme();
    let first = run(make, &extreme, 1, false, &ordinary);
    assert_eq!(
        first,
        run(make, &extreme, 1, true, &ordinary),
        "extreme: rebuilt each time, it says the same"
    );
    let space = mixed();
    for value in [0.0, 1e300, 1e-300, -1e300, 1.7e308, f64::INFINITY, f64::NEG_INFINITY] {
        run(make, &space, 1, false, &|_, _| value);
    }
    let ends = [f64::INFINITY, 1.7e308, -1e-300, f64::NEG_INFINITY, -1.7e308];
    for count in 1..=if can.several_objectives { 3 } else { 1 } {
        run(make, &space, count, false, &|number, _| ends[number as usize % 5]);
        run(make, &space, count, false, &|number, _| if number < 14 { f64::INFINITY } else { 0.5 });
        run(make, &space, count, false, &|number, _| if number % 2 == 0 { 1e300 } else { -1e-300 });
    }
    agrees_after_many_trials(make, &space);
    respects_previews(make, &space);
    says_when_nothing_is_feasible(make, &space);
}

fn valid(builder: crate::space::SpaceBuilder) -> Space {
    builder.build().expect("the spaces of the suite are valid")
}

fn continuous() -> Space {
    valid(Space::builder().float("x", -1.0, 1.0).log_float("y", 1e-6, 1e3).float("fixed", 0.25, 0.25))
}

fn mixed(continuous: bool) -> Space {
    let rate = Parameter::log_float("learning_rate", 1e-5, 1e-1);
    let builder = if continuous { Space::builder().parameter(rate) } else { Space::builder() };
    let tenths = Domain::Float { low: 1.0, high: 6.0, log: false, step: Some(0.1) };
    let widths = Domain::Int { low: 16, high: 1000, log: false, step: 16 };
    valid(
        builder
            .parameter(Parameter::new("expansion", tenths))
            .parameter(Parameter::new("width", widths))
            .log_int("batch_size", 1, 512)
            .ordinal("image_size", [96, 112, 168, 224])
            .categorical("activation", ["relu", "hardswish", "silu"]),
    )
}

/// Whole numbers from end to end of 64 bits, steps that no short decimal is, and a long list of choices.
fn extreme() -> Space {
    let int = |low, high, log, step| Domain::Int { low, high, log, step };
    let pi = std::f64::consts::PI;
    let quarters = Domain::Float { low: -pi / 4.0, high: 3.75 * pi, log: false, step: Some(pi / 2.0) };
    let thirds = Domain::Float { low: 0.1, high: 1e6, log: false, step: Some(1.0 / 3.0) };
    valid(
        Space::builder()
            .parameter(Parameter::new("any", int(i64::MIN, i64::MAX, false, 1)))
            .parameter(Parameter::new("last", int(i64::MAX - 9, i64::MAX, false, 1)))
            .parameter(Parameter::new("stepped", int(i64::MIN, i64::MAX, false, 7)))
            .parameter(Parameter::new("scale", int(1, i64::MAX, true, 1)))
            .parameter(Parameter::new("quarters", quarters))
            .parameter(Parameter::new("thirds", thirds))
            .categorical("word", (0..2000).map(|i| format!("word {i}"))),
    )
}

fn finite() -> Space {
    valid(Space::builder().int("a", 0, 4).categorical("b", [true, false]).ordinal("c", ["s", "m", "l"]))
}

fn conditional() -> Space {
    let kernel = Parameter::ordinal("conv.kernel", [1, 3, 5]).when("module", ["conv", "mbconv"]);
    let squeeze = Parameter::categorical("mbconv.squeeze", [true, false]).when("module", ["mbconv"]);
    let ratio = Parameter::float("squeeze.ratio", 0.0, 1.0).when("mbconv.squeeze", [true]);
    let both = Parameter::int("both", 0, 9).when("module", ["mbconv"]).when("optimizer", ["sgd"]);
    valid(
        Space::builder()
            .categorical("module", ["conv", "mbconv", "pass"])
            .parameter(ratio)
            .parameter(kernel)
            .parameter(squeeze)
            .categorical("optimizer", ["sgd", "adam"])
            .parameter(both)
            .log_float("learning_rate", 1e-5, 1e-1),
    )
}

/// Spaces of which only a part is feasible.
fn constrained(conditions: bool, continuous: bool) -> Vec<(&'static str, Space)> {
    let fraction = |name: &str| {
        let step = (!continuous).then_some(0.125);
        Parameter::new(name, Domain::Float { low: 0.0, high: 1.0, log: false, step })
    };
    let bounded = Space::builder()
        .parameter(Parameter::int("kernel", 1, 64).at_most("image_size").at_least(Bound::of("stride") + 1.0))
        .log_int("image_size", 8, 64)
        .int("stride", 1, 4)
        .parameter(fraction("high").at_least("low"))
        .parameter(fraction("low").at_most(Bound::of("image_size") * 0.03));
    let sum = Constraint::sum([("a", 1.0), ("b", 2.0), ("c", 4.0)]).at_least(0.5).at_most(2.5);
    let summed = ["a", "b", "c"].iter().fold(Space::builder(), |b, name| b.parameter(fraction(name)));
    // 0.8 percent of the space, and where a grid has something of it too.
    let near = |c: &Configuration, a: &str, b: &str| {
        c.get_i64(a).zip(c.get_i64(b)).is_some_and(|(a, b)| (a - b).abs() <= 4)
    };
    let both = move |c: &Configuration| near(c, "a", "b") && near(c, "c", "d");
    let rare = ["a", "b", "c", "d"].iter().fold(Space::builder(), |b, name| b.int(*name, 0, 99));
    let mut spaces = vec![
        ("bounded", valid(bounded)),
        ("summed", valid(summed.constraint(sum))),
        ("rare", valid(rare.constrain("pairs", both))),
    ];
    if conditions {
        let several = |c: &Configuration| c.get_i64("depth") != Some(1) || c.get_i64("width") >= Some(16);
        let mixed = Space::builder()
            .categorical("kind", ["conv", "pool", "none"])
            .parameter(Parameter::int("width", 1, 32).when("kind", ["conv"]))
            .parameter(Parameter::int("kernel", 1, 32).when("kind", ["conv", "pool"]).at_most("width"))
            .int("depth", 1, 8)
            .parameter(fraction("rate"))
            .constraint(Constraint::sum([("width", 1.0), ("depth", 4.0)]).at_most(36.0).named("budget"))
            .constrain("wide where flat", several);
        spaces.push(("mixed", valid(mixed)));
    }
    spaces
}

/// A smooth value that depends on every active parameter.
fn ordinary(_: u64, configuration: &Configuration) -> f64 {
    let terms = configuration.iter().enumerate().map(|(i, (_, value))| {
        let number = value.as_f64().unwrap_or(value.to_string().len() as f64);
        ((number.abs() + 1.0).ln() - 0.3 * i as f64).powi(2)
    });
    terms.sum()
}

fn objectives(count: usize) -> Vec<ObjectiveInfo> {
    let all =
        [ObjectiveInfo::minimize("loss"), ObjectiveInfo::maximize("speed"), ObjectiveInfo::minimize("macs")];
    all.into_iter().take(count).collect()
}

/// Twenty-four proposals, told in all the ways that a trial can end.
fn run(
    make: &dyn Fn() -> Box<dyn Sampler>,
    space: &Space,
    count: usize,
    rebuilt: bool,
    value: &dyn Fn(u64, &Configuration) -> f64,
) -> Vec<Configuration> {
    let objectives = objectives(count);
    let mut history = History::new(objectives.clone());
    let mut sampler = make();
    let mut keys = HashSet::new();
    for number in 0..24 {
        if rebuilt {
            sampler = make();
        }
        let preview = &|_: &Configuration| Preview::default();
        let context = Context { number, space, objectives: &objectives, history: &history, preview };
        let configuration = propose(&mut *sampler, &context);
        assert!(keys.insert(configuration.key()), "no configuration is tried twice: {configuration}");
        let value = value(number, &configuration);
        let mut trial = FrozenTrial::waiting(number, configuration);
        match number % 8 {
            5 => trial.state = TrialState::Failed,
            6 => trial.state = TrialState::Running,
            7 => {
                trial.state = TrialState::Pruned;
                trial.reports = vec![(1, vec![value])];
            }
            _ => {
                trial.state = TrialState::Complete;
                trial.values = Some(
                    (0..count).map(|k| if k == 1 { 1.0 / (1.0 + value.abs()) } else { value }).collect(),
                );
                trial.constraints = vec![("late".to_owned(), number as f64 - 10.0)];
            }
        }
        history.put(trial);
    }
    history.trials().iter().map(|trial| trial.configuration.clone()).collect()
}

/// What is kept between proposals must not matter beyond the first few trials either, where fits are made at
/// intervals and of a part of the trials: a sampler that was there all the time and one that is new say the
/// same.
fn agrees_after_many_trials(make: &dyn Fn() -> Box<dyn Sampler>, space: &Space) {
    let objectives = objectives(1);
    let mut history = History::new(objectives.clone());
    let mut kept = make();
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    for number in 0..309 {
        if matches!(number, 20 | 44 | 45 | 63 | 301 | 306 | 307) {
            let preview = &|_: &Configuration| Preview::default();
            let context = Context { number, space, objectives: &objectives, history: &history, preview };
            let configuration = propose(&mut *kept, &context);
            let anew = propose(&mut *make(), &context);
            assert_eq!(configuration, anew, "after {number} trials, rebuilt it says the same");
        }
        let configuration = space.sample(&mut rng);
        let value = ordinary(number, &configuration);
        let trial = FrozenTrial::complete(number, configuration, vec![value]);
        history.put(match number % 9 {
            7 => FrozenTrial { state: TrialState::Failed, values: None, ..trial },
            8 => FrozenTrial {
                state: TrialState::Pruned,
                values: None,
                reports: vec![(1, vec![value])],
                ..trial
            },
            _ => trial,
        });
    }
}

fn propose(sampler: &mut dyn Sampler, context: &Context<'_>) -> Configuration {
    let mut rng = ChaCha8Rng::seed_from_u64(1000 + context.number);
    let configuration = sampler.propose(context, &mut rng).expect("there is something to propose");
    if let Err(error) = context.space.validate(&configuration) {
        panic!("a proposal is of the space: {error}");
    }
    configuration
}

fn respects_previews(make: &dyn Fn() -> Box<dyn Sampler>, space: &Space) {
    let objectives = objectives(1);
    let mut history = History::new(objectives.clone());
    let mut sampler = make();
    // A sixteenth of the space, and the better the closer to the border.
    let preview = |configuration: &Configuration| {
        let width = configuration.get_f64("width").expect("always active");
        let expansion = configuration.get_f64("expansion").expect("always active");
        let too_large = width > 256.0 || expansion > 2.2;
        Preview {
            objectives: vec![None],
            violation: too_large.then(|| format!("{width} is too large")),
            ..Preview::default()
        }
    };
    for number in 0..24 {
        let context =
            Context { number, space, objectives: &objectives, history: &history, preview: &preview };
        let configuration = propose(&mut *sampler, &context);
        assert_eq!(preview(&configuration).violation, None, "a proposal breaks no `before` constraint");
        let value = -configuration.get_f64("width").expect("always active");
        history.put(FrozenTrial::complete(number, configuration, vec![value]));
    }
}

fn says_when_nothing_is_feasible(make: &dyn Fn() -> Box<dyn Sampler>, space: &Space) {
    let objectives = objectives(1);
    let history = History::new(objectives.clone());
    let preview = |configuration: &Configuration| {
        let width = configuration.get_i64("width").expect("always active");
        let violation = Some(format!("parameters = {}, but at most 10 are allowed", width * width));
        Preview { objectives: vec![None], violation, ..Preview::default() }
    };
    let context = Context { number: 0, space, objectives: &objectives, history: &history, preview: &preview };
    match make().propose(&context, &mut ChaCha8Rng::seed_from_u64(0)) {
        Err(SamplerError::EmptyFeasibleSpace { reasons, .. }) => {
            assert_eq!(reasons.len(), 1, "reasons that differ by numbers are one: {reasons:?}");
            assert!(reasons[0].0.starts_with("parameters = "));
        }
        other => panic!("an empty feasible space is said to be one, but got {other:?}"),
    }
}
