"""What stores of artifacts raise."""

from __future__ import annotations

from lightcrest.exceptions import OptunaError

__all__ = ["ArtifactNotFound"]


class ArtifactNotFound(OptunaError):
    """There is no artifact of that id."""
