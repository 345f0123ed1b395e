//! The pages: one HTML file each, which shows a study and needs nothing but itself.
//!
//! A page carries its data as JSON and draws it with the scripts in `assets/`, which know of nothing else. So
//! it can be drawn, and tested, without a study.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::data::{Metric, ReportData, Surrogate, TableSection};

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = concat!(
    include_str!("assets/chart.js"),
    include_str!("assets/front.js"),
    include_str!("assets/history.js"),
    include_str!("assets/space.js"),
    include_str!("assets/surrogate.js"),
    include_str!("assets/table.js"),
    include_str!("assets/layers.js"),
    include_str!("assets/diagnosis.js"),
    include_str!("assets/page.js"),
);
const SURROGATE_SCRIPT: &str = concat!(
    include_str!("assets/chart.js"),
    include_str!("assets/surrogate.js"),
    "begin([[\"surrogate-chart\", drawSurrogate]]);\n",
);

/// The report as HTML.
pub fn report(data: &ReportData) -> String {
    let sections = [
        ("table", "Table"),
        ("front", "Front"),
        ("diagnosis", "Predictions"),
        ("history", "History"),
        ("curves", "Learning curves"),
        ("importance", "Importance"),
        ("surrogate", "Surrogate"),
        ("parallel", "Parallel coordinates"),
        ("trials", "Trials"),
        ("models", "Models"),
    ];
    let diagnosed = data.models.iter().any(|model| model.diagnosis.is_some());
    let is_there = |id: &str| match id {
        "models" => data.networks,
        "table" => data.table.is_some(),
        "diagnosis" => diagnosed,
        _ => true,
    };
    let nav = html! {
        nav aria-label="Sections" {
            @for (id, title) in sections.into_iter().filter(|(id, _)| is_there(id)) { a href={ "#" (id) } { (title) } }
        }
    };
    let body = html! {
        section.card {
            dl.facts {
                @for fact in &data.facts { div { dt { (fact.label) } dd { (fact.value) } } }
            }
        }
        @if let Some(table) = &data.table { (table_card(table)) }
        (card("front", "Front", "Every complete trial. Hover or touch a mark to see its configuration.", true))
        @if diagnosed { (diagnosis_card()) }
        div.two {
            (card("history", "Optimisation history", "", true))
            (card("curves", "Learning curves", "", true))
        }
        (card("importance", "Importance of the parameters",
            "How much each parameter tells the better trials from the others (PED-ANOVA).", false))
        (surrogate_card("Surrogate",
            "The posterior of the Gaussian process along the most important parameter. For other parameters, or two: lightcrest surrogate."))
        (card("parallel", "Parallel coordinates",
            "A line is a trial. Where a parameter is inactive the line has a gap.", true))
        section.card #trials {
            div.head { h2 { "Trials" } span #trials-controls.head {} }
            p.note {
                "Click a heading to sort. The filter takes words and comparisons such as "
                code { "macs<2e6" } " or " code { "state=pruned" } "."
            }
            div #trials-table {}
        }
        @if data.networks {
            section.card #models {
                div.head { h2 { "Models of the front" } }
                div #models-list {}
            }
        }
    };
    document(&Page {
        title: &data.title,
        summary: &data.summary,
        nav: &nav,
        body: &body,
        data: &json(data),
        script: SCRIPT,
        macs: !data.models.is_empty() || data.metrics.iter().any(Metric::is_macs),
    })
}

/// How the models of a table predict the test part.
fn diagnosis_card() -> Markup {
    html! {
        section.card #diagnosis {
            div.head { h2 { "Predictions of the test part" } span #diagnosis-controls.head {} }
            p.note {
                "By a model that was made with the same settings without these rows. Looked at once, and nothing was chosen by it."
            }
            div.two {
                div { h3 #diagnosis-outcome-title {} div #diagnosis-outcome.chart {} }
                div {
                    h3 { "Columns it needs" }
                    p.note #diagnosis-importance-note {}
                    div #diagnosis-importance.chart {}
                }
            }
            div #diagnosis-learning-part {
                h3 { "Would more rows help?" }
                p.note { "Models of a part of the rows, by rows that none of them saw; then what all rows are expected to add." }
                div #diagnosis-learning.chart {}
            }
            div #diagnosis-confusion.scroll {}
        }
    }
}

