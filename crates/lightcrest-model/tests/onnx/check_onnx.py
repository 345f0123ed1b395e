"""Checks ONNX files: valid, and the same outputs in onnxruntime.

check_onnx.py FOLDER                          every NAME.onnx with NAME.input.f32 and NAME.output.f32
check_onnx.py MODEL.onnx INPUT.f32 OUTPUT.f32 one file

The raw files hold little-endian f32: images (N, channels, height, width) and outputs (N, ...). The outputs must agree to
1e-4, relative to the larger of 1 and the expected value. The batch is checked whole and image by image.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

TOLERANCE = 1e-4


def difference(found, expected):
    return float(np.max(np.abs(found - expected) / np.maximum(1.0, np.abs(expected))))


def check(model, images, outputs):
    """Largest difference of one file; raises on anything that is not as it should be."""
    graph = onnx.load(model)
    onnx.checker.check_model(graph, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    (result,) = session.get_outputs()
    assert (entry.name, result.name) == ("image", "logits"), (entry.name, result.name)
    assert (entry.shape[0], result.shape[0]) == ("N", "N"), (entry.shape, result.shape)
    x = np.fromfile(images, "<f4").reshape([-1, *entry.shape[1:]])
    y = np.fromfile(outputs, "<f4").reshape([len(x), *result.shape[1:]])
    whole = session.run(None, {"image": x})[0]
    single = np.concatenate([session.run(None, {"image": x[i : i + 1]})[0] for i in range(len(x))])
    assert whole.shape == y.shape and whole.dtype == np.float32, (whole.shape, y.shape, whole.dtype)
    assert np.isfinite(whole).all(), "the output is not finite"
    worst = max(difference(whole, y), difference(single, y))
    assert worst <= TOLERANCE, f"differs by {worst:.2e}, more than {TOLERANCE:.0e}"
    return worst


def main(arguments):
    if len(arguments) == 1:
        models = sorted(Path(arguments[0]).glob("*.onnx"))
        files = [(m, m.with_suffix(".input.f32"), m.with_suffix(".output.f32")) for m in models]
    elif len(arguments) == 3:
        files = [tuple(Path(name) for name in arguments)]
    else:
        sys.exit(__doc__)
    if not files:
        sys.exit(f"no ONNX file in {arguments[0]}")
    failures = 0
    worst = 0.0
    for model, images, outputs in files:
        try:
            worst = max(worst, check(model, images, outputs))
        except Exception as error:  # noqa: BLE001: every file gets its verdict
            failures += 1
            print(f"{model.name}: {error}", file=sys.stderr)
    print(f"{len(files) - failures} of {len(files)} ONNX files agree with onnxruntime, largest difference {worst:.1e}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
