"""Accurate and light: the front of two objectives, under a constraint."""

import importlib
import os

optuna = importlib.import_module(os.environ.get("OPTUNA", "lightcrest"))
N_TRIALS = int(os.environ.get("N_TRIALS", "60"))


def objective(trial):
    x = trial.suggest_float("x", 0, 5)
    y = trial.suggest_float("y", 0, 3)
    trial.set_constraint("inside", (x - 5) ** 2 + y**2 - 25)
    return 4 * x**2 + 4 * y**2, (x - 5) ** 2 + (y - 5) ** 2


study = optuna.create_study(directions=["minimize", "minimize"])
study.set_metric_names(["weight", "error"])
study.optimize(objective, n_trials=N_TRIALS)
for trial in sorted(study.best_trials, key=lambda trial: trial.values[0]):
    print(trial.number, [round(value, 2) for value in trial.values], trial.params)
