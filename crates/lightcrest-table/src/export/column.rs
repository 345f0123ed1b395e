//! Columns of a table as inputs, and the features that are made of them.
//!
//! | column | input | missing |
//! |---|---|---|
//! | number, truth value (0 and 1) | float, (rows, 1) | NaN |
//! | words among numbers | string beside it, `NAME:words` | empty |
//! | category | string | empty, or any word that means it in a table |
//! | date | double: seconds since 1970 in UTC | NaN |

use super::ExportError;
use super::graph::{Graph, ML};
use super::proto::{Attribute, Element};
use crate::feature::Step;
use crate::table::Schema;
use crate::token::missing::WORDS;

/// Seconds of a day.
const DAY: f64 = 86400.0;

/// Makes inputs of columns, once each.
pub(super) struct Columns<'a> {
    pub(super) schema: &'a Schema,
    made: std::collections::HashMap<(usize, bool), String>,
}

impl<'a> Columns<'a> {
    pub(super) fn new(schema: &'a Schema) -> Self {
        Self { schema, made: std::collections::HashMap::new() }
    }

    fn numbers(&mut self, graph: &mut Graph, column: usize, element: Element, doc: &str) -> String {
        let name = &self.schema.columns[column].name;
        self.made.entry((column, false)).or_insert_with(|| graph.input(name, element, doc)).clone()
    }

    /// The words of a column: its levels, or those among its numbers.
    fn words(&mut self, graph: &mut Graph, column: usize) -> String {
        let of_column = &self.schema.columns[column];
        let is_category = of_column.reading == crate::column::Reading::Category;
        let (name, doc) = if is_category {
            (of_column.name.clone(), "a level; empty where it is missing")
        } else {
            let name = graph.free_name(&format!("{}:words", of_column.name));
            (name, "a word that stands where a number should; empty where there is a number, or nothing")
        };
        self.made.entry((column, true)).or_insert_with(|| graph.input(&name, Element::Text, doc)).clone()
    }

    /// Floats of words: one for each level, one for missing ones, one for all others.
    pub(super) fn encode(
        &mut self,
        graph: &mut Graph,
        column: usize,
        level: impl Fn(usize) -> f32,
        missing: f32,
        other: f32,
    ) -> String {
        let words = self.words(graph, column);
        let levels = &self.schema.levels[column];
        let mut keys: Vec<String> = levels.clone();
        let mut values: Vec<f32> = (0..levels.len()).map(&level).collect();
        let mut known: std::collections::HashSet<String> = levels.iter().cloned().collect();
        let mut add = |key: String, value: f32| {
            if known.insert(key.clone()) {
                keys.push(key);
                values.push(value);
            }
        };
        for (code, name) in levels.iter().enumerate() {
            let alias = match name.strip_suffix(".0") {
                Some(whole) if whole.parse::<i64>().is_ok() => whole.to_owned(),
                _ if name.parse::<i64>().is_ok() => format!("{name}.0"),
                _ => continue,
            };
            add(alias, level(code));
        }
        let of_column = &self.schema.columns[column];
        let absent = WORDS.iter().map(|word| (*word).to_owned()).chain(self.schema.missing.iter().cloned());
        let absent: Vec<String> = absent.filter(|word| !of_column.kept_words.contains(word)).collect();
        for word in absent.into_iter().chain([String::new()]) {
            add(word, missing);
        }
        let attributes = [
            ("keys_strings", Attribute::Texts(&keys)),
            ("values_floats", Attribute::Floats(&values)),
            ("default_float", Attribute::Float(other)),
        ];
        graph.node(ML, "LabelEncoder", &[&words], &attributes)
    }

