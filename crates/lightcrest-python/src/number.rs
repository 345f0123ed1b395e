//! Numbers for what Python does itself: draws at random, fronts and their hypervolumes.

use crate::{convert, error};
use lightcrest::Space;
use lightcrest::space::Parameter;
use pyo3::prelude::*;
use std::hash::{BuildHasher, RandomState};

/// A seed that nobody has chosen.
#[pyfunction]
pub(crate) fn random_seed() -> u64 {
    RandomState::new().hash_one("seed")
}

/// A value of a distribution at random: the same for the same seed, trial and name.
#[pyfunction]
pub(crate) fn draw<'py>(
    py: Python<'py>,
    seed: u64,
    number: u64,
    name: &str,
    distribution: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let domain = convert::domain(name, distribution)?;
    let space = Space::builder().parameter(Parameter::new(name, domain)).build().map_err(error::space)?;
    // FNV-1a (Fowler, Noll, Vo) over the seed, the number and the name.
    let bytes = seed.to_le_bytes().into_iter().chain(number.to_le_bytes()).chain(name.bytes());
    let seed = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let configuration = space.sample_seeded(seed);
    match configuration.get(name) {
        Some(value) => convert::scalar(py, value),
        None => Ok(py.None().into_bound(py)),
    }
}

/// The volume that the first of some points dominates above a reference point, that the first two do, and so
/// on; larger is better in every coordinate.
#[pyfunction]
pub(crate) fn hypervolumes(py: Python<'_>, points: Vec<Vec<f64>>, reference: Vec<f64>) -> Vec<f64> {
    py.detach(|| lightcrest::pareto::hypervolumes(&points, &reference))
}

/// Which front each point is on: 0 for those that no other dominates, 1 for those that only these dominate,
/// and so on; larger is better in every coordinate.
#[pyfunction]
pub(crate) fn fronts(py: Python<'_>, points: Vec<Vec<f64>>) -> Vec<usize> {
    py.detach(|| {
        let mut ranks = vec![0; points.len()];
        for (rank, front) in lightcrest::pareto::non_dominated_sort(&points).into_iter().enumerate() {
            front.into_iter().for_each(|i| ranks[i] = rank);
        }
        ranks
    })
}
