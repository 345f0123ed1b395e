//! What a user of the crate sees: models that learn, keep their promises and are the same each time.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use lightcrest_tree::{
    BinningConfig, Branch, Column, Dataset, Decision, Loss, MISSING, Mode, Model, Monotone, Patience,
    Problem, Round, Step, TrainConfig, Training, TreeError, train,
};

/// Numbers that look random, by position.
fn noise(i: usize, seed: u64) -> f64 {
    let mut x = (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seed.wrapping_mul(0xd134_2543_de82_ef95);
    x = (x ^ (x >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x >> 11) as f64 / (1_u64 << 53) as f64
}

/// Two numbers (one with holes) and a category of twelve levels, a target that depends on all of them.
struct Table {
    x: Vec<f32>,
    holes: Vec<f32>,
    codes: Vec<u32>,
    y: Vec<f64>,
}

impl Table {
    fn new(rows: usize) -> Self {
        let x: Vec<f32> = (0..rows).map(|i| noise(i, 1) as f32).collect();
        let holes: Vec<f32> =
            (0..rows).map(|i| if i % 5 == 0 { f32::NAN } else { noise(i, 2) as f32 }).collect();
        let codes: Vec<u32> =
            (0..rows).map(|i| if i % 17 == 3 { MISSING } else { (noise(i, 3) * 12.0) as u32 }).collect();
        let y = (0..rows)
            .map(|i| {
                let hole = if holes[i].is_nan() { 1.5 } else { f64::from(holes[i]) };
                let level = if codes[i] == MISSING { 0.7 } else { f64::from(codes[i] * 7 % 12) / 12.0 };
                (6.0 * f64::from(x[i])).sin() + hole + 2.0 * level + 0.1 * (noise(i, 4) - 0.5)
            })
            .collect();
        Self { x, holes, codes, y }
    }

    fn columns(&self) -> [Column<'_>; 3] {
        [Column::Number(&self.x), Column::Number(&self.holes), Column::Category(&self.codes)]
    }

    fn data(&self) -> Dataset {
        Dataset::new(&self.columns(), &BinningConfig::default()).unwrap()
    }

    fn row(&self, row: usize) -> [f32; 3] {
        let code = if self.codes[row] == MISSING { f32::NAN } else { self.codes[row] as f32 };
        [self.x[row], self.holes[row], code]
    }

    /// The target in the domain of a loss.
    fn targets(&self, loss: Loss) -> Vec<f64> {
        let middle = 2.1;
        match loss {
            Loss::Logistic => self.y.iter().map(|y| f64::from(*y > middle)).collect(),
            Loss::Softmax { classes } => {
                self.y.iter().map(|y| y.floor().clamp(0.0, classes as f64 - 1.0)).collect()
            }
            Loss::Poisson => self.y.iter().map(|y| y.max(0.0).round()).collect(),
            _ => self.y.clone(),
        }
    }
}

const LOSSES: [Loss; 6] = [
    Loss::Squared,
    Loss::Huber { delta: 0.5 },
    Loss::Poisson,
    Loss::Quantile { level: 0.8 },
    Loss::Logistic,
    Loss::Softmax { classes: 4 },
];

fn halves(rows: usize) -> (Vec<u32>, Vec<u32>) {
    (0..u32::try_from(rows).unwrap()).partition(|row| row % 3 != 0)
}

fn fit(table: &Table, config: &TrainConfig) -> Training {
    let data = table.data();
    let targets = table.targets(config.loss);
    let (rows, validation) = halves(table.y.len());
    let problem =
        Problem { data: &data, targets: &targets, weights: None, rows: &rows, validation: &validation };
    train(&problem, config, |_| Decision::Continue).unwrap()
}

fn config(loss: Loss) -> TrainConfig {
    TrainConfig { loss, rounds: 40, leaves: 12, ..TrainConfig::default() }
}

#[test]
fn every_loss_falls_far_on_rows_that_were_not_learned() {
    let table = Table::new(3000);
    for loss in LOSSES {
        let training = fit(&table, &config(loss));
        let (first, last) = (training.losses[0], training.losses[training.rounds - 1]);
        let least = if loss == Loss::Poisson { 0.98 } else { 0.5 };
        assert!(last < least * first, "{loss:?}: {first} {last}");
    }
}

#[test]
fn forests_and_extra_trees_learn_too_and_are_means() {
    let table = Table::new(3000);
    for loss in LOSSES {
        for make in [TrainConfig::forest, TrainConfig::extra_trees] {
            let config = TrainConfig { rounds: 30, ..make(loss, 3) };
            let training = fit(&table, &config);
            assert_eq!(training.rounds, 30);
            let constant =
                fit(&table, &TrainConfig { rounds: 1, leaves: 2, min_rows: 900, ..config.clone() });
            let (learned, plain) = (training.losses[29], constant.losses[0]);
            assert!(
                learned < 0.9 * plain || loss == Loss::Poisson && learned < plain,
                "{loss:?} {learned} {plain}"
            );
            let predictions = training.model.predict(&table.columns()).unwrap();
            assert!(!loss.is_classification() || predictions.iter().all(|p| (0.0..=1.0).contains(p)));
        }
    }
}

#[test]
fn a_quantile_is_one() {
    let table = Table::new(3000);
    let training = fit(&table, &TrainConfig { min_rows: 60, ..config(Loss::Quantile { level: 0.8 }) });
    let predictions = training.model.predict(&table.columns()).unwrap();
    let below = predictions.iter().zip(&table.y).filter(|(p, y)| y <= p).count() as f64 / 3000.0;
    assert!((below - 0.8).abs() < 0.04, "{below}");
}

#[test]
fn one_seed_gives_the_same_bytes_on_any_number_of_threads() {
    // Large enough that histograms and searches are shared between threads.
    let rows = 20_000;
    let columns: Vec<Vec<f32>> =
        (0..70).map(|c| (0..rows).map(|i| noise(i, 100 + c) as f32).collect()).collect();
    let columns: Vec<Column<'_>> = columns.iter().map(|c| Column::Number(c)).collect();
    let y: Vec<f64> =
        (0..rows).map(|i| noise(i, 100) + (4.0 * noise(i, 103)).cos() * noise(i, 107)).collect();
    let data = Dataset::new(&columns, &BinningConfig::default()).unwrap();
    let all: Vec<u32> = (0..rows as u32).collect();
    let bytes = |threads, seed| {
        let config = TrainConfig {
            rounds: 4,
            row_fraction: 0.8,
            column_fraction: 0.9,
            column_fraction_by_node: 0.8,
            threads,
            seed,
            ..TrainConfig::default()
        };
        let problem = Problem { data: &data, targets: &y, weights: None, rows: &all, validation: &[] };
        train(&problem, &config, |_| Decision::Continue).unwrap().model.to_bytes()
    };
    assert_eq!(bytes(1, 5), bytes(3, 5));
    assert_eq!(bytes(1, 5), bytes(0, 5), "those of the pool");
    assert_ne!(bytes(1, 5), bytes(1, 6));
}

#[test]
fn one_row_and_a_batch_and_out_of_fold_predictions_agree() {
    let table = Table::new(1000);
    let (_, validation) = halves(1000);
    for loss in LOSSES {
        let training = fit(&table, &config(loss));
        let (model, outputs) = (training.model, loss.outputs());
        let batch = model.predict(&table.columns()).unwrap();
        for row in 0..1000 {
            let alone = model.predict_row(&table.row(row));
            let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&alone), bits(&batch[row * outputs..(row + 1) * outputs]));
        }
        for (at, &row) in validation.iter().enumerate() {
            for k in 0..outputs {
                let (kept, now) = (training.validation[at * outputs + k], batch[row as usize * outputs + k]);
                assert!((kept - now).abs() < 1e-5 * now.abs().max(1.0), "{loss:?}: {kept} {now}");
            }
        }
    }
}