/// The columns of a table and what was decided about them.
fn table_card(table: &TableSection) -> Markup {
    html! {
        section.card #table {
            div.head { h2 { "Table" } }
            @for warning in &table.warnings { p { strong { "Look at this: " } (warning) } }
            @for decision in &table.decisions { p.note { (decision) } }
            div.scroll {
                table {
                    thead { tr {
                        @for title in ["Column", "Kind", "Used as", "Missing", "Different", "How it was decided"] { th { (title) } }
                    } }
                    tbody {
                        @for column in &table.columns {
                            tr {
                                td { (column.name) } td { (column.kind) } td { (column.role) }
                                td { (column.missing) } td { (column.distinct) } td { (column.decided) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The page of the surrogate alone, as HTML; `title` is the name of the study.
pub fn surrogate(title: &str, drawn: &Surrogate) -> String {
    #[derive(serde::Serialize)]
    struct Data<'a> {
        surrogate: &'a Surrogate,
    }
    let names: Vec<&str> = drawn.axes.iter().map(|axis| axis.parameter.name.as_str()).collect();
    let summary = format!(
        "Posterior of the Gaussian process for {} along {}.",
        drawn.objective.label,
        names.join(" and ")
    );
    let body = surrogate_card("Posterior and acquisition", "");
    document(&Page {
        title,
        summary: &summary,
        nav: &html! {},
        body: &body,
        data: &json(&Data { surrogate: drawn }),
        script: SURROGATE_SCRIPT,
        macs: drawn.objective.is_macs(),
    })
}

/// What is on a page.
struct Page<'a> {
    title: &'a str,
    summary: &'a str,
    nav: &'a Markup,
    body: &'a Markup,
    /// JSON.
    data: &'a str,
    script: &'a str,
    /// Whether MACs are among the numbers.
    macs: bool,
}

/// What all pages have.
fn document(page: &Page<'_>) -> String {
    let Page { title, summary, nav, body, data, script, macs } = *page;
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content=(concat!("lightcrest ", env!("CARGO_PKG_VERSION")));
                // An empty icon: the page asks for no other file.
                link rel="icon" href="data:,";
                title { (title) " · Lightcrest" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header.top {
                    div {
                        h1 { (title) }
                        p.summary { (summary) }
                    }
                    button #scheme type="button" aria-label="Switch between light and dark" { "◐" }
                }
                (nav)
                main {
                    noscript { section.card { "The charts on this page are drawn by JavaScript, which is turned off." } }
                    (body)
                }
                footer {
                    "Drawn by Lightcrest " (env!("CARGO_PKG_VERSION")) "."
                    @if macs { " MACs are multiply-accumulates for one image." }
                }
                div #tip role="status" hidden {}
                script #data type="application/json" { (PreEscaped(data)) }
                script { (PreEscaped("\"use strict\";\n(() => {\n")) (PreEscaped(script)) (PreEscaped("})();\n")) }
            }
        }
    }
    .into_string()
}

/// The card of the surrogate: slider, picture, and the picture in words.
fn surrogate_card(title: &str, note: &str) -> Markup {
    html! {
        section.card #surrogate {
            div.head { h2 { (title) } span #surrogate-controls.head {} }
            @if !note.is_empty() { p.note { (note) } }
            div #surrogate-legend {}
            div #surrogate-chart.chart {}
            div #surrogate-text aria-live="polite" {}
        }
    }
}

/// A titled card with a place for controls, a legend and a chart.
fn card(id: &str, title: &str, note: &str, legend: bool) -> Markup {
    html! {
        section.card id=(id) {
            div.head { h2 { (title) } span.head id={ (id) "-controls" } {} }
            @if !note.is_empty() { p.note { (note) } }
            @if legend { div id={ (id) "-legend" } {} }
            div class=(if id == "parallel" { "chart scroll" } else { "chart" }) id={ (id) "-chart" } {}
        }
    }
}

/// The data as JSON that no string inside can end early: `<` cannot occur in it.
fn json(data: &impl serde::Serialize) -> String {
    let text = serde_json::to_string(data).expect("plain data with string keys is JSON");
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests;
