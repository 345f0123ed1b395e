"""Pairs of parameters: values as contours, or as ranks."""

from __future__ import annotations

from lightcrest._study import Study, StudyDirection, _logger
from lightcrest.visualization._common import (
    INFEASIBLE,
    VALUE,
    Axis,
    feasible,
    parameters_drawn,
    value_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from lightcrest.trial import FrozenTrial
    from lightcrest.visualization._common import Target


def plot_contour(
    study: Study, params: list[str] | None = None, *, target: Target | None = None, target_name: str = VALUE
) -> Any:
    """The value as a height above each pair of parameters."""
    go, trials, names = parameters_drawn(study, params, target, target_name)
    if params is not None and len(params) < 2:
        _logger().warning("A contour needs at least two parameters.")
    reverse = target is not None or study.direction is StudyDirection.MINIMIZE
    better = min if target is None and study.direction is StudyDirection.MINIMIZE else max
    scale = iter([True])

    def draw(x: Axis, y: Axis) -> list[Any]:
        xs, ys = x.grid(), y.grid()
        heights: dict[tuple[int, int], float] = {}
        dots: dict[bool, list[tuple[Any, Any]]] = {True: [], False: []}
        for trial, a, b in zip(trials, x.values, y.values):
            if a is None or b is None:
                continue
            cell, value = (ys.index(b), xs.index(a)), value_of(trial, target)
            heights[cell] = better(heights[cell], value) if cell in heights else value
            dots[feasible(trial)].append((a, b))
        if len(x.distinct) < 2 or len(y.distinct) < 2 or not heights:
            return [go.Contour(), go.Scatter(), go.Scatter()]
        contour = go.Contour(
            x=xs,
            y=ys,
            z=[[heights.get((i, j)) for j in range(len(xs))] for i in range(len(ys))],
            colorbar={"title": target_name},
            colorscale="Blues",
            connectgaps=True,
            contours_coloring="heatmap",
            hoverinfo="none",
            line_smoothing=1.3,
            reversescale=reverse,
            showscale=next(scale, False),
        )
        scatters = [
            go.Scatter(
                x=[a for a, _ in dots[good]],
                y=[b for _, b in dots[good]],
                mode="markers",
                name=name,
                marker={"color": color, "line": {"width": 2.0, "color": "Gray"}},
                showlegend=False,
            )
            for good, name, color in ((True, "Feasible Trial", "black"), (False, "Infeasible Trial", INFEASIBLE))
        ]
        return [contour, *scatters]

    return _pairs(go, "Contour Plot", trials, names if len(names) > 1 else [], draw, diagonal=False)


def plot_rank(
    study: Study, params: list[str] | None = None, *, target: Target | None = None, target_name: str = VALUE
) -> Any:
    """Trials above each pair of parameters, coloured by the rank of their value."""
    go, trials, names = parameters_drawn(study, params, target, target_name)
    values = [value_of(trial, target) for trial in trials]
    ordered = sorted(values)
    last = max(len(ordered) - 1, 1)
    # Equal values share the middle of their ranks.
    rank = {v: (ordered.index(v) + len(ordered) - 1 - ordered[::-1].index(v)) / 2 / last for v in values}

    def draw(x: Axis, y: Axis) -> list[Any]:
        rows = [row for row in zip(trials, x.values, y.values) if row[1] is not None and row[2] is not None]
        scatters = []
        for good in (True, False):
            group = [row for row in rows if feasible(row[0]) is good]
            if not group and not good:
                continue
            marker: dict[str, Any] = {"color": INFEASIBLE, "line": {"width": 0.5, "color": "Grey"}}
            if good:
                marker["color"] = [rank[value_of(trial, target)] for trial, _, _ in group]
                marker |= {"colorscale": "RdYlBu_r", "cmin": 0, "cmax": 1}
            scatters.append(
                go.Scatter(
                    x=[a for _, a, _ in group],
                    y=[b for _, _, b in group],
                    mode="markers",
                    marker=marker,
                    showlegend=False,
                    hovertemplate="%{hovertext}<extra></extra>",
                    hovertext=[
                        f"Trial #{trial.number}<br>{target_name}: {value_of(trial, target)}" for trial, _, _ in group
                    ],
                )
            )
        return scatters

    figure = _pairs(go, f"Rank ({target_name})", trials, names, draw, diagonal=True)
    if names:
        places = [0.0, 0.25, 0.5, 0.75, 1.0]
        words = ["min.", "25%", "50%", "75%", "max."]
        texts = [f"{word} ({ordered[round(place * (len(ordered) - 1))]:.3g})" for word, place in zip(words, places)]
        bar = {"thickness": 10, "tickvals": places, "ticktext": texts}
        marker = {"colorscale": "RdYlBu_r", "showscale": True, "cmin": 0, "cmax": 1, "colorbar": bar}
        figure.add_scatter(x=[None], y=[None], mode="markers", marker=marker, hoverinfo="none", showlegend=False)
    return figure


def _pairs(
    go: Any,
    title: str,
    trials: list[FrozenTrial],
    names: list[str],
    draw: Callable[[Axis, Axis], list[Any]],
    diagonal: bool,
) -> Any:
    """One plot for two parameters, or a grid of plots for all pairs."""
    if not names:
        return go.Figure(layout={"title": title})
    axes = [Axis(trials, name) for name in names]
    if len(names) == 2:
        x, y = axes
        figure = go.Figure(data=draw(x, y), layout={"title": title})
        figure.update_xaxes(title_text=x.name, **x.options())
        figure.update_yaxes(title_text=y.name, **y.options())
        return figure
    from plotly.subplots import make_subplots

    n = len(names)
    figure = make_subplots(rows=n, cols=n, shared_xaxes=True, shared_yaxes=True)
    figure.update_layout(title=title)
    for row, y in enumerate(axes, 1):
        for column, x in enumerate(axes, 1):
            traces = draw(x, y) if diagonal or x is not y else [go.Scatter()]
            for trace in traces:
                figure.add_trace(trace, row=row, col=column)
            figure.update_xaxes(row=row, col=column, **x.options())
            figure.update_yaxes(row=row, col=column, **y.options())
            if column == 1:
                figure.update_yaxes(title_text=y.name, row=row, col=column)
            if row == n:
                figure.update_xaxes(title_text=x.name, row=row, col=column)
    return figure
