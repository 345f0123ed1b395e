//! The program `lightcrest`.

mod arguments;
mod commands;
mod data_path;
mod deliver;
mod engine_log;
mod error;
mod images;
mod output;
mod prepare;
mod progress;
mod recorded;
mod run;
mod session;
mod spec_file;
mod stop;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};

fn main() -> ExitCode {
    engine_log::install();
    let result = match Arguments::parse().command {
        Command::Search(arguments) => commands::search(&arguments),
        Command::Tune(arguments) => commands::tune(&arguments),
        Command::Train(arguments) => commands::train(&arguments),
        Command::Show(arguments) => commands::show(&arguments),
        Command::Report(arguments) => commands::report(&arguments),
        Command::Surrogate(arguments) => commands::surrogate(&arguments),
        Command::Check(arguments) => commands::check(&arguments),
        Command::Schema(arguments) => commands::schema(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", error.report());
            ExitCode::from(error.exit_code())
        }
    }
}
