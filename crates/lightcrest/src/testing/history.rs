//! What several workers did to one study, checked afterwards.
//!
//! Each worker keeps an [`Event`] of every call that it made: when it began and ended, of which run of which
//! trial it was, and whether the storage acknowledged it. A worker that is killed leaves its last call
//! without an outcome: it may have happened or not. [`check_history`] compares all of these with the trials
//! as they are in the end.
//!
//! | | holds |
//! |---|---|
//! | I1 | numbers are 0, 1, 2, ... |
//! | I2 | what was acknowledged as finished is there, with exactly these values, of that run |
//! | I3 | no trial was acknowledged as finished twice |
//! | I4 | a trial is claimed again only with a higher attempt |
//! | I5 | nothing of a run was acknowledged that began after a later claim of the trial had ended |
//! | I6 | no trial was begun more often than the retries allow; what vanished too often says so |
//! | I8 | what was enqueued kept its configuration |
//! | I9 | nothing runs |
//! | I10 | the reports of a run that finished are the first that it sent, with all that were taken |
//!
//! I7, that whoever follows the changes sees the final table, is for the reader to check: see
//! [`follow`](super::follow).

use crate::history::{FrozenTrial, TrialState};
use crate::space::Configuration;
use std::collections::BTreeMap;

/// What a worker did.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// It asked for a trial.
    Claim,
    /// It reported.
    Report {
        /// The step.
        step: u64,
        /// The value.
        value: f64,
    },
    /// It finished the trial.
    Finish {
        /// The value.
        value: f64,
    },
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The storage acknowledged it.
    Acknowledged,
    /// It is on its way: if the run ends by itself, it is kept, else it may be refused.
    Sent,
    /// The storage refused it.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// One call of one worker. Of a claim that was not acknowledged the run is not known; it is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When it began, by a clock that all workers share, in nanoseconds.
    pub begun: u64,
    /// When it ended; `u64::MAX` if it did not.
    pub ended: u64,
    /// What was done.
    pub deed: Deed,
    /// To which trial.
    pub number: u64,
    /// In which of its attempts.
    pub attempt: u64,
    /// In which run.
    pub token: u64,
    /// What came of it.
    pub outcome: Outcome,
}

impl Event {
    fn is_acknowledged(&self) -> bool {
        self.outcome == Outcome::Acknowledged
    }
}

/// What does not hold, in words; nothing if everything does. `enqueued`: the configurations of the first
/// trials. `crashes`: whether the database itself crashed, and may have lost that a trial had begun; then
/// another run may have the same attempt, and I4 is not asked for.
pub fn check_history(
    events: &[Event],
    trials: &[FrozenTrial],
    retries: u64,
    enqueued: &[Configuration],
    crashes: bool,
) -> Vec<String> {
    let mut by_trial: BTreeMap<u64, Vec<&Event>> = BTreeMap::new();
    for event in events {
        by_trial.entry(event.number).or_default().push(event);
    }
    let mut broken = Vec::new();
    for (i, trial) in trials.iter().enumerate() {
        if trial.number != i as u64 {
            broken.push(format!("I1: trial {} is at place {i}", trial.number));
        }
        if trial.attempt > retries + 1 {
            broken.push(format!("I6: trial {i} was begun {} times", trial.attempt));
        }
        let vanished = trial.reason.as_deref().is_some_and(|reason| reason.contains("vanished"));
        if vanished && (trial.state != TrialState::Failed || trial.attempt != retries + 1) {
            broken.push(format!("I6: trial {i} vanished in attempt {}, as {}", trial.attempt, trial.state));
        }
        if trial.state == TrialState::Running {
            broken.push(format!("I9: trial {i} runs"));
        }
    }
    for (number, configuration) in enqueued.iter().enumerate() {
        if trials.get(number).is_none_or(|trial| trial.configuration != *configuration) {
            broken.push(format!("I8: trial {number} was enqueued with {configuration}"));
        }
    }
    for (number, events) in by_trial {
        match trials.get(number as usize) {
            Some(trial) => check_trial(trial, &events, crashes, &mut broken),
            None if !crashes && events.iter().any(|event| event.is_acknowledged()) => {
                broken.push(format!("I2: trial {number} is not there"));
            }
            None if events.iter().any(|e| e.is_acknowledged() && matches!(e.deed, Deed::Finish { .. })) => {
                broken.push(format!("I2: trial {number} was finished and is not there"));
            }
            None => {}
        }
    }
    broken
}

