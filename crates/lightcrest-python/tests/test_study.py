"""Studies from Python: what a user calls, and what comes back."""

import math
import threading

import lightcrest
import pytest
from lightcrest.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from lightcrest.trial import TrialState


def quadratic(trial):
    x = trial.suggest_float("x", -10, 10)
    n = trial.suggest_int("n", 0, 5)
    kind = trial.suggest_categorical("kind", ["good", "bad"])
    return (x - 2) ** 2 + abs(n - 3) + (kind == "bad")


def params(study):
    return [trial.params for trial in study.trials]


@pytest.mark.parametrize("sampler", ["random", "gp", "auto"])
def test_optimize_finds_the_minimum_and_a_seed_gives_the_same_trials(sampler):
    study = lightcrest.create_study(sampler=sampler, seed=1)
    study.optimize(quadratic, n_trials=40)
    assert len(study.trials) == 40
    assert study.best_value == min(trial.value for trial in study.trials)
    assert study.best_params == study.best_trial.params
    assert study.best_value < (30 if sampler == "random" else 0.5)
    again = lightcrest.create_study(sampler=sampler, seed=1)
    again.optimize(quadratic, n_trials=40)
    assert params(again) == params(study)
    other = lightcrest.create_study(sampler=sampler, seed=2)
    other.optimize(quadratic, n_trials=1)
    assert params(other)[0] != params(study)[0]


class Alike:
    def __repr__(self):
        return "Alike"


@pytest.mark.filterwarnings("ignore:the choices of")
def test_choices_that_look_alike_are_told_apart():
    a, b, c, d = Alike(), Alike(), Alike(), Alike()
    study = lightcrest.create_study(sampler="random", seed=0)

    def objective(trial):
        x, y = trial.suggest_categorical("x", [a, b]), trial.suggest_categorical("y", [c, d])
        trial.set_user_attr("got", (x, y))
        return (x is a) + 2 * (y is c)

    study.optimize(objective, n_trials=20)
    for trial in study.trials:
        x, y = study._trials.frozen(trial.number).user_attrs["got"]
        params = study._trials.frozen(trial.number).params
        assert params["x"] is x and params["y"] is y
    best = study._trials.best().params
    assert best["x"] is b and best["y"] is d
    study.enqueue_trial({"x": b, "y": c})
    trial = study.ask()
    assert trial.suggest_categorical("x", [a, b]) is b and trial.suggest_categorical("y", [c, d]) is c


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_less_than_no_trials_are_none(n_jobs):
    study = lightcrest.create_study(sampler="random")
    for n_trials in (-1, 0, -5):
        study.optimize(quadratic, n_trials=n_trials, n_jobs=n_jobs)
    assert study.trials == []


def test_the_seed_of_a_sampler_is_that_of_the_study():
    def first(**options):
        study = lightcrest.create_study(**options)
        study.optimize(quadratic, n_trials=12)
        return params(study)

    samplers = lightcrest.samplers
    assert first(sampler=samplers.GPSampler(seed=3)) == first(sampler="gp", seed=3)
    assert first(sampler=samplers.AutoSampler(seed=3)) == first(seed=3)
    assert first() != first(), "without a seed, each study has its own"
    with pytest.raises(ValueError, match="the seed belongs to the sampler"):
        lightcrest.create_study(sampler=samplers.RandomSampler(seed=3), seed=4)
    with pytest.raises(ValueError, match="there is no sampler 'tree'"):
        lightcrest.create_study(sampler="tree")


