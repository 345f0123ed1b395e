"""Trials that answer an objective from values that are fixed."""

from __future__ import annotations

import datetime as _datetime

from lightcrest._engine import Trial
from lightcrest._warn import warn as _warn
from lightcrest.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    check_distribution_compatibility,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

# Among system attributes: where a sampler's constraints_func keeps its list, and what the keys of single constraints begin with.
_CONSTRAINTS = "constraints"
_CONSTRAINT = "constraints:"


class _Kind(type):
    """Running trials are the engine's, and yet trials."""

    def __instancecheck__(cls, instance: object) -> bool:
        return type.__instancecheck__(cls, instance) or (cls is BaseTrial and isinstance(instance, Trial))

    def __subclasscheck__(cls, subclass: type) -> bool:
        return type.__subclasscheck__(cls, subclass) or (cls is BaseTrial and issubclass(subclass, Trial))


class BaseTrial(metaclass=_Kind):
    """What all trials are: running, frozen and fixed ones."""


class _Answering(BaseTrial):
    """Answers an objective from values that are fixed."""

    _distributions: dict[str, BaseDistribution]
    _user_attrs: dict[str, Any]
    _system_attrs: dict[str, Any]

    def _given(self) -> dict[str, Any]:
        raise NotImplementedError

    def _suggest(self, name: str, distribution: BaseDistribution) -> Any:
        if name not in self._given():
            raise ValueError(f"the trial has no value of parameter {name!r}: give it one when the trial is made")
        value = self._given()[name]
        if not distribution._contains(distribution.to_internal_repr(value)):
            _warn(f"the value {value!r} of parameter {name!r} is out of the range of {distribution}")
        if name in self._distributions:
            check_distribution_compatibility(self._distributions[name], distribution)
        self._distributions[name] = distribution
        return value

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """The value that the trial has."""
        return self._suggest(name, FloatDistribution(low, high, log=log, step=step))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """The value that the trial has."""
        return int(self._suggest(name, IntDistribution(low, high, log=log, step=step)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """The value that the trial has."""
        return self._suggest(name, CategoricalDistribution(choices))

    def suggest_uniform(self, name: str, low: float, high: float) -> float:
        """Deprecated: use suggest_float(name, low, high)."""
        _warn("suggest_uniform is deprecated: use suggest_float(name, low, high)", FutureWarning)
        return self.suggest_float(name, low, high)

    def suggest_loguniform(self, name: str, low: float, high: float) -> float:
        """Deprecated: use suggest_float(name, low, high, log=True)."""
        _warn("suggest_loguniform is deprecated: use suggest_float(name, low, high, log=True)", FutureWarning)
        return self.suggest_float(name, low, high, log=True)

    def suggest_discrete_uniform(self, name: str, low: float, high: float, q: float) -> float:
        """Deprecated: use suggest_float(name, low, high, step=q)."""
        _warn("suggest_discrete_uniform is deprecated: use suggest_float(name, low, high, step=q)", FutureWarning)
        return self.suggest_float(name, low, high, step=q)

    def report(self, value: float, step: int) -> None:
        """Does nothing: the trial belongs to no study."""

    def should_prune(self) -> bool:
        """False: nothing stops the trial."""
        return False

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keeps something with the trial."""
        self._user_attrs[key] = value

    def set_constraint(self, key: str, value: float) -> None:
        """Sets a constraint, which is satisfied if its value is at most 0. The first value of a key stands."""
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise TypeError(f"`value` must be a number, but is of type {type(value)}") from None
        if number != number:
            raise ValueError(f"constraint {key!r} must not be NaN")
        if _CONSTRAINT + key in self._system_attrs:
            _warn(f"constraint {key!r} is set already: this value is ignored")
            return
        self._system_attrs[_CONSTRAINT + key] = number

    @property
    def constraints(self) -> dict[str, float]:
        """What set_constraint set: {key: value}; and what a sampler's constraints_func gave, by position."""
        found = {str(i): value for i, value in enumerate(self._system_attrs.get(_CONSTRAINTS) or ())}
        for key, value in self._system_attrs.items():
            if key.startswith(_CONSTRAINT):
                found[key[len(_CONSTRAINT) :]] = value
        return found


class FixedTrial(_Answering):
    """A trial of no study that answers with given values: to evaluate an objective where one wants to."""

    def __init__(self, params: dict[str, Any], number: int = 0) -> None:
        self._params = params
        self._suggested: dict[str, Any] = {}
        self._distributions = {}
        self._user_attrs = {}
        self._system_attrs = {}
        self._number = number
        self._datetime_start = _datetime.datetime.now()

    def _given(self) -> dict[str, Any]:
        return self._params

    def _suggest(self, name: str, distribution: BaseDistribution) -> Any:
        value = super()._suggest(name, distribution)
        self._suggested[name] = value
        return value

    @property
    def params(self) -> dict[str, Any]:
        """What was asked for so far."""
        return self._suggested

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The distributions that were asked for so far."""
        return self._distributions

    @property
    def user_attrs(self) -> dict[str, Any]:
        """What set_user_attr kept."""
        return self._user_attrs

    @property
    def system_attrs(self) -> dict[str, Any]:
        """What is kept beside user_attrs."""
        return self._system_attrs

    @property
    def number(self) -> int:
        """The number that the trial was given."""
        return self._number

    @property
    def datetime_start(self) -> _datetime.datetime | None:
        """When the trial was made."""
        return self._datetime_start
