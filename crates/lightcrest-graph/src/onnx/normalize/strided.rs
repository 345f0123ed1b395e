//! Views of flat memory that a file spells as `Gather` of computed places: torch's `as_strided`.
//!
//! | symbol | meaning |
//! |---|---|
//! | x | a value of any shape, made flat by `Reshape` to [-1] |
//! | place(i) = start + sum_d step_d i_d | what is read at position i of the output, computed by `Range`, `Mul`, `Unsqueeze` and `Add` |
//!
//! Where start is 0 and the steps are those of a dense array of the output's shape, row-major, and x has
//! those sizes too (ones aside), the output is x.

use crate::onnx::edit::{Names, put_constant};
use crate::onnx::facts::{Dim, Facts};
use crate::onnx::proto::{GraphProto, NodeProto};
use crate::onnx::{Array, Index, Model, Note, node_label};

/// Most nodes between the places and what they are computed from.
const DEPTH: usize = 32;

/// Replaces such views by what they are views of; says whether there was one. The nodes that computed the
/// places stay.
pub(crate) fn recognise(model: &mut Model, facts: &Facts, notes: &mut Vec<Note>) -> bool {
    let index = Index::new(model.graph());
    let mut names = Names::new(model.graph());
    let view = View { graph: model.graph(), index: &index, facts };
    let found: Vec<(usize, String, Option<Vec<i64>>)> = (0..view.graph.node.len())
        .filter_map(|at| view.dense(at).map(|(x, shape)| (at, x.to_owned(), shape)))
        .collect();
    for (at, x, shape) in &found {
        let node = &mut model.graph_mut().node[*at];
        notes.push(Note::info(node_label(node), format!("it reads all of `{x}` in order")));
        node.attribute.clear();
        node.input = vec![x.clone()];
        let Some(shape) = shape else {
            node.op_type = "Identity".into();
            continue;
        };
        let name = names.fresh(&format!("{}.shape", node.output[0]));
        node.op_type = "Reshape".into();
        node.input.push(name.clone());
        put_constant(model, Array::i64(shape.clone()).to_proto(&name));
    }
    !found.is_empty()
}

struct View<'a> {
    graph: &'a GraphProto,
    index: &'a Index,
    facts: &'a Facts,
}

/// start + sum over axes of step times position.
#[derive(Debug, PartialEq)]
struct Places {
    start: i64,
    steps: Vec<i64>,
}

impl<'a> View<'a> {
    /// What a `Gather` is a dense view of, and the shape to give it when it has another.
    fn dense(&self, at: usize) -> Option<(&'a str, Option<Vec<i64>>)> {
        let node = &self.graph.node[at];
        if node.op_type != "Gather" || !node.is_standard() || node.int_or("axis", 0) != 0 {
            return None;
        }
        let (flat, _) = self.index.producer(node.input_name(0)?)?;
        let flat = &self.graph.node[flat];
        if flat.op_type != "Reshape" || !flat.is_standard() || self.facts.shape(&flat.output[0])?.len() != 1 {
            return None;
        }
        let x = flat.input_name(0)?;
        let (from, to) = (self.facts.shape(x)?, self.facts.shape(node.input_name(1)?)?);
        let wide = |shape: &[Dim]| -> Vec<Dim> {
            shape.iter().filter(|dim| **dim != Dim::Known(1)).cloned().collect()
        };
        let places = self.places(node.input_name(1)?, DEPTH)?;
        let fits = places.start == 0 && wide(from) == wide(to) && !wide(to).contains(&Dim::Unknown);
        if !fits || dense_steps(to, &places.steps).is_none() {
            return None;
        }
        if from == to {
            return Some((x, None));
        }
        Some((x, Some(super::computed::sizes(from, to)?)))
    }

