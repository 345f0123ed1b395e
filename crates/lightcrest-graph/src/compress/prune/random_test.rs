//! Random graphs: whatever is pruned, the result is the original whose layers read zeros where channels are
//! gone.
//!
//! What is gone is found from the two models alone: every weight of the original is another number, so each
//! number of a pruned weight says which row and column it was. And channels that are dead from the start are
//! those that go, which nobody notices.

use std::collections::{HashMap, HashSet};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::test::Builder;
use super::{Importance, PruneConfig, prune};
use crate::onnx::{Array, Data, Model, Runner, cost};

const SIZE: usize = 4;

/// A graph that grows node by node, with the values whose channels are known.
struct Garden {
    graph: Builder,
    rng: ChaCha8Rng,
    count: usize,
    /// Bits of the weights so far.
    used: HashSet<u32>,
    /// Values of the size of the image, with their channels.
    values: Vec<(String, usize)>,
}

impl Garden {
    fn name(&mut self) -> String {
        self.count += 1;
        format!("v{}", self.count)
    }

    fn pick(&mut self) -> (String, usize) {
        // Late values more often than early ones, so that graphs become deep.
        let last = self.values.len();
        let at = self.rng.random_range(last.saturating_sub(4)..last);
        self.values[at].clone()
    }

    /// Numbers of which no two are equal in the whole graph.
    fn weights(&mut self, shape: &[usize]) -> Array {
        let mut values: Vec<f32> = vec![];
        while values.len() < shape.iter().product() {
            let value: f32 = self.rng.random_range(-0.5..0.5);
            if self.used.insert(value.to_bits()) {
                values.push(value);
            }
        }
        Array::f32(shape, values)
    }

    fn conv(&mut self, from: (String, usize), outputs: usize, groups: usize) -> (String, usize) {
        let name = self.name();
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let array = self.weights(&[outputs, from.1 / groups, 3, 3]);
        self.graph.constant(&weight, array);
        let array = self.weights(&[outputs]);
        self.graph.constant(&bias, array);
        let ints: [(&str, &[i64]); 2] = [("group", &[groups as i64]), ("pads", &[1, 1, 1, 1])];
        self.graph.node(&name, "Conv", &[&from.0, &weight, &bias], &ints);
        (name, outputs)
    }

    fn node(&mut self, operator: &str, inputs: &[&str], ints: &[(&str, &[i64])]) -> String {
        let name = self.name();
        self.graph.node(&name, operator, inputs, ints);
        name
    }

    fn grow(&mut self) {
        let (x, channels) = self.pick();
        let grown = match self.rng.random_range(0..11) {
            0 | 1 => {
                let outputs = self.rng.random_range(2..7) * 2;
                let name = self.conv((x, channels), outputs, 1);
                (self.node("Relu", &[&name.0], &[]), outputs)
            }
            2 if channels % 2 == 0 => self.conv((x, channels), channels, 2),
            3 => self.conv((x, channels), channels * 2, channels),
            4 => {
                let (y, more) = self.pick();
                (self.node("Concat", &[&x, &y], &[("axis", &[1])]), channels + more)
            }
            5 => {
                let other = self.conv((x.clone(), channels), channels, 1);
                (self.node("Add", &[&x, &other.0], &[]), channels)
            }
            6 => {
                let (first, last) = (channels as i64 / 3, channels as i64);
                let slice = self.name();
                for (part, number) in [("starts", first), ("ends", last), ("axes", 1)] {
                    self.graph.constant(&format!("{slice}.{part}"), Array::i64(vec![number]));
                }
                let parts = ["starts", "ends", "axes"].map(|part| format!("{slice}.{part}"));
                self.graph.node(&slice, "Slice", &[&x, &parts[0], &parts[1], &parts[2]], &[]);
                (slice, channels - channels / 3)
            }
            7 if channels % 2 == 0 => {
                let (size, half) = (SIZE as i64, channels as i64 / 2);
                let stem = self.name();
                let (split, join) = (format!("{stem}.split"), format!("{stem}.join"));
                self.graph.constant(&split, Array::i64(vec![0, 2, half, size, size]));
                self.graph.constant(&join, Array::i64(vec![0, 2 * half, size, size]));
                let y = self.node("Reshape", &[&x, &split], &[]);
                let y = self.node("Transpose", &[&y], &[("perm", &[0, 2, 1, 3, 4])]);
                (self.node("Reshape", &[&y, &join], &[]), channels)
            }
            8 => {
                let pooled = self.node("GlobalAveragePool", &[&x], &[]);
                let hidden = self.conv((pooled, channels), 6, 1);
                let gate = self.conv(hidden, channels, 1);
                let gate = self.node("Sigmoid", &[&gate.0], &[]);
                (self.node("Mul", &[&x, &gate], &[]), channels)
            }
            9 => {
                let slope = self.name();
                let array = self.weights(&[channels, 1, 1]);
                self.graph.constant(&slope, array);
                (self.node("PRelu", &[&x, &slope], &[]), channels)
            }
            _ => {
                let transposed = self.node("Transpose", &[&x], &[("perm", &[0, 2, 3, 1])]);
                let outputs = self.rng.random_range(3..10);
                let weight = self.name();
                let array = self.weights(&[channels, outputs]);
                self.graph.constant(&weight, array);
                let y = self.node("MatMul", &[&transposed, &weight], &[]);
                (self.node("Transpose", &[&y], &[("perm", &[0, 3, 1, 2])]), outputs)
            }
        };
        if grown.1 <= 40 {
            self.values.push(grown);
        }
    }
}

