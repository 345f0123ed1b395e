//! Our side of `cargo xtask bench table --part onnx`: trains a model of each kind on a table, and writes it
//! as ONNX beside its predictions of another table and what the file is to be given for it.
//!
//! `table_onnx TRAIN.csv TEST.csv TARGET FOLDER`
#![allow(clippy::unwrap_used, reason = "a program for developers")]

use std::collections::BTreeMap;
use std::path::Path;

use lightcrest::Configuration;
use lightcrest_table::algorithm::{self, Inputs, Setting, Training};
use lightcrest_table::column::Reading;
use lightcrest_table::export;
use lightcrest_table::feature::{Fit, Preparer};
use lightcrest_table::pipeline::{After, Pipeline};
use lightcrest_table::read::{ReadConfig, Source, Text};
use lightcrest_table::search::{Problem, ProblemConfig};
use lightcrest_table::split::Fold;
use lightcrest_table::table::{LearnConfig, Table, Values, learn};
use lightcrest_tree::{BinningConfig, Dataset};
use serde_json::{Value, json};

/// Algorithm and encoding of categories.
const MODELS: [(&str, &str); 8] = [
    ("constant", "levels"),
    ("boosting", "levels"),
    ("boosting", "means"),
    ("forest", "levels"),
    ("extra_trees", "means"),
    ("linear", "means"),
    ("mlp", "levels"),
    ("mlp", "means"),
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, train, test, target, folder] = &arguments[..] else { panic!("four arguments") };
    let config = LearnConfig { target: target.clone(), ..LearnConfig::default() };
    let learnt = learn(Source::open(Path::new(train)).unwrap(), &config).unwrap();
    let problem = Problem::new(learnt, &ProblemConfig { metric: None, folds: 5, seed: 0 }).unwrap();
    for (algorithm, categories) in MODELS {
        let pipeline = train_one(&problem, algorithm, categories);
        let text = Text::open(Source::open(Path::new(test)).unwrap(), &ReadConfig::default()).unwrap();
        let read = pipeline.schema.read(&text, &|_| true, true).unwrap();
        let folder = Path::new(folder);
        let name = format!("{algorithm}-{categories}");
        let bytes = match export::onnx(&pipeline) {
            Ok(bytes) => bytes,
            Err(error) => {
                eprintln!("{name}: {error}");
                continue;
            }
        };
        std::fs::write(folder.join(format!("{name}.onnx")), bytes).unwrap();
        let expected = json!({
            "inputs": inputs(&pipeline, &read.table),
            "rows": read.table.rows,
            "classes": pipeline.schema.classes(),
            "bytes": pipeline.to_bytes().len(),
            "predictions": pipeline.predict(&read.table),
        });
        std::fs::write(folder.join(format!("{name}.json")), expected.to_string()).unwrap();
    }
}

fn train_one(problem: &Problem, algorithm: &str, categories: &str) -> Pipeline {
    let mut configuration = Configuration::new();
    configuration.set("algorithm", algorithm);
    configuration.set(format!("{algorithm}.categories"), categories);
    let setting = Setting::of(&configuration);
    let rows: Vec<u32> = (0..u32::try_from(problem.table().rows).unwrap()).collect();
    let fit = Fit {
        schema: problem.schema(),
        table: problem.table(),
        rows: &rows,
        targets: &problem.targets,
        classes: problem.classes,
        inner: &problem.splits.inner,
        ordered: problem.splits.ordered,
        encoding: setting.encoding(),
    };
    let preparer = Preparer::fit(&fit);
    let matrix = preparer.transform_training(&fit);
    let data = Dataset::new(&matrix.columns(), &BinningConfig::default()).unwrap();
    let training = Training {
        inputs: if matches!(algorithm, "linear" | "mlp") {
            Inputs::Matrix(&matrix)
        } else {
            Inputs::Bins(&data)
        },
        targets: &problem.targets,
        rows: &rows,
        validation: &[],
        within: &Fold::default(),
        task: problem.task(),
        classes: problem.classes,
        seed: 1,
        threads: 1,
    };
    let fitted = algorithm::fit(&training, &setting, &|| false).unwrap().fitted;
    let after = After { temperature: 1.25, threshold: 0.4, ..After::default() };
    Pipeline::single(problem.schema().clone(), preparer, fitted, after).slim()
}

/// What the columns are to the ONNX file: numbers, or words.
fn inputs(pipeline: &Pipeline, table: &Table) -> BTreeMap<String, Vec<Value>> {
    let mut found = BTreeMap::new();
    for (column, values) in pipeline.schema.columns.iter().zip(&table.values) {
        let words = |coded: &lightcrest_table::table::Coded| -> Vec<Value> {
            let levels = coded.levels();
            let word = |code: &u32| match *code {
                lightcrest_table::table::MISSING => "",
                lightcrest_table::table::UNSEEN => "never seen before",
                code => &levels[code as usize],
            };
            coded.codes.iter().map(|code| word(code).into()).collect()
        };
        match values {
            Values::Number { numbers, words: among } => {
                let of_date = matches!(column.reading, Reading::Date { .. });
                // Infinities as words, which JSON has no numbers for.
                let number = |value: &f64| match value {
                    value if value.is_nan() => Value::Null,
                    value if value.is_infinite() => value.to_string().into(),
                    value if of_date => (*value).into(),
                    value => f64::from(*value as f32).into(),
                };
                found.insert(column.name.clone(), numbers.iter().map(number).collect());
                if let Some(among) = among {
                    found.insert(format!("{}:words", column.name), words(among));
                }
            }
            Values::Category(coded) => {
                found.insert(column.name.clone(), words(coded));
            }
            _ => {}
        }
    }
    found
}
