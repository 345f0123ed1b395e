"""Graphs on which tools that prune channels have failed, one function a graph.

Each returns a model with random weights. `bias` says what biases hold: "distinct" numbers, or "zero"; equal ones
are merged into one initializer as torch's exporter does. `EXPECTED` of a case says what pruning must reach.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CASES = {}


def case(**expected):
    """Registers a graph. `least`: factor of multiply-accumulates at 50 % that must be reached; `keeps`: names of
    weights that must not change; `exact`: whether the result is that of zeroed channels."""

    def register(build):
        CASES[build.__name__] = (build, {"exact": True, "least": 1.0, "keeps": [], **expected})
        return build

    return register


class Graph:
    """A graph under construction; methods add a node and return the name of its output."""

    def __init__(self, bias="distinct", opset=17, ir=8, seed=0):
        self.rng = np.random.default_rng(seed)
        self.bias, self.opset, self.ir = bias, opset, ir
        self.nodes, self.tensors, self.inputs, self.outputs, self.functions = [], [], [], [], []
        self.zeros, self.count, self.domains = {}, 0, []

    def name(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    def input(self, channels=3, size=16, shape=None, name=None):
        name = name or self.name("x")
        shape = shape or ["N", channels, size, size]
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def const(self, array, name=None):
        name = name or self.name("c")
        self.tensors.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def ints(self, *numbers):
        return self.const(np.array(numbers, np.int64))

    def op(self, kind, *inputs, outputs=1, domain="", **attributes):
        names = [self.name(kind.lower()) for _ in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=f"n_{names[0]}", domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def vector(self, size):
        """A bias."""
        if self.bias == "zero":
            if size not in self.zeros:
                self.zeros[size] = self.const(np.zeros(size, np.float32))
            return self.zeros[size]
        return self.const(self.rng.standard_normal(size).astype(np.float32))

    def weight(self, *shape, name=None):
        scale = np.sqrt(2 / max(1, np.prod(shape[1:])))
        return self.const((self.rng.standard_normal(shape) * scale).astype(np.float32), name)

    def conv(self, x, inputs, outputs, kernel=3, groups=1, bias=True, weight=None, **attributes):
        weight = weight or self.weight(outputs, inputs // groups, kernel, kernel)
        if "pads" not in attributes and "auto_pad" not in attributes:
            attributes["pads"] = [kernel // 2] * 4
        more = [self.vector(outputs)] if bias else []
        return self.op("Conv", x, weight, *more, group=groups, **attributes)

    def relu(self, x):
        return self.op("Relu", x)

    def bn(self, x, channels, **attributes):
        gamma = self.const(self.rng.uniform(0.5, 1.5, channels).astype(np.float32))
        variance = self.const(self.rng.uniform(0.5, 1.5, channels).astype(np.float32))
        mean = self.const(self.rng.standard_normal(channels).astype(np.float32) * 0.1)
        return self.op("BatchNormalization", x, gamma, self.vector(channels), mean, variance, **attributes)

    def linear(self, x, inputs, outputs, flipped=True):
        weight = self.weight(outputs, inputs) if flipped else self.weight(inputs, outputs)
        return self.op("Gemm", x, weight, self.vector(outputs), transB=int(flipped))

    def head(self, x, channels, classes=5):
        x = self.op("GlobalAveragePool", x)
        return self.out(self.linear(self.op("Flatten", x), channels, classes), ["N", classes])

    def out(self, x, shape):
        self.outputs.append(helper.make_tensor_value_info(x, TensorProto.FLOAT, shape))
        return x

    def model(self, inputs_too=False):
        inputs = list(self.inputs)
        if inputs_too:
            inputs += [helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in self.tensors]
        graph = helper.make_graph(self.nodes, "g", inputs, self.outputs, self.tensors)
        opsets = [helper.make_opsetid("", self.opset), *(helper.make_opsetid(d, 1) for d in self.domains)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=self.ir, functions=self.functions)
        model.metadata_props.add(key="made_by", value="cases")
        return model


def stem(g, channels=16, size=16):
    return g.relu(g.conv(g.input(3, size), 3, channels))


# 1 and 2: concatenation


@case(least=3.0)
def concat_of_one_tensor_twice(bias):
    g = Graph(bias)
    x = stem(g)
    y = g.relu(g.conv(g.op("Concat", x, x, axis=1), 32, 16))
    g.head(y, 16)
    return g.model()


@case(least=2.5)
def concat_of_two_branches(bias):
    g = Graph(bias)
    x = stem(g)
    a, b = g.relu(g.conv(x, 16, 12)), g.relu(g.conv(x, 16, 20, 1))
    c = g.relu(g.bn(g.op("Concat", a, b, axis=1), 32))
    g.head(g.relu(g.conv(c, 32, 16)), 16)
    return g.model()


@case(least=2.0)
def concat_before_a_depthwise_convolution(bias):
    g = Graph(bias)
    x = stem(g)
    c = g.op("Concat", g.conv(x, 16, 12), g.conv(x, 16, 20), axis=-3)
    d = g.relu(g.conv(c, 32, 32, groups=32))
    g.head(g.conv(d, 32, 24, 1), 24)
    return g.model()


@case(least=2.0)
def nested_concat(bias):
    g = Graph(bias)
    x = stem(g)
    a, b, c = (g.relu(g.conv(x, 16, n)) for n in (8, 12, 10))
    inner = g.op("Concat", a, b, axis=1)
    outer = g.op("Concat", c, inner, a, axis=1)
    g.head(g.relu(g.conv(outer, 38, 16)), 16)
    return g.model()


@case(least=2.5)
def concat_in_space(bias):
    g = Graph(bias)
    x = stem(g)
    c = g.op("Concat", g.conv(x, 16, 16), g.conv(x, 16, 16, 1), axis=3)
    g.head(g.relu(g.conv(c, 16, 16)), 16)
    return g.model()


# 3: blocks of a grouped convolution that straddle branches


@case(least=1.5)
def grouped_convolution_over_straddled_branches(bias):
    g = Graph(bias)
    x = stem(g)
    c = g.op("Concat", g.conv(x, 16, 12), g.conv(x, 16, 20), axis=1)
    g.head(g.relu(g.conv(c, 32, 32, groups=2)), 32)
    return g.model()


# 4 and 5: splits and slices


def _split(bias, opset, how):
    g = Graph(bias, opset, 6 if opset < 13 else 8)
    x = g.relu(g.conv(stem(g), 16, 32))
    if how == "attribute":
        a, b = g.op("Split", x, outputs=2, axis=1, split=[16, 16])
    elif how == "input":
        a, b = g.op("Split", x, g.ints(12, 20), outputs=2, axis=1)
    elif how == "count":
        a, b = g.op("Split", x, outputs=2, axis=1, num_outputs=2)
    else:
        a, b = g.op("Split", x, outputs=2, axis=1)
    first, second = (12, 20) if how == "input" else (16, 16)
    b = g.relu(g.conv(b, second, 16))
    c = g.op("Concat", a, b, axis=1)
    g.head(g.relu(g.conv(c, first + 16, 16)), 16)
    return g.model()


@case(least=2.5)
def split_by_attribute(bias):
    return _split(bias, 11, "attribute")


@case(least=2.5)
def split_by_input(bias):
    return _split(bias, 13, "input")


@case(least=2.5)
def split_by_count(bias):
    return _split(bias, 18, "count")


@case(least=2.5)
def split_into_equal_parts(bias):
    return _split(bias, 13, "equal")


@case(least=2.5)
def several_split_blocks(bias):
    g = Graph(bias, 13)
    x = stem(g, 32)
    for _ in range(2):
        a, b = g.op("Split", x, g.ints(16, 16), outputs=2, axis=1)
        y = g.relu(g.conv(b, 16, 16))
        z = g.relu(g.conv(y, 16, 16))
        x = g.relu(g.conv(g.op("Concat", a, b, y, z, axis=1), 64, 32, 1))
    g.head(x, 32)
    return g.model()


@case(least=2.5)
def slices_of_channels(bias):
    g = Graph(bias)
    x = stem(g, 24)
    a = g.op("Slice", x, g.ints(0), g.ints(-10), g.ints(1))
    b = g.op("Slice", x, g.ints(-10), g.ints(2**62), g.ints(-3))
    c = g.op("Slice", x, g.ints(1), g.ints(24), g.ints(1), g.ints(2))
    y = g.op("Concat", g.conv(a, 14, 8), g.conv(b, 10, 8), g.conv(c, 12, 8), axis=1)
    g.head(g.relu(g.conv(y, 24, 16)), 16)
    return g.model()


@case(least=2.5)
def slices_by_attributes(bias):
    g = Graph(bias, 9, 4)
    x = stem(g, 24)
    a = g.op("Slice", x, starts=[0], ends=[12], axes=[1])
    b = g.op("Slice", x, starts=[12, 1], ends=[24, 15], axes=[1, 2])
    b = g.op("Pad", b, pads=[0, 0, 1, 0, 0, 0, 1, 0])
    y = g.op("Add", g.conv(a, 12, 8), g.conv(b, 12, 8))
    g.head(g.relu(g.conv(y, 8, 16)), 16)
    return g.model()


@case(least=2.0)
def focus_by_slices_of_space(bias):
    g = Graph(bias)
    x = g.relu(g.conv(g.input(3), 3, 8))
    parts = [
        g.op("Slice", x, g.ints(i, j), g.ints(2**31, 2**31), g.ints(2, 3), g.ints(2, 2)) for i in (0, 1) for j in (0, 1)
    ]
    g.head(g.relu(g.conv(g.op("Concat", *parts, axis=1), 32, 16)), 16)
    return g.model()


@case(least=2.0)
def gathered_channels(bias):
    g = Graph(bias)
    x = stem(g)
    y = g.op("Gather", x, g.ints(15, 3, 2, 8, 8, 0, 1, 4, 5, 6), axis=1)
    g.head(g.relu(g.conv(y, 10, 16)), 16)
    return g.model()


# 6: shuffles


def _shuffle(g, x, channels, groups, size, computed=False):
    if computed:
        shape = g.op("Shape", x)
        n, c, h, w = (g.op("Gather", shape, g.const(np.int64(i)), axis=0) for i in range(4))
        part = g.op("Div", c, g.const(np.int64(groups)))
        lift = lambda v: g.op("Unsqueeze", v, g.ints(0))
        first = g.op("Concat", lift(n), g.ints(groups), lift(part), lift(h), lift(w), axis=0)
        last = g.op("Concat", lift(n), g.ints(-1), lift(h), lift(w), axis=0)
    else:
        first, last = g.ints(0, groups, channels // groups, size, size), g.ints(0, channels, size, size)
    y = g.op("Transpose", g.op("Reshape", x, first), perm=[0, 2, 1, 3, 4])
    return g.op("Reshape", y, last)


def _shuffled(bias, computed):
    g = Graph(bias)
    x = stem(g, 32)
    for _ in range(3):
        a, b = g.op("Split", x, g.ints(16, 16), outputs=2, axis=1)
        b = g.relu(g.conv(b, 16, 16, 1))
        b = g.conv(b, 16, 16, groups=16)
        b = g.relu(g.conv(b, 16, 16, 1))
        x = _shuffle(g, g.op("Concat", a, b, axis=1), 32, 2, 16, computed)
    g.head(g.relu(g.conv(x, 32, 32, 1)), 32)
    return g.model()


@case(least=2.8)
def shuffle_with_constant_shapes(bias):
    return _shuffled(bias, False)


@case(least=2.8)
def shuffle_with_computed_shapes(bias):
    return _shuffled(bias, True)


def _shuffle_v1(bias, channels, hidden, groups):
    g = Graph(bias)
    x = stem(g, channels)
    for _ in range(2):
        y = g.relu(g.conv(x, channels, hidden, 1, groups))
        y = _shuffle(g, y, hidden, groups, 16)
        y = g.conv(y, hidden, hidden, groups=hidden)
        y = g.conv(y, hidden, channels, 1, groups)
        x = g.relu(g.op("Add", x, y))
    pooled = g.op("AveragePool", x, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2])
    y = g.relu(g.conv(x, channels, hidden, 1, groups))
    y = g.conv(_shuffle(g, y, hidden, groups, 16), hidden, hidden, groups=hidden, strides=[2, 2])
    y = g.conv(y, hidden, channels, 1, groups)
    x = g.relu(g.op("Concat", pooled, y, axis=1))
    g.head(g.conv(x, 2 * channels, 24, 1), 24)
    return g.model()


@case(least=1.8)
def shuffle_v1_between_grouped_convolutions(bias):
    return _shuffle_v1(bias, 32, 16, 4)


@case(least=1.8)
def shuffle_v1_whose_groups_do_not_divide(bias):
    return _shuffle_v1(bias, 24, 18, 3)


# 7 and 8: from images to rows


def _flat(g, x, channels, size, how):
    inputs = channels * size * size
    if how == "nhwc":
        x = g.op("Transpose", x, perm=[0, 2, 3, 1])
        how = "reshape"
    if how == "flatten":
        return g.op("Flatten", x), inputs
    if how == "computed":
        batch = g.op("Slice", g.op("Shape", x), g.ints(0), g.ints(1), g.ints(0))
        return g.op("Reshape", x, g.op("Concat", batch, g.ints(-1), axis=0)), inputs
    return g.op("Reshape", x, g.ints(0, -1)), inputs


def _flattened(bias, how, layer):
    g = Graph(bias)
    x = g.op("MaxPool", stem(g, 12, 8), kernel_shape=[2, 2], strides=[2, 2])
    x, inputs = _flat(g, x, 12, 4, how)
    if layer == "matmul":
        y = g.op("Add", g.op("MatMul", x, g.weight(inputs, 20)), g.vector(20))
    else:
        y = g.linear(x, inputs, 20, layer == "transposed")
    g.out(g.linear(g.relu(y), 20, 5), ["N", 5])
    return g.model()


@case(least=1.5)
def flatten_before_gemm(bias):
    return _flattened(bias, "flatten", "transposed")


@case(least=1.5)
def flatten_before_plain_gemm(bias):
    return _flattened(bias, "flatten", "plain")


@case(least=1.5)
def reshape_before_matmul(bias):
    return _flattened(bias, "reshape", "matmul")


@case(least=1.5)
def computed_reshape_before_gemm(bias):
    return _flattened(bias, "computed", "transposed")


@case(least=1.5)
def channels_last_before_flatten(bias):
    return _flattened(bias, "nhwc", "matmul")


def _pooled(bias, how):
    g = Graph(bias, 18 if how == "reduce_input" else 17)
    x = g.relu(g.conv(stem(g), 16, 16))
    if how == "reduce_input":
        y = g.op("Reshape", g.op("ReduceMean", x, g.ints(-1, -2)), g.ints(-1, 16))
    elif how == "reduce_kept":
        y = g.op("Flatten", g.op("ReduceMean", x, axes=[2, 3], keepdims=1))
    elif how == "reduce":
        y = g.op("ReduceMean", x, axes=[-1, 2], keepdims=0)
    elif how == "squeeze":
        y = g.op("Squeeze", g.op("GlobalAveragePool", x), g.ints(2, 3))
    else:
        y = g.op("Reshape", g.op("GlobalMaxPool", x), g.ints(0, 16))
    g.out(g.linear(y, 16, 5), ["N", 5])
    return g.model()


for _how in ("reduce_input", "reduce_kept", "reduce", "squeeze", "reshape"):
    CASES[f"pooled_by_{_how}"] = (lambda bias, how=_how: _pooled(bias, how), {"exact": True, "least": 2.5, "keeps": []})


# 9: squeeze and excite


def _excited(bias, gate, layers, before):
    g = Graph(bias)
    x = stem(g, 24)

    def excite(x, channels):
        y = g.op("GlobalAveragePool", x)
        if layers == "gemm":
            y = g.op("Reshape", y, g.ints(-1, channels))
            y = g.linear(g.relu(g.linear(y, channels, 8)), 8, channels)
            y = g.op(gate, g.op("Unsqueeze", g.op("Unsqueeze", y, g.ints(2)), g.ints(3)))
        else:
            y = g.op(gate, g.conv(g.relu(g.conv(y, channels, 8, 1)), 8, channels, 1))
        return g.op("Mul", x, y)

    y = g.relu(g.conv(x, 24, 48, 1))
    y = excite(y, 48) if before else y
    y = g.relu(g.conv(y, 48, 48, groups=48))
    y = y if before else excite(y, 48)
    x = g.op("Add", x, g.conv(y, 48, 24, 1))
    g.head(g.relu(g.conv(x, 24, 16, 1)), 16)
    return g.model()


@case(least=2.5)
def excite_after_depthwise(bias):
    return _excited(bias, "Sigmoid", "conv", False)


@case(least=2.5)
def excite_before_depthwise(bias):
    return _excited(bias, "HardSigmoid", "conv", True)


@case(least=2.5)
def excite_with_linear_layers(bias):
    return _excited(bias, "Sigmoid", "gemm", False)


# 10: sums and products


@case(least=3.0)
def residual_spine_over_three_blocks(bias):
    g = Graph(bias)
    x = stem(g)
    for _ in range(3):
        x = g.relu(g.op("Add", x, g.conv(g.relu(g.conv(x, 16, 16)), 16, 16)))
    g.head(x, 16)
    return g.model()


@case(least=1.8)
def sum_of_a_grouped_and_a_plain_convolution(bias):
    g = Graph(bias)
    x = stem(g, 32)
    y = g.op("Add", g.conv(x, 32, 32, groups=4), g.conv(x, 32, 32, 1))
    g.head(g.relu(g.conv(y, 32, 16)), 16)
    return g.model()


@case(least=1.2)
def sum_of_two_group_counts(bias):
    g = Graph(bias)
    x = stem(g, 24)
    y = g.op("Add", g.conv(x, 24, 24, groups=2), g.conv(x, 24, 24, groups=3))
    g.head(g.relu(g.conv(y, 24, 16)), 16)
    return g.model()


@case(least=2.5)
def sum_of_three(bias):
    g = Graph(bias)
    x = stem(g)
    y = g.op("Sum", x, g.conv(x, 16, 16), g.conv(x, 16, 16, 1))
    y = g.op("Max", y, g.conv(x, 16, 16, 1))
    g.head(g.relu(g.conv(y, 16, 16)), 16)
    return g.model()


@case(least=2.5)
def constants_per_channel(bias):
    g = Graph(bias)
    x = g.conv(g.input(), 3, 16, bias=False)
    x = g.op("Add", x, g.const(g.rng.standard_normal((16, 1, 1)).astype(np.float32)))
    x = g.op("Mul", x, g.const(g.rng.standard_normal((1, 16, 1, 1)).astype(np.float32)))
    x = g.op("Sub", g.const(np.float32(1.5)), g.op("Mul", x, g.const(np.array([0.5], np.float32))))
    x = g.op("Mul", x, g.const(g.rng.standard_normal((1, 16, 16, 16)).astype(np.float32)))
    g.head(g.relu(g.conv(x, 16, 16)), 16)
    return g.model()


# 11: grouped and depthwise convolutions


@case(least=2.5)
def grouped_by_two(bias):
    g = Graph(bias)
    g.head(g.relu(g.conv(g.relu(g.conv(stem(g), 16, 24, groups=2)), 24, 16)), 16)
    return g.model()


@case(least=2.5)
def grouped_by_thirty_two(bias):
    g = Graph(bias)
    x = stem(g, 64)
    y = g.relu(g.conv(x, 64, 128, 1))
    y = g.relu(g.conv(y, 128, 128, groups=32))
    g.head(g.relu(g.op("Add", x, g.conv(y, 128, 64, 1))), 64)
    return g.model()


@case(least=2.0)
def depthwise_with_multiplier(bias):
    g = Graph(bias)
    x = g.relu(g.conv(stem(g), 16, 32, groups=16))
    g.head(g.relu(g.conv(x, 32, 16, 1)), 16)
    return g.model()


@case(least=1.5)
def one_output_channel_is_not_depthwise(bias):
    g = Graph(bias)
    x = g.relu(g.conv(stem(g), 16, 12))
    attention = g.op("Sigmoid", g.conv(x, 12, 1, 1))
    g.head(g.relu(g.conv(g.op("Mul", x, attention), 12, 16)), 16)
    return g.model()


@case(least=2.0)
def grey_images(bias):
    g = Graph(bias)
    x = g.relu(g.conv(g.input(1), 1, 16))
    g.head(g.relu(g.conv(x, 16, 16)), 16)
    return g.model()


# 12: shared and hidden weights


@case(least=2.0)
def heads_that_share_a_weight(bias):
    g = Graph(bias)
    x = stem(g)
    y = g.relu(g.conv(x, 16, 16, strides=[2, 2]))
    first, second = g.weight(16, 16, 3, 3), g.weight(8, 16, 1, 1)
    for level in (x, y):
        z = g.relu(g.conv(level, 16, 16, weight=first))
        z = g.conv(z, 16, 8, 1, weight=second)
        size = 16 if level == x else 8
        g.out(z, ["N", 8, size, size])
    return g.model()


@case(least=2.5)
def one_constant_for_many(bias):
    g = Graph(bias)
    shared = g.const(g.rng.standard_normal(16).astype(np.float32))
    x = g.op("Conv", g.input(), g.weight(16, 3, 3, 3), shared, pads=[1] * 4)
    again = g.op("Identity", shared)
    x = g.op("Conv", g.relu(x), g.weight(16, 16, 3, 3), again, pads=[1] * 4)
    other = [g.const(g.rng.uniform(0.5, 1.5, 16).astype(np.float32)) for _ in range(2)]
    x = g.op("BatchNormalization", x, other[0], shared, g.vector(16), other[1])
    g.head(g.relu(g.conv(x, 16, 16)), 16)
    return g.model()


@case(least=2.5)
def weights_in_constant_nodes(bias):
    model = residual_spine_over_three_blocks(bias)
    nodes = [helper.make_node("Constant", [], [t.name], value=t) for t in model.graph.initializer]
    del model.graph.initializer[:]
    body = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes + body)
    return model


@case(least=2.0)
def weights_behind_nodes(bias):
    g = Graph(bias)
    x = stem(g)
    flipped = g.op("Transpose", g.weight(16, 16, 3, 3), perm=[1, 0, 2, 3])
    x = g.relu(g.op("Conv", x, flipped, pads=[1] * 4))
    flat = g.op("Reshape", g.weight(12, 16), g.ints(12, 16, 1, 1))
    x = g.op("Conv", x, flat)
    x = g.op("Add", x, g.op("Reshape", g.vector(12), g.ints(1, -1, 1, 1)))
    quantized = g.const(g.rng.integers(-127, 127, (16, 12, 3, 3)).astype(np.int8))
    scale, zero = g.const(g.rng.uniform(0.001, 0.01, 16).astype(np.float32)), g.const(np.zeros(16, np.int8))
    x = g.relu(g.op("Conv", g.relu(x), g.op("DequantizeLinear", quantized, scale, zero, axis=0), pads=[1] * 4))
    g.head(x, 16)
    return g.model()


@case(least=2.5)
def initializers_that_are_inputs(bias):
    g = Graph(bias, 9, 3)
    x = stem(g)
    x = g.relu(g.bn(g.conv(x, 16, 16), 16))
    g.head(x, 16)
    return g.model(inputs_too=True)


# 13: batch normalisation in every place


@case(least=2.5)
def batch_norm_everywhere(bias):
    g = Graph(bias)
    x = g.conv(g.input(), 3, 16)
    for _ in range(2):
        y = g.conv(g.relu(g.bn(x, 16, epsilon=1e-3)), 16, 16)
        y = g.conv(g.relu(g.bn(y, 16)), 16, 16)
        x = g.op("Add", x, y)
    x = g.bn(x, 16)
    x = g.bn(g.op("Pad", x, g.ints(0, 0, 1, 1, 0, 0, 1, 1)), 16)
    y = g.op("ConvTranspose", x, g.weight(16, 12, 2, 2), strides=[2, 2])
    y = g.relu(g.bn(y, 12))
    y = g.op("Flatten", g.op("GlobalAveragePool", y))
    y = g.relu(g.bn(g.linear(y, 12, 20), 20))
    g.out(g.linear(y, 20, 5), ["N", 5])
    return g.model()


@case(least=2.0)
def convolution_with_two_readers(bias):
    g = Graph(bias)
    x = g.conv(stem(g), 16, 16)
    y = g.op("Add", g.relu(g.bn(x, 16)), g.op("Sigmoid", x))
    g.head(g.relu(g.conv(y, 16, 16)), 16)
    return g.model()


# 14: transposed convolutions


@case(least=2.5)
def transposed_convolutions(bias):
    g = Graph(bias)
    x = stem(g, 16, 8)
    x = g.relu(g.op("ConvTranspose", x, g.weight(16, 24, 3, 3), g.vector(24), strides=[2, 2], pads=[1] * 4, output_padding=[1, 1]))
    x = g.relu(g.op("ConvTranspose", x, g.weight(24, 8, 2, 2), g.vector(16), group=2, strides=[2, 2]))
    x = g.op("ConvTranspose", x, g.weight(16, 1, 4, 4), g.vector(16), group=16, strides=[2, 2], pads=[1] * 4)
    g.head(g.relu(g.conv(x, 16, 16, 1)), 16)
    return g.model()


# 15: activations, and what works across channels


@case(least=2.5)
def activations(bias):
    g = Graph(bias, 20)
    x = g.conv(g.input(), 3, 16)
    x = g.op("PRelu", x, g.const(g.rng.uniform(0.1, 0.4, (16, 1, 1)).astype(np.float32)))
    x = g.op("PRelu", g.conv(x, 16, 16), g.const(np.full(1, 0.2, np.float32)))
    for kind in ("LeakyRelu", "Elu", "HardSwish", "Gelu", "Softplus", "Tanh"):
        x = g.op(kind, g.conv(x, 16, 16, 1))
    x = g.op("Clip", g.conv(x, 16, 16), "", g.const(np.float32(6)))
    g.head(x, 16)
    return g.model()


@case(keeps=["fixed"])
def softmax_over_channels(bias):
    g = Graph(bias)
    x = g.conv(stem(g), 16, 12, weight=g.weight(12, 16, 3, 3, name="fixed"))
    g.head(g.conv(g.op("Softmax", x, axis=1), 12, 16), 16)
    return g.model()


@case(keeps=["fixed"])
def maximum_over_channels(bias):
    g = Graph(bias)
    x = g.conv(stem(g), 16, 12, weight=g.weight(12, 16, 3, 3, name="fixed"))
    top = g.op("ReduceMax", x, axes=[1], keepdims=1)
    g.head(g.relu(g.conv(g.op("Concat", g.op("Sub", x, top), top, axis=1), 13, 16)), 16)
    return g.model()


@case(keeps=["fixed"])
def response_normalisation(bias):
    g = Graph(bias)
    x = g.relu(g.conv(g.input(), 3, 16, weight=g.weight(16, 3, 3, 3, name="fixed")))
    x = g.op("LRN", x, size=5)
    g.head(g.relu(g.conv(g.relu(g.conv(x, 16, 16)), 16, 16)), 16)
    return g.model()


# 16: normalisations


@case(least=2.5)
def instance_norm(bias):
    g = Graph(bias)
    scale = g.const(g.rng.uniform(0.5, 1.5, 16).astype(np.float32))
    x = g.op("InstanceNormalization", g.conv(stem(g), 16, 16), scale, g.vector(16))
    g.head(g.relu(g.conv(x, 16, 16)), 16)
    return g.model()


def _group_norm(bias, opset, channels, parameters):
    g = Graph(bias, opset, 10)
    scale = g.const(g.rng.uniform(0.5, 1.5, parameters).astype(np.float32))
    x = g.op("GroupNormalization", g.conv(stem(g), 16, channels), scale, g.vector(parameters), num_groups=4)
    g.head(g.relu(g.conv(x, channels, 16)), 16)
    return g.model()


@case(least=2.5, exact=False)
def group_norm_with_parameters_per_channel(bias):
    return _group_norm(bias, 21, 16, 16)


@case(least=2.0, exact=False)
def group_norm_spelled_out(bias):
    g = Graph(bias)
    x = g.conv(stem(g), 16, 16)
    y = g.op("Reshape", x, g.ints(0, 4, -1))
    y = g.op("InstanceNormalization", y, g.const(np.ones(4, np.float32)), g.const(np.zeros(4, np.float32)))
    y = g.op("Reshape", y, g.op("Shape", x))
    y = g.op("Mul", y, g.const(g.rng.standard_normal((16, 1, 1)).astype(np.float32)))
    g.head(g.relu(g.conv(y, 16, 16)), 16)
    return g.model()


@case(least=2.0, exact=False)
def layer_norm_over_channels(bias):
    g = Graph(bias)
    x = g.op("Transpose", stem(g), perm=[0, 2, 3, 1])
    x = g.op("LayerNormalization", x, g.const(g.rng.uniform(0.5, 1.5, 16).astype(np.float32)), g.vector(16), axis=-1)
    x = g.op("Transpose", x, perm=[0, 3, 1, 2])
    g.head(g.relu(g.conv(x, 16, 16)), 16)
    return g.model()


@case(least=1.2, exact=False)
def layer_norm_spelled_out(bias):
    g = Graph(bias)
    x = g.op("Transpose", stem(g), perm=[0, 2, 3, 1])
    d = g.op("Sub", x, g.op("ReduceMean", x, axes=[-1]))
    v = g.op("ReduceMean", g.op("Pow", d, g.const(np.float32(2))), axes=[-1])
    y = g.op("Div", d, g.op("Sqrt", g.op("Add", v, g.const(np.float32(1e-5)))))
    y = g.op("Add", g.op("Mul", y, g.const(g.rng.standard_normal(16).astype(np.float32))), g.vector(16))
    y = g.op("Transpose", y, perm=[0, 3, 1, 2])
    g.head(g.relu(g.conv(g.relu(g.conv(y, 16, 16)), 16, 16)), 16)
    return g.model()


# 17: pixels to channels and back


def _pixels(bias, mode):
    g = Graph(bias)
    x = stem(g, 12, 8)
    x = g.conv(x, 12, 32)
    if mode == "spelled":
        x = g.op("Reshape", x, g.ints(0, 8, 2, 2, 8, 8))
        x = g.op("Reshape", g.op("Transpose", x, perm=[0, 1, 4, 2, 5, 3]), g.ints(0, 8, 16, 16))
    else:
        x = g.op("DepthToSpace", x, blocksize=2, mode=mode)
    x = g.relu(g.conv(x, 8, 8))
    g.head(g.relu(g.conv(g.op("SpaceToDepth", x, blocksize=2), 32, 16)), 16)
    return g.model()


for _mode in ("DCR", "CRD", "spelled"):
    CASES[f"pixel_shuffle_{_mode}"] = (lambda bias, mode=_mode: _pixels(bias, mode), {"exact": True, "least": 2.5, "keeps": []})


# 18: layer scale


@case(least=2.0)
def layer_scale(bias):
    g = Graph(bias)
    x = stem(g)
    y = g.op("Mul", g.conv(g.relu(g.conv(x, 16, 32)), 32, 16), g.const(g.rng.standard_normal((16, 1, 1)).astype(np.float32)))
    g.head(g.relu(g.op("Add", x, y)), 16)
    return g.model()


@case(least=2.5, exact=False)
def convnext_block(bias):
    g = Graph(bias, 20, 9)
    x = g.conv(g.input(3), 3, 24, 4, strides=[4, 4], pads=[0] * 4)
    for _ in range(2):
        y = g.op("Transpose", g.conv(x, 24, 24, 7, groups=24), perm=[0, 2, 3, 1])
        y = g.op("LayerNormalization", y, g.const(g.rng.uniform(0.5, 1.5, 24).astype(np.float32)), g.vector(24))
        y = g.op("Gelu", g.op("Add", g.op("MatMul", y, g.weight(24, 96)), g.vector(96)))
        y = g.op("Add", g.op("MatMul", y, g.weight(96, 24)), g.vector(24))
        y = g.op("Mul", y, g.const(g.rng.standard_normal(24).astype(np.float32)))
        x = g.op("Add", x, g.op("Transpose", y, perm=[0, 3, 1, 2]))
    g.head(x, 24)
    return g.model()


# 19: inputs, outputs and dead ends


@case(least=1.2, keeps=["fixed"])
def an_output_that_is_read_as_well(bias):
    g = Graph(bias)
    x = g.relu(g.conv(g.relu(g.conv(g.input(), 3, 16)), 16, 12, weight=g.weight(12, 16, 3, 3, name="w")))
    y = g.conv(x, 12, 12, weight=g.weight(12, 12, 3, 3, name="fixed"))
    g.out(y, ["N", 12, 16, 16])
    g.head(g.relu(g.conv(g.relu(g.conv(y, 12, 16)), 16, 16)), 16)
    model = g.model()
    return model


@case(least=1.5)
def four_outputs(bias):
    g = Graph(bias)
    x = g.relu(g.conv(stem(g), 16, 16))
    for channels in (1, 2, 2, 10):
        g.out(g.conv(x, 16, channels, 1), ["N", channels, 16, 16])
    return g.model()


@case(least=2.0)
def two_inputs(bias):
    g = Graph(bias)
    a, b, c = g.input(3), g.input(5), g.input(16)
    x = g.relu(g.conv(g.op("Concat", a, b, axis=1), 8, 16))
    x = g.op("Add", g.conv(x, 16, 16, weight=g.weight(16, 16, 3, 3)), c)
    x = g.relu(g.conv(g.relu(g.conv(x, 16, 32)), 32, 32))
    g.head(x, 32)
    return g.model()


@case(least=2.0)
def a_dead_branch(bias):
    g = Graph(bias)
    x = stem(g)
    g.relu(g.conv(x, 16, 8))
    g.head(g.relu(g.conv(x, 16, 16)), 16)
    return g.model()


@case(least=2.0)
def resized_with_inputs_left_out(bias):
    g = Graph(bias)
    x = g.conv(stem(g), 16, 16, bias=False)
    y = g.op("Resize", g.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), "", g.const(np.array([1, 1, 2, 2], np.float32)))
    z = g.op("Resize", g.op("MaxPool", x, kernel_shape=[4, 4], strides=[4, 4]), "", "", g.op("Concat", g.op("Slice", g.op("Shape", x), g.ints(0), g.ints(2)), g.ints(16, 16), axis=0), mode="nearest")
    g.head(g.relu(g.conv(g.op("Concat", x, y, z, axis=1), 48, 16)), 16)
    return g.model()


# 20: what is not crossed


@case(least=1.2, keeps=["fixed"])
def recurrent_layer_behind_a_convolution(bias):
    g = Graph(bias)
    x = g.relu(g.conv(g.relu(g.conv(g.input(3, 8), 3, 16)), 16, 16))
    x = g.conv(x, 16, 12, weight=g.weight(12, 16, 3, 3, name="fixed"))
    x = g.op("Transpose", g.op("Squeeze", g.op("ReduceMean", x, axes=[2], keepdims=1), g.ints(2)), perm=[2, 0, 1])
    y = g.op("LSTM", x, g.weight(1, 24, 12), g.weight(1, 24, 6), hidden_size=6)
    y = g.op("Squeeze", y, g.ints(1))
    g.out(g.op("MatMul", y, g.weight(6, 5)), [8, "N", 5])
    return g.model()


@case(least=1.1, keeps=["fixed"])
def branches_of_an_if(bias):
    g = Graph(bias)
    x = g.relu(g.conv(stem(g), 16, 16))
    y = g.conv(x, 16, 12, weight=g.weight(12, 16, 3, 3, name="fixed"))
    scale = g.const(g.rng.standard_normal((12, 1, 1)).astype(np.float32), "captured")
    branch = lambda name, kind: helper.make_graph(
        [helper.make_node(kind, [y, scale], [name])], name, [], [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 12, 16, 16])]
    )
    condition = g.op("Greater", g.op("ReduceMean", x, keepdims=0), g.const(np.float32(0.3)))
    z = g.op("If", condition, then_branch=branch("then", "Add"), else_branch=branch("else", "Mul"))
    z = g.op("Mul", g.op("Sigmoid", g.conv(z, 12, 12, 1)), g.op("Add", scale, g.const(np.float32(0))))
    g.head(g.relu(g.conv(g.relu(g.conv(z, 12, 16)), 16, 16)), 16)
    return g.model()


# 21: attributes and ways to store


@case(least=2.5)
def pads_and_pools(bias):
    g = Graph(bias)
    x = g.relu(g.conv(g.input(3, 17), 3, 16, strides=[2, 2], auto_pad="SAME_UPPER"))
    x = g.relu(g.conv(x, 16, 16, auto_pad="SAME_LOWER"))
    x = g.relu(g.conv(x, 16, 16, pads=[2, 0, 0, 2]))
    x = g.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1)
    x = g.op("AveragePool", x, kernel_shape=[3, 3], count_include_pad=1, pads=[1] * 4)
    x = g.relu(g.conv(x, 16, 16, pads=[2] * 4, dilations=[2, 2]))
    x = g.relu(g.conv(x, 16, 16, auto_pad="VALID"))
    g.head(x, 16)
    return g.model()


@case(least=2.0)
def one_dimension(bias):
    g = Graph(bias)
    x = g.input(shape=["N", 4, "L"])
    x = g.relu(g.op("Conv", x, g.weight(16, 4, 3), g.vector(16), pads=[1, 1]))
    x = g.relu(g.op("Conv", x, g.weight(16, 16, 3), g.vector(16), pads=[1, 1]))
    x = g.op("ReduceMean", x, axes=[2], keepdims=0)
    g.out(g.linear(x, 16, 5), ["N", 5])
    return g.model()


@case(least=2.0)
def stored_in_typed_fields(bias):
    model = residual_spine_over_three_blocks(bias)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        tensor.ClearField("raw_data")
        field = tensor.float_data if values.dtype == np.float32 else tensor.int64_data
        field.extend(values.ravel().tolist())
    return model


@case(least=2.5)
def free_sizes(bias):
    g = Graph(bias)
    x = g.input(shape=["N", 3, "height", "width"])
    x = g.relu(g.conv(x, 3, 16, strides=[2, 2]))
    x = g.op("Add", x, g.conv(g.relu(g.conv(x, 16, 16)), 16, 16))
    g.head(g.relu(g.conv(x, 16, 16)), 16)
    model = g.model()
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    return model


# 22: small layers


@case(least=1.2, keeps=["few"])
def layers_of_few_channels(bias):
    g = Graph(bias)
    x = g.relu(g.conv(g.input(), 3, 3, weight=g.weight(3, 3, 3, 3, name="few")))
    x = g.relu(g.conv(g.relu(g.conv(x, 3, 16)), 16, 16))
    g.head(x, 16)
    return g.model()


@case(least=1.5)
def padded_shortcut(bias):
    g = Graph(bias)
    x = stem(g)
    y = g.conv(g.relu(g.conv(x, 16, 32, strides=[2, 2])), 32, 32)
    short = g.op("AveragePool", x, kernel_shape=[1, 1], strides=[2, 2])
    short = g.op("Pad", short, g.ints(0, 8, 0, 0, 0, 8, 0, 0))
    g.head(g.relu(g.conv(g.op("Add", y, short), 32, 16)), 16)
    return g.model()


@case(least=1.5)
def attention(bias):
    g = Graph(bias)
    x = g.op("Reshape", g.conv(stem(g, 16, 4), 16, 24), g.ints(0, 24, 16))
    x = g.op("Transpose", x, perm=[0, 2, 1])
    v = g.op("MatMul", x, g.weight(24, 32))
    v = g.op("Transpose", g.op("Reshape", v, g.ints(0, 16, 4, 8)), perm=[0, 2, 1, 3])
    a = g.op("Softmax", g.const(g.rng.standard_normal((1, 4, 16, 16)).astype(np.float32)), axis=-1)
    y = g.op("Transpose", g.op("MatMul", a, v), perm=[0, 2, 1, 3])
    y = g.op("MatMul", g.op("Reshape", y, g.ints(0, 16, 32)), g.weight(32, 24))
    y = g.op("ReduceMean", g.op("Add", x, y), axes=[1], keepdims=0)
    g.out(g.linear(y, 24, 5), ["N", 5])
    return g.model()


@case(least=1.1, keeps=["query", "key"])
def attention_between_activations(bias):
    g = Graph(bias)
    x = g.op("Reshape", g.conv(stem(g, 16, 4), 16, 24), g.ints(0, 24, 16))
    x = g.op("Transpose", x, perm=[0, 2, 1])

    def heads(name):
        y = g.op("Add", g.op("MatMul", x, g.weight(24, 32, name=name)), g.vector(32))
        return g.op("Transpose", g.op("Reshape", y, g.ints(0, 16, 4, 8)), perm=[0, 2, 1, 3])

    q, k, v = heads("query"), heads("key"), heads("value")
    a = g.op("MatMul", q, g.op("Transpose", k, perm=[0, 1, 3, 2]))
    a = g.op("Softmax", g.op("Mul", a, g.const(np.float32(0.35))), axis=-1)
    y = g.op("Transpose", g.op("MatMul", a, v), perm=[0, 2, 1, 3])
    y = g.op("MatMul", g.op("Reshape", y, g.ints(0, 16, 32)), g.weight(32, 24))
    y = g.op("ReduceMean", g.op("Add", x, y), axes=[1], keepdims=0)
    g.out(g.linear(y, 24, 5), ["N", 5])
    return g.model()
