"""Figures show the same under both packages, trace by trace, whatever the parameters and the trials are like."""

import base64
import datetime
import math
import random

import lightcrest
import numpy
import optuna as peer
import pytest

from test_like_optuna import quiet  # noqa: F401: the fixture applies here too

INF = float("inf")
BEGIN = datetime.datetime(2026, 1, 1, 12)


def make(optuna, rows, directions=("minimize",), distributions=None, **states):
    """A study of these trials: rows of (params, values, more of create_trial)."""
    study = optuna.create_study(directions=list(directions), sampler=optuna.samplers.RandomSampler(seed=0), study_name="one")
    kinds = {name: kind(optuna.distributions) for name, kind in (distributions or DOMAINS).items()}
    for number, (params, values, more) in enumerate(rows):
        state = optuna.trial.TrialState[more.get("state", "COMPLETE")]
        trial = optuna.trial.create_trial(
            state=state,
            values=values,
            params=params,
            distributions={name: kinds[name] for name in params},
            user_attrs=more.get("user_attrs"),
            intermediate_values=more.get("reports"),
            constraints=more.get("constraints"),
        )
        if state.name != "WAITING":
            trial.datetime_start = BEGIN + datetime.timedelta(seconds=number)
        if state.is_finished():
            trial.datetime_complete = BEGIN + datetime.timedelta(seconds=2 * number + 1)
        study.add_trial(trial)
    return study


DOMAINS = {
    "x": lambda d: d.FloatDistribution(-5, 5),
    "a parameter of a long name": lambda d: d.FloatDistribution(0, 1, step=0.25),
    "rate": lambda d: d.FloatDistribution(1e-5, 1e-1, log=True),
    "n": lambda d: d.IntDistribution(1, 9),
    "width": lambda d: d.IntDistribution(1, 1024, log=True),
    "kind": lambda d: d.CategoricalDistribution(["b", "a", "c"]),
    "size": lambda d: d.CategoricalDistribution([8, 4, 16]),
    "mixed": lambda d: d.CategoricalDistribution([None, 1, "one", 2.5, False]),
}


def draw(generator, name):
    choices = {"kind": ["b", "a", "c"], "size": [8, 4, 16], "mixed": [None, 1, "one", 2.5, False]}
    if name in choices:
        return generator.choice(choices[name])
    return {
        "x": lambda: generator.uniform(-5, 5),
        "a parameter of a long name": lambda: generator.choice([0.0, 0.25, 0.5, 0.75, 1.0]),
        "rate": lambda: 10 ** generator.uniform(-5, -1),
        "n": lambda: generator.randint(1, 9),
        "width": lambda: generator.choice([1, 2, 64, 1000]),
    }[name]()


def rows(names, count, seed=0, without=0.0, objectives=1, more=lambda number: {}):
    """Random trials; each lacks a parameter with some probability."""
    generator = random.Random(seed)
    found = []
    for number in range(count):
        params = {name: draw(generator, name) for name in names if generator.random() >= without}
        extra = more(number)
        values = [generator.uniform(0, 10) for _ in range(objectives)]
        found.append((params, extra.pop("values", values if "state" not in extra else None), extra))
    return found


def exclusive():
    """Parameters that exclude each other."""
    return [
        ({"kind": "a", "x": 1.5 * i - 4, "n": i + 1} if i % 2 else {"kind": "b", "rate": 10.0 ** -(i / 2 + 1), "n": i + 1}, [i * 1.5], {})
        for i in range(8)
    ]


def ups_and_downs(number):
    """Trials in all states, and values beyond all bounds."""
    if number % 7 == 1:
        return {"state": "PRUNED", "values": [2.0], "reports": {0: 1.0, 3: 2.0}}
    if number % 7 == 2:
        return {"state": "FAIL"}
    if number % 7 == 3:
        return {"values": [INF if number % 2 else -INF]}
    if number % 7 == 4:
        return {"constraints": {"c": number - 10.0, "d": -1.0}, "user_attrs": {"note": "so", "list": [1, 2]}}
    return {"reports": {2: 3.0, 0: number, 1: 2.5}}


ALL = list(DOMAINS)
STUDIES = {
    "floats": lambda o: make(o, rows(["x", "rate"], 12)),
    "maximised": lambda o: make(o, rows(["x", "rate", "kind"], 12), directions=["maximize"]),
    "every kind": lambda o: make(o, rows(ALL, 15)),
    "some missing": lambda o: make(o, rows(ALL, 25, without=0.3)),
    "exclusive": lambda o: make(o, exclusive()),
    "choices missing": lambda o: make(o, rows(["mixed", "size", "kind"], 20, without=0.4)),
    "all states": lambda o: make(o, rows(["x", "rate", "mixed"], 40, more=ups_and_downs)),
    "states and missing": lambda o: make(o, rows(["x", "size", "n"], 40, without=0.3, more=ups_and_downs)),
    "one trial": lambda o: make(o, rows(["x", "kind", "rate"], 1)),
    "one parameter": lambda o: make(o, rows(["rate"], 9)),
    "one choice": lambda o: make(o, rows(["kind"], 9, without=0.2)),
    "equal values": lambda o: make(o, [({"x": float(i % 3), "n": 3}, [float(i % 2)], {}) for i in range(9)]),
    "one value missing": lambda o: make(o, [({"n": 3, "x": 1.0} if i % 2 else {"x": float(i)}, [1.0], {}) for i in range(6)]),
    "no parameters": lambda o: make(o, [({}, [1.0], {}), ({}, [2.0], {})]),
    "empty": lambda o: make(o, []),
    "none complete": lambda o: make(o, [({"x": 1.0}, None, {"state": "FAIL"}), ({}, None, {"state": "WAITING"})]),
}
SEVERAL = {
    "two objectives": lambda o: make(o, rows(["x", "rate", "kind"], 20, without=0.2, objectives=2), directions=["minimize", "maximize"]),
    "three": lambda o: make(o, rows(["x", "size"], 20, objectives=3), directions=["minimize"] * 3),
    "constrained": lambda o: make(
        o, rows(["x", "size"], 20, objectives=2, more=lambda i: {"constraints": {"c": i - 14.5}} if i % 3 else {}), directions=["maximize"] * 2
    ),
    "no front": lambda o: make(o, [], directions=["minimize"] * 2),
}


