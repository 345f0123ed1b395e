//! All configurations of a space whose parameters have finitely many values: drawn at random, and listed when
//! few are left.

use super::admission::admitted;
use super::random::Refusals;
use super::{Context, SamplerError, draw};
use crate::space::{Configuration, Space, Value};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// How many random configurations are tried before all are listed.
const DRAWS: usize = 1_000;
/// Larger spaces are not listed: whoever has tried most of so many has no use for the rest.
const LISTED: u64 = 1_000_000;

/// The values that each parameter of a space is tried with.
pub(super) struct Levels<'a> {
    pub(super) space: &'a Space,
    /// How many values there are of the parameter at a position.
    pub(super) count: Box<dyn Fn(usize) -> u64 + 'a>,
    /// The `k`-th of them.
    pub(super) value: Box<dyn Fn(usize, u64) -> Value + 'a>,
}

impl Levels<'_> {
    /// A random configuration that was not tried before and is feasible.
    ///
    /// # Errors
    /// [`SamplerError::Exhausted`] if all feasible ones were tried, [`SamplerError::EmptyFeasibleSpace`] if
    /// there is none.
    pub(super) fn next(
        &self,
        sampler: &'static str,
        context: &Context<'_>,
        rng: &mut ChaCha8Rng,
    ) -> Result<Configuration, SamplerError> {
        let mut make =
            |rng: &mut ChaCha8Rng| Some(self.complete(&mut |i| rng.random_range(0..(self.count)(i))));
        if let Some(configuration) = admitted(context, rng, DRAWS, &mut make) {
            return Ok(configuration);
        }
        let most = (0..self.space.len()).fold(1, |product: u64, i| product.saturating_mul((self.count)(i)));
        if most > LISTED {
            return draw(context, rng);
        }
        let (mut refusals, mut tried, mut fresh) = (Refusals::default(), 0, Vec::new());
        // One that breaks a constraint of the space, and how many do: to say why for each would take longer
        // than to find them.
        let mut broken: Option<(Configuration, usize)> = None;
        self.each(&mut |configuration| {
            if !context.space.is_feasible(&configuration) {
                broken.get_or_insert((configuration, 0)).1 += 1;
                return;
            }
            match (context.preview)(&configuration).violation {
                Some(reason) => refusals.add(reason),
                None if context.history.contains(&configuration) => tried += 1,
                None => fresh.push(configuration),
            }
        });
        if let Some((configuration, count)) = broken
            && let Err(error) = context.space.check_rules(&configuration)
        {
            refusals.add_many(error.to_string(), count);
        }
        match (fresh.len(), tried) {
            (0, 0) => Err(refusals.into()),
            (0, configurations) => Err(SamplerError::Exhausted { sampler, configurations }),
            (n, _) => Ok(fresh.swap_remove(rng.random_range(0..n))),
        }
    }

    /// The configuration whose active parameters have the values that `choose` says, by position.
    fn complete(&self, choose: &mut dyn FnMut(usize) -> u64) -> Configuration {
        let mut values: Vec<Option<Value>> = Vec::with_capacity(self.space.len());
        let mut configuration = Configuration::new();
        for i in 0..self.space.len() {
            let active = self.space.conditions(i).all(|(parent, condition)| {
                values[parent].as_ref().is_some_and(|value| condition.values.contains(value))
            });
            let value = active.then(|| (self.value)(i, choose(i)));
            if let Some(value) = &value {
                configuration.push(self.space.shared_name(i), value.clone());
            }
            values.push(value);
        }
        configuration
    }

    /// Tells `visit` of every configuration once: like an odometer, the last active parameter fastest.
    fn each(&self, visit: &mut dyn FnMut(Configuration)) {
        // The value of each parameter, of those that were active last time.
        let mut odometer: Vec<Option<u64>> = vec![None; self.space.len()];
        loop {
            let mut now = vec![None; odometer.len()];
            let configuration = self.complete(&mut |i| {
                let k = odometer[i].unwrap_or(0);
                now[i] = Some(k);
                k
            });
            visit(configuration);
            // What comes after the one that advances begins anew, and may not even exist.
            let advances = |i: &usize| now[*i].is_some_and(|k| k + 1 < (self.count)(*i));
            let Some(i) = (0..now.len()).rev().find(advances) else { return };
            now[i] = now[i].map(|k| k + 1);
            now[i + 1..].fill(None);
            odometer = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::Parameter;
    use std::collections::HashSet;

    #[test]
    fn each_configuration_of_a_conditional_space_comes_once() {
        let space = Space::builder()
            .categorical("kind", ["a", "b", "c"])
            .parameter(Parameter::int("x", 0, 3).when("kind", ["a", "b"]))
            .parameter(Parameter::categorical("y", [true, false]).when("x", [1i64, 2]))
            .int("z", 1, 2)
            .build()
            .unwrap();
        let domain = |i: usize| &space.parameters()[i].domain;
        let levels = Levels {
            space: &space,
            count: Box::new(|i| domain(i).cells().unwrap()),
            value: Box::new(|i, k| domain(i).cell(k).unwrap()),
        };
        let (mut seen, mut visits) = (HashSet::new(), 0);
        levels.each(&mut |configuration| {
            space.validate(&configuration).unwrap();
            seen.insert(configuration.key());
            visits += 1;
        });
        // Of each kind but c: x is 0 or 3, or 1 or 2 with two y.
        assert_eq!((seen.len(), visits), ((2 * (2 + 2 * 2) + 1) * 2, 26));
    }
}
