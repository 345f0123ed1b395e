"""What a parameter may be: the domains of parameters, as Python objects."""

from __future__ import annotations

from lightcrest._warn import warn as _warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Union

    CategoricalChoiceType = Union[None, bool, int, float, str]
else:
    CategoricalChoiceType = object

__all__ = [
    "DISTRIBUTION_CLASSES",
    "BaseDistribution",
    "CategoricalChoiceType",
    "CategoricalDistribution",
    "DiscreteUniformDistribution",
    "FloatDistribution",
    "IntDistribution",
    "IntLogUniformDistribution",
    "IntUniformDistribution",
    "LogUniformDistribution",
    "UniformDistribution",
    "check_distribution_compatibility",
    "distribution_to_json",
    "json_to_distribution",
]


class BaseDistribution:
    """The base of all distributions. They are values: equal if they say the same, and never changed."""

    def to_internal_repr(self, param_value_in_external_repr: Any) -> float:
        """The value as a number: itself, or the position of a choice."""
        raise NotImplementedError

    def to_external_repr(self, param_value_in_internal_repr: float) -> Any:
        """The value that a number stands for."""
        return param_value_in_internal_repr

    def single(self) -> bool:
        """Whether there is one value only."""
        raise NotImplementedError

    def _contains(self, param_value_in_internal_repr: float) -> bool:
        raise NotImplementedError

    def _asdict(self) -> dict[str, Any]:
        return self.__dict__

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BaseDistribution):
            return NotImplemented
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *sorted(self.__dict__.items())))

    def __copy__(self) -> BaseDistribution:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> BaseDistribution:
        return self

    def __repr__(self) -> str:
        fields = ", ".join(f"{key}={value}" for key, value in sorted(self._asdict().items()))
        return f"{type(self).__name__}({fields})"


def _check_range(low: float, high: float, log: bool, step: float | None, no_step: float | None) -> None:
    if log and step != no_step:
        raise ValueError(f"a step ({step}) and a logarithmic scale exclude each other")
    if low > high:
        raise ValueError(f"`low <= high` must hold, but got low = {low}, high = {high}")
    if log and low <= 0:
        raise ValueError(f"a logarithmic scale needs `low > 0`, but got low = {low}")
    if step is not None and not step > 0:
        raise ValueError(f"`step > 0` must hold, but got step = {step}")


def _number(value: Any, log: bool) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{value!r} is not a number") from None
    if number != number or (log and number <= 0):
        raise ValueError(f"{value!r} cannot be a value{' on a logarithmic scale' if log else ''}")
    return number