def test_ask_and_tell():
    study = lightcrest.create_study(direction="maximize", sampler="random", seed=0)
    trial = study.ask()
    x = trial.suggest_float("x", 1e-3, 1.0, log=True)
    assert trial.suggest_float("x", 1e-3, 1.0, log=True) == x
    assert trial.suggest_int("n", 2, 9, step=3) in (2, 5, 8)
    half = trial.suggest_float("half", 0, 2, step=0.5)
    assert half * 2 == int(half * 2) and type(half) is float
    assert trial.number == 0 and list(trial.params) == ["x", "n", "half"]
    assert trial.distributions["n"] == IntDistribution(2, 9, step=3)
    assert study.trials[0].state is TrialState.RUNNING
    frozen = study.tell(trial, 0.5)
    assert (frozen.state, frozen.value, frozen.params["x"]) == (TrialState.COMPLETE, 0.5, x)
    assert frozen.distributions["x"] == FloatDistribution(1e-3, 1.0, log=True)
    assert frozen.duration.total_seconds() >= 0
    assert study.best_value == 0.5
    with pytest.raises(ValueError, match="cannot be told: it is COMPLETE"):
        study.tell(trial, 1.0)
    assert study.tell(0, 1.0, skip_if_finished=True).value == 0.5
    with pytest.raises(ValueError, match="trial 7 does not exist"):
        study.tell(7, 1.0)
    for late in (lambda: trial.suggest_float("y", 0, 1), lambda: trial.report(1.0, 1)):
        with pytest.raises(lightcrest.exceptions.UpdateFinishedTrialError, match="trial 0 is complete"):
            late()


def test_fixed_distributions_are_asked_for_at_once():
    study = lightcrest.create_study()
    fixed = {"x": FloatDistribution(0, 1), "c": CategoricalDistribution(["a", None])}
    assert list(study.ask(fixed).params) == ["x", "c"]
    space = lightcrest.Space().categorical("c", ["a", None]).int("n", 1, 3, when={"c": "a"})
    for _ in range(10):
        trial = study.ask(space)
        assert list(trial.params) == (["c", "n"] if trial.params["c"] == "a" else ["c"])
    with pytest.raises(TypeError, match="a dict of distributions or a Space is needed"):
        study.ask(3)


def test_the_choice_is_the_object_of_the_list():
    class Text(str):
        pass

    choices = [None, True, 7, 2.5, Text("sgd")]
    study = lightcrest.create_study(sampler="random", seed=0)
    seen = set()
    for _ in range(60):
        trial = study.ask()
        seen.add(id(trial.suggest_categorical("c", choices)))
        study.tell(trial, 0.0)
    assert seen == {id(choice) for choice in choices}
    assert {type(value) for value in (trial.params["c"] for trial in study.trials)} == {type(None), bool, int, float, str}


def test_an_exception_comes_back_as_it_was():
    error = ZeroDivisionError("unchanged")

    def objective(trial):
        raise error

    study = lightcrest.create_study(sampler="random")
    with pytest.raises(ZeroDivisionError) as raised:
        study.optimize(objective, n_trials=10)
    assert raised.value is error


def test_telling_a_state():
    study = lightcrest.create_study()
    trial = study.ask()
    trial.report(3.0, 1)
    trial.report(2.0, 5)
    frozen = study.tell(trial, state=TrialState.PRUNED)
    assert (frozen.state, frozen.value, frozen.last_step) == (TrialState.PRUNED, 2.0, 5)
    assert frozen.intermediate_values == {1: 3.0, 5: 2.0}
    for values, state, message in [
        (None, TrialState.COMPLETE, "the value None is not a number"),
        (1.0, TrialState.PRUNED, "has no values, but got 1.0"),
        (1.0, TrialState.RUNNING, "but not"),
        ([1.0, 2.0], TrialState.COMPLETE, "2 values were given"),
    ]:
        with pytest.raises(ValueError, match=message):
            study.tell(study.ask(), values, state)
    with pytest.warns(UserWarning, match="the value nan is not acceptable"):
        assert study.tell(study.ask(), math.nan).state is TrialState.FAIL


