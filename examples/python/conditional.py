"""Parameters that exist under some choices only, in a number that is a parameter itself."""

import importlib
import os

optuna = importlib.import_module(os.environ.get("OPTUNA", "lightcrest"))
N_TRIALS = int(os.environ.get("N_TRIALS", "60"))


def objective(trial):
    layers = trial.suggest_int("layers", 1, 3)
    widths = [trial.suggest_int(f"width{i}", 4, 64, log=True) for i in range(layers)]
    optimizer = trial.suggest_categorical("optimizer", ["sgd", "adam"])
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    momentum = trial.suggest_float("momentum", 0.0, 0.95, step=0.05) if optimizer == "sgd" else 0.9
    return sum(abs(width - 16) for width in widths) / layers + abs(rate - 0.01) * 10 + abs(momentum - 0.9)


study = optuna.create_study()
study.enqueue_trial({"layers": 3, "optimizer": "sgd"})
study.optimize(objective, n_trials=N_TRIALS)
print(study.best_value, study.best_params)
