//! When a parameter exists: the smallest conjunction of conditions on earlier parameters that explains it.
//!
//! | symbol | meaning |
//! |---|---|
//! | `P` | the trials that asked for the parameter |
//! | `A` | the complete trials that did not |
//! | atom | `parent has one of V`, where V is the smallest set that holds in all of `P` |
//!
//! A parent must have been asked for before the parameter in every trial of `P`. Its atom *excludes* the
//! trials of `A` in which the parent is missing or has another value; a set of atoms explains the parameter
//! if together they exclude all of `A`. Of the smallest such sets the first is taken in an order of
//! preference: choices before whole numbers, atoms that say more than "the parent exists" before those that
//! do not, parents of few values before those of many (which separate any few trials by chance), earlier
//! parents before later ones.
//!
//! V is a set of choices, or a range of whole numbers (`for i in range(layers)` asks for the width of layer
//! `i` where `layers > i`). A range goes on to the end of the domain if no trial of `A` contradicts. Only
//! what ranges cannot explain is tried with sets of numbers.

use super::super::Domain;
use super::{Activity, Clause};

/// For each known parameter that a trial asked for: its place in the order of asking, and the cell of its
/// value if the domain has cells.
pub(super) type Row = Vec<Option<(usize, Option<u64>)>>;

/// Whole numbers of more values are no parents: no objective branches on each of them.
const LARGEST_RANGE: u64 = 256;
/// The same for sets of whole numbers.
const LARGEST_SET: u64 = 32;
/// Conjunctions up to this size are searched in full.
const FULL_SEARCH: usize = 3;

/// All that is known about all parameters.
pub(super) struct Evidence<'a> {
    pub(super) domains: &'a [&'a Domain],
    pub(super) rows: &'a [Row],
    /// Whether the absence of a parameter from the row means anything.
    pub(super) whole: &'a [bool],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Choices,
    Range,
    Set,
}

/// `parent has one of cells`, before it is fitted to its place in a conjunction.
struct Atom {
    parent: usize,
    shape: Shape,
    /// Ascending.
    cells: Vec<u64>,
    /// For each trial of `A`, a bit.
    excluded: Bits,
}

type Bits = Vec<u64>;

