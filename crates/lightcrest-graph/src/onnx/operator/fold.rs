//! One node: inference, and what can be computed from constants.

use std::borrow::Cow;
use std::sync::Arc;

use super::super::array::{Array, Data};
use super::super::facts::{Dim, FOLD_LIMIT};
use super::super::proto::element;
use super::{Content, Fact, Number, Operands, Operator, Site, find};

/// What is known of the outputs of a node.
///
/// # Errors
/// A fragment that says what does not fit, with the values.
pub(crate) fn infer(at: &Site<'_>, inputs: &[Option<&Fact>]) -> Result<Vec<Fact>, String> {
    if !at.node.is_standard() {
        return Ok(vec![]);
    }
    let Some(operator) = find(&at.node.op_type) else { return Ok(vec![]) };
    // A node that reads what nobody writes has inputs all the same.
    let unknown = Fact::default();
    let named = |slot: usize| at.node.input_name(slot).is_some();
    let inputs: Vec<Option<&Fact>> = inputs
        .iter()
        .enumerate()
        .map(|(slot, fact)| fact.or_else(|| named(slot).then_some(&unknown)))
        .collect();
    let mut outputs = operator.infer(at, &inputs)?;
    fill(operator, at, &inputs, &mut outputs);
    Ok(outputs)
}

/// Adds elements that follow from those of the inputs.
fn fill(operator: &dyn Operator, at: &Site<'_>, inputs: &[Option<&Fact>], outputs: &mut [Fact]) {
    if outputs.is_empty() || outputs.iter().any(|output| output.content.is_some()) {
        return;
    }
    if let Some(arrays) = empty(outputs) {
        outputs.iter_mut().zip(arrays).for_each(|(output, array)| *output = Fact::constant(Arc::new(array)));
        return;
    }
    let elements = |fact: &Fact| fact.known_shape().map(|shape| count(&shape));
    let constants = inputs.iter().flatten().filter(|fact| fact.is_constant());
    let read: usize = constants.filter_map(|fact| elements(fact)).sum();
    let limit = FOLD_LIMIT + read;
    let small = |fact: &Fact| elements(fact).is_none_or(|elements| elements <= limit);
    if !outputs.iter().all(small) {
        return;
    }
    if inputs.iter().flatten().all(|fact| fact.is_constant()) {
        let arrays: Vec<Option<&Array>> = inputs.iter().map(|fact| fact.and_then(Fact::array)).collect();
        let mut operands = Operands::new(arrays.into_iter().map(|array| array.map(Cow::Borrowed)).collect());
        if let Ok(arrays) =
            operator.evaluate(at, &mut operands, outputs).and_then(|arrays| checked(arrays, outputs))
        {
            for (output, array) in outputs.iter_mut().zip(arrays) {
                *output = Fact::constant(Arc::new(array));
            }
        }
        return;
    }
    if let Some(numbers) = operator.partial(at, inputs, &outputs[0]) {
        outputs[0].content = Some(Content::Partial(numbers));
    } else if operator.moves() {
        moved(operator, at, inputs, outputs);
    }
}

/// Arrays that have the shapes and types that inference says.
fn checked(arrays: Vec<Array>, outputs: &[Fact]) -> Result<Vec<Array>, String> {
    for (slot, array) in arrays.iter().enumerate() {
        let fits = outputs.get(slot).is_none_or(|fact| {
            let shape = fact.known_shape().is_none_or(|shape| shape == array.shape);
            shape && fact.element.is_none_or(|element| element == array.element())
        });
        if !fits || array.data.len() != count(&array.shape) {
            return Err(format!("output {slot} came out with the shape {:?}", array.shape));
        }
    }
    Ok(arrays)
}

/// Outputs without a single element, whatever their other sizes are.
fn empty(outputs: &[Fact]) -> Option<Vec<Array>> {
    let none = |output: &Fact| {
        let shape = output.known_shape().filter(|shape| count(shape) == 0)?;
        super::cast::converted(&Array::f32(shape, vec![]), output.element?).ok()
    };
    outputs.iter().map(none).collect()
}

