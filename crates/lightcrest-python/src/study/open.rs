//! How a study is opened, or made if there is none yet.

use crate::storage::Place;
use lightcrest::memory::Source;
use lightcrest::objective::ObjectiveInfo;
use lightcrest::pruner::Pruner;
use lightcrest::sampler::Sampler;
use lightcrest::storage::Definition;
use lightcrest::{Direction, Space, StudyError};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// The study that is wanted: all that needs no Python.
pub(super) struct Wanted<'a> {
    pub(super) place: Place,
    pub(super) name: &'a str,
    pub(super) objectives: Vec<ObjectiveInfo>,
    pub(super) sampler: Box<dyn Sampler>,
    pub(super) pruner: Box<dyn Pruner>,
    /// None: that of the study if it declares one, else it is discovered.
    pub(super) space: Option<Space>,
    pub(super) seed: u64,
    /// Whether it is an error if there is one already.
    pub(super) new: bool,
    pub(super) sources: Vec<Source>,
    pub(super) retries: Option<u64>,
}

impl Wanted<'_> {
    pub(super) fn open(self) -> Result<lightcrest::Study, StudyError> {
        let (seed, lasting) = (self.seed, self.place.is_lasting());
        let mut storage = self.place.open(self.name)?;
        let stored = storage.definition()?;
        // What the program made has names of its own for its objectives, and a spec.
        let directions =
            |objectives: &[ObjectiveInfo]| objectives.iter().map(|o| o.direction).collect::<Vec<_>>();
        let same = |stored: &&Definition| directions(&stored.objectives) == directions(&self.objectives);
        let objectives = stored.as_ref().filter(same).map(|stored| stored.objectives.clone());
        let objectives = objectives.unwrap_or(self.objectives);
        let builder = match (&stored, self.space) {
            (Some(stored), None) if !stored.discovered => {
                lightcrest::Study::builder(stored.space.clone(), objectives)
            }
            (_, Some(space)) => lightcrest::Study::builder(space, objectives),
            (_, None) => lightcrest::Study::define_by_run(objectives),
        };
        let mut study = builder
            .name(self.name)
            .spec(stored.as_ref().map_or("", |stored| &stored.spec))
            .seed(stored.as_ref().map_or(seed, |stored| stored.seed))
            .new_only(self.new)
            .boxed_sampler(self.sampler)
            .boxed_pruner(self.pruner)
            .boxed_storage(storage)
            .learn_from(self.sources)
            .write_through(lasting)
            .lease(false)
            .retries(self.retries)
            .build()?;
        study.reseed(seed);
        Ok(study)
    }
}

/// What the engine's messages call an objective of so many that nobody named.
pub(super) fn name(i: usize, count: usize) -> String {
    if count == 1 { "value".to_owned() } else { format!("value_{i}") }
}

/// Objectives of these directions.
pub(super) fn objectives(directions: &[String]) -> PyResult<Vec<ObjectiveInfo>> {
    let objective = |(i, direction): (usize, &String)| {
        let direction = match direction.as_str() {
            "minimize" => Direction::Minimize,
            "maximize" => Direction::Maximize,
            other => {
                let message = format!("a direction must be `minimize` or `maximize`, but got `{other}`");
                return Err(PyValueError::new_err(message));
            }
        };
        Ok(ObjectiveInfo { name: name(i, directions.len()), direction })
    };
    directions.iter().enumerate().map(objective).collect()
}
