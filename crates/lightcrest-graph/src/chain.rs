//! An error as a sentence.

use std::error::Error;

/// An error with its causes in one line; a cause that an error above it has told already is left out.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |&cause| cause.source()) {
        let message = cause.to_string();
        if !text.contains(&message) {
            text.push_str(&format!(": {message}"));
        }
    }
    text
}
