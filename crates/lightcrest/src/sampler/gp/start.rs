//! The trials that a study starts with: random ones far from each other and, where costs are objectives that
//! are known before a trial, ascending in cost.
//!
//! Random draws are seldom light: most ways to put a network together are heavy, so that a search that starts
//! with them trains for minutes before it has seen a light one. Where a preview knows what is to be minimised
//! (multiply-adds, parameters), the starts climb a ladder instead: the lightest configuration that can be
//! found, then equal steps of the logarithm of the cost. On each rung the one of many is taken that is
//! farthest from all earlier trials (Gower 1971).
//!
//! Beyond half of the starts a rung is climbed only when it is due: when all trials together have cost
//! `PATIENCE` times what it will, each at least what the middle of the ladder costs. Until then the model
//! proposes. So the light end of a front is known after the first seconds, and a heavy trial waits until it
//! is a small part of the bill. A rung at or below the heaviest trial so far is left out: somebody has been
//! there. Proposals of the model are held to the bill as well: none may cost more than a `THRIFT`th of it, or
//! than the middle of the ladder.

use super::candidate::Source;
use super::ledger::Ledger;
use crate::history::{FrozenTrial, History};
use crate::objective::Direction;
use crate::sampler::admission::distance;
use crate::sampler::{Context, SamplerError, draw};
use crate::space::Configuration;
use crate::space::encode::{Encoded, Encoder};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::borrow::Cow;

/// Random draws of which the one is proposed that is farthest from earlier trials.
const DRAWS: usize = 8;
/// Feasible random draws that tell what costs are usual,
const SURVEY: usize = 200;
/// of so many draws at most.
const SURVEYED: usize = 2_000;
/// Of them descend in cost,
const DESCENTS: usize = 12;
/// with so many changes of one parameter each.
const CHANGES: usize = 100;
/// Candidates of a rung, where fewer lie within half a step of it.
const RUNG: usize = 8;
/// How often the price of a rung must have been spent before it is climbed.
const PATIENCE: f64 = 2.0;
/// How often the price of a proposal of the model must have been spent.
const THRIFT: f64 = 10.0;

/// A random configuration far from all trials so far: the best of a few draws.
pub(super) fn spread(
    context: &Context<'_>,
    ledger: &Ledger,
    rng: &mut ChaCha8Rng,
) -> Result<Configuration, SamplerError> {
    let known = Known::new(context, ledger);
    let mut best: Option<(f64, Configuration)> = None;
    for _ in 0..if known.is_empty() { 1 } else { DRAWS } {
        let configuration = draw(context, rng)?;
        let nearest = known.nearest(&known.encoder.encode(&configuration));
        if best.as_ref().is_none_or(|(d, _)| nearest > *d) {
            best = Some((nearest, configuration));
        }
    }
    match best {
        Some((_, configuration)) => Ok(configuration),
        None => draw(context, rng),
    }
}

/// All trials so far, as rows.
struct Known<'a> {
    encoder: Encoder<'a>,
    /// Those that have ended.
    ledger: &'a Ledger,
    others: Vec<Encoded>,
}

impl<'a> Known<'a> {
    fn new(context: &Context<'a>, ledger: &'a Ledger) -> Self {
        let encoder = Encoder::new(context.space);
        let proposed = context.history.unfinished().filter(|trial| !trial.is_reserved());
        let others = proposed.map(|trial| encoder.encode(&trial.configuration)).collect();
        Self { encoder, ledger, others }
    }

    fn is_empty(&self) -> bool {
        self.ledger.len() == 0 && self.others.is_empty()
    }

    /// How far the nearest of them is from a row.
    fn nearest(&self, row: &Encoded) -> f64 {
        let columns = self.encoder.columns();
        let to = |other: &Encoded| distance(columns, (&row.row, &row.active), (&other.row, &other.active));
        self.others.iter().map(to).fold(self.ledger.nearest(columns, row), f64::min)
    }
}

