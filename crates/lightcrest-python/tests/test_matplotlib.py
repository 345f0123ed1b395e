"""The figures of matplotlib say what those of plotly say."""

import datetime

import lightcrest
import pytest
from lightcrest.trial import TrialState, create_trial

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")
plt = pytest.importorskip("matplotlib.pyplot")
pytestmark = pytest.mark.filterwarnings("ignore::lightcrest.exceptions.ExperimentalWarning")
figures = pytest.importorskip("lightcrest.visualization.matplotlib")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def objective(trial):
    x = trial.suggest_float("x", -1, 1)
    y = trial.suggest_float("y", 1e-3, 1, log=True)
    kind = trial.suggest_categorical("kind", ["a", "b"])
    trial.report(x, 0)
    trial.report(x / 2, 1)
    trial.set_constraint("c", -x - 0.9)
    return x * x + y + (kind == "a")


@pytest.fixture(scope="module")
def study():
    made = lightcrest.create_study(sampler=lightcrest.samplers.RandomSampler(1))
    made.optimize(objective, n_trials=20)
    return made


@pytest.fixture(scope="module")
def several():
    made = lightcrest.create_study(directions=["minimize", "maximize"], sampler=lightcrest.samplers.RandomSampler(1))
    made.optimize(lambda trial: (trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)), n_trials=15)
    return made


def drawn(axes):
    """All of it can be drawn."""
    figure = (axes.flat[0] if hasattr(axes, "flat") else axes).figure
    figure.canvas.draw()
    return figure


def texts(labels):
    return [label.get_text() for label in labels]


def test_history(study):
    axes = figures.plot_optimization_history(study, target_name="loss")
    drawn(axes)
    feasible = [trial for trial in study.trials if trial.constraints["c"] <= 0]
    points = axes.collections[0].get_offsets()
    assert [tuple(point) for point in points] == [(trial.number, trial.value) for trial in feasible]
    assert axes.lines[0].get_ydata()[-1] == study.best_value
    assert axes.get_title() == "Optimization History Plot" and axes.get_ylabel() == "loss"
    assert texts(axes.get_legend().get_texts()) == ["loss", "Best Value"]
    drawn(figures.plot_optimization_history([study, study], error_bar=True))


def test_lines(study, several):
    axes = figures.plot_intermediate_values(study)
    assert [list(line.get_ydata()) for line in axes.lines][0] == list(study.trials[0].intermediate_values.values())
    edf = figures.plot_edf([study, study])
    assert max(edf.lines[0].get_ydata()) == 1 and edf.get_ylim() == (0, 1)
    volume = figures.plot_hypervolume_history(several, [1.0, 0.0]).lines[0].get_ydata()
    assert list(volume) == sorted(volume) and volume[-1] > 0


def test_parameters(study):
    contour = figures.plot_contour(study)
    assert contour.shape == (3, 3)
    drawn(contour)
    single = figures.plot_contour(study, params=["x", "y"], target_name="loss")
    assert single.figure.axes[-1].get_ylabel() == "loss" and single.get_yscale() == "log"
    line = lightcrest.create_study()
    for x in (0.25, 0.75):
        line.enqueue_trial({"x": x, "y": x})
    line.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1), n_trials=2)
    straight = figures.plot_contour(line, target_name="loss")
    assert straight.figure.axes[-1].get_ylabel() == "loss"
    drawn(straight)
    slices = figures.plot_slice(study)
    assert [axes.get_xlabel() for axes in slices] == ["kind", "x", "y"] and slices[2].get_xscale() == "log"
    assert texts(slices[0].get_xticklabels()) == ["'a'", "'b'"]
    drawn(slices)
    rank = figures.plot_rank(study, params=["x", "y"])
    assert len(rank.collections[0].get_offsets()) == 20
    drawn(rank)


def test_parallel_coordinates(study, several):
    axes = figures.plot_parallel_coordinate(study)
    assert len(axes.collections[0].get_segments()) == 20
    assert texts(axes.get_xticklabels()) == ["Objective Value", "kind", "x", "y"]
    assert texts(axes.get_legend().get_texts()) == ["Feasible", "Infeasible"]
    drawn(axes)
    assert figures.plot_parallel_coordinate(several).figure.axes[1].get_ylabel() == "Pareto Rank"


def test_importances_and_fronts(study, several):
    shares = figures.plot_param_importances(study)
    assert sum(bar.get_width() for bar in shares.patches) == pytest.approx(1)
    assert len(figures.plot_param_importances(several).patches) == 4
    front = figures.plot_pareto_front(several, target_names=["small", "large"])
    assert (front.get_xlabel(), front.get_ylabel()) == ("small", "large")
    assert sum(len(part.get_offsets()) for part in front.collections) == 15
    drawn(front)
    three = lightcrest.create_study(directions=["minimize"] * 3)
    three.add_trial(create_trial(values=[1, 2, 3]))
    assert figures.plot_pareto_front(three).get_zlabel() == "Objective 2"


def test_times_and_terminators(study):
    made = lightcrest.create_study()
    for state in (TrialState.COMPLETE, TrialState.FAIL):
        trial = create_trial(state=state, value=1.0 if state is TrialState.COMPLETE else None)
        trial.datetime_complete = trial.datetime_start + datetime.timedelta(seconds=10)
        made.add_trial(trial)
    axes = figures.plot_timeline(made)
    assert texts(axes.get_legend().get_texts()) == ["COMPLETE", "FAIL"]
    day = 24 * 60 * 60
    assert [round(bar.get_width() * day) for bar in axes.patches] == [10, 10]
    drawn(axes)
    evaluator = lightcrest.terminator.BestValueStagnationEvaluator()
    drawn(figures.plot_terminator_improvement(study, improvement_evaluator=evaluator, plot_error=True))


@pytest.mark.parametrize("name", [name for name in figures.__all__ if name.startswith("plot_")])
def test_nothing_to_draw(name, several):
    empty = lightcrest.create_study(directions=["minimize"] * 2 if "hyper" in name or "pareto" in name else ["minimize"])
    drawn(getattr(figures, name)(empty, *([[1.0, 1.0]] if "hyper" in name else [])))
    assert figures.is_available()
