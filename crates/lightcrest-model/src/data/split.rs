//! Stratified splits: every class keeps its share in each part.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{DataError, Dataset, Normalization};

/// What a loader returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Images to learn from and to validate on.
    pub train: Dataset,
    /// The data set's own test split, where it has one.
    pub test: Option<Dataset>,
}

/// How a [`Source`] is cut.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitConfig {
    /// Share of the images (without the test images) that validate.
    pub validation_fraction: f64,
    /// Share of all images that test, where the source has no test split of its own.
    pub test_fraction: f64,
    /// Keep only so many training images.
    pub train_images: Option<usize>,
    /// Keep only so many validation images.
    pub validation_images: Option<usize>,
    /// Seed of the choice.
    pub seed: u64,
}

/// What a search may look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Splits {
    /// Images that weights are fitted to.
    pub train: Dataset,
    /// Images that choices are made on.
    pub validation: Dataset,
    /// Mean and deviation of the training images.
    pub normalization: Normalization,
}

/// The test images: opened once, at the very end. It cannot be cloned, and opening consumes it.
#[derive(Debug)]
pub struct TestSplit {
    dataset: Dataset,
}

impl TestSplit {
    /// Number of test images.
    pub fn len(&self) -> usize {
        self.dataset.len()
    }

    /// True when there is no test image.
    pub fn is_empty(&self) -> bool {
        self.dataset.is_empty()
    }

    /// The images, for the one evaluation after every choice is made.
    pub fn open(self) -> Dataset {
        self.dataset
    }
}

impl Splits {
    /// The same splits with images of `height` x `width`, and the statistics of the resized training images.
    pub fn resized(&self, height: usize, width: usize) -> Self {
        let train = self.train.resized(height, width);
        let normalization = train.normalization();
        Self { train, validation: self.validation.resized(height, width), normalization }
    }
}

impl Source {
    /// Cuts the source; the same seed makes the same cut.
    ///
    /// # Errors
    /// [`DataError::Setting`] when a fraction lies outside (0, 1) or leaves a part without images, or when more
    /// images are asked for than there are.
    pub fn split(self, config: &SplitConfig) -> Result<(Splits, TestSplit), DataError> {
        for (field, value) in
            [("validation_fraction", config.validation_fraction), ("test_fraction", config.test_fraction)]
        {
            if !(value > 0.0 && value < 1.0) {
                return Err(DataError::Setting {
                    field,
                    reason: format!("must lie in (0, 1), but is {value}"),
                });
            }
        }
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let all: Vec<usize> = (0..self.train.len()).collect();
        let (rest, test) = match self.test {
            Some(test) => (all, test),
            None => {
                let count = share(config.test_fraction, all.len());
                let (test, rest) = stratified(&self.train, &all, count, &mut rng);
                let test = self.train.select(&test);
                (rest, test)
            }
        };
        let count = share(config.validation_fraction, rest.len());
        let (mut validation, mut train) = stratified(&self.train, &rest, count, &mut rng);
        for (part, limit, field) in [
            (&mut train, config.train_images, "train_images"),
            (&mut validation, config.validation_images, "validation_images"),
        ] {
            if let Some(limit) = limit {
                if limit > part.len() {
                    let reason = format!("{limit} images asked for, but the split has {}", part.len());
                    return Err(DataError::Setting { field, reason });
                }
                *part = stratified(&self.train, part, limit, &mut rng).0;
            }
        }
        for (part, field) in [
            (train.len(), "train_images"),
            (validation.len(), "validation_fraction"),
            (test.len(), "test_fraction"),
        ] {
            if part == 0 {
                let reason = format!("leaves no image of the {} in its part", self.train.len());
                return Err(DataError::Setting { field, reason });
            }
        }
        let train_set = self.train.select(&train);
        let validation = self.train.select(&validation);
        let normalization = train_set.normalization();
        Ok((Splits { train: train_set, validation, normalization }, TestSplit { dataset: test }))
    }
}

fn share(fraction: f64, count: usize) -> usize {
    (fraction * count as f64).round() as usize
}

