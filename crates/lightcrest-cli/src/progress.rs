//! What a search shows while it runs: bars on a terminal, plain lines elsewhere.
//!
//! All of it goes to stderr, so that stdout holds the result alone.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use lightcrest::history::{FrozenTrial, History, TrialState};
use lightcrest::objective::ObjectiveInfo;
use lightcrest::pareto::Archive;
use lightcrest::{Configuration, Observer};
use lightcrest_report::metric::{self, Kind};

use crate::engine_log;
use crate::plain::plain;
use crate::terminal::{Style, say, tell};

/// How many steps a configuration takes, where it says so.
pub(crate) type Count<'a> = Box<dyn Fn(&Configuration) -> Option<u64> + Sync + 'a>;

/// The steps that a trial reports.
pub(crate) struct Steps<'a> {
    /// What one of them is: `epoch`.
    pub(crate) unit: &'static str,
    /// How many there are.
    pub(crate) of: Count<'a>,
}

/// The progress of a search.
pub(crate) struct Progress<'a> {
    style: Style,
    objectives: Vec<ObjectiveInfo>,
    steps: Steps<'a>,
    limit: Option<usize>,
    deadline: Option<Instant>,
    begun: Instant,
    bars: MultiProgress,
    total: ProgressBar,
    best: ProgressBar,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: BTreeMap<u64, Running>,
    /// Oriented values of the feasible complete trials that are on the front.
    front: Archive<()>,
    /// Before this run began, and in it.
    finished: usize,
    finished_now: usize,
    /// In other processes meanwhile.
    elsewhere: usize,
}

impl State {
    fn total(&self) -> usize {
        self.finished + self.elsewhere
    }
}

struct Running {
    bar: ProgressBar,
    steps: Option<u64>,
    /// The objective that the first reported value belongs to.
    reported: usize,
}

impl<'a> Progress<'a> {
    /// Begins with what is already in the history; `limit` is the number of trials of the whole study.
    pub(crate) fn new(
        style: Style,
        history: &History,
        limit: Option<usize>,
        timeout: Option<Duration>,
        steps: Steps<'a>,
    ) -> Self {
        let target =
            if style == Style::Bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bars = MultiProgress::with_draw_target(target);
        engine_log::show(Some((style, bars.clone())));
        let total =
            bars.add(limit.map_or_else(ProgressBar::no_length, |limit| ProgressBar::new(limit as u64)));
        let template = match limit {
            Some(_) => "{prefix:>8} {bar:32.cyan/dim} {pos}/{len}  {wide_msg}",
            None => "{prefix:>8} {pos} done  {wide_msg}",
        };
        total.set_style(style_of(template));
        total.set_prefix("trials");
        let best = bars.add(ProgressBar::no_length());
        best.set_style(style_of("{prefix:>8} {wide_msg}"));
        best.set_prefix("best");
        let feasible = history.complete().filter(|trial| trial.is_feasible());
        let front = feasible.filter_map(|trial| Some((history.oriented(trial)?, ()))).collect();
        let finished = history.finished();
        let progress = Self {
            style,
            objectives: history.objectives().to_vec(),
            steps,
            limit,
            deadline: timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
            begun: Instant::now(),
            bars,
            total,
            best,
            state: Mutex::new(State { front, finished, ..State::default() }),
        };
        progress.summarize(&progress.state());
        progress
    }

    /// Prints a line without disturbing the bars.
    pub(crate) fn say(&self, line: &str) {
        say(self.style, &self.bars, line);
    }

    /// Takes the bars away.
    pub(crate) fn close(&self) {
        engine_log::show(None);
        drop(self.bars.clear());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn summarize(&self, state: &State) {
        self.total.set_position(state.total() as u64);
        self.total.set_message(self.time_left(state).map_or_else(String::new, |left| format!("{left} left")));
        self.best.set_message(self.best_so_far(state));
    }

    /// The mean pace of all who work on the study, and never longer than the budget's time.
    fn time_left(&self, state: &State) -> Option<String> {
        let budget = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let pace = self.limit.filter(|_| state.finished_now > 0).map(|limit| {
            let remaining = limit.saturating_sub(state.total()) as f64;
            self.begun.elapsed().mul_f64(remaining / (state.finished_now + state.elsewhere) as f64)
        });
        let left = pace.into_iter().chain(budget).min()?;
        Some(metric::duration(left.as_secs_f64().round()))
    }

    fn best_so_far(&self, state: &State) -> String {
        let Some(first) = self.objectives.first() else { return String::new() };
        let best = state.front.points().map(|point| point[0]).reduce(f64::max);
        let Some(best) = best else { return "none yet".into() };
        let value = Kind::of(&first.name).format(first.direction.orient(best));
        let mut text = format!("{} {value}", metric::label(&first.name).to_lowercase());
        if self.objectives.len() > 1 {
            text.push_str(&format!(", front of {}", state.front.len()));
        }
        text
    }

    fn describe(&self, trial: &FrozenTrial) -> String {
        let number = trial.number;
        let time = trial
            .duration_ms()
            .map_or_else(String::new, |ms| format!(" ({})", metric::duration(ms as f64 / 1000.0)));
        match (trial.state, &trial.values) {
            (TrialState::Complete, Some(values)) => {
                let values = self.objectives.iter().zip(values).map(|(objective, value)| {
                    format!(
                        "{} {}",
                        metric::label(&objective.name).to_lowercase(),
                        Kind::of(&objective.name).format(*value)
                    )
                });
                format!("trial {number}: {}{time}", values.collect::<Vec<_>>().join(", "))
            }
            (state, _) => {
                let verb = if state == TrialState::Pruned { "stopped early" } else { "failed" };
                let reason =
                    trial.reason.as_deref().map_or_else(String::new, |reason| format!(": {}", plain(reason)));
                format!("trial {number}: {verb}{reason}{time}")
            }
        }
    }
}

/// A bar over the steps of something that follows the trials.
pub(crate) fn steps(style: Style, title: &str, count: usize) -> ProgressBar {
    let target =
        if style == Style::Bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(count as u64), target);
    bar.set_style(style_of("{prefix:>8} {bar:32.cyan/dim} {pos}/{len}  {wide_msg}"));
    bar.set_prefix(title.to_owned());
    if style == Style::Lines && count > 0 {
        tell(&format!("{title} of the front: {count} to do"));
    }
    bar
}

