//! What a study knows from earlier ones: rows of theirs, chosen once and kept with the study.
//!
//! A [`Source`] is an earlier study, a [`Lesson`] one of its trials. Lessons are chosen when the study learns
//! of them, at most [`EACH`] of one source and [`ROWS`] in all, and stored beside its trials: what is
//! proposed does not change when the earlier study goes on, moves or vanishes, and every process proposes
//! the same.
//!
//! Values of different studies are not comparable: each source is standardised by itself, by the transform
//! that the Gaussian process sees its own trials through (half-rank). What a source is worth is for the new
//! trials to say (`sampler/gp/recollection`).
//!
//! # Which lessons
//! Of each source the best ones, a half, and the others evenly over the ranks of the rest, so that it is
//! known where the bad regions are. Sources share the rows evenly; what one does not have, the others get. Of
//! more than [`SOURCES`] studies those with the most usable trials count, the latest first among equals.
//!
//! # Which parameters
//! A lesson is read in the space of the new study ([`recall`]): parameters that it does not have are drawn,
//! those that the space does not have are left out, and a value outside of the new range makes the lesson
//! useless. At least one parameter must be shared.

mod recall;

pub use recall::recall;

use crate::space::{Configuration, Space};
use serde::{Deserialize, Serialize};

/// Rows of all sources together, at most.
pub const ROWS: usize = 400;
/// Rows of one source, at most.
pub const EACH: usize = 100;
/// Configurations of theirs that are tried as they are, at most.
pub const FIRST: usize = 3;
/// Sources, at most.
pub const SOURCES: usize = 15;

/// What a study knows from earlier ones.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    sources: Vec<Source>,
}

/// An earlier study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// How many complete trials it had.
    pub trials: usize,
    /// What was chosen of them, the best first. Empty if nothing of it is of use: no parameter or no
    /// objective is shared, or all values lie outside of the new ranges.
    pub lessons: Vec<Lesson>,
}

/// A trial of an earlier study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lesson {
    /// What was evaluated, as the earlier study has it.
    pub configuration: Configuration,
    /// For each objective of the new study what came of it, in the earlier study's units and direction.
    pub values: Vec<Option<f64>>,
    /// The same, standardised among all trials of the earlier study: mean 0, variance 1, larger is better.
    pub scores: Vec<Option<f64>>,
}

impl Lesson {
    /// The mean of the scores: what lessons are ranked by.
    pub fn rank(&self) -> f64 {
        let known: Vec<f64> = self.scores.iter().flatten().copied().collect();
        known.iter().sum::<f64>() / known.len().max(1) as f64
    }
}

impl Memory {
    /// Chooses among all that the sources have. `space` is that of the new study, if it is declared: lessons
    /// that are of no use in it are not chosen.
    pub fn new(sources: Vec<Source>, space: Option<&Space>) -> Self {
        let mut sources: Vec<Source> = sources;
        for source in &mut sources {
            if let Some(space) = space {
                source.lessons.retain(|lesson| recall(space, &lesson.configuration).is_some());
            }
            source.lessons.retain(|lesson| lesson.scores.iter().any(Option::is_some));
            // Stable: the earlier one of equals comes first.
            source.lessons.sort_by(|a, b| b.rank().total_cmp(&a.rank()));
        }
        let mut order: Vec<usize> = (0..sources.len()).filter(|&i| !sources[i].lessons.is_empty()).collect();
        order.sort_by_key(|&i| (std::cmp::Reverse(sources[i].lessons.len()), std::cmp::Reverse(i)));
        for &i in order.iter().skip(SOURCES) {
            sources[i].lessons.clear();
        }
        order.truncate(SOURCES);
        // Those with few lessons first: what they leave is for the others.
        let mut left = ROWS;
        while let Some(i) = order.pop() {
            let share = (left / (order.len() + 1)).min(EACH);
            let lessons = std::mem::take(&mut sources[i].lessons);
            sources[i].lessons = chosen(lessons, share);
            left -= sources[i].lessons.len();
        }
        Self { sources }
    }

    /// The earlier studies, in the order in which they were given.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// What to try first in this space: the best of each source, in the order of how far they stand out
    /// there; then the second best of each, and so on, [`FIRST`] different ones.
    pub fn first(&self, space: &Space) -> Vec<Configuration> {
        let mut first: Vec<Configuration> = Vec::new();
        let longest = self.sources.iter().map(|source| source.lessons.len()).max().unwrap_or(0);
        for place in 0..longest.min(FIRST) {
            let lessons = self.sources.iter().filter_map(|source| source.lessons.get(place));
            let mut round: Vec<&Lesson> = lessons.collect();
            round.sort_by(|a, b| b.rank().total_cmp(&a.rank()));
            for recalled in round.into_iter().filter_map(|lesson| recall(space, &lesson.configuration)) {
                if first.len() < FIRST && !first.contains(&recalled) {
                    first.push(recalled);
                }
            }
        }
        first
    }

    /// Whether there is nothing to learn from.
    pub fn is_empty(&self) -> bool {
        self.sources.iter().all(|source| source.lessons.is_empty())
    }
}

/// The best half of `count`, and the others evenly from the rest.
fn chosen(mut lessons: Vec<Lesson>, count: usize) -> Vec<Lesson> {
    if lessons.len() <= count {
        return lessons;
    }
    let best = count.div_ceil(2);
    let rest = lessons.split_off(best);
    let take = count - best;
    // The worst is always among them.
    let at = |k: usize| (k + 1) * rest.len() / take - 1;
    lessons.extend((0..take).map(|k| rest[at(k)].clone()));
    lessons
}
