"""Writes the vectors of the ONNX standard for `cargo run --package lightcrest-graph --example onnx_vectors`.

onnx_vectors.py FOLDER

Every case becomes FOLDER/NAME/ with model.onnx, input_0.pb, input_1.pb, ... and output_0.pb, ...; an input or output that
is no tensor (a list, a map, nothing) has no file. Beside the cases of single operators that the package `onnx` makes there
are its models exported by PyTorch and its nine light classics. tolerance.txt holds the relative and the absolute tolerance.
"""

import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper


def tensor(value, name):
    if isinstance(value, onnx.TensorProto):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return numpy_helper.from_array(np.asarray(value), name)
    return None


def write(folder, model, inputs, outputs, tolerance):
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    (folder / "tolerance.txt").write_text(f"{tolerance[0]} {tolerance[1]}")
    for kind, values, infos in (("input", inputs, model.graph.input), ("output", outputs, model.graph.output)):
        for index, value in enumerate(values):
            proto = tensor(value, infos[index].name)
            if proto is not None:
                (folder / f"{kind}_{index}.pb").write_bytes(proto.SerializeToString())


def single(folder):
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cases = collect_testcases(None)
    for case in cases:
        for inputs, outputs in case.data_sets[:1]:
            write(folder / case.name, case.model, inputs, outputs, (case.rtol, case.atol))


def exported(folder):
    root = Path(onnx.__file__).parent / "backend/test/data/pytorch-converted"
    for case in sorted(root.iterdir()):
        model = onnx.load(case / "model.onnx")
        data = case / "test_data_set_0"

        def read(kind):
            count = len(list(data.glob(f"{kind}_*.pb")))
            return [onnx.load_tensor(data / f"{kind}_{index}.pb") for index in range(count)]

        write(folder / case.name, model, read("input"), read("output"), (1e-3, 1e-7))


def classics(folder):
    root = Path(onnx.__file__).parent / "backend/test/data/light"
    for path in sorted(root.glob("*.onnx")):
        model = onnx.load(path)
        constants = {tensor.name for tensor in model.graph.initializer}
        inputs = [None] * len(model.graph.input)
        for index, info in enumerate(model.graph.input):
            if info.name not in constants:
                shape = [dim.dim_value or 1 for dim in info.type.tensor_type.shape.dim]
                # What the outputs beside the models were made from.
                count = int(np.prod(shape))
                inputs[index] = (np.arange(count).reshape(shape) / count).astype(np.float32)
        output = onnx.load_tensor(path.with_name(f"{path.stem}_output_0.pb"))
        write(folder / path.stem, model, inputs, [output], (1e-3, 1e-5))


def main(arguments):
    if len(arguments) != 1:
        sys.exit(__doc__)
    folder = Path(arguments[0])
    single(folder)
    exported(folder)
    classics(folder)


if __name__ == "__main__":
    main(sys.argv[1:])