fn random(seed: u64) -> Model {
    let mut garden = Garden {
        graph: Builder::new(3),
        rng: ChaCha8Rng::seed_from_u64(seed),
        count: 0,
        used: HashSet::new(),
        values: vec![("x".into(), 3)],
    };
    let first = garden.conv(("x".into(), 3), 12, 1);
    garden.values = vec![first];
    let nodes = garden.rng.random_range(4..12);
    for _ in 0..nodes {
        garden.grow();
    }
    let last = garden.values.last().unwrap().clone();
    let out = garden.conv(last, 4, 1);
    garden.graph.model(&out.0, 4)
}

/// The axis of the weights along which a layer reads.
fn reads(operator: &str) -> Option<usize> {
    match operator {
        "Conv" => Some(1),
        "MatMul" => Some(0),
        _ => None,
    }
}

fn array(model: &Model, name: &str) -> Option<Array> {
    let tensor = model.graph().initializer.iter().find(|tensor| tensor.name == name)?;
    Some(Array::from_proto(tensor).unwrap())
}

/// The original with zeros where layers of the pruned model read nothing.
fn masked(original: &Model, pruned: &Model) -> Model {
    let mut model = original.clone();
    for twin in &pruned.graph().node {
        let Some(axis) = reads(&twin.op_type) else { continue };
        let node = original.graph().node.iter().find(|node| node.output == twin.output).unwrap();
        let mut weight = array(original, &node.input[1]).unwrap();
        let left = array(pruned, &twin.input[1]).unwrap();
        let groups = node.int_or("group", 1) as usize;
        let left: HashSet<u32> = left.as_f32().unwrap().iter().map(|value| value.to_bits()).collect();
        let shape = weight.shape.clone();
        let Data::F32(values) = &mut weight.data else { panic!("weights are f32") };
        let inner: usize = shape[axis + 1..].iter().product();
        let filter = shape.get(1..).unwrap().iter().product::<usize>();
        // In a grouped convolution each group reads channels of its own.
        let place = |at: usize| {
            let group = if axis == 1 { at / filter / (shape[0] / groups) } else { 0 };
            (group, at / inner % shape[axis])
        };
        let mut kept: HashMap<usize, HashSet<usize>> = HashMap::new();
        for (at, _) in values.iter().enumerate().filter(|(_, value)| left.contains(&value.to_bits())) {
            let (group, position) = place(at);
            kept.entry(group).or_default().insert(position);
        }
        for (at, value) in values.iter_mut().enumerate() {
            let (group, position) = place(at);
            // A group of which nothing is left has lost its outputs: what reads those is zero instead.
            if kept.get(&group).is_some_and(|kept| !kept.contains(&position)) {
                *value = 0.0;
            }
        }
        let at = original.graph().initializer.iter().position(|tensor| tensor.name == node.input[1]);
        model.graph_mut().initializer[at.unwrap()] = weight.to_proto(&node.input[1]);
    }
    model
}

fn run(model: &Model, image: &Array) -> Vec<f32> {
    let output = model.graph().output[0].name.clone();
    let mut values =
        Runner::new(model).unwrap().run(&[("x", image.clone())], std::slice::from_ref(&output)).unwrap();
    values.remove(&output).unwrap().as_f32().unwrap().to_vec()
}

#[test]
fn what_is_left_of_random_graphs_computes_what_it_did() {
    let mut shrunk = 0;
    for seed in 0..100 {
        let model = random(seed);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let importances = [Importance::L1, Importance::L2, Importance::Fpgm];
        let config = PruneConfig {
            ratio: [0.3, 0.5, 0.8][rng.random_range(0..3)],
            importance: importances[rng.random_range(0..3)].clone(),
            global: rng.random_range(0..4) == 0,
            ..PruneConfig::default()
        };
        let (pruned, report) =
            prune(&model, &config).unwrap_or_else(|error| panic!("graph {seed}: {error:?}"));
        shrunk += usize::from(!report.is_empty());
        let count = 2 * 3 * SIZE * SIZE;
        let values = (0..count).map(|_| rng.random_range(-1.0..1.0)).collect();
        let image = Array::f32(vec![2, 3, SIZE, SIZE], values);
        let (expected, found) = (run(&masked(&model, &pruned), &image), run(&pruned, &image));
        let largest = expected.iter().fold(1e-3f32, |largest, value| largest.max(value.abs()));
        for (a, b) in expected.iter().zip(&found) {
            assert!((a - b).abs() <= 2e-5 * largest, "graph {seed}: {a} became {b}");
        }
    }
    assert!(shrunk > 80, "only {shrunk} graphs had something to prune");
}

