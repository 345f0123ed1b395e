//! Sums of gradients and hessians over the rows of each bin, as integers.
//!
//! Gradients are fixed-point numbers, scaled by a power of two a tree so that no sum overflows: with n rows a
//! gradient has 62 - log₂ n bits (48 at most), more than f32's 24, and a hessian 39 - log₂ n. Sums of
//! integers do not depend on their order: a child that is its parent minus its sibling, and any number of
//! threads, give the same bits. The number of rows rides in the lower 24 bits of the hessian's word,
//! so that a cell is two words that one instruction adds.

use rayon::prelude::*;

use crate::dataset::{Dataset, Group};

/// `[ΣG, ΣH << 24 | rows]`.
pub(crate) type Cell = [i64; 2];

const COUNT_BITS: u32 = 24;
const COUNT_MASK: i64 = (1 << COUNT_BITS) - 1;

/// A histogram is built on several threads from this many additions on.
const PARALLEL_FROM: usize = 1 << 17;

/// How many rows a cell sums.
pub(crate) fn count(cell: Cell) -> usize {
    usize::try_from(cell[1] & COUNT_MASK).expect("a count is positive")
}

pub(crate) fn add(a: Cell, b: Cell) -> Cell {
    [a[0] + b[0], a[1] + b[1]]
}

pub(crate) fn subtract(a: Cell, b: Cell) -> Cell {
    [a[0] - b[0], a[1] - b[1]]
}

/// What one unit of a cell's words is worth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    gradient: f64,
    hessian: f64,
}

impl Scale {
    /// G of a cell.
    pub(crate) fn gradient(self, cell: Cell) -> f64 {
        cell[0] as f64 * self.gradient
    }

    /// H of a cell.
    pub(crate) fn hessian(self, cell: Cell) -> f64 {
        (cell[1] >> COUNT_BITS) as f64 * self.hessian
    }

    /// Turns derivatives into cells, at the places of their rows.
    ///
    /// Returns nothing when a derivative is not finite.
    pub(crate) fn quantise(rows: &[u32], derivatives: &[[f32; 2]], cells: &mut [Cell]) -> Option<Self> {
        let (mut gradient, mut hessian, mut sum) = (0.0_f32, 0.0_f32, 0.0_f32);
        for [g, h] in derivatives {
            (gradient, hessian) = (gradient.max(g.abs()), hessian.max(*h));
            sum += g + h; // NaN and infinities stay
        }
        if !sum.is_finite() && derivatives.iter().flatten().any(|value| !value.is_finite()) {
            return None;
        }
        let row_bits = i32::try_from(usize::BITS - rows.len().leading_zeros()).expect("a few bits");
        let gradient = unit(gradient, (62 - row_bits).min(48));
        let hessian = unit(hessian, 39 - row_bits);
        let (by_gradient, by_hessian) = (gradient.recip(), hessian.recip());
        for (&row, [g, h]) in rows.iter().zip(derivatives) {
            let g = round(f64::from(*g) * by_gradient);
            let h = round(f64::from(*h) * by_hessian);
            cells[row as usize] = [g, (h << COUNT_BITS) | 1];
        }
        Some(Self { gradient, hessian })
    }
}

/// The power of two of which `largest` is less than 2^bits times.
fn unit(largest: f32, bits: i32) -> f64 {
    if largest == 0.0 {
        return 1.0;
    }
    // The exponent of the smallest power of two above it.
    let exponent = i32::try_from((f64::from(largest).to_bits() >> 52) & 0x7ff).expect("11 bits") - 1022;
    2.0_f64.powi(exponent - bits)
}

/// To the nearest integer, ties to even, for |x| < 2⁵¹: the magic number's last bit is worth 1.
fn round(x: f64) -> i64 {
    const MAGIC: f64 = 6_755_399_441_055_744.0; // 1.5 * 2^52
    ((x + MAGIC) - MAGIC) as i64
}

/// What histograms of one tree are built from.
pub(crate) struct Source<'a> {
    pub(crate) data: &'a Dataset,
    /// By row.
    pub(crate) cells: &'a [Cell],
    /// Which slots the tree may use.
    pub(crate) is_used: &'a [bool],
    pub(crate) threads: usize,
}

