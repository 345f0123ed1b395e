//! `lightcrest surrogate`: the posterior of the Gaussian process.

use std::path::{Path, PathBuf};

use lightcrest_report::{Question, page, surrogate as draw};

use crate::arguments::SurrogateArguments;
use crate::error::CliError;
use crate::recorded::Recorded;
use crate::run::{RunFolder, write_file};
use crate::terminal::print;

/// How many pictures a page holds: with one parameter, and with two.
const FRAMES: [usize; 2] = [80, 30];

/// Writes the page and prints its last picture in words.
pub(crate) fn surrogate(arguments: &SurrogateArguments) -> Result<(), CliError> {
    let (recorded, beside) = open(&arguments.study)?;
    let question = Question {
        parameters: arguments.parameters.iter().map(String::as_str).collect(),
        objective: arguments.objective.as_deref(),
        finished: arguments.trial.map(|n| n as usize),
        points: arguments.points.map(usize::from),
        frames: FRAMES[usize::from(arguments.parameters.len() > 1)],
    };
    let drawn = draw(&recorded.view, &question, &recorded.proposer())?;
    let path = arguments.out.clone().unwrap_or(beside);
    let page = page::surrogate(&recorded.view.definition.name, &drawn);
    write_file(&path, page.as_bytes())?;
    let words = drawn.frames.last().map(|frame| frame.text.join("\n")).unwrap_or_default();
    print(&format!("{words}\n{}", path.display()))
}

/// The study, and where its page belongs.
fn open(study: &Path) -> Result<(Recorded, PathBuf), CliError> {
    let folder = match study.is_file() {
        // A run's own database brings the run along.
        true if study.file_name().is_some_and(|name| name == "study.db") => {
            study.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
        }
        true => None,
        false => Some(study),
    };
    match folder {
        Some(root) => {
            let folder = RunFolder::open(root)?;
            Ok((Recorded::read(&folder)?, folder.surrogate()))
        }
        None => Ok((Recorded::read_database(study)?, study.with_file_name("surrogate.html"))),
    }
}
