"""What `lightcrest quantize` writes, in onnxruntime: graphs on which quantizers are known to fail.

quantize_check.py PROGRAM FOLDER

Each file must pass the checker with full_check, load with all optimisations, keep names and a free batch, and stay
close to the model in fp32; what should compute with 8 bits must do so once onnxruntime has fused it.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from prune_cases import Graph

CASES = {}
CPU = ["CPUExecutionProvider"]


def case(fused, snr=25.0, size=16, options=()):
    """Registers a graph: operators that onnxruntime must make of it, and how close it must be, in dB."""

    def register(build):
        CASES[build.__name__] = (build, fused, snr, size, options)
        return build

    return register


@case({"QLinearConv": 3, "QLinearAdd": 1, "QLinearGlobalAveragePool": 1, "QGemm": 1})
def residual_with_both_sides_quantized(g):
    x = g.relu(g.conv(g.input(), 3, 8))
    y = g.conv(g.relu(g.conv(x, 8, 8)), 8, 8)
    return g.op("Gemm", g.op("Flatten", g.op("GlobalAveragePool", g.relu(g.op("Add", x, y)))), g.weight(5, 8), g.vector(5), transB=1)


@case({"QLinearConv": 4, "QLinearConcat": 1})
def concat_of_branches_of_other_ranges(g):
    x = g.input()
    a = g.relu(g.conv(x, 3, 4))
    b = g.relu(g.conv(x, 3, 6, weight=g.const(8 * g.rng.standard_normal((6, 3, 3, 3)).astype(np.float32))))
    c = g.conv(x, 3, 2)
    return g.conv(g.op("Concat", a, b, c, axis=1), 12, 5)


@case({"QLinearConv": 3})
def depthwise_with_a_dead_channel(g):
    dead = g.rng.standard_normal((8, 1, 3, 3)).astype(np.float32)
    dead[3] = 0
    x = g.relu(g.conv(g.input(), 3, 8))
    return g.conv(g.relu(g.conv(x, 8, 8, groups=8, weight=g.const(dead))), 8, 4, 1)


@case({"QLinearConv": 2}, snr=20.0)
def a_bias_far_beyond_its_weights(g):
    small = 1e-9 * g.rng.standard_normal((6, 3, 3, 3)).astype(np.float32)
    x = g.op("Conv", g.input(), g.const(small), g.vector(6), pads=[1] * 4)
    return g.conv(g.relu(x), 6, 4)


@case({"QLinearConv": 3})
def weights_and_biases_that_layers_share(g):
    weight, bias = g.weight(6, 6, 3, 3), g.vector(6)
    x = g.relu(g.conv(g.input(), 3, 6))
    for _ in range(2):
        x = g.relu(g.op("Conv", x, weight, bias, pads=[1] * 4))
    return x


@case({"QLinearConv": 2})
def islands_in_fp32(g):
    x = g.op("Softplus", g.conv(g.input(), 3, 8))
    return g.conv(x, 8, 4)


@case({"QLinearConv": 2, "QLinearAdd": 1, "QLinearMul": 1})
def hard_swish(g):
    x = g.op("HardSwish", g.conv(g.input(), 3, 8))
    return g.conv(x, 8, 4)


@case({"QLinearConv": 2})
def clip_and_pools_between(g):
    low, high = g.const(np.float32(0)), g.const(np.float32(6))
    x = g.op("Clip", g.conv(g.input(), 3, 8), low, high)
    return g.conv(g.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2]), 8, 4)


@case({"QLinearConv": 1, "ConvTranspose": 1})
def transposed_convolution(g):
    x = g.relu(g.conv(g.input(), 3, 6))
    return g.op("ConvTranspose", x, g.weight(6, 4, 2, 2), g.vector(4), strides=[2, 2])


@case({"QLinearConv": 4, "QLinearSigmoid": 1, "QLinearMul": 1})
def squeeze_and_excite(g):
    x = g.relu(g.conv(g.input(), 3, 8))
    s = g.relu(g.conv(g.op("GlobalAveragePool", x), 8, 4, 1))
    s = g.op("Sigmoid", g.conv(s, 4, 8, 1))
    return g.conv(g.op("Mul", x, s), 8, 4)


@case({"QLinearConv": 2, "QGemm": 1}, options=("--weight-bits", "7"))
def seven_bits(g):
    x = g.relu(g.conv(g.relu(g.conv(g.input(), 3, 8)), 8, 8))
    return g.op("Gemm", g.op("Flatten", g.op("GlobalAveragePool", x)), g.weight(8, 5), g.vector(5))


@case({"QLinearConv": 2}, snr=15.0, options=("--per-tensor", "--method", "kl"))
def one_scale_a_layer(g):
    return g.conv(g.relu(g.conv(g.input(), 3, 8)), 8, 4)


def session(path, optimized=None):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    if optimized:
        options.optimized_model_filepath = str(optimized)
    return onnxruntime.InferenceSession(str(path), options, providers=CPU)


def noise(y, z):
    return 10 * np.log10(np.square(y).sum() / max(np.square(y - z).sum(), 1e-30))


def check(program, folder, name):
    build, fused, least, size, options = CASES[name]
    g = Graph(opset=14)
    y = build(g)
    g.out(y, None)
    model = onnx.shape_inference.infer_shapes(g.model())
    path, out = folder / f"{name}.onnx", folder / f"{name}.int8.onnx"
    onnx.save(model, path)
    inputs = {i.name: g.rng.standard_normal((16, 3, size, size)).astype(np.float32) for i in model.graph.input}
    np.savez(folder / f"{name}.npz", **inputs)
    command = [program, "quantize", path, "--calibration", folder / f"{name}.npz", "--out", out, "--json", *options]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        return f"exit code {done.returncode}: {done.stderr}"
    json.loads(done.stdout)
    onnx.checker.check_model(str(out), full_check=True)
    before, after = session(path), session(out, folder / f"{name}.fused.onnx")
    names = [[value.name for value in values] for s in (before, after) for values in (s.get_inputs(), s.get_outputs())]
    if names[:2] != names[2:]:
        return f"names changed: {names}"
    few = {key: value[:3] for key, value in inputs.items()}
    snr = noise(before.run(None, few)[0], after.run(None, few)[0])
    operators = Counter(node.op_type for node in onnx.load(folder / f"{name}.fused.onnx").graph.node)
    missing = {kind: count for kind, count in fused.items() if operators[kind] < count}
    if missing:
        return f"not fused: {missing} in {dict(operators)}"
    return None if snr >= least else f"{snr:.1f} dB, where {least} were expected"


def main(program, folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    failed = {name: reason for name in CASES if (reason := check(program, folder, name))}
    for name, reason in failed.items():
        print(f"{name}: {reason}")
    print(f"quantized: {len(CASES) - len(failed)} of {len(CASES)} graphs as they should be")
    sys.exit(bool(failed))


main(*sys.argv[1:])
