"""Warnings that point at the user's line."""

from __future__ import annotations

import os as _os
import sys as _sys
import warnings as _warnings

_HERE = _os.path.dirname(__file__) + _os.sep


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warns at the first line outside of this package."""
    level, frame = 2, _sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        level, frame = level + 1, frame.f_back
    _warnings.warn(message, category, stacklevel=level)
