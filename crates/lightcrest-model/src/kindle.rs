//! Model files in the style of kindle: YAML with a list of modules.
//!
//! ```yaml
//! input_channel: 3
//! depth_multiple: 1.0
//! width_multiple: 0.5
//! backbone:                      # [repeat, module, [arguments], {named arguments}]
//!   - [1, Conv, [32, 3, 2]]
//!   - [2, InvertedResidualv3, [3, 2.5, 24, 1, 1, 2]]
//!   - [1, Conv, {out: 256, k: 1}]
//!   - [1, GlobalAvgPool, []]
//!   - [1, Linear, [10]]
//! ```
//!
//! The arguments are those of [`crate::block`], by position, by name, or both. Every channel number `c` but
//! the classifier's becomes `make_divisible(c * width_multiple, channel_divisor)` (also when the multiple is
//! 1), every repeat `n > 1` becomes `max(round(n * depth_multiple), 1)`. A leading `-1` (kindle's "from the
//! row before") is allowed; `FixedConv` is a `Conv` that the width leaves alone; `ECAInvertedResidualv2` is
//! `ECAInvertedResidual`.

use std::path::{Path, PathBuf};

use lightcrest_graph::network::{Network, NetworkError, Shape};
use serde_json::{Map, Value};

use crate::block::{Module, ModuleError, make_divisible, nearest, scaled_repeat, stage};

/// Why a model file cannot be read, or makes no network.
#[derive(Debug, thiserror::Error)]
pub enum KindleError {
    /// The file system refused.
    #[error("{}: cannot read", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the file system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not YAML.
    #[error("{}: not valid YAML", file.display())]
    Yaml {
        /// The file.
        file: PathBuf,
        /// Where and why.
        #[source]
        source: serde_yaml_ng::Error,
    },
    /// Lists in lists in lists: the time to read them grows with the square of their depth.
    #[error("{}: lists lie more than {MAX_DEPTH} levels inside of each other; rows need four", file.display())]
    Depth {
        /// The file.
        file: PathBuf,
    },
    /// A key at the top that means nothing.
    #[error("{}: unknown key `{key}`{}; known are {}", file.display(),
        nearest.as_ref().map_or_else(String::new, |name| format!(", did you mean `{name}`?")), KEYS.join(", "))]
    UnknownKey {
        /// The file.
        file: PathBuf,
        /// The key.
        key: String,
        /// The known key that is nearest, if any is near.
        nearest: Option<String>,
    },
    /// A key at the top with a value that it cannot have.
    #[error("{}: `{key}` must be {expected}, but is {value}", file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// The key.
        key: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What it is; `missing` when it is not there.
        value: String,
    },
    /// A row of the backbone that is not of the form.
    #[error("{}: backbone row {row}: {reason}, but the row is {value}", file.display())]
    Row {
        /// The file.
        file: PathBuf,
        /// Number of the row, from 1.
        row: usize,
        /// The row.
        value: Value,
        /// What is expected.
        reason: &'static str,
    },
    /// A module that cannot be read from its arguments.
    #[error("{}: backbone row {row}", file.display())]
    Module {
        /// The file.
        file: PathBuf,
        /// Number of the row, from 1.
        row: usize,
        /// Module, argument and value.
        #[source]
        source: Box<ModuleError>,
    },
    /// A module that cannot read what arrives.
    #[error("{}: backbone row {row}, {module}", file.display())]
    Layer {
        /// The file.
        file: PathBuf,
        /// Number of the row, from 1.
        row: usize,
        /// Name of the module.
        module: &'static str,
        /// The layer that does not fit.
        #[source]
        source: NetworkError,
    },
    /// The images have another number of channels.
    #[error("{}: `input_channel` is {expected}, but the images have {found} channels", file.display())]
    Channels {
        /// The file.
        file: PathBuf,
        /// What the file says.
        expected: usize,
        /// What the images have.
        found: usize,
    },
}

/// How deep lists and maps may lie inside of each other.
const MAX_DEPTH: usize = 100;

/// How deep the lists and maps of a YAML text lie inside of each other, at least: by brackets, and by dashes
/// in a line.
fn depth(text: &str) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    for line in text.lines() {
        let mut rest = line.trim_start_matches([' ', '-', '?', ':']);
        let dashes = line[..line.len() - rest.len()].matches(['-', '?']).count();
        deepest = deepest.max(open + dashes);
        while let Some(at) = rest.find(['[', ']', '{', '}']) {
            open = if rest[at..].starts_with(['[', '{']) { open + 1 } else { open.saturating_sub(1) };
            deepest = deepest.max(open);
            rest = &rest[at + 1..];
        }
    }
    deepest
}

