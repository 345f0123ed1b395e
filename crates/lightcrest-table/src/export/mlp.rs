//! Perceptrons as interpolated look-ups and products in f32.
//!
//! A level is a row of its embedding. The way of a number through its pieces is a share of each, and its
//! coordinates are those of the first knot with that much of the steps to the next ones; all numbers are done
//! at once, with pieces and coordinates of nothing where they have fewer.

use super::graph::Graph;
use super::proto::{Attribute, Element};
use crate::algorithm::Mlp;
use crate::algorithm::mlp::{Input, InputKind, slope};

/// A number that goes in.
pub(super) struct Number<'a> {
    /// The value of the graph, f32.
    pub(super) name: String,
    /// The position of the input.
    pub(super) at: usize,
    pub(super) input: &'a Input,
    pub(super) embedding: &'a [f32],
}

/// Coordinates of a level by its row.
pub(super) fn levels(graph: &mut Graph, rows: &str, input: &Input, embedding: &[f32]) -> String {
    let table = graph.floats(embedding, &[input.rows() as i64, input.width as i64]);
    let rows = graph.cast(rows, Element::Int64);
    let found = graph.node("", "Gather", &[&table, &rows], &[("axis", Attribute::Int(0))]);
    let flat = graph.ints(&[-1, input.width as i64]);
    graph.apply("Reshape", &[&found, &flat])
}

/// Coordinates of numbers side by side, each with as many as the widest.
pub(super) fn numbers(graph: &mut Graph, numbers: &[Number<'_>]) -> String {
    let wide = widest(numbers.iter().map(|number| number.input));
    let pieces = numbers.iter().map(|number| knots(number.input).len() - 1).max().unwrap_or(0);
    let n = numbers.len();
    let (mut low, mut high) = (Vec::new(), Vec::new());
    let (mut from, mut slopes) = (vec![0.0; n * pieces], vec![0.0; n * pieces]);
    let (mut first, mut missing) = (vec![0.0; n * wide], vec![0.0; n * wide]);
    let mut steps = vec![0.0; n * pieces * wide];
    for (i, number) in numbers.iter().enumerate() {
        let (knots, width) = (knots(number.input), number.input.width);
        low.push(knots[0]);
        high.push(knots[knots.len() - 1]);
        let row = |row: usize| &number.embedding[row * width..][..width];
        first[i * wide..][..width].copy_from_slice(row(0));
        missing[i * wide..][..width].copy_from_slice(row(knots.len()));
        for (piece, pair) in knots.windows(2).enumerate() {
            let at = i * pieces + piece;
            (from[at], slopes[at]) = (pair[0], slope(pair[0], pair[1]));
            for (k, step) in steps[at * wide..][..width].iter_mut().enumerate() {
                *step = row(piece + 1)[k] - row(piece)[k];
            }
        }
    }
    let (n, wide, pieces) = (n as i64, wide as i64, pieces as i64);
    let names: Vec<String> = numbers.iter().map(|number| number.name.clone()).collect();
    let values = graph.concat(&names);
    let column = graph.ints(&[-1, n, 1]);
    let values = graph.apply("Reshape", &[&values, &column]);
    let absent = graph.apply("IsNaN", &[&values]);
    let (low, high) = (graph.floats(&low, &[n, 1]), graph.floats(&high, &[n, 1]));
    let present = graph.apply("Where", &[&absent, &low, &values]);
    let above = graph.apply("Max", &[&present, &low]);
    let within = graph.apply("Min", &[&above, &high]);
    let (from, slopes) = (graph.floats(&from, &[n, pieces]), graph.floats(&slopes, &[n, pieces]));
    let way = graph.apply("Sub", &[&within, &from]);
    let way = graph.apply("Mul", &[&way, &slopes]);
    let (zero, one) = (graph.floats(&[0.0], &[]), graph.floats(&[1.0], &[]));
    let shares = graph.apply("Clip", &[&way, &zero, &one]);
    let row = graph.ints(&[-1, n, 1, pieces]);
    let shares = graph.apply("Reshape", &[&shares, &row]);
    let steps = graph.floats(&steps, &[n, pieces, wide]);
    let taken = graph.apply("MatMul", &[&shares, &steps]);
    let rows = graph.ints(&[-1, n, wide]);
    let taken = graph.apply("Reshape", &[&taken, &rows]);
    let (first, missing) = (graph.floats(&first, &[n, wide]), graph.floats(&missing, &[n, wide]));
    let found = graph.apply("Add", &[&taken, &first]);
    let found = graph.apply("Where", &[&absent, &missing, &found]);
    let flat = graph.ints(&[-1, n * wide]);
    graph.apply("Reshape", &[&found, &flat])
}

/// Scores, f64, K a row. `parts` are the coordinates of inputs: which, each as wide as the widest of its
/// part, and the values.
pub(super) fn layers(graph: &mut Graph, model: &Mlp, parts: &[(Vec<usize>, String)]) -> String {
    let inputs: Vec<&Input> = model.inputs().map(|(input, _)| input).collect();
    let mut starts = vec![0];
    for input in &inputs {
        starts.push(starts[starts.len() - 1] + input.width);
    }
    let names: Vec<String> = parts.iter().map(|(_, name)| name.clone()).collect();
    let mut values = graph.concat(&names);
    let last = model.layers().count() - 1;
    for (at, layer) in model.layers().enumerate() {
        let weights = match at {
            0 => {
                // In the order of the parts, and of nothing for coordinates that are not there.
                let mut ordered = Vec::new();
                for (places, _) in parts {
                    let wide = widest(places.iter().map(|place| inputs[*place]));
                    for place in places {
                        let rows = starts[*place] * layer.outputs..starts[*place + 1] * layer.outputs;
                        let end = ordered.len() + wide * layer.outputs;
                        ordered.extend_from_slice(&layer.weights[rows]);
                        ordered.resize(end, 0.0);
                    }
                }
                ordered
            }
            _ => layer.weights.to_vec(),
        };
        let shape = [(weights.len() / layer.outputs) as i64, layer.outputs as i64];
        let weights = graph.floats(&weights, &shape);
        let biases = graph.floats(layer.biases, &[layer.outputs as i64]);
        values = graph.apply("Gemm", &[&values, &weights, &biases]);
        if at < last {
            values = graph.apply("Relu", &[&values]);
        }
    }
    if let Some([low, high]) = model.range() {
        let (low, high) = (graph.floats(&[low], &[]), graph.floats(&[high], &[]));
        values = graph.apply("Clip", &[&values, &low, &high]);
    }
    let scores = graph.cast(&values, Element::Double);
    let (scale, center) = model.unit();
    if (scale, center) == (1.0, 0.0) {
        return scores;
    }
    let (scale, center) = (graph.double(scale), graph.double(center));
    let scores = graph.apply("Mul", &[&scores, &scale]);
    graph.apply("Add", &[&scores, &center])
}

fn widest<'a>(inputs: impl Iterator<Item = &'a Input>) -> usize {
    inputs.map(|input| input.width).max().unwrap_or(0)
}

fn knots(input: &Input) -> &[f32] {
    match &input.of {
        InputKind::Number { knots } => knots,
        InputKind::Levels { .. } => &[],
    }
}
