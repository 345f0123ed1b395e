//! From a study to the pictures of its surrogate: for each number of finished trials, what the sampler believed then.

use std::collections::BTreeMap;

use lightcrest::history::{FrozenTrial, History, TrialState};
use lightcrest::objective::Direction;
use lightcrest::sampler::{Context, Estimate, GpSampler, Landscape};
use lightcrest::space::{Configuration, Cut, SpaceError, nearest};
use lightcrest::trial::proposal_rng;
use lightcrest::{Preview, importance::importance};
use serde_json::Value as Json;

use super::page::{direction_name, json, parameter, rounded, state};
use super::table::pairs;
use crate::error::CliError;
use crate::metric;
use crate::prepare;
use crate::report::{Metric, Surrogate, SurrogateAxis, SurrogateFrame, SurrogateNext, SurrogateTrial};
use crate::view::View;

/// What to draw.
#[derive(Debug, Default)]
pub(crate) struct Question<'a> {
    /// The parameters that vary: two at most; none for the most important one.
    pub(crate) parameters: Vec<&'a str>,
    /// What is predicted.
    pub(crate) objective: Option<&'a str>,
    /// Only the picture after so many finished trials.
    pub(crate) finished: Option<usize>,
    /// Values along each parameter.
    pub(crate) points: Option<usize>,
    /// How many pictures there may be.
    pub(crate) frames: usize,
}

/// The pictures that answer a question.
///
/// # Errors
/// [`CliError::Usage`] for a name that is not of the study, or where there is nothing to draw yet; [`CliError::Surrogate`] if
/// the Gaussian process breaks down.
pub(crate) fn surrogate(view: &View, question: &Question<'_>) -> Result<Surrogate, CliError> {
    let objective = objective(view, question.objective)?;
    let names = parameters(view, question, objective)?;
    let (sampler, note) = prepare::gaussian_process(view.spec.as_ref());
    let preview = prepare::preview(view);
    let known = view.history.trials().iter().any(|trial| trial.known.iter().any(Option::is_some));
    // What a preview would say decides what is proposed: without it there is no telling.
    let blind = preview.is_none() && (known || !view.definition.spec.is_empty());
    let preview =
        |configuration: &Configuration| preview.as_ref().map_or_else(Preview::default, |p| p(configuration));
    let mut painter = Painter {
        view,
        objective,
        names: &names,
        points: question.points.unwrap_or(if names.len() == 1 { 60 } else { 24 }),
        preview: &preview,
        blind,
        sampler,
        trials: BTreeMap::new(),
    };
    let total = view.history.finished();
    let shown = match question.finished {
        Some(n) if n > total => {
            return Err(CliError::Usage(format!("only {total} trials have finished, but --trial is {n}")));
        }
        Some(n) => vec![n],
        None => spread(painter.first(), total, question.frames),
    };
    let mut drawn: Vec<(Cut, Landscape, SurrogateFrame)> = Vec::new();
    for n in shown {
        drawn.extend(painter.frame(n)?);
    }
    let Some((cut, landscape, _)) = drawn.last() else { return Err(painter.nothing(question.finished)) };
    let space = &view.definition.space;
    let axis = |(name, values): (&&str, &Vec<_>)| {
        let of = space.get(name).ok_or_else(|| CliError::Usage(format!("there is no parameter `{name}`")))?;
        Ok(SurrogateAxis { parameter: parameter(of), values: values.iter().map(json).collect() })
    };
    let axes = names.iter().zip(&cut.axes).map(axis).collect::<Result<_, CliError>>()?;
    let info = &view.definition.objectives[objective];
    let acquisition = landscape.acquisition;
    let mut notes = vec![
        "Values are in the objective's own units: the model sees warped and standardised values, and its median and \
         the ends of its interval are taken back through the inverse."
            .to_owned(),
    ];
    if space.len() > names.len() {
        notes.push(
            "The marks are all trials, whatever their other parameters; the belief passes near those that resemble \
             the configuration that is held."
                .to_owned(),
        );
    }
    notes.extend(note);
    if view.definition.objectives.len() > 1 && !blind {
        notes.push(
            "The acquisition weighs all objectives together, so it need not follow this one alone."
                .to_owned(),
        );
    }
    if blind {
        notes.push(
            "What is proposed depends on what is known without training, which takes the spec of the run and its \
             images: without them neither acquisition nor next point is drawn."
                .to_owned(),
        );
    }
    Ok(Surrogate {
        objective: Metric::new(&info.name, Some(direction_name(info.direction))),
        axes,
        acquisition,
        trials: painter.trials.into_values().map(|(_, trial)| trial).collect(),
        frames: drawn.into_iter().map(|(_, _, frame)| frame).collect(),
        notes,
    })
}

