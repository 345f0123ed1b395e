//! The words of a spec that compresses a network, beside those of every spec and of light networks.

use lightcrest_spec::vocabulary::{
    BELOW_ONE, FRACTION, Interval, Key, Kind, NON_NEGATIVE, POSITIVE, POSITIVE_FRACTION, Section, int, int_in,
};

use crate::spec::vocabulary::{
    CHANNELS, CONSTANTS, DATA_PATH, DATA_SEED, DIRECTION, IMAGE_SIZE, MAX, MIN, Measured, SCORE, SCORE_NAME,
    TEST_FRACTION, TRAIN_IMAGES, VALIDATION_FRACTION, VALIDATION_IMAGES,
};

pub(crate) const MODEL: Section = Section {
    name: "model",
    doc: "The network that is to become lighter.",
    keys: &[Key::required("path", Kind::Text, "an ONNX file, relative to the spec's own folder")],
};

pub(crate) const PREPROCESSING: Section = Section {
    name: "preprocessing",
    doc: "What the network expects of an image; read from the file where Lightcrest wrote it.",
    keys: &[
        Key::optional(
            "scale",
            POSITIVE,
            "what a pixel from 0 to 255 is multiplied by first; default 1/255, so that `mean` and `std` are of values \
             from 0 to 1",
        ),
        Key::optional(
            "layout",
            Kind::Word(&["nchw", "nhwc"]),
            "order of the axes of the input; default as its sizes tell, nchw where they do not",
        ),
        Key::optional("order", Kind::Word(&["rgb", "bgr"]), "order of the colours; default rgb"),
    ],
};

/// What `mean` is.
pub(crate) const MEAN: &str =
    "what is subtracted from a scaled pixel, a number or a list of one for each channel; default 0";
/// What `std` is.
pub(crate) const STD: &str =
    "what it is divided by then, a number or a list of one for each channel; default 1";
/// What `size` is.
pub(crate) const SIZE: &str =
    "height and width of the input, a whole number or a list of two; default as the file says";