    /// What the value says of places, if it is as regular as that.
    fn places(&self, value: &str, depth: usize) -> Option<Places> {
        if let Some(array) = self.facts.constant(value) {
            return regular(array);
        }
        let (at, _) = self.index.producer(value)?;
        let node: &NodeProto = &self.graph.node[at];
        if !node.is_standard() || depth == 0 {
            return None;
        }
        let input = |slot: usize| self.places(node.input_name(slot)?, depth - 1);
        let number = |slot: usize| {
            let array = self.facts.constant(node.input_name(slot)?)?;
            <[i64; 1]>::try_from(array.to_i64()?).ok().map(|[number]| number)
        };
        let rank = self.facts.shape(value)?.len();
        match node.op_type.as_str() {
            "Range" => Some(Places { start: number(0)?, steps: vec![number(2)?] }),
            "Identity" | "Cast" => input(0),
            "Unsqueeze" => {
                let axes = match node.input_name(1) {
                    Some(name) => self.facts.constant(name)?.to_i64()?,
                    None => node.ints("axes")?.to_vec(),
                };
                let added = |axis: usize| {
                    axes.contains(&(axis as i64)) || axes.contains(&(axis as i64 - rank as i64))
                };
                let Places { start, steps } = input(0)?;
                let mut steps = steps.into_iter();
                let steps: Option<Vec<i64>> =
                    (0..rank).map(|axis| if added(axis) { Some(0) } else { steps.next() }).collect();
                Some(Places { start, steps: steps? })
            }
            "Mul" => {
                let (places, factor) = match (number(1), number(0)) {
                    (Some(factor), _) => (input(0)?, factor),
                    (None, Some(factor)) => (input(1)?, factor),
                    (None, None) => return None,
                };
                let places = places.wide(rank)?;
                let steps: Option<Vec<i64>> =
                    places.steps.iter().map(|step| step.checked_mul(factor)).collect();
                Some(Places { start: places.start.checked_mul(factor)?, steps: steps? })
            }
            "Add" => {
                let (a, b) = (input(0)?.wide(rank)?, input(1)?.wide(rank)?);
                let steps =
                    a.steps.iter().zip(&b.steps).map(|(a, b)| a.checked_add(*b)).collect::<Option<_>>();
                Some(Places { start: a.start.checked_add(b.start)?, steps: steps? })
            }
            _ => None,
        }
    }
}

impl Places {
    /// The same with axes of one position ahead, up to `rank` of them.
    fn wide(mut self, rank: usize) -> Option<Self> {
        let ahead = rank.checked_sub(self.steps.len())?;
        self.steps.splice(0..0, std::iter::repeat_n(0, ahead));
        Some(self)
    }
}

/// A constant whose elements go in even steps along each axis.
fn regular(array: &Array) -> Option<Places> {
    let values = array.to_i64()?;
    let start = *values.first()?;
    let mut behind = 1;
    let mut steps = vec![0; array.shape.len()];
    let mut strides = vec![1; array.shape.len()];
    for axis in (0..array.shape.len()).rev() {
        strides[axis] = behind;
        if array.shape[axis] > 1 {
            steps[axis] = values[behind].checked_sub(start)?;
        }
        behind *= array.shape[axis];
    }
    let expected = |at: usize| {
        let term = |axis: usize| steps[axis].checked_mul((at / strides[axis] % array.shape[axis]) as i64);
        (0..steps.len()).try_fold(start, |sum, axis| sum.checked_add(term(axis)?))
    };
    values
        .iter()
        .enumerate()
        .all(|(at, value)| expected(at) == Some(*value))
        .then_some(Places { start, steps })
}

/// Whether these are the steps of a dense array; of an axis with one position, the step says nothing.
fn dense_steps(shape: &[Dim], steps: &[i64]) -> Option<()> {
    let mut behind = Some(1i64);
    for (dim, &step) in shape.iter().zip(steps).rev() {
        if *dim != Dim::Known(1) {
            (step == behind?).then_some(())?;
        }
        behind = behind.zip(dim.known()).and_then(|(behind, size)| behind.checked_mul(size as i64));
    }
    (shape.len() == steps.len()).then_some(())
}