#[test]
fn unseen_levels_and_values_beyond_training_are_predicted() {
    let table = Table::new(2000);
    let model = fit(&table, &config(Loss::Squared)).model;
    let unseen = model.predict_row(&[0.5, 0.5, 12.0]);
    for code in [13.0, 1e9, -5.0, f32::INFINITY] {
        assert_eq!(model.predict_row(&[0.5, 0.5, code]), unseen);
    }
    let at = |x: f32| model.predict_row(&[x, 0.5, 3.0])[0];
    let largest = table.x.iter().copied().fold(0.0, f32::max);
    assert_eq!(at(f32::INFINITY), at(largest));
    assert_eq!(at(1e30), at(largest));
    assert!(at(f32::NAN).is_finite());
}

#[test]
fn missing_numbers_take_the_side_that_was_learned() {
    // Missing means 1; other values mean 0.
    let x: Vec<f32> = (0..400).map(|i| if i % 4 == 0 { f32::NAN } else { i as f32 }).collect();
    let y: Vec<f64> = x.iter().map(|x| f64::from(x.is_nan())).collect();
    let data = Dataset::new(&[Column::Number(&x)], &BinningConfig::default()).unwrap();
    let rows: Vec<u32> = (0..400).collect();
    let problem = Problem { data: &data, targets: &y, weights: None, rows: &rows, validation: &[] };
    let config = TrainConfig { rounds: 1, learning_rate: 1.0, leaves: 2, ..TrainConfig::default() };
    let model = train(&problem, &config, |_| Decision::Continue).unwrap().model;
    assert!((model.predict_row(&[f32::NAN])[0] - 1.0).abs() < 1e-6);
    assert!(model.predict_row(&[7.0])[0].abs() < 1e-6);
    assert!(model.predict_row(&[f32::INFINITY])[0].abs() < 1e-6);
}

