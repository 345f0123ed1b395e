"""What figures have in common: plotly, the value that is drawn, and the axes of parameters."""

from __future__ import annotations

import math

from lightcrest._study import Study, _logger
from lightcrest._warn import warn as _warn
from lightcrest.distributions import CategoricalDistribution
from lightcrest.trial import FrozenTrial, TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    Target = Callable[[FrozenTrial], float]

VALUE = "Objective Value"
INFEASIBLE = "#cccccc"
MARGIN = 0.05


def is_available() -> bool:
    """Whether plotly can be imported."""
    try:
        import plotly.graph_objects  # noqa: F401
    except ImportError:
        return False
    return True


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


def value_of(trial: FrozenTrial, target: Target | None) -> float:
    """The value of a complete trial that is drawn."""
    return float(trial.value if target is None else target(trial))  # type: ignore[arg-type]


def drawable(study: Study, target: Target | None) -> list[FrozenTrial]:
    """The complete trials whose value can be drawn."""
    trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    finite = [trial for trial in trials if math.isfinite(value_of(trial, target))]
    if not trials:
        _logger().warning("Your study does not have any completed trials.")
    for trial in trials:
        if trial not in finite:
            _logger().warning(f"Trial {trial.number} is omitted in the figure: its value is infinite or NaN.")
    return finite


def feasible(trial: FrozenTrial) -> bool:
    """Whether a trial satisfies its constraints."""
    return all(value <= 0 for value in trial.constraints.values())


def chosen(trials: list[FrozenTrial], params: list[str] | None) -> list[str]:
    """The names of the parameters that are drawn, in order."""
    known = {name for trial in trials for name in trial.params}
    if params is None or not trials:
        return sorted(known)
    for name in params:
        if name not in known:
            raise ValueError(f"parameter {name!r} does not exist in the study")
    return sorted(set(params))


def parameters_drawn(
    study: Study, params: list[str] | None, target: Target | None, target_name: str
) -> tuple[Any, list[FrozenTrial], list[str]]:
    """What every figure of parameters begins with: plotly, the trials and the names of the parameters."""
    go = graph_objects()
    check(study, target, target_name)
    trials = drawable(study, target)
    return go, trials, chosen(trials, params)


def hover(trial: FrozenTrial) -> str:
    """A trial as text of a few lines."""
    import json

    told: dict[str, Any] = {"number": trial.number, "values": trial.values, "params": trial.params}
    if trial.user_attrs:
        told["user_attrs"] = trial.user_attrs
    return json.dumps(told, indent=2, default=str).replace("\n", "<br>")


class Axis:
    """How a parameter is drawn: its values in some trials, on which scale, from where to where."""

    def __init__(self, trials: list[FrozenTrial], name: str) -> None:
        self.name = name
        having = [trial for trial in trials if name in trial.params]
        distribution = having[0].distributions[name] if having else None
        self.log = bool(getattr(distribution, "log", False))
        choices = distribution.choices if isinstance(distribution, CategoricalDistribution) else ()
        numbers = all(isinstance(choice, (int, float)) and not isinstance(choice, bool) for choice in choices)
        self.categorical = not numbers
        self.values = [self.value(trial) for trial in trials]
        known = [value for value in self.values if value is not None]
        self.distinct = sorted(set(known))
        if self.categorical:
            low, high = 0.0, len(self.distinct) - 1.0
        elif self.log:
            low, high = math.log10(min(known)), math.log10(max(known))
        else:
            low, high = float(min(known)), float(max(known))
        margin = (high - low) * MARGIN
        # On a logarithmic scale, as powers of ten.
        self.range = (low - margin, high + margin)

    def value(self, trial: FrozenTrial) -> Any:
        """The value of the parameter in a trial, as it is drawn; None if it has none."""
        if self.name not in trial.params:
            return None
        value = trial.params[self.name]
        return str(value) if self.categorical else value

    def grid(self) -> list[Any]:
        """All values, and the ends of the axis."""
        if self.categorical or len(self.distinct) < 2:
            return self.distinct
        low, high = (10**end for end in self.range) if self.log else self.range
        return [low, *self.distinct, high]

    def options(self) -> dict[str, Any]:
        """What plotly needs to know."""
        options: dict[str, Any] = {"range": self.range}
        if self.categorical:
            options["type"] = "category"
        elif self.log:
            options["type"] = "log"
        return options
