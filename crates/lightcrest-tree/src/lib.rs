//! Gradient boosting and forests of decision trees: arrays in, arrays out. Knows nothing of tables.
//!
//! | symbol | name in the code | shape | meaning |
//! |---|---|---|---|
//! | X | [`Column`] | d columns of n | features: numbers (f32, NaN missing) or categories (codes, [`MISSING`] missing) |
//! | y, w | `targets`, `weights` | n | what is learned, and how much each row counts |
//! | F | `scores` | K x n | raw scores: base + sum of the trees, one row an output |
//! | g, h | `gradient`, `hessian` | n | first and second derivative of the loss in F ([`Loss`]) |
//! | G, H | `Cell` | 1 | sums of g and h over the rows of a leaf or a bin |
//! | λ, α | `l2`, `l1` | 1 | penalties of a leaf's value |
//! | η | `learning_rate` | 1 | shrinkage |
//!
//! # Method
//! A round adds one tree an output to the scores, in the direction in which the loss falls: gradient boosting
//! (Friedman 2001, "Greedy function approximation", algorithm 1), with the second order of Newton's method
//! (Chen & Guestrin 2016, "XGBoost"): a leaf with sums G and H has the value `w = -T(G) / (H + λ)` (equation
//! 5, with the soft threshold `T(G) = sign(G) max(|G| - α, 0)`), and a split of a leaf into L and R gains
//!
//! ```text
//! T(G_L)² / (H_L + λ) + T(G_R)² / (H_R + λ) - T(G)² / (H + λ)        (equation 7, without the factor 1/2)
//! ```
//!
//! Trees grow leaf by leaf, the leaf with the largest gain first, on histograms of at most 255 bins a
//! feature; the histogram of the larger child is the parent's minus the smaller child's; categories are
//! ordered by `G / (H + smoothing)` before they are cut in two; missing values take the side that gains more
//! (Ke et al. 2017, "LightGBM"; Chen & Guestrin 2016, algorithm 3). Each module says more of its part.
//!
//! # What is exact
//! - Histograms are sums of integers (`histogram`): they are the same in any order, so a model has the same
//!   bits on any number of threads.
//! - Bins end at f32 edges and features are f32: a row takes the same way through a tree whether it is
//!   binned, predicted alone, in a batch, or by an ONNX runtime that compares in f32.
//! - The values of leaves lie on a grid so coarse that their f32 sums are exact in any order (`model::grid`).
//!
//! # Example
//! ```
//! use lightcrest_tree::{Column, Dataset, BinningConfig, Loss, Patience, Problem, TrainConfig, train};
//!
//! # fn main() -> Result<(), lightcrest_tree::TreeError> {
//! let size: Vec<f32> = (0..400).map(|i| (i % 40) as f32).collect();
//! let colour: Vec<u32> = (0..400).map(|i| i % 3).collect();
//! let bought: Vec<f64> = (0..400).map(|i| f64::from((i % 40 > 20) != (i % 3 == 1))).collect();
//!
//! // Binned once; trials and folds name the rows that they use.
//! let data = Dataset::new(&[Column::Number(&size), Column::Category(&colour)], &BinningConfig::default())?;
//! let (rows, validation): (Vec<u32>, Vec<u32>) = (0..400).partition(|row| row % 4 != 0);
//! let problem =
//!     Problem { data: &data, targets: &bought, weights: None, rows: &rows, validation: &validation };
//! let config = TrainConfig { loss: Loss::Logistic, rounds: 200, leaves: 8, ..TrainConfig::default() };
//! // The callback hears the validation loss of every round: a pruner may stop here, too.
//! let mut patience = Patience::new(10);
//! let training = train(&problem, &config, |round| patience.judge(round.validation_loss))?;
//!
//! // A row of numbers: categories are their codes, NaN is missing in both kinds.
//! let model = training.model;
//! let probability = model.predict_row(&[30.0, 0.0])[0];
//! assert!(probability > 0.9);
//! assert_eq!(lightcrest_tree::Model::from_bytes(&model.to_bytes())?, model);
//! # Ok(())
//! # }
//! ```

mod binning;
mod column;
mod config;
mod dataset;
mod error;
mod grow;
mod histogram;
mod loss;
mod model;
mod patience;
mod sample;
mod split;
mod train;

pub use binning::BinningConfig;
pub use column::{Column, MISSING};
pub use config::{CategoryConfig, Mode, Monotone, TrainConfig};
pub use dataset::Dataset;
pub use error::{BytesError, TreeError};
pub use loss::{Link, Loss};
pub use model::{Branch, Importance, Model, Step, Tree};
pub use patience::{Decision, Patience};
pub use train::{Problem, Round, Training, train};
