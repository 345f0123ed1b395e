"""Each trial as a line through its values and its parameters."""

from __future__ import annotations

import math

from lightcrest import _engine
from lightcrest._front import oriented
from lightcrest._study import Study, _logger
from lightcrest.visualization._common import VALUE, drawing, spaced
from lightcrest.visualization._drawn import Drawn, Missing, Parameter, complete, parameters_drawn, reversed_scale

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.visualization._common import Target

NONE = "None"
# How far below its values, as a share of the axis, a parameter has the tick of the trials that lack it.
_BELOW = 0.12
_LEGEND = "#2F3B52"


@drawing
def plot_parallel_coordinate(
    go: Any, study: Study, params: list[str] | None = None, *, target: Target | None = None, target_name: str = VALUE
) -> Any:
    """Each trial as a line through its value and its parameters. Where it lacks one, its line goes to a tick "None".

    Of several objectives, all are drawn unless a target says which; the colour is the front that a trial is on. Where trials have
    constraints, lines of those that satisfy them are solid, of all others dotted.
    """
    title = {"text": "Parallel Coordinate Plot", "y": 1, "yanchor": "bottom", "yref": "paper"}
    several = target is None and len(study.directions) > 1
    if several:
        found = complete(study, None)
        if not len(found):
            _logger().warning("Your study does not have any completed trials.")
        drawn = found.where([all(map(math.isfinite, values)) for values in zip(*found.objectives)])
    else:
        drawn = parameters_drawn(study, target, target_name)
    parameters = drawn.parameters(None if params is None else sorted(set(params)))
    if not parameters or not len(drawn):
        return go.Figure(layout={"title": title})
    if several:
        titles = study.metric_names or [f"Objective {i}" for i in range(len(study.directions))]
        values = [_Dimension(label, column) for label, column in zip(titles, drawn.objectives)]
        colors = _Colors("Pareto Rank", _fronts(drawn), True, whole=True)
    else:
        values = [_Dimension(target_name, drawn.values)]
        colors = _Colors(target_name, drawn.values, reversed_scale(study, target), whole=False)
    dimensions = [*values, *map(_dimension, parameters)]
    solid = [flag is True for flag in drawn.constrained] if any(flag is not None for flag in drawn.constrained) else None
    traces = _lines(dimensions, colors.colors(go), solid, _order(dimensions, colors if several else None, len(drawn)))
    if solid is not None:
        traces += [_legend("Feasible", "solid"), _legend("Infeasible", "dot")]
    return go.Figure(data=[*traces, colors.bar()], layout={"title": title, **_layout(dimensions)})


def _fronts(drawn: Drawn) -> list[float]:
    """Which front each trial is on."""
    points = [oriented(drawn.study.directions, values) for values in zip(*drawn.objectives)]
    return [float(rank) for rank in _engine.fronts(points)]


class _Dimension:
    """One upright axis."""

    def __init__(self, label: str, values: list[float]) -> None:
        self.label = label
        # For each trial, on the scale of the axis.
        self.values = values
        self.range = (min(values), max(values))
        # Places and texts; evenly over the range if there are none.
        self.ticks: list[tuple[float, str]] = []
        self.text = _short
        # Whether the values are positions of choices that are numbers.
        self.ordered = False

    def heights(self) -> list[float]:
        """For each trial, between 0 at the bottom and 1 at the top."""
        return [self.height(value) for value in self.values]

    def height(self, value: float) -> float:
        """Where on the axis a value is."""
        low, high = self.range
        if low == high:
            return 0.5
        if math.isinf(high - low):
            value, low, high = value / 2, low / 2, high / 2
        return (value - low) / (high - low)

    def annotations(self) -> list[tuple[float, str]]:
        """Heights and texts of the ticks."""
        low, high = self.range
        ticks = self.ticks or [(value, _short(value)) for value in ([low] if low == high else spaced(low, high, 5))]
        return [(self.height(value), text) for value, text in ticks]


def _short(value: float) -> str:
    return f"{value:.3g}"


def _power(value: float) -> str:
    try:
        return f"{math.pow(10, value):.3g}"
    except OverflowError:  # the largest number, rounded up
        return "1.8e+308"


def _dimension(parameter: Parameter) -> _Dimension:
    """The axis of a parameter."""
    label = parameter.name if len(parameter.name) < 20 else f"{parameter.name[:17]}..."
    if parameter.categorical and not parameter.log:
        return _choices(parameter, label)
    text = _power if parameter.log else _short
    values = [math.log10(value) for value in parameter.values] if parameter.log else list(map(float, parameter.values))
    low, high = min(values), max(values)
    if parameter.log:
        between = range(math.ceil(low), math.floor(high) + 1)
        places = [*([] if low in between else [low]), *between, *([] if high in between or high == low else [high])]
    else:
        places = [low] if low == high else spaced(low, high, 5)
    ticks = [(place, text(place)) for place in places]
    dimension = _Dimension(label, values)
    dimension.text = text
    if parameter.everywhere:
        dimension.ticks = ticks if parameter.log else []
        return dimension
    missing = low - 1.0 if low == high else low - (high / (1 - _BELOW) - low / (1 - _BELOW)) * _BELOW
    column = [missing] * len(parameter.column())
    for row, value in zip(parameter.rows, values):
        column[row] = value
    dimension.values, dimension.range = column, (missing, high)
    dimension.ticks = [(missing, NONE), *ticks]
    dimension.text = lambda value: NONE if value == missing else text(value)
    return dimension


