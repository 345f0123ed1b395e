"""Parameters against values: one by one, all at once, and which of them matter."""

from __future__ import annotations

import math

from lightcrest._front import ranks
from lightcrest._study import Study, StudyDirection, _logger
from lightcrest.trial import TrialState
from lightcrest.visualization._common import (
    INFEASIBLE,
    VALUE,
    Axis,
    check,
    chosen,
    drawable,
    feasible,
    graph_objects,
    parameters_drawn,
    value_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.importance import BaseImportanceEvaluator
    from lightcrest.visualization._common import Target


def plot_slice(
    study: Study, params: list[str] | None = None, *, target: Target | None = None, target_name: str = VALUE
) -> Any:
    """Values against each parameter, a plot each."""
    go, trials, names = parameters_drawn(study, params, target, target_name)
    if not names:
        return go.Figure(layout={"title": "Slice Plot"})
    from plotly.subplots import make_subplots

    figure = make_subplots(rows=1, cols=len(names), shared_yaxes=True)
    figure.update_layout(title="Slice Plot", showlegend=False)
    for column, name in enumerate(names, 1):
        axis = Axis(trials, name)
        having = [trial for trial in trials if name in trial.params]
        for group, color in (
            ([trial for trial in having if feasible(trial)], None),
            ([trial for trial in having if not feasible(trial)], INFEASIBLE),
        ):
            if not group:
                continue
            marker: dict[str, Any] = {"color": color}
            if color is None:
                marker = {
                    "color": [trial.number for trial in group],
                    "colorscale": "Blues",
                    "colorbar": {"title": "Trial", "x": 1.0, "xpad": 40},
                    "showscale": column == 1,
                    "line": {"width": 0.5, "color": "Grey"},
                }
            figure.add_trace(
                go.Scatter(
                    x=[axis.value(trial) for trial in group],
                    y=[value_of(trial, target) for trial in group],
                    mode="markers",
                    name="Feasible Trial" if color is None else "Infeasible Trial",
                    marker=marker,
                ),
                row=1,
                col=column,
            )
        options = {} if axis.categorical else axis.options()
        figure.update_xaxes(title_text=name, row=1, col=column, **options)
        if axis.categorical:
            figure.update_xaxes(type="category", row=1, col=column)
    figure.update_yaxes(title_text=target_name, row=1, col=1)
    return figure


def plot_parallel_coordinate(
    study: Study, params: list[str] | None = None, *, target: Target | None = None, target_name: str = VALUE
) -> Any:
    """Each trial as a line through its value and its parameters. Trials that lack one of them are left out.

    Of several objectives, all are drawn unless a target says which; the colour is the front that a trial is on.
    """
    several = target is None and len(study.directions) > 1
    go = graph_objects()
    if several:
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        trials = [trial for trial in complete if all(map(math.isfinite, trial.values or ()))]
        names = chosen(trials, params)
    else:
        go, trials, names = parameters_drawn(study, params, target, target_name)
    figure = go.Figure(layout={"title": "Parallel Coordinate Plot"})
    whole = [trial for trial in trials if all(name in trial.params for name in names)]
    if len(whole) < len(trials):
        _logger().warning("Your study has trials that lack some of the parameters: they are left out.")
    if not names or not whole:
        return figure
    if several:
        titles = study.metric_names or [f"Objective {i}" for i in range(len(study.directions))]
        drawn = [(title, [value_of(trial, _objective(i)) for trial in whole]) for i, title in enumerate(titles)]
        fronts = ranks(study, whole)
        colour, colours = "Pareto Rank", [float(fronts[trial.number]) for trial in whole]
    else:
        colour, colours = target_name, [value_of(trial, target) for trial in whole]
        drawn = [(target_name, colours)]
    dimensions: list[dict[str, Any]] = [
        {"label": title, "values": values, "range": (min(values), max(values))} for title, values in drawn
    ]
    for name in names:
        axis = Axis(whole, name)
        label = name if len(name) <= 20 else f"{name[:17]}..."
        if axis.categorical:
            places = [axis.distinct.index(value) for value in axis.values]
            dimension = {"values": places, "range": (0, len(axis.distinct) - 1)}
            dimension |= {"tickvals": list(range(len(axis.distinct))), "ticktext": axis.distinct}
        elif axis.log:
            powers = [math.log10(value) for value in axis.values]
            ticks = sorted({min(powers), max(powers), *range(math.ceil(min(powers)), math.floor(max(powers)) + 1)})
            dimension = {"values": powers, "range": (min(powers), max(powers))}
            dimension |= {"tickvals": ticks, "ticktext": [f"{10**tick:.3g}" for tick in ticks]}
        else:
            dimension = {"values": axis.values, "range": (min(axis.values), max(axis.values))}
        dimensions.append({"label": label, **dimension})
    line = {
        "color": colours,
        "colorscale": "Blues",
        "colorbar": {"title": colour},
        "showscale": True,
        "reversescale": several or target is not None or study.direction is StudyDirection.MINIMIZE,
    }
    figure.add_parcoords(dimensions=dimensions, line=line, labelangle=30, labelside="bottom")
    return figure


def plot_param_importances(
    study: Study,
    evaluator: BaseImportanceEvaluator | None = None,
    params: list[str] | None = None,
    *,
    target: Target | None = None,
    target_name: str = VALUE,
) -> Any:
    """How much each parameter matters, as bars; with several objectives, for each of them."""
    go = graph_objects()
    from lightcrest.importance import get_param_importances

    figure = go.Figure(layout={"title": "Hyperparameter Importances"})
    figure.update_layout(xaxis={"title": "Hyperparameter Importance"}, yaxis={"title": "Hyperparameter"})
    names = study.metric_names
    wanted: list[tuple[str, Target | None]]
    if target is not None or len(study.directions) == 1:
        check(study, target, target_name)
        wanted = [(names[0] if names is not None and target is None else target_name, target)]
    else:
        titles = names or [f"{target_name} {i}" for i in range(len(study.directions))]
        wanted = [(title, _objective(i)) for i, title in enumerate(titles)]
    for title, one in wanted:
        if not drawable(study, one):
            continue
        shares = get_param_importances(study, evaluator=evaluator, params=params, target=one)
        ascending = sorted(shares.items(), key=lambda item: item[1])
        figure.add_bar(
            x=[share for _, share in ascending],
            y=[name for name, _ in ascending],
            name=title,
            text=["<0.01" if share < 0.01 else f"{share:.2f}" for _, share in ascending],
            textposition="outside",
            cliponaxis=False,
            orientation="h",
        )
    return figure


def _objective(i: int) -> Target:
    return lambda trial: trial.values[i]  # type: ignore[index]
