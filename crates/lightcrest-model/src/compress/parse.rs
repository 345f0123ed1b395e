//! From the text of a spec to a [`CompressSpec`]. Reads everything, collects every error.

mod section;

use std::path::PathBuf;
use std::sync::Arc;

use lightcrest::space::{Condition, Space};
use lightcrest_graph::chain;
use lightcrest_spec::diagnostic::{Errors, Problem};
use lightcrest_spec::document::{
    SectionName, Table, check_sections, fixed_values, group, items, read, table, text,
};
use lightcrest_spec::fingerprint::fingerprint;
use lightcrest_spec::setting::{describe, number};
use lightcrest_spec::space::{Found, add_entry, add_group, build};
use lightcrest_spec::study::{StudySections, count, time};
use lightcrest_spec::tree::{Group, deserialize};
use lightcrest_spec::vocabulary::{EPOCH_PRUNERS, STUDY};
use lightcrest_spec::{ConstraintSpec, SpecErrors};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::original::Original;
use super::passes::{Passes, prune_config};
use super::preprocessing::{self, Layout, Preprocessing, Stated, StatedError};
use super::section::tie;
use super::spec::{CompressSpec, Finetune, Open, SectionSpec};
use super::vocabulary::*;
use crate::data::{DataConfig, SourceKind};
use crate::spec::objective::{constraints, objectives};
use crate::spec::parse::read_training;
use crate::spec::space::add_training;
use crate::spec::vocabulary::metric_index;
use crate::spec::{ObjectiveSpec, Refit};
pub(super) use section::reads;
use section::{chosen, read_sections};

/// Sections where the spec does not say how many.
pub(super) const SECTION_COUNT: usize = 8;

/// Every table of the file.
pub(super) const SECTIONS: &[SectionName] = &[
    ("study", Some(STUDY.doc)),
    ("objectives", None),
    ("constraints", None),
    ("model", Some(MODEL.doc)),
    ("data", Some(DATA.doc)),
    ("compress", None),
    ("finetune", None),
    ("refit", None),
    ("budget", None),
    ("sampler", None),
    ("pruner", None),
    ("terminator", None),
    ("workers", None),
    ("memory", None),
];

/// What may change when a study goes on, besides what every spec may change: what the network and the images
/// are is kept beside a study.
const FREE: &[&str] = &["refit", "model.path", "data.path"];

/// Metrics that only labels give.
const OF_LABELS: &[&str] = &["validation_accuracy", "macro_f1", "loss", "accuracy_drop"];

pub(super) fn parse(text: &str, path: &str, open: &Open<'_>) -> Result<CompressSpec, SpecErrors> {
    read(text, path, |errors, document| document_to_spec(errors, document, open))
}

