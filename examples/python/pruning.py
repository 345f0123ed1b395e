"""Trials that report as they go, and are stopped when they fall behind."""

import importlib
import os

optuna = importlib.import_module(os.environ.get("OPTUNA", "lightcrest"))
N_TRIALS = int(os.environ.get("N_TRIALS", "40"))
from sklearn.datasets import load_iris
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split

STEPS = 30
x_train, x_valid, y_train, y_valid = train_test_split(*load_iris(return_X_y=True), random_state=0)


def objective(trial):
    model = SGDClassifier(alpha=trial.suggest_float("alpha", 1e-5, 1e1, log=True), random_state=0)
    for step in range(STEPS):
        model.partial_fit(x_train, y_train, classes=[0, 1, 2])
        trial.report(model.score(x_valid, y_valid), step)
        if trial.should_prune():
            raise optuna.TrialPruned()
    return model.score(x_valid, y_valid)


pruner = optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=5)
study = optuna.create_study(direction="maximize", pruner=pruner, sampler=optuna.samplers.RandomSampler(seed=1))
study.optimize(objective, n_trials=N_TRIALS)
pruned = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.PRUNED])
complete = study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE])
print(f"{len(pruned)} trials were stopped early, {len(complete)} ran to their end; the best: {study.best_value:.3f}")