const KEYS: &[&str] =
    &["input_size", "input_channel", "depth_multiple", "width_multiple", "channel_divisor", "backbone"];

/// A model file, its multipliers applied.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelFile {
    /// Where it was read.
    pub file: PathBuf,
    /// Channels of the images.
    pub input_channel: usize,
    /// Height and width of the images, if the file says.
    pub input_size: Option<(usize, usize)>,
    /// Repeats and modules in order, after the multipliers.
    pub backbone: Vec<(usize, Module)>,
}

impl ModelFile {
    /// Reads a model file.
    ///
    /// # Errors
    /// [`KindleError`] names the file, the row, the module and the value.
    pub fn read(file: &Path) -> Result<Self, KindleError> {
        let text = std::fs::read_to_string(file)
            .map_err(|source| KindleError::Read { file: file.into(), source })?;
        Self::parse(&text, file)
    }

    /// Reads the text of a model file; `file` is for messages.
    ///
    /// # Errors
    /// As [`ModelFile::read`].
    pub fn parse(text: &str, file: &Path) -> Result<Self, KindleError> {
        if depth(text) > MAX_DEPTH {
            return Err(KindleError::Depth { file: file.into() });
        }
        let top: Value = serde_yaml_ng::from_str(text)
            .map_err(|source| KindleError::Yaml { file: file.into(), source })?;
        let key_error = |key, expected, value: Option<&Value>| KindleError::Key {
            file: file.into(),
            key,
            expected,
            value: value.map_or_else(|| "missing".into(), Value::to_string),
        };
        let rows = |value| key_error("backbone", "a list of rows [repeat, module, [arguments]]", value);
        let top = top.as_object().ok_or_else(|| rows(None))?;
        for key in top.keys() {
            if !KEYS.contains(&key.as_str()) {
                let nearest = nearest(key, KEYS.iter().copied());
                return Err(KindleError::UnknownKey { file: file.into(), key: key.clone(), nearest });
            }
        }
        let count = |key: &'static str, default: usize| match top.get(key) {
            None => Ok(default),
            Some(value) => match value.as_u64() {
                Some(number @ 1..=65536) => Ok(number as usize),
                _ => Err(key_error(key, "a whole number from 1 to 65536", Some(value))),
            },
        };
        let multiple = |key: &'static str| match top.get(key) {
            None => Ok(1.0),
            Some(value) => match value.as_f64() {
                Some(number) if number > 0.0 && number <= 64.0 => Ok(number),
                _ => Err(key_error(key, "a number above 0 and at most 64", Some(value))),
            },
        };
        let (width, depth) = (multiple("width_multiple")?, multiple("depth_multiple")?);
        let divisor = count("channel_divisor", 8)?;
        let input_size = match top.get("input_size") {
            None => None,
            Some(value) => match serde_json::from_value::<[usize; 2]>(value.clone()) {
                Ok([height @ 1..=65536, width @ 1..=65536]) => Some((height, width)),
                _ => return Err(key_error("input_size", "[height, width]", Some(value))),
            },
        };
        let list = top.get("backbone").and_then(Value::as_array).filter(|list| !list.is_empty());
        let list = list.ok_or_else(|| rows(top.get("backbone")))?;
        let mut backbone = Vec::with_capacity(list.len());
        for (index, value) in list.iter().enumerate() {
            let row = index + 1;
            let parsed = parse_row(value).map_err(|reason| KindleError::Row {
                file: file.into(),
                row,
                value: value.clone(),
                reason,
            })?;
            let (name, fixed) = match parsed.module {
                "FixedConv" => ("Conv", true),
                "ECAInvertedResidualv2" => ("ECAInvertedResidual", false),
                name => (name, false),
            };
            let module = Module::parse(name, &parsed.positional, &parsed.named)
                .map_err(|source| KindleError::Module { file: file.into(), row, source: Box::new(source) })?;
            let widen = |channels: usize| make_divisible(channels as f64 * width, divisor);
            let module = if fixed { module } else { module.scaled(&widen) };
            backbone.push((scaled_repeat(parsed.repeat, depth), module));
        }
        Ok(Self { file: file.into(), input_channel: count("input_channel", 3)?, input_size, backbone })
    }

    /// The network for images of a shape. Layers are named `stageROW.REPETITION...`, rows counted from 1.
    ///
    /// # Errors
    /// [`KindleError::Channels`] when the images have other channels than the file says,
    /// [`KindleError::Layer`] names the row whose layers do not fit.
    pub fn network(&self, images: Shape) -> Result<Network, KindleError> {
        if images.channels != self.input_channel {
            let (expected, found) = (self.input_channel, images.channels);
            return Err(KindleError::Channels { file: self.file.clone(), expected, found });
        }
        let mut network = Network::new(images);
        let mut last = 0;
        for (index, (repeat, module)) in self.backbone.iter().enumerate() {
            let row = index + 1;
            last = stage(&mut network, &format!("stage{row}"), module, *repeat, last).map_err(|source| {
                KindleError::Layer { file: self.file.clone(), row, module: module.name(), source }
            })?;
        }
        Ok(network)
    }
}

