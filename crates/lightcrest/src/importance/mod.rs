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
