//! Where proposals come from: random configurations, mutations, neighbours. All are screened here: a
//! candidate decodes to a valid configuration, is new, and its preview shows no violation.
//!
//! Where the space has constraints, nothing that breaks them becomes a candidate: random ones are the steps
//! of walks among feasible configurations, and what is made from another one is led back towards it.
//!
//! Decoding, comparing and previewing a configuration costs more than scoring its row. So rows are scored
//! first and only the best are screened, unless the preview has a say in the score or the first few rows show
//! that it turns many away.

use super::trust_region::Region;
use crate::objective::Preview;
use crate::sampler::Context;
use crate::space::encode::{Column, Encoded, Encoder};
use crate::space::feasible::{Walk, toward};
use crate::space::{Condition, Configuration};
use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::collections::HashSet;

/// A configuration that may be proposed, as a row.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) row: Vec<f64>,     // (d,), inactive columns 0
    pub(super) active: Vec<bool>, // (d,)
    /// What the preview knows of the objectives, as it says it; empty before [`Source::screen`].
    pub(super) known: Vec<Option<f64>>,
    /// The other costs that the preview knows; empty before [`Source::screen`].
    pub(super) costs: Vec<f64>,
    configuration: Option<Configuration>,
    /// What the row was encoded from, where the space has constraints: they could not bear rounding.
    feasible: Option<Configuration>,
}

impl Candidate {
    /// A configuration to score and not to propose, with what a preview knows of it.
    pub(super) fn given(encoded: Encoded, preview: Preview) -> Self {
        let (Encoded { row, active }, Preview { objectives: known, costs, .. }) = (encoded, preview);
        Self { row, active, known, costs, configuration: None, feasible: None }
    }
}

/// Continuous values keep this far from their bounds, in units of the range: at the bound itself many an
/// objective breaks down, such as a penalty of nothing, and as near to it as this the loss is the same.
const MARGIN: f64 = 1e-6;
/// Rows that are screened at once, to see whether many fail.
const PROBES: usize = 16;
/// Steps of a walk among feasible configurations from one random candidate to the next.
const STEPS: usize = 3;
/// Random candidates before the walk goes on from elsewhere.
const STAY: usize = 8;
/// Places that are tried on the way back to what an infeasible row was made from.
const HALVINGS: usize = 4;

/// Makes candidates and remembers those that it made.
pub(super) struct Source<'a> {
    pub(super) encoder: &'a Encoder<'a>,
    context: &'a Context<'a>,
    activity: Option<Activity>,
    /// Where the search is local.
    region: Option<Region>,
    seen: HashSet<Vec<u64>>,
    /// Whether candidates are screened as they are made.
    eager: bool,
    probes: usize,
    /// Among feasible configurations, where the space has constraints, and how many came of it.
    walk: Option<(Walk<'a>, usize)>,
}

impl<'a> Source<'a> {
    /// `eager` where the preview has a say in the score.
    pub(super) fn new(
        encoder: &'a Encoder<'a>,
        context: &'a Context<'a>,
        region: Option<Region>,
        eager: bool,
        rng: &mut ChaCha8Rng,
    ) -> Self {
        // Bounds decide values, and so what is active.
        let activity = if context.space.is_constrained() { None } else { Activity::new(encoder) };
        let walk = Walk::new(encoder, rng).map(|walk| (walk, 0));
        Self { encoder, context, activity, region, seen: HashSet::new(), eager, probes: 0, walk }
    }

    /// The candidate that a row stands for, if it was not made before and, where that is asked at once,
    /// passes. One that breaks constraints of the space gives way to one that is nearer to the row `from`
    /// which it was made from.
    pub(super) fn admit(&mut self, mut row: Vec<f64>, from: Option<&[f64]>) -> Option<Candidate> {
        for (i, value) in row.iter_mut().enumerate() {
            if !matches!(self.encoder.column(i), Column::Categorical { .. }) {
                let (low, high) = self.limits(i);
                *value = value.clamp(low, high);
            }
        }
        let (active, feasible);
        if self.context.space.is_constrained() {
            let configuration = toward(self.encoder, from.unwrap_or(&row), &row, HALVINGS)?;
            Encoded { row, active } = self.encoder.encode(&configuration);
            feasible = Some(configuration);
        } else {
            (active, feasible) = (self.active(&row), None);
            for (i, value) in row.iter_mut().enumerate() {
                *value = if active[i] { self.encoder.column(i).snap(*value) } else { 0.0 };
            }
        }
        if !self.seen.insert(row.iter().map(|v| v.to_bits()).collect()) {
            return None;
        }
        let mut candidate =
            Candidate { row, active, known: Vec::new(), costs: Vec::new(), configuration: None, feasible };
        if self.eager {
            return self.screen(&mut candidate).then_some(candidate);
        }
        if self.probes < PROBES {
            self.probes += 1;
            let passes = self.screen(&mut candidate);
            self.eager = candidate.configuration.is_none();
            return passes.then_some(candidate);
        }
        Some(candidate)
    }

