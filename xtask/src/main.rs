//! What developers run: `cargo xtask test`, `cargo xtask bench NAME` and `cargo xtask fuzz NAME`.
//!
//! Every step prints the command that it runs, so that a failing one can be repeated by hand.
#![allow(clippy::print_stdout)]

mod bench;
mod fuzz;
mod process;
mod python;
mod server;
mod test;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask COMMAND

  test          format, clippy, all tests, doc tests, documentation, ONNX files against onnxruntime,
                the Python package, Ray and Dask; with --long more storms over studies that workers share
  bench train   training and inference speed against PyTorch and onnxruntime, network by network
                (--net NAME for one of them, --accuracy for the accuracy after three epochs instead)
  bench search SPEC   hypervolume of a spec's front under its sampler and under random search, budgets alike
                (--seeds N, default 5; --trials N or --time 5m, default the spec's budget; without refit; --peer beside Optuna and PyTorch)
  bench study   what a study costs a trial beside its objective, from Python, beside Optuna and Rustuna; and how many trials a second threads
                and processes make (--rounds N, default 5)
  bench figures   how long figures take from Python, beside Optuna (--trials N,M, default 1000,4000; --rounds N, default 3)
  bench storage   trials a second that 1, 4 and 8 processes make on one study in SQLite and PostgreSQL, beside Optuna and Rustuna, and how long
                studies of 1,000 and 100,000 trials take to open and to go on (--trials N, default 400); with a URL only ours on that database,
                with --large [N] how long one of 100,000 trials takes to open and to go on, and its memory
  bench bo      regret of the samplers on suites of tuning problems (--suite A,B, --task A,B, --sampler 'A;B', --seeds 0-9,
                --budget 100, --threads 2), beside peers (--peer 'optuna_tpe;hyperopt_tpe;smac;egobox;optimizer_gp';
                Optuna's are optuna_gp, _tpe, _cmaes, _nsga2, _nsga3, _qmc, _random);
                --speed for the time of an ask instead; with pruners at equal numbers of epochs on learning curves
                (--suite curves,curve_tables,digits --sampler 'gp+halving;random+hyperband')
  bench compress   ONNX files of PyPI packages through what reads, normalises and writes them, compared in onnxruntime
                (--part round-trip, the default; --part low-rank for what decomposition saves and loses on four of them;
                --part exports for torchvision's families as torch exports them, which fetches torch; --part reach for
                what pruning half of the channels saves of both, beside other tools; --part search for what
                `lightcrest compress` finds beside random search, uniform L1 and EVBMF ranks, with --seeds, --trials and --time of bench search;
                --part int8 for `lightcrest quantize` beside onnxruntime's quantizer)
  bench table   `lightcrest fit` beside LightGBM's defaults and FLAML on tables of PyPI packages, one thread each (--table A,B;
                --seeds 0,1,2; --time 60; --peers ours,lightgbm,flaml,autogluon; --reuse takes what peers did in an earlier run)
                --part trees for loss, training time and latency of the trees beside LightGBM and scikit-learn at the same settings;
                --part onnx for models as ONNX in onnxruntime beside our predictions, which must be equal;
                --part portfolio for what configurations score on each table (--time is the seconds of a table), and a list of the best
  fuzz onnx     damages those files and reads, infers, normalises and writes what is left of them (--minutes N, default 1)
  fuzz table    damages tables and models of tables and reads, splits and predicts with what is left of them (--minutes N)
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["test"] => test::run_all(false),
        ["test", "--long"] => test::run_all(true),
        ["bench", "train", rest @ ..] => bench::train(rest),
        ["bench", "search", rest @ ..] => bench::search(rest),
        ["bench", "study", rest @ ..] => bench::study(rest),
        ["bench", "storage", rest @ ..] => bench::storage(rest),
        ["bench", "figures", rest @ ..] => bench::figures(rest),
        ["bench", "bo", rest @ ..] => bench::bo(rest),
        ["bench", "compress", rest @ ..] => bench::compress(rest),
        ["bench", "table", rest @ ..] => bench::table(rest),
        ["fuzz", rest @ ..] => fuzz::fuzz(rest),
        ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(format!("unknown command `{}`\n\n{HELP}", words.join(" "))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
