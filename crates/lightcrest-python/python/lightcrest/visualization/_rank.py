"""Pairs of parameters: trials coloured by the rank of their value."""

from __future__ import annotations

import math

from lightcrest._study import Study, _logger
from lightcrest.visualization._common import VALUE, check, drawing
from lightcrest.visualization._drawn import Axis, complete
from lightcrest.visualization._pairs import pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.trial import FrozenTrial
    from lightcrest.visualization._common import Target

_SCALE = "RdYlBu_r"
_GREY = "rgb(204.0, 204.0, 204.0)"


@drawing
def plot_rank(
    go: Any, study: Study, params: list[str] | None = None, *, target: Target | None = None, target_name: str = VALUE
) -> Any:
    """Trials above each pair of parameters, coloured by the rank of their value: also infinite ones have one.

    A trial that lacks one of the two parameters is not drawn there.
    """
    check(study, target, target_name)
    found = complete(study, target)
    if not len(found):
        _logger().warning("Your study does not have any completed trials.")
    drawn = found.where([value == value for value in found.values])
    axes = [Axis(parameter) for parameter in drawn.parameters(params)]
    title = f"Rank ({target_name})"
    if not axes:
        return go.Figure(layout={"title": title})
    colors = [color if good else _GREY for color, good in zip(_colors(go, ranks(drawn.values)), drawn.feasible)]
    texts = [
        _text(trial, target_name, value, target is not None) for trial, value in zip(drawn.trials(), drawn.values)
    ]

    def draw(x: Axis, y: Axis) -> list[dict[str, Any]]:
        both = [i for i, (a, b) in enumerate(zip(x.values, y.values)) if a is not None and b is not None]
        return [
            {
                "type": "scatter",
                "x": [x.values[i] for i in both],
                "y": [y.values[i] for i in both],
                "mode": "markers",
                "marker": {"color": [colors[i] for i in both], "line": {"width": 0.5, "color": "Grey"}},
                "showlegend": False,
                "hovertemplate": "%{hovertext}<extra></extra>",
                "hovertext": [texts[i] for i in both],
            }
        ]

    gap = 0.08 / len(axes)
    figure = pairs(go, title, axes, draw, horizontal_spacing=gap, vertical_spacing=gap)
    figure.add_trace(_bar(sorted(drawn.values)))
    return figure


def ranks(values: list[float]) -> list[float]:
    """Where each value stands between the smallest, 0, and the largest, 1; equal ones share the middle of their ranks."""
    ordered = sorted(values)
    first: dict[float, int] = {}
    last: dict[float, int] = {}
    for i, value in enumerate(ordered):
        first.setdefault(value, i)
        last[value] = i
    if len(values) < 2:
        return [0.5] * len(values)
    return [(first[value] + last[value]) / 2 / (len(values) - 1) for value in values]


def _colors(go: Any, places: list[float]) -> list[Any]:
    """Colours of the scale, as plotly has them for each of its numbers."""
    if hasattr(go, "sampled"):
        return go.sampled(_SCALE, places)
    from plotly.colors import label_rgb, sample_colorscale, unlabel_rgb

    distinct = sorted(set(places))
    known = dict(zip(distinct, (label_rgb(unlabel_rgb(color)) for color in sample_colorscale(_SCALE, distinct))))
    return [known[place] for place in places]


def _text(trial: FrozenTrial, name: str, value: float, told: bool) -> str:
    lines = [f"Trial #{trial.number}", *(f"{key}: {one}" for key, one in trial.params.items()), f"<b>{name}: {value}</b>"]
    if told:
        lines += [f"Objective #{i}: {one}" for i, one in enumerate(trial.values or ())]
    return "<br>".join(lines)


def _bar(ordered: list[float]) -> dict[str, Any]:
    """A trace that shows nothing but the scale, with quartiles."""
    places = [0.0, 0.25, 0.5, 0.75, 1.0]
    words = ["min.", "25%", "50%", "75%", "max."]
    texts = [f"{word} ({_quantile(ordered, place):3g})" for word, place in zip(words, places)]
    bar = {"thickness": 10, "tickvals": places, "ticktext": texts}
    marker = {"colorscale": _SCALE, "showscale": True, "cmin": 0, "cmax": 1, "colorbar": bar}
    trace = {"type": "scatter", "x": [None], "y": [None], "mode": "markers", "marker": marker}
    return {**trace, "hoverinfo": "none", "showlegend": False}


def _quantile(ordered: list[float], place: float) -> float:
    """Linear between the two values that are nearest."""
    at = place * (len(ordered) - 1)
    low, part = math.floor(at), at - math.floor(at)
    if part == 0:
        return ordered[low]
    return ordered[low] * (1 - part) + ordered[low + 1] * part