def test_pruners_stop_hopeless_trials():
    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        for step in range(10):
            trial.report(x, step)
            if trial.should_prune():
                raise lightcrest.TrialPruned
        return x

    pruners = lightcrest.pruners
    for pruner in (None, pruners.SuccessiveHalvingPruner(min_resource=1), pruners.MedianPruner(2, 1)):
        study = lightcrest.create_study(sampler="random", seed=0, pruner=pruner)
        study.optimize(objective, n_trials=40)
        states = [trial.state for trial in study.trials]
        assert 10 < states.count(TrialState.PRUNED) < 39
        assert study.best_trial.state is TrialState.COMPLETE
    study = lightcrest.create_study(sampler="random", pruner=pruners.NopPruner())
    study.optimize(objective, n_trials=20)
    assert all(trial.state is TrialState.COMPLETE for trial in study.trials)
    with pytest.raises(ValueError, match="`reduction_factor` must be 2 or more, but got 1"):
        lightcrest.create_study(pruner=pruners.SuccessiveHalvingPruner(reduction_factor=1))


def test_several_objectives():
    study = lightcrest.create_study(directions=["minimize", "maximize"], seed=0)

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        return x, x * (1 - x)

    study.optimize(objective, n_trials=20)
    front = study.best_trials
    assert front and all(trial.params["x"] <= 0.5 + 0.05 for trial in front)
    for property in ("best_trial", "best_value", "direction"):
        with pytest.raises(RuntimeError, match="several objectives"):
            getattr(study, property)
    with pytest.raises(RuntimeError, match="use `values`"):
        study.trials[0].value


def test_timeout_callbacks_stop_and_threads():
    threads = set()
    gate = threading.Barrier(3)

    def objective(trial):
        if trial.number < 3:
            gate.wait(10)  # passes only if three trials run at once
        threads.add(threading.get_ident())
        return trial.suggest_float("x", 0, 1)

    seen = []

    def callback(study, trial):
        seen.append(trial.number)
        if len(seen) == 30:
            study.stop()

    study = lightcrest.create_study(sampler="random", seed=0)
    study.optimize(objective, n_jobs=3, callbacks=[callback])
    assert len(threads) == 3 and sorted(seen)[:30] == list(range(30)) and len(study.trials) <= 32
    assert len({trial.params["x"] for trial in study.trials}) == len(study.trials)
    study.optimize(objective, timeout=0)
    assert len(study.trials) <= 32

    def broken(trial):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        study.optimize(broken, n_trials=100, n_jobs=2)


def test_enqueued_trials_come_first():
    study = lightcrest.create_study()
    study.enqueue_trial({"x": 2, "kind": "good"}, user_attrs={"why": ["known", 1, None]})
    study.optimize(quadratic, n_trials=2)
    first = study.trials[0]
    assert first.params["x"] == 2.0 and first.params["kind"] == "good"
    assert first.user_attrs == {"why": ["known", 1, None]}
    study.enqueue_trial({"x": 2, "kind": "good"}, skip_if_exists=True)
    study.enqueue_trial(study.trials[1].params, skip_if_exists=True)
    assert len(study.trials) == 2
    study.enqueue_trial({"x": 11, "kind": "best"})
    with pytest.warns(UserWarning, match=r"the enqueued value 11 of parameter 'x' is out of the range"):
        with pytest.raises(ValueError, match='parameter `kind` must be one of "good", "bad", but got "best"'):
            study.optimize(quadratic, n_trials=1)
    assert study.trials[-1].params["x"] == 11.0


def test_added_trials_inform_the_sampler():
    study = lightcrest.create_study(sampler=lightcrest.samplers.GPSampler(seed=0, n_startup_trials=2))
    distributions = {"x": FloatDistribution(-10, 10)}
    for i in range(20):
        x = i - 10.0
        trial = lightcrest.create_trial(params={"x": x}, distributions=distributions, value=(x - 2) ** 2, user_attrs={"i": i})
        study.add_trial(trial)
    assert study.best_params == {"x": 2.0} and study.best_trial.user_attrs == {"i": 12}
    assert abs(study.ask().suggest_float("x", -10, 10) - 2) < 2
    copy = lightcrest.create_study()
    copy.add_trials(study.trials[:20])
    assert params(copy) == params(study)[:20]
    with pytest.raises(ValueError, match="every parameter needs a value and a distribution, but y"):
        lightcrest.create_trial(params={"y": 1}, value=1.0)
    with pytest.raises(ValueError, match="the value 2.0 of parameter 'x' is out of the range"):
        study.add_trial(lightcrest.create_trial(params={"x": 2.0}, distributions={"x": FloatDistribution(0, 1)}, value=1.0))


