//! Windows that slide over the spatial axes of a map, for convolution and pooling.
//!
//! | symbol | meaning |
//! |---|---|
//! | `k` | size of the window |
//! | `s`, `d` | stride, dilation |
//! | `p`, `q` | padding before and behind |
//! | `e` | extent of a window, `(k - 1) d + 1` |

use super::super::facts::Dim;
use super::Site;

/// No window, stride or padding is wider: what is wider is a damaged file.
const WIDEST: usize = 1 << 20;

/// How a window slides, axis by axis.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Window {
    pub(crate) kernel: Vec<usize>,
    pub(crate) stride: Vec<usize>,
    pub(crate) dilation: Vec<usize>,
    padding: Padding,
    ceil: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Padding {
    Explicit(Vec<(i64, i64)>),
    SameUpper,
    SameLower,
}

impl Window {
    /// The window that the attributes describe, over a map with as many spatial axes as `kernel`.
    pub(crate) fn of(at: &Site<'_>, kernel: Vec<usize>) -> Result<Self, String> {
        let rank = kernel.len();
        if kernel.iter().any(|size| !(1..=WIDEST).contains(size)) {
            return Err(format!("kernel {kernel:?}, where sizes from 1 to {WIDEST} are expected"));
        }
        let stride = positive(at, "strides", rank)?;
        let dilation = positive(at, "dilations", rank)?;
        let padding = match at.node.string_or("auto_pad", "NOTSET") {
            "NOTSET" => Padding::Explicit(pads(at, rank)?),
            "VALID" => Padding::Explicit(vec![(0, 0); rank]),
            "SAME_UPPER" => Padding::SameUpper,
            "SAME_LOWER" => Padding::SameLower,
            other => {
                return Err(format!(
                    "auto_pad {other:?}, which is none of NOTSET, VALID, SAME_UPPER, SAME_LOWER"
                ));
            }
        };
        Ok(Self { kernel, stride, dilation, padding, ceil: at.node.int_or("ceil_mode", 0) != 0 })
    }

    /// `e` along an axis.
    pub(crate) fn extent(&self, axis: usize) -> i64 {
        (self.kernel[axis] as i64 - 1).saturating_mul(self.dilation[axis] as i64).saturating_add(1)
    }

    /// `(p, q)` along an axis of that size.
    pub(crate) fn padding(&self, axis: usize, size: usize) -> (i64, i64) {
        let total = || {
            let (size, stride) = (size as i64, self.stride[axis] as i64);
            let out = size.div_ceil_by(stride);
            ((out - 1).saturating_mul(stride).saturating_add(self.extent(axis)) - size).max(0)
        };
        match &self.padding {
            Padding::Explicit(pads) => pads[axis],
            Padding::SameUpper => (total() / 2, total() - total() / 2),
            Padding::SameLower => (total() - total() / 2, total() / 2),
        }
    }

    /// Number of windows along an axis.
    ///
    /// # Errors
    /// When not even one fits.
    pub(crate) fn output(&self, axis: usize, size: &Dim) -> Result<Dim, String> {
        let stride = self.stride[axis] as i64;
        let Dim::Known(size) = *size else {
            // A free size stays what it is where the window changes nothing.
            let same = match &self.padding {
                Padding::Explicit(pads) => {
                    pads[axis].0.saturating_add(pads[axis].1) == self.extent(axis) - 1 && stride == 1
                }
                Padding::SameUpper | Padding::SameLower => stride == 1,
            };
            return Ok(if same { size.clone() } else { Dim::Unknown });
        };
        let padded = (size as i64).saturating_add(self.padded(axis, size));
        let room = padded.saturating_sub(self.extent(axis));
        if room < 0 {
            return Err(format!(
                "a window of extent {} does not fit into axis {} with its padding, {padded}",
                self.extent(axis),
                axis + 2
            ));
        }
        let mut count = room / stride + 1;
        if self.ceil && room % stride != 0 {
            // A window that began in the padding behind would see nothing.
            let before = self.padding(axis, size).0;
            if count.saturating_mul(stride) < (size as i64).saturating_add(before) {
                count += 1;
            }
        }
        Ok(Dim::Known(count as usize))
    }

    fn padded(&self, axis: usize, size: usize) -> i64 {
        let (before, behind) = self.padding(axis, size);
        before.saturating_add(behind)
    }

    /// The spatial sizes of the output.
    pub(crate) fn outputs(&self, spatial: &[Dim]) -> Result<Vec<Dim>, String> {
        spatial.iter().enumerate().map(|(axis, size)| self.output(axis, size)).collect()
    }
}

/// An attribute of numbers above zero, one for each axis; 1 where it is left out.
fn positive(at: &Site<'_>, name: &str, rank: usize) -> Result<Vec<usize>, String> {
    let Some(values) = at.node.ints(name) else { return Ok(vec![1; rank]) };
    let valid: Option<Vec<usize>> = values
        .iter()
        .map(|&value| usize::try_from(value).ok().filter(|value| (1..=WIDEST).contains(value)))
        .collect();
    valid
        .filter(|values| values.len() == rank)
        .ok_or_else(|| format!("{name} {values:?}, where {rank} numbers of at least 1 are expected"))
}

/// The attribute `pads`, (before, behind) of each axis.
pub(crate) fn pads(at: &Site<'_>, rank: usize) -> Result<Vec<(i64, i64)>, String> {
    let Some(pads) = at.node.ints("pads") else { return Ok(vec![(0, 0); rank]) };
    if pads.len() != 2 * rank || pads.iter().any(|pad| pad.unsigned_abs() > WIDEST as u64) {
        return Err(format!("pads {pads:?}, where {} numbers are expected", 2 * rank));
    }
    Ok((0..rank).map(|axis| (pads[axis], pads[axis + rank])).collect())
}

/// The attribute `kernel_shape`.
pub(crate) fn kernel_shape(at: &Site<'_>) -> Result<Option<Vec<usize>>, String> {
    let Some(values) = at.node.ints("kernel_shape") else { return Ok(None) };
    let sizes: Option<Vec<usize>> = values.iter().map(|&value| usize::try_from(value).ok()).collect();
    sizes.map(Some).ok_or_else(|| format!("kernel_shape {values:?}, where sizes are expected"))
}

trait DivCeil {
    fn div_ceil_by(self, other: Self) -> Self;
}

impl DivCeil for i64 {
    fn div_ceil_by(self, other: i64) -> i64 {
        self / other + i64::from(self % other != 0)
    }
}
