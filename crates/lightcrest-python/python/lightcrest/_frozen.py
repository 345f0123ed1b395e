"""Trials as they are at one moment."""

from __future__ import annotations

import copy as _copy
import datetime as _datetime

from lightcrest._fixed import _Answering
from lightcrest._state import TrialState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from lightcrest.distributions import BaseDistribution


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
