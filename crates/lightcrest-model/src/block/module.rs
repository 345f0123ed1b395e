//! The choice between the modules, and how one is read from its arguments.

use lightcrest_graph::network::{Network, NetworkError, NodeId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    AvgPoolConfig, BasicBlockConfig, Block, BottleneckConfig, ConvConfig, DropoutConfig, DwConvConfig,
    EcaInvertedResidualConfig, FireConfig, FlattenConfig, FusedMbConvConfig, GhostBottleneckConfig,
    GlobalAvgPoolConfig, InvertedResidualV2Config, InvertedResidualV3Config, LinearConfig, MaxPoolConfig,
    MbConvConfig, PassConfig, SeparableConvConfig, ShuffleNetV2Config,
};

/// Why a module cannot be read from its arguments.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ModuleError {
    /// No module has that name.
    #[error("unknown module `{name}`{}", did_you_mean(.nearest))]
    Unknown {
        /// Name that was asked for.
        name: String,
        /// The module whose name is nearest, if any is near.
        nearest: Option<String>,
    },
    /// The module has no argument of that name.
    #[error("{module} has no argument `{argument}`{}; it takes ({known})", did_you_mean(.nearest))]
    UnknownArgument {
        /// Name of the module.
        module: &'static str,
        /// Name that was given.
        argument: String,
        /// The argument whose name is nearest, if any is near.
        nearest: Option<String>,
        /// Its arguments in order.
        known: String,
    },
    /// More arguments than the module has.
    #[error("{module} takes at most {most} arguments ({known}), got {given}")]
    TooMany {
        /// Name of the module.
        module: &'static str,
        /// How many were given.
        given: usize,
        /// How many it has.
        most: usize,
        /// Its arguments in order.
        known: String,
    },
    /// An argument is given by position and by name, or under two names.
    #[error("{module}: `{argument}` is given twice")]
    Twice {
        /// Name of the module.
        module: &'static str,
        /// Name of the argument.
        argument: &'static str,
    },
    /// An argument without a default is missing.
    #[error("{module}: `{argument}` is missing; it takes ({known})")]
    Missing {
        /// Name of the module.
        module: &'static str,
        /// Name of the argument.
        argument: &'static str,
        /// Its arguments in order.
        known: String,
    },
    /// An argument has a value that it cannot have.
    #[error("{module}: `{argument}` = {value}: {reason}")]
    Value {
        /// Name of the module.
        module: &'static str,
        /// Name of the argument.
        argument: &'static str,
        /// The value.
        value: Value,
        /// What is wrong with it.
        reason: String,
    },
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

/// The name of `known` that is most like `name`, if it is like it at all.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lower = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(likeness, _)| *likeness >= 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate.to_string())
}

/// Short forms of argument names.
const SHORT: &[(&str, &str)] = &[
    ("act", "activation"),
    ("c", "out_channels"),
    ("e1", "expand1x1"),
    ("e3", "expand3x3"),
    ("expand_ratio", "expansion"),
    ("g", "groups"),
    ("HS", "hard_swish"),
    ("hs", "hard_swish"),
    ("k", "kernel"),
    ("kernel_size", "kernel"),
    ("out", "out_channels"),
    ("out", "out_features"),
    ("out_channel", "out_channels"),
    ("out_channels", "out_features"),
    ("pad", "padding"),
    ("s", "stride"),
    ("SE", "squeeze_excite"),
    ("se", "squeeze_excite"),
    ("t", "expansion"),
];

macro_rules! modules {
    ($($(#[$doc:meta])* $variant:ident($config:ident) = $name:literal,)+) => {
        /// One module of the vocabulary with its configuration.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "module")]
        pub enum Module {
            $($(#[$doc])* #[serde(rename = $name)] $variant($config),)+
        }

        impl Module {
            /// Names of the modules, as model files and specs write them.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// Name of the module.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)+ }
            }

            /// Names of the arguments of the module called `name`, in positional order.
            pub fn arguments(name: &str) -> Option<&'static [&'static str]> {
                match name { $($name => Some($config::ARGUMENTS),)+ _ => None }
            }

            /// A working configuration of the module called `name`.
            pub fn example(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant($config::example())),)+ _ => None }
            }

            /// Appends the layers of the module under `path` and returns the last of them.
            ///
            /// # Errors
            /// [`NetworkError`] names the layer that does not fit.
            pub fn build(
                &self, network: &mut Network, path: &str, input: NodeId,
            ) -> Result<NodeId, NetworkError> {
                match self { $(Self::$variant(config) => config.build(network, path, input),)+ }
            }

            /// The configuration of repetition `index` of `count` when `in_channels` arrive.
            pub fn at(&self, index: usize, count: usize, in_channels: usize) -> Self {
                match self { $(Self::$variant(config) => Self::$variant(config.at(index, count, in_channels)),)+ }
            }

            /// The same module with every channel number passed through `width`, such as
            /// `|c| make_divisible(c as f64 * 0.5, 8)`. A [`LinearConfig`] stays.
            pub fn scaled(&self, width: &dyn Fn(usize) -> usize) -> Self {
                match self { $(Self::$variant(config) => Self::$variant(config.scaled(width)),)+ }
            }
        }
    };
}

