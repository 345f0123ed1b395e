//! How well a network classifies.

use serde::{Deserialize, Serialize};

use super::loss::log_sum_exp;

/// Number of images by true class (row) and predicted class (column).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfusionMatrix {
    classes: usize,
    counts: Vec<u64>, // (classes, classes)
}

impl ConfusionMatrix {
    /// All zero.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Counts one image.
    pub fn add(&mut self, truth: usize, predicted: usize) {
        self.counts[truth * self.classes + predicted] += 1;
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Images of class `truth` that were taken for class `predicted`.
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        self.counts[truth * self.classes + predicted]
    }

    /// Number of images.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Share of the images on the diagonal.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = (0..self.classes).map(|c| self.count(c, c)).sum();
        right as f64 / self.total().max(1) as f64
    }

    /// Mean over classes of F1 = 2 right / (true + predicted); a class that is neither true nor predicted
    /// anywhere is left out, as scikit-learn's `f1_score(average="macro")` does.
    pub fn macro_f1(&self) -> f64 {
        let scores: Vec<f64> = (0..self.classes)
            .filter_map(|c| {
                let truth: u64 = (0..self.classes).map(|p| self.count(c, p)).sum();
                let predicted: u64 = (0..self.classes).map(|t| self.count(t, c)).sum();
                (truth + predicted > 0).then(|| 2.0 * self.count(c, c) as f64 / (truth + predicted) as f64)
            })
            .collect();
        scores.iter().sum::<f64>() / scores.len().max(1) as f64
    }
}

/// Metrics of a network on a set of images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Mean cross entropy, without smoothing or focus, so that it compares across training losses.
    pub loss: f64,
    /// Share of images classified right.
    pub accuracy: f64,
    /// Mean F1 over classes.
    pub macro_f1: f64,
    /// Who was taken for whom.
    pub confusion: ConfusionMatrix,
}

/// Adds up [`Metrics`] batch by batch.
pub struct MetricsSum {
    loss: f64,
    confusion: ConfusionMatrix,
}

impl MetricsSum {
    /// Nothing counted.
    pub fn new(classes: usize) -> Self {
        Self { loss: 0.0, confusion: ConfusionMatrix::new(classes) }
    }

    /// Counts a batch of `outputs` (n, classes).
    pub fn add(&mut self, outputs: &[f32], labels: impl Iterator<Item = u16>) {
        for (z, label) in outputs.chunks_exact(self.confusion.classes).zip(labels) {
            let label = usize::from(label);
            self.loss += log_sum_exp(z) - f64::from(z[label]);
            let predicted = (1..z.len()).fold(0, |best, c| if z[c] > z[best] { c } else { best });
            self.confusion.add(label, predicted);
        }
    }

    /// The metrics; `None` when an output was not finite.
    pub fn finish(self) -> Option<Metrics> {
        let confusion = self.confusion;
        let loss = self.loss / confusion.total().max(1) as f64;
        loss.is_finite().then(|| Metrics {
            loss,
            accuracy: confusion.accuracy(),
            macro_f1: confusion.macro_f1(),
            confusion,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macro_f1_is_that_of_scikit_learn() {
        // f1_score([0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2], average="macro") = 0.655555...
        let mut matrix = ConfusionMatrix::new(4);
        for (truth, predicted) in [(0, 0), (0, 0), (0, 1), (1, 1), (1, 2), (2, 2)] {
            matrix.add(truth, predicted);
        }
        assert!((matrix.macro_f1() - (0.8 + 0.5 + 2.0 / 3.0) / 3.0).abs() < 1e-12);
        assert!((matrix.accuracy() - 4.0 / 6.0).abs() < 1e-12);
        assert_eq!((matrix.count(0, 1), matrix.count(1, 0), matrix.total()), (1, 0, 6));
    }

    #[test]
    fn loss_is_cross_entropy_and_must_be_finite() {
        let mut sum = MetricsSum::new(2);
        sum.add(&[0.0, 0.0, 3.0, 1.0], [1, 0].into_iter());
        let metrics = sum.finish().unwrap();
        let expected = (2f64.ln() + (1.0 + (-2f64).exp()).ln()) / 2.0;
        assert!((metrics.loss - expected).abs() < 1e-12);
        assert_eq!(metrics.accuracy, 0.5);
        let mut sum = MetricsSum::new(2);
        sum.add(&[f32::NAN, 0.0], [1].into_iter());
        assert!(sum.finish().is_none());
    }
}
