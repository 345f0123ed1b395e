//! Grid search: every combination of a few values of each parameter once, in random order.
//!
//! What was tried is read from the history, so that a run that is resumed, or one of several processes, tries
//! what is left. On a conditional space the combinations are those of the active parameters.

use super::enumerate::Levels;
use super::{Capabilities, Context, Sampler, SamplerError};
use crate::space::encode::{Column, Encoder};
use crate::space::{Configuration, Space, Value};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings of the [`GridSampler`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GridConfig {
    /// The values to try, by parameter.
    pub values: BTreeMap<String, Vec<Value>>,
    /// How many values are tried of a parameter that has none above: evenly spaced on its scale, the ends
    /// included. All of an unordered choice are.
    pub points: usize,
}

impl Default for GridConfig {
    fn default() -> Self {
        Self { values: BTreeMap::new(), points: 5 }
    }
}

/// Tries the grid, and [says](SamplerError::Exhausted) when it is done.
#[derive(Debug, Clone, Default)]
pub struct GridSampler {
    config: GridConfig,
}

impl GridSampler {
    /// A sampler with these settings.
    pub fn new(config: GridConfig) -> Self {
        Self { config }
    }

    /// The values of each parameter of a space.
    fn levels(&self, space: &Space) -> Result<Vec<Vec<Value>>, SamplerError> {
        let internal = |reason: String| SamplerError::Internal { sampler: "grid", reason };
        let encoder = Encoder::new(space);
        let mut levels = Vec::with_capacity(space.len());
        for (i, parameter) in space.parameters().iter().enumerate() {
            let (name, domain) = (&parameter.name, &parameter.domain);
            let Some(values) = self.config.values.get(name) else {
                let positions = positions(encoder.column(i), self.config.points).into_iter();
                let mut values: Vec<Value> = positions.map(|x| encoder.value(i, x)).collect();
                values.dedup();
                levels.push(values);
                continue;
            };
            if values.is_empty() {
                return Err(internal(format!("the grid has no values of `{name}`: give it at least one")));
            }
            if let Some(value) = values.iter().find(|value| !domain.contains(value)) {
                return Err(internal(format!("the grid has {value} for `{name}`, which must be {domain}")));
            }
            levels.push(values.iter().map(|value| domain.conform(value)).collect());
        }
        Ok(levels)
    }
}

/// Evenly spaced numbers in a column.
fn positions(column: &Column, points: usize) -> Vec<f64> {
    match (column, points) {
        (Column::Categorical { choices }, _) => (0..*choices).map(|k| k as f64).collect(),
        (_, 0 | 1) => vec![column.snap(0.5)],
        (_, n) => (0..n).map(|k| column.snap(k as f64 / (n - 1) as f64)).collect(),
    }
}

impl Sampler for GridSampler {
    fn name(&self) -> &'static str {
        "grid"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::ALL
    }

    fn is_cheap(&self) -> bool {
        true
    }

    fn propose(
        &mut self,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Configuration, SamplerError> {
        let values = self.levels(context.space)?;
        let levels = Levels {
            space: context.space,
            count: Box::new(|i| values[i].len() as u64),
            value: Box::new(|i, k| values[i][k as usize].clone()),
        };
        levels.next(self.name(), context, rng)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::objective::{Evaluation, ObjectiveInfo};
    use crate::study::{Study, StudyError};
    use std::collections::HashSet;

    #[test]
    fn conforms() {
        crate::testing::sampler(&|| Box::new(GridSampler::default()));
    }

    fn study(values: &[(&str, Vec<Value>)]) -> Study {
        let space = Space::builder().float("x", 0.0, 1.0).int("k", 1, 100).categorical("c", ["a", "b"]);
        let values = values.iter().map(|(name, values)| ((*name).to_owned(), values.clone())).collect();
        let sampler = GridSampler::new(GridConfig { values, points: 3 });
        let objectives = vec![ObjectiveInfo::minimize("loss")];
        Study::builder(space.build().unwrap(), objectives).sampler(sampler).build().unwrap()
    }

    #[test]
    fn the_grid_is_tried_once_and_then_over() {
        let mut study = study(&[("x", vec![0.25.into(), 0.75.into()])]);
        let mut seen = HashSet::new();
        for _ in 0..12 {
            let trial = study.ask().unwrap();
            seen.insert((
                trial.configuration.get_f64("x").unwrap().to_bits(),
                trial.configuration.get_i64("k").unwrap(),
                trial.configuration.get_str("c").unwrap().to_owned(),
            ));
            study.tell(trial.number, Ok(Evaluation::new([0.0]))).unwrap();
        }
        assert_eq!(seen.len(), 12);
        assert!(seen.iter().all(|(_, k, _)| [1, 51, 100].contains(k)), "{seen:?}");
        match study.ask() {
            Err(StudyError::Sampler(SamplerError::Exhausted { configurations: 12, .. })) => {}
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_outside_of_the_domain_are_named() {
        let error = study(&[("k", vec![101i64.into()])]).ask().unwrap_err().to_string();
        assert!(error.contains("the grid has 101 for `k`, which must be an int from 1 to 100"), "{error}");
    }
}
