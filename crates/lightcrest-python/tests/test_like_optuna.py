"""Scripts that were written for Optuna see the same here: each scenario runs under both packages and must tell the same.

A scenario tells what a user would notice: states, values, types of exceptions and warnings, never words or random numbers.
"""

import contextlib
import datetime
import io
import logging
import math
import threading
import warnings

import lightcrest
import numpy
import optuna as peer
import pytest

NAN, INF = float("nan"), float("inf")


@pytest.fixture(autouse=True)
def quiet():
    for package in (lightcrest, peer):
        package.logging.set_verbosity(package.logging.ERROR)
    yield
    for package in (lightcrest, peer):
        package.logging.set_verbosity(package.logging.INFO)


def told(call):
    """What a call gives or raises, by type, and the categories of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            outcome = call()
        except BaseException as error:  # noqa: BLE001: also KeyboardInterrupt
            kinds = (TypeError, ValueError, RuntimeError, KeyError, NotImplementedError, FileExistsError)
            outcome = next((kind.__name__ for kind in kinds if type(error) is kind), type(error).__name__)
    categories = [warning.category.__name__ for warning in caught if warning.category.__name__ != "ExperimentalWarning"]
    return (outcome, categories)


def trials(study):
    return [
        (trial.number, trial.state.name, trial.values, trial.params, dict(trial.intermediate_values), trial.user_attrs)
        for trial in study.trials
    ]


def states(study):
    return [trial.state.name for trial in study.trials]


def random_study(optuna, **options):
    return optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), **options)


def what_objectives_return(optuna):
    results = [1, 2.5, True, NAN, None, INF, -INF, "x", [1.0], (2.0,), [1.0, 2.0], [], [None], {}, {1.0}, range(1), 1j]
    results += [numpy.float32(1.5), numpy.array(2.0), numpy.array([2.0]), numpy.array([1.0, 2.0]), [numpy.int64(3)]]
    study = random_study(optuna, direction="maximize")
    seen = told(lambda: study.optimize(lambda trial: results[trial.number], n_trials=len(results)))
    return seen, states(study), [trial.values for trial in study.trials], study.best_value


def what_objectives_raise(optuna):
    class Odd(Exception):
        pass

    def objective(trial):
        trial.suggest_float("x", 0, 1)
        if trial.number == 1:
            raise Odd
        if trial.number == 2:
            raise optuna.TrialPruned
        if trial.number == 3:
            trial.report(4.0, 2)
            trial.report(5.0, 1)
            raise optuna.exceptions.TrialPruned("late")
        if trial.number == 4:
            trial.report(NAN, 1)
            raise optuna.TrialPruned
        if trial.number == 5:
            raise KeyboardInterrupt
        return 1.0

    study = random_study(optuna)
    seen = [
        told(lambda: study.optimize(objective, n_trials=3)),
        told(lambda: study.optimize(objective, n_trials=10, catch=(Odd,))),
        told(lambda: study.optimize(objective, n_trials=2, catch=[Odd])),
    ]
    return seen, states(study), [trial.values for trial in study.trials], sorted(study.trials[3].intermediate_values.items())


def telling(optuna):
    State = optuna.trial.TrialState
    seen = []
    for values, state in [
        (None, None), (NAN, None), ([1, 2], None), ("a", None), (1, None), ([2.0], None), (INF, None),
        (None, State.COMPLETE), (NAN, State.COMPLETE), ([1, 2], State.COMPLETE), (3, State.COMPLETE),
        (None, State.PRUNED), (1.0, State.PRUNED), (None, State.FAIL), (1.0, State.FAIL),
        (1.0, State.RUNNING), (None, State.WAITING),
    ]:
        study = random_study(optuna)
        trial = study.ask()
        outcome, categories = told(lambda: study.tell(trial, values, state))
        if isinstance(outcome, optuna.trial.FrozenTrial):
            outcome = (outcome.state.name, outcome.values, outcome.number)
        seen.append((outcome, categories, states(study)))
    study = random_study(optuna)
    trial = study.ask()
    trial.report(1.5, 3)
    study.tell(trial.number, state=State.PRUNED)
    seen += [
        study.trials[0].value,
        told(lambda: study.tell(trial, 1.0)),
        study.tell(trial, 1.0, skip_if_finished=True).values,
        told(lambda: study.tell(7, 1.0)),
        told(lambda: study.tell("0", 1.0)),
        told(lambda: trial.set_user_attr("late", 1)),
    ]
    study.enqueue_trial({"x": 1})
    seen.append(told(lambda: study.tell(1, 1.0)))
    return seen


def suggesting(optuna):
    study = random_study(optuna)
    trial = study.ask()
    seen = []
    x = trial.suggest_float("x", 0, 1)
    seen.append(told(lambda: trial.suggest_float("x", 0, 1) == x))
    seen.append(told(lambda: trial.suggest_float("x", 2, 3) == x))
    seen.append(told(lambda: trial.suggest_float("x", 1, 2, log=True)))
    seen.append(told(lambda: trial.suggest_int("x", 0, 1)))
    trial.suggest_categorical("c", ["a", "b"])
    seen.append(told(lambda: trial.suggest_categorical("c", ["a"])))
    seen.append(told(lambda: trial.suggest_categorical("c", ["a", "b"]) in "ab"))
    for low, high, options in [
        (1, 0, {}), (0, 1, {"log": True}), (1, 2, {"log": True, "step": 0.5}), (0, 1, {"step": 0}), (0, 0, {}),
        (0, 1, {"step": 0.3}), (0.0, 1.0, {"step": 0.25}), (-1, 1, {"step": 2}),
    ]:
        name = f"f{low}{high}{options}"
        seen.append(told(lambda: type(trial.suggest_float(name, low, high, **options)).__name__))
    for low, high, options in [
        (1, 0, {}), (0, 1, {"log": True}), (1, 8, {"log": True}), (1, 8, {"log": True, "step": 2}), (3, 3, {}),
        (0, 10, {"step": 3}), (0, 1, {"step": 0}), (1.0, 4.0, {}),
    ]:
        name = f"i{low}{high}{options}"
        seen.append(told(lambda: type(trial.suggest_int(name, low, high, **options)).__name__))
    seen.append(told(lambda: trial.suggest_categorical("none", [])))
    seen.append(told(lambda: trial.suggest_categorical("one", [None])))
    seen.append(told(lambda: trial.suggest_categorical("pair", [(1, 2)])))
    seen.append(told(lambda: math.isnan(trial.suggest_categorical("nan", [NAN]))))
    seen.append(told(lambda: type(trial.suggest_uniform("u", 0, 1)).__name__))
    seen.append(told(lambda: 1 <= trial.suggest_loguniform("l", 1, 2) <= 2))
    seen.append(told(lambda: trial.suggest_discrete_uniform("d", 0, 1, 0.5) in (0, 0.5, 1)))
    seen.append(sorted((name, str(found)) for name, found in trial.distributions.items() if name[0] not in "pn"))
    second = study.ask()
    seen.append(told(lambda: 5 <= second.suggest_float("x", 5, 6) <= 6))
    seen.append(told(lambda: second.suggest_categorical("c", ["a", "z"])))
    seen.append(told(lambda: second.suggest_int("c", 0, 1)))
    return seen


def reporting(optuna):
    study = random_study(optuna)
    trial = study.ask()
    calls = [
        (1.0, 3), (2, 1), (5.0, 3), (NAN, 4), (INF, 5), (1.0, -1), (None, 6), ("a", 7), (1.0, None), (1.0, 8.0), ([1], 9),
    ]
    seen = [told(lambda: trial.report(value, step)) for value, step in calls if not isinstance(value, list)]
    frozen = study.trials[0]
    return seen, sorted((step, str(value)) for step, value in frozen.intermediate_values.items()), frozen.last_step


def enqueueing(optuna):
    study = random_study(optuna)
    study.enqueue_trial({"x": 20, "c": "a"}, user_attrs={"why": [1, None]})
    study.enqueue_trial({"n": 3.0, "unused": 1})
    study.enqueue_trial({"c": "z"})
    study.enqueue_trial({"x": 0.5, "n": 7})
    waiting = [(trial.state.name, trial.params, trial.user_attrs) for trial in study.trials]

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        return x + trial.suggest_int("n", 0, 5) + (trial.suggest_categorical("c", ["a", "b"]) == "a")

    outcome = told(lambda: study.optimize(objective, n_trials=5, catch=ValueError))
    first, second, third, fourth, fifth = study.trials
    study.enqueue_trial(fourth.params, skip_if_exists=True)
    study.enqueue_trial({"x": 0.25}, skip_if_exists=True)
    study.enqueue_trial({"x": 0.25}, skip_if_exists=True)
    return (
        waiting,
        outcome,
        states(study),
        (first.params["x"], first.params["c"], first.user_attrs, first.system_attrs),
        (second.params["n"], type(second.params["n"]).__name__, sorted(second.params)),
        (fourth.params["x"], fourth.params["n"]),
        0 <= fifth.params["x"] <= 1,
        told(lambda: study.enqueue_trial([1])),
    )


def adding(optuna):
    create, State = optuna.trial.create_trial, optuna.trial.TrialState
    unit = optuna.distributions.FloatDistribution(0, 1)
    study = random_study(optuna)
    seen = [
        told(lambda: create(params={"x": 0.5}, value=1.0)),
        told(lambda: create(params={"x": 2.0}, distributions={"x": unit}, value=1.0)),
        told(lambda: create()),
        told(lambda: create(value=NAN)),
        told(lambda: create(value=1.0, values=[1.0])),
        told(lambda: create(state=State.FAIL, value=1.0)),
        told(lambda: study.add_trial(create(values=[1.0, 2.0]))),
    ]
    added = [
        create(params={"x": 0.5}, distributions={"x": unit}, value=1.0, user_attrs={"a": 1}, intermediate_values={2: 0.5}),
        create(state=State.PRUNED, intermediate_values={1: 3.0}),
        create(state=State.PRUNED, value=9.0),
        create(state=State.FAIL, params={"x": 0.25}, distributions={"x": unit}),
        create(state=State.RUNNING, params={"x": 0.75}, distributions={"x": unit}),
        create(state=State.WAITING, system_attrs={"fixed_params": {"x": 0.125}}),
        create(value=-1.0, constraints={"c": 1.0}),
    ]
    study.add_trials(added)
    trial = study.ask()
    x = trial.suggest_float("x", 0, 1)
    other = random_study(optuna)
    other.add_trials(study.trials)
    best = study.best_trial
    return (
        seen, states(study), [t.values for t in study.trials if t.state is not State.PRUNED], study.trials[2].values,
        (trial.number, x), (best.number, best.value, best.user_attrs, best.constraints), states(other),
        [t.params for t in other.trials], (added[0].number, added[0].duration.total_seconds(), added[5].datetime_start),
        study.trials[6].constraints, study.trials[6].system_attrs,
    )


def best_of_one(optuna):
    study = random_study(optuna)
    names = ("best_value", "best_params", "best_trial", "best_trials")
    empty = [told(lambda: getattr(study, name)) for name in names]
    study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), trial.number % 3)[1], n_trials=7)
    study.trials[0].user_attrs["changed"] = True
    best = study.best_trial
    tied = [trial.number for trial in study.best_trials]
    return empty, best.number, study.best_value, sorted(study.best_params), tied, study.trials[0].user_attrs, study.direction.name


def several_objectives(optuna):
    study = random_study(optuna, directions=["minimize", "maximize"])
    values = [(1, 1), (2, 2), (2, 1), (0, 0), (1, 1), (NAN, 1), 3.0, (1, 2, 3), numpy.array([1.0, 2.0]), [numpy.float32(1), 2]]
    outcome = told(lambda: study.optimize(lambda trial: values[trial.number], n_trials=len(values)))
    singles = [told(lambda: getattr(study, name)) for name in ("best_trial", "best_value", "best_params", "direction")]
    trial = study.ask()
    return (
        outcome, states(study), [t.number for t in study.best_trials], singles, [d.name for d in study.directions],
        told(lambda: study.trials[0].value), study.trials[0].values, told(lambda: study.tell(trial, 1.0))[1],
        told(lambda: study.set_metric_names(["one"])), told(lambda: study.set_metric_names(["a", "b"])), study.metric_names,
    )


def constraints(optuna):
    study = random_study(optuna)

    def objective(trial):
        trial.set_constraint("c", 3 - trial.number)
        return trial.number

    study.optimize(objective, n_trials=6)
    trial = study.ask()
    trial.set_constraint("a", 1)
    seen = [told(lambda: trial.set_constraint(key, value)) for key, value in [("a", 2), ("b", NAN), ("b", "x"), ("b", "1")]]
    many = random_study(optuna, directions=["minimize", "minimize"])

    def pair(trial):
        trial.set_constraint("c", 1.0 if trial.number < 2 else -1.0)
        return trial.number, 5 - trial.number

    many.optimize(pair, n_trials=4)
    return study.best_value, study.trials[2].constraints, seen, trial.constraints, [t.number for t in many.best_trials]


def constraints_by_the_sampler(optuna):
    def bounds(trial):
        if trial.number == 3:
            raise KeyError("x")
        return (trial.params["x"] - 2, -1.0)

    sampler = told(lambda: optuna.samplers.NSGAIISampler(seed=0, constraints_func=bounds))[0]
    study = optuna.create_study(sampler=sampler)

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        if trial.number == 1:
            raise optuna.TrialPruned
        return NAN if trial.number == 2 else x

    seen = told(lambda: study.optimize(objective, n_trials=5))
    listed = optuna.create_trial(value=1.0, system_attrs={"constraints": [1.5, -0.5], "constraints:a": 2.0})
    study.add_trial(listed)
    return (
        seen, states(study), [sorted(trial.constraints) for trial in study.trials[:3]],
        ["constraints" in trial.system_attrs for trial in study.trials[:3]], listed.constraints,
        study.trials[-1].constraints, study.trials[-1].system_attrs, study.best_trial.number,
    )


def controlling(optuna):
    study = random_study(optuna)
    seen = [told(study.stop)]

    def stopping(trial):
        if trial.number == 3:
            trial.study.stop()
        return 0.0

    study.optimize(stopping, n_trials=10)
    seen.append(len(study.trials))
    numbers = []
    study.optimize(lambda t: 1.0, n_trials=3, callbacks=[lambda s, t: numbers.append((t.number, t.state.name, s is study))])
    study.optimize(lambda t: 1.0, n_trials=5, callbacks=[lambda s, t: s.stop()])
    study.optimize(lambda t: 1.0, timeout=0)
    study.optimize(lambda t: 1.0, n_trials=0)
    seen += [numbers, len(study.trials)]
    enough = optuna.study.MaxTrialsCallback(12)
    study.optimize(lambda t: 1.0, n_trials=50, callbacks=[enough])
    seen.append(len(study.trials))
    seen.append(told(lambda: study.optimize(lambda t: study.optimize(lambda u: 0.0, n_trials=1) or 0.0, n_trials=1)))
    seen.append(told(lambda: study.optimize(lambda t: 0.0, n_trials=2, show_progress_bar=True))[0])
    seen.append(states(study)[-4:])
    study.optimize(lambda t: 0.0, n_trials=7, n_jobs=3, gc_after_trial=True)
    seen.append(len(study.trials))

    def broken(trial):
        raise ZeroDivisionError

    seen.append(told(lambda: study.optimize(broken, n_trials=4, n_jobs=2))[0])
    seen.append([told(lambda: study.optimize(broken, n_trials=1, n_jobs=n_jobs)) for n_jobs in (0, -2)])
    return seen


def progress(optuna):
    seen = []
    for options in ({"n_trials": 2}, {"timeout": 0.05}, {"n_trials": 2, "timeout": 60}):
        screen = io.StringIO()
        with contextlib.redirect_stderr(screen):
            outcome = told(lambda: random_study(optuna).optimize(lambda trial: 1.0, show_progress_bar=True, **options))
        shown = screen.getvalue()
        seen.append((outcome, "Best trial: 0. Best value: 1" in shown, "2/2" in shown, "/00:00" in shown, "/60 seconds" in shown))
    return seen


def attributes(optuna):
    study = random_study(optuna)
    model = threading.Lock()
    study.set_user_attr("model", model)
    study.set_user_attr("n", 1)
    trial = study.ask()
    trial.set_user_attr("model", model)
    trial.set_user_attr("n", {"a": (1, 2)})
    trial.set_user_attr("n", 2)
    live = dict(trial.user_attrs) if optuna is lightcrest else {"model": model, "n": 2}
    live_study = study.user_attrs if optuna is lightcrest else {"model": model, "n": 1}
    return live["model"] is model, live["n"], live_study["n"], sorted(live), sorted(live_study)


def frozen_trials(optuna):
    now = datetime.datetime(2026, 1, 2)
    frozen = optuna.trial.FrozenTrial(
        number=3, trial_id=3, state=optuna.trial.TrialState.COMPLETE, value=0.5, datetime_start=now,
        datetime_complete=now + datetime.timedelta(seconds=2), params={"x": 0.5},
        distributions={"x": optuna.distributions.FloatDistribution(0, 1)}, user_attrs={"a": 1}, system_attrs={},
        intermediate_values={1: 0.5, 5: 0.25},
    )
    fixed = optuna.trial.FixedTrial({"x": 2, "n": 3, "c": "a"}, number=4)
    seen = [
        repr(frozen), frozen.duration, frozen.last_step, frozen.value, frozen.values, frozen == frozen, frozen < frozen,
        told(lambda: frozen.suggest_float("x", 0, 1)), told(lambda: frozen.suggest_float("x", 0, 0.25)),
        told(lambda: frozen.suggest_float("y", 0, 1)), told(lambda: frozen.suggest_int("x", 0, 1)),
        frozen.should_prune(), frozen.report(1.0, 1),
        told(lambda: fixed.suggest_float("x", 0, 1)), fixed.suggest_int("n", 0, 5), fixed.suggest_categorical("c", ["a"]),
        told(lambda: fixed.suggest_categorical("c", ["b"])), fixed.params, fixed.number, sorted(fixed.distributions),
        told(lambda: fixed.suggest_float("z", 0, 1)), fixed.should_prune(),
        isinstance(frozen, optuna.trial.BaseTrial), isinstance(fixed, optuna.trial.BaseTrial),
        isinstance(random_study(optuna).ask(), optuna.trial.BaseTrial), isinstance(1, optuna.trial.BaseTrial),
    ]
    frozen.value = 2.0
    frozen.params = {}
    return seen, frozen.values, frozen.params, str(frozen.state), repr(frozen.state), str(optuna.study.StudyDirection.MINIMIZE)


def distributions(optuna):
    d = optuna.distributions
    made = [
        d.FloatDistribution(0, 1), d.FloatDistribution(1, 2, log=True), d.FloatDistribution(0, 1, step=0.25),
        d.IntDistribution(0, 5), d.IntDistribution(1, 8, log=True), d.IntDistribution(0, 9, step=3),
        d.CategoricalDistribution(("a", None, 1, 2.5, True)), d.CategoricalDistribution([NAN]),
    ]
    seen = [(repr(one), one.single(), d.json_to_distribution(d.distribution_to_json(one)) == one) for one in made]
    seen += [d.distribution_to_json(one) for one in made[:7]]
    seen += [d.json_to_distribution(text) for text in ()]
    seen.append([repr(d.json_to_distribution(text)) for text in (
        '{"type": "float", "low": 0, "high": 1}', '{"type": "int", "low": 0, "high": 4, "step": 2}',
        '{"type": "categorical", "choices": ["a", 1]}',
    )])
    seen.append(told(lambda: d.json_to_distribution('{"name": "Odd", "attributes": {}}')))
    seen.append(told(lambda: d.json_to_distribution('{"type": "odd", "low": 1, "high": 2}')))
    seen.append([[told(lambda: d.check_distribution_compatibility(a, b)) for a in made] for b in made])
    seen.append([made[6].to_internal_repr(x) for x in ("a", None, 2.5)])
    seen.append([told(lambda: made[6].to_internal_repr("z")), told(lambda: made[0].to_internal_repr("z"))])
    seen.append([made[6].to_external_repr(1), made[3].to_external_repr(2.0), made[0].to_external_repr(0.5)])
    seen.append([told(lambda: repr(kind(*numbers))) for kind, numbers in (
        (d.FloatDistribution, (0, 1, False, 0.3)), (d.IntDistribution, (0, 10, False, 3)), (d.IntDistribution, (0, 1, True)),
        (d.FloatDistribution, (1, 0)), (d.FloatDistribution, (1, 2, True, 0.1)), (d.CategoricalDistribution, ([],)),
        (d.UniformDistribution, (0, 1)), (d.LogUniformDistribution, (1, 2)), (d.DiscreteUniformDistribution, (0, 1, 0.5)),
        (d.IntUniformDistribution, (0, 4, 2)), (d.IntLogUniformDistribution, (1, 4)),
    )])
    seen.append([hash(a) == hash(b) for a, b in zip(made[:7], made[:7])])
    return seen


def old_distributions(optuna):
    d = optuna.distributions
    old = told(lambda: {"x": d.UniformDistribution(0, 1), "n": d.IntUniformDistribution(0, 4)})[0]
    study = random_study(optuna)
    seen = [
        told(lambda: optuna.create_trial(params={"x": 0.5, "n": 1}, distributions=old, value=1.0).distributions),
        told(lambda: study.ask(old).distributions),
    ]
    texts = (
        '{"type": "int", "low": 1, "high": 9, "step": 0}', '{"type": "int", "low": 1, "high": 9, "step": null}',
        '{"type": "float", "low": 1}', '{}',
    )
    return seen, [told(lambda: d.json_to_distribution(text)) for text in texts], len(d.DISTRIBUTION_CLASSES)


def making_studies(optuna):
    create = optuna.create_study
    storage = optuna.storages.InMemoryStorage()
    first = create(study_name="first", storage=storage, direction="maximize")
    first.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    first.set_user_attr("a", 1)
    seen = [
        told(lambda: create(direction="up")), told(lambda: create(directions=[])), told(lambda: create(direction=["minimize"])),
        told(lambda: create(direction="minimize", directions=["minimize"])),
        told(lambda: create(study_name="first", storage=storage)),
        len(create(study_name="first", storage=storage, load_if_exists=True).trials),
        told(lambda: optuna.load_study(study_name="none", storage=storage)),
        told(lambda: optuna.delete_study(study_name="none", storage=storage)),
        create().study_name.startswith("no-name-"),
    ]
    only = optuna.load_study(study_name=None, storage=storage)
    create(study_name="second", storage=storage, directions=["minimize", optuna.study.StudyDirection.MAXIMIZE])
    seen += [only.study_name, only.direction.name, told(lambda: optuna.load_study(study_name=None, storage=storage))]
    target = optuna.storages.InMemoryStorage()
    optuna.copy_study(from_study_name="first", from_storage=storage, to_storage=target, to_study_name="copy")
    copy = optuna.load_study(study_name="copy", storage=target)
    seen += [states(copy), copy.user_attrs, [a.params == b.params for a, b in zip(copy.trials, first.trials)]]
    summaries = optuna.get_all_study_summaries(storage)
    seen.append([(s.study_name, s.n_trials, [d.name for d in s.directions], s.user_attrs) for s in summaries])
    seen += [summaries[0].best_trial.value == first.best_value, summaries[1].best_trial, summaries[1].datetime_start]
    seen.append((summaries[0] <= summaries[1], summaries[1] < summaries[0], told(lambda: summaries[0] <= 1), summaries[0] == 1))
    optuna.delete_study(study_name="first", storage=storage)
    seen.append(optuna.get_all_study_names(storage))
    return seen


def storages(optuna):
    State, seen = optuna.trial.TrialState, []
    for storage in (optuna.storages.InMemoryStorage(), optuna.storages.RDBStorage("sqlite:///:memory:")):
        study = random_study(optuna, study_name="one", storage=storage)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
        study.ask()
        study.set_user_attr("a", 1)
        study.set_metric_names(["m"])
        random_study(optuna, study_name="two", storage=storage, directions=["minimize", "maximize"])
        one, two = (storage.get_study_id_from_name(name) for name in ("one", "two"))
        storage.set_study_user_attr(one, "b", [2])
        storage.set_study_system_attr(one, "c", 3)
        found = storage.get_all_studies()
        seen.append((
            storage.get_study_name_from_id(two), told(lambda: storage.get_study_id_from_name("no")),
            told(lambda: storage.get_study_name_from_id(99)), [d.name for d in storage.get_study_directions(two)],
            storage.get_study_user_attrs(one), sorted(storage.get_study_system_attrs(one)), study.user_attrs,
            [(f.study_name, f.user_attrs, [d.name for d in f.directions]) for f in found], found[0].direction.name,
            told(lambda: found[1].direction), len(storage.get_all_trials(one)), storage.get_n_trials(one),
            storage.get_n_trials(one, state=State.RUNNING), storage.get_n_trials(one, state=(State.COMPLETE, State.FAIL)),
            len(storage.get_all_trials(one, states=(State.COMPLETE,))), storage.get_best_trial(one) == study.best_trial,
            told(lambda: storage.get_all_trials(99)),
        ))
        new = storage.create_new_study([optuna.study.StudyDirection.MAXIMIZE], "new")
        seen.append((storage.get_study_name_from_id(new), optuna.load_study(study_name="new", storage=storage).direction.name))
        seen.append(told(lambda: storage.create_new_study([optuna.study.StudyDirection.MAXIMIZE], "new")))
        storage.delete_study(new)
        seen.append((optuna.get_all_study_names(storage), told(lambda: storage.delete_study(new))))
    return seen


def tables(optuna):
    study = random_study(optuna)
    empty = study.trials_dataframe()
    study.enqueue_trial({"x": 0.5, "c": "a"})

    def objective(trial):
        trial.suggest_float("x", 0, 1)
        if trial.number % 2 == 0:
            trial.suggest_categorical("c", ["a", "b"])
            trial.set_user_attr("even", True)
        if trial.number == 3:
            raise optuna.TrialPruned
        return float(trial.number)

    study.optimize(objective, n_trials=5)
    many = random_study(optuna, directions=["minimize", "maximize"])
    many.optimize(lambda trial: (1.0, trial.suggest_int("n", 0, 3)), n_trials=2)
    seen = [empty.shape]
    for one in (study, many):
        for names in (None, ["m"] if one is study else ["v", "w"]):
            if names:
                one.set_metric_names(names)
            table = one.trials_dataframe()
            seen.append([(column, str(kind)) for column, kind in table.dtypes.items() if not column.startswith("datetime")])
            seen.append(list(one.trials_dataframe(multi_index=True).columns))
            seen.append(list(one.trials_dataframe(attrs=("number", "values", "state", "intermediate_values")).columns))
    seen.append(list(study.trials_dataframe()["state"]))
    return seen


def exceptions(optuna):
    e = optuna.exceptions
    pairs = [
        (e.TrialPruned, e.OptunaError), (e.DuplicatedStudyError, e.OptunaError), (e.StorageInternalError, e.OptunaError),
        (e.UpdateFinishedTrialError, RuntimeError), (e.CLIUsageError, e.OptunaError), (e.ExperimentalWarning, Warning),
    ]
    return [issubclass(a, b) for a, b in pairs], optuna.TrialPruned is e.TrialPruned


SCENARIOS = [
    what_objectives_return, what_objectives_raise, telling, suggesting, reporting, enqueueing, adding, best_of_one,
    several_objectives, constraints, constraints_by_the_sampler, controlling, progress, attributes, frozen_trials,
    distributions, old_distributions, making_studies, storages, tables, exceptions,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_both_packages_tell_the_same(scenario):
    assert str(scenario(lightcrest)) == str(scenario(peer))
