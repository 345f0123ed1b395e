//! Puts the page together.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::ReportData;

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = concat!(
    include_str!("assets/chart.js"),
    include_str!("assets/front.js"),
    include_str!("assets/history.js"),
    include_str!("assets/space.js"),
    include_str!("assets/table.js"),
    include_str!("assets/layers.js"),
    include_str!("assets/page.js"),
);

/// The page as HTML.
pub(crate) fn render(data: &ReportData) -> String {
    let sections = [
        ("front", "Front"),
        ("history", "History"),
        ("curves", "Learning curves"),
        ("importance", "Importance"),
        ("parallel", "Parallel coordinates"),
        ("trials", "Trials"),
        ("models", "Models"),
    ];
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content=(concat!("lightcrest ", env!("CARGO_PKG_VERSION")));
                // An empty icon: the page asks for no other file.
                link rel="icon" href="data:,";
                title { (data.title) " · Lightcrest" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header.top {
                    div {
                        h1 { (data.title) }
                        p.summary { (data.summary) }
                    }
                    button #scheme type="button" aria-label="Switch between light and dark" { "◐" }
                }
                nav aria-label="Sections" {
                    @for (id, title) in sections { a href={ "#" (id) } { (title) } }
                }
                main {
                    noscript { section.card { "The charts on this page are drawn by JavaScript, which is turned off." } }
                    section.card {
                        dl.facts {
                            @for fact in &data.facts { div { dt { (fact.label) } dd { (fact.value) } } }
                        }
                    }
                    (card("front", "Front", "Every complete trial. Hover or touch a mark to see its configuration.", true))
                    div.two {
                        (card("history", "Optimisation history", "", true))
                        (card("curves", "Learning curves", "", true))
                    }
                    (card("importance", "Importance of the parameters",
                        "How much each parameter tells the better trials from the others (PED-ANOVA).", false))
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
                    section.card #models {
                        div.head { h2 { "Models of the front" } }
                        div #models-list {}
                    }
                }
                footer { "Drawn by Lightcrest " (env!("CARGO_PKG_VERSION")) ". MACs are multiply-accumulates for one image." }
                div #tip role="status" hidden {}
                script #data type="application/json" { (PreEscaped(json(data))) }
                script { (PreEscaped("\"use strict\";\n(() => {\n")) (PreEscaped(SCRIPT)) (PreEscaped("})();\n")) }
            }
        }
    }
    .into_string()
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
fn json(data: &ReportData) -> String {
    let text = serde_json::to_string(data).expect("plain data with string keys is JSON");
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
