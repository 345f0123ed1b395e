mod build;
mod messages;
mod schema;

use super::Spec;

/// A small spec with every kind of value.
const BASE: &str = r#"[study]
name = "test"
seed = 3

[[objectives]]
metric = "validation_accuracy"

[[objectives]]
metric = "parameters"

[[constraints]]
metric = "macs"
max = 1e6

[data]
source = "digits"

[training]
epochs = { low = 2, high = 5 }
batch_size = [16, 32]
learning_rate = { low = 1e-3, high = 1e-1, log = true }
clip_norm = 5

[training.optimizer.sgd]
momentum = { low = 0.5, high = 0.9 }
nesterov = [true, false]
[training.optimizer.adamw]
beta1 = [0.8, 0.9]

[training.loss.focal]
gamma = { low = 1, high = 3, when = { optimizer = "adamw" } }

[architecture]
width_multiple = [0.5, 1.0]

[[architecture.stages]]
name = "stage1"
repeat = { low = 1, high = 2 }
stride = [1, 2]
out_channels = [8, 16]
[architecture.stages.modules.Conv]
kernel = [1, 3]
[architecture.stages.modules.MBConv]
expansion = { low = 1, high = 2, step = 0.5 }
[architecture.stages.modules.Pass]

[[architecture.stages]]
name = "fire"
[architecture.stages.modules.Fire]
squeeze = [4, 8]
expand1x1 = { low = 1, high = 2, step = 0.5, times = "squeeze" }
expand3x3 = { low = 1, high = 2, step = 0.5, times = "squeeze" }

[architecture.head]
dropout = 0.1
"#;

fn base() -> Spec {
    Spec::parse(BASE, "base.toml").unwrap_or_else(|errors| panic!("{errors}"))
}
