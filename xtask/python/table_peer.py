"""One peer of table_search.py in a process of its own: learns from train.csv, predicts test.csv.

table_peer.py PEER FOLDER TARGET TASK SECONDS SEED

Predictions go to FOLDER/PEER.npy, a column a class in the order of the sorted labels (as text). How long learning took is
printed; reading the table is not counted, and neither is importing.
"""

import json
import os
import sys
import time
import warnings
from pathlib import Path

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"]:
    os.environ[name] = "1"
warnings.filterwarnings("ignore")

import numpy as np
import pandas as pd


def categories(train, test):
    """Words as pandas' categories, of the levels that the rows to learn from have; plain names of columns."""
    for column in train.columns:
        if pd.api.types.is_numeric_dtype(train[column]):
            continue
        levels = pd.Categorical(train[column].astype("object")).categories
        for frame in (train, test):
            frame[column] = pd.Categorical(frame[column].astype("object"), categories=levels)
    names = [f"c{i}" for i in range(train.shape[1])]
    train.columns = test.columns = names


def lightgbm(train, y, test, task, seconds, seed, folder):
    import lightgbm

    categories(train, test)
    make = lightgbm.LGBMClassifier if task == "classification" else lightgbm.LGBMRegressor
    model = make(n_jobs=1, random_state=seed, verbosity=-1)
    started = time.monotonic()
    model.fit(train, y)
    learned = time.monotonic() - started
    return model, learned


def flaml(train, y, test, task, seconds, seed, folder):
    from flaml import AutoML

    categories(train, test)
    model = AutoML()
    metric = "log_loss" if task == "classification" else "rmse"
    started = time.monotonic()
    model.fit(train, y, task=task, metric=metric, time_budget=seconds, n_jobs=1, seed=seed, verbose=0)
    return model, time.monotonic() - started


def autogluon(train, y, test, task, seconds, seed, folder):
    import shutil

    from autogluon.tabular import TabularPredictor

    shutil.rmtree(folder / "autogluon", ignore_errors=True)
    metric = "log_loss" if task == "classification" else "root_mean_squared_error"
    train = train.assign(**{"the target": y.to_numpy()})
    problem = "regression" if task == "regression" else "binary" if y.nunique() == 2 else "multiclass"
    predictor = TabularPredictor("the target", problem_type=problem, eval_metric=metric, path=str(folder / "autogluon"), verbosity=0)
    started = time.monotonic()
    predictor.fit(train, presets="medium_quality", time_limit=seconds, num_cpus=1, num_gpus=0)
    learned = time.monotonic() - started

    class Model:
        classes_ = predictor.class_labels

        def predict(self, rows):
            return predictor.predict(rows).to_numpy()

        def predict_proba(self, rows):
            return predictor.predict_proba(rows)[self.classes_].to_numpy()

    return Model(), learned


def main(peer, folder, target, task, seconds, seed):
    folder = Path(folder)
    train, test = (pd.read_csv(folder / f"{part}.csv", low_memory=False) for part in ["train", "test"])
    y = train.pop(target)
    test = test.drop(columns=target)
    if task == "classification":
        y = y.astype(str)
    model, learned = {"lightgbm": lightgbm, "flaml": flaml, "autogluon": autogluon}[peer](train, y, test, task, float(seconds), int(seed), folder)
    if task == "classification":
        labels = [str(label) for label in model.classes_]
        predictions = np.asarray(model.predict_proba(test), dtype=float)[:, np.argsort(labels)]
    else:
        predictions = np.asarray(model.predict(test), dtype=float).reshape(-1, 1)
    np.save(folder / f"{peer}.npy", predictions)
    print(json.dumps({"learned": learned}))


main(*sys.argv[1:])
