"""Figures of studies, drawn with plotly; those of `matplotlib` below it with that.

plotly is imported when a figure is drawn. Without it, is_available() is False and every plot is an ImportError that says so.
"""

from __future__ import annotations

from lightcrest.visualization._common import is_available
from lightcrest.visualization._contour import plot_contour
from lightcrest.visualization._history import (
    plot_edf,
    plot_hypervolume_history,
    plot_intermediate_values,
    plot_optimization_history,
)
from lightcrest.visualization._importances import plot_param_importances
from lightcrest.visualization._parallel import plot_parallel_coordinate
from lightcrest.visualization._pareto import plot_pareto_front
from lightcrest.visualization._rank import plot_rank
from lightcrest.visualization._slice import plot_slice
from lightcrest.visualization._terminator import plot_terminator_improvement
from lightcrest.visualization._timeline import plot_timeline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.visualization import matplotlib

__all__ = [
    "is_available",
    "matplotlib",
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


def __getattr__(name: str) -> Any:
    """Imports the figures of matplotlib when they are first used."""
    if name == "matplotlib":
        from importlib import import_module

        return import_module("lightcrest.visualization.matplotlib")
    raise AttributeError(f"module 'lightcrest.visualization' has no attribute {name!r}")
