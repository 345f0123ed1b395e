"""Artifacts in a store that fails now and then."""

from __future__ import annotations

import time

from lightcrest import logging as _logging
from lightcrest.artifacts.exceptions import ArtifactNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO, TypeVar

    from lightcrest.artifacts import ArtifactStore

    Result = TypeVar("Result")


class Backoff:
    """Tries again what fails in another store, after delays that grow. That there is no such artifact is no failure."""

    def __init__(
        self,
        backend: ArtifactStore,
        *,
        max_retries: int = 10,
        multiplier: float = 2,
        min_delay: float = 0.1,
        max_delay: float = 30,
    ) -> None:
        """backend: the other store. max_retries: so often it is tried. min_delay, multiplier, max_delay: the first delay in seconds, how many
        times as long as the last each is, and the longest."""
        for name, value in (("max_retries", max_retries), ("multiplier", multiplier), ("min_delay", min_delay)):
            if not value > 0:
                raise ValueError(f"`{name}` must be more than 0, but got {value}")
        if not max_delay >= min_delay:
            raise ValueError(f"`max_delay` must not be below `min_delay`, but got {max_delay} and {min_delay}")
        self._backend = backend
        self._tries, self._multiplier = max_retries, multiplier
        self._min_delay, self._max_delay = min_delay, max_delay

    def _get_sleep_secs(self, n_retry: int) -> float:
        """How long to wait after the first failure (0), the second (1), ..."""
        return min(self._min_delay * self._multiplier**n_retry, self._max_delay)

    def _patiently(self, what: str, call: Callable[[], Result]) -> Result:
        for failures in range(self._tries - 1):
            try:
                return call()
            except ArtifactNotFound:
                raise
            except Exception as error:
                delay = self._get_sleep_secs(failures)
                _logging._root.warning(f"{what} failed and is tried again in {delay:g} s: {error!r}")
                time.sleep(delay)
        return call()

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The artifact, to be read."""
        return self._patiently(f"Opening artifact {artifact_id}", lambda: self._backend.open_reader(artifact_id))

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keeps what can be read under this id."""
        begin = content_body.tell() if content_body.seekable() else None
        tried = False

        def write() -> None:
            nonlocal tried
            if tried:
                if begin is None:
                    raise OSError(f"artifact {artifact_id} cannot be written again: what was read of it cannot be read once more")
                content_body.seek(begin)
            tried = True
            self._backend.write(artifact_id, content_body)

        self._patiently(f"Writing artifact {artifact_id}", write)

    def remove(self, artifact_id: str) -> None:
        """Forgets the artifact."""
        self._patiently(f"Removing artifact {artifact_id}", lambda: self._backend.remove(artifact_id))
