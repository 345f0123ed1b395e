"""Whether objectives should become small or large."""

from __future__ import annotations

import enum as _enum


class StudyDirection(_enum.IntEnum):
    """Whether an objective should become small or large."""

    NOT_SET = 0
    MINIMIZE = 1
    MAXIMIZE = 2


def direction_word(direction: str | StudyDirection) -> str:
    """The engine's word for a direction, "minimize" or "maximize"."""
    for known in (StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE):
        if direction == known.name.lower() or direction is known:
            return known.name.lower()
    raise ValueError(f"a direction must be 'minimize' or 'maximize', but got {direction!r}")
