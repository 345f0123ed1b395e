//! Each module: its shape, its parameters and MACs counted by hand, and its residual when and only when it
//! should.
//!
//! In the sums, `bn(c)` is 2c: the scale and shift of batch normalisation.

use lightcrest_graph::network::{Activation, ChannelConv, Network, NetworkError, Op, Shape, Slice};
use serde_json::{Map, Value, json};

use super::{Module, ModuleError, stage};

fn parse(name: &str, arguments: Value) -> Module {
    Module::parse(name, arguments.as_array().unwrap(), &Map::new()).unwrap()
}

/// A stage `s` alone on an image of `input`.
fn build(
    input: (usize, usize),
    name: &str,
    arguments: Value,
    repeat: usize,
) -> Result<Network, NetworkError> {
    let mut network = Network::new(Shape::new(input.0, input.1, input.1));
    stage(&mut network, "s", &parse(name, arguments), repeat, 0)?;
    Ok(network)
}

fn check(
    input: (usize, usize),
    name: &str,
    arguments: Value,
    output: (usize, usize),
    parameters: usize,
    macs: usize,
) -> Network {
    let network = build(input, name, arguments.clone(), 1).unwrap();
    let cost = network.cost();
    assert_eq!(network.output_shape(), Shape::new(output.0, output.1, output.1), "{name} {arguments}");
    assert_eq!(cost.parameters, parameters as u64, "parameters of {name} {arguments}");
    assert_eq!(cost.macs, macs as u64, "MACs of {name} {arguments}");
    network
}

fn has(network: &Network, path: &str) -> bool {
    network.find(path).is_some()
}

fn bn(channels: usize) -> usize {
    2 * channels
}

#[test]
fn conv() {
    let n = check((3, 8), "Conv", json!([16, 3, 2]), (16, 4), 27 * 16 + bn(16), 16 * 27 * 16);
    assert_eq!(n.find("s.0.act"), Some(n.output()));
    check((8, 8), "Conv", json!([16, 3, 1, null, 4]), (16, 8), 18 * 16 + bn(16), 64 * 18 * 16);
    check((3, 8), "Conv", json!([4, 5, 1, 0]), (4, 4), 75 * 4 + bn(4), 16 * 75 * 4);
    assert!(!has(
        &check((3, 8), "Conv", json!([4, 1, 1, null, 1, null]), (4, 8), 12 + bn(4), 64 * 12),
        "s.0.act"
    ));
    let n = build((3, 8), "Conv", json!([4, 1, 1, null, 1, "Hardswish"]), 1).unwrap();
    assert_eq!(n.nodes()[n.output()].op, Op::Activation(Activation::Hardswish));
}

#[test]
fn dw_conv() {
    check((16, 8), "DWConv", json!([16, 3, 2]), (16, 4), 9 * 16 + bn(16), 16 * 9 * 16);
    // gcd(16, 24) = 8 groups of 2 channels in
    check((16, 8), "DWConv", json!([24, 3]), (24, 8), 9 * 2 * 24 + bn(24), 64 * 9 * 2 * 24);
}

#[test]
fn separable_conv() {
    let weights = 25 * 8 + 8 * 16;
    check((8, 8), "SeparableConv", json!([16, 5, 2]), (16, 4), weights + bn(8) + bn(16), 16 * weights);
}

#[test]
fn bottleneck() {
    let weights = 16 * 8 + 9 * 8 * 16;
    let n = check((16, 8), "Bottleneck", json!([16]), (16, 8), weights + bn(8) + bn(16), 64 * weights);
    assert!(has(&n, "s.0.add"));
    assert!(!has(&build((16, 8), "Bottleneck", json!([24]), 1).unwrap(), "s.0.add"));
    assert!(!has(&build((16, 8), "Bottleneck", json!([16, false]), 1).unwrap(), "s.0.add"));
}

#[test]
fn basic_block() {
    let weights = 9 * 16 * 16 * 2;
    let n = check((16, 8), "BasicBlock", json!([16]), (16, 8), weights + 2 * bn(16), 64 * weights);
    assert!(!has(&n, "s.0.shortcut.conv"));
    let weights = 9 * 16 * 24 + 9 * 24 * 24 + 16 * 24;
    let n = check((16, 8), "BasicBlock", json!([24, 2]), (24, 4), weights + 3 * bn(24), 16 * weights);
    assert!(has(&n, "s.0.shortcut.conv"));
}

