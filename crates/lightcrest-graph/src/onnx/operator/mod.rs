//! The standard operators of ONNX, one file a family: what each writes for what it reads.
//!
//! [`Operator`] is what a new one must say, and [`find`] is the table of them. Opsets are those of the file:
//! an operator whose attributes became inputs reads either.
//!
//! Nothing here is an authority over files: an operator that is not in the table, of another domain, or with
//! subgraphs writes values of which nothing is known. Only what cannot be true is an error.

mod binary;
mod broadcast;
mod cast;
mod constant;
mod conv;
mod convolve;
mod cut;
mod fact;
mod fold;
mod gather;
mod matmul;
mod norm;
mod pool;
mod product;
mod quantize;
mod recurrent;
mod reduce;
mod reshape;
mod resize;
mod table;
mod unary;
mod view;
mod window;

use std::borrow::Cow;

use super::array::Array;
use super::facts::Dim;
use super::proto::NodeProto;

pub(crate) use cast::converted;
pub(crate) use fact::{Content, Fact, Number};
use fold::{LARGEST, count};
pub(crate) use fold::{compute, infer};
pub(crate) use view::stacked;

/// A node, and the version of the standard that says what it means.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) node: &'a NodeProto,
    pub(crate) opset: i64,
}

/// What is asked of an operator.
pub(crate) trait Operator: Sync {
    /// What is known of the outputs, in their order; outputs behind the last of the list are unknown.
    ///
    /// # Errors
    /// A fragment that says what does not fit, with the values.
    fn infer(&self, at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String>;

    /// The outputs, as [`Operator::infer`] says that they are.
    ///
    /// # Errors
    /// A fragment that says what is not computed.
    fn evaluate(
        &self,
        at: &Site<'_>,
        inputs: &mut Operands<'_>,
        outputs: &[Fact],
    ) -> Result<Vec<Array>, String>;

    /// Multiply-accumulates, for the shapes of the inputs (empty where one is left out) and of the first
    /// output. Convolutions and matrix products count, nothing else does.
    fn macs(&self, _at: &Site<'_>, _inputs: &[Vec<usize>], _output: &[usize]) -> u64 {
        0
    }

    /// Whether [`Operator::macs`] counts anything.
    fn multiplies(&self) -> bool {
        false
    }

    /// Whether every element of the outputs is one of the first input (of any input, for a concatenation), so
    /// that numbers that are free can pass.
    fn moves(&self) -> bool {
        false
    }

    /// Outputs of which some elements are free, when the operator knows more than [`Operator::moves`] says.
    fn partial(&self, _at: &Site<'_>, _inputs: &[Option<&Fact>], _output: &Fact) -> Option<Vec<Number>> {
        None
    }
}

/// Arrays that a node reads. Those that nobody reads later are owned, and may be changed in place.
pub(crate) struct Operands<'a> {
    arrays: Vec<Option<Cow<'a, Array>>>,
}

impl<'a> Operands<'a> {
    pub(crate) fn new(arrays: Vec<Option<Cow<'a, Array>>>) -> Self {
        Self { arrays }
    }

    pub(crate) fn len(&self) -> usize {
        self.arrays.len()
    }

    /// An input that may be left out.
    pub(crate) fn get(&self, slot: usize) -> Option<&Array> {
        self.arrays.get(slot)?.as_deref()
    }

    /// An input that must be there.
    pub(crate) fn need(&self, slot: usize) -> Result<&Array, String> {
        self.get(slot).ok_or_else(|| format!("input {slot} is missing"))
    }

    /// An input that must be there, of f32.
    pub(crate) fn f32(&self, slot: usize) -> Result<&[f32], String> {
        floats(self.need(slot)?, slot)
    }

    /// An input as its own array.
    pub(crate) fn take(&mut self, slot: usize) -> Result<Array, String> {
        let array = self.arrays.get_mut(slot).and_then(Option::take);
        array.map(Cow::into_owned).ok_or_else(|| format!("input {slot} is missing"))
    }
}

