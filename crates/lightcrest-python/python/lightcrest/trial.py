"""Trials: running ones, as the objective sees them, and frozen ones, as they are at one moment."""

from __future__ import annotations

import copy as _copy
import datetime as _datetime
import enum as _enum

from lightcrest._engine import Trial
from lightcrest._warn import warn as _warn
from lightcrest.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    _modern,
    check_distribution_compatibility,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["BaseTrial", "FixedTrial", "FrozenTrial", "Trial", "TrialState", "create_trial"]


class TrialState(_enum.IntEnum):
    """Where a trial is in its life."""

    RUNNING = 0
    COMPLETE = 1
    PRUNED = 2
    FAIL = 3
    WAITING = 4

    __str__ = _enum.Enum.__str__  # the name, not the number

    def is_finished(self) -> bool:
        """Whether nothing will change any more."""
        return self in (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


# The engine's words.
_STATES = {
    "running": TrialState.RUNNING,
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
    "waiting": TrialState.WAITING,
}
_WORDS = {state: word for word, state in _STATES.items()}

_CONSTRAINT = "constraints:"


class _Kind(type):
    """Running trials are the engine's, and yet trials."""

    def __instancecheck__(cls, instance: object) -> bool:
        return type.__instancecheck__(cls, instance) or (cls is BaseTrial and isinstance(instance, Trial))


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
        """What set_constraint set: {key: value}."""
        found = self._system_attrs.items()
        return {key[len(_CONSTRAINT) :]: value for key, value in found if key.startswith(_CONSTRAINT)}


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


class FrozenTrial(_Answering):
    """A trial as it is at one moment."""

    def __init__(
        self,
        number: int,
        state: TrialState,
        value: float | None,
        datetime_start: _datetime.datetime | None,
        datetime_complete: _datetime.datetime | None,
        params: dict[str, Any],
        distributions: dict[str, BaseDistribution],
        user_attrs: dict[str, Any],
        system_attrs: dict[str, Any],
        intermediate_values: dict[int, float],
        trial_id: int,
        *,
        values: Sequence[float] | None = None,
    ) -> None:
        if value is not None and values is not None:
            raise ValueError("`value` and `values` cannot be given together")
        self.number = number
        self.state = state
        self._values: list[float] | None = [value] if value is not None else None if values is None else list(values)
        self.datetime_start = datetime_start
        self.datetime_complete = datetime_complete
        self.params = params
        self._user_attrs = user_attrs
        self._system_attrs = system_attrs
        self.intermediate_values = intermediate_values
        self._distributions = distributions
        self._trial_id = trial_id

    def _given(self) -> dict[str, Any]:
        return self.params

    @property
    def values(self) -> list[float] | None:
        """One value for each objective, once complete; of a pruned trial, the last one that it reported."""
        return self._values

    @values.setter
    def values(self, values: Sequence[float] | None) -> None:
        self._values = None if values is None else list(values)

    @property
    def value(self) -> float | None:
        """The value in a study of one objective."""
        if self._values is not None and len(self._values) > 1:
            raise RuntimeError(f"trial {self.number} has {len(self._values)} values: use `values`")
        return self._values[0] if self._values else None

    @value.setter
    def value(self, value: float | None) -> None:
        if self._values is not None and len(self._values) > 1:
            raise RuntimeError(f"trial {self.number} has {len(self._values)} values: use `values`")
        self._values = None if value is None else [value]

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The distributions of the parameters, by name."""
        return self._distributions

    @distributions.setter
    def distributions(self, distributions: dict[str, BaseDistribution]) -> None:
        self._distributions = distributions

    @property
    def user_attrs(self) -> dict[str, Any]:
        """What set_user_attr kept."""
        return self._user_attrs

    @user_attrs.setter
    def user_attrs(self, user_attrs: dict[str, Any]) -> None:
        self._user_attrs = user_attrs

    @property
    def system_attrs(self) -> dict[str, Any]:
        """What is kept beside user_attrs: constraints, what was enqueued, artifacts."""
        return self._system_attrs

    @system_attrs.setter
    def system_attrs(self, system_attrs: Mapping[str, Any]) -> None:
        self._system_attrs = dict(system_attrs)

    @property
    def last_step(self) -> int | None:
        """The last step that was reported."""
        return max(self.intermediate_values, default=None)

    @property
    def duration(self) -> _datetime.timedelta | None:
        """How long it ran, once finished."""
        if self.datetime_start is None or self.datetime_complete is None:
            return None
        return self.datetime_complete - self.datetime_start

    def _validate(self) -> None:
        """Raises a ValueError where the parts of the trial contradict each other."""
        if self.state is not TrialState.WAITING and self.datetime_start is None:
            raise ValueError("a trial that does not wait needs `datetime_start`")
        if self.state.is_finished() and self.datetime_complete is None:
            raise ValueError("a finished trial needs `datetime_complete`")
        if not self.state.is_finished() and self.datetime_complete is not None:
            raise ValueError("a trial that is not finished has no `datetime_complete`")
        if self.state is TrialState.FAIL and self._values is not None:
            raise ValueError(f"a failed trial has no values, but got {self._values}")
        if self.state is TrialState.COMPLETE:
            if self._values is None:
                raise ValueError("a complete trial needs `value` or `values`")
            if any(value != value for value in self._values):
                raise ValueError(f"values must not be NaN, but got {self._values}")
        if self.params.keys() != self._distributions.keys():
            odd = ", ".join(sorted(self.params.keys() ^ self._distributions.keys()))
            raise ValueError(f"every parameter needs a value and a distribution, but {odd} has only one of them")
        for name, value in self.params.items():
            distribution = self._distributions[name]
            if not distribution._contains(distribution.to_internal_repr(value)):
                raise ValueError(f"the value {value!r} of parameter {name!r} is out of the range of {distribution}")

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenTrial:
        twin = FrozenTrial.__new__(FrozenTrial)
        twin.__dict__.update(self.__dict__)
        # Attributes may hold anything; what the others hold is never changed.
        for field in ("_user_attrs", "_system_attrs"):
            if getattr(self, field):
                setattr(twin, field, _copy.deepcopy(getattr(self, field), memo))
            else:
                setattr(twin, field, {})
        twin._values = None if self._values is None else list(self._values)
        twin.params = dict(self.params)
        twin._distributions = dict(self._distributions)
        twin.intermediate_values = dict(self.intermediate_values)
        return twin

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FrozenTrial):
            return NotImplemented
        return self.__dict__ == other.__dict__

    def __lt__(self, other: object) -> bool:
        if not isinstance(other, FrozenTrial):
            return NotImplemented
        return self.number < other.number

    def __le__(self, other: object) -> bool:
        if not isinstance(other, FrozenTrial):
            return NotImplemented
        return self.number <= other.number

    def __hash__(self) -> int:
        return hash((self._trial_id, self.number))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name.removeprefix('_')}={value!r}" for name, value in self.__dict__.items())
        return f"FrozenTrial({fields}, value=None)"


def create_trial(
    *,
    state: TrialState = TrialState.COMPLETE,
    value: float | None = None,
    values: Sequence[float] | None = None,
    params: dict[str, Any] | None = None,
    distributions: dict[str, BaseDistribution] | None = None,
    user_attrs: dict[str, Any] | None = None,
    system_attrs: dict[str, Any] | None = None,
    intermediate_values: dict[int, float] | None = None,
    constraints: dict[str, float] | None = None,
) -> FrozenTrial:
    """A trial that ended elsewhere, for Study.add_trial."""
    now = _datetime.datetime.now()
    trial = FrozenTrial(
        number=-1,
        state=state,
        value=value,
        datetime_start=None if state is TrialState.WAITING else now,
        datetime_complete=now if state.is_finished() else None,
        params=dict(params or {}),
        distributions={name: _modern(found) for name, found in (distributions or {}).items()},
        user_attrs=dict(user_attrs or {}),
        system_attrs=dict(system_attrs or {}),
        intermediate_values=dict(intermediate_values or {}),
        trial_id=-1,
        values=values,
    )
    for key, constraint in (constraints or {}).items():
        trial.set_constraint(key, constraint)
    trial._validate()
    return trial
