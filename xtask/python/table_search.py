"""`lightcrest fit` beside LightGBM's defaults, FLAML and AutoGluon (medium_quality): one line a table and seed, then the
shares that the bars of docs/tables.md name.

Every table is split 70/30 by scikit-learn, in each class alike. All read the same CSV files, in a process and on one thread
each, one after the other, and are judged by the rows that none of them saw. Of our front, `best` is the model with the best
validation score, `small` the one with the best validation score of those of at most 100 kB and 20 us a row, `light` the
same of those that are no ensemble. LightGBM has no budget; the others have the same.

table_search.py WHEELS FOLDER PROGRAM --table A,B --seeds 0,1,2 --time SECONDS --peers ours,lightgbm,flaml,autogluon
    --autogluon PYTHON --reuse
"""

import argparse
import csv
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from tables import read

BYTES, MICROSECONDS = 100_000, 20
ONE_THREAD = {name: "1" for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"]}


def measured(command, limit):
    """Standard output, wall time and peak memory in bytes of a process."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        started = time.monotonic()
        process = subprocess.Popen([str(word) for word in command], stdout=out, stderr=error, env={**os.environ, **ONE_THREAD})
        peak = 0
        while process.poll() is None:
            # What the operating system counts at the end includes this process, from before the program was loaded.
            peak = max(peak, peak_of(process.pid))
            if time.monotonic() - started > limit:
                process.kill()
            time.sleep(0.02)
        wall = time.monotonic() - started
        out.seek(0)
        error.seek(0)
        if process.returncode:
            shown = error.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{' '.join(str(word) for word in command)} ended with {process.returncode}:\n{shown}")
        return out.read().decode(), wall, peak


def peak_of(pid):
    """Peak resident memory of a process in bytes, on Linux; 0 elsewhere."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def split(wheels, folder, name, seed):
    """Writes train.csv and test.csv; returns target, task, the targets of the test rows and bytes of the typed data."""
    frame, target = read(wheels, name)
    frame = frame[frame[target].notna()].reset_index(drop=True)
    y = frame[target]
    is_regression = pd.api.types.is_numeric_dtype(y) and y.nunique() > 26
    train, test = train_test_split(frame, test_size=0.3, random_state=seed, stratify=None if is_regression else y)
    folder.mkdir(parents=True, exist_ok=True)
    train.to_csv(folder / "train.csv", index=False)
    test.to_csv(folder / "test.csv", index=False)
    # What is judged is what was written.
    truth = pd.read_csv(folder / "test.csv", low_memory=False)[target]
    truth = truth.to_numpy(dtype=float) if is_regression else truth.astype(str).to_numpy()
    typed = sum(len(train) * (8 if pd.api.types.is_numeric_dtype(train[column]) else 4) for column in train.columns)
    return target, "regression" if is_regression else "classification", truth, typed


def judge(truth, predictions, labels):
    """The loss (log loss or root mean squared error) and its standard error."""
    if labels is None:
        squares = (predictions[:, 0] - truth) ** 2
        loss = float(np.sqrt(squares.mean()))
        return loss, float(squares.std(ddof=1) / np.sqrt(len(truth)) / (2 * loss))
    column = np.searchsorted(labels, truth)
    losses = -np.log(np.clip(predictions[np.arange(len(truth)), column], 1e-15, 1))
    return float(losses.mean()), float(losses.std(ddof=1) / np.sqrt(len(truth)))


def ours(program, folder, target, truth, labels, seconds, seed):
    """Losses on the test rows of the best and the light model, and what the run showed of them."""
    out = folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    command = [program, "fit", folder / "train.csv", "--target", target, "--budget", f"{seconds:g}s", "--seed", seed, "--threads", 1]
    _, wall, memory = measured([*command, "--quiet", "--out", out], 4 * seconds + 60)
    front = list(csv.DictReader((out / "front.csv").open()))
    metric = "rmse" if labels is None else "log_loss"
    number = lambda row, name: float(row.get(name) or "nan")
    front.sort(key=lambda row: number(row, f"validation_{metric}"))
    small = [row for row in front if number(row, "model_bytes") <= BYTES and number(row, "latency_alone_us") <= MICROSECONDS]
    light = [row for row in small if row["algorithm"] != "ensemble"]

    def one(row):
        text, _, _ = measured([program, "predict", out, folder / "test.csv", "--model", row["trial"], "--quiet"], 600)
        table = pd.read_csv(io.StringIO(text), dtype={"prediction": str}, low_memory=False)
        if labels is None:
            predictions = table["prediction"].astype(float).to_numpy().reshape(-1, 1)
        else:
            predictions = table[[f"probability_{label}" for label in labels]].to_numpy()
        loss, error = judge(truth, predictions, labels)
        expected = number(row, f"expected_{metric}")
        validation = number(row, f"validation_{metric}")
        shown = validation if np.isnan(expected) else expected
        both = np.hypot(error, number(row, "standard_error"))
        return {
            "loss": loss,
            "gap": (loss - shown) / both,
            "gap_of_validation": (loss - validation) / both,
            "bytes": number(row, "model_bytes"),
            "us": number(row, "latency_alone_us"),
            "trial": int(row["trial"]),
            "algorithm": row["algorithm"],
        }

    judged = {name: one(rows[0]) if rows else None for name, rows in [("best", front), ("small", small), ("light", light)]}
    return {**judged, "wall": wall, "memory": memory, "models": len(front)}


def peer(name, python, folder, target, task, truth, labels, seconds, seed):
    script = Path(__file__).parent / "table_peer.py"
    # A budget that is not kept is part of the picture, up to a point.
    text, wall, memory = measured([python, script, name, folder, target, task, seconds, seed], 6 * seconds + 300)
    loss, _ = judge(truth, np.load(folder / f"{name}.npy"), labels)
    return {"loss": loss, "learned": json.loads(text.strip().splitlines()[-1])["learned"], "wall": wall, "memory": memory}


def share(flags):
    flags = list(flags)
    return f"{100 * np.mean(flags):.0f} % of {len(flags)}" if flags else "none"


def main():
    parser = argparse.ArgumentParser()
    for name in ["wheels", "folder", "program"]:
        parser.add_argument(name, type=Path)
    parser.add_argument("--table", required=True)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--time", type=float, default=60)
    parser.add_argument("--peers", default="ours,lightgbm,flaml")
    parser.add_argument("--autogluon", type=Path)
    parser.add_argument("--reuse", action="store_true")
    given = parser.parse_args()
    peers = given.peers.split(",")
    others = [name for name in ["lightgbm", "flaml", "autogluon"] if name in peers]
    print(
        f"{'table':<11}{'seed':>4}" + "".join(f"{name:>11}" for name in others) + f"{'best':>11}{'light':>11}{'kB':>7}{'us':>6}"
        f"{'light kB':>9}{'us':>6}{'wall s':>8}{'MB':>6}{'gap':>6}{'val.':>6}  best is"
    )
    rows = []
    for name in given.table.split(","):
        for seed in (int(seed) for seed in given.seeds.split(",")):
            folder = given.folder / f"{name}-{seed}"
            target, task, truth, typed = split(given.wheels, folder, name, seed)
            labels = None if task == "regression" else np.unique(truth)
            row = {"table": name, "seed": seed, "typed": typed}
            for what in [*others, *(["ours"] if "ours" in peers else [])]:
                budget = 0 if what == "lightgbm" else given.time
                kept = folder / f"{what}-{budget:g}.json"
                if given.reuse and what != "ours" and kept.exists():
                    row[what] = json.loads(kept.read_text())
                    continue
                try:
                    if what == "ours":
                        row[what] = ours(given.program, folder, target, truth, labels, given.time, seed)
                    else:
                        python = given.autogluon if what == "autogluon" else sys.executable
                        row[what] = peer(what, python, folder, target, task, truth, labels, given.time, seed)
                except RuntimeError as error:
                    if what == "ours":
                        raise
                    # A peer that breaks is shown as missing.
                    print(f"{name} {seed}: {what}: {error}", file=sys.stderr)
                    continue
                kept.write_text(json.dumps(row[what]))
            rows.append(row)
            show(row, others)
    summary(rows, others, given.time)


def show(row, others):
    loss = lambda found: f"{found['loss']:>11.5g}" if found else f"{'-':>11}"
    line = f"{row['table']:<11}{row['seed']:>4}" + "".join(loss(row.get(name)) for name in others)
    if "ours" in row:
        best, light = row["ours"]["best"], row["ours"]["light"]
        light_size = f"{light['bytes'] / 1000:>9.1f}{light['us']:>6.1f}" if light else f"{'':>15}"
        line += (
            f"{loss(best)}{loss(light)}{best['bytes'] / 1000:>7.0f}{best['us']:>6.1f}{light_size}{row['ours']['wall']:>8.1f}"
            f"{row['ours']['memory'] / 1e6:>6.0f}{best['gap']:>6.1f}{best['gap_of_validation']:>6.1f}  {best['algorithm']} {best['trial']}"
        )
    print(line, flush=True)


def summary(rows, others, seconds):
    print()
    for name in others:
        walls = [row[name]["learned"] for row in rows if name in row]
        if walls:
            print(f"{name}: learned {np.mean(walls):.1f} s in the mean, at most {max(walls):.1f} s; peak {max(r[name]['memory'] for r in rows if name in r) / 1e6:.0f} MB")
    rows = [row for row in rows if "ours" in row]
    for name in others:
        both = [row for row in rows if name in row]
        for which in ["best", "small", "light"]:
            pairs = [(row["ours"][which]["loss"] if row["ours"][which] else np.inf, row[name]["loss"]) for row in both]
            relative = [a / b - 1 for a, b in pairs if np.isfinite(a)]
            if pairs:
                print(f"{which} beats {name} on {share(a < b for a, b in pairs)} pairs; loss {100 * np.mean(relative):+.2f} % in the mean of tables and seeds")
        by_table = {}
        for row in both:
            by_table.setdefault(row["table"], []).append(row["ours"]["best"]["loss"] / row[name]["loss"] - 1)
        if by_table:
            means = {table: 100 * np.mean(found) for table, found in by_table.items()}
            print(f"  best against {name} by table: " + ", ".join(f"{table} {value:+.1f} %" for table, value in means.items()))
    if not rows:
        return
    print(f"wall: at most {max(row['ours']['wall'] for row in rows):.1f} s of {seconds:g} s")
    over = [row["ours"]["memory"] / (4 * row["typed"] + 200e6) for row in rows]
    print(f"peak memory: at most {max(row['ours']['memory'] for row in rows) / 1e6:.0f} MB, {100 * max(over):.0f} % of 4x the typed data + 200 MB at most")
    for key, what in [("gap", "expected score"), ("gap_of_validation", "plain validation score")]:
        gaps = [row["ours"]["best"][key] for row in rows]
        print(f"{what} of the best within 2 standard errors of the test score: {share(abs(gap) <= 2 for gap in gaps)}; test - {what} is {np.mean(gaps):+.2f} errors in the mean")


main()
