"""Says whether a pruned ONNX file computes what it should, from the two files alone.

A pruned network is exact when it gives the output of the original in which the weights that read removed channels
are zero. Which channels are gone is found from the weights: every row and column of a pruned weight is
looked up in the original one. Nothing here knows how the pruning was done.
"""

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

# Axis of the weights along which a layer reads.
READS = {"Conv": 1, "ConvTranspose": 0, "Gemm": None, "MatMul": 0}


def constants(model):
    """Every constant of a graph by name, computed ones included."""
    graph = model.graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    opsets = model.opset_import
    for node in graph.node:
        names = [name for name in node.input if name]
        if any(name not in values for name in names) or not node.output or node.op_type.startswith("Random"):
            continue
        if any(attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for attribute in node.attribute):
            continue
        if node.op_type == "DequantizeLinear":
            values[node.output[0]] = dequantized(node, *(values[name] for name in names))
            continue
        inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(values[name].dtype), values[name].shape) for name in dict.fromkeys(names)]
        outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        try:
            graph_of_one = helper.make_graph([node], "one", inputs, outputs)
            evaluator = ReferenceEvaluator(helper.make_model(graph_of_one, opset_imports=opsets, ir_version=min(model.ir_version, 10)))
            results = evaluator.run(None, {name: values[name] for name in names})
        except Exception:
            continue
        values.update({name: result for name, result in zip([name for name in node.output if name], results)})
    return values


def dequantized(node, x, scale, zero=0):
    """What `DequantizeLinear` says, of which the reference evaluator lacks versions."""
    axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
    shape = [-1 if at == axis % x.ndim else 1 for at in range(x.ndim)] if np.ndim(scale) == 1 and np.size(scale) > 1 else []
    along = lambda values: np.asarray(values).reshape(shape) if shape else np.asarray(values).reshape(())
    shift = along(zero).astype(np.int32) if np.size(zero) > 1 or not shape else np.int32(np.asarray(zero).reshape(()))
    return ((x.astype(np.int32) - shift) * along(scale)).astype(np.float32)


