"""A figure as it is described, before anything draws it: what the plots use of plotly's graph_objects."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any


class Layout(dict):  # type: ignore[type-arg]
    """What there is to say of a figure beside its traces."""

    def __missing__(self, key: str) -> dict[str, Any]:
        """An axis of which nothing was said yet."""
        self[key] = {}
        return self[key]

    def tell(self, said: dict[str, Any]) -> None:
        """Adds what is said to what was said before."""
        for key, value in said.items():
            if isinstance(value, dict) and isinstance(self.get(key), dict):
                self[key] = {**self[key], **value}
            else:
                self[key] = value


class Figure:
    """Traces and a layout."""

    def __init__(self, data: Sequence[dict[str, Any]] = (), layout: dict[str, Any] | None = None, rows: int = 1, columns: int = 1) -> None:
        self.traces = list(data)
        self.layout = Layout()
        self.layout.tell(layout or {})
        self.rows, self.columns = rows, columns

    def update_layout(self, **said: Any) -> None:
        """Says more of the figure."""
        self.layout.tell(said)

    def update_yaxes(self, **said: Any) -> None:
        """Says more of the upright axis."""
        self.layout.tell({"yaxis": said})

    def add_trace(self, trace: dict[str, Any]) -> None:
        """Adds a trace."""
        self.traces.append(trace)

    def add_traces(self, traces: Sequence[dict[str, Any]]) -> None:
        """Adds several traces."""
        self.traces.extend(traces)

    def add_scatter(self, **trace: Any) -> None:
        """Adds points or a line."""
        self.traces.append(Scatter(**trace))

    def add_bar(self, **trace: Any) -> None:
        """Adds bars."""
        self.traces.append({"type": "bar", **trace})


def Scatter(**trace: Any) -> dict[str, Any]:
    """Points or a line."""
    return {"type": "scatter", **trace}


def Scatter3d(**trace: Any) -> dict[str, Any]:
    """Points in space."""
    return {"type": "scatter3d", **trace}


def make_subplots(rows: int, cols: int, **_: Any) -> Figure:
    """A figure of several plots."""
    return Figure(rows=rows, columns=cols)


def sampled(scale: str, places: Sequence[float]) -> list[Any]:
    """The colours of a scale at places between 0 and 1."""
    from matplotlib import colormaps

    return [colormaps[scale](place) for place in places]