/// Chooses `count` of `indices` so that each class gets its share, rounded by largest remainders; the rest comes second.
/// Both keep the order of `indices`.
fn stratified(
    data: &Dataset,
    indices: &[usize],
    count: usize,
    rng: &mut ChaCha8Rng,
) -> (Vec<usize>, Vec<usize>) {
    let mut members: Vec<Vec<usize>> = vec![vec![]; data.classes().len()];
    indices.iter().for_each(|&index| members[usize::from(data.labels()[index])].push(index));
    members.iter_mut().for_each(|class| class.shuffle(rng));

    let exact = |class: &Vec<usize>| class.len() as f64 * count as f64 / indices.len().max(1) as f64;
    let mut quota: Vec<usize> = members.iter().map(|class| exact(class).floor() as usize).collect();
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.shuffle(rng);
    let remainder = |class: usize| exact(&members[class]).fract();
    order.sort_by(|&a, &b| remainder(b).total_cmp(&remainder(a)));
    let mut missing = count - quota.iter().sum::<usize>();
    for class in order {
        if missing > 0 && quota[class] < members[class].len() {
            quota[class] += 1;
            missing -= 1;
        }
    }
    let mut chosen = vec![false; data.len()];
    for (class, &quota) in members.iter().zip(&quota) {
        class[..quota].iter().for_each(|&index| chosen[index] = true);
    }
    indices.iter().partition(|&&index| chosen[index])
}

#[cfg(test)]
mod tests {
    use lightcrest_graph::network::Shape;

    use super::*;
    use crate::data::digits;

    fn config() -> SplitConfig {
        SplitConfig {
            validation_fraction: 0.2,
            test_fraction: 0.2,
            train_images: None,
            validation_images: None,
            seed: 1,
        }
    }

    /// Images that are their own index, of `counts` images a class.
    fn numbered(counts: &[usize]) -> Dataset {
        let labels: Vec<u16> = counts.iter().enumerate().flat_map(|(c, &n)| vec![c as u16; n]).collect();
        let images = (0..labels.len()).map(|i| i as u8).collect();
        let classes = (0..counts.len()).map(|c| c.to_string()).collect();
        Dataset::new("n", classes, Shape::new(1, 1, 1), images, labels).unwrap()
    }

    #[test]
    fn parts_are_disjoint_complete_and_stratified() {
        let source = Source { train: numbered(&[50, 100, 100]), test: None };
        let (splits, test) = source.split(&config()).unwrap();
        let test = test.open();
        assert_eq!(test.class_counts(), [10, 20, 20]);
        assert_eq!(splits.validation.class_counts(), [8, 16, 16]);
        assert_eq!(splits.train.class_counts(), [32, 64, 64]);
        let mut all: Vec<u8> = [&splits.train, &splits.validation, &test]
            .iter()
            .flat_map(|part| (0..part.len()).map(|i| part.image(i)[0]))
            .collect();
        all.sort_unstable();
        assert_eq!(all, (0..250).map(|v| v as u8).collect::<Vec<_>>());
    }

    #[test]
    fn the_seed_decides() {
        let source = digits::load().unwrap();
        let split = |seed| source.clone().split(&SplitConfig { seed, ..config() }).unwrap().0;
        assert_eq!(split(1), split(1));
        assert_ne!(split(1).train, split(2).train);
    }

    #[test]
    fn a_test_split_of_the_source_is_kept_whole() {
        let source = Source { train: numbered(&[50, 50]), test: Some(numbered(&[3, 4])) };
        let (splits, test) = source.split(&config()).unwrap();
        assert_eq!((splits.train.len(), splits.validation.len(), test.len()), (80, 20, 7));
    }

    #[test]
    fn subsets_are_stratified_and_checked() {
        let source = Source { train: numbered(&[50, 100, 100]), test: None };
        let limited = SplitConfig { train_images: Some(10), validation_images: Some(5), ..config() };
        let (splits, _) = source.clone().split(&limited).unwrap();
        assert_eq!(splits.train.class_counts(), [2, 4, 4]);
        assert_eq!(splits.validation.class_counts(), [1, 2, 2]);
        let error = source.split(&SplitConfig { train_images: Some(161), ..config() }).unwrap_err();
        assert_eq!(error.to_string(), "`train_images`: 161 images asked for, but the split has 160");
    }

    #[test]
    fn impossible_fractions_are_errors() {
        for fraction in [0.0, 1.0, -0.5, f64::NAN] {
            let source = Source { train: numbered(&[5, 5]), test: None };
            assert!(source.split(&SplitConfig { validation_fraction: fraction, ..config() }).is_err());
        }
        let source = Source { train: numbered(&[5, 5]), test: None };
        let error = source.split(&SplitConfig { test_fraction: 0.01, ..config() }).unwrap_err();
        assert!(error.to_string().contains("test_fraction"), "{error}");
    }
}
