//! From the text of a spec to a [`Spec`]. Reads everything, collects every error.

use lightcrest::space::Value;
use lightcrest_spec::diagnostic::{Errors, Problem, SpecErrors};
use lightcrest_spec::document::{
    SectionName, Table, as_table, check_sections, choice, fixed, fixed_values, group, read, table,
};
use lightcrest_spec::fingerprint::fingerprint;
use lightcrest_spec::setting::{Setting, describe, in_order, scalar, setting};
use lightcrest_spec::study::{StudySections, count, time};
use lightcrest_spec::tree::{Entry, Group, deserialize};
use lightcrest_spec::vocabulary::{EPOCH_PRUNERS, STUDY, Section};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::vocabulary::*;
use super::{Architecture, Refit, Spec, Stage, Training, objective, space};
use crate::data::DataConfig;

/// Parameter names that stages may not take.
const RESERVED: &[&str] = &["head", "optimizer", "schedule", "loss", "augmentation"];

pub(super) fn parse(text: &str, path: &str) -> Result<Spec, SpecErrors> {
    read(text, path, document_to_spec)
}

/// Every table of the file.
pub(super) const SECTIONS: &[SectionName] = &[
    ("study", Some(STUDY.doc)),
    ("objectives", None),
    ("constraints", None),
    ("data", Some(DATA.doc)),
    ("training", Some(TRAINING.doc)),
    ("architecture", Some(ARCHITECTURE.doc)),
    ("budget", None),
    ("sampler", None),
    ("pruner", None),
    ("terminator", None),
    ("workers", None),
    ("memory", None),
    ("refit", None),
];

/// Tables that may change when a study goes on, besides those of every spec.
const FREE: &[&str] = &["refit", "data.path"];

/// The same for studies that began when the place of the images counted; what the images are is kept beside a
/// study now.
const EARLIER: &[&str] = &["refit"];

fn document_to_spec(errors: &mut Errors, document: &DeTable<'_>) -> Option<Spec> {
    check_sections(errors, document, SECTIONS);
    let empty = DeTable::new();
    let there = |name: &str| document.contains_key(name);
    let mut table = |name: &str| table(errors, document, name).unwrap_or((&empty, 0..0));
    let (data, training, architecture) = (table("data"), table("training"), table("architecture"));
    let refit = table("refit");

    let study = StudySections::read(errors, document, EPOCH_PRUNERS);
    let data = group(errors, &DATA, data, "[data]", "", &[]);
    let training = read_training(errors, &TRAINING, training, "training", &[]);
    let architecture = read_architecture(errors, architecture, there("architecture"));
    let refit = there("refit").then(|| read_refit(errors, refit));
    let objectives = objective::objectives(errors, document, &MEASURED);
    let constraints = objective::constraints(errors, document, &MEASURED);
    let space = space::space(errors, &training, &architecture);
    if !errors.list.is_empty() {
        return None;
    }
    let data_config: DataConfig = match deserialize("[data]", fixed_values(&data)) {
        Ok(config) => config,
        Err(error) => {
            errors.push(0..0, Problem::Invalid { reason: error.to_string() });
            return None;
        }
    };
    let fingerprints = [FREE, EARLIER].map(|free| fingerprint(document, free));
    let infos = objectives.iter().map(|objective| objective.info.clone()).collect();
    Some(Spec {
        study: study.finish(infos, space?, fingerprints)?,
        objectives,
        constraints,
        data: data_config,
        data_group: data,
        training,
        architecture,
        refit_augmentation: refit.as_ref().map(|(_, augmentation)| augmentation.clone()).unwrap_or_default(),
        refit: refit.map(|(group, _)| Refit {
            epochs: count(&group, "epochs").unwrap_or(1),
            validation_too: fixed(&group, "images").is_some_and(|v| v.as_str() == Some("train+validation")),
            time: time(&group, "time"),
            models: count(&group, "models"),
        }),
    })
}

/// A training, whose table is called `name` and holds `more` tables beside those of every training.
pub(crate) fn read_training(
    errors: &mut Errors,
    section: &'static Section,
    (table, place): Table<'_, '_>,
    name: &str,
    more: &[&str],
) -> Training {
    let tables: Vec<&str> =
        ["optimizer", "schedule", "loss", "augmentation"].into_iter().chain(more.iter().copied()).collect();
    let none = Group::default();
    let group = group(errors, section, (table, place), &format!("[{name}]"), "", &tables);
    let mut one =
        |key, sections| choice(errors, table, key, sections, key, key, &format!("{name}.{key}"), &none);
    let (optimizer, schedule, loss) =
        (one("optimizer", OPTIMIZERS), one("schedule", SCHEDULES), one("loss", LOSSES));
    let augmentation = self::table(errors, table, "augmentation").map_or_else(Group::default, |table| {
        self::group(errors, &AUGMENTATION, table, &format!("[{name}.augmentation]"), "augmentation", &[])
    });
    Training { group, optimizer, schedule, loss, augmentation }
}

/// The plain keys and the augmentation.
fn read_refit(errors: &mut Errors, (table, place): Table<'_, '_>) -> (Group, Group) {
    let own = group(errors, &REFIT, (table, place), "[refit]", "", &["augmentation"]);
    let augmentation = self::table(errors, table, "augmentation").map_or_else(Group::default, |table| {
        group(errors, &REFIT_AUGMENTATION, table, "[refit.augmentation]", "", &[])
    });
    (own, augmentation)
}

