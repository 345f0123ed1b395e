"""Artifacts in a folder."""

from __future__ import annotations

import os
import shutil

from lightcrest.artifacts.exceptions import ArtifactNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO


class FileSystemArtifactStore:
    """Keeps artifacts as files of a folder, which must exist."""

    def __init__(self, base_path: str | os.PathLike[str]) -> None:
        self._folder = os.path.abspath(base_path)

    def _path(self, artifact_id: str) -> str:
        path = os.path.abspath(os.path.join(self._folder, artifact_id))
        if os.path.dirname(path) != self._folder:
            raise ValueError(f"Invalid artifact_id {artifact_id!r}: it names no file of the folder {self._folder}")
        return path

    def open_reader(self, artifact_id: str) -> BinaryIO:
        """The artifact, to be read."""
        try:
            return open(self._path(artifact_id), "rb")
        except FileNotFoundError:
            raise ArtifactNotFound(f"there is no artifact {artifact_id!r} in {self._folder}") from None

    def write(self, artifact_id: str, content_body: BinaryIO) -> None:
        """Keeps what can be read under this id."""
        with open(self._path(artifact_id), "wb") as file:
            shutil.copyfileobj(content_body, file)

    def remove(self, artifact_id: str) -> None:
        """Forgets the artifact."""
        try:
            os.remove(self._path(artifact_id))
        except FileNotFoundError:
            raise ArtifactNotFound(f"there is no artifact {artifact_id!r} in {self._folder}") from None
