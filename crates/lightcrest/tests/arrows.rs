//! Imports point one way, between the crates and inside the engine.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Crates, and which of ours each may depend on.
const CRATES: &[(&str, &[&str])] = &[
    ("lightcrest-gp", &[]),
    ("lightcrest", &["lightcrest-gp"]),
    ("lightcrest-model", &["lightcrest"]),
    ("lightcrest-report", &["lightcrest"]),
    ("lightcrest-cli", &["lightcrest", "lightcrest-model", "lightcrest-report"]),
    ("lightcrest-python", &["lightcrest", "lightcrest-model"]),
];

/// The engine's modules, each with a rank: a module imports lower ranks only, never its own rank.
const MODULES: &[(&str, u8)] = &[
    ("space", 0),
    ("pareto", 0),
    ("objective", 1),
    ("history", 2),
    ("sampler", 3),
    ("pruner", 3),
    ("storage", 3),
    ("importance", 3),
    ("terminator", 4),
    ("trial", 5),
    ("study", 6),
    ("executor", 7),
    ("testing", 8),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that a line of code names as `crate::NAME`, also in a braced list.
fn named(code: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut names = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(list) => names.extend(list.split(',').map(|item| word(item.trim()))),
            None => names.push(word(rest)),
        }
    }
    names
}

#[test]
fn modules_import_leftward_only() {
    let ranks: BTreeMap<_, _> = MODULES.iter().copied().collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    assert!(files.len() > 20);
    for file in files {
        let inside = file.strip_prefix(&root).unwrap();
        let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
        let module = first.trim_end_matches(".rs");
        // Tests may use anything.
        if module == "lib" || file.ends_with("tests.rs") {
            continue;
        }
        let own = *ranks.get(module).unwrap_or_else(|| panic!("`{module}` has no rank: give it one"));
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for name in named(line) {
                let Some(&rank) = ranks.get(name.as_str()) else { panic!("{}: {line}", inside.display()) };
                let fine = name == module || rank < own;
                assert!(fine, "{}: `{module}` must not import `{name}`: {line}", inside.display());
            }
        }
    }
}

#[test]
fn crates_depend_leftward_only() {
    let allowed: BTreeMap<_, _> = CRATES.iter().copied().collect();
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(crates).unwrap() {
        let folder = entry.unwrap().path();
        let Ok(manifest) = fs::read_to_string(folder.join("Cargo.toml")) else { continue };
        seen += 1;
        let name = folder.file_name().unwrap().to_str().unwrap();
        let allowed =
            allowed.get(name).unwrap_or_else(|| panic!("the crate `{name}` has no place: give it one"));
        let mut section = "";
        for line in manifest.lines() {
            if line.starts_with('[') {
                section = line;
            }
            let key = line.split(['.', '=', ' ']).next().unwrap_or_default();
            if section == "[dependencies]" && key.starts_with("lightcrest") {
                assert!(allowed.contains(&key), "`{name}` must not depend on `{key}`");
            }
        }
    }
    assert!(seen >= 4);
}
