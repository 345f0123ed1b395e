//! CP: 1 x 1 S -> R, depthwise kh x 1, depthwise 1 x kw, 1 x 1 R -> T (Lebedev et al. 2015, "Speeding-up
//! convolutional neural networks using fine-tuned CP-decomposition").
//!
//! W[t, s, y, x] ~ sum over r of T[t, r] S[s, r] Y[y, r] X[x, r], by alternating least squares. A best
//! approximation need not exist: columns may grow without bound against each other (de Silva and Lim 2008).
//! So columns are normalised after every step, the normal equations carry a ridge that shrinks from sweep to
//! sweep, and the best sweep of several starts is kept.

use faer::linalg::solvers::Solve;
use faer::{Mat, Side};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::kernel::{Kernel, Stage};
use super::singular::{NumericError, left_singular};

/// Starts, of which the best after a few sweeps goes on: the error has many local minima.
const STARTS: u64 = 3;
/// Rank above which there is one start: local minima of large ranks hardly differ, and their sweeps take
/// long.
const MANY: usize = 48;
/// Sweeps at most of each start, and of the best of them.
const TRIAL_SWEEPS: usize = 10;
const SWEEPS: usize = 60;
/// Fall of the error, relative, over so many sweeps below which sweeping ends.
const TOLERANCE: f64 = 1e-3;
const WINDOW: usize = 6;
/// Ridge of the first sweep and of the last, where columns of the other factors have norm 1.
const RIDGE: (f64, f64) = (1e-3, 1e-9);

/// The factors: T (T, R), S (S, R), Y (kh, R), X (kw, R).
type Factors = [Mat<f64>; 4];

/// The four stages at rank `rank`, three where the window has one row or one column.
///
/// From min(S, T) kh kw on it is exact, and no larger rank is used.
///
/// # Errors
/// [`NumericError`].
pub(super) fn cp(kernel: &Kernel, rank: usize) -> Result<Vec<Stage>, NumericError> {
    let taps = kernel.taps();
    if rank >= kernel.input.min(kernel.out) * taps {
        return Ok(stages(kernel, &exact(kernel)));
    }
    let mut best: Option<Run> = None;
    let starts = if rank > MANY { 1 } else { STARTS };
    for seed in 0..starts {
        let mut run = Run::new(start(kernel, rank, seed)?);
        run.sweep(kernel, TRIAL_SWEEPS)?;
        if best.as_ref().is_none_or(|best| run.least < best.least) {
            best = Some(run);
        }
    }
    let mut best = best.expect("there is a start");
    best.sweep(kernel, SWEEPS)?;
    Ok(stages(kernel, &best.best))
}

/// Alternating least squares under way.
struct Run {
    factors: Factors,
    best: Factors,
    least: f64,
    ridge: f64,
    errors: Vec<f64>,
}

impl Run {
    fn new(factors: Factors) -> Self {
        let best = factors.clone();
        Self { factors, best, least: f64::INFINITY, ridge: RIDGE.0, errors: vec![] }
    }

    /// Sweeps until nothing is gained, `sweeps` times at most.
    fn sweep(&mut self, kernel: &Kernel, sweeps: usize) -> Result<(), NumericError> {
        for _ in 0..sweeps {
            let error = sweep(kernel, &mut self.factors, self.ridge)?;
            self.ridge = (0.5 * self.ridge).max(RIDGE.1);
            if error < self.least {
                (self.best, self.least) = (self.factors.clone(), error);
            }
            self.errors.push(error);
            let before = self.errors.len().checked_sub(WINDOW + 1).map(|i| self.errors[i]);
            if before.is_some_and(|before| before - error <= TOLERANCE * before) {
                break;
            }
        }
        Ok(())
    }
}

