//! The whole pipeline as an ONNX file: from named strings and numbers to labels and probabilities.
//!
//! ```text
//! proto      the messages of the format
//! graph      nodes, constants, inputs and outputs
//! column     inputs, and the features that are made of them
//! trees      trees as one node
//! linear     linear models as products and look-ups
//! mlp        perceptrons as interpolated look-ups and products
//! ```
//!
//! Each column that the model needs is an input of its name, (rows, 1) each; `column` says of what type. The
//! outputs are `label` (string) and `probabilities` (float, a column a class) or, of a regression,
//! `prediction` (double); where a column has that name, the output has an underscore behind it.
//!
//! On trees, what a runtime computes is what [`Pipeline::predict`] does: scores are equal to the last bit,
//! and links are computed in f64 as ours are. Linear models are computed in f64 too, and may add in another
//! order; perceptrons in f32, in another order.

mod column;
mod graph;
mod linear;
mod mlp;
mod proto;
mod trees;

use lightcrest_tree::Link;

use crate::Task;
use crate::algorithm::mlp::InputKind;
use crate::algorithm::{Fitted, TermKind};
use crate::pipeline::{After, Member, Pipeline};
use column::Columns;
use graph::{Graph, ML};
use proto::{Attribute, Element};

/// What an ONNX file cannot say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// Standard operators do not hash words.
    #[error(
        "the model reads the words of column `{column}`, which ONNX has no operator for: drop the column, or use \
         model.lightcrest"
    )]
    Text {
        /// The column.
        column: String,
    },
}

/// The bytes of `model.onnx`.
///
/// # Errors
/// [`ExportError::Text`] if the model asks for features of a text.
pub fn onnx(pipeline: &Pipeline) -> Result<Vec<u8>, ExportError> {
    let (schema, outputs) = (&pipeline.schema, pipeline.outputs());
    let mut graph = Graph::new(schema.columns.iter().map(|column| column.name.clone()).collect());
    let mut columns = Columns::new(schema);
    // What does not depend on the row, and what does.
    let (mut fixed, mut parts) = (vec![0.0; outputs], Vec::new());
    for member in &pipeline.members {
        match predictions(&mut graph, &mut columns, member, outputs)? {
            Some(found) => {
                let found = shaped(&mut graph, schema.task, &member.after, found);
                parts.push((member.weight, found));
            }
            None => {
                let mut values = member.fitted.predict(&vec![f32::NAN; member.preparer.width()], outputs);
                member.after.apply(schema.task, &mut values);
                fixed.iter_mut().zip(values).for_each(|(sum, value)| *sum += member.weight * value);
            }
        }
    }
    let mean = mean(&mut graph, &parts, &fixed);
    let mean = shaped(&mut graph, schema.task, &pipeline.after, mean);
    match schema.task {
        Task::Regression => number(&mut graph, &mean),
        Task::Classification => classes(&mut graph, pipeline, &mean),
    }
    Ok(graph.finish())
}

