use super::super::testing::{ModelBuilder, int, ints};
use super::*;

fn text(facts: &Facts, value: &str) -> String {
    facts.shape(value).map_or_else(|| "?".into(), bracketed)
}

fn list(values: &[i64]) -> Array {
    Array::i64(values.to_vec())
}

/// A convolution, its map flattened by a shape that is computed with a free batch.
fn flattened() -> ModelBuilder {
    ModelBuilder::new(13)
        .input("x", &["N", "3", "32", "32"])
        .weights("w", &[8, 3, 3, 3], 1)
        .node("Conv", &["x", "w"], "c", vec![ints("strides", &[2, 2]), ints("pads", &[1, 1, 1, 1])])
        .node("Shape", &["c"], "s", vec![])
        .constant("zero", &Array { shape: vec![], data: super::super::array::Data::I64(vec![0]) })
        .node("Gather", &["s", "zero"], "n", vec![])
        .constant("axes", &list(&[0]))
        .node("Unsqueeze", &["n", "axes"], "n1", vec![])
        .constant("rest", &list(&[-1]))
        .node("Concat", &["n1", "rest"], "target", vec![int("axis", 0)])
        .node("Reshape", &["c", "target"], "y", vec![])
        .output("y", &["N", "2048"])
}

#[test]
fn a_free_batch_passes_through_a_computed_shape() {
    let facts = Facts::infer(&flattened().build()).unwrap();
    assert_eq!(text(&facts, "c"), "[N, 8, 16, 16]");
    assert_eq!(text(&facts, "y"), "[N, 2048]");
    assert_eq!(facts.known_shape("y"), None);
    assert_eq!(facts.element("target"), Some(super::super::proto::element::INT64));
}

#[test]
fn given_sizes_replace_free_ones_and_make_constants() {
    let shapes = HashMap::from([("x".to_string(), vec![4, 3, 32, 32])]);
    let facts = Facts::infer_with(&flattened().build(), &shapes).unwrap();
    assert_eq!(facts.known_shape("y"), Some(vec![4, 2048]));
    assert_eq!(facts.constant("target"), Some(&list(&[4, -1])));
}

#[test]
fn channel_shuffle_with_computed_shapes_keeps_every_size() {
    let scalar = |value| Array { shape: vec![], data: super::super::array::Data::I64(vec![value]) };
    let model = ModelBuilder::new(13)
        .input("x", &["", "116", "28", "28"])
        .constant("zero", &scalar(0))
        .constant("one", &scalar(1))
        .constant("two", &scalar(2))
        .constant("axes", &list(&[0]))
        .constant("groups", &list(&[2]))
        .constant("hw", &list(&[28, 28]))
        .constant("rest", &list(&[-1]))
        .node("Shape", &["x"], "s", vec![])
        .node("Gather", &["s", "zero"], "n", vec![])
        .node("Gather", &["s", "one"], "c", vec![])
        .node("Div", &["c", "two"], "half", vec![])
        .node("Unsqueeze", &["n", "axes"], "n1", vec![])
        .node("Unsqueeze", &["half", "axes"], "half1", vec![])
        .node("Concat", &["n1", "groups", "half1", "hw"], "apart", vec![int("axis", 0)])
        .node("Reshape", &["x", "apart"], "five", vec![])
        .node("Transpose", &["five"], "swapped", vec![ints("perm", &[0, 2, 1, 3, 4])])
        .node("Concat", &["n1", "rest", "hw"], "together", vec![int("axis", 0)])
        .node("Reshape", &["swapped", "together"], "y", vec![])
        .output("y", &["", "116", "28", "28"])
        .build();
    let facts = Facts::infer(&model).unwrap();
    // A free size without a name gets one, and keeps it.
    assert_eq!(text(&facts, "five"), "[x.0, 2, 58, 28, 28]");
    assert_eq!(text(&facts, "y"), "[x.0, 116, 28, 28]");
}

#[test]
fn what_cannot_be_is_an_error_that_names_the_node_and_the_shapes() {
    let model = ModelBuilder::new(13)
        .input("x", &["N", "4", "8", "8"])
        .weights("w", &[8, 3, 3, 3], 1)
        .node("Conv", &["x", "w"], "y", vec![])
        .output("y", &["N", "8", "6", "6"])
        .build();
    let error = Facts::infer(&model).unwrap_err().to_string();
    assert_eq!(
        error,
        "Conv `y` with inputs of shape [N, 4, 8, 8], [8, 3, 3, 3]: 4 channels are read, but the weight asks \
         for 3 in each of 1 groups"
    );
    let shapes = HashMap::from([("z".to_string(), vec![1])]);
    let error = Facts::infer_with(&model, &shapes).unwrap_err().to_string();
    assert_eq!(error, "the graph has no input `z`; its inputs are `x`");
}

#[test]
fn what_is_not_known_here_is_taken_from_the_file_and_never_against_inference() {
    let mut model = ModelBuilder::new(13)
        .input("x", &["N", "4", "8", "8"])
        .node("NobodyKnows", &["x"], "u", vec![])
        .node("Relu", &["u"], "y", vec![])
        .node("Relu", &["x"], "z", vec![])
        .output("u", &["N", "7"])
        .output("y", &["N", "7"])
        .output("z", &["N", "4", "99", "8"])
        .build();
    let facts = Facts::infer(&model).unwrap();
    assert_eq!(text(&facts, "u"), "[N, 7]");
    assert_eq!(text(&facts, "y"), "[N, 7]");
    assert_eq!(text(&facts, "z"), "[N, 4, 8, 8]");
    // A custom domain is not the standard's `Relu`.
    model.graph_mut().node[2].domain = "com.example".into();
    let facts = Facts::infer(&model).unwrap();
    assert_eq!(text(&facts, "z"), "[N, 4, 99, 8]");
    // Where another size is given than the file fixes, what it says of values behind is void.
    let shapes = HashMap::from([("x".to_string(), vec![1, 4, 9, 8])]);
    let facts = Facts::infer_with(&model, &shapes).unwrap();
    assert_eq!(text(&facts, "u"), "?");
}

#[test]
fn constants_are_computed_unless_they_grow_out_of_nothing() {
    let model = ModelBuilder::new(13)
        .input("x", &["N"])
        .weights("w", &[40, 30], 1)
        .node("Transpose", &["w"], "t", vec![])
        .constant("large", &list(&[4096, 4096]))
        .node("ConstantOfShape", &["large"], "zeros", vec![])
        .node("Identity", &["x"], "y", vec![])
        .output("y", &["N"])
        .build();
    let facts = Facts::infer(&model).unwrap();
    let (w, t) = (facts.constant("w").unwrap(), facts.constant("t").unwrap());
    assert_eq!(t.shape, [30, 40]);
    assert_eq!(t.as_f32().unwrap()[1], w.as_f32().unwrap()[30]);
    assert_eq!(facts.known_shape("zeros"), Some(vec![4096, 4096]));
    assert!(facts.constant("zeros").is_none());
}