impl Source<'_> {
    /// The sum over rows.
    pub(crate) fn total(&self, rows: &[u32]) -> Cell {
        rows.iter().fold([0; 2], |sum, &row| add(sum, self.cells[row as usize]))
    }

    /// Sums the cells of rows by bins. `ordered` is a buffer: the cells in the order of the rows.
    pub(crate) fn build(&self, rows: &[u32], histogram: &mut [Cell], ordered: &mut Vec<Cell>) {
        histogram.fill([0; 2]);
        ordered.clear();
        ordered.extend(rows.iter().map(|&row| self.cells[row as usize]));
        let groups = self.data.groups();
        let slots = self.data.slots();
        let mut parts = Vec::with_capacity(groups.len());
        let mut rest = histogram;
        for group in groups {
            let (first, last) = (&slots[group.first], &slots[group.first + group.width - 1]);
            let (part, after) = rest.split_at_mut(last.offset + last.values + 1 - first.offset);
            parts.push((group, part));
            rest = after;
        }
        if self.threads != 1 && rows.len() * slots.len() >= PARALLEL_FROM {
            parts.into_par_iter().for_each(|(group, part)| self.build_group(group, rows, ordered, part));
        } else {
            parts.into_iter().for_each(|(group, part)| self.build_group(group, rows, ordered, part));
        }
    }

    fn build_group(&self, group: &Group, rows: &[u32], ordered: &[Cell], part: &mut [Cell]) {
        let slots = &self.data.slots()[group.first..group.first + group.width];
        let is_used = &self.is_used[group.first..group.first + group.width];
        let offset = |at: usize| slots[at].offset - slots[0].offset;
        if is_used.iter().all(|used| *used) {
            return match group.width {
                1 => accumulate::<1>(&group.bins, rows, ordered, std::array::from_fn(offset), part),
                2 => accumulate::<2>(&group.bins, rows, ordered, std::array::from_fn(offset), part),
                3 => accumulate::<3>(&group.bins, rows, ordered, std::array::from_fn(offset), part),
                4 => accumulate::<4>(&group.bins, rows, ordered, std::array::from_fn(offset), part),
                5 => accumulate::<5>(&group.bins, rows, ordered, std::array::from_fn(offset), part),
                6 => accumulate::<6>(&group.bins, rows, ordered, std::array::from_fn(offset), part),
                7 => accumulate::<7>(&group.bins, rows, ordered, std::array::from_fn(offset), part),
                _ => accumulate::<8>(&group.bins, rows, ordered, std::array::from_fn(offset), part),
            };
        }
        let mut used = (0..group.width).filter(|at| is_used[*at]).map(|at| (at, offset(at)));
        let count = used.clone().count();
        let mut next = || used.next().expect("so many are used");
        match count {
            0 => {}
            1 => accumulate_some::<1>(group, rows, ordered, std::array::from_fn(|_| next()), part),
            2 => accumulate_some::<2>(group, rows, ordered, std::array::from_fn(|_| next()), part),
            3 => accumulate_some::<3>(group, rows, ordered, std::array::from_fn(|_| next()), part),
            4 => accumulate_some::<4>(group, rows, ordered, std::array::from_fn(|_| next()), part),
            5 => accumulate_some::<5>(group, rows, ordered, std::array::from_fn(|_| next()), part),
            6 => accumulate_some::<6>(group, rows, ordered, std::array::from_fn(|_| next()), part),
            _ => accumulate_some::<7>(group, rows, ordered, std::array::from_fn(|_| next()), part),
        }
    }
}

/// The bins of W features of a group at once, each with its place in the group and where its cells begin.
fn accumulate_some<const W: usize>(
    group: &Group,
    rows: &[u32],
    ordered: &[Cell],
    used: [(usize, usize); W],
    cells: &mut [Cell],
) {
    for (&row, cell) in rows.iter().zip(ordered) {
        let row = &group.bins[row as usize * group.width..][..group.width];
        for (at, offset) in used {
            let sum = &mut cells[offset + usize::from(row[at])];
            *sum = add(*sum, *cell);
        }
    }
}

