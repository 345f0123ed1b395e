use prost::Message;

use super::*;
use crate::onnx::Array;
use crate::onnx::proto::{
    AttributeKind, AttributeProto, Dimension, DimensionProto, GraphProto, ModelProto, OperatorSetIdProto,
    TensorShapeProto, TensorTypeProto, TypeProto, TypeValue, ValueInfoProto,
};

/// A graph under construction.
#[derive(Default)]
pub(super) struct Builder {
    pub(super) graph: GraphProto,
}

impl Builder {
    fn value(name: &str, channels: i64) -> ValueInfoProto {
        let dim = |value| DimensionProto { value: Some(value), ..Default::default() };
        let shape = vec![
            dim(Dimension::Param("N".into())),
            dim(Dimension::Value(channels)),
            dim(Dimension::Value(4)),
            dim(Dimension::Value(4)),
        ];
        let tensor =
            TensorTypeProto { elem_type: element::FLOAT, shape: Some(TensorShapeProto { dim: shape }) };
        ValueInfoProto {
            name: name.into(),
            r#type: Some(TypeProto { value: Some(TypeValue::Tensor(tensor)), ..Default::default() }),
            ..Default::default()
        }
    }

    pub(super) fn new(channels: i64) -> Self {
        let mut graph = Self::default();
        graph.graph.input.push(Self::value("x", channels));
        graph
    }

    /// A node of that name, which is also the name of its output.
    pub(super) fn node(
        &mut self,
        name: &str,
        operator: &str,
        inputs: &[&str],
        ints: &[(&str, &[i64])],
    ) -> &mut Self {
        let attribute = |&(name, values): &(&str, &[i64])| AttributeProto {
            name: name.into(),
            i: (values.len() == 1).then(|| values[0]),
            ints: if values.len() == 1 { vec![] } else { values.to_vec() },
            r#type: (if values.len() == 1 { AttributeKind::Int } else { AttributeKind::Ints }) as i32,
            ..Default::default()
        };
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|name| name.to_string()).collect(),
            output: vec![name.into()],
            name: name.into(),
            op_type: operator.into(),
            attribute: ints.iter().map(attribute).collect(),
            ..Default::default()
        });
        self
    }

    pub(super) fn constant(&mut self, name: &str, array: Array) -> &mut Self {
        self.graph.initializer.push(array.to_proto(name));
        self
    }

    /// A 1x1 convolution whose filters grow with their place, the first being the least.
    fn conv(&mut self, name: &str, x: &str, inputs: usize, outputs: usize, groups: usize) -> &mut Self {
        let each = inputs / groups;
        let values = (0..outputs * each).map(|at| 1.0 + (at / each) as f32 + 0.01 * (at % each) as f32);
        let weight = format!("{name}.weight");
        self.constant(&weight, Array::f32(vec![outputs, each, 1, 1], values.collect()));
        self.node(name, "Conv", &[x, &weight], &[("group", &[groups as i64])])
    }

    pub(super) fn model(&mut self, output: &str, channels: i64) -> Model {
        self.graph.output.push(Self::value(output, channels));
        Model::new(ModelProto {
            ir_version: 8,
            graph: Some(std::mem::take(&mut self.graph)),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
            ..Default::default()
        })
        .unwrap()
    }
}

fn half(model: &Model) -> (Model, PruneReport) {
    prune(model, &PruneConfig::default()).unwrap()
}

fn array(model: &Model, name: &str) -> Array {
    let tensor = model.graph().initializer.iter().find(|tensor| tensor.name == name);
    Array::from_proto(tensor.unwrap()).unwrap()
}

#[test]
fn the_least_filters_go_and_with_them_what_reads_them() {
    let mut graph = Builder::new(4);
    graph.conv("a", "x", 4, 8, 1).node("r", "Relu", &["a"], &[]).conv("b", "r", 8, 4, 1);
    let (pruned, report) = half(&graph.model("b", 4));
    assert_eq!(array(&pruned, "a.weight").shape, [4, 4, 1, 1]);
    assert_eq!(array(&pruned, "a.weight").as_f32().unwrap()[0], 5.0);
    assert_eq!(array(&pruned, "b.weight").shape, [4, 4, 1, 1]);
    assert_eq!((report.layers[0].outputs_before, report.layers[0].outputs_after), (8, 4));
    assert_eq!(report.layers[1].left_alone.as_deref(), Some("its channels are the output `b`"));
    assert_eq!((report.macs_before, report.macs_after), (Some(1024), Some(512)));
    assert_eq!((report.parameters_before, report.parameters_after), (64, 32));
}