fn document_to_spec(errors: &mut Errors, document: &DeTable<'_>, open: &Open<'_>) -> Option<CompressSpec> {
    check_sections(errors, document, SECTIONS);
    let empty = DeTable::new();
    let study = StudySections::read(errors, document, EPOCH_PRUNERS);
    let (model, place) = table(errors, document, "model").unwrap_or((&empty, 0..0));
    let path = group(errors, &MODEL, (model, place), "[model]", "", &["preprocessing"]);
    let data_table = table(errors, document, "data").unwrap_or((&empty, 0..0));
    let data = group(errors, &DATA, data_table, "[data]", "", &[]);
    let compress = table(errors, document, "compress").unwrap_or((&empty, 0..0));
    let own = group(errors, &COMPRESS, compress.clone(), "[compress]", "", &["methods", "keep", "sections"]);
    let mut methods = words(errors, compress.0, "methods", METHODS_DOC, ALL_METHODS);
    let finetune = table(errors, document, "finetune").map(|table| read_finetune(errors, table));
    let refit = table(errors, document, "refit").map(|table| read_refit(errors, table, finetune.is_some()));
    let mut objectives = objectives(errors, document, &MEASURED);
    let constraints = constraints(errors, document, &MEASURED);
    if !compress.0.contains_key("methods") && !rewards_int8(&objectives, &constraints) {
        methods.retain(|method| *method != "int8");
    }
    let data_config: Option<DataConfig> = errors
        .list
        .is_empty()
        .then(|| deserialize("[data]", fixed_values(&data)))
        .and_then(|config: Result<_, _>| config.map_err(|e| invalid(errors, 0..0, e.to_string())).ok());
    let labels = data_config.as_ref().is_none_or(|config| config.source != SourceKind::Images);
    if !labels {
        if !document.contains_key("objectives") {
            objectives = metric_index("agreement").map(ObjectiveSpec::metric).into_iter().collect();
        }
        check_labels(errors, document, &objectives);
    }

    let original = original(errors, &path, open)?;
    let preprocessing = read_preprocessing(errors, model, &original)?;
    let int8 = methods.contains(&"int8");
    let (keep, passes) = read_passes(errors, compress.0, &own, &path, &original, &preprocessing, int8)?;
    let outline = passes.outline();
    let wanted = count(&own, "groups").unwrap_or(SECTION_COUNT);
    let tied = tie(&outline, wanted, &keep, &methods);
    let sections = read_sections(errors, compress.0, tied);
    let space = space(errors, &own, &sections, finetune.as_ref());
    if !errors.list.is_empty() {
        return None;
    }
    let mut data_config = data_config?;
    fit_data(&mut data_config, &preprocessing);
    let infos = objectives.iter().map(|objective| objective.info.clone()).collect();
    let fingerprints = [FREE, FREE].map(|free| fingerprint(document, free));
    Some(CompressSpec {
        study: study.finish(infos, space?, fingerprints)?,
        objectives,
        constraints,
        data: data_config,
        original,
        preprocessing,
        outline,
        passes: Arc::new(passes),
        path: text(&path, "path").map(PathBuf::from)?,
        data_group: data,
        methods,
        keep,
        own,
        sections,
        finetune,
        refit,
    })
}

fn invalid(errors: &mut Errors, place: std::ops::Range<usize>, reason: String) {
    errors.push(place, Problem::Invalid { reason });
}

/// Metrics of labels are refused where there are none.
fn check_labels(errors: &mut Errors, document: &DeTable<'_>, objectives: &[ObjectiveSpec]) {
    let mut places = items(errors, document, "objectives").into_iter();
    let mut wrong = |metric: &str, place: std::ops::Range<usize>| {
        let reason = format!(
            "{metric} needs labels, and `source = \"images\"` has none; `agreement` is the share of images that keep the class of \
             the original network"
        );
        errors.push(place, Problem::Invalid { reason });
    };
    for objective in objectives {
        let place = places.next().map_or(0..0, |(_, place)| place);
        if let Some(metric) = objective.metrics().iter().find(|metric| OF_LABELS.contains(metric)) {
            wrong(metric, place);
        }
    }
    let mut ignored = Errors::default();
    for (table, place) in items(&mut ignored, document, "constraints") {
        let metric = match table.get("metric").map(Spanned::get_ref) {
            Some(DeValue::String(metric)) => metric.to_string(),
            _ => continue,
        };
        if OF_LABELS.contains(&metric.as_str()) {
            wrong(&metric, place);
        }
    }
}

/// The network; an error says why it cannot be had.
fn original(errors: &mut Errors, model: &Group, open: &Open<'_>) -> Option<Arc<Original>> {
    let entry = model.entry("path")?;
    match open(PathBuf::from(text(model, "path")?).as_path()) {
        Ok(original) => Some(original),
        Err(reason) => {
            invalid(errors, entry.span.clone(), reason);
            None
        }
    }
}

/// A list of words; all of them when the key is absent.
fn words(
    errors: &mut Errors,
    table: &DeTable<'_>,
    name: &str,
    doc: &str,
    known: &[&'static str],
) -> Vec<&'static str> {
    let Some(value) = table.get(name) else { return known.to_vec() };
    let mut list = Vec::new();
    for (word, span) in strings(errors, name, doc, value) {
        match known.iter().find(|known| **known == word) {
            Some(known) if list.contains(known) => {
                invalid(errors, span, format!("`{name}` lists {known} twice"));
            }
            Some(known) => list.push(*known),
            None => {
                let known = known.iter().map(|word| word.to_string()).collect();
                errors.push(span, Problem::UnknownWord { key: name.into(), value: word, known });
            }
        }
    }
    list
}

