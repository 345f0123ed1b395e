"""Trials as a table of pandas, and which parameters matter."""

import importlib
import os

optuna = importlib.import_module(os.environ.get("OPTUNA", "lightcrest"))
N_TRIALS = int(os.environ.get("N_TRIALS", "40"))


def objective(trial):
    trial.set_user_attr("half", trial.number / 2)
    x = trial.suggest_float("x", 0, 1)
    idle = trial.suggest_float("idle", 0, 1)
    return (x - 0.3) ** 2 + 1e-6 * idle


study = optuna.create_study()
study.optimize(objective, n_trials=N_TRIALS)
table = study.trials_dataframe(attrs=("number", "value", "params", "user_attrs", "state"))
print(table.sort_values("value").head())
importances = optuna.importance.get_param_importances(study)
print(importances)
