//! The architecture: stages of modules, and the head. Every key may be searched.

use lightcrest_spec::vocabulary::{BELOW_ONE, Key, Kind, POSITIVE, Section, int, int_in};

pub(crate) const ARCHITECTURE: Section = Section {
    name: "architecture",
    doc: "The network: stages of modules, then a head that classifies.",
    keys: &[
        Key::optional(
            "width_multiple",
            POSITIVE,
            "multiplies every out_channels, rounded to multiples of 8; default 1",
        )
        .searchable(),
        Key::optional("depth_multiple", POSITIVE, "multiplies every repeat above 1; default 1").searchable(),
        Key::optional(
            "image_size",
            int_in(1, 1 << 14),
            "resize the images to squares of this side; default the size of the data",
        )
        .searchable(),
    ],
};

pub(crate) const STAGE: Section = Section {
    name: "stages",
    doc: "One stage: a module, repeated. A module's key written at the stage holds for every module that has it.",
    keys: &[
        Key::required("name", Kind::Text, "name of the stage, unique; parameters are called NAME.KEY"),
        Key::optional("repeat", int(1), "how many times the module is repeated; default 1").searchable(),
        Key::optional("stride", int_in(1, 4), "divides the image's side once in the stage; default 1")
            .searchable(),
    ],
};

pub(crate) const HEAD: Section = Section {
    name: "head",
    doc: "What follows the stages: a 1x1 convolution if `channels` is given, pooling, dropout and the classifier.",
    keys: &[
        Key::optional("channels", int(0), "output of a 1x1 convolution before the pooling; default 0: none")
            .searchable(),
        Key::optional("activation", ACTIVATION, "after that convolution; default ReLU").searchable(),
        Key::optional(
            "pool",
            Kind::Word(&["average", "flatten"]),
            "average over all positions, or flatten them; default average",
        )
        .searchable(),
        Key::optional("dropout", BELOW_ONE, "probability before the classifier; default 0").searchable(),
    ],
};

const ACTIVATION: Kind =
    Kind::Word(&["ReLU", "ReLU6", "Hardswish", "Swish", "Hardsigmoid", "Sigmoid", "None"]);

const OUT: Key = Key::required("out_channels", int(1), "channels written").searchable();
const KERNEL: Key = Key::required("kernel", int_in(1, 31), "side of the square kernel").searchable();
const KERNEL_3: Key =
    Key::optional("kernel", int_in(1, 31), "side of the square kernel; default 3").searchable();
const ACT: Key = Key::optional("activation", ACTIVATION, "non-linearity; default ReLU").searchable();
const GROUPS: Key = Key::optional("groups", int(1), "groups of the convolution; default 1").searchable();
const PADDING: Key = Key::optional("padding", int(0), "zeros on each side; default kernel / 2").searchable();
const EXPANSION: Key =
    Key::required("expansion", POSITIVE, "inner channels over the channels that arrive").searchable();
const SQUEEZE_EXCITE: Key =
    Key::optional("squeeze_excite", Kind::Bool, "whether squeeze-excite follows; default false").searchable();

