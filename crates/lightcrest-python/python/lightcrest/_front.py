"""Fronts: which trials no other dominates."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from lightcrest._study import Study
    from lightcrest.trial import FrozenTrial


def ranks(study: Study, trials: Iterable[FrozenTrial]) -> dict[int, int]:
    """Which front each of these complete trials is on: 0 for those that no other dominates, 1 for those that only these dominate, ..."""
    signs = [1.0 if direction.name == "MINIMIZE" else -1.0 for direction in study.directions]
    left = {trial.number: [sign * value for sign, value in zip(signs, trial.values or ())] for trial in trials}
    found: dict[int, int] = {}
    rank = 0
    while left:
        points = list(left.values())
        front = [
            number
            for number, point in left.items()
            if not any(other != point and all(a <= b for a, b in zip(other, point)) for other in points)
        ]
        for number in front:
            found[number] = rank
            del left[number]
        rank += 1
    return found
