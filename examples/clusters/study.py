"""What the examples of this folder optimise, and where the study lives: LIGHTCREST_STORAGE."""

import os

import lightcrest


def objective(trial):
    """Runs where the engine likes; pruning works as on one machine."""
    x = trial.suggest_float("x", -10, 10)
    rate = trial.suggest_float("rate", 1e-3, 1, log=True)
    loss = 100.0
    for step in range(10):
        loss += rate * ((x - 2) ** 2 - loss)
        trial.report(loss, step)
        if trial.should_prune():
            raise lightcrest.TrialPruned
    return loss


def study():
    """The study, made by whoever comes first."""
    return lightcrest.create_study(
        study_name="clusters", storage=os.environ["LIGHTCREST_STORAGE"], load_if_exists=True
    )
