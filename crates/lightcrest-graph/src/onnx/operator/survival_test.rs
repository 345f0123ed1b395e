//! Whatever a node asks for, an operator answers or declines; it never panics.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use rand::{Rng, RngExt, SeedableRng};

use super::super::array::{Array, Data};
use super::super::proto::{AttributeKind, AttributeProto, NodeProto};
use super::{Fact, Number, Operands, Site, compute, infer};

/// The names in the table.
fn names() -> Vec<&'static str> {
    let text = include_str!("table.rs").split('"').skip(1).step_by(2);
    text.filter(|name| name.chars().all(char::is_alphanumeric) && super::find(name).is_some()).collect()
}

const INTS: &[&str] = &[
    "axis",
    "group",
    "keepdims",
    "ceil_mode",
    "count_include_pad",
    "transA",
    "transB",
    "num_groups",
    "blocksize",
    "block_size",
    "to",
    "training_mode",
    "allowzero",
    "batch_dims",
    "size",
    "p",
    "storage_order",
    "k",
    "largest",
    "select_last_index",
    "exclusive",
    "reverse",
    "upper",
    "noop_with_empty_axes",
    "start",
    "end",
    "num_outputs",
    "hidden_size",
    "layout",
    "linear_before_reset",
    "output_height",
    "output_width",
    "broadcast",
    "fmod",
    "antialias",
    "exclude_outside",
    "dtype",
    "output_dtype",
    "detect_negative",
];
const LISTS: &[&str] = &[
    "axes",
    "pads",
    "strides",
    "dilations",
    "kernel_shape",
    "output_padding",
    "output_shape",
    "perm",
    "shape",
    "split",
    "starts",
    "ends",
    "steps",
    "paddings",
    "pooled_shape",
];
const TEXTS: &[(&str, &[&str])] = &[
    ("auto_pad", &["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", "odd"]),
    ("mode", &["constant", "reflect", "edge", "wrap", "nearest", "linear", "cubic", "CRD", "odd"]),
    (
        "coordinate_transformation_mode",
        &["align_corners", "asymmetric", "tf_crop_and_resize", "half_pixel_symmetric"],
    ),
    ("keep_aspect_ratio_policy", &["stretch", "not_larger", "not_smaller"]),
    ("reduction", &["none", "add", "mul", "max"]),
    ("direction", &["forward", "reverse", "bidirectional", "RIGHT"]),
    ("approximate", &["none", "tanh"]),
];

fn number(rng: &mut impl Rng) -> i64 {
    match rng.random_range(0..40) {
        0 => i64::MAX,
        1 => i64::MIN,
        2 => 1 << 40,
        3 => -(1 << 33),
        _ => rng.random_range(-3..6),
    }
}

fn array(rng: &mut impl Rng) -> Array {
    let rank = rng.random_range(0..6);
    let shape: Vec<usize> = (0..rank).map(|_| [1, 2, 3, 4, 4, 0][rng.random_range(0..6)]).collect();
    let count = shape.iter().product();
    let data = match rng.random_range(0..8) {
        0 => Data::F64((0..count).map(|_| rng.random_range(-3.0..3.0)).collect()),
        1 | 2 => Data::I64((0..count).map(|_| number(rng)).collect()),
        3 => Data::I32((0..count).map(|_| number(rng) as i32).collect()),
        4 => Data::I8((0..count).map(|_| number(rng) as i8).collect()),
        5 => Data::U8((0..count).map(|_| number(rng) as u8).collect()),
        6 => Data::Bool((0..count).map(|_| rng.random_range(0..2) == 1).collect()),
        _ => Data::F32((0..count).map(|_| rng.random_range(-3.0..3.0)).collect()),
    };
    Array { shape, data }
}