fn style_of(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).expect("the template is a constant of this file");
    style.progress_chars("━╸─")
}

impl Observer for Progress<'_> {
    fn started(&self, trial: &FrozenTrial) {
        let bar = self.bars.add(ProgressBar::no_length());
        let steps = (self.steps.of)(&trial.configuration);
        bar.set_style(style_of("{prefix:>8} {spinner} {wide_msg}"));
        bar.set_prefix(format!("#{}", trial.number));
        bar.set_message("begins");
        if self.style == Style::Bars {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        let reported = trial.known.iter().position(Option::is_none).unwrap_or(0);
        self.state().running.insert(trial.number, Running { bar, steps, reported });
    }

    fn reported(&self, number: u64, step: u64, values: &[f64]) {
        let state = self.state();
        let Some(running) = state.running.get(&number) else { return };
        let total = running.steps.map_or_else(String::new, |steps| format!("/{steps}"));
        let value = match (self.objectives.get(running.reported), values.first()) {
            (Some(objective), Some(value)) => {
                format!(
                    "  {} {}",
                    metric::label(&objective.name).to_lowercase(),
                    Kind::of(&objective.name).format(*value)
                )
            }
            _ => String::new(),
        };
        running.bar.set_message(format!("{} {step}{total}{value}", self.steps.unit));
    }

    fn elsewhere(&self, finished: usize) {
        self.state().elsewhere = finished;
    }

    fn finished(&self, trial: &FrozenTrial) {
        let mut state = self.state();
        if let Some(running) = state.running.remove(&trial.number) {
            self.bars.remove(&running.bar);
        }
        state.finished += 1;
        state.finished_now += 1;
        if let Some(values) = trial.values.as_deref().filter(|_| trial.is_feasible()) {
            state.front.insert(lightcrest::objective::orient(&self.objectives, values), ());
        }
        self.summarize(&state);
        if self.style == Style::Lines {
            let total = self.limit.map_or_else(String::new, |limit| format!("/{limit}"));
            let left = self.time_left(&state).map_or_else(String::new, |left| format!(", {left} left"));
            tell(&format!("{}  [{}{total}{left}]", self.describe(trial), state.total()));
        }
    }

    fn interrupted(&self, trial: &FrozenTrial) {
        if let Some(running) = self.state().running.remove(&trial.number) {
            self.bars.remove(&running.bar);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_trial_says_what_became_of_it() {
        let objectives =
            vec![ObjectiveInfo::maximize("validation_accuracy"), ObjectiveInfo::minimize("macs")];
        let history = History::new(objectives);
        let steps = Steps { unit: "epoch", of: Box::new(|_| Some(8)) };
        let progress = Progress::new(Style::Quiet, &history, Some(4), None, steps);
        let mut trial = FrozenTrial::complete(3, Configuration::new(), vec![0.9722, 123_456.0]);
        trial.started = Some(1_000);
        trial.finished = Some(5_250);
        assert_eq!(progress.describe(&trial), "trial 3: validation accuracy 97.22%, macs 123 k (4.25 s)");
        progress.started(&trial);
        progress.reported(3, 2, &[0.5]);
        progress.finished(&trial);
        assert_eq!(progress.best_so_far(&progress.state()), "validation accuracy 97.22%, front of 1");
        trial.state = TrialState::Failed;
        trial.reason = Some("the loss is not finite".into());
        trial.values = None;
        assert_eq!(progress.describe(&trial), "trial 3: failed: the loss is not finite (4.25 s)");
    }
}
