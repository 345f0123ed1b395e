//! What a spec becomes.

use lightcrest::space::{Configuration, Value};
use lightcrest_spec::testing::check_schema;

use super::{BASE, model, parse, parse_with};
use crate::compress::{Change, Layout, LowRank, Plan, json_schema};
use crate::spec::Phase;

fn names(text: &str) -> Vec<String> {
    parse(text).unwrap().space().parameters().iter().map(|parameter| parameter.name.to_string()).collect()
}

#[test]
fn the_space_has_what_is_written_and_what_is_left_open() {
    assert_eq!(
        names(BASE),
        [
            "stage1-inner.method",
            "stage1-inner.ratio",
            "stage1-inner.rank",
            "stage3-output.method",
            "stage3-output.rank",
            "learning_rate",
            "optimizer.sgd.momentum",
            "distillation.weight",
        ]
    );
    let fixed = BASE.replace("method = [\"prune\", \"tucker\"]", "method = \"prune\"");
    assert!(!names(&fixed).contains(&"stage1-inner.rank".to_owned()));
}

fn configuration(values: &[(&str, Value)]) -> Configuration {
    let mut configuration = Configuration::new();
    values.iter().for_each(|(name, value)| configuration.set(*name, value.clone()));
    configuration
}

#[test]
fn a_configuration_is_a_plan() {
    let spec = parse(BASE).unwrap();
    let configuration = configuration(&[
        ("stage1-inner.method", "prune".into()),
        ("stage1-inner.ratio", 0.25.into()),
        ("stage3-output.method", "svd".into()),
        ("stage3-output.rank", 0.5.into()),
        ("learning_rate", 0.01.into()),
        ("optimizer.sgd.momentum", 0.9.into()),
        ("distillation.weight", 0.5.into()),
    ]);
    let plan = spec.plan(&configuration).unwrap();
    let svd = Change::LowRank { method: LowRank::Svd, rank: 0.5 };
    assert_eq!(plan, Plan::fp32(vec![Change::Prune { ratio: 0.25 }, svd]));
    let (finetune, _) = spec.finetune(&configuration, Phase::Search).unwrap().unwrap();
    assert_eq!((finetune.train.epochs, finetune.train.learning_rate), (2, 0.01));
    assert_eq!(finetune.distillation.unwrap().weight, 0.5);

    // The spec of the configuration means the same, and nothing varies in it.
    let text = spec.resolve(&configuration, Phase::Search, 7, "model.onnx").unwrap();
    let resolved = parse(&text).unwrap();
    assert!(resolved.space().is_empty(), "{text}");
    assert_eq!(resolved.plan(&Configuration::new()), spec.plan(&configuration));
    let again = resolved.finetune(&Configuration::new(), Phase::Search).unwrap().unwrap();
    assert_eq!(again, (finetune, Some(7)));
    assert_eq!(resolved.preprocessing, spec.preprocessing);
    assert_eq!(check_schema(&json_schema(), &text), Ok(()));

    // Normalisation is put back for the training unless the spec says otherwise; the new spec says it.
    assert!(again.0.batch_norm && text.contains("batch_norm = true"), "{text}");
    let without = parse(&BASE.replace("epochs = 2", "epochs = 2\nbatch_norm = false")).unwrap();
    assert!(!without.finetune(&configuration, Phase::Search).unwrap().unwrap().0.batch_norm);
    let text = without.resolve(&configuration, Phase::Search, 7, "model.onnx").unwrap();
    assert!(text.contains("batch_norm = false"), "{text}");
    assert_eq!(check_schema(&json_schema(), &text), Ok(()));
}

#[test]
fn every_configuration_of_the_space_is_a_plan() {
    let spec = parse(BASE).unwrap();
    for seed in 0..50 {
        let configuration = spec.space().sample_seeded(seed);
        let plan = spec.plan(&configuration).unwrap();
        let text = spec.resolve(&configuration, Phase::Search, seed, "model.onnx").unwrap();
        assert_eq!(parse(&text).unwrap().plan(&Configuration::new()), Ok(plan), "{text}");
    }
}