modules! {
    /// Convolution, batch normalisation, activation.
    Conv(ConvConfig) = "Conv",
    /// One convolution in `gcd(in, out)` groups.
    DwConv(DwConvConfig) = "DWConv",
    /// Depthwise and 1x1 convolution (MobileNet).
    SeparableConv(SeparableConvConfig) = "SeparableConv",
    /// 1x1 and 3x3 convolution with a shortcut.
    Bottleneck(BottleneckConfig) = "Bottleneck",
    /// Two 3x3 convolutions with a shortcut (ResNet).
    BasicBlock(BasicBlockConfig) = "BasicBlock",
    /// Inverted residual of MobileNetV2.
    InvertedResidualV2(InvertedResidualV2Config) = "InvertedResidualv2",
    /// Inverted residual of MobileNetV3.
    InvertedResidualV3(InvertedResidualV3Config) = "InvertedResidualv3",
    /// Inverted residual with attention over channels.
    EcaInvertedResidual(EcaInvertedResidualConfig) = "ECAInvertedResidual",
    /// MBConv of EfficientNet.
    MbConv(MbConvConfig) = "MBConv",
    /// Fused MBConv of EfficientNetV2.
    FusedMbConv(FusedMbConvConfig) = "FusedMBConv",
    /// Fire module of SqueezeNet.
    Fire(FireConfig) = "Fire",
    /// Ghost bottleneck of GhostNet.
    Ghost(GhostBottleneckConfig) = "GhostBottleneck",
    /// Unit of ShuffleNetV2.
    ShuffleNetV2(ShuffleNetV2Config) = "ShuffleNetV2",
    /// Maximum over windows.
    MaxPool(MaxPoolConfig) = "MaxPool",
    /// Average over windows.
    AvgPool(AvgPoolConfig) = "AvgPool",
    /// Mean over all positions.
    GlobalAvgPool(GlobalAvgPoolConfig) = "GlobalAvgPool",
    /// A map to a vector.
    Flatten(FlattenConfig) = "Flatten",
    /// Fully connected layer.
    Linear(LinearConfig) = "Linear",
    /// Zeroes values in training.
    Dropout(DropoutConfig) = "Dropout",
    /// The identity.
    Pass(PassConfig) = "Pass",
}

impl Module {
    /// Reads a module from its name and its arguments: first those without a name, in the order of
    /// [`Module::arguments`], then those with one. Short names (`k`, `s`, `t`, `c`, `SE`, ...) are
    /// understood.
    ///
    /// # Errors
    /// [`ModuleError`] names the module, the argument and the value.
    pub fn parse(name: &str, positional: &[Value], named: &Map<String, Value>) -> Result<Self, ModuleError> {
        let module = *Self::NAMES.iter().find(|known| **known == name).ok_or_else(|| {
            ModuleError::Unknown { name: name.into(), nearest: nearest(name, Self::NAMES.iter().copied()) }
        })?;
        let order = Self::arguments(module).unwrap_or_default();
        let known = order.join(", ");
        if positional.len() > order.len() {
            return Err(ModuleError::TooMany { module, given: positional.len(), most: order.len(), known });
        }
        let mut given: Vec<(&'static str, Value)> =
            order.iter().copied().zip(positional.iter().cloned()).collect();
        for (name, value) in named {
            let argument = full_name(name, order).ok_or_else(|| ModuleError::UnknownArgument {
                module,
                argument: name.clone(),
                nearest: nearest(name, order.iter().copied()),
                known: known.clone(),
            })?;
            if given.iter().any(|(earlier, _)| *earlier == argument) {
                return Err(ModuleError::Twice { module, argument });
            }
            given.push((argument, value.clone()));
        }
        from_arguments(module, given.iter().cloned()).map_err(|reason| blame(module, order, &given, reason))
    }
}

/// The argument of `order` that `name` stands for.
fn full_name(name: &str, order: &[&'static str]) -> Option<&'static str> {
    let of_order = |wanted: &str| order.iter().copied().find(|argument| *argument == wanted);
    of_order(name)
        .or_else(|| SHORT.iter().filter(|(short, _)| *short == name).find_map(|(_, full)| of_order(full)))
}

fn from_arguments(
    module: &str,
    arguments: impl Iterator<Item = (&'static str, Value)>,
) -> Result<Module, serde_json::Error> {
    let mut map: Map<String, Value> = arguments.map(|(name, value)| (name.to_string(), value)).collect();
    map.insert("module".into(), module.into());
    serde_json::from_value(Value::Object(map))
}

/// Finds which argument made the reading fail: each one alone takes the place of its namesake in the working
/// example.
fn blame(
    module: &'static str,
    order: &[&'static str],
    given: &[(&'static str, Value)],
    reason: serde_json::Error,
) -> ModuleError {
    let example = Module::example(module)
        .and_then(|example| serde_json::to_value(example).ok())
        .and_then(|value| value.as_object().cloned())
        .unwrap_or_default();
    let others = |name: &'static str| {
        let kept = order.iter().copied().filter(move |argument| *argument != name);
        kept.filter_map(|argument| example.get(argument).map(|value| (argument, value.clone())))
    };
    for (argument, value) in given {
        if let Err(error) = from_arguments(module, others(argument).chain([(*argument, value.clone())])) {
            return ModuleError::Value { module, argument, value: value.clone(), reason: error.to_string() };
        }
    }
    let missing = order
        .iter()
        .filter(|argument| given.iter().all(|(name, _)| name != *argument))
        .find(|argument| from_arguments(module, others(argument)).is_err());
    match missing {
        Some(argument) => ModuleError::Missing { module, argument, known: order.join(", ") },
        None => {
            let (argument, value) = given.first().cloned().unwrap_or(("module", Value::Null));
            ModuleError::Value { module, argument, value, reason: reason.to_string() }
        }
    }
}
