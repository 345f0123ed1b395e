"""Samplers of Lightcrest in studies of the real Optuna."""

import lightcrest.optuna
import optuna
import pytest


@pytest.fixture(autouse=True)
def quiet():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(optuna.logging.INFO)


def objective(trial):
    x = trial.suggest_float("x", -10, 10)
    n = trial.suggest_int("n", 0, 5)
    kind = trial.suggest_categorical("kind", ["good", "bad"])
    extra = trial.suggest_float("extra", 0.1, 1, log=True) if kind == "bad" else 0.0
    return (x - 2) ** 2 + abs(n - 3) + (kind == "bad") + extra


@pytest.mark.parametrize("name", ["GPSampler", "AutoSampler", "RandomSampler"])
def test_a_seed_gives_the_same_trials_and_the_minimum_is_found(name):
    found = []
    for seed in (1, 1, 2):
        study = optuna.create_study(sampler=getattr(lightcrest.optuna, name)(seed=seed))
        study.optimize(objective, n_trials=40)
        found.append([trial.params for trial in study.trials])
        if name != "RandomSampler":
            assert study.best_value < 0.5
    assert found[0] == found[1] != found[2]


def test_it_goes_on_where_another_sampler_was():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=30)
    before = study.best_value
    study.sampler = lightcrest.optuna.GPSampler(seed=0)
    study.optimize(objective, n_trials=15)
    assert study.best_value < min(before, 0.5)


def test_several_objectives_failures_pruned_trials_and_threads():
    study = optuna.create_study(directions=["minimize", "maximize"], sampler=lightcrest.optuna.Sampler("gp", seed=0))

    def pair(trial):
        x = trial.suggest_float("x", 0, 1)
        if trial.number == 4:
            return float("nan"), 0.0
        return x, x * (1 - x)

    study.optimize(pair, n_trials=24, n_jobs=2)
    assert len(study.trials) == 24 and all(trial.params["x"] <= 0.6 for trial in study.best_trials)
    single = optuna.create_study(sampler=lightcrest.optuna.GPSampler(seed=0))

    def pruned(trial):
        x = trial.suggest_float("x", 0, 1)
        trial.report(x, 1)
        if x > 0.5:
            raise optuna.TrialPruned
        return float("inf") if x < 0.1 else x

    single.enqueue_trial({"x": 5.0})
    with pytest.warns(UserWarning):
        single.optimize(pruned, n_trials=25)
    assert single.best_value < 0.2


@pytest.mark.parametrize("directions", [["minimize"], ["minimize", "minimize"]])
def test_infinite_values_count_as_the_worst(directions):
    study = optuna.create_study(directions=directions, sampler=lightcrest.optuna.GPSampler(seed=0))

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        value = float("inf") if x > 0.6 else (x - 0.3) ** 2
        return value if len(directions) == 1 else (value, 1 - x)

    study.optimize(objective, n_trials=25)
    late = [trial.params["x"] for trial in study.trials[10:]]
    assert sum(x > 0.6 for x in late) <= 5
    assert min(trial.values[0] for trial in study.trials) < 1e-3


def test_what_is_no_sampler_is_refused():
    with pytest.raises(ValueError, match="there is no sampler 'tree'"):
        lightcrest.optuna.Sampler("tree")
    assert repr(lightcrest.optuna.GPSampler(seed=3)) == "GPSampler(GPSampler(seed=3))"
