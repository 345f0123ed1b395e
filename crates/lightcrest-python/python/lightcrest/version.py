"""The version of the package."""

from __future__ import annotations

from lightcrest._engine import __version__

__all__ = ["__version__"]
