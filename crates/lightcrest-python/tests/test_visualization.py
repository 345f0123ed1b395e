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
    lines = plots.plot_parallel_coordinate(one)
    assert list(lines.layout.xaxis.ticktext) == ["Objective Value", "kind", "rate", "x"]
    assert sum(trace.mode == "lines" and trace.line.dash == "solid" and len(trace.x) == 4 for trace in lines.data) == 18
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
    lines = plots.plot_parallel_coordinate(two)
    assert list(lines.layout.xaxis.ticktext) == ["loss", "x", "kind", "rate", "x"]
    assert lines.data[-1].marker.colorbar.title.text == "Pareto Rank"
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


def conditional():
    """Parameters that exclude each other, and one that all have."""
    one = lightcrest.create_study(sampler="random", seed=1)

    def objective(trial):
        y = trial.suggest_float("y", 0, 1)
        name = "x1" if trial.suggest_categorical("c", ["a", "b"]) == "a" else "x2"
        return y + trial.suggest_float(name, 1e-3, 1, log=name == "x2")

    one.optimize(objective, n_trials=20)
    return one


def test_lines_of_trials_without_a_parameter_go_to_none():
    one = conditional()
    figure = plots.plot_parallel_coordinate(one)
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert len(lines) == 20, "every trial is drawn"
    ticks = [note.text for note in figure.layout.annotations if note.y == 0.0]
    assert ticks.count("None") == 2, "x1 and x2 have a tick for the trials that lack them, at the bottom"
    for trial, line in zip(one.trials, lines):
        said = {label: text for label, text in line.customdata}
        assert said["c"] == trial.params["c"] and said["y"] == f"{trial.params['y']:.3g}"
        for name in ("x1", "x2"):
            place = list(figure.layout.xaxis.ticktext).index(name)
            if name in trial.params:
                assert said[name] == f"{trial.params[name]:.3g}" and line.y[place] >= 0.12 - 1e-9
            else:
                assert said[name] == "None" and line.y[place] == 0.0


def test_contours_of_conditional_parameters_show_the_trials_that_have_both():
    one = conditional()
    with pytest.warns(UserWarning, match="no trial has both 'x1' and 'x2'"):
        figure = plots.plot_contour(one)
    surfaces = {(trace.xaxis, trace.yaxis): trace for trace in figure.data if trace.type == "contour" and trace.x is not None}
    # c, x1, x2, y: of the twelve pairs x1 and x2 are not drawn above each other.
    assert len(surfaces) == 10 and ("x7", "y7") not in surfaces and ("x10", "y10") not in surfaces
    surface = surfaces["x8", "y8"]  # row x1, column y
    having = [trial for trial in one.trials if "x1" in trial.params]
    xs, ys = list(surface.x), list(surface.y)
    for trial in having:
        assert surface.z[ys.index(trial.params["x1"])][xs.index(trial.params["y"])] == trial.value
    assert sum(cell == cell for row in surface.z for cell in row) == len(having)


def test_many_trials_share_the_lines_of_a_contour():
    one = lightcrest.create_study(sampler="random", seed=0)
    one.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 1e-3, 1, log=True), n_trials=1000)
    surface, dots = plots.plot_contour(one).data[:2]
    assert len(dots.x) == 1000 and len(surface.x) == len(surface.y) == 402 and surface.z.shape == (402, 402)
    assert list(surface.x) == sorted(surface.x) and surface.x[1] == min(dots.x) and surface.x[-2] == max(dots.x)
    known = [(surface.x[j] + surface.y[i], z) for i, row in enumerate(surface.z) for j, z in enumerate(row) if z == z]
    assert 900 < len(known) <= 1000, "few trials share a cell"
    assert all(abs(sum_ - z) < 0.05 for sum_, z in known), "values stay where they are"


def test_trials_that_break_constraints_are_drawn_everywhere():
    one = study()
    for plot in (plots.plot_slice, plots.plot_contour):
        figure = plot(one)
        dots = [trace for trace in figure.data if trace.type == "scatter" and trace.x is not None and len(trace.x)]
        axes = {trace.xaxis for trace in dots}
        assert {trace.xaxis for trace in dots if trace.name == "Infeasible Trial"} == axes, plot.__name__
    dotted = [trace for trace in plots.plot_parallel_coordinate(one).data if trace.line.dash == "dot" and trace.x[0] is not None]
    assert len(dotted) == 1


def test_figures_of_the_largest_numbers_stay_finite():
    one = lightcrest.create_study(sampler="random", seed=0)
    for x, log in ((-1.7e308, 1e-300), (1.7e308, 1.7e308), (0.0, 1.0)):
        distributions = {
            "x": lightcrest.distributions.FloatDistribution(-8e307, 8e307),
            "log": lightcrest.distributions.FloatDistribution(1e-300, 1.7e308, log=True),
        }
        params = {"x": x / 2.5, "log": log}
        one.add_trial(lightcrest.create_trial(value=x, params=params, distributions=distributions))
    heights = [y for trace in plots.plot_parallel_coordinate(one).data if trace.mode == "lines" for y in trace.y]
    assert min(heights) == 0.0 and max(heights) == 1.0 and len(heights) == 9
    surface = plots.plot_contour(one, params=["x", "log"]).data[0]
    assert all(0 <= y < float("inf") for y in surface.x) and all(abs(x) < float("inf") for x in surface.y)
    assert all(abs(x) < float("inf") for x in plots.plot_edf(one).data[0].x)


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
