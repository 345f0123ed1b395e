//! The engine's study, under a lock. Its methods are here; what they share or is long is in the modules.

mod fixed;
mod marks;
mod open;
mod parts;

pub(crate) use parts::{frozen, parts};

use crate::shared::{Shared, held};
use crate::space::Space;
use crate::storage::Place;
use crate::trial::Trial;
use crate::{convert, error, pruner, sampler};
use fixed::Fixed;
use lightcrest::importance::{FanovaConfig, PedAnovaConfig, fanova, ped_anova};
use lightcrest::objective::{Evaluation, TrialError};
use lightcrest::space::Configuration;
use lightcrest::{Claim, FrozenTrial, StudyError};
use marks::Marked;
use open::Wanted;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// Of an earlier study that is learnt from: its name, its complete trials, how many were chosen, its weight.
type Learnt = (String, usize, usize, Option<f64>);

/// The claim of the run of a trial that a token names; of any run where none does.
fn named(study: &lightcrest::Study, number: u64, token: Option<u64>) -> Option<Claim> {
    let found = study.history().get(number).and_then(|trial| trial.claim);
    token.map(|token| Claim { token, leased: found.is_some_and(|claim| claim.leased) })
}

/// The engine's study; the class lightcrest.Study wraps it.
#[pyclass(frozen, module = "lightcrest._engine")]
pub(crate) struct Study {
    pub(crate) shared: Arc<Shared>,
}

impl Study {
    /// Attributes of a trial as the engine keeps them: none, where they are Python's.
    fn json(&self, attributes: &Bound<'_, PyDict>) -> PyResult<BTreeMap<String, Json>> {
        if self.shared.attributes.is_some() {
            return Ok(BTreeMap::new());
        }
        convert::attributes_of(attributes)
    }

    /// Ends a running trial, of the run that `token` names if there is one.
    fn end(
        &self,
        py: Python<'_>,
        number: u64,
        outcome: Result<Evaluation, TrialError>,
        token: Option<u64>,
    ) -> PyResult<()> {
        let tell = |study: &mut lightcrest::Study| {
            if study.history().get(number).is_none() {
                study.synchronize()?;
            }
            held(study, number, named(study, number, token))?;
            study.tell(number, outcome).map(drop)
        };
        self.shared.quickly(py, tell).map_err(error::study)
    }

    fn importance<'py>(
        &self,
        py: Python<'py>,
        values: &[(u64, f64)],
        measure: impl FnOnce(&lightcrest::Space, &[(&Configuration, f64)]) -> Option<Vec<(String, f64)>> + Send,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let shares = self.shared.looking(py, |study| {
            let trial =
                |(number, value): &(u64, f64)| Some((&study.history().get(*number)?.configuration, *value));
            let trials: Vec<_> = values.iter().filter_map(trial).collect();
            measure(study.space(), &trials)
        });
        let Some(shares) = shares else { return Ok(None) };
        let dict = PyDict::new(py);
        for (name, share) in shares {
            dict.set_item(name, share)?;
        }
        Ok(Some(dict))
    }
}