/// Maps, and what is read beside them, of sizes that often fit.
fn fitting(rng: &mut impl Rng) -> Vec<Option<Array>> {
    let floats = |shape: &[usize]| Array::f32(shape, vec![0.5; shape.iter().product()]);
    let list = |rng: &mut _, count: usize| Array::i64((0..count).map(|_| number(rng)).collect());
    let second = match rng.random_range(0..5) {
        0 => floats(&[4, 4, 3, 3]),
        1 => floats(&[4]),
        2 => list(rng, 4),
        3 => floats(&[5, 2]),
        _ => floats(&[2, 1, 2, 2]),
    };
    let rest = (0..3).map(|_| match rng.random_range(0..3) {
        0 => Some(floats(&[4])),
        1 => Some(list(rng, 4)),
        _ => None,
    });
    [Some(floats(&[2, 4, 5, 5])), Some(second)].into_iter().chain(rest).collect()
}

fn node(rng: &mut impl Rng, name: &str, inputs: &[Option<Array>]) -> NodeProto {
    let mut attribute = Vec::new();
    let plain = |name: &str, kind: AttributeKind| AttributeProto {
        name: name.into(),
        r#type: kind.into(),
        ..Default::default()
    };
    for name in INTS {
        if rng.random_range(0..6) == 0 {
            attribute.push(AttributeProto { i: Some(number(rng)), ..plain(name, AttributeKind::Int) });
        }
    }
    for name in LISTS {
        if rng.random_range(0..4) == 0 {
            let count = [1, 2, 2, 4, 4, 8, 0][rng.random_range(0..7)];
            let ints = (0..count).map(|_| number(rng)).collect();
            attribute.push(AttributeProto { ints, ..plain(name, AttributeKind::Ints) });
        }
    }
    for (name, texts) in TEXTS {
        if rng.random_range(0..3) == 0 {
            let text = texts[rng.random_range(0..texts.len())];
            attribute.push(AttributeProto { s: Some(text.into()), ..plain(name, AttributeKind::String) });
        }
    }
    let given = |(slot, array): (usize, &Option<Array>)| {
        array.as_ref().map_or_else(String::new, |_| format!("i{slot}"))
    };
    NodeProto {
        op_type: name.into(),
        input: inputs.iter().enumerate().map(given).collect(),
        output: (0..rng.random_range(1..4)).map(|slot| format!("o{slot}")).collect(),
        attribute,
        ..Default::default()
    }
}

#[test]
fn no_operator_panics_whatever_it_is_asked() {
    let names = names();
    assert!(names.len() > 120, "{}", names.len());
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
    let mut computed = 0;
    for turn in 0..40 * names.len() {
        let name = names[turn % names.len()];
        let inputs: Vec<Option<Array>> = if rng.random_range(0..2) == 0 {
            fitting(&mut rng)
        } else {
            (0..rng.random_range(0..6))
                .map(|_| (rng.random_range(0..6) > 0).then(|| array(&mut rng)))
                .collect()
        };
        let node = node(&mut rng, name, &inputs);
        let opset = [1, 6, 9, 11, 13, 18, 21][rng.random_range(0..7)];
        // What is known of an input: all, a list with free numbers, its shape, nothing.
        let facts: Vec<Option<Fact>> = inputs
            .iter()
            .map(|array| {
                let array = array.as_ref()?;
                let whole = Fact::constant(Arc::new(array.clone()));
                let sizes = whole.shape.clone().unwrap_or_default();
                Some(match (rng.random_range(0..5), array.to_i64()) {
                    (0, Some(numbers)) if sizes.len() < 2 => {
                        let free =
                            |value: i64| if value % 2 == 0 { Number::Unknown } else { Number::Known(value) };
                        Fact::numbers(numbers.into_iter().map(free).collect(), sizes)
                    }
                    (1, _) => Fact::new(whole.element, sizes),
                    (2, _) => Fact::default(),
                    _ => whole,
                })
            })
            .collect();
        let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
        let operands = inputs.iter().map(|array| array.as_ref().map(Cow::Borrowed)).collect();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _ = infer(&Site { node: &node, opset }, &facts);
            compute(&Site { node: &node, opset }, &mut Operands::new(operands)).is_ok()
        }));
        let shapes: Vec<_> =
            inputs.iter().map(|a| a.as_ref().map(|a| (a.element(), a.shape.clone()))).collect();
        assert!(outcome.is_ok(), "opset {opset}, inputs {shapes:?}, {node:?}");
        computed += usize::from(outcome.unwrap_or(false));
    }
    assert!(computed > 400, "only {computed} were computed");
}
