//! Halton sequences: coordinate `d` is the index written backwards in the base of the `d`-th prime (Halton
//! 1960).

/// A sequence in some dimensions.
#[derive(Debug)]
pub(super) struct Halton {
    primes: Vec<u64>,
}

impl Halton {
    pub(super) fn new(dimensions: usize) -> Self {
        let mut primes: Vec<u64> = Vec::with_capacity(dimensions);
        let mut n = 2;
        while primes.len() < dimensions {
            if primes.iter().take_while(|p| *p * *p <= n).all(|p| n % p != 0) {
                primes.push(n);
            }
            n += 1;
        }
        Self { primes }
    }

    /// Coordinate `dimension` of point `index`, in `[0, 1)`; `None` beyond the last dimension. With a seed,
    /// each digit is shifted by a random one of its own, modulo the base (Tuffin 1996).
    pub(super) fn coordinate(&self, index: u64, dimension: usize, seed: Option<u32>) -> Option<f64> {
        let base = *self.primes.get(dimension)?;
        let (mut rest, mut place, mut x) = (index, 1.0 / base as f64, 0.0);
        let mut hash = u64::from(seed.unwrap_or(0));
        while place > f64::EPSILON && (rest > 0 || seed.is_some()) {
            let mut digit = rest % base;
            if seed.is_some() {
                // SplitMix64 (Steele et al. 2014).
                hash = hash.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut z = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                digit = (digit + (z ^ (z >> 31)) % base) % base;
            }
            x += digit as f64 * place;
            rest /= base;
            place /= base as f64;
        }
        // Rounding may reach 1 where all digits are the largest.
        Some(x.min(1.0 - f64::EPSILON))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_indices_written_backwards() {
        let halton = Halton::new(3);
        let point = |index| (0..3).map(|d| halton.coordinate(index, d, None).unwrap()).collect::<Vec<_>>();
        assert_eq!(point(0), [0.0, 0.0, 0.0]);
        // 6 is 110, 20 and 11 in bases 2, 3 and 5.
        let expected = [3.0 / 8.0, 2.0 / 9.0, 6.0 / 25.0];
        assert!(point(6).iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{:?}", point(6));
        assert_eq!(halton.coordinate(0, 3, None), None);
    }

    #[test]
    fn shifted_points_are_as_even() {
        let halton = Halton::new(2);
        let mut hit = [false; 27];
        for index in 0..27 {
            hit[(halton.coordinate(index, 1, Some(7)).unwrap() * 27.0 + 1e-9) as usize] = true;
        }
        assert!(hit.iter().all(|hit| *hit));
    }
}