/// The price of a configuration whose objectives are known so far: the geometric mean of those that are
/// minimised. `None` where there are none, or one of them is not positive, or nothing needs an evaluation.
pub(super) fn price(context: &Context<'_>, known: &[Option<f64>]) -> Option<f64> {
    let value = |j: usize| known.get(j).copied().flatten();
    let all = 0..context.objectives.len();
    if all.clone().all(|j| value(j).is_some()) {
        return None;
    }
    let minimised = all.filter(|&j| context.objectives[j].direction == Direction::Minimize);
    let costs: Vec<f64> = minimised.filter_map(value).map(f64::ln).collect();
    let price = (costs.iter().sum::<f64>() / costs.len() as f64).exp();
    (price.is_finite() && price > 0.0).then_some(price)
}

/// What was known of the objectives of a trial beforehand.
fn told<'a>(context: &Context<'_>, trial: &'a FrozenTrial) -> Cow<'a, [Option<f64>]> {
    match trial.known.is_empty() {
        // Somebody else proposed it.
        true => Cow::Owned((context.preview)(&trial.configuration).objectives),
        false => Cow::Borrowed(&trial.known),
    }
}

/// The prices of all trials so far.
fn spent(context: &Context<'_>) -> impl Iterator<Item = f64> {
    let trials = context.history.trials().iter().filter(|trial| !trial.is_reserved());
    trials.filter_map(|trial| price(context, &told(context, trial)))
}

/// A configuration that may be proposed, and its price.
struct Priced {
    configuration: Configuration,
    row: Encoded,
    price: f64,
}

/// Feasible configurations from light to usual ones: random draws, and what is met on the way down from some
/// of them. Empty where no price is known.
fn survey(context: &Context<'_>, encoder: &Encoder<'_>, rng: &mut ChaCha8Rng) -> Vec<Priced> {
    let mut pool: Vec<Priced> = Vec::new();
    for _ in 0..SURVEYED {
        let configuration = context.space.sample(rng);
        let preview = (context.preview)(&configuration);
        if preview.violation.is_some() || context.history.contains(&configuration) {
            continue;
        }
        let Some(price) = price(context, &preview.objectives) else { return Vec::new() };
        let row = encoder.encode(&configuration);
        pool.push(Priced { configuration, row, price });
        if pool.len() == SURVEY {
            break;
        }
    }
    pool.sort_by(|a, b| a.price.total_cmp(&b.price));
    let Some(last) = pool.len().checked_sub(1) else { return pool };
    let mut source = Source::new(encoder, context, None, true, rng);
    for descent in 0..DESCENTS {
        // From the lightest draws, and from everywhere.
        let from = if descent < DESCENTS / 4 { descent.min(last) } else { descent * last / (DESCENTS - 1) };
        descend(context, &mut source, from, &mut pool, rng);
    }
    pool
}

/// Changes one parameter after the other, and keeps what is lighter; what is met joins the pool.
fn descend(
    context: &Context<'_>,
    source: &mut Source<'_>,
    from: usize,
    pool: &mut Vec<Priced>,
    rng: &mut ChaCha8Rng,
) {
    let (mut here, mut least) = (pool[from].row.clone(), pool[from].price);
    for _ in 0..CHANGES {
        let Some(changed) = source.neighbours(&here.row, &here.active, 1, rng).pop() else { return };
        let Some(candidate) = source.admit(changed, Some(&here.row)) else { continue };
        let Some(price) = price(context, &candidate.known) else { continue };
        let row = Encoded { row: candidate.row.clone(), active: candidate.active.clone() };
        if price < least {
            (here, least) = (row.clone(), price);
        }
        pool.push(Priced { configuration: source.configuration(candidate), row, price });
    }
}

/// The prices that a study starts with, ascending.
#[derive(Debug, Clone)]
pub(super) struct Ladder {
    prices: Vec<f64>,
}

