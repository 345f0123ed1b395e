//! `lightcrest surrogate`: the posterior of the Gaussian process.

use lightcrest_report::{Question, page, surrogate as draw};

use super::show::open;
use crate::arguments::SurrogateArguments;
use crate::error::CliError;
use crate::run::write_file;
use crate::terminal::print;

/// How many pictures a page holds: with one parameter, and with two.
const FRAMES: [usize; 2] = [80, 30];

/// Writes the page and prints its last picture in words.
pub(crate) fn surrogate(arguments: &SurrogateArguments) -> Result<(), CliError> {
    let (recorded, folder) = open(&arguments.of)?;
    let question = Question {
        parameters: arguments.parameters.iter().map(String::as_str).collect(),
        objective: arguments.objective.as_deref(),
        finished: arguments.trial.map(|n| n as usize),
        points: arguments.points.map(usize::from),
        frames: FRAMES[usize::from(arguments.parameters.len() > 1)],
    };
    let drawn = draw(&recorded.view, &question, &recorded.proposer())?;
    let path = arguments.out.clone().unwrap_or_else(|| folder.join("surrogate.html"));
    let page = page::surrogate(&recorded.view.definition.name, &drawn);
    write_file(&path, page.as_bytes())?;
    let words = drawn.frames.last().map(|frame| frame.text.join("\n")).unwrap_or_default();
    print(&format!("{words}\n{}", path.display()))
}