/// Predictions of a member; none where it says the same for every row.
fn predictions(
    graph: &mut Graph,
    columns: &mut Columns<'_>,
    member: &Member,
    outputs: usize,
) -> Result<Option<String>, ExportError> {
    match &member.fitted {
        Fitted::Constant(_) => Ok(None),
        Fitted::Trees(model) => {
            let used = model.used_columns();
            let mut parts = Vec::with_capacity(used.len());
            for feature in &used {
                let (column, step, at) = member.preparer.feature(*feature);
                parts.push(columns.feature(graph, column, step, at, model.category_bins(*feature))?);
            }
            if parts.is_empty() {
                return Ok(None);
            }
            let features = graph.concat(&parts);
            let place = |feature: usize| used.binary_search(&feature).expect("a used feature");
            let scores = trees::add(graph, model, &features, &place);
            Ok(Some(link(graph, model.link(), outputs, scores)))
        }
        Fitted::Linear(model) => {
            let (mut names, mut numbers, mut parts) = (Vec::new(), Vec::new(), Vec::new());
            for term in model.terms() {
                let (column, step, at) = member.preparer.feature(term.feature);
                match &term.of {
                    TermKind::Number { .. } => {
                        names.push(columns.feature(graph, column, step, at, None)?);
                        numbers.push(term);
                    }
                    TermKind::Levels { weights, .. } => {
                        let most = weights.len() as f32;
                        let place = |code: usize| if code < weights.len() { code as f32 } else { most + 1.0 };
                        let places = columns.encode(graph, column, place, most, most + 1.0);
                        parts.push(linear::levels(graph, &places, term, model.outputs()));
                    }
                }
            }
            if !numbers.is_empty() {
                parts.push(linear::numbers(graph, &names, &numbers, model.outputs()));
            }
            if parts.is_empty() {
                return Ok(None);
            }
            let scores = linear::sum(graph, model, &parts);
            Ok(Some(link(graph, model.link(), outputs, scores)))
        }
        Fitted::Mlp(model) => {
            let (mut numbers, mut parts) = (Vec::new(), Vec::new());
            for (at, (input, embedding)) in model.inputs().enumerate() {
                let (column, step, place) = member.preparer.feature(input.feature);
                match &input.of {
                    InputKind::Number { .. } => {
                        let name = columns.feature(graph, column, step, place, None)?;
                        numbers.push(mlp::Number { name, at, input, embedding });
                    }
                    InputKind::Levels { codes } => {
                        let most = codes.len() as f32;
                        let row = |code: usize| {
                            codes.binary_search(&(code as u32)).map_or(most + 1.0, |row| row as f32)
                        };
                        let rows = columns.encode(graph, column, row, most, most + 1.0);
                        parts.push((vec![at], mlp::levels(graph, &rows, input, embedding)));
                    }
                }
            }
            if !numbers.is_empty() {
                let places = numbers.iter().map(|number| number.at).collect();
                parts.push((places, mlp::numbers(graph, &numbers)));
            }
            if parts.is_empty() {
                return Ok(None);
            }
            let scores = mlp::layers(graph, model, &parts);
            Ok(Some(link(graph, model.link(), outputs, scores)))
        }
    }
}

/// The weighted sum of members' predictions.
fn mean(graph: &mut Graph, parts: &[(f64, String)], fixed: &[f64]) -> String {
    let weighted = parts.iter().map(|(weight, part)| match *weight {
        1.0 => part.clone(),
        weight => {
            let weight = graph.double(weight);
            graph.apply("Mul", &[part, &weight])
        }
    });
    let weighted: Vec<String> = weighted.collect();
    let Some(sum) = weighted.into_iter().reduce(|sum, part| graph.apply("Add", &[&sum, &part])) else {
        return constant(graph, fixed);
    };
    if fixed.iter().all(|value| *value == 0.0) {
        return sum;
    }
    let fixed = graph.doubles(fixed, &[1, fixed.len() as i64]);
    graph.apply("Add", &[&sum, &fixed])
}

/// The same predictions for every row of whatever comes in.
fn constant(graph: &mut Graph, values: &[f64]) -> String {
    let name = graph.free_name("row");
    let rows = graph.input(&name, Element::Double, "any number: the model asks for no column");
    let rows = graph.apply("IsNaN", &[&rows]);
    let zeros = graph.cast(&rows, Element::Double);
    let zeros = {
        let nothing = graph.double(0.0);
        graph.apply("Mul", &[&zeros, &nothing])
    };
    let values = graph.doubles(values, &[1, values.len() as i64]);
    graph.apply("Add", &[&zeros, &values])
}

