//! Spec files: one TOML file that says what to optimise, what may vary, and how to search.
//!
//! Here is what every kind of spec shares: the study ([`study`]), the ways to write a domain ([`setting`]),
//! the tree of settings that a file becomes ([`tree`]) and the space in it ([`space`]), bounds
//! ([`constraint`]), formulas ([`score`]), the JSON schema ([`schema`]) and the errors with their places
//! ([`diagnostic`]). One kind is complete: [`tune`] names a command. Other kinds bring a vocabulary of their
//! own, tables of [`vocabulary::Section`] that the parser, the schema and the messages all read; nothing here
//! knows of images or networks.
//!
//! # A kind of spec
//!
//! ```
//! use lightcrest::objective::{Direction, ObjectiveInfo};
//! use lightcrest_spec::document::{SectionName, check_sections, group, read, table};
//! use lightcrest_spec::fingerprint::fingerprint;
//! use lightcrest_spec::space::{add_group, build};
//! use lightcrest_spec::study::{StudySections, StudySpec};
//! use lightcrest_spec::vocabulary::{Key, POSITIVE, STEP_PRUNERS, STUDY, Section};
//!
//! const OVEN: Section = Section {
//!     name: "oven",
//!     doc: "The oven.",
//!     keys: &[Key::required("temperature", POSITIVE, "degrees Celsius").searchable()],
//! };
//! const SECTIONS: &[SectionName] =
//!     &[("study", Some(STUDY.doc)), ("oven", Some(OVEN.doc)), ("sampler", None)];
//!
//! let parse = |text: &str| {
//!     read(text, "cake.toml", |errors, document| -> Option<StudySpec> {
//!         check_sections(errors, document, SECTIONS);
//!         let study = StudySections::read(errors, document, STEP_PRUNERS);
//!         let oven = table(errors, document, "oven")?;
//!         let oven = group(errors, &OVEN, oven, "[oven]", "", &[]);
//!         let mut found = Vec::new();
//!         add_group(&mut found, &oven, &[]);
//!         let space = build(errors, found)?;
//!         let taste = ObjectiveInfo { name: "taste".into(), direction: Direction::Maximize };
//!         // Of this version, and of one that may have stored the study.
//!         study.finish(vec![taste], space, [fingerprint(document, &[]), fingerprint(document, &[])])
//!     })
//! };
//!
//! let study = parse("[study]\nname = 'cake'\n[oven]\ntemperature = { low = 150, high = 220 }").unwrap();
//! assert_eq!(study.space.parameters()[0].name, "temperature");
//! let error = parse("[study]\nname = 'cake'\n[oven]\ntemperatur = 180").unwrap_err();
//! assert!(error.to_string().contains("did you mean `temperature`?"));
//! ```

pub mod constraint;
pub mod diagnostic;
pub mod document;
pub mod fingerprint;
pub mod formula;
pub mod schema;
pub mod score;
pub mod setting;
pub mod space;
pub mod study;
pub mod testing;
pub mod tree;
pub mod tune;
pub mod vocabulary;

pub use constraint::ConstraintSpec;
pub use diagnostic::{Problem, SpecError, SpecErrors};
pub use document::{storage, tables};
pub use study::{Budget, Named, StudySpec};
pub use tree::ConfigurationError;