impl Ladder {
    /// With so many rungs; with none where no price is known, or all cost the same.
    pub(super) fn new(context: &Context<'_>, rungs: usize) -> Self {
        // The same for every proposal, whatever was tried: a sampler that is rebuilt finds the same rungs.
        let blank = History::new(context.objectives.to_vec());
        let context = &Context { history: &blank, ..*context };
        let pool = survey(context, &Encoder::new(context.space), &mut ChaCha8Rng::seed_from_u64(0));
        let least = pool.iter().map(|c| c.price).fold(f64::INFINITY, f64::min);
        let most = pool.iter().map(|c| c.price).fold(0.0, f64::max);
        if most <= least {
            return Self { prices: Vec::new() };
        }
        let step = (most / least).powf(1.0 / (rungs.max(2) - 1) as f64);
        Self { prices: (0..rungs).map(|k| least * step.powi(k as i32)).collect() }
    }

    /// Whether it has any.
    pub(super) fn stands(&self) -> bool {
        !self.prices.is_empty()
    }

    /// The price to look for next: of the first rung above all trials so far, if it is due.
    pub(super) fn next(&self, context: &Context<'_>) -> Option<f64> {
        let [first, second, ..] = self.prices[..] else { return None };
        let half = (second / first).sqrt();
        let highest = spent(context).fold(0.0, f64::max);
        let next = self.prices.iter().copied().find(|price| price / half > highest)?;
        let early = context.history.len() < self.prices.len() / 2;
        (early || self.is_due(context, next)).then_some(next)
    }

    /// Whether enough was spent to try something of this price.
    pub(super) fn is_due(&self, context: &Context<'_>, price: f64) -> bool {
        self.bill(context) >= PATIENCE * price
    }

    /// What a proposal of the model may cost now.
    pub(super) fn allowance(&self, context: &Context<'_>) -> f64 {
        (self.bill(context) / THRIFT).max(self.middle())
    }

    /// What all trials have cost together. However light, a trial takes a while: as long as one in the middle
    /// of the ladder.
    fn bill(&self, context: &Context<'_>) -> f64 {
        spent(context).map(|price| price.max(self.middle())).sum()
    }

    fn middle(&self) -> f64 {
        self.prices[(self.prices.len() - 1) / 2]
    }

