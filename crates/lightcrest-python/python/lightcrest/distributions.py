"""What a parameter may be: the domains of parameters, as Python objects."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Union

    CategoricalChoiceType = Union[None, bool, int, float, str]


class BaseDistribution:
    """The base of all distributions. They are values: equal if they say the same, and never changed."""

    _fields: tuple[str, ...] = ()

    def single(self) -> bool:
        """Whether there is one value only."""
        raise NotImplementedError

    def _contains(self, value: Any) -> bool:
        raise NotImplementedError

    def _key(self) -> tuple[Any, ...]:
        return tuple(getattr(self, field) for field in self._fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BaseDistribution):
            return NotImplemented
        return type(self) is type(other) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash((type(self), self._key()))

    def __copy__(self) -> BaseDistribution:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> BaseDistribution:
        return self

    def __repr__(self) -> str:
        fields = ", ".join(f"{field}={getattr(self, field)!r}" for field in self._fields)
        return f"{type(self).__name__}({fields})"


def _check_range(low: float, high: float, log: bool, step: float | None, no_step: float | None) -> None:
    if not low <= high:
        raise ValueError(f"`low <= high` must hold, but got low = {low}, high = {high}")
    if log and low <= 0:
        raise ValueError(f"a logarithmic scale needs `low > 0`, but got low = {low}")
    if log and step != no_step:
        raise ValueError(f"a step ({step}) and a logarithmic scale exclude each other")
    if step is not None and not step > 0:
        raise ValueError(f"`step > 0` must hold, but got step = {step}")


class FloatDistribution(BaseDistribution):
    """A real number in [low, high]."""

    _fields = ("high", "log", "low", "step")

    def __init__(self, low: float, high: float, log: bool = False, step: float | None = None) -> None:
        _check_range(low, high, log, step, None)
        self.low = float(low)
        self.high = float(high)
        self.log = log
        self.step = None if step is None else float(step)

    def single(self) -> bool:
        return self.low == self.high or (self.step is not None and self.high - self.low < self.step)

    def _contains(self, value: Any) -> bool:
        if not self.low <= value <= self.high:
            return False
        cells = 0.0 if self.step is None else (value - self.low) / self.step
        return abs(cells - round(cells)) < 1e-8


class IntDistribution(BaseDistribution):
    """A whole number from low to high, both included."""

    _fields = ("high", "log", "low", "step")

    def __init__(self, low: int, high: int, log: bool = False, step: int = 1) -> None:
        _check_range(low, high, log, step, 1)
        self.low = int(low)
        self.high = int(high)
        self.log = log
        self.step = int(step)

    def single(self) -> bool:
        return self.high - self.low < self.step

    def _contains(self, value: Any) -> bool:
        return self.low <= value <= self.high and (value - self.low) % self.step == 0


class CategoricalDistribution(BaseDistribution):
    """One of the choices, between which there is no order."""

    _fields = ("choices",)

    def __init__(self, choices: Sequence[CategoricalChoiceType]) -> None:
        self.choices = tuple(choices)
        if not self.choices:
            raise ValueError("at least one choice is needed, but the list is empty")

    def single(self) -> bool:
        return len(self.choices) == 1

    def _contains(self, value: Any) -> bool:
        return any(value == choice and type(value) is type(choice) for choice in self.choices)
