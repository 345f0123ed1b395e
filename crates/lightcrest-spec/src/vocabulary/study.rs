//! Sections that every spec has: the study, and how long and how widely it searches.

use super::{Key, Kind, Section, int, int_in};

/// `[study]`.
pub const STUDY: Section = Section {
    name: "study",
    doc: "What the study is called and where its randomness begins.",
    keys: &[
        Key::required("name", Kind::Text, "name of the study; its folder is runs/NAME"),
        Key::optional("seed", int(0), "seed of everything random; default 0"),
        Key::optional(
            "storage",
            Kind::Text,
            "where the study lives, a path or URL of a database; default study.db in its folder",
        ),
    ],
};

/// `[budget]`.
pub const BUDGET: Section = Section {
    name: "budget",
    doc: "When the search ends: at the first of the two limits. May change when a study goes on.",
    keys: &[
        Key::optional("trials", int(1), "trials in all; default 100 when no time is given"),
        Key::optional("time", Kind::Duration, "time in all, the refit included"),
    ],
};

/// `[workers]`.
pub const WORKERS: Section = Section {
    name: "workers",
    doc: "How many trials run at the same time, one thread each. May change when a study goes on.",
    keys: &[Key::optional("count", int_in(1, 1024), "default: the number of cores")],
};

/// `[memory]`.
pub const MEMORY: Section = Section {
    name: "memory",
    doc: "Earlier runs that a new study learns from. One that goes on has what it was made with.",
    keys: &[],
};

/// What its `learn_from` is.
pub const LEARN_FROM: &str =
    "a list of folders of runs, or of databases as URL#STUDY; relative paths begin at the folder of the spec";
