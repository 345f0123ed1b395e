"""Small ONNX models of opsets 9 to 12 with the operators that changed until 13, for comparing what is raised with the
original.

make_old_onnx.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def ints(name, *values):
    return numpy_helper.from_array(np.array(values, np.int64), name)


def floats(name, *values):
    return numpy_helper.from_array(np.array(values, np.float32), name)


def branch(name, axes):
    """A branch that reads `x` of the graph outside and has an axis as an attribute."""
    node = helper.make_node("ReduceSum", ["x"], [name], axes=axes, keepdims=0)
    return helper.make_graph([node], name, [], [helper.make_tensor_value_info(name, FLOAT, None)])


# Name: opset, nodes, constants, outputs. The input is `x` of shape (N, 4, 6, 6).
CASES = {
    "clip": (9, [("Clip", ["x"], ["y"], {"min": -0.5, "max": 0.5})], [], ["y"]),
    "clip_above": (10, [("Clip", ["x"], ["y"], {"max": 0.25})], [], ["y"]),
    "pad": (9, [("Pad", ["x"], ["y"], {"pads": [0, 0, 1, 2, 0, 0, 0, 1], "value": 0.5})], [], ["y"]),
    "pad_reflect": (10, [("Pad", ["x"], ["y"], {"pads": [0, 0, 1, 1, 0, 0, 1, 1], "mode": "reflect"})], [], ["y"]),
    "slice": (9, [("Slice", ["x"], ["y"], {"starts": [1, -3], "ends": [3, 9], "axes": [1, 2]})], [], ["y"]),
    "split": (11, [("Split", ["x"], ["y", "z"], {"axis": 1, "split": [1, 3]})], [], ["y", "z"]),
    "halves": (12, [("Split", ["x"], ["y", "z"], {"axis": 2})], [], ["y", "z"]),
    "squeeze": (
        9,
        [("GlobalAveragePool", ["x"], ["g"], {}), ("Squeeze", ["g"], ["s"], {"axes": [2, 3]}),
         ("Unsqueeze", ["s"], ["y"], {"axes": [0, 3]})],
        [],
        ["y"],
    ),
    "reduce_sum": (12, [("ReduceSum", ["x"], ["y"], {"axes": [-1, 1], "keepdims": 0})], [], ["y"]),
    "top_k": (9, [("TopK", ["x"], ["y", "i"], {"k": 2, "axis": 1})], [], ["y"]),
    "dropout": (9, [("Dropout", ["x"], ["d"], {"ratio": 0.3}), ("Relu", ["d"], ["y"], {})], [], ["y"]),
    "upsample": (
        9,
        [("Upsample", ["x", "scales"], ["y"], {"mode": "nearest"})],
        [floats("scales", 1, 1, 2, 3)],
        ["y"],
    ),
    "upsample_linear": (
        9,
        [("Upsample", ["x", "scales"], ["y"], {"mode": "linear"})],
        [floats("scales", 1, 1, 2, 2)],
        ["y"],
    ),
    "resize": (
        10,
        [("Resize", ["x", "scales"], ["y"], {"mode": "nearest"})],
        [floats("scales", 1, 1, 1.5, 0.5)],
        ["y"],
    ),
    "softmax": (9, [("Softmax", ["x"], ["y"], {})], [], ["y"]),
    "softmax_axis": (11, [("Softmax", ["x"], ["y"], {"axis": 2})], [], ["y"]),
    "softmax_last": (11, [("Softmax", ["x"], ["y"], {"axis": -1})], [], ["y"]),
    "log_softmax": (12, [("Flatten", ["x"], ["f"], {}), ("LogSoftmax", ["f"], ["y"], {})], [], ["y"]),
    "scatter": (
        9,
        [("Flatten", ["x"], ["f"], {"axis": 0}), ("Scatter", ["f", "at", "new"], ["y"], {"axis": 1})],
        [numpy_helper.from_array(np.array([[1, 3]]), "at"), numpy_helper.from_array(np.ones((1, 2), np.float32), "new")],
        ["y"],
    ),
    "branches": (
        11,
        [("ReduceMax", ["x"], ["m"], {"keepdims": 0}), ("Greater", ["m", "limit"], ["b"], {}),
         ("If", ["b"], ["y"], {"then_branch": branch("t", [1]), "else_branch": branch("e", [2])})],
        [numpy_helper.from_array(np.array(0.5, np.float32), "limit")],
        ["y"],
    ),
}


def main(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, (opset, nodes, constants, outputs) in CASES.items():
        nodes = [helper.make_node(kind, ins, outs, name=f"{kind}_{outs[0]}", **more) for kind, ins, outs, more in nodes]
        graph = helper.make_graph(
            nodes,
            name,
            [helper.make_tensor_value_info("x", FLOAT, ["N", 4, 6, 6])],
            [helper.make_tensor_value_info(output, FLOAT, None) for output in outputs],
            constants,
        )
        sets = [helper.make_opsetid("", opset)]
        model = helper.make_model(graph, opset_imports=sets, ir_version=4 if opset < 11 else 6)
        onnx.save(onnx.shape_inference.infer_shapes(model), folder / f"{name}.onnx")


main(*sys.argv[1:])
