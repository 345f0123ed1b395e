"""Figures of a study, as plotly makes them."""

import importlib
import os

optuna = importlib.import_module(os.environ.get("OPTUNA", "lightcrest"))
N_TRIALS = int(os.environ.get("N_TRIALS", "30"))


def objective(trial):
    x = trial.suggest_float("x", -5, 5)
    rate = trial.suggest_float("rate", 1e-5, 1e-1, log=True)
    kind = trial.suggest_categorical("kind", ["a", "b"])
    for step in range(5):
        trial.report(x**2 + step, step)
    return x**2 + rate + (kind == "b")


study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
study.optimize(objective, n_trials=N_TRIALS)
plots = optuna.visualization
figures = {
    "optimization_history": plots.plot_optimization_history(study),
    "intermediate_values": plots.plot_intermediate_values(study),
    "parallel_coordinate": plots.plot_parallel_coordinate(study),
    "contour": plots.plot_contour(study, params=["x", "rate"]),
    "slice": plots.plot_slice(study),
    "param_importances": plots.plot_param_importances(study),
    "edf": plots.plot_edf(study),
    "rank": plots.plot_rank(study),
    "timeline": plots.plot_timeline(study),
}
for name, figure in figures.items():
    print(f"{name}: {len(figure.data)} traces, titled {figure.layout.title.text!r}")
