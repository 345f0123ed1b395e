//! From a configuration that breaks bounds or constraints back to one that does not, near to it.

use crate::space::encode::{Column, Encoded};
use crate::space::{Configuration, Encoder};
use rand::Rng;
use rand::seq::SliceRandom;

/// How often a line is halved.
const HALVINGS: usize = 8;

/// A feasible configuration between a row and a feasible anchor: on the line between them as near to the row
/// as constraints allow, and then parameter by parameter nearer. `None` if the anchor is not feasible.
///
/// # Shapes
/// Both have one number for each parameter of the space.
pub(crate) fn mend<R: Rng + ?Sized>(
    encoder: &Encoder<'_>,
    row: &[f64],
    anchor: &Encoded,
    rng: &mut R,
) -> Option<Configuration> {
    // What the anchor does not have is as in the row.
    let start: Vec<f64> =
        (0..row.len()).map(|i| if anchor.active[i] { anchor.row[i] } else { row[i] }).collect();
    let mut at = start;
    let mut best = feasible(encoder, &at)?;
    let mut labelled = at.clone();
    for i in (0..row.len()).filter(|&i| !ordered(encoder, i)) {
        labelled[i] = row[i];
    }
    if let Some(configuration) = feasible(encoder, &labelled) {
        (at, best) = (labelled, configuration);
    }
    if let Some((nearer, configuration)) = approach(encoder, &at, row, HALVINGS) {
        (at, best) = (nearer, configuration);
    }
    let mut columns: Vec<usize> = (0..row.len()).filter(|&i| at[i] != row[i]).collect();
    columns.shuffle(rng);
    for i in columns {
        let mut only = at.clone();
        only[i] = row[i];
        let found = match feasible(encoder, &only) {
            Some(configuration) => Some((only, configuration)),
            None => approach(encoder, &at, &only, HALVINGS / 2),
        };
        if let Some((nearer, configuration)) = found {
            (at, best) = (nearer, configuration);
        }
    }
    Some(best)
}

/// The configuration of a row, or if that is infeasible one on the line from a feasible row to it, on the way
/// to which `halvings` places are tried; `None` if all are infeasible. Choices without order stay those of
/// `from`.
pub(crate) fn toward(
    encoder: &Encoder<'_>,
    from: &[f64],
    row: &[f64],
    halvings: usize,
) -> Option<Configuration> {
    feasible(encoder, row).or_else(|| approach(encoder, from, row, halvings).map(|(_, c)| c))
}

/// The last feasible place that bisection finds on the way from a feasible row to another one.
fn approach(
    encoder: &Encoder<'_>,
    from: &[f64],
    to: &[f64],
    halvings: usize,
) -> Option<(Vec<f64>, Configuration)> {
    let moves: Vec<usize> = (0..from.len()).filter(|&i| from[i] != to[i] && ordered(encoder, i)).collect();
    if moves.is_empty() {
        return None;
    }
    let (mut low, mut high, mut found) = (0.0, 1.0, None);
    for _ in 0..halvings {
        let t = 0.5 * (low + high);
        let mut row = from.to_vec();
        moves.iter().for_each(|&i| row[i] = from[i] + t * (to[i] - from[i]));
        match feasible(encoder, &row) {
            Some(configuration) => (low, found) = (t, Some((row, configuration))),
            None => high = t,
        }
    }
    found
}

fn ordered(encoder: &Encoder<'_>, i: usize) -> bool {
    !matches!(encoder.column(i), Column::Categorical { .. })
}

fn feasible(encoder: &Encoder<'_>, row: &[f64]) -> Option<Configuration> {
    let configuration = encoder.decode(row);
    encoder.space().is_feasible(&configuration).then_some(configuration)
}
