//! What may vary: parameters with their domains, and the conditions under which they exist.
//!
//! A [`Space`] is a directed acyclic graph: a [`Parameter`] with conditions is *active* only where every
//! condition holds, that is, where its parents are active and have one of the named values. A
//! [`Configuration`] assigns the active parameters and nothing else: an inactive parameter is absent, never
//! NaN and never a default, so that no part of the engine can mistake a placeholder for a choice.
//!
//! Beside its domain, a parameter may have [bounds](Bound) that depend on another one, and
//! [constraints](Constraint) reject whole configurations before anything is evaluated. Samplers propose what
//! satisfies them, and do not search for it by chance.
//!
//! A space is declared (by the builder here, or as JSON or TOML), or it is [discovered](discover) from what
//! an objective asks for.
//!
//! Numbers meet configurations in one place only, [`encode`].
//!
//! ```
//! use lightcrest::space::{Configuration, Parameter, Space};
//!
//! let space = Space::builder()
//!     .log_float("learning_rate", 1e-5, 1e-1)
//!     .categorical("optimizer", ["sgd", "adam"])
//!     .parameter(Parameter::float("momentum", 0.0, 0.99).when("optimizer", ["sgd"]))
//!     .build()?;
//!
//! let mut configuration = Configuration::new();
//! configuration.set("learning_rate", 0.01);
//! configuration.set("optimizer", "adam");
//! assert!(space.validate(&configuration).is_ok());
//!
//! configuration.set("momentum", 0.9); // adam has no momentum
//! assert_eq!(
//!     space.validate(&configuration).unwrap_err().to_string(),
//!     "parameter `momentum` is not active here: it needs `optimizer` to be \"sgd\", but it is \"adam\""
//! );
//! # Ok::<(), lightcrest::space::SpaceError>(())
//! ```

mod builder;
mod choices;
mod condition;
mod configuration;
mod constraint;
mod cut;
pub mod discover;
mod domain;
pub mod encode;
mod error;
pub(crate) mod feasible;
mod fix;
mod parameter;
#[expect(clippy::module_inception, reason = "the type `Space` lives in the file that is named for it")]
mod space;
mod steps;
mod suggestions;
mod value;

pub use builder::SpaceBuilder;
pub use choices::Choices;
pub use condition::Condition;
pub use configuration::Configuration;
pub use constraint::{Bound, Constraint};
pub use cut::Cut;
pub use discover::{Discovery, Sighting};
pub use domain::Domain;
pub use encode::{Column, Encoded, Encoder};
pub use error::{SpaceError, nearest};
pub use parameter::Parameter;
pub use space::Space;
pub use suggestions::Suggestions;
pub use value::Value;