/// The bins of W features of a row at once.
fn accumulate<const W: usize>(
    bins: &[u8],
    rows: &[u32],
    ordered: &[Cell],
    offsets: [usize; W],
    cells: &mut [Cell],
) {
    let (bins, _) = bins.as_chunks::<W>();
    for (&row, cell) in rows.iter().zip(ordered) {
        let row: [u8; W] = bins[row as usize];
        for at in 0..W {
            let sum = &mut cells[offsets[at] + usize::from(row[at])];
            *sum = add(*sum, *cell);
        }
    }
}

/// The sibling's histogram: `parent` minus `child`, in place.
pub(crate) fn subtract_all(parent: &mut [Cell], child: &[Cell]) {
    for (parent, child) in parent.iter_mut().zip(child) {
        *parent = subtract(*parent, *child);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_to_the_bits_of_the_scale() {
        let derivatives: Vec<[f32; 2]> =
            (0..1000).map(|i| [(i as f32 * 0.7).sin() * 3.0, (i as f32 * 0.3).cos().abs()]).collect();
        let rows: Vec<u32> = (0..1000).collect();
        let mut cells = vec![[0; 2]; 1000];
        let scale = Scale::quantise(&rows, &derivatives, &mut cells).unwrap();
        let sum = cells.iter().fold([0; 2], |sum, cell| add(sum, *cell));
        let expected = derivatives
            .iter()
            .fold([0.0; 2], |[a, b]: [f64; 2], [g, h]| [a + f64::from(*g), b + f64::from(*h)]);
        assert_eq!(count(sum), 1000);
        assert!((scale.gradient(sum) - expected[0]).abs() < 1e-9, "{}", scale.gradient(sum));
        assert!((scale.hessian(sum) / expected[1] - 1.0).abs() < 1e-7, "{}", scale.hessian(sum));
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let rows: Vec<u32> = (0..4096).collect();
        let derivatives = vec![[-f32::MAX, 1.0]; 4096];
        let mut cells = vec![[0; 2]; 4096];
        let scale = Scale::quantise(&rows, &derivatives, &mut cells).unwrap();
        let sum = cells.iter().fold([0; 2], |sum, cell| add(sum, *cell));
        assert!((scale.gradient(sum) / (-4096.0 * f64::from(f32::MAX)) - 1.0).abs() < 1e-6);
        assert_eq!(scale.hessian(sum), 4096.0);
    }

    #[test]
    fn some_features_of_a_group_have_the_sums_that_they_have_among_all() {
        let columns: Vec<Vec<f32>> =
            (0..11).map(|c| (0..200).map(|row| (row * (c + 3) % 17) as f32).collect()).collect();
        let columns: Vec<crate::Column<'_>> =
            columns.iter().map(|column| crate::Column::Number(column)).collect();
        let data = Dataset::new(&columns, &crate::BinningConfig::default()).unwrap();
        let cells: Vec<Cell> = (0..200).map(|row| [row * 7 % 31, (row << COUNT_BITS) | 1]).collect();
        let rows: Vec<u32> = (0..200).filter(|row| row % 3 != 0).collect();
        let build = |is_used: &[bool]| {
            let source = Source { data: &data, cells: &cells, is_used, threads: 1 };
            let mut histogram = vec![[0; 2]; data.cells()];
            source.build(&rows, &mut histogram, &mut Vec::new());
            histogram
        };
        let all = build(&[true; 11]);
        for mask in 0..1 << 11 {
            let is_used: Vec<bool> = (0..11).map(|slot| mask >> slot & 1 == 1).collect();
            let some = build(&is_used);
            for (slot, place) in data.slots().iter().enumerate().filter(|(slot, _)| is_used[*slot]) {
                let range = place.offset..=place.offset + place.values;
                assert_eq!(some[range.clone()], all[range], "slot {slot} of {is_used:?}");
            }
        }
    }

    #[test]
    fn derivatives_that_are_not_finite_are_refused() {
        for bad in [[f32::NAN, 1.0], [f32::INFINITY, 1.0], [0.0, f32::INFINITY]] {
            assert!(Scale::quantise(&[0], &[bad], &mut [[0; 2]]).is_none());
        }
    }
}
