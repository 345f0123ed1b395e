//! What a user reads when a spec is wrong.

use super::{BASE, parse};

fn message(from: &str, to: &str) -> String {
    assert!(BASE.contains(from), "`{from}` is not in the base spec");
    match parse(&BASE.replacen(from, to, 1)) {
        Ok(_) => panic!("accepted: {to}"),
        Err(message) => message,
    }
}

#[test]
fn messages() {
    let cases = [
        ("path = \"model.onnx\"", "path = \"mdl.onnx\""),
        ("[model]", "[net]"),
        ("keep = [\"conv3\"]", "keep = [\"conv33\"]"),
        ("keep = [\"conv3\"]", "keep = \"conv3\""),
        ("\"svd\", \"tucker\"]", "\"svd\", \"tuker\"]"),
        ("\"svd\", \"tucker\"]", "\"svd\", \"svd\"]"),
        ("stage1-inner]", "stage1-iner]"),
        ("method = [\"prune\", \"tucker\"]", "method = [\"prune\", \"svd\"]"),
        ("method = [\"prune\", \"tucker\"]", "method = \"keep\""),
        ("high = 0.5 }", "high = 1 }"),
        ("metric = \"macs\"", "metric = \"halvings\""),
        ("metric = \"macs\"", "name = \"s\"\nscore = \"loss / halvings\""),
        ("std = [0.25]", "std = [0.2, 0.3]"),
        ("std = [0.25]", "std = 0"),
        ("std = [0.25]", "size = [8, 9]"),
        ("epochs = 2", "epoch = 2"),
        ("importance = \"l1\"", "importance = \"l3\""),
        ("[finetune.distillation]", "[finetune.distilation]"),
    ];
    let text: Vec<String> = cases
        .iter()
        .map(|(from, to)| format!("---- {} => {}\n{}", from.trim(), to.trim(), message(from, to)))
        .collect();
    insta::assert_snapshot!(text.join("\n\n"));
}
