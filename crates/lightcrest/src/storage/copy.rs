//! Copies of studies.

use super::{Definition, Storage, StorageError};
use crate::history::{FrozenTrial, TrialState};

/// Copies a study into a storage that has none of that name yet, under the name `name`: its definition, what
/// it learns from, its attributes and its trials as they are at one moment. What runs there waits here, with
/// the same configuration and attributes: whoever runs it has nothing to do with the copy. The number of
/// trials.
///
/// # Errors
/// [`StorageError::NoStudy`] if there is nothing to copy, [`StorageError::Exists`] if there is one already;
/// if one of the two cannot be read or written. What was copied until then is deleted again.
pub fn copy(from: &mut dyn Storage, to: &mut dyn Storage, name: &str) -> Result<u64, StorageError> {
    copy_with(from, to, name, &mut |_| {})
}

/// As [`copy`], with each trial as `change` leaves it; its number and its state must stay.
///
/// # Errors
/// As [`copy`].
pub fn copy_with(
    from: &mut dyn Storage,
    to: &mut dyn Storage,
    name: &str,
    change: &mut dyn FnMut(&mut FrozenTrial),
) -> Result<u64, StorageError> {
    let stored = from.definition()?.ok_or(StorageError::NoStudy)?;
    let definition = Definition { name: name.to_owned(), ..stored };
    let (memory, attributes, trials) = (from.memory()?, from.attributes()?, from.changes(0)?.trials);
    to.make(&definition)?;
    let fill = || {
        to.open(&definition)?;
        if !memory.sources().is_empty() {
            to.remember(&memory)?;
        }
        for (key, value) in attributes {
            to.set_attribute(&key, value)?;
        }
        let mut copied = 0;
        for mut trial in trials {
            if trial.state == TrialState::Running {
                let attributes = std::mem::take(&mut trial.attributes);
                trial.reset();
                trial.attributes = attributes;
            }
            change(&mut trial);
            to.create(&FrozenTrial { claim: None, ..trial })?;
            copied += 1;
        }
        Ok(copied)
    };
    fill().inspect_err(|_| {
        // The first error is what counts.
        to.delete().ok();
    })
}