#[test]
fn a_small_tree_is_the_one_that_can_be_computed_by_hand() {
    // The best single split of 1, 2, 10, 11 is between 2 and 10; with l2 = 2 a leaf is sum / (count + 2).
    let x = [1.0_f32, 2.0, 3.0, 4.0];
    let y = [1.0, 2.0, 10.0, 11.0];
    let data =
        Dataset::new(&[Column::Number(&x)], &BinningConfig { min_rows_in_bin: 1, ..Default::default() })
            .unwrap();
    let problem = Problem { data: &data, targets: &y, weights: None, rows: &[0, 1, 2, 3], validation: &[] };
    let config = TrainConfig {
        rounds: 1,
        learning_rate: 1.0,
        leaves: 2,
        min_rows: 1,
        l2: 2.0,
        ..TrainConfig::default()
    };
    let model = train(&problem, &config, |_| Decision::Continue).unwrap().model;
    // Gradients at the mean 6: 5, 4, -4, -5. Leaves: -9 / 4 and 9 / 4. Gain: 2 * 81 / 4.
    assert_eq!(model.predict_row(&[2.5])[0], 6.0 - 2.25);
    assert_eq!(model.predict_row(&[2.6])[0], 6.0 + 2.25);
    assert_eq!((model.importance()[0].gain, model.importance()[0].splits), (40.5, 1));
}

