//! How to search: samplers, pruners and terminators. Of each, `name` chooses one and the other keys are its
//! own, those of the engine's configuration of it.

use super::{FRACTION, Interval, Key, Kind, NON_NEGATIVE, NUMBER, POSITIVE, Section, int};

/// Generations of NSGA-II and NSGA-III.
macro_rules! generations {
    ($($more:expr)?) => {
        &[
            Key::optional("population_size", int(3), "trials in a generation; default 50"),
            Key::optional("mutation_prob", FRACTION, "chance that a parameter mutates; default one over their number"),
            Key::optional(
                "crossover",
                Kind::Word(&["uniform", "sbx", "blx_alpha", "spx", "vsbx", "undx"]),
                "how numbers of parents are combined; default uniform",
            ),
            Key::optional("crossover_prob", FRACTION, "chance that a child has several parents; default 0.9"),
            Key::optional(
                "swapping_prob",
                FRACTION,
                "chance that a parameter is from the first parent, in uniform crossover and for choices; default 0.5",
            ),
            $($more)?
        ]
    };
}

/// The samplers.
pub const SAMPLERS: &[Section] = &[
    Section {
        name: "auto",
        doc: "What does best on the benchmark for the space and the objectives (the default).",
        keys: &[],
    },
    Section { name: "random", doc: "Independent draws from the space.", keys: &[] },
    Section {
        name: "gp",
        doc: "Gaussian process with an acquisition function.",
        keys: &[
            Key::optional(
                "acquisition",
                Kind::Word(&["auto", "ucb", "gp_ucb", "log_ei", "log_ei_per_second", "log_pi", "thompson"]),
                "what is maximised: ucb, gp_ucb (its kappa grows), log_ei (of the hypervolume with two to four objectives), \
                 log_ei_per_second (of training), log_pi or thompson; default auto: log_ei with one objective, ucb with several",
            ),
            Key::optional(
                "kappa",
                NON_NEGATIVE,
                "weight of the uncertainty in ucb; default 2, or 0.5 with several objectives",
            ),
            Key::optional("startup_trials", int(1), "random trials before the first model; default 10"),
            Key::optional(
                "candidates",
                int(1),
                "configurations scored before the local search; default 400, or 1500 with one objective where nothing is continuous",
            ),
            Key::optional(
                "max_trials",
                int(10),
                "trials that inform the model at most; default 300 with one objective, 1000 with several",
            ),
            Key::optional(
                "warp",
                Kind::Bool,
                "bend columns to make the function look stationary; default false",
            ),
            Key::optional(
                "draws",
                Kind::Bool,
                "draw the model's hyperparameters for every third proposal, where that helps; default true",
            ),
            Key::optional(
                "reports",
                Kind::Word(&["auto", "rank", "extrapolate"]),
                "what stopped trials tell: a value by rank, or the final value that is to be expected; default auto: \
                 extrapolate with one objective, rank with several",
            ),
        ],
    },
    Section {
        name: "tpe",
        doc: "Tree-structured Parzen estimators: good and bad trials as densities.",
        keys: &[
            Key::optional("startup_trials", int(0), "random trials at first; default 10"),
            Key::optional("candidates", int(1), "configurations that a proposal is chosen from; default 24"),
            Key::optional("multivariate", Kind::Bool, "model parameters jointly; default with one objective"),
            Key::optional(
                "group",
                Kind::Bool,
                "model jointly what only some trials have, too; default false",
            ),
        ],
    },
    Section {
        name: "cmaes",
        doc: "Covariance matrix adaptation, for numbers; one objective.",
        keys: &[
            Key::optional("startup_trials", int(0), "random trials at first; default 1"),
            Key::optional("sigma0", POSITIVE, "deviation at first, in parts of the ranges; default 1/6"),
            Key::optional("population_size", int(4), "trials in a generation; default 4 + 3 ln d"),
            Key::optional("restart", Kind::Bool, "begin anew elsewhere when it has converged; default false"),
        ],
    },
    Section {
        name: "nsga2",
        doc: "Genetic search that spreads over the front by crowding.",
        keys: generations!(),
    },
    Section {
        name: "nsga3",
        doc: "Genetic search that spreads over the front by reference points; for three objectives and more.",
        keys: generations!(Key::optional(
            "dividing_parameter",
            int(1),
            "parts that each axis is divided into by the reference points; default 3",
        )),
    },
    Section {
        name: "evolution",
        doc: "Regularised evolution: the best of a few gets a child, the oldest dies.",
        keys: &[
            Key::optional("population_size", int(1), "trials that live; default 25"),
            Key::optional("sample_size", int(1), "trials that compete for having a child; default 8"),
        ],
    },
    Section {
        name: "qmc",
        doc: "Quasi-random points that fill the space evenly.",
        keys: &[
            Key::optional("qmc_type", Kind::Word(&["sobol", "halton"]), "the sequence; default sobol"),
            Key::optional(
                "scramble",
                Kind::Bool,
                "whether each seed has a sequence of its own; default false",
            ),
        ],
    },
];

