//! Mean and variance of the channels of a batch normalisation.

use faer::Mat;

use crate::onnx::{Array, Index, Model, set_constant};

/// A `BatchNormalization` in inference: y = a x + b, with a = scale / sqrt(var + eps) and b = shift - a mean.
#[derive(Clone, Debug)]
pub(super) struct Norm {
    pub(super) node: usize,
    /// Names of scale and shift.
    names: [String; 2],
    scale: Vec<f64>,
    shift: Vec<f64>,
    mean: Vec<f64>,
    /// sqrt(var + eps).
    deviation: Vec<f64>,
}

impl Norm {
    /// The normalisation that a node is; `None` for another node.
    ///
    /// # Errors
    /// Why it stays.
    pub(super) fn new(model: &Model, index: &Index, at: usize) -> Option<Result<Self, String>> {
        let node = &model.graph().node[at];
        (node.op_type == "BatchNormalization" && node.is_standard()).then(|| Self::of(model, index, at))
    }

    fn of(model: &Model, index: &Index, at: usize) -> Result<Self, String> {
        let node = &model.graph().node[at];
        if node.output.iter().skip(1).any(|name| !name.is_empty()) || node.int_or("training_mode", 0) != 0 {
            return Err("it is in training mode".into());
        }
        let values = |slot: usize, own: bool| -> Result<Vec<f64>, String> {
            let name = node.input_name(slot).ok_or("a parameter is missing")?;
            let at = index.initializer(name).ok_or("its parameters are no initializers")?;
            if own && index.consumers(name).len() != 1 {
                return Err("it shares its parameters".into());
            }
            let array = Array::from_proto(&model.graph().initializer[at]).map_err(|e| e.to_string())?;
            let values = array.as_f32().ok_or("its parameters are not in f32")?;
            Ok(values.iter().map(|&v| f64::from(v)).collect())
        };
        let epsilon = f64::from(node.float_or("epsilon", 1e-5));
        let deviation: Vec<f64> = values(4, false)?.iter().map(|var| (var + epsilon).sqrt()).collect();
        let (scale, shift, mean) = (values(1, true)?, values(2, true)?, values(3, false)?);
        let sizes = [shift.len(), mean.len(), deviation.len()];
        if scale.is_empty() || sizes.iter().any(|&size| size != scale.len()) {
            return Err("its parameters differ in their sizes".into());
        }
        let names = [node.input[1].clone(), node.input[2].clone()];
        Ok(Self { node: at, names, scale, shift, mean, deviation })
    }

    pub(super) fn channels(&self) -> usize {
        self.scale.len()
    }

    /// What it writes for (P, channels).
    pub(super) fn outputs(&self, x: &Mat<f64>) -> Mat<f64> {
        Mat::from_fn(x.nrows(), x.ncols(), |p, c| {
            (x[(p, c)] - self.mean[c]) / self.deviation[c] * self.scale[c] + self.shift[c]
        })
    }

    /// Puts scale and shift into the model.
    pub(super) fn store(&self, model: &mut Model) {
        for (name, values) in self.names.iter().zip([&self.scale, &self.shift]) {
            let values: Vec<f32> = values.iter().map(|&v| v as f32).collect();
            set_constant(model, name, &Array::f32(vec![values.len()], values));
        }
    }
}

/// Gives each channel the mean and the variance of the original, (found, wanted) of shape (P, channels),
/// where this leaves less at the held-out positions. Also what is left there, as a sum of squares.
pub(super) fn match_moments(
    norm: &Norm,
    (found, wanted): (&Mat<f64>, &Mat<f64>),
    (held_found, held_wanted): (&Mat<f64>, &Mat<f64>),
) -> (Option<Norm>, f64) {
    let mut changed = norm.clone();
    let (mut any, mut left) = (false, 0.0);
    for c in 0..norm.channels() {
        let ((m, s), (m_wanted, s_wanted)) = (moments(found, c), moments(wanted, c));
        let loss = |a: f64, b: f64| {
            let differences =
                (0..held_found.nrows()).map(|p| a * held_found[(p, c)] + b - held_wanted[(p, c)]);
            differences.map(|d| d * d).sum::<f64>()
        };
        let ratio = if s > 0.0 { s_wanted / s } else { 1.0 };
        // The mean alone, and the mean with the variance.
        let candidates = [(1.0, m_wanted - m), (ratio, m_wanted - ratio * m)];
        let best = candidates.map(|(a, b)| (loss(a, b), a, b)).into_iter().min_by(|p, q| p.0.total_cmp(&q.0));
        let before = loss(1.0, 0.0);
        match best {
            Some((after, a, b)) if after < before => {
                // a (scale z + shift) + b.
                changed.scale[c] *= a;
                changed.shift[c] = a * changed.shift[c] + b;
                any = true;
                left += after;
            }
            _ => left += before,
        }
    }
    (any.then_some(changed), left)
}

/// Mean and standard deviation of a column.
fn moments(m: &Mat<f64>, column: usize) -> (f64, f64) {
    let n = m.nrows().max(1) as f64;
    let mean = m.col(column).iter().sum::<f64>() / n;
    let variance = m.col(column).iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    (mean, variance.sqrt())
}
