"""Threads and a database: several workers on one study, which is found again afterwards."""

import importlib
import os

optuna = importlib.import_module(os.environ.get("OPTUNA", "lightcrest"))
N_TRIALS = int(os.environ.get("N_TRIALS", "40"))
import tempfile


def objective(trial):
    x = trial.suggest_float("x", -10, 10)
    return x**2


folder = tempfile.TemporaryDirectory()
storage = f"sqlite:///{folder.name}/study.db"
study = optuna.create_study(study_name="shared", storage=storage, load_if_exists=True)
study.optimize(objective, n_trials=N_TRIALS // 2, n_jobs=2)
again = optuna.load_study(study_name="shared", storage=storage)
again.optimize(objective, n_trials=N_TRIALS - N_TRIALS // 2)
study = optuna.create_study(study_name="shared", storage=storage, load_if_exists=True)
print(len(study.trials), optuna.get_all_study_names(storage), study.best_value)
