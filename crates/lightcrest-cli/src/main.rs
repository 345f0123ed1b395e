//! The program `lightcrest`.

// What cannot be said must not end the program: see `terminal`.
#![warn(clippy::print_stderr)]

mod arguments;
mod calibration;
mod commands;
mod data_path;
mod deliver;
mod engine_log;
mod error;
mod images;
mod keeper;
mod onnx;
mod output;
mod place;
mod plain;
mod prepare;
mod progress;
mod recorded;
mod refit;
mod run;
mod runtime;
mod session;
mod spec_file;
mod stop;
mod target;
mod terminal;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use error::CliError;

fn main() -> ExitCode {
    engine_log::install();
    match Arguments::try_parse().map_or_else(refuse, |arguments| run(&arguments.command)) {
        Ok(code) => code,
        Err(error) => {
            terminal::tell(&error.report());
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(command: &Command) -> Result<ExitCode, CliError> {
    let result = match command {
        Command::Search(arguments) => commands::search(arguments),
        Command::Tune(arguments) => commands::tune(arguments),
        Command::Compress(arguments) => commands::compress(&arguments.study, &arguments.engine),
        Command::Fit(arguments) => commands::fit(arguments),
        Command::Predict(arguments) => commands::predict(arguments),
        Command::Train(arguments) => commands::train(arguments),
        Command::Cost(arguments) => commands::cost(arguments),
        Command::Latency(arguments) => commands::latency(arguments),
        Command::Worker(arguments) => commands::worker(arguments),
        Command::Studies(arguments) => commands::studies(arguments),
        Command::Show(arguments) => commands::show(arguments),
        Command::Report(arguments) => commands::report(arguments),
        Command::Surrogate(arguments) => commands::surrogate(arguments),
        Command::Prune(arguments) => commands::prune(arguments),
        Command::Decompose(arguments) => commands::decompose(arguments),
        Command::Quantize(arguments) => commands::quantize(arguments),
        Command::Check(arguments) => commands::check(arguments),
        Command::Schema(arguments) => commands::schema(arguments),
    };
    result.map(|()| ExitCode::SUCCESS)
}

/// Says what is wrong with the command line, or the help that it asks for, which is a result.
fn refuse(error: clap::Error) -> Result<ExitCode, CliError> {
    let printed = error.print();
    if !error.use_stderr() {
        terminal::written(printed.and_then(|()| std::io::stdout().flush()))?;
    }
    Ok(ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2)))
}