    /// Whether a candidate may be proposed: it is new and its preview shows no violation.
    pub(super) fn screen(&self, candidate: &mut Candidate) -> bool {
        if candidate.configuration.is_some() {
            return true;
        }
        let configuration = candidate.feasible.take().unwrap_or_else(|| self.encoder.decode(&candidate.row));
        if self.context.history.contains(&configuration) {
            return false;
        }
        let preview = (self.context.preview)(&configuration);
        if preview.violation.is_some() {
            return false;
        }
        candidate.known = preview.objectives;
        candidate.costs = preview.costs;
        candidate.configuration = Some(configuration);
        true
    }

    fn active(&self, row: &[f64]) -> Vec<bool> {
        self.activity.as_ref().map_or_else(|| self.encoder.active(row), |activity| activity.of(row))
    }

    /// The configuration of a candidate.
    pub(super) fn configuration(&self, candidate: Candidate) -> Configuration {
        candidate.configuration.unwrap_or_else(|| self.encoder.decode(&candidate.row))
    }

    /// Where the value of a column may lie.
    pub(super) fn limits(&self, column: usize) -> (f64, f64) {
        let margin = if matches!(self.encoder.column(column), Column::Continuous) { MARGIN } else { 0.0 };
        let (low, high) = self.region.as_ref().map_or((0.0, 1.0), |region| region.limits(column));
        (low.max(margin), high.min(1.0 - margin))
    }

    /// A candidate drawn at random: from the region, or from all that is feasible.
    pub(super) fn draw(&mut self, rng: &mut ChaCha8Rng) -> Option<Candidate> {
        let Some(region) = &self.region else {
            let row = self.random(rng);
            return self.admit(row, None);
        };
        let (row, centre) = (region.draw(self.encoder.columns(), rng), region.centre.clone());
        let row = self.complete(row, &centre.active, rng);
        self.admit(row, Some(&centre.row))
    }

    /// A row drawn uniformly, from what is feasible.
    fn random(&mut self, rng: &mut ChaCha8Rng) -> Vec<f64> {
        if let Some((walk, made)) = &mut self.walk {
            if *made % STAY == 0 {
                walk.restart(rng);
            }
            *made += 1;
            (0..STEPS).for_each(|_| walk.step(rng));
            return self.encoder.encode(walk.configuration()).row;
        }
        self.encoder.columns().iter().map(|column| column.spread(rng.random())).collect()
    }

    /// A row with one or a few of its active columns changed.
    pub(super) fn mutate(&self, row: &[f64], active: &[bool], rng: &mut ChaCha8Rng) -> Vec<f64> {
        let mut columns: Vec<usize> = (0..row.len()).filter(|&i| active[i]).collect();
        columns.shuffle(rng);
        let few = match rng.random_range(0..10) {
            0..5 => 1,
            5..8 => 2,
            _ => 1 + columns.len() / 5,
        };
        let mut changed = row.to_vec();
        for &i in columns.iter().take(few) {
            changed[i] = self.step(i, row[i], rng);
        }
        self.complete(changed, active, rng)
    }

