use super::super::testing::{ModelBuilder, float, graph, int, ints};
use super::*;

fn ramp(shape: &[usize]) -> Array {
    let count = shape.iter().product::<usize>();
    Array::f32(shape, (0..count).map(|at| ((at * 37 + 11) % 23) as f32 / 7.0 - 1.5).collect())
}

/// Convolution by definition, with groups, for one image.
fn convolution(x: &Array, w: &Array, groups: usize, stride: usize, pad: usize) -> Vec<f32> {
    let (c, h, width) = (x.shape[1], x.shape[2], x.shape[3]);
    let (filters, each, k) = (w.shape[0], w.shape[1], w.shape[2]);
    let (x, w) = (x.as_f32().unwrap(), w.as_f32().unwrap());
    let size = |size: usize| (size + 2 * pad - k) / stride + 1;
    let mut out = Vec::new();
    for f in 0..filters {
        for (oy, ox) in (0..size(h)).flat_map(|y| (0..size(width)).map(move |x| (y, x))) {
            let mut sum = 0.0;
            for i in 0..each {
                let channel = f / (filters / groups) * (c / groups) + i;
                for (ky, kx) in (0..k).flat_map(|y| (0..k).map(move |x| (y, x))) {
                    let (y, xx) =
                        ((oy * stride + ky) as i64 - pad as i64, (ox * stride + kx) as i64 - pad as i64);
                    if (0..h as i64).contains(&y) && (0..width as i64).contains(&xx) {
                        let place = (channel * h + y as usize) * width + xx as usize;
                        sum += x[place] * w[((f * each + i) * k + ky) * k + kx];
                    }
                }
            }
            out.push(sum);
        }
    }
    out
}

#[test]
fn convolutions_of_every_grouping_are_their_definition() {
    for (channels, filters, groups, kernel, stride, pad) in [
        (4, 6, 1, 3, 1, 1),
        (4, 6, 2, 3, 2, 1),
        (4, 4, 4, 3, 1, 1),
        (4, 8, 4, 5, 2, 2),
        (4, 6, 1, 1, 1, 0),
        (4, 6, 1, 1, 2, 0),
    ] {
        let shape = [filters, channels / groups, kernel, kernel];
        let model = ModelBuilder::new(13)
            .input("x", &["1", &channels.to_string(), "9", "8"])
            .weights("w", &shape, 3)
            .node(
                "Conv",
                &["x", "w"],
                "y",
                vec![
                    int("group", groups as i64),
                    ints("strides", &[stride as i64; 2]),
                    ints("pads", &[pad as i64; 4]),
                ],
            )
            .output("y", &["1", &filters.to_string(), "", ""])
            .build();
        let x = ramp(&[1, channels, 9, 8]);
        let w = Array::from_proto(&model.graph().initializer[0]).unwrap();
        let found = &Runner::new(&model).unwrap().run(&[("x", x.clone())], &["y"]).unwrap()["y"];
        let expected = convolution(&x, &w, groups, stride, pad);
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.as_f32().unwrap().iter().zip(&expected) {
            assert!(
                (found - expected).abs() <= 1e-5 * (1.0 + expected.abs()),
                "{shape:?}: {found} {expected}"
            );
        }
    }
}

/// Two branches of one value, so that neither may change it in place.
fn branches() -> Model {
    ModelBuilder::new(13)
        .input("x", &["N", "2"])
        .node("Relu", &["x"], "r", vec![])
        .node("LeakyRelu", &["r"], "l", vec![float("alpha", 0.5)])
        .node("Neg", &["r"], "n", vec![])
        .node("Add", &["n", "n"], "a", vec![])
        .node("Nobody", &["x"], "odd", vec![])
        .output("a", &["N", "2"])
        .output("odd", &[])
        .build()
}

#[test]
fn any_value_may_be_wanted_and_only_what_is_wanted_runs() {
    let runner = Runner::new(&branches()).unwrap();
    let x = Array::f32([2, 2], vec![1.0, -2.0, 3.0, -4.0]);
    let values = runner.run(&[("x", x.clone())], &["a", "r", "x"]).unwrap();
    assert_eq!(values["a"].as_f32().unwrap(), [-2.0, 0.0, -6.0, 0.0]);
    assert_eq!(values["r"].as_f32().unwrap(), [1.0, 0.0, 3.0, 0.0]);
    assert_eq!(values["x"], x);
    let error = runner.run(&[("x", x)], &["odd"]).unwrap_err().to_string();
    assert_eq!(
        error,
        "Nobody `odd` with inputs of shape [2, 2] cannot be run: the operator is not computed here"
    );
}

#[test]
fn inputs_that_do_not_fit_are_named() {
    let runner = Runner::new(&branches()).unwrap();
    let error = |inputs: &[(&str, Array)]| runner.run(inputs, &["a"]).unwrap_err().to_string();
    assert_eq!(error(&[]), "input `x` is missing; the graph reads `x`");
    assert_eq!(
        error(&[("x", ramp(&[2, 3]))]),
        "input `x` is of shape [N, 2] and element type 1, but got [2, 3] and 1"
    );
    assert_eq!(error(&[("z", ramp(&[2]))]), "the graph has no input `z`; it reads `x`");
    let none = runner.run(&[("x", ramp(&[1, 2]))], &["nothing"]).unwrap_err();
    assert_eq!(none.to_string(), "the graph has no value `nothing`");
}

#[test]
fn a_constant_of_half_precision_is_named() {
    let mut model =
        ModelBuilder::new(13).input("x", &["2"]).node("Relu", &["x"], "y", vec![]).output("y", &["2"]);
    let half = super::super::proto::TensorProto {
        name: "w".into(),
        dims: vec![2],
        data_type: element::FLOAT16,
        int32_data: vec![0x3c00, 0x4000],
        ..Default::default()
    };
    model.graph().initializer.push(half);
    let model = model.node("Mul", &["y", "w"], "z", vec![]).output("z", &["2"]).build();
    let error = Runner::new(&model).unwrap().run(&[("x", ramp(&[2]))], &["z"]).unwrap_err().to_string();
    assert_eq!(error, "constant `w` has elements of type 10, which are not computed with");
}

#[test]
fn a_branch_reads_values_around_it() {
    let branch = |op: &str| {
        let inner = ModelBuilder::new(13).node(op, &["x"], "inner", vec![]).output("inner", &[]);
        graph(if op == "Relu" { "then_branch" } else { "else_branch" }, inner.proto.graph.unwrap())
    };
    let model = ModelBuilder::new(13)
        .input("x", &["2"])
        .node("ReduceMax", &["x"], "top", vec![int("keepdims", 0)])
        .constant("one", &Array::f32([], vec![1.0]))
        .node("Greater", &["top", "one"], "large", vec![])
        .node("If", &["large"], "y", vec![branch("Relu"), branch("Neg")])
        .output("y", &["2"])
        .build();
    let runner = Runner::new(&model).unwrap();
    let run = |values: Vec<f32>| runner.run(&[("x", Array::f32([2], values))], &["y"]).unwrap()["y"].clone();
    assert_eq!(run(vec![-1.0, 2.0]).as_f32().unwrap(), [0.0, 2.0]);
    assert_eq!(run(vec![-1.0, 0.5]).as_f32().unwrap(), [1.0, -0.5]);
}
