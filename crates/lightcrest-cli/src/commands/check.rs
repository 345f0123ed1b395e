//! `lightcrest check`: is a spec right, and what would it search?

use std::path::Path;

use lightcrest::Objective;
use lightcrest_model::compress::{CompressObjective, CompressSpec};
use lightcrest_model::data::{Loaded, SourceKind};
use lightcrest_model::objective::NetworkObjective;
use lightcrest_model::spec::{Phase, Spec};
use lightcrest_report::metric::Kind;
use lightcrest_spec::StudySpec;
use lightcrest_spec::tune::TuneSpec;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::tune::Program;
use crate::arguments::CheckArguments;
use crate::error::CliError;
use crate::images;
use crate::prepare;
use crate::spec_file::SpecFile;
use crate::terminal::{print, tell};

/// How many configurations are drawn to see what models cost.
const DRAWN: usize = 200;

/// Checks a spec and what it needs; prints what a search would choose from.
pub(crate) fn check(arguments: &CheckArguments) -> Result<(), CliError> {
    let path = &arguments.spec;
    let (file, warning) = SpecFile::read_with_warning(path)?;
    warning.iter().for_each(|line| tell(line));
    let mut whole = file.study().clone();
    let (first, last) = match &file {
        SpecFile::Search(spec) => networks(spec)?,
        SpecFile::Tune(spec) => command(spec, path)?,
        SpecFile::Compress(spec) => compression(spec)?,
        SpecFile::Fit(spec) => {
            // What varies is known with the table only.
            let (columns, study) = super::fit::check(spec)?;
            whole = study;
            (columns, vec![])
        }
    };
    let mut lines = vec![format!("{} is right", path.display())];
    lines.extend(first);
    lines.extend(study(&whole));
    let settings = file.settings().into_iter();
    lines.extend(settings.map(|(label, value)| format!("  {:<11} {value}", label.to_lowercase())));
    lines.extend(last);
    print(&lines.join("\n"))
}

fn study(spec: &StudySpec) -> Vec<String> {
    let objective = |info: &lightcrest::ObjectiveInfo| {
        format!("  objective   {} {}", format!("{:?}", info.direction).to_lowercase(), info.name)
    };
    let parameters = format!("  parameters  {}", spec.space.parameters().len());
    std::iter::once(parameters).chain(spec.objectives.iter().map(objective)).collect()
}

/// What is said of a command before and after its study.
fn command(spec: &TuneSpec, path: &Path) -> Result<(Vec<String>, Vec<String>), CliError> {
    let program = Program::find(spec, path)?;
    if let Some(reason) = program.suspicion() {
        return Err(CliError::Program { program: spec.command.program.clone(), reason });
    }
    prepare::pruner(&spec.study)?;
    prepare::check_feasible(&spec.study, &|_| Default::default())?;
    let lines = vec![
        format!("  program     {}", program.path().display()),
        format!("  directory   {}", program.directory().display()),
    ];
    Ok((lines, vec![]))
}

/// What is said of networks before and after their study.
fn networks(spec: &Spec) -> Result<(Vec<String>, Vec<String>), CliError> {
    let Loaded { splits, test, passed_over, .. } = images::load(&spec.data(Phase::Search), true)?;
    let images = format!(
        "{} to train, {} to validate, {} to test",
        splits.train.len(),
        splits.validation.len(),
        test.len()
    );
    let (name, shape, classes) =
        (splits.train.name().to_owned(), splits.train.shape(), splits.train.classes().len());
    let objective = NetworkObjective::new(spec, splits);
    prepare::pruner(&spec.study)?;
    prepare::check_feasible(&spec.study, &|configuration| objective.preview(configuration))?;
    let mut data = vec![format!("  data        {name}: {images}; {shape}, {classes} classes")];
    match passed_over.is_empty() {
        false => data.push(format!("              {passed_over}")),
        true if spec.data.source == SourceKind::Folder => {
            data.push("              no file passed over".into())
        }
        true => {}
    }
    Ok((data, drawn(spec, &objective)))
}