/// One component for each tap of each channel of the shorter side.
fn exact(kernel: &Kernel) -> Factors {
    let (kh, kw) = (kernel.height, kernel.width);
    let unit = |hit: bool| if hit { 1.0 } else { 0.0 };
    let by_input = kernel.input <= kernel.out;
    let short = kernel.input.min(kernel.out);
    let rank = short * kh * kw;
    let place = |r: usize| (r / (kh * kw), r / kw % kh, r % kw);
    let element = |t: usize, s: usize, r: usize| kernel.data[kernel.at(t, s, place(r).1, place(r).2)];
    let one = Mat::from_fn(short, rank, |i, r| unit(place(r).0 == i));
    let other = if by_input {
        Mat::from_fn(kernel.out, rank, |t, r| element(t, place(r).0, r))
    } else {
        Mat::from_fn(kernel.input, rank, |s, r| element(place(r).0, s, r))
    };
    let (out, input) = if by_input { (other, one) } else { (one, other) };
    let rows = Mat::from_fn(kh, rank, |y, r| unit(place(r).1 == y));
    let columns = Mat::from_fn(kw, rank, |x, r| unit(place(r).2 == x));
    [out, input, rows, columns]
}

/// Leading singular vectors for the channels, and noise where there are none and for the window; every start
/// but the first is noise altogether.
fn start(kernel: &Kernel, rank: usize, seed: u64) -> Result<Factors, NumericError> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let out = left_singular(kernel.by_output())?.vectors;
    let input = left_singular(kernel.by_input().as_ref())?.vectors;
    let mut filled = |rows: usize, known: Option<&Mat<f64>>| {
        let known = known.filter(|_| seed == 0);
        let mut factor = Mat::from_fn(rows, rank, |i, r| match known {
            Some(known) if r < known.ncols() => known[(i, r)],
            _ => StandardNormal.sample(&mut rng),
        });
        normalize(&mut factor);
        factor
    };
    let (out, input) = (filled(kernel.out, Some(&out)), filled(kernel.input, Some(&input)));
    Ok([out, input, filled(kernel.height, None), filled(kernel.width, None)])
}

/// Solves for each factor in turn; the relative error afterwards.
fn sweep(kernel: &Kernel, f: &mut Factors, ridge: f64) -> Result<f64, NumericError> {
    let (kh, kw, taps) = (kernel.height, kernel.width, kernel.taps());
    let rank = f[0].ncols();
    // Khatri-Rao product of a channel factor with those of the window, (channels kh kw, R).
    let khatri_rao = |channels: &Mat<f64>, f: &Factors| {
        Mat::from_fn(channels.nrows() * taps, rank, |i, r| {
            channels[(i / taps, r)] * f[2][(i / kw % kh, r)] * f[3][(i % kw, r)]
        })
    };
    let product = kernel.by_output() * khatri_rao(&f[1], f);
    f[0] = solved(&product, &gram(f, 0), ridge)?;
    normalize(&mut f[0]);
    let product = kernel.by_input() * khatri_rao(&f[0], f);
    f[1] = solved(&product, &gram(f, 1), ridge)?;
    normalize(&mut f[1]);
    // Q[(y, x), r], what both factors of the window see of the kernel.
    let z = kernel.by_output().transpose() * &f[0]; // (S kh kw, R)
    let q = Mat::from_fn(taps, rank, |tap, r| {
        (0..kernel.input).map(|s| z[(s * taps + tap, r)] * f[1][(s, r)]).sum::<f64>()
    });
    let product = Mat::from_fn(kh, rank, |y, r| (0..kw).map(|x| q[(y * kw + x, r)] * f[3][(x, r)]).sum());
    f[2] = solved(&product, &gram(f, 2), ridge)?;
    normalize(&mut f[2]);
    let product = Mat::from_fn(kw, rank, |x, r| (0..kh).map(|y| q[(y * kw + x, r)] * f[2][(y, r)]).sum());
    let gram = gram(f, 3);
    f[3] = solved(&product, &gram, ridge)?;
    // |W - W'|^2 = |W|^2 - 2 <W, W'> + |W'|^2, both from what the last step has.
    let squares = kernel.norm().powi(2);
    let own = f[3].transpose() * &f[3];
    let pairs = |a: &Mat<f64>, b: &Mat<f64>| {
        let rows = (0..a.nrows()).map(|i| (0..a.ncols()).map(|j| a[(i, j)] * b[(i, j)]).sum::<f64>());
        rows.sum::<f64>()
    };
    let error = squares - 2.0 * pairs(&product, &f[3]) + pairs(&gram, &own);
    Ok(if squares > 0.0 { (error.max(0.0) / squares).sqrt() } else { 0.0 })
}

