//! Linear models as products and look-ups in f64.
//!
//! Numbers are kept within their ranges and multiplied by their slopes, all at once; a level, or nothing, is
//! a row of a table of weights.

use super::graph::Graph;
use super::proto::{Attribute, Element};
use crate::algorithm::{Linear, Term, TermKind};

/// The names of numbers, side by side in the order of `terms`, as f32.
pub(super) fn numbers(graph: &mut Graph, columns: &[String], terms: &[&Term], outputs: usize) -> String {
    let features = graph.concat(columns);
    let values = graph.cast(&features, Element::Double);
    let absent = graph.apply("IsNaN", &[&values]);
    let width = terms.len() as i64;
    let (mut low, mut high, mut slopes, mut missing) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for term in terms {
        let TermKind::Number { low: from, high: to, slopes: of } = &term.of else { continue };
        low.push(f64::from(*from));
        high.push(f64::from(*to));
        slopes.extend(of.iter().map(|slope| f64::from(*slope)));
        missing.extend(term.missing.iter().map(|weight| f64::from(*weight)));
    }
    let (low, high) = (graph.doubles(&low, &[1, width]), graph.doubles(&high, &[1, width]));
    let zero = graph.double(0.0);
    let present = graph.apply("Where", &[&absent, &zero, &values]);
    let above = graph.apply("Max", &[&present, &low]);
    let within = graph.apply("Min", &[&above, &high]);
    let kept = graph.apply("Where", &[&absent, &zero, &within]);
    let slopes = graph.doubles(&slopes, &[width, outputs as i64]);
    let missing = graph.doubles(&missing, &[width, outputs as i64]);
    let scores = graph.apply("MatMul", &[&kept, &slopes]);
    let absent = graph.cast(&absent, Element::Double);
    let holes = graph.apply("MatMul", &[&absent, &missing]);
    graph.apply("Add", &[&scores, &holes])
}

/// Scores by the place of a level in a table of weights: of each code, of nothing, of all others.
pub(super) fn levels(graph: &mut Graph, places: &str, term: &Term, outputs: usize) -> String {
    let TermKind::Levels { weights, other } = &term.of else { return places.to_owned() };
    let rows = weights.iter().chain([&term.missing, other]);
    let table: Vec<f64> = rows.flatten().map(|weight| f64::from(*weight)).collect();
    let table = graph.doubles(&table, &[weights.len() as i64 + 2, outputs as i64]);
    let places = graph.cast(places, Element::Int64);
    let found = graph.node("", "Gather", &[&table, &places], &[("axis", Attribute::Int(0))]);
    let flat = graph.ints(&[-1, outputs as i64]);
    graph.apply("Reshape", &[&found, &flat])
}

/// Intercepts and all parts together.
pub(super) fn sum(graph: &mut Graph, model: &Linear, parts: &[String]) -> String {
    let base = graph.doubles(model.base(), &[1, model.outputs() as i64]);
    parts.iter().fold(base, |sum, part| graph.apply("Add", &[&sum, part]))
}
