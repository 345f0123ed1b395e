//! What was decided about a table, for the terminal and the report.

use lightcrest_report::{TableColumn, TableSection};
use lightcrest_table::Task;
use lightcrest_table::column::{Column, Role};
use lightcrest_table::search::Problem;

use crate::output::plain_table;

/// Columns that the terminal shows; the report has all.
const SHOWN: usize = 60;

/// Letters of a name that the terminal shows.
const LETTERS: usize = 40;

/// Everything that was decided.
pub(super) fn section(problem: &Problem) -> TableSection {
    let schema = problem.schema();
    let task = match schema.task {
        Task::Classification => format!("classification into {} classes", problem.classes),
        Task::Regression => "regression".to_owned(),
    };
    let target = &schema.columns[schema.target()];
    let mut decisions = vec![
        format!(
            "predicts `{}`: {task}, judged by {} ({})",
            target.name,
            problem.metric.name(),
            target.decided
        ),
        format!("{} rows, {} columns", problem.table().rows, schema.columns.len()),
    ];
    decisions.extend(problem.learnt.decisions.iter().chain(&problem.splits.decisions).cloned());
    let mut warnings: Vec<String> =
        problem.learnt.warnings.iter().chain(&problem.splits.warnings).cloned().collect();
    for column in &schema.columns {
        warnings.extend(column.warnings.iter().map(|warning| format!("`{}`: {warning}", column.name)));
    }
    TableSection { decisions, warnings, columns: schema.columns.iter().map(row).collect() }
}

fn row(column: &Column) -> TableColumn {
    let role = match column.role {
        Role::Feature => "feature",
        Role::Target => "target",
        Role::Group => "group",
        Role::Time => "time",
        Role::Dropped => "left out",
    };
    let decided = std::iter::once(&column.decided).chain(&column.notes).cloned().collect::<Vec<_>>();
    TableColumn {
        name: column.name.clone(),
        kind: column.kind.name().into(),
        role: role.into(),
        missing: column.missing,
        distinct: column.distinct,
        decided: decided.join("; "),
    }
}

/// The same for the terminal.
pub(super) fn text(section: &TableSection) -> String {
    let mut table = plain_table();
    table.set_header(["Column", "Kind", "Used as", "Missing", "Different", "How it was decided"]);
    for column in section.columns.iter().take(SHOWN) {
        let short = |text: &str| match text.chars().count() > LETTERS {
            true => format!("{}…", text.chars().take(LETTERS).collect::<String>()),
            false => text.to_owned(),
        };
        table.add_row([
            short(&column.name),
            column.kind.clone(),
            column.role.clone(),
            column.missing.to_string(),
            column.distinct.to_string(),
            column.decided.clone(),
        ]);
    }
    let mut lines = section.decisions.clone();
    lines.push(table.to_string());
    if section.columns.len() > SHOWN {
        lines.push(format!("and {} more columns, which the report has", section.columns.len() - SHOWN));
    }
    lines.extend(section.warnings.iter().map(|warning| format!("warning: {warning}")));
    lines.join("\n")
}