/// Element-wise product of the Gram matrices of all factors but one, (R, R).
fn gram(f: &Factors, but: usize) -> Mat<f64> {
    let rank = f[0].ncols();
    let mut product = Mat::from_fn(rank, rank, |_, _| 1.0);
    for factor in f.iter().enumerate().filter(|(mode, _)| *mode != but).map(|(_, factor)| factor) {
        let gram = factor.transpose() * factor;
        for (j, i) in (0..rank).flat_map(|j| (0..rank).map(move |i| (j, i))) {
            product[(i, j)] *= gram[(i, j)];
        }
    }
    product
}

/// A of A (G + ridge diag) = P, for P (n, R) and G (R, R).
fn solved(p: &Mat<f64>, g: &Mat<f64>, ridge: f64) -> Result<Mat<f64>, NumericError> {
    let rank = g.nrows();
    let mean = (0..rank).map(|r| g[(r, r)]).sum::<f64>() / rank as f64;
    let mut g = g.clone();
    // A kernel of zeros leaves nothing to divide by.
    (0..rank).for_each(|r| g[(r, r)] += (ridge * mean).max(f64::MIN_POSITIVE.sqrt()));
    let failed = |_| NumericError::NotFinite;
    let solution = g.llt(Side::Lower).map_err(failed)?.solve(p.transpose());
    Ok(solution.transpose().to_owned())
}

/// Columns to norm 1; a column of zeros becomes the first unit vector, which its weight of 0 makes harmless.
fn normalize(factor: &mut Mat<f64>) {
    for r in 0..factor.ncols() {
        let norm = factor.col(r).norm_l2();
        for i in 0..factor.nrows() {
            let unit = if i == 0 { 1.0 } else { 0.0 };
            factor[(i, r)] = if norm > 0.0 { factor[(i, r)] / norm } else { unit };
        }
    }
}

/// The factors as convolutions, each component's magnitude spread over them.
fn stages(kernel: &Kernel, f: &Factors) -> Vec<Stage> {
    let rank = f[0].ncols();
    let (kh, kw) = (kernel.height, kernel.width);
    let norms = |m: usize, r: usize| f[m].col(r).norm_l2();
    let scale = |m: usize, r: usize| {
        let product: f64 = (0..4).map(|m| norms(m, r)).product();
        if product > 0.0 { product.powf(0.25) / norms(m, r) } else { 0.0 }
    };
    let mut reduce = Kernel::zeros(rank, kernel.input, 1, 1);
    let mut restore = Kernel::zeros(kernel.out, rank, 1, 1);
    let (mut rows, mut columns) = (Kernel::zeros(rank, 1, kh, 1), Kernel::zeros(rank, 1, 1, kw));
    for r in 0..rank {
        (0..kernel.out).for_each(|t| restore.data[t * rank + r] = f[0][(t, r)] * scale(0, r));
        (0..kernel.input).for_each(|s| reduce.data[r * kernel.input + s] = f[1][(s, r)] * scale(1, r));
        (0..kh).for_each(|y| rows.data[r * kh + y] = f[2][(y, r)] * scale(2, r));
        (0..kw).for_each(|x| columns.data[r * kw + x] = f[3][(x, r)] * scale(3, r));
    }
    let depthwise = |kernel, vertical, horizontal| Stage { kernel, groups: rank, vertical, horizontal };
    let first = Stage::new(reduce, false, false);
    let last = Stage::new(restore, false, false);
    match (kh, kw) {
        (1, _) | (_, 1) => vec![first, depthwise(outer(&rows, &columns), true, true), last],
        _ => vec![first, depthwise(rows, true, false), depthwise(columns, false, true), last],
    }
}

/// The window of each component, (R, 1, kh, kw).
fn outer(rows: &Kernel, columns: &Kernel) -> Kernel {
    let mut window = Kernel::zeros(rows.out, 1, rows.height, columns.width);
    for r in 0..rows.out {
        for (y, x) in (0..rows.height).flat_map(|y| (0..columns.width).map(move |x| (y, x))) {
            let at = window.at(r, 0, y, x);
            window.data[at] = rows.data[r * rows.height + y] * columns.data[r * columns.width + x];
        }
    }
    window
}