def _last_step(low: float, high: float, step: float) -> tuple[float, bool]:
    """The last low + k step that is not above high, by decimals, and whether it is high."""
    from decimal import Decimal

    first, last, width = (Decimal(str(float(number))) for number in (low, high, step))
    rest = (last - first) % width
    return float((last - first) // width * width + first), rest == 0


def _lowered(low: float, high: float, lowered: float, step: float) -> float:
    _warn(
        f"The range [{low}, {high}] is not divisible by `step` = {step}: it is replaced by [{low}, {lowered}]"
    )
    return lowered


class FloatDistribution(BaseDistribution):
    """A real number in [low, high]; with a step, one of low, low + step, ..."""

    def __init__(self, low: float, high: float, log: bool = False, step: float | None = None) -> None:
        _check_range(low, high, log, step, None)
        if step is not None:
            lowered, met = _last_step(low, high, step)
            if not met:
                high = _lowered(low, high, lowered, step)
        self.step = None if step is None else float(step)
        self.low = float(low)
        self.high = float(high)
        self.log = log

    @classmethod
    def _of(cls, low: float, high: float, log: bool, step: float | None) -> FloatDistribution:
        """The distribution with these very bounds: `high` is lowered already."""
        distribution = FloatDistribution.__new__(FloatDistribution)
        distribution.step, distribution.low, distribution.high, distribution.log = step, low, high, log
        return distribution

    def single(self) -> bool:
        """Whether there is one value only."""
        return self.low == self.high

    def to_internal_repr(self, param_value_in_external_repr: Any) -> float:
        """The value as a float."""
        return _number(param_value_in_external_repr, self.log)

    def _contains(self, param_value_in_internal_repr: float) -> bool:
        value = param_value_in_internal_repr
        if not self.low <= value <= self.high:
            return False
        if self.step is None:
            return True
        cells = (value - self.low) / self.step
        # Sums of numbers of this size are off by as much as that.
        rounding = 1e-15 * max(abs(self.low), abs(self.high)) / self.step
        return abs(cells - round(cells)) < 1e-8 + rounding


class IntDistribution(BaseDistribution):
    """A whole number from low to high, both included."""

    def __init__(self, low: int, high: int, log: bool = False, step: int = 1) -> None:
        _check_range(low, high, log, step, 1)
        self.log = log
        self.step = int(step)
        self.low = int(low)
        self.high = int(high)
        if (self.high - self.low) % self.step != 0:
            lowered = self.low + (self.high - self.low) // self.step * self.step
            self.high = int(_lowered(self.low, self.high, lowered, self.step))

    @classmethod
    def _of(cls, low: int, high: int, log: bool, step: int) -> IntDistribution:
        """The distribution with these very bounds: `high` is lowered already."""
        distribution = IntDistribution.__new__(IntDistribution)
        distribution.log, distribution.step, distribution.low, distribution.high = log, step, low, high
        return distribution

    def single(self) -> bool:
        """Whether there is one value only."""
        return self.low == self.high

    def to_internal_repr(self, param_value_in_external_repr: Any) -> float:
        """The value as a float; a whole number that no float is stays as it is."""
        number = _number(param_value_in_external_repr, self.log)
        exact = isinstance(param_value_in_external_repr, int) and number != param_value_in_external_repr
        return int(param_value_in_external_repr) if exact else number

    def to_external_repr(self, param_value_in_internal_repr: float) -> int:
        """The whole number."""
        return int(param_value_in_internal_repr)

    def _contains(self, param_value_in_internal_repr: float) -> bool:
        value = param_value_in_internal_repr
        return self.low <= value <= self.high and (value - self.low) % self.step == 0


def _same_choice(a: Any, b: Any) -> bool:
    return bool(a == b) or (a != a and b != b)


class CategoricalDistribution(BaseDistribution):
    """One of the choices, between which there is no order."""

    def __init__(self, choices: Sequence[CategoricalChoiceType]) -> None:
        self.choices = tuple(choices)
        if not self.choices:
            raise ValueError("at least one choice is needed, but the list is empty")
        for choice in self.choices:
            if choice is not None and not isinstance(choice, (bool, int, float, str)):
                _warn(
                    "choices should be None, bools, ints, floats or strings to survive the process, but "
                    f"{choice!r} is of type {type(choice).__name__}"
                )

    def single(self) -> bool:
        """Whether there is one value only."""
        return len(self.choices) == 1

    def to_internal_repr(self, param_value_in_external_repr: Any) -> float:
        """The position of the choice."""
        try:
            return self.choices.index(param_value_in_external_repr)
        except (ValueError, TypeError):
            pass  # NaN, or something that `==` does not answer for with a bool
        for position, choice in enumerate(self.choices):
            if _same_choice(param_value_in_external_repr, choice):
                return position
        raise ValueError(f"{param_value_in_external_repr!r} is not in {self.choices}")

    def to_external_repr(self, param_value_in_internal_repr: float) -> Any:
        """The choice at a position."""
        return self.choices[int(param_value_in_internal_repr)]

    def _contains(self, param_value_in_internal_repr: float) -> bool:
        return 0 <= int(param_value_in_internal_repr) < len(self.choices)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, BaseDistribution):
            return NotImplemented
        if not isinstance(other, CategoricalDistribution) or len(self.choices) != len(other.choices):
            return False
        return all(_same_choice(a, b) for a, b in zip(self.choices, other.choices))

    __hash__ = BaseDistribution.__hash__


def _deprecated(old: BaseDistribution, instead: str) -> None:
    _warn(f"{type(old).__name__} is deprecated: use {instead}", FutureWarning)


class UniformDistribution(FloatDistribution):
    """Deprecated: use FloatDistribution(low, high)."""

    def __init__(self, low: float, high: float) -> None:
        _deprecated(self, "FloatDistribution(low, high)")
        super().__init__(low, high)

    def _asdict(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high}


class LogUniformDistribution(FloatDistribution):
    """Deprecated: use FloatDistribution(low, high, log=True)."""

    def __init__(self, low: float, high: float) -> None:
        _deprecated(self, "FloatDistribution(low, high, log=True)")
        super().__init__(low, high, log=True)

    def _asdict(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high}


class DiscreteUniformDistribution(FloatDistribution):
    """Deprecated: use FloatDistribution(low, high, step=q)."""

    def __init__(self, low: float, high: float, q: float) -> None:
        _deprecated(self, "FloatDistribution(low, high, step=q)")
        super().__init__(low, high, step=q)

    @property
    def q(self) -> float | None:
        """The step."""
        return self.step

    def _asdict(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "q": self.step}


