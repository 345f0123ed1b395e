//! The training: what a trial does with its network. Every key may be searched.

use lightcrest_spec::vocabulary::{
    BELOW_ONE, FRACTION, Key, Kind, NON_NEGATIVE, OPEN_FRACTION, POSITIVE, POSITIVE_FRACTION, Section, int,
    int_in,
};

pub(crate) const TRAINING: Section = Section {
    name: "training",
    doc: "How a network is trained.",
    keys: &[
        Key::required("epochs", int(1), "passes over the training images").searchable(),
        Key::optional("batch_size", int(1), "images a step; default 64").searchable(),
        Key::required("learning_rate", POSITIVE, "peak learning rate").searchable(),
        Key::optional("weight_decay", NON_NEGATIVE, "shrinks weights, not biases or batch normalisation; default 5e-4")
            .searchable(),
        Key::optional("clip_norm", POSITIVE, "largest norm of the whole gradient; default unlimited").searchable(),
        Key::optional(
            "ema_decay",
            BELOW_ONE,
            "decay of a moving average of the weights, which is then what is validated and kept; default none",
        )
        .searchable(),
        Key::optional(
            "early_stopping",
            int(1),
            "stop after so many epochs without a better validation accuracy; default never",
        )
        .searchable(),
        Key::optional("seed", int(0), "seed of weights, order and augmentation; default chosen by trial"),
        Key::optional("images", Kind::Word(&["train", "train+validation"]), "images to train on; default train"),
    ],
};

const WARMUP: Key =
    Key::optional("warmup_epochs", NON_NEGATIVE, "epochs over which the rate first rises; default 0")
        .searchable();
const FACTOR: Key =
    Key::optional("factor", POSITIVE_FRACTION, "what the rate is multiplied by; default 0.1").searchable();

const BETA1: Key =
    Key::optional("beta1", BELOW_ONE, "decay of the mean of gradients; default 0.9").searchable();
const BETA2: Key =
    Key::optional("beta2", BELOW_ONE, "decay of the mean of squares; default 0.999").searchable();
const EPSILON: Key =
    Key::optional("epsilon", POSITIVE, "added to the root of squares; default 1e-8").searchable();

pub(crate) const OPTIMIZERS: &[Section] = &[
    Section {
        name: "sgd",
        doc: "Stochastic gradient descent with momentum (the default, with nesterov = true).",
        keys: &[
            Key::optional("momentum", BELOW_ONE, "share of the last step kept; default 0.9").searchable(),
            Key::optional("nesterov", Kind::Bool, "look ahead along the momentum; default false")
                .searchable(),
        ],
    },
    Section {
        name: "adam",
        doc: "Adam; the weight decay is added to the gradient.",
        keys: &[BETA1, BETA2, EPSILON],
    },
    Section { name: "adamw", doc: "Adam with decoupled weight decay.", keys: &[BETA1, BETA2, EPSILON] },
];

pub(crate) const SCHEDULES: &[Section] = &[
    Section { name: "constant", doc: "The same rate throughout.", keys: &[WARMUP] },
    Section {
        name: "step",
        doc: "The rate is multiplied by `factor` every `every_epochs` epochs.",
        keys: &[
            Key::required("every_epochs", POSITIVE, "epochs between two changes").searchable(),
            FACTOR,
            WARMUP,
        ],
    },
    Section {
        name: "cosine",
        doc: "Half a cosine from the peak to `final_factor` of it (the default).",
        keys: &[
            Key::optional("final_factor", FRACTION, "last rate over the peak; default 0").searchable(),
            WARMUP,
        ],
    },
    Section {
        name: "one_cycle",
        doc: "Up to the peak, then down to nearly nothing (Smith and Topin 2019).",
        keys: &[
            Key::optional("rise", OPEN_FRACTION, "share of the steps that rise; default 0.3").searchable()
        ],
    },
    Section {
        name: "plateau",
        doc: "The rate is multiplied by `factor` when the validation loss no longer falls.",
        keys: &[
            Key::optional("patience", int(0), "epochs without a fall that are borne; default 10")
                .searchable(),
            FACTOR,
            WARMUP,
        ],
    },
];

pub(crate) const LOSSES: &[Section] = &[
    Section {
        name: "cross_entropy",
        doc: "Cross-entropy (the default).",
        keys: &[Key::optional("label_smoothing", BELOW_ONE, "share spread over all classes; default 0")
            .searchable()],
    },
    Section {
        name: "focal",
        doc: "Focal loss (Lin et al. 2017).",
        keys: &[Key::optional("gamma", NON_NEGATIVE, "focus on hard images; default 2").searchable()],
    },
];

const LEVEL: Key = Key::optional(
    "level",
    int_in(0, 6),
    "strength of everything not set here: flip from 1 on, shift by level/48 of the side, cutout of level/24 of the side \
     from 3 on, mixup 0.2 from 5 on; default 0",
);
const FLIP: Key = Key::optional("flip", Kind::Bool, "mirror half of the images left to right; default false");
const SHIFT: Key = Key::optional("shift", int(0), "move by at most so many pixels; default 0");
const CUTOUT: Key = Key::optional("cutout", int(0), "side of a square that is blanked; default 0");
const MIXUP: Key = Key::optional("mixup", NON_NEGATIVE, "alpha of mixup; default 0");

pub(crate) const AUGMENTATION: Section = Section {
    name: "augmentation",
    doc: "How training images are varied.",
    keys: &[
        LEVEL.searchable(),
        FLIP.searchable(),
        SHIFT.searchable(),
        CUTOUT.searchable(),
        MIXUP.searchable(),
    ],
};

pub(crate) const REFIT_AUGMENTATION: Section = Section {
    name: "augmentation",
    doc: "How the images of the refit are varied, where that differs from the trials: a longer training bears more.",
    keys: &[LEVEL, FLIP, SHIFT, CUTOUT, MIXUP],
};