/// Names of layers that stay, and what is known of the network then.
fn read_passes(
    errors: &mut Errors,
    table: &DeTable<'_>,
    own: &Group,
    model: &Group,
    original: &Original,
    preprocessing: &Preprocessing,
    int8: bool,
) -> Option<(Vec<String>, Passes)> {
    let input = || (original.input.as_str(), preprocessing.shape(original.batch().unwrap_or(1)));
    let config =
        |keep: &[String]| prune_config(text(own, "importance"), count(own, "round_to").unwrap_or(1), keep);
    let mut look = |keep: &[String]| match Passes::new(&original.model, input(), config(keep), int8) {
        Ok(passes) => Some(passes),
        Err(error) => {
            let place = model.entry("path").map_or(0..0, |entry| entry.span.clone());
            invalid(errors, place, chain(&error));
            None
        }
    };
    let passes = look(&[])?;
    let Some(value) = table.get("keep") else { return Some((vec![], passes)) };
    let names = || passes.layer_names().map(str::to_owned);
    let mut list = Vec::new();
    let before = errors.list.len();
    for (name, span) in strings(errors, "keep", KEEP, value) {
        match names().any(|known| known == name) {
            true => list.push(name),
            false => {
                let known = names().collect();
                errors.push(span, Problem::UnknownWord { key: "keep".into(), value: name, known });
            }
        }
    }
    if errors.list.len() > before {
        return None;
    }
    let look = |keep: &[String]| Passes::new(&original.model, input(), config(keep), int8).ok();
    look(&list).map(|passes| (list, passes))
}

fn strings(
    errors: &mut Errors,
    name: &str,
    doc: &str,
    value: &Spanned<DeValue<'_>>,
) -> Vec<(String, std::ops::Range<usize>)> {
    let mut wrong = |span, found: &DeValue<'_>, expected: String| {
        errors.push(span, Problem::WrongType { key: name.into(), expected, found: describe(found) });
    };
    let DeValue::Array(items) = value.get_ref() else {
        wrong(value.span(), value.get_ref(), format!("a list of strings: {doc}"));
        return vec![];
    };
    let mut list = Vec::new();
    for item in items.iter() {
        match item.get_ref() {
            DeValue::String(text) => list.push((text.to_string(), item.span())),
            found => wrong(item.span(), found, "a list of strings".into()),
        }
    }
    list
}

fn read_finetune(errors: &mut Errors, (table, place): Table<'_, '_>) -> Finetune {
    let training = read_training(errors, &FINETUNE, (table, place), "finetune", &["distillation"]);
    let distillation = self::table(errors, table, "distillation")
        .map(|table| group(errors, &DISTILLATION, table, "[finetune.distillation]", "distillation", &[]));
    Finetune { training, distillation }
}

/// The second fine-tuning, which is the first with more epochs and all images.
fn read_refit(errors: &mut Errors, (table, place): Table<'_, '_>, finetuned: bool) -> Refit {
    if !finetuned {
        let reason = "without [finetune] nothing is trained, and there is nothing to train for longer".into();
        errors.push(place.clone(), Problem::Invalid { reason });
    }
    let own = group(errors, &REFIT, (table, place), "[refit]", "", &[]);
    Refit {
        epochs: count(&own, "epochs").unwrap_or(1),
        validation_too: false,
        time: time(&own, "time"),
        models: count(&own, "models"),
    }
}