class IntUniformDistribution(IntDistribution):
    """Deprecated: use IntDistribution(low, high, step=step)."""

    def __init__(self, low: int, high: int, step: int = 1) -> None:
        _deprecated(self, "IntDistribution(low, high, step=step)")
        super().__init__(low, high, step=step)

    def _asdict(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "step": self.step}


class IntLogUniformDistribution(IntDistribution):
    """Deprecated: use IntDistribution(low, high, log=True)."""

    def __init__(self, low: int, high: int, step: int = 1) -> None:
        _deprecated(self, "IntDistribution(low, high, log=True)")
        super().__init__(low, high, log=True, step=step)

    def _asdict(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "step": self.step}


def _modern(distribution: BaseDistribution) -> BaseDistribution:
    """The distribution that a deprecated one stands for, with a warning."""
    if type(distribution) in (FloatDistribution, IntDistribution, CategoricalDistribution):
        return distribution
    for kind in (FloatDistribution, IntDistribution):
        if isinstance(distribution, kind):
            low, high, log, step = distribution.low, distribution.high, distribution.log, distribution.step
            modern = kind._of(low, high, log, step)
            _warn(
                f"{distribution} is deprecated, and taken as {modern}. See https://github.com/optuna/optuna/issues/2941",
                FutureWarning,
            )
            return modern
    return distribution


def _convert_old_distribution_to_new_distribution(
    distribution: BaseDistribution, suppress_warning: bool = False
) -> BaseDistribution:
    """As _modern, by the name that packages around Optuna know."""
    import warnings

    with warnings.catch_warnings():
        if suppress_warning:
            warnings.simplefilter("ignore", FutureWarning)
        return _modern(distribution)


DISTRIBUTION_CLASSES: tuple[type[BaseDistribution], ...] = (
    FloatDistribution,
    UniformDistribution,
    LogUniformDistribution,
    DiscreteUniformDistribution,
    IntDistribution,
    IntUniformDistribution,
    IntLogUniformDistribution,
    CategoricalDistribution,
)
_BY_NAME = {kind.__name__: kind for kind in DISTRIBUTION_CLASSES}


def distribution_to_json(dist: BaseDistribution) -> str:
    """The distribution as JSON: {"name": class, "attributes": {...}}."""
    import json

    return json.dumps({"name": type(dist).__name__, "attributes": dist._asdict()})


def json_to_distribution(json_str: str) -> BaseDistribution:
    """The distribution that JSON says: as distribution_to_json writes it, or {"type": "float", "low": 0, "high": 1}."""
    import json

    said = json.loads(json_str)
    if "name" in said:
        if said["name"] not in _BY_NAME:
            raise ValueError(f"there is no distribution {said['name']!r}")
        fields = said["attributes"]
        step = fields.get("step") if said["name"] == "FloatDistribution" else None
        if step is not None:
            lowered, _ = _last_step(fields["low"], fields["high"], step)
            ends = lowered, _last_step(fields["low"], fields["high"] + 0.5 * step, step)[0]
            if fields["high"] in ends:
                return FloatDistribution._of(fields["low"], fields["high"], fields["log"], step)
        return _BY_NAME[said["name"]](**fields)
    kind = said["type"]
    if kind == "categorical":
        return CategoricalDistribution(said["choices"])
    if kind == "float":
        return FloatDistribution(said["low"], said["high"], said.get("log", False), said.get("step"))
    if kind == "int":
        step = said.get("step")
        return IntDistribution(said["low"], said["high"], said.get("log", False), 1 if step is None else step)
    raise ValueError(f"there is no type of distribution {kind!r}: it is 'float', 'int' or 'categorical'")


def check_distribution_compatibility(dist_old: BaseDistribution, dist_new: BaseDistribution) -> None:
    """Raises a ValueError unless trials may ask for one name with both: the same kind, scale and choices."""
    if type(dist_old) is not type(dist_new):
        raise ValueError(f"a parameter cannot be {dist_old} in one trial and {dist_new} in another")
    if isinstance(dist_old, CategoricalDistribution):
        if dist_old != dist_new:
            raise ValueError(f"CategoricalDistribution does not support other choices: {dist_old}, {dist_new}")
    elif dist_old.log != dist_new.log:
        raise ValueError(f"the scale of a parameter cannot change: {dist_old}, {dist_new}")