fn read_architecture(errors: &mut Errors, (table, place): Table<'_, '_>, there: bool) -> Architecture {
    let group =
        group(errors, &ARCHITECTURE, (table, place.clone()), "[architecture]", "", &["stages", "head"]);
    let head = self::table(errors, table, "head").map_or_else(Group::default, |table| {
        self::group(errors, &HEAD, table, "[architecture.head]", "head", &[])
    });
    let mut stages = Vec::new();
    match table.get("stages").map(|value| (value.span(), value.get_ref())) {
        Some((_, DeValue::Array(items))) if !items.is_empty() => {
            for item in items.iter() {
                if let Some(stage) = stage(errors, item, &stages) {
                    stages.push(stage);
                }
            }
        }
        Some((span, found)) => {
            let expected = "one or more tables [[architecture.stages]]".into();
            let problem = Problem::WrongType { key: "stages".into(), expected, found: describe(found) };
            errors.push(span, problem);
        }
        None if there => {
            let doc = "the stages of the network, each a table [[architecture.stages]]".into();
            errors.push(
                place,
                Problem::Missing { key: "stages".into(), section: "[architecture]".into(), doc },
            );
        }
        None => {}
    }
    Architecture { group, stages, head }
}

fn stage(errors: &mut Errors, item: &Spanned<DeValue<'_>>, earlier: &[Stage]) -> Option<Stage> {
    let (table, place) = as_table(errors, "stages", item.span(), item)?;
    // `[[architecture.stages]]` is the span of the table's header.
    let place = place.start..place.end.min(place.start + "[[architecture.stages]]".len());
    let title = "[[architecture.stages]]";
    let name = match table.get("name") {
        Some(value) => scalar(errors, STAGE.key("name")?, value)?.as_str()?.to_owned(),
        None => {
            let doc = STAGE.key("name")?.doc.into();
            errors.push(place, Problem::Missing { key: "name".into(), section: title.into(), doc });
            return None;
        }
    };
    let name_span = table.get("name").map_or(place.clone(), Spanned::span);
    let invalid = |reason: String| Problem::Invalid { reason };
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-') {
        let reason = format!("the stage name \"{name}\" must consist of letters, digits, `_` and `-`");
        errors.push(name_span, invalid(reason));
        return None;
    } else if earlier.iter().any(|stage| stage.name == name) {
        errors.push(name_span, invalid(format!("two stages are named \"{name}\"; names must differ")));
        return None;
    } else if RESERVED.contains(&name.as_str()) {
        errors.push(name_span, invalid(format!("the name \"{name}\" is taken by another part of the spec")));
        return None;
    }
    // The keys of the modules that the stage lists may stand at the stage itself.
    let listed: Vec<&'static Section> = match table.get("modules").map(|value| value.get_ref()) {
        Some(DeValue::Table(modules)) => {
            MODULES.iter().filter(|module| modules.contains_key(module.name)).collect()
        }
        _ => vec![],
    };
    let title_of_stage = format!("[[architecture.stages]] \"{name}\"");
    let (mut own, mut shared) = (Group::default(), Group::default());
    for (key_name, span, value) in in_order(table) {
        if matches!(key_name, "name" | "modules") {
            continue;
        }
        let of_modules = || listed.iter().find_map(|module| module.key(key_name));
        let (key, group) = match STAGE.key(key_name) {
            Some(key) => (key, &mut own),
            None => match of_modules() {
                Some(key) => (key, &mut shared),
                None => {
                    let keys = STAGE.keys.iter().chain(listed.iter().flat_map(|module| module.keys));
                    let mut known: Vec<String> = keys.map(|key| key.name.to_owned()).collect();
                    known.push("modules".into());
                    known.sort();
                    known.dedup();
                    let section = title_of_stage.clone();
                    errors.push(span, Problem::UnknownKey { key: key_name.into(), section, known });
                    continue;
                }
            },
        };
        if let Some(setting) = setting(errors, key, value) {
            let parameter = format!("{name}.{key_name}");
            group.entries.push(Entry { key, parameter, setting, span, shared: false });
        }
    }
    if !table.contains_key("modules") {
        let doc = "the modules to choose from, each a table [architecture.stages.modules.NAME]".into();
        errors.push(place, Problem::Missing { key: "modules".into(), section: title_of_stage, doc });
        return None;
    }
    let parameter = format!("{name}.module");
    let modules =
        choice(errors, table, "modules", MODULES, &parameter, &name, "architecture.stages.modules", &shared);
    if let (Some(stride), false) = (own.entry("stride"), listed.iter().any(|module| strides(module.name)))
        && !listed.is_empty()
        && stride.setting != Setting::Fixed(Value::Int(1))
    {
        let names: Vec<&str> = listed.iter().map(|module| module.name).collect();
        let reason = format!("`stride` means nothing to {}; put a MaxPool stage before it", names.join(", "));
        errors.push(stride.span.clone(), invalid(reason));
    }
    (!modules.alternatives.is_empty()).then_some(Stage { name, own, shared, modules })
}
