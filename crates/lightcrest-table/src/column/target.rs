//! What is predicted: classes or a number.

use super::profile::Profile;
use super::{Column, Kind, Reading, Role};
use crate::Task;
use crate::error::TableError;
use crate::token::number::Decimal;

/// Most different whole numbers in a row that are taken for classes.
const CLASSES: usize = 10;

/// Names that say what whole numbers are, and most different ones that they say it of.
const NAMES: [&str; 5] = ["class", "classes", "label", "category", "species"];
const NAMED_CLASSES: usize = 100;

/// Classes from which on a target is worth a warning.
const MANY: usize = 1000;

/// The target's column and the task. `column` is what the column would be as a feature.
///
/// # Errors
/// If nothing can be predicted: one value only, a name of the row, infinite numbers, words among numbers.
pub(crate) fn decide_target(
    mut column: Column,
    profile: &Profile,
    wanted: Option<Task>,
) -> Result<(Column, Task), TableError> {
    let name = column.name.clone();
    let present = profile.present();
    if present == 0 {
        return Err(TableError::MissingTarget { column: name, missing: profile.missing, rows: profile.rows });
    }
    if profile.distinct() == 1 && column.kept_words.is_empty() {
        let value = profile.levels.keys().next().map_or_else(String::new, |value| format!("`{value}`"));
        return Err(TableError::ConstantTarget { column: name, value });
    }
    let decimal = match column.reading {
        Reading::Number { decimal } => decimal,
        _ if profile.comma > profile.point => Decimal::Comma,
        _ => Decimal::Point,
    };
    let numbers = profile.numbers(decimal);
    let (task, decided) = match wanted {
        Some(task) => (task, "as --task says".to_owned()),
        None => guess(&column, profile, numbers),
    };
    column.role = Role::Target;
    column.decided = decided;
    column.warnings.clear();
    match task {
        Task::Regression => {
            if numbers < present {
                let example = profile.word_examples.keys().next().cloned().unwrap_or_default();
                return Err(TableError::Target {
                    place: format!("line {}: ", profile.word_line),
                    column: name,
                    value: format!("`{example}`, which is no number"),
                    remedy: "mend it, name it with --missing, or say --task classification".into(),
                });
            }
            if profile.infinite > 0 {
                return Err(TableError::Target {
                    place: format!("line {}: ", profile.infinite_line),
                    column: name,
                    value: "infinity".into(),
                    remedy: "mend the row or take it out: no error against it is finite".into(),
                });
            }
            column.kind = Kind::Number;
            column.reading = Reading::Number { decimal };
        }
        Task::Classification => {
            if profile.is_unique() || (profile.distinct() * 2 > present && present > 40) {
                return Err(TableError::Target {
                    place: String::new(),
                    column: name,
                    value: format!("{} different values in {present} rows", profile.distinct()),
                    remedy: "it looks like an identifier, which cannot be predicted; name another target, or say --task \
                             regression if it is an amount"
                        .into(),
                });
            }
            if profile.distinct() >= MANY {
                column.warnings.push(format!("{} classes: it looks like an identifier", profile.distinct()));
            }
            column.kind = Kind::Category;
            column.reading = Reading::Category;
        }
    }
    Ok((column, task))
}

/// The task that the values tell, and why.
fn guess(column: &Column, profile: &Profile, numbers: usize) -> (Task, String) {
    let distinct = profile.distinct();
    if numbers < profile.present() && !(matches!(column.kind, Kind::Number) && distinct > 20) {
        return (Task::Classification, format!("{distinct} different values, not all numbers: classes"));
    }
    if distinct == 2 {
        return (Task::Classification, "two values: classes".into());
    }
    if profile.leading_zeros > 0 {
        return (Task::Classification, "codes with zeros in front: classes".into());
    }
    let (least, most) = (profile.least.unwrap_or(0.0), profile.most.unwrap_or(0.0));
    let whole = profile.whole == profile.present();
    let consecutive = most - least + 1.0 == distinct as f64;
    if whole && consecutive && distinct <= CLASSES {
        let why = format!(
            "{distinct} whole numbers from {least} to {most}: classes; if they are amounts, say --task regression"
        );
        return (Task::Classification, why);
    }
    let is_named = NAMES.contains(&column.name.trim().to_lowercase().as_str());
    if whole && distinct <= NAMED_CLASSES && is_named {
        let why = format!(
            "{distinct} whole numbers, named `{}`: classes; if they are amounts, say --task regression",
            column.name
        );
        return (Task::Classification, why);
    }
    let why = match whole && distinct <= 20 {
        true => {
            format!("{distinct} whole numbers: an amount; if they are classes, say --task classification")
        }
        false => "numbers: an amount".into(),
    };
    (Task::Regression, why)
}
