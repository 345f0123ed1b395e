"""Trials: running ones, as the objective sees them, and frozen ones, as they are at one moment."""

from __future__ import annotations

import copy as _copy
import datetime as _datetime
import enum as _enum

from lightcrest._engine import Trial

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from lightcrest.distributions import BaseDistribution

__all__ = ["FrozenTrial", "Trial", "TrialState", "create_trial"]


class TrialState(_enum.IntEnum):
    """Where a trial is in its life."""

    RUNNING = 0
    COMPLETE = 1
    PRUNED = 2
    FAIL = 3
    WAITING = 4

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


class FrozenTrial:
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
        self.values: list[float] | None = [value] if value is not None else None if values is None else list(values)
        self.datetime_start = datetime_start
        self.datetime_complete = datetime_complete
        self.params = params
        self.distributions = distributions
        self.user_attrs = user_attrs
        self.system_attrs = system_attrs
        self.intermediate_values = intermediate_values
        self._trial_id = trial_id

    @property
    def value(self) -> float | None:
        """The value in a study of one objective."""
        if self.values is not None and len(self.values) > 1:
            raise RuntimeError(f"trial {self.number} has {len(self.values)} values: use `values`")
        return self.values[0] if self.values else None

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

    def __deepcopy__(self, memo: dict[int, Any]) -> FrozenTrial:
        twin = FrozenTrial.__new__(FrozenTrial)
        twin.__dict__.update(self.__dict__)
        # Attributes may hold anything; what the others hold is never changed.
        for field in ("user_attrs", "system_attrs"):
            if getattr(self, field):
                setattr(twin, field, _copy.deepcopy(getattr(self, field), memo))
            else:
                setattr(twin, field, {})
        twin.values = None if self.values is None else list(self.values)
        twin.params = dict(self.params)
        twin.distributions = dict(self.distributions)
        twin.intermediate_values = dict(self.intermediate_values)
        return twin

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, FrozenTrial):
            return NotImplemented
        return self.__dict__ == other.__dict__

    def __lt__(self, other: FrozenTrial) -> bool:
        return self.number < other.number

    def __hash__(self) -> int:
        return hash((self._trial_id, self.number))

    def __repr__(self) -> str:
        return (
            f"FrozenTrial(number={self.number}, state={self.state!r}, values={self.values}, params={self.params}, "
            f"user_attrs={self.user_attrs}, intermediate_values={self.intermediate_values})"
        )


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
) -> FrozenTrial:
    """A trial that ended elsewhere, for Study.add_trial."""
    params, distributions = dict(params or {}), dict(distributions or {})
    if params.keys() != distributions.keys():
        odd = ", ".join(sorted(params.keys() ^ distributions.keys()))
        raise ValueError(f"every parameter needs a value and a distribution, but {odd} has only one of them")
    if state is TrialState.COMPLETE and value is None and values is None:
        raise ValueError("a complete trial needs `value` or `values`")
    now = _datetime.datetime.now()
    return FrozenTrial(
        number=-1,
        state=state,
        value=value,
        datetime_start=None if state is TrialState.WAITING else now,
        datetime_complete=now if state.is_finished() else None,
        params=params,
        distributions=distributions,
        user_attrs=dict(user_attrs or {}),
        system_attrs=dict(system_attrs or {}),
        intermediate_values=dict(intermediate_values or {}),
        trial_id=-1,
        values=values,
    )
