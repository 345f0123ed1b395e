"""Where a trial is in its life."""

from __future__ import annotations

import enum as _enum


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
