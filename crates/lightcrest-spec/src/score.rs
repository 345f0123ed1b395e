//! Reading an objective that is a formula over metrics.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostic::{Errors, Problem};
use crate::document;
use crate::formula::{FOLDS, Formula, Name, UNARY};
use crate::setting::{describe, in_order, number};

/// The table `constants` of an objective: numbers that its formula names. None may have the name of one of
/// `metrics`.
pub fn constants(errors: &mut Errors, table: &DeTable<'_>, metrics: &[&str]) -> Vec<(String, f64)> {
    let Some((inner, _)) = document::table(errors, table, "constants") else { return vec![] };
    let mut list = Vec::new();
    for (name, span, value) in in_order(inner) {
        let taken = metrics.contains(&name) || UNARY.contains(&name) || FOLDS.contains(&name);
        match number(value.get_ref()) {
            _ if taken => {
                let reason = format!("the constant `{name}` has the name of a metric or a function");
                errors.push(span, Problem::Invalid { reason });
            }
            Some(number) => list.push((name.to_owned(), number)),
            None => {
                let found = describe(value.get_ref());
                let problem = Problem::WrongType { key: name.into(), expected: "a number".into(), found };
                errors.push(value.span(), problem);
            }
        }
    }
    list
}

/// The formula of an objective over `metrics`, each with the index that stands for it in the formula.
pub fn formula(
    errors: &mut Errors,
    score: &Spanned<DeValue<'_>>,
    constants: &[(String, f64)],
    metrics: &[(&str, usize)],
) -> Option<Formula> {
    let DeValue::String(text) = score.get_ref() else {
        let found = describe(score.get_ref());
        let expected = "a formula in a string".into();
        errors.push(score.span(), Problem::WrongType { key: "score".into(), expected, found });
        return None;
    };
    let resolve = |word: &str| match metrics.iter().find(|(metric, _)| *metric == word) {
        Some((_, index)) => Some(Name::Metric(*index)),
        None => constants.iter().find(|(name, _)| name == word).map(|(_, value)| Name::Constant(*value)),
    };
    match Formula::parse(text, &resolve) {
        Ok(formula) => Some(formula),
        Err(error) => {
            let known =
                metrics.iter().map(|(name, _)| *name).chain(constants.iter().map(|(name, _)| name.as_str()));
            let known = known.chain(UNARY.iter().chain(FOLDS).copied()).map(str::to_owned).collect();
            // A plain string stands in the file as it is, one quote before it; an escaped one is pointed at
            // whole.
            let span = score.span();
            let inside =
                span.start + 1 + error.span.start..span.start + 1 + error.span.end.max(error.span.start + 1);
            let plain = span.len() == text.len() + 2;
            errors.push(
                if plain { inside } else { span },
                Problem::Formula { reason: error.reason, known, word: error.word },
            );
            None
        }
    }
}
