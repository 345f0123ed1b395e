//! One picture: the study as it was, the cut through its best trial, the posterior along it, and the same in
//! words.

use std::collections::BTreeMap;

use lightcrest::history::{FrozenTrial, History, TrialState};
use lightcrest::objective::Direction;
use lightcrest::sampler::{Context, Estimate, GpSampler, Landscape};
use lightcrest::space::{Configuration, Cut};
use lightcrest::trial::proposal_rng;
use serde_json::Value as Json;

use super::{Known, SurrogateError};
use crate::data::{SurrogateFrame, SurrogateNext, SurrogateTrial};
use crate::metric;
use crate::value::{json, pairs, rounded};
use crate::view::View;

/// Makes one picture after the other; what the sampler fitted for one helps with the next.
pub(super) struct Painter<'a> {
    pub(super) view: &'a View,
    pub(super) objective: usize,
    pub(super) names: &'a [&'a str],
    pub(super) points: usize,
    pub(super) preview: &'a Known<'a>,
    pub(super) blind: bool,
    pub(super) sampler: GpSampler,
    /// By number, with their index.
    pub(super) trials: BTreeMap<u64, (usize, SurrogateTrial)>,
}

impl Painter<'_> {
    /// The number of finished trials from which on there is a picture: with three trials, as long as there
    /// are so many, two of them complete and one of these with the parameters of the picture.
    pub(super) fn first(&self) -> usize {
        let total = self.view.history.finished();
        let ready = |n: usize| {
            let history = self.view.history.rewound(n);
            let complete: Vec<_> = history.iter().flat_map(History::complete).collect();
            complete.len() >= 2 && complete.iter().any(|trial| self.shows(trial))
        };
        let least = total.min(3);
        if ready(least) {
            return least;
        }
        // What is ready stays ready, so the first is found by halving.
        let (mut unready, mut first) = (least, total);
        while first > unready + 1 {
            let middle = unready.midpoint(first);
            if ready(middle) { first = middle } else { unready = middle }
        }
        first
    }

    /// The trials of all pictures, in the order of their indices.
    pub(super) fn into_trials(self) -> Vec<SurrogateTrial> {
        let mut trials: Vec<_> = self.trials.into_values().collect();
        trials.sort_by_key(|(index, _)| *index);
        trials.into_iter().map(|(_, trial)| trial).collect()
    }

    /// Whether every parameter of the picture is active.
    fn shows(&self, trial: &FrozenTrial) -> bool {
        self.names.iter().all(|name| trial.configuration.get(name).is_some())
    }

    /// Why there is not a single picture.
    pub(super) fn nothing(&self, finished: Option<usize>) -> SurrogateError {
        let history = &self.view.history;
        let names = self.names.iter().map(|&name| name.to_owned()).collect();
        if history.complete().any(|trial| self.shows(trial)) {
            return SurrogateError::TooFewTrials { finished, names };
        }
        let ever = |name: &String| history.complete().any(|trial| trial.configuration.get(name).is_some());
        let all = self.view.definition.space.parameters().iter().map(|parameter| parameter.name.clone());
        SurrogateError::NeverActive { names, active: all.filter(ever).collect() }
    }

    /// The picture after `n` finished trials; none before there is something to see.
    pub(super) fn frame(
        &mut self,
        n: usize,
    ) -> Result<Option<(Cut, Landscape, SurrogateFrame)>, SurrogateError> {
        let view = self.view;
        let now = n == view.history.finished();
        let Some(history) = (if now { Some(view.history.clone()) } else { view.history.rewound(n) }) else {
            return Ok(None);
        };
        let ranking = ranking(&history, self.objective);
        let (mut held, others): (Vec<&FrozenTrial>, Vec<&FrozenTrial>) =
            ranking.into_iter().partition(|trial| self.shows(trial));
        let Some(&best) = held.first() else { return Ok(None) };
        held.extend(others);
        let configurations: Vec<&Configuration> = held.iter().map(|trial| &trial.configuration).collect();
        let space = &view.definition.space;
        let cut = Cut::new(space, self.names, &configurations, self.points).map_err(SurrogateError::Cut)?;
        let number = history.len() as u64;
        let objectives = &view.definition.objectives;
        let context = Context { number, space, objectives, history: &history, preview: self.preview };
        let rng = proposal_rng(view.definition.seed, number);
        let landscape = self.sampler.landscape(&context, self.objective, &cut.configurations, &rng);
        let Some(landscape) = landscape.map_err(SurrogateError::Sampler)? else { return Ok(None) };
        let frame = self.paint(&history, best, n, &cut, &landscape);
        Ok(Some((cut, landscape, frame)))
    }

    fn paint(
        &mut self,
        history: &History,
        best: &FrozenTrial,
        finished: usize,
        cut: &Cut,
        landscape: &Landscape,
    ) -> SurrogateFrame {
        let place = |configuration: &Configuration| -> Vec<Json> {
            self.names.iter().map(|name| configuration.get(name).map_or(Json::Null, json)).collect()
        };
        let dots = landscape.observations.iter().filter_map(|&(number, value)| {
            let trial = history.get(number)?;
            let entry =
                SurrogateTrial { number, state: trial.state.as_str(), at: place(&trial.configuration) };
            Some((entry, value))
        });
        let dots: Vec<(SurrogateTrial, f64)> = dots.collect();
        let text = self.text(history, best, finished, landscape);
        let next = (!self.blind).then(|| SurrogateNext {
            at: place(&landscape.next),
            mean: rounded(landscape.at_next.mean),
            acquisition: landscape.at_next.acquisition.map(rounded),
        });
        let one = self.names.len() == 1;
        let column = |wanted: bool, of: &dyn Fn(&Estimate) -> Option<f64>| -> Vec<Option<f64>> {
            let pairs = cut.configurations.iter().zip(&landscape.estimates).filter(|_| wanted);
            let shown = |c: &Configuration| self.names.iter().all(|name| c.get(name).is_some());
            pairs
                .map(|(c, estimate)| of(estimate).filter(|v| shown(c) && v.is_finite()).map(rounded))
                .collect()
        };
        let mut frame = SurrogateFrame {
            finished,
            mean: column(true, &|e| Some(e.mean)),
            lower: column(one, &|e| Some(e.lower)),
            upper: column(one, &|e| Some(e.upper)),
            sigma: column(!one, &|e| Some(quarter(e))),
            acquisition: column(!self.blind, &|e| e.acquisition),
            dots: Vec::new(),
            next,
            text,
        };
        for (trial, value) in dots {
            let index = self.trials.len();
            let (index, _) = *self.trials.entry(trial.number).or_insert((index, trial));
            frame.dots.push((index, rounded(value)));
        }
        frame
    }

    /// The picture in words: for the terminal, and beside it on the page.
    fn text(
        &self,
        history: &History,
        best: &FrozenTrial,
        finished: usize,
        landscape: &Landscape,
    ) -> Vec<String> {
        let info = &self.view.definition.objectives[self.objective];
        let kind = metric::Kind::of(&info.name);
        let awaited = history.len() - history.finished();
        let running = match awaited {
            0 => String::new(),
            _ => format!(", {awaited} more awaited and taken as predicted"),
        };
        let mut held = Configuration::new();
        for (name, value) in best.configuration.iter().filter(|(name, _)| !self.names.contains(name)) {
            held.set(name, value.clone());
        }
        let value =
            best.values.as_ref().map(|values| kind.format(values[self.objective])).unwrap_or_default();
        let mut lines = vec![
            format!("After {finished} finished trials{running}."),
            format!(
                "Held: the best so far with {}, trial {} ({value}): {}",
                self.names.join(", "),
                best.number,
                pairs(&held)
            ),
        ];
        if held.is_empty() {
            lines[1] = format!("Best so far: trial {} ({value}).", best.number);
        }
        if self.blind {
            return lines;
        }
        let at = &landscape.at_next;
        let number = history.len() as u64;
        let how = if landscape.startup { " (a random one, as all at the start)" } else { "" };
        lines.push(format!("Next, trial {number}{how}: {}", pairs(&landscape.next)));
        let acquisition = at.acquisition.map_or("unknown".into(), metric::significant);
        lines.push(format!(
            "There: {} {}, sigma {} (two sigma: {} to {}), {} {acquisition}.",
            metric::label(&info.name),
            kind.format(at.mean),
            kind.format(quarter(at)),
            kind.format(at.lower),
            kind.format(at.upper),
            landscape.acquisition,
        ));
        if let Some(trial) = self.view.history.get(number) {
            lines.push(match trial.configuration == landscape.next {
                true => format!("Trial {number} was this."),
                false => format!("Trial {number} was another one: {}", pairs(&trial.configuration)),
            });
        }
        lines
    }
}

/// σ in the objective's units: a quarter of the band's width.
fn quarter(estimate: &Estimate) -> f64 {
    (estimate.upper - estimate.lower) / 4.0
}

/// The complete trials by one objective, best first, feasible ones before others.
fn ranking(history: &History, objective: usize) -> Vec<&FrozenTrial> {
    let direction: Direction = history.objectives()[objective].direction;
    let value = |trial: &FrozenTrial| {
        trial.values.as_ref().map_or(f64::NEG_INFINITY, |values| direction.orient(values[objective]))
    };
    let mut trials: Vec<&FrozenTrial> = history.in_state(TrialState::Complete).collect();
    trials.sort_by(|a, b| {
        b.is_feasible()
            .cmp(&a.is_feasible())
            .then(value(b).total_cmp(&value(a)))
            .then(a.number.cmp(&b.number))
    });
    trials
}