    /// A configuration of about this price, far from all trials so far.
    ///
    /// # Errors
    /// If nothing is feasible.
    pub(super) fn climb(
        &self,
        context: &Context<'_>,
        ledger: &Ledger,
        price: f64,
        rng: &mut ChaCha8Rng,
    ) -> Result<Configuration, SamplerError> {
        let known = Known::new(context, ledger);
        let mut pool = survey(context, &known.encoder, rng);
        let half = (self.prices[1] / self.prices[0]).ln() / 2.0;
        let off = |candidate: &Priced| (candidate.price / price).ln().abs();
        pool.sort_by(|a, b| off(a).total_cmp(&off(b)));
        let within = pool.iter().take_while(|candidate| off(candidate) <= half).count();
        pool.truncate(within.max(RUNG));
        let apart = pool.into_iter().map(|c| (known.nearest(&c.row), c.configuration));
        match apart.reduce(|a, b| if b.0 > a.0 { b } else { a }) {
            Some((_, configuration)) => Ok(configuration),
            None => draw(context, rng),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{Lesson, Memory, Source};
    use crate::objective::{ObjectiveInfo, Preview};
    use crate::sampler::{GpSampler, Sampler};
    use crate::space::Space;
    use std::sync::Arc;

    /// Multiply-adds of three layers: random draws are heavy.
    fn macs(configuration: &Configuration) -> f64 {
        ["a", "b", "c"].iter().map(|name| configuration.get_f64(name).expect("always active")).product()
    }

    fn space() -> Space {
        Space::builder().int("a", 1, 100).int("b", 1, 100).int("c", 1, 100).build().unwrap()
    }

    fn proposed(trials: u64, limit: f64, known: bool) -> Vec<f64> {
        proposed_after(Memory::default(), trials, limit, known)
    }

    fn proposed_after(memory: Memory, trials: u64, limit: f64, known: bool) -> Vec<f64> {
        let (space, objectives) =
            (space(), vec![ObjectiveInfo::minimize("loss"), ObjectiveInfo::minimize("macs")]);
        let preview = |configuration: &Configuration| {
            let macs = macs(configuration);
            let objectives = if known { vec![None, Some(macs)] } else { vec![None; 2] };
            Preview {
                objectives,
                violation: (macs > limit).then(|| "too heavy".into()),
                ..Preview::default()
            }
        };
        let mut history = History::new(objectives.clone());
        history.remember(Arc::new(memory));
        let mut sampler = GpSampler::default();
        for number in 0..trials {
            let context = Context {
                number,
                space: &space,
                objectives: &objectives,
                history: &history,
                preview: &preview,
            };
            let rng = || ChaCha8Rng::seed_from_u64(number);
            let configuration = sampler.propose(&context, &mut rng()).unwrap();
            let anew = GpSampler::default().propose(&context, &mut rng()).unwrap();
            assert_eq!(configuration, anew, "rebuilt, it says the same");
            let macs = macs(&configuration);
            let mut trial = FrozenTrial::complete(number, configuration, vec![1.0 / (1.0 + macs.ln()), macs]);
            trial.known = preview(&trial.configuration).objectives;
            history.put(trial);
        }
        history.trials().iter().map(|trial| trial.values.as_ref().unwrap()[1]).collect()
    }

    #[test]
    fn starts_ascend_from_the_lightest_where_costs_are_known() {
        let starts = proposed(5, f64::INFINITY, true);
        assert!(starts[0] <= 20.0, "of a million: {starts:?}");
        assert!(starts.windows(2).all(|pair| pair[0] < pair[1]), "{starts:?}");
        assert!(starts[4] < 5_000.0, "{starts:?}");
        let uninformed = proposed(5, f64::INFINITY, false);
        assert!(uninformed.iter().all(|macs| *macs > 100.0), "random draws are heavy: {uninformed:?}");
    }

    #[test]
    fn what_an_earlier_study_found_best_waits_until_it_is_due() {
        let mut best = Configuration::new();
        ["a", "b", "c"].iter().for_each(|name| best.set(*name, 12));
        let lesson =
            Lesson { configuration: best, values: vec![Some(0.1), None], scores: vec![Some(2.0), None] };
        let source = Source { name: "earlier".into(), trials: 1, lessons: vec![lesson] };
        let trials = proposed_after(Memory::new(vec![source], Some(&space())), 20, f64::INFINITY, true);
        assert!(trials[0] <= 20.0, "{trials:?}");
        let at = trials.iter().position(|macs| *macs == 1728.0).expect("it is tried");
        let middle = 1e6f64.powf(4.0 / 9.0);
        let spent: f64 = trials[..at].iter().map(|macs| macs.max(middle)).sum();
        assert!(spent > 1.5 * 1728.0, "{spent} before: {trials:?}");
    }

    #[test]
    fn what_the_model_proposes_costs_little_of_what_was_spent() {
        let trials = proposed(40, f64::INFINITY, true);
        let middle = 1e6f64.powf(4.0 / 9.0);
        let spent = |number: usize| trials[..number].iter().map(|macs| macs.max(middle)).sum::<f64>();
        let dear = |number: &usize| trials[*number] > (spent(*number) / 10.0).max(1.1 * middle);
        let dear: Vec<usize> = (0..trials.len()).filter(dear).collect();
        assert!(dear.len() <= 5, "no more than rungs of the upper half: {dear:?} of {trials:?}");
    }

    #[test]
    fn a_heavy_rung_waits_until_it_is_a_small_part_of_the_bill() {
        for limit in [f64::INFINITY, 20_000.0] {
            let trials = proposed(40, limit, true);
            assert!(trials.iter().all(|macs| *macs <= limit));
            let heaviest = trials.iter().copied().fold(0.0, f64::max);
            let first = trials.iter().position(|macs| *macs == heaviest).unwrap();
            assert!(first >= 6, "the heaviest comes late: {trials:?}");
        }
    }
}
