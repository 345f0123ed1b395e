"""Fronts: which trials no other dominates."""

from __future__ import annotations

from lightcrest import _engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightcrest._direction import StudyDirection
    from lightcrest.trial import FrozenTrial


def ranks(directions: Sequence[StudyDirection], trials: Sequence[FrozenTrial]) -> dict[int, int]:
    """Which front each of these complete trials is on: 0 for those that no other dominates, 1 for those that only these dominate, ..."""
    points = [oriented(directions, trial.values or ()) for trial in trials]
    return dict(zip((trial.number for trial in trials), _engine.fronts(points)))


def oriented(directions: Sequence[StudyDirection], values: Sequence[float]) -> list[float]:
    """Values of which larger is better."""
    return [value if direction.name == "MAXIMIZE" else -value for direction, value in zip(directions, values)]
