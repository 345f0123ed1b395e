//! Which operator a name stands for.

use super::Operator;
use super::binary::{Binary, Compare, Where};
use super::cast::{Cast, Clip};
use super::constant::{Constant, ConstantOfShape, EyeLike, Random, Range, Shape, Size, Trilu};
use super::conv::{Conv, ConvInteger, ConvTranspose, QLinearConv};
use super::cut::{Concat, Pad, Slice, Split, Tile};
use super::gather::{Gather, GatherElements, GatherNd, NonZero, OneHot, Scatter};
use super::matmul::{Gemm, MatMul};
use super::norm::{BatchNorm, LayerNorm, Norm};
use super::pool::{GlobalPool, Kind, MaxUnpool, Pool, Regions};
use super::quantize::{Dequantize, DynamicQuantize, Quantize};
use super::recurrent::Recurrent;
use super::reduce::{Along, Arg, Reduce, TopK};
use super::reshape::{Depth, Dropout, Expand, Flatten, Identity, Reshape, Squeeze, Transpose, Unsqueeze};
use super::resize::Resize;
use super::unary::{Test, Unary};

pub(super) fn find(op_type: &str) -> Option<&'static dyn Operator> {
    Some(match op_type {
        "Conv" => &Conv,
        "ConvTranspose" => &ConvTranspose,
        "ConvInteger" => &ConvInteger,
        "QLinearConv" => &QLinearConv,

        "MaxPool" => &Pool(Kind::Max),
        "AveragePool" => &Pool(Kind::Average),
        "LpPool" => &Pool(Kind::Norm),
        "GlobalMaxPool" => &GlobalPool(Kind::Max),
        "GlobalAveragePool" => &GlobalPool(Kind::Average),
        "GlobalLpPool" => &GlobalPool(Kind::Norm),
        "MaxUnpool" => &MaxUnpool,
        "MaxRoiPool" | "RoiAlign" => &Regions,

        "BatchNormalization" => &BatchNorm,
        "LayerNormalization" | "RMSNormalization" => &LayerNorm,
        "InstanceNormalization" => &Norm::Instance,
        "GroupNormalization" => &Norm::Group,
        "LRN" => &Norm::Local,
        "LpNormalization" => &Norm::Lp,
        "MeanVarianceNormalization" => &Norm::MeanVariance,

        "Gemm" => &Gemm,
        "MatMul" => &MatMul::Plain,
        "MatMulInteger" => &MatMul::Integer,
        "QLinearMatMul" => &MatMul::Quantized,

        "ReduceL1" => &Reduce::L1,
        "ReduceL2" => &Reduce::L2,
        "ReduceLogSum" => &Reduce::LogSum,
        "ReduceLogSumExp" => &Reduce::LogSumExp,
        "ReduceMax" => &Reduce::Max,
        "ReduceMean" => &Reduce::Mean,
        "ReduceMin" => &Reduce::Min,
        "ReduceProd" => &Reduce::Prod,
        "ReduceSum" => &Reduce::Sum,
        "ReduceSumSquare" => &Reduce::SumSquare,
        "ArgMax" => &Arg(true),
        "ArgMin" => &Arg(false),
        "Softmax" => &Along::Softmax,
        "LogSoftmax" => &Along::LogSoftmax,
        "Hardmax" => &Along::Hardmax,
        "CumSum" => &Along::CumSum,
        "TopK" => &TopK,

        "Reshape" => &Reshape,
        "Flatten" => &Flatten,
        "Squeeze" => &Squeeze,
        "Unsqueeze" => &Unsqueeze,
        "Transpose" => &Transpose,
        "Expand" => &Expand,
        "Identity" => &Identity,
        "Dropout" => &Dropout,
        "DepthToSpace" => &Depth(true),
        "SpaceToDepth" => &Depth(false),

        "Concat" => &Concat,
        "Split" => &Split,
        "Slice" => &Slice,
        "Pad" => &Pad,
        "Tile" => &Tile,
        "Gather" => &Gather,
        "GatherElements" => &GatherElements,
        "GatherND" => &GatherNd,
        "Scatter" | "ScatterElements" => &Scatter(true),
        "ScatterND" => &Scatter(false),
        "OneHot" => &OneHot,
        "NonZero" => &NonZero,

        "Constant" => &Constant,
        "ConstantOfShape" => &ConstantOfShape,
        "Shape" => &Shape,
        "Size" => &Size,
        "Range" => &Range,
        "EyeLike" => &EyeLike,
        "Trilu" => &Trilu,
        "RandomNormal" | "RandomUniform" | "RandomNormalLike" | "RandomUniformLike" | "Bernoulli" => &Random,

        "Resize" | "Upsample" => &Resize,

        "QuantizeLinear" => &Quantize,
        "DequantizeLinear" => &Dequantize,
        "DynamicQuantizeLinear" => &DynamicQuantize,

        "LSTM" => &Recurrent::Lstm,
        "GRU" => &Recurrent::Gru,
        "RNN" => &Recurrent::Rnn,

        "Cast" | "CastLike" => &Cast,
        "Clip" => &Clip,
        "Where" => &Where,
        _ => return elementwise(op_type),
    })
}