    /// Rows that differ from this one in one column: up to `limit`, in random order.
    pub(super) fn neighbours(
        &self,
        row: &[f64],
        active: &[bool],
        limit: usize,
        rng: &mut ChaCha8Rng,
    ) -> Vec<Vec<f64>> {
        let mut changes: Vec<(usize, f64)> = Vec::new();
        for i in (0..row.len()).filter(|&i| active[i]) {
            let column = self.encoder.column(i);
            match (column, column.cells()) {
                (Column::Categorical { .. }, Some(cells)) if cells <= 12 => {
                    let all = (0..cells).filter_map(|k| column.value(k));
                    changes.extend(all.filter(|v| *v != row[i]).map(|v| (i, v)));
                }
                (Column::Discrete(grid), _) => {
                    let k = grid.cell(row[i]);
                    let cells = [k.checked_sub(1), Some(k + 1), Some(rng.random_range(0..grid.cells()))];
                    let cells = cells.into_iter().flatten().filter(|c| *c < grid.cells() && *c != k);
                    changes.extend(cells.map(|c| (i, grid.position(c))));
                }
                _ => changes.extend((0..3).map(|_| (i, self.step(i, row[i], rng)))),
            }
        }
        changes.shuffle(rng);
        changes.truncate(limit);
        let change = |(i, value): (usize, f64)| {
            let mut changed = row.to_vec();
            changed[i] = value;
            self.complete(changed, active, rng)
        };
        changes.into_iter().map(change).collect()
    }

    /// Another value of one column: near where there is an order, any where there is none.
    fn step(&self, i: usize, value: f64, rng: &mut ChaCha8Rng) -> f64 {
        let column = self.encoder.column(i);
        let normal: f64 = StandardNormal.sample(rng);
        match (column, column.cells()) {
            (Column::Categorical { .. }, Some(cells)) if cells > 1 => {
                ((value as u64 + rng.random_range(1..cells)) % cells) as f64
            }
            (_, Some(cells)) if cells <= 1 => value,
            _ if rng.random_bool(0.2) => column.spread(rng.random()),
            (Column::Discrete(grid), _) => {
                let width = [1.0, 0.1 * grid.cells() as f64][rng.random_range(0..2)];
                let step = (normal * width).abs().ceil().max(1.0).copysign(normal);
                let k = grid.cell(value) as f64 + step;
                let last = (grid.cells() - 1) as f64;
                // Reflected at the ends, so that no step is lost there.
                let k = if k < 0.0 {
                    -k
                } else if k > last {
                    2.0 * last - k
                } else {
                    k
                };
                grid.position(k.clamp(0.0, last) as u64)
            }
            _ => {
                let width = [0.01, 0.05, 0.2][rng.random_range(0..3)];
                (value + width * normal).clamp(0.0, 1.0)
            }
        }
    }

    /// Gives columns that have just become active a random value.
    fn complete(&self, mut row: Vec<f64>, before: &[bool], rng: &mut ChaCha8Rng) -> Vec<f64> {
        // Parents come first, so one pass a level of the tree is enough.
        let mut drawn = before.to_vec();
        loop {
            let active = self.active(&row);
            let Some(i) = (0..row.len()).find(|&i| active[i] && !drawn[i]) else { return row };
            row[i] = self.encoder.column(i).spread(rng.random());
            drawn[i] = true;
        }
    }
}

/// Which columns are active in a row, without decoding it: for each column its parents and the values of
/// theirs that it needs.
struct Activity {
    needs: Vec<Vec<(usize, Vec<f64>)>>,
    columns: Vec<Column>,
}

impl Activity {
    /// `None` where a column depends on a continuous one: then values must be compared, not rows.
    fn new(encoder: &Encoder<'_>) -> Option<Self> {
        let space = encoder.space();
        let need = |(parent, condition): (usize, &Condition)| {
            encoder.column(parent).cells()?;
            let parameter = &space.parameters()[parent];
            let cells = condition.values.iter().filter_map(|value| parameter.domain.cell_of(value));
            Some((parent, cells.filter_map(|cell| encoder.column(parent).value(cell)).collect()))
        };
        let needs =
            (0..space.len()).map(|i| space.conditions(i).map(need).collect()).collect::<Option<_>>()?;
        Some(Self { needs, columns: encoder.columns().to_vec() })
    }

    fn of(&self, row: &[f64]) -> Vec<bool> {
        let mut active = Vec::with_capacity(row.len());
        for needs in &self.needs {
            let met = |(parent, values): &(usize, Vec<f64>)| {
                active[*parent] && values.contains(&self.columns[*parent].snap(row[*parent]))
            };
            active.push(needs.iter().all(met));
        }
        active
    }
}