#[test]
fn of_equal_channels_the_last_go() {
    let mut graph = Builder::new(4);
    graph.conv("a", "x", 4, 8, 1).conv("b", "a", 8, 4, 1);
    let mut model = graph.model("b", 4);
    let bias = Array::f32(vec![8], (0..8u8).map(f32::from).collect());
    for (tensor, size) in model.graph_mut().initializer.iter_mut().zip([32, 32]) {
        *tensor = Array::f32(tensor.dims.iter().map(|&n| n as usize).collect::<Vec<_>>(), vec![1.0; size])
            .to_proto(&tensor.name);
    }
    model.graph_mut().initializer.push(bias.to_proto("a.bias"));
    model.graph_mut().node[0].input.push("a.bias".into());
    let (pruned, _) = half(&model);
    assert_eq!(array(&pruned, "a.bias").as_f32().unwrap(), [0.0, 1.0, 2.0, 3.0]);
}

#[test]
fn a_tensor_joined_with_itself_loses_both_halves() {
    let mut graph = Builder::new(4);
    graph
        .conv("a", "x", 4, 8, 1)
        .node("c", "Concat", &["a", "a"], &[("axis", &[1])])
        .conv("b", "c", 16, 4, 1);
    let (pruned, _) = half(&graph.model("b", 4));
    assert_eq!(array(&pruned, "b.weight").shape, [4, 8, 1, 1]);
    // Of the first filter of 16 numbers, those of channels 4 to 7 of each half are left.
    let left = array(&pruned, "b.weight").as_f32().unwrap()[..8].to_vec();
    let expected = [4, 5, 6, 7, 12, 13, 14, 15].map(|at| 1.0 + 0.01 * at as f32);
    assert_eq!(left, expected);
}

#[test]
fn a_shuffle_becomes_the_permutation_of_what_is_left() {
    let mut graph = Builder::new(4);
    graph.conv("a", "x", 4, 8, 1);
    graph.constant("split", Array::i64(vec![0, 2, 4, 4, 4])).constant("join", Array::i64(vec![0, 8, 4, 4]));
    graph.node("s", "Reshape", &["a", "split"], &[]).node(
        "t",
        "Transpose",
        &["s"],
        &[("perm", &[0, 2, 1, 3, 4])],
    );
    graph.node("j", "Reshape", &["t", "join"], &[]).conv("b", "j", 8, 4, 1);
    let (pruned, _) = half(&graph.model("b", 4));
    // Channels 4 to 7 are left, the second row of the shuffle; places 1, 3, 5 and 7 of its output.
    let nodes: Vec<&str> = pruned.graph().node.iter().map(|node| node.op_type.as_str()).collect();
    assert_eq!(nodes, ["Conv", "Gather", "Conv"]);
    let order = array(&pruned, &pruned.graph().node[1].input[1]);
    assert_eq!(order.to_i64().unwrap(), [0, 1, 2, 3]);
    let left = array(&pruned, "b.weight").as_f32().unwrap()[..4].to_vec();
    assert_eq!(left, [1, 3, 5, 7].map(|at| 1.0 + 0.01 * at as f32));
}

#[test]
fn whole_groups_of_a_depthwise_convolution_go() {
    let mut graph = Builder::new(4);
    graph.conv("a", "x", 4, 8, 1).conv("d", "a", 8, 16, 8).conv("b", "d", 16, 4, 1);
    let (pruned, report) = half(&graph.model("b", 4));
    assert_eq!(array(&pruned, "d.weight").shape, [8, 1, 1, 1]);
    assert_eq!(pruned.graph().node[1].int("group"), Some(4));
    assert_eq!(report.layers[2].inputs_after, 8);
}

#[test]
fn a_barrier_keeps_what_it_reads_and_is_named() {
    let mut graph = Builder::new(4);
    graph
        .conv("a", "x", 4, 8, 1)
        .conv("b", "a", 8, 8, 1)
        .node("odd", "Odd", &["b"], &[])
        .conv("c", "odd", 8, 4, 1);
    let mut model = graph.model("c", 4);
    model.graph_mut().node[2].domain = "custom".into();
    let (pruned, report) = half(&model);
    assert_eq!(array(&pruned, "b.weight").shape, [8, 4, 1, 1]);
    assert_eq!(report.warnings, ["`odd` (custom:Odd) is not crossed"]);
    assert_eq!(report.layers[1].left_alone.as_deref(), Some("`odd` (custom:Odd) is not crossed"));
}

