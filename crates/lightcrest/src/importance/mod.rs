//! Which parameters matter.
//!
//! | function | says | costs |
//! |---|---|---|
//! | [`ped_anova`] | what tells the best trials from all of them | microseconds a trial |
//! | [`fanova`] | what the values vary with, over the whole space | a random forest |

mod fanova;
mod forest;
mod ped_anova;

pub use fanova::{FanovaConfig, fanova};
pub use ped_anova::{PedAnovaConfig, ped_anova};

use crate::space::Configuration;

/// Fewer trials than this say nothing.
const LEAST_TRIALS: usize = 2;

/// The trials whose number is finite; `None` if there are too few to say anything.
fn telling<'a, 'c>(trials: &'a [(&'c Configuration, f64)]) -> Option<Vec<&'a (&'c Configuration, f64)>> {
    let finite: Vec<_> = trials.iter().filter(|(_, value)| value.is_finite()).collect();
    (finite.len() >= LEAST_TRIALS).then_some(finite)
}