impl Evidence<'_> {
    /// When the parameter at `child` exists.
    pub(super) fn activity(&self, child: usize) -> Activity {
        let (mut present, mut absent) = (Vec::new(), Vec::new());
        for (row, whole) in self.rows.iter().zip(self.whole) {
            match row[child] {
                Some(_) => present.push(row),
                None if *whole => absent.push(row),
                None => {}
            }
        }
        if absent.is_empty() {
            return Activity::Always;
        }
        for sets in [false, true] {
            let mut atoms: Vec<Atom> = (0..self.domains.len())
                .filter(|parent| *parent != child)
                .flat_map(|parent| self.shapes(parent, sets).map(move |shape| (parent, shape)))
                .filter_map(|(parent, shape)| self.atom(child, parent, shape, &present, &absent))
                .collect();
            atoms.sort_by_key(|atom| self.preference(atom));
            if let Some(chosen) = smallest_cover(&atoms, absent.len()) {
                let clause = |&i: &usize| {
                    let cells = self.widened(&atoms, &chosen, i, &absent);
                    Clause { parent: atoms[i].parent, cells, seen: atoms[i].cells.clone() }
                };
                let mut clauses: Vec<Clause> = chosen.iter().map(clause).collect();
                clauses.sort();
                return Activity::When(clauses);
            }
        }
        Activity::Unknown
    }

    fn shapes(&self, parent: usize, sets: bool) -> impl Iterator<Item = Shape> + use<> {
        let shapes = match (self.domains[parent], self.domains[parent].cells()) {
            (Domain::Categorical { .. }, _) => [Some(Shape::Choices), None],
            (Domain::Int { .. }, Some(cells)) if cells <= LARGEST_RANGE => {
                [Some(Shape::Range), (sets && cells <= LARGEST_SET).then_some(Shape::Set)]
            }
            _ => [None, None],
        };
        shapes.into_iter().flatten()
    }

    /// The tightest atom on a parent, if it may be one and excludes anything.
    fn atom(
        &self,
        child: usize,
        parent: usize,
        shape: Shape,
        present: &[&Row],
        absent: &[&Row],
    ) -> Option<Atom> {
        let mut cells = Vec::with_capacity(present.len());
        for row in present {
            let ((child, _), (parent, cell)) = (row[child]?, row[parent]?);
            if parent > child {
                return None;
            }
            cells.push(cell?);
        }
        cells.sort_unstable();
        cells.dedup();
        if shape == Shape::Range {
            cells = (*cells.first()?..=*cells.last()?).collect();
        }
        let mut excluded = vec![0; absent.len().div_ceil(64)];
        for (i, row) in absent.iter().enumerate() {
            if !admits(row, parent, &cells) {
                excluded[i / 64] |= 1 << (i % 64);
            }
        }
        excluded.iter().any(|word| *word != 0).then_some(Atom { parent, shape, cells, excluded })
    }

    fn preference(&self, atom: &Atom) -> impl Ord + use<> {
        let shape = match atom.shape {
            Shape::Choices => 0,
            Shape::Range => 1,
            Shape::Set => 2,
        };
        let size = self.domains[atom.parent].cells().unwrap_or(u64::MAX);
        (shape, atom.cells.len() as u64 == size, size, atom.parent)
    }

    /// The cells of a chosen atom; a range reaches to the ends of the domain where no trial of `A` that the
    /// rest of the conjunction admits stands in the way.
    fn widened(&self, atoms: &[Atom], chosen: &[usize], i: usize, absent: &[&Row]) -> Vec<u64> {
        let atom = &atoms[i];
        let (Shape::Range, Some(&low), Some(&high)) = (atom.shape, atom.cells.first(), atom.cells.last())
        else {
            return atom.cells.clone();
        };
        let (mut from, mut to) = (0, self.domains[atom.parent].cells().unwrap_or(high + 1) - 1);
        for row in absent {
            let others = chosen.iter().filter(|other| **other != i).map(|&other| &atoms[other]);
            let Some((_, Some(cell))) = row[atom.parent] else { continue };
            if others.into_iter().all(|other| admits(row, other.parent, &other.cells)) {
                if cell < low {
                    from = low;
                } else if cell > high {
                    to = high;
                }
            }
        }
        (from..=to).collect()
    }
}

fn admits(row: &Row, parent: usize, cells: &[u64]) -> bool {
    matches!(row[parent], Some((_, Some(cell))) if cells.binary_search(&cell).is_ok())
}

/// The smallest set of atoms, given in the order of preference, that excludes all `n` trials; of several the
/// first.
fn smallest_cover(atoms: &[Atom], n: usize) -> Option<Vec<usize>> {
    let mut nothing: Bits = vec![0; n.div_ceil(64)];
    (0..n).for_each(|i| nothing[i / 64] |= 1 << (i % 64));
    let left = |bits: &Bits, atom: &Atom| -> Bits {
        bits.iter().zip(&atom.excluded).map(|(left, excluded)| left & !excluded).collect()
    };
    let empty = |bits: &Bits| bits.iter().all(|word| *word == 0);
    if !empty(&atoms.iter().fold(nothing.clone(), |bits, atom| left(&bits, atom))) {
        return None;
    }
    fn search(
        atoms: &[Atom],
        from: usize,
        size: usize,
        bits: &Bits,
        left: &dyn Fn(&Bits, &Atom) -> Bits,
        chosen: &mut Vec<usize>,
    ) -> bool {
        if size == 0 {
            return bits.iter().all(|word| *word == 0);
        }
        (from..atoms.len()).any(|i| {
            chosen.push(i);
            let found = search(atoms, i + 1, size - 1, &left(bits, &atoms[i]), left, chosen);
            if !found {
                chosen.pop();
            }
            found
        })
    }
    for size in 1..=FULL_SEARCH {
        let mut chosen = Vec::new();
        if search(atoms, 0, size, &nothing, &left, &mut chosen) {
            return Some(chosen);
        }
    }
    // Larger ones: leave out what can be left out, the least preferred first.
    let mut chosen: Vec<usize> = (0..atoms.len()).collect();
    for i in (0..atoms.len()).rev() {
        let without: Vec<usize> = chosen.iter().copied().filter(|&k| k != i).collect();
        if empty(&without.iter().fold(nothing.clone(), |bits, &k| left(&bits, &atoms[k]))) {
            chosen = without;
        }
    }
    Some(chosen)
}
