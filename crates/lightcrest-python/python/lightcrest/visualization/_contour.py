"""Pairs of parameters: values as heights."""

from __future__ import annotations

import itertools
import math
from array import array

from lightcrest._study import Study, StudyDirection, _logger
from lightcrest._warn import warn as _warn
from lightcrest.visualization._common import INFEASIBLE, VALUE, drawing
from lightcrest.visualization._drawn import Axis, parameters_drawn, reversed_scale
from lightcrest.visualization._pairs import pairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.visualization._common import Target

# A browser fills the gaps between the trials of a grid. It has as many lines a side as there are values, but no more than an axis has
# pixels: beyond that values share a line, the same number of them each.
LINES = 400


@drawing
def plot_contour(
    go: Any, study: Study, params: list[str] | None = None, *, target: Target | None = None, target_name: str = VALUE
) -> Any:
    """The value as a height above each pair of parameters. A trial that lacks one of the two is not drawn there."""
    drawn = parameters_drawn(study, target, target_name)
    if params is not None and len(params) < 2:
        _logger().warning("A contour needs at least two parameters.")
    sides = [_Side(parameter) for parameter in drawn.parameters(None if params is None else sorted(set(params)))]
    sides = sides if len(sides) > 1 else []
    _warn_of_empty(sides)
    # What is better of two values is known of objectives only; of other numbers the last one stands.
    better = None if target is not None else min if study.direction is StudyDirection.MINIMIZE else max
    contour = {
        "type": "contour",
        "colorbar": {"title": {"text": target_name}},
        "colorscale": "Blues",
        "connectgaps": True,
        "contours": {"coloring": "heatmap"},
        "hoverinfo": "none",
        "line": {"smoothing": 1.3},
        "reversescale": reversed_scale(study, target),
    }
    shown = iter([True])

    def draw(x: _Side, y: _Side) -> list[dict[str, Any]]:
        if x is y:
            return [{"type": "scatter"}]
        heights = _heights(x, y, drawn.values, better)
        if heights is None:
            return [{"type": "contour"}, {"type": "scatter"}]
        scale = {} if len(sides) == 2 else {"showscale": next(shown, False)}
        surface = {**contour, "x": x.lines, "y": y.lines, "z": heights, **scale}
        return [surface, *_dots(x, y, drawn.feasible)]

    return pairs(go, "Contour Plot", sides, draw)  # type: ignore[arg-type]


class _Side(Axis):
    """An axis with the lines of the grid, and on which of them each trial is."""

    def __init__(self, parameter: Any) -> None:
        super().__init__(parameter)
        distinct = self.distinct
        margin = 0 if self.category or len(distinct) < 2 else 1  # the ends of the axis
        count = len(distinct)
        # Lines are values that lie evenly among all that there are.
        shared = not self.category and count > LINES
        lines = [round(i * (count - 1) / (LINES - 1)) for i in range(LINES)] if shared else range(count)
        self.lines = [distinct[i] for i in lines]
        scale = (LINES - 1) / (count - 1) if shared else 1.0
        place = {value: margin + round(i * scale) for i, value in enumerate(distinct)}
        # None where a trial has no value.
        self.places = [None if value is None else place[value] for value in self.values]
        if margin:
            low, high = self.ends()
            self.lines = [low, *self.lines, high]


def _warn_of_empty(sides: list[_Side]) -> None:
    for side in sides:
        if len(side.distinct) < 2:
            _logger().warning(f"Parameter {side.name!r} has one value only: it has no contour.")
    varying = [side for side in sides if len(side.distinct) > 1]
    for x, y in itertools.combinations(varying, 2):
        if all(a is None or b is None for a, b in zip(x.places, y.places)):
            _warn(f"no trial has both {x.name!r} and {y.name!r}: their contour is empty")


def _heights(x: _Side, y: _Side, values: list[float], better: Any) -> Any:
    """The heights over the grid, a row for each line of y, without a number where no trial is; None if there is nothing to draw."""
    if len(x.distinct) < 2 or len(y.distinct) < 2:
        return None
    width = len(x.lines)
    heights = array("d", [math.nan]) * (width * len(y.lines))
    empty = True
    for a, b, value in zip(x.places, y.places, values):
        if a is None or b is None:
            continue
        cell = b * width + a
        known = heights[cell]
        heights[cell] = value if better is None or known != known else better(known, value)
        empty = False
    return None if empty else _matrix(heights, width)


def _matrix(cells: array[float], width: int) -> Any:
    """Rows of that width: of numpy, which plotly takes as it is, or of lists if there is none."""
    try:
        import numpy
    except ImportError:
        known = [None if cell != cell else cell for cell in cells]
        return [known[i : i + width] for i in range(0, len(known), width)]
    return numpy.frombuffer(cells).reshape(-1, width)


def _dots(x: _Side, y: _Side, feasible: list[bool]) -> list[dict[str, Any]]:
    """The trials themselves: those that satisfy their constraints, and, if there are any, the others."""
    scatters = []
    for good, name, color in ((True, "Feasible Trial", "black"), (False, "Infeasible Trial", INFEASIBLE)):
        dots = [
            (a, b) for a, b, flag in zip(x.values, y.values, feasible) if flag is good and a is not None and b is not None
        ]
        if not dots and not good:
            continue
        scatters.append(
            {
                "type": "scatter",
                "x": [a for a, _ in dots],
                "y": [b for _, b in dots],
                "mode": "markers",
                "name": name,
                "marker": {"color": color, "line": {"width": 2.0, "color": "Gray"}},
                "showlegend": False,
            }
        )
    return scatters
