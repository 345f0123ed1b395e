"""What is known already: trials that are added, enqueued, and copied from another study."""

import importlib
import os

optuna = importlib.import_module(os.environ.get("OPTUNA", "lightcrest"))
N_TRIALS = int(os.environ.get("N_TRIALS", "40"))


def objective(trial):
    return (trial.suggest_float("x", -10, 10) - 2) ** 2


known = optuna.create_study()
known.add_trial(
    optuna.trial.create_trial(
        params={"x": 2.5},
        distributions={"x": optuna.distributions.FloatDistribution(-10, 10)},
        value=0.25,
    )
)
known.enqueue_trial({"x": 1.9}, user_attrs={"source": "a guess"})
known.enqueue_trial({"x": 1.9}, skip_if_exists=True)
known.optimize(objective, n_trials=N_TRIALS // 2)
study = optuna.create_study()
study.add_trials(known.trials)
study.optimize(objective, n_trials=N_TRIALS - N_TRIALS // 2)
fixed = objective(optuna.trial.FixedTrial({"x": 3}))
print(study.best_value, study.trials[1].user_attrs, fixed)
