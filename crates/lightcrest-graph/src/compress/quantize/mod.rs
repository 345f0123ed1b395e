//! Int8: an ONNX model with `QuantizeLinear` and `DequantizeLinear` around what computes with 8 bits (QDQ),
//! from a model in fp32 and some inputs of it, without training.
//!
//! 1. `placement`: which nodes compute with 8 bits, as runtimes fuse them;
//! 2. `observer`: ranges of activations, seen while the inputs run through the model in fp32;
//! 3. `equalize`: channels are scaled so that one scale for all of them loses less (exact in fp32);
//! 4. `scale`, `weight`: scales and numbers of activations and weights;
//! 5. `correct`: what rounding adds to the mean of a channel is taken from its bias;
//! 6. `rewrite`: the model;
//! 7. `sensitivity`: layers that lose most stay in fp32 until the outputs are as good as is asked for.
//!
//! Sources: Jacob et al. 2018, "Quantization and training of neural networks for efficient
//! integer-arithmetic-only inference"; Nagel et al. 2019, "Data-free quantization through weight equalization
//! and bias correction"; Nagel et al. 2021, "A white paper on neural network quantization".

mod affine;
mod candidate;
mod check;
mod constant;
mod correct;
mod equalize;
mod error;
mod observer;
mod pass;
mod placement;
mod prepare;
mod probe;
mod report;
mod rewrite;
mod run;
mod scale;
mod sensitivity;
mod weight;

pub use candidate::candidates;
pub use error::QuantizeError;
pub use observer::Method;
pub use pass::{QuantizeConfig, quantize};
pub use report::{Precision, QuantizeReport, QuantizedLayer, Reason};
pub use run::Feed;
pub use weight::WeightBits;

#[cfg(test)]
mod test;
