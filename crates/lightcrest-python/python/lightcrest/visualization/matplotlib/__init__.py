"""Figures of studies, drawn with matplotlib: the same as those of lightcrest.visualization, from the same numbers.

Each returns the Axes, or an array of them. matplotlib is imported when a figure is drawn; without it, is_available() is False and every
plot is an ImportError that says so.
"""

from __future__ import annotations

import functools

from lightcrest._warn import experimental
from lightcrest.visualization import (
    _contour,
    _history,
    _importances,
    _parallel,
    _pareto,
    _rank,
    _slice,
    _terminator,
    _timeline,
)
from lightcrest.visualization.matplotlib import _sketch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = [
    "is_available",
    "plot_contour",
    "plot_edf",
    "plot_hypervolume_history",
    "plot_intermediate_values",
    "plot_optimization_history",
    "plot_parallel_coordinate",
    "plot_param_importances",
    "plot_pareto_front",
    "plot_rank",
    "plot_slice",
    "plot_terminator_improvement",
    "plot_timeline",
]


def is_available() -> bool:
    """Whether matplotlib can be imported."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    return True


def _drawn(plot: Any) -> Callable[..., Any]:
    """The same plot, drawn with matplotlib."""

    @functools.wraps(plot)
    def drawn(*args: Any, **kwargs: Any) -> Any:
        try:
            import matplotlib  # noqa: F401
        except ImportError as error:
            raise ImportError("these figures need the package matplotlib: install it by `pip install matplotlib`") from error
        from lightcrest.visualization.matplotlib._render import render

        return render(plot.draw(_sketch, *args, **kwargs))

    return experimental(drawn)


plot_contour = _drawn(_contour.plot_contour)
plot_edf = _drawn(_history.plot_edf)
plot_hypervolume_history = _drawn(_history.plot_hypervolume_history)
plot_intermediate_values = _drawn(_history.plot_intermediate_values)
plot_optimization_history = _drawn(_history.plot_optimization_history)
plot_parallel_coordinate = _drawn(_parallel.plot_parallel_coordinate)
plot_param_importances = _drawn(_importances.plot_param_importances)
plot_pareto_front = _drawn(_pareto.plot_pareto_front)
plot_rank = _drawn(_rank.plot_rank)
plot_slice = _drawn(_slice.plot_slice)
plot_terminator_improvement = _drawn(_terminator.plot_terminator_improvement)
plot_timeline = _drawn(_timeline.plot_timeline)
