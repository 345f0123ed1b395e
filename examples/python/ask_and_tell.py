"""A loop of one's own: trials are asked for and told, in batches, some without a value."""

import importlib
import os

optuna = importlib.import_module(os.environ.get("OPTUNA", "lightcrest"))
N_TRIALS = int(os.environ.get("N_TRIALS", "30"))
import math

study = optuna.create_study(direction="maximize")
distributions = {
    "x": optuna.distributions.FloatDistribution(-5, 5),
    "n": optuna.distributions.IntDistribution(1, 9, step=2),
}
for batch in range(N_TRIALS // 3):
    trials = [study.ask(distributions) for _ in range(3)]
    for trial in trials:
        x, n = trial.params["x"], trial.params["n"]
        trial.report(math.cos(x), step=1)
        if x < -4:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        elif n == 9:
            study.tell(trial.number, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, math.cos(x) / n)
study.tell(study.trials[0].number, 1.0, skip_if_finished=True)
print(f"best {study.best_value:.3f} of {len(study.trials)} trials")