struct Row<'a> {
    repeat: usize,
    module: &'a str,
    positional: Vec<Value>,
    named: Map<String, Value>,
}

const ROW: &str = "[repeat, module, [arguments], {named arguments}] is expected";

/// Most repetitions of a row.
const MAX_REPEAT: u64 = 1000;

fn parse_row(value: &Value) -> Result<Row<'_>, &'static str> {
    let mut items = value.as_array().ok_or(ROW)?.as_slice();
    if let [from, Value::Number(_), ..] = items {
        if from.as_i64() != Some(-1) && from != &serde_json::json!([-1]) {
            return Err("only -1, the row before, can be read from");
        }
        items = &items[1..];
    }
    let [repeat, Value::String(module), arguments @ ..] = items else { return Err(ROW) };
    let repeat = repeat.as_u64().filter(|repeat| (1..=MAX_REPEAT).contains(repeat));
    let repeat = repeat.ok_or("the repeat must be a whole number from 1 to 1000")? as usize;
    let (positional, named) = match arguments {
        [] => (vec![], Map::new()),
        [Value::Array(positional)] => (positional.clone(), Map::new()),
        [Value::Object(named)] => (vec![], named.clone()),
        [Value::Array(positional), Value::Object(named)] => (positional.clone(), named.clone()),
        _ => return Err(ROW),
    };
    Ok(Row { repeat, module, positional, named })
}

#[cfg(test)]
mod test {
    use super::*;

    fn parse(text: &str) -> Result<ModelFile, KindleError> {
        ModelFile::parse(text, Path::new("m.yaml"))
    }

    /// The message and its causes, as the program prints them.
    fn message(text: &str) -> String {
        let error = parse(text).and_then(|file| file.network(Shape::new(3, 32, 32))).unwrap_err();
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(next) = cause {
            text = format!("{text}: {next}");
            cause = next.source();
        }
        text
    }

    fn row(row: &str) -> String {
        format!("input_channel: 3\nbackbone:\n  - [1, Conv, [16, 3, 2]]\n  - {row}\n")
    }