#[pymethods]
impl Study {
    /// `space`: None to discover it. `seed`: None for a random one. `new`: whether it is a
    /// DuplicatedStudyError if there is one already. `learn_from`: earlier studies, for one that has no
    /// trials and no memory yet. `retries`: how often a trial whose process died is run again; None to
    /// leave it running.
    #[new]
    #[pyo3(signature = (*, name, directions, sampler, sampler_settings, seed, pruner, pruner_settings, space, storage, attributes, new=false, learn_from=Vec::new(), retries=Some(3)))]
    fn new(
        py: Python<'_>,
        name: &str,
        directions: Vec<String>,
        sampler: &str,
        sampler_settings: &Bound<'_, PyDict>,
        seed: Option<u64>,
        pruner: &str,
        pruner_settings: &Bound<'_, PyDict>,
        space: Option<PyRef<'_, Space>>,
        storage: &Bound<'_, PyAny>,
        attributes: Option<Py<PyDict>>,
        new: bool,
        learn_from: Vec<PyRef<'_, Self>>,
        retries: Option<u64>,
    ) -> PyResult<Self> {
        let objectives = open::objectives(&directions)?;
        let mut sources = Vec::new();
        for earlier in &learn_from {
            let read = |study: &mut lightcrest::Study| {
                study.synchronize()?;
                Ok(study.source(&objectives))
            };
            sources.push(earlier.shared.quickly(py, read).map_err(error::study)?);
        }
        let place = Place::extract(storage)?;
        let lasting = place.is_lasting();
        let wanted = Wanted {
            place,
            name,
            objectives,
            sampler: sampler::make(sampler, sampler_settings)?,
            pruner: pruner::make(pruner, pruner_settings)?,
            space: space.map(|space| space.build()).transpose()?,
            seed: seed.unwrap_or_else(|| RandomState::new().hash_one("seed")),
            new,
            sources,
            retries,
        };
        // Another process may hold the file.
        let study = py.detach(|| wanted.open()).map_err(error::study)?;
        Ok(Self { shared: Arc::new(Shared::new(study, attributes, lasting)) })
    }

    /// What the study learns from: for each earlier study its name, how many complete trials it had, how many
    /// of them were chosen, and how much it counts, or None while too few trials say it.
    fn memory(&self, py: Python<'_>) -> PyResult<Vec<Learnt>> {
        let look = |snapshot: &lightcrest::study::Snapshot| {
            let weights = snapshot.weights()?;
            let sources = snapshot.history().memory().sources().iter().enumerate();
            let known = sources.map(|(i, source)| {
                let weight = weights.as_ref().map(|weights| weights[i]);
                (source.name.clone(), source.trials, source.lessons.len(), weight)
            });
            Ok(known.collect())
        };
        self.shared.looking(py, look).map_err(error::study)
    }

    /// What the program that made the study calls its objectives; None if nobody named them.
    fn objective_names(&self, py: Python<'_>) -> Option<Vec<String>> {
        self.shared.looking(py, |study| {
            let names: Vec<String> = study.history().objectives().iter().map(|o| o.name.clone()).collect();
            let named = names.iter().enumerate().any(|(i, name)| *name != open::name(i, names.len()));
            named.then_some(names)
        })
    }

    /// Goes on with another sampler and its seed.
    fn set_sampler(
        &self,
        py: Python<'_>,
        name: &str,
        settings: &Bound<'_, PyDict>,
        seed: Option<u64>,
    ) -> PyResult<()> {
        let sampler = sampler::make(name, settings)?;
        let seed = seed.unwrap_or_else(|| RandomState::new().hash_one("seed"));
        let change = |study: &mut lightcrest::Study| {
            study.set_sampler(sampler)?;
            study.reseed(seed);
            Ok(())
        };
        self.shared.quickly(py, change).map_err(error::study)
    }

    /// Goes on with another pruner.
    fn set_pruner(&self, py: Python<'_>, name: &str, settings: &Bound<'_, PyDict>) -> PyResult<()> {
        let pruner = pruner::make(name, settings)?;
        self.shared.quickly(py, |study| study.set_pruner(pruner));
        Ok(())
    }

    /// The numbers of the running trials whose processes died.
    fn abandoned(&self, py: Python<'_>) -> PyResult<Vec<u64>> {
        self.shared.quickly(py, lightcrest::Study::abandoned).map_err(error::study)
    }

    /// Puts the trials of dead processes back to waiting, or fails those that were run again too often
    /// already.
    fn reclaim(&self, py: Python<'_>) -> PyResult<()> {
        self.shared.quickly(py, lightcrest::Study::reclaim).map_err(error::study)
    }

    /// Takes over what others wrote to the storage.
    fn synchronize(&self, py: Python<'_>) -> PyResult<()> {
        self.shared.quickly(py, lightcrest::Study::synchronize).map_err(error::study)
    }

