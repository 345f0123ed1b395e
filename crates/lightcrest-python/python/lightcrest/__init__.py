"""Lightcrest: finds the configuration of anything that is both good and light.

    import lightcrest

    def objective(trial):
        x = trial.suggest_float("x", -10, 10)
        return (x - 2) ** 2

    study = lightcrest.create_study()
    study.optimize(objective, n_trials=100)
    print(study.best_params)

The engine is written in Rust; the names are those that users of Optuna know.
"""

from __future__ import annotations

from lightcrest import distributions, exceptions, pruners, samplers, study, trial
from lightcrest._engine import Space
from lightcrest.exceptions import TrialPruned
from lightcrest.study import Study, create_study
from lightcrest.trial import FrozenTrial, Trial, create_trial

__all__ = [
    "FrozenTrial",
    "Space",
    "Study",
    "Trial",
    "TrialPruned",
    "create_study",
    "create_trial",
    "distributions",
    "exceptions",
    "pruners",
    "samplers",
    "study",
    "trial",
]
