"""What figures have in common: plotly, the arguments, and what is said of a trial."""

from __future__ import annotations

import functools
import inspect

from lightcrest._study import Study
from lightcrest._warn import warn as _warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from lightcrest.trial import FrozenTrial

    Target = Callable[[FrozenTrial], float]

VALUE = "Objective Value"
INFEASIBLE = "#cccccc"


def is_available() -> bool:
    """Whether plotly can be imported."""
    try:
        import plotly.graph_objects  # noqa: F401
    except ImportError:
        return False
    return True


def drawing(draw: Callable[..., Any]) -> Callable[..., Any]:
    """Lets a function whose first argument is what it draws with, plotly's graph_objects or a Sketch, draw with plotly.

    As `draw`, the result has the function itself.
    """

    @functools.wraps(draw)
    def plot(*args: Any, **kwargs: Any) -> Any:
        return draw(graph_objects(), *args, **kwargs)

    signature = inspect.signature(draw)
    plot.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])  # type: ignore[attr-defined]
    plot.draw = draw  # type: ignore[attr-defined]
    return plot


def subplots(go: Any, **options: Any) -> Any:
    """A figure of several plots."""
    if hasattr(go, "make_subplots"):
        return go.make_subplots(**options)
    from plotly.subplots import make_subplots

    return make_subplots(**options)


def graph_objects() -> Any:
    """plotly.graph_objects, or an error that says what is missing."""
    try:
        import plotly.graph_objects as go
    except ImportError as error:
        raise ImportError("figures need the package plotly: install it by `pip install plotly`") from error
    return go


def as_list(study: Study | Sequence[Study]) -> list[Study]:
    """The studies that an argument means."""
    return [study] if isinstance(study, Study) else list(study)


def check(study: Study | Sequence[Study], target: Target | None, name: str) -> None:
    """Whether it is clear what is drawn."""
    if target is None and any(len(one.directions) > 1 for one in as_list(study)):
        raise ValueError("a study of several objectives needs `target`: which value is drawn")
    if target is not None and name == VALUE:
        _warn(f"`target` is given, but `target_name` still says {VALUE!r}")


def feasible(trial: FrozenTrial) -> bool:
    """Whether a trial satisfies its constraints."""
    return all(value <= 0 for value in trial.constraints.values())


def hover(trial: FrozenTrial) -> str:
    """A trial as text of a few lines."""
    import json

    told: dict[str, Any] = {"number": trial.number, "values": trial.values, "params": trial.params}
    if trial.user_attrs:
        told["user_attrs"] = trial.user_attrs
    return json.dumps(told, indent=2, default=str).replace("\n", "<br>")


def spaced(low: float, high: float, count: int) -> list[float]:
    """Numbers from low to high, both included, at equal distances."""
    step = high / (count - 1) - low / (count - 1)
    between = [low + i * step for i in range(1, count - 1)]
    if any(x - x != 0 for x in between):  # the distance from end to end is beyond f64
        between = [low * (1 - i / (count - 1)) + high * (i / (count - 1)) for i in range(1, count - 1)]
    return [low, *between, high]