def told(value):
    """What a figure says, so that it can be compared: numbers to ten digits, and no number as None."""
    if isinstance(value, dict) and "bdata" in value:  # numbers in plotly's short form
        return told(numpy.frombuffer(base64.b64decode(value["bdata"]), value["dtype"]))
    if isinstance(value, dict):
        return {key: told(one) for key, one in value.items() if key not in ("template", "uid")}
    if isinstance(value, (list, tuple, numpy.ndarray)):
        return [told(one) for one in value]
    if isinstance(value, (bool, numpy.bool_)) or value is None:
        return value if value is None else bool(value)
    if isinstance(value, (int, float, numpy.number)):
        number = float(value)
        return None if math.isnan(number) else float(f"{number:.10g}")
    return value


def shown(figure):
    """The traces that show something, and the layout."""
    figure = told(figure.to_plotly_json())
    traces = [trace for trace in figure["data"] if any(x is not None for x in trace.get("x") or []) or "showscale" in str(trace.get("marker"))]
    return traces, figure["layout"]


def drawn(call):
    try:
        return shown(call())
    except (ValueError, TypeError) as error:
        return type(error)


def differences(a, b, place=""):
    """Where two figures differ, as lines that can be read."""
    if type(a) is not type(b) or not isinstance(a, (dict, list, tuple)):
        return [] if a == b else [f"{place}: {str(a)[:200]} is not {str(b)[:200]}"]
    if isinstance(a, dict):
        found = [f"{place}: {key} is in one only" for key in sorted(a.keys() ^ b.keys())]
        return found + [line for key in a.keys() & b.keys() for line in differences(a[key], b[key], f"{place}.{key}")]
    if len(a) != len(b):
        return [f"{place}: {len(a)} is not {len(b)}"]
    return [line for i, (x, y) in enumerate(zip(a, b)) for line in differences(x, y, f"{place}[{i}]")]


def alike(plot, study, **options):
    """Both packages' figures of one study."""
    ours, theirs = (drawn(lambda package=package: getattr(package.visualization, plot)(study(package), **options)) for package in (lightcrest, peer))
    if isinstance(theirs, tuple):
        # Optuna leaves out trials that break constraints: from grids of contours, and from slices of choices.
        kept = [(trace.get("xaxis"), trace["name"]) for trace in theirs[0] if plot in ("plot_contour", "plot_slice") and "name" in trace]
        if kept:
            ours = [trace for trace in ours[0] if "name" not in trace or (trace.get("xaxis"), trace["name"]) in kept], ours[1]
        if plot == "plot_parallel_coordinate":  # lines of one front in some order
            ours, theirs = ((sorted(traces, key=str), layout) for traces, layout in (ours, theirs))
    # Optuna has no quartiles beside infinite values.
    assert [line for line in differences(ours, theirs) if "(nan)" not in line] == []


PARAMETERS = ["plot_contour", "plot_rank", "plot_slice", "plot_parallel_coordinate"]
COURSE = ["plot_edf", "plot_optimization_history", "plot_intermediate_values", "plot_timeline"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("plot", [*PARAMETERS, *COURSE])
def test_figures_of_one_objective(plot, name):
    # A grid of all pairs takes plotly seconds.
    few = plot in ("plot_contour", "plot_rank") and name in ("every kind", "some missing")
    alike(plot, STUDIES[name], **({"params": ["rate", "mixed", "size"]} if few else {}))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("params", [["rate", "x"], ["x"], ["kind", "x", "size"], ["no", "x"], []], ids=str)
@pytest.mark.parametrize("plot", PARAMETERS)
def test_parameters_that_are_asked_for(plot, params):
    alike(plot, STUDIES["some missing"], params=params)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SEVERAL)
@pytest.mark.parametrize("plot", [*PARAMETERS, "plot_edf", "plot_optimization_history"])
def test_figures_of_a_target(plot, name):
    alike(plot, SEVERAL[name], target=lambda trial: trial.values[1], target_name="second")
    alike(plot, SEVERAL[name])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SEVERAL)
def test_figures_of_fronts(name):
    alike("plot_pareto_front", SEVERAL[name])
    alike("plot_pareto_front", SEVERAL[name], include_dominated_trials=False)
    alike("plot_hypervolume_history", SEVERAL[name], reference_point=[9.0 if name != "constrained" else 1.0] * (3 if name == "three" else 2))
