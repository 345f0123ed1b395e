"""The trials that a figure draws, as columns that the engine gives in one call."""

from __future__ import annotations

import math

from lightcrest import _engine
from lightcrest._study import Study, StudyDirection, _logger
from lightcrest._warn import warn as _warn
from lightcrest.distributions import CategoricalDistribution
from lightcrest.visualization._common import check

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lightcrest.distributions import BaseDistribution
    from lightcrest.trial import FrozenTrial
    from lightcrest.visualization._common import Target

MARGIN = 0.05
# Where powers of ten leave the range of f64.
_POWERS = (-323.0, 308.25)


class Missing:
    """Stands where a trial has no value of a parameter; None may be one of its choices."""


class Parameter:
    """A parameter over the trials that are drawn."""

    def __init__(self, name: str, distribution: BaseDistribution, rows: list[int], values: list[Any], count: int) -> None:
        self.name = name
        self.distribution = distribution
        # The positions of the trials that have it, among those that are drawn, and its values there.
        self.rows = rows
        self.values = values
        self._count = count
        self.log = bool(getattr(distribution, "log", False))
        self.categorical = isinstance(distribution, CategoricalDistribution)
        # Choices that are numbers are drawn on an axis of numbers.
        self.numeric = not isinstance(distribution, CategoricalDistribution) or all(map(_number, distribution.choices))

    @property
    def everywhere(self) -> bool:
        """Whether all trials have it."""
        return len(self.rows) == self._count

    def column(self) -> list[Any]:
        """Its value in each trial, or Missing."""
        if self.everywhere:
            return self.values
        column: list[Any] = [Missing] * self._count
        for row, value in zip(self.rows, self.values):
            column[row] = value
        return column


def _number(choice: Any) -> bool:
    return isinstance(choice, (int, float)) and not isinstance(choice, bool) and math.isfinite(choice)


class Drawn:
    """The complete trials of a study with the value that is drawn."""

    def __init__(
        self, study: Study, numbers: list[int], values: list[float], feasible: list[bool | None], objectives: list[list[float]]
    ) -> None:
        self.study = study
        self.numbers = numbers
        self.values = values
        # None where a trial has no constraints.
        self.constrained = feasible
        self.feasible = [flag is not False for flag in feasible]
        # For each objective its values.
        self.objectives = objectives

    def __len__(self) -> int:
        return len(self.numbers)

    def where(self, kept: list[bool]) -> Drawn:
        """Some of the trials."""
        if all(kept):
            return self

        def some(column: list[Any]) -> list[Any]:
            return [item for item, keep in zip(column, kept) if keep]

        columns = [some(column) for column in self.objectives]
        return Drawn(self.study, some(self.numbers), some(self.values), some(self.constrained), columns)

    def finite(self) -> Drawn:
        """The trials whose value can be drawn; of the others it is said that they are left out."""
        kept = [math.isfinite(value) for value in self.values]
        for number, keep in zip(self.numbers, kept):
            if not keep:
                _logger().warning(f"Trial {number} is omitted in the figure: its value is infinite or NaN.")
        return self.where(kept)

    def trials(self) -> list[FrozenTrial]:
        """The trials themselves, to be looked at."""
        return self.study._trials.several(self.numbers)

    def parameters(self, chosen: list[str] | None) -> list[Parameter]:
        """The parameters that are drawn: all that occur, by name, or those that are asked for."""
        found = _engine.parameters(self.study._engine, self.numbers)
        if chosen is not None and len(self):
            for name in chosen:
                if name not in found:
                    raise ValueError(f"parameter {name!r} does not exist in the study")
        names = sorted(found) if chosen is None or not len(self) else chosen
        return [Parameter(name, *found[name], len(self)) for name in names]


def complete(study: Study, target: Target | None) -> Drawn:
    """The complete trials, with the first objective or what `target` gives for each."""
    study._engine.synchronize()
    numbers, objectives, feasible = _engine.complete(study._engine)
    if target is None:
        return Drawn(study, numbers, objectives[0], feasible, objectives)
    values = [value_of(trial, target) for trial in study._trials.several(numbers)]
    return Drawn(study, numbers, values, feasible, objectives)


def value_of(trial: FrozenTrial, target: Target) -> float:
    """What `target` gives for a trial."""
    value = target(trial)
    if type(value) is float:  # as nearly always
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        _warn(f"`target` must give a number, but gave {value!r} for trial {trial.number}")
        raise


def drawn(study: Study, target: Target | None) -> Drawn:
    """The complete trials whose value can be drawn."""
    found = complete(study, target)
    if not len(found):
        _logger().warning("Your study does not have any completed trials.")
    return found.finite()


def parameters_drawn(study: Study, target: Target | None, target_name: str) -> Drawn:
    """What figures of parameters begin with: the trials."""
    check(study, target, target_name)
    return drawn(study, target)


def reversed_scale(study: Study, target: Target | None) -> bool:
    """Whether small values get the colours of the end of a scale."""
    return target is not None or study.direction is StudyDirection.MINIMIZE


class Axis:
    """How a parameter is drawn in a plane: its values in each trial, on which scale, from where to where."""

    def __init__(self, parameter: Parameter) -> None:
        self.name = parameter.name
        self.log = parameter.log
        self.category = not parameter.numeric
        column = parameter.column()
        # None where a trial has no value.
        self.values: list[Any] = [None if v is Missing else str(v) if self.category else v for v in column]
        self.distinct: list[Any] = sorted({value for value in self.values if value is not None})
        if self.category:
            low, high = 0.0, len(self.distinct) - 1.0
        else:
            low, high = float(self.distinct[0]), float(self.distinct[-1])
            if self.log:
                low, high = math.log10(low), math.log10(high)
        margin = (high - low) * MARGIN
        margin = margin if math.isfinite(margin) else 0.0
        # On a logarithmic scale, as powers of ten.
        self.range = (low - margin, high + margin)

    def ends(self) -> tuple[float, float]:
        """Where the axis begins and ends, as values."""
        low, high = self.range
        return (10.0 ** max(low, _POWERS[0]), 10.0 ** min(high, _POWERS[1])) if self.log else (low, high)

    def options(self) -> dict[str, Any]:
        """What plotly needs to know."""
        options: dict[str, Any] = {"range": self.range}
        if self.category:
            options["type"] = "category"
        elif self.log:
            options["type"] = "log"
        return options
