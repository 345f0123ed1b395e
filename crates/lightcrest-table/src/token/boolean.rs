//! Truth values however they are written.

/// The truth value of a word or of 0 and 1.
pub fn parse(token: &str) -> Option<bool> {
    if token.len() > 5 {
        return None;
    }
    match token.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}