fn check_trial(trial: &FrozenTrial, events: &[&Event], crashes: bool, broken: &mut Vec<String>) {
    let number = trial.number;
    let acknowledged = || events.iter().filter(|event| event.is_acknowledged());
    let claims: Vec<_> = acknowledged().filter(|event| event.deed == Deed::Claim).collect();
    let finished: Vec<_> = acknowledged().filter(|event| matches!(event.deed, Deed::Finish { .. })).collect();
    if finished.len() > 1 {
        broken.push(format!("I3: trial {number} was finished {} times", finished.len()));
    }
    for event in &finished {
        let Deed::Finish { value } = event.deed else { continue };
        let same = trial.values.as_deref().is_some_and(|values| values == [value]);
        let own = trial.claim.is_some_and(|claim| claim.token == event.token);
        if trial.state != TrialState::Complete || !same || !own {
            let Event { token, attempt, .. } = event;
            broken.push(format!(
                "I2: run {token:x} finished trial {number} with {value} in attempt {attempt}, but it is {} with {:?} \
                 in attempt {}",
                trial.state, trial.values, trial.attempt
            ));
        }
    }
    for claim in &claims {
        for other in claims.iter().filter(|other| other.token != claim.token) {
            if crashes {
                continue;
            }
            if other.attempt == claim.attempt
                || (other.attempt > claim.attempt) != (other.ended > claim.ended)
            {
                let (a, b) = (claim.attempt, other.attempt);
                broken.push(format!(
                    "I4: trial {number} was claimed for attempts {a} and {b} in another order"
                ));
            }
        }
        for event in acknowledged().filter(|event| event.token != claim.token) {
            if event.attempt < claim.attempt && event.begun > claim.ended {
                let Event { deed, attempt, .. } = event;
                let later = claim.attempt;
                broken.push(format!(
                    "I5: {deed:?} of attempt {attempt} of trial {number} came after the claim of attempt {later}"
                ));
            }
        }
    }
    if let Some(claim) = trial.claim.filter(|_| trial.state == TrialState::Complete) {
        let of_run = || events.iter().filter(|event| event.token == claim.token);
        let sent = of_run().filter_map(|event| match event.deed {
            Deed::Report { step, value } => Some((step, vec![value])),
            _ => None,
        });
        let sent: Vec<_> = sent.collect();
        let kept = |event: &Event| event.is_acknowledged() || event.outcome == Outcome::Sent;
        let report = |event: &&&Event| matches!(event.deed, Deed::Report { .. }) && kept(event);
        let certain = of_run().filter(report).count();
        if !sent.starts_with(&trial.reports) || trial.reports.len() < certain {
            let found = &trial.reports;
            broken
                .push(format!("I10: trial {number} has {found:?} of {sent:?}, of which {certain} were kept"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Claim;

    fn event(begun: u64, ended: u64, attempt: u64, token: u64, deed: Deed) -> Event {
        Event { begun, ended, deed, number: 0, attempt, token, outcome: Outcome::Acknowledged }
    }

    fn complete(token: u64, value: f64) -> FrozenTrial {
        let mut trial = FrozenTrial::complete(0, Configuration::new(), vec![value]);
        (trial.attempt, trial.claim) = (1, Some(Claim { token, leased: true }));
        trial.reports = vec![(1, vec![0.5])];
        trial
    }

    fn good() -> (Vec<Event>, FrozenTrial) {
        let report = Deed::Report { step: 1, value: 0.5 };
        let events = vec![
            event(0, 1, 1, 7, Deed::Claim),
            event(2, 3, 1, 7, report),
            event(4, 5, 1, 7, Deed::Finish { value: 0.25 }),
        ];
        (events, complete(7, 0.25))
    }

    /// Which invariant is broken first.
    fn broken(events: &[Event], trial: &FrozenTrial) -> String {
        let found = check_history(events, std::slice::from_ref(trial), 1, &[], false);
        found.first().map_or(String::new(), |text| text.split(':').next().unwrap_or("").to_owned())
    }

    #[test]
    fn what_holds_holds() {
        let (events, trial) = good();
        assert_eq!(broken(&events, &trial), "");
        // A worker that was killed as it finished may have been heard or not.
        let mut unheard = events.clone();
        unheard[2].outcome = Outcome::Unknown;
        let waiting = FrozenTrial { attempt: 1, ..FrozenTrial::waiting(0, Configuration::new()) };
        assert_eq!(broken(&unheard, &trial), "");
        assert_eq!(broken(&unheard, &waiting), "");
    }

    #[test]
    fn each_fault_is_found() {
        let (events, trial) = good();
        let check = |name: &str, change: &dyn Fn(&mut Vec<Event>, &mut FrozenTrial)| {
            let (mut events, mut trial) = (events.clone(), trial.clone());
            change(&mut events, &mut trial);
            assert_eq!(broken(&events, &trial), name);
        };
        check("I1", &|_, trial| trial.number = 1);
        check("I2", &|_, trial| trial.values = Some(vec![0.26]));
        check("I2", &|_, trial| trial.claim = Some(Claim { token: 8, leased: true }));
        check("I2", &|_, trial| trial.state = TrialState::Waiting);
        check("I3", &|events, _| events.push(event(6, 7, 1, 7, Deed::Finish { value: 0.25 })));
        check("I4", &|events, _| events.push(event(1, 2, 1, 9, Deed::Claim)));
        check("I5", &|events, trial| {
            events.insert(0, event(0, 0, 0, 9, Deed::Claim));
            events.insert(2, event(9, 10, 0, 9, Deed::Report { step: 2, value: 1.0 }));
            trial.attempt = 1;
        });
        check("I6", &|_, trial| trial.attempt = 3);
        check("I6", &|events, trial| {
            events.clear();
            (trial.state, trial.reason) = (TrialState::Failed, Some("its worker vanished once".to_owned()));
        });
        check("I9", &|events, trial| {
            events.clear();
            trial.state = TrialState::Running;
        });
        check("I10", &|_, trial| trial.reports.clear());
        check("I10", &|events, trial| {
            events[1].outcome = Outcome::Sent;
            trial.reports.clear();
        });
        check("I10", &|_, trial| trial.reports.push((2, vec![0.5])));
        let found = check_history(
            &events,
            std::slice::from_ref(&trial),
            1,
            &[[("x", 0.5)].into_iter().collect()],
            false,
        );
        assert!(found[0].starts_with("I8"), "{found:?}");
    }
}
