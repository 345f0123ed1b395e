"""How a study went on: values by trial, their distribution, hypervolumes, reports."""

from __future__ import annotations

import bisect

from lightcrest import _engine
from lightcrest._front import oriented
from lightcrest._study import Study, StudyDirection, _logger
from lightcrest._warn import experimental
from lightcrest.trial import TrialState
from lightcrest.visualization._common import INFEASIBLE, VALUE, as_list, check, drawing, feasible, spaced
from lightcrest.visualization._drawn import complete, drawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from lightcrest.visualization._common import Target
    from lightcrest.visualization._drawn import Drawn


@drawing
def plot_optimization_history(
    go: Any,
    study: Study | Sequence[Study],
    *,
    target: Target | None = None,
    target_name: str = VALUE,
    error_bar: bool = False,
) -> Any:
    """The values of trials by number, and the best so far. `error_bar`: of several studies, mean and deviation."""
    check(study, target, target_name)
    studies = [complete(one, target) for one in as_list(study)]
    figure = go.Figure(layout={"title": "Optimization History Plot"})
    figure.update_layout(xaxis={"title": "Trial"}, yaxis={"title": target_name})
    if not any(map(len, studies)):
        _logger().warning("There are no complete trials.")
        return figure
    if error_bar:
        _means(figure, studies, target is None, target_name)
        return figure
    for one in studies:
        of = f" of {one.study.study_name}" if len(studies) > 1 else ""
        good = one.where(one.feasible)
        figure.add_scatter(x=good.numbers, y=good.values, mode="markers", name=target_name + of)
        if target is None:
            best = _best_so_far(good)
            figure.add_scatter(x=list(range(len(best))), y=best, mode="lines", name=f"Best Value{of}")
        bad = one.where([not flag for flag in one.feasible])
        figure.add_scatter(
            x=bad.numbers,
            y=bad.values,
            mode="markers",
            name="Infeasible Trial",
            marker={"color": INFEASIBLE},
            showlegend=False,
        )
    return figure


def _best_so_far(good: Drawn) -> list[float]:
    """For each trial of a study, in whatever state, the best value up to it."""
    better = min if good.study.direction is StudyDirection.MINIMIZE else max
    best = float("inf") if better is min else -float("inf")
    values = dict(zip(good.numbers, good.values))
    line = []
    for number in range(len(good.study._engine)):
        if number in values:
            best = better(best, values[number])
        line.append(best)
    return line


def _means(figure: Any, studies: list[Drawn], best: bool, name: str) -> None:
    """Mean and deviation over studies, by the number of the trial."""
    from statistics import fmean, pstdev

    found: dict[int, list[float]] = {}
    lines: list[list[float]] = []
    for one in studies:
        good = one.where(one.feasible)
        for number, value in zip(good.numbers, good.values):
            if value - value == 0:
                found.setdefault(number, []).append(value)
        if best:
            lines.append(_best_so_far(good))
    numbers = sorted(found)
    if not numbers:
        _logger().warning("There are no feasible trials.")
        return
    figure.add_scatter(
        x=numbers,
        y=[fmean(found[number]) for number in numbers],
        error_y={"type": "data", "array": [pstdev(found[number]) for number in numbers], "visible": True},
        mode="markers",
        name=name,
    )
    if best:
        # A study that has ended, or has no value yet, says nothing.
        columns = [[line[n] for line in lines if n < len(line) and line[n] - line[n] == 0] for n in numbers]
        means, widths = [fmean(column) for column in columns], [pstdev(column) for column in columns]
        figure.add_scatter(x=numbers, y=means, mode="lines", name="Best Value")
        upper, lower = ([m + sign * w for m, w in zip(means, widths)] for sign in (1, -1))
        figure.add_scatter(x=numbers, y=upper, mode="lines", line={"width": 0.01}, showlegend=False)
        figure.add_scatter(
            x=numbers, y=lower, mode="none", fill="tonexty", fillcolor="rgba(255,0,0,0.2)", showlegend=False
        )


@drawing
def plot_edf(go: Any, study: Study | Sequence[Study], *, target: Target | None = None, target_name: str = VALUE) -> Any:
    """The share of the trials of each study whose value is at most x."""
    studies = as_list(study)
    check(studies, target, target_name)
    figure = go.Figure(layout={"title": "Empirical Distribution Function Plot"})
    figure.update_layout(xaxis={"title": target_name}, yaxis={"title": "Cumulative Probability"})
    ordered = [sorted(drawn(one, target).values) for one in studies]
    known = [values for values in ordered if values]
    if not known:
        _logger().warning("There are no complete trials.")
        return figure
    grid = spaced(min(values[0] for values in known), max(values[-1] for values in known), 100)
    for one, values in zip(studies, ordered):
        if values:
            shares = [bisect.bisect_right(values, x) / len(values) for x in grid]
            figure.add_scatter(x=grid, y=shares, name=one.study_name, mode="lines")
    figure.update_yaxes(range=[0, 1])
    return figure


@experimental
@drawing
def plot_hypervolume_history(go: Any, study: Study, reference_point: Sequence[float]) -> Any:
    """The hypervolume of the front after each trial, above a point that is worse than what counts."""
    if len(study.directions) < 2:
        raise ValueError("a hypervolume needs several objectives: for one, use plot_optimization_history")
    if len(reference_point) != len(study.directions):
        raise ValueError(
            f"`reference_point` needs {len(study.directions)} numbers, one for each objective, but got {reference_point}"
        )
    reference = oriented(study.directions, [float(x) for x in reference_point])
    found = complete(study, None)
    if not len(found):
        _logger().warning("Your study does not have any completed trials.")
    # A trial that breaks its constraints is not above any point.
    nowhere = [-float("inf")] * len(reference)
    rows = zip(zip(*found.objectives), found.feasible)
    points = [oriented(study.directions, values) if good else nowhere for values, good in rows]
    figure = go.Figure(layout={"title": "Hypervolume History Plot"})
    figure.update_layout(xaxis={"title": "Trial"}, yaxis={"title": "Hypervolume"})
    figure.add_scatter(x=found.numbers, y=_engine.hypervolumes(points, reference), mode="lines+markers")
    return figure


@drawing
def plot_intermediate_values(go: Any, study: Study) -> Any:
    """What trials reported, a line each."""
    figure = go.Figure(layout={"title": "Intermediate Values Plot", "showlegend": False})
    figure.update_layout(xaxis={"title": "Step"}, yaxis={"title": "Intermediate Value"})
    states = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.RUNNING)
    trials = study.get_trials(deepcopy=False, states=states)
    reporting = [trial for trial in trials if trial.intermediate_values]
    if not reporting:
        _logger().warning("You need to report intermediate values to draw them: no trial did.")
    traces = []
    for trial in reporting:
        steps = sorted(trial.intermediate_values)
        grey = {} if feasible(trial) else {"color": INFEASIBLE}
        traces.append(
            {
                "type": "scatter",
                "x": steps,
                "y": [_first(trial.intermediate_values[step]) for step in steps],
                "mode": "lines+markers",
                "marker": {"maxdisplayed": 10, **grey},
                "line": grey,
                "name": f"Trial{trial.number}",
            }
        )
    figure.add_traces(traces)
    return figure


def _first(report: Any) -> float:
    """What is drawn of a report: of several objectives the first."""
    return report[0] if isinstance(report, list) else report
