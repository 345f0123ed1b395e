"""Which classifier, and with what: a search in scikit-learn."""

import importlib
import os

optuna = importlib.import_module(os.environ.get("OPTUNA", "lightcrest"))
N_TRIALS = int(os.environ.get("N_TRIALS", "40"))
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier

features, classes = load_iris(return_X_y=True)


def objective(trial):
    name = trial.suggest_categorical("classifier", ["logistic", "tree"])
    if name == "logistic":
        model = LogisticRegression(C=trial.suggest_float("C", 1e-4, 1e2, log=True), max_iter=200)
    else:
        depth = trial.suggest_int("max_depth", 1, 16, log=True)
        model = DecisionTreeClassifier(max_depth=depth, random_state=0)
    return cross_val_score(model, features, classes, cv=3).mean()


study = optuna.create_study(direction="maximize")
study.optimize(objective, n_trials=N_TRIALS)
print(f"accuracy {study.best_value:.3f} with {study.best_params}")
