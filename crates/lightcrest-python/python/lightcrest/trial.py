"""Trials: running ones, as the objective sees them, and frozen ones, as they are at one moment."""

from __future__ import annotations

import datetime as _datetime

from lightcrest._engine import Trial
from lightcrest._fixed import BaseTrial, FixedTrial
from lightcrest._frozen import FrozenTrial
from lightcrest._state import TrialState
from lightcrest.distributions import BaseDistribution, _modern

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["BaseTrial", "FixedTrial", "FrozenTrial", "Trial", "TrialState", "create_trial"]


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