/// The original whose layers write zeros to the channels that the pruned model has lost: dead channels, of
/// which every member of a group knows.
fn planted(original: &Model, pruned: &Model) -> Model {
    let mut model = original.clone();
    for twin in &pruned.graph().node {
        let Some(reads) = reads(&twin.op_type) else { continue };
        let node = original.graph().node.iter().find(|node| node.output == twin.output).unwrap();
        let left = array(pruned, &twin.input[1]).unwrap();
        let left: HashSet<u32> = left.as_f32().unwrap().iter().map(|value| value.to_bits()).collect();
        let mut weight = array(original, &node.input[1]).unwrap();
        let (axis, shape) = (1 - reads, weight.shape.clone());
        let Data::F32(values) = &mut weight.data else { panic!("weights are f32") };
        let inner: usize = shape[axis + 1..].iter().product();
        let output = |at: usize| at / inner % shape[axis];
        let alive: HashSet<usize> =
            (0..values.len()).filter(|&at| left.contains(&values[at].to_bits())).map(output).collect();
        (0..values.len()).filter(|&at| !alive.contains(&output(at))).for_each(|at| values[at] = 0.0);
        let mut changed = vec![(node.input[1].clone(), weight)];
        if let Some(mut bias) = node.input_name(2).and_then(|name| array(original, name)) {
            let Data::F32(values) = &mut bias.data else { panic!("biases are f32") };
            (0..values.len()).filter(|at| !alive.contains(at)).for_each(|at| values[at] = 0.0);
            changed.push((node.input[2].clone(), bias));
        }
        for (name, array) in changed {
            let at = original.graph().initializer.iter().position(|tensor| tensor.name == name).unwrap();
            model.graph_mut().initializer[at] = array.to_proto(&name);
        }
    }
    model
}

#[test]
fn dead_channels_go_first_and_nobody_notices() {
    let mut shrunk = 0;
    for seed in 0..60 {
        let model = random(seed);
        let importance = if seed % 2 == 0 { Importance::L1 } else { Importance::L2 };
        let config = PruneConfig { ratio: 0.5, importance, ..PruneConfig::default() };
        let (first, report) = prune(&model, &config).unwrap();
        let dead = planted(&model, &first);
        let (pruned, again) = prune(&dead, &config).unwrap();
        shrunk += usize::from(!report.is_empty());
        assert_eq!(again.macs_after, report.macs_after, "graph {seed}");
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let values = (0..3 * SIZE * SIZE).map(|_| rng.random_range(-1.0..1.0)).collect();
        let image = Array::f32(vec![1, 3, SIZE, SIZE], values);
        let (expected, found) = (run(&dead, &image), run(&pruned, &image));
        let largest = expected.iter().fold(1e-3f32, |largest, value| largest.max(value.abs()));
        for (a, b) in expected.iter().zip(&found) {
            assert!((a - b).abs() <= 2e-5 * largest, "graph {seed}: {a} became {b}");
        }
    }
    assert!(shrunk > 45, "only {shrunk} graphs had something to prune");
}

#[test]
fn the_report_counts_what_is_in_the_file_and_the_file_can_be_pruned_again() {
    for seed in 0..60 {
        let model = random(seed);
        let config = PruneConfig { ratio: 0.5, ..PruneConfig::default() };
        let (pruned, report) = prune(&model, &config).unwrap();
        let counted = |model: &Model| cost(model, &HashMap::new()).unwrap();
        let (before, after) = (counted(&model), counted(&pruned));
        assert_eq!(
            (report.macs_before, report.macs_after),
            (Some(before.macs), Some(after.macs)),
            "graph {seed}"
        );
        assert_eq!(
            (report.parameters_before, report.parameters_after),
            (before.parameters, after.parameters)
        );
        for layer in &report.layers {
            let node = pruned.graph().node.iter().find(|node| node.output[0] == layer.name).unwrap();
            let shape = array(&pruned, &node.input[1]).unwrap().shape;
            let inputs = reads(&node.op_type).unwrap();
            assert_eq!(
                [layer.inputs_after, layer.outputs_after],
                [shape[inputs], shape[1 - inputs]],
                "{layer:?}"
            );
        }
        let (again, _) = prune(&model, &config).unwrap();
        assert!(again.to_bytes() == pruned.to_bytes(), "graph {seed}: the same bytes");
        let (twice, second) = prune(&pruned, &config).unwrap();
        twice.check().unwrap();
        assert_eq!(second.macs_before, report.macs_after);
        assert!(second.macs_after <= second.macs_before);
        run(&twice, &Array::f32(vec![2, 3, SIZE, SIZE], vec![0.5; 2 * 3 * SIZE * SIZE]));
    }
}