#[test]
fn weights_count_as_repeated_rows() {
    let table = Table::new(600);
    let repeats = |i: usize| 1 + i % 3;
    let which: Vec<usize> = (0..600).flat_map(|i| std::iter::repeat_n(i, repeats(i))).collect();
    let repeated = Table {
        x: which.iter().map(|&i| table.x[i]).collect(),
        holes: which.iter().map(|&i| table.holes[i]).collect(),
        codes: which.iter().map(|&i| table.codes[i]).collect(),
        y: which.iter().map(|&i| table.y[i]).collect(),
    };
    // Rows of a leaf are not counted by weight, so no rule on rows may bind; nor may bins differ.
    let config = TrainConfig { min_rows: 1, min_hessian: 6.0, rounds: 5, ..config(Loss::Squared) };
    let config = TrainConfig {
        categories: lightcrest_tree::CategoryConfig {
            smoothing: 0.0,
            min_rows_per_group: 1,
            ..Default::default()
        },
        ..config
    };
    let model = |table: &Table, weights: Option<&[f32]>| {
        let data = Dataset::new(
            &table.columns(),
            &BinningConfig { min_rows_in_bin: 1, max_bins: 255, sample_rows: 1 << 20 },
        )
        .unwrap();
        let rows: Vec<u32> = (0..table.y.len() as u32).collect();
        let problem = Problem { data: &data, targets: &table.y, weights, rows: &rows, validation: &[] };
        train(&problem, &config, |_| Decision::Continue).unwrap().model
    };
    let rounded = |table: &Table| Table {
        x: table.x.iter().map(|x| (x * 50.0).round()).collect(),
        holes: table.holes.iter().map(|x| (x * 50.0).round()).collect(),
        codes: table.codes.clone(),
        y: table.y.clone(),
    };
    let weights: Vec<f32> = (0..600).map(|i| repeats(i) as f32).collect();
    let (weighted, twice) = (model(&rounded(&table), Some(&weights)), model(&rounded(&repeated), None));
    let table = rounded(&table);
    for row in 0..600 {
        let (a, b) = (weighted.predict_row(&table.row(row))[0], twice.predict_row(&table.row(row))[0]);
        assert!((a - b).abs() < 1e-5, "{row}: {a} {b}");
    }
}

#[test]
fn monotone_columns_never_bend_the_wrong_way() {
    let table = Table::new(2000);
    for (loss, monotone, sign) in [
        (Loss::Squared, Monotone::Increasing, 1.0),
        (Loss::Logistic, Monotone::Decreasing, -1.0),
        (Loss::Quantile { level: 0.3 }, Monotone::Increasing, 1.0),
    ] {
        let monotone = vec![monotone, Monotone::Free, Monotone::Free];
        let model = fit(&table, &TrainConfig { monotone, l1: 0.1, ..config(loss) }).model;
        for row in 0..50 {
            let [_, hole, code] = table.row(row);
            let curve: Vec<f64> =
                (0..=100).map(|x| model.predict_row(&[x as f32 / 100.0, hole, code])[0]).collect();
            assert!(curve.windows(2).all(|pair| sign * (pair[1] - pair[0]) >= 0.0), "{loss:?}");
        }
    }
    let monotone = vec![Monotone::Free, Monotone::Free, Monotone::Increasing];
    let problem =
        Problem { data: &table.data(), targets: &table.y, weights: None, rows: &[0, 1], validation: &[] };
    let error = train(&problem, &TrainConfig { monotone, ..config(Loss::Squared) }, |_| Decision::Continue);
    assert_eq!(error.unwrap_err(), TreeError::MonotoneCategory { column: 2 });
}

#[test]
fn limits_of_leaves_depth_and_rows_are_kept() {
    let table = Table::new(2000);
    let config = TrainConfig { leaves: 9, max_depth: 4, min_rows: 37, ..config(Loss::Logistic) };
    let model = fit(&table, &config).model;
    let (rows, _) = halves(2000);
    for tree in model.trees() {
        assert!(model.leaves(tree).len() <= 9);
        let mut depth = vec![0; tree.branches()];
        for branch in 0..tree.branches() {
            for step in model.branch(tree, branch).1 {
                match step {
                    Step::Branch(below) => depth[below] = depth[branch] + 1,
                    Step::Leaf(_) => assert!(depth[branch] < 4),
                }
            }
        }
    }
    // Rows a leaf, of the first tree: distinct values of one-tree models.
    let one = fit(&table, &TrainConfig { rounds: 1, ..config }).model;
    let mut counts = std::collections::BTreeMap::new();
    for &row in &rows {
        *counts.entry(one.predict_row(&table.row(row as usize))[0].to_bits()).or_insert(0) += 1;
    }
    assert!(counts.values().all(|count| *count >= 37), "{counts:?}");
}

