"""LightGBM's side of `cargo xtask bench table --part trees`, and the comparison: one line a table and seed, then the means.

Both sides get the same rows, the same settings (LightGBM's defaults) and one thread; times are those of the processor, the best of ROUNDS, in turns, binning
included.

trees.py WHEELS_FOLDER FOLDER OUR_PROGRAM TABLE,... SEED,...
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import lightgbm
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from tables import read

ROUNDS = 3


def prepare(wheels, name, folder):
    """Writes a table for our side: columns of f32 (codes of categories, NaN where missing), targets of f64."""
    frame, target = read(wheels, name)
    frame = frame[frame[target].notna()].reset_index(drop=True)
    y = frame.pop(target)
    is_regression = pd.api.types.is_numeric_dtype(y) and y.nunique() > 26
    classes = 0
    if not is_regression:
        y = pd.Series(pd.Categorical(y).codes)
        classes = int(y.max()) + 1
    columns, categories = [], []
    for at, name_of_column in enumerate(frame.columns):
        column = frame[name_of_column]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            columns.append(column.astype("float32").to_numpy())
        elif pd.api.types.is_datetime64_any_dtype(column):
            columns.append(column.astype("int64").astype("float32").to_numpy())
        else:
            codes = pd.Categorical(column.astype("object")).codes.astype("float32")
            columns.append(np.where(codes < 0, np.nan, codes).astype("float32"))
            categories.append(at)
    x = np.stack(columns, axis=1)
    y = y.to_numpy(dtype="float64")
    np.asfortranarray(x).T.tofile(folder / f"{name}.x")
    y.tofile(folder / f"{name}.y")
    kinds = "".join("c" if at in categories else "n" for at in range(x.shape[1]))
    (folder / f"{name}.kinds").write_text(f"{classes} {kinds}")
    return x, y, categories, classes


def measure(y, predictions, classes):
    if classes:
        return log_loss(y, np.clip(predictions, 1e-15, 1 - 1e-15), labels=range(classes))
    return float(np.sqrt(np.mean((predictions - y) ** 2)))


def theirs(x, y, categories, classes, train, test):
    objective = {0: "regression", 2: "binary"}.get(classes, "multiclass")
    settings = {"objective": objective, "num_threads": 1, "verbosity": -1, "deterministic": True}
    if objective == "multiclass":
        settings["num_class"] = classes
    started = time.process_time()
    data = lightgbm.Dataset(x[train], label=y[train], categorical_feature=categories, params={"verbosity": -1})
    data.construct()
    model = lightgbm.train(settings, data, num_boost_round=100)
    seconds = time.process_time() - started
    return model.predict(x[test], num_threads=1), seconds, len(model.model_to_string())


def histogram_boosting(x, y, categories, classes, train, test):
    """scikit-learn's, which takes at most 255 levels: rarer ones become missing."""
    x = x.copy()
    for at in categories:
        values, counts = np.unique(x[train, at][~np.isnan(x[train, at])], return_counts=True)
        kept = values[np.argsort(-counts, kind="stable")[:250]]
        place = np.searchsorted(np.sort(kept), x[:, at]).clip(0, len(kept) - 1)
        x[:, at] = np.where(np.isin(x[:, at], kept), place, np.nan)
    make = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
    model = make(categorical_features=categories or None, early_stopping=False, random_state=0)
    started = time.process_time()
    model.fit(x[train], y[train])
    seconds = time.process_time() - started
    return (model.predict_proba(x[test]) if classes else model.predict(x[test])), seconds


def main(wheels, folder, program, names, seeds):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{'table':<12}{'seed':>5}{'loss':>12}{'LightGBM':>12}{'sklearn':>12}{'diff %':>9}{'s':>8}{'LGB s':>8}{'skl s':>8}{'ratio':>7}"
          f"{'us/row':>8}{'batch':>7}{'kB':>8}{'LGB kB':>8}")
    differences, ratios, rows = [], [], []
    for name in names.split(","):
        x, y, categories, classes = prepare(wheels, name, folder)
        for seed in seeds.split(","):
            parts = train_test_split(np.arange(len(y)), test_size=0.3, random_state=int(seed), stratify=y if classes else None)
            train, test = (np.sort(part) for part in parts)
            for part, of_split in [("train", train), ("test", test)]:
                of_split.astype("uint32").tofile(folder / f"{name}.{part}")
            best_ours, best_theirs = {}, None
            for _ in range(ROUNDS):
                predictions, seconds, size = theirs(x, y, categories, classes, train, test)
                best_theirs = min(best_theirs or seconds, seconds)
                figures = json.loads(subprocess.run([program, folder, name], check=True, capture_output=True, text=True).stdout)
                for key, value in figures.items():
                    best_ours[key] = min(best_ours.get(key, value), value)
            ours = np.fromfile(folder / f"{name}.predictions", dtype="float64")
            if classes > 2:
                ours = ours.reshape(-1, classes)
            sklearn, sklearn_seconds = histogram_boosting(x, y, categories, classes, train, test)
            our_loss, their_loss, third = (measure(y[test], p, classes) for p in (ours, predictions, sklearn))
            difference, ratio = our_loss / their_loss - 1, best_ours["seconds"] / best_theirs
            differences.append(difference)
            ratios.append(ratio)
            rows.append(best_ours["row_us"])
            print(f"{name:<12}{seed:>5}{our_loss:>12.5g}{their_loss:>12.5g}{third:>12.5g}{100 * difference:>9.2f}{best_ours['seconds']:>8.3f}{best_theirs:>8.3f}"
                  f"{sklearn_seconds:>8.3f}{ratio:>7.2f}{best_ours['row_us']:>8.2f}{best_ours['batch_us']:>7.2f}{best_ours['bytes'] / 1000:>8.1f}{size / 1000:>8.1f}", flush=True)
    print(f"\nloss against LightGBM: {100 * np.mean(differences):+.2f} % in the mean; time: {np.exp(np.mean(np.log(ratios))):.2f}x in the geometric mean, "
          f"at most {max(ratios):.2f}x; one row: at most {max(rows):.2f} us")


main(*sys.argv[1:])
