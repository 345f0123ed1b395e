//! What becomes of each section of layers: `[compress.sections]`, and what it leaves open.

use lightcrest::space::{Domain, Value};
use lightcrest_spec::diagnostic::{Errors, Problem};
use lightcrest_spec::document::{group, table};
use lightcrest_spec::setting::{Setting, Vary, in_order};
use lightcrest_spec::tree::{Entry, Group};
use toml::de::DeTable;

use super::super::plan;
use super::super::section::Section;
use super::super::spec::SectionSpec;
use super::super::vocabulary::{RANKS, RATIOS, SECTION};

fn choice(choices: Vec<Value>) -> Setting {
    match choices.len() {
        1 => Setting::Fixed(choices[0].clone()),
        _ => vary(Domain::Categorical { choices: choices.into(), ordered: false }),
    }
}

fn vary(domain: Domain) -> Setting {
    Setting::Vary(Vary { domain, when: vec![], times: None })
}

/// A key that nobody wrote.
fn searched(key: &str, parameter: &str, setting: Setting) -> Option<Entry> {
    let key = SECTION.key(key)?;
    Some(Entry { key, parameter: parameter.into(), setting, span: 0..0, shared: false })
}

/// `[compress.sections]`, and what it leaves open.
pub(super) fn read_sections(
    errors: &mut Errors,
    compress: &DeTable<'_>,
    tied: Vec<Section>,
) -> Vec<SectionSpec> {
    let empty = DeTable::new();
    let (written, _) = table(errors, compress, "sections").unwrap_or((&empty, 0..0));
    for (name, span, _) in in_order(written) {
        if !tied.iter().any(|section| section.name == name) {
            let known = tied.iter().map(|section| section.name.clone()).collect();
            let section = "[compress.sections]".into();
            errors.push(span, Problem::UnknownKey { key: name.into(), section, known });
        }
    }
    let mut one = |section: Section| {
        let title = format!("[compress.sections.{}]", section.name);
        let mut group = match table(errors, written, &section.name) {
            Some(table) => group(errors, &SECTION, table, &title, &section.name, &[]),
            None => Group::default(),
        };
        let parameter = |key: &str| format!("{}.{key}", section.name);
        if group.entry("method").is_none() {
            let methods = std::iter::once("keep").chain(section.methods.iter().copied());
            group.entries.extend(searched(
                "method",
                &parameter("method"),
                choice(methods.map(Value::from).collect()),
            ));
        }
        let methods = chosen(&group);
        if let Some(entry) = group.entry("method") {
            let known = || ["keep"].into_iter().chain(section.methods.iter().copied());
            for method in methods.iter().filter(|method| !known().any(|known| known == method.as_str())) {
                let known = known().map(str::to_owned).collect();
                let problem = Problem::UnknownWord { key: "method".into(), value: method.clone(), known };
                errors.push(entry.span.clone(), problem);
            }
        }
        for (key, (low, high)) in [("ratio", RATIOS), ("rank", RANKS)] {
            let reads = methods.iter().any(|method| reads(method, key));
            match (group.entry(key), reads) {
                (Some(entry), false) => {
                    let reason = format!("`{key}` means nothing to {}", methods.join(", "));
                    errors.push(entry.span.clone(), Problem::Invalid { reason });
                }
                (None, true) => {
                    let domain = Domain::Float { low, high, log: key == "rank", step: None };
                    group.entries.extend(searched(key, &parameter(key), vary(domain)));
                }
                _ => {}
            }
        }
        let can = section.int8;
        match group.entry("precision") {
            Some(entry) if !can && may_be_int8(entry) => {
                let reason =
                    format!("no layer of section {} can be int8, or `methods` leaves it out", section.name);
                errors.push(entry.span.clone(), Problem::Invalid { reason });
            }
            None if can => {
                let choices = ["fp32", "int8"].map(Value::from).to_vec();
                group.entries.extend(searched("precision", &parameter("precision"), choice(choices)));
            }
            _ => {}
        }
        SectionSpec { section, group }
    };
    tied.into_iter().map(&mut one).collect()
}

/// The methods that a section may have.
pub(super) fn chosen(group: &Group) -> Vec<String> {
    let word = |value: &Value| value.as_str().map(str::to_owned);
    match group.entry("method").map(|entry| &entry.setting) {
        Some(Setting::Fixed(value)) => word(value).into_iter().collect(),
        Some(Setting::Vary(Vary { domain: Domain::Categorical { choices, .. }, .. })) => {
            choices.iter().filter_map(word).collect()
        }
        _ => vec![],
    }
}

fn may_be_int8(precision: &Entry) -> bool {
    match &precision.setting {
        Setting::Fixed(value) => value.as_str() == Some("int8"),
        Setting::Vary(_) => true,
    }
}

/// Whether a method has the strength of that name.
pub(in super::super) fn reads(method: &str, key: &str) -> bool {
    match key {
        "ratio" => method == "prune",
        "rank" => plan::low_rank(method).is_some(),
        _ => true,
    }
}
