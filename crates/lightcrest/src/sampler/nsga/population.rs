//! Generations and who survives them, as functions of the history.

use crate::history::FrozenTrial;
use crate::pareto;
use crate::sampler::Context;
use crate::space::encode::{Encoded, Encoder};

/// A complete trial.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Individual {
    pub(super) encoded: Encoded,
    /// Larger is better. // (m,)
    pub(super) values: Vec<f64>,
    /// By how much the constraints are broken, added up; 0 where they are satisfied.
    pub(super) violation: f64,
}

/// The complete trials in the order of their numbers.
pub(super) fn individuals(context: &Context<'_>, encoder: &Encoder<'_>) -> Vec<Individual> {
    let individual = |trial: &FrozenTrial| {
        let values = context.history.oriented(trial)?;
        let encoded = encoder.encode(&trial.configuration);
        Some(Individual { encoded, values, violation: trial.violation() })
    };
    context.history.complete().filter_map(individual).collect()
}

/// Whether `a` is better: it breaks the constraints less, or both satisfy them and it dominates (Deb et al.
/// 2002, definition 1).
pub(super) fn dominates(a: &Individual, b: &Individual) -> bool {
    if a.violation > 0.0 || b.violation > 0.0 {
        return a.violation < b.violation;
    }
    pareto::dominates(&a.values, &b.values)
}

/// The individuals' indices front by front: the feasible ones first, then the others by their violations.
pub(super) fn fronts(pool: &[Individual]) -> Vec<Vec<usize>> {
    let (feasible, mut others): (Vec<usize>, Vec<usize>) =
        (0..pool.len()).partition(|&i| pool[i].violation <= 0.0);
    let points: Vec<Vec<f64>> = feasible.iter().map(|&i| pool[i].values.clone()).collect();
    let fronts = pareto::non_dominated_sort(&points).into_iter();
    let mut fronts: Vec<Vec<usize>> =
        fronts.map(|front| front.into_iter().map(|i| feasible[i]).collect()).collect();
    others.sort_by(|&i, &j| pool[i].violation.total_cmp(&pool[j].violation));
    fronts.extend(others.chunk_by(|&i, &j| pool[i].violation == pool[j].violation).map(<[usize]>::to_vec));
    fronts
}

/// The `size` best of a pool by NSGA-II: front by front, and of the front that does not fit the loneliest.
pub(super) fn crowded(pool: &[Individual], size: usize) -> Vec<usize> {
    pareto::fill(fronts(pool), size, |_, front, room| {
        let members: Vec<Vec<f64>> = front.iter().map(|&i| pool[i].values.clone()).collect();
        let distance = pareto::crowding_distance(&members);
        let mut order: Vec<usize> = (0..front.len()).collect();
        order.sort_by(|&i, &j| distance[j].total_cmp(&distance[i]));
        order.truncate(room);
        order
    })
}

/// The parents after some generations. Every `size` complete trials are a generation; who survives it and the
/// parents before it are the parents of the next.
#[derive(Debug, Default)]
pub(super) struct Generations {
    consumed: Vec<Individual>,
    parents: Vec<Individual>,
    count: u64,
}

impl Generations {
    /// The parents of what comes after all whole generations; none in the first. `select` gets a pool and the
    /// number of the generation that is chosen for.
    pub(super) fn parents(
        &mut self,
        evaluated: &[Individual],
        size: usize,
        select: &dyn Fn(&[Individual], u64) -> Vec<usize>,
    ) -> &[Individual] {
        if !evaluated.starts_with(&self.consumed) {
            *self = Self::default();
        }
        while let Some(generation) = evaluated.get(self.consumed.len()..self.consumed.len() + size) {
            self.count += 1;
            self.consumed.extend_from_slice(generation);
            let pool: Vec<Individual> = self.parents.iter().chain(generation).cloned().collect();
            self.parents = select(&pool, self.count).into_iter().map(|i| pool[i].clone()).collect();
        }
        &self.parents
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn individual(values: &[f64], violation: f64) -> Individual {
        let encoded = Encoded { row: vec![0.5], active: vec![true] };
        Individual { encoded, values: values.to_vec(), violation }
    }

    #[test]
    fn feasible_ones_survive_first_then_the_lonely() {
        let pool = [
            individual(&[9.0, 9.0], 0.5),
            individual(&[0.0, 4.0], 0.0),
            individual(&[1.0, 3.0], 0.0),
            individual(&[1.1, 2.9], 0.0),
            individual(&[4.0, 0.0], 0.0),
            individual(&[9.0, 9.0], 0.1),
        ];
        assert_eq!(fronts(&pool), [vec![1, 2, 3, 4], vec![5], vec![0]]);
        // Both ends, and then the one with the farther neighbours.
        assert_eq!(crowded(&pool, 3), [1, 4, 3]);
        assert_eq!(crowded(&pool, 5), [1, 2, 3, 4, 5]);
        assert!(dominates(&pool[1], &pool[5]) && dominates(&pool[5], &pool[0]));
        assert!(!dominates(&pool[1], &pool[2]) && !dominates(&pool[0], &pool[4]));
    }

    #[test]
    fn parents_are_the_best_of_all_generations() {
        let evaluated: Vec<Individual> =
            [3.0, 8.0, 1.0, 7.0, 9.0].map(|value| individual(&[value], 0.0)).to_vec();
        let select = |pool: &[Individual], _: u64| crowded(pool, 2);
        let values = |generations: &mut Generations, n: usize| {
            let parents = generations.parents(&evaluated[..n], 2, &select);
            parents.iter().map(|parent| parent.values[0]).collect::<Vec<_>>()
        };
        let mut generations = Generations::default();
        assert!(values(&mut generations, 1).is_empty());
        assert_eq!(values(&mut generations, 3), [8.0, 3.0]);
        assert_eq!(values(&mut generations, 5), [8.0, 7.0]);
        // What it kept does not fit: it begins anew.
        assert_eq!(values(&mut generations, 2), [8.0, 3.0]);
    }
}
