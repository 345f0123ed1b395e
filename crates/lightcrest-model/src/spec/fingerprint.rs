//! What makes two specs the same study.

use std::fmt::Write;

use toml::de::{DeTable, DeValue};

use super::setting::number;

/// Sections and keys that may change when a study goes on: they do not change what a stored value means.
const FREE: &[&str] = &[
    "budget",
    "workers",
    "sampler",
    "pruner",
    "terminator",
    "refit",
    "command.directory",
    "command.limits",
    "command.metrics",
    DATA_PATH,
];

/// Where the images lie says nothing about them; what they are is kept beside the study.
const DATA_PATH: &str = "data.path";

/// The fingerprint of a spec, and that of an earlier version of this program.
pub(super) fn both(document: &DeTable<'_>) -> (String, String) {
    (fingerprint(document), earlier_fingerprint(document))
}

/// A hash of everything else, in hexadecimal.
fn fingerprint(document: &DeTable<'_>) -> String {
    hash(document, FREE)
}

/// The same of studies that began when the place of the images counted.
fn earlier_fingerprint(document: &DeTable<'_>) -> String {
    let free: Vec<&str> = FREE.iter().copied().filter(|path| *path != DATA_PATH).collect();
    hash(document, &free)
}

fn hash(document: &DeTable<'_>, free: &[&str]) -> String {
    let mut text = String::new();
    entries(&mut text, document, "", free);
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
        fingerprint(DeTable::parse(text).unwrap().get_ref())
    }

    #[test]
    fn only_what_matters_counts() {
        let base = of("[study]\nname = 'a'\nseed = 1\n[budget]\ntrials = 5");
        assert_eq!(
            base,
            of("# note\n[budget]\ntrials = 50\n[study]\nseed = 0x1\nname = \"a\"\n[workers]\ncount = 2")
        );
        assert_ne!(base, of("[study]\nname = 'a'\nseed = 2"));
        assert_ne!(base, of("[study]\nname = 'a'\nseed = '1'"));
        let photos = |path: &str| format!("[data]\nsource = 'folder'\npath = '{path}'");
        assert_eq!(of(&photos("a")), of(&photos("b")));
        let earlier = |text: &str| earlier_fingerprint(DeTable::parse(text).unwrap().get_ref());
        assert_ne!(earlier(&photos("a")), earlier(&photos("b")));
        assert_eq!(earlier("[study]\nseed = 1"), of("[study]\nseed = 1"));
        let command = of("[command]\nrun = ['a']");
        assert_eq!(command, of("[command]\nrun = ['a']\ndirectory = 'b'\n[command.limits]\ntime = '3s'"));
        assert_ne!(command, of("[command]\nrun = ['b']"));
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c); // the authors' test vector
    }
}
