"""Prunes every graph of prune_cases.py with the program and judges the results with prune_oracle.py.

Usage: prune_check.py PROGRAM FOLDER [--all] [NAME...]

Half of the combinations of biases and shares are judged, with --all or names all of them.
"""

import pathlib
import subprocess
import sys

import numpy as np
import onnx
import prune_oracle
from onnx import numpy_helper
from prune_cases import CASES

TOLERANCE = 1e-5


def prune(program, model, out, ratio, *more):
    command = [program, "prune", model, "--ratio", str(ratio), "--out", out, *more]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"exit code {done.returncode}: {done.stderr.strip()}")
    return done


def judge(program, folder, name, build, expected, bias, ratio):
    original = build(bias)
    onnx.checker.check_model(original, full_check=True)
    source, target = folder / f"{name}.{bias}.onnx", folder / f"{name}.{bias}.{ratio}.onnx"
    onnx.save(original, source)
    target.unlink(missing_ok=True)
    prune(program, source, target, ratio)
    pruned = onnx.load(target)
    worst, changed = prune_oracle.check(original, pruned, 16, expected["exact"])
    assert worst <= TOLERANCE, f"outputs differ by {worst:.2g}"
    before = {t.name: numpy_helper.to_array(t) for t in original.graph.initializer}
    after = {t.name: numpy_helper.to_array(t) for t in pruned.graph.initializer}
    for weight in expected["keeps"]:
        # A matrix that is multiplied from the right has its outputs along the last axis.
        axis = 0 if before[weight].ndim == 4 else -1
        assert before[weight].shape[axis] == after[weight].shape[axis], f"`{weight}` has lost outputs"
    factor = prune_oracle.macs(original, 16) / prune_oracle.macs(pruned, 16)
    if ratio == 0.5:
        assert factor >= expected["least"], f"only {factor:.2f} times fewer multiply-accumulates"
    again = folder / f"{name}.{bias}.{ratio}.again.onnx"
    prune(program, source, again, ratio)
    assert again.read_bytes() == target.read_bytes(), "the same command wrote other bytes"
    # What is pruned can be pruned again.
    if factor > 1:
        prune(program, target, again, 0.3)
        worst, _ = prune_oracle.check(pruned, onnx.load(again), 16, expected["exact"], (2,) if bias == "zero" else (1,))
        assert worst <= TOLERANCE, f"outputs of the second pruning differ by {worst:.2g}"
    again.unlink()
    return factor


def main():
    program, folder, names = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    combinations = [("distinct", 0.5), ("zero", 0.3), ("zero", 0.5), ("distinct", 0.3)]
    if not names:
        del combinations[2:]
    names = [name for name in names if name != "--all"]
    folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    for name, (build, expected) in CASES.items():
        if names and name not in names:
            continue
        for bias, ratio in combinations:
            try:
                factor = judge(program, folder, name, build, expected, bias, ratio)
                if names:
                    print(f"{name} {bias} {ratio}: {factor:.2f}")
            except Exception as error:
                failed += 1
                print(f"FAILED {name}, {bias} biases, ratio {ratio}: {str(error)[:400]}")
    print(f"{len(names or CASES)} graphs, {failed} failures")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
