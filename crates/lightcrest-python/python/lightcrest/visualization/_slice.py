"""Parameters against values, one by one."""

from __future__ import annotations

from lightcrest._study import Study
from lightcrest.visualization._common import INFEASIBLE, VALUE, drawing, subplots
from lightcrest.visualization._drawn import Drawn, Parameter, parameters_drawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.visualization._common import Target

# Of several plots beside each other none gets narrower than this, in pixels.
_WIDTH = 300


@drawing
def plot_slice(
    go: Any, study: Study, params: list[str] | None = None, *, target: Target | None = None, target_name: str = VALUE
) -> Any:
    """Values against each parameter, a plot each. A trial that lacks a parameter is not drawn there."""
    drawn = parameters_drawn(study, target, target_name)
    parameters = drawn.parameters(None if params is None else sorted(set(params)))
    if not parameters:
        return go.Figure(layout={"title": "Slice Plot"})
    if len(parameters) == 1:
        layout = {"title": "Slice Plot", "xaxis": _options(parameters[0]), "yaxis": {"title": {"text": target_name}}}
        return go.Figure(data=_dots(parameters[0], drawn), layout=layout)
    figure = subplots(go, rows=1, cols=len(parameters), shared_yaxes=True)
    figure.update_layout(title="Slice Plot", yaxis={"title": {"text": target_name}})
    traces = []
    for column, parameter in enumerate(parameters, 1):
        suffix = "" if column == 1 else str(column)
        dots = _dots(parameter, drawn)
        dots[0]["marker"]["showscale"] = column == 1
        traces += [{**trace, "xaxis": f"x{suffix}", "yaxis": f"y{suffix}"} for trace in dots]
        figure.layout[f"xaxis{suffix}"].update(_options(parameter))
    figure.add_traces(traces)
    if len(parameters) > 3:
        figure.update_layout(width=_WIDTH * len(parameters))
    return figure


def _options(parameter: Parameter) -> dict[str, Any]:
    """What plotly needs to know of the axis of a parameter."""
    options: dict[str, Any] = {"title": {"text": parameter.name}}
    if parameter.categorical:
        order = [repr(choice) for choice in parameter.distribution.choices]  # type: ignore[attr-defined]
        options |= {"type": "category", "categoryorder": "array", "categoryarray": order}
    elif parameter.log:
        options["type"] = "log"
    return options


def _dots(parameter: Parameter, drawn: Drawn) -> list[dict[str, Any]]:
    """The trials that satisfy their constraints, coloured by number, and, if there are any, the others."""
    rows = [(drawn.feasible[row], value, drawn.values[row], drawn.numbers[row]) for row, value in zip(parameter.rows, parameter.values)]
    if parameter.categorical:
        order = {repr(choice): i for i, choice in enumerate(parameter.distribution.choices)}  # type: ignore[attr-defined]
        rows = [(good, repr(value), y, number) for good, value, y, number in rows]
        rows.sort(key=lambda row: order.get(row[1], len(order)))
    good = [row for row in rows if row[0]]
    bad = [row for row in rows if not row[0]]
    marker = {
        "color": [row[3] for row in good],
        "colorscale": "Blues",
        "colorbar": {"title": {"text": "Trial"}, "x": 1.0, "xpad": 40},
        "line": {"width": 0.5, "color": "Grey"},
    }
    traces = [_scatter(good, "Feasible Trial", marker)]
    if bad:
        traces.append(_scatter(bad, "Infeasible Trial", {"color": INFEASIBLE}))
    return traces


def _scatter(rows: list[Any], name: str, marker: dict[str, Any]) -> dict[str, Any]:
    trace = {"type": "scatter", "mode": "markers", "name": name, "showlegend": False}
    return {**trace, "x": [row[1] for row in rows], "y": [row[2] for row in rows], "marker": marker}
