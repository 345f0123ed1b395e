//! From a study to the pictures of its surrogate: for each number of finished trials, the posterior as it was
//! then.

mod choose;
mod error;
mod painter;

pub use error::SurrogateError;

use lightcrest::Preview;
use lightcrest::sampler::{GpConfig, GpSampler, Landscape};
use lightcrest::space::{Configuration, Cut};

use crate::data::{Metric, Surrogate, SurrogateAxis, SurrogateFrame};
use crate::value::{direction_name, json, parameter};
use crate::view::View;
use choose::{objective, parameters};
use painter::Painter;

/// What to draw.
#[derive(Debug, Default)]
pub struct Question<'a> {
    /// The parameters that vary: two at most; none for the most important one.
    pub parameters: Vec<&'a str>,
    /// What is predicted.
    pub objective: Option<&'a str>,
    /// Only the picture after so many finished trials.
    pub finished: Option<usize>,
    /// Values along each parameter.
    pub points: Option<usize>,
    /// How many pictures there may be.
    pub frames: usize,
}

/// What is known of configurations before they are evaluated.
pub type Known<'a> = dyn Fn(&Configuration) -> Preview + 'a;

/// How the study's trials are proposed.
#[derive(Default)]
pub struct Proposer<'a> {
    /// The Gaussian process to draw.
    pub config: GpConfig,
    /// What a reader must know of it, in a sentence.
    pub note: Option<String>,
    /// What is known of configurations beforehand; none where nobody can tell. Needed only by studies some of
    /// whose objectives or constraints need no evaluation: without it, what they propose next cannot be
    /// drawn.
    pub preview: Option<Box<Known<'a>>>,
}

/// The pictures that answer a question.
///
/// # Errors
/// A question about names that the study does not have, or asked too early; [`SurrogateError::Sampler`] if
/// the Gaussian process breaks down.
pub fn surrogate(
    view: &View,
    question: &Question<'_>,
    proposer: &Proposer<'_>,
) -> Result<Surrogate, SurrogateError> {
    let objective = objective(view, question.objective)?;
    let names = parameters(view, question, objective)?;
    let known = view.history.trials().iter().any(|trial| trial.known.iter().any(Option::is_some));
    // What a preview or the test of a constraint would say decides what is proposed: without it there is no
    // telling.
    let blind = proposer.preview.is_none() && (known || !view.definition.spec.is_empty())
        || view.definition.space.check_tests().is_err();
    let preview = |configuration: &Configuration| {
        proposer.preview.as_ref().map_or_else(Preview::default, |known| known(configuration))
    };
    let mut painter = Painter {
        view,
        objective,
        names: &names,
        points: question.points.unwrap_or(if names.len() == 1 { 60 } else { 24 }),
        preview: &preview,
        blind,
        sampler: GpSampler::new(proposer.config.clone()),
        trials: Default::default(),
    };
    let total = view.history.finished();
    let shown = match question.finished {
        Some(n) if n > total => {
            return Err(SurrogateError::NotYet { finished: total, asked: n });
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
        let of = space.get(name).expect("the names were found in the space");
        SurrogateAxis { parameter: parameter(of), values: values.iter().map(json).collect() }
    };
    let axes = names.iter().zip(&cut.axes).map(axis).collect();
    let info = &view.definition.objectives[objective];
    let acquisition = landscape.acquisition;
    let mut notes = vec![
        "Values are in the objective's own units: the model sees warped and standardised values, and its median and \
         the ends of its interval are taken back through the inverse."
            .to_owned(),
    ];
    if space.len() > names.len() {
        notes.push(
            "The marks are all trials, whatever their other parameters; the posterior passes near those that resemble \
             the configuration that is held."
                .to_owned(),
        );
    }
    notes.extend(proposer.note.clone());
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
        trials: painter.into_trials(),
        frames: drawn.into_iter().map(|(_, _, frame)| frame).collect(),
        notes,
    })
}

/// At most `limit` whole numbers from `first` to `last`, both among them, denser at the beginning, where
/// every trial counts most.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::view;

    fn ask<'a>(parameters: &[&'a str]) -> Question<'a> {
        Question { parameters: parameters.to_vec(), points: Some(7), frames: 10, ..Question::default() }
    }

    fn refused(question: &Question<'_>) -> String {
        let error = surrogate(&view(), question, &Proposer::default()).unwrap_err();
        assert!(error.is_bad_question());
        error.to_string()
    }

    #[test]
    fn every_number_of_finished_trials_has_a_picture() {
        let drawn = surrogate(&view(), &ask(&["learning_rate"]), &Proposer::default()).unwrap();
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
    fn a_trial_keeps_its_value_when_a_slow_one_comes_later() {
        let mut view = view();
        let mut slow = view.history.trials()[0].clone();
        slow.finished = Some(9_000);
        view.history.put(slow);
        let drawn = surrogate(&view, &ask(&["learning_rate"]), &Proposer::default()).unwrap();
        let numbers = |k: usize| drawn.frames[k].dots.iter().map(|dot| drawn.trials[dot.0].number);
        assert_eq!(numbers(0).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(numbers(1).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(drawn.frames[1].dots[0].1, 0.9722);
    }

    #[test]
    fn two_parameters_make_a_map_with_gaps_where_one_is_inactive() {
        let drawn =
            surrogate(&view(), &ask(&["optimizer", "optimizer.sgd.momentum"]), &Proposer::default()).unwrap();
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

    #[test]
    fn the_picture_in_words() {
        let drawn = surrogate(&view(), &ask(&["learning_rate"]), &Proposer::default()).unwrap();
        let lines = drawn.frames.iter().flat_map(|frame| &frame.text).chain(&drawn.notes);
        // How many digits a fit repeats is the machine's business.
        let words: Vec<String> = lines
            .map(|line| {
                line.split(' ')
                    .map(|word| if word.contains(|c: char| c.is_ascii_digit()) { "#" } else { word })
            })
            .map(|words| words.collect::<Vec<_>>().join(" "))
            .collect();
        insta::assert_snapshot!(words.join("\n"));
    }
}