/// Elements of the largest array that is computed.
pub(super) const LARGEST: usize = 1 << 31;

/// Elements of the longest list whose numbers inference may ask for, such as a shape.
const LIST: usize = 1 << 12;

/// The outputs of a node of the standard.
///
/// # Errors
/// A fragment that says what does not fit or is not computed.
pub(crate) fn compute(at: &Site<'_>, operands: &mut Operands<'_>) -> Result<Vec<Array>, String> {
    let operator = find(&at.node.op_type).filter(|_| at.node.is_standard());
    let operator = operator.ok_or("the operator is not computed here")?;
    let facts: Vec<Option<Fact>> = (0..operands.len())
        .map(|slot| {
            let array = operands.get(slot)?;
            let list = array.shape.len() < 2 && array.len() <= LIST;
            Some(if list {
                Fact::constant(Arc::new(array.clone()))
            } else {
                Fact::new(Some(array.element()), array.shape.iter().map(|&size| Dim::Known(size)).collect())
            })
        })
        .collect();
    let facts: Vec<Option<&Fact>> = facts.iter().map(Option::as_ref).collect();
    let outputs = operator.infer(at, &facts)?;
    if let Some(large) = outputs.iter().filter_map(Fact::known_shape).find(|shape| count(shape) > LARGEST) {
        return Err(format!("an output of the shape {large:?} is too large"));
    }
    let arrays = match empty(&outputs) {
        Some(arrays) => arrays,
        None => operator.evaluate(at, operands, &outputs)?,
    };
    checked(arrays, &outputs)
}

/// Number of elements, or as many as there can be.
pub(super) fn count(shape: &[usize]) -> usize {
    shape.iter().fold(1usize, |product, &size| product.saturating_mul(size))
}

/// Runs an operator that only moves elements on codes that stand for free numbers.
fn moved(operator: &dyn Operator, at: &Site<'_>, inputs: &[Option<&Fact>], outputs: &mut [Fact]) {
    let mut free: Vec<Number> = Vec::new();
    let mut arrays = Vec::with_capacity(inputs.len());
    for fact in inputs {
        let Some(fact) = fact else {
            arrays.push(None);
            continue;
        };
        let array = match (&fact.content, fact.known_shape()) {
            (Some(Content::Known(held)), _) => Cow::Borrowed(held.array().as_ref()),
            (Some(Content::Partial(numbers)), Some(shape)) => {
                let codes = numbers.iter().map(|number| code(number, &mut free)).collect();
                Cow::Owned(Array { shape, data: Data::I64(codes) })
            }
            _ => return,
        };
        arrays.push(Some(array));
    }
    let arrays = operator.evaluate(at, &mut Operands::new(arrays), outputs);
    let Ok(arrays) = arrays.and_then(|arrays| checked(arrays, outputs)) else { return };
    for (output, array) in outputs.iter_mut().zip(arrays) {
        let Data::I64(codes) = array.data else { return };
        let numbers = codes.into_iter().map(|code| decoded(code, &free)).collect();
        let element = output.element.unwrap_or(element::INT64);
        let shape = array.shape.into_iter().map(Dim::Known).collect();
        *output = Fact { element: Some(element), ..Fact::numbers(numbers, shape) };
    }
}

/// Codes begin here: no size and no index comes near.
const CODES: i64 = i64::MIN / 2;

fn code(number: &Number, free: &mut Vec<Number>) -> i64 {
    if let Number::Known(value) = number {
        return *value;
    }
    free.push(number.clone());
    CODES - free.len() as i64
}

fn decoded(code: i64, free: &[Number]) -> Number {
    let at = usize::try_from(CODES - 1 - code).ok();
    at.and_then(|at| free.get(at).cloned()).unwrap_or(Number::Known(code))
}
