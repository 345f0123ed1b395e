"""Small ONNX models in the spellings of many programs, for comparing what is read and normalised with the original.

make_onnx.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
rng = np.random.default_rng(7)


def value(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def weights(name, *shape):
    return numpy_helper.from_array((0.4 * rng.normal(size=shape)).astype(np.float32), name)


def positive(name, *shape):
    return numpy_helper.from_array((0.5 + rng.random(size=shape)).astype(np.float32), name)


def ints(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def scalar(name, number, kind=np.float32):
    return numpy_helper.from_array(np.array(number, kind), name)


def node(op, inputs, outputs, **attributes):
    outputs = outputs if isinstance(outputs, list) else [outputs]
    return helper.make_node(op, inputs, outputs, name=f"{op}_{outputs[0]}", **attributes)


def norm(name, x, y, channels, **attributes):
    """A batch normalisation, and its weights."""
    parts = [weights(f"{name}.g", channels), weights(f"{name}.b", channels), weights(f"{name}.m", channels)]
    parts.append(positive(f"{name}.v", channels))
    return node("BatchNormalization", [x, *[part.name for part in parts]], y, **attributes), parts


def conv(x, y, inputs, outputs, size=1, bias=False, **attributes):
    """A convolution, and its weights."""
    parts = [weights(f"{y}.weight", outputs, inputs // attributes.get("group", 1), size, size)]
    parts += [weights(f"{y}.bias", outputs)] if bias else []
    return node("Conv", [x, *[part.name for part in parts]], y, **attributes), parts


MODELS = {}


def model(name, layers, outputs, inputs=(("x", ["N", 4, 6, 6]),), constants=(), opset=17, ir=8, domains=(), **metadata):
    """Keeps a model; a layer is a node, or a node with its constants."""
    nodes, initializers = [], list(constants)
    for layer in layers:
        if isinstance(layer, tuple):
            nodes.append(layer[0])
            initializers += layer[1]
        else:
            nodes.append(layer)
    entries = [value(*entry) for entry in inputs]
    results = [value(*entry) for entry in outputs]
    graph = helper.make_graph(nodes, name, entries, results, initializers)
    sets = [helper.make_opsetid("", opset), *[helper.make_opsetid(domain, 1) for domain in domains]]
    made = helper.make_model(graph, opset_imports=sets, ir_version=ir, producer_name="make_onnx")
    helper.set_model_props(made, {"classes": "a,b", **metadata})
    MODELS[name] = made
    return made


def flattens():
    head = conv("x", "c", 4, 3, bias=True)
    out = [("y", ["N", 5])]
    for transposed in (0, 1):
        w = weights("w", 5, 108) if transposed else weights("w", 108, 5)
        gemm = node("Gemm", ["f", "w", "b"], "y", transB=transposed, beta=0.5)
        model(f"flatten_gemm_{transposed}", [head, node("Flatten", ["c"], "f"), (gemm, [w, weights("b", 5)])], out)
    matmul = [(node("MatMul", ["f", "w"], "m"), [weights("w", 108, 5)]), (node("Add", ["m", "b"], "y"), [weights("b", 5)])]
    model("reshape_matmul", [head, (node("Reshape", ["c", "s"], "f"), [ints("s", 0, -1)]), *matmul], out)
    computed = [
        node("Shape", ["c"], "shape"),
        (node("Slice", ["shape", "from", "to"], "batch"), [ints("from", 0), ints("to", 1)]),
        (node("Concat", ["batch", "rest"], "s", axis=0), [ints("rest", -1)]),
        node("Reshape", ["c", "s"], "f"),
    ]
    model("reshape_computed", [head, *computed, *matmul], out)
    gathered = [
        node("Shape", ["c"], "shape"),
        (node("Gather", ["shape", "zero"], "n"), [scalar("zero", 0, np.int64)]),
        (node("Unsqueeze", ["n", "axis"], "batch"), [ints("axis", 0)]),
        (node("Concat", ["batch", "rest"], "s", axis=0), [ints("rest", -1)]),
        node("Reshape", ["c", "s"], "f"),
    ]
    model("reshape_gathered", [head, *gathered, *matmul], out)
    channels_last = [node("Transpose", ["c"], "t", perm=[0, 2, 3, 1]), node("Flatten", ["t"], "f")]
    model("flatten_channels_last", [head, *channels_last, *matmul], out)
    # Two free sizes, of which one cannot be a constant: the width.
    wide = [
        node("Shape", ["c"], "shape"),
        (node("Slice", ["shape", "from", "to"], "ends"), [ints("from", 0), ints("to", 2)]),
        (node("Concat", ["ends", "rest"], "s", axis=0), [ints("rest", -1)]),
        node("Reshape", ["c", "s"], "y"),
    ]
    model("reshape_free_width", [head, *wide], [("y", ["N", 3, "P"])], [("x", ["N", 4, 6, "W"])])


def heads():
    head = conv("x", "c", 4, 3)
    last = (node("Gemm", ["f", "w"], "y"), [weights("w", 3, 5)])
    out = [("y", ["N", 5])]
    model("pool_flatten", [head, node("GlobalAveragePool", ["c"], "p"), node("Flatten", ["p"], "f"), last], out)
    squeeze = (node("Squeeze", ["p", "a"], "f"), [ints("a", 2, 3)])
    model("pool_squeeze", [head, node("GlobalAveragePool", ["c"], "p"), squeeze, last], out)
    model("mean_attribute", [head, node("ReduceMean", ["c"], "f", axes=[2, 3], keepdims=0), last], out)
    mean = (node("ReduceMean", ["c", "a"], "p", keepdims=1), [ints("a", -1, -2)])
    reshape = (node("Reshape", ["p", "s"], "f"), [ints("s", -1, 3)])
    model("mean_input", [head, mean, reshape, last], out, opset=18)


def constants():
    out = [("y", ["N", 4, 6, 6])]
    shared = [node("Conv", ["x", "w", "b"], "a"), node("Conv", ["a", "w", "b"], "c")]
    beta = norm("n", "c", "y", 4)
    beta[0].input[2] = "b"
    model("shared", [*shared, beta], out, constants=[weights("w", 4, 4, 1, 1), weights("b", 4)])
    spelled = [
        node("Constant", [], "raw", value=weights("", 1, 1, 4, 4)),
        node("Identity", ["raw"], "same"),
        node("Transpose", ["same"], "w", perm=[2, 3, 0, 1]),
        node("Constant", [], "flat", value=weights("", 4, 1)),
        (node("Reshape", ["flat", "s"], "b"), [ints("s", -1)]),
        node("Conv", ["x", "w", "b"], "c"),
        norm("n", "c", "y", 4),
    ]
    model("constants", spelled, out)
    eight = numpy_helper.from_array(rng.integers(-100, 100, (4, 4, 1, 1)).astype(np.int8), "q")
    quantized = (node("DequantizeLinear", ["q", "scale", "zero"], "w"), [eight, scalar("scale", 0.01), scalar("zero", 3, np.int8)])
    model("quantized", [quantized, node("Conv", ["x", "w"], "c"), norm("n", "c", "y", 4)], out)
    half = numpy_helper.from_array(rng.normal(size=(4, 4, 1, 1)).astype(np.float16), "h")
    model("half", [(node("Cast", ["h"], "w", to=FLOAT), [half]), node("Conv", ["x", "w"], "y")], out)
    for ir in (3, 4):
        layer, parts = conv("x", "c", 4, 4)
        bn, more = norm("n", "c", "y", 4)
        entries = [("x", ["N", 4, 6, 6]), *[(part.name, list(part.dims)) for part in parts + more]]
        spare = weights("tracked", 1)
        model(f"inputs_{ir}", [layer, bn], out, [*entries, ("tracked", [1])], [*parts, *more, spare], opset=9, ir=ir)
    filled = (node("ConstantOfShape", ["s"], "w", value=helper.make_tensor("v", FLOAT, [1], [0.25])), [ints("s", 4, 4, 3, 3)])
    model("filled", [filled, node("Conv", ["x", "w"], "y", pads=[1, 1, 1, 1])], out)


def norms():
    out = [("y", ["N", 4, 6, 6])]
    c = conv("x", "c", 4, 4, bias=True)
    model("norm_after_conv", [c, norm("n", "c", "y", 4, epsilon=1e-3)], out)
    model("norm_before_conv", [norm("n", "x", "p", 4), conv("p", "y", 4, 4)], out)
    joined = [c, conv("x", "d", 4, 4), node("Concat", ["c", "d"], "j", axis=1), norm("n", "j", "k", 8), conv("k", "y", 8, 4)]
    model("norm_after_concat", joined, out)
    model("norm_after_add", [c, node("Add", ["c", "x"], "a"), norm("n", "a", "y", 4)], out)
    for group in (1, 2):
        up = (node("ConvTranspose", ["x", "w"], "t", group=group, strides=[2, 2], kernel_shape=[2, 2]), [weights("w", 4, 6 // group, 2, 2)])
        model(f"norm_after_transposed_{group}", [up, norm("n", "t", "y", 6)], [("y", ["N", 6, 12, 12])])
    pad = (node("Pad", ["c", "p"], "q"), [ints("p", 0, 0, 1, 1, 0, 0, 1, 1)])
    model("norm_after_pad", [c, pad, norm("n", "q", "y", 4)], [("y", ["N", 4, 8, 8])])
    for transposed in (0, 1):
        w = weights("w", 5, 4) if transposed else weights("w", 4, 5)
        gemm = (node("Gemm", ["x", "w", "b"], "g", alpha=0.5, beta=2.0, transB=transposed), [w, weights("b", 5)])
        model(f"norm_after_gemm_{transposed}", [gemm, norm("n", "g", "y", 5)], [("y", ["N", 5])], [("x", ["N", 4])])
    model("norm_of_two_readers", [c, norm("n", "c", "d", 4), node("Add", ["c", "d"], "y")], out)
    grouped = conv("x", "c", 4, 8, 3, group=4, pads=[1, 1, 1, 1])
    scales = [
        (node("Mul", ["n", "k"], "s"), [weights("k", 8, 1, 1)]),
        (node("Sub", ["one", "s"], "d"), [scalar("one", 1.0)]),
        (node("Div", ["d", "two"], "e"), [scalar("two", 2.0)]),
        (node("Add", ["shift", "e"], "y"), [weights("shift", 1, 8, 1, 1)]),
    ]
    model("factors", [grouped, norm("bn", "c", "n", 8), *scales], [("y", ["N", 8, 6, 6])])


def spelled_out():
    out = [("y", ["N", 4, 6, 6])]
    c = conv("x", "c", 4, 4)
    clip = [
        (node("Add", ["c", "three"], "a"), [scalar("three", 3.0)]),
        (node("Clip", ["a", "zero", "six"], "b"), [scalar("zero", 0.0), scalar("six", 6.0)]),
    ]
    for opset in (11, 15):
        model(f"hard_swish_{opset}", [c, *clip, node("Mul", ["c", "b"], "d"), node("Div", ["d", "six"], "y")], out, opset=opset)
        model(f"hard_sigmoid_{opset}", [c, *clip, node("Div", ["b", "six"], "y")], out, opset=opset)
    erf = [
        (node("Div", ["c", "root"], "a"), [scalar("root", 2**0.5)]),
        node("Erf", ["a"], "b"),
        (node("Add", ["b", "one"], "d"), [scalar("one", 1.0)]),
        (node("Mul", ["d", "half"], "e"), [scalar("half", 0.5)]),
        node("Mul", ["e", "c"], "y"),
    ]
    tanh = [
        (node("Pow", ["c", "three"], "cube"), [scalar("three", 3.0)]),
        (node("Mul", ["cube", "k"], "term"), [scalar("k", 0.044715)]),
        node("Add", ["c", "term"], "sum"),
        (node("Mul", ["sum", "q"], "inner"), [scalar("q", (2 / np.pi) ** 0.5)]),
        node("Tanh", ["inner"], "t"),
        (node("Add", ["t", "one"], "d"), [scalar("one", 1.0)]),
        (node("Mul", ["c", "half"], "e"), [scalar("half", 0.5)]),
        node("Mul", ["e", "d"], "y"),
    ]
    for opset in (17, 20):
        model(f"gelu_erf_{opset}", [c, *erf], out, opset=opset, ir=9)
        model(f"gelu_tanh_{opset}", [c, *tanh], out, opset=opset, ir=9)
    layer_norm = [
        node("ReduceMean", ["c"], "m", axes=[-1]),
        node("Sub", ["c", "m"], "d"),
        (node("Pow", ["d", "two"], "s"), [scalar("two", 2.0)]),
        node("ReduceMean", ["s"], "v", axes=[-1]),
        (node("Add", ["v", "eps"], "e"), [scalar("eps", 1e-4)]),
        node("Sqrt", ["e"], "r"),
        node("Div", ["d", "r"], "q"),
        (node("Mul", ["q", "gamma"], "g"), [weights("gamma", 6)]),
        (node("Add", ["g", "beta"], "y"), [weights("beta", 6)]),
    ]
    model("layer_norm", [c, *layer_norm], out)
    model("sums", [c, node("Sum", ["c", "x"], "s"), node("Sum", ["s"], "t"), node("Sum", ["s", "t", "x"], "y")], out)
    shuffle = [
        (node("Reshape", ["c", "s"], "a"), [ints("s", 0, 2, 2, 6, 6)]),
        node("Transpose", ["a"], "b", perm=[0, 2, 1, 3, 4]),
        (node("Reshape", ["b", "t"], "y"), [ints("t", 0, 4, 6, 6)]),
    ]
    model("shuffle", [c, *shuffle], out)


def ends():
    c, d = conv("x", "c", 4, 4), conv("c", "d", 4, 4)
    four = ["N", 4, 6, 6]
    model("output_that_is_read", [c, norm("n", "c", "e", 4), conv("e", "y", 4, 4)], [("y", four), ("c", four)])
    model("outputs", [c, d, node("Relu", ["d"], "r"), node("Sigmoid", ["c"], "s")], [("s", four), ("r", four), ("d", four), ("c", four)])
    two = [("x", four), ("z", four)]
    model("two_inputs", [node("Concat", ["x", "z"], "j", axis=1), conv("j", "y", 8, 4)], [("y", four)], two)
    model("dead", [c, node("Relu", ["c"], "unused"), norm("n", "c", "y", 4)], [("y", four)])
    model("left_out", [c, (node("Clip", ["c", "", "six"], "y"), [scalar("six", 0.5)])], [("y", four)])
    copies = [c, node("Identity", ["c"], "i"), node("Dropout", ["i"], ["e", "mask"]), node("Identity", ["e"], "y"), node("Identity", ["e"], "z")]
    model("copies", copies, [("y", four), ("z", four)])
    model("input_returned", [node("Identity", ["x"], "y"), d, ], [("y", four), ("d", four)], [("x", four), ("c", four)])


def opaque():
    four = ["N", 4, 6, 6]
    c = conv("x", "c", 4, 4)
    inner = lambda op: helper.make_graph([node(op, ["c", "k"], f"{op}_out")], op, [], [value(f"{op}_out", four)])
    branch = node("If", ["yes"], "i", then_branch=inner("Mul"), else_branch=inner("Add"))
    captured = [c, (branch, [scalar("yes", True, np.bool_), weights("k", 4, 1, 1)]), norm("n", "i", "j", 4), (node("Mul", ["j", "k"], "y"), [])]
    model("branch", captured, [("y", four)])
    custom = node("Gelu", ["c"], "g", domain="com.microsoft")
    model("domain", [c, custom, norm("n", "g", "y", 4)], [("y", four)], domains=["com.microsoft"])
    lstm = (node("LSTM", ["s", "w", "r"], ["o", "", ""], hidden_size=5), [weights("w", 1, 20, 6), weights("r", 1, 20, 5)])
    to = (node("Reshape", ["c", "to"], "s"), [ints("to", 4, -1, 6)])
    model("recurrent", [c, to, lstm, node("Relu", ["o"], "y")], [("y", [4, 1, "P", 5])])
    body = [node("Mul", ["a", "a"], "b"), node("Identity", ["b"], "c")]
    made = model("function", [c, node("Square", ["c"], "y", domain="own")], [("y", four)], domains=["own"])
    made.functions.append(helper.make_function("own", "Square", ["a"], ["c"], body, [helper.make_opsetid("", 17)]))


def windows():
    for pad in ("SAME_UPPER", "SAME_LOWER", "VALID"):
        c = conv("x", "c", 4, 4, 3, strides=[2, 2], auto_pad=pad)
        size = 2 if pad == "VALID" else 3
        model(f"pad_{pad.lower()}", [c, norm("n", "c", "y", 4)], [("y", ["N", 4, size, size])])
    uneven = conv("x", "c", 4, 4, 3, pads=[0, 1, 2, 1], dilations=[2, 1])
    pool = node("MaxPool", ["n"], "p", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
    average = node("AveragePool", ["p"], "y", kernel_shape=[2, 2], pads=[0, 0, 1, 1], count_include_pad=1)
    model("uneven", [uneven, norm("bn", "c", "n", 4), pool, average], [("y", ["N", 4, "H", "W"])])
    line = (node("Conv", ["x", "w"], "c", pads=[1, 1]), [weights("w", 4, 4, 3)])
    model("one_axis", [line, norm("n", "c", "y", 4)], [("y", ["N", 4, 9])], [("x", ["N", 4, 9])])
    typed, parts = conv("x", "c", 4, 4)
    raw = numpy_helper.to_array(parts[0])
    parts = [helper.make_tensor(parts[0].name, FLOAT, raw.shape, raw.flatten().tolist())]
    made = model("typed_fields", [(typed, parts), norm("n", "c", "y", 4)], [("y", ["N", 4, 6, 6])], domains=["com.unused"])
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = -1
    made.graph.value_info.append(value("c", ["N", 4, 6, 6]))


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for make in (flattens, heads, constants, norms, spelled_out, ends, opaque, windows):
        make()
    for name, made in MODELS.items():
        onnx.save(made, folder / f"{name}.onnx")
    c = conv("x", "c", 4, 4)
    made = model("external", [c, norm("n", "c", "y", 4)], [("y", ["N", 4, 6, 6])])
    onnx.save(made, folder / "external.onnx", save_as_external_data=True, location="external.data", size_threshold=0)
    print(f"{len(MODELS)} models in {folder}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