    #[test]
    fn depth_and_length_are_bounded() {
        for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", "")] {
            let error = message(&format!("backbone:\n{}1{}", open.repeat(100_000), close.repeat(100_000)));
            assert_eq!(error, "m.yaml: lists lie more than 100 levels inside of each other; rows need four");
        }
        let error = message(&row("[1000000000, Conv, [16, 3, 1]]"));
        assert!(error.contains("the repeat must be a whole number from 1 to 1000"), "{error}");
    }

    #[test]
    fn positions_and_names_say_the_same() {
        let wanted = parse(&row("[2, InvertedResidualv3, [3, 2.5, 24, 1, 0, 2]]")).unwrap();
        for other in [
            "[-1, 2, InvertedResidualv3, [3, 2.5, 24, 1, 0, 2]]",
            "[2, InvertedResidualv3, {k: 3, t: 2.5, c: 24, SE: 1, HS: 0, s: 2}]",
            "[2, InvertedResidualv3, [3, 2.5, 24], {SE: true, HS: false, s: 2}]",
            "[2, InvertedResidualv3, [3, 2.5], {out_channels: 24, squeeze_excite: 1, hard_swish: 0, stride: 2}]",
        ] {
            assert_eq!(parse(&row(other)).unwrap(), wanted, "{other}");
        }
    }

    #[test]
    fn every_row_of_the_vocabulary_reads() {
        let file = parse(
            "{input_channel: 3, depth_multiple: 0.5, width_multiple: 0.5, backbone: [
              [1, Conv, [32, 3, 2, null, 1, Hardswish]], [3, DWConv, [64, 3, 1, null, ReLU]],
              [1, FixedConv, [20, 1]], [1, Bottleneck, [32, true, 1, 0.5, ReLU]], [1, BasicBlock, [32]],
              [1, SeparableConv, [32, 3]], [2, InvertedResidualv2, [32, 4, 2]],
              [4, InvertedResidualv3, [5, 3.5, 48, 1, 1, 1]], [1, MBConv, [4, 48, 1, 5]], [1, FusedMBConv, [2, 48, 1, 3]],
              [1, ECAInvertedResidualv2, [48, 2, 1]], [1, GhostBottleneck, [3, 2.0, 48, 0, 2]],
              [2, ShuffleNetV2, [48, 1]], [1, Fire, [16, 32, 32]], [1, MaxPool, [3, 2, 1]], [1, AvgPool, [2]],
              [1, Pass, []], [1, Pass], [1, Conv, [256, 1, 1]], [1, GlobalAvgPool, []], [1, Flatten, []],
              [1, Dropout, [0.2]], [1, Linear, [10]]]}",
        )
        .unwrap();
        assert_eq!(file.backbone[1].0, 2, "round(3 * 0.5), half to even");
        let network = file.network(Shape::new(3, 64, 64)).unwrap();
        assert_eq!(network.output_shape(), Shape::vector(10));
        let channels = |name: &str| network.shape(network.find(name).unwrap()).channels;
        assert_eq!(channels("stage1.0.conv"), 16);
        assert_eq!(channels("stage3.0.conv"), 20, "FixedConv is not scaled");
        assert_eq!(channels("stage19.0.conv"), 128);
        let unused = crate::block::Module::NAMES
            .iter()
            .filter(|name| file.backbone.iter().all(|(_, module)| module.name() != **name));
        assert_eq!(unused.count(), 0);
    }

    #[test]
    fn channels_are_divisible_even_at_width_one() {
        let file = parse("backbone: [[1, Conv, [20, 3]]]").unwrap();
        assert_eq!(
            file.backbone[0].1,
            crate::block::Module::parse("Conv", &[24.into(), 3.into()], &Map::new()).unwrap()
        );
    }

    #[test]
    fn errors_name_file_row_module_and_value() {
        for (text, wanted) in [
            (
                row("[1, Convv, [16, 3]]"),
                "m.yaml: backbone row 2: unknown module `Convv`, did you mean `Conv`?",
            ),
            (
                row("[1, InvertedResidualv2, [16, x, 2]]"),
                "m.yaml: backbone row 2: InvertedResidualv2: `expansion` = \"x\": invalid type: string \"x\", expected f64",
            ),
            (
                row("[1, MaxPool, [64, 64]]"),
                "m.yaml: backbone row 2, MaxPool: layer `stage2.0.pool` (MaxPool): a window of 64 does not fit into 16 with padding 0",
            ),
            (
                row("[0, Conv, [16, 3]]"),
                "m.yaml: backbone row 2: the repeat must be a whole number from 1 to 1000, but the row is [0,\"Conv\",[16,3]]",
            ),
            (
                row("[-2, 1, Conv, [16, 3]]"),
                "m.yaml: backbone row 2: only -1, the row before, can be read from, but the row is [-2,1,\"Conv\",[16,3]]",
            ),
            (
                row("Conv"),
                "m.yaml: backbone row 2: [repeat, module, [arguments], {named arguments}] is expected, but the row is \"Conv\"",
            ),
            (
                "backbonee: []".into(),
                "m.yaml: unknown key `backbonee`, did you mean `backbone`?; known are input_size, input_channel, depth_multiple, width_multiple, channel_divisor, backbone",
            ),
            (
                "width_multiple: -1\nbackbone: [[1, Pass]]".into(),
                "m.yaml: `width_multiple` must be a number above 0 and at most 64, but is -1",
            ),
            (
                "input_channel: 3".into(),
                "m.yaml: `backbone` must be a list of rows [repeat, module, [arguments]], but is missing",
            ),
            (
                "input_channel: 1\nbackbone: [[1, Pass]]".into(),
                "m.yaml: `input_channel` is 1, but the images have 3 channels",
            ),
        ] {
            assert_eq!(message(&text), wanted);
        }
        assert!(message("backbone: [1").starts_with("m.yaml: not valid YAML: "));
        assert!(matches!(ModelFile::read(Path::new("no/such.yaml")), Err(KindleError::Read { .. })));
    }

    #[test]
    fn the_examples_build() {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        let mobile = ModelFile::read(&examples.join("mobilenetv3-tiny.yaml")).unwrap();
        let cost = mobile.network(Shape::new(1, 28, 28)).unwrap().cost();
        assert!(cost.parameters < 50_000 && cost.macs < 2_000_000, "{cost:?}");
        let mixed = ModelFile::read(&examples.join("mixed-modules.yaml")).unwrap();
        let (height, width) = mixed.input_size.unwrap();
        let network = mixed.network(Shape::new(3, height, width)).unwrap();
        assert_eq!(network.output_shape(), Shape::vector(10));
        assert!(network.cost().parameters < 200_000);
    }
}
