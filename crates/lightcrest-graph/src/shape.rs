//! The shape of one image or feature map.

/// Shape of one image or feature map.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Shape {
    /// Number of channels (features of a vector).
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// A feature map of `channels` planes of `height` x `width`.
    pub fn new(channels: usize, height: usize, width: usize) -> Self {
        Self { channels, height, width }
    }

    /// A vector of `features` values.
    pub fn vector(features: usize) -> Self {
        Self::new(features, 1, 1)
    }

    /// Number of values; the largest number where there are more.
    pub fn len(&self) -> usize {
        self.channels.saturating_mul(self.area())
    }

    /// True when there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of positions of one channel.
    pub fn area(&self) -> usize {
        self.height.saturating_mul(self.width)
    }
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}
