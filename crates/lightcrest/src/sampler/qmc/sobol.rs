//! Sobol sequences with the direction numbers of Joe and Kuo, and Owen's scrambling of them.

/// Bits of a coordinate.
const BITS: usize = 32;
/// Where the numbers come from is in the file.
const JOE_KUO: &str = include_str!("joe_kuo.txt");

/// Direction numbers by dimension and bit.
#[derive(Debug)]
pub(super) struct Sobol {
    directions: Vec<[u32; BITS]>,
}

impl Sobol {
    /// The first `dimensions` coordinates, or as many as there are numbers for: 256.
    pub(super) fn new(dimensions: usize) -> Self {
        let first = std::array::from_fn(|bit| 1 << (BITS - 1 - bit));
        let lines = JOE_KUO.lines().filter(|line| !line.starts_with('#'));
        let directions = std::iter::once(first).chain(lines.map(directions)).take(dimensions);
        Self { directions: directions.collect() }
    }

    /// Coordinate `dimension` of point `index`, in `[0, 1)`: scrambled where there is a seed. `None` beyond
    /// the last dimension.
    ///
    /// Points come in the order of the Gray code (Antonov and Saleev 1979): every first 2^k are those of the
    /// original order.
    pub(super) fn coordinate(&self, index: u64, dimension: usize, seed: Option<u32>) -> Option<f64> {
        let directions = self.directions.get(dimension)?;
        let gray = (index ^ (index >> 1)) as u32;
        let chosen = directions.iter().enumerate().filter(|(bit, _)| gray >> bit & 1 == 1);
        let mut x = chosen.fold(0, |x, (_, direction)| x ^ direction);
        if let Some(seed) = seed {
            x = scramble(x, seed);
        }
        Some(f64::from(x) / 2f64.powi(BITS as i32))
    }
}

/// From a line of the file: the recurrence of Joe and Kuo 2008, section 2.
fn directions(line: &str) -> [u32; BITS] {
    let numbers: Vec<u32> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    let (polynomial, m) = (numbers[0], &numbers[1..]);
    let s = m.len();
    let mut v = [0; BITS];
    for k in 0..BITS {
        v[k] = match m.get(k) {
            Some(m) => m << (BITS - 1 - k),
            None => {
                // The polynomial's inner coefficients, the highest first.
                let inner = (1..s).filter(|i| polynomial >> (s - i) & 1 == 1).fold(0, |x, i| x ^ v[k - i]);
                inner ^ v[k - s] ^ (v[k - s] >> s)
            }
        };
    }
    v
}

/// Owen's nested uniform scrambling by a hash that lets each bit depend on the higher ones only (Burley 2020,
/// JCGT 9(4), section 3, with Vegdahl's constants).
fn scramble(x: u32, seed: u32) -> u32 {
    let mut x = x.reverse_bits();
    x ^= x.wrapping_mul(0x3d20_adea);
    x = x.wrapping_add(seed);
    x = x.wrapping_mul((seed >> 16) | 1);
    x ^= x.wrapping_mul(0x0552_6c56);
    x ^= x.wrapping_mul(0x53a2_2864);
    x.reverse_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_file_is_sound() {
        let lines: Vec<&str> = JOE_KUO.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines.len(), 255);
        for line in lines {
            let numbers: Vec<u32> = line.split(' ').map(|word| word.parse().unwrap()).collect();
            assert_eq!(numbers[0].ilog2() as usize, numbers.len() - 1, "{line}");
            assert!((1..).zip(&numbers[1..]).all(|(k, m)| m % 2 == 1 && *m < 1 << k), "{line}");
        }
    }

    /// The first points in four dimensions, as Joe and Kuo print them for their program.
    #[test]
    fn points_are_those_of_the_paper() {
        let sobol = Sobol::new(4);
        let expected = [
            [0.0, 0.0, 0.0, 0.0],
            [0.5, 0.5, 0.5, 0.5],
            [0.75, 0.25, 0.25, 0.25],
            [0.25, 0.75, 0.75, 0.75],
            [0.375, 0.375, 0.625, 0.875],
            [0.875, 0.875, 0.125, 0.375],
        ];
        for (index, point) in (0..).zip(expected) {
            let found: Vec<f64> = (0..4).map(|d| sobol.coordinate(index, d, None).unwrap()).collect();
            assert_eq!(found, point);
        }
        assert_eq!(sobol.coordinate(0, 4, None), None);
    }

    /// In each dimension, every 1/256 is hit once by each 256 points in a row: with scrambling as without.
    #[test]
    fn all_dimensions_are_stratified() {
        let sobol = Sobol::new(1000);
        for d in 0..256 {
            for seed in [None, Some(0x9e37_79b9 ^ d as u32)] {
                let mut hit = [false; 256];
                for index in 256..512 {
                    hit[(sobol.coordinate(index, d, seed).unwrap() * 256.0) as usize] = true;
                }
                assert!(hit.iter().all(|hit| *hit), "dimension {d}, seed {seed:?}");
            }
        }
    }
}
