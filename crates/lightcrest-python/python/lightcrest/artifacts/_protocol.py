"""What a store of artifacts does."""

from __future__ import annotations

from typing import BinaryIO, Protocol


class ArtifactStore(Protocol):
    """Where artifacts are kept. open_reader and remove raise an ArtifactNotFound if there is none of an id."""

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The artifact, to be read."""

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keeps what can be read under this id."""

    def remove(self, artifact_id: str) -> None:
        """Forgets the artifact."""