/// The pruners; `$step` is what is counted, `$least` the key of the least count.
macro_rules! pruners {
    ($step:literal, $least:literal, $most:literal) => {
        &[
            Section { name: "none", doc: "Every trial runs to its end (the default).", keys: &[] },
            Section {
                name: "halving",
                doc: "Successive halving: at each rung only the best share of the trials goes on.",
                keys: &[
                    Key::optional(
                        "reduction_factor",
                        int(2),
                        "one trial of so many passes a rung; default 3",
                    ),
                    Key::optional($least, int(1), concat!($step, " of the first rung; default 1")),
                ],
            },
            Section {
                name: "hyperband",
                doc: "Brackets of successive halving that begin at different rungs.",
                keys: &[
                    Key::optional(
                        "reduction_factor",
                        int(2),
                        "one trial of so many passes a rung; default 3",
                    ),
                    Key::optional(
                        $least,
                        int(1),
                        concat!($step, " of the first rung of the first bracket; default 1"),
                    ),
                    Key::optional(
                        $most,
                        int(1),
                        concat!($step, " at which trials end; default as the complete ones show"),
                    ),
                ],
            },
            Section {
                name: "median",
                doc: concat!(
                    "Stops a trial that is worse than the median of the trials before it at the same ",
                    $step,
                    "."
                ),
                keys: &[
                    Key::optional("startup_trials", int(0), "trials that always run to their end; default 5"),
                    Key::optional($least, int(0), concat!($step, "s that every trial runs; default 1")),
                ],
            },
            Section {
                name: "percentile",
                doc: concat!("As median, for any share of the trials at the same ", $step, "."),
                keys: &[
                    Key::required("percentile", PERCENTAGE, "about so many percent of the trials go on"),
                    Key::optional("startup_trials", int(0), "trials that always run to their end; default 5"),
                    Key::optional($least, int(0), concat!($step, "s that every trial runs; default 1")),
                ],
            },
            Section {
                name: "threshold",
                doc: "Stops a trial that reports a value out of bounds.",
                keys: &[
                    Key::optional("lower", NUMBER, "the least value that goes on; default any"),
                    Key::optional("upper", NUMBER, "the largest value that goes on; default any"),
                    Key::optional($least, int(0), concat!($step, "s that every trial runs; default 1")),
                ],
            },
        ]
    };
}

const PERCENTAGE: Kind = Kind::Float(Interval { low: 0.0, low_open: false, high: 100.0, high_open: false });

/// The pruners of what counts epochs.
pub const EPOCH_PRUNERS: &[Section] = pruners!("epoch", "min_epochs", "max_epochs");

/// The pruners of what counts steps of its own.
pub const STEP_PRUNERS: &[Section] = pruners!("step", "min_steps", "max_steps");

/// What ends a study before its budget is spent.
pub const TERMINATORS: &[Section] = &[
    Section { name: "none", doc: "Nothing but the budget (the default).", keys: &[] },
    Section {
        name: "stagnation",
        doc: "Ends when so many trials in a row brought no better value; with several objectives, nothing for the front.",
        keys: &[
            Key::required("patience", int(1), "trials that may pass without news"),
            Key::optional(
                "least_gain",
                NON_NEGATIVE,
                "with one objective: by how much a value must be better to be news; default 0",
            ),
        ],
    },
    Section {
        name: "regret_bound",
        doc: "Ends when the optimum is better than the best trial by no more than a tolerance, with high probability; one \
              objective.",
        keys: &[
            Key::optional(
                "tolerance",
                NON_NEGATIVE,
                "regret that does not matter; default the noise that is found",
            ),
            Key::optional("least_trials", int(2), "complete trials before a verdict; default 20"),
        ],
    },
];
