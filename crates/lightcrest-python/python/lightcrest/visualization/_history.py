"""How a study went on: values by trial, their distribution, hypervolumes, reports."""

from __future__ import annotations

from lightcrest import _engine
from lightcrest._study import Study, StudyDirection, _logger
from lightcrest.trial import TrialState
from lightcrest.visualization._common import (
    INFEASIBLE,
    VALUE,
    as_list,
    check,
    drawable,
    feasible,
    graph_objects,
    value_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from lightcrest.visualization._common import Target


def plot_optimization_history(
    study: Study | Sequence[Study],
    *,
    target: Target | None = None,
    target_name: str = VALUE,
    error_bar: bool = False,
) -> Any:
    """The values of trials by number, and the best so far. `error_bar`: of several studies, mean and deviation."""
    go = graph_objects()
    check(study, target, target_name)
    studies = as_list(study)
    figure = go.Figure(layout={"title": "Optimization History Plot"})
    figure.update_layout(xaxis={"title": "Trial"}, yaxis={"title": target_name})
    if not any(one.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)) for one in studies):
        _logger().warning("There are no complete trials.")
        return figure
    if error_bar:
        _means(go, figure, studies, target, target_name)
        return figure
    for one in studies:
        of = f" of {one.study_name}" if len(studies) > 1 else ""
        trials = one.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        good = [trial for trial in trials if feasible(trial)]
        figure.add_scatter(
            x=[trial.number for trial in good],
            y=[value_of(trial, target) for trial in good],
            mode="markers",
            name=target_name + of,
        )
        if target is None:
            numbers, best = _best_so_far(one)
            figure.add_scatter(x=numbers, y=best, mode="lines", name=f"Best Value{of}")
        bad = [trial for trial in trials if not feasible(trial)]
        figure.add_scatter(
            x=[trial.number for trial in bad],
            y=[value_of(trial, target) for trial in bad],
            mode="markers",
            name="Infeasible Trial",
            marker={"color": INFEASIBLE},
            showlegend=False,
        )
    return figure


def _best_so_far(study: Study) -> tuple[list[int], list[float]]:
    """The number of each trial, and the best value up to it."""
    better = min if study.direction is StudyDirection.MINIMIZE else max
    best = float("inf") if better is min else -float("inf")
    numbers, line = [], []
    for trial in study.get_trials(deepcopy=False):
        if trial.state is TrialState.COMPLETE and feasible(trial):
            best = better(best, value_of(trial, None))
        numbers.append(trial.number)
        line.append(best)
    return numbers, line


def _means(go: Any, figure: Any, studies: list[Study], target: Target | None, name: str) -> None:
    """Mean and deviation over studies, by the number of the trial."""
    from statistics import fmean, pstdev

    found: dict[int, list[float]] = {}
    best: dict[int, list[float]] = {}
    for one in studies:
        for trial in one.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            value = value_of(trial, target)
            if feasible(trial) and abs(value) != float("inf"):
                found.setdefault(trial.number, []).append(value)
        if target is None:
            for number, value in zip(*_best_so_far(one)):
                if abs(value) != float("inf"):
                    best.setdefault(number, []).append(value)
    numbers = sorted(found)
    figure.add_scatter(
        x=numbers,
        y=[fmean(found[number]) for number in numbers],
        error_y={"type": "data", "array": [pstdev(found[number]) for number in numbers], "visible": True},
        mode="markers",
        name=name,
    )
    if target is None:
        numbers = sorted(best)
        means = [fmean(best[number]) for number in numbers]
        widths = [pstdev(best[number]) for number in numbers]
        figure.add_scatter(x=numbers, y=means, mode="lines", name="Best Value")
        upper, lower = ([m + sign * w for m, w in zip(means, widths)] for sign in (1, -1))
        figure.add_scatter(x=numbers, y=upper, mode="lines", line={"width": 0.01}, showlegend=False)
        figure.add_scatter(
            x=numbers, y=lower, mode="none", fill="tonexty", fillcolor="rgba(255,0,0,0.2)", showlegend=False
        )


def plot_edf(study: Study | Sequence[Study], *, target: Target | None = None, target_name: str = VALUE) -> Any:
    """The share of the trials of each study whose value is at most x."""
    go = graph_objects()
    studies = as_list(study)
    check(studies, target, target_name)
    figure = go.Figure(layout={"title": "Empirical Distribution Function Plot"})
    figure.update_layout(xaxis={"title": target_name}, yaxis={"title": "Cumulative Probability"})
    values = [[value_of(trial, target) for trial in drawable(one, target)] for one in studies]
    together = [value for some in values for value in some]
    if not together:
        _logger().warning("There are no complete trials.")
        return figure
    low, high = min(together), max(together)
    grid = [low + (high - low) * i / 99 for i in range(99)] + [high]
    for one, some in zip(studies, values):
        if some:
            shares = [sum(value <= x for value in some) / len(some) for x in grid]
            figure.add_scatter(x=grid, y=shares, name=one.study_name, mode="lines")
    figure.update_yaxes(range=[0, 1])
    return figure


def plot_hypervolume_history(study: Study, reference_point: Sequence[float]) -> Any:
    """The hypervolume of the front after each trial, above a point that is worse than what counts."""
    go = graph_objects()
    if len(study.directions) < 2:
        raise ValueError("a hypervolume needs several objectives: for one, use plot_optimization_history")
    if len(reference_point) != len(study.directions):
        raise ValueError(
            f"`reference_point` needs {len(study.directions)} numbers, one for each objective, but got {reference_point}"
        )
    signs = [-1.0 if direction is StudyDirection.MINIMIZE else 1.0 for direction in study.directions]
    reference = [sign * float(x) for sign, x in zip(signs, reference_point)]
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if not trials:
        _logger().warning("Your study does not have any completed trials.")
    points: list[list[float]] = []
    volumes, volume = [], 0.0
    for trial in trials:
        point = [sign * value for sign, value in zip(signs, trial.values or ())]
        if feasible(trial) and all(x > r for x, r in zip(point, reference)):
            points.append(point)
            # It never shrinks but by rounding.
            volume = max(volume, _engine.hypervolume(points, reference))
        volumes.append(volume)
    figure = go.Figure(layout={"title": "Hypervolume History Plot"})
    figure.update_layout(xaxis={"title": "Trial"}, yaxis={"title": "Hypervolume"})
    figure.add_scatter(x=[trial.number for trial in trials], y=volumes, mode="lines+markers")
    return figure


def plot_intermediate_values(study: Study) -> Any:
    """What trials reported, a line each."""
    go = graph_objects()
    figure = go.Figure(layout={"title": "Intermediate Values Plot", "showlegend": False})
    figure.update_layout(xaxis={"title": "Step"}, yaxis={"title": "Intermediate Value"})
    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    trials = study.get_trials(deepcopy=False, states=states)
    reporting = [trial for trial in trials if trial.intermediate_values]
    if not reporting:
        _logger().warning("You need to report intermediate values to draw them: no trial did.")
    for trial in reporting:
        steps = sorted(trial.intermediate_values)
        figure.add_scatter(
            x=steps,
            y=[trial.intermediate_values[step] for step in steps],
            mode="lines+markers",
            marker={"maxdisplayed": 10},
            name=f"Trial{trial.number}" + ("" if feasible(trial) else " (infeasible)"),
            line=None if feasible(trial) else {"color": INFEASIBLE},
        )
    return figure
