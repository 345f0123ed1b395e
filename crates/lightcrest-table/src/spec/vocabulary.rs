//! The words of a spec of a table.

use lightcrest_spec::document::SectionName;
use lightcrest_spec::vocabulary::{
    BUDGET, Key, Kind, MEMORY, POSITIVE, POSITIVE_FRACTION, STUDY, Section, WORKERS, int, int_in,
};

use crate::metric::Metric;

/// `[table]`.
pub(super) const TABLE: Section = Section {
    name: "table",
    doc: "The table, what is predicted, and how models are judged.",
    keys: &[
        Key::required(
            "path",
            Kind::Text,
            "the file: delimited text, also packed by gzip or Zstandard; Parquet, Arrow, or a workbook",
        ),
        Key::required("target", Kind::Text, "name of the column to predict"),
        Key::optional(
            "task",
            Kind::Word(&["classification", "regression"]),
            "default: what the target's values tell",
        ),
        Key::optional(
            "metric",
            Kind::Word(&Metric::NAMES),
            "what models are judged by; default log_loss or rmse",
        ),
        Key::optional("group", Kind::Text, "a column: rows with the same value stay in one part"),
        Key::optional("time", Kind::Text, "a column: the past is learnt from, the future judged"),
        Key::optional("max_bytes", int(1), "a model's file has at most so many bytes"),
        Key::optional("max_latency_us", POSITIVE, "one row takes at most so many microseconds"),
        Key::optional("folds", int_in(2, 20), "folds; default 5"),
        Key::optional(
            "share_read",
            POSITIVE_FRACTION,
            "read about this share of the rows; default: all, if time allows",
        ),
        Key::optional(
            "share",
            POSITIVE_FRACTION,
            "use about this share of the rows that are read; default: all, if time allows",
        ),
        Key::optional(
            "work",
            POSITIVE,
            "one trial costs at most about so many rounds of eight leaves; default: 0.3 of the time",
        ),
        Key::optional(
            "folds_used",
            int_in(1, 20),
            "judge by so many of the folds only; default: all, if time allows or `folds` is said",
        ),
        Key::optional("separator", Kind::Text, "one character or `tab`; default: found out"),
        Key::optional("encoding", Kind::Text, "such as windows-1252; default: found out"),
        Key::optional("sheet", Kind::Text, "that of a workbook; default: the first one with cells"),
        Key::optional(
            "decimal",
            Kind::Word(&["point", "comma"]),
            "what begins the decimals; default: found out",
        ),
        Key::optional(
            "date_order",
            Kind::Word(&["day_first", "month_first"]),
            "of dates such as 03/04/2024; default: what a value proves",
        ),
        Key::optional(
            "no_header",
            Kind::Bool,
            "the first line is a row; columns are column_1, column_2, ...",
        ),
        Key::optional("ignore_text", Kind::Bool, "leaves columns of text out"),
        Key::optional("drop_missing_target", Kind::Bool, "most rows may have no target: they are left out"),
    ],
};

/// What `missing` is.
pub(super) const MISSING: &str = "a list of fields that are missing values, besides the usual ones";

/// What `ignore` is.
pub(super) const IGNORE: &str = "a list of columns that are left out";

/// The tables of the file.
pub(super) const SECTIONS: &[SectionName] = &[
    (STUDY.name, Some(STUDY.doc)),
    (TABLE.name, Some(TABLE.doc)),
    ("model", None),
    (BUDGET.name, None),
    ("sampler", None),
    ("pruner", None),
    ("terminator", None),
    (WORKERS.name, None),
    (MEMORY.name, None),
];

/// What `members` of `[model]` is.
pub(super) const MEMBERS: &str =
    "the models of an ensemble, each with its parameters, the seed of its training, and how many picks it is";

/// What `[model]` is.
pub(super) const MODEL: &str = "one configuration, by the full names of its parameters, and the seed of its training: that model is made again";
