"""Running and waiting trials are the same under both packages: reports, values given from outside, other processes."""

import concurrent.futures
import multiprocessing
import pickle
import tempfile
import warnings

import lightcrest
import numpy
import optuna as peer
import pytest

from test_like_optuna import NAN, quiet, random_study, told  # noqa: F401: the fixture applies here too


def reports(optuna):
    values = [1, "2.5", numpy.float32(1.5), numpy.array(2.0), True, [1.0], (1.0,), [], numpy.array([1.0, 2.0]), "x", None, 1j]
    steps = [0, "10", " 7 ", 2.7, numpy.int64(3), True, "a", "1.5", None, [1], NAN, -1, "-1"]
    trial = random_study(optuna).ask()
    seen = [told(lambda value=value, step=step: trial.report(value, step)) for step, value in enumerate(values, 100)]
    seen += [told(lambda step=step: trial.report(1.0, step)) for step in steps]
    return seen, sorted(trial.study.trials[0].intermediate_values.items())


ASKS = [
    lambda trial: trial.suggest_float("x", 0, 1), lambda trial: trial.suggest_float("x", 0.1, 1, log=True),
    lambda trial: trial.suggest_float("x", 0, 1, step=0.25), lambda trial: trial.suggest_float("x", 1, 1),
    lambda trial: trial.suggest_int("x", 0, 5), lambda trial: trial.suggest_int("x", 1, 9, log=True),
    lambda trial: trial.suggest_int("x", 0, 6, step=2), lambda trial: trial.suggest_int("x", 3, 3),
    lambda trial: trial.suggest_categorical("x", ["a", "b", 1, None]), lambda trial: trial.suggest_categorical("x", ["a"]),
]
VALUES = [5, 1.0, 1.5, -1, 0, -0.5, NAN, "a", "z", None, True, [1], 3, 3.0]


def given(study, ask):
    """The outcome of asking twice, and what is kept."""
    trial = study.ask()
    seen = told(lambda: ask(trial) == ask(trial) if isinstance(ask(trial), str) else float(ask(trial)))
    return seen, study.tell(trial, 1.0).params


def enqueued_values(optuna):
    seen = []
    for ask in ASKS:
        for value in VALUES:
            study = random_study(optuna)
            study.enqueue_trial({"x": value})
            seen.append(given(study, ask))
    return seen


def enqueued_again(optuna):
    study = random_study(optuna)
    for value in (NAN, 0.0, NAN, 0.0, 0, 1e-9, 0.5, 0.500001, True):
        study.enqueue_trial({"x": value}, skip_if_exists=True)
    return len(study.trials)


def fixed_values(optuna):
    seen = []
    for ask in ASKS:
        for value in VALUES:
            sampler, _ = told(lambda: optuna.samplers.PartialFixedSampler({"x": value}, optuna.samplers.RandomSampler(seed=0)))
            seen.append(given(optuna.create_study(sampler=sampler), ask))
    return seen


def waiting_trials(optuna):
    distributions = {
        "x": optuna.distributions.FloatDistribution(0, 1), "c": optuna.distributions.CategoricalDistribution(["a", None, 2.5]),
        "n": optuna.distributions.IntDistribution(1, 9, log=True),
    }
    params = {"x": 0.25, "c": 2.5, "n": 3}
    seen = []
    for storage in (None, "file"):
        with tempfile.TemporaryDirectory() as folder:
            study = random_study(optuna, storage=storage and f"sqlite:///{folder}/a.db")
            state = optuna.trial.TrialState.WAITING
            study.add_trial(optuna.create_trial(state=state, params=params, distributions=distributions, user_attrs={"a": 1}))
            copy = random_study(optuna)
            copy.add_trials(study.trials)
            for one in (study, copy):
                waiting = one.trials[0]
                seen.append((waiting.state.name, waiting.params, sorted(waiting.distributions.items()), waiting.user_attrs, waiting.system_attrs))
                trial = one.ask()
                running = one.trials[0]
                seen.append((running.state.name, running.params, sorted(running.distributions.items()), running.system_attrs))
                seen.append((trial.suggest_float("x", 0, 1), trial.suggest_categorical("c", ["a", None, 2.5]), trial.suggest_int("n", 1, 9, log=True)))
                seen.append(sorted(one.tell(trial, 1.0).params.items()))
    return seen


def tell_again(trial):
    trial.report(3.0, 1)
    x = trial.suggest_float("x", 0, 1)
    y = trial.suggest_int("y", 0, 1)
    trial.study.tell(trial, x)
    return x, y


def other_processes(optuna):
    seen = []
    with tempfile.TemporaryDirectory() as folder:
        study = random_study(optuna, study_name="s", storage=f"sqlite:///{folder}/a.db")
        trial = study.ask()
        x = trial.suggest_float("x", 0, 1)
        context = multiprocessing.get_context("spawn")
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            there, y = pool.submit(tell_again, trial).result()
        told_there = study.trials[0]
        seen.append((there == x, told_there.value == x, told_there.params == {"x": x, "y": y}, told_there.intermediate_values))
        again = pickle.loads(pickle.dumps(study.ask()))
        seen.append((again.number, again.study.study_name, again.study.tell(again, 1.0).value, len(study.trials)))
    return seen


SCENARIOS = [reports, enqueued_values, enqueued_again, fixed_values, waiting_trials, other_processes]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_both_packages_tell_the_same(scenario):
    assert str(scenario(lightcrest)) == str(scenario(peer))


def test_a_stray_value_is_warned_of_once():
    study = random_study(lightcrest)
    study.enqueue_trial({"x": 1.5})
    first, second = study.ask(), study.ask()
    with pytest.warns(UserWarning, match=r"the enqueued value 1.5 of parameter 'x' is out of the range"):
        assert first.suggest_int("x", 0, 5) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert first.suggest_int("x", 0, 5) == 1
        assert 0 <= second.suggest_int("x", 0, 5) <= 5


def test_trials_in_memory_stay_in_the_process():
    trial = lightcrest.create_study().ask()
    with pytest.raises(TypeError, match="a trial of a study in memory cannot be pickled"):
        pickle.dumps(trial)


def test_what_was_proposed_together_and_where_a_study_lives():
    class Fixed(lightcrest.samplers.RandomSampler):
        def infer_relative_search_space(self, study, trial):
            return {"x": lightcrest.distributions.FloatDistribution(0, 1)}

        def sample_relative(self, study, trial, search_space):
            return {"x": 0.5}

    study = lightcrest.create_study(sampler=Fixed())
    trial = study.ask()
    assert trial.relative_params == {"x": 0.5} and trial.suggest_float("x", 0, 1) == 0.5
    assert trial.storage is study._storage
    study = lightcrest.create_study(sampler=lightcrest.samplers.TPESampler(seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    trial = study.ask()
    assert trial.relative_params == {"x": trial.suggest_float("x", 0, 1)}


def test_old_distributions_are_taken_with_a_warning_that_says_where_to_read():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old = lightcrest.distributions.UniformDistribution(0, 1)
    with pytest.warns(FutureWarning, match="See https://github.com/optuna/optuna/issues/2941"):
        lightcrest.create_study().ask({"x": old})
    with pytest.warns(FutureWarning, match="See https://github.com/optuna/optuna/issues/2941"):
        lightcrest.create_trial(params={"x": 0.5}, distributions={"x": old}, value=1.0)
