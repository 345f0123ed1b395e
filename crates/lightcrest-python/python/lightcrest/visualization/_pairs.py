"""Pairs of parameters: one plot for two, or a grid of plots for all."""

from __future__ import annotations

from lightcrest.visualization._common import subplots

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from lightcrest.visualization._drawn import Axis

    Draw = Callable[[Axis, Axis], list[dict[str, Any]]]


def pairs(go: Any, title: str, axes: list[Axis], draw: Draw, **spacing: float) -> Any:
    """A figure of what is drawn for each two axes, columns across and rows down."""
    if not axes:
        return go.Figure(layout={"title": title})
    if len(axes) == 2:
        x, y = axes
        layout = {"xaxis": {"title": {"text": x.name}, **x.options()}, "yaxis": {"title": {"text": y.name}, **y.options()}}
        return go.Figure(data=draw(x, y), layout={"title": title, **layout})
    n = len(axes)
    figure = subplots(go, rows=n, cols=n, shared_xaxes=True, shared_yaxes=True, **spacing)
    figure.update_layout(title=title)
    traces: list[dict[str, Any]] = []
    for column, x in enumerate(axes, 1):
        for row, y in enumerate(axes, 1):
            # As add_trace would place them, one by one and slowly.
            number = (row - 1) * n + column
            suffix = "" if number == 1 else str(number)
            place = {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
            traces += [{**trace, **place} for trace in draw(x, y)]
            across, down = x.options(), y.options()
            if column == 1:
                down["title"] = {"text": y.name}
            if row == n:
                across["title"] = {"text": x.name}
            figure.layout[f"xaxis{suffix}"].update(across)
            figure.layout[f"yaxis{suffix}"].update(down)
    figure.add_traces(traces)
    return figure