#[test]
fn inverted_residual_v2() {
    // hidden 24
    let (expand, depthwise, project) = (8 * 24, 9 * 24, 24 * 8);
    let parameters = expand + depthwise + project + 2 * bn(24) + bn(8);
    let n = check(
        (8, 8),
        "InvertedResidualv2",
        json!([8, 3]),
        (8, 8),
        parameters,
        64 * (expand + depthwise + project),
    );
    assert!(has(&n, "s.0.add"));
    let macs = 64 * expand + 16 * (depthwise + project);
    let n = check((8, 8), "InvertedResidualv2", json!([8, 3, 2]), (8, 4), parameters, macs);
    assert!(!has(&n, "s.0.add"));
    // expansion 1: no expanding convolution
    let weights = 9 * 8 + 8 * 16;
    let n = check(
        (8, 8),
        "InvertedResidualv2",
        json!([16, 1, 1]),
        (16, 8),
        weights + bn(8) + bn(16),
        64 * weights,
    );
    assert!(!has(&n, "s.0.expand.conv") && !has(&n, "s.0.add"));
    // hidden = round(8 * 2.4) = 19
    let n = build((8, 8), "InvertedResidualv2", json!([8, 2.4]), 1).unwrap();
    assert_eq!(n.shape(n.find("s.0.expand.conv").unwrap()).channels, 19);
}

#[test]
fn inverted_residual_v3() {
    // hidden = make_divisible(16 * 4.5) = 72, squeeze = make_divisible(18) = 24
    let (expand, depthwise, project) = (16 * 72, 25 * 72, 72 * 16);
    let excite = 2 * 72 * 24;
    let bare = expand + depthwise + project + 2 * bn(72) + bn(16);
    let macs = 64 * (expand + depthwise + project);
    let name = "InvertedResidualv3";
    let n =
        check((16, 8), name, json!([5, 4.5, 16, 1, 1, 1]), (16, 8), bare + excite + 24 + 72, macs + excite);
    assert!(has(&n, "s.0.add") && has(&n, "s.0.se.gate"));
    assert_eq!(n.nodes()[n.find("s.0.depthwise.act").unwrap()].op, Op::Activation(Activation::Hardswish));
    let n = check((16, 8), name, json!([5, 4.5, 16, false, false]), (16, 8), bare, macs);
    assert_eq!(n.nodes()[n.find("s.0.depthwise.act").unwrap()].op, Op::Activation(Activation::ReLU));
    let n = build((16, 8), name, json!([3, 1.0, 16, 0, 0, 2]), 1).unwrap();
    assert!(!has(&n, "s.0.expand.conv") && !has(&n, "s.0.add"));
}

#[test]
fn eca_inverted_residual() {
    // as InvertedResidualv2, and a kernel of 3 across 8 channels: (log2(8) + 1) / 2 = 2, made odd
    let weights = 8 * 24 + 9 * 24 + 24 * 8;
    let parameters = weights + 2 * bn(24) + bn(8) + 3;
    let n = check((8, 8), "ECAInvertedResidual", json!([8, 3]), (8, 8), parameters, 64 * weights + 3 * 8);
    assert!(has(&n, "s.0.add") && has(&n, "s.0.eca.scale"));
    for (channels, kernel) in [(16, 3), (64, 3), (128, 5), (256, 5), (512, 5), (1024, 5), (8192, 7)] {
        let n = build((8, 8), "ECAInvertedResidual", json!([channels, 1, 2]), 1).unwrap();
        assert_eq!(
            n.nodes()[n.find("s.0.eca.conv").unwrap()].op,
            Op::ChannelConv(ChannelConv { kernel }),
            "{channels}"
        );
    }
}

