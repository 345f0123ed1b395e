//! Which configurations may be proposed, and what to do about those that may not: the same for all samplers.

use super::{Context, SamplerError, draw};
use crate::space::Configuration;
use crate::space::encode::{Column, Encoded, Encoder};
use crate::space::feasible::mend;
use rand_chacha::ChaCha8Rng;

/// After how many configurations that break the space's constraints a sampler's next ones are mended.
const RESAMPLED: usize = 10;
/// From how many of the latest trials the one is chosen towards which is mended.
const ANCHORS: usize = 100;

/// Whether a configuration may be proposed: it satisfies the constraints of the space, is new, and its
/// preview shows no violation.
pub(super) fn admissible(context: &Context<'_>, configuration: &Configuration) -> bool {
    context.space.is_feasible(configuration)
        && !context.history.contains(configuration)
        && (context.preview)(configuration).violation.is_none()
}

/// The first admissible one of up to `tries` configurations that a sampler makes; it may have no more before.
pub(super) fn admitted(
    context: &Context<'_>,
    rng: &mut ChaCha8Rng,
    tries: usize,
    make: &mut dyn FnMut(&mut ChaCha8Rng) -> Option<Configuration>,
) -> Option<Configuration> {
    for _ in 0..tries {
        let configuration = make(rng)?;
        if admissible(context, &configuration) {
            return Some(configuration);
        }
    }
    None
}

/// As [`admitted`], or else a random configuration.
///
/// # Errors
/// As [`draw`].
pub(super) fn first_admissible(
    context: &Context<'_>,
    rng: &mut ChaCha8Rng,
    tries: usize,
    make: &mut dyn FnMut(&mut ChaCha8Rng) -> Option<Configuration>,
) -> Result<Configuration, SamplerError> {
    match admitted(context, rng, tries, make) {
        Some(configuration) => Ok(configuration),
        None => draw(context, rng),
    }
}

/// Decodes the rows of a sampler; those that break constraints of the space are led back to feasible ones,
/// once several in a row did.
pub(super) struct Mender<'a> {
    context: &'a Context<'a>,
    encoder: &'a Encoder<'a>,
    refused: usize,
    /// Trials that satisfy the constraints; found when they are needed.
    anchors: Option<Vec<Encoded>>,
}

impl<'a> Mender<'a> {
    pub(super) fn new(context: &'a Context<'a>, encoder: &'a Encoder<'a>) -> Self {
        Self { context, encoder, refused: 0, anchors: None }
    }

    /// The configuration of a row, or a feasible one near to it: on the way to the nearest of the latest
    /// trials.
    pub(super) fn decode(&mut self, row: &[f64], rng: &mut ChaCha8Rng) -> Configuration {
        let (encoder, space) = (self.encoder, self.context.space);
        let configuration = encoder.decode(row);
        if space.is_feasible(&configuration) {
            return configuration;
        }
        self.refused += 1;
        if self.refused <= RESAMPLED {
            return configuration;
        }
        let trials = self.context.history.trials();
        let anchors = self.anchors.get_or_insert_with(|| {
            let feasible = trials.iter().rev().filter(|trial| space.is_feasible(&trial.configuration));
            feasible.take(ANCHORS).map(|trial| encoder.encode(&trial.configuration)).collect()
        });
        let here = encoder.encode(&configuration);
        let apart = |anchor: &Encoded| {
            distance(encoder.columns(), (&here.row, &here.active), (&anchor.row, &anchor.active))
        };
        let nearest = anchors.iter().min_by(|a, b| apart(a).total_cmp(&apart(b)));
        let mended = match nearest {
            Some(anchor) => mend(encoder, row, anchor, rng),
            None => mend(encoder, row, &encoder.encode(&space.sample(rng)), rng),
        };
        mended.unwrap_or(configuration)
    }
}

/// How unlike two rows are: the mean over the columns active in either of |a - b|, or of 1 where only one is
/// active or categories differ (Gower 1971).
pub(super) fn distance(columns: &[Column], a: (&[f64], &[bool]), b: (&[f64], &[bool])) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for (i, column) in columns.iter().enumerate() {
        match (a.1[i], b.1[i]) {
            (false, false) => continue,
            (true, true) => {
                let apart = (a.0[i] - b.0[i]).abs();
                let label = matches!(column, Column::Categorical { .. });
                sum += if label { f64::from(apart > 0.0) } else { apart };
            }
            _ => sum += 1.0,
        }
        count += 1;
    }
    sum / f64::from(count.max(1))
}