/// The elements of an array that must be f32.
pub(crate) fn floats(array: &Array, slot: usize) -> Result<&[f32], String> {
    array.as_f32().ok_or_else(|| {
        format!(
            "input {slot} has elements of type {}, where only FLOAT (1) is computed with",
            array.element()
        )
    })
}

/// An input that must be there.
pub(crate) fn need<'a>(inputs: &[Option<&'a Fact>], slot: usize) -> Result<&'a Fact, String> {
    inputs.get(slot).copied().flatten().ok_or_else(|| format!("input {slot} is missing"))
}

/// An input that may be left out.
pub(crate) fn maybe<'a>(inputs: &[Option<&'a Fact>], slot: usize) -> Option<&'a Fact> {
    inputs.get(slot).copied().flatten()
}

/// The sizes of an output, which must all be known.
pub(crate) fn sizes(outputs: &[Fact], slot: usize) -> Result<Vec<usize>, String> {
    let shape = outputs.get(slot).and_then(Fact::known_shape);
    shape.ok_or_else(|| format!("the shape of output {slot} is not known"))
}

/// An axis counted from the front.
pub(crate) fn axis_of(axis: i64, rank: usize) -> Result<usize, String> {
    let signed = rank as i64;
    let from_front = if axis < 0 { axis.saturating_add(signed) } else { axis };
    if (0..signed).contains(&from_front) {
        Ok(from_front as usize)
    } else {
        Err(format!("axis {axis} of an array with {rank} axes"))
    }
}

/// Product of sizes; `None` when one is free.
pub(crate) fn product(dims: &[Dim]) -> Option<usize> {
    dims.iter().try_fold(1usize, |product, dim| product.checked_mul(dim.known()?))
}

/// Product of sizes as far as it is one: known, or a single free size.
pub(crate) fn folded(dims: &[Dim]) -> Dim {
    let mut free = dims.iter().filter(|dim| dim.known().is_none());
    let known: Vec<Dim> = dims.iter().filter(|dim| dim.known().is_some()).cloned().collect();
    match (free.next(), free.next(), product(&known)) {
        (None, _, Some(size)) => Dim::Known(size),
        (Some(_), _, Some(0)) => Dim::Known(0),
        (Some(dim), None, Some(1)) => dim.clone(),
        _ => Dim::Unknown,
    }
}

/// What is known of two sizes that must be equal.
pub(crate) fn merged(a: &Dim, b: &Dim) -> Result<Dim, String> {
    match (a, b) {
        (Dim::Known(a), Dim::Known(b)) if a != b => Err(format!("sizes {a} and {b} must be equal")),
        (Dim::Known(_), _) => Ok(a.clone()),
        (_, Dim::Known(_)) => Ok(b.clone()),
        (Dim::Named(_), _) => Ok(a.clone()),
        _ => Ok(b.clone()),
    }
}

impl Site<'_> {
    /// An axis attribute, counted from the front.
    pub(crate) fn axis(&self, default: i64, rank: usize) -> Result<usize, String> {
        axis_of(self.node.int_or("axis", default), rank)
    }

    /// A list that was an attribute once and is an input now. `Ok(None)` when it is left out, `Err(())` when
    /// it is there but not known.
    pub(crate) fn list(
        &self,
        name: &str,
        inputs: &[Option<&Fact>],
        slot: usize,
    ) -> Result<Option<Vec<i64>>, ()> {
        match (self.node.ints(name), maybe(inputs, slot)) {
            (Some(list), _) => Ok(Some(list.to_vec())),
            (None, Some(fact)) => fact.ints().map(Some).ok_or(()),
            // An input whose fact is missing altogether is there all the same.
            (None, None) if self.node.input_name(slot).is_some() => Err(()),
            (None, None) => Ok(None),
        }
    }
}

/// The operator of that name; `None` when it is not known here.
pub(crate) fn find(op_type: &str) -> Option<&'static dyn Operator> {
    table::find(op_type)
}

#[cfg(test)]
mod survival_test;