#[test]
fn mb_conv() {
    // hidden 48, squeeze 16 / 4
    let (expand, depthwise, project, excite) = (16 * 48, 25 * 48, 48 * 16, 2 * 48 * 4);
    let parameters = expand + depthwise + project + 2 * bn(48) + bn(16) + excite + 4 + 48;
    let macs = 64 * (expand + depthwise + project) + excite;
    assert!(has(&check((16, 8), "MBConv", json!([3, 16, 1, 5]), (16, 8), parameters, macs), "s.0.add"));
    let macs = 64 * expand + 16 * (depthwise + project) + excite;
    assert!(!has(&check((16, 8), "MBConv", json!([3, 16, 2, 5]), (16, 4), parameters, macs), "s.0.add"));
    assert!(!has(&build((16, 8), "MBConv", json!([1, 16, 1, 3]), 1).unwrap(), "s.0.expand.conv"));
}

#[test]
fn fused_mb_conv() {
    let (fused, project) = (9 * 16 * 32, 32 * 16);
    let parameters = fused + project + bn(32) + bn(16);
    let n = check((16, 8), "FusedMBConv", json!([2, 16]), (16, 8), parameters, 64 * (fused + project));
    assert!(has(&n, "s.0.add"));
    let n = check((16, 8), "FusedMBConv", json!([1, 24, 2]), (24, 4), 144 * 24 + bn(24), 16 * 144 * 24);
    assert!(!has(&n, "s.0.add") && !has(&n, "s.0.project.conv"));
}

#[test]
fn fire() {
    let weights = 16 * 8 + 8 * 24 + 9 * 8 * 32;
    check((16, 8), "Fire", json!([8, 24, 32]), (56, 8), weights + bn(8 + 24 + 32), 64 * weights);
}

#[test]
fn ghost_bottleneck() {
    // hidden 32: 16 by a 1x1 and 16 by a depthwise 3x3; then 8 and 8
    let up = 16 * 16 + 9 * 16;
    let down = 32 * 8 + 9 * 8;
    let parameters = up + down + 2 * bn(16) + 2 * bn(8);
    let n = check((16, 8), "GhostBottleneck", json!([3, 2, 16, 0, 1]), (16, 8), parameters, 64 * (up + down));
    assert!(!has(&n, "s.0.shortcut.depthwise.conv") && has(&n, "s.0.add"));
    // stride 2, squeeze 32 / 4, 17 channels: 9 by the 1x1, 9 cheap ones of which 8 stay
    let (middle, excite, down) = (9 * 32, 2 * 32 * 8, 32 * 9 + 9 * 9);
    let shortcut = 9 * 16 + 16 * 17;
    let normed = 2 * bn(16) + bn(32) + 2 * bn(9) + bn(16) + bn(17);
    let parameters = up + middle + excite + 8 + 32 + down + shortcut + normed;
    let macs = 64 * up + 16 * middle + excite + 16 * down + 16 * shortcut;
    check((16, 8), "GhostBottleneck", json!([3, 2, 17, 1, 2]), (17, 4), parameters, macs);
}

#[test]
fn shuffle_net_v2() {
    let weights = 8 * 8 + 9 * 8 + 8 * 8;
    let n = check((16, 8), "ShuffleNetV2", json!([16]), (16, 8), weights + 3 * bn(8), 64 * weights);
    assert!(matches!(n.nodes()[n.find("s.0.left").unwrap()].op, Op::Slice(Slice { start: 0, len: 8 })));
    // stride 2: left = depthwise on 16 and 1x1 to 12; right = 1x1 to 12 on the full map, depthwise, 1x1
    let left = 9 * 16 + 16 * 12;
    let (expand, right) = (16 * 12, 9 * 12 + 12 * 12);
    let parameters = left + expand + right + bn(16) + 4 * bn(12);
    let macs = 64 * expand + 16 * (left + right);
    check((16, 8), "ShuffleNetV2", json!([24, 2]), (24, 4), parameters, macs);
    let error = build((16, 8), "ShuffleNetV2", json!([15]), 1).unwrap_err();
    assert_eq!(error.to_string(), "module `s.0` (ShuffleNetV2): out_channels must be even, but is 15");
}

