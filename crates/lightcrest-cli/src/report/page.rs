//! Puts the pages together.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{ReportData, Surrogate};

const STYLE: &str = include_str!("assets/style.css");
const SCRIPT: &str = concat!(
    include_str!("assets/chart.js"),
    include_str!("assets/front.js"),
    include_str!("assets/history.js"),
    include_str!("assets/space.js"),
    include_str!("assets/surrogate.js"),
    include_str!("assets/table.js"),
    include_str!("assets/layers.js"),
    include_str!("assets/page.js"),
);
const SURROGATE_SCRIPT: &str = concat!(
    include_str!("assets/chart.js"),
    include_str!("assets/surrogate.js"),
    "begin([[\"surrogate-chart\", drawSurrogate]]);\n",
);

/// The page as HTML.
pub(crate) fn render(data: &ReportData) -> String {
    let sections = [
        ("front", "Front"),
        ("history", "History"),
        ("curves", "Learning curves"),
        ("importance", "Importance"),
        ("surrogate", "Surrogate"),
        ("parallel", "Parallel coordinates"),
        ("trials", "Trials"),
        ("models", "Models"),
    ];
    let nav = html! {
        nav aria-label="Sections" {
            @for (id, title) in sections.into_iter().filter(|(id, _)| data.networks || *id != "models") { a href={ "#" (id) } { (title) } }
        }
    };
    let body = html! {
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
        (surrogate_card("What the sampler believed",
            "The Gaussian process along the most important parameter. For other parameters, or two: lightcrest surrogate."))
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
    document(&data.title, &data.summary, &nav, &body, &json(data), SCRIPT)
}

/// The page of the surrogate alone.
pub(crate) fn render_surrogate(title: &str, surrogate: &Surrogate) -> String {
    #[derive(serde::Serialize)]
    struct Data<'a> {
        surrogate: &'a Surrogate,
    }
    let names: Vec<&str> = surrogate.axes.iter().map(|axis| axis.parameter.name.as_str()).collect();
    let summary = format!(
        "What the Gaussian process believed about {} along {}.",
        surrogate.objective.label,
        names.join(" and ")
    );
    let body = surrogate_card("Belief and acquisition", "");
    document(title, &summary, &html! {}, &body, &json(&Data { surrogate }), SURROGATE_SCRIPT)
}

/// What all pages have.
fn document(title: &str, summary: &str, nav: &Markup, body: &Markup, data: &str, script: &str) -> String {
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
                    @if data.contains("\"macs\"") { " MACs are multiply-accumulates for one image." }
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
