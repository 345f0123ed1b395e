//! Sections of a spec that tunes a command.

use crate::vocabulary::{Key, Kind, NUMBER, Section};

pub(super) const OBJECTIVE: Section = Section {
    name: "objectives",
    doc: "A metric that the command writes, to minimise or maximise.",
    keys: &[
        Key::required("metric", Kind::Text, "a key of the command's JSON lines"),
        Key::required("direction", Kind::Word(&["minimize", "maximize"]), "which way is better"),
    ],
};

pub(super) const CONSTRAINT: Section = Section {
    name: "constraints",
    doc: "A bound that a metric of the command must keep.",
    keys: &[
        Key::required("metric", Kind::Text, "a key of the command's JSON lines"),
        Key::optional("max", NUMBER, "largest value allowed"),
        Key::optional("min", NUMBER, "smallest value allowed"),
    ],
};

pub(super) const COMMAND: Section = Section {
    name: "command",
    doc: "The program that evaluates a configuration.",
    keys: &[
        Key::optional("directory", Kind::Text, "where it runs; default the folder of the spec"),
        Key::optional(
            "metrics",
            Kind::Word(&["both", "stdout", "file"]),
            "where its JSON lines are read: stdout, the file that LIGHTCREST_METRICS names, or both (the default)",
        ),
    ],
};

pub(super) const LIMITS: Section = Section {
    name: "limits",
    doc: "What a trial may use; one that needs more is stopped and has failed.",
    keys: &[
        Key::optional("time", Kind::Duration, "time of a trial; default no limit"),
        Key::optional(
            "memory",
            Kind::Bytes,
            "resident memory of all processes of a trial together; default no limit; Linux only",
        ),
        Key::optional(
            "grace",
            Kind::Duration,
            "time between SIGTERM and SIGKILL when a trial is stopped; default 5s",
        ),
    ],
};
