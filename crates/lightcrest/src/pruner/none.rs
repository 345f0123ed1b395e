//! Every trial runs to its end.

use super::Pruner;
use crate::history::{FrozenTrial, History};

/// Stops nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPruner;

impl Pruner for NoPruner {
    fn name(&self) -> &'static str {
        "none"
    }

    fn should_prune(&self, _: &History, _: &FrozenTrial) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conforms() {
        crate::testing::pruner(&|| Box::new(NoPruner));
    }
}