fn elementwise(op_type: &str) -> Option<&'static dyn Operator> {
    Some(match op_type {
        "Abs" => &Unary::Abs,
        "Acos" => &Unary::Acos,
        "Acosh" => &Unary::Acosh,
        "Asin" => &Unary::Asin,
        "Asinh" => &Unary::Asinh,
        "Atan" => &Unary::Atan,
        "Atanh" => &Unary::Atanh,
        "Ceil" => &Unary::Ceil,
        "Celu" => &Unary::Celu,
        "Cos" => &Unary::Cos,
        "Cosh" => &Unary::Cosh,
        "Elu" => &Unary::Elu,
        "Erf" => &Unary::Erf,
        "Exp" => &Unary::Exp,
        "Floor" => &Unary::Floor,
        "Gelu" => &Unary::Gelu,
        "HardSigmoid" => &Unary::HardSigmoid,
        "HardSwish" => &Unary::HardSwish,
        "LeakyRelu" => &Unary::LeakyRelu,
        "Log" => &Unary::Log,
        "Mish" => &Unary::Mish,
        "Neg" => &Unary::Neg,
        "Reciprocal" => &Unary::Reciprocal,
        "Relu" => &Unary::Relu,
        "Round" => &Unary::Round,
        "Selu" => &Unary::Selu,
        "Shrink" => &Unary::Shrink,
        "Sigmoid" => &Unary::Sigmoid,
        "Sign" => &Unary::Sign,
        "Sin" => &Unary::Sin,
        "Sinh" => &Unary::Sinh,
        "Softplus" => &Unary::Softplus,
        "Softsign" => &Unary::Softsign,
        "Sqrt" => &Unary::Sqrt,
        "Swish" => &Unary::Swish,
        "Tan" => &Unary::Tan,
        "Tanh" => &Unary::Tanh,
        "ThresholdedRelu" => &Unary::ThresholdedRelu,

        "IsInf" => &Test::IsInf,
        "IsNaN" => &Test::IsNan,
        "Not" => &Test::Not,

        "Add" => &Binary::Add,
        "Sub" => &Binary::Sub,
        "Mul" => &Binary::Mul,
        "Div" => &Binary::Div,
        "Pow" => &Binary::Pow,
        "Mod" => &Binary::Mod,
        "PRelu" => &Binary::PRelu,
        "BitwiseAnd" => &Binary::BitAnd,
        "BitwiseOr" => &Binary::BitOr,
        "BitwiseXor" => &Binary::BitXor,
        "BitShift" => &Binary::BitShift,
        "Sum" => &Binary::Sum,
        "Mean" => &Binary::Mean,
        "Max" => &Binary::Max,
        "Min" => &Binary::Min,

        "And" => &Compare::And,
        "Or" => &Compare::Or,
        "Xor" => &Compare::Xor,
        "Equal" => &Compare::Equal,
        "Greater" => &Compare::Greater,
        "GreaterOrEqual" => &Compare::GreaterOrEqual,
        "Less" => &Compare::Less,
        "LessOrEqual" => &Compare::LessOrEqual,
        _ => return None,
    })
}
