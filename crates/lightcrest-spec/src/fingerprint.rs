//! What makes two specs the same study.

use std::fmt::Write;

use toml::de::{DeTable, DeValue};

use crate::setting::number;

/// Tables of every spec that may change when a study goes on: they do not change what a stored value means.
const FREE: &[&str] = &["study.storage", "budget", "workers", "memory", "sampler", "pruner", "terminator"];

/// A hash, in hexadecimal, of everything but what every spec may change and what this kind of spec may change
/// besides: tables and keys by their paths, such as `command.limits`.
pub fn fingerprint(document: &DeTable<'_>, free: &[&str]) -> String {
    let mut text = String::new();
    let free: Vec<&str> = FREE.iter().chain(free).copied().collect();
    entries(&mut text, document, "", &free);
    format!("{:016x}", fnv1a(text.as_bytes()))
}

/// The entries of a table that count; `path` is its own, with a dot at the end.
fn entries(text: &mut String, table: &DeTable<'_>, path: &str, free: &[&str]) {
    // Tables iterate in the order of their keys.
    for (key, value) in table {
        let path = format!("{path}{}", key.get_ref());
        if !free.contains(&path.as_str()) {
            write(text, key.get_ref());
            canonical(text, value.get_ref(), &path, free);
        }
    }
}

fn write(text: &mut String, word: &str) {
    // The length before the word keeps ("ab", "c") and ("a", "bc") apart. Writing into a String cannot fail.
    let _ = write!(text, "{}:{word}", word.len());
}

fn canonical(text: &mut String, value: &DeValue<'_>, path: &str, free: &[&str]) {
    match value {
        DeValue::Table(table) => {
            text.push('{');
            entries(text, table, &format!("{path}."), free);
            text.push('}');
        }
        DeValue::Array(items) => {
            text.push('[');
            items.iter().for_each(|item| canonical(text, item.get_ref(), path, free));
            text.push(']');
        }
        DeValue::String(word) => write(text, word),
        DeValue::Integer(_) | DeValue::Float(_) => {
            let _ = write!(text, "#{:?}", number(value).unwrap_or(f64::NAN));
        }
        DeValue::Boolean(flag) => write(text, if *flag { "true" } else { "false" }),
        DeValue::Datetime(date) => write(text, &date.to_string()),
    }
}

/// Fowler-Noll-Vo hash, 64 bits, variant 1a.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        fingerprint(DeTable::parse(text).unwrap().get_ref(), &["command.limits", "command.directory"])
    }

    #[test]
    fn only_what_matters_counts() {
        let base = of("[study]\nname = 'a'\nseed = 1\n[budget]\ntrials = 5");
        assert_eq!(
            base,
            of("# note\n[budget]\ntrials = 50\n[study]\nseed = 0x1\nname = \"a\"\n[workers]\ncount = 2")
        );
        assert_eq!(base, of("[study]\nname = 'a'\nseed = 1\nstorage = 'a.db'"), "where it is kept");
        assert_ne!(base, of("[study]\nname = 'a'\nseed = 2"));
        assert_ne!(base, of("[study]\nname = 'a'\nseed = '1'"));
        let command = of("[command]\nrun = ['a']");
        assert_eq!(command, of("[command]\nrun = ['a']\ndirectory = 'b'\n[command.limits]\ntime = '3s'"));
        assert_ne!(command, of("[command]\nrun = ['b']"));
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c); // the authors' test vector
    }
}