#[test]
fn heads_and_pools() {
    check((4, 8), "MaxPool", json!([3, 2, 1]), (4, 4), 0, 0);
    check((4, 8), "AvgPool", json!([2]), (4, 4), 0, 0);
    check((4, 8), "GlobalAvgPool", json!([]), (4, 1), 0, 0);
    check((4, 8), "Flatten", json!([]), (256, 1), 0, 0);
    check((4, 8), "Dropout", json!([0.5]), (4, 8), 0, 0);
    check((4, 1), "Linear", json!([10]), (10, 1), 50, 40);
    check((4, 1), "Linear", json!([10, null, false]), (10, 1), 40, 40);
    let n = build((4, 8), "Pass", json!([]), 3).unwrap();
    assert_eq!((n.nodes().len(), n.output_shape()), (1, Shape::new(4, 8, 8)));
    let error = build((4, 8), "Linear", json!([10]), 1).unwrap_err();
    assert!(error.to_string().contains("a vector is expected, 4x8x8 arrives"), "{error}");
}

/// Strides of the convolutions named `path` over a repeat of three.
fn strides(name: &str, arguments: Value, path: &str) -> Vec<usize> {
    let network = build((16, 32), name, arguments, 3).unwrap();
    (0..3)
        .map(|i| match &network.nodes()[network.find(&format!("s.{i}.{path}")).unwrap()].op {
            Op::Conv2d(conv) => conv.stride.0,
            op => panic!("{op:?}"),
        })
        .collect()
}

#[test]
fn a_repeat_has_its_stride_where_it_should() {
    assert_eq!(strides("Conv", json!([16, 3, 2]), "conv"), [1, 1, 2]);
    assert_eq!(strides("DWConv", json!([16, 3, 2]), "conv"), [1, 1, 2]);
    for (name, arguments, path) in [
        ("SeparableConv", json!([16, 3, 2]), "depthwise.conv"),
        ("BasicBlock", json!([16, 2]), "first.conv"),
        ("InvertedResidualv2", json!([16, 2, 2]), "depthwise.conv"),
        ("InvertedResidualv3", json!([3, 2, 16, 1, 1, 2]), "depthwise.conv"),
        ("ECAInvertedResidual", json!([16, 2, 2]), "depthwise.conv"),
        ("MBConv", json!([2, 16, 2]), "depthwise.conv"),
        ("FusedMBConv", json!([2, 16, 2]), "fused.conv"),
        ("ShuffleNetV2", json!([16, 2]), "right.depthwise.conv"),
    ] {
        assert_eq!(strides(name, arguments, path), [2, 1, 1], "{name}");
    }
    // The depthwise convolution of a ghost bottleneck is only there with a stride.
    let network = build((16, 32), "GhostBottleneck", json!([3, 2, 16, 0, 2]), 2).unwrap();
    assert!(has(&network, "s.0.depthwise.conv") && !has(&network, "s.1.depthwise.conv"));
    assert_eq!(build((4, 32), "MaxPool", json!([2]), 3).unwrap().output_shape(), Shape::new(4, 4, 4));
}

#[test]
fn a_repeated_bottleneck_widens_last() {
    let network = build((16, 8), "Bottleneck", json!([24]), 3).unwrap();
    let channels = |i: usize| network.shape(network.find(&format!("s.{i}.expand.act")).unwrap()).channels;
    assert_eq!([channels(0), channels(1), channels(2)], [16, 16, 24]);
    assert!(has(&network, "s.0.add") && has(&network, "s.1.add") && !has(&network, "s.2.add"));
}

#[test]
fn every_example_builds_scales_and_survives_json() {
    for name in Module::NAMES {
        let module = Module::example(name).unwrap();
        assert_eq!(&module.name(), name);
        let text = serde_json::to_string(&module).unwrap();
        assert_eq!(serde_json::from_str::<Module>(&text).unwrap(), module, "{text}");
        let fields = serde_json::to_value(&module).unwrap();
        let mut fields: Vec<&String> =
            fields.as_object().unwrap().keys().filter(|key| *key != "module").collect();
        let mut order = Module::arguments(name).unwrap().to_vec();
        fields.sort();
        order.sort_unstable();
        assert_eq!(fields, order, "the arguments of {name} are its fields");
        let mut network =
            Network::new(if *name == "Linear" { Shape::vector(16) } else { Shape::new(16, 8, 8) });
        stage(&mut network, "s", &module.scaled(&|channels| 2 * channels), 2, 0).unwrap();
    }
}