#[test]
fn the_schema_agrees_with_the_parser() {
    let schema = json_schema();
    assert_eq!(check_schema(&schema, BASE), Ok(()));
    for (from, to) in [
        ("[compress]", "[compres]"),
        ("\"svd\", ", "\"svdd\", "),
        ("path = \"model.onnx\"", ""),
        ("metric = \"macs\"", "metric = \"halvings\""),
        ("mean = 0.5", "mean = \"half\""),
        ("high = 0.5 }", "high = 0.5, most = 1 }"),
    ] {
        let text = BASE.replacen(from, to, 1);
        assert!(check_schema(&schema, &text).is_err() && parse(&text).is_err(), "accepted: {to}");
    }
}

/// A spec of a network without layers.
const PLAIN: &str = "[study]\nname = 'a'\n[model]\npath = 'model.onnx'\n[data]\nsource = 'digits'\n";

/// What the file says of its input is taken where the spec says nothing.
#[test]
fn preprocessing_comes_from_the_spec_or_from_the_file() {
    let sizes = [None, Some(1), Some(8), Some(8)];
    let of = |text: &str, sizes, metadata: &[(&str, &str)]| parse_with(text, model(sizes, metadata));
    let with = |own: &str| format!("{PLAIN}[model.preprocessing]\n{own}\n");
    let first = |text: &str, metadata: &[(&str, &str)]| {
        of(text, sizes, metadata).unwrap().preprocessing.normalization.affine(0)
    };
    let pixels = [("input", "pixels from 0 to 255, gray, (N, channels, height, width)")];
    let near = |(scale, offset): (f32, f32), expected: (f32, f32)| {
        assert!(
            (scale / expected.0 - 1.0).abs() < 1e-6 && (offset - expected.1).abs() < 1e-6,
            "{scale} {offset}"
        );
    };
    near(first(PLAIN, &pixels), (1.0, 0.0));
    near(first(PLAIN, &[]), (1.0 / 255.0, 0.0));
    let expected = (1.0 / 255.0 / 0.25, -2.0);
    near(first(&with("mean = 0.5\nstd = [0.25]"), &pixels), expected);
    near(first(&with("mean = 127.5\nscale = 1\nstd = 63.75"), &[]), expected);
    let refused = of(PLAIN, sizes, &[("input", "normalised pixels, gray")]).unwrap_err();
    assert!(refused.contains("give `mean` and `std`"), "{refused}");

    let nhwc = of(PLAIN, [None, Some(224), Some(224), Some(3)], &[]).unwrap();
    assert_eq!((nhwc.preprocessing.layout, nhwc.preprocessing.height), (Layout::Nhwc, 224));
    let open = of(PLAIN, [None, Some(3), None, None], &[]).unwrap_err();
    assert!(open.contains("give `size` in [model.preprocessing]"), "{open}");
    let sized = of(&with("size = [48, 192]\nstd = [1, 1, 0.5]"), [None, Some(3), None, None], &[]).unwrap();
    assert_eq!((sized.preprocessing.height, sized.preprocessing.width), (48, 192));
}

#[test]
fn without_labels_agreement_is_what_counts() {
    let images = BASE.replace("source = \"digits\"", "source = \"images\"\npath = \"photos\"");
    let refused = parse(&images).unwrap_err();
    assert!(refused.contains("validation_accuracy needs labels"), "{refused}");
    assert!(refused.contains("accuracy_drop needs labels"), "{refused}");
    let without = images
        .replace(
            "[[objectives]]\nmetric = \"validation_accuracy\"\n\n[[objectives]]\nmetric = \"macs\"\n",
            "",
        )
        .replace("metric = \"accuracy_drop\"\nmax", "metric = \"macs\"\nmax");
    let spec = parse(&without).unwrap();
    assert_eq!(spec.study.objectives[0].name, "agreement");
    assert!(!spec.has_labels());
    assert_eq!(spec.data.image_size, Some(8));
}
