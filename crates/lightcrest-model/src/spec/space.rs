//! The space of a network and its training.

use lightcrest::space::Space;
use lightcrest_spec::diagnostic::Errors;
use lightcrest_spec::space::{Found, add_alternatives, add_entry, add_group, add_switch, build};

use super::vocabulary::{repeats, strides};
use super::{Architecture, Training};

/// The space of a network and its training; `None` when there was an error.
pub(super) fn space(errors: &mut Errors, training: &Training, architecture: &Architecture) -> Option<Space> {
    let mut found = Vec::new();
    add_group(&mut found, &architecture.group, &[]);
    for stage in &architecture.stages {
        let modules = &stage.modules;
        add_switch(&mut found, modules);
        for entry in &stage.own.entries {
            let reads = if entry.key.name == "repeat" { repeats } else { strides };
            let condition = modules.condition(|alternative| reads(alternative.section.name));
            add_entry(&mut found, entry, condition.as_slice());
        }
        for entry in &stage.shared.entries {
            let condition = modules.condition(|alternative| {
                alternative.group.entry(entry.key.name).is_some_and(|own| own.shared)
            });
            add_entry(&mut found, entry, condition.as_slice());
        }
        add_alternatives(&mut found, modules);
    }
    add_group(&mut found, &architecture.head, &[]);
    add_training(&mut found, training);
    build(errors, found)
}

/// Adds what varies in a training.
pub(crate) fn add_training(found: &mut Vec<Found>, training: &Training) {
    add_group(found, &training.group, &[]);
    for choice in [&training.optimizer, &training.schedule, &training.loss] {
        add_switch(found, choice);
        add_alternatives(found, choice);
    }
    add_group(found, &training.augmentation, &[]);
}
