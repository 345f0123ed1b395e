//! Kernels of known rank come back at their rank, and full rank changes nothing.

use faer::Mat;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::evbmf::evbmf_rank;
use super::kernel::{Kernel, Stage, compose};
use super::method::{KernelShape, Method, Positions, dense_cost};
use super::singular::{left_singular, singular_values};
use super::whiten::Whitening;

fn random(out: usize, input: usize, height: usize, width: usize, seed: u64) -> Kernel {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut kernel = Kernel::zeros(out, input, height, width);
    kernel.data.iter_mut().for_each(|v| *v = StandardNormal.sample(&mut rng));
    kernel
}

fn matrix(rows: usize, columns: usize, seed: u64) -> Mat<f64> {
    let kernel = random(rows, columns, 1, 1, seed);
    kernel.by_output().to_owned()
}

#[test]
fn singular_vectors_are_orthonormal_and_agree_with_a_whole_svd() {
    for (m, n) in [(6, 9), (9, 6), (5, 5), (7, 1), (1, 7)] {
        let a = matrix(m, n, 1);
        let left = left_singular(a.as_ref()).unwrap();
        let whole = a.thin_svd().unwrap();
        let k = m.min(n);
        for r in 0..k {
            let expected = whole.S().column_vector()[r];
            assert!((left.values[r] - expected).abs() < 1e-9 * whole.S().column_vector()[0]);
            let cosine = left.vectors.col(r).transpose() * whole.U().col(r);
            assert!((cosine.abs() - 1.0).abs() < 1e-8, "{m} x {n}, vector {r}: {cosine}");
        }
        let gram = left.vectors.transpose() * &left.vectors;
        let identity = Mat::<f64>::identity(k, k);
        assert!((gram - identity).norm_l2() < 1e-10);
        assert_eq!(singular_values(a.as_ref()).unwrap().len(), k);
    }
}

#[test]
fn full_rank_is_the_kernel_itself() {
    let shapes =
        [(6, 4, 3, 3), (3, 8, 3, 3), (40, 3, 3, 3), (5, 5, 1, 1), (4, 6, 1, 5), (4, 6, 5, 1), (2, 40, 2, 3)];
    for (seed, (t, s, h, w)) in shapes.into_iter().enumerate() {
        let kernel = random(t, s, h, w, seed as u64);
        for method in Method::ALL {
            let method = method.on(kernel.shape());
            let stages = method.decompose(&kernel, &method.limit(kernel.shape())).unwrap();
            let error = kernel.relative_error(&compose(&stages));
            assert!(error < 1e-10, "{method:?} of {:?}: {error}", kernel.shape());
        }
    }
}

/// A kernel whose ranks under a method are known: that of random stages.
fn low(method: Method, t: usize, s: usize, k: usize, ranks: &[usize]) -> Kernel {
    let r = ranks[0];
    let depthwise = |kernel: Kernel| Stage { groups: kernel.out, kernel, vertical: true, horizontal: true };
    let stages = match method {
        Method::Svd => vec![
            Stage::new(random(r, s, k, k, 2), true, true),
            Stage::new(random(t, r, 1, 1, 3), false, false),
        ],
        Method::Tucker => vec![
            Stage::new(random(r, s, 1, 1, 4), false, false),
            Stage::new(random(ranks[1], r, k, k, 5), true, true),
            Stage::new(random(t, ranks[1], 1, 1, 6), false, false),
        ],
        Method::Cp => vec![
            Stage::new(random(r, s, 1, 1, 7), false, false),
            depthwise(random(r, 1, k, 1, 8)),
            depthwise(random(r, 1, 1, k, 9)),
            Stage::new(random(t, r, 1, 1, 10), false, false),
        ],
        Method::Spatial => vec![
            Stage::new(random(r, s, k, 1, 11), true, false),
            Stage::new(random(t, r, 1, k, 12), false, true),
        ],
    };
    compose(&stages)
}

#[test]
fn a_kernel_of_known_rank_comes_back_at_its_rank_and_not_below() {
    let cases = [
        (Method::Svd, vec![3]),
        (Method::Tucker, vec![4, 3]),
        (Method::Cp, vec![4]),
        (Method::Spatial, vec![5]),
    ];
    for (method, ranks) in cases {
        let kernel = low(method, 12, 10, 3, &ranks);
        let error =
            |ranks: &[usize]| kernel.relative_error(&compose(&method.decompose(&kernel, ranks).unwrap()));
        let at = error(&ranks);
        assert!(at < 1e-5, "{method:?} at {ranks:?}: {at}");
        let fewer: Vec<usize> = ranks.iter().map(|r| r - 1).collect();
        assert!(error(&fewer) > 0.005, "{method:?} at {fewer:?}: {}", error(&fewer));
    }
}

#[test]
fn truncation_is_the_best_of_its_rank() {
    let kernel = random(9, 7, 3, 3, 13);
    let values = singular_values(kernel.by_output()).unwrap();
    let tail: f64 = values[4..].iter().map(|s| s * s).sum::<f64>().sqrt();
    let stages = Method::Svd.decompose(&kernel, &[4]).unwrap();
    let error = kernel.relative_error(&compose(&stages)) * kernel.norm();
    assert!((error / tail - 1.0).abs() < 1e-9, "Eckart and Young: {error} against {tail}");
}

