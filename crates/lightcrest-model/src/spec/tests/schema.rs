//! The JSON schema agrees with the parser.

use lightcrest_spec::testing::check_schema;

use super::{BASE, build::EXAMPLES};
use crate::block::Module;
use crate::spec::json_schema;
use crate::spec::vocabulary::{MODULES, strides};

#[test]
fn the_schema_accepts_every_example() {
    let schema = json_schema();
    for (name, text) in EXAMPLES.iter().copied().chain([("base", BASE)]) {
        check_schema(&schema, text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn the_schema_refuses_what_the_parser_refuses() {
    let schema = json_schema();
    for (from, to) in [
        ("learning_rate", "learning_rat"),
        ("[data]", "[dataset]"),
        ("momentum", "beta1"),
        ("epochs = { low = 2, high = 5 }", "epochs = \"ten\""),
        ("epochs = { low = 2, high = 5 }", "epochs = { low = 2 }"),
        ("source = \"digits\"", "source = \"digit\""),
        ("dropout = 0.1", "dropout = 1.5"),
        ("batch_size = [16, 32]", "batch_size = []"),
        ("max = 1e6", ""),
        ("dropout = 0.1", "[sampler]\nname = \"gpp\""),
    ] {
        assert!(check_schema(&schema, &BASE.replacen(from, to, 1)).is_err(), "accepted: {to}");
    }
}

/// The tables of the spec know every argument of every module of the vocabulary, and no other.
#[test]
fn modules_have_the_keys_that_their_types_have() {
    let names: Vec<&str> = MODULES.iter().map(|module| module.name).collect();
    for name in Module::NAMES {
        assert!(names.contains(name), "{name} is missing");
    }
    for module in MODULES {
        let mut expected =
            Module::arguments(module.name).unwrap_or_else(|| panic!("{}", module.name)).to_vec();
        assert_eq!(expected.contains(&"stride"), strides(module.name), "stride of {}", module.name);
        expected.retain(|key| *key != "stride");
        expected.sort_unstable();
        let mut found: Vec<&str> = module.keys.iter().map(|key| key.name).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{}", module.name);
    }
}

#[test]
fn what_a_named_part_needs_is_required() {
    let with = |section: &str| format!("{BASE}\n{section}\n");
    for (missing, whole) in [
        ("[terminator]\nname = 'stagnation'", "[terminator]\nname = 'stagnation'\npatience = 5"),
        ("[pruner]\nname = 'percentile'", "[pruner]\nname = 'percentile'\npercentile = 25"),
    ] {
        assert!(check_schema(&json_schema(), &with(missing)).is_err(), "{missing}");
        assert_eq!(check_schema(&json_schema(), &with(whole)), Ok(()));
    }
}
