//! What a search knows of a network: its layers, and which channels are cut together.

/// The layers of a network and the groups of their channels.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Outline {
    /// Layers with weights, in the order of the network.
    pub layers: Vec<Layer>,
    /// Channels that are cut together.
    pub groups: Vec<Channels>,
}

/// A layer with weights.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Layer {
    /// Name of its node, or of its output where the node has none.
    pub name: String,
    /// Its operator, such as `Conv`.
    pub operator: String,
    /// What it is to the low-rank methods.
    pub kind: LayerKind,
    /// Multiply-accumulates of one image.
    pub macs: u64,
    /// Numbers of its weight.
    pub weights: u64,
    /// The group of its output channels, where one is known.
    pub group: Option<usize>,
    /// Height times width of its output, where they are known.
    pub area: Option<usize>,
    /// Whether its weights can be 8-bit integers.
    pub int8: bool,
}

/// What a layer is to the low-rank methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LayerKind {
    /// A matrix: linear, or a 1x1 convolution.
    Matrix,
    /// A convolution with a window, of one group.
    Window,
    /// Anything else.
    #[default]
    Other,
}

/// Channels that are cut together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channels {
    /// Whether some of them may go.
    pub free: bool,
    /// How many layers write them, depthwise convolutions left out.
    pub writers: usize,
    /// How many there are.
    pub size: usize,
}
