//! What a user reads when a spec is wrong.

use super::{BASE, Spec};

/// The message for the base spec with `from` replaced by `to`.
fn message(from: &str, to: &str) -> String {
    assert!(BASE.contains(from), "`{from}` is not in the base spec");
    let text = BASE.replacen(from, to, 1);
    match Spec::parse(&text, "a.toml") {
        Ok(_) => panic!("accepted: {to}"),
        Err(errors) => errors.to_string(),
    }
}

#[test]
fn messages() {
    let cases = [
        // TOML itself
        ("name = \"test\"", "name = \"test"),
        ("seed = 3", "seed = 3\nseed = 4"),
        // keys
        ("learning_rate", "learning_rat"),
        ("[training.optimizer.sgd]", "[training.optimizer.sdg]"),
        ("[architecture.stages.modules.MBConv]", "[architecture.stages.modules.MbConvolution]"),
        ("expansion =", "expand_ratio ="),
        ("[data]", "[dataset]"),
        ("momentum", "beta1"),
        ("name = \"stage1\"\n", ""),
        ("kernel = [1, 3]", ""),
        // types
        ("epochs = { low = 2, high = 5 }", "epochs = \"ten\""),
        ("epochs = { low = 2, high = 5 }", "epochs = 2.5"),
        ("batch_size = [16, 32]", "batch_size = [16, \"32\"]"),
        ("source = \"digits\"", "source = [\"digits\", \"mnist\"]"),
        ("source = \"digits\"", "source = \"digit\""),
        ("nesterov = [true, false]", "nesterov = 1"),
        ("[architecture]", "[architecture]\nimage_size = true"),
        // values
        ("low = 2, high = 5", "low = 5, high = 2"),
        ("low = 1e-3, high = 1e-1", "low = 0.1, high = 0.001"),
        ("dropout = 0.1", "dropout = 1.5"),
        ("low = 2, high = 5", "low = 0, high = 5"),
        ("low = 2, high = 5", "low = 2"),
        ("low = 2, high = 5", "lo = 2, high = 5"),
        ("log = true }", "log = true, step = 0.1 }"),
        ("batch_size = [16, 32]", "batch_size = []"),
        ("batch_size = [16, 32]", "batch_size = [16, 16]"),
        ("nesterov = [true, false]", "nesterov = { low = 0, high = 1 }"),
        ("batch_size = [16, 32]", "batch_size = { choices = [16, 32], low = 1 }"),
        // conditions
        ("when = { optimizer = \"adamw\" }", "when = { optimiser = \"adamw\" }"),
        ("when = { optimizer = \"adamw\" }", "when = { optimizer = \"adam\" }"),
        ("when = { optimizer = \"adamw\" }", "when = { optimizer.sgd.nesterov = [true, 3] }"),
        ("when = { optimizer = \"adamw\" }", "when = \"adamw\""),
        ("log = true }", "log = true, when = { optimizer = \"sgd\" } }"),
        // what belongs together
        ("times = \"squeeze\"", "times = \"sqeeze\""),
        ("name = \"fire\"", "name = \"stage1\""),
        ("name = \"fire\"", "name = \"head\""),
        ("name = \"fire\"", "name = \"fire\"\nstride = 2"),
        ("squeeze = [4, 8]", "squeeze = [4, 8]\nkernel = 3"),
        // objectives and constraints
        ("metric = \"validation_accuracy\"", "metric = \"accuracy\""),
        ("metric = \"parameters\"", "name = \"s\"\nscore = \"parameters / 1e6 + mac\""),
        ("metric = \"parameters\"", "name = \"s\"\nscore = \"parameters / (1e6\""),
        ("metric = \"parameters\"", "score = \"parameters\""),
        ("metric = \"parameters\"", "metric = \"validation_accuracy\""),
        ("max = 1e6", ""),
        ("max = 1e6", "max = 1\nmin = 2"),
        ("max = 1e6", "max = 1e6\nbefore = false"),
        ("dropout = 0.1", "dropout = 0.1\n[sampler]\nname = \"gpp\""),
        ("dropout = 0.1", "dropout = 0.1\n[pruner]\nname = \"none\"\nmin_epochs = 3"),
        ("dropout = 0.1", "dropout = 0.1\n[budget]\ntime = \"30\""),
    ];
    let all: Vec<String> = cases.iter().map(|(from, to)| message(from, to)).collect();
    insta::assert_snapshot!("messages", all.join("\n"));
}

#[test]
fn every_error_is_reported_at_once() {
    let text =
        BASE.replace("learning_rate", "rate").replace("kernel", "kernl").replace("seed = 3", "seed = -3");
    let errors = Spec::parse(&text, "a.toml").unwrap_err();
    let places: Vec<(usize, usize)> = errors.errors.iter().map(|error| errors.position(error)).collect();
    assert!(places.contains(&(3, 8)), "the seed: {places:?}");
    assert!(errors.errors.len() >= 5, "{errors}"); // each renamed key is unknown, and missing under its name
    assert!(places.is_sorted());
}

#[test]
fn an_empty_file_lacks_its_sections() {
    let message = Spec::parse("", "a.toml").unwrap_err().to_string();
    for section in ["[study]", "[data]", "[training]", "[architecture]"] {
        assert!(message.contains(&format!("the file lacks `{section}`")), "{message}");
    }
}

#[test]
fn deep_nesting_is_refused_with_a_message_that_can_be_read() {
    let many = 100_000;
    let score = format!("name = \"x\"\nscore = \"{}1{}\"", "(".repeat(many), ")".repeat(many));
    let error = message("metric = \"parameters\"", &score);
    assert!(error.contains("more than 100 levels inside of each other"), "{}", &error[..500]);
    assert!(error.chars().count() < 1500, "{} characters", error.chars().count());
    for (open, close) in [("[", "]"), ("{ a = ", " }")] {
        for text in [open.repeat(many), format!("{}1{}", open.repeat(many), close.repeat(many))] {
            let error = message("kernel = [1, 3]", &format!("kernel = {text}"));
            assert!(error.contains("too many levels inside of each other"), "{}", &error[..500]);
            assert!(error.chars().count() < 1500, "{} characters", error.chars().count());
        }
    }
    let error = message("seed = 3", &format!("seed = 3\n{}a = 1", "a.".repeat(many)));
    assert!(error.contains("too many levels inside of each other"), "{}", &error[..500]);
}
