//! Spaces, networks and resolved specs.

use lightcrest::space::{Configuration, Domain, Value};
use lightcrest_graph::network::Shape;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::{BASE, Spec, base};
use crate::spec::Phase;
use crate::train::{LossConfig, OptimizerConfig};

pub(super) const EXAMPLES: &[(&str, &str)] = &[
    ("digits", include_str!("../../../../../examples/digits.toml")),
    ("fashion-mnist", include_str!("../../../../../examples/fashion-mnist.toml")),
    ("boostcamp", include_str!("../../../../../examples/boostcamp.toml")),
];

fn shape_of(spec: &Spec) -> Shape {
    use crate::data::SourceKind;
    match spec.data.source {
        SourceKind::Digits => Shape::new(1, 8, 8),
        SourceKind::Folder => Shape::new(3, 224, 224),
        _ => Shape::new(1, 28, 28),
    }
}

fn samples(spec: &Spec, count: usize) -> Vec<Configuration> {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    (0..count).map(|_| spec.space().sample(&mut rng)).collect()
}

#[test]
fn the_space_holds_what_the_spec_writes() {
    let spec = base();
    let names: Vec<&str> = spec.space().parameters().iter().map(|p| p.name.as_str()).collect();
    for name in [
        "epochs",
        "batch_size",
        "learning_rate",
        "optimizer",
        "optimizer.sgd.momentum",
        "optimizer.sgd.nesterov",
        "optimizer.adamw.beta1",
        "loss.focal.gamma",
        "width_multiple",
        "stage1.module",
        "stage1.repeat",
        "stage1.stride",
        "stage1.out_channels",
        "stage1.Conv.kernel",
        "stage1.MBConv.expansion",
        "fire.Fire.squeeze",
        "fire.Fire.expand1x1",
        "fire.Fire.expand3x3",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    assert_eq!(names.len(), 18);
    let ordered = spec.space().get("batch_size").unwrap().domain.clone();
    assert_eq!(
        ordered,
        Domain::Categorical { choices: vec![Value::Int(16), Value::Int(32)].into(), ordered: true }
    );
}

#[test]
fn parameters_are_active_where_they_mean_something() {
    let spec = base();
    let mut seen = [0; 3];
    for configuration in samples(&spec, 200) {
        let module = configuration.get_str("stage1.module").unwrap().to_owned();
        let has = |name: &str| configuration.get(name).is_some();
        assert_eq!(has("stage1.Conv.kernel"), module == "Conv");
        assert_eq!(has("stage1.MBConv.expansion"), module == "MBConv");
        for shared in ["stage1.repeat", "stage1.stride", "stage1.out_channels"] {
            assert_eq!(has(shared), module != "Pass", "{shared} under {module}");
        }
        let adamw = configuration.get_str("optimizer") == Some("adamw");
        assert_eq!(has("loss.focal.gamma"), adamw);
        assert_eq!(has("optimizer.sgd.momentum"), !adamw);
        seen[["Conv", "MBConv", "Pass"].iter().position(|name| *name == module).unwrap()] += 1;
    }
    assert!(seen.iter().all(|count| *count > 20), "{seen:?}");
}

#[test]
fn a_configuration_becomes_the_network_and_training_that_it_says() {
    let spec = base();
    let configuration: Configuration = [
        ("width_multiple", Value::Float(0.5)),
        ("stage1.module", "Conv".into()),
        ("stage1.repeat", Value::Int(2)),
        ("stage1.stride", Value::Int(2)),
        ("stage1.out_channels", Value::Int(16)),
        ("stage1.Conv.kernel", Value::Int(3)),
        ("fire.Fire.squeeze", Value::Int(8)),
        ("fire.Fire.expand1x1", Value::Float(1.5)),
        ("fire.Fire.expand3x3", Value::Float(2.0)),
        ("epochs", Value::Int(4)),
        ("batch_size", Value::Int(32)),
        ("learning_rate", Value::Float(0.01)),
        ("optimizer", "adamw".into()),
        ("optimizer.adamw.beta1", Value::Float(0.8)),
        ("loss.focal.gamma", Value::Float(1.5)),
    ]
    .into_iter()
    .collect();
    spec.space().validate(&configuration).unwrap();
    let candidate = spec.build(&configuration, Shape::new(1, 8, 8), 10, Phase::Search).unwrap();
    assert_eq!(candidate.halvings, 1);
    assert_eq!(candidate.network.output_shape(), Shape::vector(10));
    let widths: Vec<usize> = (0..candidate.network.nodes().len())
        .filter(|id| candidate.network.nodes()[*id].op.name() == "Conv2d")
        .map(|id| candidate.network.shape(id).channels)
        .collect();
    // Conv 16 x 0.5, twice; Fire: squeeze 8 x 0.5 to a multiple of 8, 12 x 0.5 and 16 x 0.5 likewise.
    assert_eq!(widths, [8, 8, 8, 8, 8]);
    let train = &candidate.train;
    assert_eq!((train.epochs, train.batch_size, train.clip_norm), (4, 32, Some(5.0)));
    assert_eq!(train.optimizer, OptimizerConfig::AdamW { beta1: 0.8, beta2: 0.999, epsilon: 1e-8 });
    assert_eq!(train.loss, LossConfig::Focal { gamma: 1.5 });
}

#[test]
fn a_resolved_spec_builds_the_same_model() {
    let specs = EXAMPLES.iter().map(|(name, text)| (*name, *text)).chain([("base", BASE)]);
    for (name, text) in specs {
        let spec = Spec::parse(text, name).unwrap_or_else(|errors| panic!("{errors}"));
        let input = shape_of(&spec);
        let mut built = 0;
        for (seed, configuration) in samples(&spec, 60).iter().enumerate() {
            let Ok(expected) = spec.build(configuration, input, 10, Phase::Search) else { continue };
            built += 1;
            let text = spec.resolve(configuration, seed as u64, Phase::Search).unwrap();
            let again = Spec::parse(&text, "config.toml").unwrap_or_else(|errors| panic!("{errors}\n{text}"));
            assert_eq!(again.space().parameters().len(), 0, "{text}");
            assert_eq!(again.data, spec.data);
            let found = again.build(&Configuration::new(), input, 10, Phase::Search).unwrap();
            assert_eq!(found.seed, Some(seed as u64));
            assert_eq!(
                (&found.network, &found.train),
                (&expected.network, &expected.train),
                "{name}\n{text}"
            );
        }
        assert!(built > 20, "only {built} of 60 configurations of {name} build");
    }
}

#[test]
fn the_refit_trains_longer_on_all_images_with_its_own_augmentation() {
    let text = BASE.replace("source = \"digits\"", "source = \"digits\"\ntrain_images = 100")
        + "[refit]\nepochs = 50\nimages = \"train+validation\"\n[refit.augmentation]\ncutout = 3\n";
    let spec = Spec::parse(&text, "a.toml").unwrap();
    let configuration = &samples(&spec, 1)[0];
    let input = Shape::new(1, 8, 8);
    let search = spec.build(configuration, input, 10, Phase::Search).unwrap();
    let refit = spec.build(configuration, input, 10, Phase::Refit(50)).unwrap();
    assert!(search.train.epochs <= 5 && !search.validation_too);
    assert!(refit.train.epochs == 50 && refit.validation_too);
    let (trial, again) = (search.train.augmentation, refit.train.augmentation);
    assert_eq!((trial.cutout, again.cutout, again.shift), (0, 3, trial.shift), "only what `[refit]` names");
    assert_eq!(search.network, refit.network);
    assert_eq!(spec.data(Phase::Search).train_images, Some(100));
    assert_eq!(spec.data(Phase::Refit(50)).train_images, None);
    let resolved = spec.resolve(configuration, 1, Phase::Refit(50)).unwrap();
    let again = Spec::parse(&resolved, "config.toml").unwrap_or_else(|errors| panic!("{errors}\n{resolved}"));
    let found = again.build(&Configuration::new(), input, 10, Phase::Search).unwrap();
    assert_eq!((found.train, found.validation_too), (refit.train, true));
    assert_eq!(again.data(Phase::Search).train_images, None);
}

#[test]
fn the_sampler_is_configured() {
    use lightcrest::sampler::{Acquisition, GpConfig};
    let text = BASE.to_owned()
        + "[sampler]\nname = \"gp\"\nacquisition = \"log_ei\"\nkappa = 1\nstartup_trials = 7\ncandidates = 50\nmax_trials = 99\n";
    let spec = Spec::parse(&text, "a.toml").unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(spec.study.sampler.name, "gp");
    let config: GpConfig = spec.study.sampler.config().unwrap();
    let expected = GpConfig {
        acquisition: Acquisition::LogEi,
        kappa: Some(1.0),
        startup_trials: 7,
        candidates: Some(50),
        max_trials: Some(99),
        ..GpConfig::default()
    };
    assert_eq!(config, expected);
}

#[test]
fn an_augmentation_level_grows_with_the_image() {
    let text = BASE.to_owned() + "[training.augmentation]\nlevel = 6\nflip = false\n";
    let spec = Spec::parse(&text, "a.toml").unwrap();
    let configuration = &samples(&spec, 1)[0];
    let large =
        spec.build(configuration, Shape::new(1, 32, 32), 10, Phase::Search).unwrap().train.augmentation;
    assert_eq!((large.flip, large.shift, large.cutout, large.mixup), (false, 4, 8, 0.2));
}

#[test]
fn layers_that_do_not_fit_are_named() {
    let text = BASE.replace("[architecture.head]", "[architecture.head]\npool = \"average\"").replace(
        "name = \"fire\"\n[architecture.stages.modules.Fire]",
        "name = \"late\"\n[architecture.stages.modules.MaxPool]\nkernel = 9\n[[architecture.stages]]\nname = \
         \"fire\"\n[architecture.stages.modules.Fire]",
    );
    let spec = Spec::parse(&text, "a.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let error =
        spec.build(&samples(&spec, 1)[0], Shape::new(1, 8, 8), 10, Phase::Search).unwrap_err().to_string();
    assert!(error.contains("late.0") && error.contains("does not fit"), "{error}");
}

#[test]
fn the_fingerprint_changes_with_the_space_only() {
    let spec = base();
    let longer =
        Spec::parse(&(BASE.to_owned() + "[budget]\ntrials = 9\n[workers]\ncount = 2\n"), "a").unwrap();
    assert_eq!(spec.study.fingerprint, longer.study.fingerprint);
    let other = Spec::parse(&BASE.replace("kernel = [1, 3]", "kernel = [1, 5]"), "a").unwrap();
    assert_ne!(spec.study.fingerprint, other.study.fingerprint);
}