#[test]
fn width_scales_every_channel_number_but_the_classifier() {
    let half = |channels: usize| super::make_divisible(channels as f64 * 0.5, 8);
    let conv = parse("Conv", json!([64, 3])).scaled(&half);
    assert_eq!(conv, parse("Conv", json!([32, 3])));
    assert_eq!(parse("Fire", json!([16, 32, 64])).scaled(&half), parse("Fire", json!([8, 16, 32])));
    assert_eq!(parse("Linear", json!([10])).scaled(&half), parse("Linear", json!([10])));
}

fn error(name: &str, positional: Value, named: Value) -> String {
    Module::parse(name, positional.as_array().unwrap(), named.as_object().unwrap()).unwrap_err().to_string()
}

#[test]
fn short_names_stand_for_long_ones() {
    let named = json!({"k": 3, "t": 2.5, "c": 16, "SE": 1, "HS": 0, "s": 2});
    let module = Module::parse("InvertedResidualv3", &[], named.as_object().unwrap()).unwrap();
    assert_eq!(module, parse("InvertedResidualv3", json!([3, 2.5, 16, true, false, 2])));
    let named = json!({"out": 10});
    assert_eq!(
        Module::parse("Linear", &[], named.as_object().unwrap()).unwrap(),
        parse("Linear", json!([10]))
    );
}

#[test]
fn errors_name_the_argument_and_what_would_be_right() {
    assert_eq!(error("Convv", json!([]), json!({})), "unknown module `Convv`, did you mean `Conv`?");
    assert!(matches!(
        Module::parse("zzz", &[], &Map::new()),
        Err(ModuleError::Unknown { nearest: None, .. })
    ));
    assert_eq!(
        error("MBConv", json!([2, 16]), json!({"strde": 1})),
        "MBConv has no argument `strde`, did you mean `stride`?; it takes (expansion, out_channels, stride, kernel)"
    );
    assert_eq!(
        error("Conv", json!([16]), json!({})),
        "Conv: `kernel` is missing; it takes (out_channels, kernel, stride, padding, groups, activation)"
    );
    assert_eq!(error("Conv", json!([16, 3]), json!({"k": 5})), "Conv: `kernel` is given twice");
    assert!(error("Fire", json!([1, 2, 3, 4]), json!({})).starts_with("Fire takes at most 3 arguments"));
    let text = error("Conv", json!([16, "x"]), json!({}));
    assert!(text.starts_with("Conv: `kernel` = \"x\": invalid type"), "{text}");
    let text = error("Conv", json!([16, 3, 1, null, 1, "RELU"]), json!({}));
    assert!(text.starts_with("Conv: `activation` = \"RELU\": unknown variant"), "{text}");
    let text = error("InvertedResidualv3", json!([3, 2, 16, 2, 1]), json!({}));
    assert!(text.contains("`squeeze_excite` = 2: true, false, 1 or 0 is expected"), "{text}");
}

#[test]
fn impossible_sizes_are_errors() {
    for (name, arguments) in [
        ("Conv", json!([0, 3])),
        ("Conv", json!([16, 0])),
        ("Conv", json!([16, 3, 0])),
        ("Conv", json!([16, 3, 1, 0, 3])),
        ("Conv", json!([16, 1_000_000])),
        ("Conv", json!([1_000_000_000_000_000u64, 1])),
        ("Conv", json!([16, 9, 1, 0])),
        ("InvertedResidualv2", json!([8, 0])),
        ("InvertedResidualv2", json!([8, 1e30])),
        ("InvertedResidualv2", json!([8, -1])),
        ("Bottleneck", json!([8, 1, 1, 0.01])),
        ("ECAInvertedResidual", json!([8, 1, 1, 3, 2])),
        ("Dropout", json!([1.0])),
        ("MaxPool", json!([2, 2, 2])),
    ] {
        assert!(build((8, 8), name, arguments.clone(), 1).is_err(), "{name} {arguments}");
    }
}
