//! Sections that are never searched: objectives and constraints, the data, and the refit.

use lightcrest_spec::vocabulary::{Key, Kind, NUMBER, OPEN_FRACTION, Section, int, int_in};

/// Every metric with its meaning, in the order of the metric indices.
pub(crate) const METRICS: &[(&str, &str)] = &[
    ("validation_accuracy", "share of validation images classified correctly, 0 to 1"),
    ("macro_f1", "mean over the classes of F1 on the validation images, 0 to 1"),
    ("loss", "mean cross-entropy on the validation images"),
    ("macs", "multiply-accumulates of one image (FLOPs = 2 MACs)"),
    ("parameters", "trainable numbers"),
    ("model_bytes", "bytes of the weights as float32"),
    ("peak_activation_bytes", "bytes of the activations that live at the same time, at most"),
    ("halvings", "times that the stages halve the image"),
    ("latency_ms", "median time of one image on one thread, measured"),
    ("agreement", "share of validation images whose class is that of the original network, 0 to 1"),
    ("accuracy_drop", "validation accuracy of the original network minus that of the model"),
];

/// Whether the architecture alone decides the metric, so that no training is needed to know it.
pub(crate) fn is_static(metric: usize) -> bool {
    (3..8).contains(&metric)
}

/// Whether more of the metric is better.
pub(crate) fn is_gain(metric: usize) -> bool {
    matches!(metric, 0 | 1 | 9)
}

/// What the objectives and constraints of a kind of spec may be: some of [`METRICS`].
pub(crate) struct Measured {
    /// `[[objectives]]`.
    pub(crate) objective: &'static Section,
    /// `[[constraints]]`.
    pub(crate) constraint: &'static Section,
    /// Metrics that formulas may name.
    pub(crate) metrics: &'static [&'static str],
}

/// Of light networks.
pub(crate) const MEASURED: Measured =
    Measured { objective: &OBJECTIVE, constraint: &CONSTRAINT, metrics: NETWORK_METRICS };

const NETWORK_METRICS: &[&str] = &[
    "validation_accuracy",
    "macro_f1",
    "loss",
    "macs",
    "parameters",
    "model_bytes",
    "peak_activation_bytes",
    "halvings",
    "latency_ms",
];

const METRIC: Kind = Kind::Word(NETWORK_METRICS);

pub(crate) const OBJECTIVE: Section = Section {
    name: "objectives",
    doc: "A number to minimise or maximise: a metric, or a score computed from metrics.",
    keys: &[
        Key::optional("metric", METRIC, "the metric"),
        SCORE_NAME,
        SCORE,
        CONSTANTS,
        Key::optional("direction", DIRECTION, "default: maximize accuracy and F1, minimize everything else"),
    ],
};

pub(crate) const SCORE_NAME: Key = Key::optional("name", Kind::Text, "name of the score");
pub(crate) const SCORE: Key = Key::optional(
    "score",
    Kind::Text,
    "formula over metrics and constants: + - * / ^ ( ) min max exp log sqrt sigmoid abs",
);
pub(crate) const CONSTANTS: Key = Key::optional("constants", Kind::Numbers, "numbers that the formula names");
pub(crate) const DIRECTION: Kind = Kind::Word(&["minimize", "maximize"]);
pub(crate) const MAX: Key = Key::optional("max", NUMBER, "largest value allowed");
pub(crate) const MIN: Key = Key::optional("min", NUMBER, "smallest value allowed");

pub(crate) const CONSTRAINT: Section = Section {
    name: "constraints",
    doc: "A bound that a model must keep.",
    keys: &[
        Key::required("metric", METRIC, "the metric"),
        MAX,
        MIN,
        Key::optional(
            "before",
            Kind::Bool,
            "check it before any training; always so for macs, parameters, model_bytes, peak_activation_bytes and \
             halvings; latency_ms is then measured on random weights; default false",
        ),
    ],
};

/// Index of a metric.
pub(crate) fn metric_index(name: &str) -> Option<usize> {
    METRICS.iter().position(|(metric, _)| *metric == name)
}

pub(crate) const DATA: Section = Section {
    name: "data",
    doc: "The images.",
    keys: &[
        Key::required(
            "source",
            Kind::Word(&["digits", "mnist", "fashion_mnist", "idx", "cifar10", "cifar100", "folder"]),
            "digits (bundled, 8x8), mnist, fashion_mnist or idx (IDX files, gzipped or not), cifar10 and cifar100 \
             (binary files), or a folder with one sub-folder a class, also split into train, val and test",
        ),
        DATA_PATH,
        IMAGE_SIZE,
        CHANNELS,
        VALIDATION_FRACTION,
        TEST_FRACTION,
        TRAIN_IMAGES,
        VALIDATION_IMAGES,
        DATA_SEED,
    ],
};

pub(crate) const DATA_PATH: Key = Key::optional(
    "path",
    Kind::Text,
    "folder of the files, relative to the spec's own; not for digits, optional for fashion_mnist",
);
pub(crate) const IMAGE_SIZE: Key = Key::optional(
    "image_size",
    int_in(1, 1 << 14),
    "resize the images to squares of this side; default as they are",
);
pub(crate) const CHANNELS: Key = Key::optional(
    "channels",
    Kind::Word(&["grey", "rgb"]),
    "channels of an image folder; default grey when every image is",
);
pub(crate) const VALIDATION_FRACTION: Key = Key::optional(
    "validation_fraction",
    OPEN_FRACTION,
    "share of the images that validate, where the data set has no validation split of its own; default 0.1",
);
pub(crate) const TEST_FRACTION: Key = Key::optional(
    "test_fraction",
    OPEN_FRACTION,
    "share of the images that test, where the data set has no test split of its own; default 0.2",
);
pub(crate) const TRAIN_IMAGES: Key =
    Key::optional("train_images", int(1), "train on so many images only, chosen by class");
pub(crate) const VALIDATION_IMAGES: Key =
    Key::optional("validation_images", int(1), "validate on so many images only, chosen by class");
pub(crate) const DATA_SEED: Key = Key::optional("seed", int(0), "seed of the splits; default 0");

pub(crate) const REFIT: Section = Section {
    name: "refit",
    doc: "After the search the models of the front are trained again, longer. Brief trials rank candidates cheaply; \
          the accuracy that counts comes from here.",
    keys: &[
        Key::required("epochs", int(1), "epochs of the second training; fewer where the time would not do"),
        Key::optional(
            "images",
            Kind::Word(&["train", "train+validation"]),
            "train (the default): the training images, all of them whatever data.train_images says; train+validation \
             keeps none back, so that only the test accuracy says how good the model is",
        ),
        Key::optional("time", Kind::Duration, "part of the budget's time kept for it; default what is left"),
        Key::optional(
            "models",
            int(1),
            "train at most so many models: the best in the first objective, then those that stand for the rest of the \
             front; default all",
        ),
    ],
};