/// Index of what is predicted.
fn objective(view: &View, name: Option<&str>) -> Result<usize, CliError> {
    let objectives = &view.definition.objectives;
    let newest = view.history.trials().iter().rev().find(|trial| trial.state.is_finished());
    let exact = |j: usize| newest.is_some_and(|trial| trial.known.get(j).copied().flatten().is_some());
    let predicted: Vec<usize> = (0..objectives.len()).filter(|&j| !exact(j)).collect();
    let names =
        |js: &[usize]| js.iter().map(|&j| format!("`{}`", objectives[j].name)).collect::<Vec<_>>().join(", ");
    match name {
        None => predicted.first().copied().ok_or_else(|| {
            CliError::Usage(
                "every objective of this study is known before an evaluation, so nothing is predicted".into(),
            )
        }),
        Some(name) => match objectives.iter().position(|objective| objective.name == name) {
            Some(j) if exact(j) => Err(CliError::Usage(format!(
                "`{name}` is known before an evaluation, so it is not predicted; predicted: {}",
                names(&predicted)
            ))),
            Some(j) => Ok(j),
            None => Err(CliError::Usage(format!(
                "there is no objective `{name}`{}; there are {}",
                hint(name, objectives.iter().map(|objective| objective.name.as_str())),
                names(&(0..objectives.len()).collect::<Vec<_>>())
            ))),
        },
    }
}

/// The parameters that vary: those that were asked for, or the most important one.
fn parameters<'a>(
    view: &'a View,
    question: &Question<'a>,
    objective: usize,
) -> Result<Vec<&'a str>, CliError> {
    let space = &view.definition.space;
    let all = || space.parameters().iter().map(|parameter| parameter.name.as_str());
    for (k, name) in question.parameters.iter().enumerate() {
        if space.get(name).is_none() {
            return Err(CliError::Usage(format!(
                "there is no parameter `{name}`{}; there are {}",
                hint(name, all()),
                all().collect::<Vec<_>>().join(", ")
            )));
        }
        if question.parameters[..k].contains(name) {
            return Err(CliError::Usage(format!("--parameter {name} is there twice")));
        }
    }
    if question.parameters.len() > 2 {
        let count = question.parameters.len();
        return Err(CliError::Usage(format!(
            "a picture has one or two parameters, but --parameter is there {count} times"
        )));
    }
    if !question.parameters.is_empty() {
        return Ok(question.parameters.clone());
    }
    let trials = view.history.complete();
    let trials: Vec<_> =
        trials.filter_map(|t| Some((&t.configuration, view.history.oriented(t)?[objective]))).collect();
    let shares = importance(space, &trials).unwrap_or_default();
    let top = shares.iter().reduce(|best, other| if other.1 > best.1 { other } else { best });
    let active = |name: &str| view.history.complete().any(|trial| trial.configuration.get(name).is_some());
    let top = top.and_then(|(name, _)| all().find(|other| other == name));
    let name = top.filter(|name| active(name)).or_else(|| all().find(|name| active(name)));
    name.map(|name| vec![name]).ok_or_else(|| {
        CliError::Usage("no trial of this study is complete yet, so there is nothing to draw".into())
    })
}

fn hint<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    nearest(name, known).map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?"))
}

/// At most `limit` whole numbers from `first` to `last`, both among them, denser at the beginning, where every trial counts most.
fn spread(first: usize, last: usize, limit: usize) -> Vec<usize> {
    if first > last {
        return Vec::new();
    }
    if last - first < limit {
        return (first..=last).collect();
    }
    let ratio = last as f64 / first as f64;
    let at = |k: usize| first as f64 * ratio.powf(k as f64 / (limit - 1).max(1) as f64);
    let mut numbers: Vec<usize> = (0..limit).map(|k| (at(k).round() as usize).min(last)).collect();
    numbers.push(last);
    numbers.dedup();
    numbers
}

/// Makes one picture after the other; what the sampler fitted for one helps with the next.
struct Painter<'a> {
    view: &'a View,
    objective: usize,
    names: &'a [&'a str],
    points: usize,
    preview: &'a dyn Fn(&Configuration) -> Preview,
    blind: bool,
    sampler: GpSampler,
    /// By number, with their index.
    trials: BTreeMap<u64, (usize, SurrogateTrial)>,
}

