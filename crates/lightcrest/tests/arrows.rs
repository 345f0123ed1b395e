//! Imports point one way, between the crates and inside the engine, as ARCHITECTURE.md says.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

#[path = "arrows/imports.rs"]
mod imports;

use imports::imports;

/// Crates, and which of ours each may import.
const CRATES: &[(&str, &[&str])] = &[
    ("crates/lightcrest-gp", &[]),
    ("crates/lightcrest-graph", &[]),
    ("crates/lightcrest-tree", &[]),
    ("crates/lightcrest", &["lightcrest-gp"]),
    ("crates/lightcrest-spec", &["lightcrest"]),
    ("crates/lightcrest-report", &["lightcrest"]),
    ("crates/lightcrest-model", &["lightcrest", "lightcrest-graph", "lightcrest-spec"]),
    ("crates/lightcrest-table", &["lightcrest", "lightcrest-spec", "lightcrest-tree"]),
    (
        "crates/lightcrest-cli",
        &[
            "lightcrest",
            "lightcrest-graph",
            "lightcrest-model",
            "lightcrest-report",
            "lightcrest-spec",
            "lightcrest-table",
        ],
    ),
    ("crates/lightcrest-python", &["lightcrest", "lightcrest-graph", "lightcrest-table"]),
    ("xtask", &[]),
];

/// The engine's modules, each with a rank: a module imports lower ranks only, never its own rank.
const MODULES: &[(&str, u8)] = &[
    ("space", 0),
    ("pareto", 0),
    ("objective", 1),
    ("memory", 1),
    ("history", 2),
    ("sampler", 3),
    ("pruner", 3),
    ("storage", 3),
    ("importance", 3),
    ("terminator", 4),
    ("trial", 4),
    ("study", 5),
    ("executor", 6),
    ("testing", 7),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().parent().unwrap()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
}

/// The modules of a crate that tests do not have for themselves, with what each imports.
fn modules(krate: &Path) -> Vec<(Vec<String>, BTreeSet<Vec<String>>)> {
    let src = krate.join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    assert!(!files.is_empty(), "{} has no code", src.display());
    let mut tests = BTreeSet::new();
    let mut modules = Vec::new();
    for file in files {
        let path = file.strip_prefix(&src).unwrap().with_extension("");
        let mut module: Vec<String> =
            path.components().map(|part| part.as_os_str().to_str().unwrap().to_owned()).collect();
        if module.last().is_some_and(|last| last == "mod") || matches!(&module[..], [root] if is_root(root)) {
            module.pop();
        }
        let text = fs::read_to_string(&file).unwrap();
        // A module may have another file's name, but in the folder where its own file would be.
        assert!(!text.contains("#[path = \".."), "{}: a module outside of its folder", file.display());
        let found = imports(&text, &module);
        tests.extend(found.test_modules);
        modules.push((module, found.paths));
    }
    modules.retain(|(module, _)| !(1..=module.len()).any(|length| tests.contains(&module[..length])));
    modules
}

fn is_root(name: &str) -> bool {
    matches!(name, "lib" | "main")
}

#[test]
fn modules_import_leftward_only() {
    let ranks: BTreeMap<_, _> = MODULES.iter().copied().collect();
    let modules = modules(&root().join("crates/lightcrest"));
    assert!(modules.len() > 20);
    for (module, imports) in modules {
        let Some(first) = module.first() else { continue }; // the root re-exports
        let own = *ranks.get(first.as_str()).unwrap_or_else(|| panic!("`{first}` has no rank: give it one"));
        for path in imports.iter().filter(|path| path[0] == "crate") {
            let shown = path.join("::");
            let place = module.join("::");
            let name = path.get(1).map_or("", String::as_str);
            let Some(&rank) = ranks.get(name) else {
                panic!("`{place}` imports `{shown}`: name the module that it is from");
            };
            assert!(name == first || rank < own, "`{place}` must not import `{shown}`");
        }
    }
}

/// Names of ours as code writes them.
fn as_code(name: &str) -> String {
    name.replace('-', "_")
}

#[test]
fn code_imports_only_the_crates_that_it_may() {
    let ours: BTreeSet<String> =
        CRATES.iter().map(|(folder, _)| as_code(folder.trim_start_matches("crates/"))).collect();
    for (folder, allowed) in CRATES.iter().filter(|(folder, _)| root().join(folder).exists()) {
        let own = as_code(folder.trim_start_matches("crates/"));
        let allowed: BTreeSet<String> = allowed.iter().map(|name| as_code(name)).collect();
        for (module, imports) in modules(&root().join(folder)) {
            for path in imports.iter().filter(|path| ours.contains(&path[0])) {
                let fine = path[0] == own || allowed.contains(&path[0]);
                assert!(fine, "{folder}: `{}` must not import `{}`", module.join("::"), path.join("::"));
            }
        }
    }
}