pub(crate) const DATA: Section = Section {
    name: "data",
    doc: "The images: those that the network classifies, or images without labels.",
    keys: &[
        Key::required(
            "source",
            Kind::Word(&[
                "digits",
                "mnist",
                "fashion_mnist",
                "idx",
                "cifar10",
                "cifar100",
                "folder",
                "images",
            ]),
            "digits (bundled, 8x8), mnist, fashion_mnist or idx (IDX files, gzipped or not), cifar10 and cifar100 \
             (binary files), a folder with one sub-folder a class, or images: a folder without labels, where the classes \
             of the original network are what counts",
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

/// The same metrics, without those of architectures.
const METRICS: &[&str] = &[
    "validation_accuracy",
    "agreement",
    "macro_f1",
    "loss",
    "macs",
    "parameters",
    "model_bytes",
    "latency_ms",
];

pub(crate) const OBJECTIVE: Section = Section {
    name: "objectives",
    doc: "A number to minimise or maximise: a metric, or a score computed from metrics.",
    keys: &[
        Key::optional("metric", Kind::Word(METRICS), "the metric"),
        SCORE_NAME,
        SCORE,
        CONSTANTS,
        Key::optional(
            "direction",
            DIRECTION,
            "default: maximize accuracy, agreement and F1, minimize everything else",
        ),
    ],
};

pub(crate) const CONSTRAINT: Section = Section {
    name: "constraints",
    doc: "A bound that a model must keep.",
    keys: &[
        Key::required(
            "metric",
            Kind::Word(&[
                "validation_accuracy",
                "accuracy_drop",
                "agreement",
                "macro_f1",
                "loss",
                "macs",
                "parameters",
                "model_bytes",
                "latency_ms",
            ]),
            "the metric",
        ),
        MAX,
        MIN,
        Key::optional(
            "before",
            Kind::Bool,
            "check it before any training; always so for macs, parameters and model_bytes; latency_ms is measured then \
             as well; default false",
        ),
    ],
};

/// Of networks that are compressed.
pub(crate) const MEASURED: Measured =
    Measured { objective: &OBJECTIVE, constraint: &CONSTRAINT, metrics: METRICS };

/// The methods, in the order in which a section lists them.
pub(crate) const METHODS: &[&str] = &["prune", "svd", "tucker", "cp", "spatial"];
/// Everything that `methods` may name.
pub(crate) const ALL_METHODS: &[&str] = &["prune", "svd", "tucker", "cp", "spatial", "int8"];
const CHOSEN: &[&str] = &["keep", "prune", "svd", "tucker", "cp", "spatial"];

pub(crate) const COMPRESS: Section = Section {
    name: "compress",
    doc: "Which methods are tried, and where.",
    keys: &[
        Key::optional(
            "groups",
            int_in(1, 64),
            "at most so many sections of layers, each with a method and a strength of its own; default 8",
        ),
        Key::optional(
            "importance",
            Kind::Word(&["l1", "l2", "fpgm", "bn"]),
            "how channels are ranked; default l2",
        ),
        Key::optional(
            "round_to",
            int_in(1, 64),
            "channels that are kept come in multiples of this; default 1",
        ),
        Key::optional(
            "repair",
            Kind::Bool,
            "whether least squares on training images repair what follows a change; default true",
        ),
    ],
};

/// What `methods` is.
pub(crate) const METHODS_DOC: &str = "what is tried, a list of prune (channels), svd, tucker, cp and spatial (low rank), and int8 (8-bit integers); \
     default all of them, int8 only where model_bytes or latency_ms counts";
/// What `keep` is.
pub(crate) const KEEP: &str = "names of layers that stay as they are, a list";

/// A number in [0.02, 0.98], which a ratio is searched in.
const RATIO: Kind = Kind::Float(Interval { low: 0.0, low_open: false, high: 1.0, high_open: true });

pub(crate) const SECTION: Section = Section {
    name: "sections",
    doc: "What becomes of the layers of a section; `lightcrest check` lists the sections. Whatever is not written is \
          searched.",
    keys: &[
        Key::optional(
            "method",
            Kind::Word(CHOSEN),
            "keep, prune (channels) or a low-rank method; default searched over what `methods` allows and its layers admit",
        )
        .searchable(),
        Key::optional(
            "ratio",
            RATIO,
            "under prune: share of the channels that go; default searched from 0.05 to 0.9",
        )
        .searchable(),
        Key::optional(
            "rank",
            POSITIVE_FRACTION,
            "under svd, tucker, cp and spatial: rank over the full rank; default searched from 0.05 to 0.75",
        )
        .searchable(),
        Key::optional(
            "precision",
            Kind::Word(&["fp32", "int8"]),
            "what its layers compute with; int8 is calibrated on training images at the end; default searched where \
             `methods` allows int8, else fp32",
        )
        .searchable(),
    ],
};

pub(crate) const FINETUNE: Section = Section {
    name: "finetune",
    doc: "How a compressed network is trained; without this table it is repaired only.",
    keys: &[
        Key::required("epochs", int(1), "passes over the training images").searchable(),
        Key::optional("batch_size", int(1), "images a step; default 64").searchable(),
        Key::required("learning_rate", POSITIVE, "peak learning rate").searchable(),
        Key::optional("weight_decay", NON_NEGATIVE, "shrinks weights, not biases; default 5e-4").searchable(),
        Key::optional("clip_norm", POSITIVE, "largest norm of the whole gradient; default unlimited")
            .searchable(),
        Key::optional(
            "ema_decay",
            BELOW_ONE,
            "decay of a moving average of the weights, which is then what is validated and kept; default none",
        )
        .searchable(),
        Key::optional(
            "batch_norm",
            Kind::Bool,
            "whether batch normalisation stands behind convolutions while they are trained, where the file has it folded \
             into them, or none; it is folded into them afterwards; default true",
        )
        .searchable(),
        Key::optional("seed", int(0), "seed of order and augmentation; default chosen by trial"),
    ],
};

pub(crate) const DISTILLATION: Section = Section {
    name: "distillation",
    doc: "Learning from the original network as well (Hinton et al. 2015).",
    keys: &[
        Key::optional("temperature", POSITIVE, "softens the outputs of both; default 4").searchable(),
        Key::optional(
            "weight",
            FRACTION,
            "share of the loss that is distance from the original; default 0.7, and 1 without labels",
        )
        .searchable(),
        Key::optional(
            "features",
            NON_NEGATIVE,
            "weight of the distance between maps, relative to the original's, where they get smaller (Romero et al. 2015); \
             default 0",
        )
        .searchable(),
    ],
};

pub(crate) const REFIT: Section = Section {
    name: "refit",
    doc: "After the search the models of the front are made again with a longer fine-tuning, on all training images; \
          each is kept where it is better than that of its trial on the validation images.",
    keys: &[
        Key::required("epochs", int(1), "epochs of that fine-tuning; fewer where the time would not do"),
        Key::optional("time", Kind::Duration, "part of the budget's time kept for it; default what is left"),
        Key::optional(
            "models",
            int(1),
            "at most so many models: the best in the first objective, then those that stand for the rest of the front; \
             default all",
        ),
    ],
};

/// Where a ratio is searched when nothing is said.
pub(crate) const RATIOS: (f64, f64) = (0.05, 0.9);
/// Where a rank is searched when nothing is said.
pub(crate) const RANKS: (f64, f64) = (0.05, 0.75);
