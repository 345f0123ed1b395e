"""Compares model.onnx in onnxruntime with our own predictions, on the tables of tables.py: trees must be
equal, linear models and perceptrons to 1e-5.

A part of the test rows' cells is emptied, and a part of the words replaced by one that was never seen.

table_onnx.py WHEELS_FOLDER FOLDER OUR_PROGRAM TABLE,...
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd

from tables import read


def write(wheels, name, folder):
    """Writes the rows to learn from and those to predict as CSV."""
    frame, target = read(wheels, name)
    frame = frame[frame[target].notna()].sample(frac=1.0, random_state=0).reset_index(drop=True)
    train, test = frame.iloc[: len(frame) * 7 // 10], frame.iloc[len(frame) * 7 // 10 :].copy()
    draw = np.random.default_rng(0)
    for column in test.columns:
        if column == target:
            continue
        is_word = not pd.api.types.is_numeric_dtype(test[column]) and not pd.api.types.is_datetime64_any_dtype(test[column])
        values = test[column].astype("object")
        values[draw.random(len(test)) < 0.05] = None
        if is_word:
            values[draw.random(len(test)) < 0.05] = "some other word"
        test[column] = values
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    return target


def feed(session, inputs, rows):
    made = {}
    for wanted in session.get_inputs():
        values = inputs.get(wanted.name, [0.0] * rows)
        kind = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(string)": "object"}[wanted.type]
        if kind != "object":
            values = [np.nan if value is None else float(value) for value in values]
        made[wanted.name] = np.array(values, dtype=kind).reshape(-1, 1)
    return made


def compare(folder, name):
    """The largest difference of predictions, and of a row alone from the batch."""
    expected = json.loads((folder / f"{name}.json").read_text())
    path = folder / f"{name}.onnx"
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    given = feed(session, expected["inputs"], expected["rows"])
    outputs = dict(zip([output.name for output in session.get_outputs()], session.run(None, given)))
    ours = np.array(expected["predictions"])
    classes = expected["classes"]
    if classes:
        ours = ours.reshape(-1, len(classes))
        found = outputs["probabilities"]
        # Probabilities of the file are f32.
        difference = np.abs(found - ours.astype("float32")).max()
        label = (ours[:, 1] >= 0.4).astype(int) if len(classes) == 2 else ours.argmax(axis=1)
        wrong = int((outputs["label"] != np.array(classes, dtype="object")[label]).sum())
    else:
        difference, wrong = np.abs(outputs["prediction"] / ours - 1).max(), 0
    alone = 0
    for row in range(0, expected["rows"], max(1, expected["rows"] // 20)):
        one = session.run(None, {key: values[row : row + 1] for key, values in given.items()})
        batch = [values[row : row + 1] for values in outputs.values()]
        alone += sum(not np.array_equal(a, b) for a, b in zip(one, batch))
    return difference, wrong, alone, expected["bytes"], path.stat().st_size


def main(wheels, folder, program, names):
    failed = []
    print(f"{'table':<12}{'model':<20}{'difference':>12}{'labels':>8}{'alone':>7}{'kB':>8}{'ONNX kB':>9}")
    for name in names.split(","):
        here = Path(folder) / name
        here.mkdir(parents=True, exist_ok=True)
        for old in [*here.glob("*.onnx"), *here.glob("*.json")]:
            old.unlink()
        target = write(wheels, name, here)
        subprocess.run([program, here / "train.csv", here / "test.csv", target, here], check=True)
        for model in sorted(path.stem for path in here.glob("*.onnx")):
            difference, wrong, alone, ours, theirs = compare(here, model)
            print(f"{name:<12}{model:<20}{difference:>12.3g}{wrong:>8}{alone:>7}{ours / 1000:>8.1f}{theirs / 1000:>9.1f}", flush=True)
            close = 1e-5 if model.startswith(("linear", "mlp")) else 0
            if difference > close or (wrong and not close) or alone:
                failed.append(f"{name} {model}")
    if failed:
        sys.exit(f"different: {', '.join(failed)}")
    print("all equal")


main(*sys.argv[1:])
