//! Windows that move over a map, and the positions of a map.

use crate::shape::Shape;

use super::Map;

/// Largest kernel, stride, padding and dilation.
const MAX_WINDOW: usize = 255;

/// What is added around a map, in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Columns before the first.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns behind the last.
    pub right: usize,
}

impl Padding {
    /// Nothing on any side.
    pub const NONE: Self = Self { top: 0, left: 0, bottom: 0, right: 0 };

    /// Rows above and below in all.
    pub(super) fn rows(&self) -> (usize, usize) {
        (self.top, self.bottom)
    }

    /// Columns before and behind.
    pub(super) fn columns(&self) -> (usize, usize) {
        (self.left, self.right)
    }

    /// What lies before a map: rows above, columns before the first.
    pub fn before(&self) -> (usize, usize) {
        (self.top, self.left)
    }
}

impl From<(usize, usize)> for Padding {
    /// The same on both sides: so many rows, so many columns.
    fn from((rows, columns): (usize, usize)) -> Self {
        Self { top: rows, left: columns, bottom: rows, right: columns }
    }
}

/// Number of windows along one side: floor((size + padding - dilation (kernel - 1) - 1) / stride) + 1, the
/// padding being that of both ends together.
pub(super) fn count(
    size: usize,
    kernel: usize,
    stride: usize,
    padding: (usize, usize),
    dilation: usize,
) -> Result<usize, String> {
    if kernel == 0 || stride == 0 || dilation == 0 {
        return Err(format!(
            "kernel, stride and dilation must be at least 1, got {kernel}, {stride}, {dilation}"
        ));
    }
    let (before, after) = padding;
    let shown = match before == after {
        true => before.to_string(),
        false => format!("{before} and {after}"),
    };
    if [kernel, stride, before, after, dilation].into_iter().any(|value| value > MAX_WINDOW) {
        return Err(format!(
            "kernel, stride, padding and dilation must be at most {MAX_WINDOW}, got {kernel}, {stride}, {shown}, \
             {dilation}"
        ));
    }
    let reach = dilation * (kernel - 1) + 1;
    let padded = size + before + after;
    if padded < reach {
        return Err(format!("a window of {reach} does not fit into {size} with padding {shown}"));
    }
    Ok((padded - reach) / stride + 1)
}

/// Kernel and stride for a table: ` 3x3/2`.
pub(super) fn describe(kernel: (usize, usize), stride: (usize, usize)) -> String {
    let step = match stride {
        (1, 1) => String::new(),
        (rows, columns) if rows == columns => format!("/{rows}"),
        (rows, columns) => format!("/{rows}x{columns}"),
    };
    format!(" {}x{}{step}", kernel.0, kernel.1)
}

/// Value of a map at a position counted from the corner of the padding; `None` in the padding.
pub(super) fn pixel(x: &Map<'_>, channel: usize, at: (usize, usize), padding: &Padding) -> Option<f64> {
    let (row, column) = (at.0.checked_sub(padding.top)?, at.1.checked_sub(padding.left)?);
    let inside = row < x.shape.height && column < x.shape.width;
    inside.then(|| x.values[(channel * x.shape.height + row) * x.shape.width + column])
}

/// Every pair below `size`, row by row.
pub(super) fn pairs(size: (usize, usize)) -> impl Iterator<Item = (usize, usize)> {
    (0..size.0).flat_map(move |i| (0..size.1).map(move |j| (i, j)))
}

/// Visits the channel, row and column of every value, in the order of memory.
pub(super) fn positions(shape: Shape, mut visit: impl FnMut(usize, usize, usize)) {
    for channel in 0..shape.channels {
        for (row, column) in pairs((shape.height, shape.width)) {
            visit(channel, row, column);
        }
    }
}