#[test]
fn training_stops_when_the_callback_says_so_and_keeps_the_best_round() {
    let table = Table::new(600);
    let data = table.data();
    let (rows, validation) = halves(600);
    let targets = table.targets(Loss::Logistic);
    let problem =
        Problem { data: &data, targets: &targets, weights: None, rows: &rows, validation: &validation };
    let config = TrainConfig { rounds: 1000, learning_rate: 0.5, ..config(Loss::Logistic) };
    let mut patience = Patience::new(5);
    let mut heard = Vec::new();
    let judge = |round: &Round<'_>| {
        heard.push(round.validation_loss.unwrap());
        patience.judge(round.validation_loss)
    };
    let training = train(&problem, &config, judge).unwrap();
    assert_eq!(training.losses, heard);
    let best = heard.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(heard[training.rounds - 1], best);
    assert_eq!(heard.len(), training.rounds + 5);
    assert_eq!(training.model.trees().len(), training.rounds);
}

#[test]
fn a_target_without_signal_of_its_columns_gives_a_constant() {
    let x = [1.0_f32; 50];
    let y: Vec<f64> = (0..50).map(f64::from).collect();
    let data = Dataset::new(&[Column::Number(&x)], &BinningConfig::default()).unwrap();
    let rows: Vec<u32> = (0..50).collect();
    let problem = Problem { data: &data, targets: &y, weights: None, rows: &rows, validation: &[] };
    for mode in [Mode::Boosting, Mode::Forest] {
        let config = TrainConfig { mode, ..TrainConfig::default() };
        let training = train(&problem, &config, |_| Decision::Continue).unwrap();
        assert_eq!(training.model.predict_row(&[3.0]), [24.5]);
        assert!(training.model.trees().len() <= 1);
    }
}

#[test]
fn wrong_inputs_are_named() {
    let table = Table::new(100);
    let data = table.data();
    let plain = Problem { data: &data, targets: &table.y, weights: None, rows: &[0, 1, 2], validation: &[] };
    let error = |problem: Problem<'_>, config: TrainConfig| {
        train(&problem, &config, |_| Decision::Continue).unwrap_err().to_string()
    };
    let default = TrainConfig::default;
    assert_eq!(
        error(Problem { targets: &[1.0], ..plain }, default()),
        "targets must have 100 entries, but has 1"
    );
    assert_eq!(error(Problem { rows: &[], ..plain }, default()), "at least one row to learn from is needed");
    let twice = "is named in `rows`, but rows must be below 100 and named once";
    assert_eq!(error(Problem { rows: &[4, 4], ..plain }, default()), format!("row 4 {twice}"));
    assert_eq!(error(Problem { rows: &[100], ..plain }, default()), format!("row 100 {twice}"));
    let config = TrainConfig { learning_rate: 0.0, ..default() };
    assert_eq!(error(plain, config), "`learning_rate` must be above 0 and at most 1, but is 0");
    let weights = [0.0_f32; 100];
    let weightless = error(Problem { weights: Some(&weights), ..plain }, default());
    assert!(weightless.starts_with("the weight of row 0 must be finite"), "{weightless}");
    let logistic = error(plain, config_of(Loss::Logistic));
    assert!(logistic.starts_with("the target of row 0 must be 0 or 1, but is "), "{logistic}");
}

fn config_of(loss: Loss) -> TrainConfig {
    TrainConfig { loss, ..TrainConfig::default() }
}

#[test]
fn bytes_read_back_are_the_model_and_small() {
    let table = Table::new(2000);
    for loss in LOSSES {
        let model = fit(&table, &TrainConfig { leaves: 31, ..config(loss) }).model;
        let bytes = model.to_bytes();
        assert_eq!(Model::from_bytes(&bytes).unwrap(), model);
        let leaves: usize = model.trees().iter().map(|tree| model.leaves(tree).len()).sum();
        assert!(bytes.len() < 9 * leaves + 3000, "{} bytes for {leaves} leaves", bytes.len());
        let json = serde_json::to_string(&model).unwrap();
        assert_eq!(serde_json::from_str::<Model>(&json).unwrap(), model);
    }
}

