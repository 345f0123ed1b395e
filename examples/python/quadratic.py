"""The least of a parabola, a penalty and a choice."""

import importlib
import os

optuna = importlib.import_module(os.environ.get("OPTUNA", "lightcrest"))
N_TRIALS = int(os.environ.get("N_TRIALS", "100"))


def objective(trial):
    x = trial.suggest_float("x", -10, 10)
    y = trial.suggest_int("y", -5, 5)
    kind = trial.suggest_categorical("kind", ["plain", "shifted"])
    return (x - 2) ** 2 + abs(y) + (kind == "shifted")


study = optuna.create_study(direction="minimize")
study.optimize(objective, n_trials=N_TRIALS)
print(f"best value {study.best_value:.4f} with {study.best_params} in trial {study.best_trial.number}")
