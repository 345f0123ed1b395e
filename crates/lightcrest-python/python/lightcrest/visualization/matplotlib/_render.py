"""Draws what a sketch describes with matplotlib."""

from __future__ import annotations

import datetime
import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.visualization.matplotlib._sketch import Figure

_WIDTH, _HEIGHT = 6.4, 4.8
_LEAST = 2.0  # inches a side, of one of several plots
_DASHES = {"solid": "-", "dot": ":"}


def render(sketch: Figure) -> Any:
    """The Axes of a plot, or an array of them."""
    from matplotlib import pyplot

    spatial = any(trace["type"] == "scatter3d" for trace in sketch.traces)
    size = (max(_WIDTH, _LEAST * sketch.columns), max(_HEIGHT, _LEAST * sketch.rows))
    figure, axes = pyplot.subplots(
        sketch.rows, sketch.columns, squeeze=False, figsize=size, subplot_kw={"projection": "3d"} if spatial else {}
    )
    title = _text(sketch.layout.get("title"))
    single = sketch.rows == sketch.columns == 1
    if single:
        axes[0, 0].set_title(title)
    else:
        figure.suptitle(title)
    for number, axis in enumerate(axes.flat, 1):
        suffix = "" if number == 1 else str(number)
        traces = [trace for trace in sketch.traces if trace.get("xaxis", "x") == f"x{suffix}"]
        _plot(axis, sketch, traces, suffix, spatial)
        if not single:
            axis.label_outer()
    for trace in sketch.traces:
        _color_bar(figure, axes, trace)
    if single:
        return axes[0, 0]
    return axes[0] if sketch.rows == 1 else axes


def _plot(axis: Any, sketch: Figure, traces: list[dict[str, Any]], suffix: str, spatial: bool) -> None:
    """One plot."""
    layout = sketch.layout
    across, upright = layout.get(f"xaxis{suffix}", {}), layout.get(f"yaxis{suffix}", {})
    _order(axis, across, upright)
    if across.get("type") == "date":
        axis.xaxis_date()
    bundle: list[dict[str, Any]] = []
    bars = [trace for trace in traces if trace["type"] == "bar"]
    for position, trace in enumerate(bars):
        _bars(axis, trace, position, len(bars))
    for i, trace in enumerate(traces):
        kind, mode = trace["type"], trace.get("mode", "")
        if kind == "contour":
            _contour(axis, trace)
        elif kind == "scatter3d":
            _dots(axis, trace, ("x", "y", "z"))
        elif kind == "scatter" and mode == "lines" and trace.get("opacity") is not None:
            bundle.append(trace)
        elif kind == "scatter" and trace.get("fill") == "tonexty":
            axis.fill_between(trace["x"], traces[i - 1]["y"], trace["y"], color=_color(trace["fillcolor"]), linewidth=0)
        elif kind == "scatter" and "lines" in mode:
            _line(axis, trace, layout)
        elif kind == "scatter" and mode:
            _dots(axis, trace, ("x", "y"))
    if bundle:
        _bundle(axis, bundle)
    _scale(axis, across, "x")
    _scale(axis, upright, "y")
    if spatial:
        for name, options in layout.get("scene", {}).items():
            getattr(axis, f"set_{name[0]}label")(_text(options.get("title")))
    for shape in layout.get("shapes", ()):
        axis.plot([shape["x0"], shape["x1"]], [shape["y0"], shape["y1"]], color=shape["line"]["color"], linewidth=1, zorder=0)
    for note in layout.get("annotations", ()):
        axis.annotate(
            note["text"], (note["x"], note["y"]), xytext=(-4, 0), textcoords="offset points", ha="right", va="center", fontsize=7,
            color=note["font"]["color"],
        )
    if layout.get("showlegend") is not False and any(label for label in axis.get_legend_handles_labels()[1]):
        axis.legend()


def _order(axis: Any, across: dict[str, Any], upright: dict[str, Any]) -> None:
    """Lays choices out in their order before anything is drawn at them."""
    for options, scale in ((across, axis.xaxis), (upright, axis.yaxis)):
        if options.get("type") == "category":
            scale.update_units(options.get("categoryarray", []))


def _scale(axis: Any, options: dict[str, Any], name: str) -> None:
    """What is said of one axis."""
    scale = axis.xaxis if name == "x" else axis.yaxis
    if "title" in options:
        scale.set_label_text(_text(options["title"]))
    logarithmic = options.get("type") == "log"
    if logarithmic:
        getattr(axis, f"set_{name}scale")("log")
    if options.get("visible") is False:
        scale.set_visible(False)
    if "tickvals" in options:
        scale.set_ticks(options["tickvals"], options["ticktext"])
    if "range" in options:
        low, high = options["range"]
        if logarithmic:
            low, high = 10.0 ** max(low, -307.0), 10.0 ** min(high, 308.0)
        if low < high:
            getattr(axis, f"set_{name}lim")(low, high)


def _label(trace: dict[str, Any]) -> str | None:
    """What the legend says of a trace, if anything."""
    return trace.get("name") if trace.get("showlegend", True) else None


def _line(axis: Any, trace: dict[str, Any], layout: dict[str, Any]) -> None:
    line = trace.get("line", {})
    options = {"color": _color(line["color"])} if "color" in line else {}
    marker = "." if "markers" in trace["mode"] else None
    y = [math.nan if value is None else value for value in trace["y"]]
    x = [math.nan if value is None else value for value in trace["x"]]
    dash = _DASHES[line.get("dash", "solid")]
    axis.plot(x, y, dash, marker=marker, linewidth=line.get("width", 1.5), label=_label(trace), **options)


