"""Figures: what they show, and what they say when they cannot."""

import builtins

import lightcrest
import pytest
from lightcrest import visualization as plots


@pytest.fixture(autouse=True)
def quiet():
    lightcrest.logging.set_verbosity(lightcrest.logging.ERROR)
    yield
    lightcrest.logging.set_verbosity(lightcrest.logging.INFO)


def study(n_trials=20, **options):
    study = lightcrest.create_study(sampler="random", seed=0, **options)

    def objective(trial):
        x = trial.suggest_float("x", -1, 1)
        rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
        kind = trial.suggest_categorical("kind", ["a", "b"])
        trial.set_constraint("c", -1.0 if trial.number != 3 else 1.0)
        if trial.number == 5:
            return float("inf")
        value = x**2 + rate + (kind == "b")
        return value if "directions" not in options else [value, x, rate][: len(options["directions"])]

    study.optimize(objective, n_trials=n_trials)
    return study


def finite(study):
    return [trial for trial in study.trials if all(abs(value) < float("inf") for value in trial.values or [float("inf")])]


def test_the_history_shows_every_value_and_the_best_so_far():
    one = study()
    figure = plots.plot_optimization_history(one)
    values, best, infeasible = figure.data
    assert len(values.x) == 19 and list(infeasible.x) == [3]
    assert list(best.y) == sorted(best.y, reverse=True) and best.y[-1] == one.best_value
    two = plots.plot_optimization_history([one, study()], error_bar=True)
    assert two.data[0].error_y.array is not None and len(two.data) == 4
    with pytest.warns(UserWarning, match="`target` is given"):
        assert len(plots.plot_optimization_history(one, target=lambda trial: trial.params["x"]).data) == 2


def test_parameters_are_drawn_on_their_scales():
    one = study()
    figure = plots.plot_slice(one)
    assert [figure.layout[axis].type for axis in ("xaxis", "xaxis2", "xaxis3")] == ["category", "log", None]
    assert sum(len(trace.x) for trace in figure.data) == 3 * 19, "an infinite value cannot be drawn"
    contour = plots.plot_contour(one, params=["x", "rate"])
    assert contour.data[0].type == "contour" and contour.layout.xaxis.type == "log"
    assert len(plots.plot_contour(one).data) == 3 + 6 * 3
    assert plots.plot_rank(one, params=["x", "rate"]).data[0].type == "scatter"
    lines = plots.plot_parallel_coordinate(one).data[0]
    assert [dimension.label for dimension in lines.dimensions] == ["Objective Value", "kind", "rate", "x"]
    bars = plots.plot_param_importances(one).data[0]
    assert sorted(bars.y) == ["kind", "rate", "x"] and abs(sum(bars.x) - 1) < 1e-9
    edf = plots.plot_edf([one, study(10)])
    assert len(edf.data) == 2 and edf.data[0].y[-1] == 1.0
    with pytest.raises(ValueError, match="parameter 'no' does not exist"):
        plots.plot_contour(one, params=["no", "x"])


def test_fronts_and_hypervolumes():
    two = study(directions=["minimize", "maximize"])
    two.set_metric_names(["loss", "x"])
    figure = plots.plot_pareto_front(two)
    assert figure.layout.xaxis.title.text == "loss"
    assert len(figure.data[-1].x) == len(two.best_trials)
    swapped = plots.plot_pareto_front(two, axis_order=[1, 0], include_dominated_trials=False)
    assert swapped.layout.xaxis.title.text == "x"
    with pytest.warns(FutureWarning, match="`constraints_func` is deprecated"):
        constrained = plots.plot_pareto_front(two, constraints_func=lambda trial: [trial.values[0] - 1.0])
    assert [all(x > 1.0 for x in trace.x) for trace in constrained.data] == [True, False, False]
    with pytest.raises(ValueError, match="`targets` must give a list"):
        plots.plot_pareto_front(two, targets=lambda trial: 1.0)
    lines = plots.plot_parallel_coordinate(two).data[0]
    assert [dimension.label for dimension in lines.dimensions] == ["loss", "x", "kind", "rate", "x"]
    fronts = {trial.number for trial, rank in zip(finite(two), lines.line.color) if rank == 0}
    assert fronts >= {trial.number for trial in two.best_trials}
    three = plots.plot_pareto_front(study(directions=["minimize"] * 3), target_names=["a", "b", "c"])
    assert three.data[-1].type == "scatter3d" and three.layout.scene.zaxis.title.text == "c"
    history = plots.plot_hypervolume_history(two, reference_point=[3.0, -1.5])
    volumes = list(history.data[0].y)
    assert volumes == sorted(volumes) and volumes[-1] > 0
    for plot in (plots.plot_slice, plots.plot_contour, plots.plot_optimization_history, plots.plot_edf):
        with pytest.raises(ValueError, match="several objectives needs `target`"):
            plot(two)
    with pytest.raises(ValueError, match="two or three objectives"):
        plots.plot_pareto_front(study())
    with pytest.raises(ValueError, match="needs several objectives"):
        plots.plot_hypervolume_history(study(), [1.0])


def test_times_and_reports():
    one = lightcrest.create_study(sampler="random")

    def objective(trial):
        for step in (3, 1, 2):
            trial.report(step, step)
        if trial.number == 1:
            raise lightcrest.TrialPruned
        return 1.0

    one.optimize(objective, n_trials=3)
    one.enqueue_trial({"x": 1})
    figure = plots.plot_intermediate_values(one)
    assert len(figure.data) == 3 and list(figure.data[0].x) == [1, 2, 3]
    assert {trace.name for trace in plots.plot_timeline(one).data} == {"COMPLETE", "PRUNED", "WAITING"}
    assert sum(len(trace.y) for trace in plots.plot_timeline(one, n_recent_trials=2).data) == 2


@pytest.mark.parametrize("name", [name for name in plots.__all__ if name.startswith("plot_") and name != "plot_pareto_front"])
def test_an_empty_study_gives_an_empty_figure(name):
    options = {"directions": ["minimize"] * 2} if name == "plot_hypervolume_history" else {}
    arguments = [[1.0, 1.0]] if options else []
    figure = getattr(plots, name)(lightcrest.create_study(**options), *arguments)
    assert figure.layout.title.text and all(trace.x is None or len(trace.x) == 0 for trace in figure.data)


def test_without_plotly_it_is_said(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("plotly"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    one = study()
    assert plots.is_available()
    monkeypatch.setattr(builtins, "__import__", without)
    assert not plots.is_available()
    with pytest.raises(ImportError, match="figures need the package plotly"):
        plots.plot_slice(one)