#[test]
fn crates_depend_leftward_only() {
    let allowed: BTreeMap<_, _> = CRATES.iter().copied().collect();
    let folders = fs::read_dir(root().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let mut seen = 0;
    for folder in folders.chain([root().join("xtask")]) {
        let Ok(manifest) = fs::read_to_string(folder.join("Cargo.toml")) else { continue };
        seen += 1;
        let place = folder.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
        let allowed =
            allowed.get(&*place).unwrap_or_else(|| panic!("the crate `{place}` has no place: give it one"));
        let manifest: toml::Table = manifest.parse().unwrap();
        for name in dependencies(&manifest) {
            assert!(allowed.contains(&name.as_str()), "`{place}` must not depend on `{name}`");
        }
    }
    assert!(seen >= 4);
}

/// Our crates in every table of dependencies, those for tests and for single targets among them.
fn dependencies(manifest: &toml::Table) -> Vec<String> {
    let mut list = Vec::new();
    for (key, value) in manifest {
        let Some(table) = value.as_table() else { continue };
        if key.ends_with("dependencies") {
            let package = |(key, value): (&String, &toml::Value)| {
                value.get("package").and_then(toml::Value::as_str).unwrap_or(key).to_owned()
            };
            list.extend(table.iter().map(package).filter(|name| name.starts_with("lightcrest")));
        } else if key == "target" {
            table
                .values()
                .filter_map(toml::Value::as_table)
                .for_each(|table| list.extend(dependencies(table)));
        }
    }
    list
}

/// The table of rooms in ARCHITECTURE.md says what is enforced here.
#[test]
fn the_rooms_are_documented() {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    for (folder, allowed) in CRATES.iter().filter(|(folder, _)| root().join(folder).exists()) {
        let row = text.lines().find(|line| line.starts_with(&format!("| [{folder}]({folder}) ")));
        let row = row.unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for {folder}"));
        let cell = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap().trim();
        let written: BTreeSet<&str> = cell.split(", ").collect();
        let expected = if allowed.is_empty() {
            BTreeSet::from(["nothing of ours"])
        } else {
            allowed.iter().copied().collect()
        };
        // A room that is still to come may be missing.
        assert!(
            written.is_subset(&expected),
            "{folder}: ARCHITECTURE.md says {written:?}, the test {expected:?}"
        );
        for name in expected.iter().filter(|name| root().join("crates").join(name).exists()) {
            assert!(written.contains(name), "{folder}: ARCHITECTURE.md does not say {name}");
        }
    }
}

#[test]
fn every_import_is_seen() {
    let code = r##"
        //! use crate::comment::A;
        use std::fmt;
        #[cfg(test)]
        use crate::test_only::{A, B};
        #[cfg(test)]
        mod tests { use crate::test_only::C; }
        #[cfg(test)]
        mod reference;
        use crate::{a::{self, b::C as D}, e::*};
        pub(super) use super::{f, super::g::H};
        /* use crate::comment::A; /* nested */ use crate::comment::B; */
        macro_rules! m { () => { $crate::i::J::new() } }
        fn k<'a>(x: &'a crate::l::M, c: char) -> Vec<crate::n::O> {
            let text = ("crate::string::A", r#"crate::raw::"A"#, b'"', '\'', "\"crate::escaped::A");
            lightcrest_p::q::<crate::r::S>(x) + super::super::t::u() + self::v::w() + ::x::y()
        }
        mod inner { use super::super::z::A; fn b() { super::c() } }
        impl crate::d::E for <F as crate::g::G>::H {}
        fn lazy<'a>(a: &'a A) -> impl Fn() + use<'a> { move || { a.b(); crate::k::L } }
    "##;
    let module = ["one".to_owned(), "two".to_owned()];
    let found = imports(code, &module);
    let paths: BTreeSet<String> = found.paths.iter().map(|path| path.join("::")).collect();
    let expected = [
        "std::fmt",
        "crate::a",
        "crate::a::b::C",
        "crate::e::*",
        "crate::one::f",
        "crate::g::H",
        "crate::i::J::new",
        "crate::l::M",
        "crate::n::O",
        "lightcrest_p::q",
        "crate::r::S",
        "crate::t::u",
        "crate::one::two::v::w",
        "x::y",
        "crate::one::z::A",
        "crate::one::two::c",
        "crate::d::E",
        "crate::g::G",
        "crate::k::L",
    ];
    assert_eq!(paths, expected.map(str::to_owned).into());
    assert_eq!(found.test_modules, [["one", "two", "reference"].map(str::to_owned).to_vec()].into());
}