/// What is said of a network before and after its study.
fn compression(spec: &CompressSpec) -> Result<(Vec<String>, Vec<String>), CliError> {
    let Loaded { splits, test, passed_over, .. } = images::load(&spec.data, true)?;
    prepare::pruner(&spec.study)?;
    let objective =
        CompressObjective::new(spec, &splits).map_err(|error| CliError::Unfit(Box::new(error)))?;
    if !spec.space().is_empty() {
        prepare::check_feasible(&spec.study, &|configuration| objective.preview(configuration))?;
    }
    let original = objective.original();
    let metrics = ["validation_accuracy", "loss", "macs", "parameters", "model_bytes"].into_iter();
    let known = metrics.filter_map(|name| {
        let value = Kind::of(name).format(original.get(name)?);
        Some(format!("{} {value}", lightcrest_report::metric::label(name)))
    });
    let mut first = vec![
        format!(
            "  data        {}: {} to train, {} to validate, {} to test; {}, {} classes{}",
            splits.train.name(),
            splits.train.len(),
            splits.validation.len(),
            test.len(),
            objective.image(),
            objective.classes().len(),
            if spec.has_labels() { "" } else { ", no labels" },
        ),
        format!("  original    {}", known.collect::<Vec<_>>().join(", ")),
    ];
    if !passed_over.is_empty() {
        first.push(format!("              {passed_over}"));
    }
    if let Some(reason) = objective.untrained() {
        first.push(format!("  fine-tuning none: {reason}"));
    }
    let mut last = Vec::new();
    for section in spec.sections() {
        let names: Vec<&str> =
            section.layers.iter().map(|&at| spec.outline.layers[at].name.as_str()).collect();
        let int8 = section.int8.then_some("int8");
        let methods: Vec<&str> = section.methods.iter().copied().chain(int8).collect();
        let share = 100.0 * section.macs as f64 / (spec.original_cost().macs.max(1)) as f64;
        last.push(format!(
            "  section     {}: {} of {} ({share:.0}% of the MACs): {}",
            section.name,
            methods.join(", "),
            if names.len() == 1 { "1 layer".into() } else { format!("{} layers", names.len()) },
            shortened(&names),
        ));
    }
    Ok((first, last))
}

/// The first and the last of a list.
fn shortened(names: &[&str]) -> String {
    match names {
        [first, .., last] if names.len() > 3 => format!("{first} ... {last}"),
        _ => names.join(", "),
    }
}

/// How many configurations are possible at all, and what their networks cost.
fn drawn(spec: &Spec, objective: &NetworkObjective) -> Vec<String> {
    let mut rng = ChaCha8Rng::seed_from_u64(spec.study.seed);
    let drawn: Vec<_> = (0..DRAWN).map(|_| spec.space().sample(&mut rng)).collect();
    let possible: Vec<_> = drawn.iter().filter(|c| objective.preview(c).violation.is_none()).collect();
    let mut lines =
        vec![format!("  feasible    {} of {DRAWN} configurations drawn at random", possible.len())];
    let too_large: Vec<_> = drawn.iter().filter_map(|c| objective.out_of_memory(c)).collect();
    if let Some(largest) = too_large.iter().max_by_key(|error| error.need.total()) {
        let count = too_large.len();
        lines.push(format!("  memory      {count} of {DRAWN} do not fit; of the largest, {largest}"));
    }
    let costs =
        possible.iter().filter_map(|configuration| objective.candidate(configuration, Phase::Search).ok());
    let costs: Vec<_> = costs.map(|candidate| candidate.network.cost()).collect();
    for (name, cost) in [
        ("macs", costs.iter().map(|c| c.macs).collect::<Vec<_>>()),
        ("parameters", costs.iter().map(|c| c.parameters).collect()),
    ] {
        if let (Some(least), Some(most)) = (cost.iter().min(), cost.iter().max()) {
            let format = |value: u64| Kind::of(name).format(value as f64);
            lines.push(format!("  {name:<11} {} to {}", format(*least), format(*most)));
        }
    }
    lines
}