/// What the spec says of the input, then what the file says, then what is usual.
fn read_preprocessing(
    errors: &mut Errors,
    model: &DeTable<'_>,
    original: &Original,
) -> Option<Preprocessing> {
    let empty = DeTable::new();
    let written = table(errors, model, "preprocessing");
    let there = written.is_some();
    let (table, place) = written.unwrap_or((&empty, 0..0));
    let title = "[model.preprocessing]";
    let own = group(errors, &PREPROCESSING, (table, place.clone()), title, "", &["mean", "std", "size"]);
    let layout = match text(&own, "layout") {
        Some("nhwc") => Layout::Nhwc,
        Some(_) => Layout::Nchw,
        None => original.layout(),
    };
    let refused = |errors: &mut Errors, error: StatedError| {
        let span = table.get(error.key).map_or(place.clone(), Spanned::span);
        let keys: Vec<String> = error.missing.iter().map(|key| format!("`{key}`")).collect();
        let remedy = match keys.is_empty() {
            true => String::new(),
            false => format!("; give {} in [model.preprocessing]", keys.join(" and ")),
        };
        errors.push(span, Problem::Invalid { reason: error.reason + &remedy });
    };
    let channels = match preprocessing::channels(original, layout) {
        Ok(channels) => channels,
        Err(error) => {
            refused(errors, error);
            return None;
        }
    };
    let size = numbers(errors, table, "size", SIZE, 2)?;
    let mean = numbers(errors, table, "mean", MEAN, channels)?;
    let std = numbers(errors, table, "std", STD, channels)?;
    let whole = |value: f64| value.fract() == 0.0 && (1.0..=16384.0).contains(&value);
    if let Some(size) = size.iter().find(|size| !size.iter().copied().all(whole)) {
        let reason = format!("`size` must be whole numbers from 1 to 16384, but got {size:?}");
        errors.push(table.get("size").map_or(place.clone(), Spanned::span), Problem::Invalid { reason });
        return None;
    }
    let stated = Stated {
        scale: lightcrest_spec::document::real(&own, "scale"),
        mean,
        std,
        layout: Some(layout),
        bgr: text(&own, "order") == Some("bgr"),
        size: size.map(|size| [size[0] as usize, size[1] as usize]),
        written: there,
    };
    Preprocessing::of(original, &stated).map_err(|error| refused(errors, error)).ok()
}

/// One number for each of `count`, from a list or from one that holds for all; `None` after an error.
fn numbers(
    errors: &mut Errors,
    table: &DeTable<'_>,
    name: &str,
    doc: &str,
    count: usize,
) -> Option<Option<Vec<f64>>> {
    let Some(value) = table.get(name) else { return Some(None) };
    let list = match value.get_ref() {
        DeValue::Array(items) => items.iter().map(|item| number(item.get_ref())).collect(),
        single => number(single).map(|number| vec![number; count]),
    };
    match list.filter(|list: &Vec<f64>| list.len() == count && list.iter().all(|v| v.is_finite())) {
        Some(list) => Some(Some(list)),
        None => {
            let expected = format!("a number or a list of {count}: {doc}");
            let found = describe(value.get_ref());
            errors.push(value.span(), Problem::WrongType { key: name.into(), expected, found });
            None
        }
    }
}

/// Images of a folder have the channels and the size that the network reads, unless the spec says otherwise.
fn fit_data(data: &mut DataConfig, preprocessing: &Preprocessing) {
    use crate::data::Channels;
    if !matches!(data.source, SourceKind::Folder | SourceKind::Images) {
        return;
    }
    let channels = if preprocessing.channels == 1 { Channels::Grey } else { Channels::Rgb };
    data.channels.get_or_insert(channels);
    if preprocessing.height == preprocessing.width {
        data.image_size.get_or_insert(preprocessing.height);
    }
}

/// Whether something that int8 makes better counts: it changes neither multiply-accumulates nor parameters.
fn rewards_int8(objectives: &[ObjectiveSpec], constraints: &[ConstraintSpec]) -> bool {
    let wanted = objectives.iter().flat_map(|objective| objective.metrics());
    let bounded = constraints.iter().map(|constraint| constraint.metric.as_str());
    wanted.chain(bounded).any(|metric| matches!(metric, "model_bytes" | "latency_ms"))
}

fn space(
    errors: &mut Errors,
    own: &Group,
    sections: &[SectionSpec],
    finetune: Option<&Finetune>,
) -> Option<Space> {
    let mut found: Vec<Found> = Vec::new();
    for SectionSpec { group, .. } in sections {
        let Some(method) = group.entry("method") else { continue };
        add_entry(&mut found, method, &[]);
        let methods = chosen(group);
        for entry in group.entries.iter().filter(|entry| entry.key.name != "method") {
            let under: Vec<&str> =
                methods.iter().map(String::as_str).filter(|method| reads(method, entry.key.name)).collect();
            let all = under.len() == methods.len();
            let condition = (!all).then(|| Condition::new(method.parameter.as_str(), under));
            add_entry(&mut found, entry, condition.as_slice());
        }
    }
    add_group(&mut found, own, &[]);
    if let Some(finetune) = finetune {
        add_training(&mut found, &finetune.training);
        finetune.distillation.iter().for_each(|group| add_group(&mut found, group, &[]));
    }
    build(errors, found)
}