#[test]
fn damaged_bytes_are_errors_and_never_panics() {
    let table = Table::new(400);
    let model = fit(&table, &TrainConfig { rounds: 3, ..config(Loss::Squared) }).model;
    let bytes = model.to_bytes();
    assert!(Model::from_bytes(b"PK\x03\x04 something else").unwrap_err().to_string().contains("LCTREE"));
    assert!(Model::from_bytes(&[]).is_err());
    for length in 0..bytes.len() {
        assert!(Model::from_bytes(&bytes[..length]).is_err(), "{length}");
    }
    let mut later = bytes.clone();
    later[6] = 9;
    assert_eq!(
        Model::from_bytes(&later).unwrap_err().to_string(),
        "the model has format 9, but this version reads format 1"
    );
    let checksum = |bytes: &[u8]| {
        bytes.iter().fold(0x811c_9dc5_u32, |sum, byte| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
    };
    let body = bytes.len() - 4;
    for at in 0..body {
        for flip in [1, 0x80] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            assert!(Model::from_bytes(&damaged).is_err());
            // Whoever mends the checksum gets a model or an error, and the model predicts.
            let sum = checksum(&damaged[..body]);
            damaged[body..].copy_from_slice(&sum.to_le_bytes());
            if let Ok(model) = Model::from_bytes(&damaged) {
                let _ = model.predict_row(&vec![0.5; model.columns()]);
            }
        }
    }
}

/// Raw scores of a row that asks one branch after the other.
fn walked(model: &Model, row: &[f32]) -> Vec<f64> {
    let mut sums = model.base().to_vec();
    for (at, tree) in model.trees().iter().enumerate() {
        let mut step = match model.leaves(tree) {
            [only] => Step::Leaf(*only),
            _ => Step::Branch(0),
        };
        while let Step::Branch(branch) = step {
            let (asked, sides) = model.branch(tree, branch);
            let is_left = match asked {
                Branch::Number { column, missing_left, .. } if row[column].is_nan() => missing_left,
                Branch::Number { column, threshold, .. } => row[column] <= threshold,
                Branch::Category { column, bins } => {
                    let (codes, missing, other) = model.category_bins(column).unwrap();
                    let bin = match row[column] {
                        code if code.is_nan() => missing,
                        code => codes.get(code as usize).copied().unwrap_or(other),
                    };
                    bins[usize::from(bin / 64)] >> (bin % 64) & 1 == 1
                }
            };
            step = sides[usize::from(!is_left)];
        }
        let Step::Leaf(value) = step else { unreachable!("the loop ends at a leaf") };
        sums[at % model.outputs()] += f64::from(value);
    }
    sums
}

/// Small trees are not walked, and large ones several at a time: the leaves are the same.
#[test]
fn trees_of_any_size_give_the_leaves_that_their_branches_lead_to() {
    let table = Table::new(2000);
    for leaves in [2, 5, 31, 32, 33, 80] {
        for loss in [Loss::Squared, Loss::Softmax { classes: 3 }] {
            let config = TrainConfig { leaves, min_rows: 2, rounds: 12, ..config(loss) };
            let model = fit(&table, &config).model;
            let most = model.trees().iter().map(|tree| model.leaves(tree).len()).max();
            assert_eq!(most, Some(leaves));
            for row in (0..2000).step_by(7) {
                let mut cells = table.row(row);
                if row % 3 == 0 {
                    cells[row / 3 % 3] = f32::NAN;
                }
                let (found, expected) = (model.score_row(&cells), walked(&model, &cells));
                let same = |(a, b): (&f64, &f64)| (a - b).abs() <= 1e-9 * b.abs().max(1.0);
                assert!(found.iter().zip(&expected).all(same), "{leaves} {found:?} {expected:?}");
            }
        }
    }
}
