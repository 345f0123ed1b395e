"""Compares ONNX files with what Lightcrest made of them: checker, outputs in onnxruntime, inputs and outputs by name.

compare_onnx.py TOLERANCE < lines of JSON that the example rewrite_onnx prints

Every file is run with random inputs, with optimisations off so that both compute what they say; free sizes get two
values where the file allows it. Prints a table, and fails when a file does.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

# Shapes that a file needs and does not say, by a part of its path.
SHAPES = {
    "PP-OCRv4_rec": [[2, 3, 48, 96], [1, 3, 48, 160]],
    "PP-OCRv4_det": [[1, 3, 64, 96]],
    "ocr_mobile_v2.0_cls": [[2, 3, 48, 192]],
    "ddddocr/common.onnx": [[1, 1, 64, 96]],
    "ddddocr/common_old.onnx": [[1, 1, 64, 96]],
    "ddddocr/common_det.onnx": [[1, 3, 416, 416]],
    "silero_vad": [[1, 576]],
}
TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(bool)": np.bool_,
}


def session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def feeds(inputs, path, round_):
    """Random inputs; the sizes that are free differ from round to round."""
    rng = np.random.default_rng(round_)
    given = next((shapes for part, shapes in SHAPES.items() if part in path), None)
    result = {}
    for value in inputs:
        batch, other = (2, 32) if round_ == 0 else (3, 48)
        shape = [d if isinstance(d, int) and d > 0 else (batch if i == 0 else other) for i, d in enumerate(value.shape)]
        if given and value.name in ("input", "x", "input1", "images"):
            shape = given[round_ % len(given)]
        if value.name == "state":
            shape = [2, 1, 128]
        dtype = TYPES[value.type]
        if value.name == "sr":
            result[value.name] = np.array(16000, dtype)
        elif np.issubdtype(dtype, np.floating):
            result[value.name] = rng.normal(size=shape).astype(dtype)
        else:
            result[value.name] = rng.integers(0, 2, size=shape).astype(dtype)
    return result


def signature(path):
    """Inputs that a caller must give and outputs, as the file declares them."""
    graph = onnx.load(str(path), load_external_data=False).graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value.SerializeToString() for value in graph.input if value.name not in constants]
    return inputs, [value.SerializeToString() for value in graph.output]


def difference(found, expected):
    if found.dtype != expected.dtype or found.shape != expected.shape:
        return float("inf")
    if not np.issubdtype(found.dtype, np.number):
        return 0.0 if (found == expected).all() else float("inf")
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    if not (np.isfinite(found) == np.isfinite(expected)).all():
        return float("inf")
    scale = max(1.0, float(np.max(np.abs(np.where(np.isfinite(expected), expected, 0)), initial=0)))
    return float(np.max(np.abs(np.nan_to_num(found) - np.nan_to_num(expected)), initial=0)) / scale


def sound(path):
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except Exception as error:  # noqa: BLE001: whatever the checker says
        return str(error).strip().splitlines()[0]
    return None


def compare(entry, tolerance):
    """Largest difference, and what is wrong."""
    before, after = entry["file"], entry["out"]
    problem, was = sound(after), sound(before)
    if problem and not was:
        return None, f"checker: {problem}"
    if not entry["same_model"]:
        return None, "the file that was written reads differently"
    try:
        old = session(before)
    except Exception as error:  # noqa: BLE001
        return None, None if "Unsupported" in str(error) or was else f"onnxruntime refuses the original: {error}"
    new = session(after)
    if signature(before) != signature(after):
        return None, "inputs or outputs changed"
    if old.get_modelmeta().custom_metadata_map != new.get_modelmeta().custom_metadata_map:
        return None, "metadata changed"
    worst, ran = 0.0, 0
    for round_ in range(2):
        values = feeds(old.get_inputs(), before, round_)
        try:
            expected = old.run(None, values)
        except Exception as error:  # noqa: BLE001: a size that this file does not take
            if round_ == 0:
                return None, f"onnxruntime does not run the original: {str(error)[:200]}"
            continue
        found = new.run(None, values)
        worst, ran = max([worst, *map(difference, found, expected)]), ran + 1
    return worst, None if worst <= tolerance else f"differs by {worst:.1e}"


def main():
    tolerance = float(sys.argv[1])
    failures = 0
    quiet = "--quiet" in sys.argv
    if not quiet:
        print(f"{'file':44} {'opset':>5} {'nodes':>12} {'opaque':>6} {'bytes':>7} {'difference':>10}")
    count, largest = 0, 0.0
    for line in sys.stdin:
        entry = json.loads(line)
        path = Path(entry["file"])
        name = path.parent.name if path.name == "model.onnx" else path.name
        count += 1
        if "error" in entry:
            failures += 1
            print(f"{name:44} NOT READ: {entry['error']}")
            continue
        try:
            worst, problem = compare(entry, tolerance)
        except Exception as error:  # noqa: BLE001: every file gets its verdict
            worst, problem = None, str(error)[:300]
        nodes = str(entry["nodes"]) if entry["nodes"] == entry["nodes_read"] else f"{entry['nodes_read']} > {entry['nodes']}"
        failures += bool(problem)
        largest = max(largest, worst or 0.0)
        verdict = f"FAILS: {problem}" if problem else "not run" if worst is None else f"{worst:10.1e}"
        if problem or not quiet:
            same = "same" if entry["same_bytes"] else "other"
            print(f"{name:44} {entry['opset']:5} {nodes:>12} {len(entry['opaque']):6} {same:>7} {verdict:>10}")
    print(f"{count - failures} of {count} files agree, largest difference {largest:.1e}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
