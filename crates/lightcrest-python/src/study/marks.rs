//! Trials by what Python's side keeps with them to know them again: whose they are, of whom several processes
//! hold a part.

use crate::trial::SYSTEM;
use lightcrest::{FrozenTrial, Study, TrialState};

/// A trial: its number, its state as a word, whether it goes back to waiting when its worker dies, and what
/// is kept with it.
pub(super) type Marked = (u64, &'static str, bool, Option<String>);

/// The trials whose text by this key begins so; `every`: also the running ones that have none.
pub(super) fn of(study: &Study, key: &str, prefix: &str, every: bool) -> Vec<Marked> {
    let look = |trial: &FrozenTrial| {
        let mark = trial.attributes.get(SYSTEM).and_then(|system| system.get(key)?.as_str());
        let found = match mark {
            Some(mark) => mark.starts_with(prefix),
            None => every && trial.state == TrialState::Running,
        };
        let leased = trial.claim.is_some_and(|claim| claim.leased);
        found.then(|| (trial.number, trial.state.as_str(), leased, mark.map(str::to_owned)))
    };
    study.trials().iter().filter_map(look).collect()
}