#[test]
fn shared_biases_do_not_tie_layers() {
    let mut graph = Builder::new(4);
    graph.constant("zero", Array::f32(vec![8], vec![0.0; 8]));
    graph.conv("a", "x", 4, 8, 1).conv("b", "a", 8, 8, 1).conv("c", "b", 8, 4, 1);
    let mut model = graph.model("c", 4);
    for node in &mut model.graph_mut().node[..2] {
        node.input.push("zero".into());
    }
    // The order of importance of `b` is turned round: channels that were tied would show it.
    let tensor = model.graph().initializer.iter().position(|tensor| tensor.name == "b.weight").unwrap();
    let mut weight = array(&model, "b.weight");
    if let crate::onnx::Data::F32(values) = &mut weight.data {
        values.reverse();
    }
    model.graph_mut().initializer[tensor] = weight.to_proto("b.weight");
    let (pruned, _) = half(&model);
    // Both still share one bias of zeros.
    assert_eq!(pruned.graph().node[0].input[2], pruned.graph().node[1].input[2]);
    assert_eq!(array(&pruned, "zero").shape, [4]);
    assert_eq!(array(&pruned, "a.weight").as_f32().unwrap()[0], 5.0);
    assert_eq!(array(&pruned, "c.weight").as_f32().unwrap()[0], 1.0);
}

#[test]
fn unknown_layers_are_refused_with_the_nearest_names() {
    let mut graph = Builder::new(4);
    graph.conv("conv1", "x", 4, 8, 1).conv("conv2", "conv1", 8, 4, 1);
    let model = graph.model("conv2", 4);
    let keep = |name: &str| PruneConfig { keep: vec![name.into()], ..Default::default() };
    let error = prune(&model, &keep("conv11")).unwrap_err();
    assert_eq!(error.to_string(), "the model has no layer `conv11`; the nearest names are `conv1`, `conv2`");
    let (pruned, report) = prune(&model, &keep("conv1")).unwrap();
    assert_eq!(pruned, model);
    assert!(report.is_empty());
    assert_eq!(report.layers[0].left_alone.as_deref(), Some("`conv1` is to be kept"));
}

#[test]
fn a_ratio_that_leaves_all_or_nothing_is_refused() {
    let model = Builder::new(4).conv("a", "x", 4, 8, 1).model("a", 8);
    for ratio in [0.0, 1.0, -0.5, f64::NAN] {
        let error = prune(&model, &PruneConfig { ratio, ..Default::default() }).unwrap_err();
        assert!(matches!(error, PruneError::Ratio { .. }), "{error}");
    }
}

#[test]
fn a_share_of_multiply_accumulates_is_reached_from_below() {
    let mut graph = Builder::new(16);
    graph.conv("a", "x", 16, 64, 1).conv("b", "a", 64, 64, 1).conv("c", "b", 64, 16, 1);
    let model = graph.model("c", 16);
    let config = PruneConfig { macs: Some(0.4), ..Default::default() };
    let (_, report) = prune(&model, &config).unwrap();
    let share = report.macs_after.unwrap() as f64 / report.macs_before.unwrap() as f64;
    assert!((0.37..=0.4).contains(&share), "{share}");
}

#[test]
fn groups_take_shares_of_their_own() {
    let mut graph = Builder::new(4);
    graph.conv("a", "x", 4, 8, 1).conv("b", "a", 8, 8, 1).conv("c", "b", 8, 4, 1);
    let model = graph.model("c", 4);
    let names: Vec<String> = groups(&model, &[]).unwrap().into_iter().map(|group| group.name).collect();
    assert_eq!(names, ["a", "b"]);
    let ratios = BTreeMap::from([("a".to_string(), 0.25), ("b".to_string(), 0.0)]);
    let (pruned, _) = prune(&model, &PruneConfig { ratios, ..Default::default() }).unwrap();
    assert_eq!(array(&pruned, "b.weight").shape, [8, 6, 1, 1]);
    // Nothing of every group is nothing at all.
    let ratios = BTreeMap::from([("a".to_string(), 0.0), ("b".to_string(), 0.0)]);
    let (same, report) = prune(&model, &PruneConfig { ratios, ..Default::default() }).unwrap();
    assert_eq!(same, model);
    assert!(report.is_empty());
}

#[test]
fn steps_end_where_one_would_and_write_the_same_bytes_again() {
    let mut graph = Builder::new(4);
    graph.conv("a", "x", 4, 16, 1).conv("b", "a", 16, 16, 1).conv("c", "b", 16, 4, 1);
    let model = graph.model("c", 4);
    let config = PruneConfig { steps: 2, ..Default::default() };
    let (pruned, report) = prune(&model, &config).unwrap();
    assert_eq!((report.layers[0].outputs_before, report.layers[0].outputs_after), (16, 8));
    let again = prune(&model, &config).unwrap().0;
    assert_eq!(again.proto().encode_to_vec(), pruned.proto().encode_to_vec());
}