impl Painter<'_> {
    /// The number of finished trials from which on pictures are worth looking at: three, as long as there are so many.
    fn first(&self) -> usize {
        self.view.history.finished().clamp(2, 3)
    }

    /// Whether every parameter of the picture is active.
    fn shows(&self, trial: &FrozenTrial) -> bool {
        self.names.iter().all(|name| trial.configuration.get(name).is_some())
    }

    /// Why there is not a single picture.
    fn nothing(&self, finished: Option<usize>) -> CliError {
        let history = &self.view.history;
        let names = self.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ");
        if !history.complete().any(|trial| self.shows(trial)) {
            let ever = |name: &&str| history.complete().any(|trial| trial.configuration.get(name).is_some());
            let all = self.view.definition.space.parameters().iter().map(|parameter| parameter.name.as_str());
            let others: Vec<&str> = all.filter(ever).collect();
            let together = if self.names.len() > 1 { " together" } else { "" };
            return CliError::Usage(format!(
                "{names} {} active{together} in no complete trial; active in some: {}",
                if self.names.len() > 1 { "are" } else { "is" },
                if others.is_empty() { "none".to_owned() } else { others.join(", ") }
            ));
        }
        let when = finished.map_or(String::new(), |n| format!(" after {n} finished trials"));
        CliError::Usage(format!(
            "there is nothing to draw yet{when}: it takes two complete trials, and one of them with {names} active"
        ))
    }

    /// The picture after `n` finished trials; none before there is something to see.
    fn frame(&mut self, n: usize) -> Result<Option<(Cut, Landscape, SurrogateFrame)>, CliError> {
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
        let cut = Cut::new(space, self.names, &configurations, self.points)
            .map_err(|error: SpaceError| CliError::Usage(error.to_string()))?;
        let number = history.len() as u64;
        let objectives = &view.definition.objectives;
        let context = Context { number, space, objectives, history: &history, preview: self.preview };
        let rng = proposal_rng(view.definition.seed, number);
        let landscape = self.sampler.landscape(&context, self.objective, &cut.configurations, &rng);
        let Some(landscape) = landscape.map_err(CliError::Surrogate)? else { return Ok(None) };
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
            let entry = SurrogateTrial { number, state: state(trial.state), at: place(&trial.configuration) };
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

#[cfg(test)]
mod tests {
    use super::super::sample::view;
    use super::*;

    fn ask<'a>(parameters: &[&'a str]) -> Question<'a> {
        Question { parameters: parameters.to_vec(), points: Some(7), frames: 10, ..Question::default() }
    }

    fn refused(question: &Question<'_>) -> String {
        let error = surrogate(&view(), question).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        error.to_string()
    }

    #[test]
    fn every_number_of_finished_trials_has_a_picture() {
        let drawn = surrogate(&view(), &ask(&["learning_rate"])).unwrap();
        let finished: Vec<usize> = drawn.frames.iter().map(|frame| frame.finished).collect();
        assert_eq!(finished, [3, 4]);
        assert_eq!(drawn.objective.name, "validation_accuracy");
        for frame in &drawn.frames {
            assert_eq!((frame.mean.len(), frame.dots.len()), (7, frame.finished));
            for i in 0..7 {
                assert!(frame.lower[i] <= frame.mean[i] && frame.mean[i] <= frame.upper[i]);
            }
        }
        // Its MACs were known without training; without a spec they are not known now.
        assert!(
            drawn.frames[1].next.is_none() && drawn.notes.iter().any(|note| note.contains("without them"))
        );
    }

    #[test]
    fn two_parameters_make_a_map_with_gaps_where_one_is_inactive() {
        let drawn = surrogate(&view(), &ask(&["optimizer", "optimizer.sgd.momentum"])).unwrap();
        let frame = drawn.frames.last().unwrap();
        assert_eq!((frame.mean.len(), frame.sigma.len(), frame.lower.len()), (14, 14, 0));
        for (k, mean) in frame.mean.iter().enumerate() {
            assert_eq!(mean.is_some(), k % 2 == 0, "there is no momentum under adam");
        }
    }

    #[test]
    fn what_the_study_does_not_have_is_named_with_what_it_has() {
        let message = refused(&ask(&["learning_rat"]));
        assert!(
            message.contains("did you mean `learning_rate`?") && message.contains("optimizer.sgd.momentum")
        );
        assert!(refused(&ask(&["optimizer", "optimizer"])).contains("twice"));
        let objective = |name| refused(&Question { objective: Some(name), ..ask(&[]) });
        assert!(objective("accuracy").contains("`validation_accuracy`"));
        assert!(objective("macs").contains("known before"));
        let message = refused(&Question { finished: Some(9), ..ask(&[]) });
        assert!(message.contains("only 4 trials"), "{message}");
        let message = refused(&Question { finished: Some(1), ..ask(&[]) });
        assert!(message.contains("after 1 finished"), "{message}");
    }

    #[test]
    fn numbers_of_pictures_are_few_and_end_with_the_last() {
        assert_eq!(spread(3, 7, 10), [3, 4, 5, 6, 7]);
        let many = spread(3, 1000, 8);
        assert!(many.len() <= 8 && many[0] == 3 && many.last() == Some(&1000), "{many:?}");
        assert!(spread(3, 2, 8).is_empty());
    }
}