    /// The next trial, now running. `fixed`: distributions by name, or a Space, that the trial is asked for
    /// at once. `study`: the Python study that the trial is of. `propose`: whether the engine's sampler
    /// proposes; otherwise `independent` is called with the trial, a name and a distribution for each value.
    /// `prune`: called with the trial instead of the engine's pruner. `lease`: whether the trial goes back to
    /// waiting when this process dies.
    #[pyo3(signature = (study, fixed=None, propose=true, independent=None, prune=None, lease=false))]
    fn ask(
        &self,
        py: Python<'_>,
        study: Py<PyAny>,
        fixed: Option<&Bound<'_, PyAny>>,
        propose: bool,
        independent: Option<Py<PyAny>>,
        prune: Option<Py<PyAny>>,
        lease: bool,
    ) -> PyResult<Trial> {
        // What is wrong with it is said before there is a trial.
        let fixed = fixed.map(Fixed::extract).transpose()?;
        let (number, claim) = self.shared.ask(py, propose, lease).map_err(error::study)?;
        let trial = Trial { shared: self.shared.clone(), number, claim, study, independent, prune };
        if let Some(fixed) = fixed {
            fixed.ask(py, &trial)?;
        }
        Ok(trial)
    }

    /// A running trial that was asked for elsewhere. `independent`, `prune`: as `ask` takes them. `token`:
    /// which run of it is meant; the present one unless given.
    #[pyo3(signature = (study, number, independent=None, prune=None, token=None))]
    fn again(
        &self,
        py: Python<'_>,
        study: Py<PyAny>,
        number: u64,
        independent: Option<Py<PyAny>>,
        prune: Option<Py<PyAny>>,
        token: Option<u64>,
    ) -> PyResult<Trial> {
        self.state(py, number)?;
        // One that is over by now is told so when it is used.
        let claim = self.shared.quickly(py, |study| {
            named(study, number, token).or_else(|| study.history().get(number).and_then(|trial| trial.claim))
        });
        Ok(Trial { shared: self.shared.clone(), number, claim, study, independent, prune })
    }