def test_attributes():
    study = lightcrest.create_study()
    trial = study.ask()
    value = {"list": [1, 2.5, None, True, "ü"], "nested": {"deep": (1, 2)}, "big": 2**60}
    trial.set_user_attr("all", value)
    expected = {"all": value}
    assert trial.user_attrs == expected
    assert study.tell(trial, 1.0).user_attrs == expected
    odd = object()
    study.ask().set_user_attr("odd", odd)
    assert study.get_trials(deepcopy=False)[1].user_attrs["odd"] is odd, "in memory, anything goes"


def test_wrong_arguments_are_named():
    study = lightcrest.create_study()
    trial = study.ask()
    trial.suggest_categorical("c", ["a", "b"])
    trial.suggest_int("n", 1, 3)
    for call, message in [
        (lambda: trial.suggest_float("x", 2, 1), "parameter `x`: `low <= high` must hold, but got low = 2.0, high = 1.0"),
        (lambda: trial.suggest_float("x", 0, 1, log=True), "parameter `x`: a logarithmic scale needs `low > 0`"),
        (lambda: trial.suggest_float("x", 1, 2, log=True, step=0.5), r"parameter `x`: a step \(0.5\)"),
        (lambda: trial.suggest_int("i", 0, 1, step=0), "parameter `i`: `step > 0` must hold"),
        (lambda: trial.suggest_float("x", 0, math.inf), "parameter `x`: bounds must be finite"),
        (lambda: trial.suggest_categorical("d", []), "parameter `d`: at least one choice is needed"),
        (lambda: trial.suggest_categorical("c", ["a", "z"]), "parameter `c` was one of \"a\", \"b\", but is now asked for"),
        (lambda: trial.suggest_float("n", 1, 3), "parameter `n` was an int from 1 to 3, but is now asked for as a float"),
        (lambda: trial.report(1.0, -1), "`step` must be 0 or more, but got -1"),
        (lambda: lightcrest.create_study(direction="up"), "a direction must be 'minimize' or 'maximize', but got 'up'"),
        (lambda: lightcrest.create_study(direction="minimize", directions=["minimize"]), "cannot be given together"),
        (lambda: lightcrest.create_study(directions=[]), "at least one direction"),
        (lambda: FloatDistribution(1, 0), "`low <= high` must hold"),
        (lambda: study.best_trial, "no trial is complete yet"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    with pytest.raises(TypeError, match="parameter `t`: choices must be a list, but got 'abc'"):
        trial.suggest_categorical("t", "abc")


def test_overhead_is_small_where_it_counts():
    study = lightcrest.create_study(sampler="random")
    assert not hasattr(study.ask(), "__dict__"), "trials are the engine's own objects"
    assert study._prune is None and study._independent is None, "nothing of Python is called back"


def test_samplers_by_their_settings():
    samplers = lightcrest.samplers

    def best(sampler, n_trials=40):
        study = lightcrest.create_study(sampler=sampler)
        study.optimize(quadratic, n_trials=n_trials)
        return study

    tpe = samplers.TPESampler(seed=1, n_startup_trials=5, multivariate=True, constant_liar=True)
    assert best(tpe).best_value < 5
    assert params(best(samplers.QMCSampler(seed=1, scramble=True), 16)) == params(best(samplers.QMCSampler(seed=1, scramble=True), 16))
    with pytest.raises(ValueError, match="`qmc_type` must be 'sobol' or 'halton'"):
        samplers.QMCSampler(qmc_type="faure")
    with pytest.warns(FutureWarning, match="has its own, and ignores the argument"):
        samplers.TPESampler(gamma=lambda n: 1)
    fixed = best(samplers.PartialFixedSampler({"x": 1.5, "kind": "bad"}, samplers.GPSampler(seed=0)), 15)
    assert {(trial.params["x"], trial.params["kind"]) for trial in fixed.trials} == {(1.5, "bad")}
    assert len({trial.params["n"] for trial in fixed.trials}) > 1


def test_evolutionary_samplers():
    samplers = lightcrest.samplers

    def pair(trial):
        x, n = trial.suggest_float("x", 0, 4), trial.suggest_int("n", 0, 3)
        return x**2 + n, (x - 2) ** 2 + n

    for kind in (samplers.NSGAIISampler, samplers.NSGAIIISampler):
        sampler = kind(population_size=8, crossover=samplers.nsgaii.SBXCrossover(), seed=0)
        study = lightcrest.create_study(directions=["minimize"] * 2, sampler=sampler)
        study.optimize(pair, n_trials=80)
        late = [trial.params["n"] for trial in study.trials[40:]]
        assert sum(late) / len(late) < 1, "later generations have learnt that n costs"
        with pytest.raises(ValueError, match="`population_size` must be at least 2"):
            kind(population_size=1)
    study = lightcrest.create_study(sampler=samplers.CmaEsSampler(seed=0, sigma0=0.3, popsize=6))
    study.optimize(lambda trial: sum((trial.suggest_float(name, -5, 5) - 1) ** 2 for name in "xyz"), n_trials=120)
    assert study.best_value < 0.5
    with pytest.warns(lightcrest.exceptions.ExperimentalWarning, match="`lr_adapt`"):
        samplers.CmaEsSampler(lr_adapt=True)


@pytest.mark.filterwarnings("ignore::lightcrest.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("variant", [{}, {"use_separable_cma": True}, {"with_margin": True}, {"lr_adapt": True}, {"source": True}])
def test_variants_of_cma_find_the_minimum(variant):
    def objective(trial):
        return (trial.suggest_float("x", -5, 5) - 1) ** 2 + abs(trial.suggest_int("n", 0, 20, step=2) - 6)

    if variant.pop("source", False):
        earlier = lightcrest.create_study(sampler="random", seed=1)
        earlier.optimize(objective, n_trials=100)
        variant["source_trials"] = earlier.trials
    study = lightcrest.create_study(sampler=lightcrest.samplers.CmaEsSampler(seed=0, **variant))
    study.optimize(objective, n_trials=100)
    assert study.best_value < 0.5 and study.best_params["n"] == 6
    if "source_trials" in variant:
        assert study.trials[1].value < 30
        with pytest.raises(ValueError, match="lack parameters"):
            other = lightcrest.create_study(sampler=lightcrest.samplers.CmaEsSampler(seed=0, **variant))
            other.optimize(lambda trial: trial.suggest_float("y", 0, 1), n_trials=3)


def test_a_constraints_func_is_asked_at_the_end():
    def constrained(trial):
        return (trial.user_attrs["excess"], -1)

    study = lightcrest.create_study(sampler=lightcrest.samplers.TPESampler(constraints_func=constrained))

    def objective(trial):
        trial.set_user_attr("excess", 1 - trial.number)
        return trial.number

    study.optimize(objective, n_trials=4)
    assert study.best_value == 1 and study.trials[0].constraints == {"0": 1.0, "1": -1.0}


def test_everything_is_tried_once_and_then_it_ends():
    def objective(trial):
        kind = trial.suggest_categorical("kind", ["a", "b"])
        n = trial.suggest_int("n", 0, 2) if kind == "a" else 0
        return n

    study = lightcrest.create_study(sampler=lightcrest.samplers.BruteForceSampler(seed=0))
    study.optimize(objective, n_trials=100)
    assert len(study.trials) == 4 and len({str(trial.params) for trial in study.trials}) == 4
    grid = lightcrest.samplers.GridSampler({"kind": ["a", "b"], "n": [0, 2]}, seed=0)
    study = lightcrest.create_study(sampler=grid)
    study.optimize(objective, n_trials=2)
    study.optimize(objective, n_trials=100)
    assert len(study.trials) == 4 and grid.is_exhausted(study)
    study.sampler = lightcrest.samplers.GridSampler({"n": [1]})
    with pytest.raises(ValueError, match="parameter 'kind' is not in the grid"):
        study.optimize(objective, n_trials=1)