def _bundle(axis: Any, traces: list[dict[str, Any]]) -> None:
    """Many lines at once."""
    from matplotlib.collections import LineCollection

    axis.add_collection(
        LineCollection(
            [list(zip(trace["x"], trace["y"])) for trace in traces],
            colors=[_color(trace["line"]["color"]) for trace in traces],
            linestyles=[_DASHES[trace["line"]["dash"]] for trace in traces],
            linewidths=[trace["line"]["width"] for trace in traces],
            alpha=traces[0]["opacity"],
        )
    )


def _dots(axis: Any, trace: dict[str, Any], names: tuple[str, ...]) -> None:
    points = [trace[name] for name in names]
    if not len(points[0]) or points[0][0] is None:
        return
    marker = trace.get("marker", {})
    color = marker.get("color")
    options: dict[str, Any] = {}
    if "line" in marker:
        options = {"edgecolors": _color(marker["line"]["color"]), "linewidths": marker["line"]["width"]}
    if isinstance(color, list) and color and isinstance(color[0], (int, float)):
        options |= {"c": color, "cmap": _map(marker)}
    elif isinstance(color, list):
        options["c"] = [_color(one) for one in color]
    elif color is not None:
        options["c"] = [_color(color)]
    drawn = axis.scatter(*points, s=20, label=_label(trace), **options)
    if "error_y" in trace:
        axis.errorbar(*points, yerr=trace["error_y"]["array"], fmt="none", ecolor=drawn.get_facecolor()[0])
    trace["drawn"] = drawn


def _bars(axis: Any, trace: dict[str, Any], position: int, count: int) -> None:
    """Bars to the right: of times by number, or of several groups beside each other."""
    if "base" in trace:
        starts = [datetime.datetime.fromisoformat(start) for start in trace["base"]]
        widths = [datetime.timedelta(milliseconds=width) for width in trace["x"]]
        axis.barh(trace["y"], widths, left=starts, color=_color(trace["marker"]["color"]), label=_label(trace))
        return
    height = 0.8 / count
    places = [i + (position - (count - 1) / 2) * height for i in range(len(trace["y"]))]
    drawn = axis.barh(places, trace["x"], height=height, label=_label(trace))
    axis.bar_label(drawn, trace["text"], padding=3)
    axis.set_yticks(range(len(trace["y"])), trace["y"])
    axis.margins(x=0.15)


def _contour(axis: Any, trace: dict[str, Any]) -> None:
    """A surface between the trials of a grid, as triangles fill it."""
    if "z" not in trace:
        return
    import numpy

    heights = numpy.array(trace["z"], dtype=float)
    rows, columns = numpy.nonzero(numpy.isfinite(heights))
    across, upright = (_numbers(scale, trace[name]) for scale, name in ((axis.xaxis, "x"), (axis.yaxis, "y")))
    x, y, z = across[columns], upright[rows], heights[rows, columns]
    # On a logarithmic scale, as in the picture; and no side longer than the other.
    flat = [_flat(column, one) for column, one in ((x, across), (y, upright))]
    try:
        from matplotlib.tri import Triangulation

        triangles = Triangulation(*flat).triangles
    except (RuntimeError, ValueError):
        # The trials lie on a line: there is a scale, but no surface.
        if z.size:
            trace["drawn"] = _colored(trace, z.min(), z.max())
        return
    trace["drawn"] = axis.tricontourf(x, y, triangles, z, 15, cmap=_map(trace), zorder=0)


def _numbers(scale: Any, values: list[Any]) -> Any:
    """Where values are on an axis."""
    import numpy

    if any(isinstance(value, str) for value in values):
        scale.update_units(values)
        return numpy.asarray(scale.convert_units(values), dtype=float)
    return numpy.asarray(values, dtype=float)


def _flat(column: Any, every: Any) -> Any:
    low, high = every.min(), every.max()
    return (column - low) / (high - low) if high > low else column


def _color_bar(figure: Any, axes: Any, trace: dict[str, Any]) -> None:
    """The scale of what is coloured by a number."""
    marker = trace if trace["type"] == "contour" else trace.get("marker", {})
    bar = marker.get("colorbar")
    if bar is None or marker.get("showscale") is False:
        return
    drawn = trace.get("drawn")
    if drawn is None:
        if "cmin" not in marker:
            return
        drawn = _colored(marker, marker["cmin"], marker["cmax"])
    made = figure.colorbar(drawn, ax=axes, ticks=bar.get("tickvals"))
    if "ticktext" in bar:
        made.ax.set_yticklabels(bar["ticktext"])
    made.set_label(_text(bar.get("title")))


def _colored(marker: dict[str, Any], low: float, high: float) -> Any:
    """What gives the colours of numbers from low to high."""
    from matplotlib import cm, colors

    return cm.ScalarMappable(colors.Normalize(low, high), _map(marker))


def _map(marker: dict[str, Any]) -> Any:
    """The colours of a scale."""
    from matplotlib import colormaps

    found = colormaps[marker["colorscale"]]
    return found.reversed() if marker.get("reversescale") else found


def _text(title: Any) -> str:
    return str(title.get("text", "")) if isinstance(title, dict) else str(title or "")


def _color(color: Any) -> Any:
    """A colour of plotly's as one of matplotlib's."""
    if not isinstance(color, str) or not color.startswith("rgb"):
        return color.lower() if isinstance(color, str) else color
    numbers = [float(number) for number in color[color.index("(") + 1 : -1].split(",")]
    return (*(number / 255 for number in numbers[:3]), *numbers[3:])
