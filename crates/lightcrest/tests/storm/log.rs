//! The history of one worker as a file: a line before each call, and one after it. A worker that is killed
//! leaves a call without its second line.

use lightcrest::testing::{Deed, Event, Outcome};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64
}

/// Which run of which trial.
pub(crate) type Run = (u64, u64, u64);

/// Writes the history of this worker.
pub(crate) struct Log(File);

impl Log {
    pub(crate) fn new(path: &Path) -> Self {
        Self(File::create(path).unwrap())
    }

    fn line(&mut self, line: &str) {
        self.0.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Before a call. The run is not known yet where it is a claim.
    pub(crate) fn begin(&mut self, deed: &Deed, (number, attempt, token): Run) {
        let deed = match deed {
            Deed::Claim => "claim 0 0".to_owned(),
            Deed::Report { step, value } => format!("report {step} {:x}", value.to_bits()),
            Deed::Finish { value } => format!("finish 0 {:x}", value.to_bits()),
        };
        self.line(&format!("{} {number} {attempt} {token} {deed}", now()));
    }

    /// After it.
    pub(crate) fn end(&mut self, outcome: Outcome, (number, attempt, token): Run) {
        self.line(&format!("{} {number} {attempt} {token} end {outcome:?}", now()));
    }
}

/// The events of all histories.
pub(crate) fn read(paths: &[PathBuf]) -> Vec<Event> {
    let mut events = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        // The last line may be cut.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut open: Option<Event> = None;
        for line in whole.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |i: usize| words[i].parse::<u64>().unwrap();
            if words[4] == "end" {
                let mut event = open.take().unwrap();
                (event.ended, event.number, event.attempt, event.token) =
                    (number(0), number(1), number(2), number(3));
                event.outcome = match words[5] {
                    "Acknowledged" => Outcome::Acknowledged,
                    "Sent" => Outcome::Sent,
                    "Refused" => Outcome::Refused,
                    _ => Outcome::Unknown,
                };
                events.push(event);
                continue;
            }
            let value = f64::from_bits(u64::from_str_radix(words[6], 16).unwrap());
            let deed = match words[4] {
                "claim" => Deed::Claim,
                "report" => Deed::Report { step: number(5), value },
                _ => Deed::Finish { value },
            };
            let (number, attempt, token) = (number(1), number(2), number(3));
            let (begun, ended, outcome) = (words[0].parse().unwrap(), u64::MAX, Outcome::Unknown);
            open = Some(Event { begun, ended, deed, number, attempt, token, outcome });
        }
        events.extend(open);
    }
    // Nobody knows what was claimed by a claim that nobody heard of.
    events.retain(|event| event.deed != Deed::Claim || event.outcome == Outcome::Acknowledged);
    events
}