def _choices(parameter: Parameter, label: str) -> _Dimension:
    """The axis of a categorical parameter: numbers in their order, other choices as they first occur."""
    seen = {repr(value): value for value in parameter.values}
    shown = sorted(seen, key=lambda key: seen[key]) if parameter.numeric else list(seen)
    texts = [str(seen[key]) for key in shown]
    offset = 0 if parameter.everywhere else 1
    if offset:
        texts = [NONE, *(f"{text} (value)" if text == NONE else text for text in texts)]
    place = {key: i + offset for i, key in enumerate(shown)}
    dimension = _Dimension(label, [0 if value is Missing else place[repr(value)] for value in parameter.column()])
    dimension.ticks = list(enumerate(texts))
    dimension.text = lambda value: texts[int(value)]
    dimension.ordered = parameter.numeric
    return dimension


class _Colors:
    """A colour for each trial, and their scale."""

    def __init__(self, title: str, values: list[float], reverse: bool, *, whole: bool) -> None:
        self.values = values
        self._reverse = reverse
        low, high = min(values), max(values)
        self._range = (low, high)
        if whole:
            self._range = (-0.5, high + 0.5)
        elif low == high:
            self._range = (low - 0.5, high + 0.5)
        self._bar: dict[str, Any] = {"title": {"text": title}}
        if whole:
            self._bar["tickvals"] = list(range(int(high) + 1))

    def colors(self, go: Any) -> list[Any]:
        """For each trial."""
        axis = _Dimension("", self.values)
        axis.range = self._range
        if hasattr(go, "sampled"):
            heights = [axis.height(value) for value in self.values]
            return go.sampled("Blues", [1.0 - height if self._reverse else height for height in heights])
        from plotly.colors import find_intermediate_color, sequential

        scale = sequential.Blues
        known: dict[float, str] = {}
        for value in self.values:
            if value not in known:
                height = axis.height(value)
                at = (1.0 - height if self._reverse else height) * (len(scale) - 1)
                i = min(int(at), len(scale) - 2)
                known[value] = find_intermediate_color(scale[i], scale[i + 1], at - i, colortype="rgb")
        return [known[value] for value in self.values]

    def bar(self) -> dict[str, Any]:
        """A trace that shows nothing but the scale."""
        marker = {
            "color": list(self._range),
            "cmin": self._range[0],
            "cmax": self._range[1],
            "colorscale": "Blues",
            "reversescale": self._reverse,
            "showscale": True,
            "colorbar": self._bar,
        }
        nothing = {"type": "scatter", "x": [None, None], "y": [None, None], "mode": "markers"}
        return {**nothing, "marker": marker, "showlegend": False, "hoverinfo": "skip"}


def _order(dimensions: list[_Dimension], ranked: _Colors | None, count: int) -> list[int]:
    """In which order lines are drawn: by choices that are numbers, the best front last."""
    order = list(range(count))
    keys = [dimension.values for dimension in dimensions if dimension.ordered]
    if keys:
        order.sort(key=lambda i: [values[i] for values in keys])
    if ranked is not None:
        order.sort(key=ranked.values.__getitem__, reverse=True)
    return order


def _lines(
    dimensions: list[_Dimension], shades: list[Any], solid: list[bool] | None, order: list[int]
) -> list[dict[str, Any]]:
    """A line for each trial."""
    x = list(range(len(dimensions)))
    heights = list(zip(*(dimension.heights() for dimension in dimensions)))
    labels = [dimension.label for dimension in dimensions]
    texts = list(zip(*([dimension.text(value) for value in dimension.values] for dimension in dimensions)))
    return [
        {
            "type": "scatter",
            "x": x,
            "y": list(heights[i]),
            "customdata": [list(pair) for pair in zip(labels, texts[i])],
            "mode": "lines",
            "line": {"color": shades[i], "dash": "solid" if solid is None or solid[i] else "dot", "width": 1.2},
            "opacity": 0.5,
            "showlegend": False,
            "hovertemplate": "%{customdata[0]}: %{customdata[1]}<extra></extra>",
        }
        for i in order
    ]


def _legend(name: str, dash: str) -> dict[str, Any]:
    """An entry of the legend."""
    line = {"color": _LEGEND, "dash": dash, "width": 2}
    nothing = {"type": "scatter", "x": [None], "y": [None], "mode": "lines", "line": line}
    return {**nothing, "name": name, "showlegend": True, "hoverinfo": "skip"}


def _layout(dimensions: list[_Dimension]) -> dict[str, Any]:
    """The axes with their ticks."""
    count = len(dimensions)
    upright = {"type": "line", "y0": 0, "y1": 1, "line": {"color": "#888", "width": 1}, "layer": "below"}
    beside = {"showarrow": False, "xanchor": "right", "xshift": -4, "font": {"size": 10, "color": "#555"}}
    return {
        "xaxis": {
            "tickmode": "array",
            "tickvals": list(range(count)),
            "ticktext": [dimension.label for dimension in dimensions],
            "range": (-0.2, count - 0.8),
            "showgrid": False,
            "zeroline": False,
        },
        "yaxis": {"range": (-0.08, 1.08), "visible": False, "fixedrange": True},
        "annotations": [
            {"x": i, "y": height, "text": text, **beside}
            for i, dimension in enumerate(dimensions)
            for height, text in dimension.annotations()
        ],
        "shapes": [{"x0": i, "x1": i, **upright} for i in range(count)],
        "hovermode": "closest",
        "plot_bgcolor": "white",
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1, "yanchor": "bottom"},
    }
