"""Values, bounds, steps and lists of a size that no one wishes for."""

from __future__ import annotations

import math
import random
import sys
import warnings
from decimal import Decimal

import pytest

import lightcrest
from lightcrest.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
    json_to_distribution,
)

INF = math.inf
SAMPLERS = lightcrest.samplers
MAKERS = [
    None,
    lambda: SAMPLERS.GPSampler(seed=1),
    lambda: SAMPLERS.TPESampler(seed=1),
    lambda: SAMPLERS.RandomSampler(seed=1),
    lambda: SAMPLERS.NSGAIISampler(seed=1, population_size=4),
    lambda: SAMPLERS.QMCSampler(seed=1),
]


@pytest.mark.parametrize("make", MAKERS)
def test_infinite_values_end_no_run(make):
    def first_ones(trial):
        x = trial.suggest_float("x", 0, 1)
        return INF if trial.number < 12 else x

    for objective in (first_ones, lambda trial: trial.suggest_float("x", 0, 1) * 0 + INF):
        study = lightcrest.create_study(sampler=make and make())
        study.optimize(objective, n_trials=16)
        assert len(study.trials) == 16 and study.trials[-1].state.name == "COMPLETE"
    study = lightcrest.create_study(directions=["minimize", "maximize"], sampler=make and make())
    study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), -INF), n_trials=16)
    assert all(trial.values[1] == -INF for trial in study.trials)


@pytest.mark.parametrize("make", MAKERS)
def test_whole_numbers_of_64_bits_are_exact(make):
    low, high = -(2**63), 2**63 - 1
    study = lightcrest.create_study(sampler=make and make())
    study.enqueue_trial({"any": 2**62 + 1, "last": high})

    def objective(trial):
        any_, last = trial.suggest_int("any", low, high), trial.suggest_int("last", high - 9, high)
        stepped, scale = trial.suggest_int("s", 0, high, step=7), trial.suggest_int("l", 1, high, log=True)
        assert low <= any_ <= high and high - 9 <= last <= high and stepped % 7 == 0 and 1 <= scale <= high
        return math.log(scale)

    study.optimize(objective, n_trials=14)
    assert (study.trials[0].params["any"], study.trials[0].params["last"]) == (2**62 + 1, high)
    other = lightcrest.create_study()
    for trial in study.trials:
        other.add_trial(trial)
    assert [trial.params for trial in other.trials] == [trial.params for trial in study.trials]
    assert not IntDistribution(low, high - 1)._contains(IntDistribution(low, high).to_internal_repr(high))


def test_whole_numbers_beyond_are_refused_by_name():
    trial = lightcrest.create_study().ask()
    for low, high in ((0, 2**63), (-(2**63) - 1, 0), (0, 1e300)):
        with pytest.raises(ValueError, match=r"from -2\^63 to 2\^63 - 1, but got"):
            trial.suggest_int("x", low, high)
    with pytest.raises(ValueError, match=r"from -2\^63 to 2\^63 - 1, but got"):
        lightcrest.Space().int("x", 0, 2**64)


def lowered(low, high, step):
    """What Optuna makes of `high`."""
    first, last, width = (Decimal(str(number)) for number in (low, high, step))
    rest = (last - first) % width
    return high if rest == 0 else float((last - first) // width * width + first)


@pytest.mark.parametrize("seed", range(60))
def test_a_trial_never_contradicts_its_distribution(seed):
    rng = random.Random(seed)
    step = rng.choice([math.pi / 2, 1 / 3, 0.1, rng.uniform(0.01, 2)])
    low = rng.choice([-math.pi / 4, 0.0, rng.uniform(-5, 5)])
    high = low + rng.randint(1, 12) * step + rng.choice([0, rng.uniform(0, step)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = lightcrest.create_study(sampler=SAMPLERS.RandomSampler(seed=seed))
        study.enqueue_trial({"x": high})
        study.optimize(lambda trial: trial.suggest_float("x", low, high, step=step), n_trials=20)
        space = lightcrest.Space().float("x", low, high, step=step)
        declared = lightcrest.create_study(space=space)
        declared.optimize(lambda trial: trial.suggest_float("x", low, high, step=step), n_trials=3)
    for trial in study.trials[1:] + declared.trials:
        distribution = trial.distributions["x"]
        assert distribution.high == lowered(low, high, step)
        assert distribution._contains(trial.params["x"])
        assert json_to_distribution(distribution_to_json(distribution)) == distribution
        lightcrest.create_study().add_trial(trial)


def test_a_long_list_of_choices_is_one_of_its_values():
    choices = [f"word {i}" for i in range(20_000)] + list(range(20_000)) + [i + 0.5 for i in range(20_000)]
    study = lightcrest.create_study(sampler=SAMPLERS.TPESampler(seed=1, n_startup_trials=2))
    study.enqueue_trial({"x": 19_999})
    study.optimize(lambda trial: float(choices.index(trial.suggest_categorical("x", choices))), n_trials=6)
    assert study.trials[0].params["x"] == 19_999
    assert CategoricalDistribution(choices).to_internal_repr(19_999.5) == len(choices) - 1
    space = lightcrest.Space().categorical("x", choices)
    assert space.sample(1)["x"] in choices


@pytest.mark.parametrize("penalty", [1e15, sys.float_info.max])
def test_importance_looks_past_one_penalty(penalty):
    study = lightcrest.create_study(sampler=SAMPLERS.RandomSampler(seed=3))

    def objective(trial):
        x, _ = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return penalty if trial.number == 5 else x

    study.optimize(objective, n_trials=40)
    found = lightcrest.importance.get_param_importances(
        study, evaluator=lightcrest.importance.FanovaImportanceEvaluator(seed=0)
    )
    assert found["x"] > 2 * found["y"]
