//! Stratified splits: every class keeps its share in each part.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{DataError, Dataset, Normalization, PassedOver};

/// Share of the images that validate where nothing else is said.
const VALIDATION_FRACTION: f64 = 0.1;

/// What a loader returns.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Images to learn from and, where there is no validation split, to validate on.
    pub train: Dataset,
    /// The data set's own validation split, where it has one.
    pub validation: Option<Dataset>,
    /// The data set's own test split, where it has one.
    pub test: Option<Dataset>,
    /// Files that were found and not read.
    pub passed_over: PassedOver,
}

/// How a [`Source`] is cut.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitConfig {
    /// Share of the images (without the test images) that validate, a tenth if nothing is said; not where the
    /// source has a validation split of its own.
    pub validation_fraction: Option<f64>,
    /// Share of all images but those of a validation split that test, where the source has no test split of
    /// its own.
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
    /// Images without any split of their own.
    pub fn whole(train: Dataset) -> Self {
        Self { train, validation: None, test: None, passed_over: PassedOver::default() }
    }

    /// Cuts the source; the same seed makes the same cut. A test split that the source lacks is cut from its
    /// training images, and so is a validation split.
    ///
    /// # Errors
    /// [`DataError::Setting`] when a fraction lies outside (0, 1) or leaves a part without images, when more
    /// images are asked for than there are, or when a fraction is to validate beside a validation split.
    pub fn split(self, config: &SplitConfig) -> Result<(Splits, TestSplit), DataError> {
        let Self { train: images, validation: own_validation, test: own_test, .. } = self;
        let fraction = config.fractions(own_validation.is_some())?;
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let all: Vec<usize> = (0..images.len()).collect();
        let (rest, test) = match own_test {
            Some(test) => (all, test),
            None => {
                let count = share(config.test_fraction, all.len());
                let (test, rest) = stratified(&images, &all, count, &mut rng);
                let test = images.select(&test);
                (rest, test)
            }
        };
        let (validation_images, mut validation, mut train) = match &own_validation {
            Some(own) => (own, (0..own.len()).collect(), rest),
            None => {
                let (validation, train) = stratified(&images, &rest, share(fraction, rest.len()), &mut rng);
                (&images, validation, train)
            }
        };
        let parts = [
            (&images, &mut train, config.train_images, "train_images"),
            (validation_images, &mut validation, config.validation_images, "validation_images"),
        ];
        for (images, part, limit, field) in parts {
            if let Some(limit) = limit {
                if limit > part.len() {
                    let reason = format!("{limit} images asked for, but the split has {}", part.len());
                    return Err(DataError::Setting { field, reason });
                }
                *part = stratified(images, part, limit, &mut rng).0;
            }
        }
        for (part, field) in [
            (train.len(), "train_images"),
            (validation.len(), "validation_fraction"),
            (test.len(), "test_fraction"),
        ] {
            if part == 0 {
                let reason = format!("leaves no image of the {} in its part", images.len());
                return Err(DataError::Setting { field, reason });
            }
        }
        let train = images.select(&train);
        let validation = validation_images.select(&validation);
        let normalization = train.normalization();
        Ok((Splits { train, validation, normalization }, TestSplit { dataset: test }))
    }
}

impl SplitConfig {
    /// The share that validates, where it counts.
    fn fractions(&self, has_validation: bool) -> Result<f64, DataError> {
        if let (Some(value), true) = (self.validation_fraction, has_validation) {
            let reason =
                format!("{value} given, but the data set has a validation split of its own; leave it out");
            return Err(DataError::Setting { field: "validation_fraction", reason });
        }
        let validation = self.validation_fraction.unwrap_or(VALIDATION_FRACTION);
        for (field, value) in [("validation_fraction", validation), ("test_fraction", self.test_fraction)] {
            if !(value > 0.0 && value < 1.0) {
                return Err(DataError::Setting {
                    field,
                    reason: format!("must lie in (0, 1), but is {value}"),
                });
            }
        }
        Ok(validation)
    }
}

fn share(fraction: f64, count: usize) -> usize {
    (fraction * count as f64).round() as usize
}

/// Chooses `count` of `indices` so that each class gets its share, rounded by largest remainders; the rest
/// comes second. Both keep the order of `indices`.
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
            validation_fraction: Some(0.2),
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
        let source = Source::whole(numbered(&[50, 100, 100]));
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
        let source = Source { test: Some(numbered(&[3, 4])), ..Source::whole(numbered(&[50, 50])) };
        let (splits, test) = source.split(&config()).unwrap();
        assert_eq!((splits.train.len(), splits.validation.len(), test.len()), (80, 20, 7));
    }

    #[test]
    fn a_validation_split_of_the_source_is_kept_whole_and_the_test_images_come_from_the_others() {
        let source = || Source { validation: Some(numbered(&[3, 4])), ..Source::whole(numbered(&[50, 50])) };
        let error = source().split(&config()).unwrap_err().to_string();
        assert!(
            error.starts_with("`validation_fraction`: 0.2 given, but the data set has a validation split"),
            "{error}"
        );
        let config = SplitConfig { validation_fraction: None, ..config() };
        let (splits, test) = source().split(&config).unwrap();
        assert_eq!((splits.train.len(), test.len()), (80, 20));
        assert_eq!(splits.validation, numbered(&[3, 4]));
        let limited = SplitConfig { validation_images: Some(2), ..config };
        assert_eq!(source().split(&limited).unwrap().0.validation.class_counts(), [1, 1]);
    }

    #[test]
    fn subsets_are_stratified_and_checked() {
        let source = Source::whole(numbered(&[50, 100, 100]));
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
            let source = Source::whole(numbered(&[5, 5]));
            assert!(source.split(&SplitConfig { validation_fraction: Some(fraction), ..config() }).is_err());
        }
        let source = Source::whole(numbered(&[5, 5]));
        let error = source.split(&SplitConfig { test_fraction: 0.01, ..config() }).unwrap_err();
        assert!(error.to_string().contains("test_fraction"), "{error}");
    }
}