    /// One feature of a step, as f32. `bins` are those of a feature that trees take as categories: of each
    /// code, of missing ones and of all others.
    pub(super) fn feature(
        &mut self,
        graph: &mut Graph,
        column: usize,
        step: &Step,
        at: usize,
        bins: Option<(&[u8], u8, u8)>,
    ) -> Result<String, ExportError> {
        Ok(match step {
            Step::Number => self.numbers(graph, column, Element::Float, "NaN where it is missing"),
            Step::Codes => {
                let (codes, missing, other) = bins.unwrap_or((&[], 0, 0));
                let bin = |code: usize| f32::from(codes.get(code).copied().unwrap_or(other));
                self.encode(graph, column, bin, f32::from(missing), f32::from(other))
            }
            Step::Date { origin, .. } => {
                let doc = "seconds since 1970-01-01 in UTC; NaN where it is missing";
                let seconds = self.numbers(graph, column, Element::Double, doc);
                let made = date(graph, &seconds, *origin, at);
                graph.cast(&made, Element::Float)
            }
            Step::Means { means, prior } => {
                let (means, prior) = (&means[at], prior[at]);
                self.encode(graph, column, |code| means.get(code).copied().unwrap_or(prior), prior, prior)
            }
            Step::Frequency { shares } => {
                self.encode(graph, column, |code| shares.get(code).copied().unwrap_or(0.0), 0.0, 0.0)
            }
            Step::Text { .. } => {
                return Err(ExportError::Text { column: self.schema.columns[column].name.clone() });
            }
            Step::Unused { .. } => unreachable!("a feature that is asked for is made"),
        })
    }
}

/// Arithmetic on f64, where a missing value stays NaN.
struct Arithmetic<'a>(&'a mut Graph);

impl Arithmetic<'_> {
    fn with(&mut self, operator: &str, a: &str, b: f64) -> String {
        let b = self.0.double(b);
        self.0.apply(operator, &[a, &b])
    }

    fn floor_of(&mut self, a: &str, divisor: f64) -> String {
        let quotient = self.with("Div", a, divisor);
        self.0.apply("Floor", &[&quotient])
    }
}

/// A feature of a date: days since the origin, year, month, day, weekday, hour (as `feature::step` does).
///
/// Year, month and day by Hinnant's `civil_from_days`, in whole numbers of f64, which divide exactly.
fn date(graph: &mut Graph, seconds: &str, origin: f64, at: usize) -> String {
    let mut f = Arithmetic(graph);
    if at == 0 {
        let since = f.with("Sub", seconds, origin);
        return f.with("Div", &since, DAY);
    }
    let day = f.floor_of(seconds, DAY);
    if at == 4 {
        // 1970-01-01 was a Thursday: Monday is 0.
        let shifted = f.with("Add", &day, 3.0);
        let weeks = f.floor_of(&shifted, 7.0);
        let weeks = f.with("Mul", &weeks, 7.0);
        return f.0.apply("Sub", &[&shifted, &weeks]);
    }
    if at == 5 {
        let start = f.with("Mul", &day, DAY);
        let within = f.0.apply("Sub", &[seconds, &start]);
        return f.with("Div", &within, 3600.0);
    }
    let shifted = f.with("Add", &day, 719_468.0);
    let era = f.floor_of(&shifted, 146_097.0);
    let before = f.with("Mul", &era, 146_097.0);
    let of_era = f.0.apply("Sub", &[&shifted, &before]);
    let mut sum = of_era.clone();
    for (divisor, operator) in [(1460.0, "Sub"), (36_524.0, "Add"), (146_096.0, "Sub")] {
        let part = f.floor_of(&of_era, divisor);
        sum = f.0.apply(operator, &[&sum, &part]);
    }
    let year = f.floor_of(&sum, 365.0);
    let mut of_year = of_era;
    let days = f.with("Mul", &year, 365.0);
    of_year = f.0.apply("Sub", &[&of_year, &days]);
    for (divisor, operator) in [(4.0, "Sub"), (100.0, "Add")] {
        let part = f.floor_of(&year, divisor);
        of_year = f.0.apply(operator, &[&of_year, &part]);
    }
    let times_five = f.with("Mul", &of_year, 5.0);
    let plus_two = f.with("Add", &times_five, 2.0);
    let month = f.floor_of(&plus_two, 153.0); // from March on
    if at == 3 {
        let times = f.with("Mul", &month, 153.0);
        let plus = f.with("Add", &times, 2.0);
        let before = f.floor_of(&plus, 5.0);
        let since = f.0.apply("Sub", &[&of_year, &before]);
        return f.with("Add", &since, 1.0);
    }
    // January and February are at its end, and belong to the next year.
    let late = f.with("Div", &month, 10.0);
    let late = f.0.apply("Floor", &[&late]);
    if at == 2 {
        let back = f.with("Mul", &late, 12.0);
        let forward = f.with("Add", &month, 3.0);
        return f.0.apply("Sub", &[&forward, &back]);
    }
    let centuries = f.with("Mul", &era, 400.0);
    let year = f.0.apply("Add", &[&year, &centuries]);
    f.0.apply("Add", &[&year, &late])
}
