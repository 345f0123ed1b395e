"""Callbacks: keep the best artefact, stop when enough trials are complete."""

import importlib
import os

optuna = importlib.import_module(os.environ.get("OPTUNA", "lightcrest"))
N_TRIALS = int(os.environ.get("N_TRIALS", "50"))


def objective(trial):
    x = trial.suggest_float("x", -1, 1)
    trial.set_user_attr("model", {"weights": [x, x**2]})
    if x < -0.8:
        raise ValueError("diverged")
    return x**2


def keep_the_best(study, trial):
    if study.best_trial.number == trial.number:
        study.set_user_attr("best model", trial.user_attrs["model"])


study = optuna.create_study()
study.enqueue_trial({"x": 0.9})
enough = optuna.study.MaxTrialsCallback(N_TRIALS // 2, states=(optuna.trial.TrialState.COMPLETE,))
study.optimize(objective, n_trials=4 * N_TRIALS, catch=(ValueError,), callbacks=[keep_the_best, enough])
print(len(study.trials), study.user_attrs)
