"""Where constraints are among system attributes, and what they say of trials."""

from __future__ import annotations

from lightcrest._fixed import _CONSTRAINTS as _CONSTRAINTS_KEY

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightcrest.trial import FrozenTrial

__all__ = ["_CONSTRAINTS_KEY"]


def _get_feasible_trials(trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
    """The trials that satisfy their constraints."""
    return [trial for trial in trials if all(value <= 0 for value in trial.constraints.values())]
