//! From the tree of settings to the engine's space.

use std::ops::Range;

use lightcrest::space::{Condition, Domain, Parameter, Space, Value};

use crate::diagnostic::{Errors, Problem};
use crate::setting::Setting;
use crate::tree::{Choice, Entry, Group};

/// A parameter with its place in the file.
pub struct Found {
    /// As the engine knows it, without what is `written`.
    pub parameter: Parameter,
    /// Where it is written.
    pub span: Range<usize>,
    /// The conditions written as `when`, with their places.
    pub written: Vec<(Condition, Range<usize>)>,
}

/// Builds the space; `None` when there was an error.
pub fn build(errors: &mut Errors, mut found: Vec<Found>) -> Option<Space> {
    if !errors.list.is_empty() {
        return None; // a table that could not be read would make its parameters unknown here
    }
    check_conditions(errors, &mut found);
    if !errors.list.is_empty() {
        return None;
    }
    let spans: Vec<(String, Range<usize>)> =
        found.iter().map(|found| (found.parameter.name.clone(), found.span.clone())).collect();
    let builder =
        found.into_iter().fold(Space::builder(), |builder, found| builder.parameter(found.parameter));
    match builder.build() {
        Ok(space) => Some(space),
        Err(error) => {
            let message = error.to_string();
            // The engine names the parameter in quotes: point at it.
            let place = spans.iter().find(|(name, _)| message.contains(&format!("`{name}`")));
            let span = place.map_or(0..0, |(_, span)| span.clone());
            errors.push(span, Problem::Invalid { reason: message });
            None
        }
    }
}

/// Adds what varies in a table.
pub fn add_group(found: &mut Vec<Found>, group: &Group, conditions: &[Condition]) {
    for entry in group.entries.iter().filter(|entry| !entry.shared) {
        add_entry(found, entry, conditions);
    }
}

/// Adds a key, if it varies.
pub fn add_entry(found: &mut Vec<Found>, entry: &Entry, conditions: &[Condition]) {
    let Setting::Vary(vary) = &entry.setting else { return };
    let mut parameter = Parameter::new(&entry.parameter, vary.domain.clone());
    parameter.when = conditions.to_vec();
    found.push(Found { parameter, span: entry.span.clone(), written: vary.when.clone() });
}

/// Adds the parameter that chooses between tables, when there is a choice.
pub fn add_switch(found: &mut Vec<Found>, choice: &Choice) {
    if choice.alternatives.len() < 2 {
        return;
    }
    let names: Vec<Value> =
        choice.alternatives.iter().map(|alternative| Value::from(alternative.section.name)).collect();
    let domain = Domain::Categorical { choices: names.into(), ordered: false };
    let parameter = Parameter::new(&choice.parameter, domain);
    found.push(Found { parameter, span: choice.span.clone(), written: vec![] });
}

/// Adds what varies in the tables of a choice, each under the condition that it is chosen.
pub fn add_alternatives(found: &mut Vec<Found>, choice: &Choice) {
    for alternative in &choice.alternatives {
        let condition = choice.condition(|other| other.section.name == alternative.section.name);
        add_group(found, &alternative.group, condition.as_slice());
    }
}

/// Checks the `when`s that were written and adds them to their parameters.
fn check_conditions(errors: &mut Errors, found: &mut [Found]) {
    let domains: Vec<(String, Domain)> =
        found.iter().map(|found| (found.parameter.name.clone(), found.parameter.domain.clone())).collect();
    for child in found {
        for (condition, span) in std::mem::take(&mut child.written) {
            let parameter = child.parameter.name.clone();
            let Some((parent, domain)) = domains.iter().find(|(name, _)| *name == condition.parent) else {
                let known =
                    domains.iter().map(|(name, _)| name.clone()).filter(|name| *name != parameter).collect();
                errors.push(span, Problem::UnknownParent { parameter, parent: condition.parent, known });
                continue;
            };
            // A number may be written without its decimal point.
            let mut condition = condition;
            let float = match domain {
                Domain::Float { .. } => true,
                Domain::Categorical { choices, .. } => matches!(choices.first(), Some(Value::Float(_))),
                Domain::Int { .. } => false,
            };
            let meant = |value: &Value| match value.as_f64() {
                Some(number) if float => Value::Float(number),
                _ => value.clone(),
            };
            condition.values = condition.values.iter().map(meant).collect();
            if let Some(value) = condition.values.iter().find(|value| !domain.contains(value)) {
                let known = match domain {
                    Domain::Categorical { choices, .. } => {
                        choices.iter().map(|choice| choice.to_string().trim_matches('"').to_owned()).collect()
                    }
                    _ => vec![],
                };
                let value = value.to_string().trim_matches('"').to_owned();
                let parent = parent.clone();
                errors.push(span, Problem::ImpossibleCondition { parameter, parent, value, known });
                continue;
            }
            child.parameter.when.push(condition);
        }
    }
}
