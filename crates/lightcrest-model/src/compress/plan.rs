//! What is done to a network.

use lightcrest_graph::compress::decompose::Method;

/// One change for each section.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// In the order of the sections.
    pub changes: Vec<Change>,
    /// Whether their weights and activations become 8-bit integers at the end; in the same order.
    pub int8: Vec<bool>,
}

impl Plan {
    /// These changes, all in fp32.
    pub fn fp32(changes: Vec<Change>) -> Self {
        let int8 = vec![false; changes.len()];
        Self { changes, int8 }
    }

    /// Whether anything becomes 8-bit integers.
    pub fn has_int8(&self) -> bool {
        self.int8.contains(&true)
    }
}

/// What becomes of a section.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// Nothing.
    Keep,
    /// Channels go.
    Prune {
        /// The share of them.
        ratio: f64,
    },
    /// Layers become sequences of thinner ones.
    LowRank {
        /// How.
        method: LowRank,
        /// Rank over the full rank.
        rank: f64,
    },
}

/// The low-rank methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LowRank {
    /// A product of two matrices.
    Svd,
    /// 1x1, small core, 1x1.
    Tucker,
    /// 1x1, depthwise, 1x1.
    Cp,
    /// k x 1, 1 x k.
    Spatial,
}

impl LowRank {
    /// As the spec writes it.
    pub fn name(self) -> &'static str {
        name_of(self.pass())
    }

    /// As the pass knows it.
    pub(super) fn pass(self) -> Method {
        match self {
            Self::Svd => Method::Svd,
            Self::Tucker => Method::Tucker,
            Self::Cp => Method::Cp,
            Self::Spatial => Method::Spatial,
        }
    }
}

/// The name of a method of the pass.
pub(super) fn name_of(method: Method) -> &'static str {
    match method {
        Method::Svd => "svd",
        Method::Tucker => "tucker",
        Method::Cp => "cp",
        Method::Spatial => "spatial",
    }
}

/// The low-rank method that the spec writes so.
pub(super) fn low_rank(name: &str) -> Option<LowRank> {
    [LowRank::Svd, LowRank::Tucker, LowRank::Cp, LowRank::Spatial].into_iter().find(|m| m.name() == name)
}