#[test]
fn alternating_is_no_worse_than_the_truncated_hosvd() {
    let kernel = random(10, 12, 3, 3, 14);
    let stages = Method::Tucker.decompose(&kernel, &[5, 4]).unwrap();
    let u_t = left_singular(kernel.by_output()).unwrap().vectors.subcols(0, 4).to_owned();
    let u_s = left_singular(kernel.by_input().as_ref()).unwrap().vectors.subcols(0, 5).to_owned();
    let core = kernel.times_input(u_s.transpose()).times_output(u_t.transpose());
    let hosvd = core.times_input(u_s.as_ref()).times_output(u_t.as_ref());
    let (error, bound) = (kernel.relative_error(&compose(&stages)), kernel.relative_error(&hosvd));
    assert!(error < bound, "{error} against {bound}");
}

#[test]
fn stages_cost_what_the_formula_says() {
    let shape = KernelShape { out: 12, input: 10, height: 3, width: 3 };
    let at = Positions { input: (8, 6), out: (4, 3) };
    let kernel = random(12, 10, 3, 3, 15);
    for method in Method::ALL {
        let ranks: Vec<usize> = method.full(shape).iter().map(|r| r / 2).collect();
        let (mut h, mut w) = at.input;
        let (mut macs, mut weights) = (0, 0);
        for stage in method.decompose(&kernel, &ranks).unwrap() {
            h = if stage.vertical { at.out.0 } else { h };
            w = if stage.horizontal { at.out.1 } else { w };
            macs += (stage.kernel.data.len() * h * w) as u64;
            weights += stage.kernel.data.len() as u64;
        }
        assert_eq!(method.cost(shape, &ranks, at), (macs, weights), "{method:?}");
    }
    assert_eq!(dense_cost(shape, at), (12 * 10 * 9 * 12, 12 * 10 * 9));
}

#[test]
fn ranks_stand_out_of_noise() {
    let mut rng = ChaCha8Rng::seed_from_u64(16);
    for (l, m, rank) in [(40, 60, 5), (60, 40, 8), (64, 576, 12), (30, 30, 0)] {
        let signal = matrix(l, rank.max(1), 17) * matrix(rank.max(1), m, 18);
        let scale = if rank == 0 { 0.0 } else { 1.0 };
        let noisy = Mat::from_fn(l, m, |i, j| {
            let noise: f64 = StandardNormal.sample(&mut rng);
            scale * signal[(i, j)] + 0.3 * noise
        });
        let values = singular_values(noisy.as_ref()).unwrap();
        assert_eq!(evbmf_rank(&values, l, m), rank.max(1), "{l} x {m}");
    }
    // Without noise the rank is that of the matrix; a matrix of zeros keeps one component.
    let exact = matrix(20, 3, 19) * matrix(3, 30, 20);
    assert_eq!(evbmf_rank(&singular_values(exact.as_ref()).unwrap(), 20, 30), 3);
    assert_eq!(evbmf_rank(&[0.0; 4], 4, 9), 1);
}

#[test]
fn weighting_loses_less_of_the_outputs_and_nothing_at_full_rank() {
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    let scales: Vec<f64> = (0..8).map(|_| 10f64.powf(rng.random_range(-1.0..1.0))).collect();
    let mix = matrix(8, 8, 22);
    let root = Mat::from_fn(8, 8, |i, j| mix[(i, j)] * scales[j]);
    let covariance = &root * root.transpose();
    let whitening = Whitening::new(&covariance).unwrap();
    let kernel = random(8, 8, 1, 1, 23);
    let lost = |stages: &[Stage]| {
        let found = compose(stages);
        ((kernel.by_output() - found.by_output()) * &root).norm_l2()
    };
    let weighted = |rank: usize| {
        let mut stages = Method::Svd.decompose(&whitening.apply(&kernel), &[rank]).unwrap();
        whitening.undo(&mut stages);
        stages
    };
    let plain = Method::Svd.decompose(&kernel, &[3]).unwrap();
    assert!(lost(&weighted(3)) < 0.7 * lost(&plain), "{} {}", lost(&weighted(3)), lost(&plain));
    assert!(kernel.relative_error(&compose(&weighted(8))) < 1e-9);
    // No calibration input may break it: channels that are always zero, and nothing but zeros.
    for dead in [Mat::zeros(8, 8), Mat::from_fn(8, 8, |i, j| if i == j && i < 2 { 1.0 } else { 0.0 })] {
        let whitening = Whitening::new(&dead).unwrap();
        let mut stages = Method::Svd.decompose(&whitening.apply(&kernel), &[8]).unwrap();
        whitening.undo(&mut stages);
        assert!(kernel.relative_error(&compose(&stages)) < 1e-9);
    }
}

#[test]
fn degenerate_kernels_stay_finite() {
    // The classical tensor without a best approximation of rank 2 (de Silva and Lim 2008), and zeros.
    let mut border = Kernel::zeros(2, 2, 2, 2);
    for (t, s, y) in [(0, 0, 1), (0, 1, 0), (1, 0, 0)] {
        let at = border.at(t, s, y, 0);
        border.data[at] = 1.0;
    }
    for kernel in [border, Kernel::zeros(4, 4, 3, 3)] {
        for method in Method::ALL {
            let ranks = vec![2; method.full(kernel.shape()).len()];
            let stages = method.decompose(&kernel, &ranks).unwrap();
            let largest =
                stages.iter().flat_map(|stage| &stage.kernel.data).fold(0f64, |a, v| a.max(v.abs()));
            assert!(largest < 30.0, "{method:?}: {largest}");
        }
    }
    let mut wrong = Kernel::zeros(4, 4, 3, 3);
    wrong.data[3] = f64::NAN;
    assert!(Method::ALL.iter().all(|method| method.decompose(&wrong, &[2, 2]).is_err()));
}