/// The modules of a stage; the names are kindle's.
pub(crate) const MODULES: &[Section] = &[
    Section {
        name: "Conv",
        doc: "Convolution, batch normalisation, activation.",
        keys: &[OUT, KERNEL, PADDING, GROUPS, ACT],
    },
    Section {
        name: "DWConv",
        doc: "The same in as many groups as divide both channel counts.",
        keys: &[OUT, KERNEL, PADDING, ACT],
    },
    Section {
        name: "SeparableConv",
        doc: "Depthwise, then 1x1 convolution (MobileNet).",
        keys: &[OUT, KERNEL_3, ACT],
    },
    Section {
        name: "Bottleneck",
        doc: "1x1, then 3x3 convolution with a shortcut. Has no stride.",
        keys: &[
            OUT,
            Key::optional("shortcut", Kind::Bool, "add the input when shapes agree; default true")
                .searchable(),
            GROUPS,
            Key::optional("expansion", POSITIVE, "inner channels over out_channels; default 0.5")
                .searchable(),
            ACT,
        ],
    },
    Section { name: "BasicBlock", doc: "Two 3x3 convolutions with a shortcut (ResNet).", keys: &[OUT, ACT] },
    Section {
        name: "InvertedResidualv2",
        doc: "Expand, depthwise, project (MobileNetV2).",
        keys: &[OUT, EXPANSION],
    },
    Section {
        name: "InvertedResidualv3",
        doc: "The same with squeeze-excite and h-swish by choice (MobileNetV3).",
        keys: &[
            KERNEL,
            EXPANSION,
            OUT,
            Key::required(
                "squeeze_excite",
                Kind::Bool,
                "whether squeeze-excite follows the depthwise convolution",
            )
            .searchable(),
            Key::required("hard_swish", Kind::Bool, "h-swish if true, ReLU otherwise").searchable(),
        ],
    },
    Section {
        name: "ECAInvertedResidual",
        doc: "Inverted residual with efficient channel attention.",
        keys: &[
            OUT,
            EXPANSION,
            KERNEL_3,
            Key::optional(
                "channel_kernel",
                int_in(1, 31),
                "odd kernel across channels; default from their number",
            )
            .searchable(),
        ],
    },
    Section {
        name: "MBConv",
        doc: "Inverted residual with squeeze-excite and Swish (EfficientNet).",
        keys: &[EXPANSION, OUT, KERNEL_3],
    },
    Section {
        name: "FusedMBConv",
        doc: "MBConv whose expansion is the full convolution (EfficientNetV2).",
        keys: &[EXPANSION, OUT, KERNEL_3],
    },
    Section {
        name: "Fire",
        doc: "1x1 squeeze, then 1x1 and 3x3 side by side (SqueezeNet). Has no stride.",
        keys: &[
            Key::required("squeeze", int(1), "channels of the squeeze").searchable(),
            Key::required("expand1x1", int(1), "channels of the 1x1 half").searchable(),
            Key::required("expand3x3", int(1), "channels of the 3x3 half").searchable(),
        ],
    },
    Section {
        name: "GhostBottleneck",
        doc: "Half of the channels from cheap depthwise convolutions (GhostNet).",
        keys: &[KERNEL, EXPANSION, OUT, SQUEEZE_EXCITE],
    },
    Section { name: "ShuffleNetV2", doc: "Channel split and shuffle; out_channels even.", keys: &[OUT] },
    Section {
        name: "MaxPool",
        doc: "Maximum over windows; the stride is the kernel by default.",
        keys: &[KERNEL, POOL_PADDING],
    },
    Section {
        name: "AvgPool",
        doc: "Average over windows; the stride is the kernel by default.",
        keys: &[KERNEL, POOL_PADDING],
    },
    Section { name: "GlobalAvgPool", doc: "Average over all positions.", keys: &[] },
    Section { name: "Flatten", doc: "A map to a vector.", keys: &[] },
    Section {
        name: "Linear",
        doc: "Fully connected layer.",
        keys: &[
            Key::required("out_features", int(1), "features written").searchable(),
            Key::optional("activation", ACTIVATION, "non-linearity; default None").searchable(),
            Key::optional("bias", Kind::Bool, "whether a bias is added; default true").searchable(),
        ],
    },
    Section {
        name: "Dropout",
        doc: "Zeroes values in training.",
        keys: &[Key::required("p", BELOW_ONE, "probability").searchable()],
    },
    Section { name: "Pass", doc: "Nothing: the stage is left out.", keys: &[] },
];

const POOL_PADDING: Key = Key::optional("padding", int(0), "padding on each side; default 0").searchable();

/// Whether the stage's `repeat` means something to the module.
pub(crate) fn repeats(module: &str) -> bool {
    !matches!(module, "Pass" | "Dropout" | "MaxPool" | "AvgPool" | "GlobalAvgPool" | "Flatten")
}

/// Whether the stage's `stride` means something to the module.
pub(crate) fn strides(module: &str) -> bool {
    !matches!(module, "Pass" | "Dropout" | "Bottleneck" | "Fire" | "GlobalAvgPool" | "Flatten" | "Linear")
}
