//! The whole pipeline as an ONNX file: from named strings and numbers to labels and probabilities.
//!
//! ```text
//! proto      the messages of the format
//! graph      nodes, constants, inputs and outputs
//! column     inputs, and the features that are made of them
//! trees      trees as one node
//! ```
//!
//! Each column that the model needs is an input of its name, (rows, 1) each; `column` says of what type. The
//! outputs are `label` (string) and `probabilities` (float, a column a class) or, of a regression,
//! `prediction` (double); where a column has that name, the output has an underscore behind it.
//!
//! On trees, what a runtime computes is what [`Pipeline::predict`] does: scores are equal to the last bit,
//! and links are computed in f64 as ours are.

mod column;
mod graph;
mod proto;
mod trees;

use lightcrest_tree::{Link, Model};

use crate::Task;
use crate::algorithm::Fitted;
use crate::pipeline::Pipeline;
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
    let schema = &pipeline.schema;
    let mut graph = Graph::new(schema.columns.iter().map(|column| column.name.clone()).collect());
    let scores = match &pipeline.fitted {
        Fitted::Constant(values) => constant(&mut graph, values),
        Fitted::Trees(model) => {
            let features = features(&mut graph, pipeline, model)?;
            let used = model.used_columns();
            match features {
                Some(features) => {
                    let place = |feature: usize| used.binary_search(&feature).expect("a used feature");
                    let scores = trees::add(&mut graph, model, &features, &place);
                    link(&mut graph, model, scores)
                }
                None => constant(
                    &mut graph,
                    &pipeline.fitted.predict(&vec![f32::NAN; model.columns()], pipeline.outputs()),
                ),
            }
        }
    };
    match schema.task {
        Task::Regression => number(&mut graph, pipeline, scores),
        Task::Classification => classes(&mut graph, pipeline, scores),
    }
    Ok(graph.finish())
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

/// The features that the trees ask for, side by side; nothing where they ask for none.
fn features(graph: &mut Graph, pipeline: &Pipeline, model: &Model) -> Result<Option<String>, ExportError> {
    let used = model.used_columns();
    let mut columns = Columns::new(&pipeline.schema);
    let mut parts = Vec::with_capacity(used.len());
    let mut first = 0;
    for (column, step) in &pipeline.preparer.steps {
        for at in 0..step.width() {
            if used.binary_search(&(first + at)).is_ok() {
                let bins = model.category_bins(first + at);
                parts.push(columns.feature(graph, *column, step, at, bins)?);
            }
        }
        first += step.width();
    }
    debug_assert_eq!(parts.is_empty(), !graph.has_inputs());
    Ok((!parts.is_empty()).then(|| graph.concat(&parts)))
}

/// From raw scores to predictions, two columns for two classes.
fn link(graph: &mut Graph, model: &Model, scores: String) -> String {
    match model.link() {
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
            let equal = graph.double(1.0 / model.outputs() as f64);
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

/// The output of a regression.
fn number(graph: &mut Graph, pipeline: &Pipeline, mut scores: String) {
    if pipeline.after.log {
        let factor = graph.double(pipeline.after.factor);
        let exponential = graph.apply("Exp", &[&scores]);
        scores = graph.apply("Mul", &[&exponential, &factor]);
    }
    let flat = graph.ints(&[-1]);
    let scores = graph.apply("Reshape", &[&scores, &flat]);
    graph.output(&scores, "prediction", Element::Double, None);
}

/// The outputs of a classification.
fn classes(graph: &mut Graph, pipeline: &Pipeline, mut probabilities: String) {
    let (after, names) = (&pipeline.after, pipeline.schema.classes());
    if after.temperature != 1.0 {
        let (least, power) = (graph.double(1e-300), graph.double(1.0 / after.temperature));
        let positive = graph.apply("Max", &[&probabilities, &least]);
        let powers = graph.apply("Pow", &[&positive, &power]);
        let sum = row_sum(graph, &powers);
        probabilities = graph.apply("Div", &[&powers, &sum]);
    }
    let class = if names.len() == 2 {
        let (second, threshold) = (graph.ints(&[1]), graph.double(after.threshold));
        let second = graph.node("", "Gather", &[&probabilities, &second], &[("axis", Attribute::Int(1))]);
        let is_second = graph.apply("GreaterOrEqual", &[&second, &threshold]);
        let class = graph.cast(&is_second, Element::Int64);
        let flat = graph.ints(&[-1]);
        graph.apply("Reshape", &[&class, &flat])
    } else {
        let attributes = [("axis", Attribute::Int(1)), ("keepdims", Attribute::Int(0))];
        graph.node("", "ArgMax", &[&probabilities], &attributes)
    };
    let keys: Vec<i64> = (0..names.len() as i64).collect();
    let attributes = [("keys_int64s", Attribute::Ints(&keys)), ("values_strings", Attribute::Texts(names))];
    let label = graph.node(ML, "LabelEncoder", &[&class], &attributes);
    graph.output(&label, "label", Element::Text, None);
    let probabilities = graph.cast(&probabilities, Element::Float);
    graph.output(&probabilities, "probabilities", Element::Float, Some(names.len()));
}
