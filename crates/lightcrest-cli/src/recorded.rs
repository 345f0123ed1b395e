//! A run as it lies in its folder, for the commands that show it: what its readers see, its spec and its
//! models.

use std::collections::BTreeMap;
use std::fs;

use lightcrest::sampler::{Context, GpConfig, GpSampler};
use lightcrest::{Configuration, Preview};
use lightcrest_graph::network::Shape;
use lightcrest_model::compress::preview;
use lightcrest_model::objective;
use lightcrest_model::spec::Phase;
use lightcrest_report::{Fact, Proposer, Question, ReportData, View, surrogate};
use lightcrest_spec::StudySpec;

use crate::error::CliError;
use crate::place::Place;
use crate::prepare;
use crate::run::{ModelCard, RunFolder};
use crate::spec_file::SpecFile;

/// How many pictures of the surrogate the report holds.
const FRAMES: usize = 6;

/// A run that was read.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// What its readers see.
    pub(crate) view: View,
    /// The spec, where there is one that this program reads and the study was made from.
    spec: Option<SpecFile>,
    /// The models that were written, by trial.
    cards: BTreeMap<u64, ModelCard>,
}

/// What tells what is known of a configuration.
type Known<'a> = Box<dyn Fn(&Configuration) -> Preview + 'a>;

impl Recorded {
    /// Reads a run, also while a search goes on in it.
    ///
    /// # Errors
    /// If its database or one of its models cannot be read. A spec of another version of the program only
    /// costs its settings.
    pub(crate) fn read(folder: &RunFolder) -> Result<Self, CliError> {
        let unreadable = |source| CliError::Unreadable { path: folder.root().to_path_buf(), source };
        let mut storage = folder.look().map_err(unreadable)?;
        let mut view = View::read(&mut *storage).map_err(unreadable)?;
        let mut spec = SpecFile::read(&folder.spec()).ok();
        if let Some(SpecFile::Fit(fit)) = &mut spec {
            // What varies is known with the table only, and the study has it.
            fit.study.space = view.definition.space.clone();
            fit.study.objectives = view.definition.objectives.clone();
        }
        let settings = spec.as_ref().map(SpecFile::settings).unwrap_or_default();
        let fact = |(label, value): (&str, String)| Fact { label: label.to_owned(), value };
        view.settings = settings.into_iter().map(fact).collect();
        let spec = spec.filter(|spec| prepare::describes(spec.study(), &view.definition));
        view.networks = !matches!(spec, Some(SpecFile::Tune(_) | SpecFile::Fit(_)));
        view.table =
            fs::read_to_string(folder.columns()).ok().and_then(|text| serde_json::from_str(&text).ok());
        let cards = folder.cards()?;
        view.models = cards.iter().map(|(trial, card)| (*trial, card.shown(*trial))).collect();
        let data = |card: &ModelCard| {
            format!("{}, {} classes, images {}", card.data, card.classes.len(), card.input)
        };
        view.data = cards.values().next().filter(|_| view.networks).map(data);
        let mut recorded = Self { view, spec, cards };
        let learnt = recorded.learnt();
        recorded.view.settings.extend(learnt);
        Ok(recorded)
    }

    /// Reads a study that is no part of a run.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(crate) fn read_study(place: &Place) -> Result<Self, CliError> {
        let view = place.look().and_then(|mut storage| View::read(&mut *storage));
        let view = view.map_err(|source| place.failed(source))?;
        let mut recorded = Self { view, spec: None, cards: BTreeMap::new() };
        let learnt = recorded.learnt();
        recorded.view.settings.extend(learnt);
        Ok(recorded)
    }

    /// What the study learns from, and how much each source counts.
    fn learnt(&self) -> Option<Fact> {
        let View { definition, history, .. } = &self.view;
        let sources = history.memory().sources();
        if sources.is_empty() {
            return None;
        }
        let (config, preview) = (gaussian_process(self.spec.as_ref().map(SpecFile::study)).0, self.preview());
        let unknown: Known<'_> = Box::new(|_| Preview::default());
        let context = Context {
            number: history.len() as u64,
            space: &definition.space,
            objectives: &definition.objectives,
            history,
            preview: &preview.unwrap_or(unknown),
        };
        // What cannot be modelled is not said; the run is shown all the same.
        let weights = GpSampler::new(config).weights(&context).ok().flatten();
        let each = sources.iter().enumerate().map(|(i, source)| {
            let weight = weights.as_ref().map(|weights| format!(", counts {:.2}", weights[i]));
            let (name, rows, trials) = (&source.name, source.lessons.len(), source.trials);
            format!("{name} ({rows} of {trials} trials{})", weight.filter(|_| rows > 0).unwrap_or_default())
        });
        let value = each.collect::<Vec<_>>().join(", ");
        Some(Fact { label: "Learnt from".into(), value })
    }

    /// The data of the report, with the pictures of the surrogate.
    pub(crate) fn report(&self) -> ReportData {
        let question = Question { frames: FRAMES, ..Question::default() };
        let drawn = surrogate(&self.view, &question, &self.proposer());
        ReportData::new(&self.view).with_surrogate(drawn)
    }

    /// The Gaussian process that the study is drawn with, and what is known of configurations beforehand.
    pub(crate) fn proposer(&self) -> Proposer<'_> {
        let (config, note) = gaussian_process(self.spec.as_ref().map(SpecFile::study));
        Proposer { config, note, preview: self.preview() }
    }

    /// What is known of configurations before they are evaluated: nothing of those of a command. The shape of
    /// a network's images is that of the written models, or else they are loaded. None without images or
    /// spec.
    fn preview(&self) -> Option<Known<'_>> {
        let spec = match self.spec.as_ref()? {
            SpecFile::Search(spec) => spec,
            SpecFile::Tune(_) | SpecFile::Fit(_) => return Some(Box::new(|_| Preview::default())),
            SpecFile::Compress(spec) => return Some(Box::new(|configuration| preview(spec, configuration))),
        };
        let from_card = self.cards.values().find_map(|card| {
            let sizes: Option<Vec<usize>> = card.input.split('x').map(|size| size.parse().ok()).collect();
            let [channels, height, width] = sizes?[..] else { return None };
            Some((Shape::new(channels, height, width), card.classes.len()))
        });
        let from_images = || {
            let (splits, _) = spec.data(Phase::Search).load().ok()?;
            Some((splits.train.shape(), splits.train.classes().len()))
        };
        let (input, classes) = from_card.or_else(from_images)?;
        Some(Box::new(move |configuration| objective::preview(spec, input, classes, configuration)))
    }
}

/// The Gaussian process that a study is drawn with: its own, or the one that the default would use, and why
/// it is that.
fn gaussian_process(spec: Option<&StudySpec>) -> (GpConfig, Option<String>) {
    let default = "this is the Gaussian process that the default sampler would use";
    match spec.map(|spec| spec.sampler.name) {
        Some("gp") => {
            let config = spec.and_then(|spec| spec.sampler.config().ok());
            (config.unwrap_or_default(), None)
        }
        Some("auto") => (GpConfig::default(), None),
        Some(other) => {
            (GpConfig::default(), Some(format!("The sampler of this study is `{other}`; {default}.")))
        }
        None => {
            let note = format!("The study does not say what proposed its trials; {default}.");
            (GpConfig::default(), Some(note))
        }
    }
}