/// From raw scores to predictions, two columns for two classes.
fn link(graph: &mut Graph, link: Link, outputs: usize, scores: String) -> String {
    match link {
        Link::Identity => scores,
        Link::Exponential => graph.apply("Exp", &[&scores]),
        Link::Softmax => graph.node("", "Softmax", &[&scores], &[("axis", Attribute::Int(1))]),
        Link::Logistic => {
            let (one, negative) = (graph.double(1.0), graph.apply("Neg", &[&scores]));
            let exponential = graph.apply("Exp", &[&negative]);
            let sum = graph.apply("Add", &[&one, &exponential]);
            let second = graph.apply("Div", &[&one, &sum]);
            both(graph, second)
        }
        Link::Probability => {
            let (zero, one) = (graph.double(0.0), graph.double(1.0));
            let second = graph.apply("Clip", &[&scores, &zero, &one]);
            both(graph, second)
        }
        Link::Shares => {
            let zero = graph.double(0.0);
            let shares = graph.apply("Max", &[&scores, &zero]);
            let sum = row_sum(graph, &shares);
            let quotient = graph.apply("Div", &[&shares, &sum]);
            let equal = graph.double(1.0 / outputs as f64);
            let is_positive = graph.apply("Greater", &[&sum, &zero]);
            graph.apply("Where", &[&is_positive, &quotient, &equal])
        }
    }
}

/// The probability of the second of two classes, behind that of the first.
fn both(graph: &mut Graph, second: String) -> String {
    let one = graph.double(1.0);
    let first = graph.apply("Sub", &[&one, &second]);
    graph.concat(&[first, second])
}

fn row_sum(graph: &mut Graph, values: &str) -> String {
    let axis = graph.ints(&[1]);
    graph.node("", "ReduceSum", &[values, &axis], &[("keepdims", Attribute::Int(1))])
}

/// What is done to predictions: the logarithm taken back, or the temperature.
fn shaped(graph: &mut Graph, task: Task, after: &After, values: String) -> String {
    match task {
        Task::Regression if after.log => {
            let factor = graph.double(after.factor);
            let exponential = graph.apply("Exp", &[&values]);
            graph.apply("Mul", &[&exponential, &factor])
        }
        Task::Classification if after.temperature != 1.0 => {
            let (least, power) = (graph.double(1e-300), graph.double(1.0 / after.temperature));
            let positive = graph.apply("Max", &[&values, &least]);
            let powers = graph.apply("Pow", &[&positive, &power]);
            let sum = row_sum(graph, &powers);
            graph.apply("Div", &[&powers, &sum])
        }
        _ => values,
    }
}

/// The output of a regression.
fn number(graph: &mut Graph, values: &str) {
    let flat = graph.ints(&[-1]);
    let values = graph.apply("Reshape", &[values, &flat]);
    graph.output(&values, "prediction", Element::Double, None);
}

/// The outputs of a classification.
fn classes(graph: &mut Graph, pipeline: &Pipeline, probabilities: &str) {
    let (after, names) = (&pipeline.after, pipeline.schema.classes());
    let class = if names.len() == 2 {
        let (second, threshold) = (graph.ints(&[1]), graph.double(after.threshold));
        let second = graph.node("", "Gather", &[probabilities, &second], &[("axis", Attribute::Int(1))]);
        let is_second = graph.apply("GreaterOrEqual", &[&second, &threshold]);
        let class = graph.cast(&is_second, Element::Int64);
        let flat = graph.ints(&[-1]);
        graph.apply("Reshape", &[&class, &flat])
    } else {
        let attributes = [("axis", Attribute::Int(1)), ("keepdims", Attribute::Int(0))];
        graph.node("", "ArgMax", &[probabilities], &attributes)
    };
    let keys: Vec<i64> = (0..names.len() as i64).collect();
    let attributes = [("keys_int64s", Attribute::Ints(&keys)), ("values_strings", Attribute::Texts(names))];
    let label = graph.node(ML, "LabelEncoder", &[&class], &attributes);
    graph.output(&label, "label", Element::Text, None);
    let probabilities = graph.cast(probabilities, Element::Float);
    graph.output(&probabilities, "probabilities", Element::Float, Some(names.len()));
}