    /// The values that a running trial has got or will get if it asks for them, by name.
    fn proposed<'py>(&self, py: Python<'py>, number: u64) -> PyResult<Bound<'py, PyDict>> {
        let found =
            self.shared.quickly(py, |study| study.history().get(number).map(|t| t.configuration.clone()));
        let found = found.ok_or_else(|| error::study(StudyError::UnknownTrial { number }))?;
        convert::parameters(py, found.iter())
    }

    /// The last step that a trial has reported; none if it has no reports.
    fn last_step(&self, py: Python<'_>, number: u64) -> Option<u64> {
        self.shared
            .quickly(py, |study| study.history().get(number)?.reports.iter().map(|(step, _)| *step).max())
    }

    /// Gives a running trial back: it waits to be run again, as it was before. `token`: as `tell` takes it.
    #[pyo3(signature = (number, token=None))]
    fn give_back(&self, py: Python<'_>, number: u64, token: Option<u64>) -> PyResult<()> {
        self.end(py, number, Err(TrialError::Interrupted), token)
    }

    /// Ends a running trial: `complete` with its values, `pruned`, or `failed` with a reason. `token`: which
    /// run of it is meant; the present one unless given.
    #[pyo3(signature = (number, state, values, reason, token=None))]
    fn tell(
        &self,
        py: Python<'_>,
        number: u64,
        state: &str,
        values: Option<Vec<f64>>,
        reason: Option<String>,
        token: Option<u64>,
    ) -> PyResult<()> {
        let reason = reason.unwrap_or_default();
        let outcome = match (state, values) {
            ("complete", Some(values)) => Ok(Evaluation::new(values)),
            ("pruned", None) => Err(TrialError::Pruned { reason }),
            ("failed", None) => Err(TrialError::Failed { reason }),
            _ => return Err(PyValueError::new_err(format!("`{state}` and these values do not go together"))),
        };
        self.end(py, number, outcome, token)
    }

    /// Gives a running trial the value that it will be answered with.
    fn propose(&self, py: Python<'_>, number: u64, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let value = convert::choice(name, value)?;
        self.shared.quickly(py, |study| study.propose_value(number, name, value)).map_err(error::study)
    }

    /// Whether the engine's pruner would stop a running trial at its last report.
    fn should_prune(&self, py: Python<'_>, number: u64) -> PyResult<bool> {
        self.shared.quickly(py, |study| study.should_prune(number)).map_err(error::study)
    }

    /// Keeps something with a running trial. `token`: as `tell` takes it.
    #[pyo3(signature = (number, key, value, token=None))]
    fn set_attribute(
        &self,
        py: Python<'_>,
        number: u64,
        key: &str,
        value: &Bound<'_, PyAny>,
        token: Option<u64>,
    ) -> PyResult<()> {
        let claim = self.shared.quickly(py, |study| named(study, number, token));
        self.shared.set_attribute(py, number, claim, key, value)
    }

    /// Sets a constraint of a running trial; False if it is set already. `token`: as `tell` takes it.
    #[pyo3(signature = (number, key, excess, token=None))]
    fn set_constraint(
        &self,
        py: Python<'_>,
        number: u64,
        key: &str,
        excess: f64,
        token: Option<u64>,
    ) -> PyResult<bool> {
        let set = |study: &mut lightcrest::Study| {
            held(study, number, named(study, number, token))?;
            study.set_constraint(number, key, excess)
        };
        self.shared.quickly(py, set).map_err(error::study)
    }

    /// The trials of which Python's side keeps a text by this key that begins so: [(number, state, whether it
    /// is leased, the text)]; `every`: also the running ones of which it keeps none, with None.
    #[pyo3(signature = (key, prefix, every=false))]
    fn marked(&self, py: Python<'_>, key: &str, prefix: &str, every: bool) -> Vec<Marked> {
        self.shared.quickly(py, |study| marks::of(study, key, prefix, every))
    }

    /// Which parameters matter for numbers of trials of which larger is better, [(number, value)]: {name:
    /// share}, by PED-ANOVA; None if too few trials say it.
    fn ped_anova<'py>(
        &self,
        py: Python<'py>,
        values: Vec<(u64, f64)>,
        target: f64,
        region: f64,
        local: bool,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let config = PedAnovaConfig { target, region, local };
        self.importance(py, &values, |space, trials| ped_anova(space, trials, &config))
    }

    /// The share of the variance of numbers of trials, [(number, value)], that each parameter explains alone:
    /// {name: share}; None if too few trials say it.
    fn fanova<'py>(
        &self,
        py: Python<'py>,
        values: Vec<(u64, f64)>,
        trees: usize,
        depth: usize,
        seed: u64,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let config = FanovaConfig { trees, depth, seed };
        self.importance(py, &values, |space, trials| fanova(space, trials, &config))
    }

    /// How much better than the best trial the optimum may be, with high probability; None while too few
    /// trials say it.
    fn regret_bound(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.shared.looking(py, lightcrest::study::Snapshot::regret_bound).map_err(error::study)
    }

    /// How much the best that is found may still get better, in standard deviations of the values; None while
    /// too few trials say it.
    fn minimum_regret(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.shared.looking(py, lightcrest::study::Snapshot::minimum_regret).map_err(error::study)
    }

    /// Adds a trial that ran elsewhere or waits to be run; its number.
    fn add(
        &self,
        py: Python<'_>,
        state: &str,
        params: &Bound<'_, PyDict>,
        distributions: &Bound<'_, PyDict>,
        values: Option<Vec<f64>>,
        reports: Vec<(u64, f64)>,
        constraints: Vec<(String, f64)>,
        attributes: &Bound<'_, PyDict>,
        started: Option<u64>,
        finished: Option<u64>,
    ) -> PyResult<u64> {
        let mut trial = frozen(state, params, distributions, values, reports, constraints)?;
        trial.attributes = self.json(attributes)?;
        (trial.started, trial.finished) = (started, finished);
        let number = self.shared.quickly(py, |study| study.add(trial)).map_err(error::study)?;
        if let Some(all) = self.shared.attributes.as_ref().filter(|_| !attributes.is_empty()) {
            all.bind(py).set_item(number, attributes.copy()?)?;
        }
        Ok(number)
    }

    /// Puts a trial in place of the one of its number, which has not ended.
    fn replace(
        &self,
        py: Python<'_>,
        number: u64,
        state: &str,
        params: &Bound<'_, PyDict>,
        distributions: &Bound<'_, PyDict>,
        values: Option<Vec<f64>>,
        reports: Vec<(u64, f64)>,
        constraints: Vec<(String, f64)>,
        attributes: &Bound<'_, PyDict>,
        started: Option<u64>,
        finished: Option<u64>,
    ) -> PyResult<()> {
        let mut trial = frozen(state, params, distributions, values, reports, constraints)?;
        trial.attributes = self.json(attributes)?;
        (trial.number, trial.started, trial.finished) = (number, started, finished);
        self.shared.quickly(py, |study| study.replace(trial)).map_err(error::study)?;
        match self.shared.attributes.as_ref() {
            Some(all) => all.bind(py).set_item(number, attributes.copy()?),
            None => Ok(()),
        }
    }

    /// Whether a running trial was asked for by this study, and not by another one of its storage.
    fn owns(&self, py: Python<'_>, number: u64) -> bool {
        self.shared.quickly(py, |study| study.owns(number))
    }

    /// Takes over a trial of another study, so that this one can propose for it.
    fn observe(
        &self,
        py: Python<'_>,
        number: u64,
        state: &str,
        params: &Bound<'_, PyDict>,
        distributions: &Bound<'_, PyDict>,
        values: Option<Vec<f64>>,
        reports: Vec<(u64, f64)>,
        constraints: Vec<(String, f64)>,
    ) -> PyResult<()> {
        let mut trial = frozen(state, params, distributions, values, reports, constraints)?;
        trial.number = number;
        self.shared.quickly(py, |study| study.observe(trial)).map_err(error::study)
    }

    /// What the sampler proposes for a trial of another study.
    fn proposal<'py>(&self, py: Python<'py>, number: u64) -> PyResult<Bound<'py, PyDict>> {
        let proposal = self.shared.proposal(py, number).map_err(error::study)?;
        convert::parameters(py, proposal.iter())
    }

    /// The distributions of the space, by name.
    fn domains<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let space = self.shared.quickly(py, |study| study.space().clone());
        let dict = PyDict::new(py);
        for parameter in space.parameters() {
            dict.set_item(&parameter.name, convert::distribution(py, &parameter.domain)?)?;
        }
        Ok(dict)
    }

    /// The state of a trial, as a word.
    fn state(&self, py: Python<'_>, number: u64) -> PyResult<&'static str> {
        let state = self.shared.quickly(py, |study| study.history().get(number).map(|trial| trial.state));
        let state = state.ok_or_else(|| error::study(StudyError::UnknownTrial { number }))?;
        Ok(state.as_str())
    }

    /// How many trials are in a state.
    fn count(&self, py: Python<'_>, state: &str) -> usize {
        let in_state = |trial: &&FrozenTrial| trial.state.as_str() == state;
        self.shared.quickly(py, |study| study.trials().iter().filter(in_state).count())
    }

    /// How many trials there are.
    fn __len__(&self, py: Python<'_>) -> usize {
        self.shared.quickly(py, |study| study.trials().len())
    }

    /// Trials as tuples: state, values, started, finished, params, distributions, attributes,
    /// intermediate_values, constraints.
    fn parts<'py>(&self, py: Python<'py>, numbers: Vec<u64>) -> PyResult<Vec<Bound<'py, PyTuple>>> {
        parts::of(&self.shared, py, &numbers)
    }

    /// The number of the best trial of a study of one objective.
    fn best(&self, py: Python<'_>) -> Option<u64> {
        self.shared.quickly(py, |study| study.best().map(|trial| trial.number))
    }

    /// The numbers of the trials that no other dominates.
    fn front<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let numbers: Vec<u64> =
            self.shared.quickly(py, |study| study.front().iter().map(|trial| trial.number).collect());
        PyList::new(py, numbers)
    }

    /// The space: as it was declared, or as the finished trials show it.
    fn space(&self, py: Python<'_>) -> Space {
        self.shared.quickly(py, |study| Space::of(study.space()))
    }
}