def places(small, large, axis):
    """For each position of `small` along `axis` the one of `large` that it was, given that other axes lost
    positions, too: elements are looked up by value, and each position takes the candidate that most of its
    elements agree on, in ascending order."""
    if small.shape[axis] == large.shape[axis]:
        return list(range(large.shape[axis]))
    flat = np.moveaxis(large, axis, 0).reshape(large.shape[axis], -1)
    order = np.argsort(flat, axis=None, kind="stable")
    values = flat.ravel()[order]
    owner = (order // flat.shape[1]).astype(np.int64)
    rows = np.moveaxis(small, axis, 0).reshape(small.shape[axis], -1)
    found, after = [], -1
    for row in rows:
        # A few elements say which position it was; all of them are asked where that leaves a choice.
        for count in (16, len(row)):
            sample = row[:: max(1, len(row) // count)]
            left, right = np.searchsorted(values, sample, "left"), np.searchsorted(values, sample, "right")
            votes = np.zeros(large.shape[axis], np.int64)
            for a, b in zip(left, right):
                votes[owner[a] if b == a + 1 else np.unique(owner[a:b])] += 1
            votes[: after + 1] = 0
            if (votes == len(sample)).sum() == 1:
                break
        if votes.max(initial=0) < len(sample):
            raise AssertionError("a row of the pruned weights is none of the original's")
        after = int(np.argmax(votes == votes.max()))
        found.append(after)
    return found


def zeroed(node, original, pruned):
    """The original weights with zeros where they read what is gone."""
    kind = node.op_type
    groups = next((a.i for a in node.attribute if a.name == "group"), 1)
    reads = READS[kind]
    if kind == "Gemm":
        reads = 1 if any(a.name == "transB" and a.i for a in node.attribute) else 0
    out = original.copy()
    if kind == "Conv" and groups > 1:
        if original.shape[1] == pruned.shape[1]:
            return out
        if original.shape[1] == 1:
            raise AssertionError("a depthwise layer has lost its only input")
        each, left = original.shape[0] // groups, pruned.shape[0] // groups
        assert pruned.shape[0] % groups == 0, "groups have lost different numbers of filters"
        for group in range(groups):
            part = slice(group * each, (group + 1) * each)
            kept = places(pruned[group * left : (group + 1) * left], original[part], 1)
            gone = [at for at in range(original.shape[1]) if at not in set(kept)]
            out[part, gone] = 0
        return out
    if kind == "ConvTranspose" and groups > 1:
        each, left = original.shape[0] // groups, pruned.shape[0] // groups
        if original.shape[0] == pruned.shape[0] or original.shape[1] == 1 or each == 1:
            return out
        for group in range(groups):
            kept = set(places(pruned[group * left : (group + 1) * left], original[group * each : (group + 1) * each], 0))
            gone = [group * each + at for at in range(each) if at not in kept]
            out[gone] = 0
        return out
    kept = set(places(pruned, original, reads))
    gone = [at for at in range(original.shape[reads]) if at not in kept]
    index = [slice(None)] * original.ndim
    index[reads] = gone
    out[tuple(index)] = 0
    return out


def masked(original, pruned):
    """The original model whose layers read zeros where the pruned one reads nothing."""
    before, after = constants(original), constants(pruned)
    twins = {tuple(node.output): node for node in pruned.graph.node}
    out = onnx.ModelProto()
    out.CopyFrom(original)
    out.ir_version = max(out.ir_version, 4)
    changed = 0
    for place, node in enumerate(out.graph.node):
        twin = twins.get(tuple(node.output))
        if twin is None or node.op_type not in READS or len(node.input) < 2:
            continue
        slot = 1
        if node.op_type == "MatMul" and node.input[1] not in before:
            if node.input[0] in before and before[node.input[0]].shape != after[twin.input[0]].shape:
                weight, small = before[node.input[0]], after[twin.input[0]]
                kept = set(places(small, weight, weight.ndim - 1))
                new = weight.copy()
                new[..., [at for at in range(weight.shape[-1]) if at not in kept]] = 0
                slot = 0
            else:
                continue
        elif node.input[1] not in before:
            continue
        else:
            new = zeroed(node, before[node.input[1]], after[twin.input[1]])
        if not np.array_equal(new, before[node.input[slot]]):
            name = f"masked_{place}"
            out.graph.initializer.append(numpy_helper.from_array(new, name))
            node.input[slot] = name
            changed += 1
    return out, changed


def inputs_of(model, batch, seed, sizes):
    """Random values for the inputs of a graph."""
    rng = np.random.default_rng(seed)
    held = {tensor.name for tensor in model.graph.initializer}
    feed = {}
    for value in model.graph.input:
        if value.name in held:
            continue
        kind = value.type.tensor_type
        shape = []
        for axis, dim in enumerate(kind.shape.dim):
            fixed = dim.HasField("dim_value") and dim.dim_value > 0
            shape.append(dim.dim_value if fixed else batch if axis == 0 else sizes)
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
        data = rng.standard_normal(shape)
        feed[value.name] = data.astype(dtype) if np.issubdtype(dtype, np.floating) else np.ones(shape, dtype)
    return feed


def run(model, feed):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return ort.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"]).run(None, feed)


def difference(a, b):
    worst = 0.0
    for x, y in zip(a, b, strict=True):
        assert x.shape == y.shape, f"outputs of shapes {x.shape} and {y.shape}"
        if not np.issubdtype(x.dtype, np.floating):
            continue
        assert np.isfinite(y).all(), "the output is not finite"
        worst = max(worst, float(np.abs(x - y).max() / max(np.abs(x).max(), 1e-12))) if x.size else worst
    return worst


def signature(values):
    return [(value.name, value.type.SerializeToString()) for value in values]


def check(original, pruned, sizes=32, exact=True, batches=(1, 3)):
    """The largest relative difference between the pruned model and the masked original (O1), after all that
    must hold of the file itself (O4)."""
    onnx.checker.check_model(pruned, full_check=True)
    held = {tensor.name for tensor in original.graph.initializer}
    assert [v.name for v in original.graph.input] == [v.name for v in pruned.graph.input], "inputs have changed"
    free = lambda model: signature(v for v in model.graph.input if v.name not in held)
    assert free(original) == free(pruned), "types of inputs have changed"
    assert signature(original.graph.output) == signature(pruned.graph.output), "outputs have changed"
    assert list(original.metadata_props) == list(pruned.metadata_props), "metadata have changed"
    reference, changed = masked(original, pruned) if exact else (None, 0)
    worst = 0.0
    for batch in batches:
        feed = inputs_of(original, batch, batch, sizes)
        out = run(pruned, feed)
        if exact:
            worst = max(worst, difference(run(reference, feed), out))
    return worst, changed


def macs(model, sizes=32):
    """Multiply-accumulates of convolutions and matrix products for one input, by the shapes that onnx infers."""
    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    held = {tensor.name for tensor in model.graph.initializer}
    names = {}
    for value in fixed.graph.input:
        if value.name not in held:
            for axis, dim in enumerate(value.type.tensor_type.shape.dim):
                if not (dim.HasField("dim_value") and dim.dim_value > 0):
                    if dim.HasField("dim_param"):
                        names[dim.dim_param] = 1 if axis == 0 else sizes
                    dim.dim_value = 1 if axis == 0 else sizes
    for value in list(fixed.graph.output):
        for dim in value.type.tensor_type.shape.dim:
            if dim.HasField("dim_param"):
                if dim.dim_param in names:
                    dim.dim_value = names[dim.dim_param]
                else:
                    dim.ClearField("dim_param")
    del fixed.graph.value_info[:]
    fixed = onnx.shape_inference.infer_shapes(fixed, data_prop=True)
    shapes = {tensor.name: list(tensor.dims) for tensor in fixed.graph.initializer}
    for value in [*fixed.graph.value_info, *fixed.graph.input, *fixed.graph.output]:
        shapes.setdefault(value.name, [dim.dim_value for dim in value.type.tensor_type.shape.dim])
    for node in fixed.graph.node:
        if node.op_type == "Constant":
            shapes.setdefault(node.output[0], list(next((a.t.dims for a in node.attribute if a.name == "value"), [])))
    total = 0
    for node in fixed.graph.node:
        out = shapes.get(node.output[0])
        weight = shapes.get(node.input[1]) if len(node.input) > 1 else None
        if not out or not weight:
            continue
        if node.op_type == "Conv":
            total += int(np.prod(out)) * int(np.prod(weight[1:]))
        elif node.op_type == "ConvTranspose":
            total += int(np.prod(shapes[node.input[0]])) * int(np.prod(weight[1:]))
        elif node.op_type == "MatMul":
            total += int(np.prod(out)) * weight[-2 if len(weight) > 1 else 0]
        elif node.op_type == "Gemm":
            flipped = any(a.name == "transB" and a.i for a in node.attribute)
            total += int(np.prod(out)) * weight[1 if flipped else 0]
    return total
