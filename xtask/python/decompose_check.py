"""Decomposed models in onnxruntime: at full rank they compute what they did, at half rank they are what the report says.

Usage: decompose_check.py PROGRAM FOLDER
"""

import json
import pathlib
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

METHODS = ("svd", "tucker", "cp", "spatial")
TOLERANCE = 1e-5


class Graph:
    """A chain of nodes under construction, with random weights."""

    def __init__(self, shape, opset=17, ir=8):
        self.rng = np.random.default_rng(0)
        self.nodes, self.tensors, self.opset, self.ir = [], [], opset, ir
        self.input = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
        self.last = "x"

    def weight(self, *shape):
        name = f"w{len(self.tensors)}"
        scale = np.sqrt(2 / max(1, np.prod(shape[1:])))
        values = (self.rng.standard_normal(shape) * scale).astype(np.float32)
        self.tensors.append(numpy_helper.from_array(values, name))
        return name

    def op(self, kind, *inputs, **attributes):
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.last, *inputs], [name], name=name, **attributes))
        self.last = name
        return self

    def conv(self, *shape, bias=True, **attributes):
        inputs = [self.weight(*shape)] + ([self.weight(shape[0])] if bias else [])
        return self.op("Conv", *inputs, **attributes)

    def model(self, rank):
        output = helper.make_tensor_value_info(self.last, TensorProto.FLOAT, ["N"] + [None] * (rank - 1))
        inputs = [self.input]
        if self.ir < 4:
            inputs += [helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in self.tensors]
        graph = helper.make_graph(self.nodes, "g", inputs, [output], self.tensors)
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=self.ir)
        model.metadata_props.add(key="made_by", value="cases")
        return model


def windows():
    """Stride, dilation and padding of each axis by itself, with and without a bias."""
    g = Graph(["N", 6, 21, 26])
    g.conv(10, 6, 3, 5, strides=[2, 1], pads=[1, 0, 2, 3]).op("Relu")
    g.conv(12, 10, 3, 3, bias=False, dilations=[2, 1], pads=[2, 1, 1, 0]).op("Relu")
    g.conv(9, 12, 1, 1, strides=[2, 2]).op("Relu")
    return g.conv(8, 9, 1, 3, pads=[0, 1, 0, 1]).conv(7, 8, 3, 1, bias=False).model(4)


def same():
    """Padding that the runtime finds, which splits unevenly at even sizes."""
    g = Graph(["N", 6, 18, 15])
    g.conv(10, 6, 4, 3, strides=[2, 2], auto_pad="SAME_UPPER").op("Relu")
    g.conv(10, 10, 4, 4, strides=[1, 2], auto_pad="SAME_LOWER", bias=False).op("Relu")
    return g.conv(6, 10, 3, 3, auto_pad="VALID").model(4)


def sequence():
    """One spatial axis."""
    g = Graph(["N", 6, 40])
    return g.conv(12, 6, 5, strides=[2], pads=[3, 1]).op("Relu").conv(12, 12, 3, dilations=[2]).model(3)


def linear():
    """Linear layers in the spellings of `Gemm`, and `MatMul` over rows."""
    g = Graph(["N", 5, 24])
    g.op("MatMul", g.weight(24, 20)).op("Relu").op("MatMul", g.weight(20, 6)).op("Flatten")
    g.op("Gemm", g.weight(18, 30), g.weight(18), transB=1, alpha=0.5, beta=2.0).op("Relu")
    return g.op("Gemm", g.weight(18, 16)).model(2)


def old():
    """Opset 9 and version 3 of the format, where constants are inputs and `Gemm` needs a third one."""
    g = Graph(["N", 24], opset=9, ir=3)
    g.op("Gemm", g.weight(18, 24), g.weight(18), transB=1).op("Relu")
    return g.op("Gemm", g.weight(18, 16), g.weight(16)).model(2)


def groups():
    """What cannot be decomposed, between what can."""
    g = Graph(["N", 8, 10, 10])
    g.conv(16, 8, 3, 3, pads=[1] * 4).conv(16, 1, 3, 3, group=16, pads=[1] * 4)
    g.conv(16, 4, 3, 3, group=4).op("ConvTranspose", g.weight(16, 8, 2, 2), strides=[2, 2])
    return g.conv(12, 8, 3, 3).op("GlobalAveragePool").model(4)


CASES = {case.__name__: case for case in (windows, same, sequence, linear, old, groups)}


def session(path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def difference(original, changed):
    """Largest difference relative to the largest output, over two sizes of the batch."""
    first, second = session(original), session(changed)
    assert [i.name for i in first.get_inputs()] == [i.name for i in second.get_inputs()], "inputs changed"
    assert [o.name for o in first.get_outputs()] == [o.name for o in second.get_outputs()], "outputs changed"
    worst = 0.0
    for batch in (1, 3):
        shape = [batch, *first.get_inputs()[0].shape[1:]]
        x = np.random.default_rng(batch).standard_normal(shape).astype(np.float32)
        a, b = first.run(None, {"x": x})[0], second.run(None, {"x": x})[0]
        assert a.shape == b.shape, f"{a.shape} became {b.shape}"
        worst = max(worst, np.abs(a - b).max() / np.abs(a).max())
    return worst


def macs(path):
    """Multiply-accumulates of layers with weights by shape inference, for a batch of one."""
    model = onnx.load(path)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    values = {v.name: v for v in (*graph.value_info, *graph.input, *graph.output)}
    size = lambda name: [d.dim_value or 1 for d in values[name].type.tensor_type.shape.dim]
    weights = {t.name: list(t.dims) for t in graph.initializer}
    total = 0
    for node in graph.node:
        if node.op_type == "Conv":
            total += int(np.prod(size(node.output[0])) * np.prod(weights[node.input[1]][1:]))
        elif node.op_type == "ConvTranspose":
            total += int(np.prod(size(node.input[0])) * np.prod(weights[node.input[1]][1:]))
        elif node.op_type in ("Gemm", "MatMul"):
            out = size(node.output[0])
            total += int(np.prod(out) * np.prod(weights[node.input[1]]) // out[-1])
    return total


def decompose(program, source, target, method, *options):
    command = [program, "decompose", str(source), "--method", method, "--out", str(target), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    onnx.checker.check_model(str(target), full_check=True)
    assert onnx.load(target).metadata_props[0].value == "cases", "metadata are lost"
    return json.loads(done.stdout)


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    checked = 0
    for name, case in CASES.items():
        source, target = folder / f"{name}.onnx", folder / f"{name}.low.onnx"
        onnx.save(case(), source)
        onnx.checker.check_model(str(source), full_check=True)
        for method in METHODS:
            place = f"{name}, {method}"
            # The rank of CP that is exact is not a share of its full rank.
            if method != "cp":
                decompose(program, source, target, method, "--rank", "1", "--allow-growth")
                worst = difference(source, target)
                assert worst < TOLERANCE, f"{place}: full rank differs by {worst}"
            report = decompose(program, source, target, method, "--rank", "0.3")
            difference(source, target)
            before, after = report["macs"]["before"], report["macs"]["after"]
            assert (macs(source), macs(target)) == (before, after), f"{place}: {report['macs']} is not {macs(target)}"
            assert after < before, f"{place}: {report['macs']}"
            checked += 1
    print(f"{checked} decomposed models agree with what is said of them")


if __name__ == "__main__":
    main()
